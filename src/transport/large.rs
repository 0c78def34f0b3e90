//! Documents that are larger than any partner may send. They are refused, but nothing bad
//! disappears: up to a hard bound they are read all the same, so that the hub can keep what it
//! refuses. Only a few at a time, whoever sends them, so that this fills no memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::message::PartnerId;

use super::Channel;

/// The largest document that is taken in.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// The largest that is read, so that it can be kept.
pub const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// So many documents over `DOCUMENT_BYTES_MAX` are in memory at once.
pub const LARGE_AT_ONCE_MAX: usize = 4;

/// The places for large documents, shared by all ways in.
#[derive(Debug, Clone)]
pub struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> Self {
        Self::new(LARGE_AT_ONCE_MAX)
    }
}

impl LargeBodies {
    pub fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// A place, where one is free. Nobody waits for it: who waits holds memory too.
    pub fn enter(&self) -> Option<Place> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(Place { _permit: Arc::new(permit) })
    }
}

/// A place for a large document. Whoever holds its bytes holds it too; it is free again when the
/// last copy is gone.
#[derive(Debug, Clone)]
pub struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// A document that was refused for its size without being read. That it came is known, not what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLarge {
    pub partner: PartnerId,
    pub channel: Channel,
    pub media_type: Option<String>,
    /// As its sender declared it, or as its file has it.
    pub size_bytes: Option<u64>,
    pub why: NotKept,
}

/// Why there are no bytes to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// Larger than `KEPT_BYTES_MAX`.
    OverBound,
    /// All places for large documents were taken.
    NoPlace,
}
