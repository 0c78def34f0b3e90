//! When what could not be sent is tried again, a parcel or a notice: a pure function of the
//! attempt.

use uuid::Uuid;

use crate::message::{Digest, ParcelId};

/// The first waits in seconds; after them, every ten hours.
const FIRST_WAITS_S: [u64; 6] = [5, 30, 300, 1_800, 7_200, 18_000];
const LATER_WAIT_S: u64 = 36_000;

/// Digikoppeling's horizon: five days after the first attempt nothing is tried any more.
const HORIZON_S: u64 = 5 * 24 * 3_600;

/// Waits of a notice: it is short-lived news, so it goes sooner and is given up sooner.
const NOTICE_WAITS_S: [u64; 5] = [5, 30, 120, 600, 1_800];
const NOTICE_LATER_S: u64 = 3_600;
/// Two days after the first attempt nobody has read what it says anyhow.
const NOTICE_ATTEMPTS_MAX: u32 = 52;

/// Jitter takes away or adds at most this share of a wait.
const JITTER_PERCENT: u64 = 20;

/// How many seconds to wait after attempt number `attempt` (from 1) failed; `None` past the
/// horizon, when the parcel goes into quarantine.
///
/// Jitter comes from the parcel's id and the attempt, so that parcels which failed together do
/// not come back together, and a restart of the hub changes nothing.
pub fn delay(attempt: u32, parcel: ParcelId) -> Option<u64> {
    let step = attempt.max(1) - 1;
    if elapsed_s(step).saturating_add(wait_s(step)) > HORIZON_S {
        return None;
    }
    Some(jittered(wait_s(step), attempt, parcel.into()))
}

/// The same for a notice about alarms; `None`: it is given up.
pub fn notice_delay(attempt: u32, notice: Uuid) -> Option<u64> {
    if attempt >= NOTICE_ATTEMPTS_MAX {
        return None;
    }
    let index = usize::try_from(attempt.max(1) - 1).unwrap_or(usize::MAX);
    let wait = NOTICE_WAITS_S.get(index).copied().unwrap_or(NOTICE_LATER_S);
    Some(jittered(wait, attempt, notice))
}

fn jittered(wait_s: u64, attempt: u32, id: Uuid) -> u64 {
    let digest = Digest::of(&[id.as_bytes(), &attempt.to_be_bytes()]);
    let [a, b, ..] = digest.0;
    let roll = u64::from(u16::from_be_bytes([a, b]));
    let percent = 100 - JITTER_PERCENT + roll * 2 * JITTER_PERCENT / u64::from(u16::MAX);
    (wait_s * percent + 50) / 100
}

fn wait_s(step: u32) -> u64 {
    let index = usize::try_from(step).unwrap_or(usize::MAX);
    FIRST_WAITS_S.get(index).copied().unwrap_or(LATER_WAIT_S)
}

/// The sum of the waits before `step`, without jitter.
fn elapsed_s(step: u32) -> u64 {
    let first: u64 = (0..step.min(6)).map(wait_s).sum();
    first.saturating_add(u64::from(step.saturating_sub(6)).saturating_mul(LATER_WAIT_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(number: u128) -> ParcelId {
        Uuid::from_u128(number).into()
    }

    #[test]
    fn the_ladder_of_one_parcel_is_always_the_same() {
        let waits: Vec<_> = (1..=18).map(|attempt| delay(attempt, parcel(1))).collect();
        let again: Vec<_> = (1..=18).map(|attempt| delay(attempt, parcel(1))).collect();
        assert_eq!(waits, again);
        assert_ne!(waits, (1..=18).map(|a| delay(a, parcel(2))).collect::<Vec<_>>());
    }

    #[test]
    fn waits_follow_the_design_within_a_fifth() {
        let nominal = [5, 30, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
        for number in 0..200 {
            for (attempt, wait) in (1..).zip(nominal) {
                let given = delay(attempt, parcel(number)).unwrap();
                assert!(
                    (wait * 80 / 100..=wait * 120 / 100).contains(&given),
                    "{attempt}: {given}"
                );
            }
        }
    }

    #[test]
    fn jitter_reaches_both_ends() {
        let waits: Vec<_> = (0..500).filter_map(|number| delay(7, parcel(number))).collect();
        assert!(waits.iter().any(|wait| *wait < 30_000));
        assert!(waits.iter().any(|wait| *wait > 42_000));
    }

    #[test]
    fn after_five_days_nothing_is_tried_any_more() {
        assert!(delay(17, parcel(3)).is_some());
        assert_eq!(delay(18, parcel(3)), None);
        assert_eq!(delay(u32::MAX, parcel(3)), None);
        assert!(elapsed_s(17) <= HORIZON_S && elapsed_s(18) > HORIZON_S);
    }

    #[test]
    fn a_notice_is_tried_for_two_days() {
        let id = Uuid::from_u128(5);
        let nominal = [5, 30, 120, 600, 1_800, 3_600, 3_600];
        for (attempt, wait) in (1..).zip(nominal) {
            let given = notice_delay(attempt, id).unwrap();
            assert!((wait * 80 / 100..=wait * 120 / 100).contains(&given), "{attempt}: {given}");
        }
        let waits: u64 = (1..).map_while(|attempt| notice_delay(attempt, id)).sum();
        assert!((40 * 3_600..55 * 3_600).contains(&waits), "{waits}");
        assert_eq!(notice_delay(u32::MAX, id), None);
    }

    #[test]
    fn attempt_zero_counts_as_the_first() {
        assert!((4..=6).contains(&delay(0, parcel(4)).unwrap()));
    }
}
