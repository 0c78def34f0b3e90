//! *Koppelingen*: how each partner is connected, and whether that works.

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
use super::sets::{Sets, sets};
use crate::hub::Coupling;
use crate::journal::QueueSeen;
use crate::message::{StaffRole, Timestamp, Violation};
use crate::transport::http::AdminDesk as _;

#[derive(Template)]
#[template(path = "couplings.html")]
struct CouplingsPage {
    ui: Ui,
    sets: Sets,
    couplings: Vec<Coupling>,
}

pub async fn list(State(app): State<App>, asker: Asker) -> Shown {
    let couplings = app.hub.couplings().await?;
    Ok(page(&CouplingsPage {
        ui: Ui::new(&asker, "koppelingen"),
        sets: sets(&app).await?,
        couplings,
    }))
}

/// A set of before, and how the connector was in it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Earlier {
    set: String,
    sinds: Timestamp,
    door: String,
    akkoord: Option<String>,
    reden: String,
    vingerafdruk: Option<String>,
    zelfde_als_nu: bool,
}

#[derive(Deserialize)]
struct History {
    set: String,
    vingerafdruk: Option<String>,
    eerder: Vec<Earlier>,
}

#[derive(Deserialize)]
struct Example {
    naam: String,
    omschrijving: String,
}

/// An example down the whole road.
#[derive(Deserialize)]
struct Trial {
    afzender: String,
    origineel: String,
    geweigerd: Option<RefusedSo>,
    soort: Option<String>,
    gebruik: Option<String>,
    canoniek: Option<Value>,
    zendingen: Vec<Parcel>,
    niets: Vec<Nothing>,
}

#[derive(Deserialize)]
struct RefusedSo {
    fout: String,
    fouten: Vec<Violation>,
}

#[derive(Deserialize)]
struct Parcel {
    ontvanger: String,
    mediatype: String,
    document: String,
    onthouden: Vec<Withheld>,
}

#[derive(Deserialize)]
struct Withheld {
    pad: String,
    reden: String,
}

#[derive(Deserialize)]
struct Nothing {
    ontvanger: Option<String>,
    reden: String,
    fouten: Vec<Violation>,
}

impl Trial {
    fn canonical(&self) -> String {
        let shown = self.canoniek.as_ref().map(serde_json::to_string_pretty);
        shown.and_then(Result::ok).unwrap_or_default()
    }
}

/// Whether something answers where parcels go.
#[derive(Deserialize)]
struct Reach {
    bereikbaar: bool,
    code: String,
}

#[derive(Deserialize)]
struct TestLine {
    op: Timestamp,
    door: String,
    reden: String,
}

#[derive(Template)]
#[template(path = "coupling.html")]
struct CouplingPage {
    ui: Ui,
    coupling: Coupling,
    queue: QueueSeen,
    history: History,
    examples: Vec<Example>,
    chosen: String,
    trial: Option<Trial>,
    reach: Option<Reach>,
    tests: Vec<TestLine>,
    may_decide: bool,
    wrong: Option<String>,
    reason: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Opened {
    voorbeeld: Option<String>,
    gedaan: Option<String>,
}

fn taken<T: serde::de::DeserializeOwned>(told: &mut Value, path: &str) -> Result<T, Wrong> {
    let found = told.pointer_mut(path).map(Value::take).unwrap_or_default();
    serde_json::from_value(found).map_err(|_| Wrong::failed())
}

async fn coupling_page(
    app: &App,
    asker: &Asker,
    visitor: &Visitor,
    (id, example): (&str, Option<&str>),
) -> Result<CouplingPage, Wrong> {
    let coupling = app.hub.couplings().await?.into_iter().find(|one| one.id.as_str() == id);
    let coupling = coupling.ok_or_else(Wrong::not_found)?;
    let refused = |refused| Wrong::of_office(&refused);
    let body = json!({ "partner": id });
    let mut told = app.office.call("koppeling", body).await.map_err(refused)?;
    let trial = match example.filter(|name| !name.is_empty()) {
        Some(name) => {
            let body = json!({ "partner": id, "voorbeeld": name });
            let mut tried = app.office.call("koppeling-proef", body).await.map_err(refused)?;
            Some(taken(&mut tried, "/proef")?)
        }
        None => None,
    };
    Ok(CouplingPage {
        ui: Ui::new(asker, "koppelingen"),
        queue: app.hub.waiting_row(&coupling.id).await?,
        history: taken(&mut told, "/verloop")?,
        examples: taken(&mut told, "/proef/voorbeelden")?,
        chosen: example.unwrap_or_default().to_owned(),
        trial,
        reach: None,
        tests: taken(&mut told, "/proefberichten")?,
        wrong: None,
        reason: String::new(),
        may_decide: visitor.is(StaffRole::Beheerder),
        coupling,
    })
}

pub async fn show(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(opened): Query<Opened>,
) -> Shown {
    let asked = (id.as_str(), opened.voorbeeld.as_deref());
    let mut shown = coupling_page(&app, &asker, &visitor, asked).await?;
    shown.ui = shown.ui.after(opened.gedaan.as_deref());
    Ok(page(&shown))
}

/// Looks whether the place is there where parcels go; no message is sent.
pub async fn reach(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Shown {
    let mut shown = coupling_page(&app, &asker, &visitor, (&id, None)).await?;
    let told = app.office.call("koppeling-bereik", json!({ "partner": id })).await;
    let told = told.map_err(|refused| Wrong::of_office(&refused))?;
    shown.reach = serde_json::from_value(told).ok();
    Ok(page(&shown))
}

#[derive(Deserialize)]
pub struct Sending {
    #[serde(deserialize_with = "trimmed", default)]
    reden: String,
}

/// Sends this partner, and nobody else, a message that says that it is a test.
pub async fn send_test(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(asked): Form<Sending>,
) -> Shown {
    let mut shown = coupling_page(&app, &asker, &visitor, (&id, None)).await?;
    let refused = if asked.reden.is_empty() {
        shown.ui.t("reden-ontbreekt")
    } else {
        let body = json!({ "partner": id, "door": visitor.signature(), "reden": asked.reden });
        match app.office.call("koppeling-proefbericht", body).await {
            Ok(_) => return Ok(done(&format!("/koppelingen/{id}"), "proefbericht")),
            Err(refused) => {
                let wrong = Wrong::of_office(&refused);
                wrong.told.clone().unwrap_or_else(|| shown.ui.code("fout", wrong.code))
            }
        }
    };
    shown.wrong = Some(refused);
    shown.reason = asked.reden;
    Ok(again(&shown))
}
