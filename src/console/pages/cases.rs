//! *Casussen* and *Casus*.

use askama::Template;
use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::super::App;
use super::super::answer::{Shown, Wrong, csv, page};
use super::super::door::{Asker, Visitor};
use super::super::form::{optional, trimmed};
use super::super::list::{Column, Head, Kept, Pairs, Sort, heads, kept};
use super::super::ui::{Count as _, Ui};
use super::messages::own_partner;
use super::orders::{ORDERS, OrderKind, Scope};
use super::themes_of;
use crate::casework::{Assignee, Phase, Question, Task};
use crate::hub::clock;
use crate::journal::{
    CaseFilter, CaseView, DossierLine, MessageFilter, MessageLine, REGIE_LIST_MAX, TimelineLine,
};
use crate::message::{CaseNumber, PartnerId, StaffRole, Timestamp};

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    #[serde(deserialize_with = "optional")]
    fase: Option<Word>,
    #[serde(deserialize_with = "optional")]
    thema: Option<Word>,
    /// `mij`: those that the visitor works on.
    wie: String,
    alle: String,
    #[serde(deserialize_with = "trimmed")]
    sorteer: String,
    als: String,
    gedaan: Option<String>,
}

/// By what the list can be sorted.
pub const COLUMNS: [Column; 7] = [
    ("casus", "kop-casus", false),
    ("thema", "kop-thema", false),
    ("fase", "kop-fase", false),
    ("geopend", "kop-geopend", false),
    ("eerst", "kop-eerst", false),
    ("open", "kop-open", true),
    ("laat", "kop-laat", true),
];

/// A text that is not empty.
pub struct Word(pub String);

impl std::str::FromStr for Word {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.is_empty() { Err(()) } else { Ok(Self(text.to_owned())) }
    }
}

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage {
    ui: Ui,
    cases: Vec<DossierLine>,
    phase: String,
    theme: String,
    themes: Vec<String>,
    phases: [Phase; 6],
    mine: bool,
    all: bool,
    heads: Vec<Head>,
    kept: Kept,
    sort: String,
    /// Whether there are more than are listed, so that only those listed are sorted.
    cut: bool,
}

pub async fn list(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Shown {
    let allowed = themes_of(&visitor);
    let theme = asked.thema.map(|word| word.0).filter(|theme| visitor.sees(Some(theme)));
    let phase = asked.fase.as_ref().and_then(|word| Phase::parse(&word.0));
    let filter = CaseFilter {
        phase,
        themes: theme.clone().map_or(allowed, |theme| vec![theme]),
        all: !asked.alle.is_empty(),
    };
    let journal = app.hub.journal();
    let mut cases = journal.dossiers(&filter, clock::now()).await?;
    let cut = cases.len().count() >= REGIE_LIST_MAX;
    let mine = asked.wie == "mij";
    if mine {
        let own = journal.cases_of(visitor.account.id).await?;
        cases.retain(|case| own.contains(&case.number));
    }
    let ui = Ui::new(&asker, "casussen").after(asked.gedaan.as_deref());
    let sort = Sort::of(&asked.sorteer, &COLUMNS);
    if let Some(sort) = sort {
        sorted(&ui, &mut cases, sort);
    }
    if asked.als == "csv" {
        return Ok(csv("casussen.csv", &as_rows(&ui, &cases)));
    }
    let known = app.hub.active().catalogue.themes.keys().cloned().collect::<Vec<_>>();
    let themes = known.into_iter().filter(|theme| visitor.sees(Some(theme))).collect();
    let sort_text = sort.map(Sort::in_address).unwrap_or_default();
    let pairs: Pairs = vec![
        ("fase", phase.map_or("", Phase::as_str).to_owned()),
        ("thema", theme.clone().unwrap_or_default()),
        ("wie", if mine { "mij" } else { "" }.to_owned()),
        ("alle", if filter.all { "1" } else { "" }.to_owned()),
        ("sorteer", sort_text.clone()),
    ];
    Ok(page(&CasesPage {
        heads: heads(&ui, "casussen", &pairs, &COLUMNS, sort),
        kept: kept(&app, &visitor, "casussen", &pairs).await?,
        sort: sort_text,
        cut,
        ui,
        cases,
        phase: phase.map_or("", Phase::as_str).to_owned(),
        theme: theme.unwrap_or_default(),
        themes,
        phases: Phase::ALL,
        mine,
        all: filter.all,
    }))
}

fn sorted(ui: &Ui, cases: &mut [DossierLine], sort: Sort) {
    let phase = |case: &DossierLine| Some(ui.code("fase", case.fase.as_str()));
    cases.sort_by(|one, other| match sort.column {
        "thema" => sort.compare(one.thema.as_ref(), other.thema.as_ref()),
        "fase" => sort.compare(phase(one), phase(other)),
        "geopend" => sort.compare(Some(one.geopend), Some(other.geopend)),
        "eerst" => sort.compare(one.volgende, other.volgende),
        "open" => sort.compare(Some(one.open_tasks), Some(other.open_tasks)),
        "laat" => sort.compare(Some(one.overdue), Some(other.overdue)),
        _ => sort.compare(Some(one.number.as_str()), Some(other.number.as_str())),
    });
}

fn as_rows(ui: &Ui, cases: &[DossierLine]) -> Vec<Vec<String>> {
    let head =
        ["kop-casus", "kop-thema", "kop-fase", "kop-geopend", "kop-eerst", "kop-open", "kop-laat"];
    let head = head.map(|name| ui.language.say(name, &[])).to_vec();
    let row = |case: &DossierLine| {
        vec![
            case.number.to_string(),
            case.thema.clone().unwrap_or_default(),
            ui.code("fase", case.fase.as_str()),
            case.geopend.to_amsterdam(),
            case.volgende.map(Timestamp::to_amsterdam).unwrap_or_default(),
            case.open_tasks.to_string(),
            case.overdue.to_string(),
        ]
    };
    std::iter::once(head).chain(cases.iter().map(row)).collect()
}

/// A task of a case, with what may be ordered about it.
struct CaseTask {
    id: String,
    partner: Option<String>,
    action: String,
    question: Option<&'static str>,
    state: &'static str,
    urgent: bool,
    asked: Timestamp,
    due: Option<Timestamp>,
    late: bool,
    open: bool,
    reason: String,
    result: String,
    orders: Vec<&'static OrderKind>,
}

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    ui: Ui,
    case: CaseView,
    tasks: Vec<CaseTask>,
    ended: Vec<CaseTask>,
    timeline: Vec<TimelineLine>,
    messages: Vec<MessageLine>,
    people: Vec<String>,
    participants: Vec<(String, String)>,
    orders: Vec<&'static OrderKind>,
    works: bool,
    may_order: bool,
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
    Path(number): Path<String>,
    Query(asked): Query<Opened>,
) -> Shown {
    let (case, works) = open_case(&app, &visitor, &number).await?;
    let journal = app.hub.journal();
    let timeline = journal.timeline(&case.number).await?;
    let filter = MessageFilter {
        case: Some(case.number.clone()),
        involving: own_partner(&app, &visitor),
        limit: 100,
        ..MessageFilter::default()
    };
    let messages = journal.find_messages(&filter).await?.lines;
    let people = journal.case_people(&case.number).await?;
    let may_order = visitor.is(StaffRole::Regisseur);
    let now = clock::now();
    let active = app.hub.active();
    let name = |id: &PartnerId| {
        active.catalogue.partner(id).map_or_else(|| id.to_string(), |partner| partner.name.clone())
    };
    let rows = case.dossier.tasks.iter().map(|task| case_task(task, name, now));
    let (tasks, ended) = rows.partition(|task: &CaseTask| task.open);
    let closed = case.dossier.is_closed();
    let fits = |order: &&OrderKind| match order.scope {
        Scope::Task => false,
        Scope::OpenCase => !closed && case.merged_into.is_none(),
        Scope::ClosedCase => closed,
        Scope::MergedCase => case.merged_into.is_some(),
        Scope::Kept(kept) => case.dossier.legal_hold == kept,
    };
    Ok(page(&CasePage {
        ui: Ui::new(&asker, "casussen").after(asked.gedaan.as_deref()),
        tasks,
        ended,
        timeline,
        messages,
        people: people.into_iter().map(|account| account.name).collect(),
        participants: case.participants.iter().map(|id| (id.to_string(), name(id))).collect(),
        orders: ORDERS.iter().filter(fits).collect(),
        works,
        may_order,
        case,
    }))
}

fn case_task(task: &Task, name: impl Fn(&PartnerId) -> String, now: Timestamp) -> CaseTask {
    let question = match task.assignee {
        Assignee::Coordinator(question) => Some(question),
        Assignee::Partner(_) => None,
    };
    let open = task.is_open();
    let fits = |order: &&OrderKind| {
        order.scope == Scope::Task && (order.of_partner.is_none_or(|of| of == question.is_none()))
    };
    CaseTask {
        id: task.id.to_string(),
        partner: task.partner().map(name),
        action: task.action.clone(),
        question: question.map(Question::as_str),
        state: task.state.as_str(),
        urgent: task.urgent,
        asked: task.asked_at,
        due: task.due_at(),
        late: task.is_overdue(now),
        open,
        reason: task.reason.clone().unwrap_or_default(),
        result: task.result.clone().unwrap_or_default(),
        orders: ORDERS.iter().filter(|order| open && fits(order)).collect(),
    }
}

/// A case that somebody may see, and whether that person works on it. What is not theirs to see
/// looks as if it were not there.
pub async fn open_case(
    app: &App,
    visitor: &Visitor,
    number: &str,
) -> Result<(CaseView, bool), Wrong> {
    let number = CaseNumber::from_stored(number.to_owned());
    let journal = app.hub.journal();
    let case = journal.dossier(&number).await?;
    if !visitor.sees(case.theme.as_deref()) {
        return Err(Wrong::not_found());
    }
    let people = journal.case_people(&case.number).await?;
    let works = people.iter().any(|account| account.id == visitor.account.id);
    Ok((case, works))
}
