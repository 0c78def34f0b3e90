//! A broker of three nodes of which one is missing, in every way that happens: a crash, and a
//! rolling restart. An oracle outside the hub keeps every accepted message and every effect.

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::load::Crowd;
use super::node::Node;
use super::road::{HUB, Road};
use crate::hub::{GEMEENTE, Hub, POLITIE, until, verify};

/// The load: so many new reports every time.
const REPORTS: usize = 5;
const EVERY: Duration = Duration::from_millis(100);
/// Nothing arrives for so long at most, while the node is still away.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// The partners enter at any node as well.
fn urls(nodes: &[Node], road: &Road, partner: &str) -> Vec<String> {
    let password = road.password(partner);
    nodes.iter().map(|node| node.url(partner, &password, &road.vhost)).collect()
}

/// Waits until all nodes are there, and every queue is on all of them: no node is needed for a
/// majority any more.
async fn wait_until_whole(nodes: &[Node]) {
    for node in nodes {
        node.is_up().await;
        until("the cluster is whole again", async || {
            let known = node.get("nodes").await?;
            let running = known.as_array()?.iter().filter(|node| node["running"] == true).count();
            if running < nodes.len() {
                return None;
            }
            node.get("health/checks/node-is-quorum-critical").await.map(drop)
        })
        .await;
    }
}

/// Every queue has a replica on each of the nodes.
async fn wait_until_replicated(nodes: &[Node], road: &Road) {
    until("every queue is on all nodes", async || {
        let queues = road.node.get(&format!("queues/{}", road.vhost)).await?;
        let queues = queues.as_array().filter(|queues| !queues.is_empty())?;
        let replicas = |queue: &Value| queue["members"].as_array().map_or(0, Vec::len);
        queues.iter().all(|queue| replicas(queue) == nodes.len()).then_some(())
    })
    .await;
}

/// Takes a node away, and waits until a report that was made afterwards is through.
async fn harm(crowd: &Crowd, node: &Node, word: &str) {
    crowd.look(|ledger| ledger.pause = Duration::ZERO);
    node.tell(word);
    node.is_down().await;
    let made = crowd.look(|ledger| ledger.made);
    until("what was made after it is accepted", async || {
        crowd.look(|ledger| ledger.accepted.range(made..).next().copied())
    })
    .await;
    let effects = || crowd.look(|ledger| ledger.effects.len());
    let before = effects();
    until("parcels arrive", async || (effects() > before).then_some(())).await;
    let pause = crowd.look(|ledger| ledger.pause);
    println!("after {word}: flow back in {:.1} s, without that node", pause.as_secs_f32());
    assert!(pause < BACK_WITHIN, "{word}: {pause:?}");
}

async fn cure(nodes: &[Node], node: &Node) {
    let began = Instant::now();
    node.tell("start");
    wait_until_whole(nodes).await;
    println!("started: the cluster was whole after {:.1} s", began.elapsed().as_secs_f32());
}

/// What the doctor says of the broker while a node is away: a warning, and that all is well.
async fn consult_doctor(hub: &Hub, road: &Road, more: &str, away: &Node) {
    let mut command = hub.place.command();
    command.args(["-o", "json", "doctor"]);
    // Without the management API: that of these settings is on the node that is away.
    command.env("SCHAKEL_BROKER__URL", road.node.url(HUB.0, HUB.1, &road.vhost));
    command.env("SCHAKEL_BROKER__MORE_HOSTS", more);
    let done = tokio::process::Command::from(command).output().await.expect("it runs");
    let told: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let all = told.as_array().expect("findings").iter();
    let broker: Vec<&Value> = all.filter(|finding| finding["wat"] == "broker").collect();
    let grades: Vec<&Value> = broker.iter().map(|finding| &finding["oordeel"]).collect();
    assert_eq!(grades, ["let op", "ok", "ok", "ok"], "{broker:#?}");
    let warning = broker[0]["gevonden"].as_str().expect("text");
    assert!(warning.contains(&format!("{} is niet bereikbaar", away.amqp)), "{warning}");
}

/// The long form (`tests/run --soak`) does everything three times.
fn rounds() -> usize {
    if crate::soak() { 3 } else { 1 }
}

/// It has a broker of its own, and harms nobody else's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "three nodes beside everything else are too much for two cores: tests/run --soak"]
async fn a_cluster_that_misses_a_node_loses_and_doubles_nothing() {
    // For the road, which outlives no story.
    let nodes: &'static [Node; 3] = Box::leak(Box::new(Node::cluster().await));
    let [first, second, third] = nodes;
    wait_until_whole(nodes).await;
    let (road, place) = Road::on(first, &[POLITIE, GEMEENTE]).await;
    wait_until_replicated(nodes, &road).await;
    let more = format!("{},{}", second.amqp, third.amqp);
    let settings =
        [("SCHAKEL_BROKER__MORE_HOSTS", more.as_str()), ("SCHAKEL_BROKER__HEARTBEAT_SECONDS", "2")];
    let hub = road.start_with(place, &settings).await;
    let crowd = Crowd::open();
    let mut people = JoinSet::new();
    people.spawn(crowd.clone().send(urls(nodes, &road, POLITIE)));
    people.spawn(crowd.clone().collect(urls(nodes, &road, GEMEENTE)));
    let maker = tokio::spawn(crowd.clone().make(REPORTS, EVERY));
    until("it flows", async || (crowd.settled() >= REPORTS).then_some(())).await;
    for _round in 0..rounds() {
        harm(&crowd, first, "kill").await;
        consult_doctor(&hub, &road, &more, first).await;
        cure(nodes, first).await;
        for node in nodes {
            harm(&crowd, node, "stop").await;
            cure(nodes, node).await;
        }
    }
    crowd.complete();
    maker.await.expect("no panic");
    crowd.judge(people).await;
    let stand = hub.office("stand", serde_json::json!({})).await;
    assert_eq!(stand["stand"]["uitval"], 0, "no innocent was given up for coming back often");
    let place = hub.stop().await;
    let said = |words| place.log().matches(words).count();
    let lost = said("the connection to the broker is lost");
    assert!(lost >= rounds(), "the hub was at the node that was killed");
    println!("channels given up after a nack: {}", said("going on with another channel"));
    verify(&place).await;
    nodes.iter().for_each(Node::end);
}
