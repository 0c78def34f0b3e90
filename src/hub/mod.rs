//! Bytes in, outcome out; and the loops around the journal: deliver, sequence, sweep.
//!
//! The hub knows what bytes mean by asking the pure rooms, and what was decided by asking the
//! journal. Moving bytes is left to `transport`, running the loops to `lifecycle`.

mod active;
mod activate;
mod admin;
pub mod alarm;
mod broker;
pub mod clock;
mod couple;
mod crowd;
mod deliver;
mod desk;
mod directory;
mod door;
mod explain;
mod figures;
mod follow;
mod inlet;
mod look;
mod mend;
pub mod meters;
pub mod people;
mod regie;
mod replay;
mod restored;
mod set_check;
mod shadow;
mod share;
mod trial;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use tokio::sync::{Semaphore, watch};

use crate::catalogue::Catalogue;
use crate::catalogue::problem::Files;
use crate::evidence::{HubKeys, sign_role};
use crate::journal::{Journal, JournalError, OpenError, Outgoing, Store, Writer};
use crate::message::{PartnerId, Timestamp};
use crate::transport::amqp::Link;
use crate::transport::breaker::Breaker;
use crate::transport::http::webhook::Webhooks;
use crate::transport::{Check, CloudEvent, OutgoingParcel, Proof};

pub use active::{Active, SetError, active_set, checked};
pub use admin::Office;
pub use broker::broker_partners;
pub use couple::{BrokerQueue, Coupling};
pub use deliver::{Delivered, Deliverer, IDLE};
pub use figures::gather;
pub use follow::Follower;
pub use set_check::tried_problems;
pub use worker::Worker;

use self::active::Current;
use self::directory::Directory;

/// The hub over one journal.
pub struct Hub {
    pub(crate) journal: Journal,
    active: Current,
    directory: Directory,
    /// Partners that this hub leaves alone for now: since when, and until when.
    blocked: RwLock<BTreeMap<PartnerId, (Timestamp, Timestamp)>>,
    /// Changes whenever there may be new mail.
    mail: watch::Sender<u64>,
    webhooks: Webhooks,
    data: PathBuf,
    /// Whether cases ask, and are followed up.
    directs: AtomicBool,
    /// The connections to the broker, where there is one: to tell how they are.
    links: OnceLock<BrokerLinks>,
    /// One shadow run at a time.
    trying: Semaphore,
    /// The set that was tried last, so that a run of many pages reads it once.
    candidate: Mutex<Option<Arc<Catalogue>>>,
}

/// How the hub reaches its broker.
pub struct BrokerLinks {
    pub consuming: Arc<Link>,
    pub publishing: Arc<Link>,
}

/// The hub cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the journal does not open")]
    Journal(#[from] OpenError),
    #[error("the journal does not answer")]
    Answer(#[from] JournalError),
    #[error("there is no set to work under")]
    Set(#[from] SetError),
}

/// A hub that was opened, and what its caller must run or say.
pub struct Opened {
    pub hub: Arc<Hub>,
    /// Ends when told to stop, after the last order.
    pub writer: tokio::task::JoinHandle<()>,
    /// False where the active set is another than the one given: `schakel activate` makes it so.
    pub given_set_is_active: bool,
}

impl Hub {
    /// Opens the journal and starts its writer through `spawn`. `directs` is whether cases ask and
    /// are followed up.
    pub async fn open(
        data: &Path,
        store: &Store,
        keys: Arc<HubKeys>,
        (files, directs): (&Files, bool),
        spawn: impl FnOnce(Writer) -> tokio::task::JoinHandle<()>,
    ) -> Result<Opened, StartError> {
        let (journal, writer) = Journal::open(store, keys, clock::now()).await?;
        let writer = spawn(writer);
        let (active, given_set_is_active) =
            active::restore(&journal, data, (files, directs)).await?;
        let directory = Directory::load(&journal).await?;
        journal.call_partners(Arc::clone(&active.catalogue.succession));
        let hub = Self {
            journal,
            active: Current::new(active),
            directory,
            blocked: RwLock::default(),
            mail: watch::Sender::new(0),
            webhooks: Webhooks::default(),
            data: data.to_owned(),
            directs: AtomicBool::new(directs),
            links: OnceLock::new(),
            trying: Semaphore::new(1),
            candidate: Mutex::default(),
        };
        Ok(Opened { hub: Arc::new(hub), writer, given_set_is_active })
    }

    pub fn active(&self) -> Active {
        self.active.get()
    }

    /// From now on cases ask and are followed up, those of what comes in from now on: what was
    /// exchanged before has no case to direct.
    pub fn begin_to_direct(&self) {
        self.directs.store(true, Ordering::Relaxed);
        self.active.set(self.active.get().directing());
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Partners that may not exchange now.
    pub fn suspended(&self) -> BTreeSet<PartnerId> {
        let mut suspended = self.directory.suspended();
        self.active().catalogue.succession.spread(&mut suspended);
        suspended
    }

    /// Partners that this hub leaves alone for now: since when, and until when.
    fn blocked(&self) -> BTreeMap<PartnerId, (Timestamp, Timestamp)> {
        self.blocked.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_breaker(&self, partner: &PartnerId, breaker: Breaker) {
        let known =
            self.blocked.read().unwrap_or_else(PoisonError::into_inner).get(partner).copied();
        if known == breaker.blocked() {
            return;
        }
        let mut blocked = self.blocked.write().unwrap_or_else(PoisonError::into_inner);
        match breaker.blocked() {
            Some(span) => drop(blocked.insert(partner.clone(), span)),
            None => drop(blocked.remove(partner)),
        }
    }

    /// The folder in which partners with files have theirs.
    pub fn exchange_folder(&self) -> PathBuf {
        self.data.join("uitwisseling")
    }

    /// Lets readiness tell how the broker is.
    pub fn watch_broker(&self, links: BrokerLinks) {
        // A hub has one broker, for as long as it runs.
        let _known = self.links.set(links);
    }

    /// How the roads are that lead past the broker. None of them is vital: the others stay open.
    fn broker_checks(&self) -> Vec<Check> {
        let check = |name: &str, ready| Check::part(name, ready, false);
        let checks = self.links.get().map(|links| {
            let BrokerLinks { consuming, publishing } = links;
            vec![
                check("broker-ontvangen", consuming.is_up()),
                check("broker-versturen", publishing.is_up()),
                check("broker-alarm", !publishing.is_blocked()),
            ]
        });
        checks.unwrap_or_default()
    }

    /// Numbers and signs what is new in the evidence. One step of a loop.
    pub async fn sequence_step(&self) {
        if self.is_closed() {
            return;
        }
        if let Err(error) = self.journal.sequence(clock::now()).await {
            tracing::error!(error = %chain(&error), "the evidence could not be signed");
        }
    }

    /// Changes whenever something may have happened that people look at.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.mail.subscribe()
    }

    fn new_mail(&self) {
        self.mail.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A leased parcel with what travels beside it.
    fn outgoing(&self, catalogue: &Catalogue, parcel: Outgoing) -> OutgoingParcel {
        let role = sign_role(&parcel.detail.role, self.journal.hub_keys());
        OutgoingParcel {
            id: parcel.id,
            case: parcel.detail.role.casus.clone(),
            event: CloudEvent {
                id: parcel.id.to_string(),
                kind: format!("nl.schakel.{}", parcel.kind),
                source: format!("urn:nld:oin:{}:systeem:schakel", catalogue.hub.oin.as_str()),
                time: parcel.made_at.into(),
            },
            media_type: parcel.media_type,
            bytes: parcel.bytes,
            role,
            proof: Proof {
                salt: parcel.salt,
                hash: parcel.commitment,
                checkpoint: parcel.checkpoint.as_deref().map(str::to_owned),
            },
            urgent: parcel.urgent,
        }
    }
}

/// An error with its causes, for a log line: the rooms' errors hold no values.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
