//! The target side of a mapping: paths, and the tree that is built in the order of the schema.

use super::{ListPart, Node};
use crate::catalogue::problem::nearest;
use crate::catalogue::shape::{Field, Shape};

/// Splits `a.b."c.d"` into its segments; a trailing `?` says that the target is optional.
pub fn parse(text: &str) -> Result<(Vec<String>, bool), String> {
    let (text, optional) = match text.strip_suffix('?') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut segments = Vec::new();
    let mut rest = text;
    loop {
        let (segment, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                quoted.split_once('"').ok_or("een aanhalingsteken in dit doel sluit niet")?
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        if segment.is_empty() {
            return Err("dit doel heeft een leeg stuk".to_owned());
        }
        segments.push(segment.to_owned());
        if after.is_empty() {
            return Ok((segments, optional));
        }
        rest = after.strip_prefix('.').ok_or("na een aanhalingsteken hoort een punt")?;
    }
}

/// Finds a target in its shape, or says what is wrong with it.
pub fn find<'s>(shape: &'s Shape, segments: &[String]) -> Result<&'s Field, String> {
    let mut here = shape;
    let mut found = None;
    for segment in segments {
        let Shape::Object(fields) = here else {
            return Err(format!("{segment} kan hier niet: het schema heeft daarboven geen velden"));
        };
        let field = fields.iter().find(|field| field.name == *segment).ok_or_else(|| {
            let near = nearest(segment, fields.iter().map(|field| field.name.as_str()));
            let near = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
            format!("het schema van het doel kent geen {segment}{near}")
        })?;
        here = &field.shape;
        found = Some(field);
    }
    found.ok_or_else(|| "dit doel is leeg".to_owned())
}

/// Puts a node at a path below `nodes`, making the objects on the way.
pub fn insert(nodes: &mut Vec<Node>, segments: &[String], leaf: Node) -> Result<(), String> {
    let Some((first, rest)) = segments.split_first() else { return Ok(()) };
    if rest.is_empty() {
        return place(nodes, first, leaf);
    }
    match nodes.iter_mut().find(|node| name_of(node) == first) {
        Some(Node::Object { children, .. }) => insert(children, rest, leaf),
        Some(_) => Err(twice(first)),
        None => {
            let mut children = Vec::new();
            insert(&mut children, rest, leaf)?;
            nodes.push(Node::Object { name: first.clone(), children });
            Ok(())
        }
    }
}

fn place(nodes: &mut Vec<Node>, name: &str, leaf: Node) -> Result<(), String> {
    let existing = nodes.iter_mut().find(|node| name_of(node) == name);
    match (existing, leaf) {
        (None, leaf) => {
            nodes.push(leaf);
            Ok(())
        }
        (Some(Node::List { parts, .. }), Node::List { parts: more, .. }) => {
            parts.extend(more);
            Ok(())
        }
        (Some(_), _) => Err(twice(name)),
    }
}

fn twice(name: &str) -> String {
    format!("{name} wordt op twee manieren gevuld")
}

/// Puts every object's fields in the order of its schema.
pub fn order(nodes: &mut [Node], shape: &Shape) {
    let Shape::Object(fields) = shape else { return };
    let position = |name: &str| fields.iter().position(|f| f.name == name).unwrap_or(usize::MAX);
    nodes.sort_by_key(|node| position(name_of(node)));
    for node in nodes {
        let inner = fields.iter().find(|f| f.name == name_of(node)).map(|f| &f.shape);
        match (node, inner) {
            (Node::Object { children, .. }, Some(shape)) => order(children, shape),
            (Node::List { parts, .. }, Some(Shape::Array(shape))) => {
                let each = |part: &mut ListPart| order(&mut part.children, shape);
                parts.iter_mut().for_each(each);
            }
            _ => {}
        }
    }
}

/// Required fields that no rule fills, or only an optional one at the top, as paths.
pub fn unfilled(nodes: &[Node], shape: &Shape, at: &str, top: bool, out: &mut Vec<String>) {
    let Shape::Object(fields) = shape else { return };
    for field in fields {
        let path = if at.is_empty() { field.name.clone() } else { format!("{at}.{}", field.name) };
        let node = nodes.iter().find(|node| name_of(node) == field.name);
        match node {
            None if field.required => out.push(path),
            Some(Node::Field { optional: true, .. }) if field.required && top => out.push(path),
            Some(Node::Object { children, .. }) => {
                unfilled(children, &field.shape, &path, top && field.required, out);
            }
            Some(Node::List { parts, .. }) => {
                if let Shape::Array(shape) = &field.shape {
                    let path = format!("{path}[]");
                    parts.iter().for_each(|p| unfilled(&p.children, shape, &path, false, out));
                }
            }
            _ => {}
        }
    }
}

fn name_of(node: &Node) -> &str {
    match node {
        Node::Field { name, .. } | Node::Object { name, .. } | Node::List { name, .. } => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_segments_and_may_be_optional() {
        let segments = |text| parse(text).map(|(s, o)| (s.join("|"), o));
        assert_eq!(segments("a.b?"), Ok(("a|b".into(), true)));
        assert_eq!(segments(r#"a."@x.y".c"#), Ok(("a|@x.y|c".into(), false)));
        assert!(segments("a..b").is_err() && segments(r#"a."b"#).is_err());
    }
}
