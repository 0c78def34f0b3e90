//! With a broker: what partners publish waits in their queues while the hub only reads.

use super::{copy_files, put_files};
use crate::amqp::node::PEACE;
use crate::amqp::road::Road;
use crate::cli::{OK, PARTLY, run};
use crate::hub::{POLITIE, WONEN, XML, example, swap, until, verify};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_out_of_a_queue_until_the_release() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE, WONEN]).await;
    let hub = road.start(place).await;
    let (mut police, mut housing) = (road.partner(POLITIE), road.partner(WONEN));
    let place = hub.stop().await;
    let old = tempfile::tempdir().expect("a folder");
    copy_files(&place, old.path());
    let hub = road.start(place).await;
    let signal = example("politie", "in-volledig");
    police.publish(XML, &signal, Some("een"));
    assert_eq!(police.collect(1).len() + housing.collect(1).len(), 2);
    let place = hub.stop().await;

    put_files(&place, old.path());
    let settings = road.settings();
    let env: Vec<_> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
    let hub = place.start_closed(&env).await;
    let next = swap(&swap(&signal, "118204", "118205"), "231107", "231108");
    police.publish(XML, &next, Some("twee"));
    until("it lies in the queue", async || {
        let queue = road.queue(&format!("in.{POLITIE}")).await?;
        let listens = queue["consumers"].as_u64().unwrap_or(0);
        (listens == 0 && queue["messages"].as_u64() == Some(1)).then_some(())
    })
    .await;
    assert!(police.collect_within(1, 1).is_empty(), "no answer to what nobody read");
    run(&hub.place, &["restore", "compare"]).ends(PARTLY);
    run(&hub.place, &["restore", "release", "--by", "anna", "--why", "proef"]).ends(OK);
    assert_eq!(police.collect(1).remove(0).is("about"), "twee");
    assert_eq!(housing.collect(1).len(), 1);
    let place = hub.stop().await;
    verify(&place).await;
}
