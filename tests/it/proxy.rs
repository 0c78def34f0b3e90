//! Something between the hub and its services that can be told to misbehave.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How the line behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Fine,
    /// Connections are closed, and new ones at once.
    Cut,
    /// Everything vanishes without a word, also on connections that outlive this: as when the
    /// other end is gone and nobody says so.
    HalfOpen,
    /// Everything comes so much later.
    Slow(Duration),
}

/// Where it leads.
#[derive(Debug, Clone)]
pub enum Target {
    Tcp(String),
    Unix(PathBuf),
}

/// It ends when it is dropped.
pub struct Proxy {
    pub port: u16,
    line: watch::Sender<Line>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub async fn to(target: Target) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let line = watch::Sender::new(Line::Fine);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, target, line.subscribe()));
        Self { port, line, _tasks: tasks }
    }

    pub fn be(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn serve(listener: TcpListener, target: Target, line: watch::Receiver<Line>) {
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.expect("a connection");
        if *line.borrow() != Line::Cut {
            connections.spawn(connect(near, target.clone(), line.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(near: TcpStream, target: Target, line: watch::Receiver<Line>) {
    near.set_nodelay(true).expect("a socket");
    // A service that is down refuses, and so does this.
    match target {
        Target::Tcp(address) => {
            if let Ok(far) = TcpStream::connect(address).await {
                far.set_nodelay(true).expect("a socket");
                join(near, far, line).await;
            }
        }
        Target::Unix(path) => {
            if let Ok(far) = UnixStream::connect(path).await {
                join(near, far, line).await;
            }
        }
    }
}

async fn join(
    near: impl AsyncRead + AsyncWrite + Unpin,
    far: impl AsyncRead + AsyncWrite + Unpin,
    line: watch::Receiver<Line>,
) {
    let ((near_in, near_out), (far_in, far_out)) = (split(near), split(far));
    // When one direction ends, so does the connection.
    tokio::select! {
        () = pass(near_in, far_out, line.clone()) => {}
        () = pass(far_in, near_out, line) => {}
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut line: watch::Receiver<Line>,
) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            changed = line.changed() => {
                match (changed.is_err(), *line.borrow_and_update()) {
                    (true, _) | (_, Line::Cut) => return,
                    (_, Line::HalfOpen) => {}
                    _ => continue,
                }
                return vanish(&mut line).await;
            }
        };
        let Ok(count @ 1..) = read else { return };
        let now = *line.borrow();
        match now {
            Line::Fine => {}
            Line::Cut => return,
            Line::HalfOpen => return vanish(&mut line).await,
            Line::Slow(delay) => tokio::time::sleep(delay).await,
        }
        if to.write_all(bytes.get(..count).expect("what was read")).await.is_err() {
            return;
        }
    }
}

/// Until the proxy ends: the sockets stay, and nothing comes.
async fn vanish(line: &mut watch::Receiver<Line>) {
    while line.changed().await.is_ok() {}
}
