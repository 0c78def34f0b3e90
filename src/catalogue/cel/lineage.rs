//! Which source fields an expression reads, found without running it.
//!
//! The walk follows values by where they come from: a path is an alias of a place in the source
//! until an operator or function consumes it. So `l.filter(x, x.a)[0].b` is known to read `l[].a`
//! and `l[].b`. What cannot be known statically (a dynamic index, an unknown function, a map
//! literal) is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::super::problem::nearest;
use super::super::shape::Shape;

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
    /// Places that can be absent and are read without a `has()` around them.
    pub unguarded: BTreeSet<Path>,
    /// The place it copies, where it is nothing but a path.
    pub copies: Option<Path>,
    /// The element shape of the list it results in, for the `bron` of a list.
    pub element: Option<Variable>,
}

/// An alias of places in the source, each with its shape and the first optional step on the way.
#[derive(Debug, Clone, Default)]
struct Abstract {
    places: Vec<Place>,
    /// What the elements are, where this is a list made by the expression.
    element: Option<Box<Abstract>>,
}

impl Abstract {
    /// Whether a place in it is meant.
    fn holds(&self, meant: &dyn Fn(&Path) -> bool) -> bool {
        self.places.iter().any(|place| meant(&place.path))
            || self.element.as_ref().is_some_and(|element| element.holds(meant))
    }
}

#[derive(Debug, Clone)]
struct Place {
    path: Path,
    shape: Shape,
    /// The prefixes of the path that can be absent.
    optional: Vec<Path>,
}

struct Walk<'a> {
    scopes: BTreeMap<String, Abstract>,
    functions: &'a dyn Fn(&str) -> bool,
    /// Places that are looked at.
    reads: BTreeSet<Path>,
    /// Places that must be there, with what can be absent on the way: what is looked at, and what
    /// is gone through to get there.
    needs: BTreeMap<Path, Vec<Path>>,
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
        let place = Place {
            path: variable.path.clone(),
            shape: variable.shape.clone(),
            optional: Vec::new(),
        };
        (name.clone(), Abstract { places: vec![place], element: None })
    });
    let mut walk = Walk {
        scopes: scopes.collect(),
        functions: known,
        reads: BTreeSet::new(),
        needs: BTreeMap::new(),
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
    let tested = std::mem::take(&mut walk.tested);
    let guards =
        |absent: &Path| tested.iter().any(|test| test.generalised() == absent.generalised());
    let unguarded = walk.needs.iter().filter(|(_, optional)| !optional.iter().all(guards));
    let unguarded = unguarded.map(|(path, _)| path.clone()).collect();
    let mut reads = walk.reads;
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
fn element_of(list: &Abstract) -> Abstract {
    if let Some(element) = &list.element {
        return (**element).clone();
    }
    let places = list.places.iter().filter_map(|place| match &place.shape {
        Shape::Array(shape) => Some(Place {
            path: place.path.then(Step::Each),
            shape: (**shape).clone(),
            optional: place.optional.clone(),
        }),
        _ => None,
    });
    Abstract { places: places.collect(), element: None }
}

impl Walk<'_> {
    fn expr(&mut self, expr: &IdedExpr) -> Result<Abstract, String> {
        match &expr.expr {
            Expr::Literal(_) => Ok(Abstract::default()),
            Expr::Ident(name) => self
                .scopes
                .get(name)
                .cloned()
                .ok_or_else(|| format!("onbekende naam {name}{}", self.meant(name))),
            Expr::Select(select) => {
                let operand = self.expr(&select.operand)?;
                let selected = select_field(&operand, &select.field)?;
                if select.test {
                    self.tested.extend(selected.places.iter().map(|p| p.path.clone()));
                    self.guarded_by(&operand);
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
            Expr::Call(call) => self.call(call),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err("een object als waarde kan niet; geef elk veld een eigen regel".to_owned())
            }
        }
    }

    /// `has(a.b)` fails where `a` itself is absent, so `a`'s optional steps must be guarded too.
    fn guarded_by(&mut self, operand: &Abstract) {
        operand.places.iter().for_each(|place| self.need(place));
    }

    /// A place may be reached in several ways; what can be absent on any of them must be guarded.
    fn need(&mut self, place: &Place) {
        let optional = self.needs.entry(place.path.clone()).or_default();
        for step in &place.optional {
            if !optional.contains(step) {
                optional.push(step.clone());
            }
        }
    }

    fn call(&mut self, call: &CallExpr) -> Result<Abstract, String> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                let condition = self.expr(condition)?;
                self.consume(&condition);
                let (yes, no) = (self.expr(yes)?, self.expr(no)?);
                Ok(union(yes, no))
            }
            (operators::INDEX, [list, index]) => {
                let list = self.expr(list)?;
                index_of(&list, index)
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

    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Result<Abstract, String> {
        if self.nesting == NESTING_MAX {
            return Err(format!("filter, map en exists mogen {NESTING_MAX} diep in elkaar staan"));
        }
        let range = self.expr(&comprehension.iter_range)?;
        let element = element_of(&range);
        self.consume_list(&range);
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
    fn consume(&mut self, value: &Abstract) {
        for place in &value.places {
            self.reads.insert(place.path.clone());
            self.need(place);
        }
        if let Some(element) = &value.element {
            self.consume(element);
        }
    }

    /// Whether something of these elements was read, or is in this value.
    fn looks_at(&self, elements: &Abstract, value: &Abstract) -> bool {
        let among = |path: &Path| elements.places.iter().any(|e| path.touches(&e.path));
        self.reads.iter().any(among) || self.tested.iter().any(among) || value.holds(&among)
    }

    /// Going through a list reads that it is there, not what is in its elements.
    fn consume_list(&mut self, list: &Abstract) {
        list.places.iter().for_each(|place| self.need(place));
    }

    fn meant(&self, name: &str) -> String {
        nearest(name, self.scopes.keys().map(String::as_str))
            .map_or_else(String::new, |near| format!("; bedoelde u {near}?"))
    }
}

fn union(mut a: Abstract, b: Abstract) -> Abstract {
    a.places.extend(b.places);
    a.element = match (a.element, b.element) {
        (Some(a), Some(b)) => Some(Box::new(union(*a, *b))),
        (a, b) => a.or(b),
    };
    a
}

fn select_field(operand: &Abstract, name: &str) -> Result<Abstract, String> {
    let mut places = Vec::new();
    for place in &operand.places {
        let path = place.path.then(Step::Field(name.to_owned()));
        match &place.shape {
            Shape::Object(fields) => {
                let field = fields.iter().find(|field| field.name == name).ok_or_else(|| {
                    let near = nearest(name, fields.iter().map(|field| field.name.as_str()));
                    let near = near.map_or_else(String::new, |n| format!("; bedoelde u {n}?"));
                    format!("onbekend pad {path}: het schema kent hier geen {name}{near}")
                })?;
                let mut optional = place.optional.clone();
                if !field.required {
                    optional.push(path.clone());
                }
                places.push(Place { path, shape: field.shape.clone(), optional });
            }
            _ => {
                return Err(format!(
                    "onbekend pad {path}: volgens het schema heeft {} geen velden",
                    place.path
                ));
            }
        }
    }
    if places.is_empty() {
        return Err(format!("veld {name} van iets wat geen pad in de bron is"));
    }
    Ok(Abstract { places, element: None })
}

fn index_of(list: &Abstract, index: &IdedExpr) -> Result<Abstract, String> {
    match &index.expr {
        Expr::Literal(LiteralValue::String(name)) => select_field(list, name.inner()),
        Expr::Literal(LiteralValue::Int(at)) => {
            let at = usize::try_from(*at.inner()).map_err(|_| "een index is nul of hoger")?;
            if let Some(element) = &list.element {
                let mut element = (**element).clone();
                for place in &mut element.places {
                    place.optional.push(place.path.clone());
                }
                return Ok(element);
            }
            let mut places = Vec::new();
            for place in &list.places {
                let Shape::Array(shape) = &place.shape else {
                    return Err(format!("{} is volgens het schema geen lijst", place.path));
                };
                let path = place.path.then(Step::At(at));
                let mut optional = place.optional.clone();
                optional.push(path.clone());
                places.push(Place { path, shape: (**shape).clone(), optional });
            }
            Ok(Abstract { places, element: None })
        }
        _ => Err("een berekende index kan niet; gebruik een vast getal, filter of code".to_owned()),
    }
}

fn operators_known(name: &str) -> bool {
    [
        operators::LOGICAL_AND,
        operators::LOGICAL_OR,
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
