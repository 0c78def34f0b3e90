//! Reminding partners of several requests at once: first what would go and what would not, and why;
//! then it is done, one by one, as `schakel task remind` does it.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::App;
use super::super::answer::{Shown, Wrong, again, page};
use super::super::door::{Asker, Visitor};
use super::super::ui::Ui;
use super::cases::open_case;
use crate::hub::clock;
use crate::message::{TaskId, Timestamp};
use crate::transport::http::AdminDesk as _;

/// Requests at once; more of them is a list that nobody read.
const CHOSEN_MAX: usize = 50;

type Pairs = Vec<(String, String)>;

/// One request that was chosen.
struct Line {
    task: TaskId,
    case: String,
    action: String,
    partner: String,
    due: Option<Timestamp>,
    late: bool,
    /// Why it is not reminded of: the name of a text, or what the office said.
    refused: Option<String>,
    done: bool,
}

#[derive(Template)]
#[template(path = "remind.html")]
struct RemindPage {
    ui: Ui,
    lines: Vec<Line>,
    ready: usize,
    reason: String,
    wrong: Option<String>,
    /// Whether this says what was done, and not what would be.
    over: bool,
}

pub async fn preview(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Query(asked): Query<Pairs>,
) -> Shown {
    let shown = looked_up(&app, &asker, &visitor, &asked).await?;
    Ok(if shown.wrong.is_some() { again(&shown) } else { page(&shown) })
}

pub async fn remind(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Form(asked): Form<Pairs>,
) -> Shown {
    let mut shown = looked_up(&app, &asker, &visitor, &asked).await?;
    if shown.reason.is_empty() && shown.wrong.is_none() {
        shown.wrong = Some(shown.ui.t("reden-ontbreekt"));
    }
    if shown.wrong.is_some() {
        return Ok(again(&shown));
    }
    for line in shown.lines.iter_mut().filter(|line| line.refused.is_none()) {
        let body = json!({
            "casus": line.case,
            "opdracht": "herinneren",
            "taak": line.task,
            "door": visitor.signature(),
            "reden": shown.reason,
        });
        match app.office.call("casus-opdracht", body).await {
            Ok(_) => line.done = true,
            Err((_, told)) => {
                let title = told.get("title").and_then(Value::as_str);
                line.refused = Some(title.map_or_else(|| shown.ui.t("kon-niet"), str::to_owned));
            }
        }
    }
    shown.ready = shown.lines.iter().filter(|line| line.done).count();
    shown.over = true;
    Ok(page(&shown))
}

/// What was chosen, as it stands now; the same look before it is done as when it is shown.
async fn looked_up(
    app: &App,
    asker: &Asker,
    visitor: &Visitor,
    asked: &Pairs,
) -> Result<RemindPage, Wrong> {
    let ui = Ui::new(asker, "taken");
    let chosen = asked.iter().filter(|(name, _)| name == "taak");
    let mut ids: Vec<Uuid> = chosen.filter_map(|(_, value)| value.parse().ok()).collect();
    ids.sort_unstable();
    ids.dedup();
    let wrong = match ids.len() {
        0 => Some(ui.t("herinneren-geen")),
        count if count > CHOSEN_MAX => Some(ui.tn("herinneren-te-veel", CHOSEN_MAX)),
        _ => None,
    };
    ids.truncate(CHOSEN_MAX);
    let mut lines = Vec::with_capacity(ids.len());
    for id in ids {
        lines.extend(line_of(app, &ui, visitor, id.into()).await?);
    }
    let reason = asked.iter().find(|(name, _)| name == "reden");
    Ok(RemindPage {
        ready: lines.iter().filter(|line| line.refused.is_none()).count(),
        reason: reason.map(|(_, text)| text.trim().to_owned()).unwrap_or_default(),
        over: false,
        ui,
        lines,
        wrong,
    })
}

/// A request that the visitor may see; nothing of what is not there or not theirs to see.
async fn line_of(app: &App, ui: &Ui, visitor: &Visitor, id: TaskId) -> Result<Option<Line>, Wrong> {
    let found = async {
        let number = app.hub.journal().case_of_task(id).await?;
        open_case(app, visitor, number.as_str()).await
    };
    let (case, works) = match found.await {
        Ok(found) => found,
        Err(wrong) if wrong.status == 404 => return Ok(None),
        Err(wrong) => return Err(wrong),
    };
    let Some(task) = case.dossier.tasks.iter().find(|task| task.id == id) else { return Ok(None) };
    let active = app.hub.active();
    let refused = match task.partner() {
        None => Some("herinneren-eigen"),
        Some(_) if !task.is_open() => Some("herinneren-voorbij"),
        Some(_) if !works => Some("herinneren-niet-uw-casus"),
        Some(_) => None,
    };
    let partner = task.partner().map(|id| {
        active.catalogue.partner(id).map_or_else(|| id.to_string(), |partner| partner.name.clone())
    });
    Ok(Some(Line {
        task: id,
        case: case.number.to_string(),
        action: ui.code("stap", &task.action),
        partner: partner.unwrap_or_else(|| ui.t("regisseur")),
        due: task.due_at(),
        late: task.is_overdue(clock::now()),
        refused: refused.map(|name| ui.language.say(name, &[])),
        done: false,
    }))
}
