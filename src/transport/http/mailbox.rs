//! The mailbox: collect parcels under lease, read one as it is, and say what became of it.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::message::{Fault, ParcelId, Stage, Violation};
use crate::transport::{Collected, Confirmed, Problem, Room, Unavailable, Word};

use super::answer::{self, Halt};
use super::caller::Caller;
use super::{App, NOT_FOUND, body};

const PARCELS_MAX: u64 = 100;
const PARCELS: u16 = 10;
const WAIT_SECONDS_MAX: u64 = 30;
/// Documents in one answer, before base64.
const COLLECT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A long poll looks again this often at most, even where it is woken for nothing.
const WAKES_MAX: u32 = 16;
const REQUEST_BYTES_MAX: usize = 16 * 1024;
const REASON_CHARS_MAX: usize = 60;

/// `POST /v1/postvak/ophalingen`
pub(super) async fn collect(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Halt> {
    let wish = Wish::of(&object(&app, request).await?)?;
    let room = Room { parcels: wish.parcels, size_bytes: COLLECT_BYTES_MAX };
    let collected = collect_patiently(&app, &caller, room, wish.patience).await?;
    let parcels: Vec<Value> = collected.iter().map(as_json).collect();
    Ok(answer::json(200, &json!({ "zendingen": parcels })))
}

/// `GET /v1/postvak/{zending}/inhoud`
pub(super) async fn content(
    State(app): State<App>,
    caller: Caller,
    Path(parcel): Path<String>,
) -> Result<Response, Halt> {
    let parcel: ParcelId = parcel.parse().map_err(|_| NOT_FOUND)?;
    let found = app.desk.content(&caller.partner, parcel).await?;
    Ok(answer::of_parcel(found.ok_or(NOT_FOUND)?))
}

/// `POST /v1/postvak/{zending}/ontvangst`
pub(super) async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path(parcel): Path<String>,
    request: Request,
) -> Result<Response, Halt> {
    let parcel: ParcelId = parcel.parse().map_err(|_| NOT_FOUND)?;
    let word = word(&object(&app, request).await?)?;
    match app.desk.confirm(&caller.partner, parcel, word).await? {
        Confirmed::At(stage) => {
            let stands = json!({ "zending": parcel, "stadium": stage.as_str() });
            Ok(answer::json(200, &stands))
        }
        Confirmed::Conflict(stage) => {
            let title = "Over deze zending is al anders besloten.";
            let detail = format!("De zending staat op `{}`.", stage.as_str());
            Err(Problem::new(409, "stadium-ligt-vast", title).with_detail(detail).into())
        }
        Confirmed::Unknown => Err(Problem::of_fault(Fault::OnbekendeZending).into()),
    }
}

async fn collect_patiently(
    app: &App,
    caller: &Caller,
    room: Room,
    patience: Duration,
) -> Result<Vec<Collected>, Unavailable> {
    let until = Instant::now() + patience;
    for _ in 0..WAKES_MAX {
        let collected = app.desk.collect(&caller.partner, room).await?;
        let left = until.saturating_duration_since(Instant::now());
        if !collected.is_empty() || left.is_zero() {
            return Ok(collected);
        }
        app.desk.wait_for_mail(&caller.partner, left).await;
    }
    app.desk.collect(&caller.partner, room).await
}

fn as_json(collected: &Collected) -> Value {
    let mut parcel = collected.parcel.describe();
    if let Some(fields) = parcel.as_object_mut() {
        let document = BASE64_STANDARD.encode(&collected.parcel.bytes);
        fields.insert("inhoud".to_owned(), json!(document));
        fields.insert("leaseTot".to_owned(), json!(collected.leased_until.to_string()));
    }
    parcel
}

pub(super) const BAD_REQUEST: Problem =
    Problem::new(400, "ongeldig-verzoek", "Het verzoek voldoet niet aan de beschrijving.");

/// The JSON object of a request; an empty body is an empty object.
pub(super) async fn object(app: &App, request: Request) -> Result<Map<String, Value>, Problem> {
    let media_type = body::media_type(request.headers());
    let bytes = body::read(request, REQUEST_BYTES_MAX, app.limits.body_time).await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let essence = media_type.as_deref().and_then(|text| text.split(';').next()).map(str::trim);
    if essence.is_some_and(|essence| !essence.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::of_fault(Fault::Mediatype).with_detail("Stuur application/json."));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(BAD_REQUEST.with_violations(vec![Violation::new(
            "",
            "geen-object",
            "Het verzoek is een JSON-object.",
            "The request is a JSON object.",
        )])),
        // serde_json's own sentence may quote the text, its position does not.
        Err(error) => Err(BAD_REQUEST.with_violations(vec![Violation::new(
            format!("regel {}, kolom {}", error.line(), error.column()),
            "geen-json",
            "Dit is geen geldige JSON.",
            "This is not valid JSON.",
        )])),
    }
}

/// How many parcels a partner wants, and how long it will wait for the first.
struct Wish {
    parcels: u16,
    patience: Duration,
}

impl Wish {
    fn of(object: &Map<String, Value>) -> Result<Self, Problem> {
        let mut wish = Self { parcels: PARCELS, patience: Duration::ZERO };
        let mut violations = unknown_fields(object, &["limiet", "wachtSeconden"]);
        match object.get("limiet").map(Value::as_u64) {
            None => {}
            Some(Some(number @ 1..=PARCELS_MAX)) => {
                wish.parcels = u16::try_from(number).unwrap_or(PARCELS);
            }
            Some(_) => violations.push(Violation::new(
                "/limiet",
                "buiten-bereik",
                "`limiet` is een geheel getal van 1 tot en met 100.",
                "`limiet` is an integer from 1 to 100.",
            )),
        }
        match object.get("wachtSeconden").map(Value::as_u64) {
            None => {}
            Some(Some(seconds @ 0..=WAIT_SECONDS_MAX)) => {
                wish.patience = Duration::from_secs(seconds);
            }
            Some(_) => violations.push(Violation::new(
                "/wachtSeconden",
                "buiten-bereik",
                "`wachtSeconden` is een geheel getal van 0 tot en met 30.",
                "`wachtSeconden` is an integer from 0 to 30.",
            )),
        }
        if violations.is_empty() { Ok(wish) } else { Err(BAD_REQUEST.with_violations(violations)) }
    }
}

fn word(object: &Map<String, Value>) -> Result<Word, Problem> {
    let mut violations = unknown_fields(object, &["status", "reden"]);
    let stage = match object.get("status").and_then(Value::as_str) {
        Some("ontvangen") => Some(Stage::Ontvangen),
        Some("geaccepteerd") => Some(Stage::Geaccepteerd),
        Some("geweigerd") => Some(Stage::Geweigerd),
        _ => None,
    };
    if stage.is_none() {
        violations.push(Violation::new(
            "/status",
            "onbekende-waarde",
            "`status` is `ontvangen`, `geaccepteerd` of `geweigerd`.",
            "`status` is `ontvangen`, `geaccepteerd` or `geweigerd`.",
        ));
    }
    let reason = object.get("reden").filter(|reason| !reason.is_null());
    if reason.is_some_and(|reason| !reason.as_str().is_some_and(is_code)) {
        violations.push(Violation::new(
            "/reden",
            "geen-code",
            "`reden` is een code van kleine letters, cijfers en streepjes, geen vrije tekst.",
            "`reden` is a code of lower-case letters, digits and hyphens, not free text.",
        ));
    }
    match stage {
        Some(stage) if violations.is_empty() => {
            Ok(Word { stage, reason: reason.and_then(Value::as_str).map(str::to_owned) })
        }
        _ => Err(BAD_REQUEST.with_violations(violations)),
    }
}

fn is_code(text: &str) -> bool {
    let in_code = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=REASON_CHARS_MAX).contains(&text.len()) && text.bytes().all(in_code)
}

/// One violation however many there are; their names are the client's own text, not repeated.
pub(super) fn unknown_fields(object: &Map<String, Value>, known: &[&str]) -> Vec<Violation> {
    if object.keys().all(|key| known.contains(&key.as_str())) {
        return Vec::new();
    }
    let known = known.join("`, `");
    vec![Violation::new(
        "",
        "onbekend-veld",
        format!("Alleen `{known}` worden herkend."),
        format!("Only `{known}` are known."),
    )]
}
