//! What the rules need to know of a case.

use std::collections::BTreeSet;

use super::{CaseId, CaseNumber, PartnerId, Usage};

/// A case as the journal knows it when a message is decided.
#[derive(Debug, Clone)]
pub struct CaseState {
    pub id: CaseId,
    pub number: CaseNumber,
    pub usage: Usage,
    pub theme: Option<String>,
    /// Everyone who sent or received something in it.
    pub participants: BTreeSet<PartnerId>,
    /// Who received a parcel in it, and so must hear of a withdrawal.
    pub recipients: BTreeSet<PartnerId>,
}
