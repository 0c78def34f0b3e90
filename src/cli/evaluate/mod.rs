//! `schakel evaluate`: what the programme wants beside what happened, for people at a terminal,
//! for a spreadsheet, for a program, and as a report that stands alone.

mod csv;
mod html;
mod palette;
mod source;
mod terminal;

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::civil::Date;

use super::access::{self, Ground, Halt};
use super::check;
use super::output::{Exit, Wide, out, raw, say};
use super::programme::{self, Standing};
use crate::casework::evaluate::show::map::Map;
use crate::casework::evaluate::{Asked, Evaluation, Evaluator, usual_period};
use crate::catalogue::Catalogue;
use crate::catalogue::programme::AreaCode;
use crate::hub::{clock, gather};
use crate::journal::{Journal, JournalError};

#[derive(Debug, Args)]
#[command(after_help = "Voorbeelden:\n  schakel evaluate --from 2026-01-01 --until 2026-06-30\n  \
    schakel evaluate --theme woonoverlast --area WK077213 -o csv --to woonoverlast.csv\n  \
    schakel evaluate -o html --to evaluatie.html\n\nZonder --from en --until gaat het over het \
    uitvoeringsprogramma, tot en met vandaag.\nAantallen onder de 5 per buurt worden niet genoemd, \
    en ook niet wat ze zou verraden.")]
pub struct Options {
    /// Eerste dag, als JJJJ-MM-DD
    #[arg(long, value_name = "DAG")]
    from: Option<Date>,
    /// Laatste dag, die meetelt
    #[arg(long, value_name = "DAG")]
    until: Option<Date>,
    /// Alleen dit thema
    #[arg(long, value_name = "THEMA")]
    theme: Option<String>,
    /// Alleen deze gemeente, wijk of buurt (CBS-code)
    #[arg(long, value_name = "CODE")]
    area: Option<String>,
    /// Schrijft naar een bestand
    #[arg(long, value_name = "BESTAND")]
    to: Option<PathBuf>,
    /// Leest feiten uit een bestand (NDJSON) en de set van --config, in plaats van het logboek
    #[arg(long, value_name = "BESTAND")]
    facts: Option<PathBuf>,
}

pub async fn run(options: &Options, wide: Wide, ground: Ground<'_>) -> Result<Exit, Halt> {
    let standing = match &options.facts {
        Some(_) => Standing::of_folder(ground)?,
        None => Standing::active(ground).await?,
    };
    let asked = asked(options, &standing)?;
    let programme = standing.catalogue.programme.as_ref();
    let mut evaluator = Evaluator::new(programme, &asked);
    match &options.facts {
        Some(file) => source::read_file(file, &mut evaluator)?,
        None => {
            let journal = ground.reader().await?;
            gather(&journal, &standing.catalogue, &asked, &mut evaluator).await.map_err(failed)?;
        }
    }
    let evaluation = evaluator.finish();
    // Only the report is drawn, and a map that is wrong must not keep the figures from anybody.
    let map = match wide {
        Wide::Html => access::map_of(&access::settings(ground.config)?.console)?,
        _ => None,
    };
    let text = text(&evaluation, wide, map.as_ref());
    match &options.to {
        Some(file) => write(file, &text)?,
        None if wide == Wide::Table => out(&text),
        None => raw(text.as_bytes()),
    }
    Ok(Exit::Ok)
}

/// The evaluation of what a journal holds.
pub async fn of_journal(
    journal: &Journal,
    catalogue: &Catalogue,
    asked: &Asked,
) -> Result<Evaluation, Halt> {
    let mut evaluator = Evaluator::new(catalogue.programme.as_ref(), asked);
    gather(journal, catalogue, asked, &mut evaluator).await.map_err(failed)?;
    Ok(evaluator.finish())
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn failed(error: JournalError) -> Halt {
    Halt::new(Exit::Failure, check::chain(&error))
}

/// The evaluation in the form that was asked for.
fn text(evaluation: &Evaluation, wide: Wide, map: Option<&Map>) -> String {
    let line = |text: Result<String, serde_json::Error>| text.unwrap_or_default() + "\n";
    match wide {
        Wide::Table => terminal::text(evaluation),
        Wide::Json => line(serde_json::to_string_pretty(evaluation)),
        Wide::Jsonl => line(serde_json::to_string(evaluation)),
        Wide::Csv => csv::text(evaluation),
        Wide::Html => html::text(evaluation, map),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Halt> {
    std::fs::write(file, text).map_err(|error| {
        let text = format!("{} kan niet worden geschreven: {error}", file.display());
        Halt::new(Exit::Failure, text)
    })?;
    say(&format!("geschreven: {}", file.display()));
    Ok(())
}

/// What is asked, with the programme's own period where none is named.
fn asked(options: &Options, standing: &Standing) -> Result<Asked, Halt> {
    let wrong = |text: String| Halt::new(Exit::Usage, text);
    let now = clock::now();
    let programme = standing.catalogue.programme.as_ref();
    let (from, until) = usual_period(programme, now.amsterdam_day());
    let (from, until) = (options.from.unwrap_or(from), options.until.unwrap_or(until));
    let asked = Asked::new(from, until, now);
    let mut asked = asked.ok_or_else(|| {
        wrong(format!(
            "van {from} tot en met {until} is geen periode die al begon; noem --from en --until"
        ))
    })?;
    if let Some(theme) = &options.theme {
        if !standing.catalogue.themes.contains_key(theme) {
            let near = programme::near(theme, standing.catalogue.themes.keys());
            return Err(wrong(format!("onbekend thema{near}")));
        }
        asked.theme = Some(theme.clone());
    }
    if let Some(area) = &options.area {
        let code = AreaCode::parse(area).ok_or_else(|| {
            wrong("een gebied is een code van het CBS: GM0772, WK077213 of BU07721318".to_owned())
        })?;
        asked.area = Some(code);
    }
    Ok(asked)
}

#[cfg(test)]
mod tests;
