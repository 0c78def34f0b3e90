//! What a writer does because it is not the only one: over PostgreSQL every hub has its own.
//!
//! A group takes its locks before it reads: first the keys by which messages and cases are found,
//! so that what does not exist yet is made once; then the rows of all cases it will touch. Both in
//! sorted order, so that two groups wait for each other in one direction only. The lanes of a case
//! change under the lock of its row, and claims pass by what is locked. So numbers, which
//! sequences give when rows are written, grow within a lane in the order of commit.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::cases;
use super::crowd::JobOrder;
use super::order::Order;
use super::sql::{Cell, Conn, query};
use super::unit::Unit;
use super::{JournalError, PartnerOrder, Submission};
use crate::casework::{self, CorrelationKey};
use crate::message::{Digest, PartnerId};

/// Not a key of anything else: the one sequencer at a time holds it.
const SEQUENCER: i64 = 0x5343_4841_4b45_4c02;

/// The rows of cases that anything in a group is about.
const LOCK: &str = "select c.id from cases c where c.id in (
        select case_id from correlation where key = any($1)
        union all select id from cases where number = any($2)
        union all select d.case_id from dossier d join cases taker on taker.id = d.merged_into
            where taker.number = any($2)
        union all select case_id from inbox where key = any($3)
        union all select case_id from outbox where id = any($4)
        union all select case_id from inbox where id = any($5)
        union all select case_id from quarantine where id = any($6)
        union all select o.case_id from quarantine q join outbox o on o.id = q.parcel_id
            where q.id = any($6))
    order by c.id for no key update of c";

/// What a group is about.
#[derive(Default)]
struct Wanted {
    /// Keys to lock though nothing may exist under them.
    keys: BTreeSet<i64>,
    correlations: BTreeSet<Digest>,
    numbers: BTreeSet<String>,
    messages: BTreeSet<Digest>,
    parcels: BTreeSet<Uuid>,
    /// Messages by id, of replays.
    replays: BTreeSet<Uuid>,
    quarantine: BTreeSet<Uuid>,
}

/// What other hubs may have changed since the last group.
pub(super) struct News {
    pub suspended: BTreeSet<PartnerId>,
    pub failing: BTreeSet<PartnerId>,
    pub checkpoint: Option<std::sync::Arc<str>>,
    /// The journal may only be read.
    pub closed: bool,
}

/// Reads it, in one go.
pub(super) async fn news(conn: &mut Conn) -> Result<News, sqlx::Error> {
    let sql = "select (select note from checkpoint order by size desc limit 1) as note,
            (select string_agg(partner, ' ') from suspension) as suspended,
            (select string_agg(partner, ' ') from failing) as failing,
            exists (select 1 from meta where name = 'herstel') as closed";
    let row = query(sql, []).fetch_one(conn).await?;
    let names = |column: &str| -> Result<BTreeSet<PartnerId>, sqlx::Error> {
        let names = row.maybe_text(column)?.unwrap_or_default();
        let read = |name: &str| name.parse().map_err(|_| super::sql::unreadable(column));
        names.split_whitespace().map(read).collect()
    };
    Ok(News {
        suspended: names("suspended")?,
        failing: names("failing")?,
        checkpoint: row.maybe_text("note")?.map(Into::into),
        closed: row.int("closed")? != 0,
    })
}

/// Takes the sequencer's place until the transaction ends; false where another hub has it.
pub(super) async fn become_sequencer(conn: &mut Conn) -> Result<bool, sqlx::Error> {
    let sql = "select pg_try_advisory_xact_lock($1) as mine";
    Ok(query(sql, [SEQUENCER.into()]).fetch_one(conn).await?.int("mine")? != 0)
}

/// Locks one case, for who works outside a group. No matter where it does not exist.
pub(super) async fn lock_case(conn: &mut Conn, case: Uuid) -> Result<(), sqlx::Error> {
    let sql = "select id from cases where id = $1 for no key update";
    query(sql, [case.into()]).fetch_optional(conn).await.map(drop)
}

impl Unit<'_> {
    /// Takes the locks of a group.
    pub async fn lock(&mut self, orders: &[&Order]) -> Result<(), JournalError> {
        let mut wanted = Wanted::default();
        for order in orders {
            self.want(order, &mut wanted);
        }
        if !wanted.keys.is_empty() {
            let sql = "select pg_advisory_xact_lock(key) from unnest($1) as key";
            let keys = wanted.keys.iter().copied().map(Cell::from).collect();
            query(sql, [Cell::array(keys)]).fetch_all(self.conn).await?;
        }
        if wanted.has_cases() {
            query(LOCK, wanted.cells()).fetch_all(self.conn).await?;
        }
        Ok(())
    }

    /// What operators decide about something is decided one at a time.
    fn want_office(&self, about: &[u8], wanted: &mut Wanted) {
        wanted.keys.insert(lock_of(self.vault.hub.lookup_hash("beheer", about)));
    }

    /// What a message that came in is about.
    fn want_message(&self, submission: &Submission, wanted: &mut Wanted) {
        let Ok(admitted) = &submission.verdict else { return };
        let message = admitted.message();
        for name in self.succession.names(&submission.partner) {
            let id = self.message_key(name, message);
            wanted.keys.insert(lock_of(id));
            wanted.messages.insert(id);
        }
        for key in casework::keys(message, &self.succession) {
            match &key {
                CorrelationKey::Case { number, .. } => {
                    wanted.numbers.insert(number.clone());
                }
                key => {
                    let hash = cases::hash_of(self, key);
                    wanted.keys.insert(lock_of(hash));
                    wanted.correlations.insert(hash);
                }
            }
        }
        wanted.parcels.extend(message.confirmation.iter().map(|c| Uuid::from(c.parcel)));
    }

    fn want(&self, order: &Order, wanted: &mut Wanted) {
        match order {
            Order::Receive(submission) => self.want_message(submission, wanted),
            // How much a partner has in quarantine is counted by one hub at a time.
            Order::TurnAway(message) if message.barred => {
                self.want_office(message.partner.as_str().as_bytes(), wanted);
            }
            Order::TurnAway(_) => {}
            Order::Mailbox { order, .. } => drop(wanted.parcels.insert(order.parcel().into())),
            Order::Settle { parcel, .. } => drop(wanted.parcels.insert((*parcel).into())),
            Order::Confirm { order, .. } => drop(wanted.parcels.insert(order.parcel.into())),
            Order::Quarantine { order, .. } => drop(wanted.quarantine.insert(order.id.0)),
            Order::Replay(replay) => {
                wanted.replays.insert(replay.message.into());
                wanted.quarantine.extend(replay.settles.entry.iter().map(|order| order.id.0));
            }
            Order::Partner { order, .. } => {
                let about = match order {
                    PartnerOrder::Suspend { partner, .. }
                    | PartnerOrder::Resume { partner, .. }
                    | PartnerOrder::Test { partner, .. }
                    | PartnerOrder::AddToken { partner, .. }
                    | PartnerOrder::AddSecret { partner, .. } => partner.as_str(),
                    _ => "",
                };
                self.want_office(about.as_bytes(), wanted);
            }
            Order::Case { order, .. } => {
                let numbers = order.cases().into_iter().map(ToString::to_string);
                wanted.numbers.extend(numbers);
            }
            Order::Hold { order, .. } => drop(wanted.replays.insert(order.message.into())),
            // Locks what it finds, and passes by what another has.
            Order::Clock { .. } => {}
            // One hub at a time says what starts, what ends and who tells it.
            Order::TellRegie { .. } => self.want_office(b"regie", wanted),
            Order::Alarm(_) => self.want_office(b"storingen", wanted),
            // One job at a time is made or gathered, so that two that overlap see each other.
            Order::Job { order, .. } => {
                if matches!(**order, JobOrder::Make(_) | JobOrder::Gather { .. }) {
                    wanted.keys.insert(lock_of(self.vault.hub.lookup_hash("klus", b"")));
                }
            }
            Order::Unblock { order, .. } => {
                self.want_office(order.partner.as_str().as_bytes(), wanted);
            }
            // Passes by what another works on.
            Order::MakeDue { .. } => {}
            // An entry is never taken away, and what it says does not matter here.
            Order::Reveal { .. } => {}
            // Each is about rows of its own; what two want at once, the rows themselves settle.
            Order::Account { .. } | Order::RevealField { .. } => {}
            // Claims lock what they find, and pass by what another has.
            Order::Claim { .. } | Order::Collect { .. } | Order::Release { .. } => {}
            // These have transactions of their own.
            Order::Sequence { .. } | Order::Erase { .. } | Order::Rewrap | Order::Beat { .. } => {}
            Order::FinishErasures { .. } | Order::ApproveErasure { .. } => {}
            Order::AskErasure { .. } | Order::RefuseErasure { .. } => {
                self.want_office(b"wissen", wanted);
            }
            // Changes nothing but the moment at which each is looked at.
            Order::KeepLoose { .. } => {}
            Order::Compare { .. } | Order::Reopen { .. } => {}
        }
    }
}

impl Wanted {
    fn has_cases(&self) -> bool {
        !(self.correlations.is_empty()
            && self.numbers.is_empty()
            && self.messages.is_empty()
            && self.parcels.is_empty()
            && self.replays.is_empty()
            && self.quarantine.is_empty())
    }

    fn cells(self) -> [Cell; 6] {
        let digests =
            |set: BTreeSet<Digest>| Cell::Blobs(set.iter().map(|d| Some(d.0.to_vec())).collect());
        let ids = |set: BTreeSet<Uuid>| {
            Cell::Blobs(set.iter().map(|id| Some(id.as_bytes().to_vec())).collect())
        };
        [
            digests(self.correlations),
            Cell::Texts(self.numbers.into_iter().map(Some).collect()),
            digests(self.messages),
            ids(self.parcels),
            ids(self.replays),
            ids(self.quarantine),
        ]
    }
}

/// The lock of a keyed hash. Two that share it wait for each other for nothing, which is rare.
fn lock_of(hash: Digest) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = hash.0;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
