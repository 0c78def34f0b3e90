//! Listens and serves: bounded in connections, in time for a request's head, and in age.
//!
//! `axum::serve` sets none of these, so connections are served through hyper here. Each runs in a
//! task of the set that `serve` owns and empties before it returns: nothing outlives it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tower::ServiceExt as _;

use super::Limits;
use super::tls::Tls;

/// How long to rest when no connection can be accepted, such as for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// The head of a request, all its headers together.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{address} is not on loopback, and listening beyond it was not asked for")]
    BeyondLoopback { address: SocketAddr },
    #[error("cannot listen on {address}")]
    Io {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// A listener and the address it got, which differs from the one asked for where that had port 0.
#[derive(Debug)]
pub struct Listening {
    pub listener: TcpListener,
    pub address: SocketAddr,
}

/// The address that a request came from, for handlers that ask for it.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Connections that were still busy when the time to stop was over.
    pub cut_off: usize,
}

/// Starts listening. Beyond loopback only where `beyond_loopback` says so.
pub async fn bind(address: SocketAddr, beyond_loopback: bool) -> Result<Listening, BindError> {
    if !beyond_loopback && !address.ip().is_loopback() {
        return Err(BindError::BeyondLoopback { address });
    }
    let failed = |source| BindError::Io { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Listening { listener, address })
}

/// Serves until `stop` completes, over TLS where it is given; then takes no new requests, and
/// gives those under way `limits.shutdown_time`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    stop: impl Future<Output = ()>,
) -> Served {
    let mut connections = JoinSet::new();
    let (tell_stop, told_stop) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let room = connections.len() < limits.connections;
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(ended) = connections.join_next() => note(ended),
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, from)) => {
                    let (router, limits) = (router.clone(), limits.clone());
                    let (tls, told_stop) = (tls.clone(), told_stop.clone());
                    let from = PeerAddress(from.ip());
                    connections.spawn(attend((stream, from), router, limits, tls, told_stop));
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    tell_stop.send_replace(true);
    let emptied = async {
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
    };
    // Whether it ran out of time is seen from what is left.
    let _ = tokio::time::timeout(limits.shutdown_time, emptied).await;
    let cut_off = connections.len();
    connections.shutdown().await;
    Served { cut_off }
}

/// One connection; over TLS, with what the client showed of itself for the handlers.
async fn attend(
    (stream, from): (TcpStream, PeerAddress),
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    told_stop: watch::Receiver<bool>,
) {
    // Without it an answer may wait for the client's delayed acknowledgement; only speed is lost.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return converse(stream, from, router, limits, told_stop).await };
    if let Some((stream, peer)) = tls.welcome(stream, limits.header_time).await {
        converse(stream, from, router.layer(Extension(peer)), limits, told_stop).await;
    }
}

/// Requests and answers, until the connection closes, grows too old, or is told to stop.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: PeerAddress,
    router: Router,
    limits: Limits,
    mut told_stop: watch::Receiver<bool>,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(HEAD_BYTES_MAX);
    let service = router.map_request(move |request| came_from(request, from));
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        _ = told_stop.wait_for(|stop| *stop) => None,
        () = tokio::time::sleep(limits.connection_age) => None,
    };
    let ended = match ended {
        Some(ended) => Ok(ended),
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(limits.request_time, connection).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        // Clients hang up, send no HTTP, or dawdle: of interest only when looking for a cause.
        Ok(Err(error)) => tracing::debug!(%error, "connection ended early"),
        Err(_) => tracing::debug!("connection cut off for its age"),
    }
}

fn came_from<B>(mut request: Request<B>, from: PeerAddress) -> Request<B> {
    request.extensions_mut().insert(from);
    request
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(panicked = error.is_panic(), "a connection's task failed");
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
