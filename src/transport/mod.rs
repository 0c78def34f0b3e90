//! Moves bytes and knows no meaning: HTTP in and out, files in folders, queues, reconnecting.
//!
//! What comes in is handed to an [`Inlet`], what a partner asks of its mailbox to a
//! [`PartnerDesk`]; the hub implements both and decides what every byte means. This room sees no
//! catalogue and no journal. It does own the bounds of the door: sizes, times, connections, and
//! the addresses to which a webhook may go.

pub mod amqp;
pub mod breaker;
mod dead;
mod desk;
#[cfg(test)]
mod fakes;
pub mod files;
pub mod http;
pub mod ladder;
mod large;
pub mod mail;
mod outgoing;
mod problem;
pub mod retry;

use std::future::Future;
use std::pin::Pin;

use crate::message::{PartnerId, PublicId};

pub use dead::{DeadDesk, DeadLetter, LastPlace};
pub use desk::{
    AuthResult, Check, Collected, Confirmed, Held, PartnerDesk, Readiness, Room, Unavailable, Word,
};
pub use large::{
    DOCUMENT_BYTES_MAX, KEPT_BYTES_MAX, LARGE_AT_ONCE_MAX, LargeBodies, NotKept, Place, TooLarge,
};
pub use outgoing::{CloudEvent, OutgoingParcel, Proof};
pub use problem::Problem;

/// What a method of a `dyn` trait returns: a future in a box.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The way in by which bytes came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    Http,
    Files,
    Amqp,
}

impl Channel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Files => "bestanden",
            Self::Amqp => "amqp",
        }
    }
}

/// Bytes from a partner that proved who it is. `Debug` shows their number only.
#[derive(Clone)]
pub struct Delivery {
    pub partner: PartnerId,
    pub channel: Channel,
    /// As the sender wrote it, parameters included; for a file, by its extension.
    pub media_type: Option<String>,
    pub bytes: Vec<u8>,
    /// Where there are more of them than a document may have.
    pub place: Option<Place>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("partner", &self.partner)
            .field("channel", &self.channel)
            .field("size_bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// What became of a delivery, which tells the transport how to settle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Committed, now or by an earlier delivery of the same bytes.
    Accepted,
    /// Refused, and kept in quarantine where the hub does so; sending it again changes nothing.
    Refused,
    /// Nothing was stored. The sender keeps it and tries again.
    Unavailable { retry_after_seconds: u32 },
}

/// The hub's answer to a delivery, in the sender's own receipt style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    /// The HTTP status of that receipt style; a Fo03 travels under 500 though it is a refusal.
    pub status: u16,
    pub media_type: String,
    pub body: Vec<u8>,
    /// Where the sender can follow the message: becomes `Location`.
    pub follow: Option<PublicId>,
}

impl Outcome {
    /// Nothing was stored: 503 with `Retry-After`, as problem+json.
    pub fn unavailable(retry_after_seconds: u32) -> Self {
        let problem = Problem::unavailable();
        Self {
            verdict: Verdict::Unavailable { retry_after_seconds },
            status: problem.status,
            media_type: Problem::MEDIA_TYPE.to_owned(),
            body: problem.to_bytes(),
            follow: None,
        }
    }

    /// The same while the hub is shut on purpose.
    pub fn closed(retry_after_seconds: u32) -> Self {
        let verdict = Verdict::Unavailable { retry_after_seconds };
        let body = Problem::closed().to_bytes();
        Self { verdict, body, ..Self::unavailable(retry_after_seconds) }
    }

    /// A refusal as problem+json, for partners whose receipt style is plain HTTP, and for files.
    pub fn problem(problem: &Problem) -> Self {
        Self {
            verdict: Verdict::Refused,
            status: problem.status,
            media_type: Problem::MEDIA_TYPE.to_owned(),
            body: problem.to_bytes(),
            follow: None,
        }
    }
}

/// Takes bytes in. Implemented by the hub, and by the fakes of this room's tests.
///
/// It answers `Accepted` only after its commit. The future may be dropped when a client hangs up,
/// so what must not be cancelled runs elsewhere. The same delivery may come again at any time.
pub trait Inlet: Send + Sync + 'static {
    fn receive(&self, delivery: Delivery) -> Answer<'_, Outcome>;

    /// Refuses a document whose bytes were not read, and notes that it came.
    fn too_large(&self, notice: TooLarge) -> Answer<'_, Outcome>;
}
