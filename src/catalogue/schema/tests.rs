//! Bundling of references, their budget, and the code and place of every kind of violation.

use serde_json::{Value, json};

use super::*;

fn load(files: &[(&str, Value)]) -> Result<Schema, Problem> {
    let files: Files =
        files.iter().map(|(path, value)| ((*path).to_owned(), value.to_string().into())).collect();
    Schema::load(&files, "s/a.json", &Patterns::new()).map_err(|mut problems| problems.remove(0))
}

fn found(schema: Value, document: &Value) -> Vec<(String, String)> {
    let schema = load(&[("s/a.json", schema)]).unwrap();
    assert_eq!(schema.accepts(document), schema.violations(document).is_empty());
    schema.violations(document).into_iter().map(|v| (v.place, v.code)).collect()
}

#[test]
fn every_kind_of_violation_has_its_own_code_and_place() {
    let string = |more: Value| {
        let mut schema = json!({ "type": "string" });
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    for (schema, value, code) in [
        (json!({ "type": "string" }), json!(1), "soort"),
        (json!({ "enum": ["a", "b"] }), json!("c"), "keuze"),
        (json!({ "const": "a" }), json!("c"), "vaste-waarde"),
        (string(json!({ "pattern": "^[0-9]+$" })), json!("x"), "patroon"),
        (string(json!({ "minLength": 2 })), json!("x"), "te-kort"),
        (string(json!({ "maxLength": 2 })), json!("xyz"), "te-lang"),
        (string(json!({ "format": "bsn" })), json!("123456789"), "bsn"),
        (string(json!({ "format": "date-time" })), json!("gisteren"), "tijdstip"),
        (string(json!({ "format": "postcode" })), json!("0123AB"), "postcode"),
        (json!({ "type": "integer", "minimum": 3 }), json!(2), "te-klein"),
        (json!({ "type": "integer", "exclusiveMaximum": 3 }), json!(3), "te-groot"),
        (json!({ "type": "integer", "multipleOf": 5 }), json!(7), "veelvoud"),
        (json!({ "type": "array", "minItems": 1 }), json!([]), "te-weinig"),
        (json!({ "type": "array", "maxItems": 1 }), json!([1, 2]), "te-veel"),
        (json!({ "type": "array", "uniqueItems": true }), json!([1, 1]), "dubbel"),
        (json!({ "type": "object", "minProperties": 1 }), json!({}), "leeg"),
        (json!({ "oneOf": [{ "type": "string" }, { "type": "null" }] }), json!(1), "geen-vorm"),
        (json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }), json!(1), "geen-vorm"),
    ] {
        let schema = json!({ "type": "object", "properties": { "a~/b": schema.clone() } });
        let expected = [("/a~0~1b".to_owned(), code.to_owned())];
        assert_eq!(found(schema.clone(), &json!({ "a~/b": value })), expected, "{schema}");
    }
}

#[test]
fn missing_and_unknown_fields_are_named_where_they_would_stand() {
    let schema = json!({ "type": "object", "required": ["x"], "properties": { "o": {
        "type": "object", "required": ["p", "q"], "additionalProperties": false,
        "properties": { "p": {}, "q": {} },
    } } });
    let document = json!({ "o": { "r": 1, "s/t": 2, "lang\n".repeat(40): 3 } });
    let found = found(schema, &document);
    let codes: Vec<String> = found.iter().map(|(place, code)| format!("{place} {code}")).collect();
    let long = "lang".repeat(15);
    assert_eq!(
        codes,
        [
            format!("/o/{long} onbekend-veld"),
            "/o/p verplicht".to_owned(),
            "/o/q verplicht".to_owned(),
            "/o/r onbekend-veld".to_owned(),
            "/o/s~1t onbekend-veld".to_owned(),
            "/x verplicht".to_owned(),
        ],
        "bounded, and without control characters"
    );
}

#[test]
fn no_violation_repeats_the_value() {
    let schema = json!({ "type": "object", "properties": {
        "a": { "type": "integer" }, "b": { "enum": ["ja"] }, "c": { "format": "bsn" },
        "d": { "pattern": "^x$" }, "e": { "maxLength": 1 }, "f": { "const": "x" },
        "g": { "oneOf": [{ "const": 1 }] }, "h": { "uniqueItems": true },
    } });
    let secret = "geheim 999990342";
    let document = json!({ "a": secret, "b": secret, "c": secret, "d": secret, "e": secret,
        "f": secret, "g": secret, "h": [secret, secret] });
    let schema = load(&[("s/a.json", schema)]).unwrap();
    let violations = schema.violations(&document);
    assert_eq!(violations.len(), 8);
    let text = serde_json::to_string(&violations).unwrap();
    assert!(!text.contains("geheim") && !text.contains("999990342"), "{text}");
}

#[test]
fn definitions_of_other_files_are_taken_in_with_what_they_need() {
    let schema = load(&[
        (
            "s/a.json",
            json!({ "properties": { "p": { "$ref": "../delen/b.json#/$defs/persoon" } } }),
        ),
        (
            "delen/b.json",
            json!({ "$defs": { "persoon": {
            "type": "object", "required": ["bsn"],
            "properties": { "bsn": { "$ref": "c.json#/$defs/bsn" } },
        } } }),
        ),
        (
            "delen/c.json",
            json!({ "$defs": { "bsn": {
            "type": "string", "format": "bsn", "x-gevoelig": "bsn",
        } } }),
        ),
    ])
    .unwrap();
    let person = schema.shape.field("p").unwrap();
    let bsn = person.shape.field("bsn").unwrap();
    assert!(bsn.required && bsn.sensitive.as_deref() == Some("bsn"));
    assert!(schema.accepts(&json!({ "p": { "bsn": "999990342" } })));
    assert!(!schema.accepts(&json!({ "p": { "bsn": "999990343" } })));
}

#[test]
fn two_files_may_each_have_a_definition_of_the_same_name() {
    let other = json!({ "$defs": { "x": { "type": "integer" } } });
    let schema = json!({
        "$defs": { "x": { "type": "string" } },
        "properties": { "a": { "$ref": "#/$defs/x" }, "b": { "$ref": "b.json#/$defs/x" } },
    });
    let schema = load(&[("s/a.json", schema), ("s/b.json", other)]).unwrap();
    assert!(schema.accepts(&json!({ "a": "tekst", "b": 1 })));
}

#[test]
fn a_reference_to_nothing_is_a_problem_of_the_set() {
    let refers = |to: &str| json!({ "properties": { "p": { "$ref": to } } });
    let missing = load(&[("s/a.json", refers("weg.json#/$defs/x"))]).unwrap_err();
    assert_eq!((missing.file.as_str(), missing.code), ("s/weg.json", "bestand-ontbreekt"));
    let nowhere = load(&[("s/a.json", refers("#/$defs/x"))]).unwrap_err();
    assert_eq!(nowhere.code, "schema-verwijzing");
    let remote = load(&[("s/a.json", refers("https://example.org/x.json#/a"))]).unwrap_err();
    assert_eq!(remote.code, "schema-verwijzing", "nothing is ever fetched");
}

#[test]
fn a_schema_that_is_none_is_refused_with_its_place() {
    let load = |text: &str| {
        let files = Files::from([("s/a.json".to_owned(), text.into())]);
        Schema::load(&files, "s/a.json", &Patterns::new()).unwrap_err().remove(0)
    };
    let broken = load("{\n  \"type\": \"object\",\n  \"type\" \"x\"\n}");
    assert_eq!((broken.code, broken.line, broken.column), ("json", 3, 10));
    assert_eq!(load(r#"{ "type": "letters" }"#).code, "schema");
    assert_eq!(load(r#"{ "format": "burgernummer" }"#).code, "schema");
    assert_eq!(load(r#"{ "pattern": "(?=x)" }"#).code, "schema", "no lookaround");
}

#[test]
fn doubling_references_are_refused_before_they_take_long() {
    let mut defs = Map::new();
    for at in 0..27 {
        let next = json!({ "$ref": format!("#/$defs/d{}", at + 1) });
        defs.insert(format!("d{at}"), json!({ "properties": { "a": next, "b": next } }));
    }
    defs.insert("d27".to_owned(), json!({ "type": "string" }));
    let schema = json!({ "$defs": defs, "$ref": "#/$defs/d0" });
    let problem = load(&[("s/a.json", schema)]).unwrap_err();
    assert_eq!(problem.text, "het schema volgt te veel verwijzingen");
}

#[test]
fn a_schema_that_refers_to_itself_is_cut_off() {
    let schema = json!({ "properties": { "in": { "$ref": "#" } } });
    let schema = load(&[("s/a.json", schema)]).unwrap();
    assert!(schema.shape.field("in").unwrap().shape.field("in").is_some());
}
