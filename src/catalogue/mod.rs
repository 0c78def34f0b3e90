//! Partner formats, schemas, mappings, routes and purposes.

mod shape;

pub use shape::{Field, Shape};
