//! The one place where the hub asks what time it is, and for randomness.

use ring::rand::{SecureRandom, SystemRandom};

use crate::message::Timestamp;

/// This moment, by the system's clock.
pub fn now() -> Timestamp {
    let since = system_time().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// This moment as file systems count it.
#[expect(clippy::disallowed_methods, reason = "here the clock is asked; everybody else gets now")]
pub fn system_time() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// The system's generator gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// Unpredictable bytes.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}
