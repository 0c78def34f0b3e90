//! Flags for a crowd, the preview of what a job would do to it, and starting that job.

use clap::Args;
use serde_json::{Map, Value, json};

use super::access::{Access, Ground, Halt};
use super::job;
use super::output::{Exit, Form, Rows, out, say, say_part};
use super::quarantine::moment;
use super::words::{count, list, reason, text};
use crate::message::{PartnerId, Timestamp};
use crate::pipeline::{Consequence, Tally, TallyLine};

/// Items of which the differences are reckoned where nobody asks for all.
const SAMPLE: u64 = 200;

/// Fields or reasons shown of one line.
const SHOWN: usize = 8;

/// Which messages or entries.
#[derive(Debug, Args)]
pub struct Filter {
    /// Alleen van deze ketenpartner; bij uitval ook voor deze
    #[arg(long, value_name = "KETENPARTNER", conflicts_with = "id")]
    partner: Option<PartnerId>,
    /// Alleen dit soort bericht, zoals signaal-gemeld of signaal-gemeld.v1
    #[arg(long = "type", id = "kind", value_name = "SOORT", conflicts_with = "id")]
    kind: Option<String>,
    /// Alleen sinds dit moment, zoals 2026-11-23T20:15:00+01:00
    #[arg(long, value_name = "MOMENT", value_parser = moment, conflicts_with = "id")]
    since: Option<Timestamp>,
    /// Alleen tot en met dit moment; wat later binnenkomt doet nooit mee
    #[arg(long, value_name = "MOMENT", value_parser = moment, conflicts_with = "id")]
    until: Option<Timestamp>,
}

/// How, and by whom.
#[derive(Debug, Args)]
pub struct Doing {
    /// Doet het; zonder dit wordt alleen getoond wat er zou gebeuren
    #[arg(long)]
    pub yes: bool,
    /// Wie dit besluit
    #[arg(long, value_name = "NAAM")]
    by: Option<String>,
    /// Waarom; geen persoonsgegevens
    #[arg(long, value_name = "TEKST")]
    why: Option<String>,
    /// Vergelijkt alles, niet alleen een steekproef
    #[arg(long, conflicts_with_all = ["id", "yes"])]
    all: bool,
    /// Hoeveel per seconde
    #[arg(long, value_name = "AANTAL", requires = "yes", conflicts_with = "id")]
    rate: Option<u32>,
    /// Wacht niet tot de klus klaar is
    #[arg(long, requires = "yes", conflicts_with = "id")]
    detach: bool,
}

impl Filter {
    /// The filter as the hub reads it.
    pub fn json(&self, kind: &str) -> Map<String, Value> {
        let pairs = [
            ("handeling", json!(kind)),
            ("partner", json!(self.partner)),
            ("soort", json!(self.kind)),
            ("sinds", json!(self.since)),
            ("tot", json!(self.until)),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

impl Doing {
    /// Who decides and why, which a decision needs.
    pub fn person(&self) -> Result<(&str, &str), Halt> {
        match (&self.by, &self.why) {
            (Some(by), Some(why)) => Ok((by, why)),
            _ => Err(Halt::new(Exit::Usage, "zeg wie dit besluit (--by) en waarom (--why)")),
        }
    }
}

/// A preview, or with `--yes` a job.
pub async fn run(
    mut filter: Map<String, Value>,
    doing: &Doing,
    ground: Ground<'_>,
) -> Result<Exit, Halt> {
    if doing.yes {
        doing.person()?;
    }
    filter.retain(|_, value| !value.is_null());
    let filter = Value::Object(filter);
    ground
        .with(async |access| {
            let told = access.call("menigte-telling", json!({ "filter": filter })).await?;
            let total = told.get("aantal").and_then(Value::as_u64).unwrap_or(0);
            if total == 0 {
                say("Er is niets dat hieraan voldoet.");
                return Ok(Exit::NotFound);
            }
            // From here on with the moment that bounds what was counted.
            let filter = told.get("filter").cloned().unwrap_or(filter.clone());
            if doing.yes {
                return start(access, filter, total, doing, ground.form).await;
            }
            let (seen, tally) = compare(access, &filter, total, doing.all).await?;
            show(&told, seen, &tally, ground.form);
            let until = text(&filter, "tot");
            say(&format!(
                "Dit was alleen een voorbeeld; er is niets gebeurd. Uitvoeren: dezelfde opdracht \
                 met\n--until {until} --yes --by NAAM --why TEKST; wat na dat moment binnenkwam \
                 doet dan niet mee."
            ));
            Ok(Exit::Ok)
        })
        .await
}

async fn start(
    access: &Access,
    filter: Value,
    total: u64,
    doing: &Doing,
    form: Form,
) -> Result<Exit, Halt> {
    let (by, why) = doing.person()?;
    let mut body = json!({ "filter": filter, "door": by, "reden": why });
    if let (Some(rate), Some(object)) = (doing.rate, body.as_object_mut()) {
        object.insert("tempo".to_owned(), json!(rate));
    }
    let made = access.call("klus-maken", body).await?;
    let id = text(&made, "id");
    let number = made.get("totaal").and_then(Value::as_u64).unwrap_or(total);
    let rate = made.get("tempo").and_then(Value::as_u64).unwrap_or_default();
    let items = count(usize::try_from(number).unwrap_or(usize::MAX), "stuk", "stuks");
    say(&format!("Klus {id}: {} {items}, {rate} per seconde.", thousands(number)));
    if doing.detach {
        job::show_line(&made, form);
        say(&format!("Volgen: schakel job follow {id}"));
        return Ok(Exit::Ok);
    }
    job::follow(access, id, form).await
}

/// The differences of all, where there are few or all were asked for, or of a sample.
async fn compare(
    access: &Access,
    filter: &Value,
    total: u64,
    all: bool,
) -> Result<(u64, Tally), Halt> {
    let unread = |_| Halt::new(Exit::Failure, "de hub antwoordt iets dat geen vergelijking is");
    let number = |told: &Value| told.get("bekeken").and_then(Value::as_u64).unwrap_or(0);
    let read = |told: &Value| {
        serde_json::from_value(told.get("regels").cloned().unwrap_or_default()).map_err(unread)
    };
    if !all {
        let body = json!({ "filter": filter, "steekproef": SAMPLE });
        let told = access.call("menigte-voorbeeld", body).await?;
        return Ok((number(&told), read(&told)?));
    }
    let (mut seen, mut tally, mut after) = (0, Tally::default(), Value::Null);
    loop {
        let body = json!({ "filter": filter, "na": after });
        let told = access.call("menigte-voorbeeld", body).await?;
        tally.merge(read(&told)?);
        seen += number(&told);
        after = told.get("volgende").cloned().unwrap_or_default();
        if after.is_null() {
            say("");
            return Ok((seen, tally));
        }
        say_part(&format!("\r{} van {} vergeleken", thousands(seen), thousands(total)));
    }
}

fn show(told: &Value, seen: u64, tally: &Tally, form: Form) {
    let total = told.get("aantal").and_then(Value::as_u64).unwrap_or(0);
    if form != Form::Table {
        let told = json!({
            "aantal": total,
            "bekeken": seen,
            "steekproef": seen < total,
            "groepen": told.get("groepen"),
            "verschillen": tally,
            "filter": told.get("filter"),
        });
        return out(&told.to_string());
    }
    let mut rows = Rows::new(&["partner", "soort", "reden", "aantal"]);
    for group in list(told, "groepen") {
        let field = |key: &str| group.get(key).cloned().unwrap_or(Value::Null);
        rows.add(vec![field("partner"), field("soort"), field("reden"), field("aantal")]);
    }
    rows.print(Form::Table);
    out("");
    if seen < total {
        out(&format!("Wat er zou gaan: steekproef van {seen} van {}.", thousands(total)));
    } else {
        out(&format!("Wat er zou gaan, van alle {}:", thousands(total)));
    }
    let mut rows = Rows::new(&["partner", "soort", "reden", "ontvanger", "gevolg", "aantal"]);
    for line in &tally.0 {
        rows.add(vec![
            json!(line.group.partner),
            json!(line.group.kind),
            json!(line.group.reason),
            json!(line.recipient),
            json!(words(line.consequence)),
            json!(line.count),
        ]);
    }
    rows.print(Form::Table);
    tally.0.iter().for_each(show_details);
}

/// The fields that differ and the reasons, with in how many.
fn show_details(line: &TallyLine) {
    let whom = line.recipient.as_ref().map_or("niemand in het bijzonder", PartnerId::as_str);
    let pairs = [("velden", &line.fields), ("redenen", &line.reasons)];
    for (what, names) in pairs.into_iter().filter(|(_, names)| !names.is_empty()) {
        let mut sorted: Vec<(&String, &u64)> = names.iter().collect();
        sorted.sort_by_key(|(name, number)| (std::cmp::Reverse(**number), *name));
        let say = |(name, number): &(&String, &u64)| format!("{} ({number})", reason(name));
        let mut told: Vec<String> = sorted.iter().take(SHOWN).map(say).collect();
        if sorted.len() > SHOWN {
            told.push(format!("en nog {}", sorted.len() - SHOWN));
        }
        out(&format!("{}, {whom}, {what}: {}", words(line.consequence), told.join(", ")));
    }
}

const fn words(consequence: Consequence) -> &'static str {
    match consequence {
        Consequence::Zelfde => "zelfde inhoud",
        Consequence::Anders => "andere inhoud, vervangt de eerdere",
        Consequence::Nieuw => "nieuw",
        Consequence::NietMeer => "zou nu niets krijgen; wat er is, blijft",
        Consequence::NietTeMaken => "niet te maken",
        Consequence::Aangenomen => "wordt aangenomen",
        Consequence::Vervalt => "vervalt",
    }
}

/// A number as the Dutch write it.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_points_where_the_dutch_have_them() {
        for (number, wanted) in
            [(0, "0"), (999, "999"), (1000, "1.000"), (12_000, "12.000"), (1_234_567, "1.234.567")]
        {
            assert_eq!(thousands(number), wanted);
        }
    }
}
