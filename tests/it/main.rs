//! The one integration test binary: whatever needs more than one room, or the whole program.

mod demo;
mod lineage;
#[cfg(feature = "failpoints")]
mod kill;
mod hub;
mod tidy;
