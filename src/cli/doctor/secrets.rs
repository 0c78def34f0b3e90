//! Files that the settings name and that hold secrets: there, and not for everybody to read.

use std::path::Path;

use super::Finding;
use super::machine::mode;
use crate::settings::Settings;

const WHAT: &str = "bestanden met geheimen";

pub fn look(config: Option<&Path>) -> Vec<Finding> {
    // Settings that do not read are told by who looks at those.
    let Ok(settings) = Settings::load(config) else { return Vec::new() };
    let files = settings.secret_files();
    let findings: Vec<Finding> = files.iter().filter_map(|file| wrong(file)).collect();
    match (files.len(), findings.is_empty()) {
        (0, _) => Vec::new(),
        (count, true) => vec![Finding::ok(WHAT, format!("{count}, niet voor iedereen te lezen"))],
        _ => findings,
    }
}

fn wrong(file: &Path) -> Option<Finding> {
    let shown = file.display();
    match std::fs::metadata(file) {
        Err(error) => Some(Finding::wrong(
            WHAT,
            format!("{shown} is niet te vinden: {error}"),
            "zet het terug, of verbeter de instelling die het noemt",
        )),
        Ok(_) => mode(file).filter(|mode| mode & 0o007 != 0).map(|mode| {
            Finding::mind(
                WHAT,
                format!("iedereen op deze machine kan {shown} lezen of wijzigen ({mode:o})"),
                format!("chmod o= {shown}; overweeg een nieuw geheim"),
            )
        }),
    }
}
