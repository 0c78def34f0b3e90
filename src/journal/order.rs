//! What the writer is asked, and what it answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::alarm::{AlarmDone, AlarmOrder};
use super::crowd::{JobDone, JobOrder};
use super::door::{Kept, TurnedAway};
use super::erase::{Erased, ErasureOrder};
use super::erasures::{ErasureAsk, ErasureAsked, ErasureDecision, ErasureDone};
use super::lease::Leased;
use super::partners::PartnerOrder;
use super::people::{AccountOrder, FieldRevealOrder};
use super::quarantine::QuarantineOrder;
use super::regie::{CaseOrder, CaseOrdered, HeldParcels, HoldOrder, RegieTelling};
use super::replace::{Replay, Replayed};
use super::reveal::RevealOrder;
use super::sequence::Sequenced;
use super::settle::Ended;
use super::standing::Released;
use super::{
    AttemptOutcome, ConfirmOrder, JournalError, LeaseToken, LookFn, MailboxOrder, Received, Rules,
    Submission, UnblockOrder,
};
use crate::catalogue::Catalogue;
use crate::evidence::{Comparison, ErasedCase};
use crate::message::{CaseId, ParcelId, PartnerId, Stage, Timestamp};

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
        /// The last message by which its retention was judged.
        last: Option<Timestamp>,
        now: Timestamp,
    },
    /// Finishes erasures of which only the intent is stored.
    FinishErasures {
        now: Timestamp,
    },
    /// Somebody asks for an erasure, or refuses one.
    AskErasure {
        order: Box<ErasureAsk>,
        now: Timestamp,
    },
    RefuseErasure {
        order: ErasureDecision,
        now: Timestamp,
    },
    /// A second person agrees to an erasure.
    ApproveErasure {
        order: ErasureDecision,
        rules: Arc<Rules>,
        set: Arc<Catalogue>,
        now: Timestamp,
    },
    /// Until when signals that stand by themselves are kept, as the active set says.
    KeepLoose {
        judged: Vec<(CaseId, Option<Timestamp>)>,
    },
    /// Nobody got what was leased under this token.
    Release {
        token: uuid::Uuid,
    },
    Rewrap,
    Beat {
        now: Timestamp,
    },
    Mailbox {
        order: MailboxOrder,
        now: Timestamp,
    },
    /// Compares the journal with what is known of the signed tree.
    Compare {
        notes: Vec<String>,
        erased: BTreeSet<ErasedCase>,
        now: Timestamp,
    },
    /// Opens a journal that was compared.
    Reopen {
        by: String,
        why: String,
        now: Timestamp,
    },
    Alarm(AlarmOrder),
    /// A coordinator's.
    Case {
        order: Box<CaseOrder>,
        rules: Arc<Rules>,
        now: Timestamp,
    },
    /// A message that would endanger somebody is held.
    Hold {
        order: HoldOrder,
        rules: Arc<Rules>,
        now: Timestamp,
    },
    /// What is due in cases.
    Clock {
        rules: Arc<Rules>,
        now: Timestamp,
    },
    /// What coordinators must hear becomes notices.
    TellRegie {
        telling: RegieTelling,
        now: Timestamp,
    },
    Job {
        order: Box<JobOrder>,
        now: Timestamp,
    },
    /// About people who use the console.
    Account {
        order: Box<AccountOrder>,
        now: Timestamp,
    },
    RevealField {
        order: FieldRevealOrder,
        now: Timestamp,
    },
    Unblock {
        order: UnblockOrder,
        now: Timestamp,
    },
    /// More of what an unblocked partner waits for.
    MakeDue {
        partner: PartnerId,
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
    ErasureAsked(ErasureAsked),
    ErasureDone(ErasureDone),
    Rewrapped(u64),
    Freed(u64),
    Compared(Comparison),
    Released(Released),
    Alarm(AlarmDone),
    Case(CaseOrdered),
    Held(HeldParcels),
    Job(JobDone),
}

pub(super) type Answer = Result<Done, JournalError>;

pub(super) struct Command {
    pub order: Order,
    pub reply: oneshot::Sender<Answer>,
}

impl Order {
    /// Whether a parcel may have become due by it without the unit of work saying so. Handing out
    /// does not count, or who waits for parcels would be woken by its own asking.
    pub const fn may_free_parcels(&self) -> bool {
        !matches!(
            self,
            Self::Receive(_)
                | Self::Settle { .. }
                | Self::Confirm { .. }
                | Self::Claim { .. }
                | Self::Collect { .. }
                | Self::Sequence { .. }
                | Self::Alarm(_)
                | Self::Case { .. }
                | Self::Clock { .. }
                | Self::TellRegie { .. }
                | Self::AskErasure { .. }
                | Self::RefuseErasure { .. }
                | Self::KeepLoose { .. }
                | Self::Job { .. }
                | Self::Account { .. }
                | Self::RevealField { .. }
        )
    }

    /// Whether it has transactions of its own, outside the group.
    pub const fn goes_alone(&self) -> bool {
        matches!(
            self,
            Self::Erase { .. }
                | Self::FinishErasures { .. }
                | Self::ApproveErasure { .. }
                | Self::Rewrap
                | Self::Beat { .. }
                | Self::Compare { .. }
                | Self::Reopen { .. }
        )
    }

    pub fn submission(&self) -> Option<&Submission> {
        match self {
            Self::Receive(submission) => Some(submission),
            _ => None,
        }
    }

    pub fn ended(&self) -> Option<Ended<'_>> {
        match self {
            Self::Settle { parcel, lease, outcome, now } => {
                Some(Ended { parcel: *parcel, lease: *lease, outcome, now: *now })
            }
            _ => None,
        }
    }

    pub fn sequence_at(&self) -> Option<Timestamp> {
        match self {
            Self::Sequence { now } => Some(*now),
            _ => None,
        }
    }
}
