//! The journal and the keys in PostgreSQL, for any number of hubs.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, PgConnection, PgPool};

use crate::journal::OpenError;
use crate::journal::sql::{Conn, query};

/// The schema, step by step; a step is never changed once it has been released.
const JOURNAL_STEPS: [&str; 1] = [include_str!("../schema/postgres/0001_journal.sql")];
const KEYS_STEPS: [&str; 1] = [include_str!("../schema/postgres/0001_keys.sql")];

/// Where the keys are when they have no database of their own.
const KEYS_SCHEMA: &str = "sleutels";
const MAKE_KEYS_SCHEMA: &str = "create schema if not exists sleutels";

/// Hubs that start at once take turns with the schema.
const MIGRATION_LOCK: i64 = 0x5343_4841_4b45_4c01;

/// How long a connection may take to come about.
const CONNECT_MOST: Duration = Duration::from_secs(10);

/// How long a reader waits for a connection of the pool.
const ACQUIRE_MOST: Duration = Duration::from_secs(10);

/// How long a connection of the pool may take to show that it is there.
const PING_MOST: Duration = Duration::from_secs(1);

/// Statements kept prepared on a connection.
const STATEMENTS_MAX: usize = 250;

/// Every statement of the writer goes by an index. A plan that was made while a table was empty, as
/// a whole scan, would be kept when it is no longer.
const BY_INDEX: &str = "set enable_seqscan = off";

/// Connections for reading, of one hub.
const READERS_MAX: u32 = 8;

/// What the server itself holds a connection to. A hub that vanished keeps its locks no longer
/// than this, and nothing is said that is no more than a notice.
const LIMITS: [(&str, &str); 7] = [
    ("client_min_messages", "warning"),
    ("statement_timeout", "8s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "8s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// The databases of a hub on PostgreSQL.
#[derive(Clone)]
pub struct Servers {
    journal: PgConnectOptions,
    keys: PgConnectOptions,
    /// The keys share the journal's database, in a schema of their own.
    keys_beside: bool,
    /// As they were given, passwords and all: for the server's own programs.
    urls: [String; 2],
}

/// Where, without the password.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Servers({self})")
    }
}

/// Where, without the password.
impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.journal.get_host(), self.journal.get_port());
        write!(f, "{host}:{port}/{}", self.journal.get_database().unwrap_or_default())
    }
}

impl Servers {
    /// Reads the URLs: `postgres://user:password@host/database?sslmode=verify-full`. Without one
    /// for the keys they come in a schema of their own beside the journal.
    pub fn parse(journal: &str, keys: Option<&str>) -> Result<Self, OpenError> {
        let beside = parse(journal, "journal.url")?.options([("search_path", KEYS_SCHEMA)]);
        Ok(Self {
            journal: parse(journal, "journal.url")?,
            keys: match keys {
                Some(keys) => parse(keys, "journal.keys_url")?,
                None => beside,
            },
            keys_beside: keys.is_none(),
            urls: [journal.to_owned(), keys.unwrap_or(journal).to_owned()],
        })
    }

    /// Where the journal is, and the schema in it that is not the journal's. Holds a password.
    pub(in crate::journal) fn journal_url(&self) -> (&str, Option<&'static str>) {
        let [journal, _] = &self.urls;
        (journal, self.keys_beside.then_some(KEYS_SCHEMA))
    }

    /// Where the keys are, and in which schema, where they have no database of their own.
    pub(in crate::journal) fn keys_url(&self) -> (&str, Option<&'static str>) {
        let [_, keys] = &self.urls;
        (keys, self.keys_beside.then_some(KEYS_SCHEMA))
    }

    /// Whether there is a journal already.
    pub(in crate::journal) async fn exist(&self) -> Result<bool, OpenError> {
        let mut conn = connect(&self.journal).await?;
        Ok(version(&mut conn).await?.is_some())
    }

    pub(in crate::journal) async fn connect_journal(&self) -> Result<Conn, OpenError> {
        let mut conn = connect(&self.journal).await?;
        check_durable(&mut conn).await?;
        migrate(&mut conn, &JOURNAL_STEPS, None).await?;
        conn.run(BY_INDEX).await?;
        Ok(conn)
    }

    pub(in crate::journal) async fn connect_keys(&self) -> Result<Conn, OpenError> {
        let mut conn = connect(&self.keys).await?;
        check_durable(&mut conn).await?;
        let schema = self.keys_beside.then_some(MAKE_KEYS_SCHEMA);
        migrate(&mut conn, &KEYS_STEPS, schema).await?;
        Ok(conn)
    }

    /// Looks, without making or changing anything.
    pub(super) async fn look_at_journal(&self) -> Result<Conn, OpenError> {
        connect(&self.journal).await
    }

    /// The same for the keys, where they have a database of their own.
    pub(super) async fn look_at_keys(&self) -> Result<Option<Conn>, OpenError> {
        if self.keys_beside { Ok(None) } else { connect(&self.keys).await.map(Some) }
    }

    /// Steps of the schema that this program knows.
    pub(super) fn steps(of_journal: bool) -> i64 {
        super::count(if of_journal { &JOURNAL_STEPS } else { &KEYS_STEPS })
    }

    pub(in crate::journal) fn read_journal(&self) -> PgPool {
        readers(&self.journal, READERS_MAX)
    }

    pub(in crate::journal) fn read_keys(&self) -> PgPool {
        readers(&self.keys, READERS_MAX)
    }

    /// Connections that read everything once.
    pub(in crate::journal) fn scan_journal(&self, connections: usize) -> PgPool {
        readers(&self.journal, u32::try_from(connections).unwrap_or(READERS_MAX))
    }
}

fn parse(url: &str, setting: &'static str) -> Result<PgConnectOptions, OpenError> {
    // What sqlx says of a wrong URL may quote it, password and all.
    let scheme = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let options = PgConnectOptions::from_str(url).ok().filter(|_| scheme);
    let options = options.ok_or(OpenError::Url(setting))?;
    Ok(options
        .application_name("schakel")
        .statement_cache_capacity(STATEMENTS_MAX)
        .options(LIMITS)
        // Statements at debug level would carry no values, but nothing needs them either.
        .disable_statement_logging())
}

fn readers(options: &PgConnectOptions, most: u32) -> PgPool {
    let options = options.clone().options([("default_transaction_read_only", "on")]);
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE_MOST)
        .test_before_acquire(false)
        .before_acquire(|conn, _| Box::pin(async { answers(conn).await.map(|()| true) }))
        .connect_lazy_with(options)
}

/// Whether a connection that rested is still there. One that is half open says nothing, and a
/// reader that waits for each of them in turn waits too long.
async fn answers(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(PING_MOST, conn.ping()).await.map_err(late)?
}

async fn connect(options: &PgConnectOptions) -> Result<Conn, OpenError> {
    let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    let conn = tokio::time::timeout(CONNECT_MOST, options.connect()).await.map_err(late)??;
    Ok(conn.into())
}

/// "Accepted" means flushed to disk, so a server that does not flush is refused. `local` and
/// `remote_write` flush here and wait less for standbys, so they count where there are none that
/// it should wait for.
pub(super) async fn check_durable(conn: &mut Conn) -> Result<(), OpenError> {
    let sql = "select current_setting('fsync') as fsync,
            current_setting('full_page_writes') as full_page_writes,
            current_setting('synchronous_commit') as synchronous_commit,
            current_setting('synchronous_standby_names') as standbys";
    let row = query(sql, []).fetch_one(conn).await?;
    for setting in ["fsync", "full_page_writes"] {
        let value = row.text(setting)?;
        if value != "on" {
            return Err(OpenError::Unflushed { setting, value });
        }
    }
    let (value, alone) = (row.text("synchronous_commit")?, row.text("standbys")?.is_empty());
    match value.as_str() {
        "on" | "remote_apply" => Ok(()),
        "local" | "remote_write" if alone => Ok(()),
        _ => Err(OpenError::Unflushed { setting: "synchronous_commit", value }),
    }
}

/// The last step that a database had; `None` where it had none.
pub(super) async fn version(conn: &mut Conn) -> Result<Option<i64>, OpenError> {
    let sql = "select to_regclass('migration') is not null as there";
    if query(sql, []).fetch_one(conn).await?.int("there")? == 0 {
        return Ok(None);
    }
    let sql = "select max(number) as number from migration";
    Ok(query(sql, []).fetch_one(conn).await?.maybe_int("number")?)
}

/// Applies the steps that a database has not had yet, all in one transaction, under a lock.
async fn migrate(
    conn: &mut Conn,
    steps: &[&'static str],
    schema: Option<&'static str>,
) -> Result<(), OpenError> {
    let found = version(conn).await?.unwrap_or(0);
    if super::missing(found, steps)?.next().is_none() {
        return Ok(());
    }
    conn.begin().await?;
    query("select pg_advisory_xact_lock($1)", [MIGRATION_LOCK.into()]).execute(conn).await?;
    if let Some(schema) = schema {
        conn.run(schema).await?;
    }
    conn.run("create table if not exists migration (number bigint primary key)").await?;
    let found = version(conn).await?.unwrap_or(0);
    for (number, step) in super::missing(found, steps)? {
        conn.script(step).await?;
        let sql = "insert into migration (number) values ($1)";
        query(sql, [number.into()]).execute(conn).await?;
    }
    Ok(conn.commit().await?)
}
