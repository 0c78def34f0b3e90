//! Which canonical message something is, and what it does to a case.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a message type does, as its canonical schema says under `x-schakel.werking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Reports something: opens a case, or joins the one that has the same reference.
    Melding,
    /// Adds to or corrects what was reported.
    Aanvulling,
    /// Takes it back: everyone who received it hears so.
    Intrekking,
    /// Says what became of a parcel.
    Bevestiging,
    /// The municipality asks one partner for an action. Only the hub makes these.
    Verzoek,
    /// A partner's word about what it was asked.
    Antwoord,
}

/// A canonical message type with its version: `schemas/<name>/v<version>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKind {
    pub name: String,
    pub version: u16,
}

impl MessageKind {
    /// The CloudEvents `type`: reverse domain, one version, prefixed `v` (NL GOV CloudEvents 1.1).
    pub fn cloud_event_type(&self) -> String {
        format!("nl.schakel.{self}")
    }

    /// Reads `signaal-gemeld.v1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, version) = text.rsplit_once(".v")?;
        let well_formed = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit());
        let version = version.parse().ok()?;
        well_formed.then(|| Self { name: name.to_owned(), version })
    }
}

/// `signaal-gemeld.v1`
impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.v{}", self.name, self.version)
    }
}
