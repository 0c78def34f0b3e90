//! The evening told: who sent what, who received what in which form, what was withheld and why,
//! what did not go through, and what proves it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::case;
use super::checks::all_parcels;
use super::facts::{Facts, Parcel, Trace};
use super::paper::Paper;
use super::parcel::Received;
use super::play::Sent;
use super::script::Verdict;
use crate::cli::words;
use crate::message::{PartnerId, Timestamp};

/// The whole story.
pub fn tell(facts: &Facts) -> String {
    let mut paper = Paper::default();
    opening(facts, &mut paper);
    paper.heading("Wie stuurde wat");
    facts.stappen.iter().for_each(|sent| step(facts, sent, &mut paper));
    paper.heading("Wie kreeg wat");
    parcels_table(facts, &mut paper);
    paper.heading("Wat werd onthouden, en waarom");
    withheld(facts, &mut paper);
    paper.heading("Wat niet doorging");
    not_sent(facts, &mut paper);
    paper.heading("Weg en terug");
    down_and_back(facts, &mut paper);
    paper.heading("Terugmeldingen aan de afzenders");
    answers_table(facts, &mut paper);
    paper.heading("Bewijs");
    evidence(facts, &mut paper);
    closing(facts, &mut paper);
    if let Some(case) = &facts.casus {
        case::tell(facts, case, &mut paper);
    }
    paper.text()
}

pub fn name<'a>(facts: &'a Facts, id: &'a PartnerId) -> &'a str {
    facts.names.get(id).map_or(id.as_str(), String::as_str)
}

fn opening(facts: &Facts, paper: &mut Paper) {
    paper.heading(&format!("{}, {}", facts.titel, facts.datum));
    let text = format!(
        "De hub draait op {}, gestart zoals `schakel serve` dat doet, over een eigen lege map. \
         Alle personen en adressen zijn verzonnen. Wat hieronder staat, is na afloop teruggelezen \
         uit het logboek of bij een ketenpartner. De tijd is gespeeld: de klok van de hub begint honderd \
         dagen terug, en de avond heeft de tijden van het verhaal.",
        facts.hub
    );
    paper.paragraph("", &text);
    paper.blank();
    let rows = facts.ketenpartners.iter().map(|partner| {
        let short = name(facts, &partner.id);
        let cells = [short, &partner.naam, &partner.soort, &partner.standaard, &partner.levering];
        cells.map(str::to_owned).to_vec()
    });
    paper.table(&["naam", "voluit", "soort", "standaard", "levering"], rows);
}

fn step(facts: &Facts, sent: &Sent, paper: &mut Paper) {
    let text = format!("{}. {}", name(facts, &sent.van), sent.verhaal);
    paper.paragraph(&format!("{}  ", sent.tijd), &text);
    let way = if sent.kanaal == "map" { "een bestand in zijn map" } else { "HTTP" };
    let text = format!("{}, {}, {} bytes, via {way}", sent.vorm, sent.mediatype, sent.size_bytes);
    paper.paragraph("     → ", &text);
    let status = sent.antwoord.status.map(|status| format!("{status} ")).unwrap_or_default();
    let mut told = format!("{status}{}: {}", sent.antwoord.vorm, sent.uitkomst.as_str());
    if sent.uitkomst == Verdict::Herhaling {
        told.push_str(&first_time(facts, sent));
    }
    paper.paragraph("     ← ", &told);
    if sent.uitkomst == Verdict::Ontvangen {
        for trace in traces_of(facts, sent) {
            let message = &trace.bericht;
            let to: Vec<&str> = trace.recipients().into_iter().map(|id| name(facts, id)).collect();
            let theme = message.thema.as_deref().map(|t| format!(" ({t})")).unwrap_or_default();
            let text = format!(
                "{}{theme} in casus {}, voor {}",
                message.soort,
                message.casus,
                to.join(", ")
            );
            paper.paragraph("     ⇒ ", &text);
        }
    }
    paper.blank();
}

fn traces_of<'a>(facts: &'a Facts, sent: &'a Sent) -> impl Iterator<Item = &'a Trace> {
    facts.berichten.iter().filter(|trace| sent.berichten.contains(&trace.bericht.id))
}

/// When the same message came before.
fn first_time(facts: &Facts, sent: &Sent) -> String {
    let same = |before: &&Sent| before.nr < sent.nr && before.berichten == sent.berichten;
    let Some(before) = facts.stappen.iter().find(same) else { return String::new() };
    let twice = |trace: &Trace| {
        let parcels = trace.zendingen.iter().filter(|parcel| !parcel.antwoord).count();
        parcels != trace.recipients().len()
    };
    let again = if traces_of(facts, sent).any(twice) { "toch" } else { "niets" };
    format!(", hetzelfde bericht als om {}; er ging {again} opnieuw uit", before.tijd)
}

/// The time in the story of the step that a message came from.
fn time_of<'a>(facts: &'a Facts, trace: &Trace) -> &'a str {
    let of = |sent: &&Sent| sent.berichten.contains(&trace.bericht.id);
    facts.stappen.iter().find(of).map_or("", |sent| sent.tijd.as_str())
}

fn received<'a>(facts: &'a Facts, parcel: &Parcel) -> Option<&'a Received> {
    facts.ontvangen.iter().find(|received| received.zending == parcel.zending)
}

fn stage(parcel: &Parcel) -> String {
    match &parcel.reden {
        Some(reason) => format!("{} ({reason})", parcel.stadium),
        None => parcel.stadium.clone(),
    }
}

fn role(parcel: &Parcel) -> &str {
    parcel.rol.get("rol").and_then(Value::as_str).unwrap_or_default()
}

fn parcels_table(facts: &Facts, paper: &mut Paper) {
    let mut rows = Vec::new();
    for trace in &facts.berichten {
        for parcel in trace.zendingen.iter().filter(|parcel| !parcel.antwoord) {
            let got = received(facts, parcel);
            rows.push(vec![
                time_of(facts, trace).to_owned(),
                name(facts, &trace.bericht.afzender).to_owned(),
                name(facts, &parcel.ontvanger).to_owned(),
                got.map_or("niets", |got| got.form.as_str()).to_owned(),
                format(&parcel.mediatype).to_owned(),
                got.map_or("–", |got| got.way.as_str()).to_owned(),
                parcel.stadium.clone(),
                parcel.pogingen.len().to_string(),
            ]);
        }
    }
    let columns = ["tijd", "van", "voor", "kreeg", "formaat", "via", "stadium", "keer"];
    paper.table(&columns, rows);
    let text = "Voluit, met casus, doelbinding en nummers: `schakel demo -o json`.";
    paper.paragraph("", text);
}

/// `application/fhir+json` as `fhir+json`.
fn format(media_type: &str) -> &str {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.split_once('/').map_or(essence, |(_, format)| format)
}

fn withheld(facts: &Facts, paper: &mut Paper) {
    for trace in &facts.berichten {
        let from = name(facts, &trace.bericht.afzender);
        let text = format!("{from}, {} (casus {})", subject(trace), trace.bericht.casus);
        paper.paragraph(&format!("{}  ", time_of(facts, trace)), &text);
        for parcel in trace.zendingen.iter().filter(|parcel| !parcel.antwoord) {
            let purposes = parcel.doelbindingen.join(", ");
            let (to, stage) = (name(facts, &parcel.ontvanger), stage(parcel));
            let text = format!("{to} ({}), op grond van {purposes}: {stage}", role(parcel));
            paper.paragraph("     · ", &text);
            let reasons = by_reason(parcel);
            if reasons.is_empty() {
                paper.paragraph("         ", "niets onthouden");
            }
            for (reason, fields) in reasons {
                let text = format!("{}: {}", words::reason(reason), fields.join(", "));
                paper.paragraph("         ", &text);
            }
        }
    }
}

fn subject(trace: &Trace) -> &str {
    trace.bericht.thema.as_deref().unwrap_or(&trace.bericht.soort)
}

/// The fields that were withheld by reason; people and other lists share one line.
fn by_reason(parcel: &Parcel) -> BTreeMap<&str, Vec<String>> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for withheld in &parcel.onthouden {
        let fields = reasons.entry(withheld.reden.as_str()).or_default();
        let field = field(&withheld.pad);
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    reasons
}

/// `/betrokkenen/0/bsn` as `betrokkenen[].bsn`.
fn field(pointer: &str) -> String {
    let mut text = String::new();
    for step in pointer.split('/').skip(1) {
        if step.parse::<usize>().is_ok() {
            text.push_str("[]");
            continue;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(step);
    }
    text
}

fn not_sent(facts: &Facts, paper: &mut Paper) {
    for sent in &facts.stappen {
        let start = format!("{}  ", sent.tijd);
        let from = name(facts, &sent.van);
        match sent.uitkomst {
            Verdict::Herhaling => {
                let text = format!("{from}, herhaald{}.", first_time(facts, sent));
                paper.paragraph(&start, &text);
            }
            Verdict::Geweigerd => {
                let entry = facts.uitval.iter().find(|entry| Some(entry.id) == sent.uitval);
                let reason = entry.map_or("", |entry| entry.reden.as_str());
                let text = format!("{from}, geweigerd ({reason}); in de uitval, met alle fouten:");
                paper.paragraph(&start, &text);
                let faults = entry.and_then(|entry| entry.bijzonderheden.as_array());
                for fault in faults.into_iter().flatten() {
                    let text = |name: &str| fault.get(name).and_then(Value::as_str).unwrap_or("");
                    let (place, code, words) = (text("plaats"), text("code"), text("nl"));
                    paper.paragraph("       · ", &format!("{place} ({code}): {words}"));
                }
            }
            Verdict::Ontvangen => {}
        }
        if sent.uitkomst == Verdict::Ontvangen {
            for (to, reason) in traces_of(facts, sent).flat_map(|trace| &trace.niet_verzonden) {
                let to = to.as_ref().map_or("niemand", |to| name(facts, to));
                let text = format!("{from}, niets voor {to}: {}.", reason.replace('-', " "));
                paper.paragraph(&start, &text);
                let told = sent.antwoord.niet_verdeeld.as_array().is_some_and(|l| !l.is_empty());
                if told {
                    paper.paragraph("       · ", "de afzender las dit in zijn bevestiging");
                }
            }
        }
    }
}

fn down_and_back(facts: &Facts, paper: &mut Paper) {
    let storing = &facts.storing;
    let text = format!(
        "{} was van {} tot {} onbereikbaar en wees {} {} af. De hub hield vast en probeerde het \
         opnieuw:",
        name(facts, &storing.outage.partner),
        storing.outage.from,
        storing.outage.until,
        storing.afgewezen,
        if storing.afgewezen == 1 { "bezorging" } else { "bezorgingen" },
    );
    paper.paragraph("", &text);
    for parcel in all_parcels(facts).filter(|p| storing.zendingen.contains(&p.zending)) {
        paper.paragraph("  ", &format!("zending {} ({})", parcel.zending, parcel.soort));
        for attempt in &parcel.pogingen {
            let at = Timestamp::parse(&attempt.op).map(words::moment).unwrap_or_default();
            paper.paragraph("     · ", &format!("{at}  {}", attempt.uitkomst));
        }
        let signed = received(facts, parcel).and_then(|got| got.signature_holds);
        if signed == Some(true) {
            let text = "de ontvanger ging de handtekening na (Standard Webhooks): die klopt";
            paper.paragraph("     · ", text);
        }
    }
}

fn answers_table(facts: &Facts, paper: &mut Paper) {
    // Several recipients, who stay unnamed, give several that look alike.
    let mut rows: Vec<(Vec<String>, usize)> = Vec::new();
    for trace in &facts.berichten {
        for parcel in trace.zendingen.iter().filter(|parcel| parcel.antwoord) {
            let got = received(facts, parcel);
            let row = vec![
                time_of(facts, trace).to_owned(),
                name(facts, &parcel.ontvanger).to_owned(),
                got.map_or("niets", |got| got.form.as_str()).to_owned(),
                format(&parcel.mediatype).to_owned(),
                got.map_or("–", |got| got.way.as_str()).to_owned(),
                stage(parcel),
            ];
            match rows.iter_mut().find(|(other, _)| *other == row) {
                Some((_, count)) => *count += 1,
                None => rows.push((row, 1)),
            }
        }
    }
    let rows = rows.into_iter().map(|(mut row, count)| {
        row.push(count.to_string());
        row
    });
    let columns = ["over", "aan", "kreeg", "formaat", "via", "stadium", "aantal"];
    paper.table(&columns, rows);
}

fn evidence(facts: &Facts, paper: &mut Paper) {
    let holds = facts.ontvangen.iter().filter(|received| received.holds()).count();
    let text = format!(
        "Van {} ontvangen zendingen gingen de ontvangers na dat de rol door de hub is ondertekend \
         en dat de inhoud bij het bewijs hoort: {holds} kloppen.",
        facts.ontvangen.len()
    );
    paper.paragraph("", &text);
    if let Some(proof) = facts.bewijzen.first() {
        let text = format!(
            "De afzenders gingen {} bewijzen na met alleen hun eigen bericht en de openbare \
             sleutel. Het eerste: bericht {} staat als blad {} in een ondertekende boom van {} \
             bladen{}.",
            facts.bewijzen.len(),
            proof.bericht,
            proof.blad,
            proof.omvang,
            if proof.inhoud { ", met precies deze inhoud" } else { "" }
        );
        paper.paragraph("", &text);
    }
    let journal = &facts.logboek;
    let text = format!(
        "schakel journal verify: {} bladen, {} onder een handtekening, {} controlepunten, {} \
         documenten geopend en vergeleken, {} fouten.",
        journal.leaves, journal.signed, journal.checkpoints, journal.opened, journal.wrong
    );
    paper.paragraph("", &text);
}

fn closing(facts: &Facts, paper: &mut Paper) {
    let counts = &facts.aantallen;
    let right = facts.controles.iter().filter(|check| check.klopt).count();
    paper.heading("Slot");
    let text = format!(
        "{} signalen van {} soorten ketenpartners werden {} zendingen en {} terugmeldingen; {} \
         herhaald, {} ongeldig, {} zonder doelbinding, {} aangevuld, {} ingetrokken, {} door een \
         ontvanger geweigerd. {right} van {} verwachtingen kwamen uit.",
        counts.signalen,
        counts.soorten.len(),
        counts.zendingen,
        counts.terugmeldingen,
        counts.herhalingen,
        counts.ongeldig,
        counts.zonder_doelbinding,
        counts.wijzigingen,
        counts.intrekkingen,
        counts.weigeringen,
        facts.controles.len(),
    );
    paper.paragraph("", &text);
    for check in facts.controles.iter().filter(|check| !check.klopt) {
        paper.paragraph("  niet: ", &check.wat);
    }
    if facts.geslaagd {
        let text = "Zelf proberen: `schakel demo --serve` speelt dit en blijft draaien, met \
                    sleutels en opdrachten om te plakken. `schakel demo -o json` geeft dezelfde \
                    feiten als JSON.";
        paper.paragraph("", text);
    }
}
