//! Copies of PostgreSQL databases by its own programs, `pg_dump` and `pg_restore`.
//!
//! They get the password in their environment, where other users of the machine do not see it.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::files::telling;
use super::{BackupError, Facts, Progress, at};
use crate::evidence::manifest::Half;
use crate::journal::Servers;
use crate::journal::sql::{Conn, Pool, query};

const PG_DUMP: &str = "pg_dump";
const PG_RESTORE: &str = "pg_restore";

/// Words of a program that are passed on at most.
const TOLD_MAX: usize = 600;

pub(super) async fn journal(
    servers: &Servers,
    to: &Path,
    progress: &mut Progress<'_>,
) -> Result<Facts, BackupError> {
    let mut conn = Pool::Postgres(servers.read_journal()).acquire().await?;
    // One moment for the manifest and for the dump, however long that takes.
    conn.snapshot().await?;
    conn.run("set local idle_in_transaction_session_timeout = 0").await?;
    let snapshot = query("select pg_export_snapshot() as id", []).fetch_one(&mut conn).await?;
    let facts = Facts::read(&mut conn).await?;
    let (url, beside) = servers.journal_url();
    let mut command = on(PG_DUMP, url);
    command.arg(format!("--snapshot={}", snapshot.text("id")?));
    if let Some(schema) = beside {
        command.arg(format!("--exclude-schema={schema}"));
    }
    dump(command, to, Half::Journal, progress).await?;
    conn.end().await?;
    Ok(facts)
}

pub(super) async fn keys(
    servers: &Servers,
    to: &Path,
    progress: &mut Progress<'_>,
) -> Result<(), BackupError> {
    let (url, schema) = servers.keys_url();
    let mut command = on(PG_DUMP, url);
    if let Some(schema) = schema {
        command.arg(format!("--schema={schema}"));
    }
    dump(command, to, Half::Keys, progress).await
}

async fn dump(
    mut command: Command,
    to: &Path,
    half: Half,
    progress: &mut Progress<'_>,
) -> Result<(), BackupError> {
    command.arg("--format=custom").arg("--file").arg(to);
    telling(run(command, PG_DUMP), to, (half, 0), progress).await
}

/// Fills a database that is empty, all of it or nothing.
pub(super) async fn fill(servers: &Servers, half: Half, from: &Path) -> Result<(), BackupError> {
    let (url, _) = match half {
        Half::Journal => servers.journal_url(),
        Half::Keys => servers.keys_url(),
    };
    let mut command = on(PG_RESTORE, url);
    command.args(["--single-transaction", "--exit-on-error"]).arg(from);
    run(command, PG_RESTORE).await
}

/// Whether a database has no tables at all.
pub(super) async fn is_empty(conn: &mut Conn) -> Result<bool, BackupError> {
    let sql = "select count(*) as n from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema')";
    Ok(query(sql, []).fetch_one(conn).await?.int("n")? == 0)
}

fn on(program: &'static str, url: &str) -> Command {
    let (shown, password) = without_password(url);
    let mut command = Command::new(program);
    command
        .args(["--no-password", "--no-owner", "--no-privileges"])
        .arg(format!("--dbname={shown}"));
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    // What the hub says to the server does not hold for its programs.
    command.env_remove("PGOPTIONS").env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(mut command: Command, program: &'static str) -> Result<(), BackupError> {
    let done = command.output().await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => BackupError::NoProgram { program },
        _ => at(Path::new(program))(error),
    })?;
    if done.status.success() {
        return Ok(());
    }
    // Its errors name tables and settings; what follows them may quote a row.
    let told = String::from_utf8_lossy(&done.stderr);
    let told = told.lines().filter(|line| line.contains(": error:")).take(3);
    let told: String = told.collect::<Vec<_>>().join("; ").chars().take(TOLD_MAX).collect();
    Err(BackupError::Program { program, told })
}

/// A URL as it may be shown, and the password that stood in it.
fn without_password(url: &str) -> (String, Option<String>) {
    let (address, query) = url.split_once('?').map_or((url, None), |(a, q)| (a, Some(q)));
    let (mut shown, mut password) = (address.to_owned(), None);
    if let Some((scheme, rest)) = address.split_once("://")
        && let Some((user, host)) = rest.split_once('@')
        && let Some((name, secret)) = user.split_once(':')
    {
        shown = format!("{scheme}://{name}@{host}");
        password = Some(decoded(secret));
    }
    let mut kept = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("password", secret)) => password = Some(decoded(secret)),
            // Words of the hub's own client.
            Some(("statement-cache-capacity", _)) => {}
            _ => kept.push(pair),
        }
    }
    if !kept.is_empty() {
        shown = format!("{shown}?{}", kept.join("&"));
    }
    (shown, password)
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let coded = (*first == b'%').then(|| after.get(..2)).flatten();
        let coded = coded.and_then(|digits| std::str::from_utf8(digits).ok());
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_goes_another_way_than_the_url() {
        let table = [
            ("postgres://a:b@h/d", "postgres://a@h/d", Some("b")),
            (
                "postgres://a:p%40s%3a%25@h:5/d?sslmode=require",
                "postgres://a@h:5/d?sslmode=require",
                Some("p@s:%"),
            ),
            ("postgres://a@%2Ftmp%2Fx/d", "postgres://a@%2Ftmp%2Fx/d", None),
            (
                "postgres://a@h/d?password=g%20h&sslmode=verify-full",
                "postgres://a@h/d?sslmode=verify-full",
                Some("g h"),
            ),
            ("postgres://h/d?statement-cache-capacity=5", "postgres://h/d", None),
            ("postgres://a:100%@h/d", "postgres://a@h/d", Some("100%")),
        ];
        for (url, shown, password) in table {
            let password = password.map(str::to_owned);
            assert_eq!(without_password(url), (shown.to_owned(), password), "{url}");
        }
    }
}
