//! The truth: inbox, outbox, cases, quarantine and evidence, and the only room that knows sqlx.
//!
//! One [`Writer`] task owns the write connections and commits what it is asked in groups; a
//! [`Journal`] is how everybody else asks it, and reads. On SQLite there is one writer; over
//! PostgreSQL there is one for each hub, and what they touch together they lock. Accepted means
//! that the commit was flushed to disk. What a message leads to is decided by pure functions that
//! come along with it ([`Rules`]); moving parcels, and what an HTTP status is, is left to
//! `transport` and `hub`.

mod alarm;
mod backup;
mod beat;
mod carry;
mod cases;
mod collected;
mod confirm;
mod counters;
mod crowd;
mod door;
mod erase;
mod erasures;
mod error;
mod facts;
mod fresh;
mod health;
mod inbox;
mod keys;
mod lease;
mod listings;
mod lookups;
mod observe;
mod open;
mod order;
mod outbox;
mod partners;
mod people;
mod quarantine;
mod queues;
mod receive;
mod recent;
mod regie;
mod replace;
mod restart;
mod reveal;
mod roll;
mod scratch;
mod search;
mod sequence;
mod settle;
mod shared;
mod sql;
mod standing;
mod trace;
mod types;
mod unblock;
mod unconfirmed;
mod unit;
mod verify;
mod views;
mod witness;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

pub use self::alarm::{
    Alarm, AlarmPlan, AlarmPlanFn, AlarmReview, AlarmState, AlarmsSeen, ClaimedNotice, NewNotice,
    NoticeKind, NoticeLine, NoticeOutcome, Road,
};
pub use self::backup::restore::{PutBack, RestoreOrder, look_at, put_back};
pub use self::backup::{BackupError, BackupOrder, KeysGo, MANIFEST_FILE, back_up, planned};
pub use self::crowd::{
    BadFilter, CrowdCount, CrowdFilter, Cursor, EventView, Found, Gathered, Holder, ItemClaim,
    ItemDone, ItemView, JOBS_MAX, Job, JobItem, JobView, NewJob, Progress, RECIPIENTS_MAX,
    ReasonCount,
};
pub use self::door::{BARRED_BYTES_MAX, BARRED_ENTRIES_MAX, Kept, TurnedAway};
pub use self::erase::{Erased, ErasureOrder};
pub use self::erasures::{
    Bsn, ErasedItem, ErasureAsk, ErasureAsked, ErasureDecision, ErasureDone, ErasureLine,
    ErasureScope, ErasureSubject, LooseCase, PERSON_CASES_MAX, REQUEST_DAYS,
};
pub use self::error::{JournalError, OpenError};
pub use self::facts::Span;
pub use self::fresh::{Fresh, FreshFor, FreshParcels};
pub use self::lease::HANDED_OUT_MAX;
pub use self::listings::{
    CaseLine, LogLine, QuarantineEntry, QuarantineFilter, QuarantinedDocument, Stats, TailLine,
    Waiting,
};
pub use self::lookups::{Activation, Credential};
pub use self::observe::{Observation, PartnerSeen};
pub use self::open::{POSTGRES_LEAST, ServerReport, Servers, Store, StoreReport};
pub use self::partners::{CREDENTIALS_MAX, PartnerOrder, Proposal};
pub use self::people::{
    Account, AccountChange, AccountDone, AccountOrder, FILTER_NAME_MAX, FILTER_QUERY_MAX,
    FILTERS_MAX, FieldReveal, FieldRevealOrder, LoginKey, SavedFilter, Session,
    THROTTLE_ADDRESS_AFTER, THROTTLE_AFTER, throttled_until,
};
pub use self::quarantine::{Decision, QuarantineOrder};
pub use self::queues::{COUNTED_MAX, Counted, ExchangeSeen, QueueSeen, TestSent};
pub use self::recent::{Recent, RecentRefusal};
pub use self::regie::{
    ASKED, AgreementAct, AgreementShown, AgreementWords, CaseAct, CaseFilter, CaseOrder,
    CaseOrdered, CaseShown, CaseView, DossierLine, HeldParcels, NamedParty, REGIE_LIST_MAX,
    RegiePoint, RegieTelling, Said, TaskFilter, TaskLine, TimelineLine,
};
pub use self::replace::{Replay, Replayed, Settles};
pub use self::reveal::{Reveal, RevealOrder};
pub use self::scratch::{Figures, Scratch};
pub use self::search::{Flow, FoundMessages, MessageFilter, MessageLine};
pub use self::sequence::Sequenced;
pub use self::standing::{Closure, Released, Why};
pub use self::trace::{AttemptView, MessageView, ParcelView, StoredMessage, StoredParcel, Trace};
pub use self::types::{
    Accepted, AttemptOutcome, ConfirmOrder, DispatchFn, FeedbackFn, Handed, Held, LeaseToken, Look,
    LookFn, Outgoing, ParcelDetail, ParcelState, QuarantineId, Received, Refused, Rules,
    Submission, Suspended,
};
pub use self::unblock::UnblockOrder;
pub use self::unconfirmed::{MailboxOrder, Unconfirmed};
pub use self::verify::{FINDINGS_MAX, Finding, FindingCode, VerifyReport};
pub use self::writer::{GROUP_MAX, QUEUE_MAX, Writer};

use self::health::Health;
use self::keys::{Part, Vault, open_row_key, open_sealed};
use self::lease::Leased;
use self::open::{At, Databases};
use self::order::{Command, Done, Order};
use self::roll::Roll;
use self::sql::Pool;
use self::standing::Gate;
use self::witness::Witness;
use crate::evidence::{HubKeys, LeafKind};
use crate::message::{ParcelId, PartnerId, Stage, Timestamp};

/// The way to the journal; cheap to clone.
#[derive(Clone)]
pub struct Journal {
    queue: mpsc::Sender<Command>,
    reads: Pool,
    databases: Databases,
    vault: Arc<Vault>,
    changes: watch::Receiver<u64>,
    health: Arc<Health>,
    gate: Arc<Gate>,
    witness: Witness,
    roll: Arc<Roll>,
    /// Until a deliverer takes it.
    fresh: Arc<Mutex<Option<Fresh>>>,
    /// `None` where this process only reads.
    _lock: Option<Arc<File>>,
}

impl Journal {
    /// Opens the journal, or makes one, and finishes what a crash left half done.
    /// The writer that comes with it has to be run; it ends when the last `Journal` is dropped.
    pub async fn open(
        store: &Store,
        hub: Arc<HubKeys>,
        now: Timestamp,
    ) -> Result<(Self, Writer), OpenError> {
        Self::open_databases(store, Databases::of(store), hub, now).await
    }

    async fn open_databases(
        store: &Store,
        databases: Databases,
        hub: Arc<HubKeys>,
        now: Timestamp,
    ) -> Result<(Self, Writer), OpenError> {
        let lock = match &store.at {
            At::Folder(dir) => Some(open::lock(dir)?),
            At::Postgres(_) => None,
        };
        let mut conn = databases.connect_journal().await?;
        open::check_keys(&mut conn, &hub).await?;
        drop(databases.connect_keys().await?);
        let vault = Arc::new(Vault::new(hub, databases.read_keys().await?));
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let reads = databases.read_journal().await?;
        let (tick, changes) = watch::channel(0);
        let (keys, file) = (Arc::clone(&vault), lock.clone());
        let (fresh, door) = fresh::fresh();
        let witness = store.witness.clone();
        let stores = (databases.clone(), witness.clone());
        let mut writer = Writer::open(queue, stores, keys, tick, file, now).await?;
        writer.fresh = Some(door);
        let (health, gate) = (Arc::clone(&writer.health), Arc::clone(&writer.gate));
        let roll = Arc::clone(&writer.roll);
        let fresh = Arc::new(Mutex::new(Some(fresh)));
        let journal = Self {
            queue: sender,
            reads,
            databases,
            vault,
            changes,
            health,
            gate,
            witness,
            roll,
            fresh,
            _lock: lock,
        };
        Ok((journal, writer))
    }

    /// Opens an existing journal for reading, also while another process writes it. Orders to
    /// write answer `Stopped`.
    pub async fn open_reader(store: &Store, hub: Arc<HubKeys>) -> Result<Self, OpenError> {
        let databases = Databases::of(store);
        let reads = databases.read_journal().await?;
        open::match_keys(&mut reads.acquire().await?, &hub).await?;
        let vault = Arc::new(Vault::new(hub, databases.read_keys().await?));
        let (queue, _) = mpsc::channel(1);
        let (_, changes) = watch::channel(0);
        Ok(Self {
            queue,
            reads,
            databases,
            vault,
            changes,
            health: Arc::default(),
            gate: Arc::default(),
            witness: store.witness.clone(),
            roll: Arc::default(),
            fresh: Arc::default(),
            _lock: None,
        })
    }

    /// Whether other hubs may write it too.
    pub const fn is_shared(&self) -> bool {
        self.reads.is_postgres()
    }

    /// The keys that the journal is sealed with.
    pub fn hub_keys(&self) -> &Arc<HubKeys> {
        &self.vault.hub
    }

    /// Whether so much waits for the writer that what can wait should.
    pub fn is_crowded(&self) -> bool {
        self.queue.capacity() < self.queue.max_capacity() / 4 * 3
    }

    /// Ticks after each commit by which a parcel may have become due: for who waits for parcels.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// What hands parcels over as soon as they are stored; for one deliverer, so given once.
    pub fn fresh(&self) -> Option<Fresh> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Gives back what nobody tried to deliver: it is due as it was.
    pub async fn release(&self, lease: LeaseToken) -> Result<(), JournalError> {
        self.ask(Order::Release { token: lease.0 }).await.map(drop)
    }

    /// Stores what came in, and all that follows from it. When this answers it is on disk.
    pub async fn receive(&self, submission: Submission) -> Result<Received, JournalError> {
        match self.ask(Order::Receive(Box::new(submission))).await? {
            Done::Received(received) => Ok(received),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Leases the oldest due parcel of each lane of these recipients, urgent ones first.
    pub async fn claim(
        &self,
        recipients: &[PartnerId],
        now: Timestamp,
        limit: usize,
        lease_seconds: i64,
    ) -> Result<Vec<Outgoing>, JournalError> {
        let recipients = recipients.to_vec();
        let order = Order::Claim { recipients, now, limit, lease_seconds };
        self.handed_out(order).await
    }

    /// Leases what a partner may collect, in the order in which it is to read it.
    pub async fn collect(
        &self,
        partner: &PartnerId,
        now: Timestamp,
        limit: usize,
        lease_seconds: i64,
        look: Arc<LookFn>,
    ) -> Result<Handed, JournalError> {
        let order = Order::Collect { partner: partner.clone(), now, limit, lease_seconds, look };
        match self.ask(order).await? {
            Done::Leased(leased) => {
                let mut looks = leased.looks.clone();
                let mut handed = Handed::default();
                for parcel in self.open_or_release(&leased).await? {
                    match looks.remove(&parcel.id.into()) {
                        None => handed.parcels.push(parcel),
                        Some(look) => handed.review.push((parcel, look)),
                    }
                }
                Ok(handed)
            }
            _ => Err(JournalError::Stopped),
        }
    }

    /// Ends an attempt to deliver.
    pub async fn settle(
        &self,
        parcel: ParcelId,
        lease: LeaseToken,
        outcome: AttemptOutcome,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        self.ask(Order::Settle { parcel, lease, outcome, now }).await.map(drop)
    }

    /// A recipient's word about a parcel. Answers with the stage that now holds.
    pub async fn confirm(
        &self,
        order: ConfirmOrder,
        rules: Arc<Rules>,
    ) -> Result<Stage, JournalError> {
        match self.ask(Order::Confirm { order, rules }).await? {
            Done::Stage(stage) => Ok(stage),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Releases or drops an entry of quarantine.
    pub async fn decide_quarantine(
        &self,
        order: QuarantineOrder,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        self.ask(Order::Quarantine { order, now }).await.map(drop)
    }

    /// Stores the parcels that today's rules make of an existing message.
    pub async fn replay(&self, replay: Replay) -> Result<Replayed, JournalError> {
        match self.ask(Order::Replay(Box::new(replay))).await? {
            Done::Replayed(replayed) => Ok(replayed),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Suspension, credentials, secrets, activation. Answers with the id of what was added.
    pub async fn partner_order(
        &self,
        order: PartnerOrder,
        now: Timestamp,
    ) -> Result<Option<Uuid>, JournalError> {
        match self.ask(Order::Partner { order, now }).await? {
            Done::Added(id) => Ok(id),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Numbers new leaves and signs the tree: one step, at least every minute.
    pub async fn sequence(&self, now: Timestamp) -> Result<Sequenced, JournalError> {
        match self.ask(Order::Sequence { now }).await? {
            Done::Sequenced(sequenced) => Ok(sequenced),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Destroys the content of a case, or of an entry of quarantine, by one order: for what nobody
    /// needs to approve.
    pub async fn erase(&self, order: ErasureOrder, now: Timestamp) -> Result<Erased, JournalError> {
        self.erase_unless_later(order, None, now).await
    }

    /// After the hub's keys were rotated: wraps keys of earlier epochs under the present one, a
    /// bounded number at a time. Answers how many; call again until that is 0.
    pub async fn rewrap_keys(&self) -> Result<u64, JournalError> {
        match self.ask(Order::Rewrap).await? {
            Done::Rewrapped(count) => Ok(count),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Among several hubs: shows that this one is there, and frees what a hub had leased that is
    /// gone. Once a second; answers how many leases were freed.
    pub async fn beat(&self, now: Timestamp) -> Result<u64, JournalError> {
        match self.ask(Order::Beat { now }).await? {
            Done::Freed(count) => Ok(count),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Queues an order. From here on its caller may go away: the writer carries it out.
    async fn ask(&self, order: Order) -> Result<Done, JournalError> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Command { order, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => JournalError::Busy,
            mpsc::error::TrySendError::Closed(_) => JournalError::Stopped,
        })?;
        answer.await.map_err(|_| JournalError::Stopped)?
    }

    async fn handed_out(&self, order: Order) -> Result<Vec<Outgoing>, JournalError> {
        match self.ask(order).await? {
            Done::Leased(leased) => self.open_or_release(&leased).await,
            _ => Err(JournalError::Stopped),
        }
    }

    /// Opens leased parcels. Where that fails nobody gets them, so that their lease ends.
    async fn open_or_release(&self, leased: &Leased) -> Result<Vec<Outgoing>, JournalError> {
        let opened = self.open_leased(leased).await;
        if opened.is_err() {
            // Where this fails as well the lease ends by itself.
            let _released = self.ask(Order::Release { token: leased.token }).await;
        }
        opened
    }

    /// Opens leased parcels outside the writer, which has better things to do. A parcel whose
    /// case was erased in between is left out.
    async fn open_leased(&self, leased: &Leased) -> Result<Vec<Outgoing>, JournalError> {
        if leased.parcels.is_empty() {
            return Ok(Vec::new());
        }
        let mut conn = self.reads.acquire().await?;
        let rows = lease::leased_rows(&mut conn, leased).await?;
        let checkpoint = views::newest_checkpoint(&mut conn).await?;
        drop(conn);
        let mut holders = std::collections::BTreeSet::new();
        for row in &rows {
            holders.insert(row.uuid("case_id")?);
        }
        let keys = self.vault.holder_keys(holders).await?;
        let mut parcels = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some(holder) = keys.get(&row.uuid("case_id")?) else { continue };
            let id = row.uuid("id")?;
            let key = open_row_key(holder, id, &row.blob("sealed_key")?)?;
            let (salt, bytes) = open_sealed(&key, id, Part::Parcel, &row.blob("document")?)?;
            parcels.push(Outgoing {
                lease: LeaseToken(leased.token),
                bytes,
                salt,
                checkpoint: checkpoint.clone(),
                ..views::outgoing(row)?
            });
        }
        Ok(parcels)
    }
}
