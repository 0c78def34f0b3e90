//! Targets: what was wanted, what was found, and whether anything can be said.

use jiff::civil::date;

use super::conceal::{HIDDEN_BELOW, share_is_told};
use super::days::span;
use super::report::{TargetRow, Verdict};
use super::rows::{Maker, median, percentage, quantile_90};
use super::tally::Sum;
use crate::catalogue::programme::{Direction, Measure, Programme, Target, Unit, number};

const CLOSED: &str = "gesloten casussen";

/// What was found for a target, and of how many.
struct Found {
    value: Option<f64>,
    of: u64,
    /// What was counted, in the plural.
    what: &'static str,
    /// Whether the value may be told.
    told: bool,
}

impl Maker<'_> {
    pub fn targets(&self, programme: &Programme) -> Vec<TargetRow> {
        let targets = programme.targets.iter().filter(|target| self.is_in_view(target));
        targets.map(|target| self.judge(programme, target)).collect()
    }

    /// Whether what was asked covers the target as a whole.
    fn is_in_view(&self, target: &Target) -> bool {
        let theme = self.asked.theme.is_none() || self.asked.theme == target.theme;
        let area = self.asked.area.as_ref().is_none_or(|asked| {
            target.area.as_ref().is_some_and(|area| asked.contains(area.as_str()))
        });
        theme && area
    }

    fn judge(&self, programme: &Programme, target: &Target) -> TargetRow {
        let share = self.share_of_year(target.year);
        let measure = target.measure;
        let counts = matches!(measure, Measure::Signals | Measure::SignalsPerThousand);
        let norm = if counts { tenth(target.norm * share) } else { target.norm };
        let row = |found: Option<f64>, verdict, why: String| {
            let step = target.step.clone().unwrap_or_else(|| measure.next_step().to_owned());
            TargetRow {
                doel: target.id.clone(),
                prioriteit: target.priority.clone(),
                zin: programme.in_words(target),
                maat: measure.as_str(),
                norm,
                gevonden: found,
                oordeel: verdict,
                uitleg: why,
                stap: match verdict {
                    Verdict::NietGehaald => Some(step),
                    _ => None,
                },
            }
        };
        if share == 0.0 {
            let why = format!("{} valt buiten de periode", target.year);
            return row(None, Verdict::GeenUitspraak, why);
        }
        let found = self.find(programme, target);
        let Some(value) = found.value.filter(|_| found.of >= self.minimum) else {
            return TargetRow {
                stap: Some(self.when_too_few(&found)),
                ..row(None, Verdict::GeenUitspraak, self.too_few(&found))
            };
        };
        let met = match measure.direction() {
            Direction::AtMost => value <= norm,
            Direction::AtLeast => value >= norm,
        };
        let verdict = if met { Verdict::Gehaald } else { Verdict::NietGehaald };
        let wanted = programme.amount(measure, norm);
        let mut wanted = format!("gewenst {} {wanted}", measure.direction().as_str());
        if counts && share < 1.0 {
            let part = number(share * 100.0);
            wanted.push_str(&format!(", naar rato van {part} % van het jaar"));
        }
        if !found.told {
            let why = format!(
                "het gevonden aandeel gaat over minder dan {HIDDEN_BELOW} en wordt niet genoemd; \
                 {wanted}"
            );
            return row(None, verdict, why);
        }
        let told = programme.amount(measure, value);
        let over = match measure {
            Measure::Signals => String::new(),
            _ => format!(" over {} {}", number(float(found.of)), found.what),
        };
        let apart = if met { String::new() } else { apart(programme, measure, value, norm) };
        let why = format!("gevonden {told}{over}; {wanted}{apart}");
        row(Some(value), verdict, why)
    }

    /// Which part of a year was evaluated; 0 where none of it.
    fn share_of_year(&self, year: i16) -> f64 {
        let (first, last) = (date(year, 1, 1), date(year, 12, 31));
        let (from, until) = (self.asked.from().max(first), self.asked.until().min(last));
        if until < from {
            return 0.0;
        }
        f64::from(span(from, until) + 1) / f64::from(span(first, last) + 1)
    }

    fn find(&self, programme: &Programme, target: &Target) -> Found {
        // Of signals elsewhere it is not known among how many people they are.
        let counted = target.measure == Measure::SignalsPerThousand;
        let area = |number: u32| {
            let code = self.tally.name(number);
            target.area.as_ref().is_none_or(|area| area.contains(code))
                && (!counted || programme.areas.contains_key(code))
        };
        let theme = |number: u32| {
            target.theme.as_deref().is_none_or(|theme| theme == self.tally.name(number))
        };
        let sum = self.tally.sum(|key| {
            !key.earlier && key.month.0 == target.year && theme(key.theme) && area(key.area)
        });
        self.measure(programme, target, &sum)
    }

    fn measure(&self, programme: &Programme, target: &Target, sum: &Sum) -> Found {
        let all = |value, of, what| Found { value, of, what, told: true };
        let kind = target.kind.as_ref().map(|kind| kind.name.as_str());
        let tasks = sum.tasks_of(|number| kind.is_none_or(|kind| kind == self.tally.name(number)));
        let signals = sum.all_signals();
        let (part, of, what) = match target.measure {
            Measure::Signals => return all(Some(float(signals)), signals, "signalen"),
            Measure::SignalsPerThousand => {
                let areas = programme.areas.iter();
                let inside = areas.filter(|(code, _)| {
                    target.area.as_ref().is_none_or(|area| area.contains(code))
                });
                let people: u64 = inside.map(|(_, area)| area.inhabitants).sum();
                let rate = (people > 0).then(|| tenth(float(signals) * 1000.0 / float(people)));
                return all(rate, signals, "signalen");
            }
            Measure::LeadMedian => return all(median(&sum.leads), sum.closed, CLOSED),
            Measure::LeadP90 => return all(quantile_90(&sum.leads), sum.closed, CLOSED),
            Measure::ReceivedInTime => (tasks.received.met, tasks.received.of, "actieverzoeken"),
            Measure::AcceptedInTime => (tasks.accepted.met, tasks.accepted.of, "actieverzoeken"),
            Measure::DoneInTime => (tasks.done.met, tasks.done.of, "actieverzoeken"),
            Measure::Refused => (tasks.refused, tasks.answered, "beantwoorde actieverzoeken"),
            Measure::Recurring => (sum.recurring, sum.opened, "geopende casussen"),
            Measure::FromResidents => (self.residents(sum), signals, "signalen"),
        };
        let small = target.area.as_ref().is_some_and(|area| area.is_small());
        Found { value: percentage(part, of), of, what, told: share_is_told(part, of, small) }
    }

    fn too_few(&self, found: &Found) -> String {
        if found.of >= self.minimum {
            return "van dit gebied is geen aantal inwoners bekend".to_owned();
        }
        format!("er zijn minder dan {} {}; dat is te weinig", self.minimum, found.what)
    }

    fn when_too_few(&self, found: &Found) -> String {
        if found.of >= self.minimum {
            return "zet de buurten van dit gebied in config/programme.toml".to_owned();
        }
        "wacht op meer gegevens, of kijk of hierover nog wel wordt gemeld en gevraagd".to_owned()
    }
}

/// How far apart target and reality are.
fn apart(programme: &Programme, measure: Measure, value: f64, norm: f64) -> String {
    let gap = tenth((value - norm).abs());
    let side = if value > norm { "meer" } else { "minder" };
    match measure.unit() {
        Unit::Percent => format!("; dat scheelt {} procentpunt", number(gap)),
        Unit::Days => format!("; dat is {} te lang", programme.amount(measure, gap)),
        Unit::Signals | Unit::SignalsPerThousand => format!("; dat is {} {side}", number(gap)),
    }
}

/// To one decimal.
pub fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A count as a number to divide.
#[expect(clippy::cast_precision_loss, reason = "no count comes near two to the power 52")]
pub const fn float(count: u64) -> f64 {
    count as f64
}
