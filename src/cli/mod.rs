//! The command line: what each command says, and with which exit code it ends.

mod check;
mod connector;
mod output;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use output::Exit;

/// Schakel: the hub through which a municipality and its chain partners exchange signals.
#[derive(Debug, Parser)]
#[command(name = "schakel", version, about = "De hub tussen gemeente en ketenpartners")]
pub struct Cli {
    /// Map met config, en zo nodig eigen schemas en connectors (standaard: de meegeleverde)
    #[arg(long, global = true, env = "SCHAKEL_CONFIG", value_name = "MAP")]
    config: Option<PathBuf>,
    /// Vorm van de uitvoer
    #[arg(short, long, global = true, value_enum, default_value = "table", value_name = "VORM")]
    output: output::Form,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Controleert schema's, koppelingen, doelbindingen en routes, met alle voorbeelden
    Check,
    /// Koppelingen bekijken en beproeven
    #[command(subcommand)]
    Connector(connector::Command),
}

/// Runs one command.
pub fn run(cli: Cli) -> Exit {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Check => check::run(config, cli.output),
        Command::Connector(command) => connector::run(&command, config, cli.output),
    }
}
