//! What operators do about what went wrong: releasing quarantine under today's rules, and seeing
//! first what an erasure would destroy.

use serde_json::{Value, json};
use uuid::Uuid;

use super::replay::ReplayError;
use super::{Hub, clock};
use crate::journal::{
    ASKED, JournalError, ParcelState, QuarantineEntry, QuarantineId, QuarantineOrder, Settles,
};
use crate::message::{Fault, PartnerId};
use crate::pipeline::{Incoming, admit};
use crate::transport::{Channel, Delivery, Inlet as _, Outcome, Verdict};

/// Why an entry was not released; it stays open.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("the hub does not take the document in")]
    NotTaken(Box<Outcome>),
    #[error("today's rules still give this recipient nothing: {0}")]
    StillNothing(String),
    #[error("this entry was settled before")]
    Settled,
    #[error("its sender may not exchange now")]
    Barred,
    #[error("its bytes were not kept")]
    NoDocument,
}

/// What releasing an entry comes to.
pub(super) enum Way {
    /// A document that was refused is taken in as if it came today.
    TakeIn(PartnerId),
    /// A message is dispatched anew, for a recipient or for all.
    Send(Uuid, Option<PartnerId>),
    /// Its parcel goes as it is.
    Queue,
    /// There is nothing to send.
    Mark,
}

impl From<JournalError> for ReleaseError {
    fn from(error: JournalError) -> Self {
        Self::Replay(error.into())
    }
}

impl Hub {
    /// Sends what lies in quarantine down the road again, and marks it as dealt with only when
    /// that worked.
    pub(super) async fn release(&self, order: QuarantineOrder) -> Result<Value, ReleaseError> {
        let entry = self.journal.quarantine_entry(order.id).await?;
        if entry.state != "open" {
            return Err(ReleaseError::Settled);
        }
        let id = order.id;
        let mut told = match self.way_of(&entry).await? {
            Way::TakeIn(partner) => {
                let told = self.take_in_again(&entry, &partner).await?;
                self.decide(order).await?;
                told
            }
            Way::Send(message, recipient) => self.send_again(order, message, recipient).await?,
            // The journal queues a parcel again itself.
            Way::Queue => {
                self.decide(order).await?;
                json!({ "gevolg": "in-de-rij" })
            }
            Way::Mark => {
                self.decide(order).await?;
                json!({ "gevolg": "gemarkeerd" })
            }
        };
        if let Some(object) = told.as_object_mut() {
            object.insert("id".to_owned(), json!(id));
            object.insert("afgehandeld".to_owned(), Value::Bool(true));
        }
        Ok(told)
    }

    /// Notes a decision; a parcel is queued again or dropped by it.
    pub(super) async fn decide(&self, order: QuarantineOrder) -> Result<(), JournalError> {
        self.journal.decide_quarantine(order, clock::now()).await?;
        self.new_mail();
        Ok(())
    }

    /// What releasing an entry comes to.
    pub(super) async fn way_of(&self, entry: &QuarantineEntry) -> Result<Way, JournalError> {
        if entry.reason == ASKED {
            return Ok(Way::Mark); // what it asked to hold has entries of its own
        }
        let Some(parcel) = entry.parcel else {
            return Ok(match (entry.message, &entry.partner) {
                (None, Some(partner)) if entry.direction == "inkomend" => {
                    Way::TakeIn(partner.clone())
                }
                (Some(message), partner) => Way::Send(message, partner.clone()),
                (None, _) => Way::Mark,
            });
        };
        let parcel = self.journal.parcel(parcel.into(), clock::now()).await?;
        let held = parcel.view.state == ParcelState::Uitval;
        let of_today = parcel.view.catalogue == self.active().catalogue.digest();
        // What was made under another set is made anew here and not by the deliverer, so that who
        // releases it hears at once where nothing comes of it. Answers are never made anew.
        if held && !of_today && !parcel.view.answer {
            let recipient = parcel.view.recipient;
            return Ok(Way::Send(parcel.message.into(), Some(recipient)));
        }
        Ok(Way::Queue)
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

    /// Dispatches a message anew for the recipient of an entry, which is settled with it.
    async fn send_again(
        &self,
        order: QuarantineOrder,
        message: Uuid,
        recipient: Option<PartnerId>,
    ) -> Result<Value, ReleaseError> {
        let remade = self.remake(message, recipient.into_iter().collect()).await?;
        if let Some(reason) = remade.nothing() {
            return Err(ReleaseError::StillNothing(reason));
        }
        let id = remade.trace.message.public_id;
        let item = order.item;
        let settles = Settles { item, entry: Some(order), ..Settles::default() };
        self.send_remade(remade, settles).await?;
        Ok(json!({ "gevolg": "opnieuw-verdeeld", "bericht": id }))
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
                let entry = self.journal.quarantine_entry(QuarantineId(id)).await?;
                Ok(json!({ "berichten": [], "uitval": entry }))
            }
            Err(error) => Err(error),
        }
    }
}
