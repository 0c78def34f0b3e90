//! From what is wrong now to what starts, lasts and ends: pure, with hysteresis. A condition must
//! hold for a while to start, and be clear for a while to end, so that nobody is called for a
//! hiccup, or twice for the same thing.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::evaluate::{Condition, Thresholds};
use super::kind::Kind;
use crate::journal::{Alarm, AlarmState};
use crate::message::{Entropy, Timestamp};

/// What became of the alarms. Those that are in no list stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub start: Vec<Alarm>,
    pub end: Vec<Alarm>,
    /// Open or threatening, with something about them that changed.
    pub still: Vec<Alarm>,
    /// They only threatened.
    pub forgotten: Vec<Uuid>,
}

/// Compares the alarms that are present with what is wrong now. `judged` tells whether the one
/// that looked can say that nothing is wrong.
pub fn compare(
    present: &[Alarm],
    conditions: &[Condition],
    judged: impl Fn(Kind, &str) -> bool,
    thresholds: &Thresholds,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Changes {
    let mut changes = Changes::default();
    let mut known: BTreeSet<(Kind, &str)> = BTreeSet::new();
    for alarm in present.iter().filter(|alarm| alarm.state != AlarmState::Over) {
        // One of a newer hub over the same journal is that hub's.
        let Some(kind) = Kind::of_code(&alarm.condition) else { continue };
        known.insert((kind, &alarm.subject));
        let found = conditions.iter().find(|c| c.kind == kind && c.subject == alarm.subject);
        match found {
            Some(condition) => goes_on(alarm, condition, thresholds, now, &mut changes),
            None if judged(kind, &alarm.subject) => {
                clears(alarm, kind, thresholds, now, &mut changes);
            }
            None => {}
        }
    }
    for condition in conditions {
        if known.insert((condition.kind, &condition.subject)) {
            let alarm = Alarm {
                id: entropy.alarm_id(),
                condition: condition.kind.code().to_owned(),
                subject: condition.subject.clone(),
                state: AlarmState::Threatens,
                since: condition.since,
                seen_at: now,
                clear_at: None,
                amount: condition.amount,
                started_at: None,
                ended_at: None,
                start_notice: None,
                end_notice: None,
            };
            put(alarm, condition.kind, thresholds, now, &mut changes);
        }
    }
    changes
}

fn goes_on(
    alarm: &Alarm,
    condition: &Condition,
    thresholds: &Thresholds,
    now: Timestamp,
    changes: &mut Changes,
) {
    let amount = condition.kind.worse(alarm.amount, condition.amount);
    let next = Alarm { amount, clear_at: None, ..alarm.clone() };
    match next.state {
        AlarmState::Threatens => put(next, condition.kind, thresholds, now, changes),
        _ if next != *alarm => changes.still.push(next),
        _ => {}
    }
}

/// Starts an alarm that held long enough, and keeps in mind one that did not.
fn put(alarm: Alarm, kind: Kind, thresholds: &Thresholds, now: Timestamp, changes: &mut Changes) {
    if now.seconds_since(alarm.seen_at) >= thresholds.times(kind).hold_s {
        let state = AlarmState::Open;
        changes.start.push(Alarm { state, started_at: Some(now), ..alarm });
    } else {
        changes.still.push(alarm);
    }
}

fn clears(
    alarm: &Alarm,
    kind: Kind,
    thresholds: &Thresholds,
    now: Timestamp,
    changes: &mut Changes,
) {
    if alarm.state == AlarmState::Threatens {
        changes.forgotten.push(alarm.id);
        return;
    }
    let clear_at = alarm.clear_at.unwrap_or(now);
    let next = Alarm { clear_at: Some(clear_at), ..alarm.clone() };
    if now.seconds_since(clear_at) >= thresholds.times(kind).clear_s {
        changes.end.push(Alarm { state: AlarmState::Over, ended_at: Some(now), ..next });
    } else if next != *alarm {
        changes.still.push(next);
    }
}
