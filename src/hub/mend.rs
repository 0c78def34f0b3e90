//! What operators do about what went wrong: releasing quarantine under today's rules, and seeing
//! first what an erasure would destroy.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::replay::ReplayError;
use super::{Hub, clock};
use crate::journal::{
    Decision, JournalError, QuarantineEntry, QuarantineFilter, QuarantineId, QuarantineOrder,
};
use crate::message::{Fault, PartnerId};
use crate::pipeline::{Incoming, admit};
use crate::transport::{Channel, Delivery, Inlet as _, Outcome, Verdict};

/// Entries read at a time.
const PAGE: i64 = 500;

/// Why an entry was not released; it stays open.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("the hub does not take the document in")]
    NotTaken(Box<Outcome>),
    #[error("today's rules still give this recipient nothing")]
    StillNothing,
    #[error("this entry was settled before")]
    Settled,
    #[error("its sender may not exchange now")]
    Barred,
    #[error("its bytes were not kept")]
    NoDocument,
}

impl From<JournalError> for ReleaseError {
    fn from(error: JournalError) -> Self {
        Self::Replay(error.into())
    }
}

impl Hub {
    /// An entry of quarantine without its document, which may be erased.
    pub(super) async fn quarantine_entry(&self, id: Uuid) -> Result<QuarantineEntry, JournalError> {
        let mut filter = QuarantineFilter { limit: PAGE, ..QuarantineFilter::default() };
        loop {
            let page = self.journal.quarantine(&filter).await?;
            let Some(last) = page.last() else { return Err(JournalError::NotFound) };
            filter.after = last.seq;
            if let Some(entry) = page.into_iter().find(|entry| entry.id == QuarantineId(id)) {
                return Ok(entry);
            }
        }
    }

    /// Sends what lies in quarantine down the road again, and marks it as dealt with only when
    /// that worked.
    pub(super) async fn release(&self, order: QuarantineOrder) -> Result<Value, ReleaseError> {
        let entry = self.quarantine_entry(order.id.0).await?;
        if entry.state != "open" {
            return Err(ReleaseError::Settled);
        }
        let told = match (&entry.message, &entry.partner) {
            // The journal queues a parcel again itself.
            _ if entry.parcel.is_some() => json!({ "gevolg": "in-de-rij" }),
            (None, Some(partner)) if entry.direction == "inkomend" => {
                self.take_in_again(&entry, partner).await?
            }
            (Some(message), partner) => self.send_again(*message, partner.as_ref()).await?,
            (None, _) => json!({ "gevolg": "gemarkeerd" }),
        };
        let (id, decision) = (order.id, Decision::Release);
        let order = QuarantineOrder { decision, ..order };
        self.journal.decide_quarantine(order, clock::now()).await?;
        self.new_mail();
        let mut told = told;
        if let Some(object) = told.as_object_mut() {
            object.insert("id".to_owned(), json!(id));
            object.insert("afgehandeld".to_owned(), Value::Bool(true));
        }
        Ok(told)
    }

    async fn take_in_again(
        &self,
        entry: &QuarantineEntry,
        partner: &PartnerId,
    ) -> Result<Value, ReleaseError> {
        let found = self.journal.quarantined(entry.id).await?;
        let bytes = found.bytes.ok_or(ReleaseError::NoDocument)?;
        let active = self.active();
        let sender = self.entitled(&active, partner).map_err(|fault| match fault {
            Fault::Geschorst => ReleaseError::Barred,
            _ => ReplayError::UnknownSender.into(),
        })?;
        let incoming = Incoming {
            partner: sender,
            media_type: entry.media_type.as_deref(),
            bytes: &bytes,
            received: clock::now(),
        };
        // Looked at first, so that a document that is still wrong makes no second entry.
        admit(&active.catalogue, &incoming).map_err(ReplayError::Refused)?;
        let outcome = self
            .receive(Delivery {
                partner: partner.clone(),
                // As a file, it is answered in the hub's own words.
                channel: Channel::Files,
                media_type: entry.media_type.clone(),
                bytes,
                place: None,
            })
            .await;
        match (outcome.verdict, outcome.follow) {
            (Verdict::Accepted, Some(id)) => {
                Ok(json!({ "gevolg": "opnieuw-aangenomen", "bericht": id }))
            }
            _ => Err(ReleaseError::NotTaken(Box::new(outcome))),
        }
    }

    async fn send_again(
        &self,
        message: Uuid,
        partner: Option<&PartnerId>,
    ) -> Result<Value, ReleaseError> {
        let only: BTreeSet<PartnerId> = partner.into_iter().cloned().collect();
        let preview = self.replay_preview(message, &only).await?;
        let something = preview.get("zendingen").and_then(Value::as_array);
        if something.is_none_or(Vec::is_empty) {
            return Err(ReleaseError::StillNothing);
        }
        let done = self.replay(message, only).await?;
        Ok(json!({ "gevolg": "opnieuw-verdeeld", "bericht": done.get("bericht") }))
    }

    /// What an erasure would destroy: the messages of a whole case, or a refused document.
    pub(super) async fn erase_preview(&self, id: Uuid) -> Result<Value, JournalError> {
        let now = clock::now();
        match self.journal.trace(id, now).await {
            Ok(trace) => {
                let mut traces = Vec::new();
                for message in self.journal.case_messages(&trace.message.case_number).await? {
                    traces.push(self.journal.trace(message.public_id.into(), now).await?);
                }
                Ok(json!({ "berichten": traces, "uitval": null }))
            }
            Err(JournalError::NotFound) => {
                let entry = self.quarantine_entry(id).await?;
                Ok(json!({ "berichten": [], "uitval": entry }))
            }
            Err(error) => Err(error),
        }
    }
}
