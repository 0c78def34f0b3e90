//! The time in which the demo is played: it begins months ago, and goes on as the story needs.

use crate::hub::clock;
use crate::message::Timestamp;

/// So many days before today the demo begins: more than the case takes.
const DAYS: i64 = 100;
const DAY_S: i64 = 86_400;
/// Not before the shipped purposes hold (`geldigVan`).
const EARLIEST: &str = "2026-01-02T12:00:00+01:00";

/// The clock of the demo.
pub struct PlayedTime {
    /// What it said when the demo began.
    pub began: Timestamp,
    shift_s: i64,
}

impl PlayedTime {
    /// Puts the clock back to where the demo begins.
    pub fn begin() -> Self {
        let start = clock::now().plus_seconds(-DAYS * DAY_S);
        let began = Timestamp::parse(EARLIEST).map_or(start, |earliest| start.max(earliest));
        let mut time = Self { began, shift_s: 0 };
        time.go_to(began);
        time
    }

    /// Lets the clock say this moment; where that has passed, it goes on as it was.
    pub fn go_on_to(&mut self, moment: Timestamp) {
        if moment > clock::now() {
            self.go_to(moment);
        }
    }

    /// The clock says what clocks outside say.
    pub fn go_home(&mut self) {
        self.shift_s = 0;
        clock::shift(0);
    }

    fn go_to(&mut self, moment: Timestamp) {
        // Whole seconds, and never just before it: what is due then must be due.
        self.shift_s += moment.seconds_since(clock::now()) + 1;
        clock::shift(self.shift_s);
    }
}

/// `maandag 17 augustus 2026`.
pub fn day_in_words(moment: Timestamp) -> String {
    const DAYS: [&str; 7] =
        ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"];
    const MONTHS: [&str; 12] = [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ];
    let date = moment.amsterdam_day();
    let name = |names: &[&'static str], at: i8| {
        usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
    };
    let weekday = name(&DAYS, date.weekday().to_monday_zero_offset());
    format!("{weekday} {} {} {}", date.day(), name(&MONTHS, date.month() - 1), date.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_named_in_dutch_and_by_the_clock_of_amsterdam() {
        let late = Timestamp::parse("2026-12-31T23:30:00Z").unwrap();
        assert_eq!(day_in_words(late), "vrijdag 1 januari 2027");
        let monday = Timestamp::parse("2026-08-17T08:00:00Z").unwrap();
        assert_eq!(day_in_words(monday), "maandag 17 augustus 2026");
    }
}
