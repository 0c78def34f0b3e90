//! What the hub counts as it works. Labels are bounded: a channel, a way, an outcome, a partner;
//! never an id of a message, a case or a person. Where no recorder was installed, counting costs
//! nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::alarm::Kind;
use crate::journal::{Alarm, Observation};
use crate::message::Timestamp;
use crate::transport::{Readiness, Verdict};

const DOCUMENTS: &str = "schakel_documents_total";
/// Its buckets are the exporter's to choose.
pub const ANSWER_SECONDS: &str = "schakel_answer_seconds";
const ATTEMPTS: &str = "schakel_attempts_total";
const WAITING: &str = "schakel_parcels_waiting";
const OLDEST_SECONDS: &str = "schakel_parcel_oldest_seconds";
const QUARANTINE: &str = "schakel_quarantine_open";
const QUARANTINED: &str = "schakel_quarantined_total";
const SILENT_SECONDS: &str = "schakel_partner_silent_seconds";
const UNSIGNED_SECONDS: &str = "schakel_evidence_unsigned_seconds";
const READY: &str = "schakel_ready";
const CERTIFICATE_DAYS: &str = "schakel_certificate_days";
const ALARMS: &str = "schakel_alarms_open";

/// Says what each figure is, for who reads them.
pub fn describe() {
    describe_counter!(DOCUMENTS, "Documents that came in, by channel and outcome");
    describe_histogram!(ANSWER_SECONDS, Unit::Seconds, "From a whole document to its answer");
    describe_counter!(ATTEMPTS, "Attempts to deliver a parcel, by way and outcome");
    describe_gauge!(WAITING, "Parcels that wait, by recipient");
    describe_gauge!(OLDEST_SECONDS, Unit::Seconds, "Age of the oldest waiting parcel");
    describe_gauge!(QUARANTINE, "Open entries of quarantine, by direction and reason");
    describe_gauge!(QUARANTINED, "Entries that ever came into quarantine");
    describe_gauge!(SILENT_SECONDS, Unit::Seconds, "Since a partner's last accepted message");
    describe_gauge!(UNSIGNED_SECONDS, Unit::Seconds, "Age of the oldest unsigned evidence");
    describe_gauge!(READY, "1 where a part of the hub can do its work, 0 where it cannot");
    describe_gauge!(CERTIFICATE_DAYS, "Days until the certificate of the hub's door ends");
    describe_gauge!(ALARMS, "Alarms that are open, by condition");
}

/// Counts a document and the time that its answer took.
pub fn taken(channel: &'static str, verdict: Verdict, took: Duration) {
    let outcome = match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Refused => "refused",
        Verdict::Unavailable { .. } => "unavailable",
    };
    counter!(DOCUMENTS, "channel" => channel, "outcome" => outcome).increment(1);
    histogram!(ANSWER_SECONDS, "channel" => channel).record(took.as_secs_f64());
}

/// Counts an attempt to deliver.
pub fn attempted(way: &'static str, outcome: &'static str) {
    counter!(ATTEMPTS, "way" => way, "outcome" => outcome).increment(1);
}

/// What was in quarantine at the last look, by direction and reason.
pub type Reasons = BTreeSet<(String, String)>;

/// Sets the figures that are read from the journal. A reason that is gone becomes 0: a gauge that
/// keeps its last figure would show what was long settled.
pub fn observed(seen: &Observation, before: &mut Reasons, now: Timestamp) {
    let age = |since: Timestamp| figure(now.seconds_since(since).max(0));
    for partner in &seen.partners {
        let name = partner.id.to_string();
        gauge!(WAITING, "partner" => name.clone()).set(figure(partner.waiting));
        let oldest = partner.oldest_waiting.map_or(0.0, age);
        gauge!(OLDEST_SECONDS, "partner" => name.clone()).set(oldest);
        if let Some(last) = partner.last_message {
            gauge!(SILENT_SECONDS, "partner" => name).set(age(last));
        }
    }
    let entries = |direction: &str, reason: &str, open: i64| {
        let labels = [("direction", direction.to_owned()), ("reason", reason.to_owned())];
        gauge!(QUARANTINE, &labels).set(figure(open));
    };
    for (direction, reason) in std::mem::take(before) {
        entries(&direction, &reason, 0);
    }
    for (direction, reason, open) in &seen.quarantine {
        entries(direction, reason, *open);
        before.insert((direction.clone(), reason.clone()));
    }
    gauge!(QUARANTINED).set(figure(seen.quarantined));
    gauge!(UNSIGNED_SECONDS).set(seen.oldest_unsigned.map_or(0.0, age));
}

pub fn ready(readiness: &Readiness) {
    for part in &readiness.checks {
        gauge!(READY, "part" => part.name.clone()).set(f64::from(u8::from(part.ready)));
    }
}

pub fn certificate(ends: Timestamp, now: Timestamp) {
    gauge!(CERTIFICATE_DAYS).set(figure(ends.seconds_since(now)) / 86_400.0);
}

/// Sets how many alarms are open of each kind, also where that is none.
pub fn alarms(open: &[Alarm]) {
    for kind in Kind::ALL {
        let count = open.iter().filter(|alarm| alarm.condition == kind.code()).count();
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        gauge!(ALARMS, "condition" => kind.code()).set(figure(count));
    }
}

/// A count as Prometheus takes it; beyond 2^53 it is not exact, and nobody counts that far.
#[expect(clippy::cast_precision_loss, reason = "see above")]
const fn figure(count: i64) -> f64 {
    count as f64
}
