//! A partner collects its parcels, reads one, and says what became of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use crate::message::Stage;
use crate::transport::Word;
use crate::transport::fakes::parcel;

use super::*;

const COLLECT: &str = "/v1/postvak/ophalingen";

fn of_parcel(number: u128, what: &str) -> String {
    format!("/v1/postvak/{}/{what}", uuid::Uuid::from_u128(number))
}

#[tokio::test]
async fn collected_parcels_carry_role_proof_and_event() {
    let door = Door::open().await;
    door.hub.mail.lock().unwrap().extend([parcel(1), parcel(2), parcel(3)]);
    let asked = door.post(COLLECT).json(&json!({ "limiet": 2 })).send().await.unwrap();
    let answer: Value = asked.json().await.unwrap();
    let parcels = answer["zendingen"].as_array().unwrap();
    assert_eq!(parcels.len(), 2);
    let (got, sent) = (&parcels[0], parcel(1));
    assert_eq!(got["zending"], sent.id.to_string());
    assert_eq!(got["casus"], sent.case.as_str());
    assert_eq!(got["rol"], sent.role);
    assert_eq!(got["leaseTot"], "2026-11-23T19:20:00Z");
    assert_eq!(got["cloudevent"]["type"], "nl.schakel.signaal-gemeld.v1");
    assert_eq!(got["cloudevent"]["time"], "2026-11-23T19:15:00Z");
    assert_eq!(got["spoed"], false);
    let document = BASE64_STANDARD.decode(got["inhoud"].as_str().unwrap()).unwrap();
    assert_eq!(document, sent.bytes);
    let salt = BASE64_STANDARD.decode(got["zout"].as_str().unwrap()).unwrap();
    let mut salted = salt;
    salted.extend_from_slice(&document);
    let hash = ring::digest::digest(&ring::digest::SHA256, &salted);
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(got["hash"], hex, "the recipient can check what it got");
}

#[tokio::test]
async fn an_empty_request_asks_for_ten_and_does_not_wait() {
    let door = Door::open().await;
    door.hub.mail.lock().unwrap().extend((0..20).map(parcel));
    let answer: Value = door.post(COLLECT).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["zendingen"].as_array().unwrap().len(), 10);
    let other = door.client.post(door.url(COLLECT)).bearer_auth("sleutel-zorg");
    let answer: Value = other.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({ "zendingen": [] }));
}

#[tokio::test]
async fn a_long_poll_answers_as_soon_as_there_is_mail() {
    let door = Door::open().await;
    let polling = tokio::spawn(door.post(COLLECT).json(&json!({ "wachtSeconden": 30 })).send());
    door.hub.waiting.notified().await;
    door.hub.bell.notify_one();
    door.hub.waiting.notified().await;
    assert!(!polling.is_finished(), "woken for nothing, it goes on waiting");
    door.hub.mail.lock().unwrap().push(parcel(4));
    door.hub.bell.notify_one();
    let answer = tokio::time::timeout(Duration::from_secs(10), polling).await.unwrap();
    let answer: Value = answer.unwrap().unwrap().json().await.unwrap();
    assert_eq!(answer["zendingen"].as_array().unwrap().len(), 1);
    assert_eq!(door.hub.collects.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn every_mistake_in_a_request_is_named_at_once() {
    let door = Door::open().await;
    let bad = json!({ "limiet": 0, "wachtSeconden": 31, "bsn": "123456782" });
    let response = door.post(COLLECT).json(&bad).send().await.unwrap();
    let document = problem(response, 400, "ongeldig-verzoek").await;
    assert_eq!(codes(&document), ["onbekend-veld", "buiten-bereik", "buiten-bereik"]);
    assert!(!document.to_string().contains("123456782"));
    for (body, code) in [
        ("{\"limiet\": }", "geen-json"),
        ("[]", "geen-object"),
        ("{\"limiet\": 1.5}", "buiten-bereik"),
    ] {
        let sent = door.post(COLLECT).header("content-type", "application/json").body(body);
        let document = problem(sent.send().await.unwrap(), 400, "ongeldig-verzoek").await;
        assert_eq!(codes(&document), [code], "{body}");
    }
    let xml = door.post(COLLECT).header("content-type", "text/xml").body("<x/>");
    problem(xml.send().await.unwrap(), 415, "mediatype").await;
    let large = door.post(COLLECT).json(&json!({ "limiet": "x".repeat(20_000) }));
    problem(large.send().await.unwrap(), 413, "te-groot").await;
}

#[tokio::test]
async fn one_parcel_is_read_as_it_is() {
    let door = Door::open().await;
    door.hub.mail.lock().unwrap().push(parcel(5));
    let response = door.get(&of_parcel(5, "inhoud")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/xml");
    assert_eq!(headers["schakel-rol"], parcel(5).role);
    assert_eq!(headers["ce-type"], "nl.schakel.signaal-gemeld.v1");
    let checkpoint = BASE64_STANDARD.decode(&headers["schakel-controlepunt"]).unwrap();
    assert_eq!(checkpoint, b"schakel.example/logboek\n1\n");
    assert_eq!(response.bytes().await.unwrap(), parcel(5).bytes);
    let other = door.client.get(door.url(&of_parcel(5, "inhoud"))).bearer_auth("sleutel-zorg");
    problem(other.send().await.unwrap(), 404, "niet-gevonden").await;
    problem(door.get("/v1/postvak/5/inhoud").send().await.unwrap(), 404, "niet-gevonden").await;
}

#[tokio::test]
async fn a_decision_is_recorded_once() {
    let door = Door::open().await;
    door.hub.mail.lock().unwrap().push(parcel(6));
    let path = of_parcel(6, "ontvangst");
    let say = |body: Value| door.post(&path).json(&body).send();
    let response = say(json!({ "status": "ontvangen" })).await.unwrap();
    assert_eq!(response.status(), 200);
    let stands: Value = response.json().await.unwrap();
    assert_eq!(stands, json!({ "zending": parcel(6).id, "stadium": "ontvangen" }));
    let refused = say(json!({ "status": "geweigerd", "reden": "geen-capaciteit" })).await.unwrap();
    assert_eq!(refused.status(), 200);
    let reason = Some("geen-capaciteit".to_owned());
    let said = door.hub.words.lock().unwrap().last().cloned();
    assert_eq!(said, Some(Word { stage: Stage::Geweigerd, reason }));
    let response = say(json!({ "status": "geaccepteerd", "reden": null })).await.unwrap();
    let document = problem(response, 409, "stadium-ligt-vast").await;
    assert_eq!(document["detail"], "De zending staat op `geweigerd`.");
    let strange = door.post(&of_parcel(99, "ontvangst")).json(&json!({ "status": "ontvangen" }));
    problem(strange.send().await.unwrap(), 404, "onbekende-zending").await;
    door.hub.down.store(true, Ordering::SeqCst);
    problem(say(json!({ "status": "ontvangen" })).await.unwrap(), 503, "niet-beschikbaar").await;
}

#[tokio::test]
async fn a_word_is_one_of_three_with_a_code() {
    let door = Door::open().await;
    door.hub.mail.lock().unwrap().push(parcel(6));
    for (body, expected) in [
        (json!({}), vec!["onbekende-waarde"]),
        (json!({ "status": "klaargezet" }), vec!["onbekende-waarde"]),
        (json!({ "status": 1, "reden": "Jan is ziek" }), vec!["onbekende-waarde", "geen-code"]),
        (json!({ "status": "ontvangen", "reden": "" }), vec!["geen-code"]),
        (json!({ "status": "ontvangen", "reden": "x".repeat(61) }), vec!["geen-code"]),
    ] {
        let response = door.post(&of_parcel(6, "ontvangst")).json(&body).send().await.unwrap();
        let document = problem(response, 400, "ongeldig-verzoek").await;
        assert_eq!(codes(&document), expected);
        assert!(!document.to_string().contains("Jan"));
    }
    assert!(door.hub.words.lock().unwrap().is_empty());
}
