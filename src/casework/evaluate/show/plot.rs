//! Figures on the map. A shade is never alone: the amount stands in the shape where it fits, shades
//! differ in pattern too, and the table beside the map says the same of every neighbourhood.
//!
//! What the evaluation does not tell is not on the map either: such a neighbourhood is hatched.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::map::{Area, Map, WIDTH};
use super::sections::{Cell, FEW, Section, float};
use super::{Tongue, clean, escape};
use crate::casework::evaluate::{AreaRow, Evaluation};

/// How many shades there are.
const SHADES: usize = 4;
/// What one line of the legend takes.
const LINE: f64 = 24.0;

/// What the map shows of a neighbourhood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// For every thousand inhabitants: neighbourhoods of different size can be compared.
    #[default]
    PerThousand,
    Signals,
}

impl Shown {
    pub const ALL: [Self; 2] = [Self::PerThousand, Self::Signals];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shown| shown.as_str() == text)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PerThousand => "per-1000",
            Self::Signals => "aantal",
        }
    }

    /// In words, as a column.
    pub const fn column(self) -> &'static str {
        match self {
            Self::PerThousand => "signalen per duizend inwoners",
            Self::Signals => "signalen",
        }
    }
}

/// A map with its table.
pub struct Plot {
    pub svg: String,
    pub table: Section,
}

/// How a neighbourhood is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    Shade(usize, f64),
    /// Too few to tell.
    Hidden,
    /// There is nothing to show of it.
    Bare,
}

/// The map of an evaluation. Neighbourhoods without a row are drawn bare; rows without a shape
/// stand in the table, which says so.
pub fn plot(map: &Map, evaluation: &Evaluation, shown: Shown, tongue: &dyn Tongue) -> Plot {
    let rows: BTreeMap<&str, &AreaRow> =
        evaluation.per_buurt.iter().map(|row| (row.buurt.as_str(), row)).collect();
    let shades = Shades::of(evaluation, shown);
    let looks: BTreeMap<&str, Look> = map
        .codes()
        .map(|code| (code, rows.get(code).map_or(Look::Bare, |row| shades.look(row, shown))))
        .collect();
    let drawing = Drawing { map, rows: &rows, looks: &looks, shades: &shades, shown, tongue };
    Plot { svg: drawing.svg(), table: drawing.table() }
}

/// What is told of a neighbourhood, where something is.
fn value_of(row: &AreaRow, shown: Shown) -> Option<f64> {
    let signals = float(row.signalen?);
    match shown {
        Shown::Signals => Some(signals),
        Shown::PerThousand => {
            let people = row.inwoners.filter(|people| *people > 0)?;
            Some((signals * 10_000.0 / float(people)).round() / 10.0)
        }
    }
}

/// Amounts in at most four groups of as many neighbourhoods; equal amounts are in one.
struct Shades {
    /// In order.
    values: Vec<f64>,
}

impl Shades {
    fn of(evaluation: &Evaluation, shown: Shown) -> Self {
        let rows = evaluation.per_buurt.iter();
        let mut values: Vec<f64> = rows.filter_map(|row| value_of(row, shown)).collect();
        values.sort_by(f64::total_cmp);
        Self { values }
    }

    fn look(&self, row: &AreaRow, shown: Shown) -> Look {
        match value_of(row, shown) {
            Some(value) => Look::Shade(self.shade(value), value),
            None if row.signalen.is_none() => Look::Hidden,
            None => Look::Bare,
        }
    }

    fn shade(&self, value: f64) -> usize {
        let below = self.values.partition_point(|other| *other < value);
        (below * SHADES / self.values.len().max(1)).min(SHADES - 1)
    }

    /// The lowest and the highest amount of a shade that is there.
    fn range(&self, shade: usize) -> Option<(f64, f64)> {
        let mut of = self.values.iter().copied().filter(|value| self.shade(*value) == shade);
        let first = of.next()?;
        Some((first, of.next_back().unwrap_or(first)))
    }

    fn in_words(&self, shade: usize, tongue: &dyn Tongue) -> Option<String> {
        let (low, high) = self.range(shade)?;
        let (low, high) = (tongue.number(low), tongue.number(high));
        Some(if low == high { low } else { tongue.say("{x} tot en met {y}", &low, &high) })
    }
}

struct Drawing<'a> {
    map: &'a Map,
    rows: &'a BTreeMap<&'a str, &'a AreaRow>,
    looks: &'a BTreeMap<&'a str, Look>,
    shades: &'a Shades,
    shown: Shown,
    tongue: &'a dyn Tongue,
}

impl Drawing<'_> {
    fn svg(&self) -> String {
        let mut shapes = String::new();
        let mut words = String::new();
        for (code, area) in &self.map.areas {
            let look = self.looks.get(code.as_str()).copied().unwrap_or(Look::Bare);
            let told = escape(&format!("{}: {}", self.name(code), self.told(look)));
            let class = class(look);
            let _ = write!(
                shapes,
                "<path class=\"kb {class}\" fill-rule=\"evenodd\" d=\"{}\"{}>\
                 <title>{told}</title></path>",
                path(area),
                fill(look),
            );
            let Look::Shade(_, value) = look else { continue };
            let sign = self.tongue.number(value);
            if let Some((x, y)) = area.room_for(sign.chars().count()) {
                let sign = escape(&sign);
                let _ = write!(
                    words,
                    "<text class=\"kt\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{sign}\
                     </text>",
                    y + 4.5,
                );
            }
        }
        let (legend, height) = self.legend();
        let title = self.tongue.say("Kaart: {x} per buurt", &self.unit(), "");
        format!(
            "<svg class=\"kaart\" role=\"img\" aria-labelledby=\"kaart-t kaart-d\" \
             viewBox=\"0 0 {WIDTH} {height:.0}\" xmlns=\"http://www.w3.org/2000/svg\">\
             <title id=\"kaart-t\">{}</title><desc id=\"kaart-d\">{}</desc>{PATTERNS}{shapes}\
             {words}{legend}</svg>\n",
            escape(&title),
            escape(&self.description()),
        )
    }

    fn unit(&self) -> String {
        self.tongue.word(self.shown.column())
    }

    fn name(&self, code: &str) -> String {
        let of_map = || self.map.areas.get(code).and_then(|area| area.name.clone());
        let row = self.rows.get(code).map(|row| clean(&row.naam)).filter(|name| name != code);
        row.or_else(of_map).unwrap_or_else(|| code.to_owned())
    }

    fn told(&self, look: Look) -> String {
        match look {
            Look::Shade(_, value) => self.tongue.number(value),
            Look::Hidden => self.tongue.word(FEW),
            Look::Bare => self.tongue.word("geen cijfers"),
        }
    }

    fn description(&self) -> String {
        let tongue = self.tongue;
        let count =
            |wanted: fn(&Look) -> bool| self.looks.values().filter(|look| wanted(look)).count();
        let highest = self.looks.iter().filter_map(|(code, look)| match look {
            Look::Shade(_, value) => Some((*code, *value)),
            _ => None,
        });
        let mut told = tongue.say("Kaart van {x} buurten.", &self.map.areas.len().to_string(), "");
        if let Some((code, most)) = highest.max_by(|one, other| one.1.total_cmp(&other.1)) {
            let most = tongue.number(most);
            told.push(' ');
            told.push_str(&tongue.say("Het hoogst is {x} met {y}.", &self.name(code), &most));
        }
        let hidden = count(|look| *look == Look::Hidden);
        if hidden > 0 {
            told.push(' ');
            let count = hidden.to_string();
            told.push_str(&tongue.say("{x} buurten zijn gearceerd.", &count, ""));
        }
        format!("{told} {}", tongue.word("Alle cijfers staan in de tabel hierbij."))
    }

    /// Its lines below the map, and how high all is then.
    fn legend(&self) -> (String, f64) {
        let is_there = |wanted: Look| self.looks.values().any(|look| *look == wanted);
        let mut lines: Vec<(Look, String)> = (0..SHADES)
            .filter_map(|shade| {
                let range = self.shades.in_words(shade, self.tongue)?;
                Some((Look::Shade(shade, 0.0), range))
            })
            .collect();
        for (look, dutch) in [
            (Look::Hidden, "gearceerd: minder dan 5, of verborgen om dat niet te verraden"),
            (Look::Bare, "zonder vlak: geen cijfers"),
        ] {
            if is_there(look) {
                lines.push((look, self.tongue.word(dutch)));
            }
        }
        let mut drawn = String::new();
        let mut y = self.map.height + 12.0;
        let _ = write!(
            drawn,
            "<text class=\"kl\" x=\"1\" y=\"{:.1}\">{}</text>",
            y + 13.0,
            escape(&self.unit()),
        );
        for (look, words) in lines {
            y += LINE;
            let _ = write!(
                drawn,
                "<rect class=\"kb {}\" x=\"1\" y=\"{y:.1}\" width=\"28\" height=\"16\"{}/>\
                 <text x=\"38\" y=\"{:.1}\">{}</text>",
                class(look),
                fill(look),
                y + 13.0,
                escape(&words),
            );
        }
        (drawn, y + LINE)
    }

    /// Every neighbourhood of the map and of the evaluation.
    fn table(&self) -> Section {
        let mut rows = Vec::new();
        for (code, look) in self.looks {
            let (value, place) = match look {
                Look::Shade(shade, value) => {
                    let words = self.shades.in_words(*shade, self.tongue).unwrap_or_default();
                    (Cell::Number(*value), words)
                }
                Look::Hidden => (Cell::Hidden, self.tongue.word("gearceerd")),
                Look::Bare => (Cell::Empty, self.tongue.word("zonder vlak")),
            };
            rows.push(vec![
                Cell::text(&self.name(code)),
                Cell::text(code),
                value,
                Cell::Text(place),
            ]);
        }
        let absent = self.rows.iter().filter(|(code, _)| !self.looks.contains_key(**code));
        for (code, row) in absent {
            let value = match value_of(row, self.shown) {
                Some(value) => Cell::Number(value),
                None if row.signalen.is_none() => Cell::Hidden,
                None => Cell::Empty,
            };
            let place = Cell::Text(self.tongue.word("staat niet op de kaart"));
            rows.push(vec![Cell::text(&self.name(code)), Cell::text(code), value, place]);
        }
        Section {
            id: "kaart",
            title: "Kaart van de buurten",
            note: "",
            columns: vec!["buurt", "code", self.shown.column(), "op de kaart"],
            rows,
            chart: None,
        }
    }
}

/// The fillings: dots of the shade's own colour, dots of the ground's, and hatching.
const PATTERNS: &str = "<defs>\
    <pattern id=\"kaart-p1\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
    <rect class=\"k0\" width=\"8\" height=\"8\"/><circle class=\"s1\" cx=\"4\" cy=\"4\" r=\"1.7\"/>\
    </pattern>\
    <pattern id=\"kaart-p2\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
    <rect class=\"s1\" width=\"8\" height=\"8\"/><circle class=\"kg\" cx=\"4\" cy=\"4\" r=\"2.2\"/>\
    </pattern>\
    <pattern id=\"kaart-ph\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><rect class=\"kg\" width=\"7\" height=\"7\"/>\
    <rect class=\"kh\" width=\"1.6\" height=\"7\"/></pattern></defs>";

const fn fill(look: Look) -> &'static str {
    match look {
        Look::Shade(1, _) => " fill=\"url(#kaart-p1)\"",
        Look::Shade(2, _) => " fill=\"url(#kaart-p2)\"",
        Look::Hidden => " fill=\"url(#kaart-ph)\"",
        Look::Shade(..) | Look::Bare => "",
    }
}

const fn class(look: Look) -> &'static str {
    match look {
        Look::Shade(0, _) => "k0",
        Look::Shade(3, _) => "s1",
        Look::Bare => "kn",
        Look::Shade(..) | Look::Hidden => "kp",
    }
}

/// The shape, to a tenth of a pixel; points that fall together there are one.
fn path(area: &Area) -> String {
    let mut drawn = String::new();
    for ring in &area.rings {
        let mut last: Option<(f64, f64)> = None;
        for (x, y) in ring {
            let at = ((x * 10.0).round() / 10.0, (y * 10.0).round() / 10.0);
            match last {
                None => drawn.push_str(&format!("M{} {}", tenths(at.0), tenths(at.1))),
                Some(from) if from == at => continue,
                Some(from) => {
                    drawn.push_str(&format!(
                        "l{} {}",
                        tenths(at.0 - from.0),
                        tenths(at.1 - from.1)
                    ));
                }
            }
            last = Some(at);
        }
        drawn.push('z');
    }
    drawn
}

fn tenths(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}
