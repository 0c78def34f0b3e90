//! What a broker could not deliver, and who looks after it.

use std::fmt;

use super::{Answer, Outcome};
use crate::message::{ParcelId, PartnerId};

/// A message that a queue gave up: delivered too often, or left lying too long.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub place: LastPlace,
    /// The broker's word for it: `delivery-limit`, `expired`, `rejected`, `maxlen`, `onbekend`.
    pub reason: String,
    pub media_type: Option<String>,
    pub bytes: Vec<u8>,
}

/// Where it lay, as the broker says and nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastPlace {
    /// On its way in, from this partner.
    Inbound(PartnerId),
    /// A parcel in this partner's mailbox; without an id where it is not one of ours.
    Mailbox(PartnerId, Option<ParcelId>),
    /// A receipt in this partner's mailbox.
    Receipt(PartnerId),
    Unknown,
}

/// Shows the number of bytes only.
impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("place", &self.place)
            .field("reason", &self.reason)
            .field("size_bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Takes dead letters in, so that nothing bad disappears. Implemented by the hub.
///
/// It answers only after its commit; for what a partner sent, with the receipt that it gets.
pub trait DeadDesk: Send + Sync + 'static {
    fn bury(&self, letter: DeadLetter) -> Answer<'_, Outcome>;
}
