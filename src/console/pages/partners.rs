//! *Ketenpartners*: how each stands, and who may exchange now.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::App;
use super::super::answer::{Shown, Wrong, again, done, page};
use super::super::door::{Asker, Visitor};
use super::super::form::trimmed;
use super::super::ui::Ui;
use crate::message::{StaffRole, Timestamp};
use crate::transport::http::AdminDesk as _;

/// A partner as the office tells of it.
#[derive(Deserialize)]
struct PartnerRow {
    id: String,
    naam: String,
    soort: String,
    koppeling: String,
    levering: String,
    geschorst: bool,
    sleutels: Vec<Key>,
    webhookgeheimen: i64,
    geblokkeerd: Option<Blocked>,
}

#[derive(Deserialize)]
struct Key {
    ingetrokken: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blocked {
    sinds: Timestamp,
    volgende_poging: Timestamp,
}

impl PartnerRow {
    fn keys(&self) -> usize {
        self.sleutels.iter().filter(|key| key.ingetrokken.is_none()).count()
    }
}

#[derive(Template)]
#[template(path = "partners.html")]
struct PartnersPage {
    ui: Ui,
    partners: Vec<PartnerRow>,
    may_decide: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Opened {
    gedaan: Option<String>,
    besluit: String,
}

async fn rows(app: &App) -> Result<Vec<PartnerRow>, Wrong> {
    let told = app.office.call("ketenpartners", Value::Null).await;
    let mut told = told.map_err(|refused| Wrong::of_office(&refused))?;
    let lines = told.get_mut("ketenpartners").map(Value::take).unwrap_or_default();
    serde_json::from_value(lines).map_err(|_| Wrong::failed())
}

pub async fn list(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Query(opened): Query<Opened>,
) -> Shown {
    let ui = Ui::new(&asker, "ketenpartners").after(opened.gedaan.as_deref());
    let may_decide = visitor.is(StaffRole::Beheerder);
    Ok(page(&PartnersPage { ui, partners: rows(&app).await?, may_decide }))
}

/// What can be decided about a partner: actions of the office.
const DECISIONS: [&str; 3] = ["schorsen", "hervatten", "deblokkeren"];

#[derive(Template)]
#[template(path = "partner_decision.html")]
struct DecisionPage {
    ui: Ui,
    partner: PartnerRow,
    decision: &'static str,
    reason: String,
    wrong: Option<String>,
}

async fn decision_page(
    app: &App,
    asker: &Asker,
    id: &str,
    decision: &str,
) -> Result<DecisionPage, Wrong> {
    let known = DECISIONS.into_iter().find(|name| *name == decision);
    let decision = known.ok_or_else(Wrong::not_found)?;
    let partner = rows(app).await?.into_iter().find(|partner| partner.id == id);
    let partner = partner.ok_or_else(Wrong::not_found)?;
    let ui = Ui::new(asker, "ketenpartners");
    Ok(DecisionPage { ui, partner, decision, reason: String::new(), wrong: None })
}

pub async fn form(
    State(app): State<App>,
    asker: Asker,
    Path(id): Path<String>,
    Query(opened): Query<Opened>,
) -> Shown {
    Ok(page(&decision_page(&app, &asker, &id, &opened.besluit).await?))
}

#[derive(Deserialize)]
pub struct Deciding {
    besluit: String,
    #[serde(deserialize_with = "trimmed")]
    reden: String,
}

pub async fn decide(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(asked): Form<Deciding>,
) -> Shown {
    let mut form = decision_page(&app, &asker, &id, &asked.besluit).await?;
    let refused = if asked.reden.is_empty() {
        Some(form.ui.t("reden-ontbreekt"))
    } else {
        let body = json!({
            "partner": id, "door": visitor.signature(), "reden": asked.reden,
        });
        let told = app.office.call(form.decision, body).await.err();
        told.map(|refused| {
            let wrong = Wrong::of_office(&refused);
            wrong.told.clone().unwrap_or_else(|| form.ui.code("fout", wrong.code))
        })
    };
    let Some(wrong) = refused else { return Ok(done("/ketenpartners", form.decision)) };
    form.wrong = Some(wrong);
    form.reason = asked.reden;
    Ok(again(&form))
}
