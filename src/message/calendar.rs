//! Working days as the law counts them, and terms in working days, hours or minutes.
//!
//! Holidays are those of article 3 of the Algemene termijnenwet. A term in working days ends with
//! the last second of its last day in Amsterdam; a term in hours or minutes runs around the clock,
//! so that a change of the clock neither lengthens nor shortens it (article 4 of that law).

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// No term is longer, in its own unit: a year of working days, a leap year of hours.
const WORKING_DAYS_MOST: u32 = 366;
const HOURS_MOST: u32 = 8_784;
const MINUTES_MOST: u32 = 1_440;

/// Whether a day counts: no Saturday, no Sunday and no holiday.
pub fn is_working_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && holiday(day).is_none()
}

/// The name of the holiday that falls on a day.
pub fn holiday(day: Date) -> Option<&'static str> {
    match (day.month(), day.day()) {
        (1, 1) => return Some("Nieuwjaarsdag"),
        (5, 5) => return Some("Bevrijdingsdag"),
        (12, 25) => return Some("Eerste Kerstdag"),
        (12, 26) => return Some("Tweede Kerstdag"),
        _ => {}
    }
    if day == kings_day(day.year()) {
        return Some("Koningsdag");
    }
    match days_between(easter(day.year()), day) {
        -2 => Some("Goede Vrijdag"),
        0 => Some("Eerste Paasdag"),
        1 => Some("Tweede Paasdag"),
        39 => Some("Hemelvaartsdag"),
        49 => Some("Eerste Pinksterdag"),
        50 => Some("Tweede Pinksterdag"),
        _ => None,
    }
}

/// The day a number of working days after another, itself not counted; 0 is the day itself.
pub fn add_working_days(from: Date, count: u32) -> Date {
    let (mut day, mut left) = (from, count);
    while left > 0 {
        let Ok(next) = day.tomorrow() else { return day };
        day = next;
        left -= u32::from(is_working_day(day));
    }
    day
}

/// The working days after the first day up to and with the second; 0 where it is not later.
pub fn working_days_between(from: Date, until: Date) -> u32 {
    let (mut day, mut count) = (from, 0);
    while day < until {
        let Ok(next) = day.tomorrow() else { return count };
        day = next;
        count += u32::from(is_working_day(day));
    }
    count
}

/// The 27th of April, or the day before where that is a Sunday.
fn kings_day(year: i16) -> Date {
    let day = jiff::civil::date(year, 4, 27);
    if day.weekday() == Weekday::Sunday { jiff::civil::date(year, 4, 26) } else { day }
}

/// Easter Sunday of the Gregorian calendar, by the anonymous algorithm of 1876.
fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (golden, century, rest) = (y % 19, y / 100, y % 100);
    let skipped = (century + 8) / 25;
    let moon = (19 * golden + century - century / 4 - (century - skipped + 1) / 3 + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (rest / 4) - moon - rest % 4) % 7;
    let late = (golden + 11 * moon + 22 * weekday) / 451;
    let number = moon + weekday - 7 * late + 114;
    let part = |value: i32| i8::try_from(value).unwrap_or(1); // a month or a day
    jiff::civil::date(year, part(number / 31), part(number % 31 + 1))
}

fn days_between(from: Date, until: Date) -> i32 {
    from.until(until).map_or(i32::MAX, |span| span.get_days())
}

/// How long something may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Term {
    WorkingDays(u32),
    Hours(u32),
    Minutes(u32),
}

/// What a term must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("schrijf een getal met werkdagen (t/m 366), uur (t/m 8784) of minuten (t/m 1440)")]
pub struct BadTerm;

impl Term {
    /// Reads `5 werkdagen`, `1 werkdag`, `4 uur` or `30 minuten`.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once(' ')?;
        let count: u32 = count.parse().ok().filter(|count| *count > 0)?;
        match unit {
            "werkdag" | "werkdagen" if count <= WORKING_DAYS_MOST => Some(Self::WorkingDays(count)),
            "uur" if count <= HOURS_MOST => Some(Self::Hours(count)),
            "minuut" | "minuten" if count <= MINUTES_MOST => Some(Self::Minutes(count)),
            _ => None,
        }
    }

    /// Whether it runs at night and at weekends too.
    pub const fn is_around_the_clock(self) -> bool {
        !matches!(self, Self::WorkingDays(_))
    }

    /// The last moment of a term that begins now.
    pub fn after(self, begin: Timestamp) -> Timestamp {
        match self {
            Self::WorkingDays(count) => {
                let last = add_working_days(begin.amsterdam_day(), count);
                Timestamp::end_of_amsterdam_day(last).unwrap_or(begin)
            }
            Self::Hours(count) => begin.plus_seconds(i64::from(count) * 3600),
            Self::Minutes(count) => begin.plus_seconds(i64::from(count) * 60),
        }
    }

    /// The moment this long before another; in working days the begin of such a day, in the
    /// morning, so that a reminder does not come at midnight.
    pub fn before(self, end: Timestamp) -> Timestamp {
        let Self::WorkingDays(count) = self else {
            let back = match self {
                Self::Minutes(count) => i64::from(count) * 60,
                Self::Hours(count) | Self::WorkingDays(count) => i64::from(count) * 3600,
            };
            return end.plus_seconds(-back);
        };
        let (mut day, mut left) = (end.amsterdam_day(), count);
        while left > 0 {
            let Ok(earlier) = day.yesterday() else { break };
            day = earlier;
            left -= u32::from(is_working_day(day));
        }
        Timestamp::morning_of_amsterdam_day(day).unwrap_or(end)
    }
}

impl TryFrom<String> for Term {
    type Error = BadTerm;

    fn try_from(text: String) -> Result<Self, BadTerm> {
        Self::parse(&text).ok_or(BadTerm)
    }
}

impl From<Term> for String {
    fn from(term: Term) -> Self {
        term.to_string()
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkingDays(1) => f.write_str("1 werkdag"),
            Self::WorkingDays(count) => write!(f, "{count} werkdagen"),
            Self::Hours(count) => write!(f, "{count} uur"),
            Self::Minutes(1) => f.write_str("1 minuut"),
            Self::Minutes(count) => write!(f, "{count} minuten"),
        }
    }
}

impl Timestamp {
    /// The civil day in Amsterdam.
    pub fn amsterdam_day(self) -> Date {
        let (year, month, day) = self.amsterdam_date();
        jiff::civil::date(year, month, day)
    }

    /// The last second of a day in Amsterdam, which has 23 or 25 hours where the clock changes.
    pub fn end_of_amsterdam_day(day: Date) -> Option<Self> {
        Self::from_amsterdam_civil(&day.at(23, 59, 59, 0).to_string())
    }

    /// Eight in the morning, when people begin to work.
    pub fn morning_of_amsterdam_day(day: Date) -> Option<Self> {
        Self::from_amsterdam_civil(&day.at(8, 0, 0, 0).to_string())
    }

    /// The same moment of the clock so many days later, or earlier where it is negative.
    #[must_use]
    pub fn plus_amsterdam_days(self, days: i32) -> Self {
        let civil = self.amsterdam_civil();
        let moved = civil.checked_add(days.days()).ok();
        moved.and_then(|civil| Self::from_amsterdam_civil(&civil.to_string())).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_holidays_of_some_years_are_those_of_the_almanac() {
        let of = |year: i16| -> Vec<String> {
            let first = jiff::civil::date(year, 1, 1);
            let days = std::iter::successors(Some(first), |day| day.tomorrow().ok());
            let days = days.take_while(|day| day.year() == year);
            let weekday = |day: &Date| day.weekday() != Weekday::Sunday;
            days.filter(|day| holiday(*day).is_some() && weekday(day))
                .map(|d| d.to_string())
                .collect()
        };
        // Easter Monday, Ascension and Whit Monday as published by the central government.
        assert_eq!(
            of(2026),
            [
                "2026-01-01",
                "2026-04-03",
                "2026-04-06",
                "2026-04-27",
                "2026-05-05",
                "2026-05-14",
                "2026-05-25",
                "2026-12-25",
                "2026-12-26",
            ]
        );
        assert_eq!(
            of(2025),
            [
                "2025-01-01",
                "2025-04-18",
                "2025-04-21",
                "2025-04-26",
                "2025-05-05",
                "2025-05-29",
                "2025-06-09",
                "2025-12-25",
                "2025-12-26",
            ],
            "the King's birthday is kept on the 26th where the 27th is a Sunday"
        );
        assert_eq!(easter(2038), day("2038-04-25"), "as late as Easter gets");
        assert_eq!(easter(1818), day("1818-03-22"), "as early as Easter gets");
    }

    #[test]
    fn working_days_pass_over_weekends_and_holidays() {
        assert_eq!(add_working_days(day("2026-11-25"), 0), day("2026-11-25"));
        assert_eq!(add_working_days(day("2026-11-25"), 3), day("2026-11-30"));
        // Friday the 24th of December 2027; both days of Christmas are in the weekend.
        assert_eq!(add_working_days(day("2027-12-24"), 1), day("2027-12-27"));
        assert_eq!(add_working_days(day("2026-04-02"), 1), day("2026-04-07"), "over Easter");
        assert_eq!(working_days_between(day("2026-04-02"), day("2026-04-07")), 1);
        assert_eq!(working_days_between(day("2026-11-25"), day("2026-11-25")), 0);
        assert_eq!(working_days_between(day("2026-11-28"), day("2026-11-30")), 1);
        assert_eq!(working_days_between(day("2026-11-30"), day("2026-11-28")), 0);
    }

    #[test]
    fn a_term_in_working_days_ends_with_its_day_on_both_sides_of_a_change_of_the_clock() {
        let two = Term::WorkingDays(2);
        // Summer time ends on Sunday the 25th of October 2026.
        assert_eq!(two.after(at("2026-10-23T12:00:00+02:00")), at("2026-10-27T23:59:59+01:00"));
        // And begins on Sunday the 29th of March 2026.
        assert_eq!(two.after(at("2026-03-27T12:00:00+01:00")), at("2026-03-31T23:59:59+02:00"));
        // Just after midnight in Amsterdam it is still the day before in UTC.
        assert_eq!(two.after(at("2026-06-30T22:30:00Z")), at("2026-07-03T23:59:59+02:00"));
    }

    #[test]
    fn a_term_in_hours_is_as_long_in_the_night_when_the_clock_changes() {
        let day = Term::Hours(24);
        assert_eq!(day.after(at("2026-10-24T20:00:00+02:00")), at("2026-10-25T19:00:00+01:00"));
        assert_eq!(day.after(at("2026-03-28T20:00:00+01:00")), at("2026-03-29T21:00:00+02:00"));
        assert_eq!(Term::Minutes(30).after(at("2026-10-25T00:45:00Z")), at("2026-10-25T01:15:00Z"));
    }

    #[test]
    fn what_comes_before_a_term_comes_in_the_morning_of_a_working_day() {
        let end = at("2026-04-07T23:59:59+02:00");
        assert_eq!(Term::WorkingDays(1).before(end), at("2026-04-02T08:00:00+02:00"));
        assert_eq!(Term::Hours(2).before(end), at("2026-04-07T21:59:59+02:00"));
    }

    #[test]
    fn a_term_is_read_as_it_is_written() {
        for text in ["1 werkdag", "10 werkdagen", "4 uur", "1 minuut", "30 minuten"] {
            assert_eq!(Term::parse(text).unwrap().to_string(), text);
        }
        for wrong in
            ["", "5", "werkdagen", "0 uur", "-1 uur", "5 weken", "1000 werkdagen", "5  uur"]
        {
            assert_eq!(Term::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_of_the_calendar_keep_the_time_of_the_clock() {
        let friday = at("2026-10-23T12:00:00+02:00");
        assert_eq!(friday.plus_amsterdam_days(7), at("2026-10-30T12:00:00+01:00"));
        assert_eq!(friday.plus_amsterdam_days(-1), at("2026-10-22T12:00:00+02:00"));
    }
}
