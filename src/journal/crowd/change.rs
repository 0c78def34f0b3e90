//! How a job changes: by an operator, by its last item, or because another has its items. Each
//! change has a row that says who and why, and a leaf that commits to that row.

use uuid::Uuid;

use super::views::progress;
use super::{JobDone, JobOrder};
use crate::evidence::HubKeys;
use crate::journal::JournalError;
use crate::journal::LeafKind;
use crate::journal::sql::{Conn, Row, query, unreadable};
use crate::journal::unit::{LeafOf, Unit};
use crate::message::{Digest, JobChange, JobState, Timestamp};

/// Who did what no person did.
pub(super) const BY_THE_HUB: &str = "schakel";

/// A job under the lock of its row.
pub(super) async fn job_row(conn: &mut Conn, seq: i64) -> Result<Row, JournalError> {
    let sql = if conn.is_postgres() {
        "select * from job where seq = $1 for no key update"
    } else {
        "select * from job where seq = $1"
    };
    let row = query(sql, [seq.into()]).fetch_optional(conn).await?;
    row.ok_or(JournalError::NotFound)
}

fn state(row: &Row) -> Result<JobState, sqlx::Error> {
    JobState::parse(&row.text("state")?).ok_or_else(|| unreadable("state"))
}

/// The outcome of the leaf about a change. The hash is keyed, or names could be guessed from it.
pub fn event_outcome(keys: &HubKeys, job: &Row, event: [&str; 4]) -> Result<String, sqlx::Error> {
    let [state, by, why, counts] = event;
    let texts = [&job.text("kind")?, &job.text("filter")?, state, by, why, counts];
    let told = serde_json::json!([texts, job.int("rate")?, job.uuid("id")?]).to_string();
    Ok(format!("{state} {}", keys.lookup_hash("klus", told.as_bytes())))
}

impl Unit<'_> {
    pub async fn job_order(
        &mut self,
        order: &JobOrder,
        now: Timestamp,
    ) -> Result<JobDone, JournalError> {
        match order {
            JobOrder::Make(job) => self.make_job(job, now).await.map(JobDone::Made),
            JobOrder::Gather { job, after, found, last } => {
                self.gather(*job, *after, found, *last, now).await.map(JobDone::Gathered)
            }
            JobOrder::Take { job, token } => self.take_job(*job, *token).await.map(JobDone::Taken),
            JobOrder::Leave { token } => {
                let sql = "update job set lease_token = null where lease_token = $1";
                query(sql, [(*token).into()]).execute(&mut *self.conn).await?;
                Ok(JobDone::Done)
            }
            JobOrder::Settle { claim, done } => {
                self.settle_item(*claim, done, now).await.map(|()| JobDone::Done)
            }
            JobOrder::Change { id, change, by, why } => {
                let sql = "select seq from job where id = $1";
                let found = query(sql, [(*id).into()]).fetch_optional(&mut *self.conn).await?;
                let seq = found.ok_or(JournalError::NotFound)?.int("seq")?;
                let row = job_row(self.conn, seq).await?;
                self.change(&row, *change, by, why, now).await.map(JobDone::Changed)
            }
            JobOrder::Finish { job, token } => {
                let row = job_row(self.conn, *job).await?;
                if row.maybe_uuid("lease_token")? != Some(*token) {
                    return Err(JournalError::StaleLease);
                }
                let sql = "select nr from job_item
                    where job_seq = $1 and outcome is null limit 1";
                if query(sql, [(*job).into()]).fetch_optional(&mut *self.conn).await?.is_some() {
                    return Err(JournalError::StaleLease);
                }
                let change = JobChange::Finish;
                self.change(&row, change, BY_THE_HUB, "", now).await.map(JobDone::Changed)
            }
        }
    }

    /// The lease of a job for this hub; none where another has it, or where nothing is to be done.
    async fn take_job(
        &mut self,
        job: i64,
        token: Option<Uuid>,
    ) -> Result<Option<Uuid>, JournalError> {
        let row = job_row(self.conn, job).await?;
        if !matches!(state(&row)?, JobState::Verzamelt | JobState::Loopt) {
            return Ok(None);
        }
        match row.maybe_uuid("lease_token")? {
            // The only hub may have lost the answer to an earlier order.
            Some(held) if token == Some(held) || self.conn.is_postgres() => {
                Ok(token.filter(|token| *token == held))
            }
            _ => {
                let token = self.vault.lease_token()?;
                let sql = "update job set lease_token = $2 where seq = $1";
                query(sql, [job.into(), token.into()]).execute(&mut *self.conn).await?;
                Ok(Some(token))
            }
        }
    }

    /// Changes a job whose row is locked.
    pub(super) async fn change(
        &mut self,
        row: &Row,
        change: JobChange,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<JobState, JournalError> {
        let from = state(row)?;
        let next = from.after(change).ok_or(JournalError::Job(from))?;
        let seq = row.int("seq")?;
        let counts = progress(self.conn, seq).await?;
        let unwritable = |_| JournalError::Unreadable("the progress of a job");
        let counts = serde_json::to_string(&counts).map_err(unwritable)?;
        let event = [next.as_str(), by, why, &counts];
        let leaf = self.leaf(LeafOf {
            kind: LeafKind::Klus,
            at: now,
            subject: row.uuid("id")?,
            partner: None,
            catalogue: Digest([0; 32]),
            outcome: event_outcome(&self.vault.hub, row, event)?,
            document: None,
        });
        // Who works at it has to ask again, so that a pause holds at the next item.
        let keeps = matches!(change, JobChange::Begin);
        let sql = "update job set state = $2, changed_at = $3,
                lease_token = case when $4 = 1 then lease_token else null end where seq = $1";
        let cells = [seq.into(), next.as_str().into(), now.into(), keeps.into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        let sql = "insert into job_event (job_seq, at, state, by_whom, why, counts, leaf)
            values ($1, $2, $3, $4, $5, $6, $7)";
        let cells = [
            seq.into(),
            now.into(),
            next.as_str().into(),
            by.into(),
            why.into(),
            counts.into(),
            leaf.into(),
        ];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(next)
    }
}

/// At the start of the only hub nobody works at anything.
pub async fn release_jobs(conn: &mut Conn) -> Result<(), sqlx::Error> {
    let sql = "update job set lease_token = null where lease_token is not null";
    query(sql, []).execute(conn).await.map(drop)
}
