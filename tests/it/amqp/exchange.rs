//! A foreign client sends as the police and collects as a housing corporation.

use serde_json::json;

use super::node::PEACE;
use super::road::{Message, Road};
use crate::hub::{JSON, POLITIE, WONEN, XML, example, swap, until, verify};

const RECEIVED: &str = "nl.schakel.ontvangen.v1";
const REFUSED: &str = "nl.schakel.geweigerd.v1";

/// The recipient's own word about a parcel, in its own format.
fn receipt(parcel: &str, number: &str) -> String {
    let word = example("woningcorporatie", "ontvangst-in-behandeling");
    let whole: serde_json::Value = serde_json::from_str(&word).expect("JSON");
    let about = whole["stuurgegevens"]["crossReferentienummer"].as_str().expect("a reference");
    let own = whole["stuurgegevens"]["referentienummer"].as_str().expect("a number");
    let word = swap(&word, own, number);
    swap(&word, about, parcel)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_goes_in_and_out_over_the_broker_and_is_answered() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE, WONEN]).await;
    let hub = road.start(place).await;
    let (mut police, mut housing) = (road.partner(POLITIE), road.partner(WONEN));
    let signal = example("politie", "in-volledig");
    police.publish(XML, &signal, Some("eigen-nummer-1"));

    let answer = police.collect(1).remove(0);
    assert_eq!((answer.is("type"), answer.is("about")), (RECEIVED, "eigen-nummer-1"));
    assert_eq!(answer.json()["status"], "ontvangen");
    assert!(answer.json()["zout"].is_string(), "with proof: {}", answer.text());
    let message = answer.header("schakel-bericht").to_owned();
    assert_eq!(answer.json()["id"], json!(message));

    let parcel = housing.collect(1).remove(0);
    assert_eq!(parcel.is("type"), "nl.schakel.signaal-gemeld.v1");
    assert_eq!(parcel.header("cloudEvents:type"), parcel.is("type"));
    assert_eq!(parcel.header("cloudEvents:id"), parcel.is("id"));
    assert_eq!(parcel.header("schakel-zending"), parcel.is("id"));
    assert!(parcel.header("schakel-rol").split('.').count() == 3, "a signed role");
    assert!(parcel.header("traceparent").starts_with("00-"));
    assert_ne!(parcel.header("traceparent"), answer.header("traceparent"));
    assert_eq!(parcel.is("content_type"), JSON);
    assert_eq!(parcel.0["persistent"], true);
    assert!(parcel.0["user_id"].is_null() && parcel.0["expiration"].is_null());
    assert!(parcel.json()["stuurgegevens"].is_object(), "the bare native document");

    let stand = |stage: &'static str| {
        let (hub, message) = (&hub, message.clone());
        async move {
            let whole = hub.office("spoor", json!({ "id": message })).await;
            let parcels =
                whole[0]["zendingen"].as_array().unwrap_or_else(|| panic!("{whole}")).clone();
            let own = parcels.iter().find(|parcel| parcel["ontvanger"] == WONEN)?;
            (own["stadium"] == stage).then_some(())
        }
    };
    until("published is not collected", async || stand("klaargezet").await).await;
    housing.publish(JSON, &receipt(parcel.is("id"), "eigen-ontvangst-1"), Some("w-1"));
    let answer = housing.collect(1).remove(0);
    assert_eq!((answer.is("type"), answer.is("about")), (RECEIVED, "w-1"), "{}", answer.text());
    until("the recipient's word counts", async || stand("geaccepteerd").await).await;
    let place = hub.stop().await;
    verify(&place).await;
    let log = place.log();
    assert!(!log.contains(&*road.password(POLITIE)), "no password in the log");
    assert!(!log.contains("did not stop in time"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_gets_the_receipt_of_then_and_one_parcel_goes() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE, WONEN]).await;
    let hub = road.start(place).await;
    let (mut police, mut housing) = (road.partner(POLITIE), road.partner(WONEN));
    let signal = example("politie", "in-volledig");
    for number in ["een", "twee", "drie"] {
        police.publish(XML, &signal, Some(number));
    }
    let answers = police.collect(3);
    let about: Vec<&str> = answers.iter().map(|answer| answer.is("about")).collect();
    assert_eq!(about, ["een", "twee", "drie"], "in the order in which they came");
    let field = |message: &Message, name: &str| message.json()[name].clone();
    for name in ["id", "zout", "hash"] {
        let first = field(&answers[0], name);
        assert!(answers.iter().all(|answer| field(answer, name) == first), "{name}");
    }
    assert_eq!(field(&answers[2], "herhaling"), true);
    assert_eq!(housing.collect(1).len(), 1);
    assert_eq!(housing.collect_within(1, 1).len(), 0, "and no second one");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_answered_too() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE]).await;
    let hub = road.start(place).await;
    let mut police = road.partner(POLITIE);
    police.publish(XML, "<dit is geen xml", Some("stuk"));
    police.publish(XML, &example("politie", "fout-inhoud"), Some("onjuist"));
    police.publish("application/pdf", "%PDF-1.4", None);
    police.publish(XML, &"x".repeat(1024 * 1024 + 1), Some("te groot"));
    let answers = police.collect(4);
    assert!(answers.iter().all(|answer| answer.is("type") == REFUSED));
    let codes: Vec<_> = answers.iter().map(|answer| answer.json()["code"].clone()).collect();
    assert_eq!(codes, ["onleesbaar", "ongeldig", "mediatype", "te-groot"]);
    let about: Vec<&str> = answers.iter().map(|answer| answer.is("about")).collect();
    assert_eq!(about, ["stuk", "onjuist", "", "te groot"]);
    assert_eq!(hub.quarantine("onleesbaar").await.len(), 1);
    until("nothing is left to the broker", async || {
        (road.queue("schakel.uitval").await?["messages"] == 0).then_some(())
    })
    .await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_serve_says_what_is_missing_and_parcels_wait() {
    let place = crate::hub::Place::new();
    place.take(&["config"]);
    let file = format!("config/partners/{WONEN}.toml");
    place.edit(&file, "wijze = \"postvak\"", "wijze = \"rabbitmq\"");
    let hub = place.start().await;
    let token = hub.token(POLITIE).await;
    assert!(hub.send(&token, XML, &example("politie", "in-volledig")).await.is_accepted());
    let place = hub.stop().await;
    let said = place.log();
    assert!(said.contains("wonen-zuid krijgt zendingen via rabbitmq"), "{said}");
    assert!(said.contains("broker.url") && said.contains("schakel broker provision"), "{said}");
}
