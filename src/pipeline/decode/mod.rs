//! From bytes to values: JSON, XML and CSV, each within named limits.
//!
//! Decoding refuses what cannot be read, or could be read in two ways, and says where. Whether
//! the values are what the schema asks is left to `validate`; a value that does not fit its
//! shape therefore stays a string, so that the schema reports it.

mod charset;
pub mod csv;
mod findings;
mod json;
mod number;
#[cfg(test)]
mod properties;
pub mod xml;

pub use json::json;

/// The bounds of a single document. Whatever goes over one is refused as `te-groot`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub bytes_max: usize,
    /// Nested objects and arrays, or elements. JSON stops at 126 whatever is asked here.
    pub depth_max: usize,
    /// XML elements or JSON values in one document.
    pub elements_max: usize,
    /// Attributes of one XML element, namespace declarations included.
    pub attributes_max: usize,
    /// Namespace declarations that are in scope at one XML element.
    pub namespaces_max: usize,
    pub rows_max: usize,
    pub columns_max: usize,
    /// How many violations are listed; what follows is summed up in a last one.
    pub violations_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 1024 * 1024,
            depth_max: 64,
            elements_max: 100_000,
            attributes_max: 64,
            namespaces_max: 64,
            rows_max: 10_000,
            columns_max: 256,
            violations_max: 100,
        }
    }
}
