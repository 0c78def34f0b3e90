//! What must hold at the end of the evening. The demo fails where one of these does not.

use std::collections::BTreeSet;

use serde::Serialize;
use uuid::Uuid;

use super::facts::{Facts, Parcel, Trace};
use super::play::Sent;
use super::script::Verdict;
use crate::message::PartnerId;

/// Signals and kinds of partner that make it an evening.
const SIGNALS_LEAST: usize = 12;
const KINDS_LEAST: usize = 5;

/// One thing that must hold.
#[derive(Debug, Serialize)]
pub struct Check {
    pub wat: String,
    pub klopt: bool,
}

/// Everything that must hold, in the order of the story.
pub fn all(facts: &Facts) -> Vec<Check> {
    let mut checks = Vec::new();
    for sent in &facts.stappen {
        verdict(facts, sent, &mut checks);
        if sent.uitkomst == Verdict::Ontvangen {
            recipients(facts, sent, &mut checks);
        }
    }
    evening(facts, &mut checks);
    parcels(facts, &mut checks);
    evidence(facts, &mut checks);
    checks
}

pub fn add(checks: &mut Vec<Check>, klopt: bool, wat: impl Into<String>) {
    checks.push(Check { wat: wat.into(), klopt });
}

fn verdict(facts: &Facts, sent: &Sent, checks: &mut Vec<Check>) {
    let (got, expected) = (sent.uitkomst, sent.step.expected);
    let what = format!("stap {}: {} (verwacht: {})", sent.nr, got.as_str(), expected.as_str());
    add(checks, got == expected, what);
    if got == Verdict::Herhaling {
        let parcels = traces_of(facts, sent).flat_map(|trace| &trace.zendingen);
        let parcels = parcels.filter(|parcel| !parcel.antwoord).count();
        let once = traces_of(facts, sent).map(|trace| trace.recipients().len()).sum::<usize>();
        let what = format!("stap {}: er ging niets opnieuw uit", sent.nr);
        add(checks, parcels == once, what);
    }
    if got == Verdict::Geweigerd {
        let kept = sent.uitval.is_some_and(|id| facts.uitval.iter().any(|entry| entry.id == id));
        add(checks, kept, format!("stap {}: de weigering ligt in de uitval", sent.nr));
    }
}

fn recipients(facts: &Facts, sent: &Sent, checks: &mut Vec<Check>) {
    let traces: Vec<&Trace> = traces_of(facts, sent).collect();
    let got: BTreeSet<&PartnerId> = traces.iter().flat_map(|trace| trace.recipients()).collect();
    let expected: BTreeSet<&PartnerId> = sent.step.recipients.iter().collect();
    let names: Vec<&str> = got.iter().map(|id| id.as_str()).collect();
    let what = format!("stap {}: verdeeld aan {}", sent.nr, names.join(", "));
    add(checks, got == expected, what);
    for partner in &sent.step.without_purpose {
        let mut unsent = traces.iter().flat_map(|trace| &trace.niet_verzonden);
        let told =
            unsent.any(|(to, reason)| to.as_ref() == Some(partner) && reason == "geen-doelbinding");
        let what = format!("stap {}: {partner} krijgt niets, bij gebrek aan doelbinding", sent.nr);
        add(checks, told && !got.contains(partner), what);
    }
    if let Some(no) = &sent.step.refusal {
        let refused = |parcel: &Parcel| {
            parcel.ontvanger == no.partner
                && parcel.stadium == "geweigerd"
                && parcel.reden.as_deref() == Some(no.reason.as_str())
        };
        let mut parcels = traces.iter().flat_map(|trace| &trace.zendingen);
        let what = format!("stap {}: {} weigert ({})", sent.nr, no.partner, no.reason);
        add(checks, parcels.any(refused), what);
    }
}

fn traces_of<'a>(facts: &'a Facts, sent: &'a Sent) -> impl Iterator<Item = &'a Trace> {
    facts.berichten.iter().filter(|trace| sent.berichten.contains(&trace.bericht.id))
}

fn evening(facts: &Facts, checks: &mut Vec<Check>) {
    let counts = &facts.aantallen;
    let what = format!("{} signalen (minstens {SIGNALS_LEAST})", counts.signalen);
    add(checks, counts.signalen >= SIGNALS_LEAST, what);
    let kinds = counts.soorten.len();
    let what = format!("van {kinds} soorten ketenpartners (minstens {KINDS_LEAST})");
    add(checks, kinds >= KINDS_LEAST, what);
    let one_of_each = [
        ("een herhaling", counts.herhalingen),
        ("een ongeldig bericht", counts.ongeldig),
        ("een aanvulling", counts.wijzigingen),
        ("een intrekking", counts.intrekkingen),
        ("een ontvanger zonder doelbinding", counts.zonder_doelbinding),
        ("een weigering door een ontvanger", counts.weigeringen),
    ];
    for (name, count) in one_of_each {
        add(checks, count >= 1, format!("{name} ({count})"));
    }
}

fn parcels(facts: &Facts, checks: &mut Vec<Check>) {
    let made: BTreeSet<Uuid> = all_parcels(facts).map(|parcel| parcel.zending).collect();
    let got: BTreeSet<Uuid> = facts.ontvangen.iter().map(|received| received.zending).collect();
    let what = format!("{} zendingen in het logboek, {} ontvangen", made.len(), got.len());
    add(checks, made == got, what);
    let holds = facts.ontvangen.iter().filter(|received| received.holds()).count();
    let what = format!("{holds} van {} door de ontvanger nagegaan", facts.ontvangen.len());
    add(checks, holds == facts.ontvangen.len(), what);
    let done = all_parcels(facts).filter(|parcel| parcel.status == "klaar").count();
    add(checks, done == made.len(), format!("{done} van {} zendingen bezorgd", made.len()));
    let back = |parcel: &Parcel| {
        let delivered = parcel.pogingen.last().is_some_and(|last| last.uitkomst == "afgeleverd");
        parcel.pogingen.len() >= 2 && delivered
    };
    let met = |parcel: &&Parcel| facts.storing.zendingen.contains(&parcel.zending);
    let what = format!("{} was onbereikbaar en kreeg daarna alles", facts.storing.outage.partner);
    let mut held = all_parcels(facts).filter(met).peekable();
    add(checks, held.peek().is_some() && held.all(back), what);
}

/// Every parcel of the evening, answers included.
pub fn all_parcels(facts: &Facts) -> impl Iterator<Item = &Parcel> {
    facts.berichten.iter().flat_map(|trace| &trace.zendingen)
}

fn evidence(facts: &Facts, checks: &mut Vec<Check>) {
    let over_http = |sent: &&Sent| sent.uitkomst == Verdict::Ontvangen && sent.kanaal == "http";
    let sent = facts.stappen.iter().filter(over_http).count();
    let proven: BTreeSet<Uuid> =
        facts.bewijzen.iter().filter(|proof| proof.inhoud).map(|proof| proof.bericht).collect();
    let what = format!("{} van {sent} bewijzen los van de hub nagegaan", proven.len());
    add(checks, proven.len() == sent, what);
    let journal = &facts.logboek;
    let what = format!("logboek nagelopen: {} bladen, {} fouten", journal.leaves, journal.wrong);
    add(checks, journal.is_sound(), what);
}
