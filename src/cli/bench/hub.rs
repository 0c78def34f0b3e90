//! The hub under measurement: a process of its own over a folder of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::Connection;
use crate::cli::access::{Access, Halt, read_keys};
use crate::cli::keys;
use crate::cli::output::Exit;
use crate::hub::clock;
use crate::journal::{Journal, Store};
use crate::lifecycle::Running;

/// How long recipients may take to collect what is left at the end.
const COLLECT_MOST: Duration = Duration::from_secs(300);
/// Connections with which each of them collects.
const CONNECTIONS: usize = 4;
/// The recipients of a report, by the shipped set.
const RECIPIENTS: [&str; 3] = ["gemeente-eindhoven", "ggz-de-kempen", "wonen-zuid"];
/// How long a hub may take to start.
const START_MOST: Duration = Duration::from_secs(20);

pub struct BenchHub {
    child: Child,
    data: PathBuf,
    temporary: bool,
    pub address: SocketAddr,
    /// The token of the police.
    pub police: String,
    access: Access,
}

fn failed(error: impl std::fmt::Display) -> Halt {
    Halt::new(Exit::Failure, error.to_string())
}

impl BenchHub {
    pub async fn start(folder: Option<PathBuf>) -> Result<Self, Halt> {
        let temporary = folder.is_none();
        let data = match folder {
            Some(folder) => folder,
            None => {
                let random = u64::from_be_bytes(clock::random().map_err(failed)?);
                std::env::temp_dir().join(format!("schakel-bench-{random:016x}"))
            }
        };
        if !data.join("hub.key").exists() {
            keys::init(&data, "bench")?;
        }
        let program = std::env::current_exe().map_err(failed)?;
        let child = Command::new(program)
            .arg("--data")
            .arg(&data)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("SCHAKEL_LOG", "error")
            .env_remove("SCHAKEL_CONFIG")
            .env("SCHAKEL_JOURNAL__STORE", "sqlite")
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let running = wait_until_running(&data, child.id()).await?;
        let access = Access::open(&data, &Store::in_folder(&data), None).await?;
        let address = running.http.parse().map_err(failed)?;
        let police = token(&access, "politie-oost-brabant").await?;
        Ok(Self { child, data, temporary, address, police, access })
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

    /// Seconds of processor time that the hub took so far.
    pub fn cpu_seconds(&self) -> f64 {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = self.proc("stat");
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<f64> =
            after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
        fields.iter().sum::<f64>() / TICKS_PER_SECOND
    }

    /// Resident memory of the hub.
    pub fn memory_mib(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        kib / 1024
    }

    fn proc(&self, file: &str) -> String {
        let id = self.child.id().unwrap_or(0);
        std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default()
    }

    /// Bytes that the journal takes on disk.
    pub fn disk_bytes(&self) -> u64 {
        let entries = std::fs::read_dir(&self.data).into_iter().flatten().flatten();
        let sizes = entries.filter_map(|entry| {
            let databases = entry.file_name().to_string_lossy().contains("sqlite");
            databases.then(|| entry.metadata().map_or(0, |about| about.len()))
        });
        sizes.sum()
    }

    /// Waits until nothing waits for any recipient, so that the journal looks as it does in use.
    pub async fn collected(&self) -> Result<(), Halt> {
        let journal =
            Journal::open_reader(&Store::in_folder(&self.data), read_keys(&self.data)?).await;
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
        let keys = read_keys(&self.data)?;
        let store = Store::in_folder(&self.data);
        let journal = Journal::open_reader(&store, keys).await.map_err(failed)?;
        let started = Instant::now();
        let report = journal.verify(|_| {}).await.map_err(failed)?;
        if !report.is_sound() {
            return Err(Halt::new(Exit::Invalid, "het logboek klopt niet na de meting"));
        }
        Ok((report.leaves, report.documents, started.elapsed().as_secs_f64()))
    }

    pub async fn stop(mut self) {
        let _gone = self.child.kill().await;
        if self.temporary {
            let _removed = std::fs::remove_dir_all(&self.data);
        }
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

async fn wait_until_running(data: &Path, pid: Option<u32>) -> Result<Running, Halt> {
    let deadline = Instant::now() + START_MOST;
    while Instant::now() < deadline {
        if let Some(running) = Running::read(data).filter(|running| Some(running.pid) == pid) {
            return Ok(running);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Halt::new(Exit::Unreachable, "de hub kwam niet op gang"))
}

async fn token(access: &Access, partner: &str) -> Result<String, Halt> {
    let body = json!({ "partner": partner, "label": "bench" });
    let answer = access.call("sleutel-maken", body).await?;
    let token = answer.get("sleutel").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| Halt::new(Exit::Failure, "geen sleutel gekregen"))
}
