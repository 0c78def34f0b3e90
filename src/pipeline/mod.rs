//! Bytes to canonical message, and canonical message to each recipient's own bytes.
//!
//! `admit` and `dispatch` are the only places that know the order of the steps. The same two run
//! in the hub, in `schakel connector test`, in `schakel explain` and in the benchmarks. `ask` is
//! the one other way in: what the municipality asks is a message that no partner sent. Pure: no
//! IO, no clock, no randomness; what is needed of those is an argument.

mod admit;
mod answer;
mod ask;
mod correct;
pub mod decode;
mod difference;
mod dispatch;
pub mod encode;
pub mod examples;
mod generalise;
mod minimise;
mod native;
mod parcel;
mod shadow;
mod view;
mod widen;

pub use admit::{Incoming, Trace, admit, admit_traced};
pub use answer::{Answered, NativeAnswer, native_answer};
pub use ask::{About, Request, ask, asked_before};
pub use correct::{Told, Untold, corrected, corrects, retold};
pub use difference::{
    Consequence, Difference, Group, Tally, TallyLine, Today, Turned, Version, difference,
};
pub use dispatch::{Feedback, dispatch, feedback, redispatch};
pub use minimise::{Decision, Minimised};
pub use native::{Decoded, split};
pub use parcel::{Admitted, Dispatch, Failure, NotSent, Parcel, Withheld, WithheldReason};
pub use shadow::{Fared, FieldTurns, Happened, ShadowTally, Went, shadow};
pub use view::{View, Woken, explain_for, minimise_for};
pub use widen::{Had, Widened, widen};
