//! Parcels that the hub delivers: lanes, leases, quarantine.

use super::desk::{Desk, partner, rules_of, signal};
use super::place::{On, Place};
use crate::journal::{
    AttemptOutcome, Decision, JournalError, Outgoing, ParcelState, QuarantineFilter, QuarantineId,
    QuarantineOrder, Replay,
};
use crate::message::CaseState;
use crate::message::{Digest, Entropy, PartnerId, Stage};
use crate::pipeline::Dispatch;

on_both_stores! {
    a_lane_keeps_its_order_and_other_lanes_go_on,
    urgent_parcels_are_claimed_first,
    a_lease_ends_and_then_its_token_is_worth_nothing,
    a_retry_waits_until_its_time,
    a_quarantined_parcel_holds_its_lane_until_it_is_released,
    what_follows_a_dropped_parcel_says_so,
    a_parcel_made_anew_takes_the_place_of_the_old_one,
    a_replay_keeps_the_id_of_what_did_not_change,
    who_waits_for_parcels_knows_when_to_look,
    a_case_state_is_there_for_who_dispatches_anew,
}

pub const DELIVERED: AttemptOutcome = AttemptOutcome::Delivered { stage: Stage::Opgehaald };

pub async fn claim(desk: &Desk, recipient: &str) -> Vec<Outgoing> {
    desk.journal.claim(&[partner(recipient)], desk.now(), 10, 60).await.unwrap()
}

pub async fn settle(desk: &Desk, parcel: &Outgoing, outcome: AttemptOutcome) {
    desk.journal.settle(parcel.id, parcel.lease, outcome, desk.now()).await.unwrap();
}

fn texts(parcels: &[Outgoing]) -> Vec<&str> {
    parcels.iter().map(|parcel| std::str::from_utf8(&parcel.bytes).unwrap()).collect()
}

fn quarantine(reason: &str) -> AttemptOutcome {
    AttemptOutcome::Quarantine { reason: reason.to_owned() }
}

async fn open_entry(desk: &Desk) -> QuarantineId {
    let filter = QuarantineFilter {
        state: Some("open".to_owned()),
        limit: 10,
        ..QuarantineFilter::default()
    };
    let entries = desk.journal.quarantine(&filter).await.unwrap();
    assert_eq!(entries.len(), 1);
    entries[0].id
}

async fn decide(desk: &Desk, id: QuarantineId, decision: Decision) -> Result<(), JournalError> {
    let (by, why) = ("beheerder".to_owned(), "bekeken".to_owned());
    let order = QuarantineOrder { id, decision, by, why, item: None };
    desk.journal.decide_quarantine(order, desk.now()).await
}

async fn a_lane_keeps_its_order_and_other_lanes_go_on(on: On) {
    let desk = Desk::new(on).await;
    for (id, reference) in [("b-1", "k-1"), ("b-2", "k-1"), ("b-3", "k-2")] {
        desk.accepted(&signal(id, reference, &["woonbedrijf"])).await;
        desk.pass(1);
    }
    let first = claim(&desk, "woonbedrijf").await;
    let expected = ["voor woonbedrijf: \"inhoud van b-1\"", "voor woonbedrijf: \"inhoud van b-3\""];
    assert_eq!(texts(&first), expected, "one of each lane");
    assert!(claim(&desk, "woonbedrijf").await.is_empty(), "the rest waits for them");
    assert!(claim(&desk, "brandweer").await.is_empty());

    settle(&desk, &first[0], DELIVERED).await;
    let second = claim(&desk, "woonbedrijf").await;
    assert_eq!(texts(&second), ["voor woonbedrijf: \"inhoud van b-2\""]);
}

async fn urgent_parcels_are_claimed_first(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.pass(1);
    let mut urgent = signal("b-2", "k-2", &["woonbedrijf"]);
    urgent.urgent = true;
    desk.accepted(&urgent).await;
    let one = desk.journal.claim(&[partner("woonbedrijf")], desk.now(), 1, 60).await.unwrap();
    assert_eq!(texts(&one), ["voor woonbedrijf: \"inhoud van b-2\""]);
}

async fn a_lease_ends_and_then_its_token_is_worth_nothing(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let first = claim(&desk, "woonbedrijf").await;
    desk.pass(61);
    let second = claim(&desk, "woonbedrijf").await;
    assert_eq!(second[0].id, first[0].id, "sent again under the same id");
    assert_eq!(second[0].attempts, 2);
    let late = desk.journal.settle(first[0].id, first[0].lease, DELIVERED, desk.now()).await;
    assert!(matches!(late, Err(JournalError::StaleLease)));
    settle(&desk, &second[0], DELIVERED).await;
    let twice = desk.journal.settle(second[0].id, second[0].lease, DELIVERED, desk.now()).await;
    assert!(matches!(twice, Err(JournalError::StaleLease)));
}

async fn a_retry_waits_until_its_time(on: On) {
    let desk = Desk::new(on).await;
    let sent = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let first = claim(&desk, "woonbedrijf").await;
    let at = desk.now().plus_seconds(300);
    settle(&desk, &first[0], AttemptOutcome::Retry { at, code: "http-503".to_owned() }).await;
    desk.pass(299);
    assert!(claim(&desk, "woonbedrijf").await.is_empty());
    desk.pass(1);
    assert_eq!(claim(&desk, "woonbedrijf").await.len(), 1);
    let trace = desk.journal.trace(sent.public_id.into(), desk.now()).await.unwrap();
    assert_eq!(trace.parcels[0].attempts[0].outcome, "later http-503");
    assert_eq!(trace.parcels[0].state, ParcelState::Geleased);
}

async fn a_quarantined_parcel_holds_its_lane_until_it_is_released(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    desk.accepted(&signal("b-3", "k-2", &["woonbedrijf"])).await;
    let parcels = claim(&desk, "woonbedrijf").await;
    settle(&desk, &parcels[0], quarantine("horizon")).await;
    settle(&desk, &parcels[1], DELIVERED).await;
    desk.pass(3600);
    assert!(claim(&desk, "woonbedrijf").await.is_empty(), "b-2 waits for b-1");
    // What comes in meanwhile queues behind it.
    desk.accepted(&signal("b-4", "k-1", &["woonbedrijf"])).await;
    assert!(claim(&desk, "woonbedrijf").await.is_empty());

    let entry = open_entry(&desk).await;
    decide(&desk, entry, Decision::Release).await.unwrap();
    let again = decide(&desk, entry, Decision::Drop).await;
    assert!(matches!(again, Err(JournalError::Settled)));
    for id in ["b-1", "b-2", "b-4"] {
        let next = claim(&desk, "woonbedrijf").await;
        assert_eq!(texts(&next), [format!("voor woonbedrijf: \"inhoud van {id}\"")]);
        assert!(!next[0].detail.role.voorganger_ontbreekt);
        settle(&desk, &next[0], DELIVERED).await;
    }
}

async fn what_follows_a_dropped_parcel_says_so(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    let first = claim(&desk, "woonbedrijf").await;
    settle(&desk, &first[0], quarantine("horizon")).await;
    decide(&desk, open_entry(&desk).await, Decision::Drop).await.unwrap();
    let second = claim(&desk, "woonbedrijf").await;
    assert!(second[0].detail.role.voorganger_ontbreekt);

    // Also where the dropped one was the last, and the next comes in later.
    settle(&desk, &second[0], quarantine("horizon")).await;
    decide(&desk, open_entry(&desk).await, Decision::Drop).await.unwrap();
    desk.accepted(&signal("b-3", "k-1", &["woonbedrijf"])).await;
    assert!(claim(&desk, "woonbedrijf").await[0].detail.role.voorganger_ontbreekt);
    desk.accepted(&signal("b-4", "k-1", &["woonbedrijf"])).await;
    desk.pass(61);
    let third = claim(&desk, "woonbedrijf").await;
    settle(&desk, &third[0], DELIVERED).await;
    assert!(!claim(&desk, "woonbedrijf").await[0].detail.role.voorganger_ontbreekt);
}

/// What today's rules make of a parcel's message for the same recipient.
pub fn made_anew(desk: &Desk, old: &Outgoing, text: &str) -> Dispatch {
    let case = CaseState {
        id: old.case,
        number: old.detail.role.casus.clone(),
        usage: old.usage,
        theme: None,
        participants: Default::default(),
        recipients: Default::default(),
        earlier: Default::default(),
        glasses: Vec::new(),
    };
    let mut entropy = Entropy::new(desk.seed());
    let recipient: PartnerId = old.recipient.clone();
    let text = text.to_owned();
    let parcel = super::desk::parcel(recipient, &case, false, text, desk.now(), &mut entropy);
    Dispatch { parcels: vec![parcel], ..Dispatch::default() }
}

async fn a_parcel_made_anew_takes_the_place_of_the_old_one(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    let first = claim(&desk, "woonbedrijf").await;
    let catalogue = Digest([8; 32]);

    // The same bytes: the same parcel, now under the catalogue of today.
    let same = String::from_utf8(first[0].bytes.clone()).unwrap();
    let dispatch = Box::new(made_anew(&desk, &first[0], &same));
    settle(&desk, &first[0], AttemptOutcome::Replaced { dispatch, catalogue }).await;
    let again = claim(&desk, "woonbedrijf").await;
    assert_eq!((again[0].id, again[0].catalogue), (first[0].id, catalogue));

    // Other bytes: a new parcel that says what it replaces, still before b-2.
    let dispatch = Box::new(made_anew(&desk, &again[0], "minder"));
    settle(&desk, &again[0], AttemptOutcome::Replaced { dispatch, catalogue }).await;
    let new = claim(&desk, "woonbedrijf").await;
    assert_eq!(texts(&new), ["minder"]);
    assert_eq!(new[0].detail.role.vervangt, Some(first[0].id));
    settle(&desk, &new[0], DELIVERED).await;

    // Nothing at all: it is withdrawn, and what follows says so.
    let last = claim(&desk, "woonbedrijf").await;
    assert_eq!(texts(&last), ["voor woonbedrijf: \"inhoud van b-2\""]);
    let dispatch = Box::new(Dispatch::default());
    settle(&desk, &last[0], AttemptOutcome::Replaced { dispatch, catalogue }).await;
    assert!(claim(&desk, "woonbedrijf").await.is_empty());
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
}

async fn a_replay_keeps_the_id_of_what_did_not_change(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let sent = claim(&desk, "woonbedrijf").await.remove(0);
    settle(&desk, &sent, DELIVERED).await;
    let replay = |dispatch| Replay {
        message: sent.message,
        dispatch,
        catalogue: rules_of(Digest([8; 32])).catalogue,
        recipients: Default::default(),
        at: desk.now(),
        settles: Default::default(),
    };
    let same = String::from_utf8(sent.bytes.clone()).unwrap();
    let done = desk.journal.replay(replay(made_anew(&desk, &sent, &same))).await.unwrap();
    assert_eq!(done.requeued, [sent.id]);
    let again = claim(&desk, "woonbedrijf").await.remove(0);
    assert_eq!(again.id, sent.id);
    settle(&desk, &again, DELIVERED).await;

    let done = desk.journal.replay(replay(made_anew(&desk, &sent, "meer"))).await.unwrap();
    assert_eq!(done.replaced.len(), 1);
    let new = claim(&desk, "woonbedrijf").await.remove(0);
    assert_eq!((new.id, new.detail.role.vervangt), (done.replaced[0].1, Some(sent.id)));
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn who_waits_for_parcels_knows_when_to_look(on: On) {
    let desk = Desk::new(on).await;
    let recipients = [partner("woonbedrijf"), partner("brandweer")];
    let mut changes = desk.journal.changes();
    assert_eq!(desk.journal.next_due(&recipients).await.unwrap(), None);
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(desk.journal.next_due(&recipients).await.unwrap(), Some(desk.now()));
    let parcel = claim(&desk, "woonbedrijf").await.remove(0);
    assert!(!changes.has_changed().unwrap(), "asking wakes nobody");
    let lease_ends = desk.now().plus_seconds(60);
    assert_eq!(desk.journal.next_due(&recipients).await.unwrap(), Some(lease_ends));
    desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    assert!(!changes.has_changed().unwrap(), "it waits behind the other");
    settle(&desk, &parcel, DELIVERED).await;
    assert!(changes.has_changed().unwrap(), "the next of the lane may go");
    assert_eq!(desk.journal.next_due(&recipients).await.unwrap(), Some(desk.now()));
    let parcel = claim(&desk, "woonbedrijf").await.remove(0);
    changes.mark_unchanged();
    settle(&desk, &parcel, DELIVERED).await;
    assert!(!changes.has_changed().unwrap(), "there is no next");
    assert_eq!(desk.journal.next_due(&recipients).await.unwrap(), None);
}

/// What is blocked, leased or settled is not read when parcels are claimed or counted.
#[tokio::test]
async fn claims_walk_along_an_index_of_sqlite() {
    let place = Place::new(On::Sqlite);
    let due = place.plan(crate::journal::lease::DUE).await;
    assert!(due.contains("USING INDEX outbox_due (recipient=? AND urgent=? AND next"), "{due}");
    assert!(!due.contains("TEMP B-TREE") && !due.contains("SCAN"), "{due}");
    let waiting = place.plan(crate::journal::listings::WAITING).await;
    assert!(waiting.contains("USING COVERING INDEX outbox_waiting"), "{waiting}");
}

#[tokio::test]
async fn claims_walk_along_an_index_of_postgres() {
    let place = Place::new(On::Postgres);
    let due = place.plan(crate::journal::lease::DUE_SHARED).await;
    let walk = "Index Scan using outbox_due on outbox o";
    assert!(due.contains("LockRows") && due.contains(walk), "{due}");
    let only = "Index Cond: ((recipient = 'woonbedrijf'::text) AND (urgent = 0) AND \
        (next_attempt_at <= 9))";
    assert!(due.contains(only), "{due}");
    assert!(!due.contains("Sort") && !due.contains("Seq Scan"), "{due}");
    let claims = crate::journal::lease::CLAIMED.replace("$1", "'{woonbedrijf}'");
    let claimed = place.plan(&claims).await;
    let only = "Index Cond: ((recipient = recipients.name) AND (urgent = \"*VALUES*\".column1) AND \
        (next_attempt_at <= ";
    assert!(claimed.contains(walk) && claimed.contains(only), "{claimed}");
    assert!(!claimed.contains("Sort") && !claimed.contains("Seq Scan"), "{claimed}");
    let waiting = place.plan(crate::journal::listings::WAITING).await;
    assert!(waiting.contains("Index Only Scan using outbox_waiting"), "{waiting}");
}

async fn a_case_state_is_there_for_who_dispatches_anew(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let parcel = claim(&desk, "woonbedrijf").await.remove(0);
    let state = desk.journal.case_state(parcel.case, parcel.message).await.unwrap();
    assert_eq!(state.participants, [partner("politie"), partner("woonbedrijf")].into());
    assert_eq!(state.recipients, [partner("woonbedrijf")].into());
    assert_eq!(state.number, parcel.detail.role.casus);
}
