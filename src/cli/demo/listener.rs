//! A partner that is called: the few lines of HTTP/1.1 that a receiver of webhooks needs.
//!
//! It takes one request per connection, checks the signature as Standard Webhooks says, and while
//! it is down answers 503 to everything.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::hmac;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::parcel::{Received, Way};
use crate::hub::clock;
use crate::message::PartnerId;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// A request that takes longer is let go.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// How old a signed request may be (Standard Webhooks: guard against replays).
const AGE_MOST_S: u64 = 300;

/// The receiving end of one partner.
pub struct Listener {
    pub id: PartnerId,
    pub address: SocketAddr,
    socket: TcpListener,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    down: bool,
    turned_away: usize,
    /// The webhook secret and the hub's public key, once agreed.
    agreed: Option<(hmac::Key, [u8; 32])>,
    received: Vec<Received>,
}

impl Listener {
    /// Listens on a free port of this machine.
    pub async fn bind(id: PartnerId) -> io::Result<Self> {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?;
        Ok(Self { id, address, socket, state: Mutex::default() })
    }

    /// Takes the secret (`whsec_…`) by which it knows the hub, and the hub's public key.
    pub fn agree(&self, secret: &str, key: [u8; 32]) {
        let secret = secret.strip_prefix("whsec_").unwrap_or(secret);
        let secret = BASE64_STANDARD.decode(secret).unwrap_or_default();
        self.state().agreed = Some((hmac::Key::new(hmac::HMAC_SHA256, &secret), key));
    }

    pub fn go_down(&self) {
        self.state().down = true;
    }

    /// Comes back; says how many requests it turned away.
    pub fn come_back(&self) -> usize {
        let mut state = self.state();
        state.down = false;
        state.turned_away
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.state().received)
    }

    /// Answers requests, one after the other. Never ends.
    pub async fn run(&self) {
        loop {
            match self.socket.accept().await {
                // One bad request is its sender's problem.
                Ok((stream, _)) => {
                    drop(tokio::time::timeout(REQUEST_TIME, self.answer(stream)).await)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let status = match read_request(&mut stream).await? {
            Some((head, body)) => self.take_in(&head, &body),
            None => "400 Bad Request",
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }

    fn take_in(&self, head: &Head, body: &[u8]) -> &'static str {
        let mut state = self.state();
        if state.down {
            state.turned_away += 1;
            return "503 Service Unavailable";
        }
        let Some((secret, key)) = &state.agreed else { return "401 Unauthorized" };
        let signed = head.is_signed(secret, body);
        let mut received = Received::check(&self.id, Way::Webhook, &head.described(), body, key);
        received.signature_holds = Some(signed);
        state.received.push(received);
        if signed { "204 No Content" } else { "401 Unauthorized" }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The headers of a request.
struct Head(Vec<(String, String)>);

impl Head {
    fn parse(text: &str) -> Self {
        let lines = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        Self(lines.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// Standard Webhooks: `v1,` and the HMAC of id, time and body, over a recent time.
    fn is_signed(&self, secret: &hmac::Key, body: &[u8]) -> bool {
        let (id, time) = (self.get("webhook-id"), self.get("webhook-timestamp"));
        let now_s = clock::now().as_micros().div_euclid(1_000_000);
        let recent = time.parse::<i64>().is_ok_and(|time| now_s.abs_diff(time) <= AGE_MOST_S);
        let mut signed = format!("{id}.{time}.").into_bytes();
        signed.extend_from_slice(body);
        let signatures = self.get("webhook-signature").split(' ');
        let mut signatures =
            signatures.filter_map(|text| BASE64_STANDARD.decode(text.strip_prefix("v1,")?).ok());
        recent && signatures.any(|tag| hmac::verify(secret, &signed, &tag).is_ok())
    }

    /// The parcel's description, as the other ways have it in JSON.
    fn described(&self) -> Value {
        let names = ["zending", "casus", "rol", "zout", "hash"];
        let mut described = Map::new();
        for name in names {
            let value = self.get(&format!("schakel-{name}")).to_owned();
            described.insert(name.to_owned(), value.into());
        }
        described.insert("mediatype".to_owned(), self.get("content-type").into());
        described.into()
    }
}

/// A request with its body; `None` where it is none, or too large.
async fn read_request(stream: &mut TcpStream) -> io::Result<Option<(Head, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > HEAD_BYTES_MAX || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let mut body = bytes.split_off(end + 4);
    let head = Head::parse(&String::from_utf8_lossy(&bytes));
    let Ok(length) = head.get("content-length").parse::<usize>() else { return Ok(None) };
    if length > BODY_BYTES_MAX {
        return Ok(None);
    }
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    body.truncate(length);
    Ok(Some((head, body)))
}
