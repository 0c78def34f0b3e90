//! What a recipient gets of what is in a case already, once a glass was broken for it.

use super::dispatch::{Job, got_before, redispatch};
use super::parcel::{Admitted, Failure, Parcel};
use super::view::minimise_for;
use crate::catalogue::Catalogue;
use crate::message::{CaseState, Entropy, ParcelId, PartnerId, Timestamp};

/// What the recipient has of the same message.
#[derive(Debug, Clone, Copy)]
pub struct Had<'a> {
    pub id: ParcelId,
    pub made_at: Timestamp,
    pub bytes: &'a [u8],
}

/// What a broken glass gives of one message.
#[derive(Debug)]
pub enum Widened {
    /// No purpose that was woken concerns it.
    Nothing,
    /// The recipient has it already.
    Same,
    Parcel(Box<Parcel>),
}

/// The parcel of a message for whom the glass was broken in its case, unless it has as much.
pub fn widen(
    catalogue: &Catalogue,
    admitted: &Admitted,
    case: &CaseState,
    (recipient, had): (&PartnerId, Option<Had<'_>>),
    now: Timestamp,
    entropy: &mut Entropy,
) -> Result<Widened, Failure> {
    let message = admitted.message();
    let parties = catalogue.partner(&message.sender).zip(catalogue.partner(recipient));
    let Some((sender, recipient)) = parties.filter(|(from, to)| from.id != to.id) else {
        return Ok(Widened::Nothing);
    };
    let view = minimise_for(catalogue, message, sender, recipient, case, now);
    let Some((view, woken)) = view.and_then(|view| view.glass.map(|woken| (view, woken))) else {
        return Ok(Widened::Nothing);
    };
    if let Some(had) = had {
        // What it got without a glass may have been corrected since, which it was told as well: it
        // is enough that the glass adds nothing.
        let plain = CaseState { glasses: Vec::new(), ..case.clone() };
        let usual = minimise_for(catalogue, message, sender, recipient, &plain, now);
        let adds = usual.is_none_or(|usual| usual.minimised.data != view.minimised.data);
        let id = (had.id, had.made_at);
        let again = redispatch(catalogue, admitted, case, &recipient.id, id, now)?;
        if !adds || again.is_some_and(|again| again.bytes == had.bytes) {
            return Ok(Widened::Same);
        }
    }
    let (usage, kind) = (message.usage, &message.kind);
    let earlier = got_before(case, message, &recipient.id);
    let job = Job { catalogue, recipient, case, now, usage, kind, earlier };
    let made = job.parcel(entropy.parcel_id(), view.data(), view.role())?;
    Ok(Widened::Parcel(Box::new(Parcel {
        glass: Some(woken.until),
        withheld: view.minimised.withheld(),
        purposes: view.minimised.purposes,
        urgent: message.urgent,
        ..made
    })))
}

#[cfg(test)]
mod tests;
