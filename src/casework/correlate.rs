//! Which case a message belongs to. Until regie comes, messages about one reference share a case.
//!
//! Pure: the journal looks the correlation keys up and hands the states it found to `decide`.

use std::collections::BTreeSet;

use crate::message::{
    CanonicalMessage, CaseState, Entropy, PartnerId, Reference, Timestamp, Usage,
};

/// One way in which a message can be found again. The journal stores it as a keyed hash only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CorrelationKey {
    /// A signal: who sent it, and its reference there. Usages never meet.
    Signal { usage: Usage, sender: PartnerId, reference: String },
    /// A case by its number.
    Case { usage: Usage, number: String },
}

impl CorrelationKey {
    /// The bytes that the journal hashes; no two keys share them.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Signal { usage, sender, reference } => {
                format!("signaal\n{}\n{sender}\n{reference}", usage.as_str()).into_bytes()
            }
            Self::Case { usage, number } => {
                format!("casus\n{}\n{number}", usage.as_str()).into_bytes()
            }
        }
    }
}

/// The case a message is stored under.
#[derive(Debug, Clone)]
pub enum Decision {
    Join(CaseState),
    Open(CaseState),
}

impl Decision {
    pub fn case(&self) -> &CaseState {
        match self {
            Self::Join(case) | Self::Open(case) => case,
        }
    }
}

/// The keys under which a message is looked up: its own reference first, then what it refers to.
pub fn keys(message: &CanonicalMessage) -> Vec<CorrelationKey> {
    let usage = message.usage;
    let own = CorrelationKey::Signal {
        usage,
        sender: message.sender.clone(),
        reference: message.reference.clone(),
    };
    let referred = message.references.iter().map(|reference| match reference {
        Reference::Case(number) => CorrelationKey::Case { usage, number: number.clone() },
        Reference::Signal { sender, reference } => CorrelationKey::Signal {
            usage,
            sender: sender.clone().unwrap_or_else(|| message.sender.clone()),
            reference: reference.clone(),
        },
    });
    std::iter::once(own).chain(referred).collect()
}

/// Joins the first case that a key led to, or opens one.
///
/// `found` holds the states in the order of `keys`. A reference to somebody else's signal or to a
/// case number counts only from a participant, and never across usages.
pub fn decide(
    message: &CanonicalMessage,
    found: &[CaseState],
    now: Timestamp,
    entropy: &mut Entropy,
) -> Decision {
    let joined = found
        .iter()
        .find(|case| case.usage == message.usage && case.participants.contains(&message.sender));
    if let Some(case) = joined {
        let mut case = case.clone();
        case.theme = case.theme.or_else(|| message.theme.clone());
        return Decision::Join(case);
    }
    Decision::Open(CaseState {
        id: entropy.case_id(now),
        number: entropy.case_number(),
        usage: message.usage,
        theme: message.theme.clone(),
        participants: BTreeSet::from([message.sender.clone()]),
        recipients: BTreeSet::new(),
        earlier: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::{CaseId, CaseNumber, Effect, ExternalId, MessageKind};

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-23T12:00:00Z").unwrap()
    }

    fn message(sender: &str, usage: Usage, references: Vec<Reference>) -> CanonicalMessage {
        CanonicalMessage {
            sender: sender.parse().unwrap(),
            origin: "politie".parse().unwrap(),
            connector: "politie".parse().unwrap(),
            kind: MessageKind { name: "signaal-gemeld".into(), version: 1 },
            effect: Effect::Melding,
            external_id: ExternalId::new("x".into()),
            usage,
            reference: "K-1".into(),
            theme: Some("woonoverlast".into()),
            urgent: false,
            references,
            named_recipients: Vec::new(),
            confirmation: None,
            answer: None,
            data: json!({}),
        }
    }

    fn case(usage: Usage, participants: &[&str]) -> CaseState {
        CaseState {
            id: CaseId::from(uuid::Uuid::from_u128(7)),
            number: CaseNumber::from_stored("C-0000-0000-0007".into()),
            usage,
            theme: None,
            participants: participants.iter().map(|name| name.parse().unwrap()).collect(),
            recipients: BTreeSet::new(),
            earlier: Vec::new(),
        }
    }

    fn joins(message: &CanonicalMessage, found: &[CaseState]) -> bool {
        matches!(decide(message, found, now(), &mut Entropy::new([1; 32])), Decision::Join(_))
    }

    #[test]
    fn a_message_joins_the_case_of_its_own_reference() {
        let update = message("politie", Usage::Echt, Vec::new());
        assert!(joins(&update, &[case(Usage::Echt, &["politie"])]));
        assert!(!joins(&update, &[]), "nothing found: a case of its own");
    }

    #[test]
    fn an_exercise_never_joins_a_real_case() {
        let exercise = message("politie", Usage::Oefening, Vec::new());
        assert!(!joins(&exercise, &[case(Usage::Echt, &["politie"])]));
        let [real, exercise] = [Usage::Echt, Usage::Oefening]
            .map(|usage| keys(&message("politie", usage, Vec::new()))[0].to_bytes());
        assert_ne!(real, exercise, "not even their keys meet");
    }

    #[test]
    fn a_reference_counts_only_from_a_participant() {
        let guess = vec![Reference::Case("C-0000-0000-0007".into())];
        let outsider = message("wonen-zuid", Usage::Echt, guess.clone());
        assert!(!joins(&outsider, &[case(Usage::Echt, &["politie"])]));
        let insider = message("wonen-zuid", Usage::Echt, guess);
        assert!(joins(&insider, &[case(Usage::Echt, &["politie", "wonen-zuid"])]));
    }

    #[test]
    fn a_theme_comes_with_the_first_message_that_has_one() {
        let first = message("politie", Usage::Echt, Vec::new());
        let found = [case(Usage::Echt, &["politie"])];
        let decision = decide(&first, &found, now(), &mut Entropy::new([1; 32]));
        assert_eq!(decision.case().theme.as_deref(), Some("woonoverlast"));
    }
}
