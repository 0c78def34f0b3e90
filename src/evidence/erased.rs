//! The list of erasures, kept outside the journal: which case, and when; nothing of what was in it.
//!
//! One erasure is one line, `<uuid> <moment>`. A line that was cut off by a crash is passed over:
//! its erasure is still an intent in the journal, and writes its line again.

use uuid::Uuid;

use crate::message::Timestamp;

/// Content that was destroyed on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErasedCase {
    /// The case, or the entry of quarantine, whose key was destroyed.
    pub holder: Uuid,
    pub at: Timestamp,
}

impl ErasedCase {
    /// Its line, with the newline.
    pub fn to_line(self) -> String {
        format!("{} {}\n", self.holder, self.at)
    }

    fn parse(line: &str) -> Option<Self> {
        let (holder, at) = line.split_once(' ')?;
        // 36 signs: a uuid has other spellings, which this list never writes.
        let holder = Uuid::try_parse(holder).ok().filter(|_| holder.len() == 36)?;
        Some(Self { holder, at: Timestamp::parse(at)? })
    }
}

/// The erasures of a list, and how many of its lines are none.
pub fn parse_erasures(text: &str) -> (Vec<ErasedCase>, usize) {
    let lines = text.lines().filter(|line| !line.is_empty());
    let (mut erased, mut unreadable) = (Vec::new(), 0);
    for line in lines {
        match ErasedCase::parse(line) {
            Some(one) => erased.push(one),
            None => unreadable += 1,
        }
    }
    (erased, unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erased(number: u8) -> ErasedCase {
        let at = Timestamp::parse("2026-11-23T19:15:00.000123Z").unwrap();
        ErasedCase { holder: Uuid::from_bytes([number; 16]), at }
    }

    #[test]
    fn a_list_reads_back_line_by_line() {
        let text = erased(1).to_line() + &erased(2).to_line();
        assert_eq!(
            text.lines().next(),
            Some("01010101-0101-0101-0101-010101010101 2026-11-23T19:15:00.000123Z")
        );
        assert_eq!(parse_erasures(&text), (vec![erased(1), erased(2)], 0));
        assert_eq!(parse_erasures(""), (vec![], 0));
        assert_eq!(parse_erasures(&text.replace('\n', "\r\n")).0.len(), 2);
    }

    #[test]
    fn what_a_crash_cut_off_hides_no_other_line() {
        let whole = erased(1).to_line();
        let torn = |end: usize| format!("{}\n{}", whole.get(..end).unwrap(), erased(2).to_line());
        for end in [1, 20, 36, 37, 50] {
            assert_eq!(parse_erasures(&torn(end)), (vec![erased(2)], 1), "{end}");
        }
        let odd = "{01010101-0101-0101-0101-010101010101} 2026-11-23T19:15:00Z\n";
        assert_eq!(parse_erasures(odd), (vec![], 1));
    }
}
