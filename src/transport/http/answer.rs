//! Turns what the hub says into HTTP answers.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::transport::{Outcome, OutgoingParcel, Problem, Unavailable, Verdict};

pub(super) const INTERNAL: Problem =
    Problem::new(500, "intern", "Er ging iets mis in de hub; de beheerder kan het nazoeken.");

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        plain(self.status, Self::MEDIA_TYPE, self.to_bytes())
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        let problem = if self.closed { Problem::closed() } else { Problem::unavailable() };
        retry_later(problem, self.retry_after_seconds)
    }
}

/// What ends a handler early.
pub(super) enum Halt {
    Problem(Problem),
    Later(Unavailable),
    Ready(Response),
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Unavailable> for Halt {
    fn from(unavailable: Unavailable) -> Self {
        Self::Later(unavailable)
    }
}

impl IntoResponse for Halt {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Later(unavailable) => unavailable.into_response(),
            Self::Ready(response) => response,
        }
    }
}

pub(super) fn json(status: u16, value: &Value) -> Response {
    plain(status, "application/json", value.to_string().into_bytes())
}

pub(super) fn retry_later(problem: Problem, seconds: u32) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// A receipt in the sender's own style, or the hub's refusal.
pub(super) fn of_outcome(outcome: Outcome) -> Response {
    let mut response = plain(outcome.status, &outcome.media_type, outcome.body);
    let headers = response.headers_mut();
    if let Verdict::Unavailable { retry_after_seconds } = outcome.verdict {
        headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds));
    }
    let location = outcome.follow.map(|id| format!("/v1/berichten/{id}"));
    if let Some(Ok(location)) = location.map(HeaderValue::try_from) {
        headers.insert(axum::http::header::LOCATION, location);
    }
    response
}

/// A parcel as it is, with what else travels in its headers.
pub(super) fn of_parcel(parcel: OutgoingParcel) -> Response {
    let headers = parcel.headers();
    let mut response = plain(200, &parcel.media_type, parcel.bytes);
    for (name, value) in headers {
        let Ok(value) = HeaderValue::try_from(value) else { return INTERNAL.into_response() };
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

fn plain(status: u16, media_type: &str, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200);
    let Some((status, media_type)) = status.zip(HeaderValue::try_from(media_type).ok()) else {
        tracing::error!("an answer had an impossible status or media type");
        let body = INTERNAL.to_bytes();
        let media_type = HeaderValue::from_static(Problem::MEDIA_TYPE);
        return (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, media_type)], body)
            .into_response();
    };
    (status, [(CONTENT_TYPE, media_type)], body).into_response()
}
