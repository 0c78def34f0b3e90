//! Partner formats, schemas, mappings, routes and purposes.

mod namespaces;
mod shape;

pub use namespaces::{Namespaces, NamespacesError, XML_URI, XSI_URI, is_xml_name};
pub use shape::{Field, Shape};
