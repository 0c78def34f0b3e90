//! The answer to a sender in its own form: a native receipt, or JSON and problem+json.

use serde_json::{Value, json};

use super::dispatch::encode_as;
use crate::catalogue::Catalogue;
use crate::catalogue::connector::Answer;
use crate::catalogue::mapping::Run;
use crate::catalogue::partner::Partner;
use crate::message::{ExternalId, PublicId, Refusal, Second, Timestamp};

/// An answer in the form that the partner reads.
#[derive(Debug, PartialEq, Eq)]
pub struct NativeAnswer {
    pub status: u16,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// What a receipt says.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The id by which the sender can follow its message, or under which the refusal is kept.
    pub id: PublicId,
    pub external_id: Option<&'a ExternalId>,
    pub at: Timestamp,
    /// `None`: accepted.
    pub refusal: Option<&'a Refusal>,
}

/// An answer, the document in it, and which mapping lines gave a value.
pub(super) struct Traced {
    pub answer: NativeAnswer,
    pub native: Value,
    pub fired: Vec<bool>,
}

/// The connector's own receipt; `None` where it has none, or cannot make it.
pub fn native_answer(
    catalogue: &Catalogue,
    partner: &Partner,
    answered: &Answered<'_>,
) -> Option<NativeAnswer> {
    answer_traced(catalogue, partner, answered).map(|traced| traced.answer)
}

/// As [`native_answer`], with what examples are held against.
pub(super) fn answer_traced(
    catalogue: &Catalogue,
    partner: &Partner,
    answered: &Answered<'_>,
) -> Option<Traced> {
    let connector = catalogue.connector_of(partner)?;
    let (form, usual) = match answered.refusal {
        None => (connector.received.as_ref()?, 202),
        Some(refusal) => (connector.refused.as_ref()?, refusal.fault.http_status()),
    };
    let (native, fired) = translate(catalogue, partner, form, answered)?;
    let bytes = encode_as(&connector.format, &form.schema.shape, &native).ok()?;
    let media_type = connector.media_types.first()?.clone();
    let answer = NativeAnswer { status: form.status.unwrap_or(usual), media_type, bytes };
    Some(Traced { answer, native, fired })
}

fn translate(
    catalogue: &Catalogue,
    partner: &Partner,
    form: &Answer,
    answered: &Answered<'_>,
) -> Option<(Value, Vec<bool>)> {
    let at = Second::from(answered.at);
    let status = if answered.refusal.is_none() { "ontvangen" } else { "geweigerd" };
    let mut receipt = json!({ "id": answered.id, "tijdstip": at, "status": status });
    if let (Some(id), Some(object)) = (answered.external_id, receipt.as_object_mut()) {
        object.insert("bericht".to_owned(), Value::from(id.reveal()));
    }
    let mut document = json!({ "ontvangst": receipt, "fouten": [] });
    if let (Some(refusal), Some(object)) = (answered.refusal, document.as_object_mut()) {
        let fault = refusal.fault;
        object.insert("fout".to_owned(), json!({ "code": fault.code(), "titel": fault.title() }));
        object.insert("fouten".to_owned(), json!(refusal.violations));
    }
    let hub = json!({
        "zending": answered.id,
        "casus": "",
        "opgesteld": at,
        "bericht": "ontvangstbevestiging.v1",
        "hub": { "naam": catalogue.hub.naam, "oin": catalogue.hub.oin },
        "ontvanger": { "naam": partner.name, "oin": partner.oin, "id": partner.id },
    });
    let run = Run::new(&form.mapping, &catalogue.engine);
    let made = run.document(&[("b", &document), ("h", &hub)]).ok()?;
    form.schema.accepts(&made.0).then_some(made)
}
