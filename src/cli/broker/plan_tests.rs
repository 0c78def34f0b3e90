//! Stories of a broker that is not as it should be.

use serde_json::{Value, json};

use super::super::passwords::hashed;
use super::*;
use crate::message::PartnerId;
use crate::transport::amqp::topology::Terms;

fn wanted() -> Topology {
    let politie: PartnerId = "politie".parse().unwrap();
    let terms =
        Terms { vhost: "schakel".to_owned(), hub: "schakel-hub".to_owned(), mailbox_days: 14 };
    Topology::wanted(&[politie].into(), &terms)
}

/// A broker that is exactly as it should be, as its API tells it.
fn as_wanted() -> Found {
    let wanted = wanted();
    let mut exchanges = vec![json!({ "name": "amq.topic", "type": "topic", "durable": true })];
    exchanges.extend(
        wanted.exchanges.iter().map(
            |exchange| json!({ "name": exchange.name, "type": exchange.kind, "durable": true }),
        ),
    );
    let queues = wanted.queues.iter().map(|queue| {
        json!({ "name": queue.name, "durable": true, "arguments": queue.arguments, "consumers": 1 })
    });
    let mut bindings = vec![json!({
        "source": "", "destination": "in.politie", "destination_type": "queue",
        "routing_key": "in.politie", "properties_key": "in.politie",
    })];
    bindings.extend(wanted.bindings.iter().map(|binding| {
        json!({
            "source": binding.source, "destination": binding.destination,
            "destination_type": "queue", "routing_key": binding.routing_key,
            "properties_key": "~",
        })
    }));
    let mut users =
        vec![json!({ "name": "admin", "password_hash": "x", "tags": ["administrator"] })];
    users.extend(wanted.users.iter().map(
        |name| json!({ "name": name, "password_hash": hashed("geheim").unwrap(), "tags": [] }),
    ));
    let mut permissions =
        vec![json!({ "user": "admin", "configure": ".*", "write": ".*", "read": ".*" })];
    permissions.extend(wanted.permissions.iter().map(|right| json!(right)));
    Found {
        vhost: true,
        users: json!(users),
        exchanges: json!(exchanges),
        queues: json!(queues.collect::<Vec<_>>()),
        bindings: json!(bindings),
        permissions: json!(permissions),
        topic_permissions: json!(wanted.topic_permissions),
    }
}

fn logins() -> Logins {
    Logins { hub_password: Some("geheim".to_owned()), ..Logins::default() }
}

fn changes(found: &Found) -> Vec<Change> {
    plan(&wanted(), found, &logins())
}

/// The only change, which this broker needs.
fn only(found: &Found) -> Change {
    let mut all = changes(found);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn entry<'a>(list: &'a mut Value, key: &str, name: &str) -> &'a mut Value {
    let found = list.as_array_mut().unwrap().iter_mut().find(|entry| entry[key] == name);
    found.unwrap()
}

fn remove(list: &mut Value, key: &str, name: &str) {
    list.as_array_mut().unwrap().retain(|entry| entry[key] != name);
}

#[test]
fn a_broker_that_is_right_is_left_alone() {
    assert_eq!(changes(&as_wanted()), []);
}

#[test]
fn an_empty_broker_gets_everything_in_an_order_that_works() {
    let all = changes(&Found::default());
    let kinds: Vec<&str> = all.iter().map(|change| change.kind).collect();
    let mut steps = kinds.clone();
    steps.dedup();
    let order =
        ["vhost", "gebruiker", "exchange", "wachtrij", "binding", "rechten", "onderwerprechten"];
    assert_eq!(steps, order);
    assert!(all.iter().all(|c| c.finding == Finding::Missing && c.request.is_some()));
    let queue = all.iter().find(|change| change.name == "in.politie" && change.kind == "wachtrij");
    let request = queue.unwrap().request.as_ref().unwrap();
    assert_eq!(request.path, ["queues", "schakel", "in.politie"]);
    assert_eq!(request.body["arguments"]["x-single-active-consumer"], true);
}

#[test]
fn what_is_gone_is_made_again() {
    let mut found = as_wanted();
    remove(&mut found.queues, "name", "uit.politie.spoed");
    let change = only(&found);
    assert_eq!((change.kind, change.finding), ("wachtrij", Finding::Missing));
    let mut found = as_wanted();
    remove(&mut found.bindings, "destination", "uit.politie");
    assert_eq!(only(&found).name, "schakel.uit → uit.politie");
    let mut found = as_wanted();
    remove(&mut found.topic_permissions, "user", "politie");
    assert_eq!(only(&found).kind, "onderwerprechten");
}

#[test]
fn rights_that_were_widened_are_put_back() {
    let mut found = as_wanted();
    entry(&mut found.permissions, "user", "politie")["read"] = json!(".*");
    let change = only(&found);
    assert!(matches!(&change.finding, Finding::Differs(text) if text.contains("lezen .*")));
    let request = change.request.unwrap();
    assert_eq!(request.body["read"], "^uit\\.politie(\\.spoed)?$");
}

#[test]
fn a_partner_that_became_administrator_is_one_no_longer() {
    for tags in [json!(["administrator"]), json!("administrator")] {
        let mut found = as_wanted();
        entry(&mut found.users, "name", "politie")["tags"] = tags;
        let change = only(&found);
        assert!(
            matches!(&change.finding, Finding::Differs(text) if text.contains("administrator"))
        );
        let request = change.request.unwrap();
        assert_eq!(request.body["tags"], "");
        let kept = found.users.as_array().unwrap().last().unwrap();
        assert_eq!(request.body["password_hash"], kept["password_hash"], "its password stays");
    }
}

#[test]
fn the_hubs_password_follows_the_settings_and_a_partners_only_on_request() {
    let other = Logins {
        hub_password: Some("ander".to_owned()),
        hashes: [("schakel-hub".to_owned(), "hash".to_owned())].into(),
    };
    let all = plan(&wanted(), &as_wanted(), &other);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].request.as_ref().unwrap().body["password_hash"], "hash");
    let renewed =
        Logins { hashes: [("politie".to_owned(), "nieuw".to_owned())].into(), ..logins() };
    let all = plan(&wanted(), &as_wanted(), &renewed);
    assert_eq!((all.len(), &all[0].finding), (1, &Finding::Renewed));
}

#[test]
fn what_cannot_be_changed_is_told_and_left() {
    let mut found = as_wanted();
    entry(&mut found.queues, "name", "uit.politie")["arguments"]["x-message-ttl"] = json!(1000);
    let change = only(&found);
    assert_eq!(change.request, None);
    let Finding::Fixed(text) = change.finding else { panic!("{change:?}") };
    assert!(text.contains("x-message-ttl is 1000, moet 1209600000"), "{text}");
    assert!(text.contains("verwijder haar"), "{text}");
    let mut found = as_wanted();
    entry(&mut found.exchanges, "name", "in.politie")["type"] = json!("topic");
    assert!(matches!(only(&found).finding, Finding::Fixed(_)));
}

#[test]
fn what_is_too_much_is_named_and_can_be_removed() {
    let mut found = as_wanted();
    let push = |list: &mut Value, entry: Value| list.as_array_mut().unwrap().push(entry);
    push(&mut found.queues, json!({ "name": "uit.oud", "durable": true, "arguments": {} }));
    push(&mut found.queues, json!({ "name": "iets-anders", "durable": true, "arguments": {} }));
    push(&mut found.exchanges, json!({ "name": "in.oud", "type": "fanout", "durable": true }));
    push(
        &mut found.bindings,
        json!({
            "source": "in.politie", "destination": "uit.oud", "destination_type": "queue",
            "routing_key": "", "properties_key": "~",
        }),
    );
    push(
        &mut found.permissions,
        json!({ "user": "oud", "configure": ".*", "write": ".*", "read": ".*" }),
    );
    let all = changes(&found);
    let told: Vec<(&str, &str)> = all.iter().map(|c| (c.kind, c.name.as_str())).collect();
    let expected = [
        ("exchange", "in.oud"),
        ("wachtrij", "uit.oud"),
        ("binding", "in.politie → uit.oud"),
        ("rechten", "oud"),
    ];
    assert_eq!(told, expected);
    assert!(all.iter().all(|change| change.finding == Finding::Extra));
    let path = &all[2].request.as_ref().unwrap().path;
    assert_eq!(path, &["bindings", "schakel", "e", "in.politie", "q", "uit.oud", "~"]);
}
