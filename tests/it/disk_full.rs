//! The journal cannot be written: nothing is accepted, nothing is sent, and as soon as there is
//! room again the hub goes on by itself.
//!
//! The room is a limit on the size of the files that the process may write, which needs no rights
//! and no file system of its own: `prlimit` lowers it while the hub runs, and takes it back.

use std::process::Command;

use serde_json::{Value, json};

use crate::hub::{GEMEENTE, Hub, POLITIE, Place, XML, example, swap, until, verify};

pub const ROOM: &str = "trap '' XFSZ; exec \"$SCHAKEL\" serve --listen 127.0.0.1:0";

/// Bytes that a file of the hub may have from now on.
pub fn limit(hub: &Hub, bytes: &str) {
    let (pid, size) = (hub.pid().to_string(), format!("--fsize={bytes}:unlimited"));
    let done = Command::new("prlimit").args(["--pid", &pid, &size]).output().expect("util-linux");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The status of `/gereed`, and whether it says that the journal can be written.
async fn readiness(hub: &Hub) -> (u16, Value) {
    let told = hub.get("", "/gereed").await;
    let parts = told.json()["onderdelen"].as_array().expect("parts").clone();
    let writes = parts.iter().find(|part| part["naam"] == "logboek-schrijven").expect("a part");
    assert!(parts.iter().any(|part| part["naam"] == "logboek-lezen" && part["gereed"] == true));
    (told.status, writes["gereed"].clone())
}

fn report(number: usize) -> String {
    let report = example("politie", "in-volledig");
    let report = swap(&report, "118204", &number.to_string());
    swap(&report, "231107", &number.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_accepts_and_sends_nothing_and_passes() {
    let hub = Place::new().start_by_shell(ROOM).await;
    let (politie, gemeente) = (hub.token(POLITIE).await, hub.token(GEMEENTE).await);
    let first = hub.send(&politie, XML, &report(1)).await;
    assert!(first.is_accepted());
    assert_eq!(readiness(&hub).await, (200, json!(true)));

    limit(&hub, "4096");
    for number in 2..8 {
        let told = hub.send(&politie, XML, &report(number)).await;
        assert_eq!(told.status, 503, "{}", told.text());
        assert!(told.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
        assert_eq!(told.json()["code"], "niet-beschikbaar");
    }
    assert_eq!(readiness(&hub).await, (503, json!(false)), "who asks hears what is wrong");
    // What was accepted before waits too: an attempt that cannot be written down is not made.
    let ask = Some(("application/json", b"{}".to_vec()));
    let told = hub.door.ask("POST", "/v1/postvak/ophalingen", &gemeente, ask).await;
    assert_eq!(told.expect("an answer").status, 503);
    // What can be read, is.
    let told = hub.get(&politie, &format!("/v1/berichten/{}", first.message())).await;
    assert_eq!(told.status, 200);
    assert_eq!(hub.office("stand", json!({})).await["stand"]["berichten"], 1);
    assert_eq!(readiness(&hub).await, (503, json!(false)), "reading proves nothing");

    limit(&hub, "unlimited");
    let second = until("the hub goes on", async || {
        let told = hub.send(&politie, XML, &report(2)).await;
        told.is_accepted().then_some(told)
    });
    assert_ne!(second.await.message(), first.message());
    for number in 3..8 {
        assert!(hub.send(&politie, XML, &report(number)).await.is_accepted());
    }
    assert_eq!(hub.empty_mailbox(&gemeente).await.len(), 7, "each message once");
    assert_eq!(hub.office("stand", json!({})).await["stand"]["berichten"], 7);
    let place = hub.stop().await;
    verify(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_notices_a_full_disk_and_its_end_without_any_traffic() {
    let hub = Place::new().start_by_shell(ROOM).await;
    let becomes = async |expected: (u16, Value)| {
        until("readiness changes", async || (readiness(&hub).await == expected).then_some(()))
            .await;
    };
    becomes((200, json!(true))).await;
    limit(&hub, "4096");
    becomes((503, json!(false))).await;
    limit(&hub, "unlimited");
    becomes((200, json!(true))).await;
    let log = hub.stop().await.log();
    assert!(log.contains("the journal can be written again"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_revealed_that_cannot_be_written_down() {
    let hub = Place::new().start_by_shell(ROOM).await;
    let politie = hub.token(POLITIE).await;
    let told = hub.send(&politie, XML, &example("politie", "fout-inhoud")).await;
    assert_eq!(told.status, 500);
    let id = hub.quarantine("ongeldig").await[0]["id"].clone();
    let ask = json!({ "id": id, "onthullen": true, "door": "anna", "reden": "proef" });
    limit(&hub, "4096");
    let told = hub.try_office("uitval-inhoud", &ask).await;
    assert_eq!((told.status, &told.json()["code"]), (503, &json!("logboek")));
    assert!(told.json().get("inhoud").is_none());
    limit(&hub, "unlimited");
    until("the reveal is written", async || {
        let told = hub.try_office("uitval-inhoud", &ask).await;
        (told.status == 200).then(|| assert!(told.json()["inhoud"].is_string()))
    })
    .await;
    let told = hub.office("uitval-inhoud", json!({ "id": id })).await;
    assert_eq!(told["inzagen"].as_array().map(Vec::len), Some(1), "what failed left no line");
}
