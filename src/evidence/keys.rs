//! The keys of one hub: what wraps the keys of cases, signs checkpoints and hashes lookups.
//!
//! They live outside the database, in a text file that `schakel keys init` writes once. Losing
//! it makes every payload unreadable, so nothing here ever makes a key by itself: random bytes are
//! arguments, and a file that is damaged is an error. Where the file lies, its mode, and whether
//! it belongs to this journal (compare [`HubKeys::fingerprint`]) are the caller's business.
//!
//! ```text
//! schakel-sleutels v1
//! naam <name>
//! ondertekenen <base64: Ed25519 seed>
//! opzoeken <base64: HMAC key>
//! tijdvak 1 <base64: key-encryption key>
//! tijdvak 2 <base64: …>
//! controle <SHA-256 of all lines above, hexadecimal>
//! ```

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::seal::{DataKey, NONCE_BYTES, OpenError};
use crate::message::Digest;

/// The keys of one hub. `Debug` shows its name, epoch and fingerprint, and no key.
pub struct HubKeys {
    name: String,
    /// Epochs 1 and up that no longer wrap, but still unwrap.
    earlier: Vec<DataKey>,
    current: DataKey,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    lookup: [u8; 32],
    lookup_key: hmac::Key,
}

/// A key under the hub's key of one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    pub epoch: u32,
    pub bytes: Vec<u8>,
}

/// Why a text is no usable key file. Names a line at most, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    #[error("not a key file of schakel: the first line should be `{HEADER}`")]
    NotAKeyFile,
    #[error("the key file has a version that this program does not know; it knows `{HEADER}`")]
    UnknownVersion,
    #[error("the key file is cut off: it does not end in a check value")]
    Incomplete,
    #[error("the key file is damaged: its check value does not match")]
    Damaged,
    #[error("line {line} of the key file should be `{expected} …`")]
    BadLine { line: usize, expected: &'static str },
}

impl HubKeys {
    /// The keys of a new hub, in epoch 1, from bytes of the system's generator.
    ///
    /// The name stands in every checkpoint as origin and key name, where white space and plus
    /// signs have a meaning of their own; each of these, and of control signs, becomes a hyphen.
    pub fn generate(name: &str, kek: [u8; 32], signing_seed: [u8; 32], lookup: [u8; 32]) -> Self {
        Self::assemble(&super::note::key_name(name), vec![], kek, signing_seed, lookup)
    }

    /// Reads a key file; line ends may be those of Windows.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        let body = check_frame(&lines)?;
        let mut reader = Lines { rest: body.iter().enumerate().skip(1) };
        let name = reader.next("naam")?;
        if name.is_empty() || super::note::key_name(name) != name {
            return Err(KeyFileError::BadLine { line: 2, expected: "naam" });
        }
        let seed = reader.next_key("ondertekenen")?;
        let lookup = reader.next_key("opzoeken")?;
        let mut epochs = vec![reader.next_epoch(1)?];
        while epochs.len() + 4 < body.len() {
            epochs.push(reader.next_epoch(epochs.len() + 1)?);
        }
        let current = epochs.pop().ok_or(KeyFileError::Incomplete)?;
        let earlier = epochs.into_iter().map(DataKey::new).collect();
        Ok(Self::assemble(name, earlier, current, seed, lookup))
    }

    /// The key file. Secret: for the file with mode 0600, and nothing else.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\nnaam {}\n", self.name);
        let mut line = |what: &str, key: &[u8; 32]| {
            text += &format!("{what} {}\n", BASE64_STANDARD.encode(key));
        };
        line("ondertekenen", &self.seed);
        line("opzoeken", &self.lookup);
        for (at, key) in self.earlier.iter().chain([&self.current]).enumerate() {
            line(&format!("tijdvak {}", at + 1), key.reveal());
        }
        let check = Digest::of(&[text.as_bytes()]);
        text + &format!("controle {check}\n")
    }

    /// Starts a new epoch and returns it; what was wrapped in earlier ones still unwraps.
    pub fn rotate(&mut self, new_kek: [u8; 32]) -> u32 {
        let old = std::mem::replace(&mut self.current, DataKey::new(new_kek));
        self.earlier.push(old);
        self.epoch()
    }

    /// The epoch under which keys are wrapped now; the first is 1.
    pub fn epoch(&self) -> u32 {
        u32::try_from(self.earlier.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// A short public name of this set of keys, from the public signing key: 16 hexadecimal
    /// digits. Kept in the journal, so that a key file of another hub is noticed at the start.
    pub fn fingerprint(&self) -> String {
        let mut text = Digest::of(&[b"schakel:vingerafdruk\0", &self.public_key()]).to_string();
        text.truncate(16);
        text
    }

    /// HMAC-SHA-256 of `value`: finds what is stored sealed, such as a partner's message id.
    /// Equal values in different domains have different hashes.
    pub fn lookup_hash(&self, domain: &str, value: &[u8]) -> Digest {
        let mut context = hmac::Context::with_key(&self.lookup_key);
        // The length first, so that no other split of the same bytes hashes alike.
        context.update(&(domain.len() as u64).to_be_bytes());
        context.update(domain.as_bytes());
        context.update(value);
        digest_of_tag(context.sign())
    }

    /// Wraps a case's key under the present epoch; `aad` says whose key it is.
    pub fn wrap_case_key(&self, key: &DataKey, nonce: [u8; NONCE_BYTES], aad: &[u8]) -> WrappedKey {
        WrappedKey { epoch: self.epoch(), bytes: self.current.wrap(key, nonce, aad) }
    }

    pub fn unwrap_case_key(&self, wrapped: &WrappedKey, aad: &[u8]) -> Result<DataKey, OpenError> {
        self.key_of(wrapped.epoch)?.unwrap(&wrapped.bytes, aad)
    }

    /// Seals a secret that the hub itself must use again, such as that of a webhook.
    /// The result starts with its epoch (4 bytes, big-endian).
    pub fn seal_secret(&self, secret: &[u8], nonce: [u8; NONCE_BYTES], aad: &[u8]) -> Vec<u8> {
        let sealed = self.current.seal_as(SECRET, nonce, aad, secret);
        [self.epoch().to_be_bytes().as_slice(), &sealed].concat()
    }

    pub fn open_secret(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (epoch, sealed) = sealed.split_first_chunk().ok_or(OpenError::TooShort)?;
        self.key_of(u32::from_be_bytes(*epoch))?.open_as(SECRET, sealed, aad)
    }

    /// Signs with Ed25519 (RFC 8032).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        out.copy_from_slice(self.pair.sign(message).as_ref());
        out
    }

    /// The key by which anybody checks what this hub signed.
    pub fn public_key(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.pair.public_key().as_ref());
        out
    }

    fn key_of(&self, epoch: u32) -> Result<&DataKey, OpenError> {
        if epoch == self.epoch() {
            return Ok(&self.current);
        }
        let place = epoch.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let earlier = place.and_then(|place| self.earlier.get(place));
        earlier.ok_or(OpenError::UnknownEpoch { epoch })
    }

    fn assemble(
        name: &str,
        earlier: Vec<DataKey>,
        current: [u8; 32],
        seed: [u8; 32],
        lookup: [u8; 32],
    ) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        let pair = pair.expect("32 bytes"); // cannot fail: it checks the length only
        let lookup_key = hmac::Key::new(hmac::HMAC_SHA256, &lookup);
        let current = DataKey::new(current);
        Self { name: name.to_owned(), earlier, current, seed, pair, lookup, lookup_key }
    }
}

impl fmt::Debug for HubKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, epoch, fingerprint) = (&self.name, self.epoch(), self.fingerprint());
        write!(f, "HubKeys({name}, epoch {epoch}, {fingerprint})")
    }
}

const HEADER: &str = "schakel-sleutels v1";
const SECRET: &[u8] = b"schakel:geheim\0";

/// Checks the first line and the check value; gives the lines that the check covers.
fn check_frame<'a, 'b>(lines: &'b [&'a str]) -> Result<&'b [&'a str], KeyFileError> {
    match lines.first() {
        Some(first) if *first == HEADER => {}
        Some(first) if first.starts_with("schakel-sleutels ") => {
            return Err(KeyFileError::UnknownVersion);
        }
        _ => return Err(KeyFileError::NotAKeyFile),
    }
    let (last, body) = lines.split_last().ok_or(KeyFileError::NotAKeyFile)?;
    let check = last.strip_prefix("controle ").and_then(Digest::from_hex);
    let check = check.ok_or(KeyFileError::Incomplete)?;
    let covered: String = body.iter().flat_map(|line| [*line, "\n"]).collect();
    if Digest::of(&[covered.as_bytes()]) != check {
        return Err(KeyFileError::Damaged);
    }
    Ok(body)
}

/// The lines of a key file in the order that they must have.
struct Lines<'a, I: Iterator<Item = (usize, &'a &'a str)>> {
    rest: I,
}

impl<'a, I: Iterator<Item = (usize, &'a &'a str)>> Lines<'a, I> {
    fn next(&mut self, expected: &'static str) -> Result<&'a str, KeyFileError> {
        self.read(expected, Some)
    }

    fn next_key(&mut self, expected: &'static str) -> Result<[u8; 32], KeyFileError> {
        self.read(expected, key_bytes)
    }

    fn next_epoch(&mut self, epoch: usize) -> Result<[u8; 32], KeyFileError> {
        self.read("tijdvak", |rest| key_bytes(rest.strip_prefix(&format!("{epoch} "))?))
    }

    fn read<T>(
        &mut self,
        expected: &'static str,
        value: impl Fn(&'a str) -> Option<T>,
    ) -> Result<T, KeyFileError> {
        let (at, line) = self.rest.next().ok_or(KeyFileError::Incomplete)?;
        let rest = line.strip_prefix(expected).and_then(|rest| rest.strip_prefix(' '));
        rest.and_then(value).ok_or(KeyFileError::BadLine { line: at + 1, expected })
    }
}

fn key_bytes(text: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

fn digest_of_tag(tag: hmac::Tag) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    Digest(out)
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
