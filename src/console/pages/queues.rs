//! *Wachtrijen*: what waits for whom, since when, and in which queue of the broker.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;

use super::super::App;
use super::super::answer::{Shown, page};
use super::super::door::Asker;
use super::super::ui::Ui;
use super::tasks::partners_of;
use crate::hub::BrokerQueue;
use crate::journal::{Counted, QueueSeen};
use crate::message::Timestamp;

struct Line {
    queue: QueueSeen,
    name: String,
    stand: &'static str,
    next: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "queues.html")]
struct QueuesPage {
    ui: Ui,
    lines: Vec<Line>,
    has_broker: bool,
    /// None where the broker does not answer.
    broker: Option<Vec<BrokerQueue>>,
}

impl QueuesPage {
    fn counted(&self, counted: &Counted) -> String {
        let Counted { count, or_more } = *counted;
        if or_more { self.ui.tn("of-meer", count) } else { count.to_string() }
    }
}

pub async fn show(State(app): State<App>, asker: Asker) -> Shown {
    let rows = app.hub.waiting_rows().await?;
    let stands: BTreeMap<String, (&'static str, Option<Timestamp>)> = app
        .hub
        .couplings()
        .await?
        .into_iter()
        .map(|one| (one.id.to_string(), (one.stand, one.volgende_poging)))
        .collect();
    let names: BTreeMap<String, String> = partners_of(&app).into_iter().collect();
    let lines = rows.into_iter().map(|queue| {
        let id = queue.recipient.as_str();
        let (stand, until) = stands.get(id).copied().unwrap_or(("actief", None));
        Line {
            name: names.get(id).cloned().unwrap_or_else(|| id.to_owned()),
            stand,
            // Who is left alone is tried no sooner than that.
            next: queue.next.map(|next| until.map_or(next, |until| next.max(until))),
            queue,
        }
    });
    let has_broker = app.hub.has_broker();
    let broker = if has_broker { app.hub.broker_queues().await } else { None };
    let ui = Ui::new(&asker, "wachtrijen");
    Ok(page(&QueuesPage { ui, lines: lines.collect(), has_broker, broker }))
}
