//! Numbers of rows. On SQLite the one writer counts; on PostgreSQL sequences do, because there are
//! many. They give a number when the row is written, under the locks of its case, so that the
//! order in a lane is the order of commit.

use super::sql::{Cell, Conn, query};

/// Ids of leaves in a block; `leaf_block` in the schema steps by as much.
const BLOCK: i64 = 16_777_216;

/// What a group can use of a block at most, by far.
const GROUP_LEAVES_MAX: i64 = BLOCK / 2;

/// The last number given out in each table.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counters {
    /// Sequences number the rows, and leaves come from a block of ids.
    shared: bool,
    inbox: i64,
    outbox: i64,
    attempt: i64,
    quarantine: i64,
    leaf: i64,
    /// The end of the block.
    leaf_until: i64,
}

impl Counters {
    pub async fn load(conn: &mut Conn) -> Result<Self, sqlx::Error> {
        if conn.is_postgres() {
            return Ok(Self { shared: true, ..Self::default() });
        }
        let sql = "select (select coalesce(max(seq), 0) from inbox) as inbox,
                (select coalesce(max(seq), 0) from outbox) as outbox,
                (select coalesce(max(seq), 0) from attempt) as attempt,
                (select coalesce(max(seq), 0) from quarantine) as quarantine,
                (select coalesce(max(id), 0) from leaf) as leaf";
        let row = query(sql, []).fetch_one(conn).await?;
        Ok(Self {
            shared: false,
            inbox: row.int("inbox")?,
            outbox: row.int("outbox")?,
            attempt: row.int("attempt")?,
            quarantine: row.int("quarantine")?,
            leaf: row.int("leaf")?,
            leaf_until: i64::MAX,
        })
    }

    /// Before a group: takes another block of leaf ids where this one runs out.
    pub async fn refill(&mut self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        if self.leaf_until - self.leaf < GROUP_LEAVES_MAX {
            let row = query("select nextval('leaf_block') as start", []).fetch_one(conn).await?;
            self.leaf = row.int("start")?;
            self.leaf_until = self.leaf + BLOCK;
        }
        Ok(())
    }

    pub const fn leaf(&mut self) -> i64 {
        self.leaf += 1;
        self.leaf
    }

    pub fn inbox(&mut self) -> Cell {
        self.inbox += 1;
        self.row(self.inbox)
    }

    pub fn outbox(&mut self) -> Cell {
        self.outbox += 1;
        self.row(self.outbox)
    }

    pub fn attempt(&mut self) -> Cell {
        self.attempt += 1;
        self.row(self.attempt)
    }

    pub fn quarantine(&mut self) -> Cell {
        self.quarantine += 1;
        self.row(self.quarantine)
    }

    /// Null leaves a row to its sequence.
    fn row(&self, number: i64) -> Cell {
        if self.shared { Cell::Null } else { number.into() }
    }
}
