//! What every answer has, errors included: version, request id, security headers, a log line, and
//! a limit on the time it took to make it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::transport::Unavailable;

use super::{API_VERSION, Limits};

/// When a request took too long: whether anything was stored is unknown, so send it again.
const RETRY_AFTER_S: u32 = 5;

/// Adds the fallbacks and the layer that all routers of this room share.
pub(super) fn dressed(router: Router, limits: Arc<Limits>) -> Router {
    router
        .fallback(super::not_found)
        .method_not_allowed_fallback(super::other_method)
        .layer(from_fn_with_state(limits, dress))
}

/// A fresh id for each request, which says nothing about it.
#[expect(clippy::disallowed_methods, reason = "the id of a log line is nobody's to give")]
fn request_id() -> String {
    Uuid::new_v4().to_string()
}

async fn dress(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let started = tokio::time::Instant::now();
    let request_id = request_id();
    let method = request.method().clone();
    // The template, not the path: what a client types there may be somebody's number.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("onbekend", MatchedPath::as_str);
    let span =
        tracing::info_span!("request", request.id = request_id, partner.id = tracing::field::Empty);
    let answer = tokio::time::timeout(limits.request_time, next.run(request));
    let mut response = answer
        .instrument(span.clone())
        .await
        .unwrap_or_else(|_| Unavailable::for_seconds(RETRY_AFTER_S).into_response());
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| {
        tracing::info!(http.method = %method, http.route = route,
            http.status = response.status().as_u16(), http.took_ms = took_ms, "answered");
    });
    put_headers(response.headers_mut(), &request_id);
    response
}

fn put_headers(headers: &mut HeaderMap, request_id: &str) {
    let fixed = [
        (HeaderName::from_static("api-version"), API_VERSION),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (REFERRER_POLICY, "no-referrer"),
        (STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}
