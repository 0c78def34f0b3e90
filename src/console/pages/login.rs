//! In, out, another password, another language.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::super::answer::{Shown, Wrong, again, done, page};
use super::super::door::{Asker, From, Visitor, keep_language, keep_session};
use super::super::form::{own_path, trimmed};
use super::super::ui::Ui;
use super::super::words::Language;
use super::super::{App, access};
use crate::hub::clock;
use crate::hub::people::{BadPassword, LoggedIn, NotIn, hash_password};
use crate::journal::AccountOrder;
use crate::message::StaffRole;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Where {
    naar: String,
    gedaan: Option<String>,
}

#[derive(Deserialize)]
pub struct Entering {
    #[serde(deserialize_with = "trimmed")]
    inlognaam: String,
    wachtwoord: String,
    #[serde(default)]
    naar: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    ui: Ui,
    login: &'a str,
    to: &'a str,
    wrong: Option<String>,
}

/// The login page; who is in already goes on.
pub async fn form(asker: Asker, Query(at): Query<Where>) -> Response {
    if asker.visitor.is_some() {
        return Redirect::to("/").into_response();
    }
    let ui = Ui::new(&asker, "inloggen").after(at.gedaan.as_deref());
    page(&LoginPage { ui, login: "", to: &at.naar, wrong: None })
}

pub async fn enter(
    State(app): State<App>,
    asker: Asker,
    From(from): From,
    Form(entering): Form<Entering>,
) -> Shown {
    let Entering { inlognaam, wachtwoord, naar } = entering;
    let ui = Ui::new(&asker, "inloggen");
    let entered = app.hub.log_in(&inlognaam, wachtwoord, from, asker.secret.as_deref()).await;
    let (status, wrong, wait) = match entered {
        Ok(LoggedIn { secret, .. }) => {
            let to = own_path(&naar).unwrap_or("/");
            let mut response = Redirect::to(to).into_response();
            keep_session(&mut response, Some(&secret));
            return Ok(response);
        }
        Err(NotIn::Wrong) => (StatusCode::UNAUTHORIZED, ui.t("inloggen-fout"), None),
        Err(NotIn::Wait { until }) => {
            let seconds = until.seconds_since(clock::now()).max(1);
            let wait = ui.tn("inloggen-wacht", seconds);
            (StatusCode::TOO_MANY_REQUESTS, wait, Some(seconds))
        }
        Err(NotIn::Journal(error)) => return Err(error.into()),
        Err(NotIn::Randomness(_)) => return Err(Wrong::failed()),
    };
    let login = &inlognaam;
    let mut response = page(&LoginPage { ui, login, to: &naar, wrong: Some(wrong) });
    *response.status_mut() = status;
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

/// To the page that somebody's work begins with.
pub async fn home(visitor: Visitor) -> Redirect {
    if visitor.account.must_change {
        return Redirect::to("/wachtwoord");
    }
    let first = access::MENU.iter().find(|(_, permit)| permit.admits(Some(&visitor.account)));
    let only_audits = visitor.account.roles == [StaffRole::Auditor];
    let page = if only_audits { "logboek" } else { first.map_or("wachtwoord", |(page, _)| page) };
    Redirect::to(&format!("/{page}"))
}

pub async fn leave(State(app): State<App>, asker: Asker) -> Shown {
    if let Some(secret) = &asker.secret {
        app.hub.log_out(secret).await?;
    }
    let mut response = done("/inloggen", "uitgelogd");
    keep_session(&mut response, None);
    Ok(response)
}

#[derive(Deserialize)]
pub struct Choice {
    taal: String,
    #[serde(default)]
    naar: String,
}

pub async fn language(asker: Asker, Form(choice): Form<Choice>) -> Response {
    let language = Language::parse(&choice.taal).unwrap_or(asker.language);
    let mut response = Redirect::to(own_path(&choice.naar).unwrap_or("/")).into_response();
    keep_language(&mut response, language);
    response
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    ui: Ui,
    must: bool,
    wrong: Option<String>,
}

pub async fn password_form(asker: Asker, visitor: Visitor, Query(at): Query<Where>) -> Response {
    let ui = Ui::new(&asker, "wachtwoord").after(at.gedaan.as_deref());
    page(&PasswordPage { ui, must: visitor.account.must_change, wrong: None })
}

#[derive(Deserialize)]
pub struct Changing {
    oud: String,
    nieuw: String,
    nogmaals: String,
}

/// A password of one's own. Who is logged in elsewhere no longer is.
pub async fn change_password(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    From(from): From,
    Form(changing): Form<Changing>,
) -> Shown {
    let Changing { oud, nieuw, nogmaals } = changing;
    let ui = Ui::new(&asker, "wachtwoord");
    let account = &visitor.account;
    let refuse = |ui: Ui, code: &str| {
        let wrong = Some(ui.code("fout", code));
        Ok(again(&PasswordPage { ui, must: account.must_change, wrong }))
    };
    if nieuw != nogmaals {
        return refuse(ui, "niet-gelijk");
    }
    if oud == nieuw {
        return refuse(ui, "zelfde-wachtwoord");
    }
    let hash = match hash_password(&account.login, nieuw.clone()).await {
        Ok(hash) => hash,
        Err(BadPassword::Length) => return refuse(ui, "wachtwoord-lengte"),
        Err(BadPassword::IsLogin) => return refuse(ui, "wachtwoord-naam"),
        Err(BadPassword::Failed) => return Err(Wrong::failed()),
    };
    // The old one is tried as at the door, with the same waiting.
    match app.hub.log_in(account.login.as_str(), oud, from, None).await {
        Ok(_) => {}
        Err(NotIn::Wrong) => return refuse(ui, "oud-wachtwoord"),
        Err(NotIn::Wait { .. }) => return refuse(ui, "even-wachten"),
        Err(NotIn::Journal(error)) => return Err(error.into()),
        Err(NotIn::Randomness(_)) => return Err(Wrong::failed()),
    }
    let order = AccountOrder::Password {
        account: account.id,
        password: hash,
        must_change: false,
        by: visitor.signature(),
        why: "eigen wachtwoord".to_owned(),
    };
    app.hub.journal().order_account(order, clock::now()).await?;
    let entered = app.hub.log_in(account.login.as_str(), nieuw, from, None).await;
    let secret = entered.map_err(|_| Wrong::failed())?.secret;
    let mut response = done("/wachtwoord", "wachtwoord");
    keep_session(&mut response, Some(&secret));
    Ok(response)
}
