//! The plug of PostgreSQL: a server that does not flush is refused, one that is killed is missed
//! until it is back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::desk::{Desk, keys, signal, start};
use super::place::{On, Place};
use super::postgres::Server;
use crate::journal::{Journal, JournalError, OpenError, Servers, Store};

fn servers_at(url: &str) -> Servers {
    Servers::parse(url, None).unwrap()
}

async fn refused(store: &Store) -> String {
    match Journal::open(store, keys(1), start()).await {
        Err(error @ OpenError::Unflushed { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("opened"),
    }
}

#[tokio::test]
async fn a_server_that_does_not_flush_is_refused_and_one_that_was_killed_is_missed() {
    let mut server = Server::start("-c fsync=off");
    let servers = servers_at(&server.database());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::on_servers(servers.clone(), folder.path());
    assert!(refused(&store).await.contains("fsync = off"));
    server.kill();
    server.launch("-c full_page_writes=off");
    assert!(refused(&store).await.contains("full_page_writes = off"));
    server.kill();
    server.launch("");

    let desk = Desk::at(Arc::new(Place::given(servers))).await;
    let first = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    server.kill();
    let draft = signal("b-2", "k-1", &["woonbedrijf"]);
    for _ in 0..2 {
        let answer = desk.send(&draft).await;
        assert!(matches!(answer, Err(JournalError::Unavailable(_))), "{answer:?}");
    }
    assert!(desk.journal.stats().await.is_err());
    server.launch("");
    assert!(!desk.accepted(&draft).await.repeat, "nothing of it was stored before");
    assert!(desk.journal.message(first.public_id.into()).await.is_ok());
    desk.journal.sequence(desk.now()).await.unwrap();
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
    desk.close().await;
}

/// A way to a server that can be cut without anybody noticing, as a broken firewall does.
struct HalfOpen {
    folder: tempfile::TempDir,
    cut: tokio::sync::watch::Sender<bool>,
}

impl HalfOpen {
    fn before(url: &str) -> (Self, String) {
        let folder = tempfile::tempdir().unwrap();
        let (start, database) = url.rsplit_once('/').unwrap();
        let socket = start.rsplit('@').next().unwrap().replace("%2F", "/");
        let socket = Path::new(&socket).join(".s.PGSQL.5432");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let (cut, is_cut) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(pass(from_client, to_server, is_cut.clone()));
                tokio::spawn(pass(from_server, to_client, is_cut.clone()));
            }
        });
        let host = folder.path().display().to_string().replace('/', "%2F");
        (Self { folder, cut }, format!("postgres://postgres@{host}/{database}"))
    }
}

async fn pass(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    mut cut: tokio::sync::watch::Receiver<bool>,
) {
    let mut piece = [0; 4096];
    while let Ok(size @ 1..) = from.read(&mut piece).await {
        if cut.wait_for(|cut| !cut).await.is_err() || to.write_all(&piece[..size]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_half_open_holds_nobody_for_long() {
    let server = Server::start("");
    let (way, through) = HalfOpen::before(&server.database());
    let desk = Desk::at(Arc::new(Place::given(servers_at(&through)))).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    way.cut.send_replace(true);
    let draft = signal("b-2", "k-1", &["woonbedrijf"]);
    let asked = tokio::time::timeout(Duration::from_secs(30), desk.send(&draft)).await;
    let answer = asked.expect("an answer within half a minute");
    assert!(matches!(answer, Err(JournalError::Unavailable(_))), "{answer:?}");
    assert!(!desk.journal.writable());
    way.cut.send_replace(false);
    assert!(!desk.accepted(&draft).await.repeat);
    assert!(desk.journal.writable());
    assert!(way.folder.path().exists());
    desk.close().await;
}

#[tokio::test]
async fn a_database_that_commits_before_it_flushes_is_refused() {
    let place = Place::new(On::Postgres);
    let name = place.psql("select current_database()");
    for weak in ["off", "local"] {
        place.psql(&format!("alter database {name} set synchronous_commit = {weak}"));
        match weak {
            // Without standbys it flushes here, and there is nobody else to wait for.
            "local" => drop(place.open().await.unwrap()),
            _ => assert!(refused(&place.store).await.contains("synchronous_commit = off")),
        }
    }
}

#[test]
fn a_url_is_shown_without_its_password() {
    let url = "postgres://schakel:geheim@db.example:5433/logboek";
    let store = Store::on_servers(servers_at(url), Path::new("gegevens"));
    assert_eq!(store.to_string(), "db.example:5433/logboek");
    assert!(!format!("{store:?}").contains("geheim"));
    for wrong in ["postgres://schakel:geheim@db:poort/x", "mysql://a:geheim@b/c", "geheim"] {
        let Err(error) = Servers::parse(wrong, None) else { panic!("{wrong}") };
        assert!(!error.to_string().contains("geheim") && !format!("{error:?}").contains("geheim"));
    }
}
