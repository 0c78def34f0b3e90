//! Checkpoints: what the hub signs about its whole tree (C2SP tlog-checkpoint).
//!
//! ```text
//! <origin>
//! <tree size, decimal>
//! <root, base64>
//!
//! — <origin> <base64: key id ‖ Ed25519 signature>
//! ```
//!
//! Whoever keeps one can later ask for proof that the tree only grew since (see `tree.rs`). When
//! to sign, and never to sign one that the last does not lead to, is left to the journal.
//!
//! After a journal was restored from a backup, the hub goes on in a new series with an origin of
//! its own, `<name>/reeks-20261125`: under one origin it never signs two trees (see `series.rs`).
//! The key and its name stay, so that what partners keep to check signatures stays good.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::keys::HubKeys;
use super::note::{self, NoteError};
use super::series::Head;
use crate::message::Digest;

/// The tree at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose tree it is: the name of the hub's keys, also as the name under the signature.
    pub origin: String,
    /// 1 from the start; after a release of a restored journal its day, `20261125`, or more.
    pub series: u32,
    /// How many leaves it has.
    pub size: u64,
    pub root: Digest,
}

/// Why a text is no checkpoint of this hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("the checkpoint is not signed as it should be")]
    Note(#[from] NoteError),
    #[error("the checkpoint has no valid {0}")]
    Line(&'static str),
    #[error("the checkpoint is of another tree than the key that signed it")]
    Origin,
}

impl Checkpoint {
    /// The signed note. A checkpoint with another origin than the keys' name does not verify.
    pub fn sign(&self, keys: &HubKeys) -> String {
        let root = BASE64_STANDARD.encode(self.root.0);
        let origin = origin_line(&self.origin, self.series);
        note::sign_note(&format!("{origin}\n{}\n{root}\n", self.size), keys)
    }

    /// What it says of the tree, without whose it is.
    pub const fn head(&self) -> Head {
        Head { series: self.series, size: self.size, root: self.root }
    }

    /// Reads a signed note, and only believes it when the hub of this name and key signed it.
    /// Further lines of the text (extensions) and signatures of others are ignored.
    pub fn parse_and_verify(
        text: &str,
        name: &str,
        public_key: &[u8; 32],
    ) -> Result<Self, CheckpointError> {
        let body = note::open_note(text, name, public_key)?;
        let mut lines = body.lines();
        let line = lines.next().unwrap_or_default();
        let series = series_of(line, name).ok_or(CheckpointError::Origin)?;
        let size = lines.next().and_then(decimal).ok_or(CheckpointError::Line("size"))?;
        let root = lines.next().and_then(digest).ok_or(CheckpointError::Line("root"))?;
        if lines.any(str::is_empty) {
            return Err(CheckpointError::Line("extension"));
        }
        Ok(Self { origin: name.to_owned(), series, size, root })
    }
}

const SERIES: &str = "/reeks-";

fn origin_line(name: &str, series: u32) -> String {
    if series <= 1 { name.to_owned() } else { format!("{name}{SERIES}{series}") }
}

/// The series of a tree of this hub; the first has no number, so each has one spelling.
fn series_of(line: &str, name: &str) -> Option<u32> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(1);
    }
    let number = decimal(rest.strip_prefix(SERIES)?)?;
    u32::try_from(number).ok().filter(|series| *series > 1)
}

/// Digits only, without leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn digest(text: &str) -> Option<Digest> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok().map(Digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "schakel.example/eindhoven";

    fn keys() -> HubKeys {
        HubKeys::generate(NAME, [1; 32], [2; 32], [3; 32])
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: NAME.to_owned(), series: 1, size: 1_000_000, root: Digest([9; 32]) }
    }

    fn read(text: &str) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::parse_and_verify(text, NAME, &keys().public_key())
    }

    #[test]
    fn a_signed_checkpoint_reads_back() {
        let text = checkpoint().sign(&keys());
        assert!(text.starts_with("schakel.example/eindhoven\n1000000\nCQkJCQkJ"), "{text}");
        assert!(text.contains("=\n\n\u{2014} schakel.example/eindhoven "), "{text}");
        assert_eq!(read(&text), Ok(checkpoint()));
        let empty = Checkpoint { size: 0, ..checkpoint() };
        assert_eq!(read(&empty.sign(&keys())), Ok(empty));
    }

    #[test]
    fn a_changed_or_foreign_checkpoint_is_not_believed() {
        let text = checkpoint().sign(&keys());
        let grown = text.replace("1000000", "1000001");
        assert_eq!(read(&grown), Err(CheckpointError::Note(NoteError::Forged)));
        let forger = HubKeys::generate(NAME, [1; 32], [4; 32], [3; 32]);
        let forged = checkpoint().sign(&forger);
        assert_eq!(read(&forged), Err(CheckpointError::Note(NoteError::NotSigned)));
        let other = Checkpoint { origin: "schakel.example/breda".to_owned(), ..checkpoint() };
        assert_eq!(read(&other.sign(&keys())), Err(CheckpointError::Origin));
    }

    #[test]
    fn each_series_has_an_origin_of_its_own_under_the_same_key() {
        for series in [1, 2, 3, 4_000_000_000] {
            let later = Checkpoint { series, ..checkpoint() };
            let text = later.sign(&keys());
            let first = text.lines().next().unwrap();
            assert_eq!(first == NAME, series == 1, "{first}");
            assert_eq!(read(&text), Ok(later));
        }
        let root = BASE64_STANDARD.encode([9; 32]);
        for wrong in ["/reeks-1", "/reeks-0", "/reeks-02", "/reeks-", "/reeks-x", "/", "/REEKS-2"] {
            let text = note::sign_note(&format!("{NAME}{wrong}\n7\n{root}\n"), &keys());
            assert_eq!(read(&text), Err(CheckpointError::Origin), "{wrong}");
        }
    }

    #[test]
    fn a_signature_does_not_make_a_bad_text_a_checkpoint() {
        let root = BASE64_STANDARD.encode([9; 32]);
        let signed = |body: String| read(&note::sign_note(&format!("{NAME}\n{body}"), &keys()));
        let good = signed(format!("7\n{root}\n")).unwrap();
        assert_eq!((good.size, good.root), (7, Digest([9; 32])));
        assert_eq!(signed(format!("7\n{root}\nextra\n")).unwrap(), good);
        for size in ["07", "+7", "-1", "", " 7", "7 ", "x", "18446744073709551616"] {
            let error = signed(format!("{size}\n{root}\n")).unwrap_err();
            assert_eq!(error, CheckpointError::Line("size"), "{size}");
        }
        for bad in ["", "CQkJ", "?"] {
            let error = signed(format!("7\n{bad}\n")).unwrap_err();
            assert_eq!(error, CheckpointError::Line("root"), "{bad}");
        }
        let gap = signed(format!("7\n{root}\n\nextra\n"));
        assert_eq!(gap, Err(CheckpointError::Line("extension")));
    }
}
