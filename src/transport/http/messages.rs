//! Sending messages, following them, and reading one's own log.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;

use crate::message::{PublicId, Violation};
use crate::transport::{Channel, Delivery, Problem, TooLarge};

use super::answer::{Halt, json, of_outcome};
use super::caller::{Caller, Sender};
use super::{App, NOT_FOUND, body};

/// Lines of the log in one answer.
const LOG_LINES_MAX: u64 = 500;
const LOG_LINES: u16 = 100;

/// `POST /v1/berichten`: the native document in, the receipt out.
pub(super) async fn receive(
    State(app): State<App>,
    Sender { caller, suspended }: Sender,
    request: Request,
) -> Result<Response, Halt> {
    let limits = &app.limits;
    let media_type = body::media_type(request.headers());
    let (partner, channel) = (caller.partner.clone(), Channel::Http);
    // Who may not exchange now takes no place from who may.
    let further = (!suspended).then_some((limits.body_bytes_kept, &app.large));
    let bound = body::Bound { size_bytes_max: limits.body_bytes, further };
    let outcome = match body::read_within(request, bound, limits.body_time).await? {
        body::Read::Whole { bytes, place } => {
            app.inlet.receive(Delivery { partner, channel, media_type, bytes, place }).await
        }
        body::Read::TooLarge { size_bytes, why } => {
            app.inlet.too_large(TooLarge { partner, channel, media_type, size_bytes, why }).await
        }
    };
    Ok(of_outcome(outcome))
}

/// `GET /v1/berichten/{id}`: the stages that a message reached, for its sender.
pub(super) async fn status(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Halt> {
    let id: PublicId = id.parse().map_err(|_| NOT_FOUND)?;
    let found = app.desk.message_status(&caller.partner, id).await?;
    Ok(json(200, &found.ok_or(NOT_FOUND)?))
}

/// `GET /v1/casussen/{casus}`: a case in which the partner takes part.
pub(super) async fn case(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Response, Halt> {
    let found = app.desk.case(&caller.partner, &number).await?;
    Ok(json(200, &found.ok_or(NOT_FOUND)?))
}

/// `GET /v1/logboek?na=&limiet=`: the partner's own exchanges and proofs.
pub(super) async fn log(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Halt> {
    let Query(pairs) = query.map_err(|_| BAD_QUERY)?;
    let (after, limit) = log_query(&pairs)?;
    Ok(json(200, &app.desk.log(&caller.partner, after, limit).await?))
}

const BAD_QUERY: Problem =
    Problem::new(400, "ongeldig-verzoek", "Het verzoek voldoet niet aan de beschrijving.");

fn log_query(pairs: &[(String, String)]) -> Result<(Option<u64>, u16), Problem> {
    let (mut after, mut limit) = (None, LOG_LINES);
    let mut violations = Vec::new();
    for (key, value) in pairs {
        match (key.as_str(), value.parse::<u64>()) {
            ("na", Ok(number)) => after = Some(number),
            ("na", Err(_)) => violations.push(Violation::new(
                "?na",
                "geen-volgnummer",
                "`na` is het volgnummer van een regel.",
                "`na` is the number of a line.",
            )),
            ("limiet", Ok(number @ 1..=LOG_LINES_MAX)) => {
                limit = u16::try_from(number).unwrap_or(LOG_LINES);
            }
            ("limiet", _) => violations.push(Violation::new(
                "?limiet",
                "buiten-bereik",
                "`limiet` is een getal van 1 tot en met 500.",
                "`limiet` is a number from 1 to 500.",
            )),
            // The name of an unknown key is the client's own text, so it is not repeated.
            _ => violations.push(Violation::new(
                "?",
                "onbekende-parameter",
                "Alleen `na` en `limiet` worden herkend.",
                "Only `na` and `limiet` are known.",
            )),
        }
    }
    if violations.is_empty() {
        return Ok((after, limit));
    }
    Err(BAD_QUERY.with_violations(violations))
}
