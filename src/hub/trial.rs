//! A real test message to one partner: an example of the municipality's own that says of itself
//! that it is a test, in the journal like any other, and for nobody else.

use serde_json::{Value, json};
use std::sync::Arc;

use super::active::{SetError, kept_files, rules_to};
use super::{Hub, clock};
use crate::catalogue::partner::Partner;
use crate::journal::{JournalError, PartnerOrder, Received, Submission};
use crate::message::{Digest, Entropy};
use crate::pipeline::examples::rehearse::{reaches, test_message};

/// Why no test message goes.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    #[error(transparent)]
    Set(#[from] SetError),
    #[error("the municipality has no example that says that it is a test")]
    NoExample,
    #[error("the partner is suspended")]
    Suspended,
    #[error("the partner would get nothing of it: {0}")]
    Nothing(&'static str),
}

impl From<JournalError> for TestError {
    fn from(error: JournalError) -> Self {
        Self::Set(error.into())
    }
}

impl Hub {
    /// Sends it. Who does and why is written down first.
    pub(super) async fn send_test(
        &self,
        partner: &Partner,
        (by, why): (String, String),
    ) -> Result<Value, TestError> {
        let active = self.active();
        let catalogue = &active.catalogue;
        if self.suspended().contains(&partner.id) {
            return Err(TestError::Suspended);
        }
        let files = kept_files(&self.journal, catalogue.digest()).await?;
        let seed = clock::random().map_err(|_| JournalError::Sealing)?;
        let now = clock::now();
        // Eight signs are enough: the number has to be new, not a secret.
        let fresh = Digest::of(&[&seed]).to_string();
        let fresh = fresh.get(..8).unwrap_or_default();
        let message = test_message(catalogue, &files, (&partner.id, fresh), now);
        let message = message.ok_or(TestError::NoExample)?;
        let entropy = &mut Entropy::new(seed);
        reaches(catalogue, &message, &partner.id, now, entropy).map_err(TestError::Nothing)?;
        let order = PartnerOrder::Test { partner: partner.id.clone(), by, why };
        self.journal.partner_order(order, now).await?;
        let received = self
            .journal
            .receive(Submission {
                rules: Arc::new(rules_to(catalogue, partner.id.clone())),
                partner: message.sender,
                channel: "proef",
                media_type: None,
                bytes: message.bytes,
                at: now,
                verdict: Ok(message.admitted),
                seed: clock::random().map_err(|_| JournalError::Sealing)?,
                held: None,
            })
            .await?;
        let Received::Accepted(accepted) = received else { return Err(TestError::NoExample) };
        self.new_mail();
        tracing::info!(partner.id = %partner.id, message.public_id = %accepted.public_id,
            "a test message was sent");
        Ok(json!({
            "partner": partner.id,
            "bericht": accepted.public_id,
            "casus": accepted.case_number,
            "zendingen": accepted.parcels,
        }))
    }
}
