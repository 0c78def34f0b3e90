//! Holds the house to its own rules: who may import whom, what stays pure, how long things get.
//!
//! Each rule is a function from sources to offences, tried on samples that break it and then run
//! on the real files. It reads text, no syntax tree, so it sees what a reviewer sees. What the
//! compiler or clippy can hold, they hold: see `[lints]` in `Cargo.toml` and `clippy.toml`.

#![expect(clippy::string_slice, reason = "offsets come from a search; a wrong one fails the test")]

mod purity;
mod rooms;
mod size;
mod source;
mod words;

use std::fmt;
use std::path::Path;

use source::Source;

/// One breach of a rule: where, what, why the rule exists and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Offence {
    path: String,
    line: usize,
    what: String,
    why: &'static str,
    next: &'static str,
}

impl Offence {
    fn at(
        source: &Source,
        line: usize,
        what: String,
        why: &'static str,
        next: &'static str,
    ) -> Self {
        Self { path: source.path.clone(), line, what, why, next }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what, why, next } = self;
        write!(f, "{path}:{line}: {what}\n    why:  {why}\n    next: {next}")
    }
}

/// Fails with every offence at once.
fn hold(offences: &[Offence]) {
    let list: Vec<String> = offences.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} offences\n\n{}\n", list.len(), list.join("\n"));
}

/// The lines that a rule objects to in a sample file.
fn lines_of(offences: &[Offence]) -> Vec<usize> {
    offences.iter().map(|offence| offence.line).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of `src`, or of `src`, `tests` and `benches`.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(
        found.len() > 10,
        "the tidy test finds hardly any source: is it looking in {folders:?}?"
    );
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            let text = std::fs::read_to_string(&path).expect("source is UTF-8");
            found.push(Source::new(&name, &text));
        }
    }
}
