//! The whole story, on both stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{all_signed, compared, leaves, lose_files, report, shelf, words};
use crate::cli::{FAILURE, INVALID, NOT_ALLOWED, OK, PARTLY, run_with};
use crate::hub::{BRANDWEER, GEMEENTE, Hub, JSON, POLITIE, Place, SLEUTEL, XML, example, until};
use crate::postgres::shared;

/// The fire brigade's own system.
#[derive(Clone, Default)]
struct Brigade {
    asked: Arc<AtomicUsize>,
    takes: Arc<AtomicBool>,
}

impl Brigade {
    /// Listens; the port.
    async fn listen(&self) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let brigade = self.clone();
        let take = move || async move {
            brigade.asked.fetch_add(1, Ordering::SeqCst);
            axum::http::StatusCode::from_u16(match brigade.takes.load(Ordering::SeqCst) {
                true => 204,
                false => 503,
            })
            .expect("a status")
        };
        let router = axum::Router::new().route("/schakel", axum::routing::post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        port
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn place(port: u16) -> Place {
    let place = Place::new();
    place.take(&["config"]);
    place.edit(
        "config/partners/brandweer-brabant-zuidoost.toml",
        "http://127.0.0.1:8099/schakel",
        &format!("http://127.0.0.1:{port}/schakel"),
    );
    place
}

/// Where the journal is; the second time, where it is to come back.
struct Stores {
    urls: Option<[String; 2]>,
}

impl Stores {
    fn env(&self, again: usize) -> Vec<(&'static str, &str)> {
        match &self.urls {
            None => vec![],
            Some(urls) => vec![
                ("SCHAKEL_JOURNAL__STORE", "postgres"),
                ("SCHAKEL_JOURNAL__URL", urls[again].as_str()),
            ],
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_journal_comes_back_and_nobody_is_told_otherwise() {
    story(Stores { urls: None }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_comes_back_and_nobody_is_told_otherwise() {
    let urls = [shared().database(), shared().database()];
    story(Stores { urls: Some(urls.clone()) }).await;
    urls.iter().for_each(|url| shared().drop(url));
}

async fn story(stores: Stores) {
    let brigade = Brigade::default();
    let hub = place(brigade.listen().await).start_with(&stores.env(0)).await;
    hub.office("webhookgeheim-maken", json!({ "partner": BRANDWEER })).await;
    let (politie, gemeente) = (hub.token(POLITIE).await, hub.token(GEMEENTE).await);
    let first = hub.send(&politie, XML, &report(1)).await;
    let kept = hub.send(&politie, XML, &report(2)).await;
    let (erased, kept) = (first.message(), kept.message());
    until("the brigade is tried", async || (brigade.asked() > 0).then_some(())).await;

    all_signed(&hub).await;

    // A backup while messages come in.
    let (_shelf, copy) = shelf();
    let to = words(&copy);
    let sending = traffic(&hub, &politie);
    run_with(&hub.place, &stores.env(0), &["backup", "--to", &to, "--dry-run"])
        .ends(OK)
        .shows("journal.");
    run_with(&hub.place, &stores.env(0), &["backup", "--to", &to])
        .ends(OK)
        .shows("sleutels.")
        .says("hub.key");
    let number = sending.finish().await;
    run_with(&hub.place, &stores.env(0), &["backup", "--to", &to]).ends(NOT_ALLOWED);

    // What came after it: messages, and an erasure.
    let late = hub.send(&politie, XML, &report(number)).await;
    assert!(late.is_accepted());
    hub.erase(&erased).await;
    let signed = all_signed(&hub).await;
    let place = hub.kill().await;
    if stores.urls.is_none() {
        lose_files(&place);
    }

    let env = stores.env(1);
    run_with(&place, &env, &["restore", "--from", &to]).ends(OK).says("alleen gelezen");
    run_with(&place, &env, &["restore", "--from", &to]).ends(NOT_ALLOWED);
    let hub = place.start_closed(&env).await;
    assert!(hub.place.log().contains("LET OP"), "{}", hub.place.log());
    let asked = brigade.asked();
    nothing_goes_in_or_out(&hub, &politie, &gemeente, &kept).await;
    brigade.takes.store(true, Ordering::SeqCst);
    reading_goes_on(&hub, &env, &politie, &kept).await;

    let released = compared_and_released(&hub, &env, signed).await;
    assert_eq!(brigade.asked(), asked, "nothing was sent");
    goes_on(&hub, &politie, &gemeente, &brigade).await;
    let again = hub.send(&politie, XML, &report(number)).await;
    assert!(again.is_accepted() && again.message() != late.message(), "it was lost, and is new");
    let told = hub.try_office("uitleg", &json!({ "id": erased, "ontvanger": GEMEENTE })).await;
    assert_eq!(told.status, 410, "{}", told.text());
    all_signed(&hub).await;
    let series = is_proven(&hub, &env, &politie, &released, &copy).await;
    let place = hub.stop().await;
    run_with(&place, &env, &["journal", "verify"]).ends(OK).says("Het logboek klopt");
    let note = std::fs::read_to_string(place.data().join("getuige/controlepunt")).expect("a note");
    assert!(note.starts_with(&format!("schakel/reeks-{series}\n")), "{note}");
    let log = place.log();
    assert!(!log.contains("postgres://"), "the URL was logged");
}

/// Says what is missing, and opens the hub; what the release told.
async fn compared_and_released(hub: &Hub, env: &[(&str, &str)], signed: u64) -> Value {
    let ask = ["restore", "release", "--by", "J. Jansen", "--why", "schijf defect"];
    run_with(&hub.place, env, &ask).ends(FAILURE).says("nog niet vergeleken");
    let (held, _) = leaves(hub).await;
    let told = run_with(&hub.place, env, &["restore", "compare", "-o", "json"]).ends(PARTLY);
    let found = &told.json()["vergelijking"];
    assert_eq!(found["ontbrekendeBladen"], json!(signed - held), "{found}");
    assert_eq!((&found["opnieuwGewist"], &found["andereBoom"]), (&json!(1), &json!(false)));
    assert_eq!(found["bekend"]["omvang"], json!(signed));
    run_with(&hub.place, env, &[&ask[..], &["-o", "json"]].concat()).ends(OK).json()
}

/// The release is proven, and told to partners; the series that it began.
async fn is_proven(
    hub: &Hub,
    env: &[(&str, &str)],
    politie: &str,
    released: &Value,
    copy: &std::path::Path,
) -> Value {
    let series = released["reeks"].clone();
    assert!(series.as_u64() > Some(20_260_000), "{series}");
    let id = released["id"].as_str().expect("an id").to_owned();
    let proof = copy.with_file_name("herstel.json");
    let out = words(&proof);
    run_with(&hub.place, env, &["journal", "prove", &id, "--out", &out]).ends(OK);
    run_with(&hub.place, env, &["journal", "verify", "--proof", &out]).ends(OK).shows("reeks-20");
    let told = hub.get(politie, "/v1/logboek").await.json();
    let restart = &told["herstel"][0];
    assert_eq!(restart["reeks"], series);
    assert!(restart["bekend"]["omvang"].as_u64() > restart["verderNa"]["omvang"].as_u64());
    assert!(!told.to_string().contains("Jansen"), "{told}");
    series
}

/// A sender that goes on until it is told to stop.
struct Sending {
    stop: tokio::sync::watch::Sender<bool>,
    task: tokio::task::JoinHandle<usize>,
}

fn traffic(hub: &Hub, token: &str) -> Sending {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (door, token) = (hub.door.clone(), token.to_owned());
    let task = tokio::spawn(async move {
        let mut number = 100;
        while !*stopped.borrow() {
            let told = door.try_send(&token, XML, &report(number)).await.expect("an answer");
            assert!(told.is_accepted(), "{} {}", told.status, told.text());
            number += 1;
        }
        number
    });
    Sending { stop, task }
}

impl Sending {
    /// The first number that was not sent.
    async fn finish(self) -> usize {
        self.stop.send_replace(true);
        self.task.await.expect("nobody panicked")
    }
}

fn is_closed(told: &crate::hub::Reply) {
    assert_eq!(told.status, 503, "{}", told.text());
    assert_eq!(told.json()["code"], "alleen-lezen", "{}", told.text());
}

async fn nothing_goes_in_or_out(hub: &Hub, politie: &str, gemeente: &str, kept: &str) {
    let (status, part) = compared(hub).await;
    assert_eq!((status, &part["gereed"]), (503, &json!(false)));
    assert!(part["reden"].as_str().is_some_and(|why| why.contains("restore compare")), "{part}");
    let folder = hub.place.data().join("uitwisseling").join(SLEUTEL).join("in");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("melding.csv"), example("woningcorporatie-csv", "melding-kaal"))
        .expect("a file");

    let told = hub.send(politie, XML, &report(7)).await;
    is_closed(&told);
    assert!(told.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert!(told.json()["detail"].as_str().is_some_and(|text| text.contains("opnieuw")));
    // Also what it knows already: nobody can tell what came after it.
    is_closed(&hub.send(politie, XML, &report(2)).await);
    let large = vec![b' '; 2 * 1024 * 1024];
    let large = hub.door.ask("POST", "/v1/berichten", politie, Some((XML, large))).await;
    is_closed(&large.expect("an answer"));
    let post = async |path: &str| {
        let body = Some((JSON, json!({ "status": "ontvangen" }).to_string().into_bytes()));
        hub.door.ask("POST", path, gemeente, body).await.expect("an answer")
    };
    let empty = Some((JSON, b"{}".to_vec()));
    let told = hub.door.ask("POST", "/v1/postvak/ophalingen", gemeente, empty).await;
    is_closed(&told.expect("an answer"));
    let trace = hub.office("spoor", json!({ "id": kept })).await;
    let parcels = trace[0]["zendingen"].as_array().expect("parcels").clone();
    for parcel in parcels.iter().filter(|parcel| parcel["ontvanger"] == GEMEENTE) {
        let id = parcel["zending"].as_str().expect("an id");
        is_closed(&post(&format!("/v1/postvak/{id}/ontvangst")).await);
        is_closed(&hub.get(gemeente, &format!("/v1/postvak/{id}/inhoud")).await);
    }
    for (action, body) in [
        ("sleutel-maken", json!({ "partner": POLITIE })),
        ("wissen-aanvragen", json!({ "id": kept, "door": "anna", "reden": "proef" })),
        ("wissen-goedkeuren", json!({ "verzoek": 1, "door": "bart" })),
        ("wissen-weigeren", json!({ "verzoek": 1, "door": "bart", "reden": "proef" })),
        ("uitleg", json!({ "id": kept, "ontvanger": GEMEENTE })),
        ("herhaling-voorbeeld", json!({ "id": kept })),
        ("herhaling", json!({ "id": kept })),
        ("schorsen", json!({ "partner": POLITIE, "door": "anna", "reden": "proef" })),
    ] {
        is_closed(&hub.try_office(action, &body).await);
    }
    assert!(folder.join("melding.csv").is_file(), "the file lies where it was laid");
}

async fn reading_goes_on(hub: &Hub, env: &[(&str, &str)], politie: &str, kept: &str) {
    let before = leaves(hub).await;
    assert_eq!(hub.get(politie, &format!("/v1/berichten/{kept}")).await.status, 200);
    let log = hub.get(politie, "/v1/logboek").await;
    assert_eq!(log.status, 200);
    assert!(log.json()["regels"].as_array().is_some_and(|lines| lines.len() >= 2));
    run_with(&hub.place, env, &["trace", kept]).ends(OK);
    run_with(&hub.place, env, &["journal", "verify"]).ends(OK).says("Het logboek klopt");
    run_with(&hub.place, env, &["doctor"])
        .ends(FAILURE)
        .shows("het logboek wordt alleen gelezen: teruggezet uit de reservekopie van")
        .shows("schakel restore compare");
    run_with(&hub.place, env, &["restore", "compare", "--checkpoint", file!()]).ends(INVALID);
    assert_eq!(leaves(hub).await, before, "no leaf was made");
}

async fn goes_on(hub: &Hub, politie: &str, gemeente: &str, brigade: &Brigade) {
    let asked = brigade.asked();
    until("the hub is ready", async || (compared(hub).await.0 == 200).then_some(())).await;
    until("the brigade gets what waited", async || (brigade.asked() > asked).then_some(())).await;
    let told = hub.send(politie, XML, &report(7)).await;
    assert!(told.is_accepted(), "{}", told.text());
    let parcels = hub.empty_mailbox(gemeente).await;
    assert!(parcels.len() >= 2, "{}", parcels.len());
    let checkpoint =
        |parcel: &Value| parcel["controlepunt"].as_str().unwrap_or_default().to_owned();
    assert!(parcels.iter().any(|parcel| checkpoint(&parcel.whole).starts_with("schakel")));
    let folder = hub.place.data().join("uitwisseling").join(SLEUTEL);
    until("the file is read", async || (!folder.join("in/melding.csv").exists()).then_some(()))
        .await;
}
