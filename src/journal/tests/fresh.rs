//! Parcels that leave as soon as they are stored, under a lease that is stored with them.

use super::desk::{Desk, partner, signal};
use super::parcels::{DELIVERED, claim, settle};
use super::place::On;
use crate::journal::{Fresh, Outgoing};
use crate::message::{PartnerId, Stage};

on_both_stores! {
    a_parcel_that_leaves_at_once_is_the_one_that_was_stored,
    only_the_head_of_a_lane_leaves_at_once,
    what_finds_no_place_or_no_deliverer_waits_like_any_other,
    what_nobody_tried_to_deliver_is_due_again,
    a_deliverer_that_dies_with_it_loses_nothing,
}

fn fresh(desk: &Desk) -> Fresh {
    let fresh = desk.journal.fresh().unwrap();
    assert!(desk.journal.fresh().is_none(), "one deliverer only");
    fresh.recipients.set([partner("woonbedrijf"), partner("brandweer")].into());
    fresh
}

fn recipients(parcels: &[Outgoing]) -> Vec<&PartnerId> {
    let mut names: Vec<&PartnerId> = parcels.iter().map(|parcel| &parcel.recipient).collect();
    names.sort();
    names
}

async fn a_parcel_that_leaves_at_once_is_the_one_that_was_stored(on: On) {
    let desk = Desk::new(on).await;
    let mut fresh = fresh(&desk);
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf", "brandweer", "zorg"])).await;
    let parcels = fresh.parcels.next(10).await;
    assert_eq!(recipients(&parcels), [&partner("brandweer"), &partner("woonbedrijf")]);
    assert!(claim(&desk, "woonbedrijf").await.is_empty(), "it is somebody's already");
    assert_eq!(claim(&desk, "zorg").await.len(), 1, "and this is not");
    for parcel in &parcels {
        let stored = desk.journal.parcel(parcel.id, desk.now()).await.unwrap();
        assert_eq!(stored.bytes, parcel.bytes);
        assert_eq!(stored.view.detail, parcel.detail);
        settle(&desk, parcel, DELIVERED).await;
    }
    let (first, trace) = (&parcels[0], desk.journal.trace(parcels[0].message.into(), desk.now()));
    let view = trace.await.unwrap().parcels.into_iter().find(|p| p.id == first.id).unwrap();
    assert_eq!((view.stage, view.kind.as_str()), (Stage::Opgehaald, first.kind.as_str()));
    assert_eq!(first.attempts, 1);
    let again = desk.journal.settle(first.id, first.lease, DELIVERED, desk.now()).await;
    assert!(again.is_err(), "a lease is good for once");
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn only_the_head_of_a_lane_leaves_at_once(on: On) {
    let desk = Desk::new(on).await;
    let mut fresh = fresh(&desk);
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    let parcels = fresh.parcels.next(10).await;
    assert_eq!(parcels.len(), 1);
    assert!(claim(&desk, "woonbedrijf").await.is_empty(), "it waits behind the other");
    settle(&desk, &parcels[0], DELIVERED).await;
    assert!(fresh.parcels.left(10).is_empty());
    let next = claim(&desk, "woonbedrijf").await;
    assert_eq!(next.len(), 1, "and then goes the usual way");
    assert!(next[0].made_at >= parcels[0].made_at && next[0].id != parcels[0].id);
}

async fn what_finds_no_place_or_no_deliverer_waits_like_any_other(on: On) {
    let desk = Desk::new(on).await;
    let mut fresh = fresh(&desk);
    fresh.recipients.set([].into());
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    assert!(fresh.parcels.left(10).is_empty());
    assert_eq!(claim(&desk, "woonbedrijf").await.len(), 1);
    fresh.recipients.set([partner("woonbedrijf")].into());
    drop(fresh);
    desk.accepted(&signal("b-2", "k-2", &["woonbedrijf"])).await;
    assert_eq!(claim(&desk, "woonbedrijf").await.len(), 1);
}

async fn what_nobody_tried_to_deliver_is_due_again(on: On) {
    let desk = Desk::new(on).await;
    let mut fresh = fresh(&desk);
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let parcel = fresh.parcels.next(10).await.remove(0);
    desk.journal.release(parcel.lease).await.unwrap();
    let claimed = claim(&desk, "woonbedrijf").await.remove(0);
    assert_eq!((claimed.id, claimed.bytes), (parcel.id, parcel.bytes));
    let trace = desk.journal.trace(parcel.message.into(), desk.now()).await.unwrap();
    assert!(trace.parcels[0].attempts.is_empty(), "nobody tried");
}

async fn a_deliverer_that_dies_with_it_loses_nothing(on: On) {
    let desk = Desk::new(on).await;
    let mut fresh = fresh(&desk);
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let parcel = fresh.parcels.next(10).await.remove(0);
    drop(fresh);
    desk.pass(121);
    let claimed = claim(&desk, "woonbedrijf").await.remove(0);
    assert_eq!((claimed.id, claimed.attempts), (parcel.id, 2));
}
