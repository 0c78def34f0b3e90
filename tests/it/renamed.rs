//! A partner merges into another while it has work open: who goes on has the mailbox, the tasks
//! and, for a while, the keys; the evaluation counts it as what it is.

use serde_json::{Value, json};

use crate::hub::{Hub, JSON, POLITIE, Place, WONEN, XML, example, swap, verify};

const SAMEN: &str = "wonen-samen";
/// The task that the shipped examples answer.
const EXAMPLE: &str = "7d0a3c52-6f1e-4b8a-9c47-2e5b9d81f304";

/// Makes the checkout's set one in which Wonen-Zuid is called otherwise.
fn rename(place: &Place, until: &str) {
    let old = place.set().join("config/partners/wonen-zuid.toml");
    let new = place.set().join("config/partners/wonen-samen.toml");
    let text = std::fs::read_to_string(if old.exists() { &old } else { &new }).expect("a partner");
    let kept = text.lines().filter(|line| !line.starts_with("voorheen"));
    let kept = kept.map(|line| format!("{line}\n")).collect::<String>();
    let former = format!("voorheen = [{{ ketenpartner = \"{WONEN}\", tot = \"{until}\" }}]\n");
    std::fs::write(&new, kept.replacen("[contact]", &format!("{former}[contact]"), 1))
        .expect("a partner is written");
    if old.exists() {
        std::fs::remove_file(&old).expect("the old name goes");
        place.edit("config/routes.toml", "\"wonen-zuid\"", "\"wonen-samen\"");
    }
}

fn run(hub: &Hub, arguments: &[&str]) -> String {
    let ran = hub.place.command().args(arguments).output().expect("the program starts");
    let noise = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{arguments:?}: {noise}");
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

async fn activate(hub: &Hub) {
    run(hub, &["activate", "--by", "anna", "--approved-by", "bert", "--why", "fusie"]);
}

async fn tasks(hub: &Hub, partner: &str) -> Vec<Value> {
    let lines = hub.office("taken", json!({ "ketenpartner": partner })).await;
    lines.as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_merged_goes_on_with_what_was_open() {
    let place = Place::new();
    place.take(&["config"]);
    let hub = place.start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await;
    let (politie, wonen) = (hub.token(POLITIE).await, hub.token(WONEN).await);
    hub.send(&politie, XML, &example("politie", "in-volledig")).await.message();
    let task = tasks(&hub, WONEN).await.remove(0)["taak"].as_str().expect("an id").to_owned();

    rename(&hub.place, "2099-12-31");
    activate(&hub).await;
    let samen = hub.token(SAMEN).await;
    let mail = hub.collect(&samen).await;
    assert!(mail.len() >= 2, "the signal and the request that waited: {}", mail.len());
    assert_eq!(hub.office("uitval", json!({})).await, json!([]));
    assert!(mail.iter().any(|parcel| parcel.text.contains(&task)));
    for parcel in &mail {
        let said = hub.door.try_confirm(&samen, &parcel.id, "ontvangen").await.expect("an answer");
        assert!(said.status < 300, "{}", said.text());
    }
    // A program that still has the key of before comes in as who goes on.
    let accepted = swap(&example("woningcorporatie", "antwoord-aanvaard"), EXAMPLE, &task);
    assert!(hub.send(&wonen, JSON, &accepted).await.is_accepted());
    let done = swap(&example("woningcorporatie", "antwoord-afgerond"), EXAMPLE, &task);
    let done = swap(&done, "WZ-2026-0871", "WZ-2026-0872");
    let done = hub.send(&samen, JSON, &done).await;
    assert!(done.is_accepted(), "{}", done.text());
    let open = tasks(&hub, SAMEN).await;
    assert!(open.iter().all(|line| line["taak"] != task.as_str()), "{open:?}");

    let found: Value = serde_json::from_str(&run(&hub, &["evaluate", "-o", "json"])).expect("JSON");
    let told = found.to_string();
    assert!(told.contains("woningcorporatie") && !told.contains("(voormalig)"), "{told}");

    // From the day after its last, the key of before is nobody's.
    rename(&hub.place, "2026-01-01");
    activate(&hub).await;
    assert_eq!(hub.get(&wonen, "/v1/logboek").await.status, 401);
    assert_eq!(hub.get(&samen, "/v1/logboek").await.status, 200);
    verify(&hub.stop().await).await;
}
