//! The hub calls a partner: what it sends, what it makes of the answer, and where it never goes.

use std::net::IpAddr;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::hmac;
use tokio::net::TcpListener;

use super::super::guard::{Blocked, Lookup, Network};
use super::super::webhook::{Secret, Target, WebhookOutcome, Webhooks};
use super::*;
use crate::message::Timestamp;
use crate::transport::fakes::parcel;

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A partner that gives every connection the same answer, and tells what it was sent.
struct Partner {
    address: SocketAddr,
    requests: tokio::sync::mpsc::UnboundedReceiver<String>,
}

impl Partner {
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, requests) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = tell.send(read_request(&mut stream).await);
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { address, requests }
    }

    fn target(&self, host: &str) -> Target {
        let url = format!("http://{host}:{}/hook", self.address.port());
        let newer = Some(NEW.parse().unwrap());
        Target::new(&url, secret(), newer, vec![loopback()]).unwrap()
    }
}

fn loopback() -> Network {
    "127.0.0.0/8".parse().unwrap()
}

fn secret() -> Secret {
    OLD.parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T19:16:00Z").unwrap()
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    let expected = parcel(1).bytes;
    while !request.ends_with(&expected) {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(size) => request.extend_from_slice(&piece[..size]),
        }
    }
    String::from_utf8(request).unwrap()
}

async fn send(partner: &Partner) -> WebhookOutcome {
    Webhooks::default().send(&partner.target("127.0.0.1"), &parcel(1), now()).await
}

fn resolving_to(addresses: &[&str]) -> Lookup {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    Arc::new(move |_| {
        let addresses = addresses.clone();
        Box::pin(async move { Ok(addresses) })
    })
}

#[tokio::test]
async fn a_parcel_arrives_signed_with_both_secrets() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n\r\n<Bv03/>";
    let mut partner = Partner::answering(answer).await;
    let outcome = send(&partner).await;
    assert_eq!(
        outcome,
        WebhookOutcome::Delivered {
            status: 200,
            media_type: Some("application/xml".to_owned()),
            answer: b"<Bv03/>".to_vec(),
            cut_short: false,
        }
    );
    let request = partner.requests.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"));
    let header = |name: &str| {
        let line = head.lines().find(|line| line.starts_with(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} is missing")).split_once(": ").unwrap().1
    };
    assert_eq!(header("webhook-id"), parcel(1).id.to_string());
    assert_eq!(header("webhook-timestamp"), "1795461360");
    assert_eq!(header("content-type"), "application/xml");
    assert_eq!(header("ce-specversion"), "1.0");
    assert_eq!(header("ce-time"), "2026-11-23T19:15:00Z");
    assert_eq!(header("schakel-rol"), parcel(1).role);
    let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
    let signatures: Vec<&str> = header("webhook-signature").split(' ').collect();
    assert_eq!(signatures.len(), 2);
    for (signature, secret) in signatures.iter().zip([OLD, NEW]) {
        let key = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let tag = BASE64_STANDARD.decode(signature.trim_start_matches("v1,")).unwrap();
        hmac::verify(&key, signed.as_bytes(), &tag).expect("the signature holds");
    }
}

#[tokio::test]
async fn the_answer_decides_whether_to_try_again() {
    for (status, expected) in [
        (400, "geweigerd"),
        (401, "geweigerd"),
        (404, "geweigerd"),
        (410, "geweigerd"),
        (422, "geweigerd"),
        (408, "te-langzaam"),
        (425, "te-vroeg"),
        (429, "te-veel-verzoeken"),
        (500, "storing-bij-partner"),
        (503, "storing-bij-partner"),
        (302, "omleiding"),
        (307, "omleiding"),
    ] {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        let partner = Partner::answering(answer).await;
        let code = match send(&partner).await {
            WebhookOutcome::Retry { code, status: said, .. } if said == Some(status) => code,
            WebhookOutcome::Refused { status: said } if said == status => "geweigerd",
            other => panic!("{status}: {other:?}"),
        };
        assert_eq!(code, expected, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut lure = Partner::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let answer = format!("HTTP/1.1 307 X\r\nLocation: http://{}/\r\n\r\n", lure.address);
    let partner = Partner::answering(answer).await;
    let outcome = send(&partner).await;
    assert!(matches!(outcome, WebhookOutcome::Retry { code: "omleiding", .. }), "{outcome:?}");
    assert!(lure.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_partner_may_say_when_to_come_back() {
    for (header, expected) in [
        ("120", Some(120)),
        ("Mon, 23 Nov 2026 19:17:00 GMT", Some(60)),
        ("Mon, 23 Nov 2026 19:00:00 GMT", Some(0)),
        ("99999999", Some(86_400)),
        ("straks", None),
    ] {
        let answer = format!("HTTP/1.1 503 X\r\nRetry-After: {header}\r\n\r\n");
        let partner = Partner::answering(answer).await;
        let WebhookOutcome::Retry { retry_after_seconds, .. } = send(&partner).await else {
            panic!("503 is tried again");
        };
        assert_eq!(retry_after_seconds, expected, "{header}");
    }
}

#[tokio::test]
async fn of_a_long_answer_only_the_beginning_is_kept() {
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n".to_vec();
    answer.extend(std::iter::repeat_n(b'x', 200_000));
    let partner = Partner::answering(answer).await;
    let WebhookOutcome::Delivered { answer, cut_short, .. } = send(&partner).await else {
        panic!("200 is delivered");
    };
    assert_eq!((answer.len(), cut_short), (64 * 1024, true));
}

#[tokio::test]
async fn an_answer_that_breaks_off_after_a_yes_is_still_a_yes() {
    let partner = Partner::answering("HTTP/1.1 202 X\r\nContent-Length: 50\r\n\r\nkort").await;
    let WebhookOutcome::Delivered { answer, cut_short, .. } = send(&partner).await else {
        panic!("202 is delivered");
    };
    assert_eq!((answer.as_slice(), cut_short), (b"kort".as_slice(), true));
}

#[tokio::test]
async fn a_partner_that_is_down_is_tried_again() {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let target = Target::new(&url, secret(), None, vec![loopback()]).unwrap();
    let outcome = Webhooks::default().send(&target, &parcel(1), now()).await;
    assert!(matches!(outcome, WebhookOutcome::Retry { code: "geen-verbinding", .. }));
    let hangs_up = Partner::answering("").await;
    let outcome = send(&hangs_up).await;
    assert!(matches!(outcome, WebhookOutcome::Retry { code: "verbroken", .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_blocked_and_nothing_is_sent() {
    let mut partner = Partner::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let port = partner.address.port();
    for (resolved, blocked) in [
        (&["127.0.0.1"][..], Blocked::Private),
        (&["8.8.8.8", "10.0.0.1"], Blocked::Private),
        (&["169.254.169.254"], Blocked::Never),
        (&["::ffff:127.0.0.1"], Blocked::Never),
    ] {
        let webhooks = Webhooks::with_lookup(resolving_to(resolved));
        let url = format!("https://keten.example:{port}/hook");
        let target = Target::new(&url, secret(), None, Vec::new()).unwrap();
        let outcome = webhooks.send(&target, &parcel(1), now()).await;
        assert_eq!(outcome, WebhookOutcome::Blocked(blocked), "{resolved:?}");
    }
    assert!(partner.requests.try_recv().is_err());
}

#[tokio::test]
async fn plain_http_reaches_a_named_network_only_also_after_resolving() {
    let mut partner = Partner::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let target = partner.target("intern.example");
    let inside = Webhooks::with_lookup(resolving_to(&["127.0.0.1"]));
    let outcome = inside.send(&target, &parcel(1), now()).await;
    assert!(matches!(outcome, WebhookOutcome::Delivered { .. }), "{outcome:?}");
    assert!(partner.requests.recv().await.is_some());
    let outside = Webhooks::with_lookup(resolving_to(&["8.8.8.8"]));
    let outcome = outside.send(&target, &parcel(1), now()).await;
    assert_eq!(outcome, WebhookOutcome::Blocked(Blocked::PlainHttp));
    let blocked = Target::new("http://127.0.0.1/", secret(), None, Vec::new()).unwrap_err();
    assert_eq!(blocked, Blocked::Private);
}

#[tokio::test]
async fn the_name_is_resolved_by_the_guard_and_by_nobody_else() {
    // The name exists nowhere: only the guard's own answer can lead to the partner.
    let mut partner = Partner::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let webhooks = Webhooks::with_lookup(resolving_to(&["127.0.0.1"]));
    let target = partner.target("bestaat-nergens.invalid");
    let parcel = parcel(1);
    let sent = webhooks.send(&target, &parcel, now());
    let outcome = tokio::time::timeout(Duration::from_secs(10), sent).await.unwrap();
    assert!(matches!(outcome, WebhookOutcome::Delivered { .. }), "{outcome:?}");
    assert!(partner.requests.recv().await.unwrap().contains("host: bestaat-nergens.invalid"));
}

#[test]
fn neither_secret_nor_document_shows_in_debug_output() {
    let target = Target::new("https://keten.example/", secret(), None, Vec::new()).unwrap();
    assert!(!format!("{target:?}").contains("MfKQ"));
    assert!(!format!("{:?}", parcel(1)).contains("melding"));
}
