//! The glass broken from the command line over a hub that runs: what would go, what goes, and what
//! does not go any more once it has ended.

use std::process::Output;

use serde_json::{Value, json};

use crate::hub::{BRANDWEER, Hub, POLITIE, Place, WONEN, XML, example, until, verify};

const WHO: [&str; 4] = ["--by", "R. Regisseur", "--why", "gaslucht, niemand doet open"];

fn run(hub: &Hub, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        hub.place.command().args(arguments).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

fn must(hub: &Hub, arguments: &[&str]) -> String {
    let (code, out, noise) = run(hub, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {out}{noise}");
    out
}

/// A hub at which the fire brigade collects.
async fn hub() -> Hub {
    let place = Place::new();
    place.take(&["config"]);
    let file = format!("config/partners/{BRANDWEER}.toml");
    let text = std::fs::read_to_string(place.set().join(&file)).expect("a partner");
    let (head, _) = text.split_once("[levering]").expect("a delivery");
    place.write(&file, &format!("{head}[levering]\nwijze = \"postvak\"\n"));
    place.start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await
}

fn no_more_than_needed(document: &str) {
    for private in ["999990342", "Geschreeuw", "omschrijving"] {
        assert!(!document.contains(private), "{private} in {document}");
    }
}

/// The explanation names the purpose, and that it sleeps; not who woke it.
async fn explained(hub: &Hub, message: &str) {
    let told = hub.office("uitleg", json!({ "id": message, "ontvanger": BRANDWEER })).await;
    let woken = |field: &&Value| field["doelbinding"] == "noodsituatie";
    let fields = told["velden"].as_array().expect("a list");
    let place = fields.iter().filter(woken).find(|f| f["veld"] == "/locatie/adres/huisnummer");
    let place = place.unwrap_or_else(|| panic!("where: {told}"));
    assert_eq!((&place["breekglas"], &place["uitkomst"]), (&json!(true), &json!("gegeven")));
    assert!(place["grondslag"].as_str().is_some_and(|text| text.contains("vitaal belang")));
    assert!(told["breekglasTot"].is_string() && !told.to_string().contains("Regisseur"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_sees_what_would_go_breaks_the_glass_and_ends_it() {
    let hub = hub().await;
    let (politie, brandweer) = (hub.token(POLITIE).await, hub.token(BRANDWEER).await);
    let signal = example("politie", "in-volledig");
    let message = hub.send(&politie, XML, &signal).await.message();
    let tasks = hub.office("taken", json!({})).await;
    let case = tasks[0]["casus"].as_str().expect("a case").to_owned();
    let share = ["case", "share", &case, "--with", BRANDWEER];
    let hour = [&share[..], &["--minutes", "60"]].concat();

    let preview = must(&hub, &[&hour[..], &["--dry-run", "-o", "json"]].concat());
    let preview: Value = serde_json::from_str(&preview).expect("JSON");
    let line = &preview["berichten"][0];
    assert_eq!((&line["bericht"], &line["gevolg"]), (&json!(message), &json!("nieuw")));
    assert!(line.to_string().contains("/locatie/adres/huisnummer"), "{line}");
    no_more_than_needed(&line.to_string());
    assert!(!line.to_string().contains("bsn"));
    assert!(hub.empty_mailbox(&brandweer).await.is_empty(), "nothing was shared");

    for (more, told) in [
        (vec!["--minutes", "241"], "240 minuten"),
        (vec!["--minutes", "0"], "verleden"),
        (vec!["--end"], "geen breekglas open"),
    ] {
        let (code, _, noise) = run(&hub, &[&share[..], &more, &WHO].concat());
        assert!(code == Some(1) && noise.contains(told), "{told}: {noise}");
    }
    let to_corporation = ["case", "share", &case, "--with", WONEN, "--minutes", "9"];
    let (_, _, noise) = run(&hub, &[&to_corporation[..], &WHO].concat());
    assert!(noise.contains("geen doelbinding met breekglas"), "{noise}");
    let (code, _, _) = run(&hub, &hour);
    assert_eq!(code, Some(2), "who and why must be said");

    let said = must(&hub, &[&hour[..], &WHO].concat());
    assert!(said.contains("1 berichten gaan nu"), "{said}");
    let got = hub.empty_mailbox(&brandweer).await;
    assert_eq!(got.len(), 1);
    no_more_than_needed(&got[0].text);
    assert!(got[0].text.contains("Wilgenroosplein"), "where: {}", got[0].text);
    explained(&hub, &message).await;
    let shown = must(&hub, &["case", "show", &case]);
    assert!(shown.contains(&format!("open voor {BRANDWEER}")), "{shown}");
    let again = must(&hub, &[&hour[..], &["--dry-run"]].concat());
    assert!(again.contains("heeft dit al"), "{again}");

    // What comes in goes too; what still waits at the end does not.
    hub.send(&politie, XML, &example("politie", "in-wijziging")).await.message();
    must(&hub, &[&share[..], &["--end"], &WHO].concat());
    let late = hub.empty_mailbox(&brandweer).await;
    assert!(late.is_empty(), "{:?}", late.iter().map(|p| &p.text).collect::<Vec<_>>());
    let held = until("what waited is looked at again", async || {
        let found = hub.quarantine("breekglas-voorbij").await;
        (!found.is_empty()).then_some(found)
    });
    assert_eq!(held.await.len(), 1);
    let decide = must(&hub, &["task", "list", "--to-decide"]);
    assert!(decide.contains("beoordeel-breekglas"), "{decide}");
    let (code, _, noise) = run(&hub, &[&["case", "close", &case], &WHO[..]].concat());
    assert!(code == Some(1) && noise.contains("nog niet beoordeeld"), "{noise}");
    let timeline = must(&hub, &["case", "timeline", &case]);
    for line in ["besluit-breekglas", "breekglas-gedeeld", "breekglas-voorbij", "gaslucht"] {
        assert!(timeline.contains(line), "{line} in {timeline}");
    }
    verify(&hub.stop().await).await;
}
