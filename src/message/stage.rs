//! How far a parcel came, and whether a message is meant for real.

use serde::{Deserialize, Serialize};

/// The stages of a parcel, in the words of the wire (*stadium*). Later ones outrank earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// In the outbox, or lying in the mailbox.
    Klaargezet,
    /// Collected from the mailbox or handed over by webhook or file.
    Opgehaald,
    /// The recipient said it has it.
    Ontvangen,
    /// The recipient takes it on.
    Geaccepteerd,
    /// The recipient does not take it on.
    Geweigerd,
    /// The hub stopped trying, or the recipient never answered.
    Verlopen,
}

impl Stage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Klaargezet => "klaargezet",
            Self::Opgehaald => "opgehaald",
            Self::Ontvangen => "ontvangen",
            Self::Geaccepteerd => "geaccepteerd",
            Self::Geweigerd => "geweigerd",
            Self::Verlopen => "verlopen",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Klaargezet,
            Self::Opgehaald,
            Self::Ontvangen,
            Self::Geaccepteerd,
            Self::Geweigerd,
            Self::Verlopen,
        ]
        .into_iter()
        .find(|stage| stage.as_str() == text)
    }

    /// Whether a parcel may move from this stage to `next`: forward only, and the recipient's
    /// yes or no is final.
    pub fn may_become(self, next: Self) -> bool {
        !matches!(self, Self::Geaccepteerd | Self::Geweigerd) && next > self
    }
}

/// Whether a message is meant for real (*gebruik*): the three never meet in one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Usage {
    Echt,
    Oefening,
    Test,
}

impl Usage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Echt => "echt",
            Self::Oefening => "oefening",
            Self::Test => "test",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Echt, Self::Oefening, Self::Test].into_iter().find(|u| u.as_str() == text)
    }
}
