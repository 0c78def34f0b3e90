//! What is wrong with a set of configuration files, with file, line and column.

use std::collections::BTreeMap;
use std::fmt;

/// The files of a set by path (`connectors/politie/connector.toml`), with forward slashes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// One thing to repair, in the words of whoever maintains the set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub file: String,
    /// From 1; 0 where the whole file is meant.
    pub line: usize,
    /// From 1, in characters; 0 where the whole file is meant.
    pub column: usize,
    pub code: &'static str,
    /// What is wrong and what to do about it, in Dutch.
    pub text: String,
    /// The offending line, for display.
    pub excerpt: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {} [{}]", self.file, self.text, self.code),
            line => {
                write!(f, "{}:{line}:{}: {} [{}]", self.file, self.column, self.text, self.code)
            }
        }
    }
}

/// A text file of the set, able to say where in it something stands.
#[derive(Debug, Clone, Copy)]
pub struct SourceText<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl<'a> SourceText<'a> {
    /// The file as UTF-8 text, or a problem that says it is missing or not text.
    pub fn read(files: &'a Files, file: &'a str) -> Result<Self, Problem> {
        let whole = |code, text: &str| Problem {
            file: file.to_owned(),
            line: 0,
            column: 0,
            code,
            text: text.to_owned(),
            excerpt: String::new(),
        };
        let bytes = files.get(file).ok_or_else(|| {
            whole(
                "bestand-ontbreekt",
                "dit bestand ontbreekt; maak het aan of verwijder de verwijzing",
            )
        })?;
        let text = std::str::from_utf8(bytes)
            .map_err(|_| whole("codering", "dit bestand is geen UTF-8; sla het op als UTF-8"))?;
        Ok(Self { file, text })
    }

    /// A problem at a byte offset.
    pub fn problem(&self, offset: usize, code: &'static str, text: impl Into<String>) -> Problem {
        let upto = self.text.get(..offset).unwrap_or(self.text);
        let line_start = upto.rfind('\n').map_or(0, |at| at + 1);
        let excerpt = self.text.get(line_start..).unwrap_or("").lines().next().unwrap_or("");
        Problem {
            file: self.file.to_owned(),
            line: upto.matches('\n').count() + 1,
            column: upto.get(line_start..).unwrap_or("").chars().count() + 1,
            code,
            text: text.into(),
            excerpt: excerpt.to_owned(),
        }
    }

    /// A problem with the file as a whole.
    pub fn whole(&self, code: &'static str, text: impl Into<String>) -> Problem {
        Problem {
            file: self.file.to_owned(),
            line: 0,
            column: 0,
            code,
            text: text.into(),
            excerpt: String::new(),
        }
    }

    /// Reads the file as TOML of a known form.
    pub fn toml<T: serde::de::DeserializeOwned>(&self) -> Result<T, Problem> {
        toml::from_str(self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            self.problem(offset, "toml", explain_toml(error.message()))
        })
    }

    /// Reads the file as JSON.
    pub fn json(&self) -> Result<serde_json::Value, Problem> {
        serde_json::from_str(self.text).map_err(|error| {
            let before: usize =
                self.text.split_inclusive('\n').take(error.line().max(1) - 1).map(str::len).sum();
            let offset = before + error.column().saturating_sub(1);
            self.problem(offset, "json", format!("geen geldige JSON: {}", short(&error)))
        })
    }
}

fn short(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Serde's sentences about keys, in Dutch; the rest stays as the parser says it.
fn explain_toml(message: &str) -> String {
    let message = message.trim();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let rest = rest.replace(", expected one of ", "; bekend zijn ");
        return format!("onbekende sleutel {}", rest.replace(", expected ", "; bekend is "));
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return format!("sleutel {rest} ontbreekt");
    }
    format!("geen geldige inhoud: {message}")
}

/// The candidate nearest to what somebody wrote, where it is near enough to be meant.
pub fn nearest<'a>(wrote: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let reach = ((wrote.chars().count() + 1) / 3).max(1);
    candidates
        .map(|candidate| (distance(wrote, candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let here = if ca == *cb { diagonal } else { 1 + diagonal.min(*cell).min(left) };
            diagonal = *cell;
            *cell = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let names = ["postcode", "huisnummer", "straat"];
        assert_eq!(nearest("postkode", names.into_iter()), Some("postcode"));
        assert_eq!(nearest("huisnumer", names.into_iter()), Some("huisnummer"));
        assert_eq!(nearest("telefoon", names.into_iter()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_problem_names_line_and_column() {
        let source = SourceText { file: "a.toml", text: "x = 1\né = \"fout\"\n" };
        let problem = source.problem(11, "proef", "mis");
        assert_eq!((problem.line, problem.column), (2, 5));
        assert_eq!(problem.excerpt, "é = \"fout\"");
    }
}
