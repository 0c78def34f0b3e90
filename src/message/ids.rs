//! Identifiers, each a type of its own, so that a case can never be passed as a parcel.
//!
//! `MessageId` and `CaseId` are time-ordered and stay inside the journal. What a partner sees
//! (`PublicId`, `ParcelId`, `TaskId`, `CaseNumber`) is random, so that two partners cannot join on
//! it.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    )*};
}

uuid_id! {
    /// A message in the journal (UUIDv7, never shown to a partner).
    MessageId;
    /// The id by which a sender follows its message (UUIDv4, `GET /v1/berichten/{id}`).
    PublicId;
    /// One recipient's version of a message: a *zending* (UUIDv4).
    ParcelId;
    /// A case in the journal (UUIDv7, never shown to a partner).
    CaseId;
    /// What the municipality asked one partner: a task, as both of them know it (UUIDv4).
    TaskId;
    /// What was agreed in a case (UUIDv4).
    AgreementId;
    /// Somebody who uses the console (UUIDv4).
    AccountId;
}

/// A name from the configuration is not of the form that names have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 60 lower-case letters, digits and hyphens, and starts with a letter")]
pub struct BadName;

fn is_name(text: &str) -> bool {
    let tail_ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= 60
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(tail_ok)
}

macro_rules! name_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                if is_name(&text) { Ok(Self(text)) } else { Err(BadName) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

name_id! {
    /// A partner: one organisation, `config/partners/<id>.toml`.
    PartnerId;
    /// A kind of partner (`politie`, `zorgaanbieder`): who it is to others, and an origin of data.
    KindId;
    /// A connector: the folder `connectors/<id>/`.
    ConnectorId;
    /// A purpose: `config/purposes/<id>.toml`.
    PurposeId;
    /// A route in `config/routes.toml`.
    RouteId;
    /// A playbook: `config/playbooks/<id>.toml`.
    PlaybookId;
    /// A step of a playbook.
    StepId;
}

/// The case number that participants see: random, twelve signs of Crockford's base 32.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaseNumber(String);

impl CaseNumber {
    const ALPHABET: &'static [u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    /// Makes a number from twelve random bytes.
    pub fn from_random(bytes: [u8; 12]) -> Self {
        let mut text = String::from("C");
        for (index, byte) in bytes.into_iter().enumerate() {
            if index % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(Self::ALPHABET[usize::from(byte & 31)]));
        }
        Self(text)
    }

    /// Takes a number as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The sender's own id of a message. Possibly sensitive, so `Debug` hides it and nothing logs it.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalId(String);

impl ExternalId {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The id itself, for hashing and sealing only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId(…)")
    }
}

/// An Organisatie-identificatienummer: twenty digits (Logius, OIN-stelsel).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oin(String);

/// The text is no OIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an OIN has twenty digits and starts with a known register prefix")]
pub struct BadOin;

impl Oin {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Test organisations have prefix 00000099.
    pub fn is_test(&self) -> bool {
        self.0.starts_with("00000099")
    }
}

impl TryFrom<String> for Oin {
    type Error = BadOin;

    fn try_from(text: String) -> Result<Self, BadOin> {
        if super::formats::is_oin(&text) { Ok(Self(text)) } else { Err(BadOin) }
    }
}

impl From<Oin> for String {
    fn from(oin: Oin) -> String {
        oin.0
    }
}

/// A SHA-256 digest; shown as lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// SHA-256 of the concatenation of `parts`.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Self(out)
    }

    /// Reads sixty-four hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(out))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
