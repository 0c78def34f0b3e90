//! Facts, counted as they come. What is kept is a cell per theme, area and month, a number per
//! closed case and a number per case with signals, so that a year of facts may stream by.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use jiff::civil::Date;

use super::Asked;
use super::days::Days;
use super::facts::{CaseFact, Fact, SignalFact, TaskFact};
use crate::casework::TaskState;
use crate::message::{CaseId, Timestamp};

/// Year and month.
pub type Month = (i16, i8);

/// Where a fact is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// A year before the period: only there to be compared with.
    pub earlier: bool,
    pub theme: u32,
    pub area: u32,
    pub month: Month,
}

/// How often a term was kept, of how many times it can be said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    pub met: u64,
    pub of: u64,
}

/// What became of tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tasks {
    pub asked: u64,
    pub received: Kept,
    pub accepted: Kept,
    pub done: Kept,
    /// Taken on, done or refused.
    pub answered: u64,
    pub refused: u64,
    pub expired: u64,
}

/// What happened, in one cell or in many together.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    pub signals: BTreeMap<u32, u64>,
    pub opened: u64,
    /// Of those opened: that go on, or were opened again.
    pub recurring: u64,
    pub closed: u64,
    pub still_open: u64,
    pub leads: Vec<u32>,
    pub tasks: BTreeMap<u32, Tasks>,
}

/// All that was counted.
pub struct Tally<'a> {
    asked: &'a Asked,
    days: Days,
    names: Names,
    cells: HashMap<Key, Sum>,
    pub signals_of: HashMap<CaseId, u32>,
    pub severities: BTreeMap<String, u64>,
    /// By kind of partner and code.
    pub reasons: BTreeMap<(u32, String), u64>,
    pub results: BTreeMap<(u32, String), u64>,
    pub first_earlier: Option<Date>,
}

/// Names that many facts share, by number; 0 is no name.
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn new() -> Self {
        Self { numbers: HashMap::from([(String::new(), 0)]), names: vec![String::new()] }
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }
}

impl<'a> Tally<'a> {
    pub fn new(asked: &'a Asked, days: Days) -> Self {
        Self {
            asked,
            days,
            names: Names::new(),
            cells: HashMap::new(),
            signals_of: HashMap::new(),
            severities: BTreeMap::new(),
            reasons: BTreeMap::new(),
            results: BTreeMap::new(),
            first_earlier: None,
        }
    }

    /// The name behind a number; empty where there is none.
    pub fn name(&self, number: u32) -> &str {
        self.names.names.get(number as usize).map_or("", String::as_str)
    }

    pub fn add(&mut self, fact: &Fact) {
        let (theme, area) = match fact {
            Fact::Signal(SignalFact { theme, area, .. })
            | Fact::Case(CaseFact { theme, area, .. })
            | Fact::Task(TaskFact { theme, area, .. }) => (theme.as_deref(), area.as_deref()),
        };
        if !self.asked.is_about(theme, area) {
            return;
        }
        let place = |names: &mut Names| {
            (names.number(theme.unwrap_or_default()), names.number(area.unwrap_or_default()))
        };
        let place = place(&mut self.names);
        match fact {
            Fact::Signal(signal) => self.add_signal(signal, place),
            Fact::Case(case) => self.add_case(case, place),
            Fact::Task(task) => self.add_task(task, place),
        }
    }

    fn add_signal(&mut self, signal: &SignalFact, place: (u32, u32)) {
        let day = signal.at.amsterdam_day();
        let Some(earlier) = self.asked.is_earlier(day) else { return };
        let kind = self.names.number(&signal.kind);
        *self.cell(place, earlier, day).signals.entry(kind).or_default() += 1;
        if earlier {
            let first = self.first_earlier.map_or(day, |first| first.min(day));
            self.first_earlier = Some(first);
            return;
        }
        *self.signals_of.entry(signal.case).or_default() += 1;
        if let Some(severity) = &signal.severity {
            count(&mut self.severities, severity);
        }
    }

    fn add_case(&mut self, case: &CaseFact, place: (u32, u32)) {
        let opened = case.opened.amsterdam_day();
        let closed = case.closed.map(Timestamp::amsterdam_day);
        if let Some(earlier) = self.asked.is_earlier(opened) {
            let recurs = u64::from(case.lasting || case.reopened);
            let cell = self.cell(place, earlier, opened);
            cell.opened += 1;
            cell.recurring += recurs;
        }
        let last = self.asked.until();
        if opened <= last && closed.is_none_or(|closed| closed > last) {
            self.cell(place, false, last).still_open += 1;
        }
        if let Some(closed) = closed
            && let Some(earlier) = self.asked.is_earlier(closed)
        {
            let lead = self.days.between(opened, closed);
            let cell = self.cell(place, earlier, closed);
            cell.closed += 1;
            cell.leads.push(lead);
        }
    }

    fn add_task(&mut self, task: &TaskFact, place: (u32, u32)) {
        let day = task.asked.amsterdam_day();
        let Some(earlier) = self.asked.is_earlier(day) else { return };
        let kind = self.names.number(&task.kind);
        let now = self.asked.now;
        self.cell(place, earlier, day).tasks.entry(kind).or_default().note(task, now);
        if earlier {
            return;
        }
        let told = |code: &Option<String>| (kind, code.clone().unwrap_or_default());
        match task.state {
            TaskState::Geweigerd => *self.reasons.entry(told(&task.reason)).or_default() += 1,
            TaskState::Afgerond => *self.results.entry(told(&task.result)).or_default() += 1,
            _ => {}
        }
    }

    fn cell(&mut self, (theme, area): (u32, u32), earlier: bool, day: Date) -> &mut Sum {
        let month = (day.year(), day.month());
        self.cells.entry(Key { earlier, theme, area, month }).or_default()
    }

    /// Cells taken together under what `by` makes of their keys; those it gives none are left out.
    pub fn group<K: Ord>(&self, by: impl Fn(&Key) -> Option<K>) -> BTreeMap<K, Sum> {
        let mut groups: BTreeMap<K, Sum> = BTreeMap::new();
        for (key, cell) in &self.cells {
            if let Some(group) = by(key) {
                groups.entry(group).or_default().add(cell);
            }
        }
        groups
    }

    /// All cells of which this holds, together.
    pub fn sum(&self, of: impl Fn(&Key) -> bool) -> Sum {
        self.group(|key| of(key).then_some(())).remove(&()).unwrap_or_default()
    }
}

impl Sum {
    fn add(&mut self, other: &Self) {
        for (kind, count) in &other.signals {
            *self.signals.entry(*kind).or_default() += count;
        }
        self.opened += other.opened;
        self.recurring += other.recurring;
        self.closed += other.closed;
        self.still_open += other.still_open;
        self.leads.extend_from_slice(&other.leads);
        for (kind, tasks) in &other.tasks {
            self.tasks.entry(*kind).or_default().add(tasks);
        }
    }

    pub fn all_signals(&self) -> u64 {
        self.signals.values().sum()
    }

    /// The tasks of one kind of partner, or of all.
    pub fn tasks_of(&self, of: impl Fn(u32) -> bool) -> Tasks {
        let mut sum = Tasks::default();
        self.tasks.iter().filter(|(kind, _)| of(**kind)).for_each(|(_, tasks)| sum.add(tasks));
        sum
    }
}

impl Tasks {
    fn note(&mut self, task: &TaskFact, now: Timestamp) {
        let is = |state| task.state == state;
        let (refused, done) = (is(TaskState::Geweigerd), is(TaskState::Afgerond));
        let last_word = task.ended.filter(|_| refused || done);
        let withdrawn = task.ended.filter(|_| is(TaskState::Ingetrokken));
        self.asked += 1;
        self.received.note(task.received.or(last_word), task.received_by, withdrawn, now);
        self.accepted.note(task.accepted.or(last_word), task.accepted_by, withdrawn, now);
        if !refused {
            let finished = task.ended.filter(|_| done);
            self.done.note(finished, task.done_by, withdrawn, now);
        }
        self.answered += u64::from(task.accepted.is_some() || refused || done);
        self.refused += u64::from(refused);
        self.expired += u64::from(is(TaskState::Verlopen));
    }

    fn add(&mut self, other: &Self) {
        self.asked += other.asked;
        for (mine, theirs) in [
            (&mut self.received, other.received),
            (&mut self.accepted, other.accepted),
            (&mut self.done, other.done),
        ] {
            mine.met += theirs.met;
            mine.of += theirs.of;
        }
        self.answered += other.answered;
        self.refused += other.refused;
        self.expired += other.expired;
    }
}

impl Kept {
    /// A term that has not passed, or that was withdrawn before it did, says nothing yet.
    fn note(
        &mut self,
        happened: Option<Timestamp>,
        by: Timestamp,
        withdrawn: Option<Timestamp>,
        now: Timestamp,
    ) {
        let met = happened.is_some_and(|at| at <= by);
        let missed = match happened {
            Some(_) => !met,
            None => by < now && withdrawn.is_none_or(|at| at > by),
        };
        self.met += u64::from(met);
        self.of += u64::from(met || missed);
    }
}

/// Counts one more under a name.
fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}
