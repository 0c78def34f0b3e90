//! The topology as a definitions file, for `rabbitmqctl import_definitions`.

use serde_json::{Value, json};

use super::passwords::ALGORITHM;
use super::plan::Logins;
use crate::transport::amqp::topology::Topology;

/// Everything that is wanted. Users carry hashes; one without is known by its certificate only.
pub fn definitions(wanted: &Topology, logins: &Logins) -> Value {
    let vhost = &wanted.vhost;
    let users = wanted.users.iter().map(|name| {
        json!({
            "name": name,
            "password_hash": logins.hashes.get(name).map_or("", String::as_str),
            "hashing_algorithm": ALGORITHM,
            "tags": [],
            "limits": {},
        })
    });
    let permissions = wanted.permissions.iter().map(|right| {
        json!({
            "user": right.user, "vhost": vhost,
            "configure": right.configure, "write": right.write, "read": right.read,
        })
    });
    let topics = wanted.topic_permissions.iter().map(|right| {
        json!({
            "user": right.user, "vhost": vhost,
            "exchange": right.exchange, "write": right.write, "read": right.read,
        })
    });
    let exchanges = wanted.exchanges.iter().map(|exchange| {
        json!({
            "name": exchange.name, "vhost": vhost, "type": exchange.kind,
            "durable": true, "auto_delete": false, "internal": false, "arguments": {},
        })
    });
    let queues = wanted.queues.iter().map(|queue| {
        json!({
            "name": queue.name, "vhost": vhost,
            "durable": true, "auto_delete": false, "arguments": queue.arguments,
        })
    });
    let bindings = wanted.bindings.iter().map(|binding| {
        json!({
            "source": binding.source, "vhost": vhost,
            "destination": binding.destination, "destination_type": "queue",
            "routing_key": binding.routing_key, "arguments": {},
        })
    });
    json!({
        "vhosts": [{ "name": vhost }],
        "users": users.collect::<Vec<_>>(),
        "permissions": permissions.collect::<Vec<_>>(),
        "topic_permissions": topics.collect::<Vec<_>>(),
        "parameters": [],
        "global_parameters": [],
        "policies": [],
        "exchanges": exchanges.collect::<Vec<_>>(),
        "queues": queues.collect::<Vec<_>>(),
        "bindings": bindings.collect::<Vec<_>>(),
    })
}
