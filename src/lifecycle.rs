//! The tasks of a running hub: started here and nowhere else, stopped softly, then hard. A task
//! that ends by itself ends the process with an error.

mod alarm;
mod broker;
mod doors;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::catalogue::partner::Delivery;
use crate::catalogue::problem::Files;
use crate::evidence::HubKeys;
use crate::hub::alarm::Alerts;
use crate::hub::{Deliverer, Follower, Hub, Office, StartError, Worker, clock};
use crate::journal::Store;
use crate::message::PartnerId;
use crate::transport::files::{Folder, POLL_EVERY};
use crate::transport::http::tls::{Tls, TlsError, TlsFiles};
use crate::transport::http::{
    self, AdminDesk, AdminToken, BindError, Limits, admin_router, partner_router,
};
use crate::transport::{Inlet, LargeBodies, PartnerDesk};

pub use broker::Broker;
pub use doors::ConsoleDoor;

/// How often new evidence is signed.
const SIGN_EVERY: Duration = Duration::from_secs(1);
/// How often the files of the certificate are read again.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// How often the list of partners is compared with the tasks that serve them.
const REVIEW_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked what other hubs over the same journal changed.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether something is due in cases.
const DUE_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the retention of a case ended.
const RETAIN_EVERY: Duration = Duration::from_secs(60);
/// How often folders are swept, and how long exchanged files stay in them.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
const FILES_STAY: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a soft stop may take.
const STOP_MOST: Duration = Duration::from_secs(15);

/// Where a hub listens, and whom it connects to.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub http: SocketAddr,
    /// Whether it may listen beyond loopback without TLS of its own, behind a proxy that has it.
    pub beyond_loopback: bool,
    pub tls: Option<TlsFiles>,
    /// For Prometheus, and whether that may be beyond loopback.
    pub metrics: Option<(SocketAddr, bool)>,
    /// Who hears when something is wrong; `None`: nobody, and nothing watches.
    pub alerts: Option<Alerts>,
    /// The pages for people; `None`: there are none.
    pub console: Option<ConsoleDoor>,
    /// Whether cases ask, and are followed up.
    pub directs: bool,
    /// How it reaches its broker; `None`: nothing goes that way.
    pub broker: Option<Broker>,
}

/// How a hub that runs is found by commands: `draait.json` in its data folder, for its owner only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    pub beheer: String,
    pub token: String,
    pub http: String,
    /// Whether partners speak TLS to it.
    #[serde(default)]
    pub tls: bool,
    pub pid: u32,
}

impl Running {
    fn path(data: &Path) -> PathBuf {
        data.join("draait.json")
    }

    /// Where partners find it.
    pub fn url(&self) -> String {
        format!("http{}://{}", if self.tls { "s" } else { "" }, self.http)
    }

    /// The hub that says it runs over this folder.
    pub fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(data)).ok()?).ok()
    }

    fn write(&self, data: &Path) -> std::io::Result<()> {
        let path = Self::path(data);
        let draft = path.with_extension("tmp");
        let _absent = std::fs::remove_file(&draft);
        write_private(&draft, &serde_json::to_vec(self)?)?;
        std::fs::rename(&draft, &path)
    }
}

/// Writes a new file that only its owner reads.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The hub does not run, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the hub does not start")]
    Start(#[from] StartError),
    #[error("the address cannot be used")]
    Bind(#[from] BindError),
    #[error("the certificate cannot be used")]
    Tls(#[from] TlsError),
    #[error("the figures cannot be counted")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("the data folder cannot be written")]
    Folder(#[from] std::io::Error),
    #[error("the system gives no randomness")]
    Randomness(#[from] clock::NoRandomness),
    #[error("task {0} ended by itself")]
    TaskEnded(&'static str),
}

/// A hub with all its tasks.
pub struct Service {
    pub hub: Arc<Hub>,
    pub http: SocketAddr,
    /// Where the console listens.
    pub console: Option<SocketAddr>,
    pub given_set_is_active: bool,
    data: PathBuf,
    stop: watch::Sender<bool>,
    tasks: JoinSet<&'static str>,
    writer: tokio::task::JoinHandle<()>,
}

/// Completes when the stop signal is given.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the service is gone, which is a stop as well.
    let _stopped = stop.wait_for(|stop| *stop).await;
}

impl Service {
    /// Opens the hub and starts every task of it.
    pub async fn start(
        data: &Path,
        store: &Store,
        keys: Arc<HubKeys>,
        files: &Files,
        addresses: &Addresses,
    ) -> Result<Self, RunError> {
        let opened = Hub::open(data, store, keys, (files, addresses.directs), |writer| {
            tokio::spawn(writer.run())
        })
        .await?;
        let hub = opened.hub;
        let limits = Limits::default();
        let tls = addresses.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
        let beyond_loopback = addresses.beyond_loopback || tls.is_some();
        let door = http::bind(addresses.http, beyond_loopback).await?;
        let office_door = http::bind(SocketAddr::from(([127, 0, 0, 1], 0)), false).await?;
        let token = BASE64_URL_SAFE_NO_PAD.encode(clock::random::<32>()?);
        Running {
            beheer: office_door.address.to_string(),
            token: token.clone(),
            http: door.address.to_string(),
            tls: tls.is_some(),
            pid: std::process::id(),
        }
        .write(data)?;
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let inlet: Arc<dyn Inlet> = hub.clone();
        let desk: Arc<dyn PartnerDesk> = hub.clone();
        let large = LargeBodies::default();
        let router = partner_router(inlet, desk, large.clone(), &limits);
        let (http_limits, signal) = (limits.clone(), stopped(stopping.clone()));
        let http_tls = tls.clone();
        if let Some(tls) = tls.clone() {
            spawn_loop(&mut tasks, "certificaat", &stopping, renew(tls));
        }
        tasks.spawn(async move {
            http::serve(door.listener, router, http_limits, http_tls, signal).await;
            "http"
        });
        let office: Arc<dyn AdminDesk> = Arc::new(Office::new(hub.clone()));
        let router = admin_router(office, AdminToken::new(&token), &limits);
        let signal = stopped(stopping.clone());
        tasks.spawn(async move {
            http::serve(office_door.listener, router, limits, None, signal).await;
            "beheer"
        });
        doors::serve_metrics(&mut tasks, &hub, addresses, &stopping).await?;
        let console = doors::serve_console(&mut tasks, &hub, addresses, tls, &stopping).await?;
        serve_loops(&mut tasks, &hub, &stopping);
        if let Some(broker) = &addresses.broker {
            broker::start(&hub, broker, &large, &mut tasks, &stopping);
        }
        let partners = serve_partners(hub.clone(), large, stopping.clone());
        spawn_loop(&mut tasks, "leveren", &stopping, partners);
        if let Some(alerts) = &addresses.alerts {
            alarm::start(&hub, alerts, &mut tasks, &stopping);
        }
        Ok(Self {
            hub,
            http: door.address,
            console,
            given_set_is_active: opened.given_set_is_active,
            data: data.to_owned(),
            stop,
            tasks,
            writer: opened.writer,
        })
    }

    /// Runs until `end` completes, or a task ends by itself.
    pub async fn run_until(&mut self, end: impl Future<Output = ()>) -> Result<(), RunError> {
        tokio::select! {
            () = end => Ok(()),
            ended = self.tasks.join_next() => {
                let name = ended.and_then(Result::ok).unwrap_or("onbekend");
                Err(RunError::TaskEnded(name))
            }
            _ = &mut self.writer => Err(RunError::TaskEnded("logboek")),
        }
    }

    /// Stops softly: what is under way is finished, then everything ends.
    pub async fn stop(mut self) {
        let _everyone_left = self.stop.send(true);
        let finishing = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_MOST, finishing).await.is_err() {
            tracing::warn!("tasks did not stop in time and are ended");
            self.tasks.abort_all();
            while self.tasks.join_next().await.is_some() {}
        }
        self.hub.sequence_step().await;
        let _absent = std::fs::remove_file(Running::path(&self.data));
        // The writer ends when the last way to the journal is gone.
        drop(self.hub);
        let _ended = tokio::time::timeout(STOP_MOST, self.writer).await;
    }
}

/// Starts what every hub does over and over.
fn serve_loops(
    tasks: &mut JoinSet<&'static str>,
    hub: &Arc<Hub>,
    stopping: &watch::Receiver<bool>,
) {
    spawn_loop(tasks, "ondertekenen", stopping, sign(hub.clone()));
    spawn_loop(tasks, "opruimen", stopping, sweep(hub.clone()));
    spawn_loop(tasks, "regie", stopping, direct(hub.clone()));
    spawn_loop(tasks, "bewaartermijn", stopping, retain(hub.clone()));
    tasks.spawn(work(hub.clone(), stopping.clone()));
    if hub.journal().is_shared() {
        spawn_loop(tasks, "volgen", stopping, follow(hub.clone()));
    }
}

fn spawn_loop(
    tasks: &mut JoinSet<&'static str>,
    name: &'static str,
    stopping: &watch::Receiver<bool>,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let stopping = stopping.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = work => {}
            () = stopped(stopping) => {}
        }
        name
    });
}

/// Takes a new certificate where there is one. Files that do not fit leave the present one.
async fn renew(tls: Arc<Tls>) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match tls.renew() {
            Ok(true) => tracing::info!("a new certificate is in use"),
            Ok(false) => {}
            Err(error) => tracing::error!(error = %crate::hub::chain(&error),
                "the certificate on disk cannot be used; the present one stays"),
        }
    }
}

async fn sign(hub: Arc<Hub>) {
    loop {
        hub.sequence_step().await;
        tokio::time::sleep(SIGN_EVERY).await;
    }
}

/// Works at jobs; an item that was begun is finished before it stops.
async fn work(hub: Arc<Hub>, stop: watch::Receiver<bool>) -> &'static str {
    let mut worker = Worker::default();
    while !*stop.borrow() {
        let rest = worker.step(&hub, || *stop.borrow()).await;
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = stopped(stop.clone()) => {}
        }
    }
    worker.leave(&hub).await;
    "klussen"
}

/// Lets go of what may no longer be kept.
async fn retain(hub: Arc<Hub>) {
    loop {
        match hub.retention_step().await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(%error, "what may no longer be kept is still there"),
        }
        tokio::time::sleep(RETAIN_EVERY).await;
    }
}

/// Does what is due in cases.
async fn direct(hub: Arc<Hub>) {
    loop {
        match hub.regie_step().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "what is due in cases waits"),
        }
        tokio::time::sleep(DUE_EVERY).await;
    }
}

async fn follow(hub: Arc<Hub>) {
    let mut follower = Follower::default();
    loop {
        follower.step(&hub).await;
        tokio::time::sleep(FOLLOW_EVERY).await;
    }
}

/// One task for each partner that the hub delivers to or reads files from, as the active set says.
async fn serve_partners(hub: Arc<Hub>, large: LargeBodies, stopping: watch::Receiver<bool>) {
    let mut serving: BTreeMap<PartnerId, watch::Sender<bool>> = BTreeMap::new();
    let mut tasks: JoinSet<()> = JoinSet::new();
    loop {
        let active = hub.active();
        // While the journal is only read nobody is served: files stay where they lie.
        let open = !hub.is_closed();
        let partners = active.catalogue.partners.values().filter(|_| open);
        let wanted: BTreeSet<PartnerId> = partners
            .filter(|partner| !matches!(partner.delivery, Delivery::Postvak | Delivery::RabbitMq))
            .map(|partner| partner.id.clone())
            .collect();
        serving.retain(|id, _| wanted.contains(id));
        for id in wanted {
            serving.entry(id).or_insert_with_key(|id| {
                let (keep, kept) = watch::channel(false);
                tasks.spawn(deliver(hub.clone(), id.clone(), large.clone(), kept));
                keep
            });
        }
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            () = tokio::time::sleep(REVIEW_EVERY) => {}
            () = stopped(stopping.clone()) => break,
        }
    }
    drop(serving);
    while tasks.join_next().await.is_some() {}
}

/// Delivers to one partner, and reads its folder, until it is no longer served.
async fn deliver(
    hub: Arc<Hub>,
    partner: PartnerId,
    large: LargeBodies,
    stop: watch::Receiver<bool>,
) {
    let files = read_files(hub.clone(), partner.clone(), large, stop.clone());
    let sending = async {
        let mut deliverer = Deliverer::new(partner.clone());
        let mut stop = stop;
        // The sender of `stop` is dropped when the partner is no longer served.
        while !*stop.borrow() && stop.has_changed().is_ok() {
            match deliverer.step(&hub).await {
                Ok(done) if !done.is_idle() => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(partner.id = %partner, %error, "delivering waits");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(crate::hub::IDLE) => {}
                _ = stop.changed() => {}
            }
        }
    };
    tokio::join!(files, sending);
}

async fn read_files(
    hub: Arc<Hub>,
    partner: PartnerId,
    large: LargeBodies,
    stop: watch::Receiver<bool>,
) {
    let active = hub.active();
    let Some(Delivery::Map { map }) = active.catalogue.partner(&partner).map(|p| &p.delivery)
    else {
        return;
    };
    let root = hub.exchange_folder().join(map);
    let opened = crate::transport::retry::retry(
        "folder",
        || Folder::open(partner.clone(), root.clone()),
        stopped(stop.clone()),
    );
    if let Ok(folder) = opened.await {
        let folder = folder.sharing(large);
        folder.run(hub.as_ref(), POLL_EVERY, stopped(stop)).await;
    }
}

/// Removes exchanged files that are in the journal for a while already.
async fn sweep(hub: Arc<Hub>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let before = clock::system_time().checked_sub(FILES_STAY);
        let active = hub.active();
        for partner in active.catalogue.partners.values() {
            let (Delivery::Map { map }, Some(before)) = (&partner.delivery, before) else {
                continue;
            };
            let root = hub.exchange_folder().join(map);
            if let Ok(folder) = Folder::open(partner.id.clone(), root).await
                && let Err(error) = folder.prune(before).await
            {
                tracing::warn!(partner.id = %partner.id, %error, "files were not swept");
            }
        }
    }
}
