//! What a store is like from outside, for whoever looks after it: asked, never changed.

use super::sqlite::Files;
use super::{At, Servers, Store};
use crate::journal::OpenError;
use crate::journal::sql::{Conn, Pool, query};
use crate::message::Timestamp;

/// The oldest PostgreSQL that is tested.
pub const POSTGRES_LEAST: i64 = 15;

/// One database.
#[derive(Debug)]
pub struct StoreReport {
    /// `logboek` or `sleutels`.
    pub name: &'static str,
    /// Such as `PostgreSQL 15.9`.
    pub version: String,
    /// The last step of the schema that it had, and that this program knows; 0 before the first.
    pub step: (i64, i64),
    /// What only a server can tell.
    pub server: Option<ServerReport>,
}

#[derive(Debug)]
pub struct ServerReport {
    pub major: i64,
    /// Why what it answers could be lost when its machine stops.
    pub unflushed: Option<OpenError>,
    pub clock: Timestamp,
    /// Connections that are free for roles such as the hub's, and that there may be.
    pub connections_free: i64,
    pub connections_max: i64,
}

impl Store {
    /// Looks at each of its databases.
    pub async fn examine(&self) -> Result<Vec<StoreReport>, OpenError> {
        match &self.at {
            At::Folder(dir) => {
                let files = Files::in_folder(dir);
                let journal = Pool::Sqlite(files.read_journal().await?);
                let journal = of_file("logboek", &mut journal.acquire().await?, true).await?;
                let keys = Pool::Sqlite(files.read_keys().await?);
                let keys = of_file("sleutels", &mut keys.acquire().await?, false).await?;
                Ok(vec![journal, keys])
            }
            At::Postgres(servers) => {
                let mut conn = servers.look_at_journal().await?;
                let mut reports = vec![of_server("logboek", &mut conn, true).await?];
                if let Some(mut conn) = servers.look_at_keys().await? {
                    reports.push(of_server("sleutels", &mut conn, false).await?);
                }
                Ok(reports)
            }
        }
    }
}

async fn of_file(
    name: &'static str,
    conn: &mut Conn,
    is_journal: bool,
) -> Result<StoreReport, OpenError> {
    let row = query("select sqlite_version() as version", []).fetch_one(conn).await?;
    let sql = "select max(number) as number from migration";
    let found = query(sql, []).fetch_one(conn).await?.maybe_int("number")?;
    Ok(StoreReport {
        name,
        version: format!("SQLite {}", row.text("version")?),
        step: (found.unwrap_or(0), Files::steps(is_journal)),
        server: None,
    })
}

async fn of_server(
    name: &'static str,
    conn: &mut Conn,
    is_journal: bool,
) -> Result<StoreReport, OpenError> {
    let found = super::postgres::version(conn).await?.unwrap_or(0);
    let unflushed = match super::postgres::check_durable(conn).await {
        Ok(()) => None,
        Err(error @ OpenError::Unflushed { .. }) => Some(error),
        Err(error) => return Err(error),
    };
    let sql = "select current_setting('server_version') as version,
            current_setting('server_version_num')::bigint / 10000 as major,
            current_setting('max_connections')::bigint
                - current_setting('superuser_reserved_connections')::bigint as most,
            (select count(*) from pg_stat_activity
                where backend_type = 'client backend') as taken,
            (extract(epoch from clock_timestamp()) * 1000000)::bigint as now";
    let row = query(sql, []).fetch_one(conn).await?;
    let most = row.int("most")?;
    // Debian adds its own number after a space.
    let version = row.text("version")?;
    Ok(StoreReport {
        name,
        version: format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default()),
        step: (found, Servers::steps(is_journal)),
        server: Some(ServerReport {
            major: row.int("major")?,
            unflushed,
            clock: row.time("now")?,
            connections_free: most - row.int("taken")?,
            connections_max: most,
        }),
    })
}
