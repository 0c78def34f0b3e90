//! What a partner can ask over HTTP beyond sending: its messages, its mailbox, its log.

use std::time::Duration;

use serde_json::Value;

use crate::message::{Digest, ParcelId, PartnerId, PublicId, Second, Stage};

use super::{Answer, OutgoingParcel};

/// How much one answer may hold, so that a full mailbox does not fill the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub parcels: u16,
    /// Documents together; the first parcel goes whatever its size.
    pub size_bytes: usize,
}

/// The journal cannot be read or written now; try again after so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is unavailable")]
pub struct Unavailable {
    pub retry_after_seconds: u32,
    /// The hub is shut on purpose: its operators must look first.
    pub closed: bool,
}

impl Unavailable {
    /// People must do something first, so there is no hurry.
    pub const CLOSED_RETRY_S: u32 = 60;

    pub const fn for_seconds(retry_after_seconds: u32) -> Self {
        Self { retry_after_seconds, closed: false }
    }

    pub const fn closed() -> Self {
        Self { retry_after_seconds: Self::CLOSED_RETRY_S, closed: true }
    }
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthResult {
    Partner(PartnerId),
    Unknown,
    /// A known token of a partner that may not exchange now.
    Suspended(PartnerId),
    /// Nobody can tell now.
    Unavailable,
}

/// A parcel under lease: unless the partner settles it before `leased_until`, it is handed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    pub parcel: OutgoingParcel,
    pub leased_until: Second,
}

/// A recipient's word about a parcel, as it came over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// `Ontvangen`, `Geaccepteerd` or `Geweigerd`.
    pub stage: Stage,
    /// A code of lower-case letters, digits and hyphens; never free text.
    pub reason: Option<String>,
}

/// What became of that word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// Recorded, now or before: the parcel is at this stage.
    At(Stage),
    /// The parcel is at this stage, from which it cannot go where the partner said.
    Conflict(Stage),
    /// No such parcel, or not this partner's.
    Unknown,
}

/// What became of a message that a partner asked to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// What had not left waits, and a coordinator decides. Of its parcels only for its sender.
    Waits(Option<Value>),
    /// Nothing of it waits any more.
    Nothing,
    /// No such message or parcel, or not this partner's.
    Unknown,
}

/// Whether the hub can do its work, and which part cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    pub checks: Vec<Check>,
}

/// One part of the hub. The name is for people who run it: no partner, no address, no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub ready: bool,
    /// Whether the hub is of no use without it. One road that is closed closes no other.
    pub vital: bool,
    /// What to do where it is not ready, as far as the hub knows.
    pub why: Option<&'static str>,
}

impl Check {
    pub fn part(name: &str, ready: bool, vital: bool) -> Self {
        Self { name: name.to_owned(), ready, vital, why: None }
    }
}

impl Readiness {
    pub fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.ready || !check.vital)
    }
}

/// Answers partners. Every method sees only what belongs to `partner`: somebody else's id and an
/// unknown id give the same answer.
pub trait PartnerDesk: Send + Sync + 'static {
    fn authenticate<'a>(&'a self, token: &'a str) -> Answer<'a, AuthResult>;

    /// Whether this partner may come with this certificate, or without one.
    fn accepts_certificate(&self, partner: &PartnerId, shown: Option<Digest>) -> bool;

    /// The stages that a message reached, for its sender; `None` where it is not the sender.
    fn message_status<'a>(
        &'a self,
        partner: &'a PartnerId,
        message: PublicId,
    ) -> Answer<'a, Result<Option<Value>, Unavailable>>;

    /// Holds what has not left yet of a message that would endanger somebody: by its sender under
    /// the message's number, or by a recipient under that of its parcel.
    fn hold<'a>(
        &'a self,
        partner: &'a PartnerId,
        id: uuid::Uuid,
        why: String,
    ) -> Answer<'a, Result<Held, Unavailable>>;

    /// A case that the partner takes part in: roles, and its own tasks; `None` for any other.
    fn case<'a>(
        &'a self,
        partner: &'a PartnerId,
        number: &'a str,
    ) -> Answer<'a, Result<Option<Value>, Unavailable>>;

    /// Leases as many parcels as there is room for, urgent ones first.
    fn collect<'a>(
        &'a self,
        partner: &'a PartnerId,
        room: Room,
    ) -> Answer<'a, Result<Vec<Collected>, Unavailable>>;

    /// Returns as soon as there may be something to collect, at once where there already is, and
    /// after `patience` at the latest.
    fn wait_for_mail<'a>(&'a self, partner: &'a PartnerId, patience: Duration) -> Answer<'a, ()>;

    /// A parcel that is leased to the partner or not settled yet.
    fn content<'a>(
        &'a self,
        partner: &'a PartnerId,
        parcel: ParcelId,
    ) -> Answer<'a, Result<Option<OutgoingParcel>, Unavailable>>;

    fn confirm<'a>(
        &'a self,
        partner: &'a PartnerId,
        parcel: ParcelId,
        word: Word,
    ) -> Answer<'a, Result<Confirmed, Unavailable>>;

    /// The partner's own exchanges and proofs from `after` on, as the JSON object that it gets.
    fn log<'a>(
        &'a self,
        partner: &'a PartnerId,
        after: Option<u64>,
        limit: u16,
    ) -> Answer<'a, Result<Value, Unavailable>>;

    fn ready(&self) -> Answer<'_, Readiness>;
}
