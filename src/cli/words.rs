//! JSON of the hub in words for people: moments, codes, short lists.

use serde_json::{Value, json};

use crate::message::Timestamp;

/// The text under a key; empty where there is none.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The elements under a key.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Texts under a key, in one line.
pub fn joined(value: &Value, key: &str) -> String {
    list(value, key).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// A moment as a clock on the wall in Amsterdam says it.
pub fn moment(time: Timestamp) -> String {
    let text = time.to_amsterdam();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

/// The moment under a key, in words; empty where there is none.
pub fn moment_at(value: &Value, key: &str) -> String {
    Timestamp::parse(text(value, key)).map(moment).unwrap_or_default()
}

/// A cell with a moment.
pub fn moment_cell(value: &Value, key: &str) -> Value {
    let text = moment_at(value, key);
    if text.is_empty() { Value::Null } else { json!(text) }
}

/// A value as a partner's reader says it: without quotes.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Yes or no.
pub const fn yes(value: bool) -> &'static str {
    if value { "ja" } else { "nee" }
}

/// A code of the hub as a sentence of people; the code itself where it has no other words.
pub fn reason(code: &str) -> &str {
    match code {
        "vastgehouden" => "vastgehouden: iemand liep gevaar",
        "vasthouden-gevraagd" => "een ketenpartner hield een bericht vast",
        "breekglas-voorbij" => "breekglas was voorbij",
        "ingetrokken" => "de afzender trok het in",
        "geen-doelbinding" => "geen doelbinding geeft dit",
        "gemaskeerd" => "alleen gemaskeerd gegeven",
        "veralgemeend" => "alleen veralgemeend gegeven",
        "geen-bsn-grondslag" => "geen eigen grondslag voor het BSN",
        "rol-niet-gedeeld" => "een persoon in deze rol wordt niet gedeeld",
        "andere-herkomst" => "van een ander, die dit niet geeft",
        "geen-route" => "geen route wijst een ontvanger aan",
        "onbekende-ontvanger" => "de ontvanger staat niet in de set",
        "geschorst" => "de ketenpartner is geschorst",
        "vertaling-uit" => "de vertaling voor deze ontvanger lukt niet",
        "schema-uit" => "het vertaalde bericht past niet in het schema van de ontvanger",
        "onleesbaar" => "niet leesbaar in het formaat van de koppeling",
        "te-groot" => "te groot of te diep",
        "ongeldig" => "voldoet niet aan het schema",
        "onbekend-type" => "een soort bericht dat de koppeling niet kent",
        "andere-afzender" => "het bericht noemt een andere afzender dan wie het stuurde",
        "andere-inhoud" => "een eerder gebruikt berichtnummer met andere inhoud",
        "onbekende-partner" => "de afzender staat niet in de set",
        "gewist" => "de inhoud is gewist",
        "intussen-afgehandeld" => "een ander besliste er intussen over",
        "opnieuw-aangenomen" => "opnieuw aangenomen",
        "geen-inhoud" => "de inhoud is niet bewaard",
        "onbekende-zending" => "een bevestiging van een zending die er niet is",
        other => other,
    }
}

/// One of two words, by number.
pub const fn count<'a>(number: usize, one: &'a str, more: &'a str) -> &'a str {
    if number == 1 { one } else { more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_amsterdam_time() {
        let value = json!({ "op": "2026-11-23T19:15:00.123Z" });
        assert_eq!(moment_at(&value, "op"), "2026-11-23 20:15:00");
        assert_eq!(moment_cell(&value, "nooit"), Value::Null);
    }

    #[test]
    fn codes_without_words_stay_as_they_are() {
        assert_eq!(reason("geen-route"), "geen route wijst een ontvanger aan");
        assert_eq!(reason("iets-nieuws"), "iets-nieuws");
    }
}
