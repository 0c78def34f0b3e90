//! Schakel.

pub mod casework;
pub mod catalogue;
pub mod evidence;
pub mod journal;
pub mod message;
pub mod pipeline;
pub mod transport;
