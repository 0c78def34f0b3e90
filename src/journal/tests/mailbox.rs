//! The mailbox: partners that collect and confirm.

use std::sync::Arc;

use super::desk::{Desk, all_go, partner, signal};
use crate::journal::{ConfirmOrder, JournalError, Outgoing};
use crate::message::{ParcelId, Stage};

async fn collect(desk: &Desk, limit: usize) -> Vec<Outgoing> {
    desk.journal
        .collect(&partner("woonbedrijf"), desk.now(), limit, 60, all_go())
        .await
        .unwrap()
        .parcels
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

#[tokio::test]
async fn a_lane_is_collected_whole_and_in_order() {
    let desk = Desk::new().await;
    for (id, reference) in [("b-1", "k-1"), ("b-2", "k-1"), ("b-3", "k-2"), ("b-4", "k-1")] {
        desk.accepted(&signal(id, reference, &["woonbedrijf"])).await;
        desk.pass(1);
    }
    let all = collect(&desk, 10).await;
    let texts: Vec<_> = all.iter().map(|p| String::from_utf8_lossy(&p.bytes)).collect();
    let order: Vec<_> = texts.iter().map(|t| &t[t.len() - 4..t.len() - 1]).collect();
    assert_eq!(order, ["b-1", "b-2", "b-4", "b-3"]);
    assert!(collect(&desk, 10).await.is_empty(), "they are under lease");
    desk.pass(61);
    assert_eq!(ids(&collect(&desk, 10).await), ids(&all), "the lease ended");
}

#[tokio::test]
async fn the_next_of_a_lane_comes_after_the_one_before_was_confirmed() {
    let desk = Desk::new().await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    let first = collect(&desk, 1).await;
    assert!(collect(&desk, 1).await.is_empty());
    confirm(&desk, first[0].id, Stage::Ontvangen).await.unwrap();
    let second = collect(&desk, 1).await;
    assert_eq!(second.len(), 1);
    assert_ne!(second[0].id, first[0].id);
}

#[tokio::test]
async fn a_yes_reaches_who_sent_the_message_once() {
    let desk = Desk::new().await;
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

    let answers = desk
        .journal
        .collect(&partner("politie"), desk.now(), 10, 60, all_go())
        .await
        .unwrap()
        .parcels;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].bytes, b"b-1 over k-1: geaccepteerd");
    assert!(answers[0].answer);
    confirm_as(&desk, "politie", answers[0].id, Stage::Geaccepteerd).await.unwrap();
    assert!(collect(&desk, 10).await.is_empty(), "nobody answers an answer");
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

#[tokio::test]
async fn nobody_confirms_what_another_got() {
    let desk = Desk::new().await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let parcel = collect(&desk, 1).await[0].id;
    for name in ["brandweer", "politie"] {
        let told = confirm_as(&desk, name, parcel, Stage::Geaccepteerd).await;
        assert!(matches!(told, Err(JournalError::NotFound)));
    }
}

#[tokio::test]
async fn each_collected_parcel_carries_its_proof() {
    let desk = Desk::new().await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.journal.sequence(desk.now()).await.unwrap();
    let parcel = collect(&desk, 1).await.remove(0);
    assert_eq!(parcel.commitment, crate::evidence::commitment(&parcel.salt, &parcel.bytes));
    assert!(parcel.checkpoint.unwrap().starts_with("proef\n1\n"));
}
