//! What the broker must hold for these partners: exchanges, queues, bindings, users and rights.
//!
//! Pure: from partner ids and a few settings to typed values. `schakel broker provision` compares
//! them with what is there, or writes them as a definitions file. Names carry partner ids only,
//! never a case or a person.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::message::PartnerId;

/// The exchange through which the hub reaches every mailbox.
pub const OUT: &str = "schakel.uit";
/// Exchange and queue of what could not be delivered inside the broker.
pub const DEAD: &str = "schakel.uitval";

/// How often a message of a partner may come back unsettled before it is set aside. High, because
/// one crash of a hub counts for everything that it had in flight: a low limit kills innocents.
pub const INBOUND_DELIVERIES_MAX: u32 = 100;
/// The same for a mailbox. Partners reconnect as they like, and a parcel must survive that.
pub const MAILBOX_DELIVERIES_MAX: u32 = 10_000;
/// Dead letters are held until the journal has them, whatever happens to the hub meanwhile.
pub const DEAD_DELIVERIES_MAX: u32 = 1_000_000;
/// What may wait in an inbound queue. Beyond it the broker refuses the partner's publish, which
/// keeps its copy; without it one partner could fill the broker's disk for everybody.
pub const INBOUND_BYTES_MAX: u64 = 1 << 30;

/// The exchange a partner publishes to, and its inbound queue.
pub fn inbound(partner: &PartnerId) -> String {
    format!("in.{partner}")
}

/// The queue a partner reads; what is urgent has one of its own, which it can read first.
pub fn mailbox(partner: &PartnerId, urgent: bool) -> String {
    if urgent { format!("uit.{partner}.spoed") } else { format!("uit.{partner}") }
}

/// Whose queue it is, and whether it is the inbound one; `None` for what is not a partner's.
pub fn owner(queue: &str) -> Option<(PartnerId, bool)> {
    if let Some(name) = queue.strip_prefix("in.") {
        return name.parse().ok().map(|partner| (partner, true));
    }
    let name = queue.strip_prefix("uit.")?;
    let name = name.strip_suffix(".spoed").unwrap_or(name);
    name.parse().ok().map(|partner| (partner, false))
}

/// Whether a name is one of those that the hub makes and repairs.
pub fn is_ours(name: &str) -> bool {
    name == OUT || name == DEAD || owner(name).is_some()
}

/// What the settings decide about the topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub vhost: String,
    /// The hub's own user.
    pub hub: String,
    /// How long a parcel may lie in a mailbox.
    pub mailbox_days: u32,
}

/// Everything that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topology {
    pub vhost: String,
    pub exchanges: Vec<Exchange>,
    pub queues: Vec<Queue>,
    pub bindings: Vec<Binding>,
    /// The hub's own user first.
    pub users: Vec<String>,
    pub permissions: Vec<Permission>,
    pub topic_permissions: Vec<TopicPermission>,
}

/// How an exchange spreads what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExchangeKind {
    Direct,
    Fanout,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ExchangeKind,
}

/// A durable quorum queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queue {
    pub name: String,
    /// They cannot be changed once the queue is there.
    pub arguments: BTreeMap<&'static str, Argument>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Argument {
    Flag(bool),
    Number(u64),
    Text(String),
}

/// From an exchange to a queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Binding {
    pub source: String,
    pub destination: String,
    pub routing_key: String,
}

/// What a user may do in the vhost: each a pattern over names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    pub user: String,
    pub configure: String,
    pub write: String,
    pub read: String,
}

/// What a user may do with a topic exchange. Until there is one, everything is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicPermission {
    pub user: String,
    pub exchange: &'static str,
    pub write: &'static str,
    pub read: &'static str,
}

/// Matches no name at all.
const NOTHING: &str = "^$";
/// The only topic exchange that every broker has.
const TOPIC: &str = "amq.topic";

impl Topology {
    /// What these partners and the hub need. A partner that is called as the hub's user is left
    /// out: one name would have two rights ([`Topology::clash`] says so).
    pub fn wanted(partners: &BTreeSet<PartnerId>, terms: &Terms) -> Self {
        let mut all = Self {
            vhost: terms.vhost.clone(),
            exchanges: vec![
                exchange(OUT, ExchangeKind::Direct),
                exchange(DEAD, ExchangeKind::Fanout),
            ],
            queues: vec![dead_queue()],
            bindings: vec![binding(DEAD, DEAD, "")],
            users: vec![terms.hub.clone()],
            permissions: vec![hub_permission(&terms.hub)],
            topic_permissions: vec![closed_topics(&terms.hub)],
        };
        for partner in partners.iter().filter(|partner| partner.as_str() != terms.hub) {
            all.add(partner, terms.mailbox_days);
        }
        all
    }

    /// Whether a partner bears the name of the hub's own user.
    pub fn clash(partners: &BTreeSet<PartnerId>, terms: &Terms) -> bool {
        partners.iter().any(|partner| partner.as_str() == terms.hub)
    }

    fn add(&mut self, partner: &PartnerId, mailbox_days: u32) {
        let inbound = inbound(partner);
        self.exchanges.push(exchange(&inbound, ExchangeKind::Fanout));
        self.queues.push(inbound_queue(&inbound));
        self.bindings.push(binding(&inbound, &inbound, ""));
        for urgent in [false, true] {
            let name = mailbox(partner, urgent);
            self.bindings.push(binding(OUT, &name, &name));
            self.queues.push(mailbox_queue(name, mailbox_days));
        }
        let user = partner.to_string();
        self.permissions.push(Permission {
            configure: NOTHING.to_owned(),
            write: format!("^{}$", pattern(&inbound)),
            read: format!("^{}(\\.spoed)?$", pattern(&mailbox(partner, false))),
            user: user.clone(),
        });
        self.topic_permissions.push(closed_topics(&user));
        self.users.push(user);
    }
}

fn exchange(name: &str, kind: ExchangeKind) -> Exchange {
    Exchange { name: name.to_owned(), kind }
}

fn binding(source: &str, destination: &str, routing_key: &str) -> Binding {
    Binding {
        source: source.to_owned(),
        destination: destination.to_owned(),
        routing_key: routing_key.to_owned(),
    }
}

/// The hub publishes to the mailboxes, reads what partners send, and configures nothing. It may
/// read mailboxes because brokers from 4.2.7 on tell how full one is only to who has some right.
fn hub_permission(user: &str) -> Permission {
    Permission {
        user: user.to_owned(),
        configure: NOTHING.to_owned(),
        write: format!("^{}$", pattern(OUT)),
        read: format!("^(in\\.[a-z0-9-]+|uit\\.[a-z0-9-]+(\\.spoed)?|{})$", pattern(DEAD)),
    }
}

fn closed_topics(user: &str) -> TopicPermission {
    TopicPermission { user: user.to_owned(), exchange: TOPIC, write: NOTHING, read: NOTHING }
}

/// A name as a pattern that matches only itself: names have letters, digits, hyphens and dots.
fn pattern(name: &str) -> String {
    name.replace('.', "\\.")
}

/// What every queue has: more than one copy, and nothing that drops a message without a word.
fn quorum(deliveries_max: u32) -> BTreeMap<&'static str, Argument> {
    BTreeMap::from([
        ("x-queue-type", Argument::Text("quorum".to_owned())),
        ("x-delivery-limit", Argument::Number(deliveries_max.into())),
        // At-least-once dead-lettering asks for it, and a full queue then refuses its publisher.
        ("x-overflow", Argument::Text("reject-publish".to_owned())),
    ])
}

/// Lets the broker hand over what it cannot keep, and keep it until that succeeded. The routing
/// key is the queue's own name, so that nobody can claim that a dead letter was another's.
fn with_dead_letters(name: &str, deliveries_max: u32) -> BTreeMap<&'static str, Argument> {
    let mut arguments = quorum(deliveries_max);
    arguments.insert("x-dead-letter-exchange", Argument::Text(DEAD.to_owned()));
    arguments.insert("x-dead-letter-routing-key", Argument::Text(name.to_owned()));
    arguments.insert("x-dead-letter-strategy", Argument::Text("at-least-once".to_owned()));
    arguments
}

fn inbound_queue(name: &str) -> Queue {
    let mut arguments = with_dead_letters(name, INBOUND_DELIVERIES_MAX);
    // Any number of hubs may listen; one at a time gets, so that the order is kept.
    arguments.insert("x-single-active-consumer", Argument::Flag(true));
    arguments.insert("x-max-length-bytes", Argument::Number(INBOUND_BYTES_MAX));
    Queue { name: name.to_owned(), arguments }
}

fn mailbox_queue(name: String, days: u32) -> Queue {
    let mut arguments = with_dead_letters(&name, MAILBOX_DELIVERIES_MAX);
    let ttl_ms = u64::from(days) * 24 * 3600 * 1000;
    arguments.insert("x-message-ttl", Argument::Number(ttl_ms));
    Queue { name, arguments }
}

fn dead_queue() -> Queue {
    Queue { name: DEAD.to_owned(), arguments: quorum(DEAD_DELIVERIES_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms { vhost: "schakel".to_owned(), hub: "schakel-hub".to_owned(), mailbox_days: 14 }
    }

    fn partners(names: &[&str]) -> BTreeSet<PartnerId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// The golden case: what one partner needs, to the letter.
    #[test]
    fn one_partner_gets_exactly_this() {
        let wanted = Topology::wanted(&partners(&["wonen-zuid"]), &terms());
        let golden = include_str!("topology/one_partner.json");
        let made = serde_json::to_string_pretty(&wanted).unwrap();
        assert_eq!(made.trim(), golden.trim(), "topology/one_partner.json should be:\n{made}");
    }

    #[test]
    fn a_partner_writes_only_its_exchange_and_reads_only_its_mailboxes() {
        let names = ["politie", "politie-oost", "zorg"];
        let all = Topology::wanted(&partners(&names), &terms());
        let things: Vec<&String> = all
            .exchanges
            .iter()
            .map(|exchange| &exchange.name)
            .chain(all.queues.iter().map(|queue| &queue.name))
            .collect();
        for name in names {
            let own = all.permissions.iter().find(|right| right.user == name).unwrap();
            let may = |right: &str| {
                let right = regex::Regex::new(right).unwrap();
                things.iter().filter(|thing| right.is_match(thing)).map(|t| t.as_str()).collect()
            };
            let (write, read): (BTreeSet<&str>, BTreeSet<&str>) = (may(&own.write), may(&own.read));
            assert_eq!(write, BTreeSet::from([format!("in.{name}").as_str()]));
            let boxes = [format!("uit.{name}"), format!("uit.{name}.spoed")];
            assert_eq!(read, boxes.iter().map(String::as_str).collect());
            assert_eq!(may(&own.configure), BTreeSet::<&str>::new());
        }
    }

    #[test]
    fn an_inbound_exchange_leads_only_to_its_own_queue() {
        let all = Topology::wanted(&partners(&["politie", "zorg"]), &terms());
        for binding in &all.bindings {
            if binding.source.starts_with("in.") {
                assert_eq!(binding.source, binding.destination);
            } else {
                assert!(!binding.destination.starts_with("in."), "{binding:?}");
            }
        }
    }

    #[test]
    fn every_queue_says_how_often_and_where_to() {
        let all = Topology::wanted(&partners(&["politie"]), &terms());
        for queue in &all.queues {
            let has = |name: &str| queue.arguments.contains_key(name);
            assert!(has("x-delivery-limit"), "{}", queue.name);
            assert_eq!(has("x-dead-letter-strategy"), queue.name != DEAD, "{}", queue.name);
            let overflow = queue.arguments.get("x-overflow");
            assert_eq!(overflow, Some(&Argument::Text("reject-publish".to_owned())));
        }
    }

    #[test]
    fn a_partner_with_the_name_of_the_hub_gets_nothing() {
        let same = partners(&["schakel-hub", "zorg"]);
        assert!(Topology::clash(&same, &terms()));
        let all = Topology::wanted(&same, &terms());
        assert_eq!(all.users, ["schakel-hub", "zorg"]);
        assert_eq!(all, Topology::wanted(&partners(&["zorg"]), &terms()));
    }

    #[test]
    fn the_name_of_a_queue_tells_its_owner() {
        let politie: PartnerId = "politie".parse().unwrap();
        assert_eq!(owner("in.politie"), Some((politie.clone(), true)));
        assert_eq!(owner("uit.politie"), Some((politie.clone(), false)));
        assert_eq!(owner("uit.politie.spoed"), Some((politie, false)));
        for other in ["schakel.uitval", "in.", "uit.A", "in.a.b", "politie"] {
            assert_eq!(owner(other), None, "{other}");
        }
        assert!(is_ours(OUT) && is_ours(DEAD) && is_ours("in.zorg") && !is_ours("amq.topic"));
    }
}
