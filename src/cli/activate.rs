//! `schakel activate`: another set takes over, after its check and, where it widens what anybody
//! receives, after a second person agreed.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Ground, Halt};
use super::check;
use super::output::{Exit, Form, out, say};
use super::words::{joined, list, text};
use crate::casework::evaluate::show::clean;

#[derive(Debug, Args)]
#[command(after_help = "Voorbeelden:\n  schakel --config mijn-set activate --dry-run\n  schakel \
    --config mijn-set activate --by 'J. Jansen' --why 'convenant 2026-4'\n  schakel activate \
    --approve 0c6b5a0e-2f0e-4a52-9b0d-6f1d1f3a8e11 --by 'P. Pieters'\n\n\
    Een set die iemand meer geeft dan nu, wordt pas actief als een tweede persoon akkoord gaat.")]
pub struct Asked {
    /// Wie dit vraagt, of met --approve: wie akkoord gaat
    #[arg(long, value_name = "NAAM", required_unless_present = "dry_run")]
    by: Option<String>,
    /// Wie akkoord is, als tweede persoon
    #[arg(long, value_name = "NAAM", conflicts_with = "approve")]
    approved_by: Option<String>,
    /// Waarom
    #[arg(long, value_name = "TEKST", default_value = "", conflicts_with = "approve")]
    why: String,
    /// Vergelijkt alleen
    #[arg(long, conflicts_with = "approve")]
    dry_run: bool,
    /// Gaat akkoord met dit voorstel
    #[arg(long, value_name = "VOORSTEL")]
    approve: Option<Uuid>,
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let by = asked.by.as_deref().unwrap_or_default().trim();
    if by.is_empty() && !asked.dry_run {
        return Err(Halt::new(Exit::Usage, "zeg met --by wie dit vraagt"));
    }
    if let Some(id) = asked.approve {
        let done = ground.ask("set-goedkeuren", json!({ "id": id, "door": by })).await?;
        show(&done, ground.form);
        return Ok(Exit::Ok);
    }
    // Checked here first: problems are shown with the line on which they stand.
    let checked = check::load(ground.config, ground.form);
    let (files, _) = checked.map_err(|exit| Halt::new(exit, "er is niets veranderd"))?;
    let coded: BTreeMap<&str, String> =
        files.iter().map(|(name, bytes)| (name.as_str(), BASE64_STANDARD.encode(bytes))).collect();
    let body = json!({
        "bestanden": coded,
        "door": by,
        "goedgekeurdDoor": asked.approved_by,
        "reden": asked.why,
        "alleenVergelijken": asked.dry_run,
    });
    let done = ground.ask("set-activeren", body).await?;
    show(&done, ground.form);
    let proposal = text(&done, "voorstel");
    if !proposal.is_empty() {
        say(&format!(
            "Deze set geeft iemand meer dan nu. Laat een tweede persoon akkoord gaan:\n  schakel \
             activate --approve {proposal} --by NAAM"
        ));
    }
    Ok(Exit::Ok)
}

fn show(done: &Value, form: Form) {
    if form != Form::Table {
        return out(&done.to_string());
    }
    for (key, title) in
        [("ruimer", "Ruimer"), ("krapper", "Krapper"), ("doelen", "Doelen die veranderen")]
    {
        let lines = list(done, key);
        if !lines.is_empty() {
            out(&format!("{title} ({}):", lines.len()));
            let lines = lines.iter().filter_map(Value::as_str);
            lines.for_each(|line| out(&format!("  {}", clean(line))));
        }
    }
    let same = joined(done, "ruimer").is_empty() && joined(done, "krapper").is_empty();
    if same && done.get("ruimer").is_some() {
        out("Niemand krijgt meer of minder dan nu.");
    }
    out(&format!("Set {}: {}", text(done, "set"), text(done, "status")));
}
