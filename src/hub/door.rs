//! What is turned away before it is read: from who may not exchange, or too large to be read.
//! Nothing bad disappears, so it gets its entry in quarantine all the same.

use super::active::Active;
use super::inlet::{refusal_told, refuse, unavailable, unwritable};
use super::{Hub, clock};
use crate::catalogue::partner::Partner;
use crate::journal::TurnedAway;
use crate::message::{Fault, PartnerId, Refusal};
use crate::transport::{
    Channel, DOCUMENT_BYTES_MAX, Delivery, KEPT_BYTES_MAX, NotKept, Outcome, Problem, TooLarge,
};

/// A message as it came, with why it goes no further.
struct Turned {
    partner: PartnerId,
    channel: Channel,
    media_type: Option<String>,
    bytes: Option<Vec<u8>>,
    refusal: Refusal,
}

impl Hub {
    /// A partner that may exchange now, or why it may not.
    pub(super) fn entitled<'a>(
        &self,
        active: &'a Active,
        partner: &PartnerId,
    ) -> Result<&'a Partner, Fault> {
        let known = active.catalogue.partner(partner).ok_or(Fault::OnbekendePartner)?;
        if self.suspended().contains(partner) { Err(Fault::Geschorst) } else { Ok(known) }
    }

    /// Refuses the message of a partner that may not exchange.
    pub(super) async fn bar(&self, active: &Active, delivery: Delivery, fault: Fault) -> Outcome {
        let Delivery { partner, channel, media_type, bytes, place: _ } = delivery;
        let (bytes, refusal) = (Some(bytes), barred_refusal(fault));
        self.turn_away(active, Turned { partner, channel, media_type, bytes, refusal }).await
    }

    /// Refuses a document that was too large to be read.
    pub(super) async fn refuse_unread(&self, notice: TooLarge) -> Outcome {
        if let Some(closed) = self.while_closed() {
            return closed;
        }
        let active = self.active();
        let TooLarge { partner, channel, media_type, size_bytes, why } = notice;
        let refusal = match self.entitled(&active, &partner) {
            Err(fault) => barred_refusal(fault),
            Ok(_) => too_large(size_bytes, why),
        };
        self.turn_away(&active, Turned { partner, channel, media_type, bytes: None, refusal }).await
    }

    /// Keeps what a broker gave up: it is looked at by a person, not processed.
    pub(super) async fn refuse_given_up(
        &self,
        partner: PartnerId,
        media_type: Option<String>,
        bytes: Vec<u8>,
        refusal: Refusal,
    ) -> Outcome {
        let (active, channel, bytes) = (self.active(), Channel::Amqp, Some(bytes));
        self.turn_away(&active, Turned { partner, channel, media_type, bytes, refusal }).await
    }

    async fn turn_away(&self, active: &Active, turned: Turned) -> Outcome {
        let Turned { partner, channel, media_type, bytes, refusal } = turned;
        let (at, fault) = (clock::now(), refusal.fault);
        let barred = matches!(fault, Fault::Geschorst | Fault::OnbekendePartner);
        let kept = self
            .journal
            .turn_away(TurnedAway {
                partner: partner.clone(),
                channel: channel.as_str(),
                media_type,
                at,
                catalogue: active.catalogue.digest(),
                refusal: refusal.clone(),
                bytes,
                barred,
            })
            .await;
        let kept = match kept {
            Ok(Some(kept)) => kept,
            Ok(None) => {
                tracing::warn!(partner.id = %partner, fault = fault.code(),
                    "message refused and not kept: this partner may not exchange, and has as much \
                     in quarantine as it may");
                return Outcome::problem(&Problem::of_refusal(&refusal));
            }
            Err(error) => return unavailable(unwritable(&partner, &error)).0,
        };
        tracing::warn!(partner.id = %partner, fault = fault.code(),
            quarantine.id = %kept.quarantine, bytes_kept = kept.proof.is_some(), "message refused");
        match active.catalogue.partner(&partner) {
            Some(partner) if !barred => {
                refuse(active, partner, &refusal, kept, None, at, channel == Channel::Http).0
            }
            // In the hub's own words: to who may not exchange it speaks no other.
            _ => refusal_told(&refusal, kept).1,
        }
    }
}

fn barred_refusal(fault: Fault) -> Refusal {
    let en = "You may not exchange messages now; nothing of it was processed.";
    Refusal::one(fault, "", fault.code(), fault.title(), en)
}

/// Says what is known of a document whose bytes are not: sizes are no content.
fn too_large(size_bytes: Option<u64>, why: NotKept) -> Refusal {
    let (size_nl, size_en) = match size_bytes {
        Some(size) => (format!("Het document is {size} bytes."), format!("It has {size} bytes.")),
        None => {
            ("De omvang is niet vooraf genoemd.".to_owned(), "No size was declared.".to_owned())
        }
    };
    let (why_nl, why_en) = match why {
        NotKept::OverBound => (
            format!("Boven {KEPT_BYTES_MAX} bytes wordt niets gelezen of bewaard."),
            format!("Above {KEPT_BYTES_MAX} bytes nothing is read or kept."),
        ),
        NotKept::NoPlace => (
            format!("Boven {DOCUMENT_BYTES_MAX} bytes was nu geen plaats om het te bewaren."),
            format!("Above {DOCUMENT_BYTES_MAX} bytes there was no place to keep it now."),
        ),
    };
    let (nl, en) = (format!("{size_nl} {why_nl}"), format!("{size_en} {why_en}"));
    Refusal::one(Fault::TeGroot, "", "te-groot", &nl, &en)
}
