//! Where the broker is and how it is entered: URL, other nodes of its cluster, vhost, certificates.
//! Never shows a password.

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use lapin::{Connection, ConnectionProperties};

/// What the hub's user is called where the URL does not say.
const USUAL_USER: &str = "schakel-hub";
/// How long connecting may take, the handshake included.
const CONNECT_MOST: Duration = Duration::from_secs(10);

/// The address of a broker with what is needed to enter, the same at each of its nodes.
pub struct Address {
    uri: AMQPUri,
    tls: OwnedTLSConfig,
    /// The nodes of the cluster, that of the URL first.
    hosts: Vec<Host>,
    /// With which host the next connection begins. Each copy has its own.
    turn: AtomicUsize,
}

/// Where a node of the broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    /// A name, or an IP address without brackets.
    name: String,
    port: u16,
}

/// Certificates in PEM form.
#[derive(Clone, Default)]
pub struct Certificates {
    /// Who may have signed the broker's certificate, besides whom the system trusts.
    pub authority: Option<String>,
    /// The hub's own certificate and its key.
    pub own: Option<(Vec<u8>, Vec<u8>)>,
}

/// The address cannot be used. Says no part of it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the url of the broker is not of the form amqp://user:password@host:port/vhost")]
    Url,
    #[error("certificates go with amqps://, and this url is amqp://")]
    PlainWithCertificates,
    #[error("the url of the broker has no password, and there is no certificate of the hub's own")]
    Nobody,
    /// Counted from one.
    #[error("host {0} is not of the form host:port, without a scheme, a login or a vhost")]
    Host(usize),
}

/// Why there is no connection; without the address.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the broker does not answer in time")]
    Slow,
    /// In the broker's own words, which name no password.
    #[error("the broker does not let us in: {0}")]
    Refused(String),
}

impl From<lapin::Error> for ConnectError {
    fn from(error: lapin::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

impl Address {
    /// Reads a URL. `vhost` overrides that of the URL. Without a password but with a certificate
    /// of its own, the hub is known by that certificate (EXTERNAL); the user that the URL names is
    /// then only what provisioning calls it.
    pub fn parse(
        url: &str,
        vhost: Option<&str>,
        heartbeat_seconds: u16,
        certificates: Certificates,
    ) -> Result<Self, AddressError> {
        let mut uri: AMQPUri = url.parse().map_err(|_| AddressError::Url)?;
        let (login, place) = authority_in(url);
        if place.starts_with('[') {
            // The parser takes an IPv6 address for no host, and fills in localhost.
            let host = Host::parse(place, uri.scheme.default_port()).ok_or(AddressError::Url)?;
            uri.authority.host = host.name;
        }
        if let Some(vhost) = vhost {
            vhost.clone_into(&mut uri.vhost);
        }
        let secure = uri.scheme == AMQPScheme::AMQPS;
        let Certificates { authority, own } = certificates;
        if !secure && (authority.is_some() || own.is_some()) {
            return Err(AddressError::PlainWithCertificates);
        }
        if login.is_none() {
            USUAL_USER.clone_into(&mut uri.authority.userinfo.username);
        }
        if !login.is_some_and(|login| login.contains(':')) {
            if own.is_none() {
                return Err(AddressError::Nobody);
            }
            uri.query.auth_mechanism.get_or_insert(SASLMechanism::External);
        }
        uri.query.heartbeat.get_or_insert(heartbeat_seconds);
        let identity = own.map(|(pem, key)| OwnedIdentity::PKCS8 { pem, key });
        let tls = OwnedTLSConfig { identity, cert_chain: authority };
        let host = Host { name: uri.authority.host.clone(), port: uri.authority.port };
        Ok(Self { uri, tls, hosts: vec![host], turn: AtomicUsize::new(0) })
    }

    /// With other nodes of the same cluster, each `host:port`: without a port, that of the scheme.
    /// What is empty or known already changes nothing.
    pub fn with_more(mut self, hosts: &[String]) -> Result<Self, AddressError> {
        let usual_port = self.uri.scheme.default_port();
        for (place, text) in hosts.iter().map(|text| text.trim()).enumerate() {
            if text.is_empty() {
                continue;
            }
            let host = Host::parse(text, usual_port).ok_or(AddressError::Host(place + 1))?;
            if !self.hosts.contains(&host) {
                self.hosts.push(host);
            }
        }
        Ok(self)
    }

    /// The nodes one by one, each with its `host:port`.
    pub fn nodes(&self) -> Vec<(String, Self)> {
        let alone = |host: &Host| Self { hosts: vec![host.clone()], ..self.clone() };
        self.hosts.iter().map(|host| (host.to_string(), alone(host))).collect()
    }

    pub fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    pub fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    /// The user and its password; `None` where a certificate tells who the hub is.
    pub fn login(&self) -> Option<(&str, &str)> {
        let external = self.uri.query.auth_mechanism == Some(SASLMechanism::External);
        let who = &self.uri.authority.userinfo;
        (!external).then_some((who.username.as_str(), who.password.as_str()))
    }

    /// Opens a connection that the broker shows under this name, at the first node that lets us
    /// in. The next one begins at another node: who asks again has lost this one.
    pub async fn connect(&self, name: &str) -> Result<Connection, ConnectError> {
        // The hub has one provider of TLS, and lapin takes the one that the process has.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let first = self.turn.load(Ordering::SeqCst);
        let in_turn = self.hosts.iter().enumerate().cycle().skip(first).take(self.hosts.len());
        let mut failed: Option<(&Host, ConnectError)> = None;
        for (place, host) in in_turn {
            if let Some((host, error)) = failed.take() {
                tracing::warn!(broker.link = name, broker.host = %host, %error,
                    "a node of the broker does not let us in, trying another");
            }
            self.turn.store((place + 1) % self.hosts.len(), Ordering::SeqCst);
            match self.connect_to(host, name).await {
                Ok(connection) => {
                    tracing::info!(broker.link = name, broker.host = %host,
                        "connected to the broker");
                    return Ok(connection);
                }
                Err(error) => failed = Some((host, error)),
            }
        }
        Err(failed.map_or(ConnectError::Slow, |(_, error)| error))
    }

    async fn connect_to(&self, host: &Host, name: &str) -> Result<Connection, ConnectError> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime()?;
        let (mut uri, tls) = (self.uri.clone(), self.tls.clone());
        host.name.clone_into(&mut uri.authority.host);
        uri.authority.port = host.port;
        let connecting = Connection::connect_uri_with_config(uri, properties, tls, runtime);
        match tokio::time::timeout(CONNECT_MOST, connecting).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(ConnectError::Slow),
        }
    }
}

/// The login of a URL and the host with its port: the parser fills in a guest where it has none.
fn authority_in(url: &str) -> (Option<&str>, &str) {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, authority),
    }
}

impl Host {
    /// `name`, `name:port`, `[IPv6]` or `[IPv6]:port`; nothing else, and nothing around it.
    fn parse(text: &str, usual_port: u16) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (address.parse::<Ipv6Addr>().ok()?.to_string(), port)
            }
            None => {
                let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
                if name.is_empty() || !name.chars().all(plain) {
                    return None;
                }
                (name.to_owned(), port)
            }
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None if port.is_empty() => usual_port,
            None => return None,
        };
        Some(Self { name, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') { write!(f, "[{name}]:{port}") } else { write!(f, "{name}:{port}") }
    }
}

impl Clone for Address {
    fn clone(&self) -> Self {
        let Self { uri, tls, hosts, turn: _ } = self;
        let (uri, tls, hosts) = (uri.clone(), tls.clone(), hosts.clone());
        Self { uri, tls, hosts, turn: AtomicUsize::new(0) }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn parse(url: &str) -> Result<Address, AddressError> {
        Address::parse(url, None, 10, Certificates::default())
    }

    async fn first_byte(scheme: &str) -> u8 {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url =
            format!("{scheme}://hub:geheim@127.0.0.1:{}/v", door.local_addr().unwrap().port());
        let address = parse(&url).unwrap();
        let knock = address.connect("proef");
        let look = async {
            let (mut guest, _) = door.accept().await.unwrap();
            let mut byte = [0];
            guest.read_exact(&mut byte).await.unwrap();
            byte[0]
        };
        tokio::select! {
            _ = knock => unreachable!("nobody answered"),
            byte = look => byte,
        }
    }

    /// With the wrong features of lapin, `amqps://` was spoken in the clear, without a word.
    #[tokio::test(flavor = "multi_thread")]
    async fn amqps_begins_with_a_tls_handshake() {
        assert_eq!(first_byte("amqps").await, 0x16);
        assert_eq!(first_byte("amqp").await, b'A', "the sample tells the difference");
    }

    #[test]
    fn a_url_says_who_and_where() {
        let address = parse("amqp://hub:a%2Fb@broker:5672/schakel").unwrap();
        assert_eq!((address.vhost(), address.login()), ("schakel", Some(("hub", "a/b"))));
        let other = Address::parse("amqp://h:p@b", Some("v"), 10, Certificates::default());
        assert_eq!(other.unwrap().vhost(), "v");
        assert_eq!(parse("amqp://h:p@b").unwrap().vhost(), "/");
    }

    #[test]
    fn a_certificate_is_a_login_of_its_own() {
        let own = Some((b"pem".to_vec(), b"key".to_vec()));
        let certificates = Certificates { authority: None, own };
        for (url, user) in [("amqps://broker/v", "schakel-hub"), ("amqps://hub@broker/v", "hub")] {
            let address = Address::parse(url, None, 10, certificates.clone()).unwrap();
            assert_eq!((address.login(), address.user()), (None, user));
        }
        let plain = Address::parse("amqp://broker/v", None, 10, certificates);
        assert_eq!(plain.unwrap_err(), AddressError::PlainWithCertificates);
        for url in ["amqps://broker/v", "amqp://hub@broker/v"] {
            assert_eq!(parse(url).unwrap_err(), AddressError::Nobody);
        }
        assert_eq!(parse("http://a:b@c").unwrap_err(), AddressError::Url);
    }

    #[test]
    fn the_password_is_not_shown() {
        let address = parse("amqp://hub:geheim@broker/v").unwrap();
        let address = address.with_more(&["b2".to_owned()]).unwrap();
        let shown = format!("{address:?}");
        assert!(!shown.contains("geheim") && !shown.contains("hub"), "{shown}");
        assert!(shown.contains("broker") && shown.contains("b2"), "{shown}");
    }

    fn hosts(url: &str, more: &[&str]) -> Result<Vec<String>, AddressError> {
        let more: Vec<String> = more.iter().map(|host| (*host).to_owned()).collect();
        let nodes = parse(url)?.with_more(&more)?.nodes();
        Ok(nodes.into_iter().map(|(host, _)| host).collect())
    }

    #[test]
    fn other_nodes_are_hosts_with_the_port_of_the_scheme() {
        let all = hosts("amqp://h:p@b1/v", &["b2.example", " b3:5673 ", "[::1]", "[fd00::2]:1"]);
        let expected = ["b1:5672", "b2.example:5672", "b3:5673", "[::1]:5672", "[fd00::2]:1"];
        assert_eq!(all.unwrap(), expected);
        assert_eq!(hosts("amqps://h:p@b1/v", &["b2"]).unwrap(), ["b1:5671", "b2:5671"]);
        let again = hosts("amqp://h:p@b1/v", &["", "b1", "b2", "b2:5672"]);
        assert_eq!(again.unwrap(), ["b1:5672", "b2:5672"], "known already");
        assert_eq!(hosts("amqp://h:p@[::1]:7/v", &[]).unwrap(), ["[::1]:7"]);
        let nodes = parse("amqp://h:p@b1/v").unwrap().with_more(&["b2".to_owned()]).unwrap();
        let all_alike =
            |(_, node): &(_, Address)| (node.vhost(), node.login()) == ("v", Some(("h", "p")));
        assert!(nodes.nodes().iter().all(all_alike), "the same login and vhost");
    }

    #[test]
    fn what_is_no_host_is_told_by_its_place() {
        let wrong = [
            "amqp://hub:geheim@b2",
            "hub:geheim@b2",
            "b2/v",
            "b2:",
            "b2:0",
            "b2:65536",
            "b2:x",
            ":5672",
            "::1",
            "[::1",
            "[::1]5672",
            "[::1]:",
            "[b2]",
            "b 2",
            "b2,b3",
        ];
        for host in wrong {
            let error = hosts("amqp://h:p@b1/v", &["goed", host]).unwrap_err();
            assert_eq!(error, AddressError::Host(2), "{host}");
            assert!(!error.to_string().contains("geheim"));
        }
    }

    /// Ports on which connections are taken and never answered, and who was knocked at.
    async fn hung<const N: usize>() -> ([u16; N], UnboundedReceiver<usize>) {
        let (say, heard) = unbounded_channel();
        let mut ports = [0; N];
        for (place, port) in ports.iter_mut().enumerate() {
            let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
            *port = door.local_addr().unwrap().port();
            let say = say.clone();
            tokio::spawn(async move {
                let mut guests = Vec::new();
                while let Ok((guest, _)) = door.accept().await {
                    guests.push(guest);
                    let _test_ended = say.send(place);
                }
            });
        }
        (ports, heard)
    }

    fn cluster(ports: &[u16]) -> Address {
        let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let (first, more) = hosts.split_first().unwrap();
        parse(&format!("amqp://h:p@{first}/v")).unwrap().with_more(more).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_lost_a_node_begins_with_another() {
        let (ports, mut heard) = hung::<3>().await;
        let address = cluster(&ports);
        for expected in [0, 1, 2, 0] {
            let knocked = tokio::select! {
                _ = address.connect("proef") => unreachable!("nobody answered"),
                knocked = heard.recv() => knocked,
            };
            assert_eq!(knocked, Some(expected));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nodes_that_are_down_are_passed_at_once() {
        let ([up], mut heard) = hung().await;
        // Ports below 1024 that nobody uses.
        let address = cluster(&[1, 2, up]);
        tokio::select! {
            _ = address.connect("proef") => unreachable!("nobody answered"),
            knocked = heard.recv() => assert_eq!(knocked, Some(0)),
        }
        let refused = cluster(&[1, 2]).connect("proef").await.unwrap_err();
        assert!(matches!(refused, ConnectError::Refused(_)), "{refused}");
    }
}
