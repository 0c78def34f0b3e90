//! What is refused, as it is kept: its bytes sealed, a leaf that commits to them, and an entry of
//! quarantine. Also what was turned away before anything was read of it.

use std::sync::Arc;

use uuid::Uuid;

use super::inbox::violations_json;
use super::keys::Part;
use super::order::{Done, Order};
use super::sql::query;
use super::unit::{Entry, LeafOf, Unit};
use super::{Journal, JournalError, LeafKind, QuarantineId};
use crate::evidence::DataKey;
use crate::message::{Digest, PartnerId, Refusal, Timestamp};

/// Open entries of one partner that may not exchange, so that it fills no disk.
pub const BARRED_ENTRIES_MAX: i64 = 100;
/// Bytes that these entries hold together.
pub const BARRED_BYTES_MAX: i64 = 16 * 1024 * 1024;

/// A message that is refused for who sent it, or for a size at which it was not read.
#[derive(Debug)]
pub struct TurnedAway {
    pub partner: PartnerId,
    pub channel: &'static str,
    pub media_type: Option<String>,
    pub at: Timestamp,
    /// Digest of the set under which it was refused.
    pub catalogue: Digest,
    pub refusal: Refusal,
    /// `None` where they were not read.
    pub bytes: Option<Vec<u8>>,
    /// From who may not exchange: kept only while it has little in quarantine.
    pub barred: bool,
}

/// An entry of quarantine that was made.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    pub quarantine: QuarantineId,
    /// Salt and commitment, where there are bytes.
    pub proof: Option<([u8; 32], Digest)>,
}

/// What is refused, and under whose key it is kept.
pub(super) struct RefusedOf<'a> {
    pub partner: &'a PartnerId,
    pub channel: &'a str,
    pub media_type: Option<&'a str>,
    pub at: Timestamp,
    pub catalogue: Digest,
    pub refusal: &'a Refusal,
    pub bytes: Option<&'a [u8]>,
    /// The case that it concerns; without one it gets a key of its own.
    pub case: Option<(Uuid, Arc<DataKey>)>,
}

impl Journal {
    /// Keeps what was turned away; `None` where its partner has as much in quarantine as it may.
    pub async fn turn_away(&self, message: TurnedAway) -> Result<Option<Kept>, JournalError> {
        match self.ask(Order::TurnAway(Box::new(message))).await? {
            Done::TurnedAway(kept) => Ok(kept),
            _ => Err(JournalError::Stopped),
        }
    }
}

impl Unit<'_> {
    pub async fn turn_away(&mut self, message: &TurnedAway) -> Result<Option<Kept>, JournalError> {
        let bytes = message.bytes.as_deref();
        if message.barred && !self.room_for_barred(&message.partner, bytes).await? {
            return Ok(None);
        }
        self.keep_refused(RefusedOf {
            partner: &message.partner,
            channel: message.channel,
            media_type: message.media_type.as_deref(),
            at: message.at,
            catalogue: message.catalogue,
            refusal: &message.refusal,
            bytes,
            case: None,
        })
        .map(Some)
    }

    /// Whether a partner that may not exchange may have one more entry, of these bytes.
    async fn room_for_barred(
        &mut self,
        partner: &PartnerId,
        bytes: Option<&[u8]>,
    ) -> Result<bool, JournalError> {
        // Entries that this group made before are counted too.
        self.flush().await?;
        let sql = "select count(*) as entries,
                cast(coalesce(sum(length(document)), 0) as bigint) as size
            from quarantine where partner = $1 and state = 'open' and direction = 'inkomend'
                and reason in ('geschorst', 'onbekende-partner')";
        let row = query(sql, [partner.as_str().into()]).fetch_one(&mut *self.conn).await?;
        let more = bytes.map_or(0, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        let size = row.int("size")?.saturating_add(more);
        Ok(row.int("entries")? < BARRED_ENTRIES_MAX && size <= BARRED_BYTES_MAX)
    }

    /// It claims no id; its bytes are sealed under the case that they concern, or under a key of
    /// their own.
    pub fn keep_refused(&mut self, refused: RefusedOf<'_>) -> Result<Kept, JournalError> {
        let id = self.vault.uuid()?;
        let case = refused.case.as_ref().map(|(case, _)| *case);
        let (mut document, mut hashes, mut proof) = (None, None, None);
        if let Some(bytes) = refused.bytes {
            let (holder, key) = match refused.case {
                Some(case) => case,
                None => (id, self.new_holder(id)?),
            };
            let (row_key, sealed_key) = self.vault.row_key(&key, id)?;
            let sealed = self.vault.seal(&row_key, id, Part::Quarantine, bytes)?;
            hashes = Some((sealed.digest, sealed.commitment));
            proof = Some((sealed.salt, sealed.commitment));
            document = Some((holder, sealed_key, sealed.blob, sealed.commitment));
        }
        let reason = refused.refusal.fault.code();
        let leaf = self.leaf(LeafOf {
            kind: LeafKind::Geweigerd,
            at: refused.at,
            subject: id,
            partner: Some(refused.partner),
            catalogue: refused.catalogue,
            outcome: reason.to_owned(),
            document: hashes,
        });
        let entry = Entry {
            incoming: true,
            partner: Some(refused.partner),
            reason,
            detail: violations_json(&refused.refusal.violations),
            channel: Some(refused.channel),
            media_type: refused.media_type,
            case,
            document,
            leaf: Some(leaf),
            ..Entry::default()
        };
        self.quarantine(id, refused.at, entry);
        Ok(Kept { quarantine: QuarantineId(id), proof })
    }
}
