//! Figures in the language of who reads: the fixed texts of the tables, charts and the map.

use super::words::Language;
use crate::casework::evaluate::show::{Dutch, Tongue};

/// Words of a text that its name is made of; a test holds that no two texts share one.
const NAMED_BY: usize = 6;

impl Tongue for Language {
    fn say(&self, dutch: &'static str, x: &str, y: &str) -> String {
        let args = [("x", x.into()), ("y", y.into())];
        self.find(&name_of(dutch), &args).unwrap_or_else(|| Dutch.say(dutch, x, y))
    }

    fn number(&self, value: f64) -> String {
        let dutch = Dutch.number(value);
        if *self == Self::Dutch {
            return dutch;
        }
        let swapped = dutch.chars().map(|c| match c {
            '.' => ',',
            ',' => '.',
            other => other,
        });
        swapped.collect()
    }
}

/// The name in `words/*.ftl` of a text by its Dutch words: `cijfer-…`.
fn name_of(dutch: &str) -> String {
    let words = dutch.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.take(NAMED_BY).map(str::to_ascii_lowercase).collect();
    format!("cijfer-{}", words.join("-"))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::*;
    use crate::casework::evaluate::show::chart::svg;
    use crate::casework::evaluate::show::map::Map;
    use crate::casework::evaluate::show::plot::{Shown, plot};
    use crate::casework::evaluate::show::sections::{Chart, sections};
    use crate::casework::evaluate::{Asked, Fact, Verdict, evaluate};
    use crate::message::Timestamp;

    /// Writes down what is asked of it.
    #[derive(Default)]
    struct Recorder(RefCell<BTreeSet<&'static str>>);

    impl Tongue for Recorder {
        fn say(&self, dutch: &'static str, x: &str, y: &str) -> String {
            self.0.borrow_mut().insert(dutch);
            Dutch.say(dutch, x, y)
        }

        fn number(&self, value: f64) -> String {
            Dutch.number(value)
        }
    }

    /// Something of everything that is counted: enough of each to be told, and one that is not.
    fn facts() -> Vec<Fact> {
        let signal = |area: &str, case: u128, kind: &str| {
            json!({
                "feit": "signaal", "op": "2026-03-02T12:00:00Z", "thema": "overlast",
                "ernst": "hoog", "soort": kind, "buurt": area,
                "casus": uuid::Uuid::from_u128(case),
            })
        };
        let before = json!({
            "feit": "signaal", "op": "2025-03-02T12:00:00Z", "thema": "overlast",
            "soort": "politie", "casus": uuid::Uuid::from_u128(3),
        });
        let task = json!({
            "feit": "actieverzoek", "soort": "politie", "actie": "x", "stand": "geweigerd",
            "gevraagd": "2026-03-02T12:00:00Z", "geeindigd": "2026-03-03T12:00:00Z",
            "reden": "capaciteit", "ontvangenVoor": "2026-03-04T12:00:00Z",
            "aanvaardVoor": "2026-03-04T12:00:00Z", "afgerondVoor": "2026-03-04T12:00:00Z",
        });
        let mut done = task.clone();
        done["stand"] = "afgerond".into();
        done["uitkomst"] = "opgelost".into();
        let many = [
            signal("BU07721318", 1, "politie"),
            signal("BU07721319", 2, "inwoners"),
            before,
            task,
            done,
        ];
        let many = many.into_iter().flat_map(|fact| std::iter::repeat_n(fact, 20));
        let few = signal("BU07721320", 4, "politie");
        // More amounts than there are shades, so that one holds several.
        let more = (0..8).flat_map(|n| {
            let of = |kind| signal(&format!("BU0772400{n}"), 5, kind);
            let residents = std::iter::repeat_n(of("inwoners"), 20);
            residents.chain(std::iter::repeat_n(of("politie"), 20 + n))
        });
        let all = many.chain(std::iter::repeat_n(few, 3)).chain(more);
        all.map(|fact| serde_json::from_value(fact).expect("a fact")).collect()
    }

    fn map() -> Map {
        let square = |number: u32, code: &str| {
            let x = 5.0 + f64::from(number) / 100.0;
            json!({
                "type": "Feature", "properties": { "buurtcode": code },
                "geometry": { "type": "Polygon", "coordinates":
                    [[[x, 51.4], [x + 0.01, 51.4], [x + 0.01, 51.41], [x, 51.41], [x, 51.4]]] },
            })
        };
        let codes = ["BU07721318", "BU07721320", "BU07721399"].map(str::to_owned);
        let codes = codes.into_iter().chain((0..8).map(|n| format!("BU0772400{n}")));
        let features: Vec<_> = (0..).zip(codes).map(|(at, code)| square(at, &code)).collect();
        let file = json!({ "type": "FeatureCollection", "features": features }).to_string();
        Map::parse(file.as_bytes(), None).expect("a map")
    }

    /// Every fixed text that a page with figures can have.
    fn texts() -> BTreeSet<&'static str> {
        let recorder = Recorder::default();
        let day = |text: &str| text.parse().expect("a day");
        let now = Timestamp::parse("2027-01-10T12:00:00Z").expect("a moment");
        let asked = Asked::new(day("2026-01-01"), day("2026-12-31"), now).expect("a period");
        let evaluation = evaluate(None, &asked, facts().into_iter());
        let found = sections(&evaluation);
        assert_eq!(found.len(), 9, "every table is there");
        let plots = Shown::ALL.map(|shown| plot(&map(), &evaluation, shown, &recorder).table);
        for section in found.iter().chain(&plots) {
            for text in section.columns.iter().chain([&section.title, &section.note]) {
                recorder.word(text);
            }
            for cell in section.rows.iter().flatten() {
                cell.shown_in(&recorder);
            }
            if let Some(chart) = &section.chart {
                svg(chart, "x", &recorder);
                chart.series.iter().chain([&chart.title]).for_each(|text| {
                    recorder.word(text);
                });
            }
        }
        let bars = (0..30).map(|n| (n.to_string(), vec![Some(1.0)])).collect();
        let long = Chart { title: "", unit: "", upright: false, series: vec![], bars };
        svg(&long, "x", &recorder);
        for verdict in [Verdict::Gehaald, Verdict::NietGehaald, Verdict::GeenUitspraak] {
            recorder.word(verdict.in_words());
        }
        super::super::pages::evaluation::WORDS_OF_CELLS.iter().for_each(|text| {
            recorder.word(text);
        });
        let mut texts = recorder.0.into_inner();
        texts.remove("");
        texts
    }

    #[test]
    fn every_fixed_text_of_figures_is_there_in_both_languages() {
        let mut names: BTreeMap<String, &str> = BTreeMap::new();
        let mut lacking = Vec::new();
        for text in texts() {
            let name = name_of(text);
            for language in [Language::Dutch, Language::English] {
                if language.find(&name, &[("x", "x".into()), ("y", "y".into())]).is_none() {
                    lacking.push(format!("{name} = {text}"));
                }
            }
            let dutch = Tongue::say(&Language::Dutch, text, "een", "twee");
            if !lacking.is_empty() {
                continue;
            }
            assert_eq!(dutch, Dutch.say(text, "een", "twee"), "said in another way");
            assert_eq!(names.insert(name, text), None, "two texts have one name: {text}");
        }
        lacking.dedup();
        assert!(lacking.is_empty(), "{}", lacking.join("\n"));
    }

    #[test]
    fn no_fixed_text_of_figures_is_left_over() {
        let known: BTreeSet<String> = texts().into_iter().map(name_of).collect();
        let lines = include_str!("words/nl.ftl").lines();
        let names = lines.filter_map(|line| line.split_once(" =")).map(|(name, _)| name);
        let left: Vec<_> =
            names.filter(|n| n.starts_with("cijfer-") && !known.contains(*n)).collect();
        assert_eq!(left, Vec::<&str>::new());
    }

    #[test]
    fn numbers_are_written_as_the_reader_does() {
        assert_eq!(Language::Dutch.number(1234.5), "1.234,5");
        assert_eq!(Language::English.number(1234.5), "1,234.5");
    }
}
