//! Running a mapping over one document.

use std::cell::OnceCell;

use serde_json::{Map, Value};

use super::{Fill, ListPart, Mapping, Node, Place, Step};
use crate::catalogue::cel::{Engine, EvalError, Scope};
use crate::catalogue::schema::below;
use crate::message::Violation;

/// Elements that one list may yield; a mapping never makes more of a document than this.
const ELEMENTS_MAX: usize = 10_000;

/// One run of a mapping.
pub struct Run<'m> {
    mapping: &'m Mapping,
    engine: &'m Engine,
    violations: Vec<Violation>,
    /// Which rules gave a value, for coverage.
    fired: Vec<bool>,
}

/// A place in the target, put into words only where something went wrong.
#[derive(Clone, Copy)]
enum At<'a> {
    Root,
    Field(&'a At<'a>, &'a str),
    Element(&'a At<'a>, usize),
}

impl At<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field(above, name) => below(&above.pointer(), name),
            Self::Element(above, index) => format!("{}/{index}", above.pointer()),
        }
    }
}

/// The variables in scope, and their CEL scope once an expression asks for it.
struct Env<'m, 'e, 'v> {
    engine: &'e Engine,
    variables: Vec<(&'m str, &'v Value)>,
    scope: OnceCell<Scope<'e, 'v>>,
}

impl<'m, 'e, 'v: 'e> Env<'m, 'e, 'v> {
    fn new(engine: &'e Engine, variables: Vec<(&'m str, &'v Value)>) -> Self {
        Self { engine, variables, scope: OnceCell::new() }
    }

    fn with(&self, name: &'m str, value: &'v Value) -> Self {
        let mut variables = self.variables.clone();
        variables.push((name, value));
        Self::new(self.engine, variables)
    }

    fn scope(&self) -> &Scope<'e, 'v> {
        self.scope.get_or_init(|| {
            let mut scope = self.engine.scope();
            self.variables.iter().for_each(|(name, value)| scope.bind(name, value));
            scope
        })
    }

    /// Follows a place; what is `null` is absent.
    fn follow(&self, place: &Place) -> Option<&'v Value> {
        let (_, root) =
            self.variables.iter().rev().find(|(name, _)| *name == place.variable.as_str())?;
        let mut here: &'v Value = root;
        for step in &place.steps {
            here = match step {
                Step::Field(name) => here.get(name.as_str())?,
                Step::At(index) => here.get(*index)?,
                Step::Each => return None,
            };
        }
        Some(here).filter(|value| !value.is_null())
    }
}

impl<'m> Run<'m> {
    pub fn new(mapping: &'m Mapping, engine: &'m Engine) -> Self {
        Self { mapping, engine, violations: Vec::new(), fired: vec![false; mapping.rules.len()] }
    }

    /// Builds the target from a document `b` and the hub's own facts `h`.
    ///
    /// Fails with every target field that could not be filled; places are pointers into the
    /// target. Names no values.
    pub fn document(mut self, b: &Value, h: &Value) -> Result<(Value, Vec<bool>), Vec<Violation>> {
        let env = Env::new(self.engine, vec![("b", b), ("h", h)]);
        let mapping = self.mapping;
        let object = self.object(&mapping.nodes, &env, &At::Root);
        if self.violations.is_empty() {
            Ok((Value::Object(object), self.fired))
        } else {
            Err(self.violations)
        }
    }

    fn object(
        &mut self,
        nodes: &'m [Node],
        env: &Env<'m, '_, '_>,
        at: &At<'_>,
    ) -> Map<String, Value> {
        let mut object = Map::with_capacity(nodes.len());
        for node in nodes {
            match node {
                Node::Field { name, rule, fill, optional } => {
                    let at = At::Field(at, name);
                    if let Some(value) = self.fill(fill, env, *optional, &at) {
                        if let Some(fired) = self.fired.get_mut(*rule) {
                            *fired = true;
                        }
                        object.insert(name.clone(), value);
                    }
                }
                Node::Object { name, children } => {
                    let inner = self.object(children, env, &At::Field(at, name));
                    if !inner.is_empty() {
                        object.insert(name.clone(), Value::Object(inner));
                    }
                }
                Node::List { name, parts } => {
                    let mut items = Vec::new();
                    let at = At::Field(at, name);
                    parts.iter().for_each(|part| self.list(part, env, &at, &mut items));
                    if !items.is_empty() {
                        object.insert(name.clone(), Value::Array(items));
                    }
                }
            }
        }
        object
    }

    fn list(
        &mut self,
        part: &'m ListPart,
        env: &Env<'m, '_, '_>,
        at: &At<'_>,
        items: &mut Vec<Value>,
    ) {
        let Some(source) = &part.source else {
            if self.conditions(part, env, at) {
                self.element(part, env, at, items);
            }
            return;
        };
        let Some(Value::Array(elements)) = env.follow(source) else { return };
        for element in elements.iter().take(ELEMENTS_MAX) {
            let inner = env.with(&part.element, element);
            if self.conditions_of(part, &inner, element, at) {
                self.element(part, &inner, at, items);
            }
        }
    }

    fn element(
        &mut self,
        part: &'m ListPart,
        env: &Env<'m, '_, '_>,
        at: &At<'_>,
        items: &mut Vec<Value>,
    ) {
        let object = self.object(&part.children, env, &At::Element(at, items.len()));
        if !object.is_empty() {
            items.push(Value::Object(object));
        }
    }

    /// The conditions of a list, where each may name the element in its own way.
    fn conditions_of<'v>(
        &mut self,
        part: &'m ListPart,
        env: &Env<'m, '_, 'v>,
        element: &'v Value,
        at: &At<'_>,
    ) -> bool {
        part.conditions.iter().all(|(name, condition)| {
            let result = if *name == part.element {
                condition.holds(env.scope())
            } else {
                condition.holds(env.with(name, element).scope())
            };
            self.verdict(result, at)
        })
    }

    fn conditions(&mut self, part: &'m ListPart, env: &Env<'m, '_, '_>, at: &At<'_>) -> bool {
        part.conditions.iter().all(|(_, condition)| {
            let result = condition.holds(env.scope());
            self.verdict(result, at)
        })
    }

    fn verdict(&mut self, result: Result<bool, EvalError>, at: &At<'_>) -> bool {
        result.unwrap_or_else(|error| {
            self.violations.push(explain(error, at.pointer()));
            false
        })
    }

    fn fill(
        &mut self,
        fill: &Fill,
        env: &Env<'m, '_, '_>,
        optional: bool,
        at: &At<'_>,
    ) -> Option<Value> {
        let result = match fill {
            Fill::Literal(value) => return Some(value.clone()),
            Fill::Copy(path) => env.follow(path).cloned().ok_or(EvalError::Absent),
            Fill::Evaluate(expression) => expression
                .evaluate(env.scope())
                .and_then(|value| if value.is_null() { Err(EvalError::Absent) } else { Ok(value) }),
        };
        match result {
            Ok(value) => Some(value),
            Err(EvalError::Absent) if optional => None,
            Err(error) => {
                self.violations.push(explain(error, at.pointer()));
                None
            }
        }
    }
}

fn explain(error: EvalError, place: String) -> Violation {
    match error {
        EvalError::Absent => Violation::new(
            place,
            "bron-ontbreekt",
            "De vertaling mist hiervoor een gegeven in het bericht.",
            "The mapping lacks a field of the message for this.",
        ),
        EvalError::UnknownCode => Violation::new(
            place,
            "onbekende-code",
            "De codelijst van de koppeling kent deze code niet.",
            "The code list of the connector does not know this code.",
        ),
        EvalError::Failed => Violation::new(
            place,
            "vertaling",
            "De vertaling kon dit veld niet maken.",
            "The mapping could not make this field.",
        ),
    }
}
