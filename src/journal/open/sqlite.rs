//! The two SQLite databases in the data folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};

use crate::journal::OpenError;
use crate::journal::sql::{Conn, query};

const JOURNAL_FILE: &str = "journal.sqlite";
const KEYS_FILE: &str = "sleutels.sqlite";

/// The schema, step by step; a step is never changed once it has been released.
const JOURNAL_STEPS: [&str; 16] = [
    include_str!("../schema/sqlite/0001_journal.sql"),
    include_str!("../schema/sqlite/0002_reveal.sql"),
    include_str!("../schema/sqlite/0003_barred.sql"),
    include_str!("../schema/sqlite/0004_sets.sql"),
    include_str!("../schema/sqlite/0005_heard.sql"),
    include_str!("../schema/sqlite/0006_unconfirmed.sql"),
    include_str!("../schema/sqlite/0007_restart.sql"),
    include_str!("../schema/sqlite/0008_alarms.sql"),
    include_str!("../schema/sqlite/0009_job.sql"),
    include_str!("../schema/sqlite/0010_unblock.sql"),
    include_str!("../schema/sqlite/0011_regie.sql"),
    include_str!("../schema/sqlite/0012_afspraken.sql"),
    include_str!("../schema/sqlite/0013_wissen.sql"),
    include_str!("../schema/sqlite/0014_mensen.sql"),
    include_str!("../schema/sqlite/0015_filters.sql"),
    include_str!("../schema/sqlite/0016_weigeren.sql"),
];
const KEYS_STEPS: [&str; 1] = [include_str!("../schema/sqlite/0001_keys.sql")];

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

/// Where the databases lie.
#[derive(Debug, Clone)]
pub(in crate::journal) struct Files {
    journal: PathBuf,
    keys: PathBuf,
    /// Pages that the journal may have: how tests fill the disk. 0 for no limit.
    #[cfg(test)]
    pub pages_max: std::sync::Arc<std::sync::atomic::AtomicI64>,
}

impl Files {
    pub fn in_folder(dir: &Path) -> Self {
        Self {
            journal: dir.join(JOURNAL_FILE),
            keys: dir.join(KEYS_FILE),
            #[cfg(test)]
            pages_max: std::sync::Arc::default(),
        }
    }

    pub fn journal_path(&self) -> &Path {
        &self.journal
    }

    pub fn keys_path(&self) -> &Path {
        &self.keys
    }

    /// The databases, and the logs that SQLite keeps beside them.
    pub fn all_paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let beside = |path: &Path, end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let ends = ["", "-wal", "-shm", "-journal"];
        let paths = [&self.journal, &self.keys];
        paths.into_iter().flat_map(move |path| ends.map(|end| beside(path, end)))
    }

    /// Steps of the schema that this program knows.
    pub fn steps(of_journal: bool) -> i64 {
        super::count(if of_journal { &JOURNAL_STEPS } else { &KEYS_STEPS })
    }

    pub fn exist(&self) -> bool {
        self.journal.exists()
    }

    pub async fn connect_journal(&self) -> Result<Conn, OpenError> {
        let conn = options(&self.journal).pragma("cache_size", "-16000").connect().await?;
        opened(conn.into(), &JOURNAL_STEPS).await
    }

    pub async fn connect_keys(&self) -> Result<Conn, OpenError> {
        let conn = options(&self.keys).pragma("secure_delete", "on").connect().await?;
        opened(conn.into(), &KEYS_STEPS).await
    }

    pub async fn read_journal(&self) -> Result<SqlitePool, sqlx::Error> {
        readers(&self.journal).await
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
        readers(&self.keys).await
    }

    /// Lets the journal grow no further, where a test says so.
    #[cfg(test)]
    pub async fn limit_pages(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        let pages = match self.pages_max.load(std::sync::atomic::Ordering::SeqCst) {
            0 => 1_000_000,
            pages => pages,
        };
        let sql = format!("pragma max_page_count = {pages}");
        crate::journal::sql::query_of(sql, []).execute(conn).await.map(drop)
    }
}

async fn readers(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = options(path).create_if_missing(false).read_only(true);
    SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(options).await
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

async fn opened(mut conn: Conn, steps: &[&'static str]) -> Result<Conn, OpenError> {
    check_durable(&mut conn).await?;
    migrate(&mut conn, steps).await?;
    Ok(conn)
}

/// "Accepted" means flushed to disk, so a database that does not flush is refused.
async fn check_durable(conn: &mut Conn) -> Result<(), OpenError> {
    let sql = "select synchronous as flushes from pragma_synchronous";
    let flushes = query(sql, []).fetch_one(conn).await?.int("flushes")?;
    if flushes >= 2 { Ok(()) } else { Err(OpenError::NotDurable(flushes)) }
}

/// Applies the steps that a database has not had yet, each in a transaction.
async fn migrate(conn: &mut Conn, steps: &[&'static str]) -> Result<(), OpenError> {
    conn.run("create table if not exists migration (number integer primary key) strict").await?;
    let sql = "select coalesce(max(number), 0) as number from migration";
    let found = query(sql, []).fetch_one(conn).await?.int("number")?;
    for (number, step) in super::missing(found, steps)? {
        conn.begin().await?;
        conn.script(step).await?;
        let sql = "insert into migration (number) values ($1)";
        query(sql, [number.into()]).execute(conn).await?;
        conn.commit().await?;
    }
    Ok(())
}
