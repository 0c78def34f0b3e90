//! A database of its own on a PostgreSQL server, for `schakel bench`, and what the server did.

use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use super::OpenError;
use super::sql::{Conn, query, query_of};

/// An empty database that was made for one measurement.
pub struct Scratch {
    url: String,
    name: String,
    conn: Conn,
}

/// What the server did for a database since it was made, and where it runs.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    pub rows_inserted: i64,
    pub rows_updated: i64,
    /// Written to its log, by everything on the server.
    pub log_bytes: i64,
    pub database_bytes: i64,
    /// The process of the scratch's own connection; its parent is the server.
    pub process: i64,
}

impl Scratch {
    /// Makes a database with this name on the server of the URL, whose user must be allowed to.
    pub async fn make(url: &str, name: Uuid) -> Result<Self, OpenError> {
        let name = format!("schakel_bench_{}", name.simple());
        let wrong = || OpenError::Url("--postgres");
        let options = PgConnectOptions::from_str(url).map_err(|_| wrong())?;
        let (start, rest) = url.rsplit_once('/').ok_or_else(wrong)?;
        let query_part = rest.split_once('?').map_or(String::new(), |(_, q)| format!("?{q}"));
        let mut conn = Conn::from(options.disable_statement_logging().connect().await?);
        query_of(format!("create database {name}"), []).execute(&mut conn).await?;
        Ok(Self { url: format!("{start}/{name}{query_part}"), name, conn })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Counters reach the server's statistics within a second.
    pub async fn figures(&mut self) -> Result<Figures, sqlx::Error> {
        let sql = "select tup_inserted, tup_updated, pg_database_size(datname) as size,
                (pg_current_wal_lsn() - '0/0')::bigint as log, pg_backend_pid()::bigint as process
            from pg_stat_database where datname = $1";
        let row = query(sql, [self.name.as_str().into()]).fetch_one(&mut self.conn).await?;
        Ok(Figures {
            rows_inserted: row.int("tup_inserted")?,
            rows_updated: row.int("tup_updated")?,
            log_bytes: row.int("log")?,
            database_bytes: row.int("size")?,
            process: row.int("process")?,
        })
    }

    /// Removes the database again, whoever is still connected.
    pub async fn remove(mut self) -> Result<(), sqlx::Error> {
        let sql = format!("drop database {} with (force)", self.name);
        query_of(sql, []).execute(&mut self.conn).await.map(drop)
    }
}
