//! CEL, the one language of mappings, routes and purposes: compiled, checked and evaluated.
//!
//! Errors of the interpreter repeat values (`No such key: <bsn>`), so none leaves this module:
//! an evaluation fails with the kind of failure only.

mod direct;
mod functions;
mod guards;
mod lineage;
mod text;
mod value;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cel::common::ast::{Expr as Node, LiteralValue};
use cel::{Context, ExecutionError, IdedExpr, Program};
use serde_json::Value;

use super::shape::Shape;

use self::direct::{Answer, Direct, Known};

pub use lineage::{Gap, Lineage, Path, Step, Variable, lineage};

/// Code lists by their full name, `<file>#<list>`.
pub type CodeLists = BTreeMap<String, BTreeMap<String, String>>;

/// Expressions longer than this are refused.
const TEXT_MAX: usize = 2_000;

/// A compiled expression.
pub struct Expression {
    pub text: String,
    expr: IdedExpr,
    /// What it comes down to, where the interpreter is not needed for that.
    direct: Option<Direct>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.text)
    }
}

/// Why an evaluation gave nothing. Never holds a value of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalError {
    /// Something that it reads is absent.
    Absent,
    /// A code that its list does not have.
    UnknownCode,
    /// Anything else: another type than expected, a number too large.
    Failed,
}

impl Expression {
    /// Parses an expression. `list_prefix` is put before the names of its code lists.
    pub fn compile(text: &str, list_prefix: &str) -> Result<Self, String> {
        if text.len() > TEXT_MAX {
            return Err(format!("deze uitdrukking is langer dan {TEXT_MAX} tekens"));
        }
        let program = Program::compile(text).map_err(|errors| {
            format!("geen geldige uitdrukking: {}", explain_syntax(&errors.to_string()))
        })?;
        let mut expr = program.expression().clone();
        qualify_codes(&mut expr, list_prefix)?;
        Ok(Self::new(text, expr))
    }

    fn new(text: &str, expr: IdedExpr) -> Self {
        let direct = direct::compile(&expr);
        Self { text: text.to_owned(), expr, direct }
    }

    /// Parses a condition on `b` of this shape, which must guard what can be absent.
    pub fn condition(text: &str, list_prefix: &str, b: &Shape) -> Result<Self, String> {
        let expression = Self::compile(text, list_prefix)?;
        let variable = Variable { path: Path::root("b"), shape: b.clone() };
        let lineage = expression.lineage(&BTreeMap::from([("b".to_owned(), variable)]))?;
        match lineage.unguarded.first() {
            Some(gap) => Err(gap.in_condition()),
            None => Ok(expression),
        }
    }

    /// What it reads, given the variables it may use.
    pub fn lineage(&self, variables: &BTreeMap<String, Variable>) -> Result<Lineage, String> {
        lineage(&self.expr, variables, &|name| functions::NAMES.contains(&name))
    }

    /// The value of a literal, which needs no evaluation.
    pub fn literal(&self) -> Option<&Value> {
        match &self.direct {
            Some(Direct::Literal(value)) if !value.is_null() => Some(value),
            _ => None,
        }
    }

    /// The variable and the steps from it, where this is nothing but a path.
    pub fn path(&self) -> Option<(&str, &[Step])> {
        match &self.direct {
            Some(Direct::Path(route)) => Some((&route.variable, &route.steps)),
            _ => None,
        }
    }

    /// The code lists it uses, by full name.
    pub fn code_lists(&self) -> Vec<String> {
        let mut lists = Vec::new();
        collect_codes(&self.expr, &mut lists);
        lists
    }

    /// Evaluates to a scalar or a list of scalars; absent gives `Value::Null`.
    pub fn evaluate(&self, scope: &Scope<'_, '_>) -> Result<Value, EvalError> {
        match self.direct.as_ref().map(|direct| direct.answer(scope.known())) {
            Some(Answer::Failed(error)) => Err(error),
            // A list that was made here; one of the source may hold more than scalars.
            Some(Answer::Value(Cow::Owned(value))) => Ok(value),
            Some(Answer::Value(value)) if !value.is_array() && !value.is_object() => {
                Ok(value.into_owned())
            }
            _ => self.interpret(scope),
        }
    }

    /// Evaluates a condition.
    pub fn holds(&self, scope: &Scope<'_, '_>) -> Result<bool, EvalError> {
        self.evaluate(scope)?.as_bool().ok_or(EvalError::Failed)
    }

    fn interpret(&self, scope: &Scope<'_, '_>) -> Result<Value, EvalError> {
        let result = cel::Value::resolve_val(&self.expr, scope.context()).map_err(|e| kind(&e))?;
        value::to_json(result.as_ref()).ok_or(EvalError::Failed)
    }

    /// Takes `path.filter(x, condition)` apart: the path, the variable and the condition.
    ///
    /// The source of a list of objects is a path or such a filter, so that its elements stay
    /// plain JSON and can be copied from directly.
    pub fn split_filter(&self) -> Option<(Self, String, Self)> {
        let (list, name, condition) = direct::filter_of(&self.expr)?;
        let part = |expr: &IdedExpr| Self::new(&self.text, expr.clone());
        Some((part(list), name.clone(), part(condition)))
    }
}

/// What the parser says in one line: where, and what it did not expect.
fn explain_syntax(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or(text).trim();
    let line = line.split(" expecting ").next().unwrap_or(line);
    match line.split_once("Syntax error: ") {
        Some((place, what)) => {
            let column = place.trim_end_matches([':', ' ']).rsplit(':').next().unwrap_or_default();
            format!("bij teken {column}: {what}")
        }
        None => line.to_owned(),
    }
}

fn kind(error: &ExecutionError) -> EvalError {
    match error {
        ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_) => EvalError::Absent,
        ExecutionError::FunctionError { function, message }
            if function == "code" && message == functions::UNKNOWN_CODE =>
        {
            EvalError::UnknownCode
        }
        _ => EvalError::Failed,
    }
}

/// Gives every `code('list', …)` the full name of its list.
fn qualify_codes(expr: &mut IdedExpr, prefix: &str) -> Result<(), String> {
    let mut result = Ok(());
    visit_mut(expr, &mut |node| {
        let Node::Call(call) = node else { return };
        if call.func_name != "code" {
            return;
        }
        match call.args.first_mut().map(|arg| &mut arg.expr) {
            Some(Node::Literal(LiteralValue::String(name))) => {
                let full = format!("{prefix}#{}", name.inner());
                *name = cel::common::types::CelString::from(full);
            }
            _ => {
                result =
                    Err("code() begint met de naam van een lijst tussen aanhalingstekens".into())
            }
        }
    });
    result
}

fn collect_codes(expr: &IdedExpr, lists: &mut Vec<String>) {
    visit_mut(&mut expr.clone(), &mut |node| {
        if let Node::Call(call) = node
            && call.func_name == "code"
            && let Some(Node::Literal(LiteralValue::String(name))) =
                call.args.first().map(|a| &a.expr)
        {
            lists.push(name.inner().to_owned());
        }
    });
}

fn visit_mut(expr: &mut IdedExpr, visit: &mut dyn FnMut(&mut Node)) {
    visit(&mut expr.expr);
    match &mut expr.expr {
        Node::Call(call) => {
            call.target.iter_mut().for_each(|target| visit_mut(target, visit));
            call.args.iter_mut().for_each(|arg| visit_mut(arg, visit));
        }
        Node::Select(select) => visit_mut(&mut select.operand, visit),
        Node::List(list) => list.elements.iter_mut().for_each(|item| visit_mut(item, visit)),
        Node::Comprehension(c) => {
            for part in [
                &mut c.iter_range,
                &mut c.accu_init,
                &mut c.loop_cond,
                &mut c.loop_step,
                &mut c.result,
            ] {
                visit_mut(part, visit);
            }
        }
        _ => {}
    }
}

/// The helpers and code lists of a whole set; every evaluation happens in a scope of it.
pub struct Engine {
    root: Context<'static, 'static>,
    codes: Arc<CodeLists>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    pub fn new(codes: CodeLists) -> Result<Self, String> {
        let (mut root, codes) = (Context::default(), Arc::new(codes));
        functions::declare(&mut root).map_err(|error| error.to_string())?;
        functions::declare_codes(&mut root, codes.clone()).map_err(|error| error.to_string())?;
        Ok(Self { root, codes })
    }

    /// A scope in which variables can be bound.
    pub fn scope<'v>(&self) -> Scope<'_, 'v> {
        Scope { engine: self, variables: Vec::new(), context: OnceCell::new() }
    }
}

/// Variables bound to parts of a message, for evaluations that look at the same parts.
pub struct Scope<'p, 'v> {
    engine: &'p Engine,
    /// The innermost last, and found first.
    variables: Vec<(&'v str, &'v Value)>,
    /// Made when an expression needs the interpreter.
    context: OnceCell<Context<'p, 'v>>,
}

impl<'p, 'v> Scope<'p, 'v> {
    pub fn bind(&mut self, name: &'v str, value: &'v Value) {
        self.variables.push((name, value));
        self.context.take();
    }

    /// This scope with one variable more.
    #[must_use]
    pub fn with(&self, name: &'v str, value: &'v Value) -> Self {
        let variables = [self.variables.as_slice(), &[(name, value)]].concat();
        Self { engine: self.engine, variables, context: OnceCell::new() }
    }

    /// What a variable is bound to.
    pub fn get(&self, name: &str) -> Option<&'v Value> {
        self.variables.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn known(&self) -> Known<'_> {
        Known { variables: &self.variables, codes: &self.engine.codes }
    }

    fn context(&self) -> &Context<'p, 'v> {
        self.context.get_or_init(|| {
            let root: &Context<'_, 'v> = &self.engine.root;
            let mut context = root.new_inner_scope();
            for (name, value) in &self.variables {
                context.add_variable_as_val(*name, value::borrowed(value));
            }
            context
        })
    }
}
