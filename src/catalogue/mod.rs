//! Partner formats, schemas, mappings, routes and purposes.

pub mod cel;
pub mod mapping;
pub mod problem;
pub mod schema;
mod shape;
mod shape_of;

pub use shape::{Field, Shape};
