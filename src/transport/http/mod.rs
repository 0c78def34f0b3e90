//! HTTP: the partner API, the admin routes of the command line, and webhooks out.
//!
//! Follows the NL GOV API Design Rules 2.2: Dutch names, problem+json with all violations, the
//! `API-Version` header on every answer, OpenAPI at `/openapi.json`. One credential is one
//! partner. What a message means, and how its receipt looks, is the hub's.

mod about;
mod admin;
mod answer;
mod body;
mod caller;
mod dress;
pub mod guard;
mod mailbox;
mod messages;
pub mod metrics;
mod server;
mod signature;
pub mod tls;
#[cfg(test)]
mod tests;
pub mod webhook;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};

use super::{DOCUMENT_BYTES_MAX, Inlet, KEPT_BYTES_MAX, LargeBodies, PartnerDesk, Problem};

pub use admin::{ADMIN_BODY_BYTES_MAX, AdminDesk, AdminToken, admin_router};
pub use server::{BindError, Listening, PeerAddress, Served, bind, serve};

/// The version of the partner API, on every answer.
pub const API_VERSION: &str = "1.0.0";

/// The bounds of the door. The defaults are for serving; tests shorten the times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest document that is taken in.
    pub body_bytes: usize,
    /// The largest that is read, so that what is refused can be kept.
    pub body_bytes_kept: usize,
    /// From the first byte of a body to its last.
    pub body_time: Duration,
    /// From the request's head to the answer's; longer than the longest poll.
    pub request_time: Duration,
    /// For a request's head, and so also for an idle connection.
    pub header_time: Duration,
    /// Open at once; others wait in the listener's queue.
    pub connections: usize,
    /// After this a connection finishes its request and closes.
    pub connection_age: Duration,
    /// Requests of one partner at once, so that nobody takes all connections.
    pub requests_per_partner: u32,
    /// For requests that are under way when the hub stops.
    pub shutdown_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: DOCUMENT_BYTES_MAX,
            body_bytes_kept: KEPT_BYTES_MAX,
            body_time: Duration::from_secs(30),
            request_time: Duration::from_secs(60),
            header_time: Duration::from_secs(20),
            connections: 512,
            connection_age: Duration::from_secs(600),
            requests_per_partner: 128,
            shutdown_time: Duration::from_secs(10),
        }
    }
}

/// What the handlers share.
#[derive(Clone)]
struct App {
    inlet: Arc<dyn Inlet>,
    desk: Arc<dyn PartnerDesk>,
    limits: Arc<Limits>,
    large: LargeBodies,
    in_flight: caller::InFlight,
}

/// The partner API. Serve it with [`serve`], under the same limits.
pub fn partner_router(
    inlet: Arc<dyn Inlet>,
    desk: Arc<dyn PartnerDesk>,
    large: LargeBodies,
    limits: &Limits,
) -> Router {
    let limits = Arc::new(limits.clone());
    let in_flight = caller::InFlight::default();
    let app = App { inlet, desk, limits: Arc::clone(&limits), large, in_flight };
    let router = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, _, handler)| router.route(path, handler));
    dress::dressed(router.with_state(app), limits)
}

/// Every route, with its method; a test holds the OpenAPI document against this table.
fn routes() -> Vec<(&'static str, &'static str, MethodRouter<App>)> {
    vec![
        ("/v1", "get", get(about::index)),
        ("/v1/berichten", "post", post(messages::receive)),
        ("/v1/berichten/{id}", "get", get(messages::status)),
        ("/v1/casussen/{casus}", "get", get(messages::case)),
        ("/v1/postvak/ophalingen", "post", post(mailbox::collect)),
        ("/v1/postvak/{zending}/inhoud", "get", get(mailbox::content)),
        ("/v1/postvak/{zending}/ontvangst", "post", post(mailbox::confirm)),
        ("/v1/logboek", "get", get(messages::log)),
        ("/openapi.json", "get", get(about::openapi)),
        ("/gezond", "get", get(about::alive)),
        ("/gereed", "get", get(about::ready)),
    ]
}

const NOT_FOUND: Problem =
    Problem::new(404, "niet-gevonden", "Deze bron bestaat niet of is niet voor u.");

async fn not_found() -> Problem {
    NOT_FOUND
}

/// For `OPTIONS` an empty answer, for any other method a problem; axum adds `Allow` to both.
async fn other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Problem::new(405, "methode-niet-toegestaan", "Deze methode kan niet op deze bron.")
        .into_response()
}
