//! Where the broker is and how it is entered: URL, vhost, certificates. Never shows a password.

use std::fmt;
use std::time::Duration;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use lapin::{Connection, ConnectionProperties};

/// What the hub's user is called where the URL does not say.
const USUAL_USER: &str = "schakel-hub";
/// How long connecting may take, the handshake included.
const CONNECT_MOST: Duration = Duration::from_secs(10);

/// The address of a broker with what is needed to enter.
#[derive(Clone)]
pub struct Address {
    uri: AMQPUri,
    tls: OwnedTLSConfig,
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
        if let Some(vhost) = vhost {
            vhost.clone_into(&mut uri.vhost);
        }
        let secure = uri.scheme == AMQPScheme::AMQPS;
        let Certificates { authority, own } = certificates;
        if !secure && (authority.is_some() || own.is_some()) {
            return Err(AddressError::PlainWithCertificates);
        }
        let (named, with_password) = login_in(url);
        if !named {
            USUAL_USER.clone_into(&mut uri.authority.userinfo.username);
        }
        if !with_password {
            if own.is_none() {
                return Err(AddressError::Nobody);
            }
            uri.query.auth_mechanism.get_or_insert(SASLMechanism::External);
        }
        uri.query.heartbeat.get_or_insert(heartbeat_seconds);
        let identity = own.map(|(pem, key)| OwnedIdentity::PKCS8 { pem, key });
        Ok(Self { uri, tls: OwnedTLSConfig { identity, cert_chain: authority } })
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

    /// Opens a connection that the broker shows under this name.
    pub async fn connect(&self, name: &str) -> Result<Connection, ConnectError> {
        // The hub has one provider of TLS, and lapin takes the one that the process has.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime()?;
        let (uri, tls) = (self.uri.clone(), self.tls.clone());
        let connecting = Connection::connect_uri_with_config(uri, properties, tls, runtime);
        match tokio::time::timeout(CONNECT_MOST, connecting).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(ConnectError::Slow),
        }
    }
}

/// Whether a URL names a user, and a password: the parser fills in a guest where it does not.
fn login_in(url: &str) -> (bool, bool) {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let login = authority.rsplit_once('@').map(|(login, _)| login);
    (login.is_some(), login.is_some_and(|login| login.contains(':')))
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("host", &self.uri.authority.host)
            .field("port", &self.uri.authority.port)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

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
        assert!(!format!("{address:?}").contains("geheim"));
    }
}
