//! Following the other hubs over the same journal: which set is active, who may come in, whether
//! there is mail.

use super::active::{SetError, recall};
use super::{Hub, chain, clock};
use crate::message::Digest;

/// What a hub remembers between two looks.
#[derive(Debug, Default)]
pub struct Follower {
    /// The set that could not be taken over, so that it is said once.
    refused: Option<Digest>,
}

impl Follower {
    /// One look. What fails is tried again at the next.
    pub async fn step(&mut self, hub: &Hub) {
        if let Err(error) = hub.directory.forget(&hub.journal).await {
            tracing::warn!(error = %chain(&error), "what other hubs changed is not known");
            return;
        }
        if let Err(error) = hub.journal.beat(clock::now()).await {
            tracing::warn!(error = %chain(&error), "this hub could not show that it is there");
        }
        // Another hub may have put something in any mailbox, or made room in a lane.
        hub.new_mail();
        if let Err(error) = self.follow_set(hub).await {
            tracing::warn!(error = %chain(&error), "which set is active is not known");
        }
    }

    /// Takes over the set that was activated at another hub. One that this hub cannot read, say
    /// because it is older than the hub that activated it, leaves it under the set it had.
    async fn follow_set(&mut self, hub: &Hub) -> Result<(), SetError> {
        let Some(row) = hub.journal.current_activation().await? else { return Ok(()) };
        let (wanted, present) = (row.catalogue, hub.active().catalogue.digest());
        if wanted == present || self.refused == Some(wanted) {
            return Ok(());
        }
        match recall(&hub.journal, wanted).await {
            Ok((catalogue, _)) => {
                self.refused = None;
                hub.take_over(catalogue);
                Ok(())
            }
            Err(error @ SetError::Journal(_)) => Err(error),
            Err(error) => {
                self.refused = Some(wanted);
                tracing::error!(
                    catalogue.digest = %wanted, catalogue.present = %present,
                    error = %chain(&error),
                    "THE ACTIVE SET CANNOT BE READ HERE: this hub goes on under the set before"
                );
                Ok(())
            }
        }
    }
}
