//! `schakel activate`: another set takes over, after its check and, where it widens what anybody
//! receives, after a second person agreed; what waits for that person, and what a set would have
//! made of the messages of before.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Ground, Halt};
use super::check;
use super::output::{Exit, Form, Rows, out, say};
use super::words::{joined, list, moment_cell, text};
use crate::casework::evaluate::show::clean;

mod shadow;

#[derive(Debug, Args)]
#[command(after_help = "Voorbeelden:\n  schakel --config mijn-set activate --dry-run\n  schakel \
    --config mijn-set activate --by 'J. Jansen' --why 'convenant 2026-4'\n  schakel activate \
    --approve 0c6b5a0e-2f0e-4a52-9b0d-6f1d1f3a8e11 --by 'P. Pieters'\n\n\
    Een set die iemand meer geeft dan nu, wordt pas actief als een tweede persoon akkoord gaat.")]
pub struct Asked {
    /// Wie dit vraagt; met --approve of --refuse: wie beslist
    #[arg(long, value_name = "NAAM", required_unless_present_any = ["dry_run", "list", "show"])]
    by: Option<String>,
    /// Wie akkoord is, als tweede persoon
    #[arg(long, value_name = "NAAM", conflicts_with_all = ["approve", "refuse", "shadow"])]
    approved_by: Option<String>,
    /// Waarom
    #[arg(long, value_name = "TEKST", default_value = "", conflicts_with = "approve")]
    why: String,
    /// Vergelijkt alleen
    #[arg(long, conflicts_with_all = ["approve", "refuse", "shadow"])]
    dry_run: bool,
    /// Gaat akkoord met dit voorstel
    #[arg(long, value_name = "VOORSTEL")]
    approve: Option<Uuid>,
    /// Weigert dit voorstel; zeg met --why waarom
    #[arg(long, value_name = "VOORSTEL", conflicts_with_all = ["approve", "shadow"])]
    refuse: Option<Uuid>,
    /// Toont de voorstellen die wachten, en wat er met sets gebeurde
    #[arg(long, conflicts_with_all = ["approve", "refuse", "dry_run", "shadow"])]
    list: bool,
    /// Toont wat dit voorstel voor wie verandert
    #[arg(long, value_name = "VOORSTEL", conflicts_with_all = ["approve", "refuse", "list"])]
    show: Option<Uuid>,
    /// Gaat terug naar deze eerdere set; met --dry-run: vergelijkt alleen
    #[arg(long, value_name = "SET", conflicts_with_all = ["approve", "refuse", "list", "show"])]
    back_to: Option<String>,
    /// Laat de set meelopen met zoveel van de laatste berichten en vergelijkt met wat er echt
    /// gebeurde; verstuurt en verandert niets
    #[arg(long, value_name = "AANTAL", num_args = 0..=1, default_missing_value = "200",
        value_parser = clap::value_parser!(u64).range(1..=1000), conflicts_with = "approve")]
    shadow: Option<u64>,
    /// Met --shadow: dit voorstel, in plaats van de set in de map
    #[arg(long, value_name = "VOORSTEL", requires = "shadow")]
    proposal: Option<Uuid>,
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let by = asked.by.as_deref().unwrap_or_default().trim();
    let only_looks = asked.dry_run || asked.list || asked.show.is_some();
    if by.is_empty() && !only_looks {
        return Err(Halt::new(Exit::Usage, "zeg met --by wie dit vraagt"));
    }
    if let Some(told) = about_known(asked, by, ground).await? {
        return Ok(told);
    }
    let coded = match asked.proposal {
        Some(_) => BTreeMap::new(),
        None => own_files(ground)?,
    };
    if let Some(count) = asked.shadow {
        let what = match asked.proposal {
            Some(id) => json!({ "voorstel": id }),
            None => json!({ "bestanden": coded }),
        };
        return shadow::run(what, by, count, ground).await;
    }
    let body = json!({
        "bestanden": coded,
        "door": by,
        "goedgekeurdDoor": asked.approved_by,
        "reden": asked.why,
        "alleenVergelijken": asked.dry_run,
    });
    let done = ground.ask("set-activeren", body).await?;
    show(&done, ground.form);
    say_proposal(&done);
    Ok(Exit::Ok)
}

/// The files of the folder. Checked here first: problems are shown with the line on which they
/// stand.
fn own_files(ground: Ground<'_>) -> Result<BTreeMap<String, String>, Halt> {
    let checked = check::load(ground.config, ground.form);
    let (files, _) = checked.map_err(|exit| Halt::new(exit, "er is niets veranderd"))?;
    Ok(files.iter().map(|(name, bytes)| (name.clone(), BASE64_STANDARD.encode(bytes))).collect())
}

/// What is about a set that the hub knows already.
async fn about_known(asked: &Asked, by: &str, ground: Ground<'_>) -> Result<Option<Exit>, Halt> {
    let form = ground.form;
    if asked.list {
        list_sets(&ground.ask("sets", Value::Null).await?, form);
    } else if let Some(id) = asked.show {
        let told = ground.ask("set-voorstel", json!({ "id": id })).await?;
        show(told.get("verschil").unwrap_or(&told), form);
    } else if let Some(id) = asked.approve {
        show(&ground.ask("set-goedkeuren", json!({ "id": id, "door": by })).await?, form);
    } else if let Some(id) = asked.refuse {
        let body = json!({ "id": id, "door": by, "reden": asked.why });
        let done = ground.ask("set-weigeren", body).await?;
        if form == Form::Table {
            say(&format!("Voorstel {id} is geweigerd."));
        } else {
            out(&done.to_string());
        }
    } else if let Some(set) = &asked.back_to {
        let body = json!({
            "set": set, "door": by, "reden": asked.why, "alleenVergelijken": asked.dry_run,
        });
        let done = ground.ask("set-terugzetten", body).await?;
        show(&done, form);
        say_proposal(&done);
    } else {
        return Ok(None);
    }
    Ok(Some(Exit::Ok))
}

fn say_proposal(done: &Value) {
    let proposal = text(done, "voorstel");
    if !proposal.is_empty() {
        say(&format!(
            "Deze set geeft iemand meer dan nu. Laat een tweede persoon akkoord gaan:\n  schakel \
             activate --approve {proposal} --by NAAM"
        ));
    }
}

fn list_sets(told: &Value, form: Form) {
    if form != Form::Table {
        return out(&told.to_string());
    }
    let mut rows = Rows::new(&["op", "stand", "set", "voorstel", "door", "akkoord", "reden"]);
    for line in list(told, "verloop") {
        let waits = text(line, "stand") == "voorgesteld";
        rows.add(vec![
            moment_cell(line, "op"),
            json!(text(line, "stand")),
            json!(text(line, "set")),
            json!(if waits { text(line, "id") } else { "" }),
            json!(clean(text(line, "door"))),
            json!(clean(text(line, "akkoord"))),
            json!(clean(text(line, "reden"))),
        ]);
    }
    rows.print(form);
    out(&format!("Nu actief: {}", text(told, "set")));
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
    match text(done, "status") {
        "" => out(&format!("Set {}", text(done, "set"))),
        status => out(&format!("Set {}: {status}", text(done, "set"))),
    }
}
