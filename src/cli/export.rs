//! `schakel export`: the shipped set as a folder, so that somebody can make it their own.

use std::path::Path;

use serde_json::json;

use super::access::{Ground, Halt};
use super::check;
use super::output::{Exit, Form, out, say};
use crate::catalogue::problem::Files;
use crate::settings;

/// Writes the set of `--config`, or the shipped one, to a folder that is empty or absent.
pub fn run(target: &Path, ground: Ground<'_>) -> Result<Exit, Halt> {
    let unreadable = |error| Halt::new(Exit::Unreachable, check::chain(&error));
    let files = settings::read_or_shipped(ground.config).map_err(unreadable)?;
    if target.exists() {
        let mut entries = std::fs::read_dir(target).map_err(|error| failed(target, &error))?;
        if entries.next().is_some() {
            let text = format!("{} is niet leeg; er is niets geschreven", target.display());
            return Err(Halt::new(Exit::NotAllowed, text));
        }
    }
    write_all(target, &files)?;
    match ground.form {
        Form::Table => {
            out(&format!("{} bestanden geschreven in {}", files.len(), target.display()))
        }
        Form::Json | Form::Jsonl => {
            out(&json!({ "map": target.display().to_string(), "bestanden": files.len() })
                .to_string());
        }
    }
    say(&format!("Pas ze aan en controleer ze met: schakel --config {} check", target.display()));
    Ok(Exit::Ok)
}

/// Writes files below a folder, by their paths in the set.
pub fn write_all(target: &Path, files: &Files) -> Result<(), Halt> {
    for (name, bytes) in files {
        let path = target.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        }
        std::fs::write(&path, bytes).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> Halt {
    Halt::new(Exit::Failure, format!("{} kan niet worden geschreven: {error}", path.display()))
}
