//! What a visitor can try on the hub of the demo once the evening is over.

use std::path::Path;

use super::facts::Facts;
use super::paper::Paper;
use super::script::{Script, Step};
use super::venue::{Cast, Home};
use crate::cli::access::Halt;
use crate::cli::output::Exit;
use crate::message::PartnerId;

/// Where the documents to try lie, below the demo's folder.
const FOLDER: &str = "probeer";

/// The address, the tokens, and commands to paste. Writes the documents that they send.
pub fn commands(script: &Script, cast: &Cast, home: &Home, facts: &Facts) -> Result<String, Halt> {
    let mut paper = Paper::default();
    paper.heading("De hub blijft draaien");
    paper.line(&format!("{}   (Ctrl-C stopt de hub)", cast.hub));
    paper.heading("Sleutels, alleen van deze demo; plak dit eerst");
    paper.line(&format!("export HUB={}", cast.hub));
    paper.line(&format!("export MAP={}", home.path.display()));
    for partner in cast.partners.values() {
        paper.line(&format!("export {}={}", variable(script, &partner.id), partner.token));
    }
    paper.heading("Als ketenpartner");
    as_partner(script, cast, home, &mut paper)?;
    paper.heading("Als beheerder");
    as_operator(facts, &mut paper);
    Ok(paper.text())
}

/// The name of the variable that holds a partner's token.
fn variable(script: &Script, id: &PartnerId) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    script.name(id).chars().map(sign).collect()
}

fn as_partner(script: &Script, cast: &Cast, home: &Home, paper: &mut Paper) -> Result<(), Halt> {
    let folder = home.path.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| unwritten(&folder, &error))?;
    let steps = &script.steps;
    let Some(first) = steps.iter().find(|step| cast.partners.contains_key(&step.sender)) else {
        return Ok(());
    };
    let (file, sender) = (write_new(&folder, first)?, variable(script, &first.sender));
    let media_type = |step: &Step| {
        let partner = cast.partners.get(&step.sender);
        partner.map(|partner| partner.media_type.as_str()).unwrap_or_default()
    };
    let send = |sender: &str, media_type: &str, file: &str| {
        format!(
            "curl -sS -H \"Authorization: Bearer ${sender}\" -H 'Content-Type: {media_type}' \\\n  \
             --data-binary @$MAP/{FOLDER}/{file} $HUB/v1/berichten"
        )
    };
    paper.line(&format!("# Een melding van {}; doe dit twee keer:", script.name(&first.sender)));
    paper.line("# de tweede keer komt hetzelfde antwoord en gaat er niets opnieuw uit.");
    paper.line(&send(&sender, media_type(first), &file));
    let invalid = steps.iter().find(|step| step.expected == super::script::Verdict::Geweigerd);
    if let Some(invalid) = invalid {
        let file = write(&folder, &invalid.file, invalid.document()?)?;
        paper.blank();
        paper.line("# Een ongeldig bericht: alle fouten in een antwoord.");
        paper.line(&send(&variable(script, &invalid.sender), media_type(invalid), &file));
    }
    let collects = |id: &&PartnerId| cast.collects(id) && **id != first.sender;
    if let Some(recipient) = first.recipients.iter().rfind(collects) {
        collect(script, recipient, &sender, paper);
    }
    if let Some((id, folder)) = cast.folders.first_key_value()
        && let Some(step) = steps.iter().find(|step| step.sender == *id)
    {
        let file = write_new(&home.path.join(FOLDER), step)?;
        let root = folder.root.strip_prefix(&home.path).unwrap_or(&folder.root).display();
        paper.blank();
        paper.line(&format!("# {} legt een bestand in zijn map.", script.name(id)));
        paper.line("# Het antwoord komt even later in uit/ te liggen.");
        paper.line(&format!("cp $MAP/{FOLDER}/{file} $MAP/{root}/in/"));
        paper.line(&format!("sleep 3; ls $MAP/{root}/uit"));
    }
    Ok(())
}

fn collect(script: &Script, recipient: &PartnerId, sender: &str, paper: &mut Paper) {
    let own = variable(script, recipient);
    let auth = |who: &str| format!("curl -sS -X POST -H \"Authorization: Bearer ${who}\"");
    paper.blank();
    paper.line(&format!("# {} haalt de melding op, en neemt haar aan.", script.name(recipient)));
    paper.line(&format!("{} $HUB/v1/postvak/ophalingen \\", auth(&own)));
    paper.line(&format!("  | tee $MAP/{FOLDER}/opgehaald.json"));
    paper.line(&format!(
        "ZENDING=$(sed -n 's/.*\"zending\":\"\\([0-9a-f-]*\\)\".*/\\1/p' \
         $MAP/{FOLDER}/opgehaald.json)"
    ));
    paper.line(&format!(
        "{} -H 'Content-Type: application/json' \\\n  -d '{{\"status\":\"geaccepteerd\"}}' \
         $HUB/v1/postvak/$ZENDING/ontvangst",
        auth(&own)
    ));
    paper.blank();
    paper.line("# De afzender haalt op dat het is aangenomen; niet door wie.");
    paper.line(&format!("{} $HUB/v1/postvak/ophalingen", auth(sender)));
}

fn as_operator(facts: &Facts, paper: &mut Paper) {
    let own = std::env::current_exe();
    let own = own.map_or_else(|_| "schakel".to_owned(), |path| path.display().to_string());
    let schakel = format!("{own} --data $MAP");
    paper.line(&format!("{schakel} tail"));
    let sent_on = facts.berichten.iter().find(|trace| trace.zendingen.len() > 1);
    let sent_on = sent_on.and_then(|trace| trace.zendingen.first().map(|first| (trace, first)));
    if let Some((trace, parcel)) = sent_on {
        let (id, recipient) = (trace.bericht.id, &parcel.ontvanger);
        paper.line(&format!("{schakel} trace {id}"));
        paper.line(&format!("{schakel} explain {id} --recipient {recipient}"));
    }
    if let Some(case) = &facts.casus {
        paper.line(&format!("{schakel} case show {}", case.casus));
        paper.line(&format!("{schakel} case timeline {}", case.casus));
        paper.line(&format!("{schakel} task list --all"));
        paper.line(&format!("{schakel} evaluate --theme woonoverlast"));
    }
    paper.line(&format!("{schakel} quarantine list"));
    paper.line(&format!("{schakel} journal verify"));
}

/// Writes a document as a new message: the numbers of the evening with another year before them.
fn write_new(folder: &Path, step: &Step) -> Result<String, Halt> {
    let text = String::from_utf8_lossy(step.document()?);
    let mut text = text.into_owned();
    for (old, new) in [("2026-250", "2026-990"), ("DS-2026-0", "DS-2026-9"), (";2026-9", ";2026-8")]
    {
        text = text.replace(old, new);
    }
    write(folder, &step.file, text.as_bytes())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<String, Halt> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(|error| unwritten(&path, &error))?;
    Ok(name.to_owned())
}

fn unwritten(path: &Path, error: &std::io::Error) -> Halt {
    Halt::new(Exit::Failure, format!("{} kan niet worden geschreven: {error}", path.display()))
}
