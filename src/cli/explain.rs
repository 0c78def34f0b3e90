//! `schakel explain`: every field of a message for one recipient, with origin, rule and purpose.

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Ground, Halt};
use super::output::{Exit, Form, Rows, out};
use super::words::{count, joined, list, reason, text, yes};
use crate::message::PartnerId;

/// The outcomes in the order in which people want to know them.
const OUTCOMES: [(&str, &str); 4] = [
    ("gegeven", "Gegeven"),
    ("gemaskeerd", "Gemaskeerd gegeven"),
    ("veralgemeend", "Veralgemeend gegeven"),
    ("onthouden", "Niet gegeven"),
];

#[derive(Debug, Args)]
#[command(after_help = "Voorbeeld:\n  schakel explain 0c6b5a0e-2f0e-4a52-9b0d-6f1d1f3a8e11 \
    --recipient wonen-zuid\n\nHet bericht wordt opnieuw langs de regels van de actieve set gelegd; \
    waarden staan er niet in.")]
pub struct Asked {
    /// Nummer van een bericht of van een zending
    id: Uuid,
    /// Voor welke ontvanger
    #[arg(long, value_name = "KETENPARTNER")]
    recipient: PartnerId,
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let body = json!({ "id": asked.id, "ontvanger": asked.recipient });
    let (told, sent) = ground
        .with(async |access| {
            let told = access.call("uitleg", body.clone()).await?;
            let trace = access.call("spoor", json!({ "id": asked.id })).await?;
            Ok((told, was_sent(&trace, &asked.recipient)))
        })
        .await?;
    match ground.form {
        Form::Json => out(&told.to_string()),
        Form::Jsonl => list(&told, "velden").iter().for_each(|line| out(&line.to_string())),
        Form::Table => story(&told, sent),
    }
    Ok(Exit::Ok)
}

/// Whether the message led to a parcel for this recipient, an answer not counted.
fn was_sent(traces: &Value, recipient: &PartnerId) -> bool {
    let answer = |parcel: &Value| parcel.get("antwoord").and_then(Value::as_bool).unwrap_or(false);
    let traces = traces.as_array().map_or(&[][..], Vec::as_slice);
    traces
        .iter()
        .flat_map(|trace| list(trace, "zendingen"))
        .any(|parcel| text(parcel, "ontvanger") == recipient.as_str() && !answer(parcel))
}

fn story(told: &Value, sent: bool) {
    let (sender, recipient) = (text(told, "afzender"), text(told, "ontvanger"));
    out(&format!("Bericht {} van {sender}, zoals {recipient} het krijgt", text(told, "bericht")));
    let (now, then) = (text(told, "set"), text(told, "toenmaligeSet"));
    if now == then {
        out(&format!("Set {now}, dezelfde als bij ontvangst"));
    } else {
        out(&format!("Set {now}; bij ontvangst gold set {then}, toen kan het anders zijn geweest"));
    }
    if !sent {
        out(&format!("{recipient} heeft dit bericht niet gekregen; dit is wat hij zou krijgen."));
    }
    let purposes = list(told, "doelbindingen");
    out("");
    if purposes.is_empty() {
        out(&format!("Er is geen doelbinding van {sender} aan {recipient}: alles blijft achter."));
    } else {
        out("Doelbindingen tussen deze twee:");
        purpose_table(purposes);
    }
    for (code, title) in OUTCOMES {
        let fields: Vec<&Value> =
            list(told, "velden").iter().filter(|field| text(field, "uitkomst") == code).collect();
        if fields.is_empty() {
            continue;
        }
        out(&format!("\n{title} ({})", fields.len()));
        fields.iter().for_each(|field| field_story(field));
    }
}

fn purpose_table(purposes: &[Value]) {
    let mut rows = Rows::new(&[
        "doelbinding",
        "doel",
        "grondslag",
        "besluit",
        "geldt nu",
        "geldt voor thema",
        "onder voorwaarde",
    ]);
    for purpose in purposes {
        let field = |key: &str| purpose.get(key).cloned().unwrap_or(Value::Null);
        let flag = |key: &str| json!(yes(field(key).as_bool().unwrap_or(false)));
        rows.add(vec![
            field("id"),
            field("doel"),
            field("grondslag"),
            field("besluit"),
            flag("geldtNu"),
            flag("geldtVoorThema"),
            field("voorwaarde"),
        ]);
    }
    rows.print(Form::Table);
}

fn field_story(field: &Value) {
    out(&format!("  {}", text(field, "veld")));
    let sources = list(field, "bron");
    for source in sources {
        let reads = joined(source, "leest");
        let reads = if reads.is_empty() { "een vaste waarde".to_owned() } else { reads };
        out(&format!("    uit      {reads} ({})", text(source, "regel")));
    }
    if sources.is_empty() {
        out("    uit      door de hub zelf gezet");
    }
    out(&format!("    van      {}", text(field, "herkomst")));
    let why = text(field, "reden");
    if !why.is_empty() {
        out(&format!("    waarom   {}", reason(why)));
    }
    let purpose = text(field, "doelbinding");
    if !purpose.is_empty() {
        out(&format!("    omdat    {purpose}: {}", text(field, "grondslag")));
    }
    if text(field, "uitkomst") == "onthouden" {
        return;
    }
    let targets = list(field, "doel");
    let direct =
        |target: &&Value| target.get("rechtstreeks").and_then(Value::as_bool).unwrap_or(true);
    for target in targets.iter().filter(direct) {
        out(&format!("    wordt    {} ({})", text(target, "pad"), text(target, "regel")));
    }
    let other = targets.len() - targets.iter().filter(direct).count();
    if other > 0 {
        let what = count(other, "ander veld", "andere velden");
        out(&format!("    bepaalt  mede of {other} {what} er zijn; zie -o json"));
    }
    if targets.is_empty() {
        out("    wordt    niets: het formaat van de ontvanger heeft er geen plaats voor");
    }
}
