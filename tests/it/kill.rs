//! The oracle: the hub dies at each crash point, under load, and those around it count. Nothing
//! accepted is lost, nothing has its effect twice, nothing was sent that the journal does not know.

mod chain;
mod hubs;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::hub::{
    BRANDWEER, Door, GEMEENTE, Hub, POLITIE, Place, SLEUTEL, checkout, until, verify,
};
use chain::{BRANDWEER_REACHES, Chain, POLITIE_REACHES, brandweer, politie};

const SIGABRT: i32 = 6;

/// Each crash point, and how often it is passed before it kills, a round each.
const POINTS: [(&str, [usize; 3]); 8] = [
    ("journal-voor-commit", [11, 37, 64]),
    ("journal-na-sleutels", [13, 29, 71]),
    ("journal-na-commit", [17, 41, 59]),
    ("journal-voor-markeren", [3, 9, 20]),
    ("journal-na-blad", [1, 2, 3]),
    ("journal-wissing-halverwege", [1, 2, 1]),
    ("verzenden-voor", [2, 8, 19]),
    ("verzenden-na", [1, 7, 17]),
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_wherever_the_hub_dies() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let hub = small_set(port).start().await;
    hub.office("webhookgeheim-maken", json!({ "partner": BRANDWEER })).await;
    let (tell, door) = watch::channel(None);
    let chain = Chain::new(door);
    let mut people = JoinSet::new();
    for _ in 0..2 {
        let token = hub.token(POLITIE).await;
        people.spawn(chain.clone().send(token, politie, POLITIE_REACHES));
    }
    let token = hub.token(BRANDWEER).await;
    people.spawn(chain.clone().send(token, brandweer, BRANDWEER_REACHES));
    people.spawn(chain.clone().collect(GEMEENTE, hub.token(GEMEENTE).await));
    let folder = hub.place.data().join("uitwisseling").join(SLEUTEL);
    std::fs::create_dir_all(folder.join("in")).expect("a folder");
    people.spawn(chain.clone().lay_files(folder.clone()));
    people.spawn(chain.clone().empty_folder(SLEUTEL, folder));
    people.spawn(chain.clone().take_webhooks(BRANDWEER, listener));
    let mut oracle = Oracle { chain, tell, place: Some(hub.stop().await), erased: BTreeSet::new() };
    println!(
        "{:<28}{:>7}{:>10}{:>6}{:>9}{:>13}",
        "", "crashes", "accepted", "lost", "doubled", "unjournalled"
    );
    for (point, passes) in POINTS {
        let before = oracle.begin();
        let passes = rounds(passes);
        for passed in &passes {
            oracle.crash(point, *passed).await;
        }
        oracle.judge(point, passes.len(), before).await;
    }
    let before = oracle.begin();
    let plugs = rounds([5, 16, 33]);
    for more in &plugs {
        oracle.pull_the_plug(*more).await;
    }
    oracle.judge("kill -9", plugs.len(), before).await;
    assert!(people.try_join_next().is_none(), "somebody around the hub gave up");
    people.shutdown().await;
}

/// Each moment once, and in the long form twenty moments around them.
fn rounds(moments: [usize; 3]) -> Vec<usize> {
    let number = if crate::soak() { 20 } else { 3 };
    moments.into_iter().cycle().zip(0..number).map(|(moment, round)| moment + round / 3).collect()
}

/// Four partners, each with its own way of delivery, and few rules: it starts fast.
fn small_set(port: u16) -> Place {
    let place = Place::new();
    place.take(&[
        "schemas",
        "config/hub.toml",
        "config/themes.toml",
        "config/partners/politie-oost-brabant.toml",
        "config/partners/brandweer-brabant-zuidoost.toml",
        "config/partners/gemeente-eindhoven.toml",
        "config/partners/de-sleutel.toml",
        "config/purposes/regie-gemeente.toml",
        "config/purposes/brand-naar-brandweer.toml",
        "config/purposes/brand-brandweer-corporatie.toml",
    ]);
    for connector in ["politie", "brandweer", "gemeente", "woningcorporatie-csv"] {
        for part in ["connector.toml", "schemas", "mappings"] {
            place.take(&[&format!("connectors/{connector}/{part}")]);
        }
    }
    place.write("config/routes.toml", ROUTES);
    place.edit(
        "config/partners/brandweer-brabant-zuidoost.toml",
        "http://127.0.0.1:8099/schakel",
        &format!("http://127.0.0.1:{port}/schakel"),
    );
    let regie = checkout().join("config/purposes/regie-gemeente-wonen-zorg.toml");
    let regie = std::fs::read_to_string(regie).expect("a purpose");
    let regie = crate::hub::swap(&regie, ", \"openbaar-ministerie\"", "");
    place.write("config/purposes/regie-gemeente-wonen.toml", &regie);
    place
}

const ROUTES: &str = r#"
[[route]]
id = "regie"
naar = ["gemeente"]
herkomst = ["politie", "brandweer", "woningcorporatie"]

[[route]]
id = "brand"
themas = ["brandveiligheid"]
herkomst = ["politie", "woningcorporatie"]
naar = ["brandweer"]
"#;

struct Oracle {
    chain: Chain,
    tell: watch::Sender<Option<Door>>,
    place: Option<Place>,
    /// Messages whose erasure was asked for.
    erased: BTreeSet<String>,
}

impl Oracle {
    /// Lets the senders go on; how much was accepted until now.
    fn begin(&self) -> usize {
        self.chain.sending.send_replace(true);
        self.accepted()
    }

    fn accepted(&self) -> usize {
        self.chain.look(|seen| seen.accepted.len())
    }

    async fn start(&mut self, failpoints: &str) -> Hub {
        let place = self.place.take().expect("no hub runs");
        let hub = place.start_with(&[("FAILPOINTS", failpoints)]).await;
        self.tell.send_replace(Some(hub.door.clone()));
        hub
    }

    fn is_down(&mut self, place: Place) {
        self.tell.send_replace(None);
        self.place = Some(place);
    }

    /// Runs until the hub dies at a point that it passed so many times.
    async fn crash(&mut self, point: &str, passed: usize) {
        let hub = self.start(&format!("{point}={passed}*off->return")).await;
        if point.contains("wissing") {
            self.erase_until_it_dies(&hub).await;
        }
        let (place, signal) = hub.ended().await;
        assert_eq!(signal, Some(SIGABRT), "{point}: it ended otherwise\n{}", place.log());
        self.is_down(place);
    }

    async fn erase_until_it_dies(&mut self, hub: &Hub) {
        loop {
            let next = until("a message that arrived", async || {
                self.chain.look(|seen| seen.arrived(&self.erased))
            });
            let (_, id) = next.await;
            let why = json!({ "id": id, "door": "orakel", "reden": "proef" });
            let asked = hub.ask_office("wissen-aanvragen", &why).await.expect("an answer");
            self.erased.insert(id);
            if asked.status != 200 {
                continue; // its case went with another message
            }
            let agreed = json!({ "verzoek": asked.json()["verzoek"], "door": "tweede" });
            if hub.ask_office("wissen-goedkeuren", &agreed).await.is_none() {
                return;
            }
        }
    }

    /// Kills the hub as soon as it took so many more.
    async fn pull_the_plug(&mut self, more: usize) {
        let hub = self.start("").await;
        let enough = self.accepted() + more;
        until("messages", async || (self.accepted() >= enough).then_some(())).await;
        let place = hub.kill().await;
        self.is_down(place);
    }

    /// Lets everything arrive, then counts.
    async fn judge(&mut self, point: &str, crashes: usize, before: usize) {
        let hub = self.start("").await;
        self.chain.sending.send_replace(false);
        until("the senders", async || self.chain.is_quiet().then_some(())).await;
        let settled = tokio::time::timeout(Duration::from_secs(40), self.settled(&hub)).await;
        let (lost, doubled) = self.chain.look(|seen| (seen.lost().len(), seen.doubled().len()));
        let unknown = self.unjournalled(&hub).await;
        let accepted = self.accepted() - before;
        println!("{point:<28}{crashes:>7}{accepted:>10}{lost:>6}{doubled:>9}{unknown:>13}");
        self.check_erased(&hub).await;
        let place = hub.stop().await;
        verify(&place).await;
        assert_eq!((lost, doubled, unknown), (0, 0, 0), "{point}\n{}", self.explain());
        assert!(settled.is_ok(), "{point}: parcels still wait\n{}", place.log());
        assert!(accepted > 20, "{point}: hardly any load");
        self.is_down(place);
    }

    /// Until everyone has everything, and nothing waits.
    async fn settled(&self, hub: &Hub) {
        until("everything arrives", async || {
            let stand = hub.office("stand", json!({})).await;
            let waiting = stand["stand"]["wachtend"].as_array().expect("a list");
            // The answers to the police lie in a mailbox that nobody empties here.
            let waits = waiting.iter().any(|line| line["ontvanger"] != POLITIE);
            (!waits && self.chain.look(|seen| seen.lost().is_empty())).then_some(())
        })
        .await;
    }

    /// How many parcels somebody has of which the journal knows nothing.
    async fn unjournalled(&self, hub: &Hub) -> usize {
        let parcels: Vec<String> =
            self.chain.look(|seen| seen.effects.iter().map(|(_, id, _)| id.clone()).collect());
        let mut unknown = 0;
        for id in parcels {
            let found = hub.try_office("spoor", &json!({ "id": id })).await;
            unknown += usize::from(found.status != 200);
        }
        unknown
    }

    /// An erasure that was asked for is finished, whatever came in between.
    async fn check_erased(&self, hub: &Hub) {
        for id in &self.erased {
            let trace = hub.office("spoor", json!({ "id": id })).await;
            assert!(trace[0]["bericht"]["gewist"].is_string(), "{id} is not erased");
        }
    }

    fn explain(&self) -> String {
        self.chain.look(|seen| format!("lost {:?}\ndoubled {:?}", seen.lost(), seen.doubled()))
    }
}
