//! A set that is not active, over messages that were exchanged: what it would have made of each,
//! against what really became of it. Tells paths and codes, never a value.
//!
//! A message is dispatched at the moment at which it came, and for those who were suspended then
//! again to nobody, so that what differs is the set's doing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::difference::{
    Consequence, Difference, Group, Tally, Today, Turned, Version, add_up, difference, turned,
};
use super::dispatch::{dispatch, redispatch};
use super::parcel::{Admitted, Parcel, Withheld};
use crate::catalogue::Catalogue;
use crate::message::{CaseState, Effect, Entropy, ParcelId, PartnerId, Timestamp};

/// A parcel that went, or was to go.
#[derive(Debug, Clone)]
pub struct Went {
    pub id: ParcelId,
    pub recipient: PartnerId,
    pub made_at: Timestamp,
    pub bytes: Vec<u8>,
    pub withheld: Vec<Withheld>,
    /// Whether it went because a glass was broken, which may have been later.
    pub glass: bool,
}

/// What became of a message.
#[derive(Debug, Clone, Default)]
pub struct Happened {
    /// The parcel that counts, of each recipient.
    pub parcels: Vec<Went>,
    /// Who got nothing, and why.
    pub not_sent: Vec<(Option<PartnerId>, String)>,
}

/// How one recipient fares; none for what concerns nobody in particular.
pub type Fared = (Option<PartnerId>, Difference, Turned);

/// The reason under which a suspended partner got nothing.
const SUSPENDED: &str = "geschorst";

/// What the set makes of a message that it admits.
pub fn shadow(
    catalogue: &Catalogue,
    (admitted, case): (&Admitted, &CaseState),
    happened: &Happened,
    received: Timestamp,
    entropy: &mut Entropy,
) -> Vec<Fared> {
    // What a receipt leads to is decided by the parcel that it is about.
    if admitted.message().effect == Effect::Bevestiging {
        return vec![(None, Difference::plain(Consequence::Zelfde), Turned::default())];
    }
    let of_suspended = happened.not_sent.iter().filter(|(_, reason)| reason == SUSPENDED);
    let suspended: BTreeSet<PartnerId> =
        of_suspended.filter_map(|(recipient, _)| recipient.clone()).collect();
    let made = dispatch(catalogue, admitted, case, &suspended, received, entropy);
    let look = Look { catalogue, admitted, case, happened };
    let mut named = BTreeSet::new();
    let mut all = Vec::new();
    for parcel in &made.parcels {
        named.insert(parcel.recipient.clone());
        all.push(look.parcel(parcel));
    }
    for failure in &made.failures {
        named.insert(failure.recipient.clone());
        let whom = Some(failure.recipient.clone());
        all.push(look.nothing(whom, failure.reason, Today::Failure(failure)));
    }
    for skipped in &made.not_sent {
        named.extend(skipped.recipient.clone());
        let whom = skipped.recipient.clone();
        all.push(look.nothing(whom, skipped.reason, Today::Nothing(skipped.reason)));
    }
    for went in happened.parcels.iter().filter(|went| !named.contains(&went.recipient)) {
        all.push(look.unnamed(went));
    }
    all
}

struct Look<'a> {
    catalogue: &'a Catalogue,
    admitted: &'a Admitted,
    case: &'a CaseState,
    happened: &'a Happened,
}

impl Look<'_> {
    fn went(&self, recipient: &PartnerId) -> Option<&Went> {
        self.happened.parcels.iter().find(|went| went.recipient == *recipient)
    }

    /// The parcel as the set makes it, under the id and moment of the one that went.
    fn again(&self, went: &Went) -> Option<Parcel> {
        let Self { catalogue, admitted, case, .. } = self;
        let before = (went.id, went.made_at);
        redispatch(catalogue, admitted, case, &went.recipient, before, went.made_at).ok()?
    }

    fn parcel(&self, parcel: &Parcel) -> Fared {
        let whom = Some(parcel.recipient.clone());
        let Some(went) = self.went(&parcel.recipient) else {
            return (whom, Difference::plain(Consequence::Nieuw), Turned::default());
        };
        let again = self.again(went);
        self.against(went, again.as_ref().unwrap_or(parcel))
    }

    fn against(&self, went: &Went, now: &Parcel) -> Fared {
        let partner = self.catalogue.partner(&went.recipient);
        let connector = partner.and_then(|partner| self.catalogue.connector_of(partner));
        let sent = Version { bytes: &went.bytes, withheld: &went.withheld };
        let today = Today::Document(Version { bytes: &now.bytes, withheld: &now.withheld });
        let found = difference(connector, Some(sent), today);
        let turned = match found.consequence {
            Consequence::Anders => turned(connector, &went.bytes, &now.bytes),
            _ => Turned::default(),
        };
        (Some(went.recipient.clone()), found, turned)
    }

    /// For whom nothing is made. That it was so, for the same reason, is no difference.
    fn nothing(&self, whom: Option<PartnerId>, reason: &str, today: Today<'_>) -> Fared {
        let as_before = self.happened.not_sent.iter().any(|(r, why)| *r == whom && why == reason);
        let went = whom.as_ref().and_then(|whom| self.went(whom));
        if went.is_none() && as_before {
            return (whom, Difference::plain(Consequence::Zelfde), Turned::default());
        }
        let sent = went.map(|went| Version { bytes: &went.bytes, withheld: &went.withheld });
        (whom, difference(None, sent, today), Turned::default())
    }

    /// Who got something, and of whom the set says nothing at the moment of the message. By a glass
    /// that was broken later it may still go.
    fn unnamed(&self, went: &Went) -> Fared {
        match self.again(went).filter(|_| went.glass) {
            Some(parcel) => self.against(went, &parcel),
            None => {
                let sent = Version { bytes: &went.bytes, withheld: &went.withheld };
                let found = difference(None, Some(sent), Today::Nothing("geen-route"));
                (Some(went.recipient.clone()), found, Turned::default())
            }
        }
    }
}

/// In how many parcels of a recipient a field comes, goes, or has another value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldTurns {
    pub meer: BTreeMap<String, u64>,
    pub minder: BTreeMap<String, u64>,
    pub anders: BTreeMap<String, u64>,
}

/// A shadow run counted, in parts that may be added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowTally {
    pub regels: Tally,
    pub velden: BTreeMap<PartnerId, FieldTurns>,
}

impl ShadowTally {
    pub fn add(&mut self, group: &Group, (whom, difference, turned): &Fared) {
        self.regels.add(group, whom.as_ref(), difference);
        let once = |names: &BTreeSet<String>| names.iter().map(|n| (n.clone(), 1)).collect();
        if let Some(whom) = whom.as_ref().filter(|_| *turned != Turned::default()) {
            let part = FieldTurns {
                meer: once(&turned.more),
                minder: once(&turned.fewer),
                anders: once(&turned.other),
            };
            self.velden.entry(whom.clone()).or_default().add(part);
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.regels.merge(other.regels);
        for (whom, turns) in other.velden {
            self.velden.entry(whom).or_default().add(turns);
        }
    }
}

impl FieldTurns {
    fn add(&mut self, other: Self) {
        add_up(&mut self.meer, other.meer);
        add_up(&mut self.minder, other.minder);
        add_up(&mut self.anders, other.anders);
    }
}

#[cfg(test)]
mod tests;
