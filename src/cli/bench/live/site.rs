//! Where one measurement takes place: a vhost, a database and a folder of its own, gone afterwards.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::set::{self, SENDER, Shape};
use crate::cli::access::{Halt, read_keys};
use crate::cli::bench::process::{Folder, HubProcess, cpu_seconds, failed, stat};
use crate::cli::broker::{Change, Finding, Found, Management, changes};
use crate::cli::output::Exit;
use crate::hub::{broker_partners, checked, clock};
use crate::journal::{Figures, Journal, Scratch, Servers, Store};
use crate::message::PartnerId;
use crate::transport::amqp::topology::{self, Terms, Topology};
use crate::transport::amqp::{Address, Certificates, Outsider};

/// Kinds of things that a vhost of ours needs. Users are of the whole broker, and stay as they are:
/// everybody here enters as the administrator whose login was given.
const KINDS: [&str; 4] = ["vhost", "exchange", "wachtrij", "binding"];
const MAILBOX_DAYS: u32 = 14;
const HEARTBEAT_SECONDS: u16 = 10;
/// How long a broker may take to tell where it runs.
const TOLD_MOST: Duration = Duration::from_secs(15);

/// The services that were given.
pub struct Services {
    pub postgres: String,
    pub amqp: String,
    pub management: Management,
}

pub struct Site {
    folder: Folder,
    scratch: Scratch,
    address: Address,
    settings: Vec<(&'static str, String)>,
    /// The process of the broker, and of the server of the database, where they run here.
    broker: Option<u32>,
    postmaster: Option<u32>,
}

/// Processor time so far, in seconds: of the hub, the broker and the database.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu(pub [f64; 3]);

fn random_name() -> Result<Uuid, Halt> {
    Ok(uuid::Builder::from_random_bytes(clock::random().map_err(failed)?).into_uuid())
}

impl Site {
    pub async fn make(services: &Services, shape: Shape) -> Result<Self, Halt> {
        let name = random_name()?;
        let folder = Folder::new(None)?;
        let files = set::files(shape)?;
        set::write(&files, &folder.path.join("set"))?;
        let catalogue = checked(&files).map_err(failed)?;
        let vhost = format!("schakel-bench-{}", name.simple());
        let address = Address::parse(
            &services.amqp,
            Some(&vhost),
            HEARTBEAT_SECONDS,
            Certificates::default(),
        );
        let address = address.map_err(|error| Halt::new(Exit::Usage, error.to_string()))?;
        let terms = Terms { vhost, hub: address.user().to_owned(), mailbox_days: MAILBOX_DAYS };
        let topology = Topology::wanted(&broker_partners(&catalogue), &terms);
        for change in changes(&topology, &Found::default()) {
            let Change { kind, finding: Finding::Missing, request: Some(request), .. } = &change
            else {
                continue;
            };
            if KINDS.contains(kind) {
                services.management.change(request).await?;
            }
        }
        let mut scratch = Scratch::make(&services.postgres, name).await.map_err(failed)?;
        let settings = vec![
            ("SCHAKEL_JOURNAL__STORE", "postgres".to_owned()),
            ("SCHAKEL_JOURNAL__URL", scratch.url().to_owned()),
            ("SCHAKEL_BROKER__URL", services.amqp.clone()),
            ("SCHAKEL_BROKER__VHOST", address.vhost().to_owned()),
        ];
        let broker = broker_process(services).await?;
        let own = scratch.figures().await.map_err(failed)?.process;
        let own = u32::try_from(own).ok().filter(|id| is_here(*id, "postgres"));
        let postmaster = own.and_then(|id| stat(id).nth(1)?.parse().ok());
        Ok(Self { folder, scratch, address, settings, broker, postmaster })
    }

    pub async fn outsider(&self) -> Result<Outsider, Halt> {
        Outsider::enter(&self.address).await.map_err(failed)
    }

    pub async fn hub(&self) -> Result<HubProcess, Halt> {
        let set = self.folder.path.join("set");
        HubProcess::start(&self.folder.path, Some(&set), &self.settings).await
    }

    /// A reader of the hub's journal.
    pub async fn journal(&self) -> Result<Journal, Halt> {
        let servers = Servers::parse(self.scratch.url(), None).map_err(failed)?;
        let store = Store::on_servers(servers, &self.folder.path);
        Journal::open_reader(&store, read_keys(&self.folder.path)?).await.map_err(failed)
    }

    pub async fn figures(&mut self) -> Result<Figures, Halt> {
        self.scratch.figures().await.map_err(failed)
    }

    /// Processor time so far; nothing for services on another machine.
    pub fn cpu(&self, hub: Option<&HubProcess>) -> Cpu {
        let database = self.postmaster.map_or(0.0, |postmaster| {
            let children = children_of(postmaster);
            cpu_seconds(postmaster) + children.into_iter().map(cpu_seconds).sum::<f64>()
        });
        let broker = self.broker.map_or(0.0, cpu_seconds);
        Cpu([hub.map_or(0.0, HubProcess::cpu_seconds), broker, database])
    }

    /// Whether broker and database run on this machine, so that their costs can be told.
    pub fn all_here(&self) -> bool {
        self.broker.is_some() && self.postmaster.is_some()
    }

    /// Removes what was made.
    pub async fn remove(self, services: &Services) -> Result<(), Halt> {
        services.management.remove_vhost(self.address.vhost()).await?;
        self.scratch.remove().await.map_err(failed)?;
        Ok(())
    }
}

/// The exchange into which the sender writes.
pub fn inbound() -> Result<String, Halt> {
    Ok(topology::inbound(&partner(SENDER)?))
}

/// The mailboxes of recipients.
pub fn mailboxes(recipients: &[&str]) -> Result<Vec<String>, Halt> {
    recipients.iter().map(|id| Ok(topology::mailbox(&partner(id)?, false))).collect()
}

/// That of the sender, for receipts.
pub fn receipts() -> Result<String, Halt> {
    Ok(topology::mailbox(&partner(SENDER)?, false))
}

fn partner(id: &str) -> Result<PartnerId, Halt> {
    PartnerId::try_from(id.to_owned()).map_err(failed)
}

/// The process of the broker, where it runs here. A node that was just started tells it later.
async fn broker_process(services: &Services) -> Result<Option<u32>, Halt> {
    let deadline = Instant::now() + TOLD_MOST;
    loop {
        let told = services.management.process().await?;
        if told.is_some() || Instant::now() > deadline {
            return Ok(told.filter(|id| is_here(*id, "beam")));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Whether a process of this number runs here under a name that begins so.
fn is_here(process: u32, name: &str) -> bool {
    let told = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    told.starts_with(name)
}

fn children_of(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    numbers.filter(|id| stat(*id).nth(1).as_deref() == Some(parent.as_str())).collect()
}
