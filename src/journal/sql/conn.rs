//! Connections to either store: owned ones that write, pooled ones that read.

use std::future::Future;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool};

/// Longest wait for the answer to one statement: longer than the server's own limit, so that only
/// a server that is gone takes this long.
pub(in crate::journal) const ANSWER_MOST: Duration = Duration::from_secs(10);

/// A connection to a store.
pub(in crate::journal) struct Conn {
    link: Link,
    /// In the middle of something that nobody else may find: not for the pool again.
    unfit: bool,
}

enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    PooledSqlite(PoolConnection<Sqlite>),
    PooledPostgres(PoolConnection<Postgres>),
}

/// What a statement is run on.
pub(super) enum Raw<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl From<SqliteConnection> for Conn {
    fn from(conn: SqliteConnection) -> Self {
        Self { link: Link::Sqlite(conn), unfit: false }
    }
}

impl From<PgConnection> for Conn {
    fn from(conn: PgConnection) -> Self {
        Self { link: Link::Postgres(conn), unfit: false }
    }
}

impl Conn {
    pub const fn is_postgres(&self) -> bool {
        matches!(self.link, Link::Postgres(_) | Link::PooledPostgres(_))
    }

    pub(super) fn raw(&mut self) -> Raw<'_> {
        match &mut self.link {
            Link::Sqlite(conn) => Raw::Sqlite(conn),
            Link::Postgres(conn) => Raw::Postgres(conn),
            Link::PooledSqlite(conn) => Raw::Sqlite(conn),
            Link::PooledPostgres(conn) => Raw::Postgres(conn),
        }
    }

    /// Notes where a connection is lost, which leaves its answers to whoever comes next.
    pub(super) fn checked<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if matches!(done, Err(sqlx::Error::Io(_) | sqlx::Error::Protocol(_))) {
            self.unfit = true;
        }
        done
    }

    /// Starts a transaction that writes.
    pub async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let sql = if self.is_postgres() { "begin" } else { "begin immediate" };
        self.run(sql).await
    }

    pub async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.run("commit").await
    }

    pub async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        self.run("rollback").await
    }

    /// Starts reading as of one moment. Whoever does not come to [`Conn::end`] does not leave the
    /// old moment to the next: the connection is closed.
    pub async fn snapshot(&mut self) -> Result<(), sqlx::Error> {
        self.unfit = true;
        let postgres = "begin isolation level repeatable read, read only";
        self.run(if self.is_postgres() { postgres } else { "begin" }).await
    }

    /// Ends reading as of one moment.
    pub async fn end(&mut self) -> Result<(), sqlx::Error> {
        self.run("rollback").await?;
        self.unfit = false;
        Ok(())
    }

    /// Runs a statement without values.
    pub async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let done = match self.raw() {
            Raw::Sqlite(conn) => sqlx::query(sql).execute(conn).await.map(drop),
            // One round trip, with nothing to prepare.
            Raw::Postgres(conn) => within(sqlx::raw_sql(sql).execute(conn)).await.map(drop),
        };
        self.checked(done)
    }

    /// Runs a text of several statements.
    pub async fn script(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self.raw() {
            Raw::Sqlite(conn) => sqlx::raw_sql(sql).execute(conn).await.map(drop),
            Raw::Postgres(conn) => within(sqlx::raw_sql(sql).execute(conn)).await.map(drop),
        }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if self.unfit {
            match &mut self.link {
                Link::PooledSqlite(conn) => conn.close_on_drop(),
                Link::PooledPostgres(conn) => conn.close_on_drop(),
                Link::Sqlite(_) | Link::Postgres(_) => {}
            }
        }
    }
}

/// Waits for an answer, but not on a connection that is half open.
pub(in crate::journal) async fn within<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(ANSWER_MOST, answer).await.map_err(late)?
}

/// Connections for reading.
#[derive(Clone)]
pub(in crate::journal) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    pub async fn acquire(&self) -> Result<Conn, sqlx::Error> {
        let link = match self {
            Self::Sqlite(pool) => Link::PooledSqlite(pool.acquire().await?),
            Self::Postgres(pool) => Link::PooledPostgres(pool.acquire().await?),
        };
        Ok(Conn { link, unfit: false })
    }

    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}
