//! Working at jobs: one hub at a time has the lease of a job, and does so many items a second.
//!
//! Items go one by one through the same queue as live traffic, and none goes while that queue is
//! long. A pause, a cancelling or another hub's lease is noticed by the very next item.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::{Hub, chain, clock};
use crate::journal::{Gathered, Job, JournalError};
use crate::message::{BATCH_MOST, JobState, Pace};

/// How long a worker rests between two looks.
const REST: Duration = Duration::from_millis(100);
/// The same where no job runs.
const REST_IDLE: Duration = Duration::from_millis(500);

/// What a step found to do.
enum Busy {
    Idle,
    InTime,
    /// At this rate the next items may go at once.
    Behind,
}

/// What a hub remembers of the jobs that it works at.
#[derive(Default)]
pub struct Worker {
    at: HashMap<Uuid, AtWork>,
}

/// A job whose lease this hub has.
#[derive(Clone, Copy)]
struct AtWork {
    token: Uuid,
    pace: Pace,
    /// Every item up to this number has its outcome.
    after: i64,
}

impl Worker {
    /// A bounded part of every job that this hub works at, or takes on, as long as it need not
    /// stop. Answers how long to rest.
    pub async fn step(&mut self, hub: &Hub, stop: impl Fn() -> bool) -> Duration {
        if hub.is_closed() {
            return REST_IDLE;
        }
        if hub.has_no_room() {
            return REST;
        }
        match self.try_step(hub, &stop).await {
            Ok(Busy::Idle) => REST_IDLE,
            Ok(Busy::InTime) => REST,
            Ok(Busy::Behind) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "jobs wait");
                REST_IDLE
            }
        }
    }

    async fn try_step(
        &mut self,
        hub: &Hub,
        stop: &impl Fn() -> bool,
    ) -> Result<Busy, JournalError> {
        let jobs = hub.journal.jobs_to_do().await?;
        self.at.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        let mut busy = if jobs.is_empty() { Busy::Idle } else { Busy::InTime };
        for job in &jobs {
            match self.work(hub, job, stop).await {
                Ok(true) => busy = Busy::Behind,
                Ok(false) => {}
                // Paused, cancelled, another hub's by now, or not where this hub thought it was.
                Err(JournalError::StaleLease | JournalError::Job(_)) => {
                    if let Some(held) = self.at.remove(&job.id) {
                        hub.journal.leave_job(held.token, clock::now()).await?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(busy)
    }

    /// A bounded part of one job; true where more of it may go at once.
    async fn work(
        &mut self,
        hub: &Hub,
        job: &Job,
        stop: &impl Fn() -> bool,
    ) -> Result<bool, JournalError> {
        if job.state == JobState::Verzamelt {
            if let Gathered::Held(holder) = hub.journal.gather(job, clock::now()).await? {
                tracing::warn!(job.id = %job.id, job.holder = %holder.job, "a job overlaps");
            }
            return Ok(true);
        }
        let now = clock::now();
        let held = match self.at.get(&job.id) {
            Some(held) => *held,
            None => match hub.journal.take_job(job, None, now).await? {
                None => return Ok(false),
                Some(token) => {
                    tracing::info!(job.id = %job.id, job.rate = job.rate, "this hub is at a job");
                    AtWork { token, pace: Pace::starting(now), after: 0 }
                }
            },
        };
        let (pace, most) = held.pace.take(now, job.rate);
        let AtWork { token, mut after, .. } = held;
        self.at.insert(job.id, AtWork { pace, ..held });
        if most == 0 {
            return Ok(false);
        }
        let items = hub.journal.open_items(job, after, most).await?;
        if items.is_empty() {
            hub.journal.finish_job(job, token, now).await?;
            tracing::info!(job.id = %job.id, "a job is done");
            return Ok(false);
        }
        for item in items {
            if stop() || hub.has_no_room() {
                return Ok(false);
            }
            hub.work_at(job, item, token).await?;
            after = item.nr;
            self.at.insert(job.id, AtWork { token, pace, after });
        }
        Ok(most == BATCH_MOST)
    }

    /// Gives what it has in hand to the other hubs.
    pub async fn leave(self, hub: &Hub) {
        for AtWork { token, .. } in self.at.into_values() {
            if let Err(error) = hub.journal.leave_job(token, clock::now()).await {
                tracing::warn!(error = %chain(&error), "the lease of a job was not given back");
            }
        }
    }
}
