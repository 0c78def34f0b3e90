//! Whether the journal can be written now. Each commit shows it; where there is nothing to
//! commit, or the last one failed, a small row is written to find out.

use std::sync::atomic::{AtomicBool, Ordering};

use super::sql::query;
use super::unit::Unit;
use super::{Journal, JournalError};
use crate::message::Timestamp;

/// A hub without traffic finds out this often.
const PROBE_EVERY_US: u64 = 5_000_000;

/// What the last commit showed, for whoever asks.
#[derive(Debug)]
pub(super) struct Health(AtomicBool);

impl Default for Health {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Health {
    pub fn works(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// After a commit, which had a probe in it if the one before it failed.
    pub fn committed(&self) {
        if !self.0.swap(true, Ordering::SeqCst) {
            tracing::info!("the journal can be written again");
        }
    }

    /// After a failure, unless an order alone was at fault.
    pub fn failed(&self, error: &JournalError) {
        if !error.concerns_order_only() && !error.may_be_one_order() {
            self.0.store(false, Ordering::SeqCst);
        }
    }
}

/// When a group must show that something can be written.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// Something was committed over these connections.
    proven: bool,
    at: Option<Timestamp>,
}

impl Probes {
    /// `tick`: the moment of a regular step, where the group has one.
    pub fn due(&self, tick: Option<Timestamp>) -> bool {
        let old = |now: Timestamp| {
            let since = |at: Timestamp| now.as_micros().abs_diff(at.as_micros());
            self.at.is_none_or(|at| since(at) >= PROBE_EVERY_US)
        };
        !self.proven || tick.is_some_and(old)
    }

    pub fn passed(&mut self, tick: Option<Timestamp>) {
        self.proven = true;
        self.at = tick.or(self.at);
    }
}

impl Unit<'_> {
    pub async fn probe(&mut self, tick: Option<Timestamp>) -> Result<(), JournalError> {
        let sql = "insert into meta (name, value) values ('schrijfproef', $1)
            on conflict (name) do update set value = excluded.value";
        let moment = tick.map_or(0, Timestamp::as_micros).to_be_bytes().to_vec();
        query(sql, [moment.into()]).execute(&mut *self.conn).await?;
        Ok(())
    }
}

impl Journal {
    /// Whether orders are carried out: the writer runs and has room, and the disk takes writes.
    pub fn writable(&self) -> bool {
        !self.queue.is_closed() && self.queue.capacity() > 0 && self.health.works()
    }
}
