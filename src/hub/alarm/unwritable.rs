//! The one alarm that the journal cannot keep: that it cannot be written. It lives in memory, is
//! told from there, and is handed over to the journal as soon as that works again, which ends it
//! as it ends any other.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::{Alerts, courier, notice};
use crate::hub::{Hub, clock, meters};
use crate::journal::{Alarm, AlarmPlan, AlarmState, NewNotice, NoticeKind, Road};
use crate::message::{Entropy, Timestamp};
use crate::transport::ladder;

#[derive(Default)]
pub struct Unwritable {
    since: Option<Timestamp>,
    /// The journal still has one open, from a moment ago: this is a relapse, not news.
    relapse: bool,
    told: Option<Told>,
}

/// An alarm that started, with its notice and how that fared along each road.
struct Told {
    alarm: Alarm,
    notice: NewNotice,
    roads: BTreeMap<Road, Attempts>,
}

#[derive(Default)]
struct Attempts {
    count: u32,
    next: Option<Timestamp>,
    sent: bool,
}

/// What the journal gets of it.
#[derive(Clone)]
pub struct Handed {
    alarm: Alarm,
    /// What is still to be sent.
    notice: NewNotice,
}

impl Handed {
    /// Joins the alarms that the journal has, unless it is among them.
    pub fn join(&self, present: &mut Vec<Alarm>, plan: &mut AlarmPlan) {
        let same = |alarm: &Alarm| {
            alarm.condition == self.alarm.condition
                && alarm.subject == self.alarm.subject
                && alarm.state != AlarmState::Over
        };
        if !present.iter().any(same) {
            present.push(self.alarm.clone());
            plan.changed.push(self.alarm.clone());
            plan.notices.push(self.notice.clone());
        }
    }
}

impl Unwritable {
    /// One look while the journal cannot be written.
    pub async fn step(&mut self, alerts: &Alerts, hub: &Hub, now: Timestamp) {
        let since = *self.since.get_or_insert(now);
        let hold_s = alerts.thresholds.times(Kind::Unwritable).hold_s;
        if self.relapse || now.seconds_since(since) < hold_s {
            return;
        }
        if self.told.is_none() {
            self.told = start(alerts, hub, since, now);
        }
        let Some(told) = self.told.as_mut() else { return };
        meters::alarms(std::slice::from_ref(&told.alarm));
        for road in alerts.roads() {
            let attempts = told.roads.entry(road).or_default();
            if attempts.sent || attempts.next.is_some_and(|next| next > now) {
                continue;
            }
            attempts.count = attempts.count.saturating_add(1);
            let (id, body) = (told.notice.id, &told.notice.body);
            match courier::send(alerts, &hub.webhooks, road, id, body).await {
                Ok(()) => attempts.sent = true,
                Err(code) => {
                    tracing::warn!(notice.id = %id, road = road.as_str(), code,
                        "a notice could not be sent and is tried again");
                    // Past the ladder's end nothing is gained by asking faster.
                    let delay = ladder::notice_delay(attempts.count, id).unwrap_or(3_600);
                    let delay = i64::try_from(delay).unwrap_or(i64::MAX);
                    attempts.next = Some(now.plus_seconds(delay));
                }
            }
        }
    }

    /// What the journal should take over now that it can be written; a hiccup is forgotten.
    pub fn hand_over(&mut self, alerts: &Alerts) -> Option<Handed> {
        self.since = None;
        let told = self.told.as_ref()?;
        let unsent = alerts.roads().into_iter();
        let unsent = unsent.filter(|road| !told.roads.get(road).is_some_and(|road| road.sent));
        let notice = NewNotice { roads: Some(unsent.collect()), ..told.notice.clone() };
        Some(Handed { alarm: told.alarm.clone(), notice })
    }

    /// The journal has it: these are open there.
    pub fn handed_over(&mut self, alerts: &Alerts, open: &[Alarm]) {
        let code = Kind::Unwritable.code();
        self.told = None;
        self.relapse =
            open.iter().any(|alarm| alarm.condition == code && alarm.subject == alerts.hub);
    }
}

fn start(alerts: &Alerts, hub: &Hub, since: Timestamp, now: Timestamp) -> Option<Told> {
    // Without randomness nothing works, and the rest of the hub says so.
    let mut entropy = Entropy::new(clock::random().ok()?);
    let mut alarms = [Alarm {
        id: entropy.alarm_id(),
        condition: Kind::Unwritable.code().to_owned(),
        subject: alerts.hub.clone(),
        state: AlarmState::Open,
        since,
        seen_at: since,
        clear_at: None,
        amount: 0,
        started_at: Some(now),
        ended_at: None,
        start_notice: None,
        end_notice: None,
    }];
    tracing::error!("an alarm starts: the journal cannot be written");
    let name = hub.active().catalogue.hub.naam.clone();
    let notices = notice::gather(&mut alarms, &name, 0, now, &mut entropy);
    let notice = notices.into_iter().find(|notice| notice.kind == NoticeKind::Start)?;
    let [alarm] = alarms;
    Some(Told { alarm, notice, roads: BTreeMap::new() })
}
