//! Why a recipient got a field or not: from its origin in the sender's document, by the rule that
//! filled it and the purpose that granted it, to where it stands in the parcel.

use serde_json::{Value, json};
use uuid::Uuid;

use super::replay::ReplayError;
use super::{Hub, clock};
use crate::catalogue::Catalogue;
use crate::catalogue::cel::{Path, Step};
use crate::catalogue::mapping::{Mapping, Rule};
use crate::catalogue::purpose::Purpose;
use crate::message::{PartnerId, Timestamp};
use crate::pipeline::{Decision, explain_for};

impl Hub {
    /// Every field of a message, for one recipient, under the active set. `None` where the
    /// recipient is not in the set.
    pub(super) async fn explain(
        &self,
        id: Uuid,
        recipient: &PartnerId,
    ) -> Result<Option<Value>, ReplayError> {
        let active = self.active();
        let catalogue = &active.catalogue;
        let reopened = self.reopen(&active, id).await?;
        let message = reopened.admitted.message();
        let parties = catalogue.partner(recipient).zip(catalogue.partner(&message.sender));
        let Some((recipient, sender)) = parties else { return Ok(None) };
        let now = clock::now();
        let view = explain_for(catalogue, message, sender, recipient, &reopened.case, now);
        let inbound = catalogue.connector_of(sender).and_then(|connector| {
            connector.inbound.iter().find(|entry| entry.kind == message.kind)
        });
        let outbound = catalogue
            .connector_of(recipient)
            .and_then(|connector| connector.outbound.iter().find(|form| form.kind == message.kind));
        let lines: Vec<Value> = view
            .iter()
            .flat_map(|view| view.decisions())
            .map(|decision| {
                let canonical = path_of(&decision.path);
                json!({
                    "veld": decision.path,
                    "uitkomst": outcome(decision),
                    "reden": decision.withheld,
                    "herkomst": decision.origin.as_deref().unwrap_or(message.origin.as_str()),
                    "bron": inbound.map(|entry| sources(&entry.mapping, &canonical)),
                    "doel": outbound.map(|form| targets(&form.mapping, &canonical)),
                    "doelbinding": decision.purpose,
                    "breekglas": decision.purpose.as_ref()
                        .and_then(|id| catalogue.purposes.get(id)).is_some_and(Purpose::sleeps),
                    "grondslag": decision.purpose.as_ref()
                        .and_then(|id| catalogue.purposes.get(id)).map(|p| &p.basis),
                })
            })
            .collect();
        Ok(Some(json!({
            "bericht": reopened.stored.view.public_id,
            "afzender": sender.id,
            "ontvanger": recipient.id,
            "set": catalogue.digest().to_string(),
            "toenmaligeSet": reopened.stored.view.catalogue.to_string(),
            "doelbindingen": considered(catalogue, sender.kind.as_str(), recipient.kind.as_str(),
                message.theme.as_deref(), now),
            "breekglasTot": view.as_ref().and_then(|view| view.glass).map(|glass| glass.until),
            "velden": lines,
        })))
    }
}

fn outcome(decision: &Decision) -> &'static str {
    use crate::pipeline::WithheldReason as Reason;
    match decision.withheld {
        None => "gegeven",
        Some(Reason::Gemaskeerd) => "gemaskeerd",
        Some(Reason::Veralgemeend) => "veralgemeend",
        Some(_) => "onthouden",
    }
}

/// A JSON Pointer as a path of the canonical document, any element for every index.
fn path_of(pointer: &str) -> Path {
    let steps = pointer.split('/').skip(1).map(|step| match step.parse::<usize>() {
        Ok(_) => Step::Each,
        Err(_) => Step::Field(step.replace("~1", "/").replace("~0", "~")),
    });
    Path { root: "doel".to_owned(), steps: steps.collect() }
}

/// The lines of the sender's mapping that fill a canonical field, with what they read.
fn sources(mapping: &Mapping, canonical: &Path) -> Vec<Value> {
    let rules = mapping.rules.iter().filter(|rule| rule.target.touches(canonical));
    rules.map(|rule| describe(mapping, rule)).collect()
}

fn describe(mapping: &Mapping, rule: &Rule) -> Value {
    json!({
        "leest": rule.reads.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "regel": format!("{}:{}", mapping.file, rule.line),
        "uitdrukking": rule.text,
    })
}

/// Where in the recipient's document a canonical field ends up. `rechtstreeks` are the lines that
/// read the field as closely as any does; the others only depend on it, such as on a list that
/// would be empty without it.
fn targets(mapping: &Mapping, canonical: &Path) -> Vec<Value> {
    let source = Path { root: "b".to_owned(), steps: canonical.steps.clone() };
    let closeness = |rule: &Rule| {
        let reads = rule.reads.iter().filter(|read| read.touches(&source));
        reads.map(|read| read.steps.len().min(source.steps.len())).max()
    };
    let rules: Vec<(usize, &Rule)> =
        mapping.rules.iter().filter_map(|rule| Some((closeness(rule)?, rule))).collect();
    let closest = rules.iter().map(|(steps, _)| *steps).max();
    rules
        .iter()
        .map(|(steps, rule)| {
            let target = rule.target.to_string();
            let target = target.strip_prefix("doel.").unwrap_or(&target).to_owned();
            json!({
                "pad": target,
                "regel": format!("{}:{}", mapping.file, rule.line),
                "rechtstreeks": Some(*steps) == closest,
            })
        })
        .collect()
}

/// The purposes between two kinds of partner, and whether each applies to this message.
fn considered(
    catalogue: &Catalogue,
    origin: &str,
    recipient: &str,
    theme: Option<&str>,
    now: Timestamp,
) -> Vec<Value> {
    let about = |purpose: &&Purpose| {
        let has = |list: &[String], name: &str| list.iter().any(|item| item == name);
        has(&purpose.origins, origin) && has(&purpose.recipients, recipient)
    };
    let line = |purpose: &Purpose| {
        json!({
            "id": purpose.id,
            "doel": purpose.goal,
            "grondslag": purpose.basis,
            "besluit": purpose.decision,
            "geldtNu": purpose.is_valid(now),
            "geldtVoorThema": purpose.covers_theme(theme),
            "slaapt": purpose.sleeps(),
            "voorwaarde": purpose.condition.as_ref().map(|condition| &condition.text),
        })
    };
    catalogue.purposes.values().filter(about).map(line).collect()
}
