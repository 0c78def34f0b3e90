//! `schakel trace` and `schakel tail`: what came in, and the road it took.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Access, Ground, Halt};
use super::output::{Exit, Form, Rows, out, say};
use super::words::{count, joined, list, moment_at, moment_cell, plain, reason, text, yes};
use crate::message::PartnerId;

/// How often `tail --follow` asks.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// What the hub gives at a time.
const PAGE: i64 = 500;

#[derive(Debug, Args)]
#[command(after_help = "Voorbeelden:\n  schakel trace 0c6b5a0e-2f0e-4a52-9b0d-6f1d1f3a8e11\n  \
    schakel trace --partner politie-oost-brabant --kenmerk PL2100-2026123456")]
pub struct Asked {
    /// Nummer van een bericht of van een zending
    #[arg(required_unless_present_any = ["partner", "kenmerk"])]
    id: Option<Uuid>,
    /// De afzender
    #[arg(long, requires = "kenmerk", conflicts_with = "id", value_name = "KETENPARTNER")]
    partner: Option<PartnerId>,
    /// Het eigen kenmerk van de afzender
    #[arg(long, requires = "partner")]
    kenmerk: Option<String>,
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let body = match (&asked.id, &asked.partner, &asked.kenmerk) {
        (Some(id), _, _) => json!({ "id": id }),
        (None, partner, reference) => json!({ "partner": partner, "kenmerk": reference }),
    };
    let traces = ground.ask("spoor", body).await?;
    let traces = traces.as_array().map_or(&[][..], Vec::as_slice);
    if traces.is_empty() {
        return Err(Halt::new(
            Exit::NotFound,
            "onder dit kenmerk is van deze partner niets bekend",
        ));
    }
    match ground.form {
        Form::Json => out(&json!(traces).to_string()),
        Form::Jsonl => traces.iter().for_each(|trace| out(&trace.to_string())),
        Form::Table => {
            for (number, trace) in traces.iter().enumerate() {
                if number > 0 {
                    out("");
                }
                story(trace);
            }
        }
    }
    Ok(Exit::Ok)
}

/// The road of one message, for people.
pub fn story(trace: &Value) {
    let Some(message) = trace.get("bericht") else { return };
    let flag = |key: &str| message.get(key).and_then(Value::as_bool).unwrap_or(false);
    out(&format!(
        "Bericht {}: {} van {}, ontvangen {} via {}",
        text(message, "id"),
        text(message, "soort"),
        text(message, "afzender"),
        moment_at(message, "ontvangen"),
        text(message, "kanaal"),
    ));
    let theme = message.get("thema").and_then(Value::as_str).unwrap_or("geen");
    out(&format!(
        "Casus {}, thema {theme}, gebruik {}, spoed {}",
        text(message, "casus"),
        text(message, "gebruik"),
        yes(flag("spoed")),
    ));
    let erased = moment_at(message, "gewist");
    if !erased.is_empty() {
        out(&format!("De inhoud van deze casus is gewist op {erased}; de bewijzen blijven."));
    }
    let parcels = list(trace, "zendingen");
    if parcels.is_empty() {
        out("Er zijn geen zendingen.");
    } else {
        parcel_table(parcels);
    }
    for parcel in parcels {
        parcel_story(parcel);
    }
    for line in list(trace, "nietVerzonden") {
        let who = line.get(0).and_then(Value::as_str).unwrap_or("niemand in het bijzonder");
        let why = line.get(1).and_then(Value::as_str).unwrap_or_default();
        out(&format!("Niet verzonden aan {who}: {} ({why})", reason(why)));
    }
}

fn parcel_table(parcels: &[Value]) {
    let mut rows = Rows::new(&[
        "ontvanger",
        "zending",
        "soort",
        "status",
        "stadium",
        "pogingen",
        "volgende poging",
        "onthouden",
        "route",
        "doelbindingen",
    ]);
    for parcel in parcels {
        let waits = matches!(text(parcel, "status"), "wacht" | "geleased");
        let next = if waits { moment_cell(parcel, "volgendePoging") } else { Value::Null };
        let answer = parcel.get("antwoord").and_then(Value::as_bool).unwrap_or(false);
        let kind = format!("{}{}", text(parcel, "soort"), if answer { " (antwoord)" } else { "" });
        rows.add(vec![
            json!(text(parcel, "ontvanger")),
            json!(text(parcel, "zending")),
            json!(kind),
            json!(text(parcel, "status")),
            json!(text(parcel, "stadium")),
            json!(list(parcel, "pogingen").len()),
            next,
            json!(list(parcel, "onthouden").len()),
            parcel.get("route").cloned().unwrap_or(Value::Null),
            json!(joined(parcel, "doelbindingen")),
        ]);
    }
    rows.print(Form::Table);
}

fn parcel_story(parcel: &Value) {
    let who = text(parcel, "ontvanger");
    let why = text(parcel, "reden");
    if !why.is_empty() {
        out(&format!("{who} zegt {}: {why}", text(parcel, "stadium")));
    }
    for attempt in list(parcel, "pogingen") {
        out(&format!("{who}: poging {}: {}", moment_at(attempt, "op"), text(attempt, "uitkomst")));
    }
    for line in withheld(list(parcel, "onthouden")) {
        out(&format!("Onthouden aan {who}, {line}"));
    }
}

/// Withheld fields by reason, one line each.
pub fn withheld(fields: &[Value]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for field in fields {
        let (why, path) = (text(field, "reden"), text(field, "pad"));
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, paths)) => paths.push(path),
            None => reasons.push((why, vec![path])),
        }
    }
    let line = |(why, paths): (&str, Vec<&str>)| format!("{}: {}", reason(why), paths.join(", "));
    reasons.into_iter().map(line).collect()
}

#[derive(Debug, Args)]
#[command(after_help = "Voorbeeld:\n  schakel tail -n 50 --follow -o jsonl | jq .bericht.soort")]
pub struct TailAsked {
    /// Hoeveel van de laatste berichten
    #[arg(short = 'n', long = "lines", default_value_t = 20, value_name = "AANTAL",
        value_parser = clap::value_parser!(i64).range(0..=PAGE))]
    lines: i64,
    /// Blijft kijken tot u stopt
    #[arg(short, long)]
    follow: bool,
}

pub async fn tail(asked: &TailAsked, ground: Ground<'_>) -> Result<Exit, Halt> {
    if !asked.follow {
        let lines = ground
            .with(async |access| Ok(page(access, -asked.lines, asked.lines).await?.0))
            .await?;
        print(&lines, ground.form);
        if lines.is_empty() {
            say("Er is nog niets binnengekomen.");
        }
        return Ok(Exit::Ok);
    }
    ground.with(async |access| follow(access, asked.lines, ground.form).await).await
}

async fn follow(access: &Access, lines: i64, form: Form) -> Result<Exit, Halt> {
    if matches!(access, Access::Local { .. }) {
        say("Er draait geen hub over deze map: er komt niets bij tot schakel serve draait.");
        return Err(Halt::new(Exit::Unreachable, "er is niets om te volgen"));
    }
    // The last line gives the number from where to go on, also when none is to be shown.
    let (newest, mut last) = page(access, -lines.max(1), lines.max(1)).await?;
    if lines > 0 {
        print_lines(&newest, form);
    }
    loop {
        tokio::select! {
            () = super::serve::end_signal() => return Ok(Exit::Ok),
            () = tokio::time::sleep(FOLLOW_EVERY) => {}
        }
        let (new, newest) = page(access, last, PAGE).await?;
        last = newest.max(last);
        print_lines(&new, form);
    }
}

/// Messages after a number, and the number of the last.
async fn page(access: &Access, after: i64, limit: i64) -> Result<(Vec<Value>, i64), Halt> {
    if limit == 0 {
        return Ok((Vec::new(), 0));
    }
    let told = access.call("staart", json!({ "na": after, "limiet": limit })).await?;
    let lines = told.as_array().cloned().unwrap_or_default();
    let last = lines.last().and_then(|line| line.get("nr")).and_then(Value::as_i64);
    Ok((lines, last.unwrap_or(0)))
}

fn print(lines: &[Value], form: Form) {
    match form {
        Form::Json => out(&json!(lines).to_string()),
        Form::Jsonl => print_lines(lines, form),
        Form::Table => {
            let columns =
                ["nr", "ontvangen", "afzender", "soort", "thema", "casus", "zendingen", "id"];
            let mut rows = Rows::new(&columns);
            for line in lines {
                let field = |key: &str| line.get(key).cloned().unwrap_or(Value::Null);
                let mut row: Vec<Value> = columns.iter().map(|key| field(key)).collect();
                if let Some(cell) = row.get_mut(1) {
                    *cell = moment_cell(line, "ontvangen");
                }
                rows.add(row);
            }
            rows.print(form);
        }
    }
}

/// One line for each, as they come.
fn print_lines(lines: &[Value], form: Form) {
    for line in lines {
        if form != Form::Table {
            out(&line.to_string());
            continue;
        }
        let parcels = line.get("zendingen").and_then(Value::as_i64).unwrap_or(0);
        let parcels = usize::try_from(parcels).unwrap_or(0);
        out(&format!(
            "{} {} {} van {}, casus {}, {parcels} {}",
            moment_at(line, "ontvangen"),
            text(line, "id"),
            text(line, "soort"),
            text(line, "afzender"),
            line.get("casus").map(plain).unwrap_or_default(),
            count(parcels, "zending", "zendingen"),
        ));
    }
}
