//! From what was observed to what is wrong: pure, a table of limits and nothing else.

use std::collections::BTreeMap;

use super::kind::{Kind, Times};
use crate::message::{PartnerId, Timestamp};

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub kind: Kind,
    /// A partner, a hub, or nothing.
    pub subject: String,
    /// Since when, as far as can be known.
    pub since: Timestamp,
    pub amount: i64,
}

/// When something is wrong. A limit of 0 is off, where it makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    pub usual: PartnerLimits,
    /// For partners of whom something else is expected.
    pub partners: BTreeMap<PartnerId, PartnerLimits>,
    /// So many new entries of quarantine, within so many seconds.
    pub quarantine_new: i64,
    pub quarantine_window_s: i64,
    /// How long a number that came with other bytes counts.
    pub conflict_window_s: i64,
    pub unsigned_s: i64,
    pub certificate_days: i64,
    pub disk_free_mib: i64,
    pub hub_gone_s: i64,
    /// So many covered fields shown to one person within an hour.
    pub reveals_hour: i64,
    /// Where they differ from the usual ones.
    pub times: BTreeMap<Kind, Times>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartnerLimits {
    pub waiting_s: i64,
    pub silent_s: i64,
    pub unreachable_s: i64,
}

impl Thresholds {
    pub fn times(&self, kind: Kind) -> Times {
        self.times.get(&kind).copied().unwrap_or(kind.usual_times())
    }

    fn of(&self, partner: &PartnerId) -> PartnerLimits {
        self.partners.get(partner).copied().unwrap_or(self.usual)
    }
}

/// What was seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observations {
    /// The name of the hub that looked.
    pub hub: String,
    pub partners: Vec<PartnerSeen>,
    /// Since when the present set is active: who was never heard is silent since then.
    pub set_since: Option<Timestamp>,
    pub quarantined: i64,
    /// Messages refused because their number came with other bytes before.
    pub conflicts: Vec<(PartnerId, i64)>,
    pub oldest_unsigned: Option<Timestamp>,
    pub certificate_ends: Option<Timestamp>,
    pub disk_free_mib: Option<i64>,
    pub broker: Option<BrokerSeen>,
    pub hubs: Vec<HubSeen>,
    /// The most that one person had shown within an hour.
    pub revealed: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerSeen {
    pub id: PartnerId,
    pub waiting: i64,
    pub oldest_waiting: Option<Timestamp>,
    pub last_message: Option<Timestamp>,
    /// Since when attempts fail, where the hub itself goes to the partner.
    pub failing_since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerSeen {
    pub up: bool,
    pub blocked: bool,
}

/// A hub over the same journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSeen {
    pub name: String,
    /// When it last showed itself; before that, when it was first looked for.
    pub seen_at: Timestamp,
    /// Whether it ever showed itself to the one that looked.
    pub showed: bool,
}

impl Observations {
    /// Whether what was seen says of this kind and subject that it is wrong, or that it is not.
    /// What another hub alone can know is left to it, as long as there is one of that name.
    pub fn judges(
        &self,
        kind: Kind,
        subject: &str,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> bool {
        let known = self.hubs.iter().find(|hub| hub.name == subject);
        match kind {
            Kind::HubGone => known.is_none_or(|hub| {
                hub.showed || subject == self.hub || is_gone(hub, thresholds, now)
            }),
            kind if kind.is_of_one_hub() => subject == self.hub || known.is_none(),
            _ => true,
        }
    }
}

fn is_gone(hub: &HubSeen, thresholds: &Thresholds, now: Timestamp) -> bool {
    now.seconds_since(hub.seen_at) >= thresholds.hub_gone_s
}

/// Everything that is wrong.
pub fn evaluate(seen: &Observations, limits: &Thresholds, now: Timestamp) -> Vec<Condition> {
    let mut found = Vec::new();
    for partner in &seen.partners {
        of_partner(partner, seen.set_since, limits.of(&partner.id), now, &mut found);
    }
    let mut wrong = |kind, subject: &str, since, amount| {
        found.push(Condition { kind, subject: subject.to_owned(), since, amount });
    };
    if limits.quarantine_new > 0 && seen.quarantined >= limits.quarantine_new {
        wrong(Kind::Quarantine, "", now, seen.quarantined);
    }
    for (partner, count) in seen.conflicts.iter().filter(|(_, count)| *count > 0) {
        wrong(Kind::Conflict, partner.as_str(), now, *count);
    }
    if let Some(since) = seen.oldest_unsigned.filter(|at| is_old(*at, limits.unsigned_s, now)) {
        wrong(Kind::Unsigned, "", since, 0);
    }
    if let Some(ends) = seen.certificate_ends {
        let days = (ends.as_micros() - now.as_micros()).div_euclid(86_400_000_000);
        if days < limits.certificate_days {
            wrong(Kind::Certificate, &seen.hub, now, days);
        }
    }
    if let Some(free) = seen.disk_free_mib.filter(|free| *free < limits.disk_free_mib) {
        wrong(Kind::Disk, &seen.hub, now, free);
    }
    if let Some(broker) = seen.broker {
        if !broker.up {
            wrong(Kind::BrokerDown, &seen.hub, now, 0);
        }
        if broker.blocked {
            wrong(Kind::BrokerBlocked, &seen.hub, now, 0);
        }
    }
    if limits.reveals_hour > 0 && seen.revealed >= limits.reveals_hour {
        wrong(Kind::Reveals, "", now, seen.revealed);
    }
    for hub in seen.hubs.iter().filter(|hub| hub.name != seen.hub) {
        if limits.hub_gone_s > 0 && is_gone(hub, limits, now) {
            wrong(Kind::HubGone, &hub.name, hub.seen_at, 0);
        }
    }
    found
}

fn of_partner(
    partner: &PartnerSeen,
    set_since: Option<Timestamp>,
    limits: PartnerLimits,
    now: Timestamp,
    found: &mut Vec<Condition>,
) {
    let mut wrong = |kind, since, amount| {
        let subject = partner.id.to_string();
        found.push(Condition { kind, subject, since, amount });
    };
    if let Some(oldest) = partner.oldest_waiting.filter(|at| is_old(*at, limits.waiting_s, now)) {
        wrong(Kind::Waiting, oldest, partner.waiting);
    }
    let heard = partner.last_message.max(set_since);
    if let Some(last) = heard.filter(|at| is_old(*at, limits.silent_s, now)) {
        wrong(Kind::Silent, partner.last_message.unwrap_or(last), 0);
    }
    // Where nothing waits any more, nobody misses anything.
    let failing = partner.failing_since.filter(|_| partner.waiting > 0);
    if let Some(since) = failing.filter(|at| is_old(*at, limits.unreachable_s, now)) {
        wrong(Kind::Unreachable, since, partner.waiting);
    }
}

fn is_old(at: Timestamp, limit_s: i64, now: Timestamp) -> bool {
    limit_s > 0 && now.seconds_since(at) >= limit_s
}
