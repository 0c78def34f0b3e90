//! *Uitval*: what could not be processed or delivered, and what an operator decides about it.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::App;
use super::super::answer::{Shown, Wrong, csv, done, page};
use super::super::door::{Asker, Visitor};
use super::super::form::{optional, trimmed};
use super::super::ui::Ui;
use super::cases::Word;
use super::tasks::partners_of;
use crate::journal::{QuarantineEntry, QuarantineFilter, QuarantineId, Reveal};
use crate::message::{PartnerId, StaffRole, Violation};
use crate::transport::http::AdminDesk as _;

const PAGE: i64 = 50;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    #[serde(deserialize_with = "optional")]
    ketenpartner: Option<PartnerId>,
    #[serde(deserialize_with = "optional")]
    reden: Option<Word>,
    #[serde(deserialize_with = "optional")]
    status: Option<Word>,
    na: i64,
    als: String,
    gedaan: Option<String>,
}

/// Entries that share a cause.
struct Cause {
    direction: String,
    reason: String,
    count: i64,
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct QuarantinePage {
    ui: Ui,
    causes: Vec<Cause>,
    entries: Vec<QuarantineEntry>,
    partner: String,
    reason: String,
    state: String,
    partners: Vec<(String, String)>,
    next: Option<i64>,
}

pub async fn list(State(app): State<App>, asker: Asker, Query(asked): Query<Asked>) -> Shown {
    let states = ["open", "vrijgegeven", "vervallen"];
    let state = asked.status.as_ref().map_or("open", |word| word.0.as_str());
    let state = states.into_iter().find(|known| *known == state).unwrap_or("open");
    let filter = QuarantineFilter {
        partner: asked.ketenpartner.clone(),
        reason: asked.reden.as_ref().map(|word| word.0.clone()),
        since: None,
        state: Some(state.to_owned()),
        after: asked.na,
        limit: if asked.als == "csv" { 500 } else { PAGE },
    };
    let journal = app.hub.journal();
    let entries = journal.quarantine(&filter).await?;
    let ui = Ui::new(&asker, "uitval").after(asked.gedaan.as_deref());
    if asked.als == "csv" {
        return Ok(csv("uitval.csv", &as_rows(&ui, &entries)));
    }
    let causes = journal.observe(&[]).await?.quarantine;
    let causes = causes
        .into_iter()
        .map(|(direction, reason, count)| Cause { direction, reason, count })
        .collect();
    let full = i64::try_from(entries.len()).unwrap_or(0) == PAGE;
    Ok(page(&QuarantinePage {
        ui,
        causes,
        next: entries.last().map(|entry| entry.seq).filter(|_| full),
        entries,
        partner: asked.ketenpartner.map(String::from).unwrap_or_default(),
        reason: asked.reden.map(|word| word.0).unwrap_or_default(),
        state: state.to_owned(),
        partners: partners_of(&app),
    }))
}

fn as_rows(ui: &Ui, entries: &[QuarantineEntry]) -> Vec<Vec<String>> {
    let head = ["kop-op", "kop-richting", "kop-ketenpartner", "kop-reden", "kop-status"];
    let head = head.map(|name| ui.language.say(name, &[])).to_vec();
    let row = |entry: &QuarantineEntry| {
        vec![
            entry.at.to_amsterdam(),
            entry.direction.clone(),
            entry.partner.as_ref().map(ToString::to_string).unwrap_or_default(),
            ui.code("reden", &entry.reason),
            ui.code("status", &entry.state),
        ]
    };
    std::iter::once(head).chain(entries.iter().map(row)).collect()
}

#[derive(Template)]
#[template(path = "entry.html")]
struct EntryPage {
    ui: Ui,
    entry: QuarantineEntry,
    violations: Vec<Violation>,
    reveals: Vec<Reveal>,
    may_decide: bool,
    content: Option<String>,
    wrong: Option<String>,
    reason: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Opened {
    gedaan: Option<String>,
}

pub async fn show(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<Uuid>,
    Query(opened): Query<Opened>,
) -> Shown {
    let mut shown = entry_page(&app, &asker, &visitor, id).await?;
    shown.ui = shown.ui.after(opened.gedaan.as_deref());
    Ok(page(&shown))
}

async fn entry_page(
    app: &App,
    asker: &Asker,
    visitor: &Visitor,
    id: Uuid,
) -> Result<EntryPage, Wrong> {
    let journal = app.hub.journal();
    let entry = journal.quarantine_entry(QuarantineId(id)).await?;
    let reveals = journal.reveals(entry.id).await?;
    Ok(EntryPage {
        ui: Ui::new(asker, "uitval"),
        violations: serde_json::from_value(entry.detail.clone()).unwrap_or_default(),
        may_decide: visitor.is(StaffRole::Beheerder) && entry.state == "open",
        entry,
        reveals,
        content: None,
        wrong: None,
        reason: String::new(),
    })
}

#[derive(Deserialize)]
pub struct Deciding {
    /// `vrijgeven` or `laten-vervallen`.
    #[serde(default)]
    besluit: String,
    #[serde(deserialize_with = "trimmed")]
    reden: String,
}

pub async fn decide(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<Uuid>,
    Form(asked): Form<Deciding>,
) -> Shown {
    let action = match asked.besluit.as_str() {
        "vrijgeven" => "uitval-vrijgeven",
        "laten-vervallen" => "uitval-laten-vervallen",
        _ => return Err(Wrong::not_found()),
    };
    let body = json!({ "id": id, "door": visitor.signature(), "reden": asked.reden });
    match app.office.call(action, body).await {
        Ok(_) => Ok(done(&format!("/uitval/{id}"), action)),
        Err(refused) => refuse(&app, &asker, &visitor, id, (refused, asked.reden)).await,
    }
}

async fn refuse(
    app: &App,
    asker: &Asker,
    visitor: &Visitor,
    id: Uuid,
    (refused, reason): ((u16, Value), String),
) -> Shown {
    let wrong = Wrong::of_office(&refused);
    let mut shown = entry_page(app, asker, visitor, id).await?;
    let told = wrong.told.clone();
    shown.wrong = Some(told.unwrap_or_else(|| shown.ui.code("fout", wrong.code)));
    shown.reason = reason;
    let mut response = page(&shown);
    *response.status_mut() = StatusCode::from_u16(wrong.status).unwrap_or(StatusCode::CONFLICT);
    Ok(response)
}

/// The document as it came, for who says why; which is in the journal first.
pub async fn content(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<Uuid>,
    Form(asked): Form<Deciding>,
) -> Shown {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let body = json!({
        "id": id, "onthullen": true, "door": visitor.signature(), "reden": asked.reden,
    });
    let told = match app.office.call("uitval-inhoud", body).await {
        Ok(told) => told,
        Err(refused) => return refuse(&app, &asker, &visitor, id, (refused, asked.reden)).await,
    };
    let mut shown = entry_page(&app, &asker, &visitor, id).await?;
    let bytes = told.get("inhoud").and_then(Value::as_str);
    let bytes = bytes.and_then(|text| BASE64_STANDARD.decode(text).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    shown.content = Some(text.chars().map(|c| if is_shown(c) { c } else { '\u{fffd}' }).collect());
    Ok(page(&shown))
}

/// Control characters and those that turn text around are shown as what they are: a mark.
fn is_shown(c: char) -> bool {
    matches!(c, '\n' | '\t')
        || !(c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}
