//! The broker dies, hangs, or has an alarm, while partners go on. An oracle outside the hub keeps
//! every accepted message and every effect.

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::load::{Crowd, report};
use super::node::PEACE;
use super::road::Road;
use crate::hub::{GEMEENTE, Hub, POLITIE, WONEN, XML, example, until, verify};

const REPORTS: usize = 600;
/// Within this everything flows again once the broker is back.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// What `/gereed` says about a part of the hub.
async fn part(hub: &Hub, name: &str) -> Option<bool> {
    let told = hub.get("", "/gereed").await;
    assert_eq!(told.status, 200, "the other roads stay open: {}", told.text());
    let parts = told.json()["onderdelen"].as_array().cloned().unwrap_or_default();
    let found = parts.iter().find(|part| part["naam"] == name)?;
    found.get("gereed").and_then(Value::as_bool)
}

async fn wait_for_part(hub: &Hub, name: &str, ready: bool) {
    until(&format!("{name} is {ready}"), async || {
        (part(hub, name).await == Some(ready)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_or_hangs_loses_and_doubles_nothing() {
    let _war = PEACE.write().await;
    let (road, place) = Road::ripened(&[POLITIE, GEMEENTE]).await;
    let hub = road.start_with(place, &[("SCHAKEL_BROKER__HEARTBEAT_SECONDS", "2")]).await;
    let crowd = Crowd::with((0..REPORTS).map(|number| (number, report(number))));
    let mut people = JoinSet::new();
    people.spawn(crowd.clone().send(vec![road.url(POLITIE)]));
    people.spawn(crowd.clone().collect(vec![road.url(GEMEENTE)]));
    for (harm, cure, after) in [("kill", "start", 60), ("pause", "go", 200), ("kill", "start", 350)]
    {
        until("some reports are accepted", async || (crowd.settled() >= after).then_some(())).await;
        road.node.tell(harm);
        wait_for_part(&hub, "broker-ontvangen", false).await;
        let before = crowd.settled();
        assert!(before < REPORTS, "it hit an idle broker");
        road.node.tell(cure);
        road.node.is_up().await;
        let back = Instant::now();
        until("it flows again", async || (crowd.settled() > before).then_some(())).await;
        let took = back.elapsed();
        println!("after {harm}: flow back {:.1} s after the broker", took.as_secs_f32());
        assert!(took < BACK_WITHIN, "{harm}: {took:?}");
    }
    crowd.judge(people).await;
    let stand = hub.office("stand", serde_json::json!({})).await;
    assert_eq!(stand["stand"]["uitval"], 0, "no innocent was given up for coming back often");
    let place = hub.stop().await;
    verify(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_killed_loses_and_doubles_nothing() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE, GEMEENTE]).await;
    let mut hub = road.start(place).await;
    let crowd = Crowd::with((0..REPORTS).map(|number| (number, report(number))));
    let mut people = JoinSet::new();
    people.spawn(crowd.clone().send(vec![road.url(POLITIE)]));
    people.spawn(crowd.clone().collect(vec![road.url(GEMEENTE)]));
    for after in [50, 200, 350] {
        until("some reports are accepted", async || (crowd.settled() >= after).then_some(())).await;
        let place = hub.kill().await;
        assert!(crowd.settled() < REPORTS, "it hit an idle hub");
        hub = road.start(place).await;
    }
    crowd.judge(people).await;
    let stand = hub.office("stand", serde_json::json!({})).await;
    assert_eq!(stand["stand"]["uitval"], 0, "no innocent was given up for coming back often");
    let place = hub.stop().await;
    verify(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_noticed_told_and_survived() {
    let _war = PEACE.write().await;
    let (road, place) = Road::own(&[WONEN]).await;
    let hub = road.start(place).await;
    let token = hub.token(POLITIE).await;
    assert_eq!(part(&hub, "broker-alarm").await, Some(true));
    road.node.control(&["set_vm_memory_high_watermark", "0"]).await;
    let sent = hub.send(&token, XML, &example("politie", "in-volledig")).await;
    assert!(sent.is_accepted(), "the other roads stay open: {}", sent.text());
    wait_for_part(&hub, "broker-alarm", false).await;
    assert_eq!(part(&hub, "broker-ontvangen").await, Some(true), "it goes on reading");
    road.node.control(&["set_vm_memory_high_watermark", "0.4"]).await;
    wait_for_part(&hub, "broker-alarm", true).await;
    let mut housing = road.partner(WONEN);
    let parcel = housing.collect(1).remove(0);
    let again = housing.collect_within(1, 3);
    assert!(again.iter().all(|message| message.is("id") == parcel.is("id")), "known by its id");
    let place = hub.stop().await;
    assert!(place.log().contains("the broker has an alarm"));
}
