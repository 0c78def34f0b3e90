//! Charts as inline SVG, made here so that the report needs no script. Each has a title and a
//! description for who cannot see it, series differ in more than colour, and the same numbers
//! stand in the table beside it.

use std::fmt::Write as _;

use super::sections::Chart;
use super::{Tongue, escape, place};

const WIDTH: f64 = 720.0;
/// Where bars begin, and how much is left beside them for their numbers.
const LABEL: f64 = 230.0;
const BESIDE: f64 = 70.0;
const BAR: f64 = 14.0;
const GAP: f64 = 12.0;
const LEGEND: f64 = 30.0;
const COLUMNS_HIGH: f64 = 180.0;
/// More bars are no picture; the table has all.
const BARS_MAX: usize = 25;
/// So many characters of a name fit before the bars.
const NAME_CHARS: usize = 27;

/// A bar: its name, and a value for each series.
type Bar = (String, Vec<Option<f64>>);

/// What every part of one drawing needs.
struct Pen<'a> {
    chart: &'a Chart,
    /// The highest value, which the others are measured by.
    most: f64,
    /// Begins the names of its parts, so that more charts can stand on one page.
    id: &'a str,
    tongue: &'a dyn Tongue,
}

/// The chart, or nothing where there is no number to show.
pub fn svg(chart: &Chart, id: &str, tongue: &dyn Tongue) -> String {
    let most = chart.bars.iter().flat_map(|(_, values)| values.iter().flatten());
    let most = most.copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return String::new();
    }
    let mut bars: Vec<&Bar> = chart.bars.iter().collect();
    let left_out = !chart.upright && bars.len() > BARS_MAX;
    if left_out {
        let highest = |(_, values): &Bar| values.iter().flatten().copied().fold(0.0, f64::max);
        bars.sort_by(|a, b| highest(b).total_cmp(&highest(a)));
        bars.truncate(BARS_MAX);
    }
    let pen = Pen { chart, most, id, tongue };
    let (drawn, height) = if chart.upright { pen.columns(&bars) } else { pen.rows(&bars) };
    let mut title = tongue.word(chart.title);
    if left_out {
        title = tongue.say("{x} (de {y} hoogste)", &title, &BARS_MAX.to_string());
    }
    format!(
        "<svg role=\"img\" aria-labelledby=\"{id}-t {id}-d\" viewBox=\"0 0 {WIDTH} {height}\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title id=\"{id}-t\">{}</title>\
         <desc id=\"{id}-d\">{}</desc>{}{}{drawn}</svg>\n",
        escape(&title),
        escape(&pen.description(&bars)),
        pattern(id),
        pen.legend(),
    )
}

impl Pen<'_> {
    /// What the picture shows, in words.
    fn description(&self, bars: &[&Bar]) -> String {
        let tongue = self.tongue;
        let series: Vec<String> = self.chart.series.iter().map(|name| tongue.word(name)).collect();
        let mut told = tongue.say("Staafdiagram van {x}.", &series.join(", "), "");
        if let Some((name, _)) = bars.iter().find(|(_, values)| values.contains(&Some(self.most))) {
            let amount = self.amount(self.most);
            told = format!("{told} {}", tongue.say("Het hoogst is {x} met {y}.", name, &amount));
        }
        format!("{told} {}", tongue.word("Alle cijfers staan in de tabel hierbij."))
    }

    fn amount(&self, value: f64) -> String {
        let (number, unit) = (self.tongue.number(value), self.chart.unit);
        if unit.is_empty() { number } else { format!("{number} {unit}") }
    }

    fn legend(&self) -> String {
        if self.chart.series.len() < 2 {
            return String::new();
        }
        let mut drawn = String::new();
        for (at, name) in self.chart.series.iter().enumerate() {
            let x = place(at) * 190.0;
            let _ = write!(
                drawn,
                "<rect x=\"{}\" y=\"6\" width=\"14\" height=\"14\" {}/>\
             <text x=\"{}\" y=\"18\">{}</text>",
                x + 1.0,
                style(self.id, at),
                x + 22.0,
                escape(&self.tongue.word(name)),
            );
        }
        drawn
    }

    /// Bars below each other, each with its number.
    fn rows(&self, bars: &[&Bar]) -> (String, f64) {
        let scale = (WIDTH - LABEL - BESIDE) / self.most;
        let top = if self.chart.series.len() > 1 { LEGEND } else { 4.0 };
        let mut y = top;
        let mut drawn = String::new();
        for (name, values) in bars {
            let high = BAR * place(values.len());
            let _ = write!(
                drawn,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LABEL - 8.0,
                y + high / 2.0 + 5.0,
                escape(&short(name)),
            );
            for (series, value) in values.iter().enumerate() {
                let upper = y + BAR * place(series);
                let told = value.map_or_else(|| "–".to_owned(), |value| self.amount(value));
                let wide = value.unwrap_or(0.0) * scale;
                let _ = write!(
                    drawn,
                    "<rect x=\"{LABEL}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{}\" {}/>\
                 <text class=\"n\" x=\"{:.1}\" y=\"{:.1}\">{told}</text>",
                    upper + 1.0,
                    BAR - 2.0,
                    style(self.id, series),
                    LABEL + wide + 5.0,
                    upper + BAR - 3.0,
                );
            }
            y += high + GAP;
        }
        let _ = write!(drawn, "<line x1=\"{LABEL}\" x2=\"{LABEL}\" y1=\"{top}\" y2=\"{y:.1}\"/>");
        (drawn, y.round())
    }

    /// Columns side by side, for what follows each other in time.
    fn columns(&self, bars: &[&Bar]) -> (String, f64) {
        let top = LEGEND + 10.0;
        let foot = top + COLUMNS_HIGH;
        let left = 60.0;
        let step = (WIDTH - left) / place(bars.len().max(1));
        let wide = (step * 0.8 / place(self.chart.series.len().max(1))).min(40.0);
        let mut drawn = String::new();
        for part in [0.0, 0.5, 1.0] {
            let y = foot - COLUMNS_HIGH * part;
            let _ = write!(
                drawn,
                "<line x1=\"{left}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"n\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                y + 4.0,
                self.tongue.number(self.most * part),
            );
        }
        // Not every month of many years can be named below its column.
        let named = bars.len().div_ceil(12).max(1);
        for (at, (name, values)) in bars.iter().enumerate() {
            let x = left + step * place(at) + step * 0.1;
            for (series, value) in values.iter().enumerate() {
                let high = value.unwrap_or(0.0) / self.most * COLUMNS_HIGH;
                let _ = write!(
                    drawn,
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{high:.1}\" {}/>",
                    x + wide * place(series),
                    foot - high,
                    (wide - 2.0).max(1.0),
                    style(self.id, series),
                );
            }
            if at % named == 0 {
                let _ = write!(
                    drawn,
                    "<text class=\"n\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                    foot + 18.0,
                    escape(&short(name)),
                );
            }
        }
        (drawn, (foot + 28.0).round())
    }
}

/// Stripes, so that the second series differs in more than colour.
fn pattern(id: &str) -> String {
    format!(
        "<defs><pattern id=\"{id}-p\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect class=\"s2\" width=\"4\" height=\"6\"/></pattern>\
         </defs>"
    )
}

/// How a series looks: filled, striped, outlined.
fn style(id: &str, series: usize) -> String {
    match series {
        0 => "class=\"s1\"".to_owned(),
        1 => format!("fill=\"url(#{id}-p)\" class=\"r2\""),
        _ => "class=\"r3\"".to_owned(),
    }
}

fn short(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARS - 1).chain(['…']).collect()
}
