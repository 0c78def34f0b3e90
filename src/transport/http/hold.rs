//! A partner holds a message that would endanger somebody; a coordinator releases or drops it.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer::{self, Halt};
use super::caller::Caller;
use super::mailbox::{BAD_REQUEST, object, unknown_fields};
use super::{App, NOT_FOUND};
use crate::message::Violation;
use crate::transport::{Held, Problem};

/// Why a message is held, in the partner's own words.
const REASON_CHARS_MAX: usize = 500;

/// `POST /v1/berichten/{id}/vasthouden`
pub(super) async fn hold(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Halt> {
    let id: uuid::Uuid = id.parse().map_err(|_| NOT_FOUND)?;
    let why = reason(&object(&app, request).await?)?;
    match app.desk.hold(&caller.partner, id, why).await? {
        Held::Waits(parcels) => {
            let mut told = json!({
                "id": id,
                "status": "bij-regisseur",
                "uitleg": "Wat nog niet weg was, wacht. Een regisseur geeft het vrij of laat het \
                           vervallen.",
            });
            if let (Some(parcels), Some(fields)) = (parcels, told.as_object_mut()) {
                fields.insert("zendingen".to_owned(), parcels);
            }
            Ok(answer::json(200, &told))
        }
        Held::Nothing => {
            let title = "Van dit bericht wacht niets meer dat kan worden vastgehouden.";
            let detail = "Trek het bericht in met een intrekking: dat horen allen die het kregen. \
                          Is er gevaar, bel dan de regisseur.";
            Err(Problem::new(409, "niets-vast-te-houden", title).with_detail(detail).into())
        }
        Held::Unknown => Err(NOT_FOUND.into()),
    }
}

/// Words of people, so they may stand in no answer and in no log.
fn reason(object: &Map<String, Value>) -> Result<String, Problem> {
    let unknown = unknown_fields(object, &["reden"]);
    if !unknown.is_empty() {
        return Err(BAD_REQUEST.with_violations(unknown));
    }
    let text = object.get("reden").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    let plain = |c: char| !c.is_control() || c == '\n';
    if (1..=REASON_CHARS_MAX).contains(&text.chars().count()) && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    let title = "Zeg waarom dit bericht moet wachten.";
    Err(Problem::new(422, "geen-reden", title).with_violations(vec![Violation::new(
        "/reden",
        "geen-reden",
        "`reden` is een tekst van 1 tot en met 500 tekens.",
        "`reden` is a text of 1 to 500 characters.",
    )]))
}
