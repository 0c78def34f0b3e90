//! A message as rows: its documents sealed under one key, and its row in the inbox.

use uuid::Uuid;

use super::keys::{Part, Sealed};
use super::outbox::Announced;
use super::sql::{Cell, Table};
use super::unit::Unit;
use super::{JournalError, Submission};
use crate::evidence::DataKey;
use crate::message::{CanonicalMessage, Digest, Effect, PartnerId, PublicId};
use crate::pipeline::Dispatch;

pub(super) const INBOX: Table = Table {
    name: "inbox",
    columns: "seq, id, public_id, key, content, partner, case_id, leaf, kind, effect, usage, \
              theme, urgent, channel, media_type, received_at, catalogue, sealed_key, names, \
              native, canonical, commitment",
    suffix: "",
};

/// A message that is to be stored in a case, with what it leads to.
pub(super) struct PutMessage<'a> {
    pub submission: &'a Submission,
    pub message: &'a CanonicalMessage,
    pub id: Uuid,
    pub public_id: PublicId,
    /// Its permanent key, and the keyed hash of its bytes.
    pub keys: (Digest, Digest),
    pub case: Uuid,
    pub dispatch: &'a Dispatch,
}

/// The names under which its sender knows a message, as they are sealed.
pub(super) fn names_json(message: &CanonicalMessage) -> Vec<u8> {
    let names = [message.external_id.reveal(), message.reference.as_str()];
    serde_json::Value::from(names.as_slice()).to_string().into_bytes()
}

/// The documents of a message, sealed under one key.
pub(super) struct SealedMessage {
    pub sealed_key: Vec<u8>,
    pub native: Sealed,
    pub canonical: Sealed,
    pub names: Sealed,
}

impl SealedMessage {
    pub fn new(
        unit: &Unit<'_>,
        holder: &DataKey,
        id: Uuid,
        message: &CanonicalMessage,
        bytes: &[u8],
    ) -> Result<Self, JournalError> {
        let (key, sealed_key) = unit.vault.row_key(holder, id)?;
        let canonical = message.data.to_string();
        Ok(Self {
            sealed_key,
            native: unit.vault.seal(&key, id, Part::Native, bytes)?,
            canonical: unit.vault.seal(&key, id, Part::Canonical, canonical.as_bytes())?,
            names: unit.vault.seal(&key, id, Part::Names, &names_json(message))?,
        })
    }

    /// The leaf of a message announces what is stored beside its native document.
    pub fn announce(&self, parcels: &Announced) -> Announced {
        let mut all = Announced::default();
        all.blob(self.canonical.digest);
        all.blob(self.names.digest);
        all.append(parcels);
        all
    }
}

pub(super) fn inbox_row(
    unit: &mut Unit<'_>,
    submission: &Submission,
    message: &CanonicalMessage,
    ids: [Cell; 4],
    (case, leaf): (Uuid, i64),
    sealed: SealedMessage,
) -> Vec<Cell> {
    let mut row = vec![unit.counters.inbox()];
    row.extend(ids);
    row.extend([
        submission.partner.as_str().into(),
        case.into(),
        leaf.into(),
        message.kind.to_string().into(),
        effect_name(message.effect).into(),
        message.usage.as_str().into(),
        message.theme.clone().into(),
        message.urgent.into(),
        submission.channel.into(),
        submission.media_type.clone().into(),
        submission.at.into(),
        submission.rules.catalogue.into(),
        sealed.sealed_key.into(),
        sealed.names.blob.into(),
        sealed.native.blob.into(),
        sealed.canonical.blob.into(),
        sealed.native.commitment.into(),
    ]);
    row
}

/// Who was named by the sender and gets nothing.
pub(super) fn named(dispatch: &Dispatch) -> Vec<(String, Option<PartnerId>)> {
    let named = dispatch.not_sent.iter().filter(|not_sent| not_sent.named);
    named.map(|not_sent| (not_sent.reason.to_owned(), not_sent.recipient.clone())).collect()
}

pub(super) fn violations_json(violations: &[crate::message::Violation]) -> String {
    serde_json::to_string(violations).unwrap_or_else(|_| "[]".to_owned())
}

const fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Melding => "melding",
        Effect::Aanvulling => "aanvulling",
        Effect::Intrekking => "intrekking",
        Effect::Bevestiging => "bevestiging",
        Effect::Verzoek => "verzoek",
        Effect::Antwoord => "antwoord",
    }
}
