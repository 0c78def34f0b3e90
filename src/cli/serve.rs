//! `schakel serve`: the hub, until it is told to stop.

use std::path::Path;

use super::access::{self, Halt, read_keys, start_halt};
use super::check;
use super::output::{Exit, say};
use crate::lifecycle::{Addresses, RunError, Service};
use crate::settings;
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
    let addresses = Addresses {
        http: listen.unwrap_or(settings.http.listen),
        beyond_loopback: settings.http.beyond_loopback,
        tls: settings.http.tls.map(Into::into),
        metrics: settings.metrics.map(|metrics| (metrics.listen, metrics.beyond_loopback)),
    };
    let mut service = Service::start(data, &store, keys, &files, &addresses)
        .await
        .map_err(|error| halt_of(&error))?;
    let scheme = if addresses.tls.is_some() { "https" } else { "http" };
    let place = data.display();
    say(&format!("Schakel luistert op {scheme}://{} (gegevens in {place})", service.http));
    if !service.given_set_is_active {
        say("De aangeboden set is een andere dan de actieve; maak haar actief met: \
             schakel activate");
    }
    let ended = service.run_until(end_signal()).await;
    say("Schakel stopt: wat loopt, wordt afgemaakt.");
    service.stop().await;
    ended.map_err(|error| halt_of(&error))
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
