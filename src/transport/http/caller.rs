//! Who is asking: the bearer token of a request, and how many requests that partner has open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

use crate::message::{Fault, PartnerId};
use crate::transport::{AuthResult, Problem, Unavailable};

use super::App;
use super::answer::{Halt, retry_later};
use super::tls::PeerCertificate;

/// Longer tokens are not ours.
const TOKEN_CHARS_MAX: usize = 512;
/// When the token store cannot answer.
const RETRY_AFTER_S: u32 = 5;

/// The partner that a request comes from. Held until the answer is ready.
pub(super) struct Caller {
    pub(super) partner: PartnerId,
    _ticket: Ticket,
}

/// Who sends a message. A suspended partner is heard here as well: what it sends is refused by
/// the inlet, which keeps it.
pub(super) struct Sender {
    pub(super) caller: Caller,
    pub(super) suspended: bool,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Halt> {
        match Sender::from_request_parts(parts, app).await? {
            Sender { caller, suspended: false } => Ok(caller),
            Sender { .. } => Err(Problem::of_fault(Fault::Geschorst).into()),
        }
    }
}

impl FromRequestParts<App> for Sender {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Halt> {
        let Some(token) = bearer(parts) else {
            return Err(Halt::Ready(unauthorised("Bearer realm=\"schakel\"")));
        };
        let (partner, suspended) = match app.desk.authenticate(token).await {
            AuthResult::Partner(partner) => (partner, false),
            AuthResult::Unknown => {
                let challenge = "Bearer realm=\"schakel\", error=\"invalid_token\"";
                return Err(Halt::Ready(unauthorised(challenge)));
            }
            AuthResult::Suspended(partner) => (partner, true),
            AuthResult::Unavailable => {
                return Err(Unavailable::for_seconds(RETRY_AFTER_S).into());
            }
        };
        let shown = parts.extensions.get::<PeerCertificate>().and_then(|peer| peer.0);
        if !app.desk.accepts_certificate(&partner, shown) {
            return Err(OTHER_CERTIFICATE.into());
        }
        tracing::Span::current().record("partner.id", tracing::field::display(&partner));
        let Some(ticket) = app.in_flight.enter(&partner, app.limits.requests_per_partner) else {
            let problem = Problem::new(
                429,
                "te-veel-verzoeken",
                "U heeft te veel verzoeken tegelijk open; wacht tot er een klaar is.",
            );
            return Err(Halt::Ready(retry_later(problem, 1)));
        };
        Ok(Self { caller: Caller { partner, _ticket: ticket }, suspended })
    }
}

const OTHER_CERTIFICATE: Problem = Problem::new(
    403,
    "ander-certificaat",
    "Dit token hoort bij een andere ketenpartner dan het certificaat van deze verbinding.",
);

/// The token of the `Authorization` header (RFC 6750).
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    let text = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim();
    let fits = !token.is_empty() && token.len() <= TOKEN_CHARS_MAX;
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(token)
}

pub(super) fn unauthorised(challenge: &'static str) -> Response {
    let problem = Problem::new(401, "niet-ingelogd", "Een geldig token ontbreekt.");
    let mut response = problem.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// Open requests per partner. Holds only partners that have some.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<HashMap<PartnerId, u32>>>);

struct Ticket {
    in_flight: InFlight,
    partner: PartnerId,
}

impl InFlight {
    fn enter(&self, partner: &PartnerId, most: u32) -> Option<Ticket> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(partner.clone()).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Ticket { in_flight: self.clone(), partner: partner.clone() })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = open.get(&self.partner).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            open.remove(&self.partner);
        } else {
            open.insert(self.partner.clone(), left);
        }
    }
}
