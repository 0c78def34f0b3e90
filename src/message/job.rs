//! A job (*klus*): a crowd of messages or entries of quarantine that an operator has dealt with.
//! What it does, how it may change, and how fast it goes; pure, with `now` as an argument.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What is done to each item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Messages once more, under today's rules.
    Herhalen,
    /// Entries of quarantine released.
    Vrijgeven,
    /// Entries of quarantine dropped.
    LatenVervallen,
}

impl JobKind {
    const ALL: [Self; 3] = [Self::Herhalen, Self::Vrijgeven, Self::LatenVervallen];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Herhalen => "herhalen",
            Self::Vrijgeven => "vrijgeven",
            Self::LatenVervallen => "laten-vervallen",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Its items are being written down; nothing was done to any of them.
    Verzamelt,
    Loopt,
    Gepauzeerd,
    /// Every item has its outcome.
    Klaar,
    /// Ended before that: by an operator, or because another job had one of its items.
    Afgebroken,
}

/// What may happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobChange {
    Begin,
    Pause,
    Resume,
    Finish,
    Cancel,
}

impl JobState {
    const ALL: [Self; 5] =
        [Self::Verzamelt, Self::Loopt, Self::Gepauzeerd, Self::Klaar, Self::Afgebroken];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verzamelt => "verzamelt",
            Self::Loopt => "loopt",
            Self::Gepauzeerd => "gepauzeerd",
            Self::Klaar => "klaar",
            Self::Afgebroken => "afgebroken",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The state after a change; none where the job does not change that way from here.
    pub const fn after(self, change: JobChange) -> Option<Self> {
        match (self, change) {
            (Self::Verzamelt, JobChange::Begin) | (Self::Gepauzeerd, JobChange::Resume) => {
                Some(Self::Loopt)
            }
            (Self::Loopt, JobChange::Pause) => Some(Self::Gepauzeerd),
            (Self::Loopt, JobChange::Finish) => Some(Self::Klaar),
            (Self::Verzamelt | Self::Loopt | Self::Gepauzeerd, JobChange::Cancel) => {
                Some(Self::Afgebroken)
            }
            _ => None,
        }
    }

    /// Whether it will never do anything again, so that its items are anybody's.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Klaar | Self::Afgebroken)
    }
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemOutcome {
    Gedaan,
    /// Today's rules send nothing, so that there was nothing to do.
    Niets,
    /// It could not be done, and is as it was.
    Geweigerd,
    /// Somebody else decided about it before its turn came.
    Overgeslagen,
}

impl ItemOutcome {
    const ALL: [Self; 4] = [Self::Gedaan, Self::Niets, Self::Geweigerd, Self::Overgeslagen];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gedaan => "gedaan",
            Self::Niets => "niets",
            Self::Geweigerd => "geweigerd",
            Self::Overgeslagen => "overgeslagen",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// Items of a job in a second, as usual and at most.
pub const RATE_USUAL: u32 = 20;
pub const RATE_MOST: u32 = 1000;

/// Items that a job does before it looks up.
pub const BATCH_MOST: u32 = 20;

/// How many items a job may do now: so many a second, and no catching up on what it stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    seen: Timestamp,
    /// Millionths of an item.
    credit: i64,
}

const ONE: i64 = 1_000_000;

impl Pace {
    /// One item may go at once.
    pub const fn starting(now: Timestamp) -> Self {
        Self { seen: now, credit: ONE }
    }

    /// Takes what may be done now. A clock that goes back gives nothing and costs nothing.
    #[must_use]
    pub fn take(self, now: Timestamp, rate: u32) -> (Self, u32) {
        let rate = i64::from(rate.clamp(1, RATE_MOST));
        let passed = (now.as_micros().saturating_sub(self.seen.as_micros())).clamp(0, ONE);
        let credit = (self.credit + passed * rate).min((rate * ONE).max(ONE));
        let items = (credit / ONE).min(i64::from(BATCH_MOST));
        let pace = Self { seen: now, credit: credit - items * ONE };
        (pace, u32::try_from(items).unwrap_or(BATCH_MOST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_changes_as_the_table_says() {
        use JobChange::{Begin, Cancel, Finish, Pause, Resume};
        use JobState::{Afgebroken, Gepauzeerd, Klaar, Loopt, Verzamelt};
        let table = [
            (Verzamelt, [Some(Loopt), None, None, None, Some(Afgebroken)]),
            (Loopt, [None, Some(Gepauzeerd), None, Some(Klaar), Some(Afgebroken)]),
            (Gepauzeerd, [None, None, Some(Loopt), None, Some(Afgebroken)]),
            (Klaar, [None; 5]),
            (Afgebroken, [None; 5]),
        ];
        for (state, wanted) in table {
            let found = [Begin, Pause, Resume, Finish, Cancel].map(|change| state.after(change));
            assert_eq!(found, wanted, "{state:?}");
            assert_eq!(state.is_over(), wanted == [None; 5], "over is where nothing changes");
            assert_eq!(JobState::parse(state.as_str()), Some(state));
        }
        for kind in JobKind::ALL {
            assert_eq!(JobKind::parse(kind.as_str()), Some(kind));
        }
        for outcome in ItemOutcome::ALL {
            assert_eq!(ItemOutcome::parse(outcome.as_str()), Some(outcome));
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_790_000_000_000_000 + millis * 1000)
    }

    /// What is done in these milliseconds, looking so often.
    fn done(rate: u32, every_ms: i64, until_ms: i64) -> u32 {
        let mut pace = Pace::starting(at(0));
        let mut sum = 0;
        for look in 0..=until_ms / every_ms {
            let (next, items) = pace.take(at(look * every_ms), rate);
            assert!(items <= BATCH_MOST);
            (pace, sum) = (next, sum + items);
        }
        sum
    }

    #[test]
    fn a_pace_is_kept_however_often_it_is_looked_at() {
        // (rate, look every so many ms, for so many ms, items with the first one)
        let table = [
            (20, 50, 10_000, 201),
            (20, 7, 10_003, 201),
            (1, 100, 5_000, 6),
            (100, 100, 2_000, 201),
            // Slower looks do no more than a batch each.
            (1000, 1000, 3_000, 61),
        ];
        for (rate, every, until, wanted) in table {
            assert_eq!(done(rate, every, until), wanted, "{rate} a second, every {every} ms");
        }
    }

    #[test]
    fn a_pace_does_not_catch_up_and_does_not_mind_its_clock() {
        let (pace, _) = Pace::starting(at(0)).take(at(0), 5);
        let (pace, items) = pace.take(at(3_600_000), 5);
        assert_eq!(items, 5, "an hour of standing still is worth a second");
        let (pace, items) = pace.take(at(0), 5);
        assert_eq!(items, 0);
        assert_eq!(pace.take(at(200), 5).1, 1, "from the new moment on");
        assert_eq!(Pace::starting(at(0)).take(at(1000), 0).1, 1, "a rate is at least one");
    }
}
