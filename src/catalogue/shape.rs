//! What a JSON Schema says about structure: which fields, in which order, which are lists.
//!
//! One shape serves three: it leads the decoding of XML and CSV, it checks the source paths of
//! mappings, and it tells which fields can be absent.

/// The structure of a document, read from its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    Object(Vec<Field>),
    Array(Box<Shape>),
    String,
    Integer,
    Number,
    Boolean,
    /// The schema says nothing: anything goes, nothing below it can be addressed.
    Any,
}

/// A field of an object, in the order of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub required: bool,
    pub shape: Shape,
    /// Annotation `x-gevoelig` of the schema: `bsn`, `vrije-tekst` or `bijlage`.
    pub sensitive: Option<String>,
}

impl Shape {
    /// The field of that name, where this is an object that has it.
    pub fn field(&self, name: &str) -> Option<&Field> {
        match self {
            Self::Object(fields) => fields.iter().find(|field| field.name == name),
            _ => None,
        }
    }
}
