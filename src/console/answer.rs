//! Pages, exports and errors as answers.

use askama::Template;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::Value;

use super::door::Asker;
use super::ui::Ui;
use crate::journal::JournalError;

/// What went wrong: a code, a sentence and a next step, as a page of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub status: u16,
    /// Names the sentence (`fout-…`) and the next step (`fout-…-stap`).
    pub code: &'static str,
    /// What the hub itself says, in Dutch.
    pub told: Option<String>,
}

/// A handler's answer.
pub type Shown = Result<Response, Wrong>;

#[derive(Template)]
#[template(path = "wrong.html")]
struct WrongPage<'a> {
    ui: Ui,
    sentence: String,
    step: String,
    told: Option<&'a str>,
    code: &'a str,
}

impl Wrong {
    const fn of(status: u16, code: &'static str) -> Self {
        Self { status, code, told: None }
    }

    pub const fn not_found() -> Self {
        Self::of(404, "niet-gevonden")
    }

    pub const fn not_allowed() -> Self {
        Self::of(403, "niet-toegestaan")
    }

    /// Somebody must work on a case before it can be directed or seen unmasked.
    pub const fn not_assigned() -> Self {
        Self::of(403, "niet-uw-casus")
    }

    /// An address or a form that is not what the page asks.
    pub const fn unread(status: u16) -> Self {
        Self::of(status, "onleesbaar-verzoek")
    }

    pub const fn other_site() -> Self {
        Self::of(403, "andere-site")
    }

    pub const fn too_slow() -> Self {
        Self::of(503, "te-traag")
    }

    pub const fn too_many() -> Self {
        Self::of(503, "te-druk")
    }

    pub const fn failed() -> Self {
        Self::of(500, "intern")
    }

    pub fn of_journal(error: &JournalError) -> Self {
        match error {
            JournalError::NotFound => Self::not_found(),
            JournalError::Erased => Self::of(410, "gewist"),
            JournalError::Order(why) => {
                Self { told: Some((*why).to_owned()), ..Self::of(409, "kan-niet") }
            }
            _ => {
                tracing::error!(error = %crate::hub::chain(error), "a page could not be made");
                Self::of(503, "logboek")
            }
        }
    }

    /// What the office refused.
    pub fn of_office((status, told): &(u16, Value)) -> Self {
        let title = told.get("title").and_then(Value::as_str).map(str::to_owned);
        let code = match status {
            404 => "niet-gevonden",
            410 => "gewist",
            403 => "niet-toegestaan",
            503 => "logboek",
            _ => "kan-niet",
        };
        Self { status: *status, code, told: title }
    }

    pub fn page(&self, asker: &Asker) -> Response {
        let ui = Ui::new(asker, "fout");
        let sentence = ui.code("fout", self.code);
        let step = ui.code("fout", &format!("{}-stap", self.code));
        let told = self.told.as_deref();
        let mut response = page(&WrongPage { sentence, step, told, code: self.code, ui });
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response
    }
}

/// What a handler ends with; the door makes a page of it in the language of who asks.
impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<JournalError> for Wrong {
    fn from(error: JournalError) -> Self {
        Self::of_journal(&error)
    }
}

/// A page whose template is filled.
pub fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a template could not be filled");
            (StatusCode::INTERNAL_SERVER_ERROR, "500").into_response()
        }
    }
}

/// A form that cannot be carried out, again: with what is wrong and what was filled in.
pub fn again(form: &impl Template) -> Response {
    let mut response = page(form);
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}

/// After something was done: to a page that says so, which can be opened again without harm.
pub fn done(path: &str, what: &str) -> Response {
    let sign = if path.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{path}{sign}gedaan={what}")).into_response()
}

/// Rows as a file for a spreadsheet: with a mark of its encoding, semicolons as Dutch ones expect,
/// and nothing that it would take for a formula.
pub fn csv(name: &str, rows: &[Vec<String>]) -> Response {
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    for row in rows {
        if writer.write_record(row.iter().map(|cell| harmless(cell))).is_err() {
            return Wrong::failed().page(&Asker::default());
        }
    }
    let mut body = "\u{feff}".as_bytes().to_vec();
    body.extend(writer.into_inner().unwrap_or_default());
    file(name, "text/csv; charset=utf-8", body)
}

/// A file to keep.
pub fn file(name: &str, media_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let name = format!("attachment; filename=\"{name}\"");
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}

/// A cell that no spreadsheet reads as a formula, without control characters.
fn harmless(cell: &str) -> String {
    let text: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let begins = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if begins { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, written) in [
            ("=1+1", "'=1+1"),
            (" @SUM(A1)", "' @SUM(A1)"),
            ("\t-2", "' -2"),
            ("\u{ff1d}cmd", "'\u{ff1d}cmd"),
            ("wonen-zuid", "wonen-zuid"),
            ("a\r\nb", "a  b"),
        ] {
            assert_eq!(harmless(cell), written);
        }
    }
}
