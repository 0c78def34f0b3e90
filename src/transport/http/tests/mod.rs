//! Stories of partners at the door, over real HTTP.

mod bounds;
mod description;
mod holding;
mod logging;
mod mailbox;
mod sending;
mod secure;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::fakes::FakeHub;
use super::*;

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A hub that serves, and what it was asked.
struct Door {
    address: SocketAddr,
    hub: Arc<FakeHub>,
    client: Client,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Served>,
}

impl Door {
    async fn open() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        let hub = Arc::new(FakeHub::default());
        let large = LargeBodies::new(1);
        let router = partner_router(hub.clone(), hub.clone(), large.clone(), &limits);
        Self::serve(hub, router, limits).await
    }

    async fn serve(hub: Arc<FakeHub>, router: Router, limits: Limits) -> Self {
        Self::behind(hub, router, limits, None).await
    }

    async fn behind(
        hub: Arc<FakeHub>,
        router: Router,
        limits: Limits,
        tls: Option<Arc<tls::Tls>>,
    ) -> Self {
        let Listening { listener, address } = bind(LOOPBACK, false).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { stopped.await.unwrap_or(()) };
        let serving = tokio::spawn(serve(listener, router, limits, tls, stopped));
        Self { address, hub, client: client(), stop, serving }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path)).bearer_auth("sleutel-politie")
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path)).bearer_auth("sleutel-politie")
    }

    /// Sends bytes as they are, and reads until the hub closes the connection.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is as good as an end.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Checks status and form of a problem, and gives its document.
async fn problem(response: Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["api-version"], API_VERSION);
    assert!(response.headers().contains_key("x-request-id"));
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["code"], code, "{document}");
    assert_eq!(document["status"], status);
    assert_eq!(document["type"], format!("urn:schakel:probleem:{code}"));
    assert!(document["title"].is_string());
    document
}

fn codes(document: &Value) -> Vec<&str> {
    let violations = document["fouten"].as_array().unwrap();
    violations.iter().map(|violation| violation["code"].as_str().unwrap()).collect()
}
