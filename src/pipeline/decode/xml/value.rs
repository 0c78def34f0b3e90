//! From tree to value: the shape of the schema decides what is a list, a number or an object.

use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::super::Limits;
use super::super::findings::Findings;
use super::super::number::typed;
use super::{Element, place};
use crate::catalogue::{Field, Shape};
use crate::message::{Fault, Refusal};

pub(super) fn to_value(
    root: &Element<'_>,
    shape: &Shape,
    limits: &Limits,
) -> Result<Value, Refusal> {
    let mut object = Map::new();
    let mut walk = Walk { chain: Vec::new(), findings: Findings::new(limits) };
    if !root.nil {
        let shape = shape.field(&root.name).map_or(&Shape::Any, |field| &field.shape);
        object.insert(root.name.clone().into_owned(), walk.value(root, shape));
    }
    walk.findings.settle(Fault::Ongeldig, Value::Object(object))
}

struct Walk<'t> {
    /// The elements from the root to where the walk is.
    chain: Vec<&'t Element<'t>>,
    findings: Findings,
}

impl<'t> Walk<'t> {
    fn value(&mut self, element: &'t Element<'t>, shape: &Shape) -> Value {
        let plain = element.attributes.is_empty() && element.children.is_empty();
        match shape {
            Shape::Array(item) => Value::Array(vec![self.value(element, item)]),
            Shape::Object(fields) => self.object(element, fields),
            Shape::Any if plain => Value::from(&*element.text),
            _ if plain => typed(&element.text, shape),
            _ => self.object(element, &[]),
        }
    }

    fn object(&mut self, element: &'t Element<'t>, fields: &[Field]) -> Value {
        self.chain.push(element);
        let shape_of =
            |name: &str| fields.iter().find(|field| field.name == name).map(|field| &field.shape);
        let mut object = Map::with_capacity(element.attributes.len() + element.children.len());
        for (name, text) in &element.attributes {
            let key = format!("@{name}");
            let value = typed(text, shape_of(&key).unwrap_or(&Shape::Any));
            object.insert(key, value);
        }
        if element.children.is_empty() {
            let text = &element.text;
            let keep = match shape_of("#text") {
                Some(Shape::String) => true,
                Some(_) => !text.is_empty(),
                None => !is_blank(text),
            };
            if keep {
                let value = typed(text, shape_of("#text").unwrap_or(&Shape::Any));
                object.insert("#text".to_owned(), value);
            }
        } else if !is_blank(&element.text) {
            self.add(
                "gemengde-inhoud",
                "Hier staan tekst en elementen door elkaar.",
                "Text and elements are mixed here.",
            );
        }
        for child in element.children.iter().filter(|child| !child.nil) {
            self.child(&mut object, child, shape_of(&child.name));
        }
        self.chain.pop();
        Value::Object(object)
    }

    /// Without a shape, nothing is known against an element that repeats: it becomes a list.
    fn child(
        &mut self,
        object: &mut Map<String, Value>,
        child: &'t Element<'t>,
        shape: Option<&Shape>,
    ) {
        let shape = shape.unwrap_or(&Shape::Any);
        let item = match shape {
            Shape::Array(item) => self.value(child, item),
            _ => self.value(child, shape),
        };
        match (object.entry(&*child.name), shape) {
            (Entry::Vacant(entry), Shape::Array(_)) => {
                entry.insert(Value::Array(vec![item]));
            }
            (Entry::Vacant(entry), _) => {
                entry.insert(item);
            }
            (Entry::Occupied(mut entry), Shape::Array(_) | Shape::Any) => match entry.get_mut() {
                Value::Array(items) => items.push(item),
                single => {
                    let first = single.take();
                    *single = Value::Array(vec![first, item]);
                }
            },
            (Entry::Occupied(_), _) => {
                self.chain.push(child);
                self.add(
                    "herhaald-element",
                    "Dit element mag hier maar een keer staan.",
                    "This element may occur only once here.",
                );
                self.chain.pop();
            }
        }
    }

    fn add(&mut self, code: &str, nl: &str, en: &str) {
        self.findings.add(|| place(&self.chain, ""), code, nl, en);
    }
}

/// Whether a text is nothing but what XML calls white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}
