//! A request of the municipality to one partner, as a message like any other.

use serde_json::{Map, Value, json};

use super::parcel::{Admitted, Failure};
use crate::catalogue::Catalogue;
use crate::catalogue::partner::Partner;
use crate::message::{
    CanonicalMessage, CaseNumber, ExternalId, Fault, KindId, MessageKind, PartnerId, Reference,
    Refusal, RequestWord, Second, TaskId, Timestamp, ToErase, Usage,
};

/// What the municipality asks of whom, and by when.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub task: TaskId,
    pub status: RequestWord,
    pub partner: &'a PartnerId,
    /// One of the codes of `gevraagdeActie.soort`, such as `huisbezoek`.
    pub action: &'a str,
    /// By when the partner says that it has read this; asked for with the first request.
    pub received_by: Option<Timestamp>,
    /// By when it says whether it takes the task on.
    pub accepted_by: Option<Timestamp>,
    /// By when it is done.
    pub done_by: Option<Timestamp>,
    pub usage: Usage,
    pub theme: Option<&'a str>,
    pub urgent: bool,
    pub case: &'a CaseNumber,
    /// The signal that it is about.
    pub about: Option<About<'a>>,
    /// What its partner is asked to erase.
    pub to_erase: Option<&'a ToErase>,
    pub at: Timestamp,
}

/// The signal that a request is about, with the partner who sent it and of what kind that is.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    pub data: &'a Value,
    pub sender: &'a PartnerId,
    pub origin: &'a KindId,
}

/// Makes the message of a request. Fails where the set has no municipality that could ask
/// (`geen-gemeente`), and where the schema refuses what is asked (`schema-verzoek`).
pub fn ask(catalogue: &Catalogue, request: &Request<'_>) -> Result<Admitted, Failure> {
    let fail =
        |reason, violations| Failure { recipient: request.partner.clone(), reason, violations };
    let kind = MessageKind { name: "actieverzoek".to_owned(), version: 1 };
    let municipality = catalogue.municipality();
    let parties = municipality.zip(catalogue.messages.get(&kind));
    let (municipality, message) = parties.ok_or_else(|| fail("geen-gemeente", Vec::new()))?;
    let data = request.data(catalogue, municipality);
    if !message.schema.accepts(&data) {
        return Err(fail("schema-verzoek", message.schema.violations(&data)));
    }
    let task = request.task.to_string();
    let seconds = request.at.as_micros().div_euclid(1_000_000);
    Ok(Admitted::new(CanonicalMessage {
        sender: municipality.id.clone(),
        origin: municipality.kind.clone(),
        connector: municipality.connector.clone(),
        effect: message.effect,
        kind,
        external_id: ExternalId::new(format!("{task}/{}/{seconds}", request.status.as_str())),
        usage: request.usage,
        reference: task,
        theme: request.theme.map(str::to_owned),
        urgent: request.urgent,
        references: vec![Reference::Case(request.case.to_string())],
        named_recipients: vec![request.partner.to_string()],
        confirmation: None,
        answer: None,
        data,
    }))
}

/// A request that was made before, from its canonical data: it never came in, so it cannot be
/// admitted again. Refused where the schema of today does not take it.
pub fn asked_before(
    catalogue: &Catalogue,
    data: Value,
    external_id: ExternalId,
    partner: &PartnerId,
) -> Result<Admitted, Refusal> {
    let kind = MessageKind { name: "actieverzoek".to_owned(), version: 1 };
    let parties = catalogue.municipality().zip(catalogue.messages.get(&kind));
    let Some((municipality, message)) = parties else {
        let (nl, en) = ("Deze set vraagt niemand iets.", "This set asks nothing of anybody.");
        return Err(Refusal::one(Fault::OnbekendType, "", "geen-gemeente", nl, en));
    };
    if !message.schema.accepts(&data) {
        return Err(Refusal::new(Fault::Ongeldig, message.schema.violations(&data)));
    }
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    Ok(Admitted::new(CanonicalMessage {
        sender: municipality.id.clone(),
        origin: municipality.kind.clone(),
        connector: municipality.connector.clone(),
        effect: message.effect,
        external_id,
        usage: text("gebruik").and_then(Usage::parse).unwrap_or(Usage::Test),
        reference: text("kenmerk").unwrap_or_default().to_owned(),
        theme: text("thema").map(str::to_owned),
        urgent: text("urgentie") == Some("spoed"),
        references: super::admit::references(&data),
        named_recipients: vec![partner.to_string()],
        confirmation: None,
        answer: None,
        kind,
        data,
    }))
}

impl Request<'_> {
    fn data(&self, catalogue: &Catalogue, municipality: &Partner) -> Value {
        let mut data = json!({
            "kenmerk": self.task,
            "gebruik": self.usage,
            "tijdstip": Second::from(self.at),
            "urgentie": if self.urgent { "spoed" } else { "normaal" },
            "actieverzoek": self.task,
            "status": self.status,
            "gevraagdeActie": { "soort": self.action },
            "verwijzingen": [{ "soort": "casus", "kenmerk": self.case }],
        });
        let Value::Object(fields) = &mut data else { return data };
        let mut moment = |name: &str, at: Option<Timestamp>| {
            fields.extend(at.map(|at| (name.to_owned(), json!(Second::from(at)))));
        };
        moment("ontvangenUiterlijk", self.received_by);
        moment("aanvaardenUiterlijk", self.accepted_by);
        if let (Some(at), Some(action)) = (self.done_by, fields.get_mut("gevraagdeActie")) {
            action["uiterlijk"] = json!(Second::from(at));
        }
        fields.extend(self.to_erase.map(|what| ("teWissen".to_owned(), json!(what))));
        fields.extend(self.theme.map(|theme| ("thema".to_owned(), Value::from(theme))));
        fields.extend(self.subject(catalogue, municipality));
        if let Some(about) = &self.about {
            about.copy(municipality, self.partner, fields);
        }
        data
    }

    /// The signal's own line where the municipality or the partner itself wrote it, and the name of
    /// the theme where somebody else did: a text cannot carry the mark of whose it is.
    fn subject(&self, catalogue: &Catalogue, municipality: &Partner) -> Option<(String, Value)> {
        let free = self.about.filter(|about| about.is_free(municipality, self.partner));
        let line = free.and_then(|about| about.data.get("onderwerp").cloned());
        let theme = || Some(Value::from(catalogue.themes.get(self.theme?)?.naam.as_str()));
        Some(("onderwerp".to_owned(), line.or_else(theme)?))
    }
}

impl About<'_> {
    /// Whether nobody else's purpose needs to allow that this partner gets it: it is the
    /// municipality's own, or the partner sent it.
    fn is_free(&self, municipality: &Partner, partner: &PartnerId) -> bool {
        *self.origin == municipality.kind || self.sender == partner
    }

    /// Takes over place and persons, each under the origin whose purpose must allow it.
    fn copy(&self, municipality: &Partner, partner: &PartnerId, fields: &mut Map<String, Value>) {
        let free = self.is_free(municipality, partner);
        let marked = |value: &Value| {
            let mut value = value.clone();
            if let Some(object) = value.as_object_mut().filter(|_| !free) {
                object.entry("herkomst").or_insert_with(|| json!(self.origin));
            }
            value
        };
        let place = self.data.get("locatie").map(marked);
        fields.extend(place.map(|place| ("locatie".to_owned(), place)));
        if let Some(persons) = self.data.get("betrokkenen").and_then(Value::as_array) {
            let persons = persons.iter().map(marked).collect();
            fields.insert("betrokkenen".to_owned(), persons);
        }
    }
}

#[cfg(test)]
mod tests;
