//! The one place where the hub asks what time it is, and for randomness.

use std::sync::atomic::{AtomicI64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

use crate::message::Timestamp;

/// Seconds by which this process lives in another time than its system.
static SHIFT_S: AtomicI64 = AtomicI64::new(0);

/// This moment, by the system's clock.
pub fn now() -> Timestamp {
    let since = system_time().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    let now = Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    now.plus_seconds(SHIFT_S.load(Ordering::Relaxed))
}

/// Lets the whole process live so many seconds later than its system, or earlier where that is
/// negative. For the demo only, which plays weeks in seconds and says so; a test holds that nobody
/// else does it. Files keep the system's time.
pub fn shift(seconds: i64) {
    SHIFT_S.store(seconds, Ordering::Relaxed);
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
