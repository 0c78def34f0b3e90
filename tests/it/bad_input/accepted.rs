//! What is accepted and yet goes wrong on the road: the sender has its receipt, and an operator
//! finds in quarantine who did not get it, and why.

use serde_json::{Value, json};

use super::{SECRET, kept, signal};
use crate::hub::{GEMEENTE, Hub, JSON, POLITIE, Place, XML, example, swap};

/// The one entry with this reason.
async fn only(hub: &Hub, reason: &str) -> Value {
    let mut found = hub.quarantine(reason).await;
    assert_eq!(found.len(), 1, "{reason}: {found:?}");
    let entry = found.pop().expect("just counted");
    assert_eq!(entry["status"], "open");
    assert!(!entry.to_string().contains(SECRET), "quarantine repeats a value");
    entry
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_nothing_is_told_and_written_down() {
    let hub = Place::new().start().await;
    let gemeente = hub.token(GEMEENTE).await;
    let told = hub.send(&gemeente, JSON, &signal("niemand", |_| {})).await;
    assert_eq!(told.status, 202);
    assert_eq!(only(&hub, "geen-route").await["partner"], Value::Null);

    let named = signal("zonder-doel", |d| {
        d["signaal"]["ontvangers"] = json!(["openbaar-ministerie", "politie", "bestaat-niet"]);
    });
    let told = hub.send(&gemeente, JSON, &named).await;
    assert_eq!(told.status, 202);
    let mut not_sent = told.json()["nietVerdeeld"].as_array().expect("a list").clone();
    not_sent.sort_by_key(Value::to_string);
    let expected = json!([
        { "ontvanger": "om-oost-brabant", "reden": "geen-doelbinding" },
        { "ontvanger": null, "reden": "onbekende-ontvanger" },
    ]);
    assert_eq!(json!(not_sent), expected);
    assert_eq!(only(&hub, "geen-doelbinding").await["partner"], "om-oost-brabant");
    only(&hub, "onbekende-ontvanger").await;
    let again = hub.send(&gemeente, JSON, &named).await;
    assert_eq!(again.json()["nietVerdeeld"].as_array().map(Vec::len), Some(2));
    let trace = hub.office("spoor", json!({ "id": told.message() })).await;
    assert_eq!(trace[0]["zendingen"].as_array().map(Vec::len), Some(1), "the police get theirs");
    assert_eq!(trace[0]["nietVerzonden"].as_array().map(Vec::len), Some(2));
    assert!(!told.text().contains(SECRET));
}

/// The shipped set without examples, so that a test may spoil it.
pub(super) fn set_to_spoil() -> Place {
    let place = Place::new();
    place.take(&["config", "schemas"]);
    for entry in std::fs::read_dir(crate::hub::checkout().join("connectors")).expect("connectors") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        for part in ["connector.toml", "schemas", "mappings"] {
            place.take(&[&format!("connectors/{name}/{part}")]);
        }
    }
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_set_itself_gets_wrong_is_quarantined_for_repair() {
    let place = set_to_spoil();
    // A theme that the schema takes and the code list does not know.
    place.edit("connectors/politie/schemas/delen.json", "\"BRA\"", "\"BRA\", \"ZZZ\"");
    // And a subject that the municipality's own schema no longer takes from the hub.
    place.edit(
        "connectors/gemeente/schemas/signaal-uit.json",
        "\"maxLength\": 200",
        "\"maxLength\": 10",
    );
    let hub = place.start().await;
    let politie = hub.token(POLITIE).await;
    let report = swap(&example("politie", "in-volledig"), "Bewoner bonsde", SECRET);
    let unknown = swap(&report, "<thema>WOV", "<thema>ZZZ");
    let told = hub.send(&politie, XML, &unknown).await;
    assert_eq!(told.status, 500);
    assert!(told.text().contains("Fo03Bericht") && !told.text().contains("ZZZ"));
    let entry = only(&hub, "vertaling").await;
    assert_eq!(entry["partner"], POLITIE);
    assert_eq!(entry["bijzonderheden"][0]["plaats"], "/thema");
    assert_eq!(kept(&hub, &entry["id"], "vertaling").await, unknown.as_bytes());

    // The refused message claimed no id, so what is repaired may come under the same one.
    let told = hub.send(&politie, XML, &report).await;
    assert!(told.is_accepted(), "{}", told.text());
    let entry = only(&hub, "schema-uit").await;
    assert_eq!((&entry["partner"], &entry["richting"]), (&json!(GEMEENTE), &json!("uitgaand")));
    assert_eq!(entry["bijzonderheden"][0]["plaats"], "/signaal/onderwerp");
    assert_eq!(entry["bijzonderheden"][0]["code"], "te-lang");
    let gemeente = hub.token(GEMEENTE).await;
    assert!(hub.collect(&gemeente).await.is_empty(), "an invalid document was handed out");
    let trace = hub.office("spoor", json!({ "id": told.message() })).await;
    let others = trace[0]["zendingen"].as_array().expect("a list");
    assert!(!others.is_empty(), "the other recipients get theirs");
}
