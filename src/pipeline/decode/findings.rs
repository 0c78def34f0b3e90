//! Collecting violations while decoding, and naming places without repeating content.

use super::Limits;
use crate::message::{Fault, Refusal, Violation};

/// The longest name of a sender's own making that a place repeats.
const NAME_CHARS_MAX: usize = 60;

/// A bounded list of violations.
pub(super) struct Findings {
    list: Vec<Violation>,
    max: usize,
    more: bool,
}

impl Findings {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { list: Vec::new(), max: limits.violations_max.max(1), more: false }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The place is only worked out while there is room for it.
    pub(super) fn add(&mut self, place: impl FnOnce() -> String, code: &str, nl: &str, en: &str) {
        if self.list.len() < self.max {
            self.list.push(Violation::new(place(), code, nl, en));
        } else {
            self.more = true;
        }
    }

    /// Puts a segment in front of the places that were found since.
    pub(super) fn under(&mut self, since: usize, segment: impl FnOnce() -> String) {
        if since < self.list.len() {
            let segment = segment();
            self.list.iter_mut().skip(since).for_each(|found| found.place.insert_str(0, &segment));
        }
    }

    /// The value when nothing was found, otherwise the refusal.
    pub(super) fn settle<T>(self, fault: Fault, value: T) -> Result<T, Refusal> {
        if self.list.is_empty() { Ok(value) } else { Err(self.refuse(fault)) }
    }

    pub(super) fn refuse(mut self, fault: Fault) -> Refusal {
        if self.more {
            self.list.push(Violation::new(
                "",
                "meer-fouten",
                "Er zijn meer fouten dan hier staan.",
                "There are more violations than are listed here.",
            ));
        }
        Refusal::new(fault, self.list)
    }
}

/// A name from a document as a place may repeat it: bounded, and without control characters.
pub(super) fn tame(name: &str) -> String {
    let mut chars = name.chars().filter(|c| !c.is_control());
    let mut tame: String = chars.by_ref().take(NAME_CHARS_MAX).collect();
    if chars.next().is_some() {
        tame.push('…');
    }
    tame
}

/// A refusal of a document that is larger than `bytes_max`.
pub(super) fn within_size(bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
    if bytes.len() <= limits.bytes_max {
        return Ok(());
    }
    let max = limits.bytes_max;
    Err(Refusal::one(
        Fault::TeGroot,
        "",
        "te-groot",
        &format!("Het document is groter dan {max} bytes."),
        &format!("The document is larger than {max} bytes."),
    ))
}

/// A refusal of a document with nothing in it.
pub(super) fn empty() -> Refusal {
    Refusal::one(Fault::Onleesbaar, "", "leeg", "Het document is leeg.", "The document is empty.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_violations_is_cut_and_says_so() {
        let mut findings = Findings::new(&Limits { violations_max: 2, ..Limits::default() });
        (0..5).for_each(|n| findings.add(|| format!("/{n}"), "code", "nl", "en"));
        let codes: Vec<_> =
            findings.refuse(Fault::Ongeldig).violations.into_iter().map(|v| v.code).collect();
        assert_eq!(codes, ["code", "code", "meer-fouten"]);
    }

    #[test]
    fn names_in_places_are_bounded_and_printable() {
        assert_eq!(tame("post\ncode\u{0}"), "postcode");
        assert_eq!(tame(&"é".repeat(61)).chars().count(), 61, "sixty and an ellipsis");
        assert_eq!(tame(&"é".repeat(60)), "é".repeat(60));
    }
}
