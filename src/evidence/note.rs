//! Signed notes, the text form of what the hub signs for the public (C2SP signed-note v1.0.0).
//!
//! A note is a text, an empty line, and a line `— <key name> <base64: key id ‖ signature>` for
//! each signature. What the text says is left to `checkpoint.rs`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::keys::HubKeys;
use crate::message::Digest;

/// Why a note is not taken as signed by the expected key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("not a signed note")]
    Malformed,
    #[error("the note is larger than {NOTE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the note is not signed by the expected key")]
    NotSigned,
    #[error("the signature under the note is not valid")]
    Forged,
}

/// The text is not a verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a verifier key of the form name+hash+base64 for Ed25519")]
pub struct BadVerifierKey;

/// The public key as a partner keeps it: `<name>+<key id>+<base64: 0x01 ‖ public key>`.
pub fn verifier_key(name: &str, public_key: &[u8; 32]) -> String {
    let id = u32::from_be_bytes(key_id(name, public_key));
    let key = BASE64_STANDARD.encode([&[ED25519_TYPE], public_key.as_slice()].concat());
    format!("{name}+{id:08x}+{key}")
}

/// Reads a verifier key into the name and the public key.
pub fn parse_verifier_key(text: &str) -> Result<(String, [u8; 32]), BadVerifierKey> {
    // The base64 may hold plus signs of its own; name and key id do not.
    let (name, rest) = text.split_once('+').ok_or(BadVerifierKey)?;
    let (_, key) = rest.split_once('+').ok_or(BadVerifierKey)?;
    let key = BASE64_STANDARD.decode(key).map_err(|_| BadVerifierKey)?;
    let key: [u8; 33] = key.try_into().map_err(|_| BadVerifierKey)?;
    let [ED25519_TYPE, public_key @ ..] = key else { return Err(BadVerifierKey) };
    // Writing it again compares type, key id and name in one go.
    let well_formed = key_name(name) == name && verifier_key(name, &public_key) == text;
    if well_formed { Ok((name.to_owned(), public_key)) } else { Err(BadVerifierKey) }
}

/// A name that a key may have: not empty, and no white space, control sign or plus sign in it.
pub(super) fn key_name(name: &str) -> String {
    if name.is_empty() {
        return "schakel".to_owned();
    }
    name.replace(|c: char| c.is_whitespace() || c.is_control() || c == '+', "-")
}

/// Signs `text`, which ends in a newline and has no control sign but newlines.
pub(super) fn sign_note(text: &str, keys: &HubKeys) -> String {
    let id = key_id(keys.name(), &keys.public_key());
    let signature = keys.sign(text.as_bytes());
    let signature = BASE64_STANDARD.encode([id.as_slice(), &signature].concat());
    format!("{text}\n{SIGNATURE_START}{} {signature}\n", keys.name())
}

/// The text of a note that has a valid signature of this key; signatures of others are ignored.
pub(super) fn open_note<'a>(
    note: &'a str,
    name: &str,
    public_key: &[u8; 32],
) -> Result<&'a str, NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::TooLarge);
    }
    if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Malformed);
    }
    let (text, signatures) = split(note).ok_or(NoteError::Malformed)?;
    let mut signed = false;
    for line in signatures.lines() {
        let (signer, id, signature) = signature_line(line).ok_or(NoteError::Malformed)?;
        if signer == name && id == key_id(name, public_key) {
            let key = UnparsedPublicKey::new(&ED25519, public_key);
            key.verify(text.as_bytes(), &signature).map_err(|_| NoteError::Forged)?;
            signed = true;
        }
    }
    if signed { Ok(text) } else { Err(NoteError::NotSigned) }
}

/// The signature type Ed25519.
const ED25519_TYPE: u8 = 0x01;

const SIGNATURE_START: &str = "\u{2014} ";

/// Room for a checkpoint with the sixteen signatures that C2SP asks to accept, each up to 5 kB.
const NOTE_BYTES_MAX: usize = 128 * 1024;

/// The first four bytes of SHA-256(name ‖ newline ‖ type ‖ public key).
fn key_id(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let Digest([a, b, c, d, ..]) =
        Digest::of(&[name.as_bytes(), b"\n", &[ED25519_TYPE], public_key]);
    [a, b, c, d]
}

/// Text with its last newline, and the signature lines.
fn split(note: &str) -> Option<(&str, &str)> {
    let end = note.rfind("\n\n")? + 1;
    let (text, rest) = note.split_at_checked(end)?;
    let signatures = rest.strip_prefix('\n')?;
    (signatures.ends_with('\n')).then_some((text, signatures))
}

/// Name, key id and signature.
fn signature_line(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, signature) = line.strip_prefix(SIGNATURE_START)?.split_once(' ')?;
    let bytes = BASE64_STANDARD.decode(signature).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    let well_formed = !name.is_empty() && key_name(name) == name && !signature.is_empty();
    well_formed.then(|| (name, *id, signature.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and note in the documentation of Go's `golang.org/x/mod/sumdb/note`.
    const GO_SEED: &str = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n";
    const GO_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1F\
        FYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const OTHER_LINE: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiO\
        Hp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

    fn go_keys() -> HubKeys {
        let seed = BASE64_STANDARD.decode(GO_SEED).unwrap().try_into().unwrap();
        HubKeys::generate("PeterNeumann", [0; 32], seed, [0; 32])
    }

    fn open(note: &str) -> Result<&str, NoteError> {
        open_note(note, "PeterNeumann", &go_keys().public_key())
    }

    #[test]
    fn the_note_of_the_reference_implementation_comes_out_byte_for_byte() {
        let keys = go_keys();
        assert_eq!(verifier_key(keys.name(), &keys.public_key()), GO_KEY);
        assert_eq!(sign_note(GO_TEXT, &keys), format!("{GO_TEXT}\n{GO_LINE}"));
        assert_eq!(open(&format!("{GO_TEXT}\n{GO_LINE}")), Ok(GO_TEXT));
    }

    #[test]
    fn signatures_of_others_are_ignored_and_do_not_suffice() {
        assert_eq!(open(&format!("{GO_TEXT}\n{OTHER_LINE}{GO_LINE}")), Ok(GO_TEXT));
        assert_eq!(open(&format!("{GO_TEXT}\n{OTHER_LINE}")), Err(NoteError::NotSigned));
        let renamed = format!("{GO_TEXT}\n{GO_LINE}").replace("Peter", "Paul");
        assert_eq!(open(&renamed), Err(NoteError::NotSigned));
    }

    #[test]
    fn one_invalid_signature_of_the_key_is_a_forgery() {
        let note = format!("{GO_TEXT}\n{GO_LINE}");
        assert_eq!(open(&note.replace("answer", "Answer")), Err(NoteError::Forged));
        let bad_line = GO_LINE.replace("cvIAQx", "cvIAQy");
        assert_eq!(open(&format!("{GO_TEXT}\n{bad_line}")), Err(NoteError::Forged));
        assert_eq!(open(&format!("{GO_TEXT}\n{GO_LINE}{bad_line}")), Err(NoteError::Forged));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let note = format!("{GO_TEXT}\n{GO_LINE}");
        let wrong = [
            String::new(),
            GO_TEXT.to_owned(),
            format!("{GO_TEXT}\n"),
            format!("{GO_TEXT}{GO_LINE}"),
            note.trim_end().to_owned(),
            note.replace('—', "-"),
            note.replace("PeterNeumann ", "PeterNeumann  "),
            note.replace('\n', "\r\n"),
            format!("{note}{GO_TEXT}"),
            note.replace("nAM=", "nAM"),
            format!("{GO_TEXT}\n— PeterNeumann AAAA\n"),
        ];
        for text in wrong {
            assert_eq!(open(&text), Err(NoteError::Malformed), "{text:?}");
        }
        let large = "a".repeat(NOTE_BYTES_MAX + 1);
        assert_eq!(open(&large), Err(NoteError::TooLarge));
    }

    #[test]
    fn a_verifier_key_reads_back_and_no_mangled_one_does() {
        let key = go_keys().public_key();
        assert_eq!(parse_verifier_key(GO_KEY), Ok(("PeterNeumann".to_owned(), key)));
        for at in 0..GO_KEY.len() {
            let mut bytes = GO_KEY.to_owned().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let mangled = String::from_utf8(bytes).unwrap();
            assert_eq!(parse_verifier_key(&mangled), Err(BadVerifierKey), "{mangled}");
            assert_eq!(parse_verifier_key(GO_KEY.get(..at).unwrap()), Err(BadVerifierKey));
        }
        let wrong = [
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ];
        assert!(wrong.iter().all(|text| parse_verifier_key(text).is_err()));
    }
}
