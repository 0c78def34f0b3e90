//! The command line: what each command says, and with which exit code it ends.

mod access;
mod bench;
mod check;
mod connector;
mod demo;
mod keys;
mod output;
mod serve;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

pub use output::Exit;

/// The data folder where none is named.
const USUAL_DATA: &str = "schakel-data";

/// Schakel: the hub through which a municipality and its chain partners exchange signals.
#[derive(Debug, Parser)]
#[command(name = "schakel", version, about = "De hub tussen gemeente en ketenpartners")]
pub struct Cli {
    /// Map met config, en zo nodig eigen schemas en connectors (standaard: de meegeleverde)
    #[arg(long, global = true, env = "SCHAKEL_CONFIG", value_name = "MAP")]
    config: Option<PathBuf>,
    /// Map met het logboek en de sleutel van de hub
    #[arg(
        long,
        global = true,
        env = "SCHAKEL_DATA",
        value_name = "MAP",
        default_value = USUAL_DATA
    )]
    data: PathBuf,
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
    /// Start de hub
    Serve {
        /// Adres en poort van de deur voor ketenpartners
        #[arg(long, value_name = "ADRES")]
        listen: Option<std::net::SocketAddr>,
    },
    /// Speelt een avond in één gemeente, tegen een hub die echt draait
    Demo(demo::Options),
    /// De sleutel van de hub
    #[command(subcommand)]
    Keys(keys::Command),
    /// Meet wat deze machine aankan, met een eigen hub
    Bench(bench::Asked),
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
        Command::Bench(asked) => wait_for(bench::run(&asked, cli.output)),
        Command::Demo(options) => {
            // The demo makes a folder of its own where none but the usual one was given.
            let asked = Some(cli.data.as_path()).filter(|data| *data != Path::new(USUAL_DATA));
            wait_for(demo::run(&options, asked, cli.output))
        }
        Command::Keys(command) => keys::run(&command, &cli.data),
        Command::Serve { listen } => wait_for(serve::run(&cli.data, config, listen)),
    }
}

/// Runs a command that needs the runtime.
fn wait_for(command: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            output::say(&format!("schakel: het systeem geeft geen taken: {error}"));
            Exit::Failure
        }
    }
}
