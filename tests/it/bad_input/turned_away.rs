//! What is turned away before it is read: too large, or from who may not exchange. It is kept all
//! the same, within bounds.

use std::collections::BTreeSet;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::{Bad, SECRET, kept, signal};
use crate::hub::{GEMEENTE, Hub, JSON, POLITIE, Place, SLEUTEL, XML, example, until, verify};

/// The largest document that is taken in, and the largest that is kept.
const DOCUMENT: usize = 1024 * 1024;
const KEPT: usize = 8 * 1024 * 1024;

/// A document of a size, with a secret in it.
fn large(size: usize) -> String {
    format!("{{\"tekst\": \"{SECRET}{}\"}}", "x".repeat(size - SECRET.len() - 13))
}

/// An entry with its reason and what it says, of which no bytes were kept.
async fn without_bytes(hub: &Hub, id: &Value) -> Value {
    let ask = json!({ "id": id, "onthullen": true, "door": "anna", "reden": "proef" });
    let found = hub.office("uitval-inhoud", ask).await;
    assert_eq!(found["inhoud"], Value::Null);
    let told = hub.office("uitval-inhoud", json!({ "id": id })).await;
    assert_eq!(told["inzagen"], json!([]), "nothing was seen");
    found["uitval"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_kept_up_to_a_bound_and_noted_beyond_it() {
    let hub = Place::new().start().await;
    let gemeente = hub.token(GEMEENTE).await;
    for size in [DOCUMENT + 1, KEPT] {
        let document = large(size);
        assert_eq!(document.len(), size);
        Bad::json(&gemeente, document, 413, "te-groot").refused_by(&hub).await;
    }
    let told = hub.send(&gemeente, JSON, &large(KEPT + 1)).await;
    assert_eq!((told.status, &told.json()["code"]), (413, &json!("te-groot")));
    assert!(told.json().get("zout").is_none() && !told.text().contains(SECRET));
    let entry = without_bytes(&hub, &told.json()["uitval"]).await;
    assert_eq!((&entry["partner"], &entry["kanaal"]), (&json!(GEMEENTE), &json!("http")));
    assert_eq!((&entry["reden"], &entry["status"]), (&json!("te-groot"), &json!("open")));
    let why = entry["bijzonderheden"][0]["nl"].as_str().expect("a sentence");
    assert!(why.contains(&format!("{} bytes", KEPT + 1)), "{why}");
    // There is nothing to release.
    let order = json!({ "id": told.json()["uitval"], "door": "anna", "reden": "proef" });
    let released = hub.try_office("uitval-vrijgeven", &order).await;
    assert_eq!((released.status, &released.json()["code"]), (409, &json!("geen-inhoud")));

    // In the sender's own form too.
    let politie = hub.token(POLITIE).await;
    let report = format!("<!--{}-->{}", "x".repeat(DOCUMENT), example("politie", "in-volledig"));
    let told = hub.send(&politie, XML, &report).await;
    assert_eq!(told.status, 500);
    assert!(told.text().contains("Fo03Bericht") && told.text().contains("POL010"));
    let entry = hub.quarantine("te-groot").await.pop().expect("an entry");
    assert_eq!(entry["partner"], POLITIE);
    assert!(kept(&hub, &entry["id"], "te-groot").await == report.as_bytes(), "other bytes");
    verify(&hub.stop().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_too_large_is_kept_as_well() {
    let hub = Place::new().start().await;
    let root = hub.place.data().join("uitwisseling").join(SLEUTEL);
    until("the folders are there", async || root.join("in").is_dir().then_some(())).await;
    let row = example("woningcorporatie-csv", "melding-kaal");
    let large = format!("{row}{}", "\n".repeat(DOCUMENT));
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(root.join("in").join(format!("{name}.tmp")), bytes).expect("a draft");
        std::fs::rename(root.join(format!("in/{name}.tmp")), root.join(format!("in/{name}")))
            .expect("a file");
    };
    put("groot.csv", large.as_bytes());
    put("groter.csv", &vec![b'x'; KEPT + 1]);
    let mut told = Vec::new();
    for name in ["groot.csv", "groter.csv"] {
        let receipt = root.join(format!("fout/{name}.fout.json"));
        let answer = until("the file is refused", async || std::fs::read(&receipt).ok()).await;
        told.push(serde_json::from_slice::<Value>(&answer).expect("JSON"));
        until("the file is put away", async || {
            root.join("fout").join(name).is_file().then_some(())
        })
        .await;
    }
    assert_eq!(told[0]["code"], "te-groot");
    assert!(kept(&hub, &told[0]["uitval"], "te-groot").await == large.as_bytes(), "other bytes");
    let entry = without_bytes(&hub, &told[1]["uitval"]).await;
    assert_eq!((&entry["partner"], &entry["kanaal"]), (&json!(SLEUTEL), &json!("bestanden")));
    assert!(entry["bijzonderheden"][0]["nl"].as_str().expect("why").contains("8388609 bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_bodies_at_once_take_no_more_memory_than_a_few() {
    let hub = Place::new().start().await;
    let gemeente = hub.token(GEMEENTE).await;
    let before = memory_kib(&hub);
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (door, token) = (hub.door.clone(), gemeente.clone());
        sending.spawn(async move {
            let document = format!("{number:04}{}", "x".repeat(KEPT - 4)).into_bytes();
            let content = Some((JSON, document));
            door.ask("POST", "/v1/berichten", &token, content).await.expect("an answer")
        });
    }
    let mut entries = BTreeSet::new();
    while let Some(told) = sending.join_next().await {
        let told = told.expect("no panic");
        assert_eq!((told.status, &told.json()["code"]), (413, &json!("te-groot")));
        entries.insert(told.json()["uitval"].as_str().expect("an entry").to_owned());
    }
    assert_eq!(entries.len(), 40, "each has its entry, with bytes or without");
    // 40 of 8 MiB are 320 MiB, each copied a few times on its road. The peak is what counts.
    let grown = memory_kib(&hub) - before;
    assert!(grown < 256 * 1024, "{grown} KiB more");
}

/// The most memory that the hub ever had.
fn memory_kib(hub: &Hub) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", hub.pid())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_partner_is_kept_within_bounds_and_may_be_released_later() {
    let hub = Place::new().start().await;
    let gemeente = hub.token(GEMEENTE).await;
    let order = json!({ "partner": GEMEENTE, "door": "beheer", "reden": "proef" });
    hub.office("schorsen", order.clone()).await;
    let document = signal("later", |_| {});
    let bad = Bad::json(&gemeente, document.as_str(), 403, "geschorst");
    let first = bad.refused_by(&hub).await.json()["uitval"].clone();
    let size = large(DOCUMENT + 1);
    let told = hub.send(&gemeente, JSON, &size).await;
    assert_eq!((told.status, &told.json()["code"]), (403, &json!("geschorst")));
    without_bytes(&hub, &told.json()["uitval"]).await;
    let release = json!({ "id": first, "door": "anna", "reden": "toch" });
    let told = hub.try_office("uitval-vrijgeven", &release).await;
    assert_eq!((told.status, &told.json()["code"]), (409, &json!("geschorst")));

    for number in 2..100 {
        let told = hub.send(&gemeente, JSON, &signal(&format!("n-{number}"), |_| {})).await;
        assert!(told.json()["uitval"].is_string(), "{number}: {}", told.text());
    }
    for number in 100..105 {
        let told = hub.send(&gemeente, JSON, &signal(&format!("n-{number}"), |_| {})).await;
        assert_eq!((told.status, &told.json()["code"]), (403, &json!("geschorst")));
        assert!(told.json().get("uitval").is_none(), "{number}: {}", told.text());
    }
    assert_eq!(hub.quarantine("geschorst").await.len(), 100);

    hub.office("hervatten", order).await;
    let released = hub.office("uitval-vrijgeven", release).await;
    assert_eq!(released["gevolg"], "opnieuw-aangenomen");
    let place = hub.stop().await;
    assert!(place.log().contains("refused and not kept"), "what is not kept is in the log");
    verify(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_key_and_left_the_set_is_refused_and_kept() {
    // Without examples, for those of its connector speak of the partner that goes.
    let hub = super::accepted::set_to_spoil().start().await;
    let token = hub.token(SLEUTEL).await;
    let partners = hub.place.set().join("config/partners");
    let place = hub.stop().await;
    std::fs::remove_file(partners.join(format!("{SLEUTEL}.toml"))).expect("a partner");
    let hub = place.start().await;
    let activated = hub.office("set-activeren", set_of(&hub.place)).await;
    assert_eq!(activated["status"], "actief", "{activated}");
    let document = example("woningcorporatie-csv", "melding-kaal");
    let bad = Bad::json(&token, document.as_str(), 403, "onbekende-partner");
    let told = bad.typed("text/csv").refused_by(&hub).await;
    let order = json!({ "id": told.json()["uitval"], "door": "anna", "reden": "proef" });
    let released = hub.try_office("uitval-vrijgeven", &order).await;
    assert_eq!((released.status, &released.json()["code"]), (409, &json!("onbekende-afzender")));
}

/// The set of a place as `schakel activate` offers it.
fn set_of(place: &Place) -> Value {
    let files = schakel::settings::read(&place.set()).expect("a set");
    let files: serde_json::Map<String, Value> = files
        .into_iter()
        .map(|(path, bytes)| (path, json!(BASE64_STANDARD.encode(bytes))))
        .collect();
    json!({ "bestanden": files, "door": "anna", "goedgekeurdDoor": "bart", "reden": "proef" })
}
