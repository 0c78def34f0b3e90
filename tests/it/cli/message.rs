//! One message from its sender to its end: send, trace, explain, replay, erase; and quarantine.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;

use super::{
    FAILURE, INVALID, NOBODY, NOT_ALLOWED, NOT_FOUND, OK, PARTLY, USAGE, example_file, run, run_as,
};
use crate::hub::{GGZ, Hub, OM, POLITIE, Place, WONEN, checkout, until};

/// A hub with one report of the police in it; the police's token, and the message's id.
async fn with_a_report() -> (Hub, String, String) {
    let hub = Place::new().start().await;
    let token = hub.token(POLITIE).await;
    let file = example_file("politie", "in-volledig", "xml");
    let send = ["send", "--partner", POLITIE, "--file", &file];
    let said = run_as(&hub.place, &token, &send).ends(OK).shows("Bv03");
    let id = said.err.trim().rsplit(' ').next().expect("an id").to_owned();
    // The same again is the same message.
    let again = run_as(&hub.place, &token, &send).ends(OK);
    assert!(again.err.trim().ends_with(&id), "{}", again.err);
    (hub, token, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_traced_explained_and_replayed_until_it_is_erased() {
    let (hub, _, id) = with_a_report().await;
    let trace = run(&hub.place, &["trace", &id]).ends(OK);
    let trace = trace.shows("signaal-gemeld.v1 van politie-oost-brabant").shows(WONEN);
    assert!(trace.out.contains("Onthouden aan wonen-zuid, geen doelbinding geeft dit"));
    let told = run(&hub.place, &["trace", &id, "-o", "json"]).ends(OK).json();
    let parcel = told[0]["zendingen"][0]["zending"].as_str().expect("a parcel").to_owned();
    run(&hub.place, &["trace", &parcel]).ends(OK).shows(&id);
    run(&hub.place, &["tail", "-o", "jsonl"]).ends(OK).shows(&id);

    let explained = run(&hub.place, &["explain", &id, "--recipient", WONEN]).ends(OK);
    for text in [
        "Gegeven (",
        "Niet gegeven (",
        "/betrokkenen/1/bsn",
        "b.sigLk01.object.onderwerp (connectors/politie/mappings/toevoeging.toml:",
        "wordt    omschrijving (connectors/woningcorporatie/mappings/gemeld-uit.toml:",
        "woonoverlast-politie-corporatie: Wpg artikel 20 lid 1",
    ] {
        assert!(explained.out.contains(text), "no {text} in {}", explained.out);
    }
    let fields = run(&hub.place, &["explain", &id, "--recipient", WONEN, "-o", "jsonl"]).ends(OK);
    for line in fields.out.lines() {
        let field: Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(field["veld"].is_string() && field["uitkomst"].is_string(), "{line}");
    }
    let other = run(&hub.place, &["explain", &id, "--recipient", OM]).ends(OK);
    other.shows("heeft dit bericht niet gekregen");
    run(&hub.place, &["explain", &id, "--recipient", "niemand"]).ends(NOT_FOUND);

    let before = hub.office("spoor", serde_json::json!({ "id": id })).await;
    let preview = run(&hub.place, &["replay", &id]).ends(OK).says("er is niets gebeurd");
    assert!(preview.out.contains("zelfde inhoud, opnieuw aangeboden"), "{}", preview.out);
    let after = hub.office("spoor", serde_json::json!({ "id": id })).await;
    assert_eq!(before, after, "a preview changes nothing");
    let both = ["replay", &id, "--recipient", WONEN, "--recipient", OM, "--yes"];
    run(&hub.place, &both).ends(PARTLY).shows("1 opnieuw aangeboden").shows("Niets voor om-");
    let nobody = ["replay", &id, "--recipient", OM, "--yes"];
    run(&hub.place, &nobody).ends(FAILURE).says("er is niets verstuurd");

    let erase = ["erase", id.as_str(), "--by", "anna", "--why", "verzoek 2026-118"];
    let dry = [&erase[..], &["--dry-run"]].concat();
    run(&hub.place, &dry).ends(OK).shows("Dit vernietigt").says("niets gevraagd");
    run(&hub.place, &["erase", "approve", "1", "--by", "bart"]).ends(NOT_FOUND);
    run(&hub.place, &erase).ends(OK).shows("Verzoek 1").says("Er is nog niets gewist");
    run(&hub.place, &["erase", "approve", "1", "--by", " Anna "]).ends(NOT_ALLOWED);
    run(&hub.place, &["explain", &id, "--recipient", WONEN]).ends(OK);
    run(&hub.place, &["erase", "approve", "1", "--by", "bart"]).ends(OK).shows("Gewist.");
    run(&hub.place, &erase).ends(NOT_FOUND).says("gewist");
    run(&hub.place, &["explain", &id, "--recipient", WONEN]).ends(NOT_FOUND).says("gewist");
    run(&hub.place, &["trace", &id]).ends(OK).shows("is gewist op");
    run(&hub.place, &["journal", "verify"]).ends(OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found() {
    let hub = Place::new().start().await;
    let by = ["--by", "anna", "--why", "proef"];
    for words in [
        &["trace", NOBODY][..],
        &["trace", "--partner", POLITIE, "--kenmerk", "nooit"],
        &["explain", NOBODY, "--recipient", WONEN],
        &["replay", NOBODY, "--yes"],
        &["quarantine", "show", NOBODY],
        &["journal", "prove", NOBODY],
        &["activate", "--approve", NOBODY, "--by", "anna"],
    ] {
        run(&hub.place, words).ends(NOT_FOUND);
    }
    for words in [&["erase", NOBODY][..], &["quarantine", "release", NOBODY]] {
        run(&hub.place, &[words, &by].concat()).ends(NOT_FOUND);
    }
    run(&hub.place, &["erase", NOBODY, "--by", " ", "--why", "x"]).ends(USAGE);
    run(&hub.place, &["trace", "--partner", POLITIE]).ends(USAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_ends_as_the_answer_means() {
    let hub = Place::new().start().await;
    let token = hub.token(POLITIE).await;
    let send = |token: &str, file: &str| {
        run_as(&hub.place, token, &["send", "--partner", POLITIE, "--file", file])
    };
    let wrong = example_file("politie", "fout-wijziging", "xml");
    send(&token, &wrong).ends(INVALID).shows("Fo03").says("geweigerd");
    send("schakel_verzonnen", &wrong).ends(NOT_ALLOWED);
    send(&token, "/nergens/te/vinden.xml").ends(NOT_FOUND);
    send(&token, &checkout().display().to_string()).ends(FAILURE);
    let words = ["send", "--partner", "niemand", "--file", &wrong];
    run_as(&hub.place, &token, &words).ends(NOT_FOUND).says("niemand");
    let ggz = hub.token(GGZ).await;
    let flag = example_file("zorgaanbieder", "flag-volledig", "json");
    let words = ["send", "--partner", GGZ, "--file", &flag];
    run_as(&hub.place, &ggz, &words).ends(OK);
    // A partner speaks for itself only, whatever it says with --partner.
    run_as(&hub.place, &token, &words).ends(INVALID);
}

fn shown_history(hub: &Hub, id: &str) -> String {
    run(&hub.place, &["quarantine", "show", id]).ends(OK).out
}

/// The kinds of the proven leaves, by their number in the encoding: 5 is a reveal.
fn hub_leaves(told: &Value) -> Vec<u8> {
    let proofs = told["bewijzen"].as_array().expect("a list").iter();
    let leaves = proofs.map(|proof| proof["blad"].as_str().expect("a leaf"));
    leaves.map(|leaf| BASE64_STANDARD.decode(leaf).expect("base64")[1]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantine_shows_places_and_gives_the_bytes_only_to_who_says_why() {
    let hub = Place::new().start().await;
    let token = hub.token(POLITIE).await;
    let file = example_file("politie", "fout-wijziging", "xml");
    run_as(&hub.place, &token, &["send", "--partner", POLITIE, "--file", &file]).ends(INVALID);
    let list = run(&hub.place, &["quarantine", "list", "-o", "jsonl"]).ends(OK);
    let entry: Value = serde_json::from_str(list.out.trim()).expect("one entry");
    let id = entry["id"].as_str().expect("an id");
    let bytes = std::fs::read(&file).expect("the example");

    let shown = run(&hub.place, &["quarantine", "show", id]).ends(OK);
    shown.shows("voldoet niet aan het schema").shows("van politie-oost-brabant");
    let by = ["--by", "anna", "--why", "storing"];
    let reveal = [&["quarantine", "show", id, "--reveal"][..], &by].concat();
    assert!(!shown_history(&hub, id).contains("ingezien"));
    let revealed = run(&hub.place, &reveal).ends(OK).says("vastgelegd in het logboek");
    assert_eq!(revealed.bytes, bytes);
    let empty = ["quarantine", "show", id, "--reveal", "--by", "", "--why", ""];
    assert!(run(&hub.place, &empty).ends(INVALID).bytes.is_empty());
    let history = shown_history(&hub, id);
    assert_eq!(history.matches("ingezien").count(), 1, "{history}");
    assert!(history.contains("door anna: storing"), "{history}");
    let told = run(&hub.place, &["quarantine", "show", id, "-o", "json"]).ends(OK).json();
    assert_eq!((&told["inzagen"][0]["door"], &told["inzagen"][1]), (&"anna".into(), &Value::Null));
    until("the reveal is signed", async || {
        let said = run(&hub.place, &["journal", "prove", id]);
        said.out.contains("bewijzen").then(|| hub_leaves(&said.json()))?.contains(&5).then_some(())
    })
    .await;

    // It is still wrong, so it stays where it is.
    let release = [&["quarantine", "release", id][..], &by].concat();
    run(&hub.place, &release)
        .ends(FAILURE)
        .says("Onder de huidige set wordt dit bericht geweigerd");
    let list = run(&hub.place, &["quarantine", "list", "-o", "jsonl"]).ends(OK);
    assert_eq!(list.out.lines().count(), 1, "and no second entry: {}", list.out);
    run(&hub.place, &[&["quarantine", "drop", id][..], &by].concat()).ends(OK);
    run(&hub.place, &release).ends(FAILURE).says("al afgehandeld");
    run(&hub.place, &["quarantine", "list"]).ends(OK).says("geen uitval");
    run(&hub.place, &["quarantine", "list", "--state", "alle"]).ends(OK).shows("vervallen");
}
