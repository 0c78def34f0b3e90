//! A partner sees its own exchanges and nothing of anybody else's: not even that it is there.

use serde_json::json;

use crate::hub::{GEMEENTE, GGZ, Hub, JSON, POLITIE, Place, Reply, XML, example, swap};

const UNKNOWN: &str = "3f0c9a52-7d1e-4b8a-9c64-1f2e3d4c5b6a";

/// What an outsider can tell two answers apart by.
fn face(reply: &Reply) -> (u16, String, Vec<(String, String)>) {
    let plain = |name: &str| name != "x-request-id" && name != "date";
    let headers = reply.headers.iter().filter(|(name, _)| plain(name.as_str()));
    let told = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or("?").to_owned();
    let headers = headers.map(|(name, value)| (name.to_string(), told(value)));
    (reply.status, reply.text(), headers.collect())
}

async fn confirm(hub: &Hub, token: &str, parcel: &str) -> Reply {
    hub.door.try_confirm(token, parcel, "geaccepteerd").await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_another_is_as_good_as_none() {
    let hub = Place::new().start().await;
    let (politie, gemeente, ggz) =
        (hub.token(POLITIE).await, hub.token(GEMEENTE).await, hub.token(GGZ).await);
    let report = example("politie", "in-volledig");
    let sent = hub.send(&politie, XML, &report).await.message();
    let parcel = hub.collect(&gemeente).await.pop().expect("a parcel").id;

    let status = format!("/v1/berichten/{sent}");
    assert_eq!(hub.get(&politie, &status).await.status, 200);
    let content = format!("/v1/postvak/{parcel}/inhoud");
    assert_eq!(hub.get(&gemeente, &content).await.status, 200);

    let nothing = face(&hub.get(&ggz, &format!("/v1/berichten/{UNKNOWN}")).await);
    assert_eq!(nothing.0, 404);
    // The ids of others, of other things, and what is no id at all.
    for id in [sent.as_str(), parcel.as_str(), "0", "%2e%2e", "3F0C9A52"] {
        let found = face(&hub.get(&ggz, &format!("/v1/berichten/{id}")).await);
        assert_eq!(found, nothing, "the message {id}");
    }
    // Not even the recipient of its parcel sees who else got the message.
    assert_eq!(face(&hub.get(&gemeente, &status).await), nothing);
    for id in [parcel.as_str(), sent.as_str(), "0", UNKNOWN] {
        let found = face(&hub.get(&ggz, &format!("/v1/postvak/{id}/inhoud")).await);
        assert_eq!(found, nothing, "the parcel {id}");
    }
    let unknown = face(&confirm(&hub, &ggz, UNKNOWN).await);
    assert_eq!(unknown.0, 404);
    for (token, id) in [(&ggz, &parcel), (&politie, &parcel), (&gemeente, &sent)] {
        assert_eq!(face(&confirm(&hub, token, id).await), unknown, "confirming {id}");
    }
    let trace = hub.office("spoor", json!({ "id": sent })).await;
    let stage = trace[0]["zendingen"].as_array().expect("a list").iter();
    let mut stage = stage.filter(|p| p["zending"] == json!(parcel)).map(|p| &p["stadium"]);
    assert_eq!(stage.next(), Some(&json!("opgehaald")), "nobody moved it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_holds_ones_own_lines_only() {
    let hub = Place::new().start().await;
    let (politie, gemeente, ggz) =
        (hub.token(POLITIE).await, hub.token(GEMEENTE).await, hub.token(GGZ).await);
    let report = example("politie", "in-volledig");
    let report = swap(&report, "<bestemdVoor>zorgaanbieder</bestemdVoor>", "");
    let sent = hub.send(&politie, XML, &report).await.message();
    let parcel = hub.empty_mailbox(&gemeente).await.pop().expect("a parcel").id;
    let refused = hub.send(&gemeente, JSON, "{}").await.json()["uitval"].clone();

    let subjects = async |token: &str| -> Vec<String> {
        let told = hub.get(token, "/v1/logboek?na=0&limiet=500").await;
        assert_eq!(told.status, 200);
        let lines = told.json()["regels"].as_array().expect("lines").clone();
        lines.iter().map(|l| l["onderwerp"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(subjects(&politie).await, [sent]);
    let mut theirs = subjects(&gemeente).await;
    theirs.dedup();
    assert_eq!(theirs, [parcel, refused.as_str().expect("an id").to_owned()]);
    assert!(subjects(&ggz).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_valid_token_there_is_no_door() {
    let hub = Place::new().start().await;
    let made = hub.office("sleutel-maken", json!({ "partner": GGZ })).await;
    let old = made["sleutel"].as_str().expect("a token").to_owned();
    assert_eq!(hub.get(&old, "/v1/logboek").await.status, 200);
    hub.office("sleutel-intrekken", json!({ "id": made["id"] })).await;
    let asked = [
        ("POST", "/v1/berichten"),
        ("GET", "/v1/berichten/3f0c9a52-7d1e-4b8a-9c64-1f2e3d4c5b6a"),
        ("POST", "/v1/postvak/ophalingen"),
        ("GET", "/v1/postvak/3f0c9a52-7d1e-4b8a-9c64-1f2e3d4c5b6a/inhoud"),
        ("POST", "/v1/postvak/3f0c9a52-7d1e-4b8a-9c64-1f2e3d4c5b6a/ontvangst"),
        ("GET", "/v1/logboek"),
    ];
    for token in ["", "x", old.as_str()] {
        for (method, path) in asked {
            let content = (method == "POST").then(|| (JSON, b"{}".to_vec()));
            let told = hub.door.ask(method, path, token, content).await.expect("an answer");
            assert_eq!(
                (told.status, &told.json()["code"]),
                (401, &json!("niet-ingelogd")),
                "{path}"
            );
        }
    }
    // A partner's token opens nothing of the operators, and the door for partners has no office.
    let told = hub.door.ask("POST", "/beheer/stand", &hub.token(GGZ).await, None).await;
    assert_eq!(told.expect("an answer").status, 404);
}
