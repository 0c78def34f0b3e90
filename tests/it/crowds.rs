//! Crowds: hundreds of messages and entries dealt with by one decision, and partners that are let
//! through again. What is promised is what happens, once, whatever dies meanwhile.

#[cfg(feature = "failpoints")]
mod crashes;
mod fields;
mod people;
mod unblock;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cli::{self, run};
use crate::hub::{Hub, POLITIE, Place, WONEN, XML, example, swap, until, verify};

const PURPOSE: &str = "config/purposes/woonoverlast-politie-corporatie.toml";
const WITHOUT: &str = "themas = [\"woonoverlast\"]";
const WITH: &str = "themas = [\"woonoverlast\", \"brandveiligheid\"]";

/// A set in which the police may not tell housing corporations of dangerous buildings.
pub fn narrow_set() -> Place {
    let place = Place::new();
    place.take(&["schemas", "config"]);
    for connector in [
        "politie",
        "brandweer",
        "gemeente",
        "woningcorporatie",
        "woningcorporatie-csv",
        "openbaar-ministerie",
        "zorgaanbieder",
        "inwoners",
    ] {
        for part in ["connector.toml", "schemas", "mappings"] {
            place.take(&[&format!("connectors/{connector}/{part}")]);
        }
    }
    let brandweer = "config/partners/brandweer-brabant-zuidoost.toml";
    place.edit(brandweer, "wijze = \"webhook\"", "wijze = \"postvak\"");
    place.edit(brandweer, "url = \"http://127.0.0.1:8099/schakel\"", "");
    place.edit(brandweer, "netwerken = [\"127.0.0.0/8\"]", "");
    place.edit(PURPOSE, WITH, WITHOUT);
    place
}

/// Adds the purpose; what gives more takes two people.
pub fn widen(place: &Place) {
    place.edit(PURPOSE, WITHOUT, WITH);
    let words = ["activate", "--by", "anna", "--approved-by", "bram", "--why", "doelbinding"];
    run(place, &words).ends(cli::OK);
}

/// A report of a dangerous building, for a housing corporation by name.
pub fn report(number: usize) -> String {
    let text = example("politie", "in-volledig");
    let text = swap(&text, "<thema>WOV", "<thema>BRA");
    let text = swap(&text, "zorgaanbieder</best", &format!("{WONEN}</best"));
    let text = swap(&text, "Geschreeuw en bedreiging in portiek", &reference(number));
    let text = swap(&text, "2026-231107", &format!("2026-{:06}", 300_000 + number));
    swap(&text, "PL2100-B-2026-118204", &format!("B-{number}"))
}

fn reference(number: usize) -> String {
    format!("proef-{number:06}")
}

/// Sends so many reports; each leaves an entry in quarantine.
pub async fn send_reports(hub: &Hub, numbers: std::ops::Range<usize>) -> Vec<String> {
    let politie = hub.token(POLITIE).await;
    let mut ids = Vec::new();
    for number in numbers {
        ids.push(hub.send(&politie, XML, &report(number)).await.message());
    }
    let keys = hub.office("ketenpartners", json!({})).await;
    let lines = keys["ketenpartners"].as_array().expect("a list");
    let line = lines.iter().find(|line| line["id"] == POLITIE).expect("a partner");
    for key in line["sleutels"].as_array().expect("keys") {
        if key["ingetrokken"].is_null() {
            hub.office("sleutel-intrekken", json!({ "id": key["id"] })).await;
        }
    }
    ids
}

/// The words of `schakel quarantine release` for what the purpose would free.
pub const RELEASE: [&str; 6] =
    ["quarantine", "release", "--partner", WONEN, "--reason", "geen-doelbinding"];

pub fn with<'w>(words: &[&'w str], more: &[&'w str]) -> Vec<&'w str> {
    [words, more].concat()
}

pub async fn job(hub: &Hub, id: &str) -> Value {
    hub.office("klus", json!({ "id": id })).await["klus"].clone()
}

pub fn settled(job: &Value) -> u64 {
    let keys = ["gedaan", "niets", "geweigerd", "overgeslagen"];
    keys.iter().map(|key| job[*key].as_u64().expect("a number")).sum()
}

/// Starts a release, and gives the number of its job.
pub fn start(place: &Place, more: &[&str]) -> String {
    let words = with(&RELEASE, &["--yes", "--by", "anna", "--why", "purpose", "--detach"]);
    let said = run(place, &with(&with(&words, more), &["-o", "json"])).ends(cli::OK);
    said.json()["id"].as_str().expect("an id").to_owned()
}

async fn until_settled(hub: &Hub, id: &str, count: u64) -> u64 {
    until("items are settled", async || {
        let done = settled(&job(hub, id).await);
        (done >= count).then_some(done)
    })
    .await
}

/// One line of the differences in a preview.
fn difference<'p>(preview: &'p Value, consequence: &str) -> &'p Value {
    let lines = preview["verschillen"].as_array().expect("a list");
    let line = lines.iter().find(|line| line["gevolg"] == consequence);
    line.unwrap_or_else(|| panic!("no {consequence}: {preview}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_go_as_the_preview_says_whatever_dies() {
    const ALL: usize = 300;
    let hub = narrow_set().start().await;
    send_reports(&hub, 0..ALL).await;
    let place = &hub.place;

    // Without the purpose there is nothing to release, and the preview says of how many it knows.
    let preview = run(place, &with(&RELEASE, &["-o", "json"])).ends(cli::OK).json();
    assert_eq!((&preview["aantal"], &preview["bekeken"]), (&json!(ALL), &json!(200)));
    assert_eq!(preview["steekproef"], true);
    let line = difference(&preview, "niet-te-maken");
    assert_eq!((&line["aantal"], &line["redenen"]["geen-doelbinding"]), (&json!(200), &json!(200)));
    let told = run(place, &RELEASE).ends(cli::OK).says("voorbeeld");
    told.shows("steekproef van 200 van 300").shows("geen doelbinding geeft dit (200)");

    widen(place);
    let words = with(&RELEASE, &["--all", "-o", "json"]);
    let preview = run(place, &words).ends(cli::OK).says("300 van 300 vergeleken").json();
    let lines = preview["verschillen"].as_array().expect("a list");
    assert_eq!((lines.len(), &preview["steekproef"]), (1, &json!(false)), "{preview}");
    let line = difference(&preview, "nieuw");
    assert_eq!((&line["aantal"], &line["ontvanger"]), (&json!(ALL), &json!(WONEN)));
    assert_eq!(line["soort"], "signaal-gemeld.v1");
    assert!(hub.quarantine("geen-doelbinding").await.iter().all(|entry| entry["status"] == "open"));

    // At a rate, and still as soon as somebody says so.
    let until_then = preview["filter"]["tot"].as_str().expect("a moment").to_owned();
    let began = tokio::time::Instant::now();
    let id = start(place, &["--until", &until_then, "--rate", "40"]);
    let done = until_settled(&hub, &id, 60).await;
    let most = began.elapsed().as_millis() * 40 / 1000 + 41;
    assert!(u128::from(done) <= most, "{done} is faster than 40 a second");
    let person = ["--by", "bram", "--why", "te druk"];
    run(place, &with(&["job", "pause", &id], &person)).ends(cli::OK).shows("gepauzeerd");
    let paused = settled(&job(&hub, &id).await);
    run(place, &with(&["job", "pause", &id], &person)).ends(cli::FAILURE).says("gepauzeerd");
    assert_eq!(settled(&job(&hub, &id).await), paused, "it does nothing");
    run(place, &with(&["job", "resume", &id], &person)).ends(cli::OK).shows("loopt");
    until_settled(&hub, &id, paused + 40).await;

    // A hub that is killed in the middle, twice, leaves a job that goes on by itself.
    let hub = hub.kill().await.start().await;
    until_settled(&hub, &id, paused + 90).await;
    let hub = hub.kill().await.start().await;
    let said = run(&hub.place, &["job", "follow", &id]).ends(cli::OK);
    said.says("van 300, nog ongeveer").shows("300 van 300 behandeld: 300 gedaan.");
    let over = job(&hub, &id).await;
    assert_eq!((&over["stand"], settled(&over)), (&json!("klaar"), 300));
    assert_eq!(
        (&over["nieuw"], &over["zelfde"], &over["anders"]),
        (&json!(300), &json!(0), &json!(0),)
    );
    run(&hub.place, &RELEASE).ends(cli::NOT_FOUND).says("niets dat hieraan voldoet");

    // Everything arrived, once.
    let wonen = hub.token(WONEN).await;
    let parcels = hub.empty_mailbox(&wonen).await;
    let pattern = regex::Regex::new(r"proef-\d{6}").expect("a pattern");
    let got: BTreeSet<String> = parcels
        .iter()
        .filter_map(|parcel| pattern.find(&parcel.text))
        .map(|found| found.as_str().to_owned())
        .collect();
    assert_eq!((parcels.len(), got.len()), (ALL, ALL));
    let place = hub.stop().await;
    verify(&place).await;
    assert!(!place.log().contains("proef-000"), "a document was logged");
}
