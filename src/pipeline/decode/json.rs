//! JSON, read strictly: no duplicate keys, no NUL, no number that changes by being read.
//!
//! A plain parser lets the last duplicate win and rounds long numbers, so that two readers of the
//! same bytes see different messages. Here such a document is refused, with all such places at
//! once. A scan over the bytes judges the numbers first; the parser then takes them from there.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::map::Entry;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::Limits;
use super::charset::{BOM, Charset};
use super::findings::{Findings, empty, tame, within_size};
use super::number::{self, Lossy};
use crate::message::{Fault, Refusal};

/// The parser has its own limit of 128, and must not meet it before ours.
const DEPTH_MAX: usize = 126;

/// Reads one JSON document in UTF-8; a byte order mark is tolerated (RFC 8259 §8.1).
pub fn json(bytes: &[u8], limits: &Limits) -> Result<Value, Refusal> {
    within_size(bytes, limits)?;
    let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let text = Charset::Utf8.decode(body).map_err(|error| error.refusal(""))?;
    if text.trim_ascii().is_empty() {
        return Err(empty());
    }
    let (text, doubles) = doubles(&text);
    let mut state = State {
        findings: Findings::new(limits),
        doubles: doubles.into_iter(),
        values: 0,
        values_max: limits.elements_max,
        depth_max: limits.depth_max.min(DEPTH_MAX),
        exceeded: false,
        stopped_at: String::new(),
    };
    let mut parser = serde_json::Deserializer::from_str(&text);
    let value = Node { state: &mut state, depth: 0 }.deserialize(&mut parser);
    match value.and_then(|value| parser.end().map(|()| value)) {
        Ok(value) => state.findings.settle(Fault::Onleesbaar, value),
        Err(_) if state.exceeded => Err(state.findings.refuse(Fault::TeGroot)),
        Err(error) => Err(state.unreadable(&error)),
    }
}

/// The doubles of a document in order, each with what is wrong with it.
///
/// A number that overflows would end the parsing, and so hide what comes after it: in the text
/// that is handed on, `0.0` and spaces stand in its place.
fn doubles(text: &str) -> (Cow<'_, str>, Vec<(f64, Option<Lossy>)>) {
    let bytes = text.as_bytes();
    let (mut found, mut patched, mut copied) = (Vec::new(), String::new(), 0);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        let begin = at;
        at += 1;
        match byte {
            b'"' => at += string_len(rest),
            b'-' | b'0'..=b'9' => {
                at += rest.iter().take_while(|b| is_number(**b)).count();
                // Both ends lie beside ASCII, so the slice is whole characters.
                let token = text.get(begin..at).unwrap_or_default();
                let Some(double) = number::double(token) else { continue };
                found.push(double);
                if double.1 == Some(Lossy::TooLarge)
                    && serde_json::from_str::<&RawValue>(token).is_ok()
                {
                    patched.extend([text.get(copied..begin).unwrap_or_default(), "0.0"]);
                    patched.extend(std::iter::repeat_n(' ', token.len().saturating_sub(3)));
                    copied = at;
                }
            }
            _ => {}
        }
    }
    if copied == 0 {
        return (Cow::Borrowed(text), found);
    }
    patched.push_str(text.get(copied..).unwrap_or_default());
    (Cow::Owned(patched), found)
}

/// The length of a string after its opening quote, closing quote included.
fn string_len(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = rest.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at
}

const fn is_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

struct State {
    findings: Findings,
    doubles: std::vec::IntoIter<(f64, Option<Lossy>)>,
    values: usize,
    values_max: usize,
    depth_max: usize,
    exceeded: bool,
    /// The pointer to where parsing stopped, put together while the error travels up.
    stopped_at: String,
}

impl State {
    fn nul(&mut self, text: &str) {
        if text.contains('\0') {
            self.findings.add(
                String::new,
                "nul-teken",
                "Tekst met een NUL-teken (\\u0000) kan niet worden opgeslagen.",
                "Text with a NUL character (\\u0000) cannot be stored.",
            );
        }
    }

    fn exceed(&mut self, code: &str, nl: &str, en: &str) {
        self.exceeded = true;
        self.findings.add(String::new, code, nl, en);
    }

    /// Names the place below which findings were made, or parsing stopped.
    fn place<T, E>(&mut self, since: usize, segment: impl Fn() -> String, value: &Result<T, E>) {
        self.findings.under(since, &segment);
        if value.is_err() {
            self.stopped_at.insert_str(0, &segment());
        }
    }

    fn unreadable(mut self, error: &serde_json::Error) -> Refusal {
        let (line, column) = (error.line(), error.column());
        let place = std::mem::take(&mut self.stopped_at);
        let (code, nl, en) = match error.classify() {
            Category::Eof => {
                ("niet-afgesloten", "Het document houdt te vroeg op", "Ends too early")
            }
            _ => ("syntaxis", "Dit is geen geldige JSON", "This is not valid JSON"),
        };
        let nl = format!("{nl} (regel {line}, teken {column}).");
        let en = format!("{en} (line {line}, character {column}).");
        self.findings.add(|| place, code, &nl, &en);
        self.findings.refuse(Fault::Onleesbaar)
    }
}

/// One value, at a depth of so many objects and arrays.
struct Node<'s> {
    state: &'s mut State,
    depth: usize,
}

impl Node<'_> {
    fn enter<E: serde::de::Error>(&mut self) -> Result<usize, E> {
        let depth_max = self.state.depth_max;
        if self.depth >= depth_max {
            self.state.exceed(
                "te-diep",
                &format!("Het document is dieper genest dan {depth_max} niveaus."),
                &format!("The document is nested deeper than {depth_max} levels."),
            );
            return Err(E::custom("too deep"));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.state.values += 1;
        if self.state.values > self.state.values_max {
            let max = self.state.values_max;
            self.state.exceed(
                "te-veel-elementen",
                &format!("Het document heeft meer dan {max} waarden."),
                &format!("The document has more than {max} values."),
            );
            return Err(D::Error::custom("too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    /// The parser rounds once too often in its last digit: the scan's double counts.
    fn visit_f64<E>(self, parsed: f64) -> Result<Value, E> {
        let (value, lossy) = self.state.doubles.next().unwrap_or((parsed, None));
        let (code, nl, en) = match lossy {
            None => return Ok(Number::from_f64(value).map_or(Value::Null, Value::Number)),
            Some(Lossy::TooLarge) => (
                "getal-te-groot",
                "Het getal is te groot om exact te bewaren; stuur het als tekst.",
                "The number is too large to keep exactly; send it as text.",
            ),
            Some(Lossy::TooPrecise) => (
                "getal-te-precies",
                "Het getal heeft meer cijfers dan bewaard blijven; stuur het als tekst.",
                "The number has more digits than can be kept; send it as text.",
            ),
        };
        self.state.findings.add(String::new, code, nl, en);
        Ok(Value::Null)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        self.state.nul(&value);
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let mut items = Vec::new();
        loop {
            let since = self.state.findings.len();
            let item = seq.next_element_seed(Node { state: self.state, depth });
            self.state.place(since, || format!("/{}", items.len()), &item);
            match item? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let since = self.state.findings.len();
            self.state.nul(&key);
            let value = map.next_value_seed(Node { state: self.state, depth });
            self.state.place(since, || segment(&key), &value);
            match fields.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(value?);
                }
                Entry::Occupied(entry) => {
                    self.state.findings.add(
                        || segment(entry.key()),
                        "dubbele-sleutel",
                        "Dit veld staat er meer dan een keer in.",
                        "This field occurs more than once.",
                    );
                    value?;
                }
            }
        }
        Ok(Value::Object(fields))
    }
}

/// A step of a JSON Pointer (RFC 6901 §3).
fn segment(key: &str) -> String {
    format!("/{}", tame(key).replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json as value;

    use super::*;

    fn read(text: &str) -> Result<Value, Refusal> {
        json(text.as_bytes(), &Limits::default())
    }

    fn places(text: &str) -> Vec<(String, String)> {
        let refusal = read(text).unwrap_err();
        refusal.violations.into_iter().map(|v| (v.place, v.code)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(place, code)| (place.to_string(), code.to_string())).collect()
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn an_ordinary_message_is_read_in_the_order_of_its_fields() {
        let text = r#"{"ü":"é \" \\ 😀","n":[1,-2,0.5,1e3,true,null],"a":{"":{}}}"#;
        let read = read(text).unwrap();
        assert_eq!(read, value!({"ü":"é \" \\ 😀","n":[1,-2,0.5,1e3,true,null],"a":{"":{}}}));
        assert_eq!(read.as_object().unwrap().keys().collect::<Vec<_>>(), ["ü", "n", "a"]);
        assert_eq!(json(b"\xEF\xBB\xBF {} ", &Limits::default()).unwrap(), value!({}));
    }

    #[test]
    fn everything_that_would_change_by_being_read_is_listed_at_once() {
        let text = r#"{"a":1,"b":{"c":1,"c":2,"x/y":"\u0000"},"a":[1,12345678901234567890123],
            "d":[1.5,{"e":1e999,"f":0.12345678901234567890}],"g\u0000h":1}"#;
        let expected = pairs(&[
            ("/b/c", "dubbele-sleutel"),
            ("/b/x~1y", "nul-teken"),
            ("/a/1", "getal-te-groot"),
            ("/a", "dubbele-sleutel"),
            ("/d/1/e", "getal-te-groot"),
            ("/d/1/f", "getal-te-precies"),
            ("/gh", "nul-teken"),
        ]);
        assert_eq!(places(text), expected);
    }

    #[test]
    fn a_number_in_a_string_is_no_number() {
        assert!(read(r#"{"ref":"12345678901234567890123","q":"\"1e999"}"#).is_ok());
    }

    #[test]
    fn a_document_that_stops_or_goes_on_is_refused_at_its_place() {
        assert_eq!(places(r#"{"a":[1,{"b":"#), pairs(&[("/a/1/b", "niet-afgesloten")]));
        assert_eq!(places(r#"{"a":[1,{"b":nee}]}"#), pairs(&[("/a/1/b", "syntaxis")]));
        assert_eq!(places("{} {}"), pairs(&[("", "syntaxis")]));
        assert_eq!(places("[01]"), pairs(&[("/0", "syntaxis")]));
        assert_eq!(places(r#"{"a":1,"a":2,"b":}"#).len(), 2, "what was found before is kept");
        assert_eq!(places(" \n"), pairs(&[("", "leeg")]));
        assert_eq!(places(r#"["\ud800"]"#), pairs(&[("/0", "syntaxis")]));
    }

    #[test]
    fn a_refusal_never_repeats_a_value() {
        let refusal = read(r#"{"bsn":"999990342" "naam"}"#).unwrap_err();
        assert!(!format!("{refusal:?}").contains("999990342"));
    }

    #[test]
    fn sixty_four_levels_are_read_and_sixty_five_are_not() {
        assert!(read(&nested(64)).is_ok());
        let refusal = read(&nested(65)).unwrap_err();
        assert_eq!((refusal.fault, refusal.violations.len()), (Fault::TeGroot, 1));
        assert_eq!(refusal.violations[0].code, "te-diep");
        assert_eq!(refusal.violations[0].place, "/0".repeat(64));
        assert_eq!(read(&"[".repeat(1 << 20)).unwrap_err().fault, Fault::TeGroot);
        let deepest = Limits { depth_max: usize::MAX, ..Limits::default() };
        assert_eq!(json(nested(200).as_bytes(), &deepest).unwrap_err().fault, Fault::TeGroot);
    }

    #[test]
    fn a_mebibyte_is_read_and_a_byte_more_is_not() {
        let exact = format!("\"{}\"", "x".repeat(1024 * 1024 - 2));
        assert!(read(&exact).is_ok());
        assert_eq!(read(&format!("{exact} ")).unwrap_err().fault, Fault::TeGroot);
    }

    #[test]
    fn too_many_values_or_violations_are_cut_short() {
        let many = format!("[{}0]", "0,".repeat(100_000));
        assert_eq!(read(&many).unwrap_err().violations[0].code, "te-veel-elementen");
        let nuls = format!("[{}0]", r#""\u0000","#.repeat(50_000));
        assert_eq!(read(&nuls).unwrap_err().violations.len(), 101);
    }

    #[test]
    fn numbers_of_any_length_are_refused_and_not_much_slower() {
        let digits = "9".repeat(1024 * 1024);
        assert_eq!(places(&digits), pairs(&[("", "getal-te-groot")]));
        let decimals = format!("0.{}", "9".repeat(1024 * 1024 - 2));
        assert_eq!(places(&decimals), pairs(&[("", "getal-te-precies")]));
        let many = format!("[{}\"\\u0000\"]", "1e999,".repeat(10));
        assert_eq!(places(&many).last(), Some(&("/10".to_owned(), "nul-teken".to_owned())));
    }

    #[test]
    fn other_encodings_than_utf_8_are_refused() {
        let refusal = json(b"[\"caf\xE9\"]", &Limits::default()).unwrap_err();
        assert_eq!(
            (refusal.fault, refusal.violations[0].code.as_str()),
            (Fault::Onleesbaar, "codering")
        );
        assert!(json(b"\xFF\xFE{\0}\0", &Limits::default()).is_err());
    }
}
