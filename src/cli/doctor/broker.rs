//! The broker: can the hub enter, is everything there, does somebody listen, are the rights right.

use super::Finding;
use crate::cli::access::{Ground, Halt};
use crate::cli::broker::{Wish, differences};
use crate::hub::{broker_partners, checked};
use crate::settings::{self, Settings};
use crate::transport::amqp::{ConnectError, Probed, probe, reach, topology};

const WHAT: &str = "broker";
const PROVISION: &str = "maak en herstel het met: schakel broker provision";
/// So many names are shown; the rest is counted.
const SHOWN_MAX: usize = 5;

pub async fn look(ground: Ground<'_>, runs: bool) -> Vec<Finding> {
    match Settings::load(ground.config) {
        Err(error) => {
            let found = format!("de instellingen kloppen niet: {error}");
            vec![Finding::wrong(WHAT, found, "herstel schakel.toml of de omgeving")]
        }
        Ok(settings) if settings.broker.is_none() => without(ground),
        Ok(_) => match Wish::read(ground) {
            Ok(wish) => with(&wish, runs).await,
            Err(halt) => vec![of(&halt)],
        },
    }
}

fn of(halt: &Halt) -> Finding {
    let (found, next) = halt.text.split_once('\n').unwrap_or((&halt.text, ""));
    Finding::wrong(WHAT, found, next)
}

/// Nothing to look at, unless somebody counts on it.
fn without(ground: Ground<'_>) -> Vec<Finding> {
    let files = settings::read_or_shipped(ground.config).ok();
    let set = files.and_then(|files| checked(&files).ok());
    let waiting = set.map(|set| broker_partners(&set)).unwrap_or_default();
    if waiting.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = waiting.iter().map(ToString::to_string).collect();
    let found = format!("niet ingesteld, en nodig voor: {}", shown(&names));
    vec![Finding::wrong(WHAT, found, "zet broker.url in schakel.toml, of SCHAKEL_BROKER__URL")]
}

async fn with(wish: &Wish, runs: bool) -> Vec<Finding> {
    let queues: Vec<String> = wish.topology.queues.iter().map(|q| q.name.clone()).collect();
    let mut findings = match wish.address.nodes().len() {
        1 => Vec::new(),
        _ => nodes(reach(&wish.address).await),
    };
    match probe(&wish.address, &queues).await {
        Ok(probed) => findings.extend(judge(&probed, runs)),
        Err(error) => {
            let next = "draait hij, en kloppen broker.url, certificaten en wachtwoord?";
            findings.push(Finding::wrong(WHAT, format!("de hub komt er niet in: {error}"), next));
            return findings;
        }
    }
    if wish.settings.management().is_ok() {
        findings.extend(rights(wish).await);
    }
    findings
}

/// What is said of each node where there are more. One that is down is a warning: whether the hub
/// can do without it is for the queues to say.
fn nodes(reached: Vec<(String, Result<(), ConnectError>)>) -> Vec<Finding> {
    let of_node = |(host, entered)| match entered {
        Ok(()) => Finding::ok(WHAT, format!("knooppunt {host} is bereikbaar")),
        Err(error) => Finding::mind(
            WHAT,
            format!("knooppunt {host} is niet bereikbaar: {error}"),
            "draait het, en klopt broker.more_hosts? de hub gaat verder op een ander knooppunt",
        ),
    };
    reached.into_iter().map(of_node).collect()
}

fn judge(probed: &[Probed], runs: bool) -> Vec<Finding> {
    let names = |wanted: &dyn Fn(&&Probed) -> bool| -> Vec<String> {
        probed.iter().filter(wanted).map(|found| found.queue.clone()).collect()
    };
    let missing = names(&|found| found.listeners.is_none());
    let hubs_own =
        |name: &str| name == topology::DEAD || topology::owner(name).is_some_and(|(_, in_)| in_);
    let quiet = names(&|found| found.listeners == Some(0) && hubs_own(&found.queue));
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let found = format!("wachtrijen ontbreken: {}", shown(&missing));
        findings.push(Finding::wrong(WHAT, found, PROVISION));
    }
    if !quiet.is_empty() {
        let found = format!("er luistert niemand aan: {}", shown(&quiet));
        findings.push(if runs {
            Finding::wrong(WHAT, found, "heeft deze hub dezelfde broker.url? kijk in zijn verslag")
        } else {
            Finding::mind(WHAT, found, "start de hub met: schakel serve")
        });
    }
    if findings.is_empty() {
        let found = format!("bereikbaar, {} wachtrijen zijn er en worden gelezen", probed.len());
        findings.push(Finding::ok(WHAT, found));
    }
    findings
}

/// What only the management API tells.
async fn rights(wish: &Wish) -> Vec<Finding> {
    let looked = async {
        let found = wish.management()?.look(wish.address.vhost()).await?;
        differences(wish, &found)
    };
    match looked.await {
        Err(halt) => vec![of(&halt)],
        Ok(changes) if changes.is_empty() => {
            vec![Finding::ok(WHAT, "gebruikers, rechten en bindingen zijn zoals ze horen")]
        }
        Ok(changes) => {
            let names: Vec<String> =
                changes.iter().map(|change| format!("{} {}", change.kind, change.name)).collect();
            let found = format!("{} verschillen: {}", names.len(), shown(&names));
            let next = "bekijk ze met: schakel broker provision --dry-run";
            vec![Finding::wrong(WHAT, found, next)]
        }
    }
}

fn shown(names: &[String]) -> String {
    let few = names.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN_MAX) {
        0 => few,
        more => format!("{few} en nog {more}"),
    }
}
