//! The broker's part of the settings: where it is, how it is entered, how much goes at once.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;

use crate::transport::amqp::{Address, AddressError, Certificates};

/// How the hub reaches RabbitMQ. Secrets stand in the environment or in files of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerSettings {
    /// `amqp://user:password@host:port/vhost`, or `amqps://`.
    pub url: Option<Secret>,
    /// A file that holds the url.
    pub url_file: Option<PathBuf>,
    /// Other nodes of the same cluster, `host:port`. User, vhost and TLS are those of the url.
    #[serde(default)]
    pub more_hosts: Vec<String>,
    /// `http://administrator:password@host:15672`: for `schakel broker` and `doctor` only.
    pub management_url: Option<Secret>,
    pub management_url_file: Option<PathBuf>,
    /// Instead of that of the url.
    pub vhost: Option<String>,
    /// Messages of one partner under way at once.
    #[serde(default = "prefetch")]
    pub prefetch: u16,
    /// A connection that is silent for twice as long is lost.
    #[serde(default = "heartbeat_seconds")]
    pub heartbeat_seconds: u16,
    /// How long a parcel may lie in a mailbox. Queues that exist keep the term they were made with.
    #[serde(default = "mailbox_days")]
    pub mailbox_days: u32,
    /// After so long without a receipt, a parcel that lies in no mailbox is sent again.
    #[serde(default = "receipt_after_seconds")]
    pub receipt_after_seconds: u32,
    /// Who signed the broker's certificate (PEM), besides whom the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The hub's own certificate and key (PEM). With a url that names no user, they are the login.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

const fn prefetch() -> u16 {
    64
}

const fn heartbeat_seconds() -> u16 {
    10
}

const fn mailbox_days() -> u32 {
    14
}

const fn receipt_after_seconds() -> u32 {
    1_800
}

/// A text that is never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What is wrong with the broker's settings. Names files and keys, never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("broker.{0} and broker.{0}_file are both missing")]
    Missing(&'static str),
    #[error("{path} cannot be read")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("broker.{0} must be from 1 to {1}")]
    Range(&'static str, u32),
    #[error("broker.certificate_file and broker.key_file go together")]
    HalfCertificate,
    #[error("broker.url does not serve")]
    Address(#[from] AddressError),
    #[error("broker.more_hosts does not serve")]
    MoreHosts(#[source] AddressError),
}

/// A prefetch beyond this only costs memory; terms beyond these are mistakes.
const PREFETCH_MAX: u16 = 1_000;
const HEARTBEAT_MAX: u16 = 600;
const MAILBOX_DAYS_MAX: u32 = 365;
const RECEIPT_AFTER_MAX: u32 = 30 * 24 * 3600;

impl BrokerSettings {
    /// The address with its secrets read from their files.
    pub fn address(&self) -> Result<Address, BrokerError> {
        self.check()?;
        let url = read_secret("url", self.url.as_ref(), self.url_file.as_ref())?;
        let own = match (&self.certificate_file, &self.key_file) {
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
            (None, None) => None,
            _ => return Err(BrokerError::HalfCertificate),
        };
        let certificates = Certificates { authority: self.authority()?, own };
        let vhost = self.vhost.as_deref();
        let address = Address::parse(&url, vhost, self.heartbeat_seconds, certificates)?;
        address.with_more(&self.more_hosts).map_err(BrokerError::MoreHosts)
    }

    /// Who signed the broker's certificate.
    pub fn authority(&self) -> Result<Option<String>, BrokerError> {
        self.ca_file.as_ref().map(read_text).transpose()
    }

    /// Where the management API is, with the login of an administrator.
    pub fn management(&self) -> Result<String, BrokerError> {
        let (url, file) = (self.management_url.as_ref(), self.management_url_file.as_ref());
        read_secret("management_url", url, file)
    }

    fn check(&self) -> Result<(), BrokerError> {
        let within = |name, value: u32, most: u32| {
            if (1..=most).contains(&value) { Ok(()) } else { Err(BrokerError::Range(name, most)) }
        };
        within("prefetch", self.prefetch.into(), PREFETCH_MAX.into())?;
        within("heartbeat_seconds", self.heartbeat_seconds.into(), HEARTBEAT_MAX.into())?;
        within("mailbox_days", self.mailbox_days, MAILBOX_DAYS_MAX)?;
        within("receipt_after_seconds", self.receipt_after_seconds, RECEIPT_AFTER_MAX)
    }
}

fn read_secret(
    name: &'static str,
    given: Option<&Secret>,
    file: Option<&PathBuf>,
) -> Result<String, BrokerError> {
    match (given, file) {
        (Some(Secret(text)), _) => Ok(text.clone()),
        (None, Some(path)) => Ok(read_text(path)?.trim().to_owned()),
        (None, None) => Err(BrokerError::Missing(name)),
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, BrokerError> {
    std::fs::read(path).map_err(|source| BrokerError::File { path: path.clone(), source })
}

fn read_text(path: &PathBuf) -> Result<String, BrokerError> {
    std::fs::read_to_string(path).map_err(|source| BrokerError::File { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> BrokerSettings {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn a_url_is_enough_and_a_file_serves_as_well() {
        let plain = settings("url = 'amqp://hub:geheim@broker/schakel'");
        assert_eq!((plain.prefetch, plain.mailbox_days), (64, 14));
        assert_eq!(plain.address().unwrap().vhost(), "schakel");
        assert!(!format!("{plain:?}").contains("geheim"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "amqp://hub:geheim@broker/ander\n").unwrap();
        let by_file = settings(&format!("url_file = '{}'", file.display()));
        assert_eq!(by_file.address().unwrap().vhost(), "ander");
    }

    #[test]
    fn other_nodes_come_with_the_login_of_the_url() {
        let cluster = settings("url = 'amqps://hub:geheim@b1/v'\nmore_hosts = ['b2', 'b3:1']");
        let nodes = cluster.address().unwrap().nodes();
        let hosts: Vec<&str> = nodes.iter().map(|(host, _)| host.as_str()).collect();
        assert_eq!(hosts, ["b1:5671", "b2:5671", "b3:1"]);
        let wrong = settings("url = 'amqp://a:b@c/d'\nmore_hosts = ['amqp://a:b@e']");
        let error = wrong.address().unwrap_err();
        assert_eq!(error.to_string(), "broker.more_hosts does not serve");
    }

    #[test]
    fn what_is_missing_or_out_of_range_is_named() {
        let said = |toml: &str| settings(toml).address().unwrap_err().to_string();
        assert_eq!(said(""), "broker.url and broker.url_file are both missing");
        let url = "url = 'amqp://a:b@c/d'";
        assert!(said(&format!("{url}\nprefetch = 0")).contains("broker.prefetch"));
        assert!(said(&format!("{url}\nmailbox_days = 400")).contains("broker.mailbox_days"));
        assert!(said(&format!("{url}\nkey_file = 'k'")).contains("go together"));
        assert!(said("url_file = '/bestaat/niet'").contains("/bestaat/niet"));
        assert!(said("url = 'amqp://:pw-geheim@'").contains("broker.url"));
        assert!(!said("url = 'amqp://:pw-geheim@'").contains("pw-geheim"));
    }
}
