//! *Vandaag*: what a coordinator must do, the most urgent first.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::super::App;
use super::super::answer::{Shown, page};
use super::super::door::{Asker, Visitor};
use super::super::ui::Ui;
use super::tasks::{TaskRow, rows_of};
use super::themes_of;
use crate::hub::clock;
use crate::journal::TaskFilter;
use crate::message::Timestamp;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    /// `mij` or `team`.
    wie: String,
    gedaan: Option<String>,
}

/// What is due in one stretch of time.
struct Part {
    name: &'static str,
    tasks: Vec<TaskRow>,
}

#[derive(Template)]
#[template(path = "today.html")]
struct TodayPage {
    ui: Ui,
    parts: Vec<Part>,
    mine: bool,
    cases: usize,
}

pub async fn show(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Shown {
    let now = clock::now();
    let journal = app.hub.journal();
    let own: BTreeSet<String> =
        journal.cases_of(visitor.account.id).await?.iter().map(ToString::to_string).collect();
    let mine = asked.wie != "team" && (asked.wie == "mij" || !own.is_empty());
    let filter = TaskFilter { themes: themes_of(&visitor), ..TaskFilter::default() };
    let mut tasks = rows_of(&app, journal.tasks(&filter, now).await?, now);
    tasks.retain(|task| !mine || own.contains(&task.case));
    let ends = ends(now);
    let mut parts: Vec<Part> = ["te-laat", "vandaag", "deze-week", "later"]
        .map(|name| Part { name, tasks: Vec::new() })
        .into();
    for task in tasks {
        let place = ends.iter().position(|end| task.due.is_some_and(|due| due < *end));
        if let Some(part) = parts.get_mut(place.unwrap_or(ends.len())) {
            part.tasks.push(task);
        }
    }
    let ui = Ui::new(&asker, "vandaag").after(asked.gedaan.as_deref());
    Ok(page(&TodayPage { ui, parts, mine, cases: own.len() }))
}

/// When what is late, today and this week ends: now, tonight, and seven days on.
fn ends(now: Timestamp) -> [Timestamp; 3] {
    let tonight = Timestamp::end_of_amsterdam_day(now.amsterdam_day()).unwrap_or(now);
    [now, tonight, tonight.plus_amsterdam_days(7)]
}
