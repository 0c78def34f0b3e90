//! Connections and sets: what a proposal changes for whom, a second person, and a shadow run.

use serde_json::{Value, json};

use super::{Browser, hub, to, with_a_signal};
use crate::hub::{GEMEENTE, Hub, POLITIE, XML, swap};
use crate::sets::set;

/// What the shadow run must never show.
const NAME: &str = "Willem";

/// A set by which the municipality gets names as they are, proposed by somebody; and its proposal.
pub async fn wider(hub: &Hub, by: &str) -> String {
    let file = "config/purposes/regie-gemeente.toml";
    let mut wider = set(file, |text| swap(text, "naam\" = \"veralgemeen\"", "naam\" = \"houd\""));
    // The example that says what is withheld would stop it before anybody is asked.
    let files = wider["bestanden"].as_object_mut().expect("files");
    files.retain(|name, _| !name.starts_with("connectors/gemeente/examples/van-politie/"));
    wider["door"] = json!(by);
    wider["reden"] = json!("convenant 2026-4 <b>");
    let told = hub.office("set-activeren", wider).await;
    told["voorstel"].as_str().expect("a proposal").to_owned()
}

async fn active(hub: &Hub) -> String {
    hub.office("stand", json!({})).await["set"].as_str().expect("a digest").to_owned()
}

/// The set with which a page compared, as its form sends it along.
fn seen(text: &str) -> String {
    let rest = text.split("name=\"gezien\" value=\"").nth(1).expect("a form that says so");
    rest.split('"').next().expect("a digest").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_person_sees_what_a_set_changes_tries_it_and_decides() {
    let hub = hub().await;
    with_a_signal(&hub).await;
    let politie = hub.token(POLITIE).await;
    assert!(hub.send(&politie, XML, "<kapot>").await.status >= 400);
    let anna = Browser::of(&hub, "anna", &["beheerder"], "*").await;
    let bram = Browser::of(&hub, "bram", &["beheerder"], "*").await;
    let audit = Browser::of(&hub, "audit", &["auditor"], "*").await;
    let before = active(&hub).await;
    let id = wider(&hub, "Naam anna (anna)").await;
    assert!(anna.get("/koppelingen").await.text().contains("wacht op een tweede persoon"));
    let page = format!("/sets/{id}");
    let shown = anna.get(&page).await.text();
    for told in ["betrokkenen › naam", "veralgemeend", "zoals het is", "ruimer", "regie-gemeente"]
    {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(shown.contains("2026-4 &#60;b&#62;") && shown.contains("U deed dit voorstel zelf"));
    assert!(!shown.contains("{\""), "no raw JSON");
    let looks = audit.get(&page).await;
    assert!(looks.status == 200 && !looks.text().contains("name=\"besluit\""));

    tried(&hub, &bram, &page).await;

    // Who proposed it is no second person, and who saw another difference has not seen this one.
    let decide = format!("{page}/besluit");
    let gezien = seen(&shown);
    let approve = [("besluit", "goedkeuren"), ("gezien", gezien.as_str())];
    let own = anna.post(&decide, &approve).await;
    assert_eq!(own.status, 422);
    assert!(own.text().contains("Een ander dan de aanvrager moet akkoord geven"));
    let other = "0".repeat(64);
    let stale = [("besluit", "goedkeuren"), ("gezien", other.as_str())];
    let stale = bram.post(&decide, &stale).await;
    assert!(stale.status == 422 && stale.text().contains("Intussen werd een andere set actief"));
    let blind = bram.post(&decide, &[("besluit", "goedkeuren"), ("gezien", "")]).await;
    assert_eq!(blind.status, 422, "who saw no difference at all approves nothing");
    assert_eq!(active(&hub).await, before);

    // Refused with a reason; then proposed again, and approved.
    let refuse = [("besluit", "weigeren"), ("reden", " ")];
    assert_eq!(bram.post(&decide, &refuse).await.status, 422);
    let refuse = [("besluit", "weigeren"), ("reden", "te ruim")];
    assert_eq!(to(&bram.post(&decide, &refuse).await), "/sets?gedaan=set-weigeren");
    assert!(bram.post(&decide, &approve).await.status >= 400, "it is settled");
    let sets = audit.get("/sets").await.text();
    assert!(sets.contains("te ruim") && sets.contains("geweigerd: Naam bram (bram)"), "{sets}");
    let again = wider(&hub, "Naam anna (anna)").await;
    let decide = format!("/sets/{again}/besluit");
    assert_eq!(to(&bram.post(&decide, &approve).await), "/sets?gedaan=set-goedkeuren");
    let after = active(&hub).await;
    assert_ne!(after, before);

    // Back again gives nobody more, so it happens at once; forth again needs a second person.
    let earlier = format!("/eerdere-sets/{before}");
    let shown = anna.get(&earlier).await.text();
    assert!(shown.contains("krapper") && shown.contains("meteen actief"), "{shown}");
    let why = [("reden", "toch niet"), ("gezien", after.as_str())];
    let back = anna.post(&format!("{earlier}/besluit"), &why).await;
    assert_eq!(to(&back), "/sets?gedaan=set-actief");
    assert_eq!(active(&hub).await, before);
    let forth = [("reden", "toch wel"), ("gezien", before.as_str())];
    let forth = anna.post(&format!("/eerdere-sets/{after}/besluit"), &forth).await;
    assert_eq!(to(&forth), "/sets?gedaan=set-voorgesteld");
    assert_eq!(active(&hub).await, before);
    let odd = anna.get(&format!("/eerdere-sets/{}", "f".repeat(64))).await;
    assert_eq!(odd.status, 404, "a set that was never active");
}

/// A shadow run shows what would differ and no value, and does nothing.
async fn tried(hub: &Hub, bram: &Browser, page: &str) {
    let stand = hub.office("stand", json!({})).await["stand"].clone();
    let run = bram.post(&format!("{page}/schaduw"), &[("aantal", "50")]).await;
    let text = run.text();
    assert_eq!(run.status, 200, "{text}");
    assert!(text.contains("Velden die anders gaan") && text.contains("Gemeente"), "{text}");
    assert!(text.contains("naam") && !text.contains(NAME), "{text}");
    assert!(text.contains("1 geweigerd stuk"), "{text}");
    let after = hub.office("stand", json!({})).await["stand"].clone();
    for same in ["berichten", "zendingen", "casussen", "uitval", "wachtend"] {
        assert_eq!(stand[same], after[same], "{same}");
    }
    let sets = hub.office("sets", json!({})).await;
    let ran = |line: &&Value| line["stand"] == "schaduw" && line["door"] == "Naam bram (bram)";
    assert!(sets["verloop"].as_array().expect("lines").iter().any(|line| ran(&line)), "{sets}");
    // The set in force makes of everything what was made of it.
    let same = json!({ "set": sets["set"], "door": "test", "aantal": 1000 });
    let told = hub.office("set-schaduw", same).await;
    let lines = told["uitkomst"]["regels"].as_array().expect("lines");
    assert!(lines.iter().all(|line| line["gevolg"] == "zelfde"), "{told}");
    assert!(told["bekeken"].as_u64() >= Some(1) && told["geweigerdBekeken"] == 1, "{told}");
    let wrong = hub.try_office("set-schaduw", &json!({ "door": "test" })).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_looked_at_tried_paused_and_resumed() {
    let hub = hub().await;
    with_a_signal(&hub).await;
    let anna = Browser::of(&hub, "anna", &["beheerder"], "*").await;
    let page = format!("/koppelingen/{POLITIE}");
    let shown = anna.get(&page).await.text();
    for told in ["Wisselt uit", "StUF 03.01", "eerste start", "1 binnen", "in-volledig"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let stand = hub.office("stand", json!({})).await["stand"].clone();
    let tried = anna.get(&format!("{page}?voorbeeld=in-volledig")).await.text();
    assert!(tried.contains("er is niets verstuurd en niets bewaard"), "{tried}");
    for told in ["sigLk01", "&#34;kenmerk&#34;", &format!("Wat {GEMEENTE} krijgt")] {
        assert!(tried.contains(told), "{told}: {tried}");
    }
    let wrong = anna.get(&format!("/koppelingen/{GEMEENTE}?voorbeeld=fout-verplicht")).await;
    assert!(wrong.text().contains("De hub zou dit bericht weigeren"));
    for odd in ["../../config/hub", "bestaat-niet"] {
        let reply = anna.get(&format!("{page}?voorbeeld={odd}")).await;
        assert_eq!(reply.status, 404, "{odd}");
    }
    assert_eq!(hub.office("stand", json!({})).await["stand"], stand, "nothing was kept or sent");

    tests_for_real(&hub, &anna, &page).await;
    let reached = anna.post(&format!("{page}/bereik"), &[]).await;
    assert!(reached.status == 200 && reached.text().contains("haalt zelf op"));
    let decide = format!("/ketenpartners/{POLITIE}/besluit");
    let why = |what| [("besluit", what), ("reden", "sleutel gelekt")];
    anna.post(&decide, &why("schorsen")).await;
    let listed = anna.get("/koppelingen").await.text();
    assert!(listed.contains("Geschorst") && anna.get(&page).await.text().contains("Hervatten"));
    anna.post(&decide, &why("hervatten")).await;
    assert!(!anna.get("/koppelingen").await.text().contains("Geschorst"));

    let queues = anna.get("/wachtrijen").await.text();
    let line = queues.split("<tr>").find(|line| line.contains("Gemeente")).expect("a line");
    assert!(line.contains("<td class=\"number\">1</td>"), "{line}");
    assert!(queues.contains(POLITIE), "{queues}");
    assert!(queues.contains("Deze hub gebruikt geen broker"));
    let told = hub.office("wachtrijen", json!({})).await;
    let ours = |line: &&Value| line["ontvanger"] == GEMEENTE;
    let line = told["wachtrijen"].as_array().expect("lines").iter().find(ours).expect("ours");
    assert_eq!((&line["wachtend"]["aantal"], &told["broker"]), (&json!(1), &Value::Null));
}

/// A test message goes to one partner only, says what it is, and can be sent again.
async fn tests_for_real(hub: &Hub, anna: &Browser, page: &str) {
    let send = format!("{page}/proefbericht");
    assert_eq!(anna.post(&send, &[("reden", " ")]).await.status, 422);
    for why in ["nieuwe aansluiting", "nog eens"] {
        let sent = anna.post(&send, &[("reden", why)]).await;
        assert_eq!(to(&sent), format!("{page}?gedaan=proefbericht"), "{}", sent.text());
    }
    let shown = anna.get(page).await.text();
    assert!(shown.contains("nog eens") && shown.contains("Naam anna (anna)"), "{shown}");
    let lines = hub.office("staart", json!({ "na": -2, "limiet": 2 })).await;
    for line in lines.as_array().expect("lines") {
        assert_eq!((&line["gebruik"], &line["kanaal"]), (&json!("test"), &json!("proef")));
        assert_eq!((&line["afzender"], &line["zendingen"]), (&json!(GEMEENTE), &json!(1)));
    }
    let token = hub.token(POLITIE).await;
    let parcels = hub.empty_mailbox(&token).await;
    let tests = parcels.iter().filter(|parcel| parcel.text.contains("administratie>TEST<"));
    assert_eq!((tests.count(), parcels.len()), (2, 2), "each says in its own form what it is");
    // The fire brigade gets nothing of such a report, so nothing is kept of it either.
    let none = "/koppelingen/brandweer-brabant-zuidoost/proefbericht";
    let none = anna.post(none, &[("reden", "zomaar proberen")]).await;
    assert!(none.status == 422 && none.text().contains("geen-doelbinding"), "{}", none.text());
    let newest = hub.office("staart", json!({ "na": -1, "limiet": 1 })).await;
    assert_eq!(newest[0]["id"], lines[1]["id"], "nothing came after it");
}
