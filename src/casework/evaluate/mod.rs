//! What the programme wants, beside what happened: the learning half of regie.
//!
//! Pure and linear: facts stream by in any order, what is kept of them is small, and the same
//! facts give the same evaluation whatever their order. Nothing is concluded from fewer than the
//! programme's minimum, and numbers that could point at people do not leave this module: see
//! [`conceal`].

mod conceal;
mod days;
mod facts;
mod judge;
mod report;
mod rows;
pub mod show;
mod tally;

use jiff::ToSpan as _;
use jiff::civil::Date;

use self::days::Days;
use self::tally::Tally;
use crate::catalogue::programme::{AreaCode, DayCount, MINIMUM, Programme};
use crate::message::Timestamp;

pub use self::conceal::HIDDEN_BELOW;
pub use self::facts::{CaseFact, Fact, SignalFact, TaskFact};
pub use self::report::{
    AreaRow, Evaluation, Lead, MonthRow, Period, RefusalRow, ResultRow, SenderRow, Share,
    TargetRow, TermRow, ThemeRow, Totals, Verdict,
};

/// The kind of partner through which residents report.
pub const RESIDENTS: &str = "inwoners";

/// What is to be evaluated.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The first day.
    from: Date,
    /// The last day, never after the one on which it is asked.
    until: Date,
    /// When it is asked: what a term has not reached by then says nothing yet.
    pub now: Timestamp,
    /// None: all.
    pub theme: Option<String>,
    /// None: everywhere.
    pub area: Option<AreaCode>,
}

impl Asked {
    /// `None` where the period ends before it begins, or has not begun.
    pub fn new(from: Date, until: Date, now: Timestamp) -> Option<Self> {
        let until = until.min(now.amsterdam_day());
        (from <= until).then_some(Self { from, until, now, theme: None, area: None })
    }

    pub fn from(&self) -> Date {
        self.from
    }

    pub fn until(&self) -> Date {
        self.until
    }

    /// Of one municipality, district or neighbourhood only; `None` where that is no CBS code.
    #[must_use]
    pub fn of_area(mut self, code: &str) -> Option<Self> {
        self.area = Some(AreaCode::parse(code)?);
        Some(self)
    }

    /// The same days a year before, because nuisance has its seasons.
    pub fn earlier(&self) -> (Date, Date) {
        let back = |day: Date| day.checked_sub(1.year()).unwrap_or(day);
        (back(self.from), back(self.until))
    }

    /// From which day on facts are of use.
    pub fn earliest(&self) -> Date {
        self.earlier().0
    }

    /// Whether a day lies in the period (false) or in the year before it (true). A period of more
    /// than a year overlaps its own past, and what lies in both is of the period.
    fn is_earlier(&self, day: Date) -> Option<bool> {
        let (first, last) = self.earlier();
        if (self.from..=self.until).contains(&day) {
            Some(false)
        } else {
            (first..=last).contains(&day).then_some(true)
        }
    }

    fn is_about(&self, theme: Option<&str>, area: Option<&str>) -> bool {
        self.theme.as_deref().is_none_or(|asked| theme == Some(asked))
            && self.area.as_ref().is_none_or(|asked| area.is_some_and(|a| asked.contains(a)))
    }
}

/// The period of the programme; without one the year until today.
pub fn usual_period(programme: Option<&Programme>, today: Date) -> (Date, Date) {
    match programme {
        Some(programme) => (programme.from, programme.until),
        None => (today.first_of_year(), today),
    }
}

/// An evaluation that is being made: facts are added one by one.
pub struct Evaluator<'a> {
    programme: Option<&'a Programme>,
    asked: &'a Asked,
    tally: Tally<'a>,
}

impl<'a> Evaluator<'a> {
    pub fn new(programme: Option<&'a Programme>, asked: &'a Asked) -> Self {
        let count = programme.map_or(DayCount::Working, |programme| programme.days);
        let days = Days::new(count, asked.until);
        Self { programme, asked, tally: Tally::new(asked, days) }
    }

    /// Counts a fact; one outside the period, its year before, the theme or the area is passed by.
    pub fn add(&mut self, fact: &Fact) {
        self.tally.add(fact);
    }

    pub fn finish(self) -> Evaluation {
        let minimum = self.programme.map_or(MINIMUM, |programme| programme.minimum);
        rows::Maker { programme: self.programme, asked: self.asked, tally: &self.tally, minimum }
            .evaluation()
    }
}

/// Compares a programme with the facts of a period.
pub fn evaluate(
    programme: Option<&Programme>,
    asked: &Asked,
    facts: impl Iterator<Item = Fact>,
) -> Evaluation {
    let mut evaluator = Evaluator::new(programme, asked);
    facts.for_each(|fact| evaluator.add(&fact));
    evaluator.finish()
}

#[cfg(test)]
mod tests;
