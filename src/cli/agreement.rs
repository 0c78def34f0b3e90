//! `schakel agreement`: what was agreed in a case, by whom it is to be kept, and until when.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::{Ground, Halt};
use super::case::{Who, cell, print};
use super::file::read_within;
use super::output::{Exit, Form, out, say};
use crate::casework::PartyKind;
use crate::message::{PartnerId, Timestamp};

/// Bytes of a file with a text: 4,000 characters of four bytes, and some room for the end.
const FILE_MAX: u64 = 16_500;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Legt een afspraak vast; ketenpartners krijgen daarvan geen bericht
    #[command(
        after_help = "Voorbeeld:\n  schakel agreement make C-… --text-file afspraak.txt \\\n    \
        --party wonen-zuid --party bewoner:'J. Jansen' --until 2027-03-01 \\\n    \
        --review 2027-01-15 --by 'R. Regisseur' --why 'gesprek van 25 november'"
    )]
    Make(Make),
    /// Toont de afspraken van een casus, zonder tekst en zonder namen
    List {
        /// Het casusnummer
        casus: String,
    },
    /// Toont wat er is afgesproken en met wie; dat wordt vastgelegd
    Show(Decided),
    /// Wijzigt de termijn of de herziening
    Change(Change),
    /// Zegt dat de afspraak is nagekomen
    Fulfilled(Decided),
    /// Zegt dat de afspraak niet is nagekomen
    Broken(Decided),
    /// Beëindigt de afspraak
    End(Decided),
}

#[derive(Debug, Args)]
pub struct Make {
    /// Het casusnummer
    casus: String,
    /// Wat er is afgesproken
    #[arg(long, value_name = "TEKST", required_unless_present = "text_file")]
    text: Option<String>,
    /// Bestand waarin staat wat er is afgesproken
    #[arg(long, value_name = "BESTAND", conflicts_with = "text")]
    text_file: Option<PathBuf>,
    /// Met wie: een ketenpartner, of bewoner:NAAM, bedrijf:NAAM of vrijwilliger:NAAM
    #[arg(long = "party", value_name = "PARTIJ")]
    parties: Vec<String>,
    /// Tot wanneer: een dag (tot het eind daarvan) of een moment
    #[arg(long, value_name = "MOMENT")]
    until: String,
    /// Wanneer de afspraak opnieuw wordt bekeken: een dag (vanaf de ochtend) of een moment
    #[arg(long, value_name = "MOMENT")]
    review: Option<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct Decided {
    /// De afspraak
    afspraak: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct Change {
    /// De afspraak
    afspraak: String,
    /// De nieuwe termijn
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
    /// De nieuwe herziening
    #[arg(long, value_name = "MOMENT")]
    review: Option<String>,
    #[command(flatten)]
    who: Who,
}

pub async fn run(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    match command {
        Command::Make(asked) => make(asked, ground).await,
        Command::List { casus } => list(casus, ground).await,
        Command::Show(asked) => show(asked, ground).await,
        Command::Change(asked) => {
            let body = json!({
                "tot": moment(asked.until.as_deref(), Edge::End)?,
                "herzien": moment(asked.review.as_deref(), Edge::Morning)?,
            });
            decide("afspraak-wijzigen", &asked.afspraak, &asked.who, body, ground).await
        }
        Command::Fulfilled(asked) => end(asked, "nagekomen", ground).await,
        Command::Broken(asked) => end(asked, "niet-nagekomen", ground).await,
        Command::End(asked) => end(asked, "beeindigd", ground).await,
    }
}

async fn make(asked: &Make, ground: Ground<'_>) -> Result<Exit, Halt> {
    let parties = asked.parties.iter().map(|party| party_json(party));
    let body = json!({
        "casus": asked.casus,
        "tekst": text_of(asked)?,
        "partijen": parties.collect::<Result<Vec<_>, _>>()?,
        "tot": moment(Some(&asked.until), Edge::End)?,
        "herzien": moment(asked.review.as_deref(), Edge::Morning)?,
        "door": asked.who.by,
        "reden": asked.who.why,
    });
    told(&ground.ask("afspraak-maken", body).await?, ground.form);
    Ok(Exit::Ok)
}

fn text_of(asked: &Make) -> Result<String, Halt> {
    let Some(file) = &asked.text_file else { return Ok(asked.text.clone().unwrap_or_default()) };
    let most = "is te groot: een afspraak heeft ten hoogste 4.000 tekens";
    let bytes = read_within(file, FILE_MAX, most)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Halt::new(Exit::Invalid, format!("{} is geen tekst in UTF-8", file.display()))
    })?;
    Ok(text.trim_end().to_owned())
}

/// A party as the hub takes it. The name is a person's: it is in no sentence of ours.
fn party_json(party: &str) -> Result<Value, Halt> {
    let unknown = || {
        let kinds = PartyKind::ALL.map(|kind| format!("{}:NAAM", kind.as_str())).join(", ");
        let text = format!("een partij is een ketenpartner (zoals wonen-zuid), of {kinds}");
        Halt::new(Exit::Invalid, text)
    };
    match party.split_once(':') {
        Some((kind, name)) => {
            let kind = PartyKind::parse(kind).ok_or_else(unknown)?;
            Ok(json!({ "soort": kind, "naam": name.trim() }))
        }
        None => {
            let partner: PartnerId = party.parse().map_err(|_| unknown())?;
            Ok(json!({ "ketenpartner": partner }))
        }
    }
}

/// Which moment of a day is meant.
#[derive(Clone, Copy)]
enum Edge {
    Morning,
    End,
}

/// A moment as the hub takes it: people may name a day.
fn moment(text: Option<&str>, edge: Edge) -> Result<Option<Timestamp>, Halt> {
    let Some(text) = text else { return Ok(None) };
    let of_day = text.parse().ok().and_then(|day| match edge {
        Edge::Morning => Timestamp::morning_of_amsterdam_day(day),
        Edge::End => Timestamp::end_of_amsterdam_day(day),
    });
    // A text with a time of day reads as a day too, so it is tried first.
    let found = Timestamp::parse(text).or_else(|| of_day.filter(|_| !text.contains('T')));
    found.map(Some).ok_or_else(|| {
        let text = "een termijn is een dag zoals 2027-03-01, of een moment zoals \
            2027-03-01T17:00:00+01:00";
        Halt::new(Exit::Invalid, text)
    })
}

async fn list(casus: &str, ground: Ground<'_>) -> Result<Exit, Halt> {
    let lines = ground.ask("afspraken", json!({ "casus": casus })).await?;
    let mut lines = lines;
    if ground.form == Form::Table {
        for line in lines.as_array_mut().into_iter().flatten() {
            line["partijen"] = json!(super::words::joined(line, "partijen"));
        }
    }
    let columns =
        ["afspraak", "stand", "partijen", "tot", "herzien", "teHerzien", "gemaakt", "geeindigd"];
    print(&lines, &columns, ground.form);
    say(&format!("{} afspraken.", lines.as_array().map_or(0, Vec::len)));
    Ok(Exit::Ok)
}

async fn show(asked: &Decided, ground: Ground<'_>) -> Result<Exit, Halt> {
    let body = json!({ "afspraak": asked.afspraak, "door": asked.who.by, "reden": asked.who.why });
    let shown = ground.ask("afspraak-inhoud", body).await?;
    say("Deze inzage is vastgelegd in het logboek.");
    if ground.form != Form::Table {
        out(&shown.to_string());
        return Ok(Exit::Ok);
    }
    for (label, field) in [
        ("Afspraak", "afspraak"),
        ("Casus", "casus"),
        ("Stand", "stand"),
        ("Gemaakt", "gemaakt"),
        ("Tot", "tot"),
        ("Herzien", "herzien"),
        ("Geëindigd", "geeindigd"),
    ] {
        if !shown[field].is_null() {
            out(&format!("{label:<12} {}", cell(&shown[field])));
        }
    }
    for party in shown["partijen"].as_array().into_iter().flatten() {
        let party = match party["ketenpartner"].as_str() {
            Some(partner) => partner.to_owned(),
            None => format!("{} ({})", cell(&party["naam"]), cell(&party["soort"])),
        };
        out(&format!("{:<12} {party}", "Met"));
    }
    out("");
    out(shown["tekst"].as_str().unwrap_or_default());
    Ok(Exit::Ok)
}

async fn end(asked: &Decided, state: &str, ground: Ground<'_>) -> Result<Exit, Halt> {
    let body = json!({ "stand": state });
    decide("afspraak-beeindigen", &asked.afspraak, &asked.who, body, ground).await
}

async fn decide(
    action: &str,
    id: &str,
    who: &Who,
    mut body: Value,
    ground: Ground<'_>,
) -> Result<Exit, Halt> {
    body["afspraak"] = json!(id);
    body["door"] = json!(who.by);
    body["reden"] = json!(who.why);
    told(&ground.ask(action, body).await?, ground.form);
    Ok(Exit::Ok)
}

fn told(done: &Value, form: Form) {
    if form == Form::Table {
        let text = |field: &str| done[field].as_str().unwrap_or_default();
        out(&format!(
            "Gedaan. Afspraak {} in casus {}: {}.",
            text("afspraak"),
            text("casus"),
            text("fase")
        ));
    } else {
        out(&done.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_a_partner_or_a_kind_with_a_name() {
        let read = |text| party_json(text).map_err(|halt| halt.text);
        assert_eq!(read("wonen-zuid"), Ok(json!({ "ketenpartner": "wonen-zuid" })));
        let resident = json!({ "soort": "bewoner", "naam": "J. Jansen" });
        assert_eq!(read("bewoner: J. Jansen"), Ok(resident));
        for wrong in ["buur:J. Jansen", "J. Jansen", ""] {
            let said = read(wrong).unwrap_err();
            assert!(said.contains("bewoner:NAAM") && !said.contains("Jansen"), "{said}");
        }
    }

    #[test]
    fn a_term_may_be_a_day_which_it_holds_to_the_end_of() {
        let read = |text, edge| moment(Some(text), edge).map_err(|halt| halt.text);
        let at = |text| Ok(Timestamp::parse(text));
        assert_eq!(read("2027-03-01", Edge::End), at("2027-03-01T22:59:59Z"));
        assert_eq!(read("2027-03-01T17:00:00+01:00", Edge::End), at("2027-03-01T16:00:00Z"));
        assert!(read("2027-03-01", Edge::Morning) < read("2027-03-01", Edge::End));
        assert!(read("1 maart", Edge::End).is_err());
        assert!(read("2027-03-01T17:00:00", Edge::End).is_err(), "in which zone?");
    }
}
