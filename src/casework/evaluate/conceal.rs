//! Numbers that could point at people are left out, as the CBS does in its figures per buurt.
//!
//! Per neighbourhood a count of signals below five is not told, zero included; neither is a number
//! from which it could be worked out. So where the hidden counts of a column add up to less than
//! five, which its total gives away, the smallest that was shown is hidden too. Where only a part
//! of the municipality is evaluated, the same holds for every table. A target of one neighbourhood
//! is told where it is about the programme's minimum, as somebody chose to publish it.
//!
//! It does not protect against somebody who may evaluate at will and takes one answer from
//! another: who runs it sees the journal anyway, what is handed on is the report.

/// The smallest count that is told.
pub const HIDDEN_BELOW: u64 = 5;

/// A column of counts of which the total is known, without what must not be told.
pub fn column(counts: &[u64]) -> Vec<Option<u64>> {
    let mut shown: Vec<Option<u64>> =
        counts.iter().map(|count| (*count >= HIDDEN_BELOW).then_some(*count)).collect();
    loop {
        let hidden: u64 = counts
            .iter()
            .zip(&shown)
            .filter(|(_, shown)| shown.is_none())
            .map(|(count, _)| count)
            .sum();
        if hidden == 0 || hidden >= HIDDEN_BELOW {
            return shown;
        }
        // Of equal ones the first: rows are sorted by code, so that it is the same every time.
        let smallest = shown.iter().flatten().min().copied();
        match shown.iter_mut().find(|cell| smallest.is_some() && **cell == smallest) {
            Some(cell) => *cell = None,
            None => return shown,
        }
    }
}

/// A count by itself.
pub fn one(count: u64, small: bool) -> Option<u64> {
    (!small || count >= HIDDEN_BELOW).then_some(count)
}

/// Whether a part of a whole may be told: the whole and one part give the other part away.
pub const fn share_is_told(part: u64, of: u64, small: bool) -> bool {
    !small || (part >= HIDDEN_BELOW && of.saturating_sub(part) >= HIDDEN_BELOW)
}

/// A column that only needs care where a part of the municipality is evaluated.
pub fn column_if(counts: &[u64], small: bool) -> Vec<Option<u64>> {
    if small { column(counts) } else { counts.iter().map(|count| Some(*count)).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn hidden_counts_are_nobody_or_at_least_five_together(
            counts in prop::collection::vec(prop_oneof![0..8_u64, 0..500_u64], 0..12),
        ) {
            let shown = column(&counts);
            prop_assert!(shown.iter().flatten().all(|count| *count >= HIDDEN_BELOW));
            let told: u64 = shown.iter().flatten().sum();
            let hidden = counts.iter().sum::<u64>() - told;
            let all_hidden = shown.iter().all(Option::is_none);
            prop_assert!(hidden == 0 || hidden >= HIDDEN_BELOW || all_hidden);
        }
    }

    #[test]
    fn a_hidden_count_cannot_be_worked_out_from_the_total() {
        assert_eq!(column(&[12, 3, 40]), [None, None, Some(40)], "12 hides 3");
        assert_eq!(column(&[12, 3, 4]), [Some(12), None, None], "together seven, which is enough");
        assert_eq!(column(&[12, 0, 0]), [Some(12), None, None], "nothing is nobody");
        assert_eq!(column(&[3]), [None]);
        assert_eq!(column(&[]), []);
        assert_eq!(column_if(&[1, 9], false), [Some(1), Some(9)]);
        assert_eq!((one(4, true), one(4, false), one(5, true)), (None, Some(4), Some(5)));
    }
}
