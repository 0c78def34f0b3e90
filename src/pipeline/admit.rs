//! The way in: decode, recognise, validate, translate to canonical, validate again.

use serde_json::{Value, json};

use super::native::Decoded;
use super::parcel::Admitted;
use crate::catalogue::connector::Inbound;
use crate::catalogue::mapping::Run;
use crate::catalogue::partner::Partner;
use crate::catalogue::{Catalogue, Message};
use crate::message::{
    CanonicalMessage, Confirmation, Digest, Effect, ExternalId, Fault, PartnerId, Reference,
    Refusal, Second, Stage, TaskAnswer, TaskWord, Timestamp, Usage, Violation,
};

/// Bytes from a partner whose identity is known.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    pub partner: &'a Partner,
    pub media_type: Option<&'a str>,
    pub bytes: &'a [u8],
    pub received: Timestamp,
}

/// Which lines of which mapping gave a value, for the coverage of examples.
#[derive(Debug)]
pub struct Trace {
    pub entry: String,
    pub fired: Vec<bool>,
}

/// Turns bytes into a canonical message, or refuses them with every violation found.
pub fn admit(catalogue: &Catalogue, incoming: &Incoming<'_>) -> Result<Admitted, Refusal> {
    admit_traced(catalogue, incoming).map(|(admitted, _)| admitted)
}

/// As [`admit`], and tells which mapping lines gave a value.
pub fn admit_traced(
    catalogue: &Catalogue,
    incoming: &Incoming<'_>,
) -> Result<(Admitted, Trace), Refusal> {
    let native = read(catalogue, incoming)?;
    let (data, fired) = native.translate(catalogue, incoming)?;
    let kind = &native.entry.kind;
    let message = catalogue.messages.get(kind).ok_or_else(|| internal("bericht"))?;
    check_canonical(catalogue, message, &data, incoming.partner)?;
    let message = build(incoming, &native, message, data)?;
    let trace = Trace { entry: native.entry.name.clone(), fired };
    Ok((Admitted::new(message), trace))
}

/// A document that is valid in its own format and comes from whom it says.
struct Native<'c> {
    entry: &'c Inbound,
    value: Value,
    external_id: ExternalId,
}

fn read<'c>(catalogue: &'c Catalogue, incoming: &Incoming<'_>) -> Result<Native<'c>, Refusal> {
    let connector =
        catalogue.connector_of(incoming.partner).ok_or_else(|| internal("koppeling"))?;
    let mut decoded = Decoded::read(connector, incoming.bytes, incoming.media_type)?;
    let entry = decoded.recognise(connector)?;
    let value = decoded.take_value(&entry.schema.shape)?;
    if !entry.schema.accepts(&value) {
        let violations = decoded.locate(entry.schema.violations(&value));
        return Err(Refusal::new(Fault::Ongeldig, violations));
    }
    check_sender(catalogue, incoming, entry, &value)?;
    let external_id = external_id(catalogue, entry, &value, incoming.bytes)?;
    Ok(Native { entry, value, external_id })
}

/// A partner speaks for itself only.
fn check_sender(
    catalogue: &Catalogue,
    incoming: &Incoming<'_>,
    entry: &Inbound,
    value: &Value,
) -> Result<(), Refusal> {
    let Some(expression) = &entry.sender else { return Ok(()) };
    let mut scope = catalogue.engine.scope();
    scope.bind("b", value);
    match expression.evaluate(&scope) {
        Ok(Value::String(sender)) if incoming.partner.is_called(&sender, incoming.received) => {
            Ok(())
        }
        _ => Err(Refusal::one(
            Fault::AndereAfzender,
            "",
            "andere-afzender",
            "De afzender in het bericht hoort niet bij deze ketenpartner.",
            "The sender in the message does not belong to this partner.",
        )),
    }
}

/// The partner's own message id, or the digest of the document where it has none.
fn external_id(
    catalogue: &Catalogue,
    entry: &Inbound,
    value: &Value,
    bytes: &[u8],
) -> Result<ExternalId, Refusal> {
    const LENGTH_MAX: usize = 200;
    let Some(expression) = &entry.id else {
        return Ok(ExternalId::new(Digest::of(&[bytes]).to_string()));
    };
    let mut scope = catalogue.engine.scope();
    scope.bind("b", value);
    match expression.evaluate(&scope) {
        Ok(Value::String(id)) if !id.trim().is_empty() && id.len() <= LENGTH_MAX => {
            Ok(ExternalId::new(id))
        }
        Ok(Value::Number(id)) => Ok(ExternalId::new(id.to_string())),
        _ => Err(Refusal::one(
            Fault::Ongeldig,
            "",
            "berichtnummer",
            "Het bericht heeft geen bruikbaar berichtnummer.",
            "The message has no usable message id.",
        )),
    }
}

impl Native<'_> {
    fn translate(
        &self,
        catalogue: &Catalogue,
        incoming: &Incoming<'_>,
    ) -> Result<(Value, Vec<bool>), Refusal> {
        let partner = incoming.partner;
        let hub = json!({
            "ontvangen": Second::from(incoming.received),
            "hub": { "naam": catalogue.hub.naam, "oin": catalogue.hub.oin },
            "afzender": { "naam": partner.name, "oin": partner.oin, "id": partner.id },
        });
        Run::new(&self.entry.mapping, &catalogue.engine)
            .document(&[("b", &self.value), ("h", &hub)])
            .map_err(|violations| Refusal::new(Fault::Vertaling, violations))
    }
}

fn check_canonical(
    catalogue: &Catalogue,
    message: &Message,
    data: &Value,
    partner: &Partner,
) -> Result<(), Refusal> {
    if !message.schema.accepts(data) {
        return Err(Refusal::new(Fault::Vertaling, message.schema.violations(data)));
    }
    let mut violations = Vec::new();
    if let Some(theme) = data.get("thema").and_then(Value::as_str)
        && !catalogue.themes.contains_key(theme)
    {
        violations.push(Violation::new(
            "/thema",
            "onbekend-thema",
            "Dit thema kent de hub niet.",
            "The hub does not know this theme.",
        ));
    }
    if partner.oin.is_test() && data.get("gebruik").and_then(Value::as_str) == Some("echt") {
        violations.push(Violation::new(
            "/gebruik",
            "gebruik",
            "Een testorganisatie stuurt geen echte berichten.",
            "A test organisation does not send messages for real.",
        ));
    }
    if violations.is_empty() { Ok(()) } else { Err(Refusal::new(Fault::Ongeldig, violations)) }
}

fn build(
    incoming: &Incoming<'_>,
    native: &Native<'_>,
    message: &Message,
    data: Value,
) -> Result<CanonicalMessage, Refusal> {
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let usage = text("gebruik").and_then(Usage::parse).ok_or_else(|| internal("gebruik"))?;
    let confirmation = match message.effect {
        Effect::Bevestiging => Some(confirmation(&data)?),
        _ => None,
    };
    let answer = match message.effect {
        Effect::Antwoord => Some(answer(&data)?),
        _ => None,
    };
    let external_id = native.external_id.clone();
    let reference = text("kenmerk").unwrap_or_else(|| external_id.reveal()).to_owned();
    Ok(CanonicalMessage {
        sender: incoming.partner.id.clone(),
        origin: incoming.partner.kind.clone(),
        connector: incoming.partner.connector.clone(),
        kind: native.entry.kind.clone(),
        effect: message.effect,
        external_id,
        usage,
        reference,
        theme: text("thema").map(str::to_owned),
        urgent: text("urgentie") == Some("spoed"),
        references: references(&data),
        named_recipients: names(&data, "ontvangers"),
        confirmation,
        answer,
        data,
    })
}

pub(super) fn names(data: &Value, field: &str) -> Vec<String> {
    let items = data.get(field).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn references(data: &Value) -> Vec<Reference> {
    let items = data.get("verwijzingen").and_then(Value::as_array).into_iter().flatten();
    let read = |item: &Value| {
        let reference = item.get("kenmerk")?.as_str()?.to_owned();
        if item.get("soort")?.as_str()? == "casus" {
            return Some(Reference::Case(reference));
        }
        let source = item.get("bron").and_then(Value::as_str);
        let sender = source.and_then(|s| PartnerId::try_from(s.to_owned()).ok());
        Some(Reference::Signal { sender, reference })
    };
    items.filter_map(read).collect()
}

/// What a receipt says about which parcel.
fn confirmation(data: &Value) -> Result<Confirmation, Refusal> {
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let parcel = text("zending").and_then(|id| id.parse().ok());
    let (Some(parcel), Some(stage)) = (parcel, text("status").and_then(Stage::parse)) else {
        return Err(Refusal::one(
            Fault::OnbekendeZending,
            "/zending",
            "onbekende-zending",
            "Deze bevestiging noemt geen zending van deze hub.",
            "This receipt names no parcel of this hub.",
        ));
    };
    Ok(Confirmation { parcel, stage, reason: text("reden").map(str::to_owned) })
}

/// What a partner says about which task. Its schema holds the words and the form of the id.
fn answer(data: &Value) -> Result<TaskAnswer, Refusal> {
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let task = text("actieverzoek").and_then(|id| id.parse().ok());
    let (Some(task), Some(status)) = (task, text("status").and_then(TaskWord::parse)) else {
        return Err(internal("antwoord"));
    };
    Ok(TaskAnswer {
        task,
        status,
        reason: text("reden").map(str::to_owned),
        result: text("resultaat").map(str::to_owned),
        expected: text("gereedVerwacht").and_then(Timestamp::parse),
    })
}

/// Something that a checked catalogue rules out.
fn internal(what: &str) -> Refusal {
    Refusal::one(
        Fault::Vertaling,
        "",
        "instelling",
        &format!("De instelling van deze koppeling klopt niet ({what}); de beheerder weet ervan."),
        &format!("The configuration of this connector is not right ({what})."),
    )
}
