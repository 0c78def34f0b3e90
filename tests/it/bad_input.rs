//! Bad input gets a clear error and nothing is lost: for everything that can be wrong, the answer
//! to its sender, and the entry in quarantine with the bytes as they came.

mod accepted;
mod refused;
mod turned_away;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use crate::hub::{Hub, JSON, Reply, example};

/// A value that no answer may repeat.
const SECRET: &str = "Zonnebloemsteen";

/// A signal of the municipality, with the changes of a test.
fn signal(id: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut document: Value =
        serde_json::from_str(&example("gemeente", "gemeld-kaal")).expect("JSON");
    document["bericht"]["id"] = json!(id);
    document["signaal"]["kenmerk"] = json!(format!("kenmerk-{id}"));
    document["signaal"]["gebruik"] = json!("echt");
    document["signaal"]["omschrijving"] = json!(SECRET);
    change(&mut document);
    document.to_string()
}

/// A document that must be refused, and how.
struct Bad<'a> {
    token: &'a str,
    media_type: &'a str,
    document: Vec<u8>,
    status: u16,
    code: &'a str,
}

impl<'a> Bad<'a> {
    fn json(token: &'a str, document: impl Into<Vec<u8>>, status: u16, code: &'a str) -> Self {
        Self { token, media_type: JSON, document: document.into(), status, code }
    }

    fn typed(self, media_type: &'a str) -> Self {
        Self { media_type, ..self }
    }

    /// Sends it; holds the answer against what was expected, and quarantine against what was sent.
    async fn refused_by(self, hub: &Hub) -> Reply {
        let content = Some((self.media_type, self.document.clone()));
        let reply = hub.door.ask("POST", "/v1/berichten", self.token, content).await;
        let reply = reply.expect("an answer");
        assert_eq!(reply.status, self.status, "{}: {}", self.code, reply.text());
        let told = reply.json();
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!((&told["code"], &told["status"]), (&json!(self.code), &json!(self.status)));
        assert!(!reply.text().contains(SECRET), "the answer repeats a value: {told}");
        let places = told["fouten"].as_array().expect("violations");
        assert!(!places.is_empty(), "no violation is named: {told}");
        for violation in places {
            for part in ["plaats", "code", "nl", "en"] {
                assert!(violation[part].is_string(), "no {part} in {violation}");
            }
        }
        assert!(kept(hub, &told["uitval"], self.code).await == self.document, "other bytes");
        let salt = told["zout"].as_str().expect("a salt");
        let salt = BASE64_STANDARD.decode(salt).expect("base64");
        let salt = salt.try_into().expect("32 bytes");
        let hash = schakel::evidence::commitment(&salt, &self.document).to_string();
        assert_eq!(told["hash"], hash, "the answer proves something else");
        reply
    }
}

/// The bytes of an open entry of quarantine that has this reason.
async fn kept(hub: &Hub, id: &Value, reason: &str) -> Vec<u8> {
    let found = hub
        .office(
            "uitval-inhoud",
            json!({ "id": id, "onthullen": true, "door": "anna", "reden": "proef" }),
        )
        .await;
    assert_eq!(found["uitval"]["reden"], reason);
    assert_eq!(found["uitval"]["status"], "open");
    assert_eq!(found["uitval"]["richting"], "inkomend");
    assert!(!found["uitval"].to_string().contains(SECRET), "quarantine repeats a value");
    BASE64_STANDARD.decode(found["inhoud"].as_str().expect("a document")).expect("base64")
}

/// Places and codes of an answer, sorted.
fn violations(fouten: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = fouten.as_array().into_iter().flatten();
    let mut found: Vec<_> = list.map(|v| (text(&v["plaats"]), text(&v["code"]))).collect();
    found.sort();
    found
}
