//! CEL, the one language of mappings, routes and purposes: compiled, checked and evaluated.
//!
//! Errors of the interpreter repeat values (`No such key: <bsn>`), so none leaves this module:
//! an evaluation fails with the kind of failure only.

mod functions;
mod lineage;
mod text;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use cel::common::ast::{Expr as Node, LiteralValue};
use cel::{Context, ExecutionError, IdedExpr, Program};
use serde_json::Value;

use super::shape::Shape;

pub use lineage::{Lineage, Path, Step, Variable, lineage};

/// Code lists by their full name, `<file>#<list>`.
pub type CodeLists = BTreeMap<String, BTreeMap<String, String>>;

/// Expressions longer than this are refused.
const TEXT_MAX: usize = 2_000;

/// A compiled expression.
pub struct Expression {
    pub text: String,
    expr: IdedExpr,
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
            format!("geen geldige uitdrukking: {}", first_line(&errors.to_string()))
        })?;
        let mut expr = program.expression().clone();
        qualify_codes(&mut expr, list_prefix)?;
        Ok(Self { text: text.to_owned(), expr })
    }

    /// Parses a condition on `b` of this shape, which must guard what can be absent.
    pub fn condition(text: &str, list_prefix: &str, b: &Shape) -> Result<Self, String> {
        let expression = Self::compile(text, list_prefix)?;
        let variable = Variable { path: Path::root("b"), shape: b.clone() };
        let lineage = expression.lineage(&BTreeMap::from([("b".to_owned(), variable)]))?;
        match lineage.unguarded.first() {
            Some(path) => Err(format!("{path} kan ontbreken; gebruik has()")),
            None => Ok(expression),
        }
    }

    /// What it reads, given the variables it may use.
    pub fn lineage(&self, variables: &BTreeMap<String, Variable>) -> Result<Lineage, String> {
        lineage(&self.expr, variables, &|name| functions::NAMES.contains(&name))
    }

    /// The value of a literal, which needs no evaluation.
    pub fn literal(&self) -> Option<Value> {
        match &self.expr.expr {
            Node::Literal(LiteralValue::String(text)) => Some(Value::from(text.inner())),
            Node::Literal(LiteralValue::Int(whole)) => Some(Value::from(*whole.inner())),
            Node::Literal(LiteralValue::Boolean(flag)) => Some(Value::from(*flag.inner())),
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
        let result = cel::Value::resolve_val(&self.expr, &scope.context).map_err(|e| kind(&e))?;
        value::to_json(result.as_ref()).ok_or(EvalError::Failed)
    }

    /// Evaluates a condition.
    pub fn holds(&self, scope: &Scope<'_, '_>) -> Result<bool, EvalError> {
        let result = cel::Value::resolve_val(&self.expr, &scope.context).map_err(|e| kind(&e))?;
        value::to_bool(result.as_ref()).ok_or(EvalError::Failed)
    }

    /// Takes `path.filter(x, condition)` apart: the path, the variable and the condition.
    ///
    /// The source of a list of objects is a path or such a filter, so that its elements stay
    /// plain JSON and can be copied from directly.
    pub fn split_filter(&self) -> Option<(Self, String, Self)> {
        let Node::Comprehension(c) = &self.expr.expr else { return None };
        let Node::Call(step) = &c.loop_step.expr else { return None };
        let [condition, kept, _] = step.args.as_slice() else { return None };
        let Node::Call(append) = &kept.expr else { return None };
        let Some(Node::List(list)) = append.args.get(1).map(|arg| &arg.expr) else { return None };
        let keeps_itself = matches!(list.elements.as_slice(),
            [only] if matches!(&only.expr, Node::Ident(name) if *name == c.iter_var));
        let part = |expr: &IdedExpr| Self { text: self.text.clone(), expr: expr.clone() };
        keeps_itself.then(|| (part(&c.iter_range), c.iter_var.clone(), part(condition)))
    }
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or(text).trim()
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
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    pub fn new(codes: CodeLists) -> Result<Self, String> {
        let mut root = Context::default();
        functions::declare(&mut root).map_err(|error| error.to_string())?;
        functions::declare_codes(&mut root, codes).map_err(|error| error.to_string())?;
        Ok(Self { root })
    }

    /// A scope in which variables can be bound.
    pub fn scope<'v>(&self) -> Scope<'_, 'v> {
        let root: &Context<'_, 'v> = &self.root;
        Scope { context: root.new_inner_scope() }
    }
}

/// Variables bound to parts of a message, for one evaluation.
pub struct Scope<'p, 'v> {
    context: Context<'p, 'v>,
}

impl<'v> Scope<'_, 'v> {
    pub fn bind(&mut self, name: &str, value: &'v Value) {
        self.context.add_variable_as_val(name, value::borrowed(value));
    }

    /// A scope within this one.
    pub fn inner(&self) -> Scope<'_, 'v> {
        Scope { context: self.context.new_inner_scope() }
    }
}
