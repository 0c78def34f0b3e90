//! Canaries: a citizen service number, a name and a free text that are nobody's, sent through
//! every connector at the most talkative log level. They may turn up in one place only: the
//! parcels whose purpose grants them.

pub mod birds;
pub mod traces;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::hub::{
    BRANDWEER, GEMEENTE, GGZ, Hub, OM, POLITIE, Parcel, Place, SLEUTEL, WONEN, until,
};
use birds::{Bird, SOURCES};
use traces::{Trace, files_of};

/// What a partner may see of whose canaries, by the purposes of the shipped set: a number needs a
/// basis of its own, the municipality sees initials, a text goes only where it is named.
const GRANTED: [(&str, &str, &[Bird]); 12] = [
    (POLITIE, GEMEENTE, &[]),
    (POLITIE, WONEN, &[Bird::Name]),
    (POLITIE, GGZ, &[Bird::Number, Bird::Name, Bird::Text]),
    (OM, GEMEENTE, &[]),
    (OM, POLITIE, &[Bird::Number, Bird::Name, Bird::Text]),
    (OM, GGZ, &[Bird::Name]),
    (BRANDWEER, WONEN, &[Bird::Text]),
    (BRANDWEER, POLITIE, &[Bird::Text]),
    (BRANDWEER, SLEUTEL, &[Bird::Text]),
    (WONEN, POLITIE, &[Bird::Name, Bird::Text]),
    (SLEUTEL, POLITIE, &[Bird::Name, Bird::Text]),
    (GGZ, POLITIE, &[Bird::Name]),
];

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_turns_up_only_where_a_purpose_grants_it() {
    let hub = Place::new().start_with(&[("SCHAKEL_LOG", "trace")]).await;
    let mut traces = Trace::default();
    let mut sent = Vec::new();
    for source in &SOURCES {
        let token = hub.token(source.partner).await;
        let accepted = hub.send(&token, source.media_type, &source.document()).await;
        assert!(accepted.is_accepted(), "{}: {}", source.partner, accepted.text());
        traces.reply("an accepted message", &accepted);
        sent.push(accepted.message());
        for (what, document) in source.spoiled() {
            let refused = hub.send(&token, source.media_type, &document).await;
            assert!(refused.status >= 400, "{}, {what}: {}", source.partner, refused.status);
            traces.reply(what, &refused);
        }
        // Who types a number into an address must not find it in the log either.
        let number = source.canary(Bird::Number);
        for path in ["/v1/berichten/", "/v1/postvak/", "/v1/logboek?na=", "/"] {
            traces.reply(path, &hub.get(&token, &format!("{path}{number}")).await);
        }
        traces.reply("the log", &hub.get(&token, "/v1/logboek?limiet=500").await);
        traces.reply(
            "the status",
            &hub.get(&token, &format!("/v1/berichten/{}", sent.last().expect("just sent"))).await,
        );
    }
    let seen = what_everyone_sees(&hub, &mut traces).await;
    assert_eq!(seen, granted());
    what_operators_see(&hub, &sent, &mut traces).await;
    babble(&hub).await;
    traces.files(&hub.place.data());
    let place = hub.kill().await;
    traces.files(&place.data());
    traces.note("the log of the hub", place.log().as_bytes());
    traces.have_no_canary();
}

type Seen = BTreeMap<(&'static str, &'static str), BTreeSet<Bird>>;

fn granted() -> Seen {
    let all =
        GRANTED.iter().map(|(from, to, birds)| ((*from, *to), birds.iter().copied().collect()));
    all.filter(|(_, birds): &(_, BTreeSet<Bird>)| !birds.is_empty()).collect()
}

/// Whose canaries are in which parcels, over all mailboxes and the folder.
async fn what_everyone_sees(hub: &Hub, traces: &mut Trace) -> Seen {
    let mut documents: Vec<(&'static str, String)> = Vec::new();
    for partner in [POLITIE, OM, WONEN, GGZ, GEMEENTE] {
        let token = hub.token(partner).await;
        let parcels = hub.collect(&token).await;
        for Parcel { id, text, whole } in parcels {
            let content = hub.get(&token, &format!("/v1/postvak/{id}/inhoud")).await;
            assert_eq!(content.text(), text);
            traces.headers("a parcel's headers", &content);
            traces.beside("beside a parcel", &whole);
            let told = hub.door.try_confirm(&token, &id, "geaccepteerd").await;
            traces.reply("a confirmation", &told.expect("an answer"));
            documents.push((partner, text));
        }
    }
    let folder = hub.place.data().join("uitwisseling").join(SLEUTEL).join("uit");
    until("the folder", async || {
        let stand = hub.office("stand", json!({})).await;
        let waiting = stand["stand"]["wachtend"].as_array().expect("a list");
        (!waiting.iter().any(|line| line["ontvanger"] == SLEUTEL)).then_some(())
    })
    .await;
    let files = files_of(&folder).into_iter();
    for file in files.filter(|path| path.extension().is_some_and(|ending| ending == "csv")) {
        documents.push((SLEUTEL, std::fs::read_to_string(file).expect("a parcel")));
    }
    assert!(documents.len() >= GRANTED.len(), "fewer parcels than recipients");
    let mut seen = Seen::new();
    for (to, document) in documents {
        for source in &SOURCES {
            for bird in Bird::ALL {
                if document.contains(source.canary(bird)) {
                    seen.entry((source.partner, to)).or_default().insert(bird);
                }
            }
        }
    }
    seen
}

/// Sends something that is no HTTP, and waits for the line that only a talkative log has of it.
async fn babble(hub: &Hub) {
    let mut stream = tokio::net::TcpStream::connect(hub.door.address()).await.expect("the door");
    let number = SOURCES[0].canary(Bird::Number);
    let babble = format!("GET /v1/{number} HTTQ/9.{number}\r\n\r\n");
    stream.write_all(babble.as_bytes()).await.expect("a connection");
    until("a line of the lowest levels", async || hub.place.log().contains("DEBUG").then_some(()))
        .await;
}

async fn what_operators_see(hub: &Hub, sent: &[String], traces: &mut Trace) {
    let mut asked: Vec<(&str, Value)> = vec![
        ("stand", json!({})),
        ("ketenpartners", json!({})),
        ("staart", json!({ "na": 0, "limiet": 500 })),
        ("uitval", json!({ "limiet": 500 })),
    ];
    for id in sent {
        asked.push(("spoor", json!({ "id": id })));
        asked.push(("bewijzen", json!({ "id": id })));
        asked.push(("herhaling-voorbeeld", json!({ "id": id })));
        for to in [GEMEENTE, POLITIE, GGZ] {
            asked.push(("uitleg", json!({ "id": id, "ontvanger": to })));
        }
    }
    for (action, body) in asked {
        let told = hub.try_office(action, &body).await;
        assert_eq!(told.status, 200, "{action}: {}", told.text());
        traces.reply(action, &told);
    }
    let refused = hub.office("uitval", json!({ "limiet": 500 })).await;
    let incoming = refused.as_array().expect("a list").iter();
    let incoming = incoming.filter(|entry| entry["richting"] == "inkomend").count();
    assert_eq!(incoming, 2 * SOURCES.len(), "each spoiled document is kept");
}
