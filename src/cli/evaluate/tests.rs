use super::*;
use crate::casework::evaluate::{Fact, evaluate};
use crate::catalogue::fixture;
use crate::catalogue::programme::FILE;
use crate::message::Timestamp;

/// What a hostile hand could write where a name is expected.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\\\"><img src=x onerror=alert(1)>",
    "=HYPERLINK(\\\"http://x\\\")",
    " @SUM(A1)",
    "\\u001b[31mrood\\u0007\\r\\n-1+1",
    "\\u202egnp\\u2028.exe & 'x'",
];

/// An evaluation in which every name that people write is `name`, a text as TOML writes it.
fn evaluation(name: &str) -> Evaluation {
    let mut files = fixture::files();
    let themes = format!("[overlast]\nnaam = \"{name}\"\n[brand]\nnaam = \"{name}\"\n");
    fixture::put(&mut files, "config/themes.toml", &themes);
    let programme = format!(
        "naam = \"{name}\"\nvan = \"2026-01-01\"\ntot = \"2026-12-31\"\n\
         [[buurt]]\ncode = \"BU07721318\"\nnaam = \"{name}\"\ninwoners = 1000\n\
         [[buurt]]\ncode = \"BU07721319\"\nnaam = \"B\"\ninwoners = 1000\n\
         [[buurt]]\ncode = \"BU07721320\"\nnaam = \"C\"\ninwoners = 1000\n\
         [[doel]]\nid = \"{name}\"\nthema = \"overlast\"\ngebied = \"BU07721318\"\njaar = 2026\n\
         maat = \"signalen\"\nhoogstens = 10\nstap = \"{name}\"\n"
    );
    fixture::put(&mut files, FILE, &programme);
    let programme = fixture::catalogue(&files).programme.expect("a programme");
    let spoken: String = toml::from_str::<toml::Table>(&format!("x = \"{name}\""))
        .map(|table| table["x"].as_str().expect("a text").to_owned())
        .expect("a text of TOML");
    let day = |text: &str| text.parse::<Date>().expect("a day");
    let now = Timestamp::parse("2027-01-10T12:00:00Z").expect("a moment");
    let asked = Asked::new(day("2026-01-01"), day("2026-12-31"), now).expect("a period");
    let signal = serde_json::json!({
        "feit": "signaal", "op": "2026-03-02T12:00:00Z", "thema": "overlast", "ernst": spoken,
        "soort": spoken, "buurt": "BU07721318", "casus": uuid::Uuid::from_u128(1),
    });
    let other = serde_json::json!({
        "feit": "signaal", "op": "2026-03-02T12:00:00Z", "thema": spoken,
        "soort": "inwoners", "casus": uuid::Uuid::from_u128(2),
    });
    let task = serde_json::json!({
        "feit": "actieverzoek", "soort": spoken, "actie": "x", "stand": "geweigerd",
        "gevraagd": "2026-03-02T12:00:00Z", "geeindigd": "2026-03-03T12:00:00Z", "reden": spoken,
        "ontvangenVoor": "2026-03-04T12:00:00Z", "aanvaardVoor": "2026-03-04T12:00:00Z",
        "afgerondVoor": "2026-03-04T12:00:00Z",
    });
    let facts = [signal, other, task].into_iter().flat_map(|fact| {
        let fact: Fact = serde_json::from_value(fact).expect("a fact");
        std::iter::repeat_n(fact, 20)
    });
    evaluate(Some(&programme), &asked, facts)
}

const FORMS: [Wide; 5] = [Wide::Table, Wide::Json, Wide::Jsonl, Wide::Csv, Wide::Html];

#[test]
fn no_name_steers_a_terminal_a_spreadsheet_or_a_browser() {
    let plain = text(&evaluation("gewoon"), Wide::Html, None);
    for name in HOSTILE {
        let evaluation = evaluation(name);
        for form in FORMS {
            let said = text(&evaluation, form, None);
            let strange = said.chars().filter(|c| c.is_control() && *c != '\n');
            assert_eq!(strange.count(), 0, "{form:?} {name}");
        }
        let html = text(&evaluation, Wide::Html, None);
        for forbidden in ["<script", "<img", "\u{202e}", "\u{2028}", "\u{1b}"] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        let tags = |page: &str| page.matches('<').count();
        assert_eq!(tags(&html), tags(&plain), "{name} adds an element");
        for line in text(&evaluation, Wide::Csv, None).lines() {
            for field in line.split(';') {
                let field = field.trim_start_matches('"').trim_start();
                assert!(!field.starts_with(['=', '+', '-', '@']), "{name}: {line}");
            }
        }
    }
}

#[test]
fn the_report_stands_alone_and_says_in_a_table_what_it_draws() {
    let html = text(&evaluation("gewoon"), Wide::Html, None);
    assert!(html.starts_with("<!doctype html>\n<html lang=\"nl\">"));
    for wanted in [
        "default-src 'none'; style-src 'unsafe-inline'",
        "prefers-color-scheme:dark",
        "@media print",
        "<th scope=\"row\">",
        "niet gehaald",
        "minder dan 5",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
    for outside in ["src=", "url(http", "@import", "<link", "<script", "<iframe", "javascript:"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let charts = html.matches("<svg ").count();
    assert!(charts >= 4, "{charts} charts");
    assert_eq!(charts, html.matches("</desc>").count(), "each with a description");
    for section in html.split("<section ").skip(1).filter(|part| part.contains("<svg ")) {
        assert!(section.contains("<table>"), "a chart without its table");
    }
    let mut ids: Vec<&str> =
        html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands for one thing");
}

#[test]
fn a_spreadsheet_gets_a_long_table_and_json_the_whole() {
    let evaluation = evaluation("gewoon");
    let csv = text(&evaluation, Wide::Csv, None);
    assert!(csv.starts_with("onderdeel;rij;kolom;waarde\n"));
    assert!(csv.contains("\nper-afzender;inwoners;signalen;20\n"), "{csv}");
    assert!(csv.contains("\nper-buurt;B / BU07721319;signalen;minder dan 5\n"), "{csv}");
    let json: serde_json::Value =
        serde_json::from_str(&text(&evaluation, Wide::Json, None)).unwrap();
    assert_eq!(json["doelen"][0]["oordeel"], "niet-gehaald");
    assert_eq!(json["perBuurt"][1]["signalen"], serde_json::Value::Null);
    assert_eq!(text(&evaluation, Wide::Jsonl, None).lines().count(), 1);
    let table = text(&evaluation, Wide::Table, None);
    assert!(table.contains("Waar doel en werkelijkheid uit elkaar lopen (1)"), "{table}");
}
