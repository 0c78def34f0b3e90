//! Looks at intervals: what the journal shows, what this hub alone can know, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::compare::{Changes, compare};
use super::evaluate::{BrokerSeen, HubSeen, Observations, PartnerSeen, evaluate};
use super::unwritable::{Handed, Unwritable};
use super::{Alerts, disk, notice};
use crate::catalogue::partner::Delivery;
use crate::hub::{Hub, chain, clock, meters};
use crate::journal::{Alarm, AlarmPlan, AlarmPlanFn, AlarmReview, JournalError};
use crate::message::{Entropy, PartnerId, Timestamp};
use crate::transport::http::tls;

/// A hub that was not seen for so long is no longer looked for.
const FORGET_S: i64 = 24 * 3_600;
/// Over how long it is counted what somebody had shown.
const REVEALS_S: i64 = 3_600;

/// What is remembered between two looks.
pub struct Watch {
    alerts: Alerts,
    hubs: BTreeMap<String, Beats>,
    unwritable: Unwritable,
}

/// The beat of another hub.
struct Beats {
    beat: i64,
    /// When it changed, or was first seen.
    at: Timestamp,
    changed: bool,
}

impl Watch {
    pub fn new(alerts: Alerts, hub: &Hub) -> Self {
        let unwritable = Unwritable::open(&alerts, &hub.data);
        Self { alerts, hubs: BTreeMap::new(), unwritable }
    }

    /// One look. What fails is tried again at the next.
    pub async fn step(&mut self, hub: &Hub) {
        let now = clock::now();
        if !hub.journal().writable() {
            // Nothing can be stored, so what must be told is told from here.
            self.unwritable.step(&self.alerts, hub, now).await;
            return;
        }
        match self.look(hub, now).await {
            Ok(open) => meters::alarms(&open),
            Err(error) => tracing::warn!(error = %chain(&error), "what is wrong is not known"),
        }
    }

    /// Says that this hub stops, and so is not missed.
    pub async fn leave(&self, hub: &Hub) {
        if let Err(error) = hub.journal().leave_watch(&self.alerts.hub).await {
            tracing::warn!(error = %chain(&error), "the other hubs will miss this one");
        }
    }

    async fn look(&mut self, hub: &Hub, now: Timestamp) -> Result<Vec<Alarm>, JournalError> {
        let seen = self.observe(hub, now).await?;
        let handed = self.unwritable.hand_over(&self.alerts);
        let review = AlarmReview {
            hub: self.alerts.hub.clone(),
            forget: self.lost(hub, now),
            roads: self.alerts.roads(),
            plan: self.plan(hub, seen, handed, now)?,
        };
        let open = hub.journal().review_alarms(review, now).await?;
        self.unwritable.handed_over(&self.alerts, &open);
        Ok(open)
    }

    /// Hubs that nobody looks for any more. One hub alone has no others.
    fn lost(&self, hub: &Hub, now: Timestamp) -> Vec<String> {
        let others = self.hubs.iter().filter(|(name, _)| **name != self.alerts.hub);
        let alone = !hub.journal().is_shared();
        let lost = others.filter(|(_, beats)| alone || now.seconds_since(beats.at) >= FORGET_S);
        lost.map(|(name, _)| name.clone()).collect()
    }

    fn plan(
        &self,
        hub: &Hub,
        seen: Observations,
        handed: Option<Handed>,
        now: Timestamp,
    ) -> Result<Arc<AlarmPlanFn>, JournalError> {
        let seed = clock::random().map_err(|_| JournalError::Sealing)?;
        let (thresholds, group_s) = (self.alerts.thresholds.clone(), self.alerts.group_s);
        let hub_name = hub.active().catalogue.hub.naam.clone();
        let conditions = evaluate(&seen, &thresholds, now);
        Ok(Arc::new(move |mut present: Vec<Alarm>| {
            let mut entropy = Entropy::new(seed);
            let mut plan = AlarmPlan::default();
            if let Some(handed) = handed.as_ref() {
                handed.join(&mut present, &mut plan);
            }
            let judged = |kind, subject: &str| seen.judges(kind, subject, &thresholds, now);
            let changes = compare(&present, &conditions, judged, &thresholds, now, &mut entropy);
            let mut changed = merge(&mut present, changes, &mut plan);
            let before = present.clone();
            plan.notices.extend(notice::gather(
                &mut present,
                &hub_name,
                group_s,
                now,
                &mut entropy,
            ));
            let told = present.iter().zip(&before).filter(|(now, before)| now != before);
            changed.extend(told.map(|(alarm, _)| alarm.id));
            plan.changed.extend(present.into_iter().filter(|alarm| changed.contains(&alarm.id)));
            plan
        }))
    }

    async fn observe(&mut self, hub: &Hub, now: Timestamp) -> Result<Observations, JournalError> {
        let thresholds = &self.alerts.thresholds;
        let catalogue = hub.active().catalogue;
        let partners: Vec<PartnerId> = catalogue.partners.keys().cloned().collect();
        let general = hub.journal().observe(&partners).await?;
        let quarantine_since = now.plus_seconds(-thresholds.quarantine_window_s);
        let conflicts_since = now.plus_seconds(-thresholds.conflict_window_s);
        let special = hub.journal().alarms_seen(quarantine_since, conflicts_since).await?;
        let failing: BTreeMap<PartnerId, Timestamp> = special.failing.into_iter().collect();
        let goes_to = |id: &PartnerId| {
            let delivery = catalogue.partner(id).map(|partner| &partner.delivery);
            matches!(delivery, Some(Delivery::Webhook { .. } | Delivery::Map { .. }))
        };
        let partners = general.partners.into_iter().map(|seen| PartnerSeen {
            failing_since: failing.get(&seen.id).copied().filter(|_| goes_to(&seen.id)),
            id: seen.id,
            waiting: seen.waiting,
            oldest_waiting: seen.oldest_waiting,
            last_message: seen.last_message,
        });
        let most = hub.journal().most_revealed(now.plus_seconds(-REVEALS_S)).await?;
        let ends = self.alerts.certificate.as_deref().map(tls::ends_at);
        Ok(Observations {
            hub: self.alerts.hub.clone(),
            partners: partners.collect(),
            set_since: special.set_since,
            quarantined: special.quarantined,
            conflicts: special.conflicts,
            oldest_unsigned: general.oldest_unsigned,
            certificate_ends: ends.and_then(Result::ok),
            disk_free_mib: free(hub).await,
            broker: hub.links.get().map(|links| BrokerSeen {
                up: links.consuming.is_up() && links.publishing.is_up(),
                blocked: links.publishing.is_blocked(),
            }),
            hubs: self.heard(special.hubs, now),
            revealed: most.map_or(0, |(_, count)| count),
        })
    }

    /// Who of the hubs showed itself since the last look.
    fn heard(&mut self, present: Vec<(String, i64)>, now: Timestamp) -> Vec<HubSeen> {
        let names: BTreeSet<&String> = present.iter().map(|(name, _)| name).collect();
        self.hubs.retain(|name, _| names.contains(name));
        for (name, beat) in present {
            let beats = self.hubs.entry(name).or_insert(Beats { beat, at: now, changed: false });
            if beats.beat != beat {
                *beats = Beats { beat, at: now, changed: true };
            }
        }
        let hubs = self.hubs.iter().map(|(name, beats)| HubSeen {
            name: name.clone(),
            seen_at: beats.at,
            showed: beats.changed,
        });
        hubs.collect()
    }
}

/// Takes changes over into the alarms, and gives the ids of those that changed.
fn merge(present: &mut Vec<Alarm>, changes: Changes, plan: &mut AlarmPlan) -> BTreeSet<uuid::Uuid> {
    let Changes { start, end, still, forgotten } = changes;
    for alarm in &start {
        tracing::warn!(alarm.condition = %alarm.condition, alarm.subject = %alarm.subject,
            "an alarm starts");
    }
    for alarm in &end {
        tracing::info!(alarm.condition = %alarm.condition, alarm.subject = %alarm.subject,
            "an alarm ends");
    }
    let changed: Vec<Alarm> = start.into_iter().chain(end).chain(still).collect();
    let ids: BTreeSet<uuid::Uuid> = changed.iter().map(|alarm| alarm.id).collect();
    // One that was handed over is new to the journal, whether it changed or not.
    let mut stored: BTreeSet<uuid::Uuid> = plan.changed.drain(..).map(|alarm| alarm.id).collect();
    present.retain(|alarm| !ids.contains(&alarm.id) && !forgotten.contains(&alarm.id));
    present.extend(changed);
    plan.forgotten = forgotten;
    stored.extend(ids);
    stored
}

/// Free space of the disk that the data folder is on.
async fn free(hub: &Hub) -> Option<i64> {
    let folder = hub.data.clone();
    let asked = tokio::task::spawn_blocking(move || disk::free_mib(&folder)).await;
    asked.ok().flatten().and_then(|free| i64::try_from(free).ok())
}
