//! Who is told: a mail server of its own and a receiver of webhooks; and partners that are down.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use schakel::transport::http::webhook::Secret;
use serde_json::Value;

use crate::hub::{Place, checkout, python, until};

/// The secret by which the hub signs what it tells.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A mail server that runs.
pub struct MailServer {
    child: Child,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl MailServer {
    pub async fn start(port: u16, tls: Option<&Path>) -> Self {
        let script = checkout().join("tests/it/alerts/mail.py");
        let mut command = Command::new(python("aiosmtpd", "python3-aiosmtpd"));
        command.arg(script).arg(port.to_string());
        if let Some(folder) = tls {
            command.arg(folder.join("broker.pem")).arg(folder.join("broker.key"));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python runs");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
        let told = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("JSON of the mail server");
                told.lock().expect("no panic while reading").push(line);
            }
        });
        let server = Self { child, heard };
        until("the mail server", async || {
            (!server.heard.lock().expect("no panic while reading").is_empty()).then_some(())
        })
        .await;
        server
    }

    /// The mails that came, in order.
    pub fn mails(&self) -> Vec<Value> {
        // The first line says that it is ready.
        self.heard.lock().expect("no panic while reading").iter().skip(1).cloned().collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request: its headers and its body.
type Asked = (HeaderMap, Vec<u8>);

/// Somebody who takes webhooks: who is told of alarms, or a partner.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    up: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    pub async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let receiver = Self {
            address: listener.local_addr().expect("an address"),
            up: Arc::new(AtomicBool::new(true)),
            asked: Arc::default(),
            taken: Arc::default(),
        };
        let app = Router::new().route("/hook", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    /// Whether it answers as it should, or that it cannot.
    pub fn is_up(&self, up: bool) -> &Self {
        self.up.store(up, Ordering::SeqCst);
        self
    }

    /// How often it was asked to take something.
    pub fn asked(&self) -> usize {
        self.asked.lock().expect("no panic while taking").len()
    }

    /// The bodies that it took, where those are JSON.
    pub fn taken(&self) -> Vec<Value> {
        self.taken.lock().expect("no panic while taking").clone()
    }

    /// Every request bears a signature that holds, and the id that its body says.
    pub fn check_signatures(&self) {
        let secret: Secret = SECRET.parse().expect("a secret");
        for (headers, body) in self.asked.lock().expect("no panic while taking").iter() {
            let header = |name: &str| headers[name].to_str().expect("text").to_owned();
            let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
            let signed = secret.sign(&id, at.parse().expect("a moment"), body);
            assert_eq!(header("webhook-signature"), signed);
            let told: Value = serde_json::from_slice(body).expect("JSON");
            assert_eq!(
                (told["id"].as_str(), header("content-type").as_str()),
                (Some(id.as_str()), "application/json")
            );
        }
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let told = serde_json::from_slice(&body).unwrap_or_default();
    receiver.asked.lock().expect("no panic while taking").push((headers, body.to_vec()));
    if !receiver.up.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    receiver.taken.lock().expect("no panic while taking").push(told);
    StatusCode::NO_CONTENT
}

/// Settings by which everything goes fast; `more` is TOML to follow.
pub fn settings(place: &Place, mail: u16, hook: &Receiver, more: &str) {
    let text = format!(
        "[alerts]\ncheck_seconds = 1\ngroup_seconds = 2\n\
         [alerts.mail]\nhost = '127.0.0.1'\nport = {mail}\ntls = 'none'\n\
         from = 'Schakel <schakel@gemeente.example>'\nto = ['piket@gemeente.example']\n\
         [alerts.webhook]\nurl = 'http://{}/hook'\nsecret = '{SECRET}'\n\
         networks = ['127.0.0.0/8']\n{more}",
        hook.address
    );
    place.take(&["config"]).write("schakel.toml", &text);
}

/// Lets a partner of the set have its parcels posted to it.
pub fn posts_to(place: &Place, partner: &str, receiver: &Receiver) {
    let way = format!(
        "wijze = \"webhook\"\nurl = \"http://{}/hook\"\nnetwerken = [\"127.0.0.0/8\"]",
        receiver.address
    );
    place.edit(&format!("config/partners/{partner}.toml"), "wijze = \"postvak\"", &way);
}

/// The codes and subjects in a notice, sorted.
pub fn about(notice: &Value) -> Vec<(String, String)> {
    let lines = notice["storingen"].as_array().expect("a list").iter();
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let mut about: Vec<_> =
        lines.map(|line| (text(line, "code"), text(line, "onderwerp"))).collect();
    about.sort();
    about
}
