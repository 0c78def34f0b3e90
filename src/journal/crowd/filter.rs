//! Which messages or entries make up a crowd.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::journal::ParcelState;
use crate::message::{JobKind, PartnerId, Timestamp};

/// Recipients that a filter may name.
pub const RECIPIENTS_MAX: usize = 50;

/// Signs of a type or a reason.
const WORD_MAX: usize = 80;

/// Which items; what is absent does not matter. Stored with the job as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrowdFilter {
    #[serde(rename = "handeling")]
    pub kind: JobKind,
    /// Who sent the messages; of entries, whose they are.
    #[serde(default)]
    pub partner: Option<PartnerId>,
    /// Type of message, with its version or without: `signaal-gemeld`.
    #[serde(default, rename = "soort")]
    pub message: Option<String>,
    #[serde(default, rename = "reden")]
    pub reason: Option<String>,
    #[serde(default, rename = "sinds")]
    pub since: Option<Timestamp>,
    /// Up to and with this moment.
    #[serde(default, rename = "tot")]
    pub until: Option<Timestamp>,
    /// Only for these recipients; empty for all.
    #[serde(default, rename = "ontvangers")]
    pub recipients: BTreeSet<PartnerId>,
    /// Only for recipients whose last parcel of the message is in this state.
    #[serde(default, rename = "stand")]
    pub state: Option<ParcelState>,
}

/// A filter that means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFilter {
    #[error("a crowd needs a partner, a type, a reason, a state or a moment")]
    Everything,
    #[error("a type of message or a reason is a word of small letters, digits and hyphens")]
    Word,
    #[error("the last moment lies before the first")]
    Moments,
    #[error("a reason is of quarantine only")]
    Reason,
    #[error("recipients and states are of messages only")]
    Recipients,
    #[error("a lease is no state that lasts")]
    Lease,
    #[error("more than {RECIPIENTS_MAX} recipients")]
    TooMany,
}

impl CrowdFilter {
    pub const fn of(kind: JobKind) -> Self {
        Self {
            kind,
            partner: None,
            message: None,
            reason: None,
            since: None,
            until: None,
            recipients: BTreeSet::new(),
            state: None,
        }
    }

    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), BadFilter> {
        let Self { partner, message, reason, since, until, recipients, state, .. } = self;
        let is_message = self.kind == JobKind::Herhalen;
        let named = partner.is_some() || message.is_some() || reason.is_some() || state.is_some();
        if !named && since.is_none() && until.is_none() {
            return Err(BadFilter::Everything);
        }
        if [message, reason].into_iter().flatten().any(|word| !is_word(word)) {
            return Err(BadFilter::Word);
        }
        if since.zip(*until).is_some_and(|(since, until)| until < since) {
            return Err(BadFilter::Moments);
        }
        match is_message {
            true if reason.is_some() => Err(BadFilter::Reason),
            false if !recipients.is_empty() || state.is_some() => Err(BadFilter::Recipients),
            _ if *state == Some(ParcelState::Geleased) => Err(BadFilter::Lease),
            _ if recipients.len() > RECIPIENTS_MAX => Err(BadFilter::TooMany),
            _ => Ok(()),
        }
    }
}

fn is_word(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_refused_where_it_cannot_be_meant() {
        let all = CrowdFilter::of(JobKind::Herhalen);
        let entries = CrowdFilter::of(JobKind::Vrijgeven);
        let at = |second| Some(Timestamp::from_micros(second));
        let wonen: PartnerId = "wonen-zuid".parse().unwrap();
        let word = |text: &str| Some(text.to_owned());
        let many: BTreeSet<PartnerId> =
            (0..=RECIPIENTS_MAX).map(|n| format!("p{n}").parse().unwrap()).collect();
        let table = [
            (all.clone(), Err(BadFilter::Everything)),
            (CrowdFilter { since: at(0), ..all.clone() }, Ok(())),
            (CrowdFilter { since: at(5), until: at(5), ..all.clone() }, Ok(())),
            (CrowdFilter { since: at(6), until: at(5), ..all.clone() }, Err(BadFilter::Moments)),
            (CrowdFilter { partner: Some(wonen.clone()), ..entries.clone() }, Ok(())),
            (CrowdFilter { message: word("signaal-gemeld.v1"), ..all.clone() }, Ok(())),
            (CrowdFilter { message: word(""), ..all.clone() }, Err(BadFilter::Word)),
            (CrowdFilter { message: word("a%"), ..all.clone() }, Err(BadFilter::Word)),
            (CrowdFilter { reason: word("x' or 1=1 --"), ..entries.clone() }, Err(BadFilter::Word)),
            (CrowdFilter { reason: word("a\0b"), ..entries.clone() }, Err(BadFilter::Word)),
            (
                CrowdFilter { reason: word(&"a".repeat(81)), ..entries.clone() },
                Err(BadFilter::Word),
            ),
            (CrowdFilter { reason: word("geschorst"), ..all.clone() }, Err(BadFilter::Reason)),
            (
                CrowdFilter { since: at(0), recipients: [wonen].into(), ..entries.clone() },
                Err(BadFilter::Recipients),
            ),
            (
                CrowdFilter { state: Some(ParcelState::Uitval), ..entries },
                Err(BadFilter::Recipients),
            ),
            (
                CrowdFilter { state: Some(ParcelState::Geleased), ..all.clone() },
                Err(BadFilter::Lease),
            ),
            (CrowdFilter { since: at(0), recipients: many, ..all }, Err(BadFilter::TooMany)),
        ];
        for (filter, wanted) in table {
            assert_eq!(filter.check(), wanted, "{filter:?}");
        }
    }
}
