//! What a signal says once its sender corrected it, or that it was withdrawn.

use serde_json::Value;

use super::admit::{names, references};
use super::parcel::Admitted;
use crate::catalogue::Catalogue;
use crate::message::{
    CanonicalMessage, Effect, ExternalId, MessageKind, PartnerId, Reference, Usage,
};

/// What belongs to a message and not to what it tells.
const OF_THE_MESSAGE: [&str; 5] = ["kenmerk", "gebruik", "tijdstip", "verwijzingen", "ontvangers"];

/// The data of a signal after what its sender said later, in that order; `None` where it withdrew
/// the signal. A field that a correction has replaces the whole field: half of an old place beside
/// half of a new one would be a place where nobody ever was.
pub fn corrected<'l>(
    mut signal: Value,
    sender: &PartnerId,
    later: impl IntoIterator<Item = (Effect, &'l Value)>,
) -> Option<Value> {
    let own = signal.get("kenmerk").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (effect, data) in later.into_iter().filter(|(_, data)| corrects(data, sender, &own)) {
        match effect {
            Effect::Intrekking => return None,
            Effect::Aanvulling => replace(&mut signal, data),
            _ => {}
        }
    }
    Some(signal)
}

/// Whether a later message of the same sender is about the signal that it knows by `own`.
pub fn corrects(data: &Value, sender: &PartnerId, own: &str) -> bool {
    let refers = |referred: &Reference| match referred {
        Reference::Signal { sender: of, reference } => {
            reference == own && of.as_ref().is_none_or(|of| of == sender)
        }
        Reference::Case(_) => false,
    };
    data.get("kenmerk").and_then(Value::as_str) == Some(own) || references(data).iter().any(refers)
}

/// A message that is in the journal.
#[derive(Debug, Clone)]
pub struct Told {
    pub sender: PartnerId,
    pub kind: MessageKind,
    pub external_id: ExternalId,
    /// Its canonical data, as they were then.
    pub data: Value,
}

/// Why a message is not told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    Withdrawn,
    /// The set has its sender or its type no more, or another schema for it.
    Unfit,
}

impl Untold {
    /// The reason in quarantine.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Withdrawn => "ingetrokken",
            Self::Unfit => "vertaling",
        }
    }
}

/// A message that is in the journal, as its sender would tell it now: after what it said later.
pub fn retold<'l>(
    catalogue: &Catalogue,
    told: Told,
    later: impl IntoIterator<Item = (Effect, &'l Value)>,
) -> Result<Admitted, Untold> {
    let Told { sender, kind, external_id, data } = told;
    let parties = catalogue.partner(&sender).zip(catalogue.messages.get(&kind));
    let (partner, message) = parties.ok_or(Untold::Unfit)?;
    let data = corrected(data, &sender, later).ok_or(Untold::Withdrawn)?;
    if !message.schema.accepts(&data) {
        return Err(Untold::Unfit);
    }
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    Ok(Admitted::new(CanonicalMessage {
        origin: partner.kind.clone(),
        connector: partner.connector.clone(),
        effect: message.effect,
        usage: text("gebruik").and_then(Usage::parse).ok_or(Untold::Unfit)?,
        reference: text("kenmerk").unwrap_or_else(|| external_id.reveal()).to_owned(),
        theme: text("thema").map(str::to_owned),
        urgent: text("urgentie") == Some("spoed"),
        references: references(&data),
        named_recipients: names(&data, "ontvangers"),
        confirmation: None,
        answer: None,
        sender,
        kind,
        external_id,
        data,
    }))
}

fn replace(signal: &mut Value, correction: &Value) {
    let Some((fields, new)) = signal.as_object_mut().zip(correction.as_object()) else { return };
    for (name, value) in new.iter().filter(|(name, _)| !OF_THE_MESSAGE.contains(&name.as_str())) {
        fields.insert(name.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(later: &[(Effect, Value)]) -> Option<Value> {
        let signal = json!({
            "kenmerk": "K-1", "tijdstip": "t1", "onderwerp": "Lawaai",
            "locatie": { "bagId": "1", "adres": { "huisnummer": 3 } },
        });
        let sender = "politie".parse().unwrap();
        corrected(signal, &sender, later.iter().map(|(effect, data)| (*effect, data)))
    }

    #[test]
    fn a_correction_replaces_whole_fields_and_the_last_one_counts() {
        let first = json!({ "kenmerk": "K-1", "tijdstip": "t2", "locatie": { "bagId": "2" } });
        let second = json!({ "kenmerk": "K-1", "locatie": { "adres": { "huisnummer": 5 } } });
        let later = [(Effect::Aanvulling, first), (Effect::Aanvulling, second)];
        let expected = json!({
            "kenmerk": "K-1", "tijdstip": "t1", "onderwerp": "Lawaai",
            "locatie": { "adres": { "huisnummer": 5 } },
        });
        assert_eq!(after(&later), Some(expected));
    }

    #[test]
    fn what_was_withdrawn_says_nothing_any_more_and_another_signal_is_another() {
        let refers = |source: Option<&str>| {
            let mut item = json!({ "soort": "signaal", "kenmerk": "K-1" });
            if let Some(source) = source {
                item["bron"] = source.into();
            }
            json!({ "kenmerk": "K-9", "verwijzingen": [item] })
        };
        let withdrawn = |data: Value| after(&[(Effect::Intrekking, data)]).is_none();
        assert!(withdrawn(json!({ "kenmerk": "K-1" })));
        assert!(withdrawn(refers(None)));
        assert!(withdrawn(refers(Some("politie"))));
        assert!(!withdrawn(refers(Some("wonen-zuid"))));
        assert!(!withdrawn(json!({ "kenmerk": "K-2" })));
    }
}
