//! Clients that hang up, dawdle, or all come at once. What was committed stays so, and nobody is
//! kept from the door by somebody else.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::hub::{Door, GEMEENTE, POLITIE, Place, XML, example, swap, verify};

const CLIENTS: usize = 50;

fn report(number: usize) -> String {
    let report = example("politie", "in-kleinste");
    let report = swap(&report, "T-2026-000001", &format!("T-2026-{number}"));
    swap(&report, "PL2100-2026-1<", &format!("PL2100-2026-{number}<"))
}

fn head(token: &str, size_bytes: usize) -> String {
    format!(
        "POST /v1/berichten HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {token}\r\n\
         content-type: {XML}\r\ncontent-length: {size_bytes}\r\n\r\n"
    )
}

/// Sends a report and hangs up: somewhere in the head, in the body, or before the answer.
async fn hang_up(door: Door, token: String, number: usize) {
    let document = report(number);
    let request = format!("{}{document}", head(&token, document.len())).into_bytes();
    // Every fifth client sends all of it, and does not wait for the answer.
    let share = request.len() * (number % 5 + 1) / 5;
    let mut stream = TcpStream::connect(door.address()).await.expect("the door");
    stream.write_all(request.get(..share).expect("a part")).await.expect("a connection");
    stream.flush().await.expect("a connection");
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_spoil_nothing() {
    let hub = Place::new().start().await;
    let (politie, gemeente) = (hub.token(POLITIE).await, hub.token(GEMEENTE).await);
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(hang_up(hub.door.clone(), politie.clone(), number));
    }
    clients.join_all().await;
    // Each comes again, twice at once, as a sender that heard nothing does.
    let mut senders = JoinSet::new();
    for number in (0..CLIENTS).chain(0..CLIENTS) {
        let (door, token) = (hub.door.clone(), politie.clone());
        senders.spawn(async move {
            let told = door.try_send(&token, XML, &report(number)).await.expect("an answer");
            (number, told.message())
        });
    }
    let mut ids = senders.join_all().await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), CLIENTS, "each report has one receipt");
    let stand = hub.office("stand", json!({})).await;
    assert_eq!(stand["stand"]["berichten"], CLIENTS);
    assert_eq!(stand["stand"]["uitval"], 0, "half a document was taken for a whole one");
    assert_eq!(hub.empty_mailbox(&gemeente).await.len(), CLIENTS);
    let last = hub.send(&politie, XML, &report(CLIENTS)).await;
    assert!(last.is_accepted(), "the writer still writes");
    let place = hub.stop().await;
    verify(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_dawdles_is_cut_off_and_keeps_nobody_out() {
    let hub = Place::new().start().await;
    let politie = hub.token(POLITIE).await;
    let document = report(1);
    let mut slow = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(hub.door.address()).await.expect("the door");
        // Half stop within the head, half within the body.
        let start = if number % 2 == 0 { "POST /v1/berichten HT" } else { &head("x", 100) };
        stream.write_all(start.as_bytes()).await.expect("a connection");
        slow.push(stream);
    }
    let told = tokio::time::timeout(Duration::from_secs(10), hub.send(&politie, XML, &document));
    assert!(told.await.expect("the door is not blocked").is_accepted());
    // Nobody waits for ever: the limit on a head is 20 s, and a token that nobody has ends it.
    for mut stream in slow {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest));
        // A reset ends it as well as a close does.
        let _ = read.await.expect("the connection is ended");
    }
}
