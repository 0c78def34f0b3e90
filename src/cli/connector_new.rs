//! `schakel connector new`: a connector to start from, copied from one that works.

use serde_json::json;

use super::access::{Ground, Halt};
use super::check;
use super::export::write_all;
use super::output::{Exit, Form, out, say};
use super::partner_add::shipped_set;
use crate::catalogue::problem::Files;
use crate::message::ConnectorId;
use crate::settings;

/// What the README of a new connector starts with.
const STEPS: &str = "\
# Koppeling {id}

Begonnen als kopie van `{like}`. In een uur van kopie naar koppeling:

1. `connector.toml`: zet naam, standaard en mediatypen goed, en zeg waar berichtnummer en afzender
   staan.
2. `schemas/`: beschrijf de berichten zoals deze ketenpartner ze stuurt en ontvangt.
3. `mappings/`: één CEL-uitdrukking per veld; `check` noemt elk pad dat niet in het schema staat.
4. `examples/`: vervang de voorbeelden door berichten uit de standaard, met wat eruit moet komen en
   wat niet gegeven mag worden. Schrijf ze uit de standaard, nooit uit de uitkomst.
5. `schakel --config MAP connector test {id}` tot alles slaagt; dan `schakel --config MAP check`.
6. `schakel --config MAP partner add …` en `schakel --config MAP activate --by … --why …`.

Hieronder staat wat van `{like}` werd aangenomen; herschrijf het voor deze koppeling.

";

pub fn run(id: &ConnectorId, like: &ConnectorId, ground: Ground<'_>) -> Result<Exit, Halt> {
    let Some(folder) = ground.config else { return Err(shipped_set()) };
    let unreadable = |error| Halt::new(Exit::Unreachable, check::chain(&error));
    let set = settings::read(folder).map_err(unreadable)?;
    let from = format!("connectors/{like}/");
    let to = format!("connectors/{id}/");
    if set.keys().any(|name| name.starts_with(&to)) {
        let text = format!("er is al een koppeling {id}; die blijft zoals zij is");
        return Err(Halt::new(Exit::NotAllowed, text));
    }
    let copied = set.iter().filter_map(|(name, bytes)| {
        name.strip_prefix(&from).map(|rest| (format!("{to}{rest}"), bytes.clone()))
    });
    let mut files: Files = copied.collect();
    if files.is_empty() {
        let text = format!("er is geen koppeling {like} om op te lijken; zie connector list");
        return Err(Halt::new(Exit::NotFound, text));
    }
    let readme = files.entry(format!("{to}README.md")).or_default();
    let steps = STEPS.replace("{id}", id.as_str()).replace("{like}", like.as_str());
    *readme = [steps.as_bytes(), readme.as_slice()].concat();
    let count = files.len();
    if !folder.join("connectors").is_dir() {
        // A set without a folder of its own has the shipped connectors; with one it has only those.
        let own = set.into_iter().filter(|(name, _)| name.starts_with("connectors/"));
        files.extend(own);
        say("Deze set had nog geen eigen koppelingen; de meegeleverde zijn erbij geschreven.");
    }
    write_all(folder, &files)?;
    match ground.form {
        Form::Table => {
            out(&format!("{count} bestanden geschreven in {}", folder.join(&to).display()));
        }
        Form::Json | Form::Jsonl => {
            out(&json!({ "koppeling": id, "bestanden": count }).to_string())
        }
    }
    say(&format!("Begin bij {}.", folder.join(&to).join("README.md").display()));
    Ok(Exit::Ok)
}
