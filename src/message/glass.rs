//! A glass that a coordinator broke (*breekglas*): in one case, for one recipient and for a while,
//! purposes that otherwise sleep grant what they name.

use serde::{Deserialize, Serialize};

use super::{PartnerId, Timestamp};

/// Clocks of hubs differ by this at most: a message that came in at another hub as the glass was
/// broken is not passed by.
const CLOCKS_APART_S: i64 = 300;

/// A broken glass. It is remembered after its end: who got something under it must still hear that
/// it was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Glass {
    pub recipient: PartnerId,
    pub since: Timestamp,
    pub until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

impl Glass {
    /// Until when a purpose is awake under it that may be so for this many minutes; `None` where
    /// it sleeps at this moment. A clock that was set back to before the glass wakes nothing.
    pub fn wakes(&self, minutes_max: u16, now: Timestamp) -> Option<Timestamp> {
        let until = self.until.min(self.since.plus_seconds(i64::from(minutes_max) * 60));
        let awake = self.since.plus_seconds(-CLOCKS_APART_S) <= now && now < until;
        Some(until).filter(|_| awake && self.ended.is_none())
    }

    /// Whether nobody ended it and its term has not passed.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(1_790_000_000_000_000).plus_seconds(minutes * 60)
    }

    fn glass() -> Glass {
        let recipient = "brandweer".parse().unwrap();
        Glass { recipient, since: at(0), until: at(60), ended: None }
    }

    #[test]
    fn a_purpose_is_awake_until_the_glass_ends_and_no_longer_than_it_may_be() {
        for (now, minutes_max, expected) in [
            (at(0), 240, Some(at(60))),
            (at(59), 240, Some(at(60))),
            (at(60), 240, None),
            (at(0), 30, Some(at(30))),
            (at(30), 30, None),
            (at(-5), 240, Some(at(60))), // a hub whose clock is behind
            (at(-6), 240, None),         // a clock that was set back
        ] {
            assert_eq!(glass().wakes(minutes_max, now), expected, "{now} {minutes_max}");
        }
    }

    #[test]
    fn what_was_ended_wakes_nothing_though_the_clock_is_set_back() {
        let ended = Glass { ended: Some(at(10)), ..glass() };
        assert_eq!(ended.wakes(240, at(5)), None);
        assert!(glass().is_open(at(59)) && !glass().is_open(at(60)) && !ended.is_open(at(5)));
    }
}
