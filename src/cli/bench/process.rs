//! A hub under measurement: `schakel serve` as a process of its own, and what it costs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::cli::access::Halt;
use crate::cli::keys;
use crate::cli::output::Exit;
use crate::hub::clock;
use crate::lifecycle::Running;

/// How long a hub may take to start.
const START_MOST: Duration = Duration::from_secs(60);

pub fn failed(error: impl std::fmt::Display) -> Halt {
    Halt::new(Exit::Failure, error.to_string())
}

/// A folder for a hub: the one that was given, or one that goes when it is dropped.
pub struct Folder {
    pub path: PathBuf,
    temporary: bool,
}

impl Folder {
    pub fn new(given: Option<PathBuf>) -> Result<Self, Halt> {
        let temporary = given.is_none();
        let path = match given {
            Some(folder) => folder,
            None => {
                let random = u64::from_be_bytes(clock::random().map_err(failed)?);
                std::env::temp_dir().join(format!("schakel-bench-{random:016x}"))
            }
        };
        if !path.join("hub.key").exists() {
            keys::init(&path, "bench")?;
        }
        Ok(Self { path, temporary })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            let _removed = std::fs::remove_dir_all(&self.path);
        }
    }
}

pub struct HubProcess {
    child: Child,
    pub running: Running,
}

impl HubProcess {
    /// Starts a hub over a folder, with these settings from the environment and no others.
    pub async fn start(
        data: &Path,
        config: Option<&Path>,
        settings: &[(&str, String)],
    ) -> Result<Self, Halt> {
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SCHAKEL_") {
                command.env_remove(name);
            }
        }
        command.arg("--data").arg(data);
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        let child = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("SCHAKEL_LOG", "error")
            // What is measured is the exchange: every report goes to three recipients, and asks
            // nothing of anybody.
            .env("SCHAKEL_REGIE__ENABLED", "false")
            .env("SCHAKEL_CONSOLE__ENABLED", "false")
            .envs(settings.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let running = wait_until_running(data, child.id()).await?;
        Ok(Self { child, running })
    }

    /// Seconds of processor time that the hub took so far.
    pub fn cpu_seconds(&self) -> f64 {
        self.child.id().map_or(0.0, cpu_seconds)
    }

    /// Resident memory of the hub.
    pub fn memory_mib(&self) -> u64 {
        let id = self.child.id().unwrap_or(0);
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        kib / 1024
    }

    pub async fn stop(mut self) {
        let _gone = self.child.kill().await;
    }
}

/// Seconds of processor time of a process and of its children that have ended.
pub fn cpu_seconds(process: u32) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    stat(process).skip(11).take(4).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>()
        / TICKS_PER_SECOND
}

/// The fields of a process after its name: state, parent and so on (proc(5)).
pub fn stat(process: u32) -> impl Iterator<Item = String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<String> = after_name.split_whitespace().map(str::to_owned).collect();
    fields.into_iter()
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
