//! Finding a crowd: counted by group, in pages along an index, or a sample of it.
//!
//! Nothing of this happens in the writer, and no answer is longer than what was asked.

use crate::journal::sql::{Cell, Conn, Row, query_of};
use crate::journal::{Journal, JournalError, ParcelState};
use crate::message::{JobKind, PartnerId, Timestamp};
use crate::pipeline::Group;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::CrowdFilter;

/// How far a walk along a crowd came: moment and number of the last that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(rename = "op")]
    pub at: i64,
    #[serde(rename = "nr")]
    pub seq: i64,
}

impl Cursor {
    pub fn before(filter: &CrowdFilter) -> Self {
        let at = filter.since.map_or(i64::MIN, Timestamp::as_micros);
        Self { at, seq: i64::MIN }
    }
}

/// One of a crowd.
#[derive(Debug, Clone)]
pub struct Found {
    pub at: i64,
    pub seq: i64,
    /// A message, or an entry of quarantine.
    pub target: Uuid,
    /// What only one job may have in hand.
    pub subject: Uuid,
    pub group: Group,
}

impl Found {
    pub const fn cursor(&self) -> Cursor {
        Cursor { at: self.at, seq: self.seq }
    }
}

/// How many there are of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CrowdCount {
    #[serde(flatten)]
    pub group: Group,
    #[serde(rename = "aantal")]
    pub count: i64,
}

/// What to do with what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    Page {
        limit: usize,
    },
    /// So many of all, evenly: ids are random, so the smallest are.
    Sample {
        limit: usize,
    },
    Count,
}

const MESSAGES: &str = "select i.seq, i.received_at as at, i.id as target, i.id as subject,
        i.partner, i.kind, null as reason from inbox i";
const ENTRIES: &str = "select q.seq, q.at, q.id as target, coalesce(q.message_id, q.id) as subject,
        q.partner, m.kind, q.reason
    from quarantine q left join inbox m on m.id = q.message_id";

/// A statement that grows with its values.
#[derive(Default)]
struct Text {
    sql: String,
    cells: Vec<Cell>,
}

impl Text {
    fn add(&mut self, text: &str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    /// A value in its place.
    fn value(&mut self, cell: impl Into<Cell>) -> &mut Self {
        self.cells.push(cell.into());
        self.sql.push_str(&format!("${}", self.cells.len()));
        self
    }
}

/// The statement and its values; also for whoever wants to see how the store would run it.
pub fn page_sql(filter: &CrowdFilter, after: Cursor, want: Want) -> (String, Vec<Cell>) {
    let is_message = filter.kind == JobKind::Herhalen;
    let (from, at, seq, kind, random) = if is_message {
        (MESSAGES, "i.received_at", "i.seq", "i.kind", "i.public_id")
    } else {
        (ENTRIES, "q.at", "q.seq", "m.kind", "q.id")
    };
    let mut text = Text::default();
    match want {
        Want::Count => text.add("select partner, kind, reason, count(*) as n from (").add(from),
        Want::Page { .. } | Want::Sample { .. } => text.add(from),
    };
    // A receipt leads to no parcels of its own that could be sent again.
    let first = if is_message { "i.effect <> 'bevestiging'" } else { "q.state = 'open'" };
    text.add(" where ").add(first);
    let partner = if is_message { " and i.partner = " } else { " and q.partner = " };
    if let Some(id) = &filter.partner {
        text.add(partner).value(id.as_str());
    }
    text.add(&format!(" and ({at}, {seq}) > (")).value(after.at).add(", ").value(after.seq);
    text.add(&format!(") and {at} <= ")).value(filter.until.map_or(i64::MAX, |t| t.as_micros()));
    if let Some(reason) = &filter.reason {
        text.add(" and q.reason = ").value(reason.as_str());
    }
    if let Some(word) = &filter.message {
        let exact = word.rsplit_once(".v").is_some();
        let versions = format!("{word}.v");
        let length = i64::try_from(versions.len()).unwrap_or(i64::MAX);
        match exact {
            true => text.add(&format!(" and {kind} = ")).value(word.as_str()),
            false => text
                .add(&format!(" and substr({kind}, 1, cast("))
                .value(length)
                .add(" as integer)) = ")
                .value(versions),
        };
    }
    if let Some(state) = filter.state {
        in_state(&mut text, state, filter);
    }
    match want {
        Want::Page { limit } => {
            text.add(&format!(" order by {at}, {seq} limit ")).value(count_cell(limit))
        }
        Want::Sample { limit } => {
            text.add(&format!(" order by {random} limit ")).value(count_cell(limit))
        }
        Want::Count => {
            text.add(") as crowd group by partner, kind, reason order by partner, kind, reason")
        }
    };
    (text.sql, text.cells)
}

/// Messages of which the last parcel for some recipient is in a state.
fn in_state(text: &mut Text, state: ParcelState, filter: &CrowdFilter) {
    text.add(
        " and exists (select 1 from outbox o where o.message_id = i.id and o.answer = 0
            and not exists (select 1 from outbox n where n.message_id = o.message_id
                and n.recipient = o.recipient and n.answer = 0 and n.seq > o.seq)
            and o.state = ",
    );
    text.value(state.as_str());
    for (nth, recipient) in filter.recipients.iter().enumerate() {
        text.add(if nth == 0 { " and o.recipient in (" } else { ", " }).value(recipient.as_str());
    }
    text.add(if filter.recipients.is_empty() { ")" } else { "))" });
}

fn count_cell(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

async fn fetch(
    conn: &mut Conn,
    filter: &CrowdFilter,
    after: Cursor,
    want: Want,
) -> Result<Vec<Row>, sqlx::Error> {
    let (sql, cells) = page_sql(filter, after, want);
    query_of(sql, cells).fetch_all(conn).await
}

fn group(row: &Row) -> Result<Group, sqlx::Error> {
    let partner = row.maybe_text("partner")?.and_then(|text| text.parse::<PartnerId>().ok());
    Ok(Group { partner, kind: row.maybe_text("kind")?, reason: row.maybe_text("reason")? })
}

fn found(row: &Row) -> Result<Found, JournalError> {
    Ok(Found {
        at: row.int("at")?,
        seq: row.int("seq")?,
        target: row.uuid("target")?,
        subject: row.uuid("subject")?,
        group: group(row)?,
    })
}

impl Journal {
    /// How many there are, by partner, type and reason.
    pub async fn crowd_count(&self, filter: &CrowdFilter) -> Result<Vec<CrowdCount>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let rows = fetch(&mut conn, filter, Cursor::before(filter), Want::Count).await?;
        let line = |row: &Row| Ok(CrowdCount { group: group(row)?, count: row.int("n")? });
        rows.iter().map(line).collect()
    }

    /// Those after one, oldest first.
    pub async fn crowd_page(
        &self,
        filter: &CrowdFilter,
        after: Cursor,
        limit: usize,
    ) -> Result<Vec<Found>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let rows = fetch(&mut conn, filter, after, Want::Page { limit }).await?;
        rows.iter().map(found).collect()
    }

    /// So many of all, evenly.
    pub async fn crowd_sample(
        &self,
        filter: &CrowdFilter,
        limit: usize,
    ) -> Result<Vec<Found>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let rows = fetch(&mut conn, filter, Cursor::before(filter), Want::Sample { limit }).await?;
        rows.iter().map(found).collect()
    }
}
