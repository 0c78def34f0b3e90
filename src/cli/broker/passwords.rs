//! Passwords of partners: made here, stored by the broker as a hash, shown once.

use std::collections::BTreeMap;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};

use crate::cli::access::Halt;
use crate::cli::output::Exit;
use crate::hub::clock;
use crate::lifecycle::write_private;
use crate::message::Digest;

/// What RabbitMQ calls the way in which hashes are made.
pub const ALGORITHM: &str = "rabbit_password_hashing_sha256";
const SALT_BYTES: usize = 4;

/// New passwords by user. Not shown by `Debug`.
#[derive(Default)]
pub struct Passwords(pub BTreeMap<String, String>);

/// A password that nobody has to remember.
pub fn new_password() -> Result<String, Halt> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// As RabbitMQ stores it: a salt of four bytes, and SHA-256 over salt and password.
pub fn hashed(password: &str) -> Result<String, Halt> {
    Ok(hash_with(random::<SALT_BYTES>()?, password))
}

fn hash_with(salt: [u8; SALT_BYTES], password: &str) -> String {
    let digest = Digest::of(&[&salt, password.as_bytes()]);
    BASE64_STANDARD.encode([salt.as_slice(), &digest.0].concat())
}

/// Whether a stored hash is of this password.
pub fn matches(hash: &str, password: &str) -> bool {
    let Ok(stored) = BASE64_STANDARD.decode(hash) else { return false };
    let salt = stored.first_chunk::<SALT_BYTES>();
    salt.is_some_and(|salt| hash_with(*salt, password) == hash)
}

fn random<const N: usize>() -> Result<[u8; N], Halt> {
    clock::random().map_err(|error| Halt::new(Exit::Failure, error.to_string()))
}

impl Passwords {
    /// One file for each user, for its owner only. An older file of that name is replaced.
    pub fn write(&self, folder: &Path) -> Result<(), Halt> {
        let failed = |error: std::io::Error| {
            let text = format!("{} kan niet worden beschreven: {error}", folder.display());
            Halt::new(Exit::Failure, text)
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        for (user, password) in &self.0 {
            let path = folder.join(user);
            let draft = folder.join(format!(".{user}.nieuw"));
            let _left_by_a_crash = std::fs::remove_file(&draft);
            write_private(&draft, format!("{password}\n").as_bytes()).map_err(failed)?;
            std::fs::rename(&draft, &path).map_err(failed)?;
        }
        Ok(())
    }

    /// A password that lies in the folder already.
    pub fn kept(folder: Option<&Path>, user: &str) -> Option<String> {
        let text = std::fs::read_to_string(folder?.join(user)).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RabbitMQ's documentation of its password hashes: salt 908DC60A, password test12.
    #[test]
    fn a_hash_is_made_as_rabbitmq_makes_it() {
        let hash = hash_with([0x90, 0x8d, 0xc6, 0x0a], "test12");
        assert_eq!(hash, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
        assert!(matches(&hash, "test12") && !matches(&hash, "test13") && !matches("", ""));
    }

    #[test]
    fn a_password_lies_in_a_file_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mut all = Passwords::default();
        for word in ["een", "twee"] {
            all.0.insert("politie".to_owned(), word.to_owned());
            all.write(folder.path()).unwrap();
            assert_eq!(Passwords::kept(Some(folder.path()), "politie").as_deref(), Some(word));
        }
        let mode = std::fs::metadata(folder.path().join("politie")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Passwords::kept(Some(folder.path()), "zorg"), None);
    }
}
