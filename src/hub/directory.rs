//! Who may come in now, and who was let through again: tokens, suspensions and unblockings, kept
//! from the journal so that every request does not ask it again. Orders that change them go
//! through [`Directory::forget`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

use crate::journal::{Journal, JournalError};
use crate::message::{Digest, PartnerId};
use crate::transport::AuthResult;

/// Tokens that are remembered at most; a guesser cannot fill more.
const REMEMBERED_MAX: usize = 10_000;

pub struct Directory {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    tokens: HashMap<Digest, PartnerId>,
    suspended: BTreeSet<PartnerId>,
    /// How often an operator said that a partner is back.
    unblocked: BTreeMap<PartnerId, i64>,
}

impl Directory {
    pub async fn load(journal: &Journal) -> Result<Self, JournalError> {
        Ok(Self { known: RwLock::new(Known::read(journal).await?) })
    }

    /// A number that grows whenever a partner is unblocked, at whichever hub.
    pub fn unblocked(&self, partner: &PartnerId) -> i64 {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.unblocked.get(partner).copied().unwrap_or(0)
    }

    pub fn suspended(&self) -> BTreeSet<PartnerId> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).suspended.clone()
    }

    /// Whose token this is. Only its hash is stored anywhere.
    pub async fn authenticate(&self, journal: &Journal, token: &str) -> AuthResult {
        let hash = Digest::of(&[token.as_bytes()]);
        let remembered = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.tokens.get(&hash).cloned()
        };
        let partner = match remembered {
            Some(partner) => partner,
            None => match journal.find_token(hash).await {
                Ok(Some(partner)) => self.remember(hash, partner),
                Ok(None) => return AuthResult::Unknown,
                Err(_) => return AuthResult::Unavailable,
            },
        };
        if self.suspended().contains(&partner) {
            return AuthResult::Suspended(partner);
        }
        AuthResult::Partner(partner)
    }

    fn remember(&self, hash: Digest, partner: PartnerId) -> PartnerId {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.tokens.len() < REMEMBERED_MAX {
            known.tokens.insert(hash, partner.clone());
        }
        partner
    }

    /// Reads anew what an order changed.
    pub async fn forget(&self, journal: &Journal) -> Result<(), JournalError> {
        let read = Known::read(journal).await?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }
}

impl Known {
    async fn read(journal: &Journal) -> Result<Self, JournalError> {
        let (suspended, unblocked) = (journal.suspended().await?, journal.unblocked().await?);
        Ok(Self { tokens: HashMap::new(), suspended, unblocked })
    }
}
