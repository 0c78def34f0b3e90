//! Whether the journal is what it should be: not behind its witness, not just back from a backup.
//!
//! A journal that is not is closed: it is read and nothing else, so that no leaf, no signature and
//! no parcel follows from what may be half the truth. It opens again when it was compared with what
//! is known of the signed tree, and somebody released it; see [`Restart`] for what that leaves
//! behind. That it is closed stands in the journal, so that every hub over it knows.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::order::{Done, Order};
use super::restart;
use super::sql::{Conn, Row, query, unreadable};
use super::witness::Seen;
use super::{Journal, JournalError, OpenError};
use crate::evidence::{
    Checkpoint, Comparison, ErasedCase, Head, Held, HubKeys, Leaf, Restart, Verdict,
};
use crate::message::{Digest, Timestamp};

/// Why the journal is only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It came out of a backup.
    Teruggezet,
    /// More was signed than it holds.
    AchterGetuige,
    /// At a size that was signed it holds something else.
    AndereBoom,
    /// It does not know of erasures that were carried out.
    VergetenWissingen,
}

/// A journal that is only read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closure {
    #[serde(rename = "waarom")]
    pub why: Why,
    #[serde(rename = "sinds")]
    pub since: Timestamp,
    /// When the backup was made that was put back, where that is how it came.
    #[serde(rename = "reservekopie")]
    pub backup_made: Option<Timestamp>,
    /// Erasures that it had forgotten, and that were carried out again.
    #[serde(rename = "opnieuwGewist")]
    pub erased_again: u64,
    #[serde(rename = "vergelijking")]
    pub compared: Option<Comparison>,
}

impl Closure {
    pub const fn new(why: Why, since: Timestamp) -> Self {
        Self { why, since, backup_made: None, erased_again: 0, compared: None }
    }
}

/// What a release did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// The series that began.
    pub series: u32,
    /// Under which its statement is proven.
    pub id: Uuid,
    /// Leaves that it took over.
    pub size: u64,
}

/// Whether this process may write, for who asks beside the writer.
#[derive(Debug, Default)]
pub(super) struct Gate(RwLock<Option<Closure>>);

impl Gate {
    pub fn get(&self) -> Option<Closure> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn is_closed(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Says it where that changes.
    pub fn set(&self, closure: Option<Closure>) {
        let mut gate = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match (&*gate, &closure) {
            (None, Some(closure)) => tracing::error!(why = ?closure.why,
                "THE JOURNAL IS ONLY READ: it must be compared and released first"),
            (Some(_), None) => tracing::warn!("the journal was released and is written again"),
            _ => {}
        }
        *gate = closure;
    }
}

const CLOSURE: &str = "herstel";

/// What the journal itself says.
pub(super) async fn load(conn: &mut Conn) -> Result<Option<Closure>, sqlx::Error> {
    let sql = "select value from meta where name = $1";
    let row = query(sql, [CLOSURE.into()]).fetch_optional(conn).await?;
    row.as_ref().map(closure_of).transpose()
}

fn closure_of(row: &Row) -> Result<Closure, sqlx::Error> {
    serde_json::from_slice(row.bytes("value")?).map_err(|_| unreadable("value"))
}

pub(super) async fn save(conn: &mut Conn, closure: &Closure) -> Result<(), sqlx::Error> {
    let sql = "insert into meta (name, value) values ($1, $2)
        on conflict (name) do update set value = excluded.value";
    let value = serde_json::to_vec(closure).map_err(|_| unreadable("value"))?;
    query(sql, [CLOSURE.into(), value.into()]).execute(conn).await.map(drop)
}

pub(super) async fn clear(conn: &mut Conn) -> Result<u64, sqlx::Error> {
    query("delete from meta where name = $1", [CLOSURE.into()]).execute(conn).await
}

/// What the journal holds of the signed tree.
pub(super) async fn held(conn: &mut Conn, hub: &HubKeys) -> Result<Held, JournalError> {
    let sql = "select note from checkpoint order by size desc limit 1";
    let row = query(sql, []).fetch_optional(&mut *conn).await?;
    let head = match row {
        None => Head::nothing(),
        Some(row) => {
            let note = row.text("note")?;
            let read = Checkpoint::parse_and_verify(&note, hub.name(), &hub.public_key());
            read.map_err(|_| JournalError::Unreadable("a checkpoint"))?.head()
        }
    };
    let unsigned = if conn.is_postgres() {
        "select count(*) as n from unnumbered"
    } else {
        "select count(*) as n from leaf where id > (select coalesce(max(leaf), 0) from numbered)"
    };
    let unsigned = query(unsigned, []).fetch_one(&mut *conn).await?.int("n")?;
    let last = if conn.is_postgres() {
        "select l.data from leaf l where l.id = coalesce(
            (select leaf from unnumbered order by seq desc limit 1),
            (select leaf from numbered order by number desc limit 1))"
    } else {
        "select data from leaf order by id desc limit 1"
    };
    let last = query(last, []).fetch_optional(&mut *conn).await?;
    let last = last.map(|row| row.blob("data")).transpose()?;
    let restarts = restart::load(conn).await?;
    Ok(Held {
        head,
        series: restarts.last().map_or(1, |restart| restart.series),
        leaves: head.size + u64::try_from(unsigned).unwrap_or(0),
        last_leaf: last.and_then(|data| Leaf::decode(&data).ok()).map(|leaf| leaf.at),
        taken_over: restarts.iter().map(|restart| (restart.series, restart.from.size)).collect(),
    })
}

/// What a known checkpoint says of the journal.
pub(super) async fn verdict(
    conn: &mut Conn,
    held: &Held,
    known: &Head,
) -> Result<Verdict, sqlx::Error> {
    let size = i64::try_from(known.size).unwrap_or(i64::MAX);
    let row = query("select root from checkpoint where size = $1", [size.into()]);
    let root: Option<Digest> =
        row.fetch_optional(conn).await?.map(|row| row.digest("root")).transpose()?;
    Ok(held.compare(known, root))
}

/// The erasures of a list that the journal does not know of.
pub(super) async fn forgotten(
    conn: &mut Conn,
    list: &BTreeSet<ErasedCase>,
) -> Result<Vec<ErasedCase>, sqlx::Error> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = BTreeSet::new();
    for row in query("select holder from erasure", []).fetch_all(conn).await? {
        known.insert(row.uuid("holder")?);
    }
    Ok(list.iter().copied().filter(|erased| known.insert(erased.holder)).collect())
}

/// Whether the journal is closed, by its own word or by that of its witness.
pub(super) async fn judge(
    conn: &mut Conn,
    hub: &HubKeys,
    seen: &Seen,
    now: Timestamp,
) -> Result<Option<Closure>, JournalError> {
    if let Some(closure) = load(conn).await? {
        return Ok(Some(closure));
    }
    if let Some(newest) = &seen.newest {
        let held = held(conn, hub).await?;
        match verdict(conn, &held, newest).await? {
            Verdict::Lacks { .. } => return Ok(Some(Closure::new(Why::AchterGetuige, now))),
            Verdict::Differs => return Ok(Some(Closure::new(Why::AndereBoom, now))),
            Verdict::Holds | Verdict::LeftBehind => {}
        }
    }
    let forgotten = forgotten(conn, &seen.erased).await?;
    Ok((!forgotten.is_empty()).then(|| Closure::new(Why::VergetenWissingen, now)))
}

impl Journal {
    /// Why it is only read, where it is.
    pub fn closed(&self) -> Option<Closure> {
        self.gate.get()
    }

    pub fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// Whether every place of the witness takes what is new.
    pub fn witness_is_well(&self) -> bool {
        self.witness.is_well()
    }

    /// As [`Journal::closed`], for who only reads: judged anew.
    pub async fn standing(&self, now: Timestamp) -> Result<Option<Closure>, OpenError> {
        let seen = self.witness.read(&self.vault.hub).await?;
        let mut conn = self.reads.acquire().await?;
        Ok(judge(&mut conn, &self.vault.hub, &seen, now).await?)
    }

    /// Compares the journal with its witness, with these checkpoints and with these erasures, which
    /// are carried out again where it forgot them. One that was open closes where something lacks.
    pub async fn compare(
        &self,
        notes: Vec<String>,
        erased: BTreeSet<ErasedCase>,
        now: Timestamp,
    ) -> Result<Comparison, JournalError> {
        match self.ask(Order::Compare { notes, erased, now }).await? {
            Done::Compared(comparison) => Ok(comparison),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Opens a journal that was compared: it goes on in a new series.
    pub async fn reopen(
        &self,
        by: String,
        why: String,
        now: Timestamp,
    ) -> Result<Released, JournalError> {
        match self.ask(Order::Reopen { by, why, now }).await? {
            Done::Released(released) => Ok(released),
            _ => Err(JournalError::Stopped),
        }
    }

    /// What was left behind at each release, the oldest first.
    pub async fn restarts(&self) -> Result<Vec<Restart>, JournalError> {
        Ok(restart::load(&mut self.reads.acquire().await?).await?)
    }

    /// Cases whose content should be readable, and is not: their keys are not there.
    pub async fn cases_without_key(&self) -> Result<u64, JournalError> {
        let sql = "select count(*) as n from cases where erased_at is null";
        let cases = query(sql, []).fetch_one(&mut self.reads.acquire().await?).await?.int("n")?;
        let keys = self.vault.count().await?;
        Ok(u64::try_from(cases.saturating_sub(keys)).unwrap_or(0))
    }
}
