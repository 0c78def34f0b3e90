//! A set of one's own: checked, extended with a partner and a connector, and made active.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{INVALID, NOT_ALLOWED, NOT_FOUND, OK, USAGE, run};
use crate::hub::{POLITIE, Place, checkout};

const NEW: [&str; 17] = [
    "partner",
    "add",
    "wonen-noord",
    "--name",
    "Wonen \"Noord\"",
    "--kind",
    "woningcorporatie",
    "--connector",
    "woningcorporatie",
    "--oin",
    "00000003999999990000",
    "--phone",
    "+31400000999",
    "--code",
    "L9999",
    "--area",
    "0772",
];

#[test]
fn a_broken_set_is_shown_with_file_line_and_column() {
    let place = Place::new();
    place.take(&["config"]);
    run(&place, &["check"]).ends(OK).shows("In orde");
    place.edit(
        "config/purposes/regie-gemeente.toml",
        "\"thema\" = \"houd\"",
        "\"thema\" = \"hou\"",
    );
    place.edit("config/routes.toml", "naar = [\"gemeente\"]", "naar = [\"gemeentee\"]");
    let said = run(&place, &["check"]).ends(INVALID);
    for file in ["config/purposes/regie-gemeente.toml", "config/routes.toml"] {
        let place = regex::Regex::new(&format!(r"(?m)^{}:\d+:\d+: ", regex::escape(file)));
        assert!(place.expect("a pattern").is_match(&said.out), "{file}: {}", said.out);
    }
    let said = run(&place, &["check", "-o", "json"]).ends(INVALID).json();
    assert!(said[0]["regel"].as_u64() > Some(0) && said[0]["kolom"].as_u64() > Some(0), "{said}");
    run(&place, &["activate", "--dry-run"]).ends(INVALID);
}

#[test]
fn the_examples_of_a_connector_pass() {
    let place = Place::new();
    run(&place, &["connector", "test", "brandweer"]).ends(OK).shows("✓");
    run(&place, &["connector", "test", "bestaat-niet"]).ends(NOT_FOUND);
    run(&place, &["connector", "list", "-o", "json"]).ends(OK).shows("StUF 03.01");
}

/// Every connector that answers in its own form has golden cases of both answers, and these fail
/// where the answer is another.
#[test]
fn answers_in_a_form_of_ones_own_are_held_against_examples() {
    let place = Place::new();
    place.take(&["config", "schemas", "connectors"]);
    let cases = run(&place, &["connector", "test", "-o", "jsonl"]).ends(OK).out;
    let mut answers: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| case[key].as_str().expect("a text").to_owned();
        let (id, name) = (text("koppeling"), text("voorbeeld"));
        let folder = place.set().join(format!("connectors/{id}/examples/{name}"));
        if let Ok(told) = std::fs::read_to_string(folder.join("antwoord.json")) {
            answers.entry(id).or_default().push(told.contains("\"fout\""));
        }
    }
    let set = schakel::catalogue::Catalogue::parse(&schakel::settings::shipped());
    for (id, connector) in &set.expect("the shipped set").connectors {
        let told = answers.remove(id.as_str()).unwrap_or_default();
        assert_eq!(connector.received.is_some(), told.contains(&false), "{id}: accepted");
        assert_eq!(connector.refused.is_some(), told.contains(&true), "{id}: refused");
    }
    let spoiled = [
        ("politie/mappings/antwoord-fo03.toml", "te-groot = \"POL010\"", "te-groot = \"POL011\""),
        ("politie/mappings/antwoord-bv03.toml", "b.ontvangst.bericht", "b.ontvangst.id"),
        ("politie/connector.toml", "status = 500", "status = 200"),
        ("zorgaanbieder/mappings/uitkomst-geweigerd.toml", "\"conflict\"", "\"duplicate\""),
        ("zorgaanbieder/mappings/uitkomst-ontvangen.toml", "'informational'", "'success'"),
    ];
    for (file, from, to) in spoiled {
        let (id, _) = file.split_once('/').expect("a connector");
        let path = format!("connectors/{file}");
        let good = std::fs::read_to_string(place.set().join(&path)).expect("a file of the set");
        place.edit(&path, from, to);
        let said = run(&place, &["connector", "test", id]).ends(INVALID).shows("✗ antwoord-");
        assert_eq!(said.out.matches("✓").count() + said.out.matches("✗").count(), count(id));
        if file.ends_with("antwoord-fo03.toml") {
            let check = run(&place, &["check"]).ends(INVALID);
            check.shows("connectors/politie/examples/antwoord-fo03-te-groot");
        }
        place.write(&path, &good);
    }
}

/// The examples of a shipped connector.
fn count(id: &str) -> usize {
    let folder = checkout().join("connectors").join(id).join("examples");
    std::fs::read_dir(folder).expect("examples").count()
}

#[test]
fn the_shipped_set_is_exported_before_it_can_be_changed() {
    let place = Place::new();
    run(&place, &NEW).ends(NOT_ALLOWED).says("schakel export");
    run(&place, &["connector", "new", "welzijn", "--like", "zorgaanbieder"]).ends(NOT_ALLOWED);
    let set = place.set().display().to_string();
    run(&place, &["export", &set]).ends(OK);
    run(&place, &["export", &set]).ends(NOT_ALLOWED).says("niet leeg");
    run(&place, &["check"]).ends(OK);

    // A second partner of a kind breaks no example of its connector.
    run(&place, &[&NEW[..], &["--dry-run"]].concat()).ends(OK).shows("naam = ");
    let file = place.set().join("config/partners/wonen-noord.toml");
    assert!(!file.exists(), "only shown");
    run(&place, &[&NEW[..], &["--delivery", "webhook"]].concat()).ends(USAGE).says("--url");
    let unknown = NEW.map(|word| if word == "L9999" { "L2045" } else { word });
    let unknown = unknown.map(|word| if word == "woningcorporatie" { "onbekend" } else { word });
    run(&place, &unknown).ends(INVALID).shows("koppeling");
    assert!(!file.exists(), "not with a set that fails");
    run(&place, &NEW).ends(OK);
    run(&place, &NEW).ends(NOT_ALLOWED).says("staat al in de set");
    run(&place, &["check"]).ends(OK).shows("9 ketenpartners");
}

#[test]
fn a_new_connector_starts_as_one_that_works() {
    let place = Place::new();
    place.take(&["config"]);
    let new = ["connector", "new", "welzijn", "--like"];
    run(&place, &[&new[..], &["niks"]].concat()).ends(NOT_FOUND);
    run(&place, &[&new[..], &["brandweer"]].concat()).ends(OK).says("README.md");
    run(&place, &[&new[..], &["brandweer"]].concat()).ends(NOT_ALLOWED);
    // Nobody speaks it yet, and still it can be tried.
    run(&place, &["connector", "test", "welzijn"]).ends(OK).shows("✓");
    // Answers of its own come along with their examples.
    run(&place, &["connector", "new", "jeugdzorg", "--like", "zorgaanbieder"]).ends(OK);
    run(&place, &["connector", "test", "jeugdzorg"]).ends(OK).shows("✓ antwoord-ongeldig");
    run(&place, &["check"]).ends(OK).shows("10 koppelingen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_partner_needs_a_second_person_before_it_receives() {
    let place = Place::new();
    place.take(&["config"]);
    let hub = place.start().await;
    let place = &hub.place;
    run(place, &NEW).ends(OK);
    run(place, &["partner", "key", "wonen-noord"]).ends(NOT_FOUND);
    let same = ["activate", "--by", "anna", "--approved-by", "anna"];
    run(place, &same).ends(NOT_ALLOWED).says("Een ander");
    run(place, &["activate", "--dry-run"]).ends(OK).shows("ketenpartner wonen-noord");
    let told = run(place, &["activate", "--by", "anna", "--why", "proef", "-o", "json"]).ends(OK);
    let proposal = told.json()["voorstel"].as_str().expect("a proposal").to_owned();
    run(place, &["doctor"]).ends(OK).shows("wacht op akkoord");
    run(place, &["activate", "--approve", &proposal, "--by", "anna"]).ends(NOT_ALLOWED);
    run(place, &["activate", "--approve", &proposal, "--by", "bram"]).ends(OK).shows("actief");
    run(place, &["partner", "key", "wonen-noord"]).ends(OK);
    run(place, &["partner", "list"]).ends(OK).shows("Wonen \"Noord\"");
    run(place, &["activate", "--by", "anna"]).ends(OK).shows("is al actief");
    let active = hub.office("stand", json!({})).await;
    assert!(active["set"].is_string());
    run(place, &["partner", "key", POLITIE]).ends(OK);
}
