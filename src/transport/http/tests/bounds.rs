//! Bad clients meet the bounds of the door, and nobody else suffers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::transport::fakes::partner;
use crate::transport::{Answer, Channel, NotKept, TooLarge};

use super::*;

const HEAD: &str =
    "POST /v1/berichten HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sleutel-politie\r\n";
const SHORT: Duration = Duration::from_millis(150);

#[tokio::test]
async fn a_body_may_be_exactly_as_large_as_the_bound() {
    let door = Door::open().await;
    let most = Limits::default().body_bytes;
    let fits = door.post("/v1/berichten").body(vec![b'x'; most]).send().await.unwrap();
    assert_eq!(fits.status(), 202);
    assert_eq!(door.hub.deliveries()[0].bytes.len(), most);
    assert!(door.hub.too_large.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_larger_body_is_handed_over_whole_so_that_it_can_be_kept() {
    let door = Door::open().await;
    let kept = Limits::default().body_bytes_kept;
    let large = door.post("/v1/berichten").body(vec![b'x'; kept]).send().await.unwrap();
    assert_eq!(large.status(), 202, "what becomes of it is for the inlet");
    assert_eq!(door.hub.deliveries()[0].bytes.len(), kept);
    let larger = door.post("/v1/berichten").header("content-type", "text/csv");
    let larger = larger.body(vec![b'x'; kept + 1]).send().await.unwrap();
    problem(larger, 413, "te-groot").await;
    assert_eq!(door.hub.deliveries().len(), 1);
    let notice = TooLarge {
        partner: partner("politie"),
        channel: Channel::Http,
        media_type: Some("text/csv".to_owned()),
        size_bytes: u64::try_from(kept + 1).ok(),
        why: NotKept::OverBound,
    };
    assert_eq!(*door.hub.too_large.lock().unwrap(), [notice]);
}

/// The bound on memory: one place, taken by a body that is still being dealt with.
#[tokio::test]
async fn only_so_many_large_bodies_are_in_memory_at_once() {
    let limits = Limits { body_bytes: 10, body_bytes_kept: 20, ..Limits::default() };
    let door = Door::with(limits).await;
    door.hub.hangs.store(true, Ordering::SeqCst);
    let first = tokio::spawn(door.post("/v1/berichten").body(vec![b'x'; 20]).send());
    door.hub.waiting.notified().await;
    let second = door.post("/v1/berichten").body(vec![b'x'; 11]).send().await.unwrap();
    problem(second, 413, "te-groot").await;
    assert_eq!(door.hub.too_large.lock().unwrap()[0].why, NotKept::NoPlace);
    // What is not large needs no place.
    door.hub.hangs.store(false, Ordering::SeqCst);
    let small = door.post("/v1/berichten").body(vec![b'x'; 10]).send().await.unwrap();
    assert_eq!(small.status(), 202);
    door.hub.gate.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), 202);
    let third = door.post("/v1/berichten").body(vec![b'x'; 20]).send().await.unwrap();
    assert_eq!(third.status(), 202, "its place is free");
}

#[tokio::test]
async fn a_suspended_partner_is_heard_so_that_it_can_be_kept_but_takes_no_place() {
    let limits = Limits { body_bytes: 10, body_bytes_kept: 20, ..Limits::default() };
    let door = Door::with(limits).await;
    let post = |size: usize| {
        let post = door.client.post(door.url("/v1/berichten")).bearer_auth("sleutel-geschorst");
        post.body(vec![b'x'; size]).send()
    };
    post(10).await.unwrap();
    assert_eq!(door.hub.deliveries()[0].partner, partner("geschorst"));
    problem(post(11).await.unwrap(), 413, "te-groot").await;
    assert_eq!(door.hub.too_large.lock().unwrap()[0].partner, partner("geschorst"));
    let log = door.client.get(door.url("/v1/logboek")).bearer_auth("sleutel-geschorst");
    problem(log.send().await.unwrap(), 403, "geschorst").await;
}

#[tokio::test]
async fn a_declared_length_that_is_too_large_is_refused_before_anything_is_read() {
    let door = Door::open().await;
    let request = format!("{HEAD}Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n");
    let answer = door.raw(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(!answer.contains("100 Continue"));
    assert_eq!(door.hub.too_large.lock().unwrap()[0].size_bytes, Some(99_999_999_999));
}

#[tokio::test]
async fn a_stream_without_a_length_is_cut_off_at_the_bound() {
    let limits = Limits { body_bytes: 500, body_bytes_kept: 1_000, ..Limits::default() };
    let door = Door::with(limits).await;
    let chunk = format!("190\r\n{}\r\n", "x".repeat(400));
    let request = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}");
    let answer = door.raw(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(door.hub.deliveries().is_empty());
    assert_eq!(door.hub.too_large.lock().unwrap()[0].size_bytes, None, "it declared none");
}

#[tokio::test]
async fn a_body_that_is_shorter_than_it_said_never_reaches_the_inlet() {
    let limits = Limits { body_time: SHORT, ..Limits::default() };
    let door = Door::with(limits).await;
    let answer = door.raw(&format!("{HEAD}Content-Length: 50\r\n\r\nte kort")).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("te-langzaam"));
    assert!(door.hub.deliveries().is_empty());
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_cut_off() {
    let limits = Limits { header_time: SHORT, ..Limits::default() };
    let door = Door::with(limits).await;
    let started = tokio::time::Instant::now();
    let answer = door.raw("POST /v1/berichten HTTP/1.1\r\nHost: x\r\n").await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(!answer.contains(" 20"), "{answer}");
    assert_eq!(door.raw("").await, "", "an idle connection is closed as well");
}

#[tokio::test]
async fn compressed_bodies_are_refused_instead_of_read_as_something_else() {
    let door = Door::open().await;
    let sent = door.post("/v1/berichten").header("content-encoding", "gzip").body("x");
    problem(sent.send().await.unwrap(), 415, "mediatype").await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_to_be_sent_again() {
    let limits = Limits { request_time: SHORT, ..Limits::default() };
    let door = Door::with(limits).await;
    door.hub.hangs.store(true, Ordering::SeqCst);
    let response = door.post("/v1/berichten").body("{}").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    problem(response, 503, "niet-beschikbaar").await;
}

#[tokio::test]
async fn one_partner_cannot_take_every_place() {
    let limits = Limits { requests_per_partner: 1, ..Limits::default() };
    let door = Door::with(limits).await;
    door.hub.hangs.store(true, Ordering::SeqCst);
    let first = tokio::spawn(door.post("/v1/berichten").body("{}").send());
    door.hub.waiting.notified().await;
    let second = door.get("/v1/logboek").send().await.unwrap();
    assert_eq!(second.headers()["retry-after"], "1");
    problem(second, 429, "te-veel-verzoeken").await;
    let other = door.client.get(door.url("/v1/logboek")).bearer_auth("sleutel-zorg");
    assert_eq!(other.send().await.unwrap().status(), 200);
    door.hub.gate.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), 202);
    assert_eq!(door.get("/v1/logboek").send().await.unwrap().status(), 200, "its place is free");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let limits = Limits { connections: 1, header_time: SHORT, ..Limits::default() };
    let door = Door::with(limits).await;
    let idle = TcpStream::connect(door.address).await.unwrap();
    let answer = door.get("/gezond").send().await.unwrap();
    assert_eq!(answer.status(), 200, "served once the idle one was closed");
    drop(idle);
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way() {
    let door = Door::open().await;
    door.hub.hangs.store(true, Ordering::SeqCst);
    let under_way = tokio::spawn(door.post("/v1/berichten").body("{}").send());
    door.hub.waiting.notified().await;
    door.stop.send(()).unwrap();
    door.hub.gate.notify_one();
    assert_eq!(under_way.await.unwrap().unwrap().status(), 202);
    assert_eq!(door.serving.await.unwrap(), Served { cut_off: 0 });
    assert!(TcpStream::connect(door.address).await.is_err());
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let limits = Limits { shutdown_time: SHORT, ..Limits::default() };
    let door = Door::with(limits).await;
    door.hub.hangs.store(true, Ordering::SeqCst);
    let under_way = tokio::spawn(door.post("/v1/berichten").body("{}").send());
    door.hub.waiting.notified().await;
    door.stop.send(()).unwrap();
    assert_eq!(door.serving.await.unwrap(), Served { cut_off: 1 });
    assert!(under_way.await.unwrap().is_err(), "the client saw no answer and sends again");
}

#[tokio::test]
async fn listening_beyond_loopback_has_to_be_asked_for() {
    let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = bind(anywhere, false).await.unwrap_err();
    assert!(matches!(refused, BindError::BeyondLoopback { .. }));
    assert_ne!(bind(anywhere, true).await.unwrap().address.port(), 0);
}

struct Desk;

impl AdminDesk for Desk {
    fn call<'a>(&'a self, action: &'a str, body: Value) -> Answer<'a, Result<Value, (u16, Value)>> {
        Box::pin(async move {
            match action {
                "echo" => Ok(body),
                _ => Err((404, json!({ "code": "onbekende-actie" }))),
            }
        })
    }
}

#[tokio::test]
async fn admin_actions_need_their_own_token() {
    let limits = Limits::default();
    let router = admin_router(Arc::new(Desk), AdminToken::new("geheim"), &limits);
    let door = Door::serve(Arc::default(), router, limits).await;
    let url = door.url("/beheer/echo");
    let bare = door.client.post(&url).json(&json!(1)).send().await.unwrap();
    problem(bare, 401, "niet-ingelogd").await;
    let partner = door.post("/beheer/echo").json(&json!(1)).send().await.unwrap();
    problem(partner, 401, "niet-ingelogd").await;
    let call = |path: &str| door.client.post(door.url(path)).bearer_auth("geheim");
    let echo = call("/beheer/echo").json(&json!({ "a": 1 })).send().await.unwrap();
    assert_eq!(echo.json::<Value>().await.unwrap(), json!({ "a": 1 }));
    assert_eq!(call("/beheer/weg").send().await.unwrap().status(), 404);
    problem(call("/beheer/echo").body("{").send().await.unwrap(), 400, "geen-json").await;
    let wrong = door.client.get(&url).bearer_auth("geheim").send().await.unwrap();
    problem(wrong, 405, "methode-niet-toegestaan").await;
}
