//! `schakel partner add`: a new partner as a file of the set, written only where the whole set
//! with it passes its check.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::access::{Ground, Halt};
use super::check;
use super::output::{Exit, Form, out, say};
use crate::hub::{SetError, checked};
use crate::message::{ConnectorId, KindId, Oin, PartnerId};
use crate::settings;

#[derive(Debug, Args)]
#[command(
    after_help = "Voorbeeld:\n  schakel export mijn-set\n  schakel --config mijn-set partner \
    add wonen-noord --name 'Wonen Noord' \\\n    --kind woningcorporatie --connector \
    woningcorporatie --oin 00000003999999990000 \\\n    --phone +31400000999 --code L9999 \
    --area 0772\n  schakel --config mijn-set activate --by 'J. Jansen' --why 'nieuwe partner'"
)]
pub struct Asked {
    /// Naam in kleine letters, zoals wonen-noord
    ketenpartner: PartnerId,
    /// Naam voor mensen
    #[arg(long, value_name = "NAAM")]
    name: String,
    /// Soort ketenpartner, zoals politie of woningcorporatie
    #[arg(long, value_name = "SOORT")]
    kind: KindId,
    /// Koppeling waarmee hij spreekt; zie connector list
    #[arg(long, value_name = "KOPPELING")]
    connector: ConnectorId,
    /// Organisatie-identificatienummer, 20 cijfers
    #[arg(long, value_parser = oin)]
    oin: Oin,
    /// Telefoonnummer dat dag en nacht bereikbaar is
    #[arg(long, value_name = "NUMMER")]
    phone: String,
    /// Waarmee hij zich in eigen berichten aanduidt, naast het OIN; mag vaker
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// Gemeente (CBS-code) waar hij werkt; mag vaker, zonder: overal
    #[arg(long, value_name = "GEMEENTECODE")]
    area: Vec<String>,
    /// Hoe hij zijn zendingen krijgt
    #[arg(long, value_enum, default_value = "postvak", value_name = "WIJZE")]
    delivery: Way,
    /// Adres van de webhook
    #[arg(long, required_if_eq("delivery", "webhook"))]
    url: Option<String>,
    /// Besloten netwerk (CIDR) waarin de webhook mag liggen; mag vaker
    #[arg(long, value_name = "CIDR", requires = "url")]
    network: Vec<String>,
    /// Naam van de uitwisselmap
    #[arg(long, value_name = "MAP", required_if_eq("delivery", "map"))]
    folder: Option<String>,
    /// Toont het bestand en schrijft niets
    #[arg(long)]
    dry_run: bool,
}

/// How parcels reach a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// Hij haalt ze op
    Postvak,
    /// De hub bezorgt ze, ondertekend
    Webhook,
    /// De hub legt ze in een map
    Map,
    /// De hub legt ze in zijn wachtrijen op de broker
    Rabbitmq,
}

fn oin(text: &str) -> Result<Oin, String> {
    Oin::try_from(text.to_owned()).map_err(|_| {
        "een OIN heeft 20 cijfers en begint met een bekend voorvoegsel (0000000…)".to_owned()
    })
}

pub fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let id = &asked.ketenpartner;
    let text = asked.file_text();
    let name = format!("config/partners/{id}.toml");
    let unreadable = |error| Halt::new(Exit::Unreachable, check::chain(&error));
    let mut files = settings::read_or_shipped(ground.config).map_err(unreadable)?;
    if files.contains_key(&name) {
        let text = format!("{id} staat al in de set ({name}); pas dat bestand aan");
        return Err(Halt::new(Exit::NotAllowed, text));
    }
    files.insert(name.clone(), text.clone().into_bytes());
    match checked(&files) {
        Ok(_) => {}
        Err(SetError::Invalid(problems)) => {
            check::show(&problems, ground.form);
            return Err(Halt::new(Exit::Invalid, format!("{id} is niet toegevoegd")));
        }
        Err(error) => return Err(Halt::new(Exit::Failure, check::chain(&error))),
    }
    if asked.dry_run {
        show(&name, &text, ground.form);
        say("Alleen getoond: met dit bestand erbij is de set in orde.");
        return Ok(Exit::Ok);
    }
    let Some(folder) = ground.config else { return Err(shipped_set()) };
    write(&folder.join(&name), &text)?;
    show(&name, &text, ground.form);
    say(&format!(
        "Geschreven in {}. Maak de set actief met schakel activate (een tweede persoon gaat \
         akkoord), en geef daarna een sleutel met schakel partner key {id}.",
        folder.join(&name).display()
    ));
    Ok(Exit::Ok)
}

/// Why the set inside the binary stays as it is.
pub fn shipped_set() -> Halt {
    Halt::new(
        Exit::NotAllowed,
        "de meegeleverde set zit in het programma en verandert niet.\nSchrijf haar eerst uit met \
         schakel export MAP, en noem die map met --config MAP.",
    )
}

fn show(name: &str, text: &str, form: Form) {
    match form {
        Form::Table => out(text.trim_end()),
        Form::Json | Form::Jsonl => out(&json!({ "bestand": name, "inhoud": text }).to_string()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Halt> {
    let failed = |error: std::io::Error| {
        let text = format!("{} kan niet worden geschreven: {error}", path.display());
        Halt::new(Exit::Failure, text)
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    // Beside it first, so that a running check never sees half a file.
    let draft = path.with_extension("nieuw");
    std::fs::write(&draft, text).map_err(failed)?;
    std::fs::rename(&draft, path).map_err(failed)
}

impl Asked {
    fn file_text(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let all = |texts: &[String]| toml::Value::from(texts.to_vec()).to_string();
        let delivery = match self.delivery {
            Way::Postvak => "wijze = \"postvak\"\n".to_owned(),
            Way::Webhook => {
                let url = quoted(self.url.as_deref().unwrap_or_default());
                let networks = all(&self.network);
                format!("wijze = \"webhook\"\nurl = {url}\nnetwerken = {networks}\n")
            }
            Way::Map => {
                let folder = quoted(self.folder.as_deref().unwrap_or_default());
                format!("wijze = \"map\"\nmap = {folder}\n")
            }
            Way::Rabbitmq => "wijze = \"rabbitmq\"\n".to_owned(),
        };
        format!(
            "naam = {}\nsoort = {}\nkoppeling = {}\noin = {}\n\
             # Waarmee deze partner zich in zijn eigen berichten aanduidt, naast het OIN.\n\
             afzendercodes = {}\n\
             # Gemeenten (CBS-code) waar de partner werkt; leeg: overal.\ngebied = {}\n\n\
             [contact]\n# Dag en nacht bereikbaar.\ntelefoon = {}\n\n[levering]\n{delivery}",
            quoted(&self.name),
            quoted(self.kind.as_str()),
            quoted(self.connector.as_str()),
            quoted(self.oin.as_str()),
            all(&self.code),
            all(&self.area),
            quoted(&self.phone),
        )
    }
}
