//! Two hubs over one database under load for the same cases at once: no message lost, none twice,
//! every lane in order, every leaf numbered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::desk::{Desk, partner, signal};
use super::place::On;
use crate::journal::{AttemptOutcome, ConfirmOrder, JournalError, Received};
use crate::message::{CaseId, Stage};

const REFERENCES: usize = 3;
const SENDERS: usize = 2;
const EACH: usize = 25;
const RECIPIENTS: [&str; 2] = ["woonbedrijf", "brandweer"];

/// What a recipient got, in the order in which it confirmed: case, sender, number.
type Got = Vec<(CaseId, String, usize)>;

fn all() -> usize {
    REFERENCES * SENDERS * EACH
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_work_on_the_same_cases_at_once() {
    let one = Desk::new(On::Postgres).await;
    let other = one.beside().await;
    let hubs = [Arc::new(one), Arc::new(other)];
    let mut senders = JoinSet::new();
    for reference in 0..REFERENCES {
        for sender in 0..SENDERS {
            senders.spawn(send(hubs.clone(), reference, sender));
        }
    }
    let mut recipients = JoinSet::new();
    recipients.spawn(collect(hubs.clone(), RECIPIENTS[0]));
    recipients.spawn(deliver(hubs.clone(), RECIPIENTS[1]));
    let mut sequencers = JoinSet::new();
    for hub in hubs.clone() {
        sequencers.spawn(async move {
            loop {
                hub.journal.sequence(hub.now()).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.unwrap();
    }
    while let Some(got) = recipients.join_next().await {
        in_order(&got.unwrap());
    }
    sequencers.shutdown().await;
    settled(&hubs).await;
}

/// One of the senders about a reference: every message is accepted before the next is sent, at
/// the hubs in turn.
async fn send(hubs: [Arc<Desk>; 2], reference: usize, sender: usize) {
    for n in 0..EACH {
        let hub = &hubs[(n + sender) % 2];
        let draft =
            signal(&format!("b-{reference}-{sender}-{n}"), &format!("k-{reference}"), &RECIPIENTS);
        assert!(!hub.accepted(&draft).await.repeat);
    }
}

/// A partner that collects at one hub and confirms at the other.
async fn collect(hubs: [Arc<Desk>; 2], name: &'static str) -> Got {
    let mut got = Got::new();
    let mut turn = 0;
    while got.len() < all() {
        turn += 1;
        for parcel in hubs[turn % 2].collect(name, 7).await {
            let hub = &hubs[(turn + 1) % 2];
            let order = ConfirmOrder {
                partner: partner(name),
                parcel: parcel.id,
                stage: Stage::Ontvangen,
                reason: None,
                at: hub.now(),
                seed: hub.seed(),
            };
            hub.journal.confirm(order, Arc::clone(&hub.rules)).await.unwrap();
            got.push(read(parcel.case, &parcel.bytes));
        }
    }
    got
}

/// Deliverers of both hubs at once for one partner.
async fn deliver(hubs: [Arc<Desk>; 2], name: &'static str) -> Got {
    let got = Arc::new(std::sync::Mutex::new(Got::new()));
    let mut deliverers = JoinSet::new();
    for hub in hubs {
        let got = Arc::clone(&got);
        deliverers.spawn(async move {
            while got.lock().unwrap().len() < all() {
                let due = [partner(name)];
                for parcel in hub.journal.claim(&due, hub.now(), 5, 60).await.unwrap() {
                    got.lock().unwrap().push(read(parcel.case, &parcel.bytes));
                    let done = AttemptOutcome::Delivered { stage: Stage::Opgehaald };
                    hub.journal.settle(parcel.id, parcel.lease, done, hub.now()).await.unwrap();
                }
            }
        });
    }
    while let Some(done) = deliverers.join_next().await {
        done.unwrap();
    }
    Arc::into_inner(got).unwrap().into_inner().unwrap()
}

fn read(case: CaseId, bytes: &[u8]) -> (CaseId, String, usize) {
    let text = std::str::from_utf8(bytes).unwrap();
    let id = text.split("inhoud van ").nth(1).unwrap().trim_end_matches('"');
    let (sender, n) = id.rsplit_once('-').unwrap();
    (case, sender.to_owned(), n.parse().unwrap())
}

/// Each message once, those of a sender in the order in which they were accepted, and all of a
/// reference in one case.
fn in_order(got: &Got) {
    assert_eq!(got.iter().cloned().collect::<BTreeSet<_>>().len(), all(), "lost or doubled");
    assert_eq!(got.len(), all(), "doubled");
    let mut lanes: BTreeMap<(CaseId, &str), Vec<usize>> = BTreeMap::new();
    for (case, sender, n) in got {
        lanes.entry((*case, sender)).or_default().push(*n);
    }
    assert_eq!(lanes.len(), REFERENCES * SENDERS, "one case for each reference");
    for (lane, numbers) in lanes {
        assert!(numbers.is_sorted(), "{lane:?}: {numbers:?}");
    }
}

/// Nothing waits, nothing lacks a number, and the evidence holds.
async fn settled(hubs: &[Arc<Desk>; 2]) {
    let [one, other] = hubs;
    // What either was still doing is done when it answers; then nobody is in the way of the last.
    for hub in [other, one] {
        while hub.journal.sequence(hub.now()).await.unwrap().more {}
    }
    let stats = other.journal.stats().await.unwrap();
    let messages = i64::try_from(all()).unwrap();
    assert_eq!((stats.messages, stats.parcels), (messages, 2 * messages));
    assert!(stats.waiting.is_empty(), "{:?}", stats.waiting);
    assert_eq!(stats.cases, i64::try_from(REFERENCES).unwrap());
    let gaps = "select count(*) from numbered having count(*) <> max(number) + 1
        or count(*) <> (select count(*) from leaf)";
    assert_eq!(one.place.psql(gaps), "", "numbers with a gap, or leaves without");
    let report = other.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound(), "{:?}", report.findings.first());
}

/// While parcels wait, every lane has one that may be sent, and only one.
#[tokio::test(flavor = "multi_thread")]
async fn every_lane_that_waits_has_one_head() {
    let one = Desk::new(On::Postgres).await;
    let other = one.beside().await;
    let hubs = [Arc::new(one), Arc::new(other)];
    let mut busy = JoinSet::new();
    for reference in 0..REFERENCES {
        for sender in 0..SENDERS {
            busy.spawn(send(hubs.clone(), reference, sender));
        }
    }
    for hub in hubs.clone() {
        busy.spawn(async move {
            for _ in 0..10 {
                let due = RECIPIENTS.map(partner);
                for parcel in hub.journal.claim(&due, hub.now(), 2, 60).await.unwrap() {
                    let done = AttemptOutcome::Delivered { stage: Stage::Opgehaald };
                    hub.journal.settle(parcel.id, parcel.lease, done, hub.now()).await.unwrap();
                }
            }
        });
    }
    while let Some(done) = busy.join_next().await {
        done.unwrap();
    }
    let wrong = "select count(*) from (select case_id, recipient from outbox where state = 'wacht'
        group by case_id, recipient having sum(head) <> 1
        or min(position) <> min(position) filter (where head = 1)) as lanes";
    assert_eq!(hubs[0].place.psql(wrong), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_at_both_hubs_at_once_is_accepted_once() {
    let one = Desk::new(On::Postgres).await;
    let other = one.beside().await;
    for n in 0..20 {
        let draft = signal(&format!("b-{n}"), &format!("k-{}", n % 3), &["woonbedrijf"]);
        let (a, b) = tokio::join!(one.accepted(&draft), other.accepted(&draft));
        assert_eq!(a.public_id, b.public_id);
        assert!(a.repeat != b.repeat, "one of them was the first");
    }
    // The same id with other bytes: whoever is first decides.
    for n in 20..30 {
        let draft = signal(&format!("b-{n}"), "k", &["woonbedrijf"]);
        let mut changed = draft.clone();
        changed.text = "iets anders".to_owned();
        let (a, b) = tokio::join!(one.send(&draft), other.send(&changed));
        let accepted = [a, b].into_iter().filter(is_accepted).count();
        assert_eq!(accepted, 1);
    }
    let stats = one.journal.stats().await.unwrap();
    assert_eq!((stats.messages, stats.parcels), (30, 30));
}

fn is_accepted(answer: &Result<Received, JournalError>) -> bool {
    matches!(answer, Ok(Received::Accepted(_)))
}
