//! Finding messages for people, and what flowed lately. Each look is bounded, however much there
//! is: it walks back from the newest, or from where the page before ended.

use serde::Serialize;

use super::sql::{Cell, Conn, Row, query, query_of};
use super::trace::message_view;
use super::{Journal, JournalError, MessageView};
use crate::message::{CaseNumber, PartnerId, Timestamp};

/// Messages that one look walks past at most.
const WINDOW: i64 = 5000;
/// Lines of a page at most.
const LINES_MOST: i64 = 200;

/// Which messages to find.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    pub case: Option<CaseNumber>,
    /// Sent by this partner.
    pub sender: Option<PartnerId>,
    /// Sent by this partner, or with a parcel for it.
    pub involving: Option<PartnerId>,
    pub recipient: Option<PartnerId>,
    pub kind: Option<String>,
    pub themes: Vec<String>,
    /// Those before this number; without it the newest.
    pub before: Option<i64>,
    pub limit: i64,
}

/// A message in a list.
#[derive(Debug, Clone, Serialize)]
pub struct MessageLine {
    #[serde(rename = "nr")]
    pub seq: i64,
    #[serde(flatten)]
    pub message: MessageView,
    #[serde(rename = "zendingen")]
    pub parcels: i64,
    /// Parcels that still wait.
    #[serde(rename = "wachtend")]
    pub waiting: i64,
    /// Parcels that could not be delivered.
    #[serde(rename = "uitval")]
    pub failed: i64,
}

/// What a look found.
#[derive(Debug, Clone, Default)]
pub struct FoundMessages {
    pub lines: Vec<MessageLine>,
    /// Ask for what is before this number; none: there is no more.
    pub next: Option<i64>,
}

/// What went by lately between the hub and one partner, of one kind of message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flow {
    #[serde(rename = "ketenpartner")]
    pub partner: PartnerId,
    #[serde(rename = "soort")]
    pub kind: String,
    /// Whether the partner sent it.
    #[serde(rename = "verzonden")]
    pub sent: bool,
    #[serde(rename = "aantal")]
    pub count: i64,
    #[serde(rename = "wachtend")]
    pub waiting: i64,
    #[serde(rename = "uitval")]
    pub failed: i64,
    #[serde(rename = "laatste")]
    pub last: Timestamp,
}

impl Journal {
    /// Messages, the newest first.
    pub async fn find_messages(
        &self,
        filter: &MessageFilter,
    ) -> Result<FoundMessages, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let before = filter.before.unwrap_or(i64::MAX);
        let window = window(&mut conn, filter.case.as_ref(), before).await?;
        let Some(first) = window.first else { return Ok(FoundMessages::default()) };
        let limit = filter.limit.clamp(1, LINES_MOST);
        let (sql, cells) = statement(filter, (first, before), limit + 1);
        let rows = query_of(sql, cells).fetch_all(&mut conn).await?;
        let mut lines = rows.iter().map(line).collect::<Result<Vec<_>, sqlx::Error>>()?;
        let full = i64::try_from(lines.len()).unwrap_or(i64::MAX) > limit;
        lines.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = if full { lines.last().map(|line| line.seq) } else { window.next };
        Ok(FoundMessages { lines, next })
    }

    /// What flowed lately: of the last 5,000 messages and of the last 5,000 parcels, by partner
    /// and kind.
    pub async fn flows(&self) -> Result<Vec<Flow>, JournalError> {
        const SENT: &str = "select partner, kind, count(*) as n, 0 as waiting, 0 as failed,
                max(received_at) as last
            from (select partner, kind, received_at from inbox order by seq desc limit $1) as t
            group by partner, kind order by partner, kind";
        const GOT: &str = "select recipient as partner, kind, count(*) as n,
                sum(case when state = 'wacht' then 1 else 0 end) as waiting,
                sum(case when state = 'uitval' then 1 else 0 end) as failed,
                max(made_at) as last
            from (select recipient, kind, state, made_at from outbox where answer = 0
                order by seq desc limit $1) as t
            group by recipient, kind order by recipient, kind";
        let mut conn = self.reads.acquire().await?;
        let mut flows = Vec::new();
        for (sql, sent) in [(SENT, true), (GOT, false)] {
            for row in query(sql, [WINDOW.into()]).fetch_all(&mut conn).await? {
                flows.push(Flow {
                    partner: row.parsed("partner")?,
                    kind: row.text("kind")?,
                    sent,
                    count: row.int("n")?,
                    waiting: row.int("waiting")?,
                    failed: row.int("failed")?,
                    last: row.time("last")?,
                });
            }
        }
        Ok(flows)
    }
}

/// The stretch of the journal that one look goes over.
struct Window {
    first: Option<i64>,
    /// Where the next one begins, if there is any.
    next: Option<i64>,
}

async fn window(
    conn: &mut Conn,
    case: Option<&CaseNumber>,
    before: i64,
) -> Result<Window, sqlx::Error> {
    const ALL: &str = "select count(*) as n, min(seq) as first
        from (select seq from inbox where seq < $1 order by seq desc limit $2) as w";
    const OF_CASE: &str = "select count(*) as n, min(seq) as first from (select seq from inbox
        where seq < $1 and case_id = (select id from cases where number = $3)
        order by seq desc limit $2) as w";
    let row = match case {
        None => query(ALL, [before.into(), WINDOW.into()]).fetch_one(conn).await?,
        Some(number) => {
            let cells = [before.into(), WINDOW.into(), number.as_str().into()];
            query(OF_CASE, cells).fetch_one(conn).await?
        }
    };
    let first = row.maybe_int("first")?;
    Ok(Window { first, next: first.filter(|_| row.int("n").is_ok_and(|n| n >= WINDOW)) })
}

/// The statement that finds what fits the filter within a stretch.
fn statement(
    filter: &MessageFilter,
    (first, before): (i64, i64),
    limit: i64,
) -> (String, Vec<Cell>) {
    let mut cells: Vec<Cell> = vec![first.into(), before.into(), limit.into()];
    let mut wanted = String::new();
    let mut want = |text: &str, value: Cell| {
        cells.push(value);
        wanted.push_str(" and ");
        wanted.push_str(&text.replace("{}", &format!("${}", cells.len())));
    };
    const RECEIVED: &str = "exists (select 1 from outbox o
        where o.message_id = i.id and o.recipient = {} and o.answer = 0)";
    if let Some(number) = &filter.case {
        want("i.case_id = (select id from cases where number = {})", number.as_str().into());
    }
    if let Some(sender) = &filter.sender {
        want("i.partner = {}", sender.as_str().into());
    }
    if let Some(recipient) = &filter.recipient {
        want(RECEIVED, recipient.as_str().into());
    }
    if let Some(partner) = &filter.involving {
        want(&format!("(i.partner = {{}} or {RECEIVED})"), partner.as_str().into());
    }
    if let Some(kind) = &filter.kind {
        want("i.kind = {}", kind.as_str().into());
    }
    if !filter.themes.is_empty() {
        let places: Vec<String> = filter
            .themes
            .iter()
            .map(|theme| {
                cells.push(theme.as_str().into());
                format!("${}", cells.len())
            })
            .collect();
        wanted.push_str(&format!(" and i.theme in ({})", places.join(", ")));
    }
    let sql = format!(
        "select i.*, c.number, c.erased_at,
            (select count(*) from outbox o where o.message_id = i.id and o.answer = 0) as parcels,
            (select count(*) from outbox o where o.message_id = i.id and o.state = 'wacht')
                as waiting,
            (select count(*) from outbox o where o.message_id = i.id and o.state = 'uitval')
                as failed
        from inbox i join cases c on c.id = i.case_id
        where i.seq >= $1 and i.seq < $2{wanted} order by i.seq desc limit $3"
    );
    (sql, cells)
}

fn line(row: &Row) -> Result<MessageLine, sqlx::Error> {
    Ok(MessageLine {
        seq: row.int("seq")?,
        message: message_view(row)?,
        parcels: row.int("parcels")?,
        waiting: row.int("waiting")?,
        failed: row.int("failed")?,
    })
}
