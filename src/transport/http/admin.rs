//! The routes of the command line: one action per request, behind a token of their own.
//!
//! Served on a listener of its own, on loopback. What an action does is the hub's.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::Value;

use crate::message::Digest;
use crate::transport::{Answer, Problem};

use super::answer::{Halt, json};
use super::caller::{bearer, unauthorised};
use super::{Limits, body, dress};

/// The largest body of an admin request: room for a set of some hundreds of partners in base64.
/// Read only for who has the token.
pub const ADMIN_BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Carries out what the command line asks. `Err` is an HTTP status with a JSON body.
pub trait AdminDesk: Send + Sync + 'static {
    fn call<'a>(&'a self, action: &'a str, body: Value) -> Answer<'a, Result<Value, (u16, Value)>>;
}

/// The secret of the admin routes; only its digest is kept.
#[derive(Clone)]
pub struct AdminToken(Digest);

impl AdminToken {
    pub fn new(secret: &str) -> Self {
        Self(Digest::of(&[secret.as_bytes()]))
    }

    /// Compares digests, so that the time it takes says nothing about the secret.
    fn is(&self, token: &str) -> bool {
        Digest::of(&[token.as_bytes()]) == self.0
    }
}

/// `POST /beheer/{actie}` with a JSON body.
pub fn admin_router(desk: Arc<dyn AdminDesk>, token: AdminToken, limits: &Limits) -> Router {
    let limits = Arc::new(limits.clone());
    let office = Office { desk, token, limits: Arc::clone(&limits) };
    let router = Router::new().route("/beheer/{actie}", post(call)).with_state(office);
    dress::dressed(router, limits)
}

#[derive(Clone)]
struct Office {
    desk: Arc<dyn AdminDesk>,
    token: AdminToken,
    limits: Arc<Limits>,
}

async fn call(
    State(office): State<Office>,
    Path(action): Path<String>,
    request: Request,
) -> Result<Response, Halt> {
    let (parts, body) = request.into_parts();
    if !bearer(&parts).is_some_and(|token| office.token.is(token)) {
        return Ok(unauthorised("Bearer realm=\"schakel-beheer\""));
    }
    let request = Request::from_parts(parts, body);
    let bytes = body::read(request, ADMIN_BODY_BYTES_MAX, office.limits.body_time).await?;
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        let title = "Het verzoek is geen geldige JSON.";
        serde_json::from_slice(&bytes).map_err(|_| Problem::new(400, "geen-json", title))?
    };
    Ok(match office.desk.call(&action, body).await {
        Ok(value) => json(200, &value),
        Err((status, value)) => json(status, &value).into_response(),
    })
}
