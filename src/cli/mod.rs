//! The command line: what each command says, and with which exit code it ends.

mod access;
mod agreement;
mod alert;
mod activate;
mod backup;
mod bench;
mod broker;
mod case;
mod check;
mod connector;
mod connector_new;
mod crowd;
mod demo;
mod doctor;
mod erase;
mod evaluate;
mod explain;
mod export;
mod file;
mod job;
mod journal;
mod keys;
mod output;
mod partner;
mod partner_add;
mod playbook;
mod programme;
mod quarantine;
mod replay;
mod restore;
mod send;
mod serve;
mod share;
mod trace;
mod user;
mod words;

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser, Subcommand};

use self::access::{Ground, Halt};
pub use output::Exit;

/// The data folder where none is named.
const USUAL_DATA: &str = "schakel-data";

/// Schakel: the hub through which a municipality and its chain partners exchange signals.
#[derive(Debug, Parser)]
#[command(
    name = "schakel",
    version,
    about = "De hub tussen gemeente en ketenpartners",
    after_help = "Beginnen:\n  schakel keys init\n  schakel serve\n  schakel partner key \
        politie-oost-brabant\n\nEindcodes: 0 gelukt, 1 mislukt, 2 verkeerd gebruik, 3 ongeldig, \
        4 niet bereikbaar,\n5 niet toegestaan, 6 niet gevonden, 7 deels gelukt."
)]
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
    output: output::Wide,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Controleert schema's, koppelingen, doelbindingen en routes, met alle voorbeelden
    #[command(after_help = "Voorbeeld:\n  schakel --config mijn-set check")]
    Check,
    /// Start de hub
    #[command(after_help = "Voorbeeld:\n  schakel serve --listen 127.0.0.1:8080")]
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
    /// Ketenpartners: wie er zijn, hun sleutels, en wie nu niet mag
    #[command(subcommand)]
    Partner(partner::Command),
    /// Gebruikers van de console: wie er zijn, wat ze mogen, hun wachtwoord
    #[command(subcommand)]
    User(user::Command),
    /// Koppelingen bekijken, beproeven en maken
    #[command(subcommand)]
    Connector(connector::Command),
    /// Casussen: hoe ze staan, wat er gebeurde, en wat een regisseur besluit
    #[command(subcommand)]
    Case(case::CaseCommand),
    /// Taken: wat er gevraagd is, wat te laat is, en wat te beslissen is
    #[command(subcommand)]
    Task(case::TaskCommand),
    /// Afspraken in een casus: met wie, tot wanneer, en of ze zijn nagekomen
    #[command(subcommand)]
    Agreement(agreement::Command),
    /// Draaiboeken: wat een casus van wie vraagt, en hoe dat zou gaan
    #[command(subcommand)]
    Playbook(playbook::Command),
    /// Het uitvoeringsprogramma: prioriteiten en doelen
    #[command(subcommand)]
    Programme(programme::Command),
    /// Legt het uitvoeringsprogramma naast wat er gebeurde
    Evaluate(evaluate::Options),
    /// Schrijft de meegeleverde set naar een lege map, om haar aan te passen
    #[command(after_help = "Voorbeeld:\n  schakel export mijn-set")]
    Export {
        /// De map
        map: PathBuf,
    },
    /// Maakt de set van --config actief
    Activate(activate::Asked),
    /// Stuurt een bericht zoals een ketenpartner dat doet
    Send(send::Asked),
    /// Toont de weg die een bericht ging
    Trace(trace::Asked),
    /// Toont wat het laatst binnenkwam
    Tail(trace::TailAsked),
    /// Verklaart elk veld dat een ontvanger wel en niet krijgt
    Explain(explain::Asked),
    /// Verwerkt een bericht opnieuw onder de regels van nu
    Replay(replay::Asked),
    /// Uitval: wat niet kon worden verwerkt of bezorgd
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Klussen: herhalingen en uitval die een menigte aangaan
    #[command(subcommand)]
    Job(job::Command),
    /// Vernietigt de inhoud van een casus, of van alle casussen van een persoon: door twee mensen
    Erase(erase::Asked),
    /// Het logboek nagaan, bewijzen en uitvoeren
    #[command(subcommand)]
    Journal(journal::Command),
    /// Maakt een reservekopie van het logboek, ook terwijl de hub draait
    Backup(backup::Asked),
    /// Zet een reservekopie terug, vergelijkt haar en geeft haar vrij
    Restore(restore::Asked),
    /// De broker (RabbitMQ) inrichten en bekijken
    #[command(subcommand)]
    Broker(broker::Command),
    /// Wat er mis is en was, en of wie dat moet horen het hoort
    #[command(subcommand)]
    Alert(alert::Command),
    /// Kijkt of alles in orde is, en zegt anders wat te doen
    #[command(after_help = "Voorbeeld:\n  schakel doctor -o jsonl")]
    Doctor,
    /// Meet wat deze machine aankan, met een eigen hub
    Bench(bench::Asked),
}

/// Runs one command.
pub fn run(cli: Cli) -> Exit {
    let Cli { config, data, output, command } = cli;
    let Some(command) = command else {
        output::say(&Cli::command().render_help().to_string());
        return Exit::Usage;
    };
    let form = match (output.plain(), &command) {
        (Some(form), _) => form,
        (None, Command::Evaluate(_)) => output::Form::Table,
        (None, _) => {
            let text = "-o csv en -o html zijn er alleen voor schakel evaluate";
            return Halt::new(Exit::Usage, text).end();
        }
    };
    let ground = Ground { data: &data, config: config.as_deref(), form };
    match command {
        Command::Check => check::run(ground),
        Command::Evaluate(options) => wait_for(async {
            let done = evaluate::run(&options, output, ground).await;
            done.unwrap_or_else(Halt::end)
        }),
        Command::Connector(command) => connector::run(&command, ground),
        Command::Playbook(command) => playbook::run(ground, &command),
        Command::Keys(command) => wait_for(keys::run(&command, ground)),
        Command::Export { map } => export::run(&map, ground).unwrap_or_else(Halt::end),
        Command::Bench(asked) => wait_for(bench::run(&asked, form)),
        Command::Demo(options) => {
            // Only a folder named for it: the one that others work in is not for a demo.
            let others = [Some(USUAL_DATA.into()), std::env::var_os("SCHAKEL_DATA")];
            let named = !others.iter().flatten().any(|other| data == Path::new(other));
            wait_for(demo::run(&options, named.then_some(&data), form))
        }
        Command::Serve { listen } => wait_for(serve::run(&data, ground.config, listen)),
        other => wait_for(async {
            let done = run_with_hub(&other, ground).await;
            done.unwrap_or_else(Halt::end)
        }),
    }
}

/// The commands that ask the hub, or read what it keeps.
async fn run_with_hub(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    match command {
        Command::Programme(command) => programme::run(command, ground).await,
        Command::Partner(command) => partner::run(command, ground).await,
        Command::User(command) => user::run(command, ground).await,
        Command::Case(command) => case::run_case(command, ground).await,
        Command::Agreement(command) => agreement::run(command, ground).await,
        Command::Task(command) => case::run_task(command, ground).await,
        Command::Activate(asked) => activate::run(asked, ground).await,
        Command::Send(asked) => send::run(asked, ground).await,
        Command::Trace(asked) => trace::run(asked, ground).await,
        Command::Tail(asked) => trace::tail(asked, ground).await,
        Command::Explain(asked) => explain::run(asked, ground).await,
        Command::Replay(asked) => replay::run(asked, ground).await,
        Command::Quarantine(command) => quarantine::run(command, ground).await,
        Command::Job(command) => job::run(command, ground).await,
        Command::Erase(asked) => erase::run(asked, ground).await,
        Command::Journal(command) => journal::run(command, ground).await,
        Command::Backup(asked) => backup::run(asked, ground).await,
        Command::Restore(asked) => restore::run(asked, ground).await,
        Command::Broker(command) => broker::run(command, ground).await,
        Command::Alert(command) => alert::run(command, ground).await,
        Command::Doctor => doctor::run(ground).await,
        _ => Ok(Exit::Usage), // the others were run above
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
