//! Making a field say less: four digits of a postcode, an age band, initials, a coarser place.

use serde_json::{Map, Value, json};

use crate::message::Timestamp;

/// Fields that are generalised as a whole object.
pub fn takes_object(name: &str) -> bool {
    matches!(name, "naam" | "punt")
}

/// The generalised value; `None` where too little is left to give.
pub fn value(name: &str, value: &Value, now: Timestamp) -> Option<Value> {
    match (name, value) {
        ("postcode", Value::String(text)) => Some(Value::from(text.get(..4)?)),
        ("buurtcode", Value::String(text)) => Some(Value::from(format!("WK{}", text.get(2..8)?))),
        ("geboortedatum", Value::String(text)) => age_band(text, now).map(Value::from),
        ("naam", Value::Object(fields)) => Some(initials(fields)),
        ("punt", Value::Object(fields)) => square(fields),
        ("tijdstip" | "begin" | "eind", Value::String(text)) => whole_hour(text).map(Value::from),
        _ => None,
    }
}

/// `30-39`, counted on this day; under one is `0-9`, and a hundred and older is `90+`.
fn age_band(birth_date: &str, now: Timestamp) -> Option<String> {
    let (year, month, day) = now.amsterdam_date();
    let born: jiff::civil::Date = birth_date.parse().ok()?;
    let had_birthday = (born.month(), born.day()) <= (month, day);
    let age = year - born.year() - i16::from(!had_birthday);
    match age {
        ..0 => None,
        90.. => Some("90+".to_owned()),
        _ => Some(format!("{}-{}", age / 10 * 10, age / 10 * 10 + 9)),
    }
}

/// Initials and the first letter of the family name.
fn initials(name: &Map<String, Value>) -> Value {
    let text = |field: &str| name.get(field).and_then(Value::as_str);
    let first_letters = |text: &str| -> String {
        let words = text.split(|c: char| c.is_whitespace() || c == '.');
        words.filter_map(|w| w.chars().next()).flat_map(|c| [c, '.']).collect()
    };
    let mut out = Map::new();
    if let Some(given) = text("voorletters").or(text("voornamen")) {
        out.insert("voorletters".to_owned(), Value::from(first_letters(given)));
    }
    let family: String = text("geslachtsnaam").unwrap_or("").chars().take(1).chain(['.']).collect();
    out.insert("geslachtsnaam".to_owned(), Value::from(family));
    Value::Object(out)
}

/// The point rounded to a hundred metres, or to a thousandth of a degree.
fn square(point: &Map<String, Value>) -> Option<Value> {
    let system = point.get("stelsel")?.as_str()?;
    let (x, y) = (point.get("x")?.as_f64()?, point.get("y")?.as_f64()?);
    let step = if system == "RD" { 100.0 } else { 0.001 };
    let round = |v: f64| ((v / step).round() * step * 1000.0).round() / 1000.0;
    Some(json!({ "stelsel": system, "x": round(x), "y": round(y) }))
}

fn whole_hour(text: &str) -> Option<String> {
    let time = Timestamp::parse(text)?;
    let micros = time.as_micros() - time.as_micros().rem_euclid(3_600_000_000);
    Some(Timestamp::from_micros(micros).to_amsterdam())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-23T12:00:00Z").unwrap()
    }

    #[test]
    fn an_age_band_counts_birthdays() {
        assert_eq!(age_band("1984-03-09", now()).as_deref(), Some("40-49"));
        assert_eq!(age_band("1996-11-23", now()).as_deref(), Some("30-39"));
        assert_eq!(age_band("1996-11-24", now()).as_deref(), Some("20-29"));
        assert_eq!(age_band("2030-01-01", now()), None);
    }

    #[test]
    fn names_and_places_say_less() {
        let name = json!({"voornamen": "Johannes Pieter", "voorvoegsel": "van der",
            "geslachtsnaam": "Berg"});
        let less = value("naam", &name, now());
        assert_eq!(less, Some(json!({"voorletters": "J.P.", "geslachtsnaam": "B."})));
        let point = json!({"stelsel": "RD", "x": 161_549.7, "y": 383_250});
        let less = value("punt", &point, now());
        assert_eq!(less, Some(json!({"stelsel": "RD", "x": 161_500.0, "y": 383_300.0})));
        assert_eq!(value("postcode", &json!("5611AB"), now()), Some(json!("5611")));
        assert_eq!(value("buurtcode", &json!("BU07721105"), now()), Some(json!("WK077211")));
        let hour = value("begin", &json!("2026-11-20T20:55:00+01:00"), now());
        assert_eq!(hour, Some(json!("2026-11-20T20:00:00+01:00")));
    }
}
