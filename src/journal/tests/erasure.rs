//! Erasing: content gone, proofs valid.

use super::desk::{Desk, signal};
use super::place::On;
use crate::journal::{ErasureOrder, Journal, JournalError, ParcelState};
use uuid::Uuid;

on_both_stores! {
    an_erased_case_never_opens_again,
    an_erased_message_is_still_recognised,
    an_erasure_that_was_half_done_is_finished_at_the_start,
    a_refused_document_is_erased_by_itself,
    rotated_keys_wrap_everything_anew,
}

fn order(id: Uuid) -> ErasureOrder {
    ErasureOrder { id, by: "privacy".to_owned(), why: "bewaartermijn".to_owned() }
}

async fn an_erased_case_never_opens_again(on: On) {
    let desk = Desk::new(on).await;
    let gone = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let kept = desk.accepted(&signal("b-2", "k-2", &["woonbedrijf"])).await;
    let erased = desk.journal.erase(order(gone.public_id.into()), desk.now()).await.unwrap();
    assert_eq!(erased.parcels_dropped, 1);

    let desk = desk.reopen().await;
    let message = desk.journal.message(gone.public_id.into()).await;
    assert!(matches!(message, Err(JournalError::Erased)));
    assert!(desk.journal.message(kept.public_id.into()).await.is_ok());
    let trace = desk.journal.trace(gone.public_id.into(), desk.now()).await.unwrap();
    assert_eq!(trace.parcels[0].state, ParcelState::Vervallen);
    assert!(trace.message.erased_at.is_some());
    assert_eq!(desk.collect("woonbedrijf", 10).await.len(), 1, "the other one");
    desk.journal.sequence(desk.now()).await.unwrap();
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.erased, 2);
    let proofs = desk.journal.proofs(gone.public_id.into(), true).await.unwrap();
    assert_eq!(proofs.len(), 2, "that it came, and that it was erased");
    assert_eq!(proofs[0].zout, None);
    let again = desk.journal.erase(order(gone.public_id.into()), desk.now()).await;
    assert!(matches!(again, Err(JournalError::Erased)));
}

async fn an_erased_message_is_still_recognised(on: On) {
    let desk = Desk::new(on).await;
    let draft = signal("b-1", "k-1", &["woonbedrijf"]);
    let first = desk.accepted(&draft).await;
    desk.journal.erase(order(first.public_id.into()), desk.now()).await.unwrap();
    let again = desk.accepted(&draft).await;
    assert_eq!((again.repeat, again.public_id, again.salt), (true, first.public_id, None));
    // What is new about the same reference opens a new case.
    let next = desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    assert_ne!(next.case_number, first.case_number);
}

async fn an_erasure_that_was_half_done_is_finished_at_the_start(on: On) {
    let desk = Desk::new(on).await;
    let gone = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let place = desk.close().await;
    let intent = "insert into erasure (holder, kind, asked_by, why, asked_at)
         select id, 'casus', 'privacy', 'bewaartermijn', 1 from cases";
    place.tamper(intent).await;
    let (journal, writer) = place.open().await.unwrap();
    let writing = tokio::spawn(writer.run());
    let message = journal.message(gone.public_id.into()).await;
    assert!(matches!(message, Err(JournalError::Erased)));
    let trace = journal.trace(gone.public_id.into(), super::desk::start()).await.unwrap();
    assert_eq!(trace.parcels[0].state, ParcelState::Vervallen);
    drop(journal);
    writing.await.unwrap();
}

async fn a_refused_document_is_erased_by_itself(on: On) {
    let desk = Desk::new(on).await;
    let mut draft = signal("b-1", "k-1", &[]);
    draft.refusal = Some(crate::message::Refusal::new(crate::message::Fault::Onleesbaar, vec![]));
    let refused = desk.refused(&draft).await;
    desk.journal.erase(order(refused.quarantine.0), desk.now()).await.unwrap();
    let opened = desk.journal.quarantined(refused.quarantine).await;
    assert!(matches!(opened, Err(JournalError::Erased)));
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn rotated_keys_wrap_everything_anew(on: On) {
    let desk = Desk::new(on).await;
    let sent = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let place = desk.close().await;
    let text = super::desk::keys(1).to_text();
    let mut rotated = crate::evidence::HubKeys::parse(&text).unwrap();
    rotated.rotate([77; 32]);
    let start = super::desk::start();
    let (journal, writer) =
        Journal::open(&place.store, std::sync::Arc::new(rotated), start).await.unwrap();
    let writing = tokio::spawn(writer.run());
    assert_eq!(journal.rewrap_keys().await.unwrap(), 1);
    assert_eq!(journal.rewrap_keys().await.unwrap(), 0);
    assert!(journal.message(sent.public_id.into()).await.is_ok());
    drop(journal);
    writing.await.unwrap();

    // Who only has the key of before opens nothing any more.
    let (journal, _writer) = place.open().await.unwrap();
    let message = journal.message(sent.public_id.into()).await;
    assert!(matches!(message, Err(JournalError::Unreadable(_))));
}
