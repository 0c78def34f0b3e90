//! The short way for what most expressions are: paths, literals, a helper on a path, a choice, the
//! first of those that a filter lets through.
//!
//! The interpreter builds a context and a boxed value for every step; most expressions need
//! neither. Whatever is not plainly a case of these few forms gives `Answer::Ask`, and then the
//! interpreter decides: both must give the same wherever this gives an answer, and a test holds
//! them together over the expressions of every connector.

use std::borrow::Cow;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use serde_json::{Map, Value};

use super::{CodeLists, EvalError, Step, functions};

/// An expression in one of the plain forms.
#[derive(Debug, Clone)]
pub enum Direct {
    Literal(Value),
    Path(Route),
    /// A path from what another expression gives.
    Below(Box<Direct>, Vec<Step>),
    Has(Box<Direct>, String),
    /// One element of `list.filter(name, condition)`.
    Filtered {
        list: Route,
        name: String,
        condition: Box<Direct>,
        at: usize,
    },
    List(Vec<Direct>),
    Text(fn(&str) -> Option<String>, Box<Direct>),
    Code {
        list: String,
        key: Box<Direct>,
        default: Option<Box<Direct>>,
    },
    /// `samen([…], separator)`.
    Join {
        parts: Vec<Direct>,
        separator: String,
    },
    /// `+` of two texts.
    Append(Box<[Direct; 2]>),
    /// `string()` or `tekst()` of a text or a whole number.
    Show(Box<Direct>),
    Equal {
        sides: Box<[Direct; 2]>,
        wanted: bool,
    },
    Among(Box<Direct>, Vec<String>),
    /// Whether an object has a field: `'@id' in b.x`.
    Within(Box<Direct>, Route),
    /// `leeg()`.
    Blank(Box<Direct>),
    Not(Box<Direct>),
    And(Box<[Direct; 2]>),
    Or(Box<[Direct; 2]>),
    Choose(Box<[Direct; 3]>),
}

/// A variable and the steps from it.
#[derive(Debug, Clone)]
pub struct Route {
    pub variable: String,
    pub steps: Vec<Step>,
}

/// What came of it.
pub enum Answer<'v> {
    Value(Cow<'v, Value>),
    Failed(EvalError),
    /// Not plain after all: the interpreter knows.
    Ask,
}

use Answer::{Ask, Failed};

/// The plain form of an expression, where it has one.
pub fn compile(expr: &IdedExpr) -> Option<Direct> {
    match &expr.expr {
        Expr::Literal(LiteralValue::String(text)) => {
            Some(Direct::Literal(Value::from(text.inner())))
        }
        Expr::Literal(LiteralValue::Int(whole)) => {
            Some(Direct::Literal(Value::from(*whole.inner())))
        }
        Expr::Literal(LiteralValue::Boolean(flag)) => {
            Some(Direct::Literal(Value::from(*flag.inner())))
        }
        Expr::Literal(LiteralValue::Null) => Some(Direct::Literal(Value::Null)),
        Expr::Select(select) if select.test => {
            Some(Direct::Has(Box::new(compile(&select.operand)?), select.field.clone()))
        }
        Expr::Select(select) => route(expr).map(Direct::Path).or_else(|| {
            let step = Step::Field(select.field.clone());
            Some(Direct::Below(Box::new(compile(&select.operand)?), vec![step]))
        }),
        Expr::Call(call) if call.target.is_none() => {
            route(expr).map(Direct::Path).or_else(|| of_call(call))
        }
        Expr::List(list) => {
            list.elements.iter().map(compile).collect::<Option<_>>().map(Direct::List)
        }
        _ => route(expr).map(Direct::Path),
    }
}

fn of_call(call: &CallExpr) -> Option<Direct> {
    let part = |at: usize| call.args.get(at).and_then(compile);
    let pair = || Some(Box::new([part(0)?, part(1)?]));
    match (call.func_name.as_str(), call.args.len()) {
        (operators::EQUALS, 2) => Some(Direct::Equal { sides: pair()?, wanted: true }),
        (operators::NOT_EQUALS, 2) => Some(Direct::Equal { sides: pair()?, wanted: false }),
        (operators::ADD, 2) => Some(Direct::Append(pair()?)),
        ("string" | "tekst", 1) => Some(Direct::Show(Box::new(part(0)?))),
        ("samen", 2) => {
            let Expr::List(list) = &call.args.first()?.expr else { return None };
            let parts = list.elements.iter().map(compile).collect::<Option<_>>()?;
            let Direct::Literal(Value::String(separator)) = part(1)? else { return None };
            Some(Direct::Join { parts, separator })
        }
        (operators::IN, 2) => {
            let (what, among) = (Box::new(part(0)?), call.args.get(1)?);
            match texts(among) {
                Some(texts) => Some(Direct::Among(what, texts)),
                None => Some(Direct::Within(what, route(among)?)),
            }
        }
        (operators::INDEX, 2) => {
            let (list, name, condition) = filter_of(call.args.first()?)?;
            let Direct::Literal(Value::Number(at)) = part(1)? else { return None };
            let (list, condition) = (route(list)?, Box::new(compile(condition)?));
            let at = usize::try_from(at.as_u64()?).ok()?;
            Some(Direct::Filtered { list, name: name.clone(), condition, at })
        }
        ("leeg", 1) => Some(Direct::Blank(Box::new(part(0)?))),
        (operators::LOGICAL_AND, 2) => Some(Direct::And(pair()?)),
        (operators::LOGICAL_OR, 2) => Some(Direct::Or(pair()?)),
        (operators::LOGICAL_NOT, 1) => Some(Direct::Not(Box::new(part(0)?))),
        (operators::CONDITIONAL, 3) => {
            Some(Direct::Choose(Box::new([part(0)?, part(1)?, part(2)?])))
        }
        ("code", 2 | 3) => {
            let Direct::Literal(Value::String(list)) = part(0)? else { return None };
            let default = if call.args.len() == 3 { Some(Box::new(part(2)?)) } else { None };
            Some(Direct::Code { list, key: Box::new(part(1)?), default })
        }
        (name, 1) => {
            let (_, apply) = functions::TEXT.iter().find(|(known, _)| *known == name)?;
            Some(Direct::Text(*apply, Box::new(part(0)?)))
        }
        _ => None,
    }
}

/// What `list.filter(name, condition)` goes over, its variable and its condition: the parser writes
/// a filter out as a loop that keeps an element or does not.
pub fn filter_of(expr: &IdedExpr) -> Option<(&IdedExpr, &String, &IdedExpr)> {
    let Expr::Comprehension(filter) = &expr.expr else { return None };
    let Expr::Call(step) = &filter.loop_step.expr else { return None };
    let [condition, kept, _] = step.args.as_slice() else { return None };
    let Expr::Call(append) = &kept.expr else { return None };
    let Some(Expr::List(list)) = append.args.get(1).map(|arg| &arg.expr) else { return None };
    let keeps_itself = matches!(list.elements.as_slice(),
        [only] if matches!(&only.expr, Expr::Ident(name) if *name == filter.iter_var));
    keeps_itself.then_some((&filter.iter_range, &filter.iter_var, condition))
}

/// The texts of a list of nothing but those.
fn texts(expr: &IdedExpr) -> Option<Vec<String>> {
    let Expr::List(list) = &expr.expr else { return None };
    let text = |item: &IdedExpr| match &item.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
        _ => None,
    };
    list.elements.iter().map(text).collect()
}

/// The path that an expression is: selections and literal indices on a variable.
pub fn route(expr: &IdedExpr) -> Option<Route> {
    let below = |inner: &IdedExpr, step: Step| {
        let mut route = route(inner)?;
        route.steps.push(step);
        Some(route)
    };
    match &expr.expr {
        Expr::Ident(name) => Some(Route { variable: name.clone(), steps: Vec::new() }),
        Expr::Select(select) if !select.test => {
            below(&select.operand, Step::Field(select.field.clone()))
        }
        Expr::Call(call) if call.func_name == operators::INDEX => {
            let [inner, index] = call.args.as_slice() else { return None };
            match &index.expr {
                Expr::Literal(LiteralValue::String(name)) => {
                    below(inner, Step::Field(name.inner().to_owned()))
                }
                Expr::Literal(LiteralValue::Int(at)) => {
                    below(inner, Step::At(usize::try_from(*at.inner()).ok()?))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The variables in scope, innermost last, and the code lists.
#[derive(Clone, Copy)]
pub struct Known<'v> {
    pub variables: &'v [(&'v str, &'v Value)],
    pub codes: &'v CodeLists,
}

impl Direct {
    pub fn answer<'v>(&'v self, known: Known<'v>) -> Answer<'v> {
        match self {
            Self::Literal(value) => Answer::Value(Cow::Borrowed(value)),
            Self::Path(route) => route.answer(known),
            Self::Below(inner, steps) => match inner.answer(known) {
                Answer::Value(Cow::Borrowed(value)) => follow(value, steps),
                Answer::Value(Cow::Owned(_)) | Ask => Ask,
                failed @ Failed(_) => failed,
            },
            Self::Has(inner, name) => inner.answer(known).then(|found| match found {
                Value::Object(fields) => flag(there(fields, name)),
                _ => Ask,
            }),
            Self::Filtered { list, name, condition, at } => {
                filtered(list, (name, condition), *at, known)
            }
            Self::List(parts) => list(parts, known),
            Self::Text(apply, argument) => argument.answer(known).then(|value| match value {
                Value::String(text) => owned(apply(text).map_or(Value::Null, Value::from)),
                Value::Null => owned(Value::Null),
                _ => Ask,
            }),
            Self::Code { list, key, default } => code(list, key, default.as_deref(), known),
            Self::Join { parts, separator } => join(parts, separator, known),
            Self::Append(sides) => both(sides, known, |left, right| match (left, right) {
                (Value::String(a), Value::String(b)) => owned(Value::from([&**a, b].concat())),
                _ => Ask,
            }),
            Self::Show(inner) => inner.answer(known).then(show),
            Self::Equal { sides, wanted } => {
                both(sides, known, |a, b| same(a, b).map_or(Ask, |same| flag(same == *wanted)))
            }
            Self::Among(inner, texts) => inner.answer(known).then(|value| match value {
                Value::String(text) => flag(texts.contains(text)),
                _ => Ask,
            }),
            Self::Within(inner, route) => match (inner.answer(known), route.answer(known)) {
                (Answer::Value(key), Answer::Value(among)) => match (&*key, &*among) {
                    (Value::String(key), Value::Object(fields)) => flag(there(fields, key)),
                    _ => Ask,
                },
                (Failed(error), _) | (Answer::Value(_), Failed(error)) => Failed(error),
                _ => Ask,
            },
            Self::Blank(inner) => inner.answer(known).then(|value| match value {
                Value::String(text) => flag(text.trim().is_empty()),
                Value::Null => flag(true),
                _ => Ask,
            }),
            Self::Not(inner) => inner.decide(known, |holds| flag(!holds)),
            Self::And(sides) => {
                let [left, right] = &**sides;
                left.plain(
                    known,
                    |holds| if holds { right.plain(known, flag) } else { flag(false) },
                )
            }
            Self::Or(sides) => {
                let [left, right] = &**sides;
                left.plain(known, |holds| if holds { flag(true) } else { right.plain(known, flag) })
            }
            Self::Choose(parts) => {
                let [condition, yes, no] = &**parts;
                condition.decide(known, |holds| if holds { yes } else { no }.answer(known))
            }
        }
    }

    /// Goes on with a truth value; what failed stays failed.
    fn decide<'v>(&'v self, known: Known<'v>, then: impl FnOnce(bool) -> Answer<'v>) -> Answer<'v> {
        match self.answer(known) {
            Answer::Value(value) => value.as_bool().map_or(Ask, then),
            other => other,
        }
    }

    /// As `decide`, but CEL's `&&` and `||` may forgive a failure on one side: it knows which.
    fn plain<'v>(&'v self, known: Known<'v>, then: impl FnOnce(bool) -> Answer<'v>) -> Answer<'v> {
        match self.answer(known) {
            Answer::Value(value) => value.as_bool().map_or(Ask, then),
            _ => Ask,
        }
    }
}

impl<'v> Answer<'v> {
    /// Goes on with a value; what failed stays failed.
    fn then<'w>(self, next: impl FnOnce(&Value) -> Answer<'w>) -> Answer<'w> {
        match self {
            Self::Value(value) => next(&value),
            Failed(error) => Failed(error),
            Ask => Ask,
        }
    }
}

impl Route {
    fn answer<'v>(&'v self, known: Known<'v>) -> Answer<'v> {
        known.find(&self.variable).map_or(Ask, |value| follow(value, &self.steps))
    }
}

/// What is at the end of these steps.
fn follow<'v>(from: &'v Value, steps: &[Step]) -> Answer<'v> {
    let mut here = from;
    for step in steps {
        let next = match (step, here) {
            (Step::Field(name), Value::Object(fields)) => fields.get(name),
            (Step::At(index), Value::Array(items)) => items.get(*index),
            _ => return Ask,
        };
        here = match (step, next) {
            (Step::At(_), Some(Value::Null)) => return Ask,
            (_, None | Some(Value::Null)) => return Failed(EvalError::Absent),
            (_, Some(next)) => next,
        };
    }
    Answer::Value(Cow::Borrowed(here))
}

/// Whether an object has a field; one that is `null` counts as absent.
fn there(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name).is_some_and(|value| !value.is_null())
}

/// One of the elements for which a condition holds. CEL asks it of every element, and one that
/// fails makes all of it fail, in a way that is left to the interpreter.
fn filtered<'v>(
    list: &'v Route,
    (name, condition): (&'v str, &'v Direct),
    at: usize,
    known: Known<'v>,
) -> Answer<'v> {
    let items = match list.answer(known) {
        Answer::Value(Cow::Borrowed(Value::Array(items))) => items,
        Answer::Value(_) | Ask => return Ask,
        failed @ Failed(_) => return failed,
    };
    let mut variables = known.variables.to_vec();
    let mut kept = None;
    let mut nth = 0;
    for item in items {
        variables.push((name, item));
        let inner = Known { variables: &variables, codes: known.codes };
        let Answer::Value(holds) = condition.answer(inner) else { return Ask };
        let Value::Bool(holds) = *holds else { return Ask };
        if holds {
            kept = kept.or_else(|| (nth == at).then_some(item));
            nth += 1;
        }
        variables.pop();
    }
    match kept {
        Some(Value::Null) => Ask,
        Some(item) => Answer::Value(Cow::Borrowed(item)),
        None => Failed(EvalError::Absent),
    }
}

/// A list of texts, flags, `null`s and whole numbers.
fn list<'v>(parts: &'v [Direct], known: Known<'v>) -> Answer<'v> {
    let mut items = Vec::with_capacity(parts.len());
    for part in parts {
        match part.answer(known) {
            Answer::Value(value) if value.is_array() || value.is_object() => return Ask,
            Answer::Value(value) if value.is_number() && !value.is_i64() => return Ask,
            Answer::Value(value) => items.push(value.into_owned()),
            failed => return failed,
        }
    }
    owned(Value::Array(items))
}

impl<'v> Known<'v> {
    pub fn find(&self, name: &str) -> Option<&'v Value> {
        self.variables.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Goes on with two values, as CEL does: the left first.
fn both<'v>(
    sides: &'v [Direct; 2],
    known: Known<'v>,
    next: impl FnOnce(&Value, &Value) -> Answer<'v>,
) -> Answer<'v> {
    let [left, right] = sides;
    left.answer(known).then(|left| right.answer(known).then(|right| next(left, right)))
}

fn code<'v>(
    list: &str,
    key: &'v Direct,
    default: Option<&'v Direct>,
    known: Known<'v>,
) -> Answer<'v> {
    key.answer(known).then(|key| {
        // CEL evaluates a default even where it is not needed, and that may fail.
        let default = match default.map(|default| default.answer(known)) {
            Some(Answer::Value(value)) if value.is_array() || value.is_object() => return Ask,
            Some(failed @ (Failed(_) | Ask)) => return failed,
            scalar => scalar,
        };
        let key = match key {
            Value::String(key) => key,
            Value::Null => return owned(Value::Null),
            _ => return Ask,
        };
        match known.codes.get(list).and_then(|list| list.get(key)) {
            Some(meaning) => owned(Value::from(meaning.clone())),
            None => default.unwrap_or(Failed(EvalError::UnknownCode)),
        }
    })
}

/// Joins the texts that are there and say something.
fn join<'v>(parts: &'v [Direct], separator: &str, known: Known<'v>) -> Answer<'v> {
    let mut texts = Vec::with_capacity(parts.len());
    for part in parts {
        match part.answer(known) {
            Answer::Value(value) if value.is_string() => texts.push(value),
            Answer::Value(value) if value.is_null() => {}
            Answer::Value(_) => return Ask,
            failed => return failed,
        }
    }
    let said = texts.iter().filter_map(|text| text.as_str()).filter(|t| !t.trim().is_empty());
    let joined = said.collect::<Vec<_>>().join(separator);
    owned(if joined.is_empty() { Value::Null } else { Value::from(joined) })
}

fn show<'v>(value: &Value) -> Answer<'v> {
    match value {
        Value::String(text) => owned(Value::from(text.as_str())),
        Value::Number(number) if number.is_i64() => owned(Value::from(number.to_string())),
        _ => Ask,
    }
}

/// Whether two scalars of one kind are the same; `None` where CEL must say.
fn same(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a == b),
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::Number(a), Value::Number(b)) => Some(a.as_i64()? == b.as_i64()?),
        (Value::Null, Value::Null) => Some(true),
        (Value::Null, Value::String(_) | Value::Bool(_))
        | (Value::String(_) | Value::Bool(_), Value::Null) => Some(false),
        _ => None,
    }
}

fn flag<'v>(holds: bool) -> Answer<'v> {
    owned(Value::Bool(holds))
}

fn owned<'v>(value: Value) -> Answer<'v> {
    Answer::Value(Cow::Owned(value))
}

#[cfg(test)]
mod tests;
