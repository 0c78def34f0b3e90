//! Sealing with AES-256-GCM (NIST SP 800-38D), and keys that wrap other keys.
//!
//! A sealed value is `nonce ‖ ciphertext ‖ tag`: 12 bytes, as many as the plain text, 16 bytes.
//! The nonce is the caller's, fresh from the system's generator for every call: one that repeats
//! under one key gives the content away. A key serves at most 2^32 random nonces (SP 800-38D §8.3),
//! which is why every message has its own.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// The length of a nonce.
pub const NONCE_BYTES: usize = 12;

/// Why something sealed did not open. Never says what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The hub's key file lacks the epoch under which it was sealed.
    #[error("sealed under epoch {epoch}, which this hub's keys do not have")]
    UnknownEpoch { epoch: u32 },
    /// Shorter than anything sealed can be.
    #[error("too short to be a sealed value")]
    TooShort,
    /// Another key, another context, or changed bytes; the cipher does not tell which.
    #[error("the seal does not hold: another key, another context, or changed bytes")]
    Rejected,
}

/// A key for AES-256-GCM: of one message, of one case, or of one epoch of the hub.
///
/// What wraps a key cannot be passed off as content, nor content as a key, because each has its
/// own prefix in the authenticated data. `Debug` shows no byte. Memory is not wiped on drop.
#[derive(Clone)]
pub struct DataKey {
    bytes: [u8; 32],
    cipher: LessSafeKey,
}

impl DataKey {
    /// Takes 32 bytes from the system's generator.
    pub fn new(bytes: [u8; 32]) -> Self {
        let unbound = UnboundKey::new(&AES_256_GCM, &bytes);
        let unbound = unbound.expect("32 bytes"); // cannot fail: it checks the length only
        Self { bytes, cipher: LessSafeKey::new(unbound) }
    }

    /// Seals `inner` under this key; `aad` says which key it is and is needed again to unwrap.
    pub fn wrap(&self, inner: &DataKey, nonce: [u8; NONCE_BYTES], aad: &[u8]) -> Vec<u8> {
        self.seal_as(KEY, nonce, aad, &inner.bytes)
    }

    pub fn unwrap(&self, sealed: &[u8], aad: &[u8]) -> Result<DataKey, OpenError> {
        let bytes = self.open_as(KEY, sealed, aad)?;
        bytes.try_into().map(DataKey::new).map_err(|_| OpenError::Rejected)
    }

    /// Seals content; `aad` ties it to its place (say, the id of its row).
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], plain: &[u8]) -> Vec<u8> {
        self.seal_as(CONTENT, nonce, aad, plain)
    }

    pub fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.open_as(CONTENT, sealed, aad)
    }

    /// The bytes themselves, for the key file only.
    pub(super) fn reveal(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub(super) fn seal_as(
        &self,
        purpose: &[u8],
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        plain: &[u8],
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(NONCE_BYTES + plain.len() + AES_256_GCM.tag_len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let (_, content) = out.split_at_mut(NONCE_BYTES);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.cipher.seal_in_place_separate_tag(nonce, context(purpose, aad), content);
        let tag = tag.expect("below 64 GiB"); // cannot fail: a body has 8 MiB at most
        out.extend_from_slice(tag.as_ref());
        out
    }

    pub(super) fn open_as(
        &self,
        purpose: &[u8],
        sealed: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, OpenError> {
        let (nonce, content) =
            sealed.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::TooShort)?;
        if content.len() < AES_256_GCM.tag_len() {
            return Err(OpenError::TooShort);
        }
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut content = content.to_vec();
        let opened = self.cipher.open_in_place(nonce, context(purpose, aad), &mut content);
        let length = opened.map_err(|_| OpenError::Rejected)?.len();
        content.truncate(length);
        Ok(content)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

const KEY: &[u8] = b"schakel:sleutel\0";
const CONTENT: &[u8] = b"schakel:inhoud\0";

/// The authenticated data: what kind of thing is sealed, then the caller's context. A purpose
/// ends in its only NUL, so that no two pairs read the same.
fn context(purpose: &[u8], aad: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([purpose, aad].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(fill: u8) -> DataKey {
        DataKey::new([fill; 32])
    }

    /// NIST's AES-256-GCM test case 13 (McGrew and Viega): empty text, key and nonce of zeros.
    #[test]
    fn the_cipher_is_the_one_that_nist_describes() {
        let tag = key(0).seal_as(b"", [0; 12], b"", b"");
        let expected = "530f8afbc74536b9a963b4f1c4cb738b";
        let hex: String = tag[12..].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn any_changed_bit_breaks_the_seal() {
        let sealed = key(1).seal([2; 12], b"rij-1", b"een geheim");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key(1).open(&changed, b"rij-1"), Err(OpenError::Rejected), "bit {bit}");
        }
        assert_eq!(key(1).open(&sealed, b"rij-1").as_deref(), Ok(b"een geheim".as_slice()));
    }

    #[test]
    fn another_key_context_or_length_breaks_the_seal() {
        let sealed = key(1).seal([2; 12], b"rij-1", b"");
        assert_eq!(key(3).open(&sealed, b"rij-1"), Err(OpenError::Rejected));
        assert_eq!(key(1).open(&sealed, b"rij-2"), Err(OpenError::Rejected));
        assert_eq!(key(1).open(&sealed, b""), Err(OpenError::Rejected));
        for length in 0..sealed.len() {
            assert_eq!(key(1).open(&sealed[..length], b"rij-1"), Err(OpenError::TooShort));
        }
        let longer = [sealed.as_slice(), b"x"].concat();
        assert_eq!(key(1).open(&longer, b"rij-1"), Err(OpenError::Rejected));
    }

    #[test]
    fn a_wrapped_key_opens_what_the_key_sealed() {
        let (case, message) = (key(4), key(5));
        let sealed = message.seal([1; 12], b"", b"inhoud");
        let wrapped = case.wrap(&message, [6; 12], b"bericht-1");
        let unwrapped = case.unwrap(&wrapped, b"bericht-1").unwrap();
        assert_eq!(unwrapped.open(&sealed, b"").unwrap(), b"inhoud");
        assert!(case.unwrap(&wrapped, b"bericht-2").is_err());
        assert!(key(7).unwrap(&wrapped, b"bericht-1").is_err());
    }

    #[test]
    fn a_key_is_not_content_and_content_is_not_a_key() {
        let wrapped = key(4).wrap(&key(5), [6; 12], b"a");
        assert_eq!(key(4).open(&wrapped, b"a"), Err(OpenError::Rejected));
        let content = key(4).seal([6; 12], b"a", &[5; 32]);
        assert!(key(4).unwrap(&content, b"a").is_err());
    }

    #[test]
    fn debug_shows_no_byte_of_a_key() {
        assert_eq!(format!("{:?}", key(7)), "DataKey(…)");
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(
            bytes: [u8; 32], nonce: [u8; 12], aad: Vec<u8>, plain: Vec<u8>,
        ) {
            let key = DataKey::new(bytes);
            let sealed = key.seal(nonce, &aad, &plain);
            prop_assert_eq!(sealed.len(), 12 + plain.len() + 16);
            prop_assert_eq!(key.open(&sealed, &aad).unwrap(), plain);
        }
    }
}
