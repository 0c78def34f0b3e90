//! What is refused: nothing of it is sent on, and all of it is kept.

use serde_json::{Value, json};

use super::{Bad, SECRET, kept, signal, violations};
use crate::hub::{
    BRANDWEER, CSV, GEMEENTE, GGZ, JSON, OM, POLITIE, Place, SLEUTEL, XML, checkout, example, swap,
};

fn expected(connector: &str, case: &str) -> Vec<(String, String)> {
    let folder = checkout().join("connectors").join(connector).join("examples").join(case);
    let text = std::fs::read_to_string(folder.join("fouten.json")).expect("an invalid example");
    violations(&serde_json::from_str::<Value>(&text).expect("JSON")["fouten"])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_and_kept() {
    let hub = Place::new().start().await;
    let gemeente = hub.token(GEMEENTE).await;
    let whole = signal("leesbaar", |_| {});
    let cut = whole.replace("}}", "}");
    Bad::json(&gemeente, cut, 400, "onleesbaar").refused_by(&hub).await;
    let twice = whole.replacen('{', r#"{"bericht":{},"#, 1);
    Bad::json(&gemeente, twice, 400, "onleesbaar").refused_by(&hub).await;
    let deep = format!("{}\"{SECRET}\"{}", "[".repeat(80), "]".repeat(80));
    Bad::json(&gemeente, deep, 413, "te-groot").refused_by(&hub).await;
    let latin: Vec<u8> =
        swap(&whole, SECRET, "café").chars().map(|c| u8::try_from(c).expect("latin")).collect();
    Bad::json(&gemeente, latin, 400, "onleesbaar").refused_by(&hub).await;
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Bad::json(&gemeente, utf16, 400, "onleesbaar").refused_by(&hub).await;
    Bad::json(&gemeente, whole, 415, "mediatype").typed(XML).refused_by(&hub).await;

    let brandweer = hub.token(BRANDWEER).await;
    let open = example("brandweer", "fout-niet-afgesloten");
    Bad::json(&brandweer, open, 400, "onleesbaar").typed(XML).refused_by(&hub).await;
    let alert = example("brandweer", "in-volledig");
    let windows = Bad::json(&brandweer, alert.clone(), 415, "mediatype");
    windows.typed("application/xml; charset=windows-1252").refused_by(&hub).await;
    let entity = swap(&alert, "<alert ", "<!DOCTYPE alert [<!ENTITY x \"y\">]>\n<alert ");
    Bad::json(&brandweer, entity, 400, "onleesbaar").typed(XML).refused_by(&hub).await;

    let sleutel = hub.token(SLEUTEL).await;
    let rows = example("woningcorporatie-csv", "melding-kaal");
    let rows = format!("{rows}{}", rows.lines().nth(1).expect("a row"));
    Bad::json(&sleutel, rows, 400, "onleesbaar").typed(CSV).refused_by(&hub).await;
    assert_eq!(hub.office("stand", json!({})).await["stand"]["berichten"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_violation_is_named_at_once_and_no_value() {
    let hub = Place::new().start().await;
    let gemeente = hub.token(GEMEENTE).await;
    for case in ["fout-verplicht", "fout-formaten", "fout-bevestiging"] {
        let bad = Bad::json(&gemeente, example("gemeente", case), 422, "ongeldig");
        let told = bad.refused_by(&hub).await;
        assert_eq!(violations(&told.json()["fouten"]), expected("gemeente", case), "{case}");
        for value in ["111222334", "gisteren", "parkeren", "5611 ab", "Piet"] {
            assert!(!told.text().contains(value), "{case}: the answer repeats {value}");
        }
    }
    let sleutel = hub.token(SLEUTEL).await;
    let document = example("woningcorporatie-csv", "fout-formaten");
    let told = Bad::json(&sleutel, document, 422, "ongeldig").typed(CSV).refused_by(&hub);
    let told = told.await.json();
    assert_eq!(
        violations(&told["fouten"]),
        expected("woningcorporatie-csv", "fout-formaten"),
        "rows and columns"
    );
    let unknown = example("gemeente", "fout-onbekende-soort");
    Bad::json(&gemeente, unknown, 422, "onbekend-type").refused_by(&hub).await;
    let om = hub.token(OM).await;
    let version = example("openbaar-ministerie", "fout-onbekende-versie");
    Bad::json(&om, version, 422, "onbekend-type").refused_by(&hub).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_comes_in_the_senders_own_form() {
    let hub = Place::new().start().await;
    let politie = hub.token(POLITIE).await;
    let report = example("politie", "fout-inhoud");
    let told = hub.send(&politie, XML, &report).await;
    assert_eq!(told.status, 500);
    assert!(told.text().contains("Fo03Bericht"), "{}", told.text());
    for (place, code) in expected("politie", "fout-inhoud") {
        assert!(told.text().contains(&place), "{place} is not named");
        assert!(told.text().contains(&format!("<code>{code}</code>")), "{code} is not named");
    }
    assert!(!told.text().contains("111222334") && !told.text().contains("willem(at)"));
    let entry = hub.quarantine("ongeldig").await;
    assert_eq!((entry.len(), &entry[0]["partner"]), (1, &json!(POLITIE)));
    assert_eq!(kept(&hub, &entry[0]["id"], "ongeldig").await, report.as_bytes());

    let ggz = hub.token(GGZ).await;
    let told = hub.send(&ggz, JSON, &example("zorgaanbieder", "fout-tijden")).await;
    assert_eq!((told.status, &told.json()["resourceType"]), (422, &json!("OperationOutcome")));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_known_comes_in_and_speaks_for_itself() {
    let hub = Place::new().start().await;
    let gemeente = hub.token(GEMEENTE).await;
    let document = signal("wie-ben-ik", |_| {});
    for token in ["", "schakel_verzonnen"] {
        let told = hub.send(token, JSON, &document).await;
        assert_eq!((told.status, &told.json()["code"]), (401, &json!("niet-ingelogd")));
        assert!(told.headers.contains_key("www-authenticate"));
    }
    let spoofed = signal("niet-ik", |d| d["bericht"]["afzender"] = json!("00000001000000000101"));
    Bad::json(&gemeente, spoofed, 403, "andere-afzender").refused_by(&hub).await;

    let order = json!({ "partner": GEMEENTE, "door": "beheer", "reden": "proef" });
    hub.office("schorsen", order.clone()).await;
    Bad::json(&gemeente, document.as_str(), 403, "geschorst").refused_by(&hub).await;
    assert_eq!(hub.office("stand", json!({})).await["stand"]["berichten"], 0);
    hub.office("hervatten", order).await;
    assert!(hub.send(&gemeente, JSON, &document).await.is_accepted());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_other_bytes_is_a_conflict_and_an_alarm() {
    let hub = Place::new().start().await;
    let gemeente = hub.token(GEMEENTE).await;
    let name = |d: &mut Value| d["signaal"]["ontvangers"] = json!(["politie"]);
    let first = hub.send(&gemeente, JSON, &signal("dubbel", name)).await;
    let again = hub.send(&gemeente, JSON, &signal("dubbel", name)).await;
    assert!(first.is_accepted() && again.is_accepted());
    assert_eq!(first.message(), again.message());
    assert_eq!(first.json()["hash"], again.json()["hash"]);
    assert_eq!(again.json()["herhaling"], true);
    assert!(!hub.place.log().contains("alert: an id came again with other content"));

    let other = signal("dubbel", |d| {
        name(d);
        d["signaal"]["ernst"] = json!("hoog");
    });
    Bad::json(&gemeente, other, 409, "andere-inhoud").refused_by(&hub).await;
    let politie = hub.token(POLITIE).await;
    assert_eq!(hub.empty_mailbox(&politie).await.len(), 1, "one parcel for three posts");
    let log = hub.stop().await.log();
    assert!(log.contains("alert: an id came again with other content"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_confirms_the_parcel_of_another_hears_that_it_does_not_exist() {
    let hub = Place::new().start().await;
    let (gemeente, politie) = (hub.token(GEMEENTE).await, hub.token(POLITIE).await);
    let named = signal("voor-politie", |d| d["signaal"]["ontvangers"] = json!(["politie"]));
    assert!(hub.send(&gemeente, JSON, &named).await.is_accepted());
    let parcel = hub.collect(&politie).await.pop().expect("a parcel");

    let told = hub.door.try_confirm(&gemeente, &parcel.id, "geaccepteerd").await;
    let told = told.expect("an answer");
    assert_eq!((told.status, &told.json()["code"]), (404, &json!("onbekende-zending")));
    let receipt = json!({
        "bericht": { "id": "B-1", "afzender": "0772", "soort": "ontvangstbevestiging" },
        "bevestiging": {
            "kenmerk": "k", "gebruik": "echt", "tijdstip": "2026-11-23T09:05:00Z",
            "status": "geaccepteerd", "zending": parcel.id,
        },
    });
    let receipt = receipt.to_string();
    Bad::json(&gemeente, receipt, 404, "onbekende-zending").refused_by(&hub).await;
    let trace = hub.office("spoor", json!({ "id": parcel.id })).await;
    assert_eq!(trace[0]["zendingen"][0]["stadium"], "opgehaald");
}
