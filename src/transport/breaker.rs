//! A circuit breaker per partner: pure, with `now` as an argument.
//!
//! A partner that keeps failing is left alone for a while, so that its parcels do not keep the
//! deliverer busy. Then one probe goes; its outcome closes the circuit or opens it for longer.
//! Attempts that the breaker held back are not attempts: they do not climb the ladder.

use crate::message::Timestamp;

/// So many failures in a row open the circuit.
pub const FAILURES_TO_OPEN: u32 = 5;
/// How long it stays open the first time; doubled with every failed probe.
pub const OPEN_FIRST_S: i64 = 30;
pub const OPEN_MOST_S: i64 = 900;
/// A probe that brought no outcome within this time is forgotten, and another may go.
pub const PROBE_MOST_S: i64 = 120;

/// The state of one partner's circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    Closed { failures: u32 },
    Open { since: Timestamp, until: Timestamp, wait_s: i64 },
    HalfOpen { since: Timestamp, probe_until: Timestamp, wait_s: i64 },
}

/// Whether a parcel may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    Go,
    /// One attempt, to see whether the partner is back.
    Probe,
    /// Not before this moment.
    Wait {
        until: Timestamp,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Asks to send one parcel. Whoever gets `Go` or `Probe` reports how it went.
    #[must_use]
    pub fn ask(self, now: Timestamp) -> (Self, Permission) {
        match self {
            Self::Closed { .. } => (self, Permission::Go),
            Self::Open { until, .. } if now < until => (self, Permission::Wait { until }),
            Self::HalfOpen { probe_until, .. } if now < probe_until => {
                (self, Permission::Wait { until: probe_until })
            }
            Self::Open { since, wait_s, .. } | Self::HalfOpen { since, wait_s, .. } => {
                let probe_until = now.plus_seconds(PROBE_MOST_S);
                (Self::HalfOpen { since, probe_until, wait_s }, Permission::Probe)
            }
        }
    }

    /// The partner answered: also a refusal is an answer.
    #[must_use]
    pub fn succeeded(self) -> Self {
        Self::default()
    }

    /// The partner did not answer, or said that it cannot now.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Self {
        match self {
            Self::Closed { failures } if failures + 1 < FAILURES_TO_OPEN => {
                Self::Closed { failures: failures + 1 }
            }
            Self::Closed { .. } => Self::open(now, now, OPEN_FIRST_S),
            Self::HalfOpen { since, wait_s, .. } => {
                Self::open(since, now, (wait_s * 2).min(OPEN_MOST_S))
            }
            // A straggler that left before the circuit opened changes nothing.
            Self::Open { .. } => self,
        }
    }

    /// Since when the partner is left alone, and until when; none where it is not.
    pub const fn blocked(self) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { since, until, .. } => Some((since, until)),
            Self::HalfOpen { since, probe_until, .. } => Some((since, probe_until)),
        }
    }

    fn open(since: Timestamp, now: Timestamp, wait_s: i64) -> Self {
        Self::Open { since, until: now.plus_seconds(wait_s), wait_s }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(second)
    }

    fn opened() -> Breaker {
        (0..FAILURES_TO_OPEN).fold(Breaker::default(), |breaker, _| breaker.failed(at(0)))
    }

    #[test]
    fn a_partner_goes_down_and_comes_back() {
        let breaker = opened();
        let (breaker, permission) = breaker.ask(at(29));
        assert_eq!(permission, Permission::Wait { until: at(30) });
        let (breaker, permission) = breaker.ask(at(30));
        assert_eq!(permission, Permission::Probe);
        let (breaker, permission) = breaker.ask(at(31));
        assert_eq!(permission, Permission::Wait { until: at(150) }, "one probe at a time");
        assert_eq!(breaker.blocked(), Some((at(0), at(150))));
        let breaker = breaker.succeeded();
        assert_eq!(breaker.blocked(), None);
        assert_eq!(breaker.ask(at(32)).1, Permission::Go);
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn a_success_forgets_earlier_failures() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            breaker = breaker.failed(at(0)).failed(at(0)).succeeded();
        }
        assert_eq!(breaker.ask(at(0)).1, Permission::Go);
    }

    #[test]
    fn every_failed_probe_doubles_the_wait_up_to_a_bound() {
        let mut breaker = opened();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let Breaker::Open { wait_s, .. } = breaker else { panic!("the circuit is open") };
            waits.push(wait_s);
            now += wait_s;
            let (half, permission) = breaker.ask(at(now));
            assert_eq!(permission, Permission::Probe);
            breaker = half.failed(at(now));
            let since = breaker.blocked().map(|(since, _)| since);
            assert_eq!(since, Some(at(0)), "it was open all the time");
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn a_lost_probe_does_not_close_the_door_for_good() {
        let (breaker, _) = opened().ask(at(30));
        assert_eq!(breaker.ask(at(30 + PROBE_MOST_S)).1, Permission::Probe);
    }

    #[test]
    fn a_straggler_does_not_prolong_the_wait() {
        assert_eq!(opened().failed(at(20)), opened());
    }
}
