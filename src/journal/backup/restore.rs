//! Putting a backup back: into an empty place only, and marked as not compared yet.

use std::path::{Path, PathBuf};

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::files::{flush, hash, must_be_free, new_private};
use super::{BackupError, MANIFEST_FILE, at, dump};
use crate::evidence::manifest::{Half, Kind, MANIFEST_BYTES_MAX, Manifest};
use crate::journal::open::{self, At, Files};
use crate::journal::sql::{Conn, Pool};
use crate::journal::standing::{self, Closure, Why};
use crate::journal::{Servers, Store};
use crate::message::Timestamp;

/// Which backup is put back.
#[derive(Debug, Clone)]
pub struct RestoreOrder {
    pub from: PathBuf,
    /// Where the keys of cases are, when they are not beside the journal.
    pub keys_from: Option<PathBuf>,
    pub at: Timestamp,
}

/// What was put back.
#[derive(Debug, Clone)]
pub struct PutBack {
    pub manifest: Manifest,
    /// Without the keys of its cases no content of it is readable.
    pub with_keys: bool,
}

/// A backup whose files are what their manifests say.
struct Checked {
    manifest: Manifest,
    journal: PathBuf,
    keys: Option<PathBuf>,
}

/// Checks a backup, and no more.
pub async fn look_at(store: &Store, order: &RestoreOrder) -> Result<PutBack, BackupError> {
    let checked = check(store, order).await?;
    Ok(PutBack { with_keys: checked.keys.is_some(), manifest: checked.manifest })
}

/// Checks a backup, and puts it where no journal is.
pub async fn put_back(store: &Store, order: &RestoreOrder) -> Result<PutBack, BackupError> {
    let checked = check(store, order).await?;
    let closure = Closure {
        backup_made: Some(checked.manifest.made),
        ..Closure::new(Why::Teruggezet, order.at)
    };
    match &store.at {
        At::Folder(dir) => into_folder(dir, &checked, &closure).await?,
        At::Postgres(servers) => into_servers(servers, &checked, &closure).await?,
    }
    Ok(PutBack { with_keys: checked.keys.is_some(), manifest: checked.manifest })
}

async fn check(store: &Store, order: &RestoreOrder) -> Result<Checked, BackupError> {
    let manifest = read_manifest(&order.from)?;
    let wanted = if store.is_postgres() { Kind::Postgres } else { Kind::Sqlite };
    if manifest.store != wanted {
        return Err(BackupError::OtherStore);
    }
    let journal = checked_file(&order.from, &manifest, Half::Journal).await?;
    let journal = journal.ok_or(BackupError::NoJournal)?;
    let keys = match &order.keys_from {
        None => checked_file(&order.from, &manifest, Half::Keys).await?,
        Some(dir) => {
            let of_keys = read_manifest(dir)?;
            if of_keys.hub_key != manifest.hub_key || of_keys.store != manifest.store {
                return Err(BackupError::OtherHub);
            }
            if of_keys.made < manifest.made {
                return Err(BackupError::OlderKeys);
            }
            let keys = checked_file(dir, &of_keys, Half::Keys).await?;
            Some(keys.ok_or_else(|| BackupError::NoKeys(dir.clone()))?)
        }
    };
    Ok(Checked { manifest, journal, keys })
}

fn read_manifest(dir: &Path) -> Result<Manifest, BackupError> {
    use std::io::Read as _;
    let path = dir.join(MANIFEST_FILE);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).map_err(at(&path))?;
    file.take(MANIFEST_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(at(&path))?;
    Manifest::parse(&bytes).map_err(|source| BackupError::Manifest { path, source })
}

async fn checked_file(
    dir: &Path,
    manifest: &Manifest,
    half: Half,
) -> Result<Option<PathBuf>, BackupError> {
    let Some(file) = manifest.file(half) else { return Ok(None) };
    let path = dir.join(&file.name);
    let found = hash(&path).await?;
    if found != (file.size_bytes, file.sha256) {
        return Err(BackupError::Changed(path));
    }
    Ok(Some(path))
}

/// Under the lock of the folder, so that no hub runs over it; the journal's own name comes last.
async fn into_folder(dir: &Path, checked: &Checked, closure: &Closure) -> Result<(), BackupError> {
    let _lock = open::lock(dir)?;
    let files = Files::in_folder(dir);
    for path in files.all_paths() {
        must_be_free(&path)?;
    }
    let journal = Draft::copy(&checked.journal, files.journal_path())?;
    mark(&journal.draft, closure).await?;
    if let Some(keys) = &checked.keys {
        Draft::copy(keys, files.keys_path())?.settle()?;
    }
    journal.settle()?;
    // As this program wants them, so that they can be read at once: with its steps and its log,
    // and an empty store of keys where none came along.
    drop((files.connect_journal().await?, files.connect_keys().await?));
    flush(dir)
}

/// A file under another name, until it is whole.
struct Draft {
    draft: PathBuf,
    target: PathBuf,
}

impl Draft {
    fn copy(from: &Path, target: &Path) -> Result<Self, BackupError> {
        let draft = target.with_extension("terug");
        let _left_behind = std::fs::remove_file(&draft);
        let made = Self { draft, target: target.to_owned() };
        let mut file = new_private(&made.draft).map_err(at(&made.draft))?;
        let mut source = std::fs::File::open(from).map_err(at(from))?;
        std::io::copy(&mut source, &mut file).map_err(at(&made.draft))?;
        file.sync_all().map_err(at(&made.draft))?;
        Ok(made)
    }

    fn settle(self) -> Result<(), BackupError> {
        std::fs::rename(&self.draft, &self.target).map_err(at(&self.target))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Not there any more where it got its own name.
        let _gone = std::fs::remove_file(&self.draft);
    }
}

/// Marks a copy before it has the name under which a hub would find it.
async fn mark(path: &Path, closure: &Closure) -> Result<(), BackupError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let mut conn = Conn::from(options.connect().await?);
    Ok(standing::save(&mut conn, closure).await?)
}

async fn into_servers(
    servers: &Servers,
    checked: &Checked,
    closure: &Closure,
) -> Result<(), BackupError> {
    let pools = [("logboek", servers.read_journal()), ("sleutels", servers.read_keys())];
    for (name, pool) in pools {
        let mut conn = Pool::Postgres(pool).acquire().await?;
        if !dump::is_empty(&mut conn).await? {
            return Err(BackupError::NotEmpty(name));
        }
    }
    match &checked.keys {
        Some(keys) => dump::fill(servers, Half::Keys, keys).await?,
        None => drop(servers.connect_keys().await?),
    }
    dump::fill(servers, Half::Journal, &checked.journal).await?;
    let mut conn = servers.connect_journal().await?;
    standing::save(&mut conn, closure).await?;
    Ok(())
}
