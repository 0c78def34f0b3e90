//! Several hubs over one database: what one does, the others know.

use std::sync::Arc;

use super::desk::{Desk, partner, signal};
use super::place::{On, Place};
use crate::journal::beat::BEATS_MISSED_MAX;
use crate::journal::{
    AttemptOutcome, ConfirmOrder, ErasureOrder, JournalError, OpenError, PartnerOrder,
};
use crate::message::Stage;

const DELIVERED: AttemptOutcome = AttemptOutcome::Delivered { stage: Stage::Opgehaald };

async fn two() -> (Desk, Desk) {
    let one = Desk::new(On::Postgres).await;
    let other = one.beside().await;
    (one, other)
}

async fn claim(desk: &Desk) -> Vec<crate::journal::Outgoing> {
    desk.journal.claim(&[partner("woonbedrijf")], desk.now(), 10, 60).await.unwrap()
}

#[tokio::test]
async fn hubs_that_start_at_once_make_the_tables_once() {
    let place = Place::new(On::Postgres);
    let (a, b, c, d) = tokio::join!(place.open(), place.open(), place.open(), place.open());
    for opened in [a, b, c, d] {
        opened.unwrap();
    }
    assert_eq!(place.psql("select count(*) from migration"), "1");
}

#[tokio::test]
async fn tables_of_a_newer_schakel_are_left_alone() {
    let place = Place::new(On::Postgres);
    place.open().await.unwrap();
    place.psql("insert into migration (number) values (99)");
    let Err(error) = place.open().await else { panic!("opened") };
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn what_came_in_at_one_hub_is_recognised_at_the_other() {
    let (one, other) = two().await;
    let draft = signal("b-1", "k-1", &["woonbedrijf"]);
    let first = one.accepted(&draft).await;
    let again = other.accepted(&draft).await;
    assert_eq!((again.repeat, again.public_id), (true, first.public_id));
    let next = other.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    assert_eq!(next.case_number, first.case_number);
}

#[tokio::test]
async fn a_parcel_leased_at_one_hub_is_confirmed_at_the_other() {
    let (one, other) = two().await;
    one.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let parcel = one.collect("woonbedrijf", 1).await.remove(0);
    assert!(other.collect("woonbedrijf", 1).await.is_empty(), "it is under lease");
    let order = ConfirmOrder {
        partner: partner("woonbedrijf"),
        parcel: parcel.id,
        stage: Stage::Geaccepteerd,
        reason: None,
        at: other.now(),
        seed: other.seed(),
    };
    other.journal.confirm(order, Arc::clone(&other.rules)).await.unwrap();
    assert_eq!(one.collect("politie", 10).await.len(), 1, "the answer");
}

#[tokio::test]
async fn the_parcels_of_a_hub_that_died_go_to_another_when_their_lease_ends() {
    let (one, other) = two().await;
    one.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    one.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    let held = claim(&one).await.remove(0);
    one.kill().await;
    // Another that starts meanwhile takes nobody's lease away.
    let third = other.beside().await;
    assert!(claim(&third).await.is_empty() && claim(&other).await.is_empty());
    other.pass(61);
    let taken = claim(&other).await;
    assert_eq!((taken[0].id, taken[0].attempts), (held.id, 2));
    let late = third.journal.settle(held.id, held.lease, DELIVERED, third.now()).await;
    assert!(matches!(late, Err(JournalError::StaleLease)));
    other.journal.settle(held.id, taken[0].lease, DELIVERED, other.now()).await.unwrap();
    assert_eq!(claim(&other).await.len(), 1, "the next of the lane");
}

#[tokio::test]
async fn what_a_hub_had_leased_is_free_soon_after_it_is_gone() {
    let (one, other) = two().await;
    one.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    one.accepted(&signal("b-2", "k-2", &["woonbedrijf"])).await;
    let beat = async |hub: &Desk| hub.journal.beat(hub.now()).await.unwrap();
    beat(&one).await;
    let held = one.journal.claim(&[partner("woonbedrijf")], one.now(), 1, 3600).await.unwrap();
    let own = other.journal.claim(&[partner("woonbedrijf")], other.now(), 1, 3600).await.unwrap();
    for _ in 0..30 {
        assert_eq!(beat(&one).await + beat(&other).await, 0, "both are there");
    }
    one.kill().await;
    for _ in 1..BEATS_MISSED_MAX {
        assert_eq!(beat(&other).await, 0, "it may only be slow");
    }
    assert_eq!(beat(&other).await, 1);
    let taken = claim(&other).await;
    assert_eq!((taken.len(), taken[0].id), (1, held[0].id), "its own lease holds");
    other.journal.settle(own[0].id, own[0].lease, DELIVERED, other.now()).await.unwrap();
    assert_eq!(other.place.psql("select count(*) from hub"), "1");
}

#[tokio::test]
async fn a_case_erased_at_one_hub_is_not_written_to_by_the_other() {
    let (one, other) = two().await;
    let first = one.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    // Both had the case in hand.
    other.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    let id = first.public_id.into();
    assert!(other.journal.message(id).await.is_ok());
    let order = ErasureOrder { id, by: "privacy".to_owned(), why: "bewaartermijn".to_owned() };
    one.journal.erase(order, one.now()).await.unwrap();
    assert!(matches!(other.journal.message(id).await, Err(JournalError::Erased)));
    let next = other.accepted(&signal("b-3", "k-1", &["woonbedrijf"])).await;
    assert_ne!(next.case_number, first.case_number);
    assert!(one.journal.message(next.public_id.into()).await.is_ok());
    assert_eq!(one.place.psql("select count(*) from sleutels.case_key"), "1");
}

/// The intent alone is enough: from then on the key may be gone any moment.
#[tokio::test]
async fn a_case_whose_erasure_was_begun_takes_nothing_any_more() {
    let (one, other) = two().await;
    let first = one.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let intent = "insert into erasure (holder, kind, asked_by, why, asked_at)
        select id, 'casus', 'privacy', 'bewaartermijn', 1 from cases";
    one.place.psql(intent);
    let next = other.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    assert_ne!(next.case_number, first.case_number);
}

#[tokio::test]
async fn a_suspension_at_one_hub_holds_at_the_other() {
    let (one, other) = two().await;
    one.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let (who, by) = (partner("woonbedrijf"), "beheerder".to_owned());
    let suspend = PartnerOrder::Suspend { partner: who.clone(), by: by.clone(), why: "lek".into() };
    one.journal.partner_order(suspend, one.now()).await.unwrap();
    assert!(claim(&other).await.is_empty());
    let sent = other.accepted(&signal("b-2", "k-2", &["woonbedrijf"])).await;
    assert_eq!(sent.not_sent_named, [("geschorst".to_owned(), Some(who.clone()))]);
    other
        .journal
        .partner_order(PartnerOrder::Resume { partner: who, by }, one.now())
        .await
        .unwrap();
    assert_eq!(claim(&one).await.len(), 1);
}

/// What another hub works on is passed by with its whole lane, and nobody waits for it.
#[tokio::test]
async fn a_claim_passes_by_a_case_that_is_locked() {
    let desk = Desk::new(On::Postgres).await;
    for (id, reference) in [("b-1", "k-1"), ("b-2", "k-1"), ("b-3", "k-2")] {
        desk.accepted(&signal(id, reference, &["woonbedrijf"])).await;
        desk.pass(1);
    }
    let mut elsewhere = desk.place.connect().await;
    elsewhere.begin().await.unwrap();
    let lock = "select c.id from cases c join inbox i on i.case_id = c.id
        where i.seq = 1 for no key update of c";
    elsewhere.run(lock).await.unwrap();
    let claimed = claim(&desk).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].bytes, b"voor woonbedrijf: \"inhoud van b-3\"");
    elsewhere.rollback().await.unwrap();
    let claimed = claim(&desk).await;
    assert_eq!(claimed[0].bytes, b"voor woonbedrijf: \"inhoud van b-1\"");
}

#[tokio::test]
async fn a_leaf_that_commits_late_gets_its_number_all_the_same() {
    let desk = Desk::new(On::Postgres).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let mut late = desk.place.connect().await;
    late.begin().await.unwrap();
    let copy = "insert into leaf (id, subject, partner, data)
        select id - 1, subject, partner, data from leaf";
    late.run(copy).await.unwrap();
    desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    assert_eq!(desk.journal.sequence(desk.now()).await.unwrap().added, 2);
    late.commit().await.unwrap();
    let last = desk.journal.sequence(desk.now()).await.unwrap();
    assert_eq!((last.added, last.size), (1, 3));
    assert_eq!(desk.place.psql("select leaf from numbered where number = 2"), "0");
}

#[tokio::test]
async fn leaves_and_numbers_are_never_changed() {
    let desk = Desk::new(On::Postgres).await;
    desk.accepted(&signal("b-1", "k-1", &[])).await;
    desk.journal.sequence(desk.now()).await.unwrap();
    let mut conn = desk.place.connect().await;
    for sql in [
        "update leaf set partner = 'brandweer'",
        "delete from leaf",
        "truncate leaf",
        "update numbered set number = 7",
        "delete from numbered",
        "truncate numbered",
    ] {
        let refused = conn.run(sql).await.unwrap_err().to_string();
        assert!(refused.contains("never changed or deleted"), "{sql}: {refused}");
    }
}
