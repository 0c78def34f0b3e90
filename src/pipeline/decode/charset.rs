//! Bytes to text in the two encodings that partners use: UTF-8 and ISO-8859-1.

use std::borrow::Cow;

use crate::message::{Fault, Refusal};

/// The byte order mark of UTF-8.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    Latin1,
}

impl Charset {
    /// The encoding by its name in a media type or an XML declaration (IANA character sets).
    pub(super) fn named(label: &str) -> Result<Self, Refusal> {
        let label = label.trim().trim_matches('"');
        let is = |names: &[&str]| names.iter().any(|name| label.eq_ignore_ascii_case(name));
        if is(&["utf-8", "utf8", "us-ascii", "ascii"]) {
            Ok(Self::Utf8)
        } else if is(&["iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "l1"]) {
            Ok(Self::Latin1)
        } else {
            Err(unsupported())
        }
    }

    /// The text, or what stands in its way.
    ///
    /// ISO-8859-1 has only control characters at 0x80 to 0x9F. A document that uses them is
    /// Windows-1252 under a wrong name, and would silently lose its euro signs and quotes.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, Undecodable> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes)
                .map(Cow::Borrowed)
                .map_err(|error| Undecodable::at(self, bytes, error.valid_up_to())),
            Self::Latin1 => match bytes.iter().position(|byte| (0x80..=0x9F).contains(byte)) {
                Some(at) => Err(Undecodable::at(self, bytes, at)),
                None => Ok(bytes.iter().copied().map(char::from).collect::<String>().into()),
            },
        }
    }
}

/// Bytes that are not in the encoding that they should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undecodable {
    charset: Charset,
    /// Line in the document, from 1.
    pub(super) line: usize,
}

impl Undecodable {
    fn at(charset: Charset, bytes: &[u8], position: usize) -> Self {
        Self { charset, line: 1 + bytes.iter().take(position).filter(|b| **b == b'\n').count() }
    }

    pub(super) fn refusal(self, place: &str) -> Refusal {
        let line = self.line;
        let (nl, en) = match self.charset {
            Charset::Utf8 => (
                format!("Regel {line} is geen geldige UTF-8."),
                format!("Line {line} is not valid UTF-8."),
            ),
            Charset::Latin1 => (
                format!("Regel {line} heeft tekens die ISO-8859-1 niet kent (Windows-1252?)."),
                format!("Line {line} has characters that ISO-8859-1 lacks (Windows-1252?)."),
            ),
        };
        Refusal::one(Fault::Onleesbaar, place, "codering", &nl, &en)
    }
}

/// The refusal of any other encoding.
pub(super) fn unsupported() -> Refusal {
    Refusal::one(
        Fault::Mediatype,
        "",
        "codering",
        "De codering moet UTF-8 of ISO-8859-1 zijn.",
        "The encoding must be UTF-8 or ISO-8859-1.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_e_acute_reads_the_same_in_both_encodings() {
        assert_eq!(Charset::named("ISO-8859-1").unwrap().decode(b"caf\xE9").unwrap(), "café");
        assert_eq!(Charset::named("\"utf-8\"").unwrap().decode(b"caf\xC3\xA9").unwrap(), "café");
    }

    #[test]
    fn windows_1252_under_the_name_of_iso_8859_1_is_refused() {
        let error = Charset::Latin1.decode(b"prijs\n\x80 5").unwrap_err();
        assert_eq!(error.line, 2);
        assert_eq!(error.refusal("").violations[0].code, "codering");
        assert_eq!(Charset::named("windows-1252").unwrap_err().fault, Fault::Mediatype);
    }
}
