//! Evidence from the command line: verification that finds what was changed, and proofs that hold
//! without the hub.

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::{FAILURE, INVALID, NOT_ALLOWED, NOT_FOUND, OK, example_file, run, run_as};
use crate::hub::{POLITIE, Place, until};

/// A place in which a report came in and the hub has stopped; the message's id.
async fn after_a_report() -> (Place, String) {
    let hub = Place::new().start().await;
    let token = hub.token(POLITIE).await;
    let file = example_file("politie", "in-volledig", "xml");
    let said = run_as(&hub.place, &token, &["send", "--partner", POLITIE, "--file", &file]);
    let id = said.ends(OK).err.trim().rsplit(' ').next().expect("an id").to_owned();
    (hub.stop().await, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_is_found() {
    let (place, _) = after_a_report().await;
    let report = run(&place, &["journal", "verify", "-o", "json"]).ends(OK);
    assert!(report.err.contains("Het logboek klopt:"), "{}", report.err);
    assert!(report.json()["documenten"].as_u64() > Some(0), "{}", report.out);

    let sound = change_last_byte_of_a_leaf(&place).await;
    let report = run(&place, &["journal", "verify", "-o", "json"]).ends(FAILURE);
    assert!(report.err.contains("klopt NIET"), "{}", report.err);
    assert!(report.json()["fouten"].as_u64() > Some(0), "{}", report.out);
    run(&place, &["journal", "verify"]).ends(FAILURE).shows("tussenstand van de boom");

    assert_ne!(change_last_byte_of_a_leaf(&place).await, sound, "put back");
    run(&place, &["journal", "verify"]).ends(OK);
}

/// Flips a bit in the first leaf that names the police, past the hub; gives the leaf of before.
async fn change_last_byte_of_a_leaf(place: &Place) -> Vec<u8> {
    let file = place.data().join("journal.sqlite");
    let options = SqliteConnectOptions::new().filename(file);
    let mut database = SqliteConnection::connect_with(&options).await.expect("the journal");
    let sql = "select id, data from leaf where partner = $1 order by id limit 1";
    let row = sqlx::query(sql).bind(POLITIE).fetch_one(&mut database).await.expect("a leaf");
    let (id, before): (i64, Vec<u8>) = (row.get("id"), row.get("data"));
    // Who can write the file can remove what guards it.
    let unguarded = sqlx::query("drop trigger if exists leaf_stays").execute(&mut database).await;
    unguarded.expect("no guard");
    let mut after = before.clone();
    *after.last_mut().expect("not empty") ^= 1;
    let sql = "update leaf set data = $2 where id = $1";
    let done = sqlx::query(sql).bind(id).bind(after).execute(&mut database).await;
    assert_eq!(done.expect("changed").rows_affected(), 1);
    database.close().await.expect("closed");
    before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_holds_without_the_hub_and_for_its_own_document_only() {
    let (place, id) = after_a_report().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bewijs.json").display().to_string();
    let proven = until("the message is signed", async || {
        let said = run(&place, &["journal", "prove", &id, "--out", &file]);
        (said.exit == OK).then_some(said)
    });
    proven.await.says("openbare sleutel");
    run(&place, &["journal", "prove", &id, "--out", &file]).ends(NOT_ALLOWED);
    let key = run(&place, &["keys", "public"]).ends(OK).out.trim().to_owned();

    // Another place: nothing of the hub is there.
    let elsewhere = Place::new();
    let document = example_file("politie", "in-volledig", "xml");
    let verify = ["journal", "verify", "--proof", &file];
    let whole = [&verify[..], &["--key", &key, "--document", &document]].concat();
    run(&elsewhere, &whole).ends(OK).shows("klopt, ook de inhoud");
    run(&elsewhere, &verify).ends(OK).says("de sleutel komt uit het bestand zelf");
    let other = example_file("politie", "in-kleinste", "xml");
    let other = [&verify[..], &["--key", &key, "--document", &other]].concat();
    run(&elsewhere, &other).ends(FAILURE).shows("KLOPT NIET");
    let foreign = run(&elsewhere, &["keys", "public"]).ends(OK).out.trim().to_owned();
    run(&elsewhere, &[&verify[..], &["--key", &foreign]].concat()).ends(FAILURE);
    run(&elsewhere, &[&verify[..], &["--key", "onzin"]].concat()).ends(INVALID);
    run(&elsewhere, &["journal", "verify", "--proof", "/nergens"]).ends(NOT_FOUND);
    run(&elsewhere, &["journal", "verify", "--proof", &document]).ends(INVALID);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_lists_exchanges_without_content() {
    let (place, id) = after_a_report().await;
    let lines = run(&place, &["journal", "export"]).ends(OK);
    let line: Value = serde_json::from_str(lines.out.trim()).expect("one line of JSON");
    assert_eq!((&line["nr"], &line["bericht"]["id"]), (&1.into(), &id.as_str().into()));
    assert_eq!(line["zendingen"].as_array().map(Vec::len), Some(3));
    let document = std::fs::read_to_string(example_file("politie", "in-volledig", "xml"));
    let document = document.expect("the example");
    for word in ["Geschreeuw", "Willem"] {
        assert!(document.contains(word) && !lines.out.contains(word), "{word}");
    }
    assert!(run(&place, &["journal", "export", "--since", "1"]).ends(OK).out.is_empty());
}
