//! What goes into the journal and what comes out of it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::Catalogue;
use crate::message::CaseState;
use crate::message::{
    CaseId, CaseNumber, Digest, Entropy, MessageId, ParcelId, PartnerId, PublicId, PurposeId,
    Refusal, RoleStatement, RouteId, Stage, Timestamp, Usage,
};
use crate::pipeline::{Admitted, Dispatch, Feedback, Withheld};

/// Decides what follows from an admitted message; a partner in the set is suspended.
pub type DispatchFn =
    dyn Fn(&Admitted, &CaseState, &Suspended, Timestamp, &mut Entropy) -> Dispatch + Send + Sync;

/// Partners that get nothing for now.
pub type Suspended = BTreeSet<PartnerId>;

/// Makes the answer to an original sender.
pub type FeedbackFn =
    dyn Fn(&Feedback, &CaseState, Timestamp, &mut Entropy) -> Dispatch + Send + Sync;

/// The pure rules of one catalogue, which the writer applies inside its transaction.
pub struct Rules {
    /// Digest of the catalogue that the functions close over.
    pub catalogue: Digest,
    /// Whether `dispatch` looks at what recipients got before.
    pub looks_back: bool,
    pub dispatch: Box<DispatchFn>,
    pub feedback: Box<FeedbackFn>,
    /// The set by which cases ask and are followed up; none where no municipality directs.
    pub regie: Option<Arc<Catalogue>>,
}

/// Bytes that came in, and what `admit` made of them.
pub struct Submission {
    pub rules: Arc<Rules>,
    pub partner: PartnerId,
    /// How it came: `http`, `bestand`.
    pub channel: &'static str,
    pub media_type: Option<String>,
    /// As received, byte for byte.
    pub bytes: Vec<u8>,
    pub at: Timestamp,
    pub verdict: Result<Admitted, Refusal>,
    /// From the system's generator; ids are drawn from it.
    pub seed: [u8; 32],
    /// Let go when the submission is: whoever hands in many bytes holds a place for them.
    pub held: Option<Held>,
}

/// Something that is only kept, and dropped.
pub type Held = Box<dyn std::any::Any + Send + Sync>;

/// What became of a submission. Either way it is on disk.
#[derive(Debug, Clone)]
pub enum Received {
    Accepted(Accepted),
    Refused(Refused),
}

#[derive(Debug, Clone)]
pub struct Accepted {
    pub public_id: PublicId,
    /// The same id and bytes came before: this is the receipt of then.
    pub repeat: bool,
    /// `None` only for a repeat whose case was erased since.
    pub salt: Option<[u8; 32]>,
    /// SHA-256(salt ‖ bytes as received), which is in the evidence tree.
    pub commitment: Digest,
    pub case_number: CaseNumber,
    /// How many parcels it led to.
    pub parcels: usize,
    /// Recipients that the sender named and that get nothing, each with the reason.
    pub not_sent_named: Vec<(String, Option<PartnerId>)>,
    /// The newest signed checkpoint.
    pub checkpoint: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub struct Refused {
    pub refusal: Refusal,
    pub quarantine: QuarantineId,
    pub salt: [u8; 32],
    pub commitment: Digest,
    pub checkpoint: Option<Arc<str>>,
}

/// An entry in quarantine (*uitval*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QuarantineId(pub Uuid);

impl fmt::Display for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for QuarantineId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

/// Proof that a deliverer holds the lease of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseToken(pub(super) Uuid);

/// A leased parcel, opened, ready to be handed over.
#[derive(Clone)]
pub struct Outgoing {
    pub id: ParcelId,
    pub lease: LeaseToken,
    pub recipient: PartnerId,
    pub message: MessageId,
    pub case: CaseId,
    /// Message type, such as `signaal-gemeld.v1`.
    pub kind: String,
    pub usage: Usage,
    pub urgent: bool,
    /// An answer to an original sender: nobody answers an answer.
    pub answer: bool,
    pub made_at: Timestamp,
    /// The catalogue it was made under.
    pub catalogue: Digest,
    pub media_type: String,
    pub bytes: Vec<u8>,
    pub detail: ParcelDetail,
    /// How often it was handed out, this time included.
    pub attempts: u32,
    pub salt: [u8; 32],
    pub commitment: Digest,
    pub checkpoint: Option<Arc<str>>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, recipient, attempts, .. } = self;
        write!(f, "Outgoing({id} to {recipient}, attempt {attempts})")
    }
}

/// What the look before an attempt found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Go,
    /// Made under another set: to be dispatched anew under today's.
    Anew,
    /// It may not go; quarantined with this reason.
    Stop(&'static str),
}

/// The look itself, applied before an attempt is committed. Its parcel has no document.
pub type LookFn = dyn Fn(&Outgoing, Timestamp) -> Look + Send + Sync;

/// What a partner collects, and what must be dealt with first.
#[derive(Debug, Default)]
pub struct Handed {
    pub parcels: Vec<Outgoing>,
    /// Leased, but no attempt: settle each with its lease.
    pub review: Vec<(Outgoing, Look)>,
}

/// What explains a parcel, stored beside it; no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelDetail {
    #[serde(rename = "rol")]
    pub role: RoleStatement,
    #[serde(rename = "doelbindingen")]
    pub purposes: Vec<PurposeId>,
    pub route: Option<RouteId>,
    #[serde(rename = "onthouden")]
    pub withheld: Vec<Withheld>,
}

/// How an attempt to deliver ended.
#[derive(Debug)]
pub enum AttemptOutcome {
    /// Handed over; the stage reached is usually `Opgehaald`.
    Delivered { stage: Stage },
    /// Not now. `code` is a fixed word such as `http-503`, never data.
    Retry { at: Timestamp, code: String },
    /// Not again without an operator.
    Quarantine { reason: String },
    /// Dispatched anew under today's rules; only parcels for the same recipient are taken.
    Replaced { dispatch: Box<Dispatch>, catalogue: Digest },
}

/// A recipient's word about a parcel, outside a message.
#[derive(Debug, Clone)]
pub struct ConfirmOrder {
    pub partner: PartnerId,
    pub parcel: ParcelId,
    /// `Ontvangen`, `Geaccepteerd` or `Geweigerd`.
    pub stage: Stage,
    pub reason: Option<String>,
    pub at: Timestamp,
    pub seed: [u8; 32],
}

/// The state of a parcel in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParcelState {
    /// To be sent or collected; `Geleased` as long as somebody is at it.
    Wacht,
    Geleased,
    /// Delivered, or confirmed by its recipient.
    Klaar,
    /// In quarantine: it holds the later ones of its lane.
    Uitval,
    /// Dropped, replaced or erased.
    Vervallen,
}

impl ParcelState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wacht => "wacht",
            Self::Geleased => "geleased",
            Self::Klaar => "klaar",
            Self::Uitval => "uitval",
            Self::Vervallen => "vervallen",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Wacht, Self::Geleased, Self::Klaar, Self::Uitval, Self::Vervallen]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}
