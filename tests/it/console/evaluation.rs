//! *Evaluatie*: figures of what really came in, on a map that hides what is small.

use schakel::hub::clock;
use serde_json::{Value, json};

use super::{Browser, hub, map};
use crate::cli::run_with;
use crate::hub::{Hub, JSON, POLITIE, Place, XML, example, swap};

const RESIDENTS: &str = "inwoners-eindhoven";
/// A neighbourhood of which much is told, and two of which only the police says a little: the
/// three of one alone could be worked out from the total.
const BUSY: &str = "BU07721318";
const FEW: &str = "BU07721614";
const FEW_TOO: &str = "BU07721622";

/// A report of the police about a place of its own in a neighbourhood.
fn report(number: usize, area: &str) -> String {
    let report = example("politie", "in-volledig");
    let report = swap(&report, "BU07721532", area);
    let report = swap(&report, "0772010000900417", &format!("0772010000{:06}", area_number(area)));
    let house = format!("huisnummer>{}<", area_number(area));
    let report = swap(&report, "huisnummer>48<", &house);
    let report = swap(&report, "PL2100-B-2026-118204", &format!("PL2100-B-{area}-{number}"));
    swap(&report, "PL2100-2026-231107", &format!("PL2100-{area}-{number}"))
}

/// What a resident reports there.
fn complaint(number: usize, area: &str) -> String {
    let mut told: Value = serde_json::from_str(&example("inwoners", "gemeld-volledig")).unwrap();
    told["signal_id"] = json!(uuid::Uuid::from_u128(area_number(area) * 1000 + number as u128));
    told["location"]["buurt_code"] = area.into();
    told["location"]["address"]["huisnummer"] = json!(area_number(area) % 1000);
    told["extra_properties"] = json!([]);
    told.to_string()
}

fn area_number(area: &str) -> u128 {
    area.trim_start_matches("BU0772").parse().expect("a number")
}

/// Thirteen signals in one neighbourhood, three in each of two others.
pub async fn with_signals(hub: &Hub, politie: &str) {
    let inwoners = hub.token(RESIDENTS).await;
    for number in 0..7 {
        let sent = hub.send(politie, XML, &report(number, BUSY)).await;
        assert!(sent.is_accepted(), "{}", sent.text());
    }
    for number in 0..6 {
        let sent = hub.send(&inwoners, JSON, &complaint(number, BUSY)).await;
        assert!(sent.is_accepted(), "{}", sent.text());
    }
    for (number, area) in [FEW, FEW_TOO].into_iter().flat_map(|area| (0..3).map(move |n| (n, area)))
    {
        assert!(hub.send(politie, XML, &report(number, area)).await.is_accepted());
    }
}

/// The months in which the signals came in, as an address has them.
pub fn months() -> String {
    let day = clock::now().amsterdam_day();
    let before = day.first_of_month().yesterday().expect("a day before");
    format!("van={}&tot={}", before.strftime("%Y-%m"), day.strftime("%Y-%m"))
}

/// The text of the row of a table that has this code in it.
fn row(page: &str, table: &str, code: &str) -> String {
    let section = page.split(&format!("<h2 id=\"{table}\">")).nth(1).expect("the table");
    let section = section.split("</section>").next().expect("its end");
    let found = section.split("<tr>").find(|row| row.contains(&format!("<td>{code}</td>")));
    let found = found.unwrap_or_else(|| panic!("no {code} in {table}: {section}"));
    found.split(['<', '>']).skip(2).step_by(2).collect::<Vec<_>>().join("|")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_programme_stands_beside_what_happened_and_what_is_small_is_hatched() {
    let hub = hub().await;
    let politie = hub.token(POLITIE).await;
    with_signals(&hub, &politie).await;
    let anna = Browser::of(&hub, "anna", &["regisseur"], "*").await;
    let audit = Browser::of(&hub, "audit", &["auditor"], "*").await;
    let path = format!("/evaluatie?{}", months());
    let page = anna.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    // Thirteen for 5,120 inhabitants; seven and six are told, three and nought are not.
    let busy = row(&text, "kaart", BUSY);
    assert!(busy.contains("|2,5|"), "{busy}");
    assert!(row(&text, "per-buurt", BUSY).contains("|13|"), "the table has the count");
    let few = row(&text, "kaart", FEW);
    assert!(few.contains("|minder dan 5|") && few.contains("|gearceerd|"), "{few}");
    assert!(text.contains("url(#kaart-ph)") && text.matches("<path ").count() == 7);
    for svg in text.split("<svg ").skip(1) {
        assert!(svg.starts_with("role=\"img\"") || svg.starts_with("class=\"kaart\" role=\"img\""));
        assert!(svg.contains("<title id=") && svg.contains("<desc id="), "it has a name");
    }
    assert!(text.contains("Corporaties") || text.contains("woningcorporatie"), "targets");
    assert_eq!(
        audit.get(&path).await.text().matches("<svg ").count(),
        text.matches("<svg ").count()
    );

    let count = anna.get(&format!("{path}&kaart=aantal")).await.text();
    assert!(row(&count, "kaart", BUSY).contains("|13|"));
    for (table, wanted) in [
        ("kaart", "Voorbeeldbuurt Lijsterpark;BU07721318;2,5;"),
        ("per-buurt", "Voorbeeldbuurt Molenwijk;BU07721614;3985;minder dan 5;minder dan 5;"),
        ("doelen", "Oordeel;Doel;Gevonden;"),
    ] {
        let file = anna.get(&format!("{path}&als=csv&tabel={table}")).await;
        assert!(file.header("content-disposition").contains(&format!("evaluatie-{table}.csv")));
        assert!(file.text().contains(wanted), "{table}: {}", file.text());
    }
    assert_eq!(anna.get(&format!("{path}&als=csv&tabel=bestaat-niet")).await.status, 404);
    for wrong in ["van=2026-13", "van=2030-02&tot=2030-01", "gebied=Lijsterpark", "van=%3Cb%3E"] {
        let page = anna.get(&format!("/evaluatie?{wrong}")).await;
        assert!(page.status == 422 && page.text().contains("geen periode"), "{wrong}");
        assert!(!page.text().contains("<b>"));
    }

    // Of themes that are not one's own no figure is shown, whatever the address asks.
    let youth = Browser::of(&hub, "jeugd", &["regisseur"], "overlast-jeugd").await;
    let asked = format!("/evaluatie?{}", months());
    for theme in ["", "&thema=woonoverlast", "&thema=overlast-jeugd"] {
        let text = youth.get(&format!("{asked}{theme}")).await.text();
        let signals = text.split("<dt>Signalen</dt><dd>").nth(1).and_then(|t| t.split('<').next());
        assert_eq!(signals, Some("6"), "{theme}");
        assert!(!text.contains("value=\"woonoverlast\"") && !text.contains(">Woonoverlast<"));
    }
    report_has_the_map(&hub.stop().await);
}

/// `schakel evaluate` draws the same in its report.
fn report_has_the_map(place: &Place) {
    let map = map();
    let env = [("SCHAKEL_CONSOLE__MAP", map.to_str().expect("text"))];
    let from = format!("{}-01-01", clock::now().amsterdam_day().year());
    let said = run_with(place, &env, &["evaluate", "-o", "html", "--from", &from]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(said.out.contains("class=\"kaart\"") && said.out.contains("url(#kaart-ph)"));
    assert!(run_with(place, &[], &["evaluate", "-o", "html"]).out.contains("<svg"));
}

#[test]
fn a_map_that_is_wrong_is_told_by_check_and_before_the_hub_starts() {
    let place = Place::new();
    let file = place.data().with_file_name("buurten.geojson");
    let text = std::fs::read_to_string(map()).expect("the map");
    let wrong = swap(&text, "BU07721318", "WK077213");
    std::fs::write(&file, wrong).expect("a file");
    let path = file.to_str().expect("text");
    for words in [vec!["check"], vec!["serve", "--listen", "127.0.0.1:0"]] {
        let said = run_with(&place, &[("SCHAKEL_CONSOLE__MAP", path)], &words);
        assert_eq!(said.exit, 3, "{words:?}: {}", said.err);
        assert!(said.err.contains("feature 4: de code is niet die van een buurt"), "{}", said.err);
        assert!(!said.err.contains("WK077213"), "a value is told");
    }
    std::fs::write(&file, swap(&text, "buurtcode", "bu_code")).expect("a file");
    let named = [("SCHAKEL_CONSOLE__MAP", path), ("SCHAKEL_CONSOLE__MAP_CODE", "bu_code")];
    assert_eq!(run_with(&place, &named, &["check"]).exit, 0);
    assert!(!place.data().join("journal.sqlite").exists(), "nothing was opened");
    let absent = [("SCHAKEL_CONSOLE__MAP", "/bestaat/niet.geojson")];
    let said = run_with(&place, &absent, &["check"]);
    assert!(said.exit == 3 && said.err.contains("kan niet worden gelezen"), "{}", said.err);
}
