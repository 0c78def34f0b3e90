//! The hub's settings, and where its files are: a folder that somebody maintains, or the copy
//! inside the binary.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

mod broker;

use crate::catalogue::problem::Files;
use crate::transport::http::tls::TlsFiles;

pub use broker::{BrokerError, BrokerSettings};

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
    pub log: LogSettings,
    /// Without it nothing of the broker road runs.
    pub broker: Option<BrokerSettings>,
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
    /// Reads the layers; says which key is wrong.
    pub fn load(folder: Option<&Path>) -> Result<Self, config::ConfigError> {
        let mut layers = config::Config::builder()
            .set_default("http.listen", "127.0.0.1:8080")?
            .set_default("http.beyond_loopback", false)?
            .set_default("log.form", "text")?
            .set_default("log.level", "info")?;
        if let Some(folder) = folder {
            let file = folder.join("schakel.toml");
            layers = layers.add_source(config::File::from(file).required(false));
        }
        let environment = config::Environment::with_prefix("SCHAKEL")
            .prefix_separator("_")
            .separator("__")
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
