//! Things disappear from the broker under a running hub: what was lost is sent again, what is gone
//! is made again, and nobody restarts anything.

use serde_json::json;

use super::node::PEACE;
use super::road::Road;
use crate::hub::{POLITIE, WONEN, XML, example, until, verify};

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_was_deleted_is_made_again_and_listened_to() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE, WONEN]).await;
    let hub = road.start(place).await;
    until("the hub listens", async || {
        hub.place.log().contains(&format!("queue=\"in.{POLITIE}\"")).then_some(())
    })
    .await;
    let queue = |name: String| format!("queues/{}/{name}", road.vhost);
    road.node.ask("DELETE", &queue(format!("in.{POLITIE}")), None).await;
    road.node.ask("DELETE", &queue(format!("uit.{WONEN}")), None).await;
    // A signal for the mailbox that is gone comes over another road.
    let token = hub.token(POLITIE).await;
    let sent = hub.send(&token, XML, &example("politie", "in-volledig")).await;
    let message = sent.message();
    until("the attempt failed with its reason", async || {
        let told = hub.office("spoor", json!({ "id": message })).await.to_string();
        told.contains("later postvak-ontbreekt").then_some(())
    })
    .await;
    let changes = road.provision(&hub.place, &["--niet-wachten"]).await;
    let made = |name: &str| {
        let all = changes.as_array().expect("changes");
        let found = all.iter().find(|c| c["soort"] == "wachtrij" && c["naam"] == name);
        found.is_some_and(|change| change["gedaan"] == true)
    };
    assert!(made(&format!("in.{POLITIE}")) && made(&format!("uit.{WONEN}")), "{changes:#}");
    let mut police = road.partner(POLITIE);
    police.publish(XML, &example("politie", "in-kleinste"), Some("daarna"));
    assert_eq!(police.collect(1)[0].is("about"), "daarna");
    assert_eq!(road.partner(WONEN).collect(1).len(), 1, "what waited has arrived");
    let place = hub.stop().await;
    assert!(place.log().contains("no longer listening"), "{}", place.log());
    verify(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_lost_is_sent_again_under_its_id() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[WONEN]).await;
    let hub = road.start_with(place, &[("SCHAKEL_BROKER__RECEIPT_AFTER_SECONDS", "2")]).await;
    let token = hub.token(POLITIE).await;
    let sent = hub.send(&token, XML, &example("politie", "in-volledig")).await;
    let message = sent.message();
    let told = async || hub.office("spoor", json!({ "id": message })).await.to_string();
    until("it lies in the mailbox", async || told().await.contains("afgeleverd").then_some(()))
        .await;
    road.node.ask("DELETE", &format!("queues/{}/uit.{WONEN}/contents", road.vhost), None).await;
    let mut housing = road.partner(WONEN);
    let parcel = housing.collect(1).remove(0);
    assert!(told().await.contains(parcel.is("id")), "under the same id");
    until("twice is in the journal", async || {
        (told().await.matches("afgeleverd").count() >= 2).then_some(())
    })
    .await;
    hub.stop().await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_dies_between_answer_and_ack_answers_the_same_again() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE, WONEN]).await;
    let hub = road.start_with(place, &[("FAILPOINTS", "amqp-voor-ack=return")]).await;
    let mut police = road.partner(POLITIE);
    police.publish(XML, &example("politie", "in-volledig"), Some("een"));
    let (place, signal) = hub.ended().await;
    assert_eq!(signal, Some(6), "{}", place.log());
    let hub = road.start(place).await;
    let answers = police.collect(2);
    assert_eq!(answers[0].json()["id"], answers[1].json()["id"]);
    assert_eq!(answers[1].json()["herhaling"], true);
    assert!(answers.iter().all(|answer| answer.is("about") == "een"));
    let mut housing = road.partner(WONEN);
    let parcel = housing.collect(1).remove(0);
    // It may have died before it noted that the parcel was laid there: then it comes again, and
    // is known by its id.
    let again = housing.collect_within(1, 1);
    assert!(again.iter().all(|message| message.is("id") == parcel.is("id")), "one effect");
    let place = hub.stop().await;
    verify(&place).await;
}
