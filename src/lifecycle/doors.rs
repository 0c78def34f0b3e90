//! The doors beside the one for partners: figures for Prometheus, and pages for people.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Addresses, RunError, stopped};
use crate::console::{Look, console_router};
use crate::hub::Hub;
use crate::telemetry::Meter;
use crate::transport::http::metrics::metrics_router;
use crate::transport::http::tls::Tls;
use crate::transport::http::{self, Limits};

/// Where the console usually is.
const CONSOLE_PORT: u16 = 8081;
/// How long pages that are being made may take when the hub stops.
const CONSOLE_STOP: Duration = Duration::from_secs(5);
/// Where the console listens, and how it looks.
#[derive(Debug, Clone)]
pub struct ConsoleDoor {
    /// Without it the usual port of loopback, or a free one where that is taken: another hub on
    /// this machine must not keep this one from its work.
    pub listen: Option<SocketAddr>,
    pub beyond_loopback: bool,
    pub look: Look,
}

/// Listens for Prometheus, where that was asked for.
pub async fn serve_metrics(
    tasks: &mut JoinSet<&'static str>,
    hub: &Arc<Hub>,
    addresses: &Addresses,
    stopping: &watch::Receiver<bool>,
) -> Result<(), RunError> {
    let Some((address, beyond_loopback)) = addresses.metrics else { return Ok(()) };
    let door = http::bind(address, beyond_loopback).await?;
    let certificate = addresses.tls.as_ref().map(|files| files.certificate.clone());
    let meter = Meter::start(hub.clone(), certificate)?;
    let limits = Limits::default();
    let router = metrics_router(Arc::new(meter), &limits);
    tracing::info!(metrics.listen = %door.address, "figures for Prometheus");
    let signal = stopped(stopping.clone());
    tasks.spawn(async move {
        http::serve(door.listener, router, limits, None, signal).await;
        "cijfers"
    });
    Ok(())
}

/// Listens for people, where that was asked for; answers where.
pub async fn serve_console(
    tasks: &mut JoinSet<&'static str>,
    hub: &Arc<Hub>,
    addresses: &Addresses,
    tls: Option<Arc<Tls>>,
    stopping: &watch::Receiver<bool>,
) -> Result<Option<SocketAddr>, RunError> {
    let Some(console) = &addresses.console else { return Ok(None) };
    let beyond_loopback = console.beyond_loopback || tls.is_some();
    let door = match console.listen {
        Some(address) => http::bind(address, beyond_loopback).await?,
        None => match http::bind(SocketAddr::from(([127, 0, 0, 1], CONSOLE_PORT)), false).await {
            Ok(door) => door,
            Err(_) => http::bind(SocketAddr::from(([127, 0, 0, 1], 0)), false).await?,
        },
    };
    let limits = Limits { shutdown_time: CONSOLE_STOP, ..Limits::default() };
    let time = limits.request_time;
    let router = console_router(hub.clone(), console.look.clone(), time, stopping.clone());
    let (address, signal) = (door.address, stopped(stopping.clone()));
    tasks.spawn(async move {
        http::serve(door.listener, router, limits, tls, signal).await;
        "console"
    });
    Ok(Some(address))
}
