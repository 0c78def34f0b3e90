//! A leaf of the evidence tree: one thing that the hub did, and a commitment to its content.
//!
//! The stored bytes are what is hashed, so each leaf has exactly one encoding (integers are
//! big-endian):
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | kind, 1 to 10 |
//! | 8 | moment, microseconds since 1970 (signed) |
//! | 16 | subject: a random public id or parcel id |
//! | 32 | digest of the catalogue under which it was decided |
//! | 1 | which follow: 1 ciphertext, 2 commitment, 4 partner |
//! | 32 | SHA-256 of the ciphertext, if flagged |
//! | 32 | SHA-256 of salt and bytes as received or sent, if flagged |
//! | 1 + n | length and name of the partner, if flagged |
//! | rest | outcome, a short code in UTF-8 |
//!
//! Nothing in it is personal data or can be guessed back to it, so leaves outlive erasure.

use uuid::Uuid;

use crate::message::{Digest, PartnerId, Timestamp};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeafKind {
    /// A message was accepted.
    Aangenomen,
    /// A message was refused.
    Geweigerd,
    /// A parcel was offered to its recipient.
    Poging,
    /// A parcel reached a stage.
    Stadium,
    /// Somebody saw content that is kept sealed.
    Inzage,
    /// A parcel was put in quarantine or released.
    Vastgehouden,
    /// A set of configuration became active.
    Activering,
    /// The content of a case was destroyed.
    Wissing,
    /// A restored journal was released, and with it a new series of checkpoints began.
    Herstel,
    /// A job over a crowd began, ended, or changed otherwise.
    Klus,
    /// A coordinator decided something about a case.
    Regie,
    /// Somebody was let into the console, put out of it, or given another role there.
    Toegang,
}

/// One leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    pub kind: LeafKind,
    pub at: Timestamp,
    /// What it is about: a random id (public id or parcel id), never one from inside the journal.
    pub subject: Uuid,
    /// Whose exchange this is: the only partner that may see the leaf.
    pub partner: Option<PartnerId>,
    /// The set of configuration under which it was decided.
    pub catalogue: Digest,
    /// A short code such as `opgehaald`; never text of people.
    pub outcome: String,
    /// SHA-256 of what is stored sealed.
    pub ciphertext: Option<Digest>,
    /// See [`commitment`].
    pub commitment: Option<Digest>,
}

/// Why bytes are no leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    #[error("a leaf of version {0}, which this program does not know")]
    Version(u8),
    #[error("the leaf is cut off")]
    CutOff,
    #[error("the leaf has no valid {0}")]
    Field(&'static str),
}

/// SHA-256(salt ‖ bytes): binds the hub to the bytes without giving them away. Who has salt and
/// bytes can check it; without the 32 random bytes of salt nobody can try out BSNs against it.
pub fn commitment(salt: &[u8; 32], bytes: &[u8]) -> Digest {
    Digest::of(&[salt, bytes])
}

impl LeafKind {
    const ALL: [Self; 12] = [
        Self::Aangenomen,
        Self::Geweigerd,
        Self::Poging,
        Self::Stadium,
        Self::Inzage,
        Self::Vastgehouden,
        Self::Activering,
        Self::Wissing,
        Self::Herstel,
        Self::Klus,
        Self::Regie,
        Self::Toegang,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aangenomen => "aangenomen",
            Self::Geweigerd => "geweigerd",
            Self::Poging => "poging",
            Self::Stadium => "stadium",
            Self::Inzage => "inzage",
            Self::Vastgehouden => "vastgehouden",
            Self::Activering => "activering",
            Self::Wissing => "wissing",
            Self::Herstel => "herstel",
            Self::Klus => "klus",
            Self::Regie => "regie",
            Self::Toegang => "toegang",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The number in the encoding; never reused for another kind.
    const fn code(self) -> u8 {
        match self {
            Self::Aangenomen => 1,
            Self::Geweigerd => 2,
            Self::Poging => 3,
            Self::Stadium => 4,
            Self::Inzage => 5,
            Self::Vastgehouden => 6,
            Self::Activering => 7,
            Self::Wissing => 8,
            Self::Herstel => 9,
            Self::Klus => 10,
            Self::Regie => 11,
            Self::Toegang => 12,
        }
    }
}

impl Leaf {
    /// The bytes that are stored and hashed.
    pub fn encode(&self) -> Vec<u8> {
        let partner = self.partner.as_ref().map(|partner| partner.as_str().as_bytes());
        let flag = |there: bool, bit: u8| if there { bit } else { 0 };
        let flags = flag(self.ciphertext.is_some(), HAS_CIPHERTEXT)
            | flag(self.commitment.is_some(), HAS_COMMITMENT)
            | flag(partner.is_some(), HAS_PARTNER);
        let mut out = vec![VERSION, self.kind.code()];
        out.extend_from_slice(&self.at.as_micros().to_be_bytes());
        out.extend_from_slice(self.subject.as_bytes());
        out.extend_from_slice(&self.catalogue.0);
        out.push(flags);
        for digest in [self.ciphertext, self.commitment].into_iter().flatten() {
            out.extend_from_slice(&digest.0);
        }
        if let Some(partner) = partner {
            out.push(u8::try_from(partner.len()).unwrap_or(u8::MAX)); // a name has 60 signs at most
            out.extend_from_slice(partner);
        }
        out.extend_from_slice(self.outcome.as_bytes());
        out
    }

    /// Reads what [`Leaf::encode`] wrote, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeafError> {
        let mut rest = Cursor(bytes);
        let version = rest.byte()?;
        if version != VERSION {
            return Err(LeafError::Version(version));
        }
        let code = rest.byte()?;
        let kind = LeafKind::ALL.into_iter().find(|kind| kind.code() == code);
        let kind = kind.ok_or(LeafError::Field("kind"))?;
        let at = Timestamp::from_micros(i64::from_be_bytes(rest.take()?));
        let subject = Uuid::from_bytes(rest.take()?);
        let catalogue = Digest(rest.take()?);
        let flags = rest.byte()?;
        if flags & !(HAS_CIPHERTEXT | HAS_COMMITMENT | HAS_PARTNER) != 0 {
            return Err(LeafError::Field("flags"));
        }
        let ciphertext = rest.digest(flags & HAS_CIPHERTEXT != 0)?;
        let commitment = rest.digest(flags & HAS_COMMITMENT != 0)?;
        let partner = if flags & HAS_PARTNER != 0 { Some(rest.partner()?) } else { None };
        let outcome = std::str::from_utf8(rest.0).map_err(|_| LeafError::Field("outcome"))?;
        let outcome = outcome.to_owned();
        Ok(Self { kind, at, subject, partner, catalogue, outcome, ciphertext, commitment })
    }
}

const VERSION: u8 = 1;
const HAS_CIPHERTEXT: u8 = 1;
const HAS_COMMITMENT: u8 = 2;
const HAS_PARTNER: u8 = 4;

/// What is left to read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], LeafError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(LeafError::CutOff)?;
        self.0 = tail;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, LeafError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn digest(&mut self, there: bool) -> Result<Option<Digest>, LeafError> {
        if there { self.take().map(|bytes| Some(Digest(bytes))) } else { Ok(None) }
    }

    fn partner(&mut self) -> Result<PartnerId, LeafError> {
        let length = usize::from(self.byte()?);
        let (name, tail) = self.0.split_at_checked(length).ok_or(LeafError::CutOff)?;
        self.0 = tail;
        let name = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
        name.ok_or(LeafError::Field("partner"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn leaf() -> Leaf {
        Leaf {
            kind: LeafKind::Stadium,
            at: Timestamp::from_micros(1_790_000_000_000_001),
            subject: Uuid::from_bytes([0xab; 16]),
            partner: Some("politie-oost".parse().unwrap()),
            catalogue: Digest([1; 32]),
            outcome: "opgehaald".to_owned(),
            ciphertext: Some(Digest([2; 32])),
            commitment: Some(Digest([3; 32])),
        }
    }

    #[test]
    fn the_encoding_is_the_documented_one() {
        let mut expected = vec![1, 4];
        expected.extend_from_slice(&[0x00, 0x06, 0x5b, 0xfe, 0xda, 0x25, 0xe0, 0x01]);
        expected.extend_from_slice(&[0xab; 16]);
        expected.extend_from_slice(&[1; 32]);
        expected.push(7);
        expected.extend_from_slice(&[2; 32]);
        expected.extend_from_slice(&[3; 32]);
        expected.extend_from_slice(b"\x0cpolitie-oostopgehaald");
        assert_eq!(leaf().encode(), expected);
    }

    #[test]
    fn every_kind_has_its_own_code_and_word() {
        for (at, kind) in LeafKind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind.code()), at + 1);
            assert_eq!(LeafKind::parse(kind.as_str()), Some(kind));
            assert_eq!(Leaf::decode(&Leaf { kind, ..leaf() }.encode()).unwrap().kind, kind);
        }
        assert_eq!(LeafKind::parse("iets"), None);
    }

    #[test]
    fn what_is_no_leaf_is_refused_with_the_reason() {
        let good = leaf().encode();
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            Leaf::decode(&bytes)
        };
        assert_eq!(with(0, 2), Err(LeafError::Version(2)));
        assert_eq!(with(1, 0), Err(LeafError::Field("kind")));
        assert_eq!(with(1, 13), Err(LeafError::Field("kind")));
        assert_eq!(with(58, 15), Err(LeafError::Field("flags")));
        assert_eq!(with(123, 255), Err(LeafError::CutOff));
        assert_eq!(with(124, b'P'), Err(LeafError::Field("partner")));
        assert_eq!(with(good.len() - 1, 0xff), Err(LeafError::Field("outcome")));
        let outcome_at = good.len() - "opgehaald".len();
        for length in 0..outcome_at {
            assert_eq!(Leaf::decode(&good[..length]), Err(LeafError::CutOff), "{length}");
        }
    }

    #[test]
    fn a_commitment_needs_the_salt_and_the_bytes() {
        let made = commitment(&[1; 32], b"bytes");
        assert_eq!(made, Digest::of(&[&[1; 32], b"bytes"]));
        assert_ne!(made, commitment(&[2; 32], b"bytes"));
        assert_ne!(made, commitment(&[1; 32], b"bytez"));
    }

    prop_compose! {
        fn any_leaf()(
            kind in 0..10_usize, at: i64, subject: [u8; 16], catalogue: [u8; 32],
            partner in option::of("[a-z][a-z0-9-]{0,59}"), outcome: String,
            ciphertext: Option<[u8; 32]>, commitment: Option<[u8; 32]>,
        ) -> Leaf {
            Leaf {
                kind: LeafKind::ALL[kind],
                at: Timestamp::from_micros(at),
                subject: Uuid::from_bytes(subject),
                partner: partner.map(|name| name.parse().unwrap()),
                catalogue: Digest(catalogue),
                outcome,
                ciphertext: ciphertext.map(Digest),
                commitment: commitment.map(Digest),
            }
        }
    }

    proptest! {
        #[test]
        fn a_leaf_reads_back(leaf in any_leaf()) {
            prop_assert_eq!(Leaf::decode(&leaf.encode()), Ok(leaf));
        }

        /// Two texts for one leaf would be two hashes for one fact.
        #[test]
        fn bytes_that_read_as_a_leaf_are_its_only_encoding(
            leaf in any_leaf(), at: prop::sample::Index, byte: u8,
        ) {
            let mut bytes = leaf.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = Leaf::decode(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
            }
        }
    }
}
