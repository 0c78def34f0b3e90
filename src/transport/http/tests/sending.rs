//! A partner sends messages, follows them, and is told what is wrong.

use std::sync::atomic::Ordering;

use crate::message::{Fault, Refusal, Violation};
use crate::transport::fakes::{MESSAGE, partner};
use crate::transport::{Channel, Outcome, Verdict};

use super::*;

#[tokio::test]
async fn a_message_reaches_the_inlet_and_its_receipt_the_sender() {
    let door = Door::open().await;
    let sent = door.post("/v1/berichten").header("content-type", "application/xml; charset=utf-8");
    let response = sent.body("<melding/>").send().await.unwrap();
    assert_eq!(response.status(), 202);
    let headers = response.headers().clone();
    let location = headers["location"].to_str().unwrap();
    assert_eq!(location, format!("/v1/berichten/{}", uuid::Uuid::from_u128(MESSAGE)));
    assert_eq!(headers["api-version"], "1.0.0");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(response.text().await.unwrap(), r#"{"stadium":"ontvangen"}"#);
    let deliveries = door.hub.deliveries();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].partner, partner("politie"));
    assert_eq!(deliveries[0].channel, Channel::Http);
    assert_eq!(deliveries[0].media_type.as_deref(), Some("application/xml; charset=utf-8"));
    assert_eq!(deliveries[0].bytes, b"<melding/>");

    let followed = door.get(location).send().await.unwrap();
    assert_eq!(followed.status(), 200);
    let head = door.client.head(door.url(location)).bearer_auth("sleutel-politie");
    let head = head.send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
}

#[tokio::test]
async fn a_receipt_keeps_the_style_of_the_connector() {
    let door = Door::open().await;
    door.hub.answers(Outcome {
        verdict: Verdict::Refused,
        status: 500,
        media_type: "application/xml".to_owned(),
        body: b"<Fo03/>".to_vec(),
        follow: None,
    });
    let response = door.post("/v1/berichten").body("<melding/>").send().await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["content-type"], "application/xml");
    assert!(!response.headers().contains_key("location"));
    assert_eq!(response.text().await.unwrap(), "<Fo03/>");
}

#[tokio::test]
async fn a_refusal_names_every_violation() {
    let door = Door::open().await;
    let violations = vec![
        Violation::new("/locatie/postcode", "postcode", "Dit is geen postcode.", "No postcode."),
        Violation::new("/thema", "onbekend", "Dit thema is onbekend.", "Unknown theme."),
    ];
    let refusal = Refusal::new(Fault::Ongeldig, violations);
    door.hub.answers(Outcome::problem(&Problem::of_refusal(&refusal)));
    let response = door.post("/v1/berichten").body("{}").send().await.unwrap();
    let document = problem(response, 422, "ongeldig").await;
    assert_eq!(codes(&document), ["postcode", "onbekend"]);
    assert_eq!(document["fouten"][0]["plaats"], "/locatie/postcode");
}

#[tokio::test]
async fn without_a_good_token_nothing_is_read() {
    let door = Door::open().await;
    let url = door.url("/v1/berichten");
    let bare = door.client.post(&url).body("x").send().await.unwrap();
    assert_eq!(bare.headers()["www-authenticate"], "Bearer realm=\"schakel\"");
    problem(bare, 401, "niet-ingelogd").await;
    let wrong = door.client.post(&url).bearer_auth("geraden").body("x").send().await.unwrap();
    let challenge = wrong.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.ends_with("error=\"invalid_token\""), "{challenge}");
    problem(wrong, 401, "niet-ingelogd").await;
    let basic = door.client.post(&url).basic_auth("sleutel-politie", None::<&str>).body("x");
    problem(basic.send().await.unwrap(), 401, "niet-ingelogd").await;
    let long = door.client.post(&url).bearer_auth("x".repeat(600)).body("x");
    problem(long.send().await.unwrap(), 401, "niet-ingelogd").await;
    let unsure = door.client.post(&url).bearer_auth("sleutel-stuk").body("x");
    problem(unsure.send().await.unwrap(), 503, "niet-beschikbaar").await;
    assert!(door.hub.deliveries().is_empty());
}

#[tokio::test]
async fn when_nothing_can_be_stored_the_sender_hears_when_to_come_back() {
    let door = Door::open().await;
    door.hub.answers(Outcome::unavailable(42));
    let response = door.post("/v1/berichten").body("{}").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "42");
    problem(response, 503, "niet-beschikbaar").await;
    door.hub.down.store(true, Ordering::SeqCst);
    let status = format!("/v1/berichten/{}", uuid::Uuid::from_u128(MESSAGE));
    for path in [status.as_str(), "/v1/logboek"] {
        let response = door.get(path).send().await.unwrap();
        assert_eq!(response.headers()["retry-after"], "17");
        problem(response, 503, "niet-beschikbaar").await;
    }
    assert_eq!(door.get("/gezond").send().await.unwrap().status(), 200);
    let ready = door.get("/gereed").send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.json::<Value>().await.unwrap()["onderdelen"][0]["naam"], "logboek");
}

#[tokio::test]
async fn an_impossible_status_from_the_hub_becomes_an_internal_error() {
    let door = Door::open().await;
    for status in [0, 101, 1_000] {
        door.hub.answers(Outcome { status, ..crate::transport::fakes::accepted() });
        let response = door.post("/v1/berichten").body("{}").send().await.unwrap();
        problem(response, 500, "intern").await;
    }
}

#[tokio::test]
async fn somebody_elses_message_is_as_unknown_as_no_message() {
    let door = Door::open().await;
    let path = format!("/v1/berichten/{}", uuid::Uuid::from_u128(MESSAGE));
    let other = door.client.get(door.url(&path)).bearer_auth("sleutel-zorg").send().await.unwrap();
    let theirs = problem(other, 404, "niet-gevonden").await;
    for path in [format!("/v1/berichten/{}", uuid::Uuid::from_u128(8)), "/v1/berichten/x".into()] {
        let none = problem(door.get(&path).send().await.unwrap(), 404, "niet-gevonden").await;
        assert_eq!(none, theirs);
    }
}

#[tokio::test]
async fn the_log_takes_two_parameters_and_reports_every_other() {
    let door = Door::open().await;
    let log = door.get("/v1/logboek?na=5&limiet=500").send().await.unwrap();
    let log: Value = log.json().await.unwrap();
    assert_eq!(log, serde_json::json!({ "van": "politie", "na": 5, "limiet": 500 }));
    let log: Value = door.get("/v1/logboek").send().await.unwrap().json().await.unwrap();
    assert_eq!((log["na"].is_null(), log["limiet"].as_u64()), (true, Some(100)));
    let path = "/v1/logboek?na=-1&limiet=501&bsn=123456782";
    let document = problem(door.get(path).send().await.unwrap(), 400, "ongeldig-verzoek").await;
    assert_eq!(codes(&document), ["geen-volgnummer", "buiten-bereik", "onbekende-parameter"]);
    let text = document.to_string();
    assert!(!text.contains("123456782") && !text.contains("bsn"), "no value, no foreign name");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let door = Door::open().await;
    for path in ["/", "/v1/bestaat-niet", "/v1/berichten/", "/v2", "/v1/postvak"] {
        problem(door.get(path).send().await.unwrap(), 404, "niet-gevonden").await;
    }
    let wrong = door.get("/v1/berichten").send().await.unwrap();
    assert_eq!(wrong.headers()["allow"], "POST");
    problem(wrong, 405, "methode-niet-toegestaan").await;
    let wrong = door.client.delete(door.url("/v1/logboek")).send().await.unwrap();
    assert_eq!(wrong.headers()["allow"], "GET,HEAD");
    problem(wrong, 405, "methode-niet-toegestaan").await;
    let options = door.client.request(Method::OPTIONS, door.url("/v1/berichten"));
    let options = options.send().await.unwrap();
    assert_eq!(
        (options.status().as_u16(), &options.headers()["allow"]),
        (204, &"POST".parse().unwrap())
    );
}
