//! `schakel playbook`: what playbooks there are, what one asks, and how a case would go under it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::Ground;
use super::check;
use super::output::{Exit, Form, Rows, out, say};
use crate::casework::{Conduct, Moment, Question, Script, Told, is_finished, simulate};
use crate::catalogue::Catalogue;
use crate::catalogue::playbook::{ClosedBy, Next, Playbook, RESULTS, Step};
use crate::catalogue::problem::nearest;
use crate::message::{CaseNumber, CaseState, StepId, Timestamp, Usage};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Welke draaiboeken de set heeft
    List,
    /// Wat een draaiboek van wie vraagt, en in welke termijn
    Show {
        /// Het draaiboek
        id: String,
    },
    /// Speelt een casus op een tijdlijn, zonder diensten; de tijd is gesimuleerd
    #[command(after_help = "Voorbeeld:\n  schakel playbook simulate woonoverlast \
        --weigert huisbezoek --zwijgt gesprek-wijkagent")]
    Simulate(Simulate),
}

#[derive(Debug, Args)]
pub struct Simulate {
    /// Het draaiboek
    id: String,
    /// Een stap die de ketenpartner weigert
    #[arg(long = "weigert", value_name = "STAP[=REDEN]")]
    refuses: Vec<String>,
    /// Een stap waarover de ketenpartner zwijgt
    #[arg(long = "zwijgt", value_name = "STAP")]
    silent: Vec<String>,
    /// Een stap die te laat klaar is
    #[arg(long = "te-laat", value_name = "STAP")]
    late: Vec<String>,
    /// Wat er van een stap komt: opgelost, deels-opgelost, niet-opgelost, …
    #[arg(long = "resultaat", value_name = "STAP=RESULTAAT")]
    results: Vec<String>,
    /// Een stap waarvan de voorwaarde op het signaal niet opgaat
    #[arg(long = "niet", value_name = "STAP")]
    skipped: Vec<String>,
    /// De regisseur beslist niets
    #[arg(long = "regisseur-zwijgt")]
    coordinator_is_silent: bool,
    /// Wanneer het eerste signaal komt
    #[arg(long = "begin", value_name = "MOMENT", default_value = "2026-11-23T10:00:00+01:00")]
    begin: String,
}

pub fn run(ground: Ground<'_>, command: &Command) -> Exit {
    let (_, catalogue) = match check::load(ground.config, ground.form) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    match command {
        Command::List => list(&catalogue, ground.form),
        Command::Show { id } => match find(&catalogue, id) {
            Ok(playbook) => show(&catalogue, playbook, ground.form),
            Err(exit) => exit,
        },
        Command::Simulate(wanted) => match find(&catalogue, &wanted.id) {
            Ok(playbook) => play(&catalogue, playbook, wanted, ground.form),
            Err(exit) => exit,
        },
    }
}

fn find<'c>(catalogue: &'c Catalogue, id: &str) -> Result<&'c Playbook, Exit> {
    let found = catalogue.playbooks.iter().find(|(known, _)| known.as_str() == id);
    found.map(|(_, playbook)| playbook).ok_or_else(|| {
        let near = nearest(id, catalogue.playbooks.keys().map(|id| id.as_str()));
        let hint = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
        say(&format!("schakel: deze set heeft geen draaiboek {id}{hint}"));
        say("Kijk welke er zijn met: schakel playbook list");
        Exit::NotFound
    })
}

fn list(catalogue: &Catalogue, form: Form) -> Exit {
    let mut rows = Rows::new(&["draaiboek", "naam", "thema", "stappen", "termijn"]);
    for playbook in catalogue.playbooks.values() {
        let plan = &playbook.plan;
        rows.add(vec![
            json!(plan.id),
            json!(plan.name),
            json!(plan.theme),
            json!(plan.steps.len()),
            json!(plan.term),
        ]);
    }
    rows.print(form);
    Exit::Ok
}

fn show(catalogue: &Catalogue, playbook: &Playbook, form: Form) -> Exit {
    let plan = &playbook.plan;
    if form != Form::Table {
        out(&serde_json::to_string(&**plan).unwrap_or_default());
        return Exit::Ok;
    }
    out(&format!("{} ({})\nThema: {}\n", plan.name, plan.id, plan.theme));
    let mut rows = Rows::new(&["stap", "vraag", "aan", "ontvangen", "aanvaarden", "afronden"]);
    for step in &plan.steps {
        rows.add(vec![
            json!(step.id),
            json!(step.action),
            json!(step.to),
            json!(step.terms.received),
            json!(step.terms.accepted),
            json!(step.terms.done),
        ]);
    }
    rows.print(form);
    out("");
    for step in &plan.steps {
        out(&format!("{}: {}", step.id, in_words(catalogue, step)));
    }
    let closed_by = match plan.closing.by {
        ClosedBy::Hub => "sluit de hub de casus",
        ClosedBy::Coordinator => "vraagt de hub de regisseur te sluiten",
    };
    let quiet = plan.closing.quiet;
    out(&format!(
        "\nAls alles gedaan is, {closed_by} na {quiet}; na {} gaat\n\
                  de vraag naar de regisseur hoe het ermee staat.",
        plan.term
    ));
    Exit::Ok
}

/// When a step begins, and what follows where it goes wrong.
fn in_words(catalogue: &Catalogue, step: &Step) -> String {
    let names = |ids: &[StepId]| ids.iter().map(StepId::as_str).collect::<Vec<_>>().join(", ");
    let mut parts = Vec::new();
    match (step.on_demand, step.after.is_empty()) {
        (true, _) => parts.push("alleen als een andere stap hierheen leidt".to_owned()),
        (false, true) => parts.push("meteen".to_owned()),
        (false, false) => parts.push(format!("na {}", names(&step.after))),
    }
    for (id, results) in &step.only_if {
        parts.push(format!("als {id} {} is", results.join(" of ")));
    }
    if step.judged {
        parts.push("als het signaal erom vraagt".to_owned());
    }
    let next = |next: &Next| match next {
        Next::Coordinator => "beslist de regisseur".to_owned(),
        Next::Continue => "gaat het draaiboek verder".to_owned(),
        Next::Step(id) => format!("volgt {id}"),
    };
    if !step.is_coordinators() {
        parts.push(format!("bij weigering {}", next(&step.on_refusal)));
        parts.push(format!("bij stilte {}", next(&step.on_silence)));
        let meant = catalogue.meant_by(&step.to).into_iter();
        let meant: Vec<&str> = meant.map(|partner| partner.name.as_str()).collect();
        parts.push(format!("aan {}", meant.join(" of ")));
    }
    parts.join("; ")
}

fn play(catalogue: &Catalogue, playbook: &Playbook, wanted: &Simulate, form: Form) -> Exit {
    let script = match wanted.script(playbook) {
        Ok(script) => script,
        Err(text) => {
            say(&format!("schakel: {text}"));
            return Exit::Usage;
        }
    };
    let Some(begin) = Timestamp::parse(&wanted.begin) else {
        say("schakel: --begin is een moment zoals 2026-11-23T10:00:00+01:00");
        return Exit::Usage;
    };
    let case = CaseState {
        id: uuid::Uuid::nil().into(),
        number: CaseNumber::from_random([0; 12]),
        usage: Usage::Oefening,
        theme: Some(playbook.plan.theme.clone()),
        participants: std::collections::BTreeSet::new(),
        recipients: std::collections::BTreeSet::new(),
        earlier: Vec::new(),
        glasses: Vec::new(),
    };
    let (moments, dossier) = simulate(catalogue, playbook, &case, &script, begin);
    if form != Form::Table {
        let lines: Vec<Value> = moments.iter().map(as_json).collect();
        out(&json!({
            "draaiboek": playbook.plan.id,
            "gesimuleerd": true,
            "momenten": lines,
            "fase": dossier.phase,
        })
        .to_string());
        return Exit::Ok;
    }
    out(&format!("{}: een casus op een gesimuleerde tijdlijn\n", playbook.plan.name));
    let mut day = None;
    for moment in &moments {
        let at = moment.at.to_amsterdam();
        let (date, time) = (at.get(..10).unwrap_or(""), at.get(11..16).unwrap_or(""));
        if day != Some(moment.at.amsterdam_date()) {
            day = Some(moment.at.amsterdam_date());
            let number = moment.at.seconds_since(begin) / 86_400;
            out(&format!("{} {date}  (dag {number})", weekday(moment.at)));
        }
        out(&format!("  {time}  {}", told(catalogue, moment)));
    }
    let ends = if is_finished(&dossier) { "gesloten" } else { "nog niet gesloten" };
    out(&format!("\nDe casus is {ends}; fase {}.", dossier.phase.as_str()));
    Exit::Ok
}

impl Simulate {
    fn script(&self, playbook: &Playbook) -> Result<Script, String> {
        let mut script =
            Script { coordinator_is_silent: self.coordinator_is_silent, ..Script::default() };
        let step = |id: &str| {
            let known = playbook.plan.steps.iter().find(|step| step.id.as_str() == id);
            known.map(|step| step.id.clone()).ok_or_else(|| {
                let names = playbook.plan.steps.iter().map(|step| step.id.as_str());
                let near = nearest(id, names).map(|near| format!("; bedoelde u {near}?"));
                format!("dit draaiboek heeft geen stap {id}{}", near.unwrap_or_default())
            })
        };
        for text in &self.refuses {
            let (id, reason) = text.split_once('=').unwrap_or((text, "geen-capaciteit"));
            script.steps.insert(step(id)?, Conduct::Refuses(reason.to_owned()));
        }
        for id in &self.silent {
            script.steps.insert(step(id)?, Conduct::IsSilent);
        }
        for id in &self.late {
            script.steps.insert(step(id)?, Conduct::Late);
        }
        for text in &self.results {
            let (id, result) = text.split_once('=').ok_or("schrijf --resultaat STAP=RESULTAAT")?;
            if !RESULTS.contains(&result) {
                return Err(format!("onbekend resultaat; bekend zijn {}", RESULTS.join(", ")));
            }
            script.steps.insert(step(id)?, Conduct::Does(result.to_owned()));
        }
        for id in &self.skipped {
            script.skipped.push(step(id)?);
        }
        Ok(script)
    }
}

fn as_json(moment: &Moment) -> Value {
    json!({
        "op": moment.at,
        "wat": moment.entry.code,
        "stap": moment.step,
        "ketenpartner": moment.entry.partner,
        "bijzonderheid": moment.entry.detail,
        "uiterlijk": moment.until,
        "gemeld": moment.told.map(|told| match told {
            Told::Coordinator => "regisseur",
            Told::AtAnyHour => "dag-en-nacht",
        }),
    })
}

fn weekday(at: Timestamp) -> &'static str {
    let days = ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"];
    let offset = at.amsterdam_day().weekday().to_monday_zero_offset();
    usize::try_from(offset).ok().and_then(|at| days.get(at)).copied().unwrap_or("")
}

/// One line of the timeline in words.
fn told(catalogue: &Catalogue, moment: &Moment) -> String {
    let entry = &moment.entry;
    let partner = entry.partner.as_ref().and_then(|id| catalogue.partner(id));
    let who = partner.map_or("De regisseur", |partner| partner.name.as_str());
    let step = moment.step.as_ref().map_or("", StepId::as_str);
    let detail = entry.detail.as_deref().unwrap_or("");
    let until = moment.until.map(|until| {
        let text = until.to_amsterdam();
        format!(", uiterlijk {} {}", weekday(until), text.get(..16).unwrap_or("").replace('T', " "))
    });
    let until = until.unwrap_or_default();
    let line = match entry.code {
        "signaal" => "Een signaal opent de casus".to_owned(),
        "gevraagd" => format!("{who} wordt gevraagd: {detail} ({step}){until}"),
        "te-beslissen" => {
            let words = match Question::parse(detail) {
                Some(question) => question.in_words(),
                None => detail,
            };
            format!("De regisseur moet beslissen{}: {words}{until}", about(step))
        }
        "beslist" => format!("De regisseur beslist{}: {detail}", about(step)),
        "ontvangen" => format!("{who} heeft het verzoek ontvangen ({step})"),
        "aanvaard" => format!("{who} neemt het aan ({step})"),
        "voortgang" => format!("{who} meldt voortgang ({step})"),
        "afgerond" => format!("{who} is klaar: {detail} ({step})"),
        "geweigerd" => format!("{who} weigert: {detail} ({step})"),
        "herinnerd" => format!("{who} krijgt een herinnering ({step})"),
        "niet-ontvangen" => format!("{who} heeft het verzoek niet opgehaald ({step}); bel"),
        "niet-verstuurd" => format!("Het verzoek aan {who} kon niet worden verstuurd ({step})"),
        "stil" => format!("{who} zwijgt: niet aanvaard binnen de termijn ({step})"),
        "te-laat" => format!("{who} is te laat ({step})"),
        "verlopen" => format!("Het verzoek aan {who} vervalt ({step})"),
        "ingetrokken" => format!("Het verzoek aan {who} is ingetrokken ({step})"),
        "geescaleerd" => format!("Er is niet beslist over {detail}{}: escalatie", about(step)),
        "fase" => format!("Fase: {detail}"),
        "duurt-lang" => "De casus duurt langer dan het draaiboek toestaat".to_owned(),
        other => format!("{other} {detail}"),
    };
    match moment.told {
        None => line,
        Some(Told::Coordinator) => format!("{line} [bericht aan de regisseur]"),
        Some(Told::AtAnyHour) => format!("{line} [bericht aan wie dag en nacht bereikbaar is]"),
    }
}

fn about(step: &str) -> String {
    if step.is_empty() { String::new() } else { format!(" over {step}") }
}
