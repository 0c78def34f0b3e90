use std::process::ExitCode;

use clap::Parser;
use schakel::cli::{self, Cli};

fn main() -> ExitCode {
    // The crash points that the kill oracle sets in `FAILPOINTS`.
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    cli::run(Cli::parse()).into()
}
