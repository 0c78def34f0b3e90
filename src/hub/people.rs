//! Letting people in: passwords, sessions, and waiting after failed tries.

use std::net::IpAddr;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use tokio::sync::Semaphore;

use super::{Hub, clock};
use crate::journal::{Account, AccountOrder, JournalError, LoginKey};
use crate::message::{Digest, Login, Timestamp};

/// A session that nobody uses ends after this.
pub const IDLE_S: i64 = 30 * 60;
/// And however much it is used, after this.
pub const SESSION_S: i64 = 12 * 3600;
/// A session is marked as used at most this often.
const SEEN_EVERY_S: i64 = 60;
/// Characters of a password.
pub const PASSWORD_CHARS_LEAST: usize = 12;
pub const PASSWORD_CHARS_MOST: usize = 128;

/// What a try costs (OWASP's figures for Argon2id): 19 MiB twice over.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Passwords that are tried at once, so that a crowd at the door takes no more than 38 MiB.
static TRIES: Semaphore = Semaphore::const_new(2);

/// Somebody who is in: the secret for the cookie, which is nowhere else.
pub struct LoggedIn {
    pub secret: String,
    pub account: Account,
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotIn {
    /// No such account, a closed one, or another password: the three look the same from outside.
    #[error("the name or the password is wrong")]
    Wrong,
    #[error("too many tries")]
    Wait { until: Timestamp },
    #[error("the journal does not answer")]
    Journal(#[from] JournalError),
    #[error("the system gives no randomness")]
    Randomness(#[from] clock::NoRandomness),
}

/// A password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    #[error("een wachtwoord heeft 12 tot 128 tekens")]
    Length,
    #[error("de inlognaam is geen wachtwoord")]
    IsLogin,
    #[error("het wachtwoord kon niet worden verwerkt")]
    Failed,
}

fn argon() -> Result<Argon2<'static>, BadPassword> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| BadPassword::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of a password, as it may be stored.
pub async fn hash_password(login: &Login, password: String) -> Result<String, BadPassword> {
    let length = password.chars().count();
    if !(PASSWORD_CHARS_LEAST..=PASSWORD_CHARS_MOST).contains(&length) {
        return Err(BadPassword::Length);
    }
    if password.to_ascii_lowercase().contains(login.as_str()) {
        return Err(BadPassword::IsLogin);
    }
    let salt = clock::random::<16>().map_err(|_| BadPassword::Failed)?;
    let _turn = TRIES.acquire().await;
    let hashing = tokio::task::spawn_blocking(move || {
        let hash = argon()?.hash_password_with_salt(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|_| BadPassword::Failed)
    });
    hashing.await.map_err(|_| BadPassword::Failed)?
}

/// Whether this is the password of that hash. Where there is no hash it takes as long, so that
/// the time says nothing about who there is.
async fn is_password(hash: Option<String>, password: String) -> bool {
    let Ok(argon) = argon() else { return false };
    let trying = tokio::task::spawn_blocking(move || match hash {
        Some(hash) => argon.verify_password(password.as_bytes(), hash.as_str()).is_ok(),
        None => {
            let _as_long = argon.hash_password_with_salt(password.as_bytes(), &[0; 16]);
            false
        }
    });
    trying.await.unwrap_or(false)
}

/// A password that nobody thought of: five groups of four, some 100 bits.
pub fn new_password() -> Result<String, clock::NoRandomness> {
    const SIGNS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789_";
    let bytes = clock::random::<20>()?;
    let sign = |byte: &u8| SIGNS.get(usize::from(byte % 32)).copied().map_or('a', char::from);
    let groups: Vec<String> =
        bytes.chunks(4).map(|group| group.iter().map(sign).collect()).collect();
    Ok(groups.join("-"))
}

impl Hub {
    /// Lets somebody in who knows a password. A session of before ends with it.
    pub async fn log_in(
        &self,
        login: &str,
        password: String,
        from: Option<IpAddr>,
        replaces: Option<&str>,
    ) -> Result<LoggedIn, NotIn> {
        let now = clock::now();
        let journal = &self.journal;
        let keys = self.login_keys(login, from);
        // Who comes with many tries at once waits here, and is counted before the next one.
        let _turn = TRIES.acquire().await;
        if let Some(until) = journal.login_wait(&keys, now).await? {
            return Err(NotIn::Wait { until });
        }
        let known = match login.parse::<Login>() {
            Ok(login) => journal.account(&login).await?,
            Err(_) => None,
        };
        let too_long = password.chars().count() > PASSWORD_CHARS_MOST;
        let hash = known.as_ref().and_then(|(_, hash)| hash.clone()).filter(|_| !too_long);
        let password = if too_long { String::new() } else { password };
        let right = is_password(hash, password).await;
        let account = known.map(|(account, _)| account);
        let account = account.filter(|account| right && account.closed_at.is_none());
        let Some(account) = account else {
            journal.order_account(AccountOrder::Failed { keys }, now).await?;
            tracing::warn!("somebody was not let into the console");
            return Err(NotIn::Wrong);
        };
        let secret = BASE64_URL_SAFE_NO_PAD.encode(clock::random::<32>()?);
        let order = AccountOrder::Begin {
            account: account.id,
            session: session_hash(&secret),
            replaces: replaces.map(session_hash),
            // What came from the address may have been tries at other accounts.
            forget: keys.into_iter().take(1).collect(),
        };
        journal.order_account(order, now).await?;
        Ok(LoggedIn { secret, account })
    }

    /// Under what failures are counted: the name as it was typed, and the address.
    fn login_keys(&self, login: &str, from: Option<IpAddr>) -> Vec<LoginKey> {
        let name = login.trim().to_ascii_lowercase();
        let name: String = name.chars().take(100).collect();
        let address = from.map(|from| self.journal.address_key(from));
        std::iter::once(self.journal.login_key(&name)).chain(address).collect()
    }

    /// Who a secret belongs to, as long as its session lasts.
    pub async fn who_is(&self, secret: &str) -> Result<Option<Account>, JournalError> {
        let hash = session_hash(secret);
        let Some(session) = self.journal.session(hash).await? else { return Ok(None) };
        let now = clock::now();
        let idle = now.seconds_since(session.seen_at);
        if idle > IDLE_S || now.seconds_since(session.born_at) > SESSION_S {
            self.journal.order_account(AccountOrder::End { session: hash }, now).await?;
            return Ok(None);
        }
        if idle > SEEN_EVERY_S {
            self.journal.order_account(AccountOrder::Seen { session: hash }, now).await?;
        }
        Ok(Some(session.account))
    }

    pub async fn log_out(&self, secret: &str) -> Result<(), JournalError> {
        let order = AccountOrder::End { session: session_hash(secret) };
        self.journal.order_account(order, clock::now()).await.map(drop)
    }
}

fn session_hash(secret: &str) -> Digest {
    Digest::of(&[b"sessie", secret.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_only() {
        let login: Login = "anna".parse().unwrap();
        let hash = hash_password(&login, "paard-batterij-niet".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let again = hash_password(&login, "paard-batterij-niet".to_owned()).await.unwrap();
        assert_ne!(hash, again, "each has a salt of its own");
        assert!(is_password(Some(hash.clone()), "paard-batterij-niet".to_owned()).await);
        assert!(!is_password(Some(hash), "paard-batterij-nie".to_owned()).await);
        assert!(!is_password(None, "paard-batterij-niet".to_owned()).await);
        assert!(!is_password(Some("geen hash".to_owned()), String::new()).await);
    }

    #[tokio::test]
    async fn what_is_too_short_too_long_or_the_name_is_no_password() {
        let login: Login = "annabel.jansen".parse().unwrap();
        let tried = async |text: &str| hash_password(&login, text.to_owned()).await.err();
        assert_eq!(tried("kort").await, Some(BadPassword::Length));
        assert_eq!(tried(&"x".repeat(129)).await, Some(BadPassword::Length));
        assert_eq!(tried("Annabel.Jansen2026").await, Some(BadPassword::IsLogin));
        assert_eq!(tried(&new_password().unwrap()).await, None);
        assert_ne!(new_password().unwrap(), new_password().unwrap());
    }
}
