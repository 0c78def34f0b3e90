//! What becomes of the tree when a journal comes back from a backup.
//!
//! The hub may have signed more than the journal still holds. Going on under the same origin would
//! sign a second tree of that size, which partners would rightly see as a rewritten log. So the
//! journal is first compared with what is known of the signed tree, and its release begins a new
//! [series](super::Checkpoint::series): the leaves that are left stay where they were, the next
//! ones follow them under an origin of their own, and a leaf commits to the [`Restart`] that says
//! what was left behind, who decided so and why.

use serde::{Deserialize, Serialize};

use super::wire;
use crate::message::{Digest, Timestamp};

/// The signed tree at one moment, without whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    #[serde(rename = "reeks")]
    pub series: u32,
    #[serde(rename = "omvang")]
    pub size: u64,
    #[serde(rename = "wortel", with = "wire::hex")]
    pub root: Digest,
}

impl Head {
    /// Before anything was signed.
    pub fn nothing() -> Self {
        Self { series: 1, size: 0, root: Digest::of(&[]) }
    }

    /// Whether it says more than `other`: of a later series, or of more leaves.
    pub const fn is_after(&self, other: &Self) -> bool {
        self.series > other.series || self.series == other.series && self.size > other.size
    }
}

/// What a journal holds of the signed tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The newest that was signed in it.
    pub head: Head,
    /// The series in which it goes on; more than that of `head` until something is signed in it.
    pub series: u32,
    /// All leaves, also those that nobody signed yet.
    pub leaves: u64,
    /// The moment of the newest leaf.
    pub last_leaf: Option<Timestamp>,
    /// Each later series with the number of leaves that it took over.
    pub taken_over: Vec<(u32, u64)>,
}

/// What a known checkpoint says of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The journal holds the very tree that was signed.
    Holds,
    /// It is of a series that was left behind, at a size that was given up then.
    LeftBehind,
    /// More was signed than the journal holds: so many leaves, at least.
    Lacks { leaves: u64 },
    /// At this size the journal has another tree.
    Differs,
}

impl Held {
    /// Compares a checkpoint with the journal; `root` is what the journal signed at that size.
    pub fn compare(&self, known: &Head, root: Option<Digest>) -> Verdict {
        let left_at = self.taken_over.iter().filter(|(series, _)| *series > known.series);
        let left_at = left_at.map(|(_, size)| *size).min();
        if left_at.is_some_and(|left_at| known.size > left_at) {
            return Verdict::LeftBehind;
        }
        if known.series > self.series {
            // At least the leaf with which that series began.
            return Verdict::Lacks { leaves: known.size.saturating_sub(self.leaves).max(1) };
        }
        if known.size > self.head.size {
            return Verdict::Lacks { leaves: known.size.saturating_sub(self.leaves) };
        }
        if known.size == 0 || root == Some(known.root) { Verdict::Holds } else { Verdict::Differs }
    }
}

/// How a journal compares with all that is known of the signed tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    #[serde(rename = "vergeleken")]
    pub at: Timestamp,
    #[serde(rename = "logboek")]
    pub held: Head,
    /// The moment of the last leaf that the journal holds: what is missing came after it.
    #[serde(rename = "laatsteBlad")]
    pub last_leaf: Option<Timestamp>,
    /// The newest checkpoint that is known.
    #[serde(rename = "bekend")]
    pub known: Option<Head>,
    #[serde(rename = "ontbrekendeBladen")]
    pub missing: u64,
    /// More was signed than the journal signed, though its unsigned leaves may be those.
    #[serde(rename = "meerOndertekend")]
    pub lacks: bool,
    /// A signed tree of a size that the journal has is another than the journal's.
    #[serde(rename = "andereBoom")]
    pub differs: bool,
    /// Erasures that the journal had forgotten, and that were carried out again.
    #[serde(rename = "opnieuwGewist")]
    pub erased_again: u64,
}

impl Comparison {
    /// Sums up what several checkpoints say.
    pub fn of(held: &Held, known: &[(Head, Verdict)], erased_again: u64, at: Timestamp) -> Self {
        let (mut newest, mut missing) = (None::<Head>, 0);
        let (mut lacks, mut differs) = (false, false);
        for (head, verdict) in known {
            if newest.is_none_or(|newest| head.is_after(&newest)) {
                newest = Some(*head);
            }
            match verdict {
                Verdict::Lacks { leaves } => {
                    lacks = true;
                    missing = missing.max(*leaves);
                }
                Verdict::Differs => differs = true,
                Verdict::Holds | Verdict::LeftBehind => {}
            }
        }
        Self {
            at,
            held: held.head,
            last_leaf: held.last_leaf,
            known: newest,
            missing,
            lacks,
            differs,
            erased_again,
        }
    }

    /// Whether everything that was signed, as far as known, is there.
    pub const fn is_whole(&self) -> bool {
        !self.lacks && !self.differs
    }
}

/// Why a journal goes on in another series: what its leaf commits to, exactly these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// The series that begins.
    #[serde(rename = "reeks")]
    pub series: u32,
    #[serde(rename = "op")]
    pub at: Timestamp,
    /// How far the tree goes that it takes over.
    #[serde(rename = "verderNa")]
    pub from: Head,
    /// The newest that was known to be signed.
    #[serde(rename = "bekend")]
    pub known: Option<Head>,
    #[serde(rename = "ontbrekendeBladen")]
    pub missing: u64,
    #[serde(rename = "andereBoom")]
    pub differs: bool,
    #[serde(rename = "door")]
    pub by: String,
    #[serde(rename = "reden")]
    pub why: String,
}

impl Restart {
    /// The number of a series that begins now: the day, as `20261125`, or more where that is not
    /// after every series that is known. Counting on would give a series of which nothing is known
    /// any more its number a second time.
    pub fn number(now: Timestamp, held: &Held, known: Option<&Head>) -> u32 {
        let (year, month, day) = now.amsterdam_date();
        let parts = [i32::from(year) * 10_000, i32::from(month) * 100, i32::from(day)];
        let day = u32::try_from(parts.iter().sum::<i32>()).unwrap_or(0);
        let last = held.series.max(known.map_or(0, |known| known.series));
        day.max(last.saturating_add(1))
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default() // texts and numbers always write
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(series: u32, size: u64, root: u8) -> Head {
        Head { series, size, root: Digest([root; 32]) }
    }

    /// A journal of 100 signed leaves and three more, in its first series.
    fn held() -> Held {
        Held {
            head: head(1, 100, 7),
            series: 1,
            leaves: 103,
            last_leaf: Some(Timestamp::from_micros(5)),
            taken_over: vec![],
        }
    }

    #[test]
    fn a_checkpoint_is_held_lacking_or_another_tree() {
        let root = |root: u8| Some(Digest([root; 32]));
        let table = [
            (head(1, 100, 7), root(7), Verdict::Holds),
            (head(1, 40, 4), root(4), Verdict::Holds),
            (head(1, 0, 0), None, Verdict::Holds),
            (head(1, 100, 8), root(7), Verdict::Differs),
            (head(1, 41, 4), None, Verdict::Differs),
            (head(1, 151, 9), None, Verdict::Lacks { leaves: 48 }),
            (head(1, 102, 9), None, Verdict::Lacks { leaves: 0 }),
            (head(2, 151, 9), None, Verdict::Lacks { leaves: 48 }),
            (head(2, 60, 9), root(9), Verdict::Lacks { leaves: 1 }),
        ];
        for (known, root, expected) in table {
            assert_eq!(held().compare(&known, root), expected, "{known:?}");
        }
    }

    #[test]
    fn what_an_earlier_restore_gave_up_is_not_missed_again() {
        let later = Held { series: 3, taken_over: vec![(2, 60), (3, 90)], ..held() };
        let root = |root: u8| Some(Digest([root; 32]));
        let table = [
            (head(1, 60, 4), root(4), Verdict::Holds),
            (head(1, 60, 5), root(4), Verdict::Differs),
            (head(1, 61, 4), root(4), Verdict::LeftBehind),
            (head(1, 5000, 4), None, Verdict::LeftBehind),
            (head(2, 90, 4), root(4), Verdict::Holds),
            (head(2, 91, 4), None, Verdict::LeftBehind),
            (head(3, 100, 7), root(7), Verdict::Holds),
            (head(3, 104, 7), None, Verdict::Lacks { leaves: 1 }),
            (head(4, 104, 7), None, Verdict::Lacks { leaves: 1 }),
        ];
        for (known, root, expected) in table {
            assert_eq!(later.compare(&known, root), expected, "{known:?}");
        }
        // Restored to before the second series, which took over more than there was to take.
        let twice = Held { series: 3, taken_over: vec![(2, 90), (3, 60)], ..held() };
        assert_eq!(twice.compare(&head(1, 61, 4), root(4)), Verdict::LeftBehind);
    }

    #[test]
    fn the_worst_of_all_checkpoints_counts() {
        let at = Timestamp::from_micros(9);
        let none = Comparison::of(&held(), &[], 0, at);
        assert!(none.is_whole() && none.known.is_none());
        let known = [
            (head(1, 151, 9), Verdict::Lacks { leaves: 48 }),
            (head(1, 160, 9), Verdict::Lacks { leaves: 57 }),
            (head(1, 40, 4), Verdict::Holds),
        ];
        let found = Comparison::of(&held(), &known, 2, at);
        assert_eq!((found.missing, found.differs, found.erased_again), (57, false, 2));
        assert_eq!(found.known, Some(head(1, 160, 9)));
        assert!(!found.is_whole());
        let unsigned = [(head(1, 102, 9), Verdict::Lacks { leaves: 0 })];
        let found = Comparison::of(&held(), &unsigned, 0, at);
        assert!(found.missing == 0 && !found.is_whole(), "no signature shows that it is the same");
        let other = [(head(1, 40, 4), Verdict::Differs), (head(2, 9, 1), Verdict::LeftBehind)];
        let found = Comparison::of(&held(), &other, 0, at);
        assert!(found.differs && !found.is_whole());
        assert_eq!(found.known, Some(head(2, 9, 1)), "a later series is newer whatever its size");
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Comparison>(&text).unwrap(), found);
    }

    #[test]
    fn a_series_has_a_number_that_no_series_before_it_can_have() {
        let now = Timestamp::parse("2026-11-25T23:30:00Z").unwrap();
        let table = [
            (1, None, 20_261_126),
            (1, Some(20_261_125), 20_261_126),
            (20_261_126, None, 20_261_127),
            (1, Some(20_261_126), 20_261_127),
            (20_261_130, Some(20_261_126), 20_261_131),
        ];
        for (series, known, expected) in table {
            let held = Held { series, ..held() };
            let known = known.map(|series| head(series, 7, 7));
            assert_eq!(Restart::number(now, &held, known.as_ref()), expected);
        }
    }

    #[test]
    fn a_restart_is_read_back_and_nothing_else_is() {
        let restart = Restart {
            series: 2,
            at: Timestamp::from_micros(1_000_000),
            from: head(1, 100, 7),
            known: Some(head(1, 151, 9)),
            missing: 48,
            differs: false,
            by: "J. Jansen".to_owned(),
            why: "schijf defect".to_owned(),
        };
        assert_eq!(Restart::parse(&restart.to_bytes()), Some(restart));
        for wrong in [&b""[..], b"{}", b"[]", b"{\"reeks\":2}"] {
            assert_eq!(Restart::parse(wrong), None);
        }
    }
}
