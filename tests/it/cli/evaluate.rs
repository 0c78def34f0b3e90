//! The programme and its evaluation, as people meet them.

use serde_json::{Value, json};

use super::{INVALID, NOT_FOUND, OK, USAGE, example_file, run, run_as};
use crate::hub::{POLITIE, Place};

/// Facts of which one line is perhaps none.
fn facts(place: &Place, bad: Option<&str>) -> String {
    let signal = |n: u32| {
        json!({
            "feit": "signaal", "op": format!("2026-03-{:02}T12:00:00Z", 1 + n % 28),
            "thema": "woonoverlast", "soort": "politie", "buurt": "BU07721318",
            "casus": format!("00000000-0000-0000-0000-{n:012}"),
        })
    };
    let mut lines: Vec<String> = (0..40).map(|n| signal(n).to_string()).collect();
    lines.extend(bad.map(str::to_owned));
    let file = place.data().join("feiten.ndjson");
    std::fs::write(&file, lines.join("\n")).expect("a writable folder");
    file.display().to_string()
}

#[test]
fn facts_of_a_file_are_laid_beside_the_programme_in_every_form() {
    let place = Place::new();
    let file = facts(&place, None);
    let span = ["--from", "2026-01-01", "--until", "2026-03-31", "--facts", file.as_str()];
    let evaluate = |more: &[&str]| run(&place, &[&["evaluate"], &span[..], more].concat());
    evaluate(&[]).ends(OK).shows("Waar doel en werkelijkheid").shows("→ zet het wijkteam");
    let found = evaluate(&["-o", "json"]).ends(OK).json();
    assert_eq!(found["totaal"]["signalen"], 40);
    let target = |id: &str| {
        let all = found["doelen"].as_array().expect("targets");
        all.iter().find(|row| row["doel"] == id).expect("a target").clone()
    };
    assert_eq!(target("lijsterpark-rustiger")["oordeel"], "niet-gehaald");
    assert_eq!(target("zorg-antwoordt")["oordeel"], "geen-uitspraak");
    evaluate(&["-o", "csv"]).ends(OK).shows("per-afzender;politie;signalen;40");
    let report = place.data().join("rapport.html").display().to_string();
    evaluate(&["-o", "html", "--to", &report]).ends(OK).says("geschreven");
    let html = std::fs::read_to_string(&report).expect("a report");
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    let elsewhere = evaluate(&["--area", "BU07721421", "-o", "json"]).ends(OK).json();
    assert_eq!(elsewhere["totaal"]["signalen"], Value::Null, "nobody is less than five");
}

#[test]
fn what_cannot_be_evaluated_says_why_and_tells_no_value() {
    let place = Place::new();
    let name = "{\"feit\":\"signaal\",\"naam\":\"Jansen\"}";
    let file = facts(&place, Some(name));
    let said = run(&place, &["evaluate", "--facts", &file]).ends(INVALID).says("regel 41");
    assert!(!said.err.contains("Jansen"), "{}", said.err);
    let file = facts(&place, None);
    let evaluate = |more: &[&str]| run(&place, &[&["evaluate", "--facts", &file], more].concat());
    evaluate(&["--theme", "woonoverlas"]).ends(USAGE).says("bedoelde u woonoverlast?");
    evaluate(&["--area", "Lijsterpark"]).ends(USAGE).says("GM0772");
    evaluate(&["--from", "2026-02-01", "--until", "2026-01-01"]).ends(USAGE).says("geen periode");
    run(&place, &["evaluate", "--facts", "/nergens"]).ends(NOT_FOUND);
    run(&place, &["evaluate"]).ends(NOT_FOUND).says("schakel serve");
    run(&place, &["partner", "list", "-o", "csv"]).ends(USAGE).says("schakel evaluate");
}

#[test]
fn a_programme_is_shown_with_who_made_it_hold_and_a_change_names_its_targets() {
    let place = Place::new();
    run(&place, &["programme", "show"]).ends(OK).shows("Niet actief").shows("hoogstens 900");
    place.take(&["config", "schemas", "connectors"]);
    run(&place, &["partner", "key", POLITIE]).ends(OK);
    run(&place, &["programme", "show"]).ends(OK).shows("eerste start");
    place.edit("config/programme.toml", "hoogstens = 900", "hoogstens = 800");
    let compared = run(&place, &["activate", "--dry-run"]).ends(OK);
    compared.shows("Doelen die veranderen (2)").shows("hoogstens 800 signalen");
    run(&place, &["programme", "show"]).ends(OK).shows("hoogstens 900");
    run(&place, &["programme", "show", "--draft"]).ends(OK).shows("hoogstens 800");
    let why = ["activate", "--by", "J. Jansen", "--why", "raad 12 november"];
    run(&place, &why).ends(OK);
    let sets = run(&place, &["activate", "--list"]).ends(OK);
    sets.shows("raad 12 november").shows("eerste start").shows("Nu actief");
    let tried = run(&place, &["activate", "--shadow", "5", "--by", "anna"]).ends(OK);
    tried.shows("Bekeken: ").shows("hetzelfde gebeurd");
    run(&place, &["activate", "--list"]).ends(OK).shows("schaduw");
    let shown = run(&place, &["programme", "show"]).ends(OK);
    shown.shows("hoogstens 800").shows("J. Jansen").shows("raad 12 november");
    let shown = run(&place, &["programme", "show", "-o", "json"]).ends(OK).json();
    assert_eq!(shown["door"], "J. Jansen");
    std::fs::remove_file(place.set().join("config/programme.toml")).expect("a file");
    run(&place, &["programme", "show", "--draft"]).ends(NOT_FOUND).says("schakel export");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_hub_runs_its_journal_is_evaluated() {
    let hub = Place::new().start().await;
    let token = hub.token(POLITIE).await;
    let file = example_file("politie", "in-volledig", "xml");
    run_as(&hub.place, &token, &["send", "--partner", POLITIE, "--file", &file]).ends(OK);
    let span = ["evaluate", "--from", "2026-01-01", "--until", "2099-12-31", "-o", "json"];
    let found = run(&hub.place, &span).ends(OK).json();
    assert_eq!(found["totaal"]["signalen"], 1, "{found}");
    assert_eq!(found["perAfzender"][0]["soort"], "politie");
    assert!(found["doelen"].as_array().is_some_and(|all| !all.is_empty()));
    run(&hub.place, &["programme", "show"]).ends(OK).shows("eerste start");
}
