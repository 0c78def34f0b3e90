//! Points in time, as microseconds since 1970 in UTC; what people read is Amsterdam time, and what
//! partners are shown of the hub's own moments is whole seconds.

use std::fmt;

use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

static PARSER: DateTimeParser = DateTimeParser::new();
static AMSTERDAM: TimeZone = jiff::tz::get!("Europe/Amsterdam");

/// Microseconds since 1970-01-01T00:00:00Z; RFC 3339 in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// A moment of the hub as a partner may see it: its fraction is left away.
///
/// All parcels of a message are made in one microsecond, so a finer moment would let two recipients
/// find out that they hold parts of the same message, as surely as an id that they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Timestamp", into = "Timestamp")]
pub struct Second(Timestamp);

impl From<Timestamp> for Second {
    fn from(time: Timestamp) -> Self {
        Self(Timestamp(time.0 - time.0.rem_euclid(1_000_000)))
    }
}

impl From<Second> for Timestamp {
    fn from(second: Second) -> Self {
        second.0
    }
}

/// RFC 3339 without a fraction.
impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is no RFC 3339 point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a point in time as RFC 3339 writes it")]
pub struct BadTimestamp;

impl TryFrom<String> for Timestamp {
    type Error = BadTimestamp;

    fn try_from(text: String) -> Result<Self, BadTimestamp> {
        Self::parse(&text).ok_or(BadTimestamp)
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> String {
        time.to_string()
    }
}

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with `Z` or a numeric offset; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        PARSER.parse_timestamp(text).ok().map(|t| Self(t.as_microsecond()))
    }

    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Whole seconds from `earlier` to this moment; negative where it is the earlier one.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0) / 1_000_000
    }

    /// For people and CAP: `2026-11-23T20:15:00+01:00`, whole seconds, Amsterdam's offset.
    pub fn to_amsterdam(self) -> String {
        let zoned = self.jiff().to_zoned(AMSTERDAM.clone());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// For people, without seconds: `di 1 dec 2026 14:05`, or `Tue 1 Dec 2026 14:05`.
    pub fn to_amsterdam_words(self, english: bool) -> String {
        const DAYS: [[&str; 7]; 2] = [
            ["ma", "di", "wo", "do", "vr", "za", "zo"],
            ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        ];
        const MONTHS: [[&str; 12]; 2] = [
            ["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
        ];
        let civil = self.amsterdam_civil();
        let pick = |names: &[&'static str], at: i8| {
            usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
        };
        let day = pick(&DAYS[usize::from(english)], civil.weekday().to_monday_zero_offset());
        let month = pick(&MONTHS[usize::from(english)], civil.month() - 1);
        format!(
            "{day} {} {month} {} {:02}:{:02}",
            civil.day(),
            civil.year(),
            civil.hour(),
            civil.minute()
        )
    }

    /// The civil date in Amsterdam as year, month, day.
    pub fn amsterdam_date(self) -> (i16, i8, i8) {
        let date = self.jiff().to_zoned(AMSTERDAM.clone()).date();
        (date.year(), date.month(), date.day())
    }

    /// What the clock in Amsterdam shows.
    pub(super) fn amsterdam_civil(self) -> jiff::civil::DateTime {
        self.jiff().to_zoned(AMSTERDAM.clone()).datetime()
    }

    /// Reads a civil time such as `2026-11-20T21:40:00` as Amsterdam's; in the hour that comes
    /// twice it is the first.
    pub fn from_amsterdam_civil(text: &str) -> Option<Self> {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        let zoned = civil.to_zoned(AMSTERDAM.clone()).ok()?;
        Some(Self(zoned.timestamp().as_microsecond()))
    }

    fn jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// For machines: `2026-11-23T19:15:00Z`, with a fraction where there is one.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.jiff().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_amsterdams_clock_in_their_language() {
        let moment = Timestamp::parse("2026-12-31T23:05:59Z").unwrap();
        assert_eq!(moment.to_amsterdam_words(false), "vr 1 jan 2027 00:05");
        assert_eq!(moment.to_amsterdam_words(true), "Fri 1 Jan 2027 00:05");
    }

    #[test]
    fn a_second_has_no_fraction_however_it_is_made() {
        let moment = |text: &str| Timestamp::parse(text).unwrap();
        for (exact, shown) in [
            ("2026-11-23T19:15:00.999999Z", "2026-11-23T19:15:00Z"),
            ("2026-11-23T19:15:00Z", "2026-11-23T19:15:00Z"),
            ("1969-12-31T23:59:58.000001Z", "1969-12-31T23:59:58Z"),
        ] {
            assert_eq!(Second::from(moment(exact)).to_string(), shown);
            assert_eq!(Timestamp::from(Second::from(moment(exact))), moment(shown));
            let json = serde_json::to_string(&Second::from(moment(exact))).unwrap();
            assert_eq!(json, format!("\"{shown}\""));
            // Also where it was stored before seconds were all that is shown.
            let read: Second = serde_json::from_str(&format!("\"{exact}\"")).unwrap();
            assert_eq!(read.to_string(), shown);
        }
    }
}
