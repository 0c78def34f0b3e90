//! `schakel erase`: one person asks, another approves or refuses. The BSN of a person is read from
//! a file or from standard input, never from the command line.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Ground, Halt};
use super::case::Who;
use super::file::read_within;
use super::output::{Exit, Form, Rows, out, say};
use super::partner::told;
use super::trace::story;
use super::words::{count, joined, list, moment_at, moment_cell, text};

/// A BSN with a line end and some room.
const BSN_BYTES_MAX: u64 = 64;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Voorbeelden:\n  schakel erase 0c6b5a0e-2f0e-4a52-9b0d-6f1d1f3a8e11 \
    --by 'J. Jansen' --why 'verzoek 2026-118'\n  schakel erase approve 12 --by 'K. de Vries'\n  \
    schakel erase person --bsn-file - --by 'J. Jansen' --why 'verzoek 2026-119' < bsn.txt\n\n\
    Wissen vraagt twee mensen: de een vraagt, een ander geeft akkoord. Een verzoek vervalt na 30\n\
    dagen. Wissen vernietigt de sleutel van de hele casus: ook andere berichten daarvan zijn dan\n\
    onleesbaar, hier en in reservekopieën. De bewijzen blijven geldig. Wie er inhoud van kreeg,\n\
    krijgt daarvan bericht. Dit kan niet ongedaan worden gemaakt."
)]
pub struct Asked {
    #[command(subcommand)]
    command: Option<Command>,
    /// Nummer van een bericht, zending of stuk uitval
    #[arg(required = true)]
    id: Option<Uuid>,
    #[command(flatten)]
    wish: Option<Wish>,
}

/// Who asks.
#[derive(Debug, Args)]
pub struct Wish {
    /// Wie het vraagt
    #[arg(long, value_name = "NAAM")]
    by: String,
    /// Waarom; geen persoonsgegevens
    #[arg(long, value_name = "TEKST")]
    why: String,
    /// Toont wat er zou verdwijnen, en vraagt niets
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Vraagt alle casussen te wissen waarin een persoon voorkomt, gevonden met het BSN
    Person(Person),
    /// Geeft als tweede persoon akkoord; dan wordt er gewist
    Approve {
        /// Nummer van het verzoek
        verzoek: i64,
        /// Wie akkoord geeft: een ander dan de aanvrager
        #[arg(long, value_name = "NAAM")]
        by: String,
        /// Toelichting
        #[arg(long, value_name = "TEKST", default_value = "")]
        why: String,
    },
    /// Weigert een verzoek, of trekt het in; er wordt niets gewist
    Refuse {
        /// Nummer van het verzoek
        verzoek: i64,
        #[command(flatten)]
        who: Who,
    },
    /// Toont de verzoeken die wachten
    List {
        /// Ook wat beslist is of vervallen
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub struct Person {
    /// Bestand met het BSN; - leest van de invoer
    #[arg(long, value_name = "BESTAND")]
    bsn_file: PathBuf,
    /// Een casus die blijft; mag vaker
    #[arg(long, value_name = "CASUS")]
    except: Vec<String>,
    #[command(flatten)]
    wish: Wish,
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    match &asked.command {
        Some(Command::Person(person)) => {
            let bsn = read_bsn(&person.bsn_file)?;
            ask(json!({ "bsn": bsn, "behalve": person.except }), &person.wish, ground).await
        }
        Some(Command::Approve { verzoek, by, why }) => approve(*verzoek, by, why, ground).await,
        Some(Command::Refuse { verzoek, who }) => {
            let body = json!({ "verzoek": verzoek, "door": who.by, "reden": who.why });
            let done = ground.ask("wissen-weigeren", body).await?;
            told(&done, "Geweigerd; er is niets gewist.", ground.form);
            Ok(Exit::Ok)
        }
        Some(Command::List { all }) => show(*all, ground).await,
        None => {
            let both = asked.id.zip(asked.wish.as_ref());
            let (id, wish) = both.ok_or_else(|| Halt::new(Exit::Usage, "noem een nummer"))?;
            ask(json!({ "id": id }), wish, ground).await
        }
    }
}

/// The BSN, from where no other process or history can see it.
fn read_bsn(file: &Path) -> Result<String, Halt> {
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().take(BSN_BYTES_MAX).read_to_end(&mut bytes);
        let failed =
            |error| Halt::new(Exit::Failure, format!("de invoer is niet te lezen: {error}"));
        read.map_err(failed)?;
        bytes
    } else {
        read_within(file, BSN_BYTES_MAX, "is geen bestand met één BSN")?
    };
    let wrong = || Halt::new(Exit::Invalid, "hierin staat geen BSN: negen cijfers op één regel");
    Ok(String::from_utf8(bytes).map_err(|_| wrong())?.trim().to_owned())
}

async fn ask(what: Value, wish: &Wish, ground: Ground<'_>) -> Result<Exit, Halt> {
    if wish.by.trim().is_empty() || wish.why.trim().is_empty() {
        return Err(Halt::new(Exit::Usage, "zeg wie het vraagt (--by) en waarom (--why)"));
    }
    ground
        .with(async |access| {
            let found = access.call("wissen-voorbeeld", what.clone()).await?;
            if ground.form == Form::Table {
                summary(&found);
            }
            if wish.dry_run {
                if ground.form != Form::Table {
                    out(&found.to_string());
                }
                say("Er is niets gevraagd en niets gewist.");
                return Ok(Exit::Ok);
            }
            let mut body = what.clone();
            body["door"] = json!(wish.by);
            body["reden"] = json!(wish.why);
            let made = access.call("wissen-aanvragen", body).await?;
            let number = made.get("verzoek").and_then(Value::as_i64).unwrap_or(0);
            let sentence = format!("Verzoek {number}, tot {}.", moment_at(&made, "vervalt"));
            told(&made, &sentence, ground.form);
            let kept = joined(&made, "moetenBewaardBlijven");
            if !kept.is_empty() {
                say(&format!("Niet gevraagd, want moet bewaard blijven: {kept}."));
            }
            say(&format!(
                "Er is nog niets gewist. Een ander geeft akkoord met: schakel erase approve \
                 {number} --by NAAM"
            ));
            Ok(Exit::Ok)
        })
        .await
}

async fn approve(number: i64, by: &str, why: &str, ground: Ground<'_>) -> Result<Exit, Halt> {
    let body = json!({ "verzoek": number, "door": by, "reden": why });
    let done = ground.ask("wissen-goedkeuren", body).await?;
    let dropped = done.get("vervallenZendingen").and_then(Value::as_u64).unwrap_or(0);
    let sentence = format!("Gewist. {dropped} wachtende zendingen vervallen; de bewijzen blijven.");
    told(&done, &sentence, ground.form);
    for item in list(&done, "gewist") {
        let case = text(item, "casus");
        let (heard, untold) = (joined(item, "ontvangers"), joined(item, "zelfMelden"));
        let notice = text(item, "kennisgeving");
        if !heard.is_empty() {
            say(&format!("{case}: kennisgeving {notice} aan {heard}."));
        }
        if !untold.is_empty() {
            say(&format!("{case}: meld het zelf aan {untold}; zie casus {notice}."));
        }
    }
    let kept = joined(&done, "moetenBewaardBlijven");
    if kept.is_empty() {
        return Ok(Exit::Ok);
    }
    say(&format!("Niet gewist, want moet bewaard blijven: {kept}."));
    Ok(Exit::Partly)
}

async fn show(all: bool, ground: Ground<'_>) -> Result<Exit, Halt> {
    let told = ground.ask("wissen-verzoeken", json!({ "alle": all })).await?;
    let mut rows =
        Rows::new(&["verzoek", "soort", "stand", "door", "reden", "vervalt", "waarover"]);
    for line in told.as_array().into_iter().flatten() {
        let about = list(line, "onderdelen").iter().map(|item| {
            let case = text(item, "casus");
            if case.is_empty() { text(item, "uitval") } else { case }
        });
        rows.add(vec![
            line["verzoek"].clone(),
            line["soort"].clone(),
            line["stand"].clone(),
            line["door"].clone(),
            line["reden"].clone(),
            moment_cell(line, "vervalt"),
            json!(about.collect::<Vec<_>>().join(", ")),
        ]);
    }
    rows.print(ground.form);
    Ok(Exit::Ok)
}

/// What an erasure would destroy.
fn summary(found: &Value) {
    let traces = list(found, "berichten");
    if !traces.is_empty() {
        let number = traces.len();
        out(&format!(
            "Dit vernietigt de inhoud van {number} {}:",
            count(number, "bericht", "berichten")
        ));
    }
    for trace in traces {
        story(trace);
        out("");
    }
    if let Some(entry) = found.get("uitval").filter(|entry| !entry.is_null()) {
        out(&format!(
            "Dit vernietigt de inhoud van uitval {} van {} ({})",
            text(entry, "id"),
            entry.get("partner").and_then(Value::as_str).unwrap_or("onbekend"),
            text(entry, "reden"),
        ));
    }
    cases(found);
}

/// The cases that would go, with who had of them.
fn cases(found: &Value) {
    let cases = list(found, "casussen");
    if cases.is_empty() {
        return;
    }
    let mut rows = Rows::new(&["casus", "sinds", "berichten", "zendingen", "ontvangers", "blijft"]);
    for case in cases {
        let kept = case["moetBewaardBlijven"] == json!(true);
        rows.add(vec![
            case["casus"].clone(),
            moment_cell(case, "sinds"),
            case["berichten"].clone(),
            case["zendingen"].clone(),
            json!(joined(case, "ontvangers")),
            if kept { json!("moet bewaard blijven") } else { Value::Null },
        ]);
    }
    rows.print(Form::Table);
    say(
        "Een casus heeft één sleutel: ook wat er over anderen in staat, verdwijnt. Laat er een weg \
         met --except.",
    );
    if let Some(unsearched) = found.get("nietDoorzocht").and_then(Value::as_i64) {
        say(&format!(
            "Alleen het BSN vindt een persoon: wie zonder BSN in een bericht staat, wordt zo niet \
             gevonden. Ook niet doorzocht: {unsearched} geweigerde stukken in de uitval."
        ));
    }
}
