//! Where a journal under test lies: in a folder, or in a database of its own on PostgreSQL.

use std::path::Path;
use std::sync::atomic::Ordering;

use tempfile::TempDir;

use super::desk::{keys, start};
use super::postgres::{Server, shared};
use crate::journal::open::Databases;
use crate::journal::sql::{Conn, query_of};
use crate::journal::{Journal, OpenError, Servers, Store, Writer};

/// Which store a story plays on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

pub struct Place {
    pub on: On,
    pub store: Store,
    databases: Databases,
    database: Option<Database>,
    folder: TempDir,
}

/// A database that goes away with its story.
struct Database(String);

impl Drop for Database {
    fn drop(&mut self) {
        shared().drop(&self.0);
    }
}

/// What SQLite has and the stories use.
const ZEROBLOB: &str = "create or replace function zeroblob(size bigint) returns bytea
    language sql as $$ select decode(repeat('00', size::int), 'hex') $$";

impl Place {
    pub fn new(on: On) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, database) = match on {
            On::Sqlite => (Store::in_folder(folder.path()), None),
            On::Postgres => {
                let url = shared().database();
                let servers = Servers::parse(&url, None).unwrap();
                (Store::on_servers(servers, folder.path()), Some(Database(url)))
            }
        };
        let databases = Databases::of(&store);
        Self { on, store, databases, database, folder }
    }

    /// A store on a server of the story's own.
    pub fn given(servers: Servers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::on_servers(servers, folder.path());
        let databases = Databases::of(&store);
        Self { on: On::Postgres, store, databases, database: None, folder }
    }

    /// The data folder of its hub.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection beside those of the journal.
    pub async fn connect(&self) -> Conn {
        self.databases.connect_journal().await.unwrap()
    }

    /// As a process that starts.
    pub async fn open(&self) -> Result<(Journal, Writer), OpenError> {
        let databases = self.databases.clone();
        Journal::open_databases(&self.store, databases, keys(1), start()).await
    }

    /// Whether the disk takes no more.
    pub async fn fill_disk(&self, full: bool) {
        match &self.databases {
            Databases::Sqlite(files) => {
                files.pages_max.store(i64::from(full), Ordering::SeqCst);
            }
            Databases::Postgres(_) if full => {
                self.psql(
                    "create function full_disk() returns trigger language plpgsql as
                        $$ begin raise exception using errcode = '53100'; end $$;
                     create trigger full_disk before insert on leaf
                        for each statement execute function full_disk()",
                );
            }
            Databases::Postgres(_) => {
                self.psql("drop trigger full_disk on leaf; drop function full_disk");
            }
        }
    }

    /// Changes the database behind the journal's back.
    pub async fn tamper(&self, sql: &str) {
        if self.on == On::Postgres {
            self.psql(ZEROBLOB);
        }
        let mut conn = self.connect().await;
        if conn.is_postgres() {
            conn.run("set session_replication_role = replica").await.unwrap();
        } else {
            conn.run("pragma foreign_keys = off").await.unwrap();
            conn.script(
                "drop trigger if exists leaf_stays; drop trigger if exists leaf_remains;
                 drop trigger if exists numbered_stays; drop trigger if exists numbered_remains;",
            )
            .await
            .unwrap();
        }
        let done = query_of(sql.to_owned(), []).execute(&mut conn).await.unwrap();
        assert!(done > 0, "nothing was changed");
    }

    /// How the store would run a query, in one line.
    pub async fn plan(&self, sql: &str) -> String {
        let mut conn = self.connect().await;
        let (sql, column) = match self.on {
            On::Sqlite => (format!("explain query plan {sql}"), "detail"),
            On::Postgres => {
                // The tables of a story are so small that reading them whole would be cheapest.
                conn.run("set enable_seqscan = off; set enable_bitmapscan = off").await.unwrap();
                let values = ["'woonbedrijf'", "0", "9", "9", "9"];
                let places = (1..).zip(values).map(|(n, value)| (format!("${n}"), value));
                let sql = places.fold(sql.to_owned(), |sql, (n, value)| sql.replace(&n, value));
                (format!("explain {sql}"), "QUERY PLAN")
            }
        };
        let rows = query_of(sql, []).fetch_all(&mut conn).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.text(column).unwrap()).collect();
        lines.join("; ")
    }

    /// Whether a text lies readable in what is stored, as an intruder would search it.
    pub fn contains(&self, needle: &str) -> bool {
        match &self.database {
            None => folder_contains(self.folder.path(), needle),
            Some(Database(url)) => dump_contains(shared(), url, needle),
        }
    }

    /// Runs SQL as the superuser.
    pub fn psql(&self, sql: &str) -> String {
        let Some(Database(url)) = &self.database else { panic!("this is no PostgreSQL") };
        shared().run(url, sql)
    }
}

fn folder_contains(dir: &Path, needle: &str) -> bool {
    std::fs::read_dir(dir).unwrap().any(|file| {
        let path = file.unwrap().path();
        if path.is_dir() {
            return folder_contains(&path, needle);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}

/// Every row of every table as text, in which bytes are hexadecimal.
fn dump_contains(server: &Server, url: &str, needle: &str) -> bool {
    let tables = "select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname in ('public', 'sleutels')";
    let hex: String = needle.bytes().map(|byte| format!("{byte:02x}")).collect();
    let tables = server.run(url, tables);
    assert!(tables.lines().count() > 10, "the tables: {tables}");
    tables.lines().any(|table| {
        let rows = server.run(url, &format!("select t::text from {table} t"));
        rows.contains(needle) || rows.contains(&hex)
    })
}
