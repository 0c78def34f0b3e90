//! The one task that writes. Orders queue for it and are committed in groups; a caller that goes
//! away cannot take its write back, and what fails by itself fails alone.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot, watch};

use super::door::{Kept, TurnedAway};
use super::erase::{self, Erased, ErasureOrder};
use super::health::{Health, Probes};
use super::keys::{CASE_KEY, Vault};
use super::lease::{self, Leased};
use super::open::Databases;
use super::partners::{self, PartnerOrder};
use super::quarantine::QuarantineOrder;
use super::replace::{Replay, Replayed};
use super::reveal::RevealOrder;
use super::sequence::{Sequenced, Tree};
use super::sql::{Cell, query};
use super::unit::{Counters, Unit};
use super::{
    AttemptOutcome, ConfirmOrder, JournalError, LeaseToken, LookFn, MailboxOrder, OpenError,
    Received, Rules, Submission,
};
use crate::message::{ParcelId, PartnerId, Stage, Timestamp};

/// Orders that wait at most; beyond it callers hear `Busy`.
pub const QUEUE_MAX: usize = 1024;

/// Orders committed together at most.
pub const GROUP_MAX: usize = 256;

/// What the writer is asked to do.
pub(super) enum Order {
    Receive(Box<Submission>),
    TurnAway(Box<TurnedAway>),
    Claim {
        recipients: Vec<PartnerId>,
        now: Timestamp,
        limit: usize,
        lease_seconds: i64,
    },
    Collect {
        partner: PartnerId,
        now: Timestamp,
        limit: usize,
        lease_seconds: i64,
        look: Arc<LookFn>,
    },
    Settle {
        parcel: ParcelId,
        lease: LeaseToken,
        outcome: AttemptOutcome,
        now: Timestamp,
    },
    Confirm {
        order: ConfirmOrder,
        rules: Arc<Rules>,
    },
    Quarantine {
        order: QuarantineOrder,
        now: Timestamp,
    },
    Reveal {
        order: RevealOrder,
        now: Timestamp,
    },
    Replay(Box<Replay>),
    Partner {
        order: PartnerOrder,
        now: Timestamp,
    },
    Sequence {
        now: Timestamp,
    },
    Erase {
        order: ErasureOrder,
        now: Timestamp,
    },
    Rewrap,
    Mailbox {
        order: MailboxOrder,
        now: Timestamp,
    },
}

/// What the writer answers.
#[derive(Debug)]
pub(super) enum Done {
    Received(Received),
    TurnedAway(Option<Kept>),
    Leased(Leased),
    Settled,
    Stage(Stage),
    Replayed(Replayed),
    Added(Option<uuid::Uuid>),
    Sequenced(Sequenced),
    Erased(Erased),
    Rewrapped(u64),
}

pub(super) type Answer = Result<Done, JournalError>;

pub(super) struct Command {
    pub order: Order,
    pub reply: oneshot::Sender<Answer>,
}

/// The writer; `lifecycle` runs it, and ends the process when it ends by itself.
pub struct Writer {
    queue: mpsc::Receiver<Command>,
    databases: Databases,
    vault: Arc<Vault>,
    state: Option<State>,
    /// Ticks when parcels may have become due.
    changes: watch::Sender<u64>,
    pub(super) health: Arc<Health>,
    /// Held as long as anything may be written.
    _lock: Arc<File>,
}

/// What the writer knows beside its connections; read again after every failure.
pub(super) struct State {
    journal: SqliteConnection,
    keys: SqliteConnection,
    counters: Counters,
    suspended: BTreeSet<PartnerId>,
    tree: Tree,
    probes: Probes,
}

impl Writer {
    pub(super) async fn open(
        queue: mpsc::Receiver<Command>,
        databases: Databases,
        vault: Arc<Vault>,
        changes: watch::Sender<u64>,
        lock: Arc<File>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let mut state = State::open(&databases, &vault).await?;
        state.apply_erasures(&vault, now).await?;
        lease::release_all(&mut state.journal, now).await?;
        let health = Arc::default();
        Ok(Self { queue, databases, vault, state: Some(state), changes, health, _lock: lock })
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
        if orders.iter().any(|order| order.may_free_parcels()) {
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

    /// Commits the orders together; where one of them spoils that, each by itself.
    async fn carry_out(&mut self, orders: &[&Order]) -> Vec<Answer> {
        if orders.is_empty() {
            return Vec::new();
        }
        let error = match self.try_group(orders).await {
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
        match self.state.take() {
            Some(state) => Ok(state),
            None => State::open(&self.databases, &self.vault).await.map_err(|error| match error {
                OpenError::Database(source) => source.into(),
                OpenError::Recovery(error) => error,
                _ => JournalError::Unreadable("the state of the journal"),
            }),
        }
    }

    async fn try_group(&mut self, orders: &[&Order]) -> Result<Vec<Answer>, JournalError> {
        let mut state = self.ready().await?;
        #[cfg(test)]
        self.databases.limit_pages(&mut state.journal).await?;
        let answers = state.group(&self.vault, orders).await?;
        self.health.committed();
        // After a failure the connections are dropped with the state, and with them their
        // transactions.
        self.state = Some(state);
        Ok(answers)
    }

    /// An order with transactions of its own.
    async fn alone(&mut self, order: &Order) -> Answer {
        let mut state = self.ready().await?;
        let answer = match order {
            Order::Erase { order, now } => {
                state.erase(&self.vault, order, *now).await.map(Done::Erased)
            }
            Order::Rewrap => self.vault.rewrap(&mut state.keys).await.map(Done::Rewrapped),
            _ => Err(JournalError::Stopped),
        };
        match &answer {
            Err(error) if !error.concerns_order_only() => self.health.failed(error),
            _ => self.state = Some(state),
        }
        answer
    }
}

/// The database's own words, which name tables and files but never values.
fn error_cause(error: &JournalError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

impl State {
    async fn open(databases: &Databases, vault: &Vault) -> Result<Self, OpenError> {
        let mut journal = databases.connect_journal().await?;
        let keys = databases.connect_keys().await?;
        Ok(Self {
            counters: Counters::load(&mut journal).await?,
            suspended: partners::load_suspended(&mut journal).await?,
            tree: Tree::load(&mut journal, &vault.hub).await?,
            journal,
            keys,
            probes: Probes::default(),
        })
    }

    /// One transaction.
    async fn group(
        &mut self,
        vault: &Vault,
        orders: &[&Order],
    ) -> Result<Vec<Answer>, JournalError> {
        let mut tree = self.tree.clone();
        sqlx::query("begin immediate").execute(&mut self.journal).await?;
        let mut unit = Unit::new(
            &mut self.journal,
            vault,
            self.counters,
            &self.suspended,
            self.tree.checkpoint.clone(),
        );
        let answers = unit.orders(orders, &mut tree).await?;
        unit.flush().await?;
        let tick = orders.iter().find_map(|order| order.sequence_at());
        let probe = self.probes.due(tick);
        if probe {
            unit.probe(tick).await?;
        }
        let (counters, new_keys) = (unit.counters, std::mem::take(&mut unit.new_keys));
        let suspensions_changed = unit.suspensions_changed;
        let mut rows = Vec::with_capacity(new_keys.len());
        for (holder, key) in &new_keys {
            rows.push(vault.holder_row(*holder, key)?.to_vec());
        }
        CASE_KEY.insert_committed(&mut self.keys, rows).await?;
        fail::fail_point!("journal-na-sleutels", |_| std::process::abort());
        fail::fail_point!("journal-voor-commit", |_| std::process::abort());
        sqlx::query("commit").execute(&mut self.journal).await?;
        fail::fail_point!("journal-na-commit", |_| std::process::abort());
        for (holder, key) in new_keys {
            vault.remember(holder, key);
        }
        if probe {
            self.probes.passed(tick);
        }
        self.counters = counters;
        self.tree = tree;
        if suspensions_changed {
            self.suspended = partners::load_suspended(&mut self.journal).await?;
        }
        Ok(answers)
    }

    /// The three steps of an erasure.
    async fn erase(
        &mut self,
        vault: &Vault,
        order: &ErasureOrder,
        now: Timestamp,
    ) -> Result<Erased, JournalError> {
        sqlx::query("begin immediate").execute(&mut self.journal).await?;
        let checkpoint = self.tree.checkpoint.clone();
        let mut unit =
            Unit::new(&mut self.journal, vault, self.counters, &self.suspended, checkpoint);
        let intent = match unit.intend(order, now).await {
            Ok(intent) => intent,
            Err(error) => {
                sqlx::query("rollback").execute(&mut self.journal).await?;
                return Err(error);
            }
        };
        sqlx::query("commit").execute(&mut self.journal).await?;
        self.finish(vault, &intent, now).await
    }

    /// The second and third step: the key, then the marks.
    async fn finish(
        &mut self,
        vault: &Vault,
        intent: &erase::Intent,
        now: Timestamp,
    ) -> Result<Erased, JournalError> {
        fail::fail_point!("journal-wissing-halverwege", |_| std::process::abort());
        self.destroy_keys(vec![intent.holder.into()]).await?;
        vault.forget(intent.holder);
        sqlx::query("begin immediate").execute(&mut self.journal).await?;
        let checkpoint = self.tree.checkpoint.clone();
        let mut unit =
            Unit::new(&mut self.journal, vault, self.counters, &self.suspended, checkpoint);
        let erased = unit.finish_erasure(intent, now).await?;
        unit.flush().await?;
        let counters = unit.counters;
        sqlx::query("commit").execute(&mut self.journal).await?;
        self.counters = counters;
        Ok(erased)
    }

    /// Overwrites the keys (`secure_delete`), and empties the log that still holds them.
    async fn destroy_keys(&mut self, holders: Vec<Cell>) -> Result<(), JournalError> {
        for holder in holders {
            let delete = query("delete from case_key where holder = $1", [holder]);
            delete.execute(&mut self.keys).await?;
        }
        sqlx::query("pragma wal_checkpoint(truncate)").execute(&mut self.keys).await?;
        Ok(())
    }

    /// At the start: finishes what was begun, and erases again what a restored key store
    /// brought back.
    async fn apply_erasures(&mut self, vault: &Vault, now: Timestamp) -> Result<(), OpenError> {
        let erased = erase::all_erased(&mut self.journal).await?;
        if !erased.is_empty() {
            self.destroy_keys(erased).await?;
        }
        for intent in erase::unfinished(&mut self.journal).await? {
            self.finish(vault, &intent, now).await?;
        }
        Ok(())
    }
}

impl Unit<'_> {
    /// All orders of a group: first the tree, which reads committed leaves only, then what came
    /// in, then the rest in turn.
    async fn orders(
        &mut self,
        orders: &[&Order],
        tree: &mut Tree,
    ) -> Result<Vec<Answer>, JournalError> {
        let mut sequenced = None;
        if let Some(now) = orders.iter().find_map(|order| order.sequence_at()) {
            sequenced = Some(self.sequence(tree, now).await?);
        }
        let submissions: Vec<&Submission> =
            orders.iter().filter_map(|order| order.submission()).collect();
        let mut received = self.receive(&submissions).await?.into_iter();
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let answer = match order {
                Order::Receive(_) => {
                    received.next().map(Done::Received).ok_or(JournalError::Stopped)
                }
                Order::Sequence { .. } => {
                    sequenced.map(Done::Sequenced).ok_or(JournalError::Stopped)
                }
                other => self.order(other).await,
            };
            match answer {
                Err(error) if !error.concerns_order_only() => return Err(error),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

    async fn order(&mut self, order: &Order) -> Answer {
        match order {
            Order::TurnAway(message) => self.turn_away(message).await.map(Done::TurnedAway),
            Order::Claim { recipients, now, limit, lease_seconds } => {
                self.claim(recipients, *now, *limit, *lease_seconds).await.map(Done::Leased)
            }
            Order::Collect { partner, now, limit, lease_seconds, look } => self
                .collect(partner, *now, *limit, *lease_seconds, look.as_ref())
                .await
                .map(Done::Leased),
            Order::Settle { parcel, lease, outcome, now } => {
                self.settle(*parcel, *lease, outcome, *now).await.map(|()| Done::Settled)
            }
            Order::Confirm { order, rules } => self.confirm(order, rules).await.map(Done::Stage),
            Order::Quarantine { order, now } => {
                self.decide_quarantine(order, *now).await.map(|()| Done::Settled)
            }
            Order::Reveal { order, now } => self.reveal(order, *now).await.map(|()| Done::Settled),
            Order::Replay(replay) => self.replay(replay).await.map(Done::Replayed),
            Order::Mailbox { order, now } => {
                self.mailbox_order(order, *now).await.map(|()| Done::Settled)
            }
            Order::Partner { order, now } => self.partner_order(order, *now).await.map(Done::Added),
            // Handled by their own paths.
            Order::Receive(_) | Order::Sequence { .. } | Order::Erase { .. } | Order::Rewrap => {
                Err(JournalError::Stopped)
            }
        }
    }
}

impl Order {
    /// Whether a parcel may have become due by it. Handing out does not count, or who waits for
    /// parcels would be woken by its own asking.
    const fn may_free_parcels(&self) -> bool {
        !matches!(self, Self::Claim { .. } | Self::Collect { .. } | Self::Sequence { .. })
    }

    /// Whether it has transactions of its own, outside the group.
    const fn goes_alone(&self) -> bool {
        matches!(self, Self::Erase { .. } | Self::Rewrap)
    }

    fn submission(&self) -> Option<&Submission> {
        match self {
            Self::Receive(submission) => Some(submission),
            _ => None,
        }
    }

    fn sequence_at(&self) -> Option<Timestamp> {
        match self {
            Self::Sequence { now } => Some(*now),
            _ => None,
        }
    }
}
