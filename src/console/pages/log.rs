//! *Logboek*, *Verstrekkingen* and *Inzagen*: what an auditor looks at.

use askama::Template;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::super::App;
use super::super::answer::{Shown, Wrong, csv, file, page};
use super::super::door::Asker;
use super::super::form::trimmed;
use super::super::ui::Ui;
use crate::hub::clock;
use crate::journal::{AccountChange, FieldReveal, MessageFilter, Stats};
use crate::message::{CaseNumber, Stage, Timestamp};
use crate::transport::http::AdminDesk as _;

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    ui: Ui,
    stats: Stats,
    set: String,
    verifier: String,
    closed: bool,
}

pub async fn show(State(app): State<App>, asker: Asker) -> Shown {
    let journal = app.hub.journal();
    let keys = journal.hub_keys();
    Ok(page(&LogPage {
        ui: Ui::new(&asker, "logboek"),
        stats: journal.stats().await?,
        set: app.hub.active().catalogue.digest().to_string(),
        verifier: crate::evidence::verifier_key(keys.name(), &keys.public_key()),
        closed: journal.closed().is_some(),
    }))
}

/// The proofs of one exchange, for `schakel journal verify --proof`.
pub async fn proof(State(app): State<App>, Path(id): Path<Uuid>) -> Shown {
    let told = app.office.call("bewijzen", json!({ "id": id })).await;
    let told = told.map_err(|refused| Wrong::of_office(&refused))?;
    let body = serde_json::to_vec_pretty(&told).map_err(|_| Wrong::failed())?;
    Ok(file(&format!("bewijs-{id}.json"), "application/json", body))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    #[serde(deserialize_with = "trimmed")]
    casus: String,
    als: String,
}

/// What one recipient got of a case.
struct Disclosure {
    at: Timestamp,
    message: String,
    kind: String,
    recipient: String,
    role: String,
    stage: Stage,
    purposes: Vec<(String, String, String)>,
    withheld: usize,
}

#[derive(Template)]
#[template(path = "disclosures.html")]
struct DisclosuresPage {
    ui: Ui,
    case: String,
    lines: Vec<Disclosure>,
}

/// Everything that went to anybody about one case: to whom, when, and on which basis.
pub async fn disclosures(
    State(app): State<App>,
    asker: Asker,
    Query(asked): Query<Asked>,
) -> Shown {
    let case = asked.casus.to_uppercase();
    let lines = if case.is_empty() { Vec::new() } else { disclosed(&app, &case).await? };
    let ui = Ui::new(&asker, "verstrekkingen");
    if asked.als == "csv" {
        return Ok(csv("verstrekkingen.csv", &as_rows(&ui, &lines)));
    }
    Ok(page(&DisclosuresPage { ui, case, lines }))
}

async fn disclosed(app: &App, case: &str) -> Result<Vec<Disclosure>, Wrong> {
    let journal = app.hub.journal();
    let filter = MessageFilter {
        case: Some(CaseNumber::from_stored(case.to_owned())),
        limit: 200,
        ..MessageFilter::default()
    };
    let mut lines = Vec::new();
    for message in journal.find_messages(&filter).await?.lines {
        let trace = journal.trace(message.message.public_id.into(), clock::now()).await?;
        for parcel in trace.parcels.into_iter().filter(|parcel| !parcel.answer) {
            let role = parcel.detail.role;
            let purposes = role.doelbinding.into_iter().map(|p| (p.id, p.doel, p.grondslag));
            lines.push(Disclosure {
                at: parcel.made_at,
                message: trace.message.public_id.to_string(),
                kind: parcel.kind,
                recipient: parcel.recipient.to_string(),
                role: role.rol,
                stage: parcel.stage,
                purposes: purposes.collect(),
                withheld: parcel.detail.withheld.len(),
            });
        }
    }
    lines.sort_by_key(|line| line.at);
    Ok(lines)
}

fn as_rows(ui: &Ui, lines: &[Disclosure]) -> Vec<Vec<String>> {
    let head = [
        "kop-op",
        "kop-aan",
        "kop-soort",
        "kop-rol",
        "kop-stadium",
        "kop-grondslag",
        "kop-onthouden",
    ];
    let head = head.map(|name| ui.language.say(name, &[])).to_vec();
    let row = |line: &Disclosure| {
        let bases: Vec<&str> = line.purposes.iter().map(|(_, _, basis)| basis.as_str()).collect();
        vec![
            line.at.to_amsterdam(),
            line.recipient.clone(),
            line.kind.clone(),
            line.role.clone(),
            ui.code("stadium", line.stage.as_str()),
            bases.join("; "),
            line.withheld.to_string(),
        ]
    };
    std::iter::once(head).chain(lines.iter().map(row)).collect()
}

#[derive(Template)]
#[template(path = "reveals.html")]
struct RevealsPage {
    ui: Ui,
    reveals: Vec<FieldReveal>,
    changes: Vec<AccountChange>,
}

/// Who saw what unmasked, and who was let in or put out.
pub async fn reveals(State(app): State<App>, asker: Asker, Query(asked): Query<Asked>) -> Shown {
    let journal = app.hub.journal();
    let reveals = journal.field_reveals(None).await?;
    let ui = Ui::new(&asker, "inzagen");
    if asked.als == "csv" {
        let head = ["kop-op", "kop-casus", "kop-veld", "kop-door", "kop-reden"];
        let head = head.map(|name| ui.language.say(name, &[])).to_vec();
        let row = |line: &FieldReveal| {
            let (at, case) = (line.at.to_amsterdam(), line.case.clone());
            vec![at, case, line.field.clone(), line.by.clone(), line.why.clone()]
        };
        let rows: Vec<_> = std::iter::once(head).chain(reveals.iter().map(row)).collect();
        return Ok(csv("inzagen.csv", &rows));
    }
    Ok(page(&RevealsPage { ui, reveals, changes: journal.account_changes().await? }))
}
