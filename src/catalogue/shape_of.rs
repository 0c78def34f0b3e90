//! Reads the structure out of a JSON Schema: references followed, branches merged.

use serde_json::Value;

use super::shape::{Field, Shape};

/// References nest at most this deep; a schema that refers to itself is cut off there.
const DEPTH_MAX: usize = 24;

/// The shape of a whole schema. `budget` bounds how many references are followed.
pub fn shape_of(schema: &Value, budget: usize) -> Result<Shape, String> {
    let mut walk = Walk { root: schema, budget };
    walk.shape(schema, 0).map(|(shape, _)| shape)
}

struct Walk<'a> {
    root: &'a Value,
    budget: usize,
}

impl Walk<'_> {
    fn shape(&mut self, schema: &Value, depth: usize) -> Result<(Shape, Option<String>), String> {
        let mut sensitive = text(schema, "x-gevoelig");
        if depth > DEPTH_MAX {
            return Ok((Shape::Any, sensitive));
        }
        let mut shape = self.own(schema, depth)?;
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            self.budget =
                self.budget.checked_sub(1).ok_or("het schema volgt te veel verwijzingen")?;
            let pointer = reference
                .strip_prefix('#')
                .ok_or_else(|| format!("verwijzing {reference} wijst buiten deze set"))?;
            let target = self
                .root
                .pointer(pointer)
                .ok_or_else(|| format!("verwijzing {reference} wijst nergens naar"))?
                .clone();
            let (other, mark) = self.shape(&target, depth + 1)?;
            sensitive = sensitive.or(mark);
            shape = merge(shape, other, Merge::Both);
        }
        for part in branches(schema, "allOf") {
            let (other, _) = self.shape(part, depth + 1)?;
            shape = merge(shape, other, Merge::Both);
        }
        for keyword in ["oneOf", "anyOf"] {
            let mut union: Option<Shape> = None;
            for part in branches(schema, keyword) {
                let (other, _) = self.shape(part, depth + 1)?;
                union = Some(match union {
                    None => other,
                    Some(union) => merge(union, other, Merge::Either),
                });
            }
            if let Some(union) = union {
                shape = merge(shape, union, Merge::Both);
            }
        }
        Ok((shape, sensitive))
    }

    fn own(&mut self, schema: &Value, depth: usize) -> Result<Shape, String> {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            let required: Vec<&str> =
                branches(schema, "required").filter_map(Value::as_str).collect();
            let mut fields = Vec::with_capacity(properties.len());
            for (name, property) in properties {
                let (shape, sensitive) = self.shape(property, depth + 1)?;
                let required = required.contains(&name.as_str());
                fields.push(Field { name: name.clone(), required, shape, sensitive });
            }
            return Ok(Shape::Object(fields));
        }
        if let Some(items) = schema.get("items") {
            let (shape, _) = self.shape(items, depth + 1)?;
            return Ok(Shape::Array(Box::new(shape)));
        }
        Ok(match primary_type(schema) {
            Some("string") => Shape::String,
            Some("integer") => Shape::Integer,
            Some("number") => Shape::Number,
            Some("boolean") => Shape::Boolean,
            Some("array") => Shape::Array(Box::new(Shape::Any)),
            Some("object") => Shape::Object(Vec::new()),
            _ => Shape::Any,
        })
    }
}

impl Shape {
    /// The shape of a document that is one of two.
    #[must_use]
    pub fn either(a: Self, b: Self) -> Self {
        merge(a, b, Merge::Either)
    }
}

#[derive(Clone, Copy)]
enum Merge {
    /// Both hold: a field required by either is required.
    Both,
    /// One of them holds: only what both require is required.
    Either,
}

fn merge(a: Shape, b: Shape, how: Merge) -> Shape {
    match (a, b) {
        (Shape::Any, other) | (other, Shape::Any) => other,
        (Shape::Object(a), Shape::Object(b)) => Shape::Object(merge_fields(a, b, how)),
        (Shape::Array(a), Shape::Array(b)) => Shape::Array(Box::new(merge(*a, *b, how))),
        (a, _) => a,
    }
}

fn merge_fields(mut a: Vec<Field>, b: Vec<Field>, how: Merge) -> Vec<Field> {
    if matches!(how, Merge::Either) {
        for field in &mut a {
            field.required &= b.iter().any(|other| other.name == field.name);
        }
    }
    for mut field in b {
        match a.iter_mut().find(|mine| mine.name == field.name) {
            Some(mine) => {
                let shape = std::mem::replace(&mut mine.shape, Shape::Any);
                mine.shape = merge(shape, field.shape, how);
                mine.sensitive = mine.sensitive.take().or(field.sensitive);
                mine.required = match how {
                    Merge::Both => mine.required || field.required,
                    Merge::Either => mine.required && field.required,
                };
            }
            None => {
                field.required &= matches!(how, Merge::Both);
                a.push(field);
            }
        }
    }
    a
}

fn branches<'a>(schema: &'a Value, keyword: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(keyword).and_then(Value::as_array).into_iter().flatten()
}

fn text(schema: &Value, keyword: &str) -> Option<String> {
    schema.get(keyword).and_then(Value::as_str).map(str::to_owned)
}

fn primary_type(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => Some(one),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).find(|name| *name != "null")
        }
        _ => match schema.get("enum").and_then(|e| e.get(0)).or(schema.get("const"))? {
            Value::String(_) => Some("string"),
            Value::Number(n) if n.is_f64() => Some("number"),
            Value::Number(_) => Some("integer"),
            Value::Bool(_) => Some("boolean"),
            _ => None,
        },
    }
}
