//! *Gebruikers*: who may use the console, as the command line does it.

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
use crate::journal::{Account, AccountChange};
use crate::message::{Login, StaffRole};
use crate::transport::http::AdminDesk as _;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Opened {
    gedaan: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Adding {
    #[serde(deserialize_with = "trimmed")]
    inlognaam: String,
    #[serde(deserialize_with = "trimmed")]
    naam: String,
    regisseur: Option<String>,
    beheerder: Option<String>,
    auditor: Option<String>,
    #[serde(deserialize_with = "trimmed")]
    themas: String,
    #[serde(deserialize_with = "trimmed")]
    reden: String,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    ui: Ui,
    people: Vec<Account>,
    changes: Vec<AccountChange>,
    may_decide: bool,
    filled: Adding,
    wrong: Option<String>,
    /// Whose password was made, and what it is: shown this once.
    made: Option<(String, String)>,
}

async fn people_page(app: &App, asker: &Asker, visitor: &Visitor) -> Result<PeoplePage, Wrong> {
    let journal = app.hub.journal();
    Ok(PeoplePage {
        ui: Ui::new(asker, "gebruikers"),
        people: journal.accounts().await?,
        changes: journal.account_changes().await?.into_iter().take(50).collect(),
        may_decide: visitor.is(StaffRole::Beheerder),
        filled: Adding::default(),
        wrong: None,
        made: None,
    })
}

pub async fn list(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Query(opened): Query<Opened>,
) -> Shown {
    let mut shown = people_page(&app, &asker, &visitor).await?;
    shown.ui = shown.ui.after(opened.gedaan.as_deref());
    Ok(page(&shown))
}

pub async fn add(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Form(filled): Form<Adding>,
) -> Shown {
    let roles = [
        ("regisseur", filled.regisseur.is_some()),
        ("beheerder", filled.beheerder.is_some()),
        ("auditor", filled.auditor.is_some()),
    ];
    let roles: Vec<&str> = roles.iter().filter(|(_, has)| *has).map(|(role, _)| *role).collect();
    let body = json!({
        "inlognaam": filled.inlognaam,
        "naam": filled.naam,
        "rollen": roles,
        "themas": filled.themas,
        "door": visitor.signature(),
        "reden": filled.reden,
    });
    let told = app.office.call("gebruiker-toevoegen", body).await;
    answer(&app, &asker, &visitor, told, filled).await
}

/// The page again: with the password that was made, or with what is wrong and what was filled in.
async fn answer(
    app: &App,
    asker: &Asker,
    visitor: &Visitor,
    told: Result<Value, (u16, Value)>,
    filled: Adding,
) -> Shown {
    let mut shown = people_page(app, asker, visitor).await?;
    match told {
        Ok(told) => {
            let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
            shown.made = text("inlognaam").zip(text("wachtwoord"));
            Ok(page(&shown))
        }
        Err(refused) => {
            let wrong = Wrong::of_office(&refused);
            shown.wrong = Some(wrong.told.unwrap_or_else(|| shown.ui.code("fout", wrong.code)));
            shown.filled = filled;
            Ok(again(&shown))
        }
    }
}

#[derive(Deserialize)]
pub struct Deciding {
    /// `sluiten`, `heropenen` or `wachtwoord`.
    besluit: String,
    #[serde(deserialize_with = "trimmed")]
    reden: String,
}

pub async fn decide(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(login): Path<String>,
    Form(asked): Form<Deciding>,
) -> Shown {
    let action = match asked.besluit.as_str() {
        "sluiten" => "gebruiker-sluiten",
        "heropenen" => "gebruiker-heropenen",
        "wachtwoord" => "gebruiker-wachtwoord",
        _ => return Err(Wrong::not_found()),
    };
    // Who would put oneself out could not let oneself in again.
    if login.parse().is_ok_and(|login: Login| login == visitor.account.login) {
        let own = json!({ "title": Ui::new(&asker, "gebruikers").t("niet-uzelf") });
        return answer(&app, &asker, &visitor, Err((409, own)), Adding::default()).await;
    }
    let body = json!({
        "inlognaam": login, "door": visitor.signature(), "reden": asked.reden,
    });
    let told = app.office.call(action, body).await;
    if told.is_ok() && action != "gebruiker-wachtwoord" {
        return Ok(done("/gebruikers", action));
    }
    answer(&app, &asker, &visitor, told, Adding::default()).await
}
