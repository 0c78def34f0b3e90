//! What a condition says about presence: which paths are known to be there once it held, or once
//! it did not.
//!
//! Paths here are as they are written, from a variable in scope: `p.naam` of one `filter` says
//! nothing about `q.naam` of another, though both stand for the same place in the source.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, operators};

use super::direct::route;
use super::lineage::{Path, Step};

/// Paths that are there, those above them included. `None`: it never comes to that, as with a
/// literal `false` that should hold.
pub type Present = Option<BTreeSet<Path>>;

/// What is there once a condition turned out `holds`.
pub fn present(condition: &IdedExpr, holds: bool) -> Present {
    match &condition.expr {
        Expr::Literal(LiteralValue::Boolean(flag)) => (*flag.inner() == holds).then(BTreeSet::new),
        Expr::Select(select) if select.test && holds => {
            let asked = path_of(&select.operand)
                .map(|above| with_those_above(&above.then(Step::Field(select.field.clone()))));
            Some(asked.unwrap_or_default())
        }
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [inner]) => present(inner, !holds),
            // `'@id' in b.x` asks for what has() has no name for.
            (operators::IN, [name, among]) if holds => {
                let asked = literal(name).zip(path_of(among));
                let asked = asked.map(|(name, among)| with_those_above(&among.then(name)));
                Some(asked.unwrap_or_default())
            }
            // All that holds of either side, or what both sides agree on.
            (operators::LOGICAL_AND, [left, right]) if holds => {
                both(present(left, true), present(right, true))
            }
            (operators::LOGICAL_OR, [left, right]) if !holds => {
                both(present(left, false), present(right, false))
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                either(present(left, holds), present(right, holds))
            }
            (operators::CONDITIONAL, [question, yes, no]) => either(
                both(present(question, true), present(yes, holds)),
                both(present(question, false), present(no, holds)),
            ),
            _ => Some(BTreeSet::new()),
        },
        _ => Some(BTreeSet::new()),
    }
}

/// The condition that guards a path, as its author would write it; `None` where nothing can ask
/// for it, as for an element by its position.
pub fn question(path: &Path) -> Option<String> {
    let (Step::Field(last), above) = path.steps.split_last()? else { return None };
    let mut place = path.root.clone();
    for step in above {
        place.push_str(&match step {
            Step::Field(name) if is_identifier(name) => format!(".{name}"),
            Step::Field(name) => format!("['{name}']"),
            Step::At(index) => format!("[{index}]"),
            Step::Each => return None,
        });
    }
    Some(if is_identifier(last) {
        format!("has({place}.{last})")
    } else {
        format!("'{last}' in {place}")
    })
}

fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn literal(expr: &IdedExpr) -> Option<Step> {
    match &expr.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(Step::Field(text.inner().to_owned())),
        _ => None,
    }
}

/// An expression as a path from a variable, where it is one.
pub fn path_of(expr: &IdedExpr) -> Option<Path> {
    route(expr).map(|route| Path { root: route.variable, steps: route.steps })
}

fn with_those_above(path: &Path) -> BTreeSet<Path> {
    let lengths = 1..=path.steps.len();
    let upto = |length| path.steps.iter().take(length).cloned().collect();
    lengths.map(|length| Path { root: path.root.clone(), steps: upto(length) }).collect()
}

fn both(a: Present, b: Present) -> Present {
    let (mut a, b) = (a?, b?);
    a.extend(b);
    Some(a)
}

fn either(a: Present, b: Present) -> Present {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(&b).cloned().collect()),
        (a, b) => a.or(b),
    }
}
