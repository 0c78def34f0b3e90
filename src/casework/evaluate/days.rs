//! Lead times in days, looked up: a year of cases asks for many thousands of them.

use jiff::civil::{Date, date};

use crate::catalogue::programme::DayCount;
use crate::message::calendar;

/// Years before the period in which cases of it may have been opened, found without counting.
const YEARS_BACK: i16 = 5;

/// Working days up to and with each day since a first one.
pub struct Days {
    count: DayCount,
    first: Date,
    upto: Vec<u32>,
}

impl Days {
    pub fn new(count: DayCount, until: Date) -> Self {
        let first = date(until.year().saturating_sub(YEARS_BACK).max(1), 1, 1);
        let days = std::iter::successors(Some(first), |day| day.tomorrow().ok());
        let upto = days
            .take_while(|day| *day <= until)
            .scan(0, |sum, day| {
                *sum += u32::from(calendar::is_working_day(day));
                Some(*sum)
            })
            .collect();
        Self { count, first, upto }
    }

    /// The days after the first up to and with the second; 0 where it is not later.
    pub fn between(&self, from: Date, until: Date) -> u32 {
        if self.count == DayCount::Calendar {
            return span(from, until);
        }
        let upto = |day: Date| self.upto.get(span_from(self.first, day)?).copied();
        match (upto(from), upto(until)) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => calendar::working_days_between(from, until),
        }
    }
}

/// Days of the calendar from one to another; 0 where it is not later.
pub fn span(from: Date, until: Date) -> u32 {
    span_from(from, until).and_then(|days| u32::try_from(days).ok()).unwrap_or(0)
}

fn span_from(from: Date, until: Date) -> Option<usize> {
    usize::try_from(from.until(until).ok()?.get_days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_up_is_what_is_counted() {
        let until = date(2026, 12, 31);
        let working = Days::new(DayCount::Working, until);
        for (from, to) in [
            (date(2026, 4, 2), date(2026, 4, 7)),
            (date(2025, 12, 20), date(2026, 1, 5)),
            (date(2026, 11, 30), date(2026, 11, 28)),
            (date(2015, 1, 1), date(2026, 1, 1)),
            (date(2026, 12, 1), date(2027, 2, 1)),
        ] {
            let counted = calendar::working_days_between(from, to);
            assert_eq!(working.between(from, to), counted, "{from} to {to}");
        }
        let all = Days::new(DayCount::Calendar, until);
        assert_eq!(all.between(date(2026, 2, 27), date(2026, 3, 2)), 3);
        assert_eq!(all.between(date(2026, 3, 2), date(2026, 2, 27)), 0);
    }
}
