//! What the hub made of it: its journal, its set, its partners, what waits.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use crate::catalogue::Catalogue;
use crate::catalogue::partner::Delivery;
use crate::cli::access::{Ground, client};
use crate::cli::check::chain;
use crate::cli::restore::reason;
use crate::cli::words::{count, moment};
use crate::hub::{SetError, checked, clock};
use crate::journal::{Journal, JournalError, Stats};
use crate::lifecycle::Running;
use crate::message::Timestamp;
use crate::settings;

/// A parcel that waits longer deserves a look.
const WAITING_LONG_S: i64 = 24 * 3600;
/// New leaves are signed within a minute of their commit.
const SIGNED_WITHIN_S: i64 = 60;

/// What was found, and whether a hub runs.
pub async fn look(ground: Ground<'_>) -> (Vec<Finding>, bool) {
    let (mut findings, set) = set(ground);
    let runs = match Running::read(ground.data) {
        Some(running) => {
            let (ready, finding) = ready(&running).await;
            findings.push(finding);
            ready
        }
        None => {
            findings.push(Finding::mind(
                "hub",
                "er draait geen hub",
                "start hem met: schakel serve",
            ));
            false
        }
    };
    let made = match ground.store() {
        Ok(store) => super::super::access::exists(&store).await,
        Err(halt) => Err(halt),
    };
    if matches!(made, Ok(false)) {
        let next = "dat maakt schakel serve bij de eerste start";
        findings.push(Finding::mind("logboek", "er is nog geen logboek", next));
        return (findings, runs);
    }
    match ground.reader().await {
        Err(halt) => {
            let (found, next) = halt.text.split_once('\n').unwrap_or((&halt.text, ""));
            findings.push(Finding::wrong("logboek", found, next));
        }
        Ok(journal) => match journal_findings(&journal, set.as_ref(), runs).await {
            Ok(more) => findings.extend(more),
            Err(error) => findings.push(Finding::wrong(
                "logboek",
                format!("niet te lezen: {}", chain(&error)),
                "kijk naar de schijf; ga het na met: schakel journal verify",
            )),
        },
    }
    (findings, runs)
}

fn set(ground: Ground<'_>) -> (Vec<Finding>, Option<Catalogue>) {
    const WHAT: &str = "set";
    let files = match settings::read_or_shipped(ground.config) {
        Ok(files) => files,
        Err(error) => {
            let next = "noem met --config een map met config, of geen voor de meegeleverde";
            return (vec![Finding::wrong(WHAT, chain(&error), next)], None);
        }
    };
    match checked(&files) {
        Ok(catalogue) => {
            let which = ground.config.map_or_else(
                || "de meegeleverde".to_owned(),
                |folder| folder.display().to_string(),
            );
            let found = format!("{which} is in orde, {} ketenpartners", catalogue.partners.len());
            (vec![Finding::ok(WHAT, found)], Some(catalogue))
        }
        Err(SetError::Invalid(problems)) => {
            let number = problems.len();
            let found = format!("{number} {}", count(number, "fout", "fouten"));
            let next = "bekijk ze met: schakel check; de hub blijft bij zijn actieve set";
            (vec![Finding::wrong(WHAT, found, next)], None)
        }
        Err(error) => (vec![Finding::wrong(WHAT, chain(&error), "schakel check")], None),
    }
}

/// The parts that are not ready, or `None` where nobody answers.
async fn readiness(running: &Running) -> Option<Vec<String>> {
    let url = format!("http://{}/beheer/gereed", running.beheer);
    let answer = client().ok()?.post(url).bearer_auth(&running.token).send().await.ok()?;
    let told: Value = answer.json().await.ok()?;
    let parts = told.get("onderdelen")?.as_array()?.iter();
    let failing = parts.filter(|part| part.get("gereed") != Some(&Value::Bool(true)));
    let name = |part: &Value| part.get("naam").and_then(Value::as_str).map(str::to_owned);
    Some(failing.filter_map(name).collect())
}

/// Whether the hub that says it runs answers, and can do its work.
async fn ready(running: &Running) -> (bool, Finding) {
    const WHAT: &str = "hub";
    let place = running.url();
    match readiness(running).await {
        Some(parts) if parts.is_empty() => {
            (true, Finding::ok(WHAT, format!("draait en is gereed op {place}")))
        }
        Some(parts) => (
            true,
            Finding::wrong(
                WHAT,
                format!("draait op {place} maar is niet gereed: {}", parts.join(", ")),
                "kijk in zijn verslag en naar de schijf; hij herstelt vanzelf als dat kan, behalve \
                 een logboek dat eerst moet worden vergeleken (schakel restore compare)",
            ),
        ),
        None => (
            false,
            Finding::mind(
                WHAT,
                format!("zou draaien op {place} maar antwoordt niet"),
                "is hij afgebroken? start hem opnieuw met: schakel serve",
            ),
        ),
    }
}

async fn journal_findings(
    journal: &Journal,
    set: Option<&Catalogue>,
    runs: bool,
) -> Result<Vec<Finding>, JournalError> {
    let now = clock::now();
    let stats = journal.stats().await?;
    let mut findings = vec![Finding::ok(
        "logboek",
        format!(
            "opent met deze sleutel: {} berichten, {} casussen, {} zendingen",
            stats.messages, stats.cases, stats.parcels
        ),
    )];
    let newest = journal.tail(-1, 1).await?.pop().map(|line| line.message.received_at);
    findings.push(clock_finding(newest.max(stats.checkpoint_at), now));
    findings.push(signed(&stats, now, runs));
    findings.push(standing(journal, now).await);
    findings.extend(readable(journal).await?);
    findings.push(waiting(&stats, now));
    findings.push(quarantine(&stats));
    if let Some(set) = set {
        findings.push(active(journal, set).await?);
        findings.extend(partners(journal, set).await?);
    }
    Ok(findings)
}

/// Whether the journal is what its witness says it should be.
async fn standing(journal: &Journal, now: Timestamp) -> Finding {
    const WHAT: &str = "getuige";
    match journal.standing(now).await {
        Ok(None) => Finding::ok(WHAT, "het logboek is zo ver als de getuige weet"),
        Ok(Some(closure)) => {
            let next = if closure.compared.is_some() {
                "het is vergeleken; geef het vrij met: schakel restore release"
            } else {
                "vergelijk het met: schakel restore compare"
            };
            let found = format!("het logboek wordt alleen gelezen: {}", reason(&closure));
            Finding::wrong(WHAT, found, next)
        }
        Err(error) => Finding::wrong(WHAT, chain(&error), "kijk naar de map getuige in --data"),
    }
}

/// Whether the keys of cases are there.
async fn readable(journal: &Journal) -> Result<Option<Finding>, JournalError> {
    let without = journal.cases_without_key().await?;
    let found = format!("van {without} casussen ontbreekt de sleutel: de inhoud is onleesbaar");
    let next = "zet een kopie van de sleutels terug; wat gewist is, blijft gewist";
    Ok((without > 0).then(|| Finding::wrong("sleutels van casussen", found, next)))
}

fn clock_finding(newest: Option<Timestamp>, now: Timestamp) -> Finding {
    const WHAT: &str = "klok";
    match newest {
        Some(newest) if newest > now.plus_seconds(5) => Finding::wrong(
            WHAT,
            format!("staat op {}, maar het logboek kent al {}", moment(now), moment(newest)),
            "zet de klok gelijk (NTP) voordat de hub weer aanneemt",
        ),
        _ => Finding::ok(WHAT, moment(now)),
    }
}

fn signed(stats: &Stats, now: Timestamp, runs: bool) -> Finding {
    const WHAT: &str = "controlepunt";
    let open = stats.leaves - stats.signed;
    let age = stats.checkpoint_at.map(|at| now.seconds_since(at));
    match (open, age) {
        (0, None) => Finding::ok(WHAT, "er is nog niets te ondertekenen"),
        (0, Some(_)) => Finding::ok(WHAT, format!("alle {} bladen zijn ondertekend", stats.leaves)),
        (open, age) if runs && age.is_none_or(|age| age > SIGNED_WITHIN_S) => Finding::wrong(
            WHAT,
            format!("{open} bladen wachten op ondertekening"),
            "kijk in het verslag van de hub; start hem zo nodig opnieuw",
        ),
        (open, _) if runs => Finding::ok(WHAT, format!("{open} bladen worden nu ondertekend")),
        (open, _) => Finding::mind(
            WHAT,
            format!("{open} bladen zijn nog niet ondertekend"),
            "dat doet de hub bij de start",
        ),
    }
}

fn waiting(stats: &Stats, now: Timestamp) -> Finding {
    const WHAT: &str = "wachtende zendingen";
    let total: i64 = stats.waiting.iter().map(|line| line.count).sum();
    let Some(oldest) = stats.waiting.iter().min_by_key(|line| line.oldest) else {
        return Finding::ok(WHAT, "geen");
    };
    let age = now.seconds_since(oldest.oldest);
    let found =
        format!("{total}; de oudste wacht sinds {} op {}", moment(oldest.oldest), oldest.recipient);
    if age > WAITING_LONG_S {
        let next = format!(
            "bel {}: haalt hij zijn postvak op, staat zijn webhook open?",
            oldest.recipient
        );
        Finding::mind(WHAT, found, next)
    } else {
        Finding::ok(WHAT, found)
    }
}

fn quarantine(stats: &Stats) -> Finding {
    const WHAT: &str = "uitval";
    match stats.quarantine_open {
        0 => Finding::ok(WHAT, "geen open uitval"),
        number => Finding::mind(
            WHAT,
            format!("{number} {} open", if number == 1 { "stuk staat" } else { "stukken staan" }),
            "bekijk ze met: schakel quarantine list",
        ),
    }
}

async fn active(journal: &Journal, set: &Catalogue) -> Result<Finding, JournalError> {
    const WHAT: &str = "actieve set";
    let proposals = journal.proposals().await?;
    if let Some(proposal) = proposals.last() {
        let next = format!("schakel activate --approve {} --by NAAM", proposal.id);
        let found = format!("een voorstel van {} wacht op akkoord", proposal.asked_by);
        return Ok(Finding::mind(WHAT, found, next));
    }
    Ok(match journal.current_activation().await? {
        Some(row) if row.catalogue == set.digest() => {
            Finding::ok(WHAT, "de aangeboden set is de actieve")
        }
        Some(_) => Finding::mind(
            WHAT,
            "de aangeboden set is een andere dan de actieve",
            "vergelijk met: schakel activate --dry-run",
        ),
        None => Finding::mind(WHAT, "nog geen", "die komt bij de eerste start"),
    })
}

async fn partners(journal: &Journal, set: &Catalogue) -> Result<Vec<Finding>, JournalError> {
    const WHAT: &str = "ketenpartners";
    let suspended: BTreeSet<_> = journal.suspended().await?;
    let (mut no_key, mut no_secret) = (Vec::new(), Vec::new());
    for partner in set.partners.values() {
        let keys = journal.credentials(&partner.id).await?;
        let keyless = matches!(partner.delivery, Delivery::Map { .. } | Delivery::RabbitMq);
        if !keyless && keys.iter().all(|key| key.revoked_at.is_some()) {
            no_key.push(partner.id.to_string());
        }
        let by_webhook = matches!(partner.delivery, Delivery::Webhook { .. });
        if by_webhook && journal.secrets(&partner.id).await?.is_empty() {
            no_secret.push(partner.id.to_string());
        }
    }
    let mut findings = Vec::new();
    if !no_key.is_empty() {
        let found = format!("zonder toegangssleutel: {}", no_key.join(", "));
        findings.push(Finding::mind(WHAT, found, "schakel partner key NAAM"));
    }
    if !no_secret.is_empty() {
        let found = format!("webhook zonder geheim, krijgt niets: {}", no_secret.join(", "));
        findings.push(Finding::mind(WHAT, found, "schakel partner webhook-secret NAAM"));
    }
    if !suspended.is_empty() {
        let names: Vec<String> = suspended.iter().map(ToString::to_string).collect();
        let found = format!("geschorst: {}", names.join(", "));
        findings.push(Finding::mind(WHAT, found, "opheffen: schakel partner resume NAAM --by WIE"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(WHAT, "allemaal met sleutel, niemand geschorst"));
    }
    Ok(findings)
}
