//! A partner whose breaker opened gets what waits as soon as an operator says that it is back.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use schakel::hub::clock::now;
use schakel::message::Timestamp;
use serde_json::{Value, json};

use super::{narrow_set, send_reports};
use crate::cli::{self, run};
use crate::hub::{BRANDWEER, Hub, Place, until, verify};
use crate::hubs::Post;
use crate::postgres::shared;

/// A webhook that refuses everybody until its partner is back.
#[derive(Clone, Default)]
struct Partner {
    is_back: Arc<Mutex<bool>>,
    got: Arc<Mutex<Vec<String>>>,
}

impl Partner {
    async fn listen(&self) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let me = self.clone();
        let take = move |headers: HeaderMap, _: Bytes| async move {
            if !*me.is_back.lock().expect("nobody panicked") {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
            me.got.lock().expect("nobody panicked").push(id.to_owned());
            StatusCode::OK
        };
        let router = axum::Router::new().route("/schakel", axum::routing::post(take));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("a listener") });
        port
    }

    fn got(&self) -> usize {
        self.got.lock().expect("nobody panicked").len()
    }

    fn comes_back(&self) {
        *self.is_back.lock().expect("nobody panicked") = true;
    }
}

/// The fire brigade behind a webhook.
fn with_webhook(port: u16) -> Place {
    let place = narrow_set();
    let delivery = format!(
        "wijze = \"webhook\"\nurl = \"http://127.0.0.1:{port}/schakel\"\n\
         netwerken = [\"127.0.0.0/8\"]"
    );
    let file = "config/partners/brandweer-brabant-zuidoost.toml";
    place.edit(file, "wijze = \"postvak\"", &delivery);
    place
}

async fn line(hub: &Hub) -> Value {
    let told = hub.office("ketenpartners", json!({})).await;
    let lines = told["ketenpartners"].as_array().expect("a list").clone();
    lines.into_iter().find(|line| line["id"] == BRANDWEER).expect("a partner")
}

async fn until_blocked(hub: &Hub) -> Timestamp {
    until("the breaker opens", async || {
        let blocked = line(hub).await["geblokkeerd"].clone();
        assert!(blocked.is_null() || blocked["sinds"].is_string(), "{blocked}");
        Timestamp::parse(blocked["volgendePoging"].as_str()?)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_is_back_does_not_wait_for_its_breaker() {
    const PARCELS: usize = 8;
    let partner = Partner::default();
    let hub = with_webhook(partner.listen().await).start().await;
    hub.office("webhookgeheim-maken", json!({ "partner": BRANDWEER })).await;
    send_reports(&hub, 0..PARCELS).await;
    until_blocked(&hub).await;
    let shown = run(&hub.place, &["partner", "list"]).ends(cli::OK);
    assert!(shown.out.contains("geblokkeerd sinds"), "{}", shown.out);
    partner.comes_back();
    let person = ["--by", "anna", "--why", "storing verholpen"];
    run(&hub.place, &["partner", "unblock", BRANDWEER]).ends(cli::USAGE);
    let nobody = [&["partner", "unblock", "niemand"][..], &person].concat();
    run(&hub.place, &nobody).ends(cli::NOT_FOUND);

    // The breaker waits half a minute or more; nobody else does.
    let next = until_blocked(&hub).await;
    let unblock = [&["partner", "unblock", BRANDWEER][..], &person].concat();
    run(&hub.place, &unblock).ends(cli::OK).shows("is niet meer geblokkeerd: 8 zendingen gaan nu");
    until("everything is delivered", async || (partner.got() == PARCELS).then_some(())).await;
    assert!(now() < next, "it waited for the breaker after all");
    until("it is not blocked", async || line(&hub).await["geblokkeerd"].is_null().then_some(()))
        .await;
    let told = hub.office(
        "deblokkeren",
        json!({
            "partner": BRANDWEER, "door": "anna", "reden": "nog eens",
        }),
    );
    assert_eq!(told.await["vervroegd"], 0);
    let place = hub.stop().await;
    assert_eq!(partner.got(), PARCELS, "nothing went twice");
    verify(&place).await;
}

/// Breakers are in the memory of each hub; the word of an operator reaches all of them. A job
/// goes on at the other hub where the one that was at it dies.
#[tokio::test(flavor = "multi_thread")]
async fn every_hub_hears_of_it_and_takes_over_what_another_was_at() {
    let url = shared().database();
    let partner = Partner::default();
    let place = with_webhook(partner.listen().await);
    let beside = place.beside();
    let (left, right) = (Post::new(&url), Post::new(&url));
    let one = left.open(place).await;
    one.office("webhookgeheim-maken", json!({ "partner": BRANDWEER })).await;
    let other = right.open(beside).await;
    send_reports(&one, 0..30).await;
    until_blocked(&one).await;
    let next = until_blocked(&other).await;
    partner.comes_back();
    // Asked at one, heard at the other: both close their breaker.
    let order = json!({ "partner": BRANDWEER, "door": "anna", "reden": "terug" });
    one.office("deblokkeren", order).await;
    for hub in [&one, &other] {
        until("no hub waits", async || line(hub).await["geblokkeerd"].is_null().then_some(()))
            .await;
    }
    until("everything is delivered", async || (partner.got() >= 30).then_some(())).await;
    assert!(now() < next, "it waited for the breaker after all");

    let filter = json!({ "handeling": "laten-vervallen", "reden": "geen-doelbinding",
        "sinds": "2020-01-01T00:00:00Z" });
    let asked = json!({ "filter": filter, "tempo": 3, "door": "anna", "reden": "oud" });
    let id = one.office("klus-maken", asked).await["id"].as_str().expect("an id").to_owned();
    let busy = "this hub is at a job";
    let at_one = until("a hub takes it on", async || {
        let logs = [&one, &other].map(|hub| hub.place.log().contains(busy));
        logs.contains(&true).then_some(logs[0])
    })
    .await;
    let (dies, stays) = if at_one { (one, other) } else { (other, one) };
    assert!(!stays.place.log().contains(busy), "two hubs are at one job");
    let dead = dies.kill().await;
    let over = until("the other goes on", async || {
        let job = super::job(&stays, &id).await;
        (job["stand"] == "klaar").then_some(job)
    })
    .await;
    assert!(stays.place.log().contains(busy), "{}", stays.place.log());
    assert_eq!((&over["gedaan"], &over["totaal"]), (&json!(30), &json!(30)), "{over}");
    drop((dead, stays.stop().await));
    shared().drop(&url);
}
