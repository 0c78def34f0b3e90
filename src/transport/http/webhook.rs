//! Hands parcels to partners that gave a URL: signed as Standard Webhooks says, with the
//! CloudEvents attributes in binary mode. Tells what happened; when to try again is `ladder`'s.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

use crate::message::Timestamp;
use crate::transport::OutgoingParcel;

use super::guard::{self, Blocked, Lookup, Network, Resolver, Scheme};
pub use super::signature::{BadSecret, Secret};

const CONNECT_TIME: Duration = Duration::from_secs(5);
const TOTAL_TIME: Duration = Duration::from_secs(30);
/// What is kept of a partner's answer; the rest is not read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const IDLE_CONNECTIONS_PER_HOST: usize = 2;
/// A partner that asks for a longer rest than this gets this.
const RETRY_AFTER_MAX_S: i64 = 24 * 3_600;

/// Where a partner wants its parcels.
#[derive(Debug, Clone)]
pub struct Target {
    url: Url,
    secret: Secret,
    /// The other one while a secret is being replaced: a parcel then bears both signatures.
    other_secret: Option<Secret>,
    named: Vec<Network>,
}

impl Target {
    /// Refuses what can be known to be wrong before any name is resolved.
    pub fn new(
        url: &str,
        secret: Secret,
        other_secret: Option<Secret>,
        named: Vec<Network>,
    ) -> Result<Self, Blocked> {
        let url = Url::parse(url).map_err(|_| Blocked::Url)?;
        guard::check_url(&url, &named)?;
        Ok(Self { url, secret, other_secret, named })
    }
}

/// What is posted: its id, its bytes, and headers besides those of Standard Webhooks.
#[derive(Debug)]
pub struct Letter<'a> {
    pub id: String,
    pub media_type: &'a str,
    pub bytes: &'a [u8],
    pub headers: Vec<(&'static str, String)>,
}

impl<'a> Letter<'a> {
    fn of(parcel: &'a OutgoingParcel) -> Self {
        let (id, headers) = (parcel.id.to_string(), parcel.headers());
        Self { id, media_type: &parcel.media_type, bytes: &parcel.bytes, headers }
    }
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// Taken over, with the partner's answer: its receipt, where it gives one at once.
    Delivered { status: u16, media_type: Option<String>, answer: Vec<u8>, cut_short: bool },
    /// Not now. `code` says why, in a word for journal and console.
    Retry { code: &'static str, status: Option<u16>, retry_after_seconds: Option<u64> },
    /// The partner refuses the request as it is: trying again changes nothing.
    Refused { status: u16 },
    /// The guard let nothing through; nothing was sent.
    Blocked(Blocked),
}

impl WebhookOutcome {
    const fn retry(code: &'static str) -> Self {
        Self::Retry { code, status: None, retry_after_seconds: None }
    }
}

/// A target's name leads nowhere, or where no webhook may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    #[error("no name server knows the name")]
    Unknown,
    #[error(transparent)]
    Blocked(#[from] Blocked),
}

/// The clients by which webhooks go: one for each set of named networks, so that a connection
/// which one partner's settings allow is never another's. Most partners name none and share one.
pub struct Webhooks {
    clients: Mutex<BTreeMap<(Vec<Network>, Scheme), Client>>,
    lookup: Lookup,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self::with_lookup(guard::system_lookup())
    }
}

impl Webhooks {
    pub(super) fn with_lookup(lookup: Lookup) -> Self {
        Self { clients: Mutex::default(), lookup }
    }

    /// Sends one parcel once.
    pub async fn send(
        &self,
        target: &Target,
        parcel: &OutgoingParcel,
        now: Timestamp,
    ) -> WebhookOutcome {
        self.post(target, &Letter::of(parcel), now).await
    }

    /// Posts something once.
    pub async fn post(
        &self,
        target: &Target,
        letter: &Letter<'_>,
        now: Timestamp,
    ) -> WebhookOutcome {
        let scheme = match guard::check_url(&target.url, &target.named) {
            Ok(scheme) => scheme,
            Err(blocked) => return WebhookOutcome::Blocked(blocked),
        };
        let Some(headers) = headers(target, letter, now) else {
            return WebhookOutcome::Blocked(Blocked::Request);
        };
        let client = match self.client(&target.named, scheme) {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(error = %without_url(error), "no http client can be made");
                return WebhookOutcome::retry("geen-client");
            }
        };
        let request = client.post(target.url.clone()).headers(headers).body(letter.bytes.to_vec());
        match request.send().await {
            Ok(response) => of_response(response, now).await,
            Err(error) => of_error(&error),
        }
    }

    /// Whether the target's name leads somewhere, and only where it may; nothing is sent.
    pub async fn resolves(&self, target: &Target) -> Result<(), Unresolved> {
        let scheme = guard::check_url(&target.url, &target.named)?;
        // An address literal was judged just now.
        let Some(name) = target.url.domain() else { return Ok(()) };
        let found = (self.lookup)(name.to_owned()).await.map_err(|_| Unresolved::Unknown)?;
        for address in &found {
            guard::judge(*address, &target.named, scheme)?;
        }
        if found.is_empty() { Err(Unresolved::Unknown) } else { Ok(()) }
    }

    /// Whether something answers at an address: asked with HEAD, without a signature or a document.
    /// Answers with the HTTP status, whatever it is, or a word for why nothing answered.
    pub async fn knock(&self, url: &str, named: Vec<Network>) -> Result<u16, String> {
        let blocked = |blocked: Blocked| format!("geblokkeerd-{}", blocked.code());
        let url = Url::parse(url).map_err(|_| blocked(Blocked::Url))?;
        let scheme = guard::check_url(&url, &named).map_err(blocked)?;
        let client = self.client(&named, scheme).map_err(|_| "geen-client".to_owned())?;
        match client.head(url).send().await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) => Err(match of_error(&error) {
                WebhookOutcome::Retry { code, .. } => code.to_owned(),
                WebhookOutcome::Blocked(found) => blocked(found),
                _ => "verbroken".to_owned(),
            }),
        }
    }

    fn client(&self, named: &[Network], scheme: Scheme) -> reqwest::Result<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (named.to_vec(), scheme);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let lookup = std::sync::Arc::clone(&self.lookup);
        let client = new_client(Resolver { named: named.to_vec(), scheme, lookup })?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

fn new_client(resolver: Resolver) -> reqwest::Result<Client> {
    static PROVIDER: Once = Once::new();
    // It fails only where another part of this process installed one before.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let scheme = resolver.scheme;
    let builder = Client::builder()
        .user_agent(concat!("schakel/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIME)
        .timeout(TOTAL_TIME)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
        .dns_resolver(resolver);
    match scheme {
        Scheme::Https => builder.https_only(true).build(),
        // Without certificates of its own, a machine that has none can still reach its networks.
        Scheme::Http => builder.tls_certs_only([]).build(),
    }
}

fn headers(target: &Target, letter: &Letter<'_>, now: Timestamp) -> Option<HeaderMap> {
    let id = &letter.id;
    let timestamp_s = now.as_micros().div_euclid(1_000_000);
    let secrets = std::iter::once(&target.secret).chain(&target.other_secret);
    let signatures: Vec<String> =
        secrets.map(|secret| secret.sign(id, timestamp_s, letter.bytes)).collect();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::try_from(letter.media_type).ok()?);
    let standard = [
        ("webhook-id", id.clone()),
        ("webhook-timestamp", timestamp_s.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ];
    for (name, value) in standard.into_iter().chain(letter.headers.iter().cloned()) {
        headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
    }
    Some(headers)
}

async fn of_response(response: Response, now: Timestamp) -> WebhookOutcome {
    let status = response.status();
    if status.is_success() {
        let media_type = response.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (answer, cut_short) = read_answer(response).await;
        return WebhookOutcome::Delivered {
            status: status.as_u16(),
            media_type,
            answer,
            cut_short,
        };
    }
    let code = match status {
        StatusCode::REQUEST_TIMEOUT => "te-langzaam",
        StatusCode::TOO_EARLY => "te-vroeg",
        StatusCode::TOO_MANY_REQUESTS => "te-veel-verzoeken",
        status if status.is_client_error() => {
            return WebhookOutcome::Refused { status: status.as_u16() };
        }
        // Not followed: where it leads was never agreed. Often a page for maintenance.
        status if status.is_redirection() => "omleiding",
        _ => "storing-bij-partner",
    };
    let retry_after_seconds = retry_after(response.headers(), now);
    WebhookOutcome::Retry { code, status: Some(status.as_u16()), retry_after_seconds }
}

/// The partner said yes before its answer's body came, so a body that breaks off is no failure.
async fn read_answer(mut response: Response) -> (Vec<u8>, bool) {
    let mut answer = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => {
                let room = ANSWER_BYTES_MAX - answer.len();
                answer.extend_from_slice(piece.get(..room).unwrap_or(&piece));
                if piece.len() > room {
                    return (answer, true);
                }
            }
            Ok(None) => return (answer, false),
            Err(_) => return (answer, true),
        }
    }
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse::<i64>().ok().or_else(|| {
        let date = rfc2822::parse(text).ok()?.timestamp();
        Some(Timestamp::from_micros(date.as_microsecond()).seconds_since(now))
    })?;
    u64::try_from(seconds.clamp(0, RETRY_AFTER_MAX_S)).ok()
}

fn of_error(error: &reqwest::Error) -> WebhookOutcome {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(blocked) = cause.downcast_ref::<Blocked>() {
            return WebhookOutcome::Blocked(*blocked);
        }
        source = cause.source();
    }
    WebhookOutcome::retry(if error.is_timeout() {
        "te-langzaam"
    } else if error.is_connect() {
        "geen-verbinding"
    } else {
        "verbroken"
    })
}

/// A URL may hold a partner's secret path, and so stays out of the log.
fn without_url(error: reqwest::Error) -> reqwest::Error {
    error.without_url()
}
