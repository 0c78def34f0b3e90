//! A consistent copy of the two stores while hubs write them, with a manifest beside it.
//!
//! The journal is copied first and the keys of cases after it. Keys are committed before what they
//! seal, so every message in the first copy has its key in the second; the other way round, what
//! came in between would be sealed for good. A case that is erased between the two has lost its key
//! and not yet its mark: that is the content that should be gone, and a restore marks it by the
//! list of erasures. A backup never holds the hub's own key, without which it says nothing.
//!
//! Files come under a name of their own and are renamed when all of them are on disk; nothing that
//! is there is ever overwritten. Putting a backup back is in `restore`.

mod dump;
mod files;
pub(super) mod restore;

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use self::files::Folder;
use super::open::Databases;
use super::sql::{Conn, query};
use super::{OpenError, Store};
use crate::evidence::manifest::{self, Half, Kind, Manifest, ManifestError};
use crate::message::Timestamp;

/// The name of the manifest in a backup.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Where a backup goes.
#[derive(Debug, Clone)]
pub struct BackupOrder {
    /// A folder that does not exist yet.
    pub to: PathBuf,
    pub keys: KeysGo,
    pub id: Uuid,
    pub made: Timestamp,
}

/// Where the keys of cases go: their backups may have to be shorter-lived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysGo {
    Beside,
    /// In a folder that does not exist yet.
    To(PathBuf),
    Nowhere,
}

/// Hears which store is copied, how many bytes are there, and of how many; 0 is not known.
pub type Progress<'p> = dyn FnMut(Half, u64, u64) + Send + 'p;

/// A backup was not made or not put back; nothing was overwritten.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{0} is there already")]
    Exists(PathBuf),
    #[error("{0} is no folder that a backup can go to")]
    NoFolder(PathBuf),
    #[error("{program} is not on this machine")]
    NoProgram { program: &'static str },
    #[error("{program} failed: {told}")]
    Program { program: &'static str, told: String },
    #[error("{path} is not a backup")]
    Manifest {
        path: PathBuf,
        #[source]
        source: ManifestError,
    },
    #[error("the backup has no copy of the journal")]
    NoJournal,
    #[error("the backup in {0} has no keys of cases")]
    NoKeys(PathBuf),
    #[error("these keys were copied before the journal: what came in between would stay sealed")]
    OlderKeys,
    #[error("these keys belong to the journal of another hub")]
    OtherHub,
    #[error("{0} is not what the manifest says: it was changed or cut off")]
    Changed(PathBuf),
    #[error("the backup is of another store than the one it is to go to")]
    OtherStore,
    #[error("the database {0} is not empty")]
    NotEmpty(&'static str),
    #[error("{path} cannot be read or written")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the store does not answer")]
    Store(#[from] OpenError),
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    move |source| BackupError::Io { path: path.to_owned(), source }
}

/// What the manifest says of the copied journal.
struct Facts {
    schema: i64,
    hub_key: String,
    size: u64,
    checkpoint: Option<String>,
    last_erasure: Option<Timestamp>,
}

impl Facts {
    async fn read(conn: &mut Conn) -> Result<Self, BackupError> {
        let sql = "select (select max(number) from migration) as schema,
                (select value from meta where name = 'sleutel') as sleutel,
                (select max(asked_at) from erasure) as erased";
        let row = query(sql, []).fetch_one(&mut *conn).await?;
        let hub_key = row.maybe_blob("sleutel")?.unwrap_or_default();
        let sql = "select size, note from checkpoint order by size desc limit 1";
        let newest = query(sql, []).fetch_optional(conn).await?;
        Ok(Self {
            schema: row.maybe_int("schema")?.unwrap_or(0),
            hub_key: String::from_utf8_lossy(&hub_key).into_owned(),
            size: match &newest {
                Some(row) => u64::try_from(row.int("size")?).unwrap_or(0),
                None => 0,
            },
            checkpoint: newest.as_ref().map(|row| row.text("note")).transpose()?,
            last_erasure: row.maybe_time("erased")?,
        })
    }
}

/// The folders and files that a backup would make, for who only asks.
pub fn planned(store: &Store, order: &BackupOrder) -> Result<Vec<PathBuf>, BackupError> {
    let (journal, keys) = names(store);
    let keys_folder = match &order.keys {
        KeysGo::Beside => Some(&order.to),
        KeysGo::To(dir) => Some(dir),
        KeysGo::Nowhere => None,
    };
    let mut planned = vec![order.to.join(journal)];
    planned.extend(keys_folder.map(|dir| dir.join(keys)));
    for folder in planned.iter().filter_map(|path| path.parent()) {
        files::must_be_free(folder)?;
    }
    Ok(planned)
}

const fn names(store: &Store) -> (&'static str, &'static str) {
    if store.is_postgres() {
        ("journal.dump", "sleutels.dump")
    } else {
        ("journal.sqlite", "sleutels.sqlite")
    }
}

/// Makes a backup. Answers with each folder and what its manifest says.
pub async fn back_up(
    store: &Store,
    order: &BackupOrder,
    progress: &mut Progress<'_>,
) -> Result<Vec<(PathBuf, Manifest)>, BackupError> {
    let databases = Databases::of(store);
    let (journal, keys) = names(store);
    let mut folder = Folder::begin(&order.to)?;
    let mut apart = match &order.keys {
        KeysGo::To(dir) => Some(Folder::begin(dir)?),
        KeysGo::Beside | KeysGo::Nowhere => None,
    };
    let path = folder.new_file(journal)?;
    let facts = match &databases {
        Databases::Sqlite(files) => files::copy_journal(files, &path, progress).await?,
        Databases::Postgres(servers) => dump::journal(servers, &path, progress).await?,
    };
    folder.add(journal, Half::Journal).await?;
    if order.keys != KeysGo::Nowhere {
        let folder = apart.as_mut().unwrap_or(&mut folder);
        let path = folder.new_file(keys)?;
        match &databases {
            Databases::Sqlite(files) => files::copy_keys(files, &path, progress).await?,
            Databases::Postgres(servers) => dump::keys(servers, &path, progress).await?,
        }
        folder.add(keys, Half::Keys).await?;
    }
    let kind = if store.is_postgres() { Kind::Postgres } else { Kind::Sqlite };
    let mut made = Vec::new();
    // The keys first: a journal without the keys that it says are elsewhere helps nobody.
    for folder in apart.into_iter().chain([folder]) {
        let manifest = manifest_of(&facts, order, kind, folder.files().to_vec());
        made.push((folder.finish(&manifest).await?, manifest));
    }
    made.reverse();
    Ok(made)
}

fn manifest_of(
    facts: &Facts,
    order: &BackupOrder,
    store: Kind,
    files: Vec<manifest::File>,
) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        id: order.id,
        made: order.made,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store,
        schema: facts.schema,
        hub_key: facts.hub_key.clone(),
        size: facts.size,
        checkpoint: facts.checkpoint.clone(),
        last_erasure: facts.last_erasure,
        files,
    }
}
