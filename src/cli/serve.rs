//! `schakel serve`: the hub, until it is told to stop.

use std::path::Path;
use std::sync::Arc;

use super::access::{self, Halt, read_keys, start_halt};
use super::check;
use super::output::{Exit, say};
use crate::console::Look;
use crate::hub::broker_partners;
use crate::lifecycle::{Addresses, Broker, ConsoleDoor, RunError, Service};
use crate::settings::{self, BrokerSettings, ConsoleSettings};
use crate::telemetry;

pub async fn run(data: &Path, config: Option<&Path>, listen: Option<std::net::SocketAddr>) -> Exit {
    match serve(data, config, listen).await {
        Ok(()) => Exit::Ok,
        Err(halt) => halt.end(),
    }
}

async fn serve(
    data: &Path,
    config: Option<&Path>,
    listen: Option<std::net::SocketAddr>,
) -> Result<(), Halt> {
    let settings = access::settings(config)?;
    let store = access::store_of(&settings, data)?;
    telemetry::start(settings.log.form, &settings.log.level);
    let keys = read_keys(data)?;
    let files = settings::read_or_shipped(config)
        .map_err(|error| Halt::new(Exit::Unreachable, check::chain(&error)))?;
    let alerts = access::alerts_of(&settings, data)?;
    let addresses = Addresses {
        alerts,
        directs: settings.regie.enabled,
        console: console_of(&settings.console)?,
        http: listen.unwrap_or(settings.http.listen),
        beyond_loopback: settings.http.beyond_loopback,
        tls: settings.http.tls.map(Into::into),
        metrics: settings.metrics.map(|metrics| (metrics.listen, metrics.beyond_loopback)),
        broker: settings.broker.as_ref().map(open_broker).transpose()?,
    };
    let mut service = Service::start(data, &store, keys, &files, &addresses)
        .await
        .map_err(|error| halt_of(&error))?;
    let scheme = if addresses.tls.is_some() { "https" } else { "http" };
    let place = data.display();
    say(&format!("Schakel luistert op {scheme}://{} (gegevens in {place})", service.http));
    if let Some(console) = service.console {
        say(&format!("De console staat op {scheme}://{console}"));
    }
    if let Some(closure) = service.hub.journal().closed() {
        say(&format!(
            "LET OP: het logboek wordt alleen gelezen: {}. De hub neemt niets aan en verstuurt \
             niets. Vergelijk het met schakel restore compare, en geef het daarna vrij met schakel \
             restore release.",
            super::restore::reason(&closure)
        ));
    }
    if !service.given_set_is_active {
        say("De aangeboden set is een andere dan de actieve; maak haar actief met: \
             schakel activate");
    }
    say_without_broker(&service, &addresses);
    let ended = service.run_until(end_signal()).await;
    say("Schakel stopt: wat loopt, wordt afgemaakt.");
    service.stop().await;
    ended.map_err(|error| halt_of(&error))
}

/// The console of the settings, where there is to be one.
fn console_of(settings: &ConsoleSettings) -> Result<Option<ConsoleDoor>, Halt> {
    let map = access::map_of(settings)?.map(Arc::new);
    Ok(settings.enabled.then(|| ConsoleDoor {
        listen: settings.listen,
        beyond_loopback: settings.beyond_loopback,
        look: Look { theme: settings.theme.clone(), map },
    }))
}

/// The broker of the settings, with its secrets read.
fn open_broker(settings: &BrokerSettings) -> Result<Broker, Halt> {
    let address = settings.address().map_err(|error| {
        Halt::new(Exit::Invalid, format!("de broker van de instellingen: {}", check::chain(&error)))
    })?;
    let (prefetch, receipt_after_s) = (settings.prefetch, settings.receipt_after_seconds);
    Ok(Broker { address, prefetch, receipt_after_s })
}

/// Parcels of who gets them through a broker wait, where there is none.
fn say_without_broker(service: &Service, addresses: &Addresses) {
    let waiting = broker_partners(&service.hub.active().catalogue);
    if addresses.broker.is_some() || waiting.is_empty() {
        return;
    }
    let names: Vec<String> = waiting.iter().map(ToString::to_string).collect();
    say(&format!(
        "Let op: {} krijgt zendingen via rabbitmq, en er is geen broker ingesteld; ze wachten in \
         het logboek. Zet broker.url in schakel.toml (of SCHAKEL_BROKER__URL), en richt de broker \
         in met: schakel broker provision",
        names.join(", ")
    ));
}

/// Why a service does not start or went on no longer.
pub fn halt_of(error: &RunError) -> Halt {
    match error {
        RunError::Start(error) => start_halt(error),
        RunError::Bind(_) => Halt::new(
            Exit::Unreachable,
            format!("{}; kies een ander adres met --listen", check::chain(error)),
        ),
        RunError::Tls(_) => Halt::new(
            Exit::Invalid,
            format!("{}; zie http.tls in schakel.toml", check::chain(error)),
        ),
        _ => Halt::new(Exit::Failure, check::chain(error)),
    }
}

/// Completes on an interrupt or a request to end.
pub async fn end_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _interrupted = interrupt.await;
        }
    }
}
