//! What waits for each recipient, and what was exchanged with it last: bounded, so that looking
//! costs the same whether ten or a million wait.

use serde::Serialize;

use super::sql::{Conn, Row, query};
use super::{Journal, JournalError, LeafKind};
use crate::evidence::Leaf;
use crate::message::{PartnerId, Timestamp};

/// Counting stops here: who has more waiting has no use for the exact number.
pub const COUNTED_MAX: i64 = 10_000;

/// Leaves looked at for what was exchanged last.
const LOOKED_MAX: i64 = 200;

/// A number that may be the least there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    #[serde(rename = "aantal")]
    pub count: i64,
    /// There may be more.
    #[serde(rename = "ofMeer")]
    pub or_more: bool,
}

impl Counted {
    fn of(found: i64) -> Self {
        Self { count: found.min(COUNTED_MAX), or_more: found > COUNTED_MAX }
    }

    const fn plus(self, other: Self) -> Self {
        Self { count: self.count + other.count, or_more: self.or_more || other.or_more }
    }
}

impl QueueSeen {
    /// What waits under another name of the same recipient.
    pub fn add(&mut self, other: Self) {
        self.waiting = self.waiting.plus(other.waiting);
        self.unconfirmed = self.unconfirmed.plus(other.unconfirmed);
        self.quarantined = self.quarantined.plus(other.quarantined);
        let first =
            |one: Option<Timestamp>, two: Option<Timestamp>| one.into_iter().chain(two).min();
        self.oldest = first(self.oldest, other.oldest);
        self.next = first(self.next, other.next);
    }
}

impl ExchangeSeen {
    /// What was exchanged under another name of the same partner.
    pub fn add(&mut self, other: Self) {
        self.last_in = self.last_in.max(other.last_in);
        self.last_refused = self.last_refused.max(other.last_refused);
        self.last_out = self.last_out.max(other.last_out);
        self.taken += other.taken;
        self.refused += other.refused;
        self.sent += other.sent;
        self.or_more |= other.or_more;
    }
}

/// What waits for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueSeen {
    #[serde(rename = "ontvanger")]
    pub recipient: PartnerId,
    /// To be sent or collected.
    #[serde(rename = "wachtend")]
    pub waiting: Counted,
    /// When the oldest of them was made.
    #[serde(rename = "oudste")]
    pub oldest: Option<Timestamp>,
    /// When the next one is due; in the past where one is.
    #[serde(rename = "volgendePoging")]
    pub next: Option<Timestamp>,
    /// Laid ready, and not confirmed by its recipient.
    #[serde(rename = "onbevestigd")]
    pub unconfirmed: Counted,
    /// Open entries of quarantine that concern it.
    #[serde(rename = "uitval")]
    pub quarantined: Counted,
}

/// What was exchanged with a partner last; moments and counts, no content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeSeen {
    /// The last message that was taken from it, and the last that was refused.
    #[serde(rename = "laatsteIn")]
    pub last_in: Option<Timestamp>,
    #[serde(rename = "laatsteGeweigerd")]
    pub last_refused: Option<Timestamp>,
    /// The last parcel that was delivered to it, or that it collected.
    #[serde(rename = "laatsteUit")]
    pub last_out: Option<Timestamp>,
    /// Since `since`, of the last exchanges.
    #[serde(rename = "inSinds")]
    pub taken: i64,
    #[serde(rename = "geweigerdSinds")]
    pub refused: i64,
    #[serde(rename = "uitSinds")]
    pub sent: i64,
    /// Not everything since then was looked at.
    #[serde(rename = "ofMeer")]
    pub or_more: bool,
}

/// Who sent a partner a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestSent {
    #[serde(rename = "op")]
    pub at: Timestamp,
    #[serde(rename = "door")]
    pub by: String,
    #[serde(rename = "reden")]
    pub why: String,
}

pub(super) const WAITING: &str = "select count(*) as n from (select 1 as one from outbox
    where recipient = $1 and state = 'wacht' limit $2) as counted";
pub(super) const UNCONFIRMED: &str = "select count(*) as n from (select 1 as one from outbox
    where recipient = $1 and state = 'klaar' and stage = 'klaargezet' limit $2) as counted";
/// Moments and numbers are never below 0; without saying so SQLite walks everything that is open.
pub(super) const QUARANTINED: &str = "select count(*) as n from (select 1 as one from quarantine
    where partner = $1 and state = 'open' and at >= 0 and seq >= 0 limit $2) as counted";

pub(super) const OLDEST: &str =
    "select min(made_at) as oldest from outbox where recipient = $1 and state = 'wacht'";

/// The newest leaves about a partner.
pub(super) const NEWEST: &str =
    "select data from leaf where partner = $1 order by id desc limit $2";
/// Ids are not in the order of commit there, and what is not numbered yet is a second old at most.
const NEWEST_SHARED: &str = "select l.data from numbered n join leaf l on l.id = n.leaf
    where n.partner = $1 order by n.number desc limit $2";

impl Journal {
    /// What waits for each of these.
    pub async fn queues(&self, recipients: &[PartnerId]) -> Result<Vec<QueueSeen>, JournalError> {
        let mut found = Vec::with_capacity(recipients.len());
        for recipient in recipients {
            let mut conn = self.reads.acquire().await?;
            let waiting = counted(&mut conn, WAITING, recipient).await?;
            let unconfirmed = counted(&mut conn, UNCONFIRMED, recipient).await?;
            let quarantined = counted(&mut conn, QUARANTINED, recipient).await?;
            let row = query(OLDEST, [recipient.as_str().into()]).fetch_one(&mut conn).await?;
            let oldest = row.maybe_time("oldest")?;
            drop(conn);
            let next = self.next_due(std::slice::from_ref(recipient)).await?;
            let recipient = recipient.clone();
            found.push(QueueSeen { recipient, waiting, oldest, next, unconfirmed, quarantined });
        }
        Ok(found)
    }

    /// The test messages that a partner was sent, the newest first.
    pub async fn test_messages(&self, partner: &PartnerId) -> Result<Vec<TestSent>, JournalError> {
        let sql = "select at, by_whom, why from test_message
            where partner = $1 order by seq desc limit 20";
        let rows = query(sql, [partner.as_str().into()]);
        let rows = rows.fetch_all(&mut self.reads.acquire().await?).await?;
        let read = |row: &Row| {
            Ok(TestSent { at: row.time("at")?, by: row.text("by_whom")?, why: row.text("why")? })
        };
        rows.iter().map(read).collect()
    }

    /// What was exchanged with a partner last, and how much of that since a moment.
    pub async fn exchanged(
        &self,
        partner: &PartnerId,
        since: Timestamp,
    ) -> Result<ExchangeSeen, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = if conn.is_postgres() { NEWEST_SHARED } else { NEWEST };
        let rows = query(sql, [partner.as_str().into(), LOOKED_MAX.into()]);
        let rows = rows.fetch_all(&mut conn).await?;
        let full = i64::try_from(rows.len()).unwrap_or(0) == LOOKED_MAX;
        let mut seen = ExchangeSeen::default();
        let mut oldest = None;
        for row in rows {
            let leaf = Leaf::decode(&row.blob("data")?);
            let leaf = leaf.map_err(|_| JournalError::Unreadable("a leaf"))?;
            let (last, count) = match (leaf.kind, leaf.outcome.as_str()) {
                (LeafKind::Aangenomen, _) => (&mut seen.last_in, &mut seen.taken),
                (LeafKind::Geweigerd, _) => (&mut seen.last_refused, &mut seen.refused),
                (LeafKind::Poging, "afgeleverd" | "opgehaald") => {
                    (&mut seen.last_out, &mut seen.sent)
                }
                _ => continue,
            };
            *last = (*last).max(Some(leaf.at));
            *count += i64::from(leaf.at >= since);
            oldest = Some(leaf.at);
        }
        seen.or_more = full && oldest.is_some_and(|oldest| oldest >= since);
        Ok(seen)
    }
}

async fn counted(
    conn: &mut Conn,
    sql: &'static str,
    partner: &PartnerId,
) -> Result<Counted, sqlx::Error> {
    let cells = [partner.as_str().into(), (COUNTED_MAX + 1).into()];
    let row = query(sql, cells).fetch_one(conn).await?;
    Ok(Counted::of(row.int("n")?))
}
