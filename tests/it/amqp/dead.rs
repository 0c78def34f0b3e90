//! What the broker gives up comes to quarantine with its reason, and its sender hears of it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicNackOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use schakel::transport::amqp::topology::INBOUND_DELIVERIES_MAX;
use serde_json::json;

use super::node::PEACE;
use super::road::{HUB, Road};
use crate::hub::{POLITIE, WONEN, XML, example, until, verify};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_never_settled_is_quarantined_and_refused() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE, WONEN]).await;
    let mut police = road.partner(POLITIE);
    police.publish(XML, &example("politie", "in-volledig"), Some("telkens"));
    // No hub runs yet: it is taken and put back, as by hubs that die of it.
    let url = road.node.url(HUB.0, HUB.1, &road.vhost);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await;
    let channel = connection.as_ref().expect("a connection").create_channel().await;
    let channel = channel.expect("a channel");
    let queue = format!("in.{POLITIE}");
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(queue.as_str().into(), "".into(), options, arguments);
    let mut consumer = consumer.await.expect("a consumer");
    for _ in 0..=INBOUND_DELIVERIES_MAX {
        let message = consumer.next().await.expect("a message").expect("a channel");
        let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        message.nack(requeue).await.expect("a channel");
    }
    until("the broker gives it up", async || {
        (road.queue("schakel.uitval").await?["messages"] == 1).then_some(())
    })
    .await;
    connection.expect("a connection").close(200, "OK".into()).await.expect("a connection");

    let hub = road.start(place).await;
    let answer = police.collect(1).remove(0);
    assert_eq!((answer.is("type"), answer.is("about")), ("nl.schakel.geweigerd.v1", "telkens"));
    assert_eq!(answer.json()["code"], "onverwerkt");
    assert_eq!(answer.json()["fouten"][0]["code"], "delivery-limit");
    let entries = hub.quarantine("onverwerkt").await;
    assert_eq!(entries.len(), 1);
    let kept = hub.office(
        "uitval-inhoud",
        json!({
            "id": entries[0]["id"], "onthullen": true, "door": "beheerder", "reden": "proef",
        }),
    );
    let kept = kept.await.to_string();
    let bytes = BASE64_STANDARD.encode(example("politie", "in-volledig"));
    assert!(kept.contains(&bytes), "its bytes are kept: {kept}");
    // A refused message claims no id: sent again, it is simply taken.
    police.publish(XML, &example("politie", "in-volledig"), Some("opnieuw"));
    assert_eq!(police.collect(1)[0].is("type"), "nl.schakel.ontvangen.v1");
    let place = hub.stop().await;
    verify(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parcel_that_left_its_mailbox_unread_is_in_quarantine_and_can_be_released() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[WONEN]).await;
    let hub = road.start(place).await;
    let token = hub.token(POLITIE).await;
    assert!(hub.send(&token, XML, &example("politie", "in-volledig")).await.is_accepted());
    let mailbox = format!("uit.{WONEN}");
    until("it lies there", async || (road.queue(&mailbox).await?["messages"] == 1).then_some(()))
        .await;
    let mut housing = road.partner(WONEN);
    let said = housing.ask(&json!({ "do": "attempt", "what": "reject", "queue": mailbox }));
    assert_eq!(said["ok"], true, "{said}");
    let reason = "postvak-rejected";
    until("it is in quarantine", async || (hub.quarantine(reason).await.len() == 1).then_some(()))
        .await;
    let entry = hub.quarantine(reason).await.remove(0);
    assert_eq!(entry["partner"], WONEN);
    hub.office(
        "uitval-vrijgeven",
        json!({
            "id": entry["id"], "door": "beheerder", "reden": "hersteld",
        }),
    )
    .await;
    assert_eq!(housing.collect(1).len(), 1, "released, it is laid there again");
    let place = hub.stop().await;
    verify(&place).await;
}
