//! `schakel broker list`: the hub's queues, how much waits in each, and who listens.

use serde_json::{Value, json};

use super::Wish;
use crate::cli::access::{Ground, Halt};
use crate::cli::output::{Exit, Rows, say};
use crate::transport::amqp::topology::{self, is_ours};

pub async fn run(ground: Ground<'_>) -> Result<Exit, Halt> {
    let wish = Wish::read(ground)?;
    let vhost = wish.address.vhost();
    let Some(found) = wish.management()?.queues(vhost).await? else {
        let text =
            format!("op de broker is geen vhost {vhost}; maak haar met: schakel broker provision");
        return Err(Halt::new(Exit::NotFound, text));
    };
    let columns =
        ["wachtrij", "soort", "ketenpartner", "klaar", "onderweg", "luisteraars", "gewenst"];
    let mut rows = Rows::new(&columns);
    let mut quiet = 0;
    for queue in found.as_array().into_iter().flatten() {
        let name = queue.get("name").and_then(Value::as_str).unwrap_or_default();
        if !is_ours(name) {
            continue;
        }
        let owner = topology::owner(name);
        let kind = match &owner {
            Some((_, true)) => "inkomend",
            Some((_, false)) if name.ends_with(".spoed") => "postvak spoed",
            Some((_, false)) => "postvak",
            None => "uitval",
        };
        let number = |key: &str| queue.get(key).cloned().unwrap_or(json!(0));
        let listeners = number("consumers");
        let hubs_own = kind == "inkomend" || kind == "uitval";
        quiet += usize::from(hubs_own && listeners == json!(0));
        rows.add(vec![
            json!(name),
            json!(kind),
            json!(owner.map(|(partner, _)| partner)),
            number("messages_ready"),
            number("messages_unacknowledged"),
            listeners,
            json!(wish.topology.queues.iter().any(|wanted| wanted.name == name)),
        ]);
    }
    rows.print(ground.form);
    if quiet > 0 {
        say(&format!("Aan {quiet} wachtrijen van de hub luistert niemand: draait schakel serve?"));
    }
    Ok(Exit::Ok)
}
