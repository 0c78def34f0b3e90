//! Lists that sort, and filters that somebody keeps of them.

use serde_json::json;

use super::{Browser, HOSTILE, encoded, hub, to, with_a_signal};
use crate::hub::{Hub, POLITIE, XML, example, swap};

#[tokio::test(flavor = "multi_thread")]
async fn lists_sort_by_their_address_and_keep_filters_of_codes_only() {
    let hub = hub().await;
    let (sent, case) = with_a_signal(&hub).await;
    let politie = hub.token(POLITIE).await;
    let other = swap(&example("politie", "in-volledig"), "0772010000900417", "0772010000900418");
    let other = swap(&other, "huisnummer>48<", "huisnummer>49<");
    let other = swap(&other, "PL2100-B-2026-118204", "PL2100-B-2026-118205");
    let other = swap(&other, "PL2100-2026-231107", "PL2100-2026-231108");
    assert!(hub.send(&politie, XML, &other).await.is_accepted());
    let anna = Browser::of(&hub, "anna", &["regisseur"], "*").await;
    let audit = Browser::of(&hub, "audit", &["auditor"], "*").await;

    let order = |text: &str| {
        let found = text.split("<a href=\"/casussen/").skip(1);
        found.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect::<Vec<_>>()
    };
    let up = anna.get("/casussen?sorteer=casus").await.text();
    let down = anna.get("/casussen?sorteer=-casus").await.text();
    let (mut cases, turned) = (order(&up), order(&down));
    assert!(cases.len() == 2 && cases.is_sorted(), "{cases:?}");
    cases.reverse();
    assert_eq!(cases, turned);
    assert!(up.contains("aria-sort=\"ascending\"") && down.contains("aria-sort=\"descending\""));
    assert!(up.contains("href=\"/casussen?sorteer=-casus\""), "a second time turns it around");
    for (path, columns) in [("/taken", 5), ("/berichten", 7), ("/casussen", 7)] {
        let text = anna.get(path).await.text();
        let heads: Vec<&str> = text.split("?sorteer=").skip(1).collect();
        assert_eq!(heads.len(), columns, "{path}");
        for head in heads {
            let column = head.split('"').next().expect("a column");
            let sorted = anna.get(&format!("{path}?sorteer=-{column}")).await;
            assert_eq!(sorted.text().matches("aria-sort=\"descending\"").count(), 1, "{column}");
        }
        let strange = anna.get(&format!("{path}?sorteer={}", encoded(HOSTILE))).await;
        assert!(strange.status == 200 && !strange.text().contains("aria-sort"));
    }

    filters(&anna, &audit, &case, &sent).await;
    reminds(&hub, &anna, &case).await;
}

async fn filters(anna: &Browser, audit: &Browser, case: &str, sent: &str) {
    let keep = async |who: &Browser, page: &str, name: &str, query: &str| {
        who.post("/filters", &[("pagina", page), ("naam", name), ("vraag", query)]).await
    };
    let kept = keep(anna, "taken", HOSTILE, "welke=te-laat&als=csv&gedaan=x&onzin=1").await;
    assert_eq!(kept.status, 409, "a name of at most 40 characters: {}", kept.text());
    let kept = keep(anna, "taken", "<b>te laat</b>", "welke=te-laat&als=csv&gedaan=x&z=1").await;
    assert_eq!(to(&kept), "/taken?welke=te-laat&gedaan=filter-bewaard");
    let text = anna.get(to(&kept)).await.text();
    assert!(text.contains("Het filter is bewaard."));
    assert!(
        text.contains("href=\"/taken?welke=te-laat\" aria-current=\"true\">&#60;b&#62;te laat")
    );
    assert!(!anna.get("/casussen").await.text().contains("te laat&#60;"), "of this list only");
    assert!(!audit.get("/taken").await.text().contains("te laat&#60;"), "of this person only");

    // What may be about a person stays out, and that is said.
    let search = "zoek=Jansen&kenmerk=Jansen-1979&soort=signaal-gemeld.v1&afzender=niemand";
    let kept = keep(anna, "berichten", "meldingen", search).await;
    assert!(to(&kept).ends_with("gedaan=filter-ingekort"), "{}", to(&kept));
    let text = anna.get(to(&kept)).await.text();
    assert!(text.contains("zonder de zoektekst of het kenmerk") && !text.contains("Jansen"));
    for (name, number) in [("casus", case), ("bericht", sent)] {
        let kept = keep(anna, "berichten", name, &format!("zoek={number}&sorteer=-status")).await;
        assert_eq!(
            to(&kept),
            format!("/berichten?zoek={number}&sorteer=-status&gedaan=filter-bewaard")
        );
    }
    assert_eq!(keep(anna, "gebruikers", "x", "").await.status, 404, "no list to keep of");
    assert_eq!(keep(anna, "taken", "  ", "").await.status, 409);
    // An auditor changes nothing of the hub, and keeps its own filters.
    let kept = keep(audit, "casussen", "slepend", "fase=gesloten&thema=bestaat-niet&alle=1").await;
    assert_eq!(to(&kept), "/casussen?fase=gesloten&alle=1&gedaan=filter-bewaard");

    let gone = [("pagina", "taken"), ("naam", "<b>te laat</b>"), ("vraag", "welke=te-laat")];
    assert_eq!(
        to(&audit.post("/filters/verwijderen", &gone).await),
        "/taken?welke=te-laat&gedaan=filter-verwijderd"
    );
    assert!(anna.get("/taken").await.text().contains("te laat&#60;"), "that was not the auditor's");
    anna.post("/filters/verwijderen", &gone).await;
    assert!(!anna.get("/taken").await.text().contains("te laat&#60;"));
}

/// Several requests are reminded of in one go, after a look at what will go and what will not.
async fn reminds(hub: &Hub, anna: &Browser, case: &str) {
    let list = anna.get("/taken").await.text();
    let mut ids: Vec<&str> = list.split("name=\"taak\" value=\"").skip(1).collect();
    ids.iter_mut().for_each(|id| *id = id.split('"').next().expect("an id"));
    assert!(ids.len() >= 2, "requests to choose: {list}");
    let chosen: Vec<String> = ids.iter().map(|id| format!("taak={id}")).collect();
    let path = format!("/taken/herinneren?{}&taak=onzin", chosen.join("&"));
    let reminded = async || {
        let told = hub.office("casus-tijdlijn", json!({ "casus": case })).await;
        let lines = told.as_array().expect("lines").iter();
        lines.filter(|line| line["wat"] == "herinnerd").count()
    };
    let before = anna.get(&path).await;
    assert_eq!(before.status, 200, "{}", before.text());
    assert_eq!(before.text().matches("u werkt niet aan deze casus").count(), ids.len());
    assert!(!before.text().contains("Herinneringen versturen"), "nothing to send");

    let order = format!("/casussen/{case}/opdracht");
    anna.post(&order, &[("opdracht", "oppakken"), ("reden", "ik doe deze")]).await;
    let text = anna.get(&path).await.text();
    let ready = text.matches("Wordt herinnerd").count();
    assert!(ready >= 1 && ready < ids.len(), "those of the other case are refused: {text}");
    assert_eq!(reminded().await, 0, "a look changes nothing");

    let mut form: Vec<(&str, &str)> = ids.iter().map(|id| ("taak", *id)).collect();
    let without = anna.post("/taken/herinneren", &form).await;
    assert!(without.status == 422 && reminded().await == 0, "a reason is asked for");
    form.push(("reden", "de termijn nadert"));
    let sent = anna.post("/taken/herinneren", &form).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert!(sent.text().contains(&format!("{ready} herinnerd.")), "{}", sent.text());
    assert_eq!(sent.text().matches("u werkt niet aan deze casus").count(), ids.len() - ready);
    assert_eq!(reminded().await, ready);
    assert_eq!(anna.get("/taken/herinneren").await.status, 422, "nothing was chosen");
    let many: Vec<String> =
        (0..51_u128).map(|n| format!("taak={}", uuid::Uuid::from_u128(n))).collect();
    let many = anna.get(&format!("/taken/herinneren?{}", many.join("&"))).await;
    assert!(many.status == 422 && many.text().contains("hoogstens 50"));
}
