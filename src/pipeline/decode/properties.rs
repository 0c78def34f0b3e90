//! What holds for any document: writing and reading are each other's inverse, and no bytes make
//! reading panic or run away.

use proptest::prelude::*;
use serde_json::{Map, Number, Value};

use super::csv::Dialect;
use super::{Limits, csv, json, xml};
use crate::catalogue::{Field, Namespaces, Shape};
use crate::pipeline::encode;

/// Text that trips writers up: quotes, markup, line ends, diacritics, emoji, spaces at the ends.
fn nasty_text() -> impl Strategy<Value = String> {
    let nasty = prop_oneof![
        Just("<&>\"';,"),
        Just("]]>"),
        Just("\r\n"),
        Just("\r"),
        Just("\t "),
        Just("\n"),
        Just("é ñ ß Ĳ"),
        Just("😀"),
        Just("=+-@"),
        Just("&#10;&amp;"),
        Just("\u{85}\u{2028}\u{FEFF}"),
    ];
    let plain = any::<char>().prop_filter("not in XML", |c| xml::text::is_xml_char(*c));
    let part = prop_oneof![nasty.prop_map(str::to_owned), plain.prop_map(String::from)];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => nasty_text().prop_map(Value::String),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<f64>().prop_filter_map("finite", Number::from_f64).prop_map(Value::Number),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![scalar(), Just(Value::Null), any::<u64>().prop_map(Value::from)];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((nasty_text(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A value as XML can hold it, with the prefixes of `namespaces`.
fn element() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("a"), Just("p:b"), Just("q:ç-1.x"), Just("_d")];
    let attribute = prop_oneof![Just("@a"), Just("@p:b"), Just("@xml:lang"), Just("@xsi:type")];
    let attributes = prop::collection::vec((attribute, scalar()), 0..3).boxed();
    let text = (attributes.clone(), scalar())
        .prop_map(|(attributes, text)| object(attributes.into_iter().chain([("#text", text)])));
    prop_oneof![scalar(), text].prop_recursive(4, 30, 4, move |inner| {
        let repeated = (inner.clone(), 1..4_usize);
        let child = prop_oneof![
            3 => inner,
            1 => repeated.prop_map(|(item, times)| Value::Array(vec![item; times])),
        ];
        let children = prop::collection::vec((name.clone(), child), 0..4);
        (attributes.clone(), children)
            .prop_map(|(attributes, children)| object(attributes.into_iter().chain(children)))
    })
}

fn object(fields: impl Iterator<Item = (&'static str, Value)>) -> Value {
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn namespaces() -> Namespaces {
    Namespaces::new([("p", "urn:p&<\">"), ("q", "urn:q")]).unwrap()
}

/// The shape of a schema that exactly this value fits.
fn shape_of(value: &Value) -> Shape {
    match value {
        Value::Null => Shape::Any,
        Value::Bool(_) => Shape::Boolean,
        Value::Number(number) if number.is_f64() => Shape::Number,
        Value::Number(_) => Shape::Integer,
        Value::String(_) => Shape::String,
        Value::Array(items) => Shape::Array(Box::new(items.first().map_or(Shape::Any, shape_of))),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| Field {
                name: name.clone(),
                required: true,
                shape: shape_of(value),
                sensitive: None,
            };
            Shape::Object(fields.iter().map(field).collect())
        }
    }
}

/// Documents that are nearly right reach further into the readers than random bytes.
fn nearly(seeds: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(seeds);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

const XML_PIECES: &[&str] = &[
    "<a>",
    "</a>",
    "<b/>",
    "<p:a xmlns:p='urn:q'>",
    "</p:a>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "&amp;",
    "&#x",
    "&",
    ";",
    "<?xml version='1.0'?>",
    "<?",
    "?>",
    "<!DOCTYPE",
    "[",
    "]",
    "<",
    ">",
    "'",
    "\"",
    " x='1'",
    "\r\n",
    "é",
    "\0",
    "/",
    "=",
    "xmlns",
    ":",
    "<a ",
];
const JSON_PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"a\":",
    "\\u0000",
    "\\",
    "\\ud83d",
    "1e999",
    "-",
    "0",
    "12345678901234567890123",
    ".5",
    "null",
    "tru",
    "e",
    "+",
    " ",
    "\n",
    "é",
    "\0",
    "\"b\"",
];
const CSV_PIECES: &[&str] =
    &["a;b", "\"", "\"\"", ";", "\n", "\r", "\r\n", "x", "é", "\0", ",", "\n\n", "1;2\n"];

proptest! {
    #[test]
    fn any_json_is_read_back_as_it_was_written(value in any_json()) {
        let bytes = encode::json(&value);
        let read = json(&bytes, &Limits::default());
        prop_assert_eq!(read.unwrap().to_string(), value.to_string());
    }

    #[test]
    fn a_json_number_is_never_changed(
        whole in "-?(0|[1-9][0-9]{0,24})",
        rest in "(\\.[0-9]{1,20})?(e-?[0-9]{1,3})?",
    ) {
        let text = format!("{whole}{rest}");
        if let Ok(value) = json(text.as_bytes(), &Limits::default()) {
            let exact: f64 = text.parse().unwrap();
            prop_assert_eq!(value.as_f64().unwrap().to_bits(), exact.to_bits());
            if !value.is_f64() {
                prop_assert_eq!(value.to_string(), text);
            }
        }
    }

    #[test]
    fn any_xml_is_read_back_as_it_was_written(content in element()) {
        let value = object([("q:root", content)].into_iter());
        let bytes = encode::xml(&value, &namespaces()).unwrap();
        let tree = xml::parse(&bytes, None, &namespaces(), &Limits::default()).unwrap();
        prop_assert_eq!(tree.to_value(&shape_of(&value)).unwrap(), value);
    }

    #[test]
    fn any_row_is_read_back_as_it_was_written(cells in prop::collection::vec(scalar(), 1..5),
            separator in prop::sample::select(b";,\t|".as_slice())) {
        let columns: Vec<String> = (0..cells.len()).map(|at| format!("kolom é {at}")).collect();
        let filled = |cell: &Value| cell.as_str() != Some("");
        let fields = columns.iter().cloned().zip(cells).filter(|(_, cell)| filled(cell));
        let value = Value::Object(fields.collect());
        let bytes = encode::csv(&value, &columns, separator).unwrap();
        let dialect = Dialect { separator };
        let rows = csv::rows(&bytes, None, &dialect, &Limits::default()).unwrap();
        prop_assert_eq!(rows.len(), 1);
        prop_assert_eq!(rows[0].raw(), bytes);
        prop_assert_eq!(rows[0].to_value(&shape_of(&value)), value);
    }

    #[test]
    fn no_bytes_make_reading_panic(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            nearly(XML_PIECES),
            nearly(JSON_PIECES),
            nearly(CSV_PIECES),
        ],
        charset in prop::sample::select(vec![None, Some("utf-8"), Some("iso-8859-1"), Some("x")]),
    ) {
        let limits = Limits { elements_max: 20, depth_max: 5, ..Limits::default() };
        let _ = json(&bytes, &limits);
        if let Ok(tree) = xml::parse(&bytes, charset, &namespaces(), &limits) {
            let _ = tree.to_value(&Shape::Any);
            let _ = tree.place_of(&String::from_utf8_lossy(&bytes));
        }
        for row in csv::rows(&bytes, charset, &Dialect::default(), &limits).unwrap_or_default() {
            let raw = row.raw();
            let again = csv::rows(&raw, charset, &Dialect::default(), &limits).unwrap();
            prop_assert_eq!(again[0].to_value(&Shape::Any), row.to_value(&Shape::Any));
        }
    }

    #[test]
    fn json_that_is_accepted_is_what_another_reader_sees(bytes in nearly(JSON_PIECES)) {
        if let Ok(value) = json(&bytes, &Limits::default()) {
            let other: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(value, other);
        }
    }
}
