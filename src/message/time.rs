//! Points in time, as microseconds since 1970 in UTC; what people read is Amsterdam time.

use std::fmt;

use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

static PARSER: DateTimeParser = DateTimeParser::new();
static AMSTERDAM: TimeZone = jiff::tz::get!("Europe/Amsterdam");

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

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

    /// The civil date in Amsterdam as year, month, day.
    pub fn amsterdam_date(self) -> (i16, i8, i8) {
        let date = self.jiff().to_zoned(AMSTERDAM.clone()).date();
        (date.year(), date.month(), date.day())
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
