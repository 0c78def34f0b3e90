//! `schakel case share`: a coordinator breaks the glass for one recipient and a while.

use clap::Args;
use serde_json::{Value, json};

use super::access::{Ground, Halt};
use super::case::{cell, print};
use super::output::{Exit, Form, out, say};

#[derive(Debug, Args)]
pub struct ShareAsked {
    /// Het casusnummer
    casus: String,
    /// Met wie
    #[arg(long = "with", value_name = "KETENPARTNER")]
    with: String,
    /// Hoeveel minuten; daarna houdt het vanzelf op
    #[arg(long, value_name = "MINUTEN", required_unless_present = "end", conflicts_with = "end")]
    minutes: Option<u16>,
    /// Maakt er nu een einde aan
    #[arg(long)]
    end: bool,
    /// Zegt alleen welke velden van welke berichten zouden gaan
    #[arg(long, conflicts_with = "end")]
    dry_run: bool,
    /// Wie dit besluit
    #[arg(long, value_name = "NAAM", required_unless_present = "dry_run")]
    by: Option<String>,
    /// Waarom
    #[arg(long, value_name = "REDEN", required_unless_present = "dry_run")]
    why: Option<String>,
}

pub async fn run(asked: &ShareAsked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let mut body = json!({
        "casus": asked.casus,
        "opdracht": if asked.end { "breekglas-einde" } else { "breekglas" },
        "ketenpartner": asked.with,
        "door": asked.by.as_deref().unwrap_or_default(),
        "reden": asked.why.as_deref().unwrap_or_default(),
    });
    if let Some(minutes) = asked.minutes {
        body["minuten"] = json!(minutes);
    }
    if asked.dry_run {
        body["proef"] = json!(true);
        let preview = ground.ask("casus-opdracht", body).await?;
        show(&preview, ground.form);
        return Ok(Exit::Ok);
    }
    let done = ground.ask("casus-opdracht", body).await?;
    if ground.form != Form::Table {
        out(&done.to_string());
        return Ok(Exit::Ok);
    }
    let (case, with) = (cell(&done["casus"]), &asked.with);
    if asked.end {
        out(&format!("Gedaan. In casus {case} is breekglas voor {with} voorbij."));
    } else {
        let (count, minutes) = (cell(&done["gedeeld"]), asked.minutes.unwrap_or(0));
        out(&format!(
            "Gedaan. In casus {case} staat breekglas voor {with} {minutes} minuten open; \
             {count} berichten gaan nu."
        ));
    }
    say("Een regisseur beoordeelt het achteraf: schakel task list --to-decide");
    Ok(Exit::Ok)
}

/// Which fields of which messages would go; never a value.
fn show(preview: &Value, form: Form) {
    if form != Form::Table {
        out(&preview.to_string());
        return;
    }
    print(&preview["berichten"], &["bericht", "soort", "afzender", "gevolg"], form);
    for message in preview["berichten"].as_array().into_iter().flatten() {
        if message["velden"].as_array().is_some_and(|fields| !fields.is_empty()) {
            out(&format!("\nVan {} zou gaan:", cell(&message["bericht"])));
            print(&message["velden"], &["veld", "uitkomst", "doelbinding"], form);
        }
    }
    say("Er is niets gedeeld.");
}
