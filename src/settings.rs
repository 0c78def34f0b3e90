//! The hub's settings, and where its files are: a folder that somebody maintains, or the copy
//! inside the binary.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

mod alerts;
mod broker;
mod map;

use crate::catalogue::problem::Files;
use crate::hub::alarm::Alerts;
use crate::journal::{Servers, Store};
use crate::transport::http::tls::TlsFiles;

pub use alerts::{AlertSettings, AlertsError};
pub use broker::{BrokerError, BrokerSettings};
pub use map::MapError;

static SCHEMAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/schemas");
static CONNECTORS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/connectors");
static CONFIG: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/config");

/// The folders of a set.
const FOLDERS: [&str; 3] = ["schemas", "connectors", "config"];
/// A set is small; something else was meant where it is not.
const FILES_MAX: usize = 20_000;
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why a set of files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{0} has no folders schemas, connectors and config")]
    NotASet(PathBuf),
    #[error("{0} holds more files, or larger ones, than a set of Schakel has")]
    TooLarge(PathBuf),
    #[error("cannot read {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// How a hub runs on this machine. Layered: built in, then `schakel.toml` in the folder of the
/// set, then the environment (`SCHAKEL_HTTP__LISTEN`).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub http: HttpSettings,
    pub journal: JournalSettings,
    pub log: LogSettings,
    pub metrics: Option<MetricsSettings>,
    /// Without it nothing of the broker road runs.
    pub broker: Option<BrokerSettings>,
    /// Without it nothing watches, and nobody is told.
    pub alerts: Option<AlertSettings>,
    #[serde(default)]
    pub regie: RegieSettings,
    /// Without it the console is on loopback.
    #[serde(default)]
    pub console: ConsoleSettings,
}

/// The pages for people, on a listener of their own. It has the TLS of `http`, where that has any.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSettings {
    pub enabled: bool,
    /// Without it port 8081 of loopback, or a free one where that is taken.
    pub listen: Option<std::net::SocketAddr>,
    /// Whether it may listen beyond loopback without TLS: only behind a proxy that does it.
    pub beyond_loopback: bool,
    /// A style sheet with the municipality's own design tokens.
    pub theme: Option<PathBuf>,
    /// GeoJSON with the neighbourhoods of the municipality, for the evaluation.
    pub map: Option<PathBuf>,
    /// The property of its features that holds the code; without it `buurtcode` or `statcode`.
    pub map_code: Option<String>,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: None,
            beyond_loopback: false,
            theme: None,
            map: None,
            map_code: None,
        }
    }
}

/// Whether the municipality directs from here.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegieSettings {
    /// Off: the hub only exchanges, because another system asks and follows up. The same on all
    /// hubs over one journal.
    pub enabled: bool,
}

impl Default for RegieSettings {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Figures for Prometheus, at `/metrics` of an address of their own.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    pub listen: std::net::SocketAddr,
    /// They name partners and are there for who can reach the address.
    #[serde(default)]
    pub beyond_loopback: bool,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port of the partner API.
    pub listen: std::net::SocketAddr,
    /// Whether it may listen beyond loopback without TLS: only behind a proxy that does it.
    pub beyond_loopback: bool,
    /// TLS of its own.
    pub tls: Option<TlsSettings>,
}

/// Files in PEM; they are read again every minute, so that a certificate can be renewed.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Authorities for clients: with it every client must show a certificate of one of them.
    pub client_ca: Option<PathBuf>,
}

/// Where the truth is kept.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalSettings {
    pub store: StoreKind,
    /// `postgres://schakel@host/schakel?sslmode=verify-full`.
    url: Option<Hidden>,
    /// A file with the URL in it, so that its password stands in no settings.
    url_file: Option<PathBuf>,
    /// A database of its own for the keys of cases; without it, a schema beside the journal.
    keys_url: Option<Hidden>,
    keys_url_file: Option<PathBuf>,
    /// A second folder for the witness of the journal, meant to be another disk; it must be there.
    witness: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In the data folder, for one hub.
    Sqlite,
    /// In PostgreSQL, for any number of hubs.
    Postgres,
}

/// A text with a password in it, which is never shown.
#[derive(Clone, serde::Deserialize)]
#[serde(transparent)]
struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// The settings name no store that can be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("journal.store = \"postgres\" needs journal.url or journal.url_file")]
    NoUrl,
    #[error("{0} and {0}_file cannot both be set")]
    Twice(&'static str),
    #[error("cannot read {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the store cannot be used")]
    Url(#[from] crate::journal::OpenError),
}

impl JournalSettings {
    /// The store of the hub whose data folder this is.
    pub fn store(&self, data: &Path) -> Result<Store, StoreError> {
        let store = self.unwitnessed(data)?;
        Ok(match &self.witness {
            Some(dir) => store.also_witnessed_in(dir),
            None => store,
        })
    }

    fn unwitnessed(&self, data: &Path) -> Result<Store, StoreError> {
        if self.store == StoreKind::Sqlite {
            return Ok(Store::in_folder(data));
        }
        let url = one_of(self.url.as_ref(), self.url_file.as_deref(), "journal.url")?;
        let url = url.ok_or(StoreError::NoUrl)?;
        let keys = (self.keys_url.as_ref(), self.keys_url_file.as_deref());
        let keys = one_of(keys.0, keys.1, "journal.keys_url")?;
        Ok(Store::on_servers(Servers::parse(&url, keys.as_deref())?, data))
    }
}

fn one_of(
    text: Option<&Hidden>,
    file: Option<&Path>,
    name: &'static str,
) -> Result<Option<String>, StoreError> {
    match (text, file) {
        (Some(_), Some(_)) => Err(StoreError::Twice(name)),
        (Some(Hidden(text)), None) => Ok(Some(text.clone())),
        (None, Some(path)) => {
            let failed = |source| StoreError::File { path: path.to_owned(), source };
            let text = std::fs::read_to_string(path).map_err(failed)?;
            Ok(Some(text.trim().to_owned()))
        }
        (None, None) => Ok(None),
    }
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    pub form: crate::telemetry::LogForm,
    /// As `tracing` filters: `info`, `schakel=debug`.
    pub level: String,
}

impl From<TlsSettings> for TlsFiles {
    fn from(settings: TlsSettings) -> Self {
        let TlsSettings { certificate, key, client_ca } = settings;
        Self { certificate, key, client_ca }
    }
}

impl Settings {
    /// Files that hold secrets, each of which only the hub should read.
    pub fn secret_files(&self) -> Vec<&Path> {
        let journal = [&self.journal.url_file, &self.journal.keys_url_file];
        let key = self.http.tls.as_ref().map(|tls| tls.key.as_path());
        let broker = self
            .broker
            .iter()
            .flat_map(|broker| [&broker.url_file, &broker.management_url_file, &broker.key_file]);
        let named = journal.into_iter().chain(broker).filter_map(|file| file.as_deref());
        let alerts = self.alerts.iter().flat_map(AlertSettings::secret_files);
        named.chain(key).chain(alerts).collect()
    }

    /// Who hears when something is wrong, where that is set.
    pub fn open_alerts(&self, data: &Path) -> Result<Option<Alerts>, AlertsError> {
        let certificate = self.http.tls.as_ref().map(|tls| tls.certificate.clone());
        self.alerts.as_ref().map(|alerts| alerts.open(data, certificate)).transpose()
    }

    /// Reads the layers; says which key is wrong.
    pub fn load(folder: Option<&Path>) -> Result<Self, config::ConfigError> {
        let mut layers = config::Config::builder()
            .set_default("http.listen", "127.0.0.1:8080")?
            .set_default("http.beyond_loopback", false)?
            .set_default("journal.store", "sqlite")?
            .set_default("log.form", "text")?
            .set_default("log.level", "info")?;
        if let Some(folder) = folder {
            let file = folder.join("schakel.toml");
            layers = layers.add_source(config::File::from(file).required(false));
        }
        let environment = config::Environment::with_prefix("SCHAKEL")
            .prefix_separator("_")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key("broker.more_hosts")
            .try_parsing(true);
        // Other variables of ours have no double underscore: they are no settings.
        let ours = std::env::vars().filter(|(name, _)| name.contains("__")).collect();
        layers.add_source(environment.source(Some(ours))).build()?.try_deserialize()
    }
}

/// The set that the binary carries inside.
pub fn shipped() -> Files {
    let mut files = BTreeMap::new();
    for (name, dir) in [("schemas", &SCHEMAS), ("connectors", &CONNECTORS), ("config", &CONFIG)] {
        take(name, dir, &mut files);
    }
    files
}

fn take(prefix: &str, dir: &Dir<'_>, files: &mut Files) {
    for file in dir.files() {
        let path = file.path().to_string_lossy().replace('\\', "/");
        files.insert(format!("{prefix}/{path}"), file.contents().to_vec());
    }
    dir.dirs().for_each(|inner| take(prefix, inner, files));
}

/// The set in a folder: its `schemas`, `connectors` and `config`. A folder that has no schemas or
/// connectors of its own uses the shipped ones.
pub fn read(folder: &Path) -> Result<Files, ReadError> {
    let mut files = BTreeMap::new();
    let present: Vec<&str> =
        FOLDERS.into_iter().filter(|name| folder.join(name).is_dir()).collect();
    if !present.contains(&"config") {
        return Err(ReadError::NotASet(folder.to_owned()));
    }
    for name in &present {
        walk(folder, &folder.join(name), &mut files)?;
    }
    let shipped = shipped();
    let missing = FOLDERS.into_iter().filter(|name| !present.contains(name));
    for name in missing {
        let prefix = format!("{name}/");
        let own = shipped.iter().filter(|(path, _)| path.starts_with(&prefix));
        files.extend(own.map(|(path, bytes)| (path.clone(), bytes.clone())));
    }
    Ok(files)
}

/// The set in a folder, or the shipped one.
pub fn read_or_shipped(folder: Option<&Path>) -> Result<Files, ReadError> {
    folder.map_or_else(|| Ok(shipped()), read)
}

fn walk(root: &Path, folder: &Path, files: &mut Files) -> Result<(), ReadError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReadError::Io { path, source }
    };
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        let meta = std::fs::metadata(&path).map_err(failed(&path))?;
        if meta.is_dir() {
            walk(root, &path, files)?;
        } else {
            if meta.len() > FILE_BYTES_MAX || files.len() >= FILES_MAX {
                return Err(ReadError::TooLarge(root.to_owned()));
            }
            let bytes = std::fs::read(&path).map_err(failed(&path))?;
            let name = path.strip_prefix(root).unwrap_or(&path);
            files.insert(name.to_string_lossy().replace('\\', "/"), bytes);
        }
    }
    Ok(())
}
