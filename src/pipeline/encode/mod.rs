//! From values to the bytes of a partner's own format: the way back of `decode`.
//!
//! What is written here is read back as the same value. What a format cannot carry is a
//! violation with a JSON Pointer into the value, never silently dropped or replaced. Whether the
//! value fits the partner's schema is left to `validate`.

mod csv;
mod xml;

use serde_json::Value;

use crate::catalogue::schema;

pub use self::csv::csv;
pub use self::xml::xml;

/// JSON without white space, fields in the order of the value.
pub fn json(value: &Value) -> Vec<u8> {
    // Only a map with keys that are no text could fail, and a JSON value has none.
    serde_json::to_vec(value).unwrap_or_default()
}

/// A JSON Pointer one step further (RFC 6901 §3).
fn below(pointer: &str, step: &str) -> String {
    schema::below(pointer, step)
}
