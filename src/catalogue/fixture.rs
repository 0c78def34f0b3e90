//! A small set for tests: one message, three kinds of partner, a purpose and a route.

use serde_json::json;

use super::Catalogue;
use super::problem::Files;
use crate::message::{PartnerId, Timestamp};

/// The kinds of partner, each with a partner `<kind>-1` of the same connector.
const KINDS: [&str; 3] = ["politie", "corporatie", "zorg"];

/// The set; tests change a file and look at what that does.
pub fn files() -> Files {
    let mut files = Files::new();
    let mut add = |path: &str, text: &str| files.insert(path.to_owned(), text.into());
    add("schemas/signaal-gemeld/v1.json", &canonical().to_string());
    add("config/hub.toml", "naam = \"Schakel\"\noin = \"00000001001902763000\"\n");
    add("config/themes.toml", "[overlast]\nnaam = \"Overlast\"\n[brand]\nnaam = \"Brand\"\n");
    for (at, kind) in KINDS.iter().enumerate() {
        add(&format!("connectors/{kind}/connector.toml"), &connector(kind));
        add(&format!("connectors/{kind}/uit.json"), NATIVE);
        add(&format!("connectors/{kind}/uit.toml"), "[velden]\nnr = \"b.kenmerk\"\n");
        let partner = partner(kind, &format!("0000000100000000010{at}"));
        add(&format!("config/partners/{kind}-1.toml"), &partner);
    }
    add("config/purposes/doel.toml", &purpose("politie", "corporatie", "'thema' = 'houd'\n"));
    add("config/routes.toml", &route("r1", ""));
    files
}

pub fn catalogue(files: &Files) -> Catalogue {
    Catalogue::parse(files).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>())
    })
}

/// What is wrong with a set, a line each.
pub fn problems(files: &Files) -> Vec<String> {
    let found = Catalogue::parse(files).expect_err("a set with problems");
    found.iter().map(ToString::to_string).collect()
}

pub fn partner_id(id: &str) -> PartnerId {
    PartnerId::try_from(id.to_owned()).unwrap()
}

pub fn at(moment: &str) -> Timestamp {
    Timestamp::parse(moment).unwrap()
}

/// Adds or replaces a text file.
pub fn put(files: &mut Files, path: &str, text: &str) {
    files.insert(path.to_owned(), text.into());
}

/// Replaces a piece of a text file.
pub fn change(files: &mut Files, path: &str, from: &str, to: &str) {
    let text = String::from_utf8(files[path].clone()).unwrap();
    assert!(text.contains(from), "{path} has no {from}");
    put(files, path, &text.replace(from, to));
}

pub fn partner(kind: &str, oin: &str) -> String {
    format!(
        "naam = \"{kind}\"\nsoort = \"{kind}\"\nkoppeling = \"{kind}\"\noin = \"{oin}\"\n\
         [contact]\ntelefoon = \"+31400000101\"\n[levering]\nwijze = \"postvak\"\n"
    )
}

/// A purpose of this year; its fields are lines of `[velden]`, and may go on with `[lijsten]`.
pub fn purpose(origin: &str, recipient: &str, fields: &str) -> String {
    format!(
        "doel = \"d\"\ngrondslag = \"g\"\nbesluit = \"b\"\nherkomst = [\"{origin}\"]\n\
         ontvangers = [\"{recipient}\"]\nthemas = [\"*\"]\ngeldigVan = \"2026-01-01\"\n\
         geldigTot = \"2026-12-31\"\nrol = \"meedenken\"\nbewarenDagen = 30\n[velden]\n{fields}"
    )
}

/// A route from police to corporations.
pub fn route(id: &str, more: &str) -> String {
    format!("[[route]]\nid = \"{id}\"\nherkomst = [\"politie\"]\nnaar = [\"corporatie\"]\n{more}\n")
}

const NATIVE: &str = r#"{
  "type": "object", "required": ["nr"], "properties": { "nr": { "type": "string" } }
}"#;

fn connector(kind: &str) -> String {
    format!(
        "soort = \"{kind}\"\nnaam = \"K\"\nstandaard = \"S\"\nformaat = \"json\"\n\
         mediatypen = [\"application/json\"]\n[[uit]]\nbericht = \"signaal-gemeld.v1\"\n\
         schema = \"uit.json\"\nmapping = \"uit.toml\"\n"
    )
}

fn canonical() -> serde_json::Value {
    let text = || json!({ "type": "string" });
    let free_text = || json!({ "type": "string", "x-gevoelig": "vrije-tekst" });
    let name = json!({ "type": "object", "required": ["geslachtsnaam"], "properties": {
        "voornamen": text(), "geslachtsnaam": text(),
    } });
    let person = json!({ "type": "object", "required": ["rol"], "properties": {
        "rol": text(), "naam": name,
        "bsn": { "type": "string", "x-gevoelig": "bsn" },
        "geboortedatum": text(),
        "contact": { "type": "object", "properties": { "telefoon": text(), "email": text() } },
        "toelichting": free_text(), "herkomst": text(),
    } });
    let place = json!({ "type": "object", "properties": {
        "gemeentecode": text(), "postcode": text(), "straat": text(),
        "aanduiding": free_text(), "herkomst": text(),
    } });
    json!({
        "title": "Signaal", "x-schakel": { "werking": "melding" }, "type": "object",
        "required": ["kenmerk", "gebruik", "tijdstip"],
        "properties": {
            "kenmerk": text(), "gebruik": text(), "tijdstip": text(), "thema": text(),
            "ernst": text(), "omschrijving": free_text(), "locatie": place,
            "betrokkenen": { "type": "array", "items": person },
            "strafzaak": { "type": "object", "properties": {
                "nummer": text(), "feiten": { "type": "array", "items": text() },
            } },
            "ontvangers": { "type": "array", "items": text() },
        },
    })
}
