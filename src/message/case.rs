//! What the rules need to know of a case.

use std::collections::BTreeSet;

use super::{
    CanonicalMessage, CaseId, CaseNumber, Glass, MessageId, ParcelId, PartnerId, Reference,
    Timestamp, Usage,
};

/// How many earlier parcels of one recipient are looked back at, the newest of them.
pub const EARLIER_MAX: usize = 20;

/// A case as the journal knows it when a message is decided.
#[derive(Debug, Clone)]
pub struct CaseState {
    pub id: CaseId,
    pub number: CaseNumber,
    pub usage: Usage,
    pub theme: Option<String>,
    /// Everyone who sent or received something in it.
    pub participants: BTreeSet<PartnerId>,
    /// Who received a parcel in it, and so must hear of a withdrawal.
    pub recipients: BTreeSet<PartnerId>,
    /// What recipients got before, the newest last, at most `EARLIER_MAX` for each; empty where
    /// no connector asks for it.
    pub earlier: Vec<EarlierParcel>,
    /// Glasses that were broken in it, ended ones too; at most one for each recipient.
    pub glasses: Vec<Glass>,
}

impl CaseState {
    /// The glass that was broken for this recipient.
    pub fn glass(&self, recipient: &PartnerId) -> Option<&Glass> {
        self.glasses.iter().find(|glass| glass.recipient == *recipient)
    }
}

/// A parcel that a recipient got before in the same case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierParcel {
    pub recipient: PartnerId,
    /// The parcel, as the recipient knows it.
    pub id: ParcelId,
    pub made_at: Timestamp,
    /// Message type, such as `signaal-gemeld.v1`.
    pub kind: String,
    /// The message it was made of, who sent that, and the reference of its signal there.
    pub message: MessageId,
    pub sender: PartnerId,
    pub reference: String,
}

impl EarlierParcel {
    /// Whether it was about the signal that a message is about, or refers to.
    pub fn is_about(&self, message: &CanonicalMessage) -> bool {
        let is = |sender: &PartnerId, reference: &str| {
            self.sender == *sender && self.reference == reference
        };
        is(&message.sender, &message.reference)
            || message.references.iter().any(|referred| match referred {
                Reference::Signal { sender, reference } => {
                    is(sender.as_ref().unwrap_or(&message.sender), reference)
                }
                Reference::Case(_) => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Effect, ExternalId, MessageKind};

    fn message(references: Vec<Reference>) -> CanonicalMessage {
        CanonicalMessage {
            sender: "politie-1".parse().unwrap(),
            origin: "politie".parse().unwrap(),
            connector: "politie".parse().unwrap(),
            kind: MessageKind { name: "signaal-aangevuld".into(), version: 1 },
            effect: Effect::Aanvulling,
            external_id: ExternalId::new("x".into()),
            usage: Usage::Echt,
            reference: "K-1".into(),
            theme: None,
            urgent: false,
            references,
            named_recipients: Vec::new(),
            confirmation: None,
            answer: None,
            data: serde_json::Value::Null,
        }
    }

    fn parcel(sender: &str, reference: &str) -> EarlierParcel {
        EarlierParcel {
            recipient: "wonen-1".parse().unwrap(),
            id: uuid::Uuid::from_u128(1).into(),
            made_at: Timestamp::from_micros(0),
            kind: "signaal-gemeld.v1".into(),
            message: uuid::Uuid::from_u128(2).into(),
            sender: sender.parse().unwrap(),
            reference: reference.into(),
        }
    }

    #[test]
    fn the_same_reference_of_another_sender_is_another_signal() {
        let own = message(Vec::new());
        assert!(parcel("politie-1", "K-1").is_about(&own));
        assert!(!parcel("politie-1", "K-2").is_about(&own));
        assert!(!parcel("zorg-1", "K-1").is_about(&own));
    }

    #[test]
    fn what_a_message_refers_to_is_what_it_is_about_but_a_case_is_not_one_signal() {
        let signal = |sender: Option<&str>, reference: &str| Reference::Signal {
            sender: sender.map(|name| name.parse().unwrap()),
            reference: reference.into(),
        };
        let others = message(vec![signal(Some("zorg-1"), "Z-9"), signal(None, "K-2")]);
        assert!(parcel("zorg-1", "Z-9").is_about(&others));
        assert!(parcel("politie-1", "K-2").is_about(&others), "a signal of its own");
        assert!(!parcel("zorg-1", "K-2").is_about(&others));
        let case = message(vec![Reference::Case("K-3".into())]);
        assert!(!parcel("politie-1", "K-3").is_about(&case));
    }
}
