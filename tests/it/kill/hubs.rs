//! Two hubs over one PostgreSQL: what comes in at one is collected at the other, whichever of them
//! dies under load, and whether or not the database does.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::chain::{BRANDWEER_REACHES, Chain, POLITIE_REACHES, brandweer, politie};
use super::small_set;
use crate::hub::{BRANDWEER, GEMEENTE, Hub, POLITIE, Place, SLEUTEL, until};
use crate::hubs::Post;
use crate::postgres::Server;

async fn more(chain: &Chain, count: usize) {
    let accepted = || chain.look(|seen| seen.accepted.len());
    let enough = accepted() + count;
    until("messages are accepted", async || (accepted() >= enough).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_lose_nothing_when_one_dies_and_when_the_database_does() {
    let mut server = Server::start("");
    let url = server.database();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let place = small_set(port);
    let (left, right) = (Post::new(&url), Post::new(&url));
    let beside = place.beside();
    let (one, other) = tokio::join!(left.open(place), right.open(beside));
    one.office("webhookgeheim-maken", json!({ "partner": BRANDWEER })).await;

    let chain = Chain::new(left.tell.subscribe());
    let there = chain.at(right.tell.subscribe());
    let mut people = JoinSet::new();
    // Tokens made at one hub hold at the other.
    let token = one.token(POLITIE).await;
    people.spawn(chain.clone().send(token.clone(), politie, POLITIE_REACHES));
    people.spawn(there.clone().send(token, politie, POLITIE_REACHES));
    let token = other.token(BRANDWEER).await;
    people.spawn(chain.clone().send(token.clone(), brandweer, BRANDWEER_REACHES));
    people.spawn(there.clone().send(token, brandweer, BRANDWEER_REACHES));
    let gemeente = one.token(GEMEENTE).await;
    people.spawn(there.clone().collect(GEMEENTE, gemeente.clone()));
    people.spawn(chain.clone().collect(GEMEENTE, gemeente));
    for hub in [&one, &other] {
        let folder = hub.place.data().join("uitwisseling").join(SLEUTEL);
        people.spawn(chain.clone().empty_folder(SLEUTEL, folder));
    }
    people.spawn(chain.clone().take_webhooks(BRANDWEER, listener));

    more(&chain, 20).await;
    let place = left.kill(one).await;
    more(&chain, 10).await;
    let one = left.open(place).await;
    more(&chain, 10).await;
    server.kill();
    server.launch("");
    more(&chain, 20).await;
    let beside = right.kill(other).await;
    more(&chain, 10).await;
    let other = right.open(beside).await;
    more(&chain, 10).await;

    chain.sending.send_replace(false);
    until("the senders", async || chain.is_quiet().then_some(())).await;
    settled(&chain, &other).await;
    assert!(people.try_join_next().is_none(), "somebody around the hubs gave up");
    people.shutdown().await;
    let place = left.kill(one).await;
    right.kill(other).await;
    sound(&place, &url);
}

/// Until everyone has everything, once.
async fn settled(chain: &Chain, hub: &Hub) {
    until("everything arrives", async || {
        let stand = hub.office("stand", json!({})).await;
        let waiting = stand["stand"]["wachtend"].as_array().expect("a list");
        // The answers to the police lie in a mailbox that nobody empties here.
        let waits = waiting.iter().any(|line| line["ontvanger"] != POLITIE);
        (!waits && chain.look(|seen| seen.lost().is_empty())).then_some(())
    })
    .await;
    let (accepted, doubled) = chain.look(|seen| (seen.accepted.len(), seen.doubled().len()));
    println!("two hubs: {accepted} accepted, 0 lost, {doubled} doubled");
    assert_eq!(doubled, 0);
}

/// As an operator verifies it, with the settings in a file.
fn sound(place: &Place, url: &str) {
    let settings = format!("[journal]\nstore = \"postgres\"\nurl = \"{url}\"\n");
    place.write("schakel.toml", &settings);
    let done = place.command().args(["journal", "verify", "-o", "jsonl"]).output();
    let done = done.expect("schakel runs");
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_str(told.lines().next().expect("a line")).expect("JSON");
    println!("verified: {report}");
}
