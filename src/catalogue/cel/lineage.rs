//! Which source fields an expression reads, found without running it.
//!
//! The walk follows values by where they come from: a path is an alias of a place in the source
//! until an operator or function consumes it. So `l.filter(x, x.a)[0].b` is known to read `l[].a`
//! and `l[].b`. What cannot be known statically (a dynamic index, an unknown function, a map
//! literal) is refused.
//!
//! It follows conditions as well: what can be absent counts as guarded only where a `has()` is
//! known to have held, and an alias takes along what is known to be there below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::super::problem::nearest;
use super::super::shape::Shape;
use super::guards::{path_of, present, question};

/// Comprehensions may nest this deep.
const NESTING_MAX: usize = 2;

/// A place in the source: a variable and the steps from it. `[]` stands for any element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    pub root: String,
    pub steps: Vec<Step>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    Field(String),
    /// Any element of a list.
    Each,
    /// One element of a list, by position.
    At(usize),
}

impl Path {
    pub fn root(name: &str) -> Self {
        Self { root: name.to_owned(), steps: Vec::new() }
    }

    pub fn then(&self, step: Step) -> Self {
        let mut path = self.clone();
        path.steps.push(step);
        path
    }

    /// The path with any position taken for any element.
    pub fn generalised(&self) -> Self {
        let steps = self.steps.iter().map(|step| match step {
            Step::At(_) => Step::Each,
            other => other.clone(),
        });
        Self { root: self.root.clone(), steps: steps.collect() }
    }

    /// Whether this place is the other, lies below it, or holds it.
    pub fn touches(&self, other: &Self) -> bool {
        let (a, b) = (self.generalised(), other.generalised());
        let shared = a.steps.len().min(b.steps.len());
        a.root == b.root && a.steps[..shared] == b.steps[..shared]
    }
}

/// `b.betrokkenen[].naam`
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        self.steps.iter().try_for_each(|step| match step {
            Step::Field(name) => write!(f, ".{name}"),
            Step::Each => f.write_str("[]"),
            Step::At(index) => write!(f, "[{index}]"),
        })
    }
}

/// A variable of an expression: where it stands for, and what lies below.
#[derive(Debug, Clone)]
pub struct Variable {
    pub path: Path,
    pub shape: Shape,
}

/// What an expression needs of its source.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    /// Every place it reads, or may read.
    pub reads: BTreeSet<Path>,
    /// What can be absent where it is read, because no `has()` is known to hold there.
    pub unguarded: BTreeSet<Gap>,
    /// The place it copies, where it is nothing but a path.
    pub copies: Option<Path>,
    /// The element shape of the list it results in, for the `bron` of a list.
    pub element: Option<Variable>,
}

/// A place that is read and may not be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    pub path: Path,
    /// The condition that would guard it; `None` where none can be written.
    pub guard: Option<String>,
}

impl Gap {
    /// What to do about it in a condition.
    pub fn in_condition(&self) -> String {
        match &self.guard {
            Some(guard) => format!("{} kan ontbreken; schrijf {guard} && ervoor", self.path),
            None => format!("{} kan ontbreken; zoek elementen met exists() of filter()", self.path),
        }
    }

    /// What to do about it in the expression of a target field.
    pub fn in_field(&self) -> String {
        let guard = self.guard.as_ref();
        let guard = guard.map_or_else(String::new, |guard| format!(", of schrijf {guard} ? … : …"));
        format!("{} kan ontbreken; zet een ? achter het doel{guard}", self.path)
    }
}

/// An alias of places in the source.
#[derive(Debug, Clone, Default)]
struct Abstract<'s> {
    places: Vec<Place<'s>>,
    /// What the elements are, where this is a list made by the expression.
    element: Option<Box<Abstract<'s>>>,
}

impl Abstract<'_> {
    /// Whether a place in it is meant.
    fn holds(&self, meant: &dyn Fn(&Path) -> bool) -> bool {
        self.places.iter().any(|place| meant(&place.path))
            || self.element.as_ref().is_some_and(|element| element.holds(meant))
    }
}

#[derive(Debug, Clone)]
struct Place<'s> {
    path: Path,
    shape: &'s Shape,
    /// What is known to be there below it.
    known: BTreeSet<Vec<Step>>,
    /// What may be absent on the way to it: the condition that would guard each, if there is one.
    missing: Vec<Option<String>>,
}

impl<'s> Place<'s> {
    /// One step further. `written` is how the expression writes it, where that is a path.
    fn step(&self, step: Step, to: (&'s Shape, bool), written: Option<&Path>) -> Self {
        let ((shape, optional), alone) = (to, std::slice::from_ref(&step));
        let mut missing = self.missing.clone();
        if optional && !self.known.contains(alone) {
            missing.push(written.and_then(question));
        }
        let below = self.known.iter().filter_map(|steps| steps.strip_prefix(alone));
        let known = below.filter(|rest| !rest.is_empty()).map(<[Step]>::to_vec).collect();
        Self { path: self.path.then(step), shape, known, missing }
    }
}

struct Walk<'a> {
    scopes: BTreeMap<String, Abstract<'a>>,
    functions: &'a dyn Fn(&str) -> bool,
    /// Places that are looked at.
    reads: BTreeSet<Path>,
    unguarded: BTreeSet<Gap>,
    tested: BTreeSet<Path>,
    nesting: usize,
}

/// Walks an expression. `known` tells whether a helper of that name exists.
pub fn lineage(
    expr: &IdedExpr,
    variables: &BTreeMap<String, Variable>,
    known: &dyn Fn(&str) -> bool,
) -> Result<Lineage, String> {
    let scopes = variables.iter().map(|(name, variable)| {
        let Variable { path, shape } = variable;
        let (known, missing) = (BTreeSet::new(), Vec::new());
        let places = vec![Place { path: path.clone(), shape, known, missing }];
        (name.clone(), Abstract { places, element: None })
    });
    let mut walk = Walk {
        scopes: scopes.collect(),
        functions: known,
        reads: BTreeSet::new(),
        unguarded: BTreeSet::new(),
        tested: BTreeSet::new(),
        nesting: 0,
    };
    let result = walk.expr(expr)?;
    let copies = match result.places.as_slice() {
        [place] if is_path(expr) => Some(place.path.clone()),
        _ => None,
    };
    let element = element_of(&result)
        .places
        .first()
        .map(|place| Variable { path: place.path.clone(), shape: place.shape.clone() });
    walk.consume(&result);
    let Walk { mut reads, unguarded, tested, .. } = walk;
    reads.extend(tested);
    Ok(Lineage { reads, unguarded, copies, element })
}

/// Whether an expression is nothing but a path: selections and literal indices on a variable.
fn is_path(expr: &IdedExpr) -> bool {
    match &expr.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => !select.test && is_path(&select.operand),
        Expr::Call(call) => {
            call.func_name == operators::INDEX && call.args.first().is_some_and(is_path)
        }
        _ => false,
    }
}

/// What an element of this list is: of a list made here, or of a list in the source.
fn element_of<'s>(list: &Abstract<'s>) -> Abstract<'s> {
    if let Some(element) = &list.element {
        return (**element).clone();
    }
    let places = list.places.iter().filter_map(|place| match place.shape {
        Shape::Array(shape) => Some(place.step(Step::Each, (shape, false), None)),
        _ => None,
    });
    Abstract { places: places.collect(), element: None }
}

impl<'a> Walk<'a> {
    fn expr(&mut self, expr: &IdedExpr) -> Result<Abstract<'a>, String> {
        match &expr.expr {
            Expr::Literal(_) => Ok(Abstract::default()),
            Expr::Ident(name) => self
                .scopes
                .get(name)
                .cloned()
                .ok_or_else(|| format!("onbekende naam {name}{}", self.meant(name))),
            Expr::Select(select) => {
                let operand = self.expr(&select.operand)?;
                let selected = select_field(&operand, &select.field, path_of(expr).as_ref())?;
                if select.test {
                    self.tested.extend(selected.places.iter().map(|p| p.path.clone()));
                    // `has(a.b)` itself fails where `a` is absent.
                    self.need(&operand);
                    return Ok(Abstract::default());
                }
                Ok(selected)
            }
            Expr::List(list) => {
                let mut element = Abstract::default();
                for item in &list.elements {
                    let item = self.expr(item)?;
                    element.places.extend(item.places);
                    element.element = element.element.or(item.element);
                }
                Ok(Abstract { places: Vec::new(), element: Some(Box::new(element)) })
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(call) => match call.args.as_slice() {
                [list, index] if call.func_name == operators::INDEX => {
                    let list = self.expr(list)?;
                    index_of(&list, index, path_of(expr).as_ref())
                }
                _ => self.call(call),
            },
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err("een object als waarde kan niet; geef elk veld een eigen regel".to_owned())
            }
        }
    }

    /// Walks what is evaluated only once a condition turned out `holds`.
    fn after(
        &mut self,
        condition: &IdedExpr,
        holds: bool,
        expr: &IdedExpr,
    ) -> Result<Abstract<'a>, String> {
        let before = self.scopes.clone();
        for path in present(condition, holds).unwrap_or_default() {
            let alias = self.scopes.get_mut(&path.root);
            for place in alias.into_iter().flat_map(|alias| &mut alias.places) {
                place.known.insert(path.steps.clone());
            }
        }
        let value = self.expr(expr);
        self.scopes = before;
        value
    }

    /// A value must be there: what may be absent on the way to it is a gap.
    fn need(&mut self, value: &Abstract<'a>) {
        for place in value.places.iter().filter(|place| !place.missing.is_empty()) {
            let guards: Option<Vec<&str>> = place.missing.iter().map(Option::as_deref).collect();
            let guard = guards.map(|guards| guards.join(" && "));
            self.unguarded.insert(Gap { path: place.path.clone(), guard });
        }
        if let Some(element) = &value.element {
            self.need(element);
        }
    }

    fn call(&mut self, call: &CallExpr) -> Result<Abstract<'a>, String> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                let question = self.expr(condition)?;
                self.consume(&question);
                let yes = self.after(condition, true, yes)?;
                Ok(union(yes, self.after(condition, false, no)?))
            }
            // CEL forgives a failure on the left where the right decides; so the left must hold
            // its own, and the right may build on it.
            (name @ (operators::LOGICAL_AND | operators::LOGICAL_OR), [left, right]) => {
                let first = self.expr(left)?;
                self.consume(&first);
                let second = self.after(left, name == operators::LOGICAL_AND, right)?;
                self.consume(&second);
                Ok(Abstract::default())
            }
            (operators::ADD, [left, right]) => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                if left.element.is_some() || right.element.is_some() {
                    return Ok(union(left, right));
                }
                self.consume(&left);
                self.consume(&right);
                Ok(Abstract::default())
            }
            (name, args) => {
                let operator = operators_known(name);
                if !operator && !standard(name) && !(self.functions)(name) {
                    return Err(format!("onbekende functie {name}"));
                }
                for part in call.target.iter().map(AsRef::as_ref).chain(args) {
                    let part = self.expr(part)?;
                    self.consume(&part);
                }
                Ok(Abstract::default())
            }
        }
    }

    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Result<Abstract<'a>, String> {
        if self.nesting == NESTING_MAX {
            return Err(format!("filter, map en exists mogen {NESTING_MAX} diep in elkaar staan"));
        }
        let range = self.expr(&comprehension.iter_range)?;
        let element = element_of(&range);
        // Going through a list reads that it is there, not what is in its elements.
        self.need(&range);
        let accumulator = self.expr(&comprehension.accu_init)?;
        self.nesting += 1;
        let outer = self.scopes.clone();
        self.scopes.insert(comprehension.iter_var.clone(), element.clone());
        self.scopes.insert(comprehension.accu_var.clone(), accumulator);
        let condition = self.expr(&comprehension.loop_cond)?;
        self.consume(&condition);
        let step = self.expr(&comprehension.loop_step)?;
        if !self.looks_at(&element, &step) {
            // What looks at no element still counts them.
            self.consume(&range);
        }
        self.scopes.insert(comprehension.accu_var.clone(), step);
        let result = self.expr(&comprehension.result);
        self.scopes = outer;
        self.nesting -= 1;
        result
    }

    /// The expression looks at these places: they are read, with everything below them.
    fn consume(&mut self, value: &Abstract<'a>) {
        self.need(value);
        self.read(value);
    }

    fn read(&mut self, value: &Abstract<'a>) {
        self.reads.extend(value.places.iter().map(|place| place.path.clone()));
        value.element.iter().for_each(|element| self.read(element));
    }

    /// Whether something of these elements was read, or is in this value.
    fn looks_at(&self, elements: &Abstract<'_>, value: &Abstract<'_>) -> bool {
        let among = |path: &Path| elements.places.iter().any(|e| path.touches(&e.path));
        self.reads.iter().any(among) || self.tested.iter().any(among) || value.holds(&among)
    }

    fn meant(&self, name: &str) -> String {
        nearest(name, self.scopes.keys().map(String::as_str))
            .map_or_else(String::new, |near| format!("; bedoelde u {near}?"))
    }
}

fn union<'s>(mut a: Abstract<'s>, b: Abstract<'s>) -> Abstract<'s> {
    a.places.extend(b.places);
    a.element = match (a.element, b.element) {
        (Some(a), Some(b)) => Some(Box::new(union(*a, *b))),
        (a, b) => a.or(b),
    };
    a
}

fn select_field<'s>(
    operand: &Abstract<'s>,
    name: &str,
    written: Option<&Path>,
) -> Result<Abstract<'s>, String> {
    let mut places = Vec::new();
    for place in &operand.places {
        let step = Step::Field(name.to_owned());
        let path = place.path.then(step.clone());
        let Shape::Object(fields) = place.shape else {
            let above = &place.path;
            return Err(format!(
                "onbekend pad {path}: volgens het schema heeft {above} geen velden"
            ));
        };
        let field = fields.iter().find(|field| field.name == name).ok_or_else(|| {
            let near = nearest(name, fields.iter().map(|field| field.name.as_str()));
            let near = near.map_or_else(String::new, |n| format!("; bedoelde u {n}?"));
            format!("onbekend pad {path}: het schema kent hier geen {name}{near}")
        })?;
        places.push(place.step(step, (&field.shape, !field.required), written));
    }
    if places.is_empty() {
        return Err(format!("veld {name} van iets wat geen pad in de bron is"));
    }
    Ok(Abstract { places, element: None })
}

fn index_of<'s>(
    list: &Abstract<'s>,
    index: &IdedExpr,
    written: Option<&Path>,
) -> Result<Abstract<'s>, String> {
    match &index.expr {
        Expr::Literal(LiteralValue::String(name)) => select_field(list, name.inner(), written),
        Expr::Literal(LiteralValue::Int(at)) => {
            let at = usize::try_from(*at.inner()).map_err(|_| "een index is nul of hoger")?;
            if let Some(element) = &list.element {
                let mut element = (**element).clone();
                element.places.iter_mut().for_each(|place| place.missing.push(None));
                return Ok(element);
            }
            let mut places = Vec::new();
            for place in &list.places {
                let Shape::Array(shape) = place.shape else {
                    return Err(format!("{} is volgens het schema geen lijst", place.path));
                };
                places.push(place.step(Step::At(at), (shape, true), written));
            }
            Ok(Abstract { places, element: None })
        }
        _ => Err("een berekende index kan niet; gebruik een vast getal, filter of code".to_owned()),
    }
}

fn operators_known(name: &str) -> bool {
    [
        operators::LOGICAL_NOT,
        operators::SUBSTRACT,
        operators::MULTIPLY,
        operators::DIVIDE,
        operators::MODULO,
        operators::EQUALS,
        operators::NOT_EQUALS,
        operators::GREATER_EQUALS,
        operators::LESS_EQUALS,
        operators::GREATER,
        operators::LESS,
        operators::NEGATE,
        operators::NOT_STRICTLY_FALSE,
        operators::IN,
    ]
    .contains(&name)
}

fn standard(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["size", "startsWith", "endsWith", "contains", "matches", "string", "int", "double"];
    NAMES.contains(&name)
}

#[cfg(test)]
mod tests;
