//! The demo is the story of the whole hub, and so its test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Runs `schakel demo` in a world of its own: no settings from outside, and a place for its folder.
fn demo(place: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_schakel"))
        .arg("demo")
        .args(arguments)
        .env_remove("SCHAKEL_CONFIG")
        .env_remove("SCHAKEL_LOG")
        // The folder that others work in is never the demo's.
        .env("SCHAKEL_DATA", place.join("van-een-ander"))
        .env("TMPDIR", place)
        .output()
        .expect("the program starts")
}

fn number(facts: &Value, path: &str) -> u64 {
    facts.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} is a number"))
}

fn list<'a>(facts: &'a Value, path: &str) -> &'a Vec<Value> {
    facts.pointer(path).and_then(Value::as_array).unwrap_or_else(|| panic!("{path} is a list"))
}

fn left_in(place: &Path) -> Vec<PathBuf> {
    place.read_dir().expect("the place").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn an_evening_in_one_municipality() {
    let place = tempfile::tempdir().expect("a place");
    let ran = demo(place.path(), &["-o", "json"]);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let facts: Value = serde_json::from_slice(&ran.stdout).expect("one JSON document");

    assert!(number(&facts, "/aantallen/signalen") >= 12);
    assert_eq!(list(&facts, "/aantallen/soorten").len(), 5);
    for happened in [
        "herhalingen",
        "ongeldig",
        "zonderDoelbinding",
        "wijzigingen",
        "intrekkingen",
        "weigeringen",
    ] {
        assert_eq!(number(&facts, &format!("/aantallen/{happened}")), 1, "{happened}");
    }

    // The partner that was down: the first attempt failed, the last one did not.
    let down = list(&facts, "/storing/zendingen");
    assert!(!down.is_empty());
    let parcels: Vec<&Value> =
        list(&facts, "/berichten").iter().flat_map(|trace| list(trace, "/zendingen")).collect();
    for id in down {
        let parcel = parcels.iter().find(|parcel| parcel.get("zending") == Some(id));
        let attempts = list(parcel.expect("its parcel"), "/pogingen");
        let outcomes: Vec<&str> =
            attempts.iter().filter_map(|attempt| attempt["uitkomst"].as_str()).collect();
        assert!(outcomes.len() >= 2, "{outcomes:?}");
        assert!(outcomes[0].starts_with("later"), "{outcomes:?}");
        assert_eq!(outcomes.last(), Some(&"afgeleverd"));
    }

    // Every parcel of the journal was in the hands of its recipient, who found it to be right.
    let received = list(&facts, "/ontvangen");
    assert_eq!(received.len(), parcels.len());
    assert!(received.iter().all(|got| got["inhoudKlopt"] == true && got["rol"].is_object()));

    assert_eq!(number(&facts, "/logboek/fouten"), 0);
    assert_eq!(number(&facts, "/logboek/bladen"), number(&facts, "/logboek/ondertekend"));
    assert!(list(&facts, "/bewijzen").iter().all(|proof| proof["inhoud"] == true));
    let wrong: Vec<_> =
        list(&facts, "/controles").iter().filter(|check| check["klopt"] != true).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    a_case_from_signal_to_evaluation(&facts["casus"]);
    assert_eq!(left_in(place.path()), Vec::<PathBuf>::new(), "the demo cleans up after itself");
}

/// One refusal, one silence that escalates, one recall, and an end: by what the demo read back.
fn a_case_from_signal_to_evaluation(case: &Value) {
    let wrong: Vec<_> =
        list(case, "/controles").iter().filter(|check| check["klopt"] != true).collect();
    assert!(wrong.is_empty(), "{wrong:?}");

    let timeline = list(case, "/tijdlijn");
    let codes: Vec<&str> = timeline.iter().filter_map(|line| line["wat"].as_str()).collect();
    let once = ["geweigerd", "stil", "geescaleerd", "aangevuld", "besluit-sluiten"];
    let at = once.map(|code| {
        assert_eq!(codes.iter().filter(|other| **other == code).count(), 1, "{code}: {codes:?}");
        codes.iter().position(|other| *other == code)
    });
    assert!(at.is_sorted(), "{codes:?}");
    assert_eq!(codes.last(), Some(&"fase"));
    assert_eq!(timeline.last().map(|line| &line["bijzonderheid"]), Some(&"gesloten".into()));

    // A correction goes to whoever had the signal, and one of them said that it took it over.
    let recall = &case["terugroep"];
    assert_eq!(recall["signaal"], recall["correctie"]);
    assert!(list(case, "/terugroep/correctie").len() >= 2);
    assert_eq!(list(case, "/terugroep/bevestigd").len(), 1);

    // Weeks passed for the hub, all of them before the moment at which the demo really ran.
    let moments: Vec<&str> =
        list(case, "/stappen").iter().filter_map(|step| step["op"].as_str()).collect();
    assert!(moments.is_sorted(), "{moments:?}");
    assert!(moments[0] > case["begin"].as_str().expect("a moment"));
    assert!(*moments.last().expect("a step") < case["nu"].as_str().expect("a moment"));

    assert_eq!(number(case, "/evaluatie/totaal/casussenGesloten"), 1);
    assert_eq!(number(case, "/evaluatie/totaal/casussenLopend"), 0);
    assert_eq!(number(case, "/logboek/fouten"), 0);
}

#[test]
fn the_story_fits_a_screen_and_tells_it_all() {
    let place = tempfile::tempdir().expect("a place");
    let data = place.path().join("avond");
    let data = data.to_str().expect("a path in UTF-8");
    let ran = demo(place.path(), &["--data", data]);
    let story = String::from_utf8(ran.stdout).expect("text");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    for line in story.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let evening =
        ["Wie stuurde wat", "Wie kreeg wat", "Wat werd onthouden", "Weg en terug", "Bewijs"];
    let case = ["Eén casus", "De tijd is gespeeld", "escaleert", "De terugroep", "evaluatie"];
    for part in evening.iter().chain(&case) {
        assert!(story.contains(part), "{part}");
    }
    // Who reads the story learns who is in it nowhere: no names of people, no numbers of theirs.
    for secret in ["Struijk", "999990482", "Zwaenepoel", "0610020002", "Brandsema", "Kloosterziel"]
    {
        assert!(!story.contains(secret), "{secret}");
    }

    // The folder that was asked for stays, and no second evening begins over its journal.
    let again = demo(place.path(), &["--data", data]);
    assert_eq!(again.status.code(), Some(5), "{}", String::from_utf8_lossy(&again.stderr));
}
