//! A page of leaves, with all rows that name one of them: everything that checking it needs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::TILE_LEAVES;
use crate::evidence::{DataKey, Leaf, LeafError, LeafKind};
use crate::journal::JournalError;
use crate::journal::crowd::event_outcome;
use crate::journal::keys::{Part, Vault};
use crate::journal::sql::{Cell, Conn, Pool, Row, fetch_in, query};
use crate::message::{Digest, Timestamp};

/// Leaf ids after the first up to and with the second.
pub(super) type Range = (i64, i64);

/// A page. A row whose leaf does not exist is in the page in whose range that leaf would be.
pub(super) struct Page {
    pub leaves: Vec<LeafRow>,
    pub documents: Vec<Document>,
    pub attempts: Vec<Attempt>,
    /// Parcels that exist, of those of which a leaf says that they reached a stage.
    pub parcels: HashSet<Uuid>,
    /// Sets of configuration of which a leaf says that they became active, or were to.
    pub activations: HashMap<Uuid, Activation>,
    /// Restarts that exist, of those of which a leaf says that they began a series.
    pub restarts: HashMap<Uuid, Restarted>,
    pub events: Vec<Event>,
    /// The hashes of leaves as the tree has them, by the number of their tile.
    pub tiles: HashMap<i64, Vec<u8>>,
    pub keys: HashMap<Uuid, Arc<DataKey>>,
    pub erased: HashSet<Uuid>,
}

pub(super) struct LeafRow {
    pub id: i64,
    pub subject: Uuid,
    pub partner: Option<String>,
    pub data: Vec<u8>,
    pub leaf: Result<Leaf, LeafError>,
    /// Its place in the tree; `None` while nothing is signed about it.
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
    /// The row itself, from which the long values are read in place.
    pub row: Row,
}

pub(super) struct Attempt {
    pub leaf: i64,
    pub parcel: Uuid,
    pub digest: Option<(Digest, Digest)>,
}

pub(super) struct Restarted {
    pub leaf: i64,
    /// What its leaf must commit to, and have as its outcome.
    pub commitment: Digest,
    pub outcome: String,
}

/// A change of a job, with what its leaf has to say.
pub(super) struct Event {
    pub leaf: i64,
    pub job: Uuid,
    pub at: Timestamp,
    pub outcome: String,
}

pub(super) struct Activation {
    pub leaf: i64,
    pub catalogue: Digest,
    pub state: String,
}

impl Page {
    pub async fn fetch(
        scan: &Pool,
        vault: &Vault,
        range: Range,
        size: i64,
    ) -> Result<Self, JournalError> {
        let mut conn = scan.acquire().await?;
        // One snapshot, so that what is written meanwhile is not found to be half there.
        conn.snapshot().await?;
        let leaves = leaves(&mut conn, range).await?;
        let documents = documents(&mut conn, range).await?;
        let attempts = attempts(&mut conn, range).await?;
        let sql = "select id from outbox where id in ({ids})";
        let mut parcels = HashSet::new();
        for row in fetch_in(&mut conn, sql, subjects(&leaves, LeafKind::Stadium)).await? {
            parcels.insert(row.uuid("id")?);
        }
        let activations = activations(&mut conn, &leaves).await?;
        let restarts = restarts(&mut conn, &leaves).await?;
        let events = events(&mut conn, vault, range).await?;
        let tiles = tiles(&mut conn, &leaves, size).await?;
        conn.end().await?;
        let holders: BTreeSet<Uuid> = documents.iter().map(|document| document.holder).collect();
        let keys = vault.holder_keys(holders.iter().copied()).await?;
        let lost = holders.iter().filter(|id| !keys.contains_key(id)).copied();
        let lost: Vec<Cell> = lost.map(Cell::from).collect();
        // Asked after the keys and outside the snapshot: an erasure is stored before its key goes.
        let mut erased = HashSet::new();
        let sql = "select holder from erasure where holder in ({ids})";
        for row in fetch_in(&mut conn, sql, lost).await? {
            erased.insert(row.uuid("holder")?);
        }
        Ok(Self {
            leaves,
            documents,
            attempts,
            parcels,
            activations,
            restarts,
            events,
            tiles,
            keys,
            erased,
        })
    }
}

async fn leaves(conn: &mut Conn, (after, until): Range) -> Result<Vec<LeafRow>, sqlx::Error> {
    let sql = "select l.id, l.subject, l.partner, l.data, n.number as place from leaf l
        left join numbered n on n.leaf = l.id
        where l.id > $1 and l.id <= $2 order by l.id";
    let rows = query(sql, [after.into(), until.into()]).fetch_all(conn).await?;
    let read = |row: &Row| {
        let data = row.blob("data")?;
        Ok(LeafRow {
            id: row.int("id")?,
            subject: row.uuid("subject")?,
            partner: row.maybe_text("partner")?,
            leaf: Leaf::decode(&data),
            data,
            number: row.maybe_int("place")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Everything sealed whose leaf is in the range, in the order in which leaves announce it.
async fn documents(conn: &mut Conn, (after, until): Range) -> Result<Vec<Document>, sqlx::Error> {
    const MESSAGES: &str =
        "select id, public_id as subject, partner, received_at as at, case_id as holder,
            leaf, sealed_key, native as document, commitment, canonical, names
        from inbox where leaf > $1 and leaf <= $2 order by leaf";
    const PARCELS: &str =
        "select id, id as subject, recipient as partner, made_at as at, case_id as holder,
            leaf, sealed_key, document, commitment, digest, detail
        from outbox where leaf > $1 and leaf <= $2 order by leaf, seq";
    const REFUSED: &str =
        "select id, id as subject, partner, at, holder, leaf, sealed_key, document, commitment
        from quarantine where leaf > $1 and leaf <= $2 and document is not null order by leaf";
    const AGREED: &str = "select id, id as subject, cast(null as text) as partner, at,
            case_id as holder, leaf, sealed_key, document, commitment
        from agreement where leaf > $1 and leaf <= $2 order by leaf";
    let mut documents = Vec::new();
    let kinds = [
        (MESSAGES, Part::Native),
        (PARCELS, Part::Parcel),
        (REFUSED, Part::Quarantine),
        (AGREED, Part::Agreement),
    ];
    for (sql, part) in kinds {
        let rows = query(sql, [after.into(), until.into()]).fetch_all(&mut *conn).await?;
        documents.reserve(rows.len());
        for row in rows {
            documents.push(Document {
                part,
                leaf: row.int("leaf")?,
                id: row.uuid("id")?,
                subject: row.uuid("subject")?,
                partner: row.maybe_text("partner")?,
                at: row.time("at")?,
                holder: row.uuid("holder")?,
                row,
            });
        }
    }
    Ok(documents)
}

async fn attempts(conn: &mut Conn, (after, until): Range) -> Result<Vec<Attempt>, sqlx::Error> {
    let sql = "select a.leaf, a.parcel_id, o.id as found, o.digest, o.commitment from attempt a
        left join outbox o on o.id = a.parcel_id
        where a.leaf > $1 and a.leaf <= $2 order by a.leaf";
    let rows = query(sql, [after.into(), until.into()]).fetch_all(conn).await?;
    let read = |row: &Row| {
        let digest = match row.maybe_uuid("found")? {
            Some(_) => Some((row.digest("digest")?, row.digest("commitment")?)),
            None => None,
        };
        Ok(Attempt { leaf: row.int("leaf")?, parcel: row.uuid("parcel_id")?, digest })
    };
    rows.iter().map(read).collect()
}

async fn events(
    conn: &mut Conn,
    vault: &Vault,
    (after, until): Range,
) -> Result<Vec<Event>, sqlx::Error> {
    let sql = "select e.leaf, e.at, e.state, e.by_whom, e.why, e.counts,
            j.id, j.kind, j.filter, j.rate
        from job_event e join job j on j.seq = e.job_seq
        where e.leaf > $1 and e.leaf <= $2 order by e.leaf";
    let rows = query(sql, [after.into(), until.into()]).fetch_all(conn).await?;
    let read = |row: &Row| {
        let texts = [row.text("state")?, row.text("by_whom")?, row.text("why")?];
        let (counts, [state, by, why]) = (row.text("counts")?, &texts);
        let outcome = event_outcome(&vault.hub, row, [state, by, why, &counts])?;
        Ok(Event { leaf: row.int("leaf")?, job: row.uuid("id")?, at: row.time("at")?, outcome })
    };
    rows.iter().map(read).collect()
}

async fn activations(
    conn: &mut Conn,
    leaves: &[LeafRow],
) -> Result<HashMap<Uuid, Activation>, sqlx::Error> {
    let sql = "select id, leaf, catalogue, state from activation where id in ({ids})";
    let rows = fetch_in(conn, sql, subjects(leaves, LeafKind::Activering)).await?;
    let read = |row: &Row| {
        let (leaf, catalogue) = (row.int("leaf")?, row.digest("catalogue")?);
        Ok((row.uuid("id")?, Activation { leaf, catalogue, state: row.text("state")? }))
    };
    rows.iter().map(read).collect()
}

async fn restarts(
    conn: &mut Conn,
    leaves: &[LeafRow],
) -> Result<HashMap<Uuid, Restarted>, sqlx::Error> {
    let sql = "select id, series, leaf, salt, statement from restart where id in ({ids})";
    let rows = fetch_in(conn, sql, subjects(leaves, LeafKind::Herstel)).await?;
    let read = |row: &Row| {
        let commitment = Digest::of(&[row.bytes("salt")?, row.bytes("statement")?]);
        let outcome = format!("reeks-{}", row.int("series")?);
        Ok((row.uuid("id")?, Restarted { leaf: row.int("leaf")?, commitment, outcome }))
    };
    rows.iter().map(read).collect()
}

/// The tiles that hold the signed leaves of the page.
async fn tiles(
    conn: &mut Conn,
    leaves: &[LeafRow],
    size: i64,
) -> Result<HashMap<i64, Vec<u8>>, sqlx::Error> {
    let signed = leaves.iter().filter_map(|leaf| leaf.number).filter(|number| *number < size);
    let wanted: BTreeSet<i64> = signed.map(|number| number / TILE_LEAVES).collect();
    let wanted = wanted.into_iter().map(Cell::from).collect();
    let sql = "select number, hashes from tile where level = 0 and number in ({ids})";
    let rows = fetch_in(conn, sql, wanted).await?;
    rows.iter().map(|row| Ok((row.int("number")?, row.blob("hashes")?))).collect()
}

/// What the leaves of one kind are about.
fn subjects(leaves: &[LeafRow], kind: LeafKind) -> Vec<Cell> {
    let of_kind = |row: &&LeafRow| row.leaf.as_ref().is_ok_and(|leaf| leaf.kind == kind);
    let subjects: BTreeSet<Uuid> = leaves.iter().filter(of_kind).map(|row| row.subject).collect();
    subjects.into_iter().map(Cell::from).collect()
}
