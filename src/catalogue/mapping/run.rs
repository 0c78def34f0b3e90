//! Running a mapping over one document.

use serde_json::{Map, Value};

use super::{Fill, ListPart, Mapping, Node, Place, Step};
use crate::catalogue::cel::{Engine, EvalError, Scope};
use crate::catalogue::schema::At;
use crate::message::Violation;

/// Elements that a source list may have; more of them are refused, never cut off.
const ELEMENTS_MAX: usize = 10_000;

/// One run of a mapping.
pub struct Run<'m> {
    mapping: &'m Mapping,
    engine: &'m Engine,
    violations: Vec<Violation>,
    /// Which rules gave a value, for coverage.
    fired: Vec<bool>,
}

/// Follows a place; what is `null` is absent.
fn follow<'v>(place: &Place, scope: &Scope<'_, 'v>) -> Option<&'v Value> {
    let mut here = scope.get(&place.variable)?;
    for step in &place.steps {
        here = match step {
            Step::Field(name) => here.get(name.as_str())?,
            Step::At(index) => here.get(*index)?,
            Step::Each => return None,
        };
    }
    Some(here).filter(|value| !value.is_null())
}

impl<'m> Run<'m> {
    pub fn new(mapping: &'m Mapping, engine: &'m Engine) -> Self {
        Self { mapping, engine, violations: Vec::new(), fired: vec![false; mapping.rules.len()] }
    }

    /// Builds the target from its variables: a document `b`, the hub's own facts `h`, and what
    /// else this mapping may read.
    ///
    /// Fails with every target field that could not be filled; places are pointers into the
    /// target. Names no values.
    pub fn document<'s>(
        mut self,
        variables: &[(&'s str, &'s Value)],
    ) -> Result<(Value, Vec<bool>), Vec<Violation>>
    where
        'm: 's,
    {
        let mut scope = self.engine.scope();
        variables.iter().for_each(|(name, value)| scope.bind(name, value));
        let mapping = self.mapping;
        let object = self.object(&mapping.nodes, &scope, &At::Root);
        if self.violations.is_empty() {
            Ok((Value::Object(object), self.fired))
        } else {
            Err(self.violations)
        }
    }

    fn object<'s>(
        &mut self,
        nodes: &'s [Node],
        scope: &Scope<'_, 's>,
        at: &At<'_>,
    ) -> Map<String, Value> {
        let mut object = Map::new();
        for node in nodes {
            match node {
                Node::Field { name, rule, fill, optional } => {
                    let at = At::Field(at, name);
                    if let Some(value) = self.fill(fill, scope, *optional, &at) {
                        if let Some(fired) = self.fired.get_mut(*rule) {
                            *fired = true;
                        }
                        if object.is_empty() {
                            object = Map::with_capacity(nodes.len());
                        }
                        object.insert(name.clone(), value);
                    }
                }
                Node::Object { name, children } => {
                    let inner = self.object(children, scope, &At::Field(at, name));
                    if !inner.is_empty() {
                        object.insert(name.clone(), Value::Object(inner));
                    }
                }
                Node::List { name, parts } => {
                    let mut items = Vec::new();
                    let at = At::Field(at, name);
                    parts.iter().for_each(|part| self.list(part, scope, &at, &mut items));
                    if !items.is_empty() {
                        object.insert(name.clone(), Value::Array(items));
                    }
                }
            }
        }
        object
    }

    fn list<'s>(
        &mut self,
        part: &'s ListPart,
        scope: &Scope<'_, 's>,
        at: &At<'_>,
        items: &mut Vec<Value>,
    ) {
        let Some(source) = &part.source else {
            if self.holds(part, scope, None, at) {
                self.element(part, scope, at, items);
            }
            return;
        };
        let Some(Value::Array(elements)) = follow(source, scope) else { return };
        if elements.len() > ELEMENTS_MAX {
            self.violations.push(too_many(at.pointer()));
            return;
        }
        for element in elements {
            let inner = scope.with(&part.element, element);
            if self.holds(part, &inner, Some(element), at) {
                self.element(part, &inner, at, items);
            }
        }
    }

    fn element<'s>(
        &mut self,
        part: &'s ListPart,
        scope: &Scope<'_, 's>,
        at: &At<'_>,
        items: &mut Vec<Value>,
    ) {
        let object = self.object(&part.children, scope, &At::Element(at, items.len()));
        if !object.is_empty() {
            items.push(Value::Object(object));
        }
    }

    /// Whether all conditions of a list hold; a filter may name the element in its own way.
    fn holds<'s>(
        &mut self,
        part: &'s ListPart,
        scope: &Scope<'_, 's>,
        element: Option<&'s Value>,
        at: &At<'_>,
    ) -> bool {
        part.conditions.iter().all(|(name, condition)| {
            let result = match element {
                Some(element) if *name != part.element => {
                    condition.holds(&scope.with(name, element))
                }
                _ => condition.holds(scope),
            };
            result.unwrap_or_else(|error| {
                self.violations.push(explain(error, at.pointer()));
                false
            })
        })
    }

    fn fill<'s>(
        &mut self,
        fill: &Fill,
        scope: &Scope<'_, 's>,
        optional: bool,
        at: &At<'_>,
    ) -> Option<Value> {
        let result = match fill {
            Fill::Literal(value) => return Some(value.clone()),
            Fill::Copy(path) => follow(path, scope).cloned().ok_or(EvalError::Absent),
            Fill::Evaluate(expression) => expression
                .evaluate(scope)
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

fn too_many(place: String) -> Violation {
    Violation::new(
        place,
        "te-veel",
        format!("De vertaling maakt hoogstens {ELEMENTS_MAX} regels van een lijst."),
        format!("The mapping makes at most {ELEMENTS_MAX} items of a list."),
    )
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
