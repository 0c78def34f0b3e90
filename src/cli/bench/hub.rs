//! The hub under measurement: a process of its own over a folder of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::Connection;
use super::process::{Folder, HubProcess, failed};
use crate::cli::access::{Access, Halt, read_keys};
use crate::cli::output::Exit;
use crate::journal::{Journal, Store};

/// How long recipients may take to collect what is left at the end.
const COLLECT_MOST: Duration = Duration::from_secs(300);
/// Connections with which each of them collects.
const CONNECTIONS: usize = 4;
/// The recipients of a report, by the shipped set.
const RECIPIENTS: [&str; 3] = ["gemeente-eindhoven", "ggz-de-kempen", "wonen-zuid"];

pub struct BenchHub {
    pub process: HubProcess,
    folder: Folder,
    pub address: SocketAddr,
    /// The token of the police.
    pub police: String,
    access: Access,
}

impl BenchHub {
    pub async fn start(folder: Option<PathBuf>) -> Result<Self, Halt> {
        let folder = Folder::new(folder)?;
        let data = &folder.path;
        let store = [("SCHAKEL_JOURNAL__STORE", "sqlite".to_owned())];
        let process = HubProcess::start(data, None, &store).await?;
        let access = Access::open(data, &Store::in_folder(data), None).await?;
        let address = process.running.http.parse().map_err(failed)?;
        let police = token(&access, "politie-oost-brabant").await?;
        Ok(Self { process, folder, address, police, access })
    }

    /// Partners that keep collecting and confirming, until dropped.
    pub async fn collectors(&self) -> Result<JoinSet<()>, Halt> {
        let mut tasks = JoinSet::new();
        for recipient in RECIPIENTS {
            let token = token(&self.access, recipient).await?;
            for _ in 0..CONNECTIONS {
                let mut connection = Connection::open(self.address, &token).await?;
                tasks.spawn(async move { while collect(&mut connection).await.is_ok() {} });
            }
        }
        Ok(tasks)
    }

    /// Bytes that the journal takes on disk.
    pub fn disk_bytes(&self) -> u64 {
        let entries = std::fs::read_dir(&self.folder.path).into_iter().flatten().flatten();
        let sizes = entries.filter_map(|entry| {
            let databases = entry.file_name().to_string_lossy().contains("sqlite");
            databases.then(|| entry.metadata().map_or(0, |about| about.len()))
        });
        sizes.sum()
    }

    /// Waits until nothing waits for any recipient, so that the journal looks as it does in use.
    pub async fn collected(&self) -> Result<(), Halt> {
        let journal = Journal::open_reader(
            &Store::in_folder(&self.folder.path),
            read_keys(&self.folder.path)?,
        )
        .await;
        let journal = journal.map_err(failed)?;
        let deadline = Instant::now() + COLLECT_MOST;
        while Instant::now() < deadline {
            if journal.stats().await.map_err(failed)?.waiting.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Err(Halt::new(Exit::Failure, "de ontvangers haalden niet alles op"))
    }

    /// Verifies the whole journal; leaves, documents and seconds.
    pub async fn verify(&self) -> Result<(u64, u64, f64), Halt> {
        let keys = read_keys(&self.folder.path)?;
        let store = Store::in_folder(&self.folder.path);
        let journal = Journal::open_reader(&store, keys).await.map_err(failed)?;
        let started = Instant::now();
        let report = journal.verify(|_| {}).await.map_err(failed)?;
        if !report.is_sound() {
            return Err(Halt::new(Exit::Invalid, "het logboek klopt niet na de meting"));
        }
        Ok((report.leaves, report.documents, started.elapsed().as_secs_f64()))
    }

    pub async fn stop(self) {
        self.process.stop().await;
    }
}

/// Collects what there is, and says that it was received.
async fn collect(connection: &mut Connection) -> Result<(), Halt> {
    let body = br#"{"limiet": 100, "wachtSeconden": 1}"#;
    let answer = connection.request("/v1/postvak/ophalingen", "application/json", body).await?;
    let answer: Value = serde_json::from_slice(answer).map_err(failed)?;
    let parcels = answer.get("zendingen").and_then(Value::as_array).into_iter().flatten();
    let ids: Vec<String> =
        parcels.filter_map(|parcel| parcel.get("zending")?.as_str().map(str::to_owned)).collect();
    for id in ids {
        let path = format!("/v1/postvak/{id}/ontvangst");
        connection.request(&path, "application/json", br#"{"status": "ontvangen"}"#).await?;
    }
    Ok(())
}

async fn token(access: &Access, partner: &str) -> Result<String, Halt> {
    let body = json!({ "partner": partner, "label": "bench" });
    let answer = access.call("sleutel-maken", body).await?;
    let token = answer.get("sleutel").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| Halt::new(Exit::Failure, "geen sleutel gekregen"))
}
