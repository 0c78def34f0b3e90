//! By which names partners went before, as the set in force says: what was recorded under one is
//! read under the name of now.

use std::sync::{Arc, PoisonError, RwLock};

use super::Journal;
use crate::message::Succession;

/// Shared by the writer and whoever reads.
#[derive(Debug, Default)]
pub(super) struct Roll(RwLock<Arc<Succession>>);

impl Roll {
    pub fn get(&self) -> Arc<Succession> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Journal {
    /// From now on partners are known by these names. Nothing that is written changes by it.
    pub fn call_partners(&self, succession: Arc<Succession>) {
        *self.roll.0.write().unwrap_or_else(PoisonError::into_inner) = succession;
    }
}
