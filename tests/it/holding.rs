//! Two partners over HTTP: one holds what would endanger somebody, and a coordinator decides.

use serde_json::{Value, json};

use crate::hub::{GEMEENTE, GGZ, Hub, JSON, POLITIE, Place, Reply, WONEN, XML, example, verify};

const WHY: &str = "Het adres is van de opvang waar zij nu woont";

async fn hold(hub: &Hub, token: &str, id: &str) -> Reply {
    let path = format!("/v1/berichten/{id}/vasthouden");
    let body = json!({ "reden": WHY }).to_string().into_bytes();
    hub.door.ask("POST", &path, token, Some((JSON, body))).await.expect("an answer")
}

/// The signals among what lies in a mailbox.
async fn signals(hub: &Hub, token: &str) -> Vec<String> {
    let parcels = hub.empty_mailbox(token).await;
    let signals = parcels
        .into_iter()
        .filter(|parcel| parcel.whole["cloudevent"]["type"] == "nl.schakel.signaal-gemeld.v1");
    signals.map(|parcel| parcel.id).collect()
}

fn ids(entries: &[Value]) -> Vec<String> {
    let id = |entry: &Value| entry["id"].as_str().expect("an id").to_owned();
    entries.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_holds_what_others_did_not_get_yet_and_a_coordinator_decides() {
    let hub = Place::new().start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await;
    let (politie, gemeente) = (hub.token(POLITIE).await, hub.token(GEMEENTE).await);
    let (wonen, ggz) = (hub.token(WONEN).await, hub.token(GGZ).await);
    let message = hub.send(&politie, XML, &example("politie", "in-volledig")).await.message();
    let got = signals(&hub, &gemeente).await;
    let parcel = got.first().expect("the municipality got it");

    // Nobody but its sender and who got it: to all others there is no such thing.
    let mut answers = Vec::new();
    for (token, id) in [
        (&ggz, message.as_str()),
        (&ggz, parcel.as_str()),
        (&wonen, parcel.as_str()),
        (&wonen, message.as_str()),
        (&politie, parcel.as_str()),
        (&politie, "3f0c9a52-7d1e-4b8a-9c64-1f2e3d4c5b6a"),
    ] {
        let refused = hold(&hub, token, id).await;
        assert_eq!(refused.status, 404, "{}", refused.text());
        answers.push((refused.json()["code"].clone(), refused.json()["title"].clone()));
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    assert!(hub.quarantine("vastgehouden").await.is_empty());

    let held = hold(&hub, &gemeente, parcel).await;
    assert_eq!(held.status, 200, "{}", held.text());
    assert_eq!(held.json()["status"], "bij-regisseur");
    assert!(held.json().get("zendingen").is_none(), "who else gets it is not its business");
    assert!(signals(&hub, &wonen).await.is_empty(), "it waits for a person");
    let mut entries = hub.quarantine("vastgehouden").await;
    entries.retain(|entry| entry["partner"] == WONEN);
    assert_eq!(entries.len(), 1, "{entries:?}");
    let tasks = hub.office("taken", json!({ "teBeslissen": true })).await;
    assert!(tasks.to_string().contains("beoordeel-vasthouden"), "{tasks}");

    // What it said is shown to who says why, and stands nowhere else.
    let asked = hub.quarantine("vasthouden-gevraagd").await;
    let asked = ids(&asked).remove(0);
    let show = ["quarantine", "show", &asked, "--reveal", "--by", "R", "--why", "besluit"];
    let ran = hub.place.command().args(show).output().expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), WHY);
    assert!(!hub.place.log().contains("opvang"), "never in a log");
    let spoken = hub.office("spoor", json!({ "id": message })).await;
    assert!(!spoken.to_string().contains("opvang"));

    // A person releases it; what was said is then dealt with.
    let who = |id: &str| json!({ "id": id, "door": "R. Regisseur", "reden": "adres klopt niet" });
    hub.office("uitval-vrijgeven", who(&ids(&entries)[0])).await;
    let marked = hub.office("uitval-vrijgeven", who(&asked)).await;
    assert_eq!(marked["gevolg"], "gemarkeerd", "{marked}");
    assert_eq!(signals(&hub, &wonen).await.len(), 1);
    let late = hold(&hub, &politie, &message).await;
    assert_eq!(late.status, 409, "{}", late.text());
    assert!(late.json()["detail"].as_str().is_some_and(|text| text.contains("intrekking")));
    verify(&hub.stop().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_holds_its_own_message_before_anybody_got_it() {
    let hub = Place::new().start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await;
    let (politie, wonen) = (hub.token(POLITIE).await, hub.token(WONEN).await);
    let message = hub.send(&politie, XML, &example("politie", "in-volledig")).await.message();
    let held = hold(&hub, &politie, &message).await;
    assert_eq!(held.status, 200, "{}", held.text());
    assert!(held.json()["zendingen"]["vastgehouden"].as_u64() >= Some(2), "{}", held.text());
    let again = hold(&hub, &politie, &message).await;
    assert_eq!(again.json()["zendingen"]["vastgehouden"], 0, "it may be asked again");
    assert!(signals(&hub, &wonen).await.is_empty());
    for entry in ids(&hub.quarantine("vastgehouden").await) {
        let dropped = json!({ "id": entry, "door": "R. Regisseur", "reden": "opvangadres" });
        hub.office("uitval-laten-vervallen", dropped).await;
    }
    assert!(signals(&hub, &wonen).await.is_empty(), "it never goes");
    verify(&hub.stop().await).await;
}
