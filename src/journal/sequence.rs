//! The one sequencer: numbers the leaves after their commit, extends the tree, signs its root.
//!
//! Numbers, tiles and checkpoint are one transaction. What was stored without a checkpoint, because
//! the process died in between, is found by its id at the next step.

use std::sync::Arc;

use super::restart;
use super::shared;
use super::sql::{Cell, Conn, Row, query};
use super::unit::Unit;
use super::{JournalError, OpenError};
use crate::evidence::{Checkpoint, Frontier, HubKeys, TILE_WIDTH, Tile, leaf_hash};
use crate::message::{Digest, Timestamp};

/// Leaves numbered in one step at most, so that receiving never waits long.
pub(super) const STEP_MAX: i64 = 4096;

/// The tree as far as it was signed.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub frontier: Frontier,
    /// Id of the last leaf that has a number.
    last_leaf: i64,
    /// The unfinished tile of each level.
    edge: Vec<Tile>,
    /// The signed note.
    pub checkpoint: Option<Arc<str>>,
}

/// Level, number and hashes of a tile.
pub(super) type TileRow = (i64, i64, Vec<u8>);

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequenced {
    /// Leaves numbered in this step.
    pub added: u64,
    /// Leaves in the tree.
    pub size: u64,
    /// More is waiting: step again.
    pub more: bool,
}

impl Tree {
    /// Reads the tree back, and refuses to go on from anything but what was signed last.
    pub async fn load(conn: &mut Conn, hub: &HubKeys) -> Result<Self, OpenError> {
        let sql = "select size, root, frontier, note from checkpoint order by size desc limit 1";
        let Some(row) = query(sql, []).fetch_optional(&mut *conn).await? else {
            let numbers = "select count(*) as n from numbered";
            if query(numbers, []).fetch_one(conn).await?.int("n")? != 0 {
                return Err(OpenError::Evidence("leaves have numbers, but nothing was signed"));
            }
            return Ok(Self::default());
        };
        let note = row.text("note")?;
        let signed = Checkpoint::parse_and_verify(&note, hub.name(), &hub.public_key())
            .map_err(|_| OpenError::Evidence("the last checkpoint is not signed by this hub"))?;
        let frontier = Frontier::from_bytes(&row.blob("frontier")?)
            .filter(|tree| tree.size() == signed.size && tree.root() == signed.root)
            .ok_or(OpenError::Evidence("the stored edge has another root than was signed"))?;
        let sql = "select coalesce(max(number) + 1, 0) as size, coalesce(max(leaf), 0) as last
            from numbered";
        let row = query(sql, []).fetch_one(&mut *conn).await?;
        if u64::try_from(row.int("size")?) != Ok(signed.size) {
            return Err(OpenError::Evidence("another number of leaves than was signed"));
        }
        let last_leaf = row.int("last")?;
        let edge = load_edge(conn, signed.size).await?;
        Ok(Self { frontier, last_leaf, edge, checkpoint: Some(note.into()) })
    }

    /// Appends a leaf; gives the tiles that it filled.
    pub fn append(&mut self, hash: Digest) -> Vec<TileRow> {
        let mut full = Vec::new();
        let mut number = self.frontier.size();
        self.frontier.append(hash);
        let mut carry = Some(hash);
        let mut level = 0;
        while let Some(hash) = carry.take() {
            if self.edge.len() == level {
                self.edge.push(Tile::default());
            }
            let Some(tile) = self.edge.get_mut(level) else { break };
            if tile.push(hash).is_err() {
                break; // cannot be: a full tile is taken away below
            }
            number /= TILE_WIDTH as u64;
            if tile.is_full() {
                carry = tile.root();
                full.push(tile_row(level, number, tile));
                *tile = Tile::default();
            }
            level += 1;
        }
        full
    }

    /// The unfinished tiles, as rows.
    pub fn edge_rows(&self) -> Vec<TileRow> {
        let mut number = self.frontier.size();
        let rows = self.edge.iter().enumerate().map(|(level, tile)| {
            number /= TILE_WIDTH as u64;
            tile_row(level, number, tile)
        });
        rows.filter(|row| !row.2.is_empty()).collect()
    }
}

fn tile_row(level: usize, number: u64, tile: &Tile) -> TileRow {
    let level = i64::try_from(level).unwrap_or(i64::MAX); // at most 8
    (level, i64::try_from(number).unwrap_or(i64::MAX), tile.to_bytes())
}

/// The unfinished tiles; that of the leaves is hashed again from the leaves themselves.
async fn load_edge(conn: &mut Conn, size: u64) -> Result<Vec<Tile>, OpenError> {
    const WRONG: OpenError = OpenError::Evidence("the stored tiles do not fit the leaves");
    let mut edge = Vec::new();
    let mut count = size;
    while count > 0 {
        let (number, rest) = (count / TILE_WIDTH as u64, count % TILE_WIDTH as u64);
        let level = i64::try_from(edge.len()).unwrap_or(i64::MAX);
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let row = query(
            "select hashes from tile where level = $1 and number = $2",
            [level.into(), number.into()],
        );
        let tile = match row.fetch_optional(&mut *conn).await? {
            Some(row) => Tile::from_bytes(&row.blob("hashes")?).ok_or(WRONG)?,
            None => Tile::default(),
        };
        if tile.hashes().len() as u64 != rest {
            return Err(WRONG);
        }
        edge.push(tile);
        count /= TILE_WIDTH as u64;
    }
    let Some(tail) = edge.first() else { return Ok(edge) };
    let first = size - tail.hashes().len() as u64;
    let first = i64::try_from(first).unwrap_or(i64::MAX);
    let sql = "select l.data from numbered n join leaf l on l.id = n.leaf
        where n.number >= $1 order by n.number";
    let rows = query(sql, [first.into()]).fetch_all(conn).await?;
    let mut hashes = Vec::with_capacity(rows.len());
    for row in rows {
        hashes.push(leaf_hash(&row.blob("data")?));
    }
    if hashes == tail.hashes() { Ok(edge) } else { Err(WRONG) }
}

impl Unit<'_> {
    /// One step; `tree` is only kept by the caller when the transaction was committed.
    pub async fn sequence(
        &mut self,
        tree: &mut Tree,
        now: Timestamp,
    ) -> Result<Sequenced, JournalError> {
        fail::fail_point!("journal-na-blad", |_| std::process::abort());
        if self.conn.is_postgres() && !self.take_over(tree).await? {
            return Ok(Sequenced { added: 0, size: tree.frontier.size(), more: false });
        }
        let first = tree.frontier.size();
        let leaves = self.unnumbered(tree).await?;
        let mut tiles = Vec::new();
        let mut ids = Vec::with_capacity(leaves.len());
        for row in &leaves {
            tree.last_leaf = row.int("id")?;
            ids.push(tree.last_leaf);
            tiles.extend(tree.append(leaf_hash(&row.blob("data")?)));
        }
        let (added, size) = (leaves.len() as u64, tree.frontier.size());
        if added == 0 {
            return Ok(Sequenced { added, size, more: false });
        }
        self.number(first, ids).await?;
        tiles.extend(tree.edge_rows());
        for (level, number, hashes) in tiles {
            let sql = "insert into tile (level, number, hashes) values ($1, $2, $3)
                on conflict (level, number) do update set hashes = excluded.hashes";
            let cells = [level.into(), number.into(), hashes.into()];
            query(sql, cells).execute(&mut *self.conn).await?;
        }
        self.sign(tree, now).await?;
        Ok(Sequenced { added, size, more: i64::try_from(leaves.len()) == Ok(STEP_MAX) })
    }

    /// Becomes the one sequencer among the hubs, and goes on where the last one stopped; false
    /// where another is at it.
    async fn take_over(&mut self, tree: &mut Tree) -> Result<bool, JournalError> {
        if !shared::become_sequencer(self.conn).await? {
            return Ok(false);
        }
        let sql = "select coalesce(max(size), 0) as size from checkpoint";
        let size = query(sql, []).fetch_one(self.conn).await?.int("size")?;
        if u64::try_from(size) != Ok(tree.frontier.size()) {
            *tree = Tree::load(self.conn, &self.vault.hub).await.map_err(|error| match error {
                OpenError::Database(source) => source.into(),
                _ => JournalError::Unreadable("the evidence tree"),
            })?;
        }
        Ok(true)
    }

    /// Committed leaves without a number. On SQLite they are the highest ids; on PostgreSQL a leaf
    /// may commit after one with a higher id, so there is a list of them.
    async fn unnumbered(&mut self, tree: &Tree) -> Result<Vec<Row>, sqlx::Error> {
        if self.conn.is_postgres() {
            let sql = "select l.id, l.data from unnumbered u join leaf l on l.id = u.leaf
                order by u.seq limit $1";
            return query(sql, [STEP_MAX.into()]).fetch_all(self.conn).await;
        }
        let sql = "select id, data from leaf where id > $1 order by id limit $2";
        query(sql, [tree.last_leaf.into(), STEP_MAX.into()]).fetch_all(self.conn).await
    }

    /// Gives leaves their numbers, in this order.
    async fn number(&mut self, first: u64, leaves: Vec<i64>) -> Result<(), JournalError> {
        let count = leaves.len() as u64;
        let first = i64::try_from(first).unwrap_or(i64::MAX);
        let done = if self.conn.is_postgres() {
            let leaves = Cell::Ints(leaves.into_iter().map(Some).collect());
            let sql = "insert into numbered (number, leaf, partner)
                select $1 + nth - 1, leaf, l.partner
                from unnest($2) with ordinality as fresh (leaf, nth) join leaf l on l.id = leaf";
            let done = query(sql, [first.into(), leaves.clone()]).execute(self.conn).await?;
            let sql = "delete from unnumbered where leaf = any($1)";
            done.min(query(sql, [leaves]).execute(self.conn).await?)
        } else {
            let sql = "insert into numbered (number, leaf)
                select $1 + row_number() over (order by id) - 1, id
                from leaf where id >= $2 and id <= $3";
            let (from, until) = (leaves.first().copied(), leaves.last().copied());
            query(sql, [first.into(), from.into(), until.into()]).execute(self.conn).await?
        };
        if done == count {
            Ok(())
        } else {
            Err(JournalError::Unreadable("the numbers of the leaves"))
        }
    }

    async fn sign(&mut self, tree: &mut Tree, now: Timestamp) -> Result<(), JournalError> {
        let (size, root) = (tree.frontier.size(), tree.frontier.root());
        let series = restart::series(self.conn).await?;
        let hub = &self.vault.hub;
        let note = Checkpoint { origin: hub.name().to_owned(), series, size, root }.sign(hub);
        let sql = "insert into checkpoint (size, root, frontier, at, note)
            values ($1, $2, $3, $4, $5)";
        let cells = [
            i64::try_from(size).unwrap_or(i64::MAX).into(),
            root.into(),
            tree.frontier.to_bytes().into(),
            now.into(),
            note.as_str().into(),
        ];
        query(sql, cells).execute(&mut *self.conn).await?;
        tree.checkpoint = Some(note.into());
        Ok(())
    }
}
