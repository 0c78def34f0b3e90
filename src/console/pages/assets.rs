//! The style sheet and the script: inside the binary, and a municipality's own tokens beside them.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::super::App;

const STYLE: &str = include_str!("../assets/schakel.css");
const SCRIPT: &str = include_str!("../assets/schakel.js");
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
/// The largest theme that is handed out.
const THEME_BYTES_MAX: usize = 256 * 1024;

pub async fn style() -> Response {
    asset(CSS, STYLE.into())
}

pub async fn script() -> Response {
    asset(JS, SCRIPT.into())
}

/// The municipality's own design tokens; nothing where it has none. Read anew each time, so that
/// it can be changed while the hub runs.
pub async fn theme(State(app): State<App>) -> Response {
    let Some(path) = &app.theme else { return asset(CSS, Vec::new()) };
    match tokio::fs::read(path.as_path()).await {
        Ok(bytes) if bytes.len() <= THEME_BYTES_MAX => asset(CSS, bytes),
        Ok(_) => asset(CSS, Vec::new()),
        Err(error) => {
            tracing::warn!(%error, "the theme of the console cannot be read");
            asset(CSS, Vec::new())
        }
    }
}

fn asset(media_type: &'static str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    response
}
