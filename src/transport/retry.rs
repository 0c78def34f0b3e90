//! Opening again what was lost: a connection, a folder, a listener. The only file that uses
//! `backoff` (`deny.toml` says why). When a parcel is sent again is `ladder`'s business.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

/// The first wait; every next one is about twice as long, up to `LAST_WAIT`.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LAST_WAIT: Duration = Duration::from_secs(30);

/// It was told to stop before the operation succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped before {name} succeeded")]
pub struct Stopped {
    pub name: &'static str,
}

/// Repeats `operation` until it succeeds or `stop` completes, with growing waits and jitter.
///
/// There is no last attempt: what is reopened here is what the hub cannot work without. Every
/// failure is logged, so the error must say nothing personal.
pub async fn retry<T, E: Display, Fut: Future<Output = Result<T, E>>>(
    name: &'static str,
    operation: impl FnMut() -> Fut,
    stop: impl Future<Output = ()>,
) -> Result<T, Stopped> {
    retry_paced(name, operation, stop, FIRST_WAIT, LAST_WAIT).await
}

/// As [`retry`], with another longest wait: for what should be found soon once it is back.
pub async fn retry_within<T, E: Display, Fut: Future<Output = Result<T, E>>>(
    name: &'static str,
    operation: impl FnMut() -> Fut,
    stop: impl Future<Output = ()>,
    last: Duration,
) -> Result<T, Stopped> {
    retry_paced(name, operation, stop, FIRST_WAIT.min(last), last).await
}

async fn retry_paced<T, E: Display, Fut: Future<Output = Result<T, E>>>(
    name: &'static str,
    mut operation: impl FnMut() -> Fut,
    stop: impl Future<Output = ()>,
    first: Duration,
    last: Duration,
) -> Result<T, Stopped> {
    let mut pace = pace(first, last);
    let attempts = async {
        loop {
            match operation().await {
                Ok(value) => return value,
                Err(error) => {
                    // Without a limit on the total time there always is a next wait.
                    let wait = pace.next_backoff().unwrap_or(last);
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(retry.name = name, retry.wait_ms = wait_ms, %error,
                        "failed, trying again");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop => Err(Stopped { name }),
        value = attempts => Ok(value),
    }
}

fn pace(first: Duration, last: Duration) -> ExponentialBackoff {
    ExponentialBackoff {
        current_interval: first,
        initial_interval: first,
        randomization_factor: 0.5,
        multiplier: 2.0,
        max_interval: last,
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use super::*;

    const QUICK: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn the_operation_is_repeated_until_it_succeeds() {
        let tries = Cell::new(0);
        let operation = async || {
            tries.set(tries.get() + 1);
            if tries.get() < 4 { Err("not yet") } else { Ok(tries.get()) }
        };
        let got = retry_paced("a test", operation, pending(), QUICK, QUICK).await;
        assert_eq!(got, Ok(4));
    }

    #[tokio::test]
    async fn it_stops_in_the_middle_of_a_wait() {
        let tries = Cell::new(0);
        let (tell, told) = tokio::sync::oneshot::channel();
        let mut tell = Some(tell);
        let operation = || {
            tries.set(tries.get() + 1);
            tell.take().map(|tell| tell.send(()));
            async { Err::<(), _>("never") }
        };
        let stop = async move { told.await.unwrap_or(()) };
        let hour = Duration::from_secs(3_600);
        let got = retry_paced("a test", operation, stop, hour, hour).await;
        assert_eq!(got, Err(Stopped { name: "a test" }));
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn waits_grow_with_jitter_up_to_the_bound() {
        let mut pace = pace(FIRST_WAIT, LAST_WAIT);
        let waits: Vec<_> = (0..30).filter_map(|_| pace.next_backoff()).collect();
        assert_eq!(waits.len(), 30, "it never gives up");
        assert!(waits[0] >= FIRST_WAIT / 2 && waits[0] <= FIRST_WAIT * 3 / 2);
        assert!(waits[20..].iter().all(|w| *w >= LAST_WAIT / 2 && *w <= LAST_WAIT * 3 / 2));
        assert!(waits[20..].windows(2).any(|pair| pair[0] != pair[1]), "jitter");
    }
}
