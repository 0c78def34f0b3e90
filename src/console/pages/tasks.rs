//! *Taken*: what was asked of partners, and what a coordinator must decide.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::super::App;
use super::super::answer::{Shown, csv, page};
use super::super::door::{Asker, Visitor};
use super::super::form::{optional, trimmed};
use super::super::list::{Column, Head, Kept, Pairs, Sort, heads, kept};
use super::super::ui::{Count as _, Ui};
use super::themes_of;
use crate::hub::clock;
use crate::journal::{REGIE_LIST_MAX, TaskFilter, TaskLine};
use crate::message::{PartnerId, Timestamp};

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    /// `alles`, `te-laat`, `te-beslissen` or `ook-geeindigd`.
    welke: String,
    #[serde(deserialize_with = "optional")]
    ketenpartner: Option<PartnerId>,
    #[serde(deserialize_with = "trimmed")]
    sorteer: String,
    als: String,
    gedaan: Option<String>,
}

/// By what the list can be sorted.
pub const COLUMNS: [Column; 5] = [
    ("vraag", "kop-vraag", false),
    ("casus", "kop-casus", false),
    ("aan", "kop-aan", false),
    ("stand", "kop-stand", false),
    ("uiterlijk", "kop-uiterlijk", false),
];

/// A task in a list.
pub struct TaskRow {
    pub id: String,
    /// Whether its partner can be reminded of it.
    pub open: bool,
    pub case: String,
    pub theme: String,
    pub action: String,
    /// The partner that it was asked of, by its name.
    pub partner: Option<String>,
    /// What a coordinator must decide.
    pub question: Option<&'static str>,
    pub state: &'static str,
    pub urgent: bool,
    pub due: Option<Timestamp>,
    pub late: bool,
}

pub fn rows_of(app: &App, lines: Vec<TaskLine>, now: Timestamp) -> Vec<TaskRow> {
    let active = app.hub.active();
    let name = |id: &PartnerId| {
        active.catalogue.partner(id).map_or_else(|| id.to_string(), |partner| partner.name.clone())
    };
    let row = |line: TaskLine| TaskRow {
        id: line.id.to_string(),
        open: line.ketenpartner.is_some() && line.uiterlijk.is_some(),
        case: line.casus.to_string(),
        theme: line.thema.unwrap_or_default(),
        action: line.action,
        partner: line.ketenpartner.as_ref().map(name),
        question: line.question.map(crate::casework::Question::as_str),
        state: line.state.as_str(),
        urgent: line.spoed,
        due: line.uiterlijk,
        late: line.uiterlijk.is_some_and(|due| due < now),
    };
    lines.into_iter().map(row).collect()
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksPage {
    ui: Ui,
    tasks: Vec<TaskRow>,
    which: &'static str,
    partner: String,
    partners: Vec<(String, String)>,
    heads: Vec<Head>,
    kept: Kept,
    sort: String,
    /// Whether there are more than are listed, so that only those listed are sorted.
    cut: bool,
}

pub const WHICH: [&str; 4] = ["alles", "te-laat", "te-beslissen", "ook-geeindigd"];

pub async fn list(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Shown {
    let which = WHICH.into_iter().find(|which| *which == asked.welke).unwrap_or("alles");
    let filter = TaskFilter {
        overdue: which == "te-laat",
        to_decide: which == "te-beslissen",
        all: which == "ook-geeindigd",
        partner: asked.ketenpartner.clone(),
        themes: themes_of(&visitor),
    };
    let now = clock::now();
    let mut tasks = rows_of(&app, app.hub.journal().tasks(&filter, now).await?, now);
    let ui = Ui::new(&asker, "taken").after(asked.gedaan.as_deref());
    let sort = Sort::of(&asked.sorteer, &COLUMNS);
    if let Some(sort) = sort {
        sorted(&ui, &mut tasks, sort);
    }
    if asked.als == "csv" {
        return Ok(csv("taken.csv", &as_rows(&ui, &tasks)));
    }
    let partner = asked.ketenpartner.map(String::from).unwrap_or_default();
    let sort_text = sort.map(Sort::in_address).unwrap_or_default();
    let pairs: Pairs = vec![
        ("welke", if which == "alles" { String::new() } else { which.to_owned() }),
        ("ketenpartner", partner.clone()),
        ("sorteer", sort_text.clone()),
    ];
    Ok(page(&TasksPage {
        heads: heads(&ui, "taken", &pairs, &COLUMNS, sort),
        kept: kept(&app, &visitor, "taken", &pairs).await?,
        cut: tasks.len().count() >= REGIE_LIST_MAX,
        sort: sort_text,
        ui,
        tasks,
        which,
        partner,
        partners: partners_of(&app),
    }))
}

fn sorted(ui: &Ui, tasks: &mut [TaskRow], sort: Sort) {
    tasks.sort_by(|one, other| match sort.column {
        "uiterlijk" => sort.compare(one.due, other.due),
        "casus" => sort.compare(Some(&one.case), Some(&other.case)),
        "aan" => sort.compare(one.partner.as_ref(), other.partner.as_ref()),
        "stand" => {
            sort.compare(Some(ui.code("stand", one.state)), Some(ui.code("stand", other.state)))
        }
        _ => sort.compare(Some(asked_in_words(ui, one)), Some(asked_in_words(ui, other))),
    });
}

/// What is asked or must be decided, in words.
fn asked_in_words(ui: &Ui, task: &TaskRow) -> String {
    match task.question {
        Some(question) => ui.code("vraag", question),
        None => ui.code("stap", &task.action),
    }
}

/// The partners of the active set: id and name.
pub fn partners_of(app: &App) -> Vec<(String, String)> {
    let active = app.hub.active();
    let partners = active.catalogue.partners.values();
    partners.map(|partner| (partner.id.to_string(), partner.name.clone())).collect()
}

fn as_rows(ui: &Ui, tasks: &[TaskRow]) -> Vec<Vec<String>> {
    let head = ["kop-casus", "kop-thema", "kop-vraag", "kop-aan", "kop-stand", "kop-uiterlijk"];
    let head = head.map(|name| ui.language.say(name, &[])).to_vec();
    let row = |task: &TaskRow| {
        vec![
            task.case.clone(),
            task.theme.clone(),
            task.question.map_or_else(|| task.action.clone(), |q| ui.code("vraag", q)),
            task.partner.clone().unwrap_or_else(|| ui.t("regisseur")),
            ui.code("stand", task.state),
            task.due.map(Timestamp::to_amsterdam).unwrap_or_default(),
        ]
    };
    std::iter::once(head).chain(tasks.iter().map(row)).collect()
}
