//! An evaluation as tables, charts and a map: the same for the report, the terminal and the
//! console, in the language of who reads.
//!
//! Pictures are inline SVG made here, so that no page needs a script for them. Each has a name and
//! a description, and the same numbers stand in a table beside it.

pub mod chart;
pub mod map;
pub mod plot;
pub mod sections;

use std::borrow::Cow;

use crate::catalogue::programme::number;

/// What control characters and marks that turn text around become.
const STRANGE: char = '\u{FFFD}';

/// The language in which figures are told. Fixed texts are named by their Dutch words, in which
/// `{x}` and `{y}` are places for what is filled in.
pub trait Tongue {
    fn say(&self, dutch: &'static str, x: &str, y: &str) -> String;

    fn number(&self, value: f64) -> String;

    /// A text without anything to fill in.
    fn word(&self, dutch: &'static str) -> String {
        self.say(dutch, "", "")
    }
}

/// As this is written.
#[derive(Debug, Clone, Copy)]
pub struct Dutch;

impl Tongue for Dutch {
    fn say(&self, dutch: &'static str, x: &str, y: &str) -> String {
        // Split first, so that a name with `{y}` in it stays what it is.
        let parts = dutch.split("{x}").map(|part| part.replace("{y}", y));
        parts.collect::<Vec<_>>().join(x)
    }

    fn number(&self, value: f64) -> String {
        number(value)
    }
}

/// A text without what a terminal, a browser or a spreadsheet would obey.
pub fn clean(text: &str) -> String {
    let strange = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    text.chars().map(|c| if strange(c) { STRANGE } else { c }).collect()
}

/// Text as HTML and attributes may hold it.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in clean(text).chars() {
        let written: Cow<'_, str> = match c {
            '&' => "&amp;".into(),
            '<' => "&lt;".into(),
            '>' => "&gt;".into(),
            '"' => "&quot;".into(),
            '\'' => "&#39;".into(),
            c => c.to_string().into(),
        };
        safe.push_str(&written);
    }
    safe
}

/// A number of rows or columns as a length.
fn place(at: usize) -> f64 {
    f64::from(u32::try_from(at).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
