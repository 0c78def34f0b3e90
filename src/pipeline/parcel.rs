//! What the two halves of the pipeline hand over: the admitted message, and the parcels of it.

use serde::{Deserialize, Serialize};

use crate::message::{
    CanonicalMessage, ParcelId, PartnerId, PurposeId, RoleStatement, RouteId, Timestamp, Violation,
};

/// A message that passed every check. Only `admit` makes one of what came in at the door, and `ask`
/// of what the municipality asks.
#[derive(Debug, Clone)]
pub struct Admitted {
    message: CanonicalMessage,
}

impl Admitted {
    pub(super) fn new(message: CanonicalMessage) -> Self {
        Self { message }
    }

    pub fn message(&self) -> &CanonicalMessage {
        &self.message
    }

    /// The same message, meant for one partner and nobody else.
    #[must_use]
    pub fn addressed_to(mut self, partner: &PartnerId) -> Self {
        self.message.named_recipients = vec![partner.to_string()];
        self
    }

    /// For tests of what comes after the door.
    #[cfg(test)]
    pub(crate) fn for_test(message: CanonicalMessage) -> Self {
        Self::new(message)
    }
}

/// Everything that one message leads to.
#[derive(Debug, Default)]
pub struct Dispatch {
    pub parcels: Vec<Parcel>,
    /// Recipients that were routed or named but get nothing, and why. Quarantined.
    pub not_sent: Vec<NotSent>,
    /// Parcels that could not be made: the mapping or the native schema refused. Quarantined.
    pub failures: Vec<Failure>,
}

/// One recipient's version of a message, minimised and encoded, ready to be stored.
#[derive(Debug)]
pub struct Parcel {
    pub id: ParcelId,
    pub recipient: PartnerId,
    /// The purposes that granted its fields.
    pub purposes: Vec<PurposeId>,
    /// The route that matched; `None` where the sender named the recipient, or where those who
    /// received the signal before must hear of this.
    pub route: Option<RouteId>,
    pub urgent: bool,
    pub media_type: String,
    /// The native document as the recipient gets it.
    pub bytes: Vec<u8>,
    pub role: RoleStatement,
    pub withheld: Vec<Withheld>,
    /// Until when it may go, where it goes because a glass was broken.
    pub glass: Option<Timestamp>,
}

/// A field that a recipient did not get. A path, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// JSON Pointer into the canonical data, such as `/betrokkenen/0/bsn`.
    #[serde(rename = "pad")]
    pub path: String,
    #[serde(rename = "reden")]
    pub reason: WithheldReason,
}

/// Why a field was withheld or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithheldReason {
    /// No purpose names it.
    GeenDoelbinding,
    /// A purpose gives it masked.
    Gemaskeerd,
    /// A purpose gives it generalised.
    Veralgemeend,
    /// A BSN needs the recipient's own legal basis.
    GeenBsnGrondslag,
    /// A person in this role is not shared.
    RolNietGedeeld,
    /// The data came from another partner, whose purpose does not grant it.
    AndereHerkomst,
}

/// A recipient that gets nothing of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent {
    /// A partner id, a kind of partner, or what the sender wrote where neither exists.
    /// `None`: no route matched and nobody was named.
    pub recipient: Option<PartnerId>,
    /// `geen-route`, `geen-doelbinding`, `onbekende-ontvanger`, `geschorst`.
    pub reason: &'static str,
    /// Whether the sender named this recipient, and so may be told.
    pub named: bool,
}

/// A parcel that could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub recipient: PartnerId,
    /// `vertaling-uit` (the mapping), `schema-uit` (the recipient's own schema) or `geen-vorm` (it
    /// has no form for this); of a request also `geen-gemeente` and `schema-verzoek`.
    pub reason: &'static str,
    pub violations: Vec<Violation>,
}
