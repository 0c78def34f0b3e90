//! One unit of work: what the orders of one group write, until they are committed together.
//!
//! Leaves, attempts and quarantine entries are collected and written in one go at the end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::counters::Counters;
use super::fresh::{FreshDoor, FreshPlace};
use super::keys::Vault;
use super::sql::{Cell, Conn, Table};
use super::{JournalError, LeafKind, Outgoing};
use crate::evidence::{DataKey, Leaf};
use crate::message::{Digest, PartnerId, Succession, Timestamp};

/// The work of one group, on the write connection, inside a transaction.
pub(super) struct Unit<'w> {
    pub conn: &'w mut Conn,
    pub vault: &'w Vault,
    pub counters: Counters,
    pub suspended: &'w BTreeSet<PartnerId>,
    /// Who goes on under which name.
    pub succession: Arc<Succession>,
    /// The newest signed checkpoint.
    pub checkpoint: Option<Arc<str>>,
    /// Keys of holders that are new in this group: to be committed first.
    pub new_keys: HashMap<Uuid, Arc<DataKey>>,
    pub suspensions_changed: bool,
    /// A parcel became due that nobody has in hand.
    pub left_due: bool,
    /// Where parcels leave at once, and those that will when this is committed.
    pub door: Option<&'w FreshDoor>,
    pub leaving: Vec<(FreshPlace, Outgoing)>,
    /// Whose last attempt failed.
    pub failing: BTreeSet<PartnerId>,
    leaves: Vec<Vec<Cell>>,
    attempts: Vec<Vec<Cell>>,
    quarantined: Vec<Vec<Cell>>,
}

const LEAF: Table = Table { name: "leaf", columns: "id, subject, partner, data", suffix: "" };

const ATTEMPT: Table =
    Table { name: "attempt", columns: "seq, parcel_id, at, outcome, leaf", suffix: "" };

const QUARANTINE: Table = Table {
    name: "quarantine",
    columns: "seq, id, direction, partner, reason, detail, named, at, channel, media_type, \
              case_id, message_id, parcel_id, holder, sealed_key, document, commitment, leaf, \
              state",
    suffix: "",
};

/// A leaf without its moment's particulars: what most of them have in common.
pub(super) struct LeafOf<'a> {
    pub kind: LeafKind,
    pub at: Timestamp,
    pub subject: Uuid,
    pub partner: Option<&'a PartnerId>,
    pub catalogue: Digest,
    pub outcome: String,
    /// Hash of the sealed document, and commitment to it.
    pub document: Option<(Digest, Digest)>,
}

/// An entry for quarantine; the rest of its row is null.
#[derive(Default)]
pub(super) struct Entry<'a> {
    pub incoming: bool,
    pub partner: Option<&'a PartnerId>,
    pub reason: &'a str,
    /// JSON without values: violations, or `[]`.
    pub detail: String,
    pub named: bool,
    pub channel: Option<&'a str>,
    pub media_type: Option<&'a str>,
    pub case: Option<Uuid>,
    pub message: Option<Uuid>,
    pub parcel: Option<Uuid>,
    /// Holder, wrapped key, sealed document, commitment.
    pub document: Option<(Uuid, Vec<u8>, Vec<u8>, Digest)>,
    pub leaf: Option<i64>,
}

impl<'w> Unit<'w> {
    pub fn new(
        conn: &'w mut Conn,
        vault: &'w Vault,
        counters: Counters,
        suspended: &'w BTreeSet<PartnerId>,
        checkpoint: Option<Arc<str>>,
    ) -> Self {
        Self {
            conn,
            vault,
            counters,
            suspended,
            succession: Arc::default(),
            checkpoint,
            new_keys: HashMap::new(),
            suspensions_changed: false,
            left_due: false,
            door: None,
            leaving: Vec::new(),
            failing: BTreeSet::new(),
            leaves: Vec::new(),
            attempts: Vec::new(),
            quarantined: Vec::new(),
        }
    }

    /// Takes the next leaf id, for rows that name a leaf which is written after them.
    pub fn reserve_leaf(&mut self) -> i64 {
        self.counters.leaf()
    }

    /// Puts a leaf under an id that was reserved.
    pub fn put_leaf(&mut self, id: i64, leaf: LeafOf<'_>) {
        let LeafOf { kind, at, subject, partner, catalogue, outcome, document } = leaf;
        let leaf = Leaf {
            kind,
            at,
            subject,
            partner: partner.cloned(),
            catalogue,
            outcome,
            ciphertext: document.map(|(ciphertext, _)| ciphertext),
            commitment: document.map(|(_, commitment)| commitment),
        };
        self.put(id, &leaf);
    }

    /// The same for a leaf that is none of the usual ones.
    pub fn put(&mut self, id: i64, leaf: &Leaf) {
        let partner = leaf.partner.as_ref().map(PartnerId::as_str);
        let data = leaf.encode();
        self.leaves.push(vec![id.into(), leaf.subject.into(), partner.into(), data.into()]);
    }

    pub fn leaf(&mut self, leaf: LeafOf<'_>) -> i64 {
        let id = self.reserve_leaf();
        self.put_leaf(id, leaf);
        id
    }

    pub fn attempt(&mut self, parcel: Uuid, at: Timestamp, outcome: &str, leaf: i64) {
        let seq = self.counters.attempt();
        self.attempts.push(vec![seq, parcel.into(), at.into(), outcome.into(), leaf.into()]);
    }

    pub fn quarantine(&mut self, id: Uuid, at: Timestamp, entry: Entry<'_>) {
        let direction = if entry.incoming { "inkomend" } else { "uitgaand" };
        let (holder, sealed_key, document, commitment) = match entry.document {
            Some((holder, key, blob, commitment)) => {
                (holder.into(), key.into(), blob.into(), commitment.into())
            }
            None => (Cell::Null, Cell::Null, Cell::Null, Cell::Null),
        };
        self.quarantined.push(vec![
            self.counters.quarantine(),
            id.into(),
            direction.into(),
            entry.partner.map(PartnerId::as_str).into(),
            entry.reason.into(),
            entry.detail.into(),
            entry.named.into(),
            at.into(),
            entry.channel.into(),
            entry.media_type.into(),
            entry.case.into(),
            entry.message.into(),
            entry.parcel.into(),
            holder,
            sealed_key,
            document,
            commitment,
            entry.leaf.into(),
            "open".into(),
        ]);
    }

    /// The key of a holder: new in this group, kept open, or from the store.
    pub async fn holder_key(&self, holder: Uuid) -> Result<Arc<DataKey>, JournalError> {
        match self.new_keys.get(&holder) {
            Some(key) => Ok(Arc::clone(key)),
            None => self.vault.holder_key(holder).await,
        }
    }

    /// Makes the key of a new holder.
    pub fn new_holder(&mut self, holder: Uuid) -> Result<Arc<DataKey>, JournalError> {
        let key = Arc::new(self.vault.new_key()?);
        self.new_keys.insert(holder, Arc::clone(&key));
        Ok(key)
    }

    /// Writes what was collected.
    pub async fn flush(&mut self) -> Result<(), sqlx::Error> {
        LEAF.insert(self.conn, std::mem::take(&mut self.leaves)).await?;
        ATTEMPT.insert(self.conn, std::mem::take(&mut self.attempts)).await?;
        QUARANTINE.insert(self.conn, std::mem::take(&mut self.quarantined)).await
    }
}
