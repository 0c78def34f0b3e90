//! `GET /metrics`: figures for Prometheus, on a listener of their own.
//!
//! They name partners and codes, and never a case, a person or a message. Whoever can reach the
//! address can read them, so it is on loopback unless the settings say otherwise.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::transport::Answer;

use super::{Limits, dress};

/// The text format of Prometheus 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Gives the figures of this moment.
pub trait Figures: Send + Sync + 'static {
    fn text(&self) -> Answer<'_, String>;
}

pub fn metrics_router(figures: Arc<dyn Figures>, limits: &Limits) -> Router {
    let router = Router::new().route("/metrics", get(answer)).with_state(figures);
    dress::dressed(router, Arc::new(limits.clone()))
}

async fn answer(State(figures): State<Arc<dyn Figures>>) -> Response {
    ([(CONTENT_TYPE, TEXT)], figures.text().await).into_response()
}
