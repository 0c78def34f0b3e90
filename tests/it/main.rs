//! The one integration test binary: whatever needs more than one room, or the whole program.

mod demo;
mod lineage;
#[cfg(feature = "failpoints")]
mod kill;
mod agreements;
mod alerts;
mod amqp;
mod bad_input;
mod canary;
mod cli;
mod concurrency;
mod console;
mod crowds;
mod disk_full;
mod erasures;
mod glass;
mod holding;
mod hub;
mod hubs;
mod isolation;
mod metrics;
mod moments;
#[path = "../support/postgres.rs"]
mod postgres;
mod proxy;
mod references;
mod regie;
mod renamed;
mod requests;
mod restore;
mod sets;
mod tidy;

/// Whether the long form was asked for: `tests/run --soak`.
fn soak() -> bool {
    std::env::var_os("SCHAKEL_TEST_SOAK").is_some()
}
