//! What is missing, what differs and what is too much: pure, from what is wanted and what the
//! management API told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::passwords::{ALGORITHM, matches};
use crate::transport::amqp::topology::{Binding, Queue, Topology, is_ours};

/// What the API told, as it told it.
#[derive(Debug, Default)]
pub struct Found {
    pub vhost: bool,
    pub users: Value,
    pub exchanges: Value,
    pub queues: Value,
    pub bindings: Value,
    pub permissions: Value,
    pub topic_permissions: Value,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub kind: &'static str,
    pub name: String,
    pub finding: Finding,
    /// What repairs it; `None` where a person must decide.
    pub request: Option<Request>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    Missing,
    /// Repaired by writing it again.
    Differs(String),
    /// It cannot be changed: what to do instead.
    Fixed(String),
    /// Removed only with `--prune`; a queue only when nothing lies in it.
    Extra,
    /// A new password was asked for.
    Renewed,
}

impl Finding {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing => "ontbreekt",
            Self::Differs(_) => "wijkt af",
            Self::Fixed(_) => "wijkt af, ligt vast",
            Self::Extra => "te veel",
            Self::Renewed => "nieuw wachtwoord",
        }
    }

    pub fn detail(&self) -> &str {
        match self {
            Self::Differs(text) | Self::Fixed(text) => text,
            _ => "",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Put,
    Post,
    Delete,
}

/// A call of the management API, under `/api`.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub verb: Verb,
    pub path: Vec<String>,
    pub body: Value,
}

fn request(verb: Verb, path: &[&str], body: Value) -> Option<Request> {
    let path = path.iter().map(|part| (*part).to_owned()).collect();
    Some(Request { verb, path, body })
}

/// Users and how they log in: new hashes, and the hub's own password.
#[derive(Debug, Default)]
pub struct Logins {
    /// Hashes for users that are made, or get a new password.
    pub hashes: BTreeMap<String, String>,
    /// That of the hub's url; `None` where its certificate is its login.
    pub hub_password: Option<String>,
}

/// All changes, in the order in which they can be made.
pub fn plan(wanted: &Topology, found: &Found, logins: &Logins) -> Vec<Change> {
    let mut changes = Vec::new();
    if !found.vhost {
        let request = request(Verb::Put, &["vhosts", &wanted.vhost], json!({}));
        let name = wanted.vhost.clone();
        changes.push(Change { kind: "vhost", name, finding: Finding::Missing, request });
    }
    users(wanted, found, logins, &mut changes);
    exchanges(wanted, found, &mut changes);
    queues(wanted, found, &mut changes);
    bindings(wanted, found, &mut changes);
    permissions(wanted, found, &mut changes);
    topic_permissions(wanted, found, &mut changes);
    changes
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn by_name(value: &Value) -> BTreeMap<&str, &Value> {
    list(value).map(|found| (text(found, "name"), found)).collect()
}

/// Older brokers tell tags as a text, newer ones as a list.
fn tags(user: &Value) -> String {
    match user.get("tags") {
        Some(Value::Array(tags)) => {
            tags.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        Some(Value::String(tags)) => tags.clone(),
        _ => String::new(),
    }
}

fn users(wanted: &Topology, found: &Found, logins: &Logins, changes: &mut Vec<Change>) {
    let there = by_name(&found.users);
    for (place, name) in wanted.users.iter().enumerate() {
        let hub = place == 0;
        let user = there.get(name.as_str());
        let stored = user.map_or("", |user| text(user, "password_hash"));
        let other_password =
            hub && logins.hub_password.as_ref().is_some_and(|password| !matches(stored, password));
        let new_hash = logins.hashes.get(name);
        let finding = match user {
            None => Finding::Missing,
            Some(user) if !tags(user).is_empty() => {
                Finding::Differs(format!("heeft de rol {} en hoort er geen te hebben", tags(user)))
            }
            Some(_) if other_password => {
                Finding::Differs("heeft een ander wachtwoord dan broker.url".to_owned())
            }
            Some(_) if !hub && new_hash.is_some() => Finding::Renewed,
            Some(_) => continue,
        };
        let hash = new_hash.map_or(stored, String::as_str);
        let body = json!({ "password_hash": hash, "hashing_algorithm": ALGORITHM, "tags": "" });
        let request = request(Verb::Put, &["users", name], body);
        changes.push(Change { kind: "gebruiker", name: name.clone(), finding, request });
    }
}

fn exchanges(wanted: &Topology, found: &Found, changes: &mut Vec<Change>) {
    const KIND: &str = "exchange";
    let (vhost, there) = (&wanted.vhost, by_name(&found.exchanges));
    for exchange in &wanted.exchanges {
        let (name, kind) = (exchange.name.clone(), json!(exchange.kind));
        let finding = match there.get(name.as_str()) {
            None => Finding::Missing,
            Some(is) if is.get("type") == Some(&kind) && is_durable(is) => continue,
            Some(is) => Finding::Fixed(format!(
                "is van soort {}; verwijder haar en richt opnieuw in: partners krijgen zo lang \
                 een weigering",
                text(is, "type")
            )),
        };
        let body = json!({ "type": kind, "durable": true });
        let put = || request(Verb::Put, &["exchanges", vhost, &name], body);
        let request = if finding == Finding::Missing { put() } else { None };
        changes.push(Change { kind: KIND, name: name.clone(), finding, request });
    }
    let names: BTreeSet<&str> = wanted.exchanges.iter().map(|e| e.name.as_str()).collect();
    for name in there.keys().filter(|name| is_ours(name) && !names.contains(**name)) {
        let request = request(Verb::Delete, &["exchanges", vhost, name], Value::Null);
        let name = (*name).to_owned();
        changes.push(Change { kind: KIND, name, finding: Finding::Extra, request });
    }
}

fn is_durable(found: &Value) -> bool {
    found.get("durable") == Some(&Value::Bool(true))
}

fn queues(wanted: &Topology, found: &Found, changes: &mut Vec<Change>) {
    const KIND: &str = "wachtrij";
    let (vhost, there) = (&wanted.vhost, by_name(&found.queues));
    for queue in &wanted.queues {
        let name = queue.name.clone();
        let (finding, request) = match there.get(name.as_str()) {
            None => {
                let body = json!({ "durable": true, "arguments": queue.arguments });
                (Finding::Missing, request(Verb::Put, &["queues", vhost, &name], body))
            }
            Some(is) => match difference(queue, is) {
                None => continue,
                Some(differs) => (Finding::Fixed(differs), None),
            },
        };
        changes.push(Change { kind: KIND, name, finding, request });
    }
    let names: BTreeSet<&str> = wanted.queues.iter().map(|q| q.name.as_str()).collect();
    for name in there.keys().filter(|name| is_ours(name) && !names.contains(**name)) {
        let request = request(Verb::Delete, &["queues", vhost, name], Value::Null);
        let name = (*name).to_owned();
        changes.push(Change { kind: KIND, name, finding: Finding::Extra, request });
    }
}

/// How a queue that is there differs from what it should be, and what to do about it.
fn difference(queue: &Queue, found: &Value) -> Option<String> {
    let none = Map::new();
    let is = found.get("arguments").and_then(Value::as_object).unwrap_or(&none);
    let should = json!(queue.arguments);
    let should = should.as_object().unwrap_or(&none);
    let names: BTreeSet<&String> = is.keys().chain(should.keys()).collect();
    let told = |value: Option<&Value>| value.map_or_else(|| "niets".to_owned(), Value::to_string);
    let differ = names.into_iter().filter(|name| is.get(*name) != should.get(*name));
    let mut lines: Vec<String> = differ
        .map(|name| format!("{name} is {}, moet {}", told(is.get(name)), told(should.get(name))))
        .collect();
    if !is_durable(found) {
        lines.push("overleeft geen herstart".to_owned());
    }
    let advice = "laat haar leeglopen, verwijder haar (rabbitmqctl delete_queue) en richt opnieuw \
                  in; de hub stuurt opnieuw wat niet bevestigd is";
    (!lines.is_empty()).then(|| format!("{}; {advice}", lines.join(", ")))
}

fn bindings(wanted: &Topology, found: &Found, changes: &mut Vec<Change>) {
    const KIND: &str = "binding";
    let vhost = &wanted.vhost;
    let named = |b: &Binding| format!("{} → {}", b.source, b.destination);
    let of = |value: &Value| Binding {
        source: text(value, "source").to_owned(),
        destination: text(value, "destination").to_owned(),
        routing_key: text(value, "routing_key").to_owned(),
    };
    // The default exchange leads to every queue, and cannot be otherwise.
    let there: Vec<(Binding, &Value)> = list(&found.bindings)
        .map(|value| (of(value), value))
        .filter(|(binding, _)| !binding.source.is_empty())
        .collect();
    for binding in &wanted.bindings {
        if there.iter().any(|(found, _)| found == binding) {
            continue;
        }
        let body = json!({ "routing_key": binding.routing_key, "arguments": {} });
        let path = ["bindings", vhost, "e", &binding.source, "q", &binding.destination];
        let request = request(Verb::Post, &path, body);
        changes.push(Change {
            kind: KIND,
            name: named(binding),
            finding: Finding::Missing,
            request,
        });
    }
    for (binding, value) in there {
        let ours = is_ours(&binding.source) || is_ours(&binding.destination);
        if !ours || wanted.bindings.contains(&binding) {
            continue;
        }
        let to = if text(value, "destination_type") == "exchange" { "e" } else { "q" };
        let key = text(value, "properties_key");
        let path = ["bindings", vhost, "e", &binding.source, to, &binding.destination, key];
        let request = request(Verb::Delete, &path, Value::Null);
        changes.push(Change {
            kind: KIND,
            name: named(&binding),
            finding: Finding::Extra,
            request,
        });
    }
}

fn permissions(wanted: &Topology, found: &Found, changes: &mut Vec<Change>) {
    const KIND: &str = "rechten";
    let vhost = &wanted.vhost;
    for right in &wanted.permissions {
        let is = list(&found.permissions).find(|is| text(is, "user") == right.user);
        let should = [&right.configure, &right.write, &right.read];
        let finding = match is {
            None => Finding::Missing,
            Some(is) if ["configure", "write", "read"].map(|key| text(is, key)) == should => {
                continue;
            }
            Some(is) => Finding::Differs(format!(
                "mag inrichten {}, schrijven {}, lezen {}",
                text(is, "configure"),
                text(is, "write"),
                text(is, "read")
            )),
        };
        let body =
            json!({ "configure": right.configure, "write": right.write, "read": right.read });
        let request = request(Verb::Put, &["permissions", vhost, &right.user], body);
        changes.push(Change { kind: KIND, name: right.user.clone(), finding, request });
    }
    let users = by_name(&found.users);
    for is in list(&found.permissions) {
        let user = text(is, "user");
        let administrator =
            users.get(user).is_some_and(|user| tags(user).contains("administrator"));
        if administrator || wanted.users.iter().any(|wanted| wanted == user) {
            continue;
        }
        let request = request(Verb::Delete, &["permissions", vhost, user], Value::Null);
        changes.push(Change {
            kind: KIND,
            name: user.to_owned(),
            finding: Finding::Extra,
            request,
        });
    }
}

fn topic_permissions(wanted: &Topology, found: &Found, changes: &mut Vec<Change>) {
    let vhost = &wanted.vhost;
    for right in &wanted.topic_permissions {
        let mut there = list(&found.topic_permissions)
            .filter(|is| text(is, "user") == right.user && text(is, "exchange") == right.exchange);
        let finding = match there.next() {
            None => Finding::Missing,
            Some(is) if text(is, "write") == right.write && text(is, "read") == right.read => {
                continue;
            }
            Some(_) => Finding::Differs("staan open".to_owned()),
        };
        let body = json!({
            "exchange": right.exchange, "write": right.write, "read": right.read,
        });
        let request = request(Verb::Put, &["topic-permissions", vhost, &right.user], body);
        let name = right.user.clone();
        changes.push(Change { kind: "onderwerprechten", name, finding, request });
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
