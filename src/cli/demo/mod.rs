//! `schakel demo`: an evening in one municipality and a case of weeks, on a hub that really runs.
//!
//! The hub is started as `serve` starts it; the partners are HTTP clients, a listener and a
//! folder. What is printed was read back from the journal or from a partner, and the demo fails
//! where that is not what its scripts expect.

mod case;
mod checks;
mod facts;
mod folder;
mod form;
mod listener;
mod neighbourhoods;
mod paper;
mod parcel;
mod partner;
mod people;
mod play;
mod script;
mod stay;
mod story;
mod venue;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::access::Halt;
use super::output::{Exit, Form, out, say, secret};
use super::serve::{end_signal, halt_of};
use crate::telemetry::{self, LogForm};
use case::{PlayedTime, Stage};
use facts::Facts;
use script::Script;
use venue::{Cast, Home, Venue};

/// Where `demo --serve` listens, if that is free.
const USUAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// How the demo is played.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Voorbeelden:\n  schakel demo\n  schakel demo --serve\n  schakel demo -o json\n\n\
    De demo maakt een eigen tijdelijke map met een eigen sleutel, gebruikt de meegeleverde set en\n\
    ruimt alles weer op. Met --data speelt zij in een lege map die blijft staan. De tijd is\n\
    gespeeld: de klok van de hub begint honderd dagen terug en staat na afloop gelijk.\n\
    Eindcode 1: er gebeurde iets anders dan het verhaal voorschrijft."
)]
pub struct Options {
    /// Blijft na afloop draaien, met opdrachten om zelf te proberen
    #[arg(long)]
    serve: bool,
    /// Adres en poort (standaard 127.0.0.1:8080, of een vrije poort als die bezet is)
    #[arg(long, value_name = "ADRES", requires = "serve")]
    listen: Option<SocketAddr>,
    /// Laat de map met het logboek staan
    #[arg(long)]
    keep: bool,
}

impl Options {
    fn address(&self) -> SocketAddr {
        if !self.serve {
            return ANY;
        }
        // Tried here, because a hub that found its port taken would have opened its journal.
        let free = || std::net::TcpListener::bind(USUAL).is_ok();
        self.listen.unwrap_or_else(|| if free() { USUAL } else { ANY })
    }
}

/// Plays both acts. `data` is a folder that was asked for, where one was.
pub async fn run(options: &Options, data: Option<&PathBuf>, form: Form) -> Exit {
    match demo(options, data.map(PathBuf::as_path), form).await {
        Ok(exit) => exit,
        Err(halt) => halt.end(),
    }
}

async fn demo(options: &Options, data: Option<&Path>, form: Form) -> Result<Exit, Halt> {
    telemetry::start(LogForm::Text, "warn");
    let script = Script::shipped()?;
    let mut time = PlayedTime::begin();
    let home = Home::open(data, options.keep)?;
    let listen = (options.address(), options.serve);
    let mut venue = Venue::open(&home, listen, &script.outage.partner).await?;
    let told = match venue.connect(&home).await {
        Ok(cast) => both_acts(options, &script, &mut venue, (&cast, &home), &mut time, form).await,
        Err(halt) => Err(halt),
    };
    venue.service.stop().await;
    if options.keep {
        say(&format!("De map van de demo blijft staan: {}", home.path.display()));
    }
    told
}

/// The evening and the case, as long as the hub runs.
async fn both_acts(
    options: &Options,
    script: &Script,
    venue: &mut Venue,
    (cast, home): (&Cast, &Home),
    time: &mut PlayedTime,
    form: Form,
) -> Result<Exit, Halt> {
    let Venue { service, keys, listener } = venue;
    let (hub, console) = (service.hub.clone(), service.console);
    let visited = hub.clone();
    let mut told = Err(Halt::new(Exit::Failure, "de demo werd afgebroken"));
    let perform = async {
        let facts = async {
            let played = play::play(script, cast, listener).await?;
            let mut facts = facts::read(script, cast, &home.path, keys.clone(), played).await?;
            let (data, keys) = (home.path.as_path(), keys.clone());
            let stage = Stage { evening: script, cast, listener, hub, keys, data };
            let case = case::play(stage, time, &facts).await?;
            facts.geslaagd &= case.geslaagd;
            facts.casus = Some(case);
            let people = if console.is_some() {
                neighbourhoods::report(cast).await?;
                people::welcome(&visited).await?
            } else {
                vec![]
            };
            Ok((facts, people))
        };
        let facts = tokio::select! {
            facts = facts => facts,
            () = listener.run() => return,
            () = end_signal() => return,
        };
        told = facts.and_then(|(facts, people)| {
            let exit = show(&facts, form);
            if options.serve && exit == Exit::Ok {
                let mut text = stay::commands(script, cast, home, &facts)?;
                text.push_str(&people::tell(console, &people));
                if matches!(form, Form::Table) { secret(&text) } else { say(&text) }
            }
            Ok(exit)
        });
        if options.serve && matches!(told, Ok(Exit::Ok)) {
            tokio::select! {
                () = listener.run() => {}
                () = end_signal() => {}
            }
        }
    };
    service.run_until(perform).await.map_err(|error| halt_of(&error))?;
    told
}

/// Prints the story, and says whether it went as it should.
fn show(facts: &Facts, form: Form) -> Exit {
    match form {
        Form::Table => out(&story::tell(facts)),
        Form::Json => out(&serde_json::to_string_pretty(facts).unwrap_or_default()),
        Form::Jsonl => out(&serde_json::to_string(facts).unwrap_or_default()),
    }
    let of_case = facts.casus.iter().flat_map(|case| &case.controles);
    for check in facts.controles.iter().chain(of_case).filter(|check| !check.klopt) {
        say(&format!("klopt niet: {}", check.wat));
    }
    if facts.geslaagd { Exit::Ok } else { Exit::Failure }
}
