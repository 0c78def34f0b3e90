//! Opening the two databases in the data folder, under a lock that one process holds.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};

use super::OpenError;
use super::sql::{Cell, Read, Table, query};
use crate::evidence::HubKeys;

const JOURNAL_FILE: &str = "journal.sqlite";
const KEYS_FILE: &str = "sleutels.sqlite";
const LOCK_FILE: &str = "schakel.lock";

/// The schema, step by step; a step is never changed once it has been released.
const JOURNAL_STEPS: [&str; 4] = [
    include_str!("schema/0001_journal.sql"),
    include_str!("schema/0002_reveal.sql"),
    include_str!("schema/0003_barred.sql"),
    include_str!("schema/0004_unconfirmed.sql"),
];
const KEYS_STEPS: [&str; 1] = [include_str!("schema/0001_keys.sql")];

/// How long a statement waits for another connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements kept prepared on a connection: more than there are, sizes of batches included.
const STATEMENTS_MAX: usize = 250;

/// Connections for reading.
const READERS_MAX: u32 = 4;

/// Rows that a scan hands over at a time.
const SCAN_ROWS: usize = 1024;

/// Bytes that a scan maps at most; SQLite itself stops at 2 GiB.
const SCAN_MAPPED: &str = "2147418112";

/// Where the databases lie, and how they are opened.
#[derive(Debug, Clone)]
pub(super) struct Databases {
    journal: PathBuf,
    keys: PathBuf,
    /// Pages that the journal may have: how tests fill the disk. 0 for no limit.
    #[cfg(test)]
    pub pages_max: Arc<std::sync::atomic::AtomicI64>,
}

impl Databases {
    pub fn in_folder(dir: &Path) -> Self {
        Self {
            journal: dir.join(JOURNAL_FILE),
            keys: dir.join(KEYS_FILE),
            #[cfg(test)]
            pages_max: Arc::default(),
        }
    }

    /// Whether there is a journal already.
    pub fn exist(&self) -> bool {
        self.journal.exists()
    }

    pub async fn connect_journal(&self) -> Result<SqliteConnection, OpenError> {
        let mut conn = options(&self.journal).pragma("cache_size", "-16000").connect().await?;
        check_durable(&mut conn).await?;
        migrate(&mut conn, &JOURNAL_STEPS).await?;
        Ok(conn)
    }

    /// Lets the journal grow no further, where a test says so.
    #[cfg(test)]
    pub async fn limit_pages(&self, conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let pages = match self.pages_max.load(std::sync::atomic::Ordering::SeqCst) {
            0 => 1_000_000,
            pages => pages,
        };
        let sql = format!("pragma max_page_count = {pages}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(conn).await.map(drop)
    }

    pub async fn connect_keys(&self) -> Result<SqliteConnection, OpenError> {
        let mut conn = options(&self.keys).pragma("secure_delete", "on").connect().await?;
        check_durable(&mut conn).await?;
        migrate(&mut conn, &KEYS_STEPS).await?;
        Ok(conn)
    }

    pub async fn read_journal(&self) -> Result<SqlitePool, sqlx::Error> {
        let options = options(&self.journal).create_if_missing(false).read_only(true);
        SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(options).await
    }

    /// Connections that read everything once: mapped into memory instead of copied, and handed
    /// over by the hundred.
    pub async fn scan_journal(&self, connections: usize) -> Result<SqlitePool, sqlx::Error> {
        let options = options(&self.journal)
            .create_if_missing(false)
            .read_only(true)
            .row_buffer_size(SCAN_ROWS)
            .pragma("mmap_size", SCAN_MAPPED);
        let most = u32::try_from(connections).unwrap_or(READERS_MAX);
        SqlitePoolOptions::new().max_connections(most).connect_with(options).await
    }

    pub async fn read_keys(&self) -> Result<SqlitePool, sqlx::Error> {
        let options = options(&self.keys).create_if_missing(false).read_only(true);
        SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(options).await
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_MAX)
        // Statements at debug level would carry no values, but nothing needs them either.
        .disable_statement_logging()
}

/// "Accepted" means flushed to disk, so a database that does not flush is refused.
async fn check_durable(conn: &mut SqliteConnection) -> Result<(), OpenError> {
    let row = sqlx::query("select synchronous as flushes from pragma_synchronous");
    let flushes = row.fetch_one(conn).await?.int("flushes")?;
    if flushes >= 2 { Ok(()) } else { Err(OpenError::NotDurable(flushes)) }
}

/// Applies the steps that a database has not had yet, each in a transaction.
async fn migrate(conn: &mut SqliteConnection, steps: &[&'static str]) -> Result<(), OpenError> {
    let create = "create table if not exists migration (number integer primary key) strict";
    sqlx::query(create).execute(&mut *conn).await?;
    let sql = "select coalesce(max(number), 0) as number from migration";
    let found = sqlx::query(sql).fetch_one(&mut *conn).await?.int("number")?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for (number, step) in (1_i64..).zip(steps).filter(|(number, _)| *number > found) {
        sqlx::query("begin immediate").execute(&mut *conn).await?;
        sqlx::raw_sql(*step).execute(&mut *conn).await?;
        query("insert into migration (number) values ($1)", [number.into()])
            .execute(&mut *conn)
            .await?;
        sqlx::query("commit").execute(&mut *conn).await?;
    }
    Ok(())
}

/// Binds a new journal to the keys, or checks that it was bound to these.
pub(super) async fn check_keys(
    conn: &mut SqliteConnection,
    hub: &HubKeys,
) -> Result<(), OpenError> {
    let fingerprint = hub.fingerprint().into_bytes();
    let sql = "insert into meta (name, value) values ('sleutel', $1) on conflict do nothing";
    query(sql, [fingerprint.into()]).execute(&mut *conn).await?;
    match_keys(conn, hub).await
}

/// Checks that a journal was bound to these keys.
pub(super) async fn match_keys(
    conn: &mut SqliteConnection,
    hub: &HubKeys,
) -> Result<(), OpenError> {
    let sql = "select value from meta where name = 'sleutel'";
    let found = sqlx::query(sql).fetch_one(conn).await?.blob("value")?;
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

impl Table {
    /// Inserts in a transaction of its own.
    pub async fn insert_committed(
        &self,
        conn: &mut SqliteConnection,
        rows: Vec<Vec<Cell>>,
    ) -> Result<(), sqlx::Error> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query("begin immediate").execute(&mut *conn).await?;
        self.insert(conn, rows).await?;
        sqlx::query("commit").execute(conn).await.map(drop)
    }
}
