//! An example of a connector sent down the whole road without sending it to anyone: the document,
//! the canonical message, and what each recipient would get. Examples are fictitious, so all of it
//! may be shown.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::{CaseText, Direction, example_case, native};
use crate::catalogue::Catalogue;
use crate::catalogue::partner::Partner;
use crate::catalogue::problem::{Files, Problem, SourceText};
use crate::message::{
    ConnectorId, Effect, Entropy, Fault, PartnerId, Refusal, Timestamp, Usage, Violation,
};
use crate::pipeline::parcel::{Admitted, Withheld};
use crate::pipeline::{Incoming, admit, dispatch};

/// An example that somebody can try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    #[serde(rename = "naam")]
    pub name: String,
    #[serde(rename = "omschrijving")]
    pub about: String,
}

/// What became of an example.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsal {
    #[serde(rename = "afzender")]
    pub sender: PartnerId,
    #[serde(rename = "origineel")]
    pub native: String,
    /// Why it is refused, where it is: the examples of what goes wrong are.
    #[serde(rename = "geweigerd")]
    pub refused: Option<RefusedSo>,
    #[serde(rename = "soort")]
    pub kind: Option<String>,
    #[serde(rename = "gebruik")]
    pub usage: Option<Usage>,
    #[serde(rename = "canoniek")]
    pub canonical: Option<Value>,
    #[serde(rename = "zendingen")]
    pub parcels: Vec<Shown>,
    /// Who would get nothing, and why.
    #[serde(rename = "niets")]
    pub nothing: Vec<Nothing>,
}

#[derive(Debug, Serialize)]
pub struct RefusedSo {
    #[serde(rename = "fout")]
    pub fault: Fault,
    #[serde(rename = "fouten")]
    pub violations: Vec<Violation>,
}

/// A parcel as its recipient would get it.
#[derive(Debug, Serialize)]
pub struct Shown {
    #[serde(rename = "ontvanger")]
    pub recipient: PartnerId,
    #[serde(rename = "mediatype")]
    pub media_type: String,
    #[serde(rename = "document")]
    pub document: String,
    #[serde(rename = "onthouden")]
    pub withheld: Vec<Withheld>,
}

#[derive(Debug, Serialize)]
pub struct Nothing {
    #[serde(rename = "ontvanger")]
    pub recipient: Option<PartnerId>,
    #[serde(rename = "reden")]
    pub reason: &'static str,
    #[serde(rename = "fouten")]
    pub violations: Vec<Violation>,
}

/// The examples of documents that come in.
pub fn incoming(files: &Files, id: &ConnectorId) -> Vec<Named> {
    let prefix = format!("connectors/{id}/examples/");
    let names: BTreeSet<&str> = files
        .keys()
        .filter_map(|path| path.strip_prefix(&prefix)?.split_once('/').map(|(name, _)| name))
        .collect();
    let named = |name: &str| {
        let case = case_of(files, &format!("{prefix}{name}")).ok()?;
        let comes_in = matches!(case.richting, Direction::In);
        comes_in.then(|| Named { name: name.to_owned(), about: case.omschrijving })
    };
    names.into_iter().filter_map(named).collect()
}

fn case_of(files: &Files, folder: &str) -> Result<CaseText, Problem> {
    let file = format!("{folder}/geval.toml");
    let source = SourceText::read(files, &file)?;
    source.toml()
}

/// The document of an example as this partner would send it; none where there is no such example.
/// A document may say that it comes from another partner that speaks the same: then it does.
pub fn attempt<'c>(
    catalogue: &'c Catalogue,
    files: &'c Files,
    (partner, name): (&Partner, &str),
    now: Timestamp,
) -> Option<(Partner, &'c [u8], Result<Admitted, Refusal>)> {
    let connector = catalogue.connectors.get(&partner.connector)?;
    let known = incoming(files, &connector.id).into_iter().any(|named| named.name == name);
    let folder = format!("connectors/{}/examples/{name}", connector.id);
    let case = case_of(files, &folder).ok().filter(|_| known)?;
    let bytes = native(files, &folder)?;
    let named = case.partner.as_ref().and_then(|id| catalogue.partner(id));
    let others = catalogue.partners.values().filter(|p| p.connector == connector.id);
    let senders = std::iter::once(partner).chain(named).chain(others);
    let mut last = None;
    for sender in senders {
        let incoming = Incoming { partner: sender, media_type: None, bytes, received: now };
        let found = admit(catalogue, &incoming);
        let foreign = found.as_ref().is_err_and(|r| r.fault == Fault::AndereAfzender);
        if !foreign || last.is_none() {
            last = Some((sender.clone(), bytes, found));
        }
        if !foreign {
            break;
        }
    }
    last
}

/// Tries an example of a partner's connector on everybody.
pub fn rehearse(
    catalogue: &Catalogue,
    files: &Files,
    example: (&Partner, &str),
    now: Timestamp,
    entropy: &mut Entropy,
) -> Option<Rehearsal> {
    let (sender, bytes, found) = attempt(catalogue, files, example, now)?;
    let mut told = Rehearsal {
        sender: sender.id,
        native: text(bytes),
        refused: None,
        kind: None,
        usage: None,
        canonical: None,
        parcels: Vec::new(),
        nothing: Vec::new(),
    };
    let admitted = match found {
        Ok(admitted) => admitted,
        Err(Refusal { fault, violations }) => {
            told.refused = Some(RefusedSo { fault, violations });
            return Some(told);
        }
    };
    let message = admitted.message();
    told.kind = Some(message.kind.to_string());
    told.usage = Some(message.usage);
    told.canonical = Some(message.data.clone());
    // What a receipt leads to is decided by the parcel that it is about, and there is none here.
    if message.effect == Effect::Bevestiging {
        return Some(told);
    }
    let case = example_case(&message.data);
    let made = dispatch(catalogue, &admitted, &case, &BTreeSet::new(), now, entropy);
    told.parcels = made
        .parcels
        .into_iter()
        .map(|parcel| Shown {
            recipient: parcel.recipient,
            media_type: parcel.media_type,
            document: text(&parcel.bytes),
            withheld: parcel.withheld,
        })
        .collect();
    let skipped = made.not_sent.into_iter().map(|skipped| Nothing {
        recipient: skipped.recipient,
        reason: skipped.reason,
        violations: Vec::new(),
    });
    let failed = made.failures.into_iter().map(|failure| Nothing {
        recipient: Some(failure.recipient),
        reason: failure.reason,
        violations: failure.violations,
    });
    told.nothing = skipped.chain(failed).collect();
    Some(told)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A message of the municipality that says of itself that it is a test, for one partner.
pub struct TestMessage {
    /// The example that it is, under a number of its own.
    pub bytes: Vec<u8>,
    pub sender: PartnerId,
    pub admitted: Admitted,
}

/// Makes a test message of an example of the municipality's own connector: the hub speaks for
/// nobody else. `fresh` makes its number one that was never used. None where no example says that
/// it is a test.
pub fn test_message(
    catalogue: &Catalogue,
    files: &Files,
    (recipient, fresh): (&PartnerId, &str),
    now: Timestamp,
) -> Option<TestMessage> {
    let municipality = catalogue.municipality()?;
    let examples = incoming(files, &municipality.connector);
    examples.iter().find_map(|example| {
        let (sender, bytes, found) = attempt(catalogue, files, (municipality, &example.name), now)?;
        let known =
            found.ok().filter(|admitted| is_test(admitted) && sender.id == municipality.id)?;
        let number = known.message().external_id.reveal();
        let bytes = renumbered(bytes, number, &format!("{number}-{fresh}"))?;
        let incoming =
            Incoming { partner: municipality, media_type: None, bytes: &bytes, received: now };
        let admitted = admit(catalogue, &incoming).ok().filter(is_test)?;
        let is_new = admitted.message().external_id.reveal() != number;
        let admitted = admitted.addressed_to(recipient);
        is_new.then_some(TestMessage { sender: municipality.id.clone(), admitted, bytes })
    })
}

fn is_test(admitted: &Admitted) -> bool {
    let message = admitted.message();
    message.usage == Usage::Test && message.effect == Effect::Melding
}

/// The document under another number, where the number stands in it once and by itself.
fn renumbered(bytes: &[u8], number: &str, other: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let by_itself = [('"', '"'), ('>', '<')].map(|(a, b)| format!("{a}{number}{b}"));
    let place = by_itself.iter().find(|place| text.matches(place.as_str()).count() == 1)?;
    let new = place.replacen(number, other, 1);
    Some(text.replacen(place, &new, 1).into_bytes())
}

/// Whether a test message would reach its partner, before anything is written; else why not.
pub fn reaches(
    catalogue: &Catalogue,
    message: &TestMessage,
    recipient: &PartnerId,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Result<(), &'static str> {
    let case = example_case(&message.admitted.message().data);
    let made = dispatch(catalogue, &message.admitted, &case, &BTreeSet::new(), now, entropy);
    if made.parcels.iter().any(|parcel| parcel.recipient == *recipient) {
        return Ok(());
    }
    let failed = made.failures.iter().find(|failure| failure.recipient == *recipient);
    let skipped =
        made.not_sent.iter().find(|skipped| skipped.recipient.as_ref() == Some(recipient));
    let why = failed.map(|f| f.reason).or(skipped.map(|s| s.reason));
    Err(why.unwrap_or("geen-route"))
}
