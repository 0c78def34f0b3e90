//! The mailbox: partners that collect and confirm.

use std::sync::Arc;

use super::desk::{Desk, partner, signal};
use super::place::On;
use crate::journal::{AttemptOutcome, ConfirmOrder, JournalError, Look, LookFn, Outgoing};
use crate::message::{ParcelId, Stage};

on_both_stores! {
    a_lane_is_collected_whole_and_in_order,
    the_next_of_a_lane_comes_after_the_one_before_was_confirmed,
    a_yes_reaches_who_sent_the_message_once,
    nobody_confirms_what_another_got,
    each_collected_parcel_carries_its_proof,
    what_may_not_go_stays_and_holds_its_lane,
}

async fn collect(desk: &Desk, limit: usize) -> Vec<Outgoing> {
    desk.collect("woonbedrijf", limit).await
}

async fn confirm(desk: &Desk, parcel: ParcelId, stage: Stage) -> Result<Stage, JournalError> {
    confirm_as(desk, "woonbedrijf", parcel, stage).await
}

async fn confirm_as(
    desk: &Desk,
    name: &str,
    parcel: ParcelId,
    stage: Stage,
) -> Result<Stage, JournalError> {
    let order = ConfirmOrder {
        partner: partner(name),
        parcel,
        stage,
        reason: None,
        at: desk.now(),
        seed: desk.seed(),
    };
    desk.journal.confirm(order, Arc::clone(&desk.rules)).await
}

fn ids(parcels: &[Outgoing]) -> Vec<ParcelId> {
    parcels.iter().map(|parcel| parcel.id).collect()
}

async fn a_lane_is_collected_whole_and_in_order(on: On) {
    let desk = Desk::new(on).await;
    for (id, reference) in [("b-1", "k-1"), ("b-2", "k-1"), ("b-3", "k-2"), ("b-4", "k-1")] {
        desk.accepted(&signal(id, reference, &["woonbedrijf"])).await;
        desk.pass(1);
    }
    let all = collect(&desk, 10).await;
    let texts: Vec<_> = all.iter().map(|p| std::str::from_utf8(&p.bytes).unwrap()).collect();
    let expected =
        ["b-1", "b-2", "b-4", "b-3"].map(|id| format!("voor woonbedrijf: \"inhoud van {id}\""));
    assert_eq!(texts, expected);
    assert!(collect(&desk, 10).await.is_empty(), "they are under lease");
    desk.pass(61);
    assert_eq!(ids(&collect(&desk, 10).await), ids(&all), "the lease ended");
}

async fn the_next_of_a_lane_comes_after_the_one_before_was_confirmed(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    let first = collect(&desk, 1).await;
    assert!(collect(&desk, 1).await.is_empty());
    confirm(&desk, first[0].id, Stage::Ontvangen).await.unwrap();
    let second = collect(&desk, 1).await;
    assert_eq!(second.len(), 1);
    assert_ne!(second[0].id, first[0].id);
}

async fn a_yes_reaches_who_sent_the_message_once(on: On) {
    let desk = Desk::new(on).await;
    let sent = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let parcel = collect(&desk, 1).await[0].id;
    let trace = desk.journal.trace(sent.public_id.into(), desk.now()).await.unwrap();
    assert_eq!(trace.parcels[0].stage, Stage::Opgehaald);

    assert_eq!(confirm(&desk, parcel, Stage::Ontvangen).await.unwrap(), Stage::Ontvangen);
    for _ in 0..2 {
        let stage = confirm(&desk, parcel, Stage::Geaccepteerd).await.unwrap();
        assert_eq!(stage, Stage::Geaccepteerd, "the same word again is fine");
    }
    let late = confirm(&desk, parcel, Stage::Ontvangen).await.unwrap();
    assert_eq!(late, Stage::Geaccepteerd, "a late receipt changes nothing");
    let other = confirm(&desk, parcel, Stage::Geweigerd).await;
    assert!(matches!(other, Err(JournalError::Stage { .. })), "the word is final");

    let answers = desk.collect("politie", 10).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].bytes, b"b-1 over k-1: geaccepteerd");
    assert!(answers[0].answer);
    confirm_as(&desk, "politie", answers[0].id, Stage::Geaccepteerd).await.unwrap();
    assert!(collect(&desk, 10).await.is_empty(), "nobody answers an answer");
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn nobody_confirms_what_another_got(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let parcel = collect(&desk, 1).await[0].id;
    for name in ["brandweer", "politie"] {
        let told = confirm_as(&desk, name, parcel, Stage::Geaccepteerd).await;
        assert!(matches!(told, Err(JournalError::NotFound)));
    }
}

async fn each_collected_parcel_carries_its_proof(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.journal.sequence(desk.now()).await.unwrap();
    let parcel = collect(&desk, 1).await.remove(0);
    assert_eq!(parcel.commitment, crate::evidence::commitment(&parcel.salt, &parcel.bytes));
    assert!(parcel.checkpoint.unwrap().starts_with("proef\n1\n"));
}

async fn what_may_not_go_stays_and_holds_its_lane(on: On) {
    let desk = Desk::new(on).await;
    for (id, reference) in [("b-1", "k-1"), ("b-2", "k-1"), ("b-3", "k-2")] {
        desk.accepted(&signal(id, reference, &["woonbedrijf"])).await;
        desk.pass(1);
    }
    let first = desk.now().plus_seconds(-3);
    let look: Arc<LookFn> = Arc::new(move |parcel, _| {
        if parcel.made_at == first { Look::Stop("doelbinding-vervallen") } else { Look::Go }
    });
    let name = partner("woonbedrijf");
    let handed = desk.journal.collect(&name, desk.now(), 10, 60, look).await.unwrap();
    assert_eq!(handed.parcels.len(), 1, "b-3; b-2 waits for b-1");
    let (held, found) = &handed.review[0];
    assert_eq!(*found, Look::Stop("doelbinding-vervallen"));
    let outcome = AttemptOutcome::Quarantine { reason: "doelbinding-vervallen".to_owned() };
    desk.journal.settle(held.id, held.lease, outcome, desk.now()).await.unwrap();
    assert!(collect(&desk, 10).await.is_empty());
    let trace = desk.journal.trace(held.id.into(), desk.now()).await.unwrap();
    assert_eq!(trace.parcels[0].stage, Stage::Klaargezet, "it was never handed over");
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}
