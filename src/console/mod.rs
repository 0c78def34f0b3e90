//! The console: pages for coordinators, operators and auditors, made on the server and usable
//! without JavaScript.
//!
//! Pages read the journal and act through the hub's [`Office`], as the command line does, so that
//! both do the same under the same checks; the person is who is logged in. What anybody may open
//! stands in one table (`access`). Content is masked; who wants to see a field says why, and that
//! is in the journal first.

pub mod access;
mod answer;
mod door;
mod figures;
mod form;
mod list;
mod mask;
mod pages;
mod tongue;
mod ui;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use tokio::sync::watch;

use self::access::Verb;
use crate::casework::evaluate::show::map::Map;
use crate::hub::{Hub, Office};

/// A form with the longest text that anybody may type.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// Pages that look live at once; more are told to try again.
const LIVE_MAX: usize = 200;

/// What the pages share.
#[derive(Clone)]
pub struct App {
    hub: Arc<Hub>,
    office: Arc<Office>,
    /// A style sheet of the municipality's own.
    theme: Option<Arc<PathBuf>>,
    /// The neighbourhoods of the municipality.
    map: Option<Arc<Map>>,
    figures: Arc<figures::Figures>,
    live: Arc<tokio::sync::Semaphore>,
    request_time: Duration,
    /// Says that the hub stops, so that pages which look live let go.
    stop: watch::Receiver<bool>,
}

/// How a console looks.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// A file with design tokens of the municipality's own.
    pub theme: Option<PathBuf>,
    /// What figures of neighbourhoods are drawn on.
    pub map: Option<Arc<Map>>,
}

/// The pages. Serve them with `transport::http::serve`.
pub fn console_router(
    hub: Arc<Hub>,
    look: Look,
    request_time: Duration,
    stop: watch::Receiver<bool>,
) -> Router {
    let office = Arc::new(Office::new(Arc::clone(&hub)));
    let live = Arc::new(tokio::sync::Semaphore::new(LIVE_MAX));
    let theme = look.theme.map(Arc::new);
    let figures = Arc::default();
    let map = look.map;
    let app = App { hub, office, theme, map, figures, live, request_time, stop };
    let router = access::table().into_iter().fold(Router::new(), |router, route| {
        let gate = door::Gate { app: app.clone(), permit: route.permit };
        let handler = match route.verb {
            Verb::Get => route.handler,
            // A form of another site changes nothing here.
            Verb::Post => route.handler.layer(from_fn(door::same_origin)),
        };
        router.route(route.path, handler.layer(from_fn_with_state(gate, door::gate)))
    });
    let gate = door::Gate { app: app.clone(), permit: access::Permit::Anyone };
    let nothing = any(pages::nothing_here).layer(from_fn_with_state(gate, door::gate));
    router
        .fallback(nothing)
        .method_not_allowed_fallback(pages::nothing_here)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn_with_state(app.clone(), door::dress))
        .with_state(app)
}
