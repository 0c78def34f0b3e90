//! The one alarm that the journal cannot keep: that it cannot be written. It lives in memory, is
//! told from there, and is handed over to the journal as soon as that works again, which ends it
//! as it ends any other. Where the data folder takes it, a file keeps it over a restart of the hub.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kind::Kind;
use super::{Alerts, courier, notice};
use crate::hub::{Hub, clock, meters};
use crate::journal::{Alarm, AlarmPlan, AlarmState, NewNotice, NoticeKind, Road};
use crate::message::{Entropy, Timestamp};
use crate::transport::ladder;

/// The file, in the data folder.
const FILE: &str = "storing.json";

pub struct Unwritable {
    file: PathBuf,
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

/// What the file says of it.
#[derive(Serialize, Deserialize)]
struct Kept {
    storing: Uuid,
    sinds: Timestamp,
    begonnen: Timestamp,
    bericht: Uuid,
    inhoud: String,
    /// The roads that it went by.
    verstuurd: Vec<String>,
}

impl Unwritable {
    /// With what a hub over the same folder left of it, when it ended before it could hand it over.
    pub fn open(alerts: &Alerts, data: &Path) -> Self {
        let file = data.join(FILE);
        let kept = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let told = kept.map(|kept: Kept| kept.told(alerts));
        Self { file, since: None, relapse: false, told }
    }

    /// One look while the journal cannot be written.
    pub async fn step(&mut self, alerts: &Alerts, hub: &Hub, now: Timestamp) {
        let since = *self.since.get_or_insert(now);
        let hold_s = alerts.thresholds.times(Kind::Unwritable).hold_s;
        if self.relapse || now.seconds_since(since) < hold_s {
            return;
        }
        let mut changed = self.told.is_none();
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
                Ok(_) => {
                    attempts.sent = true;
                    changed = true;
                }
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
        if changed {
            // A disk that takes nothing does not take this either, and the alarm goes on without.
            let _not_kept = serde_json::to_vec(&Kept::of(told))
                .map_err(std::io::Error::from)
                .and_then(|text| std::fs::write(&self.file, text));
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
        if self.told.take().is_some() {
            let _absent = std::fs::remove_file(&self.file);
        }
        self.relapse =
            open.iter().any(|alarm| alarm.condition == code && alarm.subject == alerts.hub);
    }
}

impl Kept {
    fn of(told: &Told) -> Self {
        let sent = told.roads.iter().filter(|(_, attempts)| attempts.sent);
        Self {
            storing: told.alarm.id,
            sinds: told.alarm.since,
            begonnen: told.alarm.started_at.unwrap_or(told.alarm.seen_at),
            bericht: told.notice.id,
            inhoud: told.notice.body.clone(),
            verstuurd: sent.map(|(road, _)| road.as_str().to_owned()).collect(),
        }
    }

    fn told(self, alerts: &Alerts) -> Told {
        let alarm = Alarm {
            started_at: Some(self.begonnen),
            start_notice: Some(self.bericht),
            ..new(self.storing, alerts, self.sinds)
        };
        let notice =
            NewNotice { id: self.bericht, kind: NoticeKind::Start, body: self.inhoud, roads: None };
        let sent = |road: &Road| self.verstuurd.iter().any(|name| name == road.as_str());
        let roads = alerts.roads().into_iter().filter(sent);
        let attempts = || Attempts { sent: true, ..Attempts::default() };
        Told { alarm, notice, roads: roads.map(|road| (road, attempts())).collect() }
    }
}

fn new(id: Uuid, alerts: &Alerts, since: Timestamp) -> Alarm {
    Alarm {
        id,
        condition: Kind::Unwritable.code().to_owned(),
        subject: alerts.hub.clone(),
        state: AlarmState::Open,
        since,
        seen_at: since,
        clear_at: None,
        amount: 0,
        started_at: None,
        ended_at: None,
        start_notice: None,
        end_notice: None,
    }
}

fn start(alerts: &Alerts, hub: &Hub, since: Timestamp, now: Timestamp) -> Option<Told> {
    // Without randomness nothing works, and the rest of the hub says so.
    let mut entropy = Entropy::new(clock::random().ok()?);
    let id = entropy.alarm_id();
    let mut alarms = [Alarm { started_at: Some(now), ..new(id, alerts, since) }];
    tracing::error!("an alarm starts: the journal cannot be written");
    let name = hub.active().catalogue.hub.naam.clone();
    let notices = notice::gather(&mut alarms, &name, 0, now, &mut entropy);
    let notice = notices.into_iter().find(|notice| notice.kind == NoticeKind::Start)?;
    let [alarm] = alarms;
    Some(Told { alarm, notice, roads: BTreeMap::new() })
}
