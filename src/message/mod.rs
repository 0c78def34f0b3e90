//! The words of the hub: ids, time, usage, stages, violations and message kinds.
//!
//! Pure and importing no other room. What a field may hold is the catalogue's business; this
//! room only has the vocabulary that every other room shares.

pub mod calendar;
mod canonical;
mod case;
mod entropy;
pub mod formats;
mod glass;
mod ids;
mod job;
mod kind;
mod refusal;
mod role;
mod staff;
mod stage;
mod succession;
mod task;
mod time;

pub use calendar::Term;
pub use canonical::{CanonicalMessage, Confirmation, Reference};
pub use case::{CaseState, EARLIER_MAX, EarlierParcel};
pub use entropy::Entropy;
pub use glass::Glass;
pub use ids::{
    AccountId, AgreementId, CaseId, CaseNumber, ConnectorId, Digest, ExternalId, KindId, MessageId,
    Oin, ParcelId, PartnerId, PlaybookId, PublicId, PurposeId, RouteId, StepId, TaskId,
};
pub use job::{BATCH_MOST, ItemOutcome, JobChange, JobKind, JobState, Pace, RATE_MOST, RATE_USUAL};
pub use kind::{Effect, MessageKind};
pub use refusal::{Fault, Refusal, Violation};
pub use role::{RolePurpose, RoleStatement};
pub use staff::{BadLogin, Login, StaffRole, Themes, is_same_person};
pub use stage::{Stage, Usage};
pub use succession::Succession;
pub use task::{RequestWord, TO_ERASE_MAX, TaskAnswer, TaskWord, ToErase};
pub use time::{Second, Timestamp};
