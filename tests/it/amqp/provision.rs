//! `schakel broker`: what it shows, makes, repairs and leaves alone.

use serde_json::{Value, json};

use super::node::PEACE;
use super::road::Road;
use crate::hub::{POLITIE, WONEN};

fn stands(changes: &Value) -> Vec<(String, String, String)> {
    let text = |change: &Value, name: &str| change[name].as_str().unwrap_or_default().to_owned();
    let all = changes.as_array().expect("changes").iter();
    all.map(|c| (text(c, "soort"), text(c, "naam"), text(c, "stand"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_difference_is_shown_made_and_gone() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE, WONEN]).await;
    let (code, changes) = road.broker(&place, &["provision", "--dry-run"]).await;
    assert_eq!((code, changes), (0, json!([])), "nothing to do after the first time");

    let path = |rest: &str| rest.replace("VHOST", &road.vhost);
    let node = road.node;
    node.ask("DELETE", &path(&format!("queues/VHOST/uit.{WONEN}.spoed")), None).await;
    let open = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    node.ask("PUT", &path(&format!("permissions/VHOST/{POLITIE}")), Some(open)).await;
    let quorum = json!({ "durable": true, "arguments": { "x-queue-type": "quorum" } });
    node.ask("PUT", &path("queues/VHOST/uit.oude-partner"), Some(quorum)).await;
    let leak = path(&format!("bindings/VHOST/e/in.{POLITIE}/q/uit.{WONEN}"));
    node.ask("POST", &leak, Some(json!({ "routing_key": "" }))).await;

    let (code, shown) = road.broker(&place, &["provision", "--dry-run"]).await;
    let expected = [
        ("wachtrij", format!("uit.{WONEN}.spoed"), "ontbreekt"),
        ("wachtrij", "uit.oude-partner".to_owned(), "te veel"),
        ("binding", format!("schakel.uit → uit.{WONEN}.spoed"), "ontbreekt"),
        ("binding", format!("in.{POLITIE} → uit.{WONEN}"), "te veel"),
        ("rechten", POLITIE.to_owned(), "wijkt af"),
    ];
    let expected = expected.map(|(kind, name, stand)| (kind.to_owned(), name, stand.to_owned()));
    assert_eq!((code, stands(&shown).as_slice()), (0, expected.as_slice()));
    let (_, again) = road.broker(&place, &["provision", "--dry-run"]).await;
    assert_eq!(again, shown, "showing changes nothing");

    road.provision(&place, &["--niet-wachten"]).await;
    let (_, left) = road.broker(&place, &["provision", "--dry-run"]).await;
    assert!(stands(&left).iter().all(|(_, _, stand)| stand == "te veel"), "{left:#}");
    assert_eq!(stands(&left).len(), 2, "extras stay until they are asked for");
    crate::hub::until("the broker tells that the queue is empty", async || {
        (road.queue("uit.oude-partner").await?["messages"] == 0).then_some(())
    })
    .await;
    road.provision(&place, &["--prune"]).await;
    let (_, left) = road.broker(&place, &["provision", "--dry-run"]).await;
    assert_eq!(left, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_cannot_be_changed_is_named_with_what_to_do() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE]).await;
    let path = format!("queues/{}/uit.{POLITIE}", road.vhost);
    road.node.ask("DELETE", &path, None).await;
    let other = json!({ "durable": true, "arguments": { "x-queue-type": "quorum" } });
    road.node.ask("PUT", &path, Some(other)).await;
    let (code, told) = road.broker(&place, &["provision"]).await;
    assert_eq!(code, 7, "partly: a person must decide");
    let fixed = told.as_array().expect("changes").iter().find(|c| c["soort"] == "wachtrij");
    let why = fixed.expect("the queue")["toelichting"].as_str().expect("advice").to_owned();
    assert!(why.contains("x-message-ttl is niets") && why.contains("verwijder haar"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definitions_file_makes_the_same_broker() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::own(&[]).await;
    // The same names as the other stories have: their passwords lie in the folder, and stay.
    let file = place.data().join("definities.json");
    let folder = road.node.folder().join("wachtwoorden");
    let (file, folder) = (file.to_str().expect("text"), folder.to_str().expect("text"));
    let config = format!("config/partners/{WONEN}.toml");
    place.edit(&config, "wijze = \"postvak\"", "wijze = \"rabbitmq\"");
    let write = ["provision", "--definitions", file, "--wachtwoorden", folder];
    let before = road.password(WONEN);
    assert_eq!(road.broker(&place, &write).await.0, 0);
    assert_eq!(road.password(WONEN), before);
    let text = std::fs::read_to_string(file).expect("definitions");
    assert!(!text.contains(&before), "hashes only");
    let shared = road.node.folder().join("definities.json");
    std::fs::write(&shared, text).expect("a writable folder");
    road.node.control(&["import_definitions", shared.to_str().expect("text")]).await;
    let (_, left) = road.broker(&place, &["provision", "--dry-run"]).await;
    assert_eq!(left, json!([]), "nothing is missing and nothing differs");
    let mut housing = road.partner(WONEN);
    assert!(housing.collect_within(1, 0).is_empty(), "it enters with the password of the folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_their_health_are_shown() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE]).await;
    let doctor = async |place: &crate::hub::Place| {
        let mut command = place.command();
        command.args(["-o", "json", "doctor"]).envs(road.settings());
        let done = tokio::process::Command::from(command).output().await.expect("it runs");
        let told: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        let all = told.as_array().expect("findings").iter();
        let broker = all.filter(|finding| finding["wat"] == "broker").cloned();
        broker.collect::<Vec<Value>>()
    };
    let quiet = doctor(&place).await;
    assert!(
        quiet.iter().any(|f| f["gevonden"].to_string().contains("luistert niemand")),
        "{quiet:?}"
    );
    let hub = road.start(place).await;
    let listed = crate::hub::until("the hub listens", async || {
        let (code, listed) = road.broker(&hub.place, &["list"]).await;
        assert_eq!(code, 0);
        let all = listed.as_array().expect("queues").clone();
        let inbound = all.iter().find(|queue| queue["wachtrij"] == format!("in.{POLITIE}"))?;
        (inbound["luisteraars"] == 1).then_some(all)
    })
    .await;
    assert_eq!(listed.len(), 4, "in, two mailboxes, dead letters: {listed:?}");
    let well = doctor(&hub.place).await;
    assert!(well.iter().all(|finding| finding["oordeel"] == "ok"), "{well:?}");
    let file = format!("queues/{}/uit.{POLITIE}", road.vhost);
    road.node.ask("DELETE", &file, None).await;
    let ill = doctor(&hub.place).await;
    let told = ill.iter().find(|finding| finding["oordeel"] == "fout").expect("a finding");
    assert!(told["gevonden"].to_string().contains(&format!("uit.{POLITIE}")), "{told}");
    assert!(told["wat nu"].to_string().contains("schakel broker provision"), "{told}");
    hub.stop().await;
}
