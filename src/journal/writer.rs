//! The one task that writes. Orders queue for it and are committed in groups; a caller that goes
//! away cannot take its write back, and what fails by itself fails alone.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::alarm::release_notices;
use super::beat::{self, Neighbours};
use super::counters::Counters;
use super::crowd;
use super::fresh::FreshDoor;
use super::health::{Health, Probes};
use super::keys::{CASE_KEY, Vault};
use super::open::Databases;
use super::order::{Answer, Command, Done, Order};
use super::roll::Roll;
use super::sequence::Tree;
use super::sql::Conn;
use super::standing::{self, Closure, Gate};
use super::unit::Unit;
use super::witness::Witness;
use super::{JournalError, OpenError, lease, partners, shared};
use crate::message::{PartnerId, Timestamp};

/// Orders that wait at most; beyond it callers hear `Busy`.
pub const QUEUE_MAX: usize = 1024;

/// How often a group that met another hub at the wrong moment is tried again.
const CONFLICTS_MAX: usize = 5;

/// Orders committed together at most.
pub const GROUP_MAX: usize = 256;

/// The writer; `lifecycle` runs it, and ends the process when it ends by itself.
pub struct Writer {
    queue: mpsc::Receiver<Command>,
    databases: Databases,
    witness: Witness,
    vault: Arc<Vault>,
    state: Option<State>,
    /// The last moment that an order named: when it was found what a failure led to.
    seen: Timestamp,
    /// After a failure it may not be known whether leases were stored.
    in_doubt: bool,
    neighbours: Neighbours,
    /// Ticks when parcels may have become due.
    changes: watch::Sender<u64>,
    pub(super) health: Arc<Health>,
    pub(super) gate: Arc<Gate>,
    pub(super) roll: Arc<Roll>,
    /// Where parcels leave at once.
    pub(super) fresh: Option<FreshDoor>,
    /// Held as long as anything may be written.
    _lock: Option<Arc<File>>,
}

/// What the writer knows beside its connections; read again after every failure.
pub(super) struct State {
    pub journal: Conn,
    pub keys: Conn,
    pub counters: Counters,
    suspended: BTreeSet<PartnerId>,
    /// The same, with whoever goes on for one of them.
    shut: BTreeSet<PartnerId>,
    roll: Arc<Roll>,
    /// Whose last attempt failed.
    failing: BTreeSet<PartnerId>,
    tree: Tree,
    /// The newest signed checkpoint, which over PostgreSQL may be another hub's.
    checkpoint: Option<Arc<str>>,
    probes: Probes,
    pub witness: Witness,
    /// The checkpoint that the witness was told last.
    pub noted: Option<Arc<str>>,
    /// Why the journal is only read, where it is.
    pub closure: Option<Closure>,
    left_due: bool,
}

impl Writer {
    pub(super) async fn open(
        queue: mpsc::Receiver<Command>,
        (databases, witness): (Databases, Witness),
        vault: Arc<Vault>,
        changes: watch::Sender<u64>,
        lock: Option<Arc<File>>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        vault.rename()?;
        let roll = Arc::new(Roll::default());
        let mut state = State::open(&databases, &witness, &vault, (&roll, now)).await?;
        state.apply_erasures(&vault, now).await?;
        if !state.journal.is_postgres() && state.closure.is_none() {
            lease::release_all(&mut state.journal, now).await?;
            release_notices(&mut state.journal, now).await?;
            crowd::release_jobs(&mut state.journal).await?;
        }
        let gate = Arc::new(Gate::default());
        gate.set(state.closure.clone());
        Ok(Self {
            queue,
            databases,
            witness,
            vault,
            state: Some(state),
            seen: now,
            in_doubt: false,
            neighbours: Neighbours::default(),
            changes,
            health: Arc::default(),
            gate,
            roll,
            fresh: None,
            _lock: lock,
        })
    }

    /// Runs until every `Journal` is gone and the queue is empty.
    pub async fn run(mut self) {
        while self.step().await {}
    }

    /// One group; false when there will be no more.
    pub async fn step(&mut self) -> bool {
        let mut commands = Vec::with_capacity(GROUP_MAX);
        if self.queue.recv_many(&mut commands, GROUP_MAX).await == 0 {
            return false;
        }
        let (alone, group): (Vec<_>, Vec<_>) =
            commands.into_iter().partition(|command| command.order.goes_alone());
        let orders: Vec<&Order> = group.iter().map(|command| &command.order).collect();
        let answers = self.carry_out(&orders).await;
        if self.left_due() || orders.iter().any(|order| order.may_free_parcels()) {
            self.changes.send_modify(|tick| *tick += 1);
        }
        for (command, answer) in group.into_iter().zip(answers) {
            // A caller that went away does not hear what was done.
            let _ = command.reply.send(answer);
        }
        for Command { order, reply } in alone {
            let _ = reply.send(self.alone(&order).await);
        }
        true
    }

    /// Whether what was written since the last time left parcels that somebody may claim.
    fn left_due(&mut self) -> bool {
        self.state.as_mut().is_none_or(|state| std::mem::take(&mut state.left_due))
    }

    /// Commits the orders together; where one of them spoils that, each by itself.
    async fn carry_out(&mut self, orders: &[&Order]) -> Vec<Answer> {
        if orders.is_empty() {
            return Vec::new();
        }
        if self.gate.is_closed() {
            return orders.iter().map(|_| Err(JournalError::Closed)).collect();
        }
        self.seen = orders.iter().find_map(|order| order.sequence_at()).unwrap_or(self.seen);
        let mut done = self.try_group(orders).await;
        for _ in 0..CONFLICTS_MAX {
            if !done.as_ref().is_err_and(JournalError::is_conflict) {
                break;
            }
            done = self.try_group(orders).await;
        }
        let error = match done {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        self.health.failed(&error);
        tracing::error!(error = %error, cause = ?error_cause(&error), "a group was not committed");
        if orders.len() == 1 || !error.may_be_one_order() {
            return orders.iter().map(|_| Err(error.clone())).collect();
        }
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let answer = self.try_group(&[*order]).await.map(|mut answers| answers.pop());
            answers.push(match answer {
                Ok(answer) => answer.unwrap_or(Err(JournalError::Stopped)),
                Err(error) => Err(error),
            });
        }
        answers
    }

    /// Opens the databases again where the last group failed.
    async fn ready(&mut self) -> Result<State, JournalError> {
        if let Some(state) = self.state.take() {
            return Ok(state);
        }
        if std::mem::take(&mut self.in_doubt) {
            self.vault.rename()?;
        }
        let moment = (&self.roll, self.seen);
        let opened = State::open(&self.databases, &self.witness, &self.vault, moment).await;
        let state = opened.map_err(|error| match error {
            OpenError::Database(source) => source.into(),
            OpenError::Recovery(error) => error,
            _ => JournalError::Unreadable("the state of the journal"),
        })?;
        self.gate.set(state.closure.clone());
        Ok(state)
    }

    async fn try_group(&mut self, orders: &[&Order]) -> Result<Vec<Answer>, JournalError> {
        let mut state = self.ready().await?;
        if state.closure.is_some() {
            // The journal is another than it was before the last failure.
            self.state = Some(state);
            return Err(JournalError::Closed);
        }
        #[cfg(test)]
        self.databases.limit_pages(&mut state.journal).await?;
        let done = state.group(&self.vault, self.fresh.as_ref(), orders).await;
        self.in_doubt |= done.as_ref().is_err_and(JournalError::is_in_doubt);
        let answers = done?;
        self.health.committed();
        // After a failure the connections are dropped with the state, and with them their
        // transactions.
        self.state = Some(state);
        Ok(answers)
    }

    /// An order with transactions of its own; once more where another hub was in its way.
    async fn alone(&mut self, order: &Order) -> Answer {
        let mut done = self.try_alone(order).await;
        for _ in 0..CONFLICTS_MAX {
            if !done.as_ref().is_err_and(JournalError::is_conflict) {
                break;
            }
            done = self.try_alone(order).await;
        }
        done
    }

    async fn try_alone(&mut self, order: &Order) -> Answer {
        if self.gate.is_closed() && matches!(order, Order::Beat { .. }) {
            // Another hub may have released it.
            self.state = None;
        }
        let mut state = self.ready().await?;
        let answer = match order {
            Order::Compare { notes, erased, now } => {
                state.compare(&self.vault, notes, erased, *now).await.map(Done::Compared)
            }
            Order::Reopen { by, why, now } => {
                state.reopen(&self.vault, by, why, *now).await.map(Done::Released)
            }
            Order::Beat { .. } if state.closure.is_some() => Ok(Done::Freed(0)),
            _ if state.closure.is_some() => Err(JournalError::Closed),
            Order::Erase { order, last, now } => {
                state.erase(&self.vault, order, *last, *now).await.map(Done::Erased)
            }
            Order::FinishErasures { now } => {
                state.finish_erasures(&self.vault, *now).await.map(|()| Done::Settled)
            }
            Order::ApproveErasure { order, rules, set, now } => {
                let done = state.approve_erasure(&self.vault, order, (rules, set), *now).await;
                done.map(Done::ErasureDone)
            }
            // One hub alone has nobody to show itself to.
            Order::Beat { .. } if !state.journal.is_postgres() => Ok(Done::Freed(0)),
            Order::Beat { now } => {
                let (neighbours, own) = (&mut self.neighbours, self.vault.instance());
                neighbours.beat(&mut state.journal, own, *now).await.map(Done::Freed)
            }
            Order::Rewrap => self.vault.rewrap(&mut state.keys).await.map(Done::Rewrapped),
            _ => Err(JournalError::Stopped),
        };
        match &answer {
            // Found in the middle: what is open and who waits is learned anew.
            Err(JournalError::Closed) if state.closure.is_none() => {}
            Err(error) if !error.concerns_order_only() => self.health.failed(error),
            _ => {
                self.gate.set(state.closure.clone());
                self.state = Some(state);
            }
        }
        answer
    }
}

/// The database's own words, which name tables and files but never values.
fn error_cause(error: &JournalError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

impl State {
    async fn open(
        databases: &Databases,
        witness: &Witness,
        vault: &Vault,
        (roll, now): (&Arc<Roll>, Timestamp),
    ) -> Result<Self, OpenError> {
        let mut journal = databases.connect_journal().await?;
        let keys = databases.connect_keys().await?;
        // As of one moment: another hub may sign meanwhile.
        journal.snapshot().await?;
        let counters = Counters::load(&mut journal).await?;
        let suspended = partners::load_suspended(&mut journal).await?;
        let failing = partners::load_failing(&mut journal).await?;
        let tree = Tree::load(&mut journal, &vault.hub).await?;
        journal.end().await?;
        if journal.is_postgres() {
            beat::appear(&mut journal, vault.instance()).await?;
        }
        let seen = witness.read(&vault.hub).await?;
        let closure = standing::judge(&mut journal, &vault.hub, &seen, now).await?;
        let mut state = Self {
            counters,
            suspended,
            shut: BTreeSet::new(),
            roll: Arc::clone(roll),
            failing,
            checkpoint: tree.checkpoint.clone(),
            tree,
            journal,
            keys,
            probes: Probes::default(),
            witness: witness.clone(),
            noted: None,
            closure: None,
            left_due: true,
        };
        if let Some(mut closure) = closure {
            // Before anything of it is read: what was erased since must not come back.
            closure.erased_again += state.erase_again(vault, &seen.erased).await?;
            if standing::load(&mut state.journal).await?.as_ref() != Some(&closure) {
                standing::save(&mut state.journal, &closure).await?;
            }
            state.closure = Some(closure);
        }
        Ok(state)
    }

    /// Before a group that is not alone: learns what other hubs changed.
    pub async fn catch_up(&mut self) -> Result<(), JournalError> {
        if self.journal.is_postgres() {
            self.counters.refill(&mut self.journal).await?;
            let news = shared::news(&mut self.journal).await?;
            if news.closed {
                return Err(JournalError::Closed);
            }
            self.suspended = news.suspended;
            self.failing = news.failing;
            self.checkpoint = news.checkpoint;
        }
        Ok(())
    }

    /// One transaction.
    async fn group(
        &mut self,
        vault: &Vault,
        door: Option<&FreshDoor>,
        orders: &[&Order],
    ) -> Result<Vec<Answer>, JournalError> {
        let mut tree = self.tree.clone();
        let tick = orders.iter().find_map(|order| order.sequence_at());
        let probe = self.probes.due(tick);
        self.journal.begin().await?;
        self.catch_up().await?;
        let mut unit = self.unit(vault);
        unit.door = door;
        if unit.conn.is_postgres() {
            unit.lock(orders).await?;
        }
        let answers = unit.orders(orders, &mut tree).await?;
        unit.flush().await?;
        if probe {
            unit.probe(tick).await?;
        }
        let (counters, new_keys) = (unit.counters, std::mem::take(&mut unit.new_keys));
        let suspensions_changed = unit.suspensions_changed;
        let (left_due, leaving) = (unit.left_due, std::mem::take(&mut unit.leaving));
        let failing = std::mem::take(&mut unit.failing);
        let mut rows = Vec::with_capacity(new_keys.len());
        for (holder, key) in &new_keys {
            rows.push(vault.holder_row(*holder, key)?.to_vec());
        }
        CASE_KEY.insert_committed(&mut self.keys, rows).await?;
        fail::fail_point!("journal-na-sleutels", |_| std::process::abort());
        fail::fail_point!("journal-voor-commit", |_| std::process::abort());
        self.journal.commit().await?;
        fail::fail_point!("journal-na-commit", |_| std::process::abort());
        for (place, parcel) in leaving {
            place.put(parcel);
        }
        self.left_due |= left_due;
        for (holder, key) in new_keys {
            vault.remember(holder, key);
        }
        if probe {
            self.probes.passed(tick);
        }
        self.counters = counters;
        self.failing = failing;
        let signed = tree.checkpoint != self.tree.checkpoint;
        if !self.journal.is_postgres() || signed {
            self.checkpoint = tree.checkpoint.clone();
        }
        self.tree = tree;
        self.tell_witness(vault, self.checkpoint.clone()).await;
        if suspensions_changed {
            self.suspended = partners::load_suspended(&mut self.journal).await?;
        }
        Ok(answers)
    }

    pub fn unit<'w>(&'w mut self, vault: &'w Vault) -> Unit<'w> {
        let (checkpoint, succession) = (self.checkpoint.clone(), self.roll.get());
        self.shut.clone_from(&self.suspended);
        succession.spread(&mut self.shut);
        let mut unit = Unit::new(&mut self.journal, vault, self.counters, &self.shut, checkpoint);
        unit.succession = succession;
        unit.failing = self.failing.clone();
        unit
    }
}
