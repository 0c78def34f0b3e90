//! Jobs as operators see them, and as who works at them does.

use serde::Serialize;
use uuid::Uuid;

use super::{CrowdFilter, Cursor, Job, JobItem};
use crate::journal::sql::{Conn, Row, query, unreadable};
use crate::journal::{Journal, JournalError};
use crate::message::{ItemOutcome, JobKind, JobState, Timestamp};

/// Lines of a list at most.
const LIST_MAX: i64 = 500;

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    #[serde(rename = "gedaan")]
    pub done: i64,
    #[serde(rename = "niets")]
    pub nothing: i64,
    #[serde(rename = "geweigerd")]
    pub refused: i64,
    #[serde(rename = "overgeslagen")]
    pub skipped: i64,
    /// Parcels: as they were, replaced, new; and recipients for whom none could be made.
    #[serde(rename = "zelfde")]
    pub same: i64,
    #[serde(rename = "anders")]
    pub changed: i64,
    #[serde(rename = "nieuw")]
    pub added: i64,
    #[serde(rename = "nietTeMaken")]
    pub failed: i64,
    #[serde(rename = "redenen")]
    pub reasons: Vec<ReasonCount>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    #[serde(rename = "uitkomst")]
    pub outcome: ItemOutcome,
    #[serde(rename = "reden")]
    pub reason: String,
    #[serde(rename = "aantal")]
    pub count: i64,
}

impl Progress {
    pub const fn settled(&self) -> i64 {
        self.done + self.nothing + self.refused + self.skipped
    }
}

/// A job as operators see it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    pub id: Uuid,
    pub filter: CrowdFilter,
    #[serde(rename = "tempo")]
    pub rate: u32,
    #[serde(rename = "door")]
    pub by: String,
    #[serde(rename = "reden")]
    pub why: String,
    #[serde(rename = "gemaakt")]
    pub made_at: Timestamp,
    #[serde(rename = "stand")]
    pub state: JobState,
    /// Since when it is in this state.
    #[serde(rename = "sinds")]
    pub changed_at: Timestamp,
    /// Whether a hub is at it.
    #[serde(rename = "inBehandeling")]
    pub leased: bool,
    #[serde(rename = "totaal")]
    pub total: i64,
    #[serde(flatten)]
    pub progress: Progress,
}

/// A change of a job.
#[derive(Debug, Clone, Serialize)]
pub struct EventView {
    #[serde(rename = "op")]
    pub at: Timestamp,
    #[serde(rename = "stand")]
    pub state: JobState,
    #[serde(rename = "door")]
    pub by: String,
    #[serde(rename = "reden")]
    pub why: String,
}

/// An item with its outcome.
#[derive(Debug, Clone, Serialize)]
pub struct ItemView {
    pub nr: i64,
    /// The public id of a message, or the id of an entry of quarantine.
    pub id: Uuid,
    #[serde(rename = "uitkomst")]
    pub outcome: ItemOutcome,
    #[serde(rename = "reden")]
    pub reason: Option<String>,
    #[serde(rename = "nietTeMaken")]
    pub failed: i64,
}

/// The walk goes on after what is settled, so that it does not read all of that again.
pub(in crate::journal) const OPEN_ITEMS: &str = "select nr, target from job_item
    where job_seq = $1 and nr > $2 and outcome is null order by nr limit $3";

/// What became of the items of a job so far.
pub(super) async fn progress(conn: &mut Conn, job: i64) -> Result<Progress, sqlx::Error> {
    let sql = "select outcome, reason, count(*) as n, cast(sum(same) as bigint) as same,
            cast(sum(changed) as bigint) as changed, cast(sum(added) as bigint) as added,
            cast(sum(failed) as bigint) as failed
        from job_item where job_seq = $1 and outcome is not null
        group by outcome, reason order by outcome, reason";
    let mut progress = Progress::default();
    for row in query(sql, [job.into()]).fetch_all(conn).await? {
        let (outcome, count) = (outcome(&row)?, row.int("n")?);
        *match outcome {
            ItemOutcome::Gedaan => &mut progress.done,
            ItemOutcome::Niets => &mut progress.nothing,
            ItemOutcome::Geweigerd => &mut progress.refused,
            ItemOutcome::Overgeslagen => &mut progress.skipped,
        } += count;
        progress.same += row.int("same")?;
        progress.changed += row.int("changed")?;
        progress.added += row.int("added")?;
        progress.failed += row.int("failed")?;
        if let Some(reason) = row.maybe_text("reason")? {
            progress.reasons.push(ReasonCount { outcome, reason, count });
        }
    }
    Ok(progress)
}

fn outcome(row: &Row) -> Result<ItemOutcome, sqlx::Error> {
    ItemOutcome::parse(&row.text("outcome")?).ok_or_else(|| unreadable("outcome"))
}

fn filter(row: &Row) -> Result<CrowdFilter, sqlx::Error> {
    serde_json::from_str(&row.text("filter")?).map_err(|_| unreadable("filter"))
}

fn state(row: &Row) -> Result<JobState, sqlx::Error> {
    JobState::parse(&row.text("state")?).ok_or_else(|| unreadable("state"))
}

fn rate(row: &Row) -> Result<u32, sqlx::Error> {
    u32::try_from(row.int("rate")?).map_err(|_| unreadable("rate"))
}

fn job(row: &Row) -> Result<Job, sqlx::Error> {
    Ok(Job {
        seq: row.int("seq")?,
        id: row.uuid("id")?,
        kind: JobKind::parse(&row.text("kind")?).ok_or_else(|| unreadable("kind"))?,
        filter: filter(row)?,
        rate: rate(row)?,
        by: row.text("by_whom")?,
        why: row.text("why")?,
        state: state(row)?,
        cursor: Cursor { at: row.int("cursor_at")?, seq: row.int("cursor_seq")? },
    })
}

async fn view(conn: &mut Conn, row: &Row) -> Result<JobView, sqlx::Error> {
    Ok(JobView {
        id: row.uuid("id")?,
        filter: filter(row)?,
        rate: rate(row)?,
        by: row.text("by_whom")?,
        why: row.text("why")?,
        made_at: row.time("made_at")?,
        state: state(row)?,
        changed_at: row.time("changed_at")?,
        leased: row.maybe_uuid("lease_token")?.is_some(),
        total: row.int("total")?,
        progress: progress(conn, row.int("seq")?).await?,
    })
}

impl Journal {
    /// Jobs that a hub may work at, the oldest first. At most `JOBS_MAX` are not over.
    pub async fn jobs_to_do(&self) -> Result<Vec<Job>, JournalError> {
        let sql = "select * from job where state in ('verzamelt', 'loopt', 'gepauzeerd')
                and state <> 'gepauzeerd' order by seq";
        let rows = query(sql, []).fetch_all(&mut self.reads.acquire().await?).await?;
        rows.iter().map(|row| job(row).map_err(JournalError::from)).collect()
    }

    /// A job as who works at it needs it.
    pub async fn job(&self, id: Uuid) -> Result<Job, JournalError> {
        Ok(job(&self.job_by_id(&mut self.reads.acquire().await?, id).await?)?)
    }

    async fn job_by_id(&self, conn: &mut Conn, id: Uuid) -> Result<Row, JournalError> {
        let row =
            query("select * from job where id = $1", [id.into()]).fetch_optional(conn).await?;
        row.ok_or(JournalError::NotFound)
    }

    /// The next open items of a job after a number, in their order.
    pub async fn open_items(
        &self,
        job: &Job,
        after: i64,
        limit: u32,
    ) -> Result<Vec<JobItem>, JournalError> {
        let cells = [job.seq.into(), after.into(), i64::from(limit).into()];
        let sql = OPEN_ITEMS;
        let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
        let item = |row: &Row| Ok(JobItem { nr: row.int("nr")?, target: row.uuid("target")? });
        rows.iter().map(item).collect()
    }

    /// Jobs, the newest first.
    pub async fn jobs(&self, limit: i64) -> Result<Vec<JobView>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = "select * from job order by seq desc limit $1";
        let rows = query(sql, [limit.clamp(1, LIST_MAX).into()]).fetch_all(&mut conn).await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in &rows {
            views.push(view(&mut conn, row).await?);
        }
        Ok(views)
    }

    /// One job with how far it is.
    pub async fn job_view(&self, id: Uuid) -> Result<JobView, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let row = self.job_by_id(&mut conn, id).await?;
        Ok(view(&mut conn, &row).await?)
    }

    /// How a job changed, the oldest first.
    pub async fn job_events(&self, id: Uuid) -> Result<Vec<EventView>, JournalError> {
        let sql = "select e.* from job_event e join job j on j.seq = e.job_seq
            where j.id = $1 order by e.seq limit $2";
        let rows = query(sql, [id.into(), LIST_MAX.into()])
            .fetch_all(&mut self.reads.acquire().await?)
            .await?;
        let event = |row: &Row| {
            let (by, why) = (row.text("by_whom")?, row.text("why")?);
            Ok(EventView { at: row.time("at")?, state: state(row)?, by, why })
        };
        rows.iter().map(event).collect()
    }

    /// Items that did not go as they were to, or not wholly, after a number.
    pub async fn job_left(&self, id: Uuid, after: i64) -> Result<Vec<ItemView>, JournalError> {
        let sql = "select i.*, m.public_id from job_item i join job j on j.seq = i.job_seq
                left join inbox m on m.id = i.target
            where j.id = $1 and i.nr > $2
                and (i.outcome in ('geweigerd', 'overgeslagen') or i.failed > 0)
            order by i.nr limit $3";
        let cells = [id.into(), after.into(), LIST_MAX.into()];
        let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
        let item = |row: &Row| {
            let id = row.maybe_uuid("public_id")?.unwrap_or(row.uuid("target")?);
            let (outcome, reason) = (outcome(row)?, row.maybe_text("reason")?);
            Ok(ItemView { nr: row.int("nr")?, id, outcome, reason, failed: row.int("failed")? })
        };
        rows.iter().map(item).collect()
    }
}
