//! The bytes of an XML document as text: its encoding, and only characters that XML 1.0 has.

use std::borrow::Cow;

use super::super::Limits;
use super::super::charset::{BOM, Charset, unsupported};
use super::super::findings::{Findings, empty, within_size};
use crate::message::{Fault, Refusal};

/// An XML declaration is short; what lies further on is not looked at for an encoding.
const DECLARATION_BYTES_MAX: usize = 256;

/// The text with line ends as XML reads them (XML 1.0 §2.11).
pub(super) fn text<'b>(
    bytes: &'b [u8],
    media_charset: Option<&str>,
    limits: &Limits,
) -> Result<Cow<'b, str>, Refusal> {
    within_size(bytes, limits)?;
    if bytes.trim_ascii().is_empty() {
        return Err(empty());
    }
    if matches!(bytes, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, b'<', ..] | [b'<', 0, ..]) {
        return Err(unsupported());
    }
    let body = bytes.strip_prefix(BOM);
    let charset = match (body, media_charset, declared(bytes)) {
        (Some(_), _, _) => Charset::Utf8,
        (None, Some(label), _) => Charset::named(label)?,
        (None, None, Some(label)) => Charset::named(&String::from_utf8_lossy(label))?,
        (None, None, None) => Charset::Utf8,
    };
    let text = charset.decode(body.unwrap_or(bytes)).map_err(|error| {
        let line = error.line;
        error.refusal(&format!("/ (regel {line})"))
    })?;
    only_xml_characters(&text, limits)?;
    Ok(if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        text
    })
}

/// Whether XML 1.0 can carry a character at all (production Char).
pub(in crate::pipeline) const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether XML 1.0 can carry all of a text.
pub(in crate::pipeline) fn is_xml_text(text: &str) -> bool {
    // Only control characters, and what begins with EF in UTF-8, can be amiss.
    let suspect = |byte: u8| byte < b' ' || byte == 0xEF;
    !text.bytes().any(suspect) || text.chars().all(is_xml_char)
}

/// The encoding that the XML declaration names.
fn declared(bytes: &[u8]) -> Option<&[u8]> {
    let head = bytes.get(..DECLARATION_BYTES_MAX).unwrap_or(bytes).strip_prefix(b"<?xml")?;
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let head = head.get(..end)?;
    let key = b"encoding";
    let at = head.windows(key.len()).position(|word| word == key)?;
    let value = head.get(at + key.len()..)?.trim_ascii_start().strip_prefix(b"=")?;
    let (quote, value) = value.trim_ascii_start().split_first()?;
    value.split(|byte| byte == quote).next()
}

fn only_xml_characters(text: &str, limits: &Limits) -> Result<(), Refusal> {
    let suspect =
        |byte: &u8| (*byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || *byte == 0xEF;
    if !text.bytes().any(|byte| suspect(&byte)) {
        return Ok(());
    }
    let mut findings = Findings::new(limits);
    for (line, content) in text.split('\n').enumerate() {
        let place = || format!("/ (regel {})", line + 1);
        if content.contains('\0') {
            let (nl, en) = ("Het document bevat een NUL-teken.", "There is a NUL character.");
            findings.add(place, "nul-teken", nl, en);
        } else if !content.chars().all(is_xml_char) {
            let nl = "Deze regel heeft een stuurteken dat XML niet toestaat.";
            findings.add(place, "teken", nl, "This line has a character that XML forbids.");
        }
    }
    findings.settle(Fault::Onleesbaar, ())
}
