//! `schakel activate --shadow`: a page at a time, so that it can be followed, and so that live
//! traffic never waits for it.

use serde_json::{Value, json};

use crate::cli::access::{Ground, Halt};
use crate::cli::output::{Exit, Form, Rows, out, say, say_part};
use crate::cli::words::{moment, reason};
use crate::message::Timestamp;
use crate::pipeline::{Consequence, FieldTurns, ShadowTally};

/// Messages in one page.
const PAGE: u64 = 50;
/// Fields shown of one recipient, of each kind.
const SHOWN: usize = 20;

pub async fn run(what: Value, by: &str, count: u64, ground: Ground<'_>) -> Result<Exit, Halt> {
    ground
        .with(async |access| {
            let mut all = Seen::default();
            let (mut body, mut left) = (what, count);
            while left > 0 {
                let told = access.call("set-schaduw", asked(&body, by, left, &all.next)).await?;
                all.add(&told)?;
                say_part(&format!("\r{} van {count} berichten bekeken", all.messages));
                left = left.saturating_sub(PAGE);
                // From here on by its name: the files went along once.
                body = json!({ "set": told.get("set").cloned().unwrap_or_default() });
                if all.stopped || all.next.is_null() {
                    break;
                }
            }
            say("");
            show(&all, ground.form);
            Ok(Exit::Ok)
        })
        .await
}

fn asked(what: &Value, by: &str, left: u64, next: &Value) -> Value {
    let mut body = what.clone();
    if let Some(object) = body.as_object_mut() {
        object.insert("door".to_owned(), json!(by));
        object.insert("aantal".to_owned(), json!(left.min(PAGE)));
        object.insert("totaal".to_owned(), json!(left));
        object.insert("na".to_owned(), next.clone());
    }
    body
}

/// What the pages showed together.
#[derive(Default)]
struct Seen {
    set: String,
    messages: u64,
    refusals: u64,
    left_out: u64,
    since: Option<Timestamp>,
    stopped: bool,
    tally: ShadowTally,
    next: Value,
}

impl Seen {
    fn add(&mut self, told: &Value) -> Result<(), Halt> {
        let unread = |_| Halt::new(Exit::Failure, "de hub antwoordt iets dat geen schaduwloop is");
        let number = |name: &str| told.get(name).and_then(Value::as_u64).unwrap_or(0);
        let part = |name: &str| told.get(name).cloned().unwrap_or_default();
        self.tally.merge(serde_json::from_value(part("uitkomst")).map_err(unread)?);
        self.messages += number("bekeken");
        self.refusals += number("geweigerdBekeken");
        self.left_out += number("overgeslagen");
        self.since = serde_json::from_value(part("vanaf")).map_err(unread)?;
        self.stopped = part("afgebroken") == json!(true);
        self.set = part("set").as_str().unwrap_or_default().to_owned();
        self.next = part("volgende");
        Ok(())
    }
}

fn show(seen: &Seen, form: Form) {
    if form != Form::Table {
        let told = json!({
            "set": seen.set,
            "bekeken": seen.messages,
            "geweigerdBekeken": seen.refusals,
            "overgeslagen": seen.left_out,
            "vanaf": seen.since,
            "afgebroken": seen.stopped,
            "uitkomst": seen.tally,
        });
        return out(&told.to_string());
    }
    let since = seen.since.map_or_else(String::new, |at| format!(", sinds {}", moment(at)));
    out(&format!(
        "Bekeken: {} berichten en {} geweigerde stukken{since}; {} overgeslagen.",
        seen.messages, seen.refusals, seen.left_out
    ));
    let columns = ["gevolg", "ontvanger", "afzender", "soort", "aantal", "redenen", "plaatsen"];
    let mut rows = Rows::new(&columns);
    let different = |line: &&crate::pipeline::TallyLine| line.consequence != Consequence::Zelfde;
    let lines: Vec<_> = seen.tally.regels.0.iter().filter(different).collect();
    for line in &lines {
        let names = |names: &std::collections::BTreeMap<String, u64>, word: bool| {
            let told = names.iter().map(|(name, number)| {
                format!("{} ({number})", if word { reason(name) } else { name })
            });
            told.collect::<Vec<_>>().join(", ")
        };
        rows.add(vec![
            json!(words(line.consequence)),
            json!(line.recipient),
            json!(line.group.partner),
            json!(line.group.kind),
            json!(line.count),
            json!(names(&line.reasons, true)),
            json!(names(&line.fields, false)),
        ]);
    }
    if lines.is_empty() {
        out("Met deze set was met deze berichten hetzelfde gebeurd.");
    } else {
        rows.print(form);
    }
    for (recipient, turns) in &seen.tally.velden {
        show_fields(recipient.as_str(), turns);
    }
    if seen.stopped {
        say("De schaduwloop stopte eerder: het verkeer ging voor, of het duurde te lang.");
    }
    say("Er is niets verstuurd of veranderd; in het logboek staat dat deze loop is gedaan.");
}

fn show_fields(recipient: &str, turns: &FieldTurns) {
    for (what, names) in
        [("erbij", &turns.meer), ("weg", &turns.minder), ("andere waarde", &turns.anders)]
    {
        let told: Vec<String> =
            names.iter().take(SHOWN).map(|(name, number)| format!("{name} ({number})")).collect();
        let more = names.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" en nog {more}") } else { String::new() };
        if !told.is_empty() {
            out(&format!("{recipient}, {what}: {}{more}", told.join(", ")));
        }
    }
}

const fn words(consequence: Consequence) -> &'static str {
    match consequence {
        Consequence::Zelfde => "zelfde",
        Consequence::Anders => "andere inhoud",
        Consequence::Nieuw => "ontvanger komt erbij",
        Consequence::NietMeer => "ontvanger krijgt niets meer",
        Consequence::NietTeMaken => "geweigerd of niet te maken",
        Consequence::Aangenomen => "was geweigerd, wordt aangenomen",
        Consequence::Vervalt => "vervalt",
    }
}
