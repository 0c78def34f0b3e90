//! Two hubs over one PostgreSQL: what an operator does at one, the other follows.

use serde_json::json;
use tokio::sync::watch;

use crate::hub::{Door, GEMEENTE, Hub, POLITIE, Place, XML, example, until};
use crate::postgres::shared;
use crate::sets::set;

/// One of the hubs over a database, and where people find its door.
pub struct Post {
    pub tell: watch::Sender<Option<Door>>,
    url: String,
}

impl Post {
    pub fn new(url: &str) -> Self {
        Self { tell: watch::Sender::new(None), url: url.to_owned() }
    }

    pub async fn open(&self, place: Place) -> Hub {
        let store = [("SCHAKEL_JOURNAL__STORE", "postgres"), ("SCHAKEL_JOURNAL__URL", &self.url)];
        let hub = place.start_with(&store).await;
        self.tell.send_replace(Some(hub.door.clone()));
        hub
    }

    pub async fn kill(&self, hub: Hub) -> Place {
        let place = hub.kill().await;
        self.tell.send_replace(None);
        place
    }
}

async fn active(hub: &Hub) -> String {
    hub.office("stand", json!({})).await["set"].as_str().expect("a digest").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_does_at_one_hub_holds_at_the_other() {
    let url = shared().database();
    let place = Place::new();
    let (left, right) = (Post::new(&url), Post::new(&url));
    let beside = place.beside();
    let (one, other) = tokio::join!(left.open(place), right.open(beside));
    let first = active(&one).await;
    assert_eq!(first, active(&other).await);

    // A set that ends sooner needs nobody else.
    let less = set("config/purposes/regie-gemeente.toml", |text| {
        text.replacen("geldigTot = \"2028-12-31\"", "geldigTot = \"2028-11-30\"", 1)
    });
    let told = one.office("set-activeren", less).await;
    assert_eq!(told["status"], "actief", "{told}");
    let wanted = active(&one).await;
    assert_ne!(wanted, first);
    until("the other hub follows", async || (active(&other).await == wanted).then_some(())).await;

    // A partner that waits at the other hub hears of what comes in here.
    let (politie, gemeente) = (one.token(POLITIE).await, other.token(GEMEENTE).await);
    let door = other.door.clone();
    let waiting = tokio::spawn(async move { door.try_collect(&gemeente, 30).await });
    assert!(one.send(&politie, XML, &example("politie", "in-volledig")).await.is_accepted());
    let collected = waiting.await.expect("nobody panicked").expect("an answer");
    assert_eq!(collected.len(), 1);

    // A suspension shuts the other door too.
    let suspend = json!({ "partner": POLITIE, "door": "anna", "reden": "proef" });
    one.office("schorsen", suspend).await;
    until("the other hub knows", async || {
        let reply = other.get(&politie, "/v1/logboek").await;
        (reply.status == 403).then_some(())
    })
    .await;

    // One that a hub cannot read leaves it where it was, and it says so.
    shared().run(
        &url,
        "insert into activation (id, catalogue, asked_by, widens, note, state, at, decided_at, leaf)
            select decode(md5('x'), 'hex'), '\\x01' || substring(catalogue from 2), 'bart', 0, '',
                'actief', at, decided_at + 1000000000000, leaf
            from activation order by seq desc limit 1",
    );
    until("it says so", async || {
        other.place.log().contains("THE ACTIVE SET CANNOT BE READ").then_some(())
    })
    .await;
    assert_eq!(active(&other).await, wanted);
    let (place, beside) = (one.stop().await, other.stop().await);
    for place in [place, beside] {
        assert!(!place.log().contains("postgres://"), "the URL was logged");
    }
    shared().drop(&url);
}
