//! The items of a job: claimed by who holds its lease, settled together with what is done to them.

use uuid::Uuid;

use super::Job;
use crate::journal::JournalError;
use crate::journal::sql::query;
use crate::journal::unit::Unit;
use crate::message::{ItemOutcome, JobState, Timestamp};

/// The right to deal with one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemClaim {
    job: i64,
    nr: i64,
    token: Uuid,
}

impl ItemClaim {
    pub const fn new(job: &Job, nr: i64, token: Uuid) -> Self {
        Self { job: job.seq, nr, token }
    }
}

/// What was done to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub outcome: ItemOutcome,
    /// A code; never text of people or of a document.
    pub reason: Option<String>,
    /// Parcels that went again as they were, that were replaced, and that are new.
    pub same: usize,
    pub changed: usize,
    pub added: usize,
    /// Recipients for whom no parcel could be made.
    pub failed: usize,
}

impl Done {
    pub const fn plain(outcome: ItemOutcome) -> Self {
        Self { outcome, reason: None, same: 0, changed: 0, added: 0, failed: 0 }
    }

    pub fn because(outcome: ItemOutcome, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::plain(outcome) }
    }
}

const OPEN: &str = "select j.state, j.lease_token, i.outcome
    from job_item i join job j on j.seq = i.job_seq where i.job_seq = $1 and i.nr = $2";
/// The same among other hubs: one that was thought to be gone may be at the same item.
const OPEN_SHARED: &str = "select j.state, j.lease_token, i.outcome
    from job_item i join job j on j.seq = i.job_seq where i.job_seq = $1 and i.nr = $2
    for no key update of i";

impl Unit<'_> {
    /// Holds that an item may be dealt with now by who claims it; before anything is written.
    pub async fn item_is_open(&mut self, claim: ItemClaim) -> Result<(), JournalError> {
        let sql = if self.conn.is_postgres() { OPEN_SHARED } else { OPEN };
        let row = query(sql, [claim.job.into(), claim.nr.into()]);
        let row = row.fetch_optional(&mut *self.conn).await?.ok_or(JournalError::NotFound)?;
        let runs = row.text("state")? == JobState::Loopt.as_str();
        let mine = row.maybe_uuid("lease_token")? == Some(claim.token);
        let open = row.maybe_text("outcome")?.is_none();
        if runs && mine && open { Ok(()) } else { Err(JournalError::StaleLease) }
    }

    /// Gives an item its outcome, once.
    pub async fn close_item(
        &mut self,
        claim: ItemClaim,
        done: &Done,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let sql = "update job_item set outcome = $3, reason = $4, same = $5, changed = $6,
                added = $7, failed = $8, at = $9
            where job_seq = $1 and nr = $2 and outcome is null";
        let cells = [
            claim.job.into(),
            claim.nr.into(),
            done.outcome.as_str().into(),
            done.reason.clone().into(),
            number(done.same).into(),
            number(done.changed).into(),
            number(done.added).into(),
            number(done.failed).into(),
            now.into(),
        ];
        match query(sql, cells).execute(&mut *self.conn).await? {
            1 => Ok(()),
            // The row was looked at under its lock, so this is a fault of the store.
            _ => Err(JournalError::Unreadable("an item of a job")),
        }
    }

    /// Notes the outcome of an item to which nothing was done.
    pub(super) async fn settle_item(
        &mut self,
        claim: ItemClaim,
        done: &Done,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        self.item_is_open(claim).await?;
        self.close_item(claim, done, now).await
    }
}
