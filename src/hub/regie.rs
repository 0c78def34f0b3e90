//! Time in cases: what is due is done, whoever of several hubs comes first.

use super::{Hub, clock};
use crate::journal::JournalError;

/// Cases that the journal does in one go; where it did as many there may be more.
const FULL: u64 = 100;

impl Hub {
    /// Does what is due in cases; true where there may be more.
    pub async fn regie_step(&self) -> Result<bool, JournalError> {
        if self.is_closed() {
            return Ok(false);
        }
        let rules = self.active().rules;
        let count = self.journal.regie_clock(rules, clock::now()).await?;
        if count > 0 {
            tracing::info!(cases = count, "what was due in cases is done");
            self.new_mail();
        }
        Ok(count >= FULL)
    }
}
