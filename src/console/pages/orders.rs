//! What a coordinator orders about a case or a task of it: one form each, which keeps what was
//! filled in when it cannot be carried out.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::App;
use super::super::answer::{Shown, Wrong, again, done, page};
use super::super::door::{Asker, Visitor};
use super::super::form::{moment, trimmed};
use super::super::ui::Ui;
use super::cases::open_case;
use super::tasks::partners_of;
use crate::hub::clock;
use crate::journal::AccountOrder;
use crate::transport::http::AdminDesk as _;

/// What an order is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Task,
    OpenCase,
    ClosedCase,
    MergedCase,
    /// A case that must be kept, or need not.
    Kept(bool),
}

/// What must be filled in beside the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Partner,
    Action,
    Until,
    Urgent,
    Result,
    Minutes,
    /// The other case.
    Other,
}

/// An order: its name in the words of the wire, and its form.
#[derive(Debug, PartialEq, Eq)]
pub struct OrderKind {
    pub name: &'static str,
    pub scope: Scope,
    /// Of a task: of a partner's only, of a coordinator's only, or of both.
    pub of_partner: Option<bool>,
    pub needs: &'static [Needs],
}

const fn order(name: &'static str, scope: Scope, needs: &'static [Needs]) -> OrderKind {
    OrderKind { name, scope, of_partner: None, needs }
}

const fn of_task(
    name: &'static str,
    of_partner: Option<bool>,
    needs: &'static [Needs],
) -> OrderKind {
    OrderKind { name, scope: Scope::Task, of_partner, needs }
}

/// How a task can end, in the words of `actieverzoek-antwoord.v1`.
const RESULTS: [&str; 6] = [
    "opgelost",
    "deels-opgelost",
    "niet-opgelost",
    "niet-aangetroffen",
    "overgedragen",
    "niet-nodig",
];

const ASK: &[Needs] = &[Needs::Partner, Needs::Action, Needs::Until, Needs::Urgent];

/// Every order that the console knows.
pub const ORDERS: [OrderKind; 18] = [
    order("oppakken", Scope::OpenCase, &[]),
    order("vragen", Scope::OpenCase, ASK),
    order("samenvoegen", Scope::OpenCase, &[Needs::Other]),
    order("niet-gelijk", Scope::OpenCase, &[Needs::Other]),
    order("sluiten", Scope::OpenCase, &[]),
    order("breekglas", Scope::OpenCase, &[Needs::Partner, Needs::Minutes]),
    order("breekglas-einde", Scope::OpenCase, &[Needs::Partner]),
    order("loslaten", Scope::OpenCase, &[]),
    order("heropenen", Scope::ClosedCase, &[]),
    order("splitsen", Scope::MergedCase, &[]),
    order("bewaren", Scope::Kept(false), &[]),
    order("niet-meer-bewaren", Scope::Kept(true), &[]),
    of_task("herinneren", Some(true), &[]),
    of_task("verlengen", Some(true), &[Needs::Until]),
    of_task("toewijzen", None, &[Needs::Partner]),
    of_task("verder", None, &[]),
    of_task("intrekken", Some(true), &[]),
    of_task("gedaan", Some(false), &[Needs::Result]),
];

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub struct Filled {
    opdracht: String,
    #[serde(deserialize_with = "trimmed")]
    taak: String,
    #[serde(deserialize_with = "trimmed")]
    ketenpartner: String,
    #[serde(deserialize_with = "trimmed")]
    vraag: String,
    #[serde(deserialize_with = "trimmed")]
    uiterlijk: String,
    spoed: Option<String>,
    #[serde(deserialize_with = "trimmed")]
    resultaat: String,
    #[serde(deserialize_with = "trimmed")]
    minuten: String,
    #[serde(deserialize_with = "trimmed")]
    met: String,
    #[serde(deserialize_with = "trimmed")]
    reden: String,
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    ui: Ui,
    case: String,
    theme: String,
    closed: bool,
    order: &'static OrderKind,
    filled: Filled,
    /// What it is about, of an order about a task.
    about: Option<String>,
    partners: Vec<(String, String)>,
    actions: Vec<String>,
    wrong: Option<String>,
}

impl OrderPage {
    fn needs(&self, needs: Needs) -> bool {
        self.order.needs.contains(&needs)
    }
}

pub async fn form(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(number): Path<String>,
    Query(filled): Query<Filled>,
) -> Shown {
    let form = open_form(&app, &asker, &visitor, &number, filled).await?;
    Ok(page(&form))
}

async fn open_form(
    app: &App,
    asker: &Asker,
    visitor: &Visitor,
    number: &str,
    filled: Filled,
) -> Result<OrderPage, Wrong> {
    let (case, works) = open_case(app, visitor, number).await?;
    let order = ORDERS.iter().find(|order| order.name == filled.opdracht);
    let order = order.ok_or_else(Wrong::not_found)?;
    if !works && order.name != "oppakken" {
        return Err(Wrong::not_assigned());
    }
    let ui = Ui::new(asker, "casussen");
    let about = case.dossier.tasks.iter().find(|task| task.id.to_string() == filled.taak);
    if order.scope == Scope::Task && about.is_none() {
        return Err(Wrong::not_found());
    }
    let about = about.map(|task| match (task.question(), task.partner()) {
        (Some(question), _) => ui.code("vraag", question.as_str()),
        (None, Some(partner)) => format!("{} – {partner}", task.action),
        (None, None) => task.action.clone(),
    });
    let active = app.hub.active();
    let mut actions: Vec<String> = active
        .catalogue
        .playbooks
        .values()
        .flat_map(|playbook| playbook.plan.steps.iter().map(|step| step.action.clone()))
        .collect();
    actions.sort_unstable();
    actions.dedup();
    Ok(OrderPage {
        ui,
        case: case.number.to_string(),
        theme: case.theme.unwrap_or_default(),
        closed: case.dossier.is_closed() || case.merged_into.is_some(),
        order,
        filled,
        about,
        partners: partners_of(app),
        actions,
        wrong: None,
    })
}

pub async fn give(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(number): Path<String>,
    Form(filled): Form<Filled>,
) -> Shown {
    let mut form = open_form(&app, &asker, &visitor, &number, filled).await?;
    match carry_out(&app, &visitor, &form).await {
        Ok(()) => Ok(done(&format!("/casussen/{}", form.case), form.order.name)),
        Err(told) => {
            form.wrong = Some(told);
            Ok(again(&form))
        }
    }
}

/// Carries out what was filled in; says what is lacking where it cannot.
async fn carry_out(app: &App, visitor: &Visitor, form: &OrderPage) -> Result<(), String> {
    let ui = &form.ui;
    let filled = &form.filled;
    if filled.reden.is_empty() && form.order.name != "loslaten" {
        return Err(ui.t("reden-ontbreekt"));
    }
    if matches!(form.order.name, "oppakken" | "loslaten") {
        let works = form.order.name == "oppakken";
        let order = AccountOrder::Assign {
            case: crate::message::CaseNumber::from_stored(form.case.clone()),
            account: visitor.account.id,
            works,
        };
        let done = app.hub.journal().order_account(order, clock::now()).await;
        done.map_err(|_| ui.t("logboek-zwijgt"))?;
        // Of a closed case there is nothing to take up yet, but who reopens it works on it.
        if !works || form.closed {
            return Ok(());
        }
    }
    let body = body_of(form, &visitor.signature())?;
    let done = app.office.call("casus-opdracht", body).await;
    done.map(drop).map_err(|(_, told)| {
        let title = told.get("title").and_then(Value::as_str);
        title.map_or_else(|| ui.t("kon-niet"), str::to_owned)
    })
}

fn body_of(form: &OrderPage, by: &str) -> Result<Value, String> {
    let (ui, filled) = (&form.ui, &form.filled);
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    put("casus", json!(form.case));
    put("opdracht", json!(form.order.name));
    put("door", json!(by));
    put("reden", json!(filled.reden));
    if form.order.scope == Scope::Task {
        put("taak", json!(filled.taak));
    }
    for needs in form.order.needs {
        let (name, text, lacks) = match needs {
            Needs::Partner => ("ketenpartner", &filled.ketenpartner, "ketenpartner-ontbreekt"),
            Needs::Action => ("vraag", &filled.vraag, "vraag-ontbreekt"),
            Needs::Result => ("resultaat", &filled.resultaat, "resultaat-ontbreekt"),
            Needs::Other => ("met", &filled.met, "casus-ontbreekt"),
            Needs::Minutes => {
                let minutes: u32 = filled.minuten.parse().map_err(|_| ui.t("minuten-ontbreken"))?;
                put("minuten", json!(minutes));
                continue;
            }
            Needs::Urgent => {
                put("spoed", json!(filled.spoed.is_some()));
                continue;
            }
            Needs::Until => {
                let until = moment(&filled.uiterlijk).ok_or_else(|| ui.t("moment-ontbreekt"))?;
                put("uiterlijk", json!(until));
                continue;
            }
        };
        if text.is_empty() {
            return Err(ui.language.say(lacks, &[]));
        }
        put(name, json!(text));
    }
    Ok(Value::Object(body))
}
