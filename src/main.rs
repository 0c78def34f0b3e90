use std::process::ExitCode;

use clap::Parser;
use schakel::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse()).into()
}
