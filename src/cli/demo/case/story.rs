//! The case told, by the days that were played.

use super::time::day_in_words;
use super::{CaseFacts, Line, Played};
use crate::casework::evaluate::show::sections::sections;
use crate::cli::demo::facts::Facts;
use crate::cli::demo::paper::Paper;
use crate::cli::demo::story::name;
use crate::cli::words;
use crate::message::PartnerId;

/// The tables of an evaluation that say something of one case.
const TABLES: [&str; 3] = ["termijnen", "redenen", "uitkomsten"];

/// The case, on the paper of the evening.
pub fn tell(facts: &Facts, case: &CaseFacts, paper: &mut Paper) {
    paper.heading(&case.titel);
    let text = format!(
        "De tijd is gespeeld: voor de hub begon de demo op {}, en zijn klok springt hier van het \
         ene moment waarop er iets gebeurt naar het volgende. Al het andere is echt: dezelfde hub \
         als vanavond, die nu ook regisseert onder het draaiboek {}; elk antwoord is een document \
         van een ketenpartner, elk verzoek is opgehaald in zijn eigen formaat.",
        day_in_words(case.begin),
        case.script.playbook,
    );
    paper.paragraph("", &text);
    let mut day = String::new();
    for played in &case.stappen {
        let today = day_in_words(played.op);
        if today != day {
            paper.blank();
            paper.line(&format!("{today} (gespeeld)"));
            day = today;
        }
        step(facts, played, paper);
    }
    paper.heading("De terugroep");
    recall(facts, case, paper);
    paper.heading("Wat de evaluatie ervan zegt");
    evaluation(case, paper);
    closing(case, paper);
}

fn step(facts: &Facts, played: &Played, paper: &mut Paper) {
    let moment = words::moment(played.op);
    let time = moment.get(11..16).unwrap_or_default();
    let who = match played.wie.parse::<PartnerId>() {
        Ok(id) if facts.names.contains_key(&id) => name(facts, &id).to_owned(),
        _ if played.wie == "klok" => "De klok".to_owned(),
        _ => "De regisseur".to_owned(),
    };
    paper.paragraph(&format!("{time}  "), &format!("{who}. {}", played.verhaal));
    if let Some(sent) = &played.stuurde {
        let text = format!("{}, {}, {} bytes", sent.vorm, sent.mediatype, sent.size_bytes);
        paper.paragraph("     → ", &text);
        paper.paragraph("     ← ", &format!("{} {}", sent.status, sent.antwoord));
    }
    for line in &played.tijdlijn {
        paper.paragraph("     · ", &in_words(facts, line));
    }
    for parcel in played.ontvangen.iter().filter(|parcel| !parcel.is_answer()) {
        let kind = parcel.kind().split(".v").next().unwrap_or_default();
        let form = &parcel.form;
        let what = if form == kind { form.clone() } else { format!("{form} ({kind})") };
        let (to, way) = (name(facts, &parcel.partner), parcel.way.as_str());
        paper.paragraph("     ⇒ ", &format!("{to} kreeg {what}, via {way}"));
    }
}

/// `geweigerd: Wonen-Zuid, veiligheid`.
fn in_words(facts: &Facts, line: &Line) -> String {
    let partner = line.ketenpartner.as_ref().map(|id| name(facts, id));
    let parts =
        [partner, line.bijzonderheid.as_deref(), line.door.as_deref(), line.reden.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    match parts.as_slice() {
        [] => line.wat.clone(),
        parts => format!("{}: {}", line.wat, parts.join(", ")),
    }
}

fn recall(facts: &Facts, case: &CaseFacts, paper: &mut Paper) {
    let names = |ids: &std::collections::BTreeSet<PartnerId>| {
        ids.iter().map(|id| name(facts, id)).collect::<Vec<_>>().join(", ")
    };
    let told = &case.terugroep;
    let text = format!(
        "Het signaal ging naar {}. De correctie ging naar {}, en naar niemand anders. Bevestigd \
         door {}; de anderen zeiden dat zij haar ontvingen.",
        names(&told.signaal),
        names(&told.correctie),
        names(&told.bevestigd),
    );
    paper.paragraph("", &text);
}

fn evaluation(case: &CaseFacts, paper: &mut Paper) {
    let evaluation = &case.evaluatie;
    let count = |count: Option<u64>| count.map_or("te weinig".to_owned(), |n| n.to_string());
    let totals = &evaluation.totaal;
    let text = format!(
        "schakel evaluate --theme woonoverlast, van {} tot en met {} (de avond telt mee): {} \
         signalen; casussen: {} geopend, {} gesloten, {} lopend; {} actieverzoeken.",
        evaluation.periode.van,
        evaluation.periode.tot,
        count(totals.signalen),
        count(totals.casussen_geopend),
        count(totals.casussen_gesloten),
        count(totals.casussen_lopend),
        count(totals.actieverzoeken),
    );
    paper.paragraph("", &text);
    let text = format!(
        "Over minder dan {} zegt de evaluatie niets: dan staat er een streepje.",
        evaluation.minimum
    );
    paper.paragraph("", &text);
    for section in sections(evaluation).iter().filter(|section| TABLES.contains(&section.id)) {
        paper.blank();
        paper.line(section.title);
        let rows = section.rows.iter();
        paper.table(&section.columns, rows.map(|row| row.iter().map(|c| c.shown()).collect()));
    }
}

fn closing(case: &CaseFacts, paper: &mut Paper) {
    let right = case.controles.iter().filter(|check| check.klopt).count();
    paper.heading("Slot van de casus");
    let text = format!(
        "Casus {} duurde van {} tot {} (gespeeld). {right} van {} verwachtingen kwamen uit; het \
         logboek heeft {} bladen en {} fouten. De klok staat weer gelijk.",
        case.casus,
        case.stappen.first().map(|step| day_in_words(step.op)).unwrap_or_default(),
        case.stappen.last().map(|step| day_in_words(step.op)).unwrap_or_default(),
        case.controles.len(),
        case.logboek.leaves,
        case.logboek.wrong,
    );
    paper.paragraph("", &text);
    for check in case.controles.iter().filter(|check| !check.klopt) {
        paper.paragraph("  niet: ", &check.wat);
    }
    if case.geslaagd {
        let text = "Zelf kijken: `schakel demo --serve`, en dan `schakel case show`, `schakel case \
                    timeline` en `schakel task list --all`.";
        paper.paragraph("", text);
    }
}
