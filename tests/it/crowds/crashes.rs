//! A job whose hub dies at each point of a commit: every item has its effect once.

use std::collections::BTreeSet;

use serde_json::json;

use super::{job, narrow_set, report, settled};
use crate::cli::{self, run};
use crate::hub::{GEMEENTE, Hub, POLITIE, Place, XML, until, verify};

/// Each point, and how often it is passed before it kills.
const POINTS: [(&str, usize); 4] = [
    ("journal-voor-commit", 12),
    ("journal-na-sleutels", 17),
    ("journal-na-commit", 15),
    ("journal-na-commit", 22),
];

/// Starts a hub that dies at a point, and gives its place back; none where the job came to its
/// end before.
async fn die_at(place: Place, point: &str, passes: usize) -> Place {
    let failpoint = format!("{point}={passes}*off->return");
    let hub = place.start_with(&[("FAILPOINTS", &failpoint)]).await;
    let (place, signal) = hub.ended().await;
    assert_eq!(signal, Some(6), "it died of something else: {}", place.log());
    place
}

/// What a partner sent while it was suspended, and an operator releases: the documents are taken
/// in, which is a transaction before that of the item.
async fn barred(hub: &Hub, count: usize) {
    let politie = hub.token(POLITIE).await;
    let person = json!({ "partner": POLITIE, "door": "anna", "reden": "proef" });
    hub.office("schorsen", person.clone()).await;
    for number in 0..count {
        let reply = hub.send(&politie, XML, &report(number)).await;
        assert_eq!(reply.status, 403, "{}", reply.text());
    }
    hub.office("hervatten", json!({ "partner": POLITIE, "door": "anna" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_does_each_item_once_wherever_its_hub_dies() {
    const ALL: usize = 60;
    let hub = narrow_set().start().await;
    barred(&hub, ALL).await;
    let preview = ["quarantine", "release", "--reason", "geschorst", "--partner", POLITIE];
    let told = run(&hub.place, &super::with(&preview, &["-o", "json"])).ends(cli::OK).json();
    let line = super::difference(&told, "aangenomen");
    assert_eq!(line["aantal"], ALL, "{told}");
    let yes = ["--yes", "--by", "anna", "--why", "hervat", "--rate", "20", "--detach"];
    let words = super::with(&super::with(&preview, &yes), &["-o", "json"]);
    let id = run(&hub.place, &words).ends(cli::OK).json()["id"].as_str().expect("an id").to_owned();

    let mut place = hub.kill().await;
    for (point, passes) in POINTS {
        place = die_at(place, point, passes).await;
    }
    let hub = place.start().await;
    let over = until("the job ends", async || {
        let job = job(&hub, &id).await;
        (job["stand"] == "klaar").then_some(job)
    })
    .await;
    assert_eq!((settled(&over), &over["gedaan"]), (60, &json!(ALL)), "{over}");
    let times = json!([{ "uitkomst": "gedaan", "reden": "opnieuw-aangenomen", "aantal": ALL }]);
    assert_eq!(over["redenen"], times);

    // Each was accepted once, and so reached its recipients once.
    let gemeente = hub.token(GEMEENTE).await;
    let parcels = hub.empty_mailbox(&gemeente).await;
    let pattern = regex::Regex::new(r"proef-\d{6}").expect("a pattern");
    let got: BTreeSet<&str> = parcels
        .iter()
        .filter_map(|parcel| pattern.find(&parcel.text))
        .map(|f| f.as_str())
        .collect();
    assert_eq!((parcels.len(), got.len()), (ALL, ALL));
    assert_eq!(hub.office("stand", json!({})).await["stand"]["berichten"], ALL);
    verify(&hub.stop().await).await;
}
