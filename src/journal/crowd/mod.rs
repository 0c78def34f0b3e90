//! Jobs (*klussen*): what an operator decided about a crowd of messages or entries of quarantine,
//! written down item by item before any is touched, and carried out at a rate by one hub at a time.
//!
//! An item gets its outcome in the transaction of its effect, so whoever goes on after a crash
//! finds it open with nothing done, or done. What is done to an item is the hub's to decide.

mod change;
mod filter;
mod gather;
mod items;
mod select;
mod views;

use uuid::Uuid;

pub use self::filter::{BadFilter, CrowdFilter, RECIPIENTS_MAX};
pub use self::gather::Gathered;
pub use self::items::{Done as ItemDone, ItemClaim};
pub use self::select::{CrowdCount, Cursor, Found};
pub use self::views::{EventView, ItemView, JobView, Progress, ReasonCount};

pub(super) use self::change::{event_outcome, release_jobs};
#[cfg(test)]
pub(super) use self::select::{Want, page_sql};
#[cfg(test)]
pub(super) use self::views::OPEN_ITEMS;

use super::order::{Done, Order};
use super::{Journal, JournalError};
use crate::message::{JobChange, JobKind, JobState, Timestamp};

/// Jobs at a time that are not over.
pub const JOBS_MAX: usize = 8;

/// Items written down in one transaction.
pub const GATHER_MAX: usize = 500;

/// Who has an item in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub job: Uuid,
    pub by: String,
    pub since: Timestamp,
}

/// A job that somebody wants done.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub filter: CrowdFilter,
    /// Items a second.
    pub rate: u32,
    pub by: String,
    pub why: String,
}

/// A job as who works at it needs it.
#[derive(Debug, Clone)]
pub struct Job {
    pub(super) seq: i64,
    pub id: Uuid,
    pub kind: JobKind,
    pub filter: CrowdFilter,
    pub rate: u32,
    pub by: String,
    pub why: String,
    pub state: JobState,
    /// How far its items were written down.
    pub cursor: Cursor,
}

/// An item whose turn it is.
#[derive(Debug, Clone, Copy)]
pub struct JobItem {
    pub nr: i64,
    /// A message, or an entry of quarantine.
    pub target: Uuid,
}

/// An order about a job.
#[derive(Debug)]
pub(super) enum JobOrder {
    Make(NewJob),
    Gather {
        job: i64,
        after: Cursor,
        found: Vec<Found>,
        last: bool,
    },
    /// A hub wants to work at it, or goes on doing so.
    Take {
        job: i64,
        token: Option<Uuid>,
    },
    /// A hub stops working.
    Leave {
        token: Uuid,
    },
    Settle {
        claim: ItemClaim,
        done: ItemDone,
    },
    Change {
        id: Uuid,
        change: JobChange,
        by: String,
        why: String,
    },
    /// Every item has its outcome.
    Finish {
        job: i64,
        token: Uuid,
    },
}

/// What became of such an order.
#[derive(Debug)]
pub(super) enum JobDone {
    Made(Uuid),
    Gathered(Gathered),
    Taken(Option<Uuid>),
    Changed(JobState),
    Done,
}

impl Journal {
    /// Writes a job down; its items are gathered next.
    pub async fn make_job(&self, job: NewJob, now: Timestamp) -> Result<Uuid, JournalError> {
        match self.job_order(JobOrder::Make(job), now).await? {
            JobDone::Made(id) => Ok(id),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Writes down the next items of a job that is being gathered; with the last of them it runs.
    /// Answers `StaleLease` where somebody else did so meanwhile.
    pub async fn gather(&self, job: &Job, now: Timestamp) -> Result<Gathered, JournalError> {
        let found = self.crowd_page(&job.filter, job.cursor, GATHER_MAX).await?;
        let last = found.len() < GATHER_MAX;
        let order = JobOrder::Gather { job: job.seq, after: job.cursor, found, last };
        match self.job_order(order, now).await? {
            JobDone::Gathered(gathered) => Ok(gathered),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Takes or keeps the lease of a job; `None` where another hub works at it.
    pub async fn take_job(
        &self,
        job: &Job,
        token: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Option<Uuid>, JournalError> {
        match self.job_order(JobOrder::Take { job: job.seq, token }, now).await? {
            JobDone::Taken(token) => Ok(token),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Ends a lease, so that another hub may go on.
    pub async fn leave_job(&self, token: Uuid, now: Timestamp) -> Result<(), JournalError> {
        self.job_order(JobOrder::Leave { token }, now).await.map(drop)
    }

    /// Notes the outcome of an item to which nothing was done.
    pub async fn settle_item(
        &self,
        claim: ItemClaim,
        done: ItemDone,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        self.job_order(JobOrder::Settle { claim, done }, now).await.map(drop)
    }

    /// Pauses, resumes or cancels a job.
    pub async fn change_job(
        &self,
        id: Uuid,
        change: JobChange,
        (by, why): (String, String),
        now: Timestamp,
    ) -> Result<JobState, JournalError> {
        match self.job_order(JobOrder::Change { id, change, by, why }, now).await? {
            JobDone::Changed(state) => Ok(state),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Ends a job of which no item is left; `StaleLease` where one is.
    pub async fn finish_job(
        &self,
        job: &Job,
        token: Uuid,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        self.job_order(JobOrder::Finish { job: job.seq, token }, now).await.map(drop)
    }

    async fn job_order(&self, order: JobOrder, now: Timestamp) -> Result<JobDone, JournalError> {
        match self.ask(Order::Job { order: Box::new(order), now }).await? {
            Done::Job(done) => Ok(done),
            _ => Err(JournalError::Stopped),
        }
    }
}
