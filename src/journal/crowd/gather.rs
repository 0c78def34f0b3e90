//! Writing a job down, and then its items page by page, unless another job has one of them.

use std::collections::HashSet;

use uuid::Uuid;

use super::change::{self, BY_THE_HUB};
use super::{Cursor, Found, Holder, JOBS_MAX, NewJob};
use crate::journal::JournalError;
use crate::journal::sql::{Cell, Row, Table, fetch_in, query};
use crate::journal::unit::Unit;
use crate::message::{JobChange, JobState, Timestamp};

const JOB_ITEM: Table =
    Table { name: "job_item", columns: "job_seq, nr, target, subject", suffix: "" };

/// How far the writing down came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gathered {
    /// There may be more.
    More,
    /// All items are known; the job runs.
    Complete,
    /// Another job has one of them in hand, so this one ended before it began.
    Held(Holder),
}

/// Jobs that have their open items in hand.
const HOLDERS: &str = "select i.subject, j.seq, j.id, j.by_whom, j.made_at
    from job_item i join job j on j.seq = i.job_seq
    where i.subject in ({ids}) and i.outcome is null
        and j.state in ('verzamelt', 'loopt', 'gepauzeerd')";

fn holder(row: &Row) -> Result<Holder, sqlx::Error> {
    Ok(Holder { job: row.uuid("id")?, by: row.text("by_whom")?, since: row.time("made_at")? })
}

impl Unit<'_> {
    pub(super) async fn make_job(
        &mut self,
        job: &NewJob,
        now: Timestamp,
    ) -> Result<Uuid, JournalError> {
        let sql = "select count(*) as n from job
            where state in ('verzamelt', 'loopt', 'gepauzeerd')";
        let open = query(sql, []).fetch_one(&mut *self.conn).await?.int("n")?;
        if usize::try_from(open).unwrap_or(usize::MAX) >= JOBS_MAX {
            return Err(JournalError::TooMany(JOBS_MAX));
        }
        let id = self.vault.uuid()?;
        let unwritable = |_| JournalError::Unreadable("the filter of a job");
        let filter = serde_json::to_string(&job.filter).map_err(unwritable)?;
        let start = Cursor::before(&job.filter);
        let sql = "insert into job (id, kind, filter, rate, by_whom, why, made_at, state,
                changed_at, total, cursor_at, cursor_seq)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $7, 0, $9, $10)";
        let cells = [
            id.into(),
            job.filter.kind.as_str().into(),
            filter.into(),
            i64::from(job.rate).into(),
            job.by.as_str().into(),
            job.why.as_str().into(),
            now.into(),
            JobState::Verzamelt.as_str().into(),
            start.at.into(),
            start.seq.into(),
        ];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(id)
    }

    /// Writes one page of items down. Only one job at a time is gathered, so that two that overlap
    /// see each other.
    pub(super) async fn gather(
        &mut self,
        job: i64,
        after: Cursor,
        found: &[Found],
        last: bool,
        now: Timestamp,
    ) -> Result<Gathered, JournalError> {
        let row = change::job_row(self.conn, job).await?;
        let cursor = Cursor { at: row.int("cursor_at")?, seq: row.int("cursor_seq")? };
        if row.text("state")? != JobState::Verzamelt.as_str() || cursor != after {
            return Err(JournalError::StaleLease);
        }
        if let Some(holder) = self.holder_of(found, Some(job)).await? {
            let why = format!("overlapt met klus {}", holder.job);
            self.change(&row, JobChange::Cancel, BY_THE_HUB, &why, now).await?;
            return Ok(Gathered::Held(holder));
        }
        let total = row.int("total")?;
        let items = (total + 1..).zip(found).map(|(nr, found)| {
            vec![Cell::from(job), nr.into(), found.target.into(), found.subject.into()]
        });
        JOB_ITEM.insert(self.conn, items.collect()).await?;
        let total = total + i64::try_from(found.len()).unwrap_or(0);
        let end = found.last().map_or(after, Found::cursor);
        let sql = "update job set total = $2, cursor_at = $3, cursor_seq = $4 where seq = $1";
        let cells = [job.into(), total.into(), end.at.into(), end.seq.into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        if !last {
            return Ok(Gathered::More);
        }
        let row = change::job_row(self.conn, job).await?;
        let (by, why) = (row.text("by_whom")?, row.text("why")?);
        self.change(&row, JobChange::Begin, &by, &why, now).await?;
        Ok(Gathered::Complete)
    }

    /// The first job, other than one, that has any of these in hand.
    async fn holder_of(
        &mut self,
        found: &[Found],
        other_than: Option<i64>,
    ) -> Result<Option<Holder>, JournalError> {
        let subjects: HashSet<Uuid> = found.iter().map(|found| found.subject).collect();
        let subjects = subjects.into_iter().map(Cell::from).collect();
        for row in fetch_in(self.conn, HOLDERS, subjects).await? {
            if Some(row.int("seq")?) != other_than {
                return Ok(Some(holder(&row)?));
            }
        }
        Ok(None)
    }

    /// Refuses what a job has in hand.
    pub async fn free_of_jobs(&mut self, subject: Uuid) -> Result<(), JournalError> {
        match fetch_in(self.conn, HOLDERS, vec![subject.into()]).await?.first() {
            Some(row) => Err(JournalError::Held(holder(row)?)),
            None => Ok(()),
        }
    }
}
