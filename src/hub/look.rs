//! The look before every attempt: may this parcel still go to this recipient?

use std::collections::BTreeSet;

use crate::catalogue::Catalogue;
use crate::journal::{Look, ParcelDetail};
use crate::message::{Digest, PartnerId, Timestamp};

/// Looks at a parcel that is about to be handed over. `answer` parcels go back to the sender of a
/// message and need no purpose.
pub fn look(
    catalogue: &Catalogue,
    suspended: &BTreeSet<PartnerId>,
    recipient: &PartnerId,
    detail: &ParcelDetail,
    made_under: Digest,
    answer: bool,
    now: Timestamp,
) -> Look {
    if suspended.contains(recipient) {
        return Look::Stop("geschorst");
    }
    if catalogue.partner(recipient).is_none() {
        return Look::Stop("onbekende-ontvanger");
    }
    if answer {
        return Look::Go;
    }
    // The glass it goes under may have ended: then it is dispatched anew, under what is left.
    if detail.glass.is_some_and(|until| until <= now) {
        return Look::Anew;
    }
    let valid = |id| catalogue.purposes.get(id).is_some_and(|purpose| purpose.is_valid(now));
    if !detail.purposes.iter().all(valid) || made_under != catalogue.digest() {
        return Look::Anew;
    }
    Look::Go
}
