use std::process::ExitCode;

use clap::Parser;
use schakel::cli::{self, Cli};

// A fifth of the processor time of a message: docs/decisions/0008 has the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The crash points that the kill oracle sets in `FAILPOINTS`.
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    cli::run(Cli::parse()).into()
}
