//! *Ketenoverzicht*: each partner by each kind of message, with its state in a mark and a word.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::State;

use super::super::App;
use super::super::answer::{Shown, page};
use super::super::door::Asker;
use super::super::ui::Ui;
use crate::hub::clock;
use crate::journal::Flow;
use crate::message::{PartnerId, Timestamp};

/// Who waits longer than this for what is there is behind.
const BEHIND_S: i64 = 3600;

/// What went between the hub and a partner, of one kind.
#[derive(Default, Clone, Copy)]
struct Cell {
    sent: i64,
    received: i64,
    waiting: i64,
    failed: i64,
}

struct Line {
    id: String,
    name: String,
    state: &'static str,
    waiting: i64,
    oldest: Option<Timestamp>,
    last: Option<Timestamp>,
    cells: Vec<Cell>,
}

#[derive(Template)]
#[template(path = "chain.html")]
struct ChainPage {
    ui: Ui,
    kinds: Vec<String>,
    lines: Vec<Line>,
}

pub async fn show(State(app): State<App>, asker: Asker) -> Shown {
    let active = app.hub.active();
    let partners: Vec<PartnerId> = active.catalogue.partners.keys().cloned().collect();
    let journal = app.hub.journal();
    let (flows, seen) = (journal.flows().await?, journal.observe(&partners).await?);
    let suspended = app.hub.suspended();
    let kinds: BTreeSet<String> = flows.iter().map(|flow| flow.kind.clone()).collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    let cells = cells_of(&flows);
    let now = clock::now();
    let line = |id: &PartnerId| {
        let seen = seen.partners.iter().find(|seen| seen.id == *id);
        let oldest = seen.and_then(|seen| seen.oldest_waiting);
        let failed = flows.iter().any(|flow| flow.partner == *id && flow.failed > 0);
        let state = match () {
            () if suspended.contains(id) => "geschorst",
            () if failed => "uitval",
            () if oldest.is_some_and(|at| now.seconds_since(at) > BEHIND_S) => "achter",
            () if seen.is_some_and(|seen| seen.waiting > 0) => "wacht",
            () => "goed",
        };
        let of_kind =
            |kind: &String| cells.get(&(id.as_str(), kind.as_str())).copied().unwrap_or_default();
        Line {
            id: id.to_string(),
            name: active.catalogue.partner(id).map(|p| p.name.clone()).unwrap_or_default(),
            state,
            waiting: seen.map_or(0, |seen| seen.waiting),
            oldest,
            last: seen.and_then(|seen| seen.last_message),
            cells: kinds.iter().map(of_kind).collect(),
        }
    };
    let lines = partners.iter().map(line).collect();
    Ok(page(&ChainPage { ui: Ui::new(&asker, "keten"), kinds, lines }))
}

fn cells_of(flows: &[Flow]) -> BTreeMap<(&str, &str), Cell> {
    let mut cells: BTreeMap<(&str, &str), Cell> = BTreeMap::new();
    for flow in flows {
        let cell = cells.entry((flow.partner.as_str(), flow.kind.as_str())).or_default();
        if flow.sent {
            cell.sent += flow.count;
        } else {
            cell.received += flow.count;
            cell.waiting += flow.waiting;
            cell.failed += flow.failed;
        }
    }
    cells
}
