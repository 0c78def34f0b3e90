//! No moment of the hub's that a partner sees is finer than a second: all parcels of one message
//! are made in the same microsecond, by which two recipients could find each other.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

use crate::hub::{
    BRANDWEER, GEMEENTE, Hub, Place, Reply, SLEUTEL, WONEN, XML, checkout, example, until,
};

/// The parts of a second in a text, as `12:00:00.5` has them.
fn fractions(text: &str) -> Vec<&str> {
    let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let found = text.match_indices('.').filter(|(at, _)| {
        let clock = at.checked_sub(9).and_then(|from| text.get(from..*at));
        let clock = clock.is_some_and(|clock| {
            let (mark, time) = clock.split_at(1);
            matches!(mark, "T" | " ") && time.split(':').count() == 3
        });
        clock && digit(at + 1)
    });
    found.filter_map(|(at, _)| text.get(at - 9..)).collect()
}

/// Everything that one partner saw, in readable form.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn reply(&mut self, reply: &Reply) {
        let headers = reply.headers.iter().filter_map(|(_, value)| value.to_str().ok());
        self.0.extend(headers.map(str::to_owned));
        self.0.push(reply.text());
    }

    /// A signed role statement tells its moment in base64.
    fn role(&mut self, jws: &str) {
        let claims = jws.split('.').nth(1).expect("claims");
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64");
        let claims = String::from_utf8(claims).expect("text");
        assert!(claims.contains("\"opgesteld\":\"20"), "{claims}");
        self.0.push(claims);
    }

    async fn mailbox(&mut self, hub: &Hub, token: &str) {
        for parcel in hub.collect(token).await {
            self.0.push(parcel.whole.to_string());
            self.0.push(parcel.text);
            self.role(parcel.whole["rol"].as_str().expect("a role"));
            let path = format!("/v1/postvak/{}/inhoud", parcel.id);
            self.reply(&hub.get(token, &path).await);
            let said = hub.door.try_confirm(token, &parcel.id, "geaccepteerd").await;
            self.reply(&said.expect("an answer"));
        }
        self.reply(&hub.get(token, "/v1/logboek").await);
    }

    fn is_in_whole_seconds(&self, who: &str) {
        let moments = self.0.iter().filter(|text| text.contains("T") && text.contains(":")).count();
        assert!(moments > 0, "{who} saw no moment at all");
        for text in &self.0 {
            assert_eq!(fractions(text), Vec::<&str>::new(), "{who}: {text}");
        }
    }
}

#[test]
fn a_fraction_is_found_where_there_is_one() {
    assert_eq!(fractions("op 2026-11-23T12:00:00.5Z").len(), 1);
    assert_eq!(fractions("{\"x\":\"2026-11-23T12:00:00.123456+01:00\"}").len(), 1);
    assert!(fractions("2026-11-23T12:00:00Z. 3.14 v1.1 T1.5 12:00.5").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_are_shown_whole_seconds() {
    let place = Place::new();
    place.take(&["config", "connectors", "schemas"]);
    let partner = format!("config/partners/{BRANDWEER}.toml");
    let text = std::fs::read_to_string(checkout().join(&partner)).expect("a partner");
    let (head, _) = text.split_once("[levering]").expect("a delivery");
    place.write(&partner, &format!("{head}[levering]\nwijze = \"postvak\"\n"));
    let hub = place.start().await;
    let (brandweer, wonen) = (hub.token(BRANDWEER).await, hub.token(WONEN).await);
    let gemeente = hub.token(GEMEENTE).await;

    // A report to a mailbox in JSON, one in VERA's form, and a folder with CSV.
    let alert = example("brandweer", "in-volledig");
    assert!(fractions(&alert).is_empty(), "the sender's own moments are whole as well");
    let mut sender = Seen::default();
    let sent = hub.send(&brandweer, XML, &alert).await;
    sender.reply(&sent);
    for (who, token) in [(GEMEENTE, &gemeente), (WONEN, &wonen)] {
        let mut seen = Seen::default();
        seen.mailbox(&hub, token).await;
        seen.is_in_whole_seconds(who);
    }
    let out = hub.place.data().join("uitwisseling").join(SLEUTEL).join("uit");
    let file = until("a role beside a file", async || {
        let files = std::fs::read_dir(&out).ok()?.filter_map(Result::ok);
        let mut paths = files.map(|file| file.path());
        let role = paths.find(|path| path.to_string_lossy().ends_with(".rol.json"))?;
        let document = role.to_string_lossy().replace(".rol.json", ".csv");
        let role = std::fs::read_to_string(role).ok()?;
        Some((role, std::fs::read_to_string(document).ok()?))
    })
    .await;
    let mut seen = Seen::default();
    let told: serde_json::Value = serde_json::from_str(&file.0).expect("JSON");
    seen.role(told["rol"].as_str().expect("a role"));
    seen.0.extend([file.0, file.1]);
    seen.is_in_whole_seconds(SLEUTEL);

    // What the sender hears of others: their words as Acks, and how far its message came.
    sender.reply(&hub.get(&brandweer, &format!("/v1/berichten/{}", sent.message())).await);
    let before = sender.0.len();
    sender.mailbox(&hub, &brandweer).await;
    assert!(sender.0.len() > before + 3, "an Ack came back");
    sender.is_in_whole_seconds(BRANDWEER);

    // A sender that reads StUF gets its receipt with a time of fourteen digits.
    let police = hub.token(crate::hub::POLITIE).await;
    let receipt = hub.send(&police, XML, &example("politie", "in-volledig")).await.text();
    let (_, time) = receipt.split_once("tijdstipBericht>").expect("a moment");
    let (time, _) = time.split_once('<').expect("its end");
    assert_eq!(time.len(), "20261123120000".len(), "{time}");
}
