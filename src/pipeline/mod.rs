//! Bytes to canonical message, and canonical message to each recipient's own bytes.
//!
//! `admit` and `dispatch` are the only places that know the order of the steps. The same two run
//! in the hub, in `schakel connector test`, in `schakel explain` and in the benchmarks. Pure: no
//! IO, no clock, no randomness; what is needed of those is an argument.

pub mod decode;
pub mod encode;
mod parcel;

pub use parcel::{Admitted, Dispatch, Failure, NotSent, Parcel, Withheld, WithheldReason};
