//! Opening the two stores of a hub, journal and keys: on SQLite in the data folder, under a lock
//! that one process holds; on PostgreSQL beside any number of others.

mod postgres;
mod sqlite;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::OpenError;
use super::sql::{Conn, Pool, query};
use super::witness::Witness;
use crate::evidence::HubKeys;

pub use self::postgres::Servers;
pub(super) use self::sqlite::Files;

const LOCK_FILE: &str = "schakel.lock";

/// Where the truth of a hub is kept, and its witness.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) at: At,
    pub(super) witness: Witness,
}

#[derive(Debug, Clone)]
pub(super) enum At {
    /// In a folder, for one process.
    Folder(PathBuf),
    /// In PostgreSQL, for any number of hubs.
    Postgres(Box<Servers>),
}

impl Store {
    pub fn in_folder(dir: &Path) -> Self {
        Self { at: At::Folder(dir.to_owned()), witness: Witness::in_folder(dir) }
    }

    /// On PostgreSQL, for a hub with this data folder.
    pub fn on_servers(servers: Servers, data: &Path) -> Self {
        Self { at: At::Postgres(Box::new(servers)), witness: Witness::in_folder(data) }
    }

    /// Keeps the witness in a second folder as well, which has to be there.
    #[must_use]
    pub fn also_witnessed_in(mut self, dir: &Path) -> Self {
        self.witness.also_in(dir);
        self
    }

    pub const fn is_postgres(&self) -> bool {
        matches!(self.at, At::Postgres(_))
    }

    /// Whether the keys of cases have a database of their own.
    pub fn has_keys_apart(&self) -> bool {
        matches!(&self.at, At::Postgres(servers) if servers.keys_url().1.is_none())
    }

    /// Whether a folder holds a journal.
    pub fn is_made_in(dir: &Path) -> bool {
        Files::in_folder(dir).exist()
    }

    /// Whether there is a journal already.
    pub async fn exists(&self) -> Result<bool, OpenError> {
        Databases::of(self).exist().await
    }
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.at {
            At::Folder(dir) => dir.display().fmt(f),
            At::Postgres(servers) => servers.fmt(f),
        }
    }
}

/// How the stores are opened.
#[derive(Debug, Clone)]
pub(super) enum Databases {
    Sqlite(Files),
    Postgres(Box<Servers>),
}

impl Databases {
    pub fn of(store: &Store) -> Self {
        match &store.at {
            At::Folder(dir) => Self::Sqlite(Files::in_folder(dir)),
            At::Postgres(servers) => Self::Postgres(servers.clone()),
        }
    }

    pub async fn exist(&self) -> Result<bool, OpenError> {
        match self {
            Self::Sqlite(files) => Ok(files.exist()),
            Self::Postgres(servers) => servers.exist().await,
        }
    }

    pub async fn connect_journal(&self) -> Result<Conn, OpenError> {
        match self {
            Self::Sqlite(files) => files.connect_journal().await,
            Self::Postgres(servers) => servers.connect_journal().await,
        }
    }

    pub async fn connect_keys(&self) -> Result<Conn, OpenError> {
        match self {
            Self::Sqlite(files) => files.connect_keys().await,
            Self::Postgres(servers) => servers.connect_keys().await,
        }
    }

    pub async fn read_journal(&self) -> Result<Pool, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(files) => Pool::Sqlite(files.read_journal().await?),
            Self::Postgres(servers) => Pool::Postgres(servers.read_journal()),
        })
    }

    pub async fn read_keys(&self) -> Result<Pool, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(files) => Pool::Sqlite(files.read_keys().await?),
            Self::Postgres(servers) => Pool::Postgres(servers.read_keys()),
        })
    }

    /// Connections that read everything once.
    pub async fn scan_journal(&self, connections: usize) -> Result<Pool, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(files) => Pool::Sqlite(files.scan_journal(connections).await?),
            Self::Postgres(servers) => Pool::Postgres(servers.scan_journal(connections)),
        })
    }

    /// Lets the journal grow no further, where a test says so.
    #[cfg(test)]
    pub async fn limit_pages(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(files) => files.limit_pages(conn).await,
            Self::Postgres(_) => Ok(()),
        }
    }
}

/// The steps of a schema that a database has not had yet, with their numbers.
fn missing<'s>(
    found: i64,
    steps: &'s [&'static str],
) -> Result<impl Iterator<Item = (i64, &'static str)> + use<'s>, OpenError> {
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    Ok((1_i64..).zip(steps.iter().copied()).filter(move |(number, _)| *number > found))
}

/// Binds a new journal to the keys, or checks that it was bound to these.
pub(super) async fn check_keys(conn: &mut Conn, hub: &HubKeys) -> Result<(), OpenError> {
    let fingerprint = hub.fingerprint().into_bytes();
    let sql = "insert into meta (name, value) values ('sleutel', $1) on conflict do nothing";
    query(sql, [fingerprint.into()]).execute(conn).await?;
    match_keys(conn, hub).await
}

/// Checks that a journal was bound to these keys.
pub(super) async fn match_keys(conn: &mut Conn, hub: &HubKeys) -> Result<(), OpenError> {
    let sql = "select value from meta where name = 'sleutel'";
    let found = query(sql, []).fetch_one(conn).await?.blob("value")?;
    if found == hub.fingerprint().into_bytes() { Ok(()) } else { Err(OpenError::OtherKey) }
}

/// Takes the folder for this process, and says in the file who has it.
pub(super) fn lock(dir: &Path) -> Result<Arc<File>, OpenError> {
    let in_folder = |source| OpenError::Folder { dir: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(in_folder)?;
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join(LOCK_FILE));
    let mut file = open.map_err(in_folder)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Best effort: the name of the holder only makes the message better.
            let _ = file.read_to_string(&mut holder);
            let known = Some(holder.trim()).filter(|text| !text.is_empty());
            let holder = known.unwrap_or("another process").to_owned();
            return Err(OpenError::Locked { dir: dir.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(in_folder(source)),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "process {}", std::process::id())?;
        file.sync_all()
    };
    write(&mut file).map_err(in_folder)?;
    Ok(Arc::new(file))
}
