//! Sets of configuration: a broken one never becomes active, one that widens needs two people,
//! and the active one outlives the folder it came from.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use crate::hub::{GEMEENTE, Hub, POLITIE, Place, XML, example, swap};

/// The shipped set as an operator sends it, with one file changed.
pub fn set(file: &str, change: impl FnOnce(&str) -> String) -> Value {
    let mut files = schakel::settings::shipped();
    let text = String::from_utf8(files.get(file).expect("a shipped file").clone()).expect("text");
    files.insert(file.to_owned(), change(&text).into_bytes());
    let coded: BTreeMap<String, String> =
        files.iter().map(|(name, bytes)| (name.clone(), BASE64_STANDARD.encode(bytes))).collect();
    json!({ "bestanden": coded, "door": "anna", "reden": "proef" })
}

async fn active(hub: &Hub) -> String {
    hub.office("stand", json!({})).await["set"].as_str().expect("a digest").to_owned()
}

/// Sends a report and reads what the municipality sees of it.
async fn seen_by_gemeente(hub: &Hub, number: u32) -> String {
    let (politie, gemeente) = (hub.token(POLITIE).await, hub.token(GEMEENTE).await);
    let report = example("politie", "in-volledig");
    let report = swap(&report, "118204", &number.to_string());
    let report = swap(&report, "231107", &number.to_string());
    assert!(hub.send(&politie, XML, &report).await.is_accepted());
    let mut parcels = hub.empty_mailbox(&gemeente).await;
    assert_eq!(parcels.len(), 1);
    let seen = parcels.pop().expect("just counted").text;
    for (partner, token) in [(POLITIE, politie), (GEMEENTE, gemeente)] {
        let keys = hub.office("ketenpartners", json!({})).await;
        let lines = keys["ketenpartners"].as_array().expect("a list").clone();
        let line = lines.into_iter().find(|line| line["id"] == partner).expect("a partner");
        let newest = line["sleutels"].as_array().and_then(|keys| keys.last().cloned());
        let id = newest.expect("a key")["id"].clone();
        hub.office("sleutel-intrekken", json!({ "id": id })).await;
        assert_eq!(hub.get(&token, "/v1/logboek").await.status, 401);
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_set_never_becomes_active() {
    let hub = Place::new().start().await;
    let before = active(&hub).await;
    let broken = [
        // A route that gives nothing to anybody, for want of a purpose.
        ("config/routes.toml", "naar = [\"gemeente\"]", "naar = [\"gemeentee\"]"),
        ("connectors/politie/mappings/toevoeging.toml", "object.identificatie", "object.kenteken"),
        ("config/purposes/regie-gemeente.toml", "\"thema\" = \"houd\"", "\"thema\" = \"hou\""),
        ("config/themes.toml", "[woonoverlast]", "[woonoverlast"),
    ];
    for (file, from, to) in broken {
        let told = hub.try_office("set-activeren", &set(file, |t| t.replacen(from, to, 1))).await;
        assert_eq!((told.status, &told.json()["code"]), (422, &json!("set-ongeldig")), "{file}");
        let problems = told.json()["fouten"].as_array().expect("problems").clone();
        let place = regex::Regex::new(&format!(r"^{}:\d+:\d+: ", regex::escape(file)));
        let place = place.expect("a pattern");
        let placed = problems.iter().filter_map(Value::as_str).any(|text| place.is_match(text));
        assert!(placed, "no file, line and column: {problems:?}");
        assert_eq!(active(&hub).await, before);
    }
    // An example that no longer comes out as it should is a broken set, too.
    let file = "connectors/politie/mappings/toevoeging.toml";
    let other = set(file, |t| swap(t, "BRA = \"brandveiligheid\"", "BRA = \"ondermijning\""));
    let told = hub.try_office("set-activeren", &other).await;
    assert_eq!((told.status, active(&hub).await), (422, before), "{}", told.text());
    assert!(seen_by_gemeente(&hub, 1).await.contains("Geschreeuw"), "the hub goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_gives_more_needs_a_second_person_and_outlives_its_folder() {
    let place = Place::new();
    place.take(&["config"]);
    let hub = place.start().await;
    let before = active(&hub).await;
    let file = "config/purposes/regie-gemeente.toml";
    let mut wider = set(file, |text| swap(text, "naam\" = \"veralgemeen\"", "naam\" = \"houd\""));
    // The example that says what is withheld would stop it before anybody is asked.
    let files = wider["bestanden"].as_object_mut().expect("files");
    files.retain(|name, _| !name.starts_with("connectors/gemeente/examples/van-politie/"));
    let told = hub.office("set-activeren", wider.clone()).await;
    let more = told["ruimer"].as_array().expect("a list");
    assert!(
        more.iter().any(|line| line.as_str().is_some_and(|l| l.contains("betrokkenen[].naam")))
    );
    let proposal = told["voorstel"].clone();
    assert!(proposal.is_string(), "{told}");
    assert_eq!(active(&hub).await, before, "one person is not enough");
    assert!(!seen_by_gemeente(&hub, 1).await.contains("Willem"));

    let order = |by: &str| json!({ "id": proposal, "door": by });
    let told = hub.try_office("set-goedkeuren", &order("anna")).await;
    assert_eq!((told.status, &told.json()["code"]), (403, &json!("tweede-persoon")));
    assert_eq!(active(&hub).await, before);
    hub.office("set-goedkeuren", order("bram")).await;
    let after = active(&hub).await;
    assert_ne!(after, before);
    assert!(seen_by_gemeente(&hub, 2).await.contains("Willem"));

    // The folder still has the old set, and then another one: what was activated holds.
    let place = hub.stop().await;
    place.edit("config/hub.toml", "Schakel Eindhoven", "Iets anders");
    let hub = place.start().await;
    assert_eq!(active(&hub).await, after);
    assert!(seen_by_gemeente(&hub, 3).await.contains("Willem"));
    assert!(hub.stop().await.log().contains("schakel activate"), "and somebody is told so");
}
