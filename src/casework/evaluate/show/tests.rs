use serde_json::{Value, json};

use super::map::{FEATURES_MAX, Map, POINTS_MAX};
use super::plot::{Plot, Shown, plot};
use super::sections::Cell;
use super::*;
use crate::casework::evaluate::{Asked, Evaluation, Fact, SignalFact, evaluate};
use crate::catalogue::fixture;
use crate::catalogue::programme::FILE;
use crate::message::{CaseId, Timestamp};

const BUSY: &str = "BU07721318";
const CALM: &str = "BU07721319";
const FEW: &str = "BU07721320";

/// A square of a hundredth of a degree, so many hundredths to the east.
fn square(east: u32) -> Value {
    let x = 5.4 + f64::from(east) / 100.0;
    json!([[x, 51.4], [x + 0.01, 51.4], [x + 0.01, 51.41], [x, 51.41], [x, 51.4]])
}

fn feature(code: &str, east: u32) -> Value {
    json!({
        "type": "Feature", "properties": { "buurtcode": code },
        "geometry": { "type": "Polygon", "coordinates": [square(east)] },
    })
}

fn file(features: &[Value]) -> Value {
    json!({ "type": "FeatureCollection", "features": features })
}

fn parse(file: &Value) -> Result<Map, Vec<String>> {
    let map = Map::parse(file.to_string().as_bytes(), None);
    map.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn faults(file: &Value) -> Vec<String> {
    parse(file).expect_err("something is wrong with it")
}

#[test]
fn both_names_of_the_cbs_serve_and_another_when_it_is_named() {
    let mut one = feature(BUSY, 0);
    for property in ["buurtcode", "statcode"] {
        one["properties"] = json!({ property: BUSY });
        assert_eq!(parse(&file(&[one.clone()])).unwrap().codes().collect::<Vec<_>>(), [BUSY]);
    }
    one["properties"] = json!({ "bu_code": BUSY, "buurtcode": "x" });
    let text = file(&[one]).to_string();
    assert!(Map::parse(text.as_bytes(), Some("bu_code")).is_ok());
    let wrong = Map::parse(text.as_bytes(), Some("code")).unwrap_err();
    assert!(wrong[0].to_string().contains("de eigenschap code"), "{wrong:?}");
}

#[test]
fn degrees_and_rijksdriehoek_give_the_same_picture() {
    let mut metres = feature(BUSY, 0);
    // The same proportions: at 51.405 degrees a hundredth of longitude is 0.6239 of latitude.
    metres["geometry"]["coordinates"] = json!([[
        [160_000.0, 380_000.0],
        [160_623.85, 380_000.0],
        [160_623.85, 381_000.0],
        [160_000.0, 381_000.0],
        [160_000.0, 380_000.0]
    ]]);
    let mut metres = file(&[metres]);
    let unsaid = faults(&metres);
    assert!(unsaid[0].starts_with("feature 1 (BU07721318): ") && unsaid[0].contains("28992"));
    let degrees = parse(&file(&[feature(BUSY, 0)])).unwrap();
    for name in ["EPSG:28992", "urn:ogc:def:crs:EPSG::28992", "http://x/def/crs/EPSG/0/28992"] {
        metres["crs"] = json!({ "type": "name", "properties": { "name": name } });
        let map = parse(&metres).unwrap();
        let points = |map: &Map| map.areas[BUSY].rings[0].clone();
        for (one, other) in points(&map).iter().zip(points(&degrees)) {
            assert!((one.0 - other.0).abs() < 0.5 && (one.1 - other.1).abs() < 0.5, "{one:?}");
        }
    }
    metres["crs"] = json!({ "type": "name", "properties": { "name": "EPSG:3857" } });
    assert!(faults(&metres)[0].contains("ogr2ogr"));
}

#[test]
fn north_is_up_and_all_lies_within_the_box() {
    let map = parse(&file(&[feature(BUSY, 0), feature(CALM, 1)])).unwrap();
    let ring = &map.areas[BUSY].rings[0];
    assert!(ring[0].1 > ring[2].1, "the first point lies in the south");
    assert!(ring[0].0 < map.areas[CALM].rings[0][0].0, "the other lies in the east");
    for (x, y) in map.areas.values().flat_map(|area| area.rings.iter().flatten()) {
        assert!((0.0..=720.0).contains(x) && (0.0..=map.height).contains(y), "{x} {y}");
    }
}

#[test]
fn what_is_wrong_is_said_with_the_feature_and_all_of_it_at_once() {
    let mut open = feature(BUSY, 0);
    open["geometry"]["coordinates"][0][4] = json!([5.5, 51.5]);
    let mut turned = feature(CALM, 0);
    turned["geometry"]["coordinates"][0][1] = json!([51.4, 5.4]);
    let mut line = feature(FEW, 0);
    line["geometry"]["type"] = "LineString".into();
    let mut nothing = feature(FEW, 0);
    nothing["geometry"] = Value::Null;
    let mut elsewhere = feature(FEW, 0);
    elsewhere["geometry"]["coordinates"][0][1] = json!([2.35, 48.85]);
    let mut text = feature(FEW, 0);
    text["geometry"]["coordinates"][0][1] = json!(["<b>", 51.4]);
    let empty = json!({
        "type": "Feature", "properties": { "buurtcode": FEW },
        "geometry": { "type": "MultiPolygon", "coordinates": [] },
    });
    let district = feature("WK077213", 0);
    let told = faults(&file(&[
        feature(BUSY, 0),
        open,
        turned,
        line,
        nothing,
        elsewhere,
        text,
        empty,
        district,
        json!(7),
    ]));
    for (at, (begin, end)) in [
        ("feature 2 (BU07721318): ", "niet gesloten"),
        ("feature 3 (BU07721319): ", "breedtegraad staat voorop"),
        ("feature 4 (BU07721320): ", "geen Polygon of MultiPolygon"),
        ("feature 5 (BU07721320): ", "geen Polygon of MultiPolygon"),
        ("feature 6 (BU07721320): ", "buiten Nederland"),
        ("feature 7 (BU07721320): ", "geen paar van getallen"),
        ("feature 8 (BU07721320): ", "geen grens"),
        ("feature 9: ", "niet die van een buurt"),
        ("feature 10: ", "buurtcode of statcode"),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(told[at].starts_with(begin) && told[at].contains(end), "{}", told[at]);
        assert!(!told[at].contains("<b>"), "a value is told");
    }
    assert_eq!(told.len(), 9);
    let many: Vec<Value> = (0..30).map(|_| json!({})).collect();
    assert_eq!(faults(&file(&many)).last().unwrap(), "en nog 10 zoals deze");
}

#[test]
fn a_file_that_is_no_map_of_a_municipality_is_refused() {
    assert!(Map::parse(b"{", None).unwrap_err()[0].to_string().contains("regel 1"));
    for no_collection in [json!([]), json!({ "type": "Feature" }), json!({ "features": [{}] })] {
        assert!(faults(&no_collection)[0].contains("FeatureCollection"));
    }
    assert!(faults(&file(&[]))[0].contains("heeft 0 features"));
    let country = vec![feature(BUSY, 0); FEATURES_MAX + 1];
    assert!(faults(&file(&country))[0].contains("heeft 1001 features"));
    let mut fine = feature(BUSY, 0);
    let coast = vec![json!([5.4, 51.4]); POINTS_MAX + 1];
    fine["geometry"]["coordinates"] = json!([coast]);
    assert!(faults(&file(&[fine]))[0].contains("meer dan 100000 punten"));
    let large = Map::parse(&vec![b' '; map::FILE_BYTES_MAX + 1], None).unwrap_err();
    assert!(large[0].to_string().contains("8 MiB"));
}

#[test]
fn parts_and_holes_make_one_shape_and_a_word_never_stands_in_a_hole() {
    let mut ring = feature(BUSY, 0);
    let hole = json!([
        [5.401, 51.401],
        [5.401, 51.409],
        [5.4095, 51.409],
        [5.4095, 51.401],
        [5.401, 51.401]
    ]);
    ring["geometry"]["coordinates"] = json!([square(0), hole]);
    let map = parse(&file(&[ring, feature(BUSY, 3), feature(CALM, 6)])).unwrap();
    assert_eq!(map.areas[BUSY].rings.len(), 3);
    let (x, _) = map.areas[BUSY].room_for(3).expect("the second part has room");
    let (low, high) = map::bounds(map.areas[BUSY].rings[2].iter().copied());
    assert!((low.0..=high.0).contains(&x), "{x}");
    assert_eq!(map.areas[CALM].room_for(60), None, "sixty characters fit nowhere");
}

/// Forty signals in one neighbourhood, ten in another, three in the third; a thousand people each
/// but for one.
fn evaluation() -> Evaluation {
    let mut files = fixture::files();
    let area = |code: &str, people: u32| {
        format!("[[buurt]]\ncode = \"{code}\"\nnaam = \"Buurt <{people}>\"\ninwoners = {people}\n")
    };
    let programme = format!(
        "naam = \"P\"\nvan = \"2026-01-01\"\ntot = \"2026-12-31\"\n{}{}{}",
        area(BUSY, 2000),
        area(CALM, 1000),
        area(FEW, 1500),
    );
    fixture::put(&mut files, FILE, &programme);
    let programme = fixture::catalogue(&files).programme.expect("a programme");
    let now = Timestamp::parse("2027-01-10T12:00:00Z").expect("a moment");
    let day = |text: &str| text.parse().expect("a day");
    let asked = Asked::new(day("2026-01-01"), day("2026-12-31"), now).expect("a period");
    let signals = |code: &'static str, count: usize, kind: &'static str| {
        let signal = Fact::Signal(SignalFact {
            at: Timestamp::parse("2026-03-02T12:00:00Z").expect("a moment"),
            theme: None,
            severity: None,
            kind: kind.to_owned(),
            area: Some(code.to_owned()),
            case: CaseId::from(uuid::Uuid::from_u128(1)),
        });
        std::iter::repeat_n(signal, count)
    };
    let facts = signals(BUSY, 20, "inwoners")
        .chain(signals(BUSY, 20, "politie"))
        .chain(signals(CALM, 5, "inwoners"))
        .chain(signals(CALM, 5, "politie"))
        .chain(signals(FEW, 3, "inwoners"));
    evaluate(Some(&programme), &asked, facts)
}

fn plotted(shown: Shown) -> Plot {
    let features = [feature(BUSY, 0), feature(CALM, 1), feature(FEW, 2), feature("BU07729999", 3)];
    plot(&parse(&file(&features)).unwrap(), &evaluation(), shown, &Dutch)
}

#[test]
fn the_map_and_its_table_say_the_same_and_hide_the_same() {
    let Plot { svg, table } = plotted(Shown::PerThousand);
    let row = |code: &str| {
        let found = table.rows.iter().find(|row| row[1] == Cell::text(code)).expect("a row");
        (found[2].clone(), found[3].shown())
    };
    let evaluated = evaluation();
    let told = |code: &str| {
        evaluated.per_buurt.iter().find(|row| row.buurt == code).expect("a row").signalen
    };
    assert_eq!((told(BUSY), told(FEW)), (Some(40), None));
    assert_eq!(row(BUSY).0, Cell::Number(20.0));
    assert_eq!(row(FEW), (Cell::Hidden, "gearceerd".to_owned()));
    assert_eq!(row("BU07729999"), (Cell::Empty, "zonder vlak".to_owned()));
    // Whatever was hidden beside it, so that three cannot be worked out, is hatched as well.
    let hidden = evaluated.per_buurt.iter().filter(|row| row.signalen.is_none()).count();
    assert_eq!(svg.matches("fill=\"url(#kaart-ph)\"><title>").count(), hidden, "{svg}");
    assert!(hidden > 0);
    assert_eq!(svg.matches("<path ").count(), 4);
    assert!(svg.contains(">20</text>"), "the amount stands in the shape: {svg}");
    assert!(svg.contains("Buurt &lt;2000&gt;: 20") && !svg.contains("Buurt <"), "escaped");
    assert!(!svg.contains("style="), "a page forbids it");
    let count = plotted(Shown::Signals);
    assert!(count.svg.contains(">40</text>") && count.table.columns.contains(&"signalen"));
}

#[test]
fn a_neighbourhood_without_a_shape_stands_in_the_table_all_the_same() {
    let map = parse(&file(&[feature(BUSY, 0)])).unwrap();
    let Plot { table, .. } = plot(&map, &evaluation(), Shown::Signals, &Dutch);
    let absent: Vec<String> = table
        .rows
        .iter()
        .filter(|row| row[3].shown().contains("niet op de kaart"))
        .map(|row| row[1].shown())
        .collect();
    assert_eq!(absent, [CALM, FEW]);
}

#[test]
fn shades_hold_as_many_neighbourhoods_each_and_equals_are_alike() {
    let features: Vec<Value> = (0..8).map(|n| feature(&format!("BU0772{n:04}"), n)).collect();
    let map = parse(&file(&features)).unwrap();
    let mut evaluation = evaluation();
    let row = evaluation.per_buurt[0].clone();
    evaluation.per_buurt = (0..8_u64)
        .map(|n| {
            let mut row = row.clone();
            row.buurt = format!("BU0772{n:04}");
            // 10 10 20 20 30 30 40 40
            row.signalen = Some(10 + n / 2 * 10);
            row
        })
        .collect();
    let Plot { svg, table } = plot(&map, &evaluation, Shown::Signals, &Dutch);
    let places: Vec<String> = table.rows.iter().map(|row| row[3].shown()).collect();
    assert_eq!(places, ["10", "10", "20", "20", "30", "30", "40", "40"]);
    for class in ["kb k0", "kb s1", "url(#kaart-p1)", "url(#kaart-p2)"] {
        assert_eq!(svg.matches(class).count(), 3, "two shapes and the legend: {class}");
    }
    assert!(!svg.contains("gearceerd"), "the legend has what is there");
}
