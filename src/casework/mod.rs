//! Cases: which one a message belongs to, what it asks of whom, and what follows when time passes.
//!
//! Pure: the journal looks the correlation keys up, hands over the dossiers it found, and stores
//! what comes back. See `docs/decisions/0020-regie-is-one-document-per-case.md`.

mod agreement;
mod correlate;
mod dossier;
mod erase;
pub mod evaluate;
mod explore;
mod glass;
mod happen;
mod merge;
mod order;
mod retention;
mod simulate;
mod task;
mod work;

pub use agreement::{
    Agree, Agreement, AgreementFault, AgreementState, Party, PartyKind, check_wording,
};
pub use correlate::{CorrelationKey, Decision, Found, Matching, decide, keys, leaves};
pub use dossier::{Dossier, Phase, PlanRef, Recall, SIGNALS_MAX, StepState, TASKS_MAX};
pub use erase::{erasure_told, erasure_untold};
pub use explore::{PlanFault, explore};
pub use happen::{
    answer, clock, held, held_notice, judge, next_due, recalled, receipt, signal, unsent,
};
pub use merge::{forget, merge, split};
pub use order::{Order, OrderFault, order};
pub use retention::{look_again, loose_retention, retention};
pub use simulate::{Conduct, Moment, Script, Told, is_finished, simulate};
pub use task::{AnswerFault, Assignee, Deadlines, Mark, Question, Task, TaskState};
pub use work::{Ask, Entry, Follow, Notice, NoticeKind, Scene};

#[cfg(test)]
mod tests;
