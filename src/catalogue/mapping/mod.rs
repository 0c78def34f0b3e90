//! A mapping: a table of target fields, each with the expression that fills it.
//!
//! Compiled once against the schemas on both sides, so that every source path is known to exist
//! and every target field to belong; running it builds the target in the order of its schema.

mod compile;
mod run;
mod target;

use std::collections::BTreeSet;

use serde_json::Value;

use super::cel::{Expression, Path, Step};

pub use compile::{MappingText, Source};
pub use run::Run;

/// A compiled mapping.
#[derive(Debug)]
pub struct Mapping {
    pub file: String,
    /// Every line of the table, for lineage and for what examples cover.
    pub rules: Vec<Rule>,
    nodes: Vec<Node>,
}

impl Mapping {
    /// Whether anything in it depends on this variable.
    pub fn reads(&self, variable: &str) -> bool {
        self.rules.iter().flat_map(|rule| &rule.reads).any(|path| path.root == variable)
    }
}

/// One line of a mapping: a target and what feeds it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The target as a path from `doel`, with `[]` for list elements.
    pub target: Path,
    pub text: String,
    pub line: usize,
    pub optional: bool,
    /// Every source field that can change this target, conditions of its lists included.
    pub reads: BTreeSet<Path>,
}

#[derive(Debug)]
enum Node {
    Field { name: String, rule: usize, fill: Fill, optional: bool },
    Object { name: String, children: Vec<Node> },
    List { name: String, parts: Vec<ListPart> },
}

/// One `[[lijst]]`: the elements of a source list, each made into an object.
#[derive(Debug)]
struct ListPart {
    /// `None`: exactly one element, built from what is in scope.
    source: Option<Place>,
    element: String,
    conditions: Vec<(String, Expression)>,
    children: Vec<Node>,
}

/// How a field is filled.
#[derive(Debug)]
enum Fill {
    /// A plain path: copied without the interpreter.
    Copy(Place),
    Literal(Value),
    Evaluate(Expression),
}

/// A place in a variable, to be followed in a document.
#[derive(Debug, Clone)]
struct Place {
    variable: String,
    steps: Vec<Step>,
}

#[cfg(test)]
mod tests;
