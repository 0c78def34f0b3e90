//! From which day until which day something holds, by Amsterdam's calendar.

use jiff::civil::Date;
use toml::Spanned;

use super::problem::{Problem, SourceText};
use crate::message::Timestamp;

/// Year, month, day; compares as days do.
type Day = (i16, i8, i8);

/// A span of days, both included; an open end has no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validity {
    from: Option<Day>,
    until: Option<Day>,
}

impl Validity {
    /// Reads `geldigVan` and `geldigTot`, and reports what is no day or ends before it begins.
    pub fn read(
        from: Option<&Spanned<String>>,
        until: Option<&Spanned<String>>,
        source: &SourceText<'_>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut read = |text: Option<&Spanned<String>>| {
            let text = text?;
            let day = day(text.get_ref());
            if day.is_none() {
                problems.push(source.problem(text.span().start, "datum", "schrijf JJJJ-MM-DD"));
            }
            day
        };
        let validity = Self { from: read(from), until: read(until) };
        if let (Some(first), Some(last), Some(text)) = (validity.from, validity.until, until)
            && last < first
        {
            let what = "geldigTot ligt vóór geldigVan";
            problems.push(source.problem(text.span().start, "datum", what));
        }
        validity
    }

    /// A span that ends after this day; `None` where the text is no day.
    pub fn until(last: &str) -> Option<Self> {
        Some(Self { from: None, until: Some(day(last)?) })
    }

    /// Whether this moment falls on one of its days in Amsterdam.
    pub fn holds(&self, now: Timestamp) -> bool {
        if self.from.is_none() && self.until.is_none() {
            return true;
        }
        let today = now.amsterdam_date();
        self.from.is_none_or(|day| day <= today) && self.until.is_none_or(|day| today <= day)
    }
}

pub(super) fn day(text: &str) -> Option<Day> {
    let date: Date = text.parse().ok().filter(|_| text.len() == "JJJJ-MM-DD".len())?;
    Some((date.year(), date.month(), date.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn both_days_count_from_midnight_to_midnight_in_amsterdam() {
        let november = Validity { from: day("2026-11-01"), until: day("2026-11-30") };
        for (moment, holds) in [
            ("2026-10-31T22:59:59Z", false), // 23:59:59 on the 31st
            ("2026-10-31T23:00:00Z", true),
            ("2026-11-30T22:59:59Z", true), // 23:59:59 on the 30th
            ("2026-11-30T23:00:00Z", false),
        ] {
            assert_eq!(november.holds(at(moment)), holds, "{moment}");
        }
        let july = Validity { from: day("2026-07-01"), until: day("2026-07-01") };
        for (moment, holds) in [
            ("2026-06-30T21:59:59Z", false), // in summer the day begins at 22:00 UTC
            ("2026-06-30T22:00:00Z", true),
            ("2026-07-01T21:59:59Z", true),
            ("2026-07-01T22:00:00Z", false),
        ] {
            assert_eq!(july.holds(at(moment)), holds, "{moment}");
        }
    }

    #[test]
    fn an_open_end_has_no_limit() {
        assert!(Validity::default().holds(at("1970-01-01T00:00:00Z")));
        let ends = Validity::until("2026-11-30").unwrap();
        assert!(ends.holds(at("1970-01-01T00:00:00Z")) && !ends.holds(at("2027-01-01T00:00:00Z")));
    }

    #[test]
    fn only_a_full_date_is_a_day() {
        for text in ["2026-02-30", "20261101", "2026-11", "1 november", ""] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
