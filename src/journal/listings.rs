//! Lists for the console and the CLI: what came in last, what a partner exchanged, what lies in
//! quarantine, and how much waits. Pages are bounded and go by a number that only grows.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::keys::{Part, open_row_key, open_sealed};
use super::sql::{Cell, Row, query};
use super::trace::message_view;
use super::{Journal, JournalError, MessageView, QuarantineId};
use crate::evidence::Leaf;
use crate::message::{Digest, PartnerId, Second, Timestamp};

/// Lines of a page at most.
pub const PAGE_MAX: i64 = 500;

/// A message that came in.
#[derive(Debug, Clone, Serialize)]
pub struct TailLine {
    /// Ask for what follows this number.
    #[serde(rename = "nr")]
    pub seq: i64,
    #[serde(flatten)]
    pub message: MessageView,
    #[serde(rename = "zendingen")]
    pub parcels: i64,
}

/// One exchange of a partner: a leaf of the evidence that names it.
#[derive(Debug, Clone, Serialize)]
pub struct LogLine {
    /// Ask for what follows this number.
    #[serde(rename = "nr")]
    pub seq: i64,
    /// The public id of its message, its parcel, or its refusal.
    #[serde(rename = "onderwerp")]
    pub subject: Uuid,
    #[serde(rename = "soort")]
    pub kind: &'static str,
    #[serde(rename = "op")]
    pub at: Second,
    #[serde(rename = "uitkomst")]
    pub outcome: String,
    #[serde(skip)]
    pub commitment: Option<Digest>,
    /// The number of the leaf in the tree, once it has one.
    #[serde(rename = "blad")]
    pub leaf: Option<i64>,
}

/// Which entries of quarantine to list.
#[derive(Debug, Clone, Default)]
pub struct QuarantineFilter {
    pub partner: Option<PartnerId>,
    pub reason: Option<String>,
    pub since: Option<Timestamp>,
    /// `open`, `vrijgegeven`, `vervallen`.
    pub state: Option<String>,
    /// Page: entries after this number.
    pub after: i64,
    pub limit: i64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineEntry {
    #[serde(rename = "nr")]
    pub seq: i64,
    pub id: QuarantineId,
    /// `inkomend` or `uitgaand`.
    #[serde(rename = "richting")]
    pub direction: String,
    #[serde(rename = "partner")]
    pub partner: Option<PartnerId>,
    #[serde(rename = "reden")]
    pub reason: String,
    /// The violations: places and codes, never values.
    #[serde(rename = "bijzonderheden")]
    pub detail: Value,
    #[serde(rename = "op")]
    pub at: Timestamp,
    #[serde(rename = "kanaal")]
    pub channel: Option<String>,
    #[serde(skip)]
    pub media_type: Option<String>,
    #[serde(skip)]
    pub message: Option<Uuid>,
    #[serde(rename = "zending")]
    pub parcel: Option<Uuid>,
    #[serde(rename = "status")]
    pub state: String,
    #[serde(rename = "afgehandeldDoor")]
    pub closed_by: Option<String>,
    #[serde(rename = "toelichting")]
    pub closed_why: Option<String>,
}

/// A refused document, opened.
pub struct QuarantinedDocument {
    pub entry: QuarantineEntry,
    /// `None` where there is no document: a parcel has its own.
    pub bytes: Option<Vec<u8>>,
}

/// How much waits for a recipient.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Waiting {
    #[serde(rename = "ontvanger")]
    pub recipient: PartnerId,
    #[serde(rename = "aantal")]
    pub count: i64,
    #[serde(rename = "oudste")]
    pub oldest: Timestamp,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    #[serde(rename = "berichten")]
    pub messages: i64,
    #[serde(rename = "casussen")]
    pub cases: i64,
    #[serde(rename = "zendingen")]
    pub parcels: i64,
    #[serde(rename = "wachtend")]
    pub waiting: Vec<Waiting>,
    #[serde(rename = "uitval")]
    pub quarantine_open: i64,
    #[serde(rename = "bladen")]
    pub leaves: i64,
    /// Leaves under a signature.
    #[serde(rename = "ondertekend")]
    pub signed: i64,
    #[serde(rename = "controlepuntVan")]
    pub checkpoint_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseLine {
    #[serde(rename = "casus")]
    pub number: String,
    #[serde(rename = "thema")]
    pub theme: Option<String>,
    #[serde(rename = "geopend")]
    pub opened_at: Timestamp,
    #[serde(rename = "gewist")]
    pub erased_at: Option<Timestamp>,
    #[serde(rename = "berichten")]
    pub messages: i64,
}

/// How many parcels wait for whom, and since when.
pub(super) const WAITING: &str = "select recipient, count(*) as n, min(made_at) as oldest
    from outbox where state = 'wacht' group by recipient order by recipient";

/// The one writer gives numbers without gaps and nothing is deleted, so the last is the count.
const STATS: &str = "select (select coalesce(max(seq), 0) from inbox) as messages,
        (select count(*) from cases) as cases,
        (select coalesce(max(seq), 0) from outbox) as parcels,
        (select count(*) from quarantine where state = 'open') as quarantine,
        (select count(*) from leaf
            where id > (select coalesce(max(leaf), 0) from numbered)) as unsigned,
        (select coalesce(max(size), 0) from checkpoint) as signed,
        (select at from checkpoint order by size desc limit 1) as at";

/// Sequences leave gaps, so here the rows are counted.
const STATS_SHARED: &str = "select (select count(*) from inbox) as messages,
        (select count(*) from cases) as cases,
        (select count(*) from outbox) as parcels,
        (select count(*) from quarantine where state = 'open') as quarantine,
        (select count(*) from unnumbered) as unsigned,
        (select coalesce(max(size), 0) from checkpoint) as signed,
        (select at from checkpoint order by size desc limit 1) as at";

/// What a partner exchanged, from a leaf on.
const LOG: &str = "select l.id, l.data, n.number as place from leaf l
    left join numbered n on n.leaf = l.id
    where l.partner = $1 and l.id > $2 order by l.id limit $3";

/// Ids are not in the order of commit there, and whoever pages by them would miss what commits
/// late. So the log goes by the numbers in the tree, which every leaf has a second later.
const LOG_SHARED: &str = "select n.number + 1 as id, l.data, n.number as place
    from numbered n join leaf l on l.id = n.leaf
    where n.partner = $1 and n.number >= $2 order by n.number limit $3";

impl Journal {
    /// Messages that came in after a number; a negative number: the last so many.
    pub async fn tail(&self, after: i64, limit: i64) -> Result<Vec<TailLine>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let after = if after < 0 {
            let sql = "select coalesce(min(seq), 1) - 1 as after
                from (select seq from inbox order by seq desc limit $1) as newest";
            query(sql, [after.saturating_neg().into()]).fetch_one(&mut conn).await?.int("after")?
        } else {
            after
        };
        let sql = "select i.*, c.number, c.erased_at,
                (select count(*) from outbox o where o.message_id = i.id) as parcels
            from inbox i join cases c on c.id = i.case_id
            where i.seq > $1
            order by i.seq limit $2";
        let rows = query(sql, [after.into(), page(limit)]).fetch_all(&mut conn).await?;
        let line = |row: &Row| {
            let parcels = row.int("parcels")?;
            Ok(TailLine { seq: row.int("seq")?, message: message_view(row)?, parcels })
        };
        rows.iter().map(line).collect()
    }

    /// What a partner exchanged, and nothing of anybody else.
    pub async fn partner_log(
        &self,
        partner: &PartnerId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<LogLine>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = if conn.is_postgres() { LOG_SHARED } else { LOG };
        let cells = [partner.as_str().into(), after.into(), page(limit)];
        let rows = query(sql, cells).fetch_all(&mut conn).await?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let leaf = Leaf::decode(&row.blob("data")?);
            let leaf = leaf.map_err(|_| JournalError::Unreadable("a leaf"))?;
            lines.push(LogLine {
                seq: row.int("id")?,
                subject: leaf.subject,
                kind: leaf.kind.as_str(),
                at: leaf.at.into(),
                outcome: leaf.outcome,
                commitment: leaf.commitment,
                leaf: row.maybe_int("place")?,
            });
        }
        Ok(lines)
    }

    /// Entries of quarantine, oldest first.
    pub async fn quarantine(
        &self,
        filter: &QuarantineFilter,
    ) -> Result<Vec<QuarantineEntry>, JournalError> {
        let sql = "select * from quarantine where seq > $1
                and (cast($2 as text) is null or partner = $2)
                and (cast($3 as text) is null or reason = $3)
                and (cast($4 as bigint) is null or at >= $4)
                and (cast($5 as text) is null or state = $5)
            order by seq limit $6";
        let cells = [
            filter.after.into(),
            filter.partner.as_ref().map(PartnerId::as_str).into(),
            filter.reason.clone().into(),
            filter.since.into(),
            filter.state.clone().into(),
            page(filter.limit),
        ];
        let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
        rows.iter().map(|row| entry(row).map_err(JournalError::from)).collect()
    }

    /// One entry without its document, which may be erased.
    pub async fn quarantine_entry(
        &self,
        id: QuarantineId,
    ) -> Result<QuarantineEntry, JournalError> {
        let sql = "select * from quarantine where id = $1";
        let row = query(sql, [id.0.into()]);
        let row = row.fetch_optional(&mut self.reads.acquire().await?).await?;
        Ok(entry(&row.ok_or(JournalError::NotFound)?)?)
    }

    /// One entry with its document opened.
    pub async fn quarantined(&self, id: QuarantineId) -> Result<QuarantinedDocument, JournalError> {
        let sql = "select * from quarantine where id = $1";
        let row =
            query(sql, [id.0.into()]).fetch_optional(&mut self.reads.acquire().await?).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        let entry = entry(&row)?;
        let Some(document) = row.maybe_blob("document")? else {
            return Ok(QuarantinedDocument { entry, bytes: None });
        };
        let holder = self.vault.holder_key(row.uuid("holder")?).await?;
        let key = open_row_key(&holder, id.0, &row.blob("sealed_key")?)?;
        let (_, bytes) = open_sealed(&key, id.0, Part::Quarantine, &document)?;
        Ok(QuarantinedDocument { entry, bytes: Some(bytes) })
    }

    pub async fn stats(&self) -> Result<Stats, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let mut waiting = Vec::new();
        for row in query(WAITING, []).fetch_all(&mut conn).await? {
            let recipient = row.parsed("recipient")?;
            let (count, oldest) = (row.int("n")?, row.time("oldest")?);
            waiting.push(Waiting { recipient, count, oldest });
        }
        let sql = if conn.is_postgres() { STATS_SHARED } else { STATS };
        let row = query(sql, []).fetch_one(&mut conn).await?;
        Ok(Stats {
            messages: row.int("messages")?,
            cases: row.int("cases")?,
            parcels: row.int("parcels")?,
            waiting,
            quarantine_open: row.int("quarantine")?,
            leaves: row.int("unsigned")? + row.int("signed")?,
            signed: row.int("signed")?,
            checkpoint_at: row.maybe_time("at")?,
        })
    }

    /// Cases, newest first; `before` is the moment of opening of the last one of the page before.
    pub async fn cases(
        &self,
        before: Option<Timestamp>,
        limit: i64,
    ) -> Result<Vec<CaseLine>, JournalError> {
        let sql = "select c.*, (select count(*) from inbox i where i.case_id = c.id) as messages
            from cases c where cast($1 as bigint) is null or c.opened_at < $1
            order by c.id desc limit $2";
        let rows = query(sql, [before.into(), page(limit)])
            .fetch_all(&mut self.reads.acquire().await?)
            .await?;
        let line = |row: &Row| {
            Ok(CaseLine {
                number: row.text("number")?,
                theme: row.maybe_text("theme")?,
                opened_at: row.time("opened_at")?,
                erased_at: row.maybe_time("erased_at")?,
                messages: row.int("messages")?,
            })
        };
        rows.iter().map(line).collect()
    }
}

fn page(limit: i64) -> Cell {
    limit.clamp(1, PAGE_MAX).into()
}

fn entry(row: &Row) -> Result<QuarantineEntry, sqlx::Error> {
    let partner = row.maybe_text("partner")?.and_then(|text| text.parse().ok());
    Ok(QuarantineEntry {
        seq: row.int("seq")?,
        id: QuarantineId(row.uuid("id")?),
        direction: row.text("direction")?,
        partner,
        reason: row.text("reason")?,
        detail: serde_json::from_str(&row.text("detail")?).unwrap_or(Value::Null),
        at: row.time("at")?,
        channel: row.maybe_text("channel")?,
        media_type: row.maybe_text("media_type")?,
        message: row.maybe_uuid("message_id")?,
        parcel: row.maybe_uuid("parcel_id")?,
        state: row.text("state")?,
        closed_by: row.maybe_text("closed_by")?,
        closed_why: row.maybe_text("closed_why")?,
    })
}
