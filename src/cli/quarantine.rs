//! `schakel quarantine`: what could not be processed or delivered, and what is done about it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Ground, Halt};
use super::crowd::{self, Doing};
use super::output::{Exit, Form, Rows, out, raw, say};
use super::partner::told;
use super::words::{list, moment_at, moment_cell, reason, text};
use crate::message::{PartnerId, Timestamp};

/// What the hub gives at a time.
const PAGE: i64 = 500;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Toont de uitval; zonder filter wat nog openstaat
    #[command(after_help = "Voorbeeld:\n  schakel quarantine list --partner politie-oost-brabant \
        --since 2026-11-20T00:00:00+01:00")]
    List(Filter),
    /// Toont één stuk uitval: plaatsen en codes, geen waarden
    #[command(
        after_help = "De inhoud zelf, byte voor byte op standaarduitvoer:\n  schakel quarantine \
        show ID --reveal --by 'J. Jansen' --why 'storing 2026-118' > bericht.xml\n\n\
        Wie inhoud inziet en waarom, staat in het logboek voordat de inhoud komt."
    )]
    Show {
        /// Nummer van de uitval
        id: Uuid,
        /// Geeft de oorspronkelijke bytes
        #[arg(long, requires = "by", requires = "why")]
        reveal: bool,
        /// Wie de inhoud inziet
        #[arg(long, value_name = "NAAM", requires = "reveal")]
        by: Option<String>,
        /// Waarom
        #[arg(long, value_name = "TEKST", requires = "reveal")]
        why: Option<String>,
    },
    /// Biedt het opnieuw aan, onder de regels van nu
    #[command(after_help = "Voorbeeld:\n  schakel quarantine release ID --by 'J. Jansen' --why \
        'doelbinding toegevoegd'\n  schakel quarantine release --partner wonen-zuid --reason \
        geen-doelbinding\n\nZonder nummer gaat het om alle open uitval die aan het filter \
        voldoet: --yes maakt er een\nklus van (zie schakel job), met --by en --why.")]
    Release(Decided),
    /// Houdt een bericht vast dat iemand in gevaar brengt: wat nog niet weg is, wacht op besluit
    #[command(after_help = "Voorbeeld:\n  schakel quarantine hold BERICHT --by 'J. Jansen' --why \
        'adres is geheim'\n\nDaarna, per ontvanger: schakel quarantine list --reason \
        vastgehouden, en release of drop.")]
    Hold {
        /// Het bericht, zoals in trace
        bericht: Uuid,
        /// Wie dit besluit
        #[arg(long, value_name = "NAAM")]
        by: String,
        /// Waarom
        #[arg(long, value_name = "TEKST")]
        why: String,
    },
    /// Laat het vervallen; wat erop volgt zegt dat zijn voorganger ontbreekt
    #[command(after_help = "Voorbeeld:\n  schakel quarantine drop ID --by 'J. Jansen' --why \
        'dubbel'\n  schakel quarantine drop --partner wonen-zuid --reason geschorst \
        --until 2026-11-01T00:00:00+01:00")]
    Drop(Decided),
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Alleen van of voor deze ketenpartner
    #[arg(long, value_name = "KETENPARTNER")]
    partner: Option<PartnerId>,
    /// Alleen met deze reden, zoals geen-doelbinding
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Alleen sinds dit moment, zoals 2026-11-23T20:15:00+01:00
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    since: Option<Timestamp>,
    /// Alleen in deze stand
    #[arg(long, value_enum, default_value = "open", value_name = "STAND")]
    state: State,
    /// Hoeveel hoogstens
    #[arg(long, default_value_t = 1000, value_name = "AANTAL")]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Open,
    Vrijgegeven,
    Vervallen,
    Alle,
}

#[derive(Debug, Args)]
pub struct Decided {
    /// Nummer van de uitval
    #[arg(required_unless_present_any = ["partner", "kind", "reason", "since", "until"])]
    id: Option<Uuid>,
    /// Alleen met deze reden, zoals geen-doelbinding
    #[arg(long, value_name = "CODE", conflicts_with = "id")]
    reason: Option<String>,
    #[command(flatten)]
    filter: crowd::Filter,
    #[command(flatten)]
    doing: Doing,
}

pub fn moment(text: &str) -> Result<Timestamp, String> {
    let bad = || "schrijf het moment zoals 2026-11-23T20:15:00+01:00".to_owned();
    Timestamp::parse(text).ok_or_else(bad)
}

pub async fn run(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    match command {
        Command::List(filter) => show_all(filter, ground).await,
        Command::Hold { bericht, by, why } => {
            let body = json!({ "id": bericht, "door": by, "reden": why });
            let held = ground.ask("bericht-vasthouden", body).await?;
            let sentence = format!(
                "Vastgehouden: {}; onderweg: {}; al aangekomen: {}.",
                held["vastgehouden"], held["onderweg"], held["alAangekomen"]
            );
            told(&held, &sentence, ground.form);
            Ok(Exit::Ok)
        }
        Command::Show { id, reveal: true, by, why } => {
            let body = json!({ "id": id, "onthullen": true, "door": by, "reden": why });
            reveal(&ground.ask("uitval-inhoud", body).await?)
        }
        Command::Show { id, .. } => {
            let told = ground.ask("uitval-inhoud", json!({ "id": id })).await?;
            let mut entry = told.get("uitval").cloned().unwrap_or_default();
            match ground.form {
                Form::Table => {
                    show(&entry);
                    show_reveals(list(&told, "inzagen"));
                }
                Form::Json | Form::Jsonl => {
                    if let Some(object) = entry.as_object_mut() {
                        object.insert("inzagen".to_owned(), json!(list(&told, "inzagen")));
                    }
                    out(&entry.to_string());
                }
            }
            Ok(Exit::Ok)
        }
        Command::Release(decided) => {
            let Some(body) = decided.one()? else {
                return crowd::run(decided.crowd("vrijgeven"), &decided.doing, ground).await;
            };
            let done = ground.ask("uitval-vrijgeven", body).await?;
            told(&done, &released(&done), ground.form);
            Ok(Exit::Ok)
        }
        Command::Drop(decided) => {
            let Some(body) = decided.one()? else {
                return crowd::run(decided.crowd("laten-vervallen"), &decided.doing, ground).await;
            };
            let done = ground.ask("uitval-laten-vervallen", body).await?;
            told(&done, "Vervallen: dit wordt niet meer verwerkt of verstuurd.", ground.form);
            Ok(Exit::Ok)
        }
    }
}

impl Decided {
    /// The decision about one entry; none where it is about a crowd.
    fn one(&self) -> Result<Option<Value>, Halt> {
        let Some(id) = self.id else { return Ok(None) };
        let (by, why) = self.doing.person()?;
        Ok(Some(json!({ "id": id, "door": by, "reden": why })))
    }

    fn crowd(&self, kind: &str) -> serde_json::Map<String, Value> {
        let mut filter = self.filter.json(kind);
        filter.insert("reden".to_owned(), json!(self.reason));
        filter
    }
}

/// What a release led to, in a sentence.
fn released(done: &Value) -> String {
    let message = text(done, "bericht");
    match text(done, "gevolg") {
        "opnieuw-aangenomen" => format!("Vrijgegeven: nu aangenomen als bericht {message}."),
        "opnieuw-verdeeld" => format!("Vrijgegeven: bericht {message} is opnieuw verdeeld."),
        "in-de-rij" => "Vrijgegeven: de zending staat weer in de rij.".to_owned(),
        _ => "Vrijgegeven.".to_owned(),
    }
}

async fn show_all(filter: &Filter, ground: Ground<'_>) -> Result<Exit, Halt> {
    let state = match filter.state {
        State::Open => Some("open"),
        State::Vrijgegeven => Some("vrijgegeven"),
        State::Vervallen => Some("vervallen"),
        State::Alle => None,
    };
    let entries = ground
        .with(async |access| {
            let mut entries: Vec<Value> = Vec::new();
            let mut after = 0;
            while entries.len() < filter.limit {
                let body = json!({
                    "partner": filter.partner, "reden": filter.reason, "sinds": filter.since,
                    "status": state, "na": after, "limiet": PAGE,
                });
                let told = access.call("uitval", body).await?;
                let page = told.as_array().cloned().unwrap_or_default();
                let Some(last) = page.last() else { break };
                after = last.get("nr").and_then(Value::as_i64).unwrap_or(i64::MAX);
                entries.extend(page);
            }
            entries.truncate(filter.limit);
            Ok(entries)
        })
        .await?;
    let mut rows =
        Rows::new(&["id", "op", "richting", "partner", "reden", "status", "bijzonderheden"]);
    if ground.form == Form::Table {
        for entry in &entries {
            let field = |key: &str| entry.get(key).cloned().unwrap_or(Value::Null);
            rows.add(vec![
                field("id"),
                moment_cell(entry, "op"),
                field("richting"),
                field("partner"),
                field("reden"),
                field("status"),
                json!(details(entry).len()),
            ]);
        }
        rows.print(Form::Table);
    } else if ground.form == Form::Json {
        out(&json!(entries).to_string());
    } else {
        entries.iter().for_each(|entry| out(&entry.to_string()));
    }
    if entries.is_empty() {
        say("Er is geen uitval die hieraan voldoet.");
    }
    Ok(Exit::Ok)
}

fn details(entry: &Value) -> &[Value] {
    list(entry, "bijzonderheden")
}

fn show(entry: &Value) {
    let partner = entry.get("partner").and_then(Value::as_str).unwrap_or("onbekend");
    let towards = if text(entry, "richting") == "inkomend" { "van" } else { "voor" };
    out(&format!("Uitval {} {towards} {partner}, {}", text(entry, "id"), moment_at(entry, "op")));
    let code = text(entry, "reden");
    let words = reason(code);
    let words = if words == code { code.to_owned() } else { format!("{words} ({code})") };
    out(&format!("Reden: {words}"));
    out(&format!("Stand: {}", text(entry, "status")));
    for (key, what) in [("bericht", "Bericht"), ("zending", "Zending"), ("kanaal", "Kanaal")] {
        if !text(entry, key).is_empty() {
            out(&format!("{what}: {}", text(entry, key)));
        }
    }
    if !text(entry, "afgehandeldDoor").is_empty() {
        let why = text(entry, "toelichting");
        out(&format!("Afgehandeld door {}: {why}", text(entry, "afgehandeldDoor")));
    }
    let details = details(entry);
    if !details.is_empty() {
        let mut rows = Rows::new(&["plaats", "code", "omschrijving"]);
        for detail in details {
            let first = |keys: [&str; 3]| {
                let found = keys.iter().map(|key| text(detail, key)).find(|t| !t.is_empty());
                json!(found.unwrap_or_default())
            };
            rows.add(vec![
                first(["plaats", "pad", "place"]),
                first(["code", "reden", "fout"]),
                first(["nl", "omschrijving", "title"]),
            ]);
        }
        rows.print(Form::Table);
    }
}

/// Who saw the content.
fn show_reveals(reveals: &[Value]) {
    for seen in reveals {
        let (by, why) = (text(seen, "door"), text(seen, "reden"));
        out(&format!("Inhoud ingezien op {} door {by}: {why}", moment_at(seen, "op")));
    }
}

fn reveal(told: &Value) -> Result<Exit, Halt> {
    let Some(coded) = told.get("inhoud").and_then(Value::as_str) else {
        let text = "deze uitval heeft zelf geen document; het bericht of de zending heeft het";
        return Err(Halt::new(Exit::NotFound, text));
    };
    let bytes = BASE64_STANDARD
        .decode(coded)
        .map_err(|_| Halt::new(Exit::Failure, "de hub antwoordt iets dat geen inhoud is"))?;
    say("Deze inzage is vastgelegd in het logboek.");
    raw(&bytes);
    Ok(Exit::Ok)
}
