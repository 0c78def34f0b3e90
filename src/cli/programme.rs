//! `schakel programme`: what the municipality wants now, in words; and which set an evaluation or
//! a look at the programme is about.

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::{Ground, Halt, exists};
use super::check;
use super::output::{Exit, Form, out, say};
use super::words::moment;
use crate::casework::evaluate::show::clean;
use crate::catalogue::Catalogue;
use crate::catalogue::problem::nearest;
use crate::catalogue::programme::{Priority, Programme, Target};
use crate::hub;
use crate::journal::Activation;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Toont de prioriteiten en doelen die nu gelden
    Show(Show),
}

#[derive(Debug, Args)]
#[command(after_help = "Voorbeelden:\n  schakel programme show\n  schakel --config mijn-set \
    programme show --draft\n\nEen ander programma gaat gelden met schakel activate, en staat \
    daarna in het logboek met wie het deed en waarom.")]
pub struct Show {
    /// Toont het programma van --config, ook als dat niet actief is
    #[arg(long)]
    draft: bool,
}

/// A set, and since when and by whom it is active where it is.
pub struct Standing {
    pub catalogue: Arc<Catalogue>,
    pub activation: Option<Activation>,
}

impl Standing {
    /// The set of `--config`, or the shipped one.
    pub fn of_folder(ground: Ground<'_>) -> Result<Self, Halt> {
        let loaded = check::load(ground.config, ground.form);
        let (_, catalogue) = loaded.map_err(|exit| Halt::new(exit, "deze set klopt niet"))?;
        Ok(Self { catalogue: Arc::new(catalogue), activation: None })
    }

    /// The set under which the hub works; where there is no journal yet, that of the folder.
    pub async fn active(ground: Ground<'_>) -> Result<Self, Halt> {
        if !exists(&ground.store()?).await? {
            say("Er is nog geen logboek; dit is de set waarmee een hub zou beginnen.");
            return Self::of_folder(ground);
        }
        let journal = ground.reader().await?;
        let found = hub::active_set(&journal).await;
        match found.map_err(|error| Halt::new(Exit::Failure, check::chain(&error)))? {
            Some((catalogue, activation)) => {
                Ok(Self { catalogue: Arc::new(catalogue), activation: Some(activation) })
            }
            None => Self::of_folder(ground),
        }
    }
}

/// The name that was perhaps meant, as the end of a sentence.
pub fn near<'a>(wrote: &str, known: impl Iterator<Item = &'a String>) -> String {
    let near = nearest(wrote, known.map(String::as_str));
    near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"))
}

pub async fn run(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    let Command::Show(show) = command;
    let standing =
        if show.draft { Standing::of_folder(ground)? } else { Standing::active(ground).await? };
    let Some(programme) = &standing.catalogue.programme else {
        let text = "deze set heeft geen config/programme.toml; schakel export laat zien hoe een \
                    programma eruitziet";
        return Err(Halt::new(Exit::NotFound, text));
    };
    match ground.form {
        Form::Table => in_words(programme, &standing).iter().for_each(|line| out(&clean(line))),
        Form::Json | Form::Jsonl => out(&as_json(programme, &standing).to_string()),
    }
    Ok(Exit::Ok)
}

fn in_words(programme: &Programme, standing: &Standing) -> Vec<String> {
    let mut lines =
        vec![programme.name.clone(), format!("{} tot en met {}", programme.from, programme.until)];
    lines.push(match &standing.activation {
        Some(row) => {
            let agreed = row.approved_by.as_ref().map(|who| format!(", akkoord {who}"));
            let why = if row.note.is_empty() { "geen reden gegeven" } else { &row.note };
            let (by, agreed) = (&row.asked_by, agreed.unwrap_or_default());
            format!("Geldt sinds {} door {by}{agreed}: {why}", moment(row.at))
        }
        None => "Niet actief; een set gaat gelden met schakel activate.".to_owned(),
    });
    for priority in &programme.priorities {
        lines.extend([String::new(), priority.name.clone()]);
        if !priority.text.is_empty() {
            lines.push(format!("  {}", priority.text));
        }
        lines.push(format!("  Gaat over {}", scope(programme, priority)));
        lines.extend(of(programme, Some(&priority.id)));
    }
    let others: Vec<String> = of(programme, None).collect();
    if !others.is_empty() {
        lines.extend([String::new(), "Andere doelen".to_owned()]);
        lines.extend(others);
    }
    let people: u64 = programme.areas.values().map(|area| area.inhabitants).sum();
    let people = crate::catalogue::programme::whole(people);
    lines.extend([
        String::new(),
        format!("{} buurten met samen {people} inwoners", programme.areas.len()),
        format!(
            "Doorlooptijden in {}; over minder dan {} wordt niets beweerd.",
            programme.days.as_str(),
            programme.minimum
        ),
    ]);
    lines
}

fn scope(programme: &Programme, priority: &Priority) -> String {
    let themes: Vec<&str> =
        priority.themes.iter().map(|theme| programme.theme_in_words(theme)).collect();
    let areas: Vec<String> =
        priority.areas.iter().map(|area| programme.area_in_words(area)).collect();
    let themes = if themes.is_empty() { "alle thema's".to_owned() } else { themes.join(", ") };
    let areas = if areas.is_empty() { "de hele gemeente".to_owned() } else { areas.join(", ") };
    format!("{themes}, in {areas}.")
}

/// The targets of a priority, or those of none, a line each.
fn of<'p>(programme: &'p Programme, priority: Option<&'p str>) -> impl Iterator<Item = String> {
    let mine = move |target: &&Target| target.priority.as_deref() == priority;
    programme
        .targets
        .iter()
        .filter(mine)
        .map(|target| format!("  • {}", programme.in_words(target)))
}

fn as_json(programme: &Programme, standing: &Standing) -> Value {
    let target = |target: &Target| {
        json!({
            "doel": target.id,
            "prioriteit": target.priority,
            "thema": target.theme,
            "gebied": target.area.as_ref().map(|area| area.as_str()),
            "jaar": target.year,
            "soort": target.kind.as_ref().map(|kind| &kind.name),
            "maat": target.measure.as_str(),
            target.measure.direction().as_str(): target.norm,
            "zin": programme.in_words(target),
        })
    };
    let priority = |priority: &Priority| {
        let (name, text) = (&priority.name, &priority.text);
        json!({ "prioriteit": priority.id, "naam": name, "tekst": text })
    };
    json!({
        "programma": programme.name,
        "van": programme.from.to_string(),
        "tot": programme.until.to_string(),
        "set": standing.catalogue.digest().to_string(),
        "geldtSinds": standing.activation.as_ref().map(|row| row.at),
        "door": standing.activation.as_ref().map(|row| &row.asked_by),
        "akkoord": standing.activation.as_ref().and_then(|row| row.approved_by.as_ref()),
        "reden": standing.activation.as_ref().map(|row| &row.note),
        "prioriteiten": programme.priorities.iter().map(priority).collect::<Vec<_>>(),
        "doelen": programme.targets.iter().map(target).collect::<Vec<_>>(),
        "buurten": programme.areas.len(),
    })
}
