//! A page of leaves, with all rows that name one of them: everything that checking it needs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::PAGE_ROWS;
use crate::evidence::DataKey;
use crate::journal::JournalError;
use crate::journal::keys::{Part, Vault};
use crate::journal::sql::{Cell, Read, fetch_in, query};
use crate::message::{Digest, Timestamp};

/// A page. Rows whose leaf does not exist are in the page of the leaf after it, or in the last.
pub(super) struct Page {
    pub leaves: Vec<LeafRow>,
    pub documents: Vec<Document>,
    pub attempts: Vec<Attempt>,
    /// Parcels that exist, of those that leaves speak of.
    pub parcels: HashSet<Uuid>,
    pub keys: HashMap<Uuid, Arc<DataKey>>,
    pub erased: HashSet<Uuid>,
    pub checkpoints: Vec<Signed>,
    /// The last leaf of this page; `None` where no page follows.
    pub until: Option<i64>,
}

pub(super) struct LeafRow {
    pub id: i64,
    pub subject: Uuid,
    pub partner: Option<String>,
    pub data: Vec<u8>,
    pub number: Option<i64>,
}

/// A sealed document with what its row says about it.
pub(super) struct Document {
    pub part: Part,
    pub leaf: i64,
    pub id: Uuid,
    /// The id under which leaves speak of it.
    pub subject: Uuid,
    pub partner: Option<String>,
    pub at: Timestamp,
    pub holder: Uuid,
    pub sealed_key: Vec<u8>,
    pub blob: Vec<u8>,
    pub commitment: Digest,
    /// What else is stored with a message: canonical and names.
    pub beside: Option<[Vec<u8>; 2]>,
    /// Of a parcel: the digest as stored, and its detail.
    pub parcel: Option<(Digest, String)>,
}

pub(super) struct Attempt {
    pub leaf: i64,
    pub parcel: Uuid,
    pub digest: Option<(Digest, Digest)>,
}

pub(super) struct Signed {
    pub size: u64,
    pub root: Digest,
    pub note: String,
}

impl Page {
    /// The page after a leaf; `None` for the first.
    pub async fn fetch(
        conn: &mut SqliteConnection,
        vault: &Vault,
        after: Option<i64>,
    ) -> Result<Self, JournalError> {
        let after = after.unwrap_or(i64::MIN);
        let sql = "select l.id, l.subject, l.partner, l.data, n.number as place from leaf l
            left join numbered n on n.leaf = l.id
            where l.id > $1 order by l.id limit $2";
        let cells = [after.into(), PAGE_ROWS.into()];
        let rows = query(sql, cells).fetch_all(&mut *conn).await?;
        let leaves: Vec<LeafRow> = rows.iter().map(leaf_row).collect::<Result<_, _>>()?;
        let full = i64::try_from(leaves.len()) == Ok(PAGE_ROWS);
        let until = leaves.last().map(|leaf| leaf.id).filter(|_| full);
        let range = (after, until.unwrap_or(i64::MAX));
        let documents = documents(conn, range).await?;
        let attempts = attempts(conn, range).await?;
        let spoken: BTreeSet<Uuid> = leaves.iter().map(|leaf| leaf.subject).collect();
        let spoken = spoken.into_iter().map(Cell::from).collect();
        let mut parcels = HashSet::new();
        for row in fetch_in(conn, "select id from outbox where id in ({ids})", spoken).await? {
            parcels.insert(row.uuid("id")?);
        }
        let holders: BTreeSet<Uuid> = documents.iter().map(|document| document.holder).collect();
        let keys = vault.holder_keys(holders.iter().copied()).await?;
        let lost = holders.iter().filter(|id| !keys.contains_key(id)).copied();
        let lost: Vec<Cell> = lost.map(Cell::from).collect();
        let mut erased = HashSet::new();
        let sql = "select holder from erasure where holder in ({ids})";
        for row in fetch_in(conn, sql, lost).await? {
            erased.insert(row.uuid("holder")?);
        }
        let checkpoints = checkpoints(conn, &leaves, until.is_none()).await?;
        Ok(Self { leaves, documents, attempts, parcels, keys, erased, checkpoints, until })
    }
}

fn leaf_row(row: &SqliteRow) -> Result<LeafRow, sqlx::Error> {
    Ok(LeafRow {
        id: row.int("id")?,
        subject: row.uuid("subject")?,
        partner: row.maybe_text("partner")?,
        data: row.blob("data")?,
        number: sqlx::Row::try_get(row, "place")?,
    })
}

/// Everything sealed whose leaf is in the range, in the order in which leaves announce it.
async fn documents(
    conn: &mut SqliteConnection,
    (after, until): (i64, i64),
) -> Result<Vec<Document>, sqlx::Error> {
    let range = || [after.into(), until.into()];
    let mut documents = Vec::new();
    let sql = "select id, public_id as subject, partner, received_at as at, case_id as holder,
            leaf, sealed_key, native as document, commitment, canonical, names
        from inbox where leaf > $1 and leaf <= $2 order by leaf";
    for row in query(sql, range()).fetch_all(&mut *conn).await? {
        let beside = Some([row.blob("canonical")?, row.blob("names")?]);
        documents.push(Document { beside, ..document(&row, Part::Native)? });
    }
    let sql = "select id, id as subject, recipient as partner, made_at as at, case_id as holder,
            leaf, sealed_key, document, commitment, digest, detail
        from outbox where leaf > $1 and leaf <= $2 order by leaf, seq";
    for row in query(sql, range()).fetch_all(&mut *conn).await? {
        let parcel = Some((row.digest("digest")?, row.text("detail")?));
        documents.push(Document { parcel, ..document(&row, Part::Parcel)? });
    }
    let sql = "select id, id as subject, partner, at, holder, leaf, sealed_key, document,
            commitment
        from quarantine where leaf > $1 and leaf <= $2 and document is not null order by leaf";
    for row in query(sql, range()).fetch_all(&mut *conn).await? {
        documents.push(document(&row, Part::Quarantine)?);
    }
    Ok(documents)
}

fn document(row: &SqliteRow, part: Part) -> Result<Document, sqlx::Error> {
    Ok(Document {
        part,
        leaf: row.int("leaf")?,
        id: row.uuid("id")?,
        subject: row.uuid("subject")?,
        partner: row.maybe_text("partner")?,
        at: row.time("at")?,
        holder: row.uuid("holder")?,
        sealed_key: row.blob("sealed_key")?,
        blob: row.blob("document")?,
        commitment: row.digest("commitment")?,
        beside: None,
        parcel: None,
    })
}

async fn attempts(
    conn: &mut SqliteConnection,
    (after, until): (i64, i64),
) -> Result<Vec<Attempt>, sqlx::Error> {
    let sql = "select a.leaf, a.parcel_id, o.id as found, o.digest, o.commitment from attempt a
        left join outbox o on o.id = a.parcel_id
        where a.leaf > $1 and a.leaf <= $2 order by a.leaf";
    let rows = query(sql, [after.into(), until.into()]).fetch_all(conn).await?;
    let read = |row: &SqliteRow| {
        let digest = match row.maybe_uuid("found")? {
            Some(_) => Some((row.digest("digest")?, row.digest("commitment")?)),
            None => None,
        };
        Ok(Attempt { leaf: row.int("leaf")?, parcel: row.uuid("parcel_id")?, digest })
    };
    rows.iter().map(read).collect()
}

/// The checkpoints that end at a leaf of the page; on the last page also those beyond.
async fn checkpoints(
    conn: &mut SqliteConnection,
    leaves: &[LeafRow],
    last: bool,
) -> Result<Vec<Signed>, sqlx::Error> {
    let mut numbers = leaves.iter().filter_map(|leaf| leaf.number);
    let first = numbers.next();
    let until = numbers.next_back().or(first);
    let (first, until) = match (first, until, last) {
        (Some(first), Some(until), false) => (first, until + 1),
        (Some(first), _, true) => (first, i64::MAX),
        // No numbers on the last page: what is signed there is signed about nothing.
        _ => return Ok(Vec::new()),
    };
    let sql = "select size, root, note from checkpoint where size > $1 and size <= $2
        order by size";
    let rows = query(sql, [first.into(), until.into()]).fetch_all(conn).await?;
    let read = |row: &SqliteRow| {
        let size = u64::try_from(row.int("size")?).unwrap_or(0);
        Ok(Signed { size, root: row.digest("root")?, note: row.text("note")? })
    };
    rows.iter().map(read).collect()
}
