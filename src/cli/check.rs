//! `schakel check`: everything that can be known to be wrong with a set, at once.

use std::path::Path;

use serde_json::json;

use super::access::{self, Ground, Halt};
use super::output::{Exit, Form, Rows, out, say};
use crate::catalogue::Catalogue;
use crate::catalogue::problem::{Files, Problem};
use crate::hub::tried_problems;
use crate::settings::{self, AlertSettings, AlertsError};

/// Reads and checks a set; says what is wrong and gives nothing where it is.
pub fn load(config: Option<&Path>, form: Form) -> Result<(Files, Catalogue), Exit> {
    load_with(config, form, Catalogue::parse)
}

/// As [`load`], with a way of one's own to parse the files.
pub fn load_with(
    config: Option<&Path>,
    form: Form,
    parse: impl FnOnce(&Files) -> Result<Catalogue, Vec<Problem>>,
) -> Result<(Files, Catalogue), Exit> {
    let files = settings::read_or_shipped(config).map_err(|error| {
        say(&format!("schakel: {}", chain(&error)));
        Exit::Unreachable
    })?;
    match parse(&files) {
        Ok(catalogue) => Ok((files, catalogue)),
        Err(problems) => {
            show(&problems, form);
            Err(Exit::Invalid)
        }
    }
}

pub fn run(ground: Ground<'_>) -> Exit {
    let (config, form) = (ground.config, ground.form);
    let (files, catalogue) = match load(config, form) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    if let Err(halt) = check_alerts(ground, &catalogue) {
        return halt.end();
    }
    let map = access::settings(config).and_then(|settings| access::map_of(&settings.console));
    if let Err(halt) = map {
        return halt.end();
    }
    let problems = tried_problems(&catalogue, &files);
    if !problems.is_empty() {
        show(&problems, form);
        return Exit::Invalid;
    }
    match form {
        Form::Table => out(&format!(
            "In orde: {} berichten, {} koppelingen, {} ketenpartners, {} doelbindingen{}, \
             {} routes, {} draaiboeken.\nKenmerk van deze set: {}",
            catalogue.messages.len(),
            catalogue.connectors.len(),
            catalogue.partners.len(),
            catalogue.purposes.len(),
            asleep(&catalogue),
            catalogue.routes.all.len(),
            catalogue.playbooks.len(),
            catalogue.digest(),
        )),
        Form::Json | Form::Jsonl => {
            out(&json!({ "inOrde": true, "set": catalogue.digest().to_string() }).to_string())
        }
    }
    Exit::Ok
}

/// Which of the purposes grant nothing until a glass is broken.
fn asleep(catalogue: &Catalogue) -> String {
    let names = catalogue.purposes.values().filter(|purpose| purpose.sleeps());
    let names: Vec<&str> = names.map(|purpose| purpose.id.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(" (slaapt tot breekglas: {})", names.join(", ")),
    }
}

/// Settings are of a machine and not of a set, but whoever changes one checks here. Only what is
/// set is looked at, so that a set can be checked where no hub ever runs.
fn check_alerts(ground: Ground<'_>, catalogue: &Catalogue) -> Result<(), Halt> {
    let settings = access::settings(ground.config)?;
    match settings.open_alerts(ground.data) {
        // Secrets need not be where a set is checked; `doctor` looks for them.
        Ok(_) | Err(AlertsError::File { .. }) => {}
        Err(error) => return Err(access::alerts_halt(&error)),
    }
    for name in settings.alerts.iter().flat_map(AlertSettings::named) {
        if !catalogue.partners.keys().any(|id| id.as_str() == name) {
            let text = format!(
                "alerts.partners.{name} in schakel.toml: deze set kent geen ketenpartner {name}\n\
                 Kijk welke er zijn met: schakel partner list"
            );
            return Err(Halt::new(Exit::Invalid, text));
        }
    }
    Ok(())
}

/// Shows problems with the line they stand on.
pub fn show(problems: &[Problem], form: Form) {
    if form != Form::Table {
        let mut rows = Rows::new(&["bestand", "regel", "kolom", "code", "tekst"]);
        for p in problems {
            rows.add(vec![
                json!(p.file),
                json!(p.line),
                json!(p.column),
                json!(p.code),
                json!(p.text),
            ]);
        }
        return rows.print(form);
    }
    for problem in problems {
        out(&problem.to_string());
        if problem.line > 0 {
            let number = problem.line.to_string();
            let indent = " ".repeat(number.len());
            let before: String = problem.excerpt.chars().take(problem.column - 1).collect();
            let pad: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            out(&format!("{indent} |\n{number} | {}\n{indent} | {pad}^", problem.excerpt));
        }
    }
    let count = problems.len();
    say(&format!(
        "{count} {} gevonden; deze set wordt niet actief.",
        if count == 1 { "fout" } else { "fouten" }
    ));
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
