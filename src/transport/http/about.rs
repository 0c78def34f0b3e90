//! What the API says about itself: index, description, liveness and readiness.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::answer::json as answer;
use super::{API_VERSION, App};

/// The OpenAPI 3.1 description, written by hand; the tests hold it against the routes.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

/// `GET /v1`
pub(super) async fn index() -> Response {
    answer(
        200,
        &json!({
            "naam": "Schakel",
            "versie": API_VERSION,
            "beschrijving": "/openapi.json",
            "bronnen": {
                "berichten": "/v1/berichten",
                "casussen": "/v1/casussen/{casus}",
                "postvak": "/v1/postvak/ophalingen",
                "logboek": "/v1/logboek",
            },
        }),
    )
}

/// `GET /openapi.json`: readable from any origin, as the API Design Rules ask.
pub(super) async fn openapi() -> Response {
    let mut response = OPENAPI.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// `GET /gezond`: this process answers.
pub(super) async fn alive() -> Response {
    answer(200, &json!({ "status": "gezond" }))
}

/// `GET /gereed`: it can also do its work.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let readiness = app.desk.ready().await;
    let parts: Vec<Value> = readiness
        .checks
        .iter()
        .map(|check| match check.why {
            None => json!({ "naam": check.name, "gereed": check.ready }),
            Some(why) => json!({ "naam": check.name, "gereed": check.ready, "reden": why }),
        })
        .collect();
    let ready = readiness.is_ready();
    answer(if ready { 200 } else { 503 }, &json!({ "gereed": ready, "onderdelen": parts }))
}
