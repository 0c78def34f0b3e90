//! The programme (*uitvoeringsprogramma*): priorities and targets per theme, area and year.
//!
//! What it says is compared with what happened by `casework::evaluate`; here it is only read and
//! checked. A change of it is a change of the set, so `schakel activate` versions and records it.

mod area;
mod load;
mod measure;

use std::collections::BTreeMap;

use jiff::civil::Date;

pub use self::area::AreaCode;
pub use self::measure::{Direction, Measure, Unit};

/// Where the programme stands in a set that has one.
pub const FILE: &str = "config/programme.toml";

/// Nothing is concluded from fewer than this, unless a programme asks for more.
pub const MINIMUM: u64 = 10;
/// Neighbourhoods of one programme at most: more than the largest municipality has.
pub const AREAS_MAX: usize = 2_000;
/// Targets of one programme at most: more are no priorities.
pub const TARGETS_MAX: usize = 500;

/// A checked programme.
#[derive(Debug, Clone)]
pub struct Programme {
    pub name: String,
    /// The first and the last day, both included.
    pub from: Date,
    pub until: Date,
    pub days: DayCount,
    /// Fewer than this many: no conclusion. Never below `MINIMUM`.
    pub minimum: u64,
    /// Neighbourhoods by their CBS code.
    pub areas: BTreeMap<String, Area>,
    pub priorities: Vec<Priority>,
    pub targets: Vec<Target>,
    /// Names of themes, for people.
    pub themes: BTreeMap<String, String>,
}

/// How lead times are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayCount {
    Working,
    Calendar,
}

impl DayCount {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "werkdagen",
            Self::Calendar => "dagen",
        }
    }
}

/// A neighbourhood (*buurt*) as the CBS counts it.
#[derive(Debug, Clone)]
pub struct Area {
    pub name: String,
    pub inhabitants: u64,
}

/// What the municipality puts first.
#[derive(Debug, Clone)]
pub struct Priority {
    pub id: String,
    pub name: String,
    /// Why, in the words of the council.
    pub text: String,
    /// Empty: every theme.
    pub themes: Vec<String>,
    /// Empty: everywhere.
    pub areas: Vec<AreaCode>,
}

/// One target of one year.
#[derive(Debug, Clone)]
pub struct Target {
    pub id: String,
    pub priority: Option<String>,
    /// None: all themes together.
    pub theme: Option<String>,
    /// None: everywhere.
    pub area: Option<AreaCode>,
    pub year: i16,
    /// A kind of partner, for measures of tasks; none: all together.
    pub kind: Option<Named>,
    pub measure: Measure,
    pub norm: f64,
    /// What the programme itself says to do where it is not met.
    pub step: Option<String>,
}

/// A name with the byte at which it stands in the file, for who looks it up later.
#[derive(Debug, Clone)]
pub struct Named {
    pub at: usize,
    pub name: String,
}

impl Programme {
    /// The name of an area as people know it, with its code.
    pub fn area_in_words(&self, code: &AreaCode) -> String {
        match self.areas.get(code.as_str()) {
            Some(area) => format!("{} ({code})", area.name),
            None if code.as_str().starts_with("WK") => format!("wijk {code}"),
            None => format!("gemeente {code}"),
        }
    }

    /// The name of a theme, or its code where it has none.
    pub fn theme_in_words<'a>(&'a self, code: &'a str) -> &'a str {
        self.themes.get(code).map_or(code, String::as_str)
    }

    /// A norm or a finding with its unit: `12,5 %`, `4 werkdagen`.
    pub fn amount(&self, measure: Measure, value: f64) -> String {
        let number = number(value);
        match measure.unit() {
            Unit::Signals if number == "1" => "1 signaal".to_owned(),
            Unit::Signals => format!("{number} signalen"),
            Unit::SignalsPerThousand => format!("{number} per 1.000 inwoners"),
            Unit::Days if number == "1" => {
                let day = if self.days == DayCount::Working { "werkdag" } else { "dag" };
                format!("1 {day}")
            }
            Unit::Days => format!("{number} {}", self.days.as_str()),
            Unit::Percent => format!("{number} %"),
        }
    }

    /// A target in a sentence.
    pub fn in_words(&self, target: &Target) -> String {
        let theme = target.theme.as_deref().map_or("Alle thema's", |t| self.theme_in_words(t));
        let area = target
            .area
            .as_ref()
            .map(|a| format!(" in {}", self.area_in_words(a)))
            .unwrap_or_default();
        let kind = target.kind.as_ref().map(|k| format!(" door {}", k.name)).unwrap_or_default();
        format!(
            "{theme}{area}, {}: {}{kind} {} {}",
            target.year,
            target.measure.in_words(),
            target.measure.direction().as_str(),
            self.amount(target.measure, target.norm)
        )
    }
}

/// A number as the Dutch write it, with one decimal where it has one: `1.234,5`.
pub fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let (whole, part) = text.split_once('.').unwrap_or((text.as_str(), "0"));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    if part == "0" { format!("{sign}{grouped}") } else { format!("{sign}{grouped},{part}") }
}

/// A whole number as the Dutch write it: `1.234`.
#[expect(clippy::cast_precision_loss, reason = "no count comes near two to the power 52")]
pub fn whole(count: u64) -> String {
    number(count as f64)
}

#[cfg(test)]
mod tests;
