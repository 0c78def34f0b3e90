//! A document as a list of fields with what is in them covered.

use serde_json::Value;

/// Fields of a document that are shown at most.
const FIELDS_MAX: usize = 500;

/// A field of a document: its JSON Pointer, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub pointer: String,
    pub value: String,
}

/// The fields of a document that have a value of their own, in its order.
pub fn fields(document: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    walk(document, &mut String::new(), &mut found);
    found
}

fn walk(value: &Value, at: &mut String, found: &mut Vec<Field>) {
    let length = at.len();
    let mut inner = |at: &mut String, name: &str, value: &Value| {
        at.push('/');
        at.push_str(&name.replace('~', "~0").replace('/', "~1"));
        walk(value, at, found);
        at.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, v)| inner(at, name, v)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| inner(at, &i.to_string(), v));
        }
        _ if found.len() >= FIELDS_MAX => {}
        Value::String(text) => found.push(Field { pointer: at.clone(), value: text.clone() }),
        other => found.push(Field { pointer: at.clone(), value: other.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_its_leaves_in_order() {
        let document = json!({ "a": { "b/c": [1, { "~d": "x" }] }, "e": null, "f": [] });
        let found: Vec<_> = fields(&document).into_iter().map(|f| (f.pointer, f.value)).collect();
        let expected = [("/a/b~1c/0", "1"), ("/a/b~1c/1/~0d", "x"), ("/e", "null")];
        let expected = expected.map(|(p, v)| (p.to_owned(), v.to_owned()));
        assert_eq!(found, expected);
        for field in fields(&document) {
            assert!(document.pointer(&field.pointer).is_some());
        }
    }
}
