//! What must hold at the end of the case. The demo fails where one of these does not.

use std::collections::BTreeSet;

use super::script::CaseStep;
use super::{CaseFacts, Line, Played};
use crate::cli::demo::checks::{Check, add};
use crate::cli::demo::parcel::Received;

/// What partners are asked in this case: the visit, the talk, the help and the aftercare.
const REQUESTS: u64 = 4;

/// Everything that must hold, in the order of the story.
pub fn all(facts: &CaseFacts) -> Vec<Check> {
    let mut checks = Vec::new();
    let playbook = facts.draaiboek.as_deref();
    let what = format!("draaiboek {}", playbook.unwrap_or("geen"));
    add(&mut checks, playbook == Some(facts.script.playbook.as_str()), what);
    for (nr, (played, step)) in (1..).zip(facts.stappen.iter().zip(&facts.script.steps)) {
        came_about(nr, played, step, &mut checks);
        in_own_format(nr, played, step, &mut checks);
    }
    whole(facts, &mut checks);
    recall(facts, &mut checks);
    evaluation(facts, &mut checks);
    checks
}

/// `geweigerd wonen-zuid veiligheid`.
fn in_short(line: &Line) -> String {
    let partner = line.ketenpartner.as_ref().map(|partner| partner.as_str());
    let parts = [Some(line.wat.as_str()), partner, line.bijzonderheid.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn came_about(nr: usize, played: &Played, step: &CaseStep, checks: &mut Vec<Check>) {
    let lines: Vec<String> = played.tijdlijn.iter().map(in_short).collect();
    let told = if lines.is_empty() { "niets".to_owned() } else { lines.join("; ") };
    add(checks, lines == step.timeline, format!("casus, stap {nr}: {told}"));
    let what = format!("casus, stap {nr}: fase {}", played.fase);
    add(checks, played.fase == step.phase, what);
    let got = played.ontvangen.iter().filter(|parcel| !parcel.is_answer());
    let mut got: Vec<String> =
        got.map(|parcel| format!("{} {}", parcel.partner, parcel.kind())).collect();
    let mut expected = step.gets.clone();
    got.sort();
    expected.sort();
    let told = if got.is_empty() { "niemand iets".to_owned() } else { got.join(", ") };
    add(checks, got == expected, format!("casus, stap {nr}: {told} gekregen"));
    let holds = played.ontvangen.iter().all(Received::holds);
    add(checks, holds, format!("casus, stap {nr}: alles door de ontvangers nagegaan"));
}

fn in_own_format(nr: usize, played: &Played, step: &CaseStep, checks: &mut Vec<Check>) {
    let wanted = step.has.iter().map(|text| (text, true));
    for ((partner, text), there) in wanted.chain(step.lacks.iter().map(|text| (text, false))) {
        let mut own = played.ontvangen.iter().filter(|parcel| parcel.partner == *partner);
        let found = own.any(|parcel| String::from_utf8_lossy(&parcel.document).contains(text));
        let what = if there { "staat wat er moet staan" } else { "staat niets dat niet klopt" };
        add(checks, found == there, format!("casus, stap {nr}: bij {partner} {what}"));
    }
}

fn whole(facts: &CaseFacts, checks: &mut Vec<Check>) {
    let count = |wat: &str| facts.tijdlijn.iter().filter(|line| line.wat == wat).count();
    for (what, wat) in
        [("weigering", "geweigerd"), ("stilte", "stil"), ("escalatie", "geescaleerd")]
    {
        add(checks, count(wat) == 1, format!("casus: één {what} ({})", count(wat)));
    }
    add(
        checks,
        count("herinnerd") == 1,
        format!("casus: één herinnering ({})", count("herinnerd")),
    );
    let in_order = facts.tijdlijn.is_sorted_by_key(|line| line.op);
    add(checks, in_order, "casus: de tijdlijn staat op volgorde");
    let mut partners = facts.taken.iter().filter(|task| task.ketenpartner.is_some());
    let ended = partners.all(|task| ["afgerond", "geweigerd"].contains(&task.stand.as_str()));
    add(checks, ended, "casus: elk verzoek is afgerond of geweigerd");
    let closed = facts.tijdlijn.iter().rfind(|line| line.wat == "besluit-sluiten");
    let by = closed.filter(|line| line.reden.is_some()).and_then(|line| line.door.as_deref());
    let what = format!("casus: gesloten door {}, met reden", by.unwrap_or("niemand"));
    add(checks, by == Some(facts.script.coordinator.as_str()), what);
    let journal = &facts.logboek;
    let what = format!("logboek na de casus: {} bladen, {} fouten", journal.leaves, journal.wrong);
    add(checks, journal.is_sound(), what);
}

fn recall(facts: &CaseFacts, checks: &mut Vec<Check>) {
    let told = &facts.terugroep;
    let names: Vec<&str> = told.correctie.iter().map(|partner| partner.as_str()).collect();
    let same = told.signaal == told.correctie && !told.correctie.is_empty();
    add(checks, same, format!("casus: de correctie ging naar wie het had: {}", names.join(", ")));
    let confirms = facts.script.steps.iter().filter_map(|step| step.confirms.clone());
    let what = format!("casus: {} bevestigde de correctie", told.bevestigd.len());
    add(checks, told.bevestigd == confirms.collect::<BTreeSet<_>>(), what);
}

fn evaluation(facts: &CaseFacts, checks: &mut Vec<Check>) {
    let evaluation = &facts.evaluatie;
    let totals = evaluation.totaal;
    let signals = facts.signals_before as u64 + 1;
    let answers_to = |kind: &str| {
        let row = evaluation.weigeringen.iter().find(|row| row.soort == kind);
        row.and_then(|row| row.geweigerd.aantal)
    };
    for (name, found, expected) in [
        ("signalen", totals.signalen, signals),
        ("casussen geopend", totals.casussen_geopend, 1),
        ("casussen gesloten", totals.casussen_gesloten, 1),
        ("casussen lopend", totals.casussen_lopend, 0),
        ("actieverzoeken", totals.actieverzoeken, REQUESTS),
        ("geweigerd door corporaties", answers_to("woningcorporatie"), 1),
        ("geweigerd door de politie", answers_to("politie"), 0),
    ] {
        let told = found.map_or("onbekend".to_owned(), |count| count.to_string());
        add(checks, found == Some(expected), format!("evaluatie: {name} {told}"));
    }
}
