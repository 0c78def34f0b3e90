//! `schakel replay`: what changes a message that is already in the journal. It shows first what it
//! will do.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Access, Ground, Halt};
use super::crowd::{self, Doing, Filter};
use super::output::{Exit, Form, Rows, out, say};
use super::trace::withheld;
use super::words::{count, joined, list, reason, text};
use crate::message::PartnerId;

#[derive(Debug, Args)]
#[command(after_help = "Voorbeeld:\n  schakel replay 0c6b5a0e-2f0e-4a52-9b0d-6f1d1f3a8e11 \
    --recipient wonen-zuid\n  schakel replay 0c6b5a0e-2f0e-4a52-9b0d-6f1d1f3a8e11 --yes\n  \
    schakel replay --partner politie-oost-brabant --type signaal-gemeld \\\n      \
    --since 2026-11-23T00:00:00+01:00 --recipient wonen-zuid\n\n\
    Zonder nummer gaat het om alle berichten die aan het filter voldoen: --yes maakt er een klus\n\
    van (zie schakel job), met --by en --why.\n\
    Het bericht houdt zijn nummer. Een zending die hetzelfde blijft ook; een andere krijgt een\n\
    nieuw nummer en zegt wat zij vervangt. Eindcode 7: niet voor iedereen gelukt.")]
pub struct Asked {
    /// Nummer van een bericht of van een zending
    #[arg(required_unless_present_any = ["partner", "kind", "since", "until", "state"])]
    id: Option<Uuid>,
    /// Alleen voor deze ontvanger; mag vaker
    #[arg(long, value_name = "KETENPARTNER")]
    recipient: Vec<PartnerId>,
    /// Alleen voor ontvangers van wie de laatste zending in deze stand is
    #[arg(long, value_enum, value_name = "STAND", conflicts_with = "id")]
    state: Option<State>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    doing: Doing,
}

/// The state of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Wacht,
    Klaar,
    Uitval,
    Vervallen,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Wacht => "wacht",
            Self::Klaar => "klaar",
            Self::Uitval => "uitval",
            Self::Vervallen => "vervallen",
        }
    }
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let Some(id) = asked.id else {
        let mut filter = asked.filter.json("herhalen");
        filter.insert("ontvangers".to_owned(), json!(asked.recipient));
        filter.insert("stand".to_owned(), json!(asked.state.map(State::as_str)));
        return crowd::run(filter, &asked.doing, ground).await;
    };
    ground.with(async |access| replay(access, id, asked, ground.form).await).await
}

async fn replay(access: &Access, id: Uuid, asked: &Asked, form: Form) -> Result<Exit, Halt> {
    let body = json!({ "id": id, "ontvangers": asked.recipient });
    let preview = access.call("herhaling-voorbeeld", body.clone()).await?;
    let absent = absent(&preview, &asked.recipient);
    let yes = asked.doing.yes;
    if form == Form::Table || !yes {
        show_preview(&preview, &absent, form);
    }
    if !yes {
        say("Dit was alleen een voorbeeld; er is niets gebeurd. Uitvoeren: dezelfde opdracht met \
             --yes.");
        return Ok(if absent.is_empty() { Exit::Ok } else { Exit::NotFound });
    }
    if list(&preview, "zendingen").is_empty() {
        let text = "onder de huidige set gaat er niets naar deze ontvangers; er is niets verstuurd";
        return Err(Halt::new(Exit::Failure, text));
    }
    let result = access.call("herhaling", body).await?;
    Ok(show_result(&result, &absent, form))
}

/// Recipients that were named and about whom today's rules say nothing at all.
fn absent(preview: &Value, named: &[PartnerId]) -> Vec<String> {
    let known = |id: &PartnerId| {
        ["zendingen", "nietTeMaken", "nietTeSturen"]
            .iter()
            .flat_map(|key| list(preview, key))
            .any(|line| text(line, "ontvanger") == id.as_str())
    };
    named.iter().filter(|id| !known(id)).map(ToString::to_string).collect()
}

fn show_preview(preview: &Value, absent: &[String], form: Form) {
    if form != Form::Table {
        return out(&preview.to_string());
    }
    let parcels = list(preview, "zendingen");
    if !parcels.is_empty() {
        let mut rows = Rows::new(&["ontvanger", "gevolg", "eerdere zending", "stadium daarvan"]);
        for parcel in parcels {
            let field = |key: &str| parcel.get(key).cloned().unwrap_or(Value::Null);
            rows.add(vec![field("ontvanger"), field("gevolg"), field("eerder"), field("stadium")]);
        }
        rows.print(Form::Table);
    }
    for parcel in parcels {
        let (then, now) = (list(parcel, "onthoudenToen"), list(parcel, "onthoudenNu"));
        let who = text(parcel, "ontvanger");
        let fresh: Vec<Value> = now.iter().filter(|f| !then.contains(f)).cloned().collect();
        let freed: Vec<Value> = then.iter().filter(|f| !now.contains(f)).cloned().collect();
        let is_new = parcel.get("eerder").is_none_or(Value::is_null);
        for line in withheld(&fresh) {
            let since = if is_new { "Onthouden" } else { "Nu ook onthouden" };
            out(&format!("{since} aan {who}, {line}"));
        }
        if text(parcel, "gevolg").starts_with("andere") {
            let fields = joined(parcel, "velden");
            out(&format!("Anders voor {who}: {fields}"));
        }
        for field in &freed {
            out(&format!("Toen onthouden aan {who}, nu anders: {}", text(field, "pad")));
        }
    }
    show_skipped(preview, absent);
}

fn show_skipped(told: &Value, absent: &[String]) {
    for (key, what) in [("nietTeMaken", "Niet te maken"), ("nietTeSturen", "Niet te sturen")] {
        for line in list(told, key) {
            let who = line.get("ontvanger").and_then(Value::as_str).unwrap_or("niemand");
            out(&format!("{what} voor {who}: {}", reason(text(line, "reden"))));
        }
    }
    for who in absent {
        out(&format!("Niets voor {who}: geen route en geen vermelding door de afzender"));
    }
}

/// Says what was done, and whether that was all that was asked.
fn show_result(result: &Value, absent: &[String], form: Form) -> Exit {
    let again = list(result, "opnieuwAangeboden").len();
    let replaced = list(result, "vervangen").len();
    let added = list(result, "nieuw").len();
    if form == Form::Table {
        out(&format!("Gedaan: {again} opnieuw aangeboden, {replaced} vervangen, {added} nieuw."));
        for pair in list(result, "vervangen") {
            out(&format!("  {} vervangt {}", text(pair, "nieuw"), text(pair, "oud")));
        }
    } else {
        out(&result.to_string());
    }
    let failed = list(result, "nietTeMaken").len() + absent.len();
    let done = again + replaced + added;
    match (done, failed) {
        (0, _) => {
            say("Er is niets verstuurd.");
            Exit::Failure
        }
        (_, 0) => Exit::Ok,
        (_, failed) => {
            let whom = count(failed, "ontvanger", "ontvangers");
            say(&format!("Niet voor iedereen gelukt: {failed} {whom} niet."));
            Exit::Partly
        }
    }
}
