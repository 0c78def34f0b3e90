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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::fixture::{at, catalogue, files, partner_id};
    use crate::message::{CaseNumber, RoleStatement, Usage};

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn detail(glass: Option<&str>) -> ParcelDetail {
        ParcelDetail {
            role: RoleStatement {
                zending: uuid::Uuid::nil().into(),
                casus: CaseNumber::from_random([1; 12]),
                gebruik: Usage::Echt,
                bericht: "signaal-gemeld.v1".to_owned(),
                rol: "uitvoeren".to_owned(),
                gevraagd: None,
                uiterlijk: None,
                doelbinding: Vec::new(),
                bewaren_dagen: 30,
                vervangt: None,
                voorganger_ontbreekt: false,
                opgesteld: at(NOW).into(),
            },
            purposes: vec!["doel".parse().unwrap()],
            route: None,
            withheld: Vec::new(),
            glass: glass.map(at),
        }
    }

    #[test]
    fn what_went_under_a_glass_is_looked_at_again_when_that_has_ended() {
        let set = catalogue(&files());
        let to = partner_id("corporatie-1");
        let looked = |glass, made_under| {
            let suspended = BTreeSet::new();
            look(&set, &suspended, &to, &detail(glass), made_under, false, at(NOW))
        };
        assert_eq!(looked(None, set.digest()), Look::Go);
        assert_eq!(looked(Some("2026-11-23T12:00:01Z"), set.digest()), Look::Go);
        assert_eq!(looked(Some(NOW), set.digest()), Look::Anew, "its moment has come");
        assert_eq!(looked(Some("2026-11-23T09:00:00Z"), set.digest()), Look::Anew);
        let ended_earlier = looked(Some("2026-11-23T12:30:00Z"), Digest([0; 32]));
        assert_eq!(ended_earlier, Look::Anew, "somebody ended it, whatever the clock says");
    }
}
