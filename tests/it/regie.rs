//! A case over the real doors: a partner refuses in its own form, another is asked in its own, and
//! each sees its own part.

use serde_json::{Value, json};

use crate::hub::{GEMEENTE, GGZ, Hub, JSON, POLITIE, Parcel, Place, WONEN, XML, example, swap};

const FHIR: &str = "application/fhir+json";
/// The task that the shipped examples answer.
const EXAMPLE: &str = "7d0a3c52-6f1e-4b8a-9c47-2e5b9d81f304";

async fn hub() -> Hub {
    Place::new().start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await
}

/// The requests among what lies in a mailbox.
async fn requests(hub: &Hub, token: &str) -> Vec<Parcel> {
    let mut parcels = hub.empty_mailbox(token).await;
    parcels.retain(|parcel| parcel.whole["cloudevent"]["type"] == "nl.schakel.actieverzoek.v1");
    parcels
}

/// The open tasks of a partner.
async fn tasks(hub: &Hub, partner: &str) -> Vec<Value> {
    let lines = hub.office("taken", json!({ "ketenpartner": partner })).await;
    lines.as_array().expect("a list").clone()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_one_form_is_a_request_in_another_and_each_sees_its_own_part() {
    let hub = hub().await;
    let (politie, wonen) = (hub.token(POLITIE).await, hub.token(WONEN).await);
    let (ggz, gemeente) = (hub.token(GGZ).await, hub.token(GEMEENTE).await);
    hub.send(&politie, XML, &example("politie", "in-volledig")).await.message();

    let asked = tasks(&hub, WONEN).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
    let (task, case) = (text(&asked[0], "taak"), text(&asked[0], "casus"));
    let got = requests(&hub, &wonen).await;
    assert_eq!(got.len(), 1);
    assert!(got[0].text.contains(task) && got[0].text.contains("Wilgenroosplein"), "where");
    for partner in ["999990342", "Geschreeuw"] {
        assert!(!got[0].text.contains(partner), "no BSN, and no words of the police");
    }

    let refusal = swap(&example("woningcorporatie", "antwoord-geweigerd"), EXAMPLE, task);
    hub.send(&wonen, JSON, &refusal).await.message();
    let to_police = requests(&hub, &politie).await;
    assert_eq!(to_police.len(), 1, "the police is asked instead");
    let heard = hub.empty_mailbox(&gemeente).await;
    let answers = heard.iter().filter(|parcel| parcel.text.contains("geweigerd")).count();
    assert_eq!(answers, 1, "the municipality's own system hears of it");

    // Somebody else's task looks like none, and what was said is not unsaid.
    let help = tasks(&hub, GGZ).await;
    let stolen = swap(&refusal, task, text(&help[0], "taak"));
    let stolen = swap(&stolen, "WZ-2026-0871", "WZ-2026-0872");
    let refused = hub.send(&wonen, JSON, &stolen).await;
    assert_eq!(refused.status, 404, "{}", refused.text());
    assert_eq!(refused.json()["code"], "onbekend-actieverzoek");
    let changed = swap(&example("woningcorporatie", "antwoord-aanvaard"), EXAMPLE, task);
    let refused = hub.send(&wonen, JSON, &changed).await;
    assert_eq!(refused.status, 409, "{}", refused.text());

    let own = hub.get(&wonen, &format!("/v1/casussen/{case}")).await;
    assert_eq!(own.status, 200, "{}", own.text());
    let own = own.json();
    assert_eq!((text(&own, "rol"), own["taken"].as_array().map(Vec::len)), ("uitvoeren", Some(1)));
    assert_eq!(own["taken"][0]["stand"], "geweigerd");
    assert!(own.get("deelnemers").is_none(), "others' roles are not its business: {own}");
    let directs = hub.get(&gemeente, &format!("/v1/casussen/{case}")).await.json();
    let others = directs["deelnemers"].as_array().expect("the municipality sees roles");
    assert_eq!(others.len(), 3, "{directs}");
    let other = hub.token("om-oost-brabant").await;
    let nobody = hub.get(&other, &format!("/v1/casussen/{case}")).await;
    assert_eq!(nobody.status, 404, "who takes no part knows of no case");
    let garbage = hub.get(&other, "/v1/casussen/%27%3B--").await;
    assert_eq!(garbage.status, 404);
    let mine = hub.get(&ggz, &format!("/v1/casussen/{case}")).await.json();
    assert_eq!(mine["taken"][0]["vraag"], "hulp-aanbieden");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_directs_from_the_command_line() {
    let hub = hub().await;
    let politie = hub.token(POLITIE).await;
    hub.send(&politie, XML, &example("politie", "in-volledig")).await.message();
    let run = |arguments: &[&str]| {
        let ran = hub.place.command().args(arguments).output().expect("the program starts");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let noise = String::from_utf8_lossy(&ran.stderr).into_owned();
        (ran.status.code(), said, noise)
    };
    let task = tasks(&hub, GGZ).await.remove(0);
    let (id, case) = (text(&task, "taak"), text(&task, "casus"));
    let who = ["--by", "R. Regisseur", "--why", "afgesproken"];
    let (code, said, _) = run(&["case", "show", case]);
    assert!(code == Some(0) && said.contains("hulp-aanbieden"), "{said}");
    let (code, said, noise) = run(&[&["task", "remind", id], &who[..]].concat());
    assert!(code == Some(0), "{said}{noise}");
    let ggz = hub.token(GGZ).await;
    assert_eq!(requests(&hub, &ggz).await.len(), 2, "the request and a reminder");
    let past = [&["task", "extend", id, "--until", "2020-01-01T00:00:00Z"], &who[..]].concat();
    let (code, _, noise) = run(&past);
    assert!(code != Some(0) && noise.contains("verleden"), "{noise}");
    let (code, said, noise) = run(&[&["case", "close", case], &who[..]].concat());
    assert!(code == Some(0) && said.contains("gesloten"), "{said}{noise}");
    let (_, said, _) = run(&["case", "timeline", case]);
    for line in ["besluit-herinneren", "besluit-sluiten", "R. Regisseur", "ingetrokken"] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let (code, _, noise) = run(&["case", "show", "C-0000-0000-0000"]);
    assert!(code == Some(6), "{noise}");
    // What came back from a partner after the case was closed is refused with what to do.
    let late = swap(&example("zorgaanbieder", "actie-afgerond"), EXAMPLE, id);
    let refused = hub.send(&ggz, FHIR, &late).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    let verified = run(&["journal", "verify"]);
    assert_eq!(verified.0, Some(0), "{}{}", verified.1, verified.2);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_goes_on_under_a_set_that_became_active_meanwhile() {
    let place = Place::new();
    place.take(&["config"]);
    let hub = place.start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await;
    let politie = hub.token(POLITIE).await;
    hub.send(&politie, XML, &example("politie", "in-volledig")).await.message();
    let asked = tasks(&hub, WONEN).await.remove(0);
    let playbook = "config/playbooks/overlast-jeugd.toml";
    hub.place.edit(playbook, "termijn = \"90 werkdagen\"", "termijn = \"91 werkdagen\"");
    let activate = ["activate", "--by", "anna", "--approved-by", "bert", "--why", "meer tijd"];
    let ran = hub.place.command().args(activate).output().expect("the program starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let wonen = hub.token(WONEN).await;
    let got = requests(&hub, &wonen).await;
    assert_eq!(got.len(), 1, "{:?}", hub.quarantine("vertaling").await);
    assert!(got[0].text.contains(text(&asked, "taak")));
    // And it can be explained, as what came in can.
    let trace = hub.office("spoor", json!({ "id": got[0].id })).await;
    let message = text(&trace[0]["bericht"], "id").to_owned();
    let explained = hub.office("uitleg", json!({ "id": message, "ontvanger": WONEN })).await;
    assert!(explained.to_string().contains("gemeente-partners"), "{explained}");
    hub.stop().await;
}
