//! What comes in: once, provably, sealed, and together.

use super::desk::{Desk, confirmation, partner, poll_once, signal};
use super::place::On;
use crate::evidence::commitment;
use crate::journal::{GROUP_MAX, QuarantineFilter, Received};
use crate::message::{Fault, Refusal, Stage};

on_both_stores! {
    an_accepted_message_is_there_after_a_restart,
    the_same_bytes_again_give_the_same_receipt_and_no_second_effect,
    another_partner_may_use_the_same_id,
    the_same_id_with_other_bytes_is_refused_and_kept,
    a_refused_message_claims_no_id,
    a_group_behaves_as_one_after_another,
    many_at_once_are_all_stored,
    a_caller_that_goes_away_does_not_take_its_message_along,
    a_receipt_must_be_about_a_parcel_of_its_sender,
    nothing_that_a_partner_wrote_lies_readable_on_disk,
}

async fn an_accepted_message_is_there_after_a_restart(on: On) {
    let desk = Desk::new(on).await;
    let draft = signal("b-1", "k-1", &["woonbedrijf", "brandweer"]);
    let accepted = desk.accepted(&draft).await;
    assert_eq!((accepted.parcels, accepted.repeat), (2, false));
    let salt = accepted.salt.unwrap();
    assert_eq!(accepted.commitment, commitment(&salt, draft.text.as_bytes()));

    let desk = desk.reopen().await;
    let stored = desk.journal.message(accepted.public_id.into()).await.unwrap();
    assert_eq!(stored.native, draft.text.as_bytes());
    assert_eq!(stored.external_id.reveal(), "b-1");
    assert_eq!(stored.reference, "k-1");
    assert_eq!(stored.salt, salt);
    let found = desk.journal.find_by_reference(&partner("politie"), "k-1").await.unwrap();
    assert_eq!(found, [accepted.public_id]);
    assert!(desk.journal.find_by_reference(&partner("brandweer"), "k-1").await.unwrap().is_empty());
}

async fn the_same_bytes_again_give_the_same_receipt_and_no_second_effect(on: On) {
    let desk = Desk::new(on).await;
    let draft = signal("b-1", "k-1", &["woonbedrijf", "niemand"]);
    let first = desk.accepted(&draft).await;
    assert_eq!(first.not_sent_named, [("geen-doelbinding".into(), Some(partner("niemand")))]);
    desk.pass(3600);
    let desk = desk.reopen().await;
    let again = desk.accepted(&draft).await;
    assert!(again.repeat);
    assert_eq!(again.public_id, first.public_id);
    assert_eq!((again.salt, again.commitment), (first.salt, first.commitment));
    assert_eq!((again.case_number, again.parcels), (first.case_number.clone(), 1));
    assert_eq!(again.not_sent_named, first.not_sent_named);
    let stats = desk.journal.stats().await.unwrap();
    assert_eq!((stats.messages, stats.parcels, stats.quarantine_open), (1, 1, 1));
}

async fn another_partner_may_use_the_same_id(on: On) {
    let desk = Desk::new(on).await;
    let first = desk.accepted(&signal("b-1", "k-1", &[])).await;
    let other = super::desk::Draft { partner: "brandweer", ..signal("b-1", "k-1", &[]) };
    let second = desk.accepted(&other).await;
    assert_ne!(first.public_id, second.public_id);
    assert_ne!(first.case_number, second.case_number, "their references are their own");
}

async fn the_same_id_with_other_bytes_is_refused_and_kept(on: On) {
    let desk = Desk::new(on).await;
    let first = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let mut other = signal("b-1", "k-1", &["woonbedrijf"]);
    other.text = "iets anders".to_owned();
    let refused = desk.refused(&other).await;
    assert_eq!(refused.refusal.fault, Fault::AndereInhoud);
    let kept = desk.journal.quarantined(refused.quarantine).await.unwrap();
    assert_eq!(kept.bytes.unwrap(), b"iets anders");
    let stored = desk.journal.message(first.public_id.into()).await.unwrap();
    assert_eq!(stored.native, b"inhoud van b-1", "never overwritten");
}

async fn a_refused_message_claims_no_id(on: On) {
    let desk = Desk::new(on).await;
    let mut draft = signal("b-1", "k-1", &["woonbedrijf"]);
    let why = Refusal::one(Fault::Ongeldig, "/thema", "verplicht", "Ontbreekt.", "Missing.");
    draft.refusal = Some(why.clone());
    let refused = desk.refused(&draft).await;
    assert_eq!(refused.refusal, why);
    let filter = QuarantineFilter {
        partner: Some(partner("politie")),
        state: Some("open".to_owned()),
        limit: 10,
        ..QuarantineFilter::default()
    };
    let listed = desk.journal.quarantine(&filter).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].reason, "ongeldig");
    assert_eq!(listed[0].detail[0]["plaats"], "/thema");

    draft.refusal = None;
    assert!(!desk.accepted(&draft).await.repeat);
}

async fn a_group_behaves_as_one_after_another(on: On) {
    let desk = Desk::new(on).await;
    let (one, other) = (signal("b-1", "k-1", &["woonbedrijf"]), signal("b-2", "k-1", &[]));
    let mut conflict = one.clone();
    conflict.text = "iets anders".to_owned();
    let (first, second, repeat, conflict) = tokio::join!(
        desk.accepted(&one),
        desk.accepted(&other),
        desk.accepted(&one),
        desk.refused(&conflict),
    );
    assert_eq!(first.case_number, second.case_number, "one new reference, one case");
    assert_eq!((repeat.repeat, repeat.public_id), (true, first.public_id));
    assert_eq!(conflict.refusal.fault, Fault::AndereInhoud);
    assert_eq!(desk.journal.stats().await.unwrap().cases, 1);
}

async fn many_at_once_are_all_stored(on: On) {
    let desk = Desk::new(on).await;
    let drafts: Vec<_> = (0..GROUP_MAX + 50)
        .map(|n| signal(&format!("b-{n}"), &format!("k-{}", n % 7), &["woonbedrijf"]))
        .collect();
    let mut waiting = tokio::task::JoinSet::new();
    for draft in &drafts {
        let (journal, submission) = (desk.journal.clone(), desk.submission(draft));
        waiting.spawn(async move { journal.receive(submission).await });
    }
    while let Some(received) = waiting.join_next().await {
        assert!(matches!(received.unwrap().unwrap(), Received::Accepted(_)));
    }
    let stats = desk.journal.stats().await.unwrap();
    let sent = i64::try_from(drafts.len()).unwrap();
    assert_eq!((stats.messages, stats.cases, stats.leaves), (sent, 7, sent));
}

async fn a_caller_that_goes_away_does_not_take_its_message_along(on: On) {
    let desk = Desk::new(on).await;
    let (journal, submission) = (desk.journal.clone(), desk.submission(&signal("b-1", "k-1", &[])));
    let mut call = Box::pin(journal.receive(submission));
    // One poll queues the order; then the caller hangs up.
    assert!(poll_once(&mut call).is_pending());
    drop(call);
    assert!(desk.accepted(&signal("b-1", "k-1", &[])).await.repeat);
}

async fn a_receipt_must_be_about_a_parcel_of_its_sender(on: On) {
    let desk = Desk::new(on).await;
    let sent = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let trace = desk.journal.trace(sent.public_id.into(), desk.now()).await.unwrap();
    let mut receipt = signal("r-1", "r-1", &[]);
    receipt.confirms = Some(confirmation(trace.parcels[0].id, Stage::Geaccepteerd));
    receipt.partner = "brandweer";
    assert_eq!(desk.refused(&receipt).await.refusal.fault, Fault::OnbekendeZending);

    receipt.partner = "woonbedrijf";
    let accepted = desk.accepted(&receipt).await;
    assert_eq!(accepted.case_number, sent.case_number);
    assert_eq!(accepted.parcels, 1, "the answer to the police");
    let trace = desk.journal.trace(sent.public_id.into(), desk.now()).await.unwrap();
    assert_eq!(trace.parcels[0].stage, Stage::Geaccepteerd);
    let answers = desk.collect("politie", 10).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].bytes, b"b-1 over k-1: geaccepteerd");

    // The same word in another message changes nothing and is answered by nothing.
    receipt.id = "r-2".to_owned();
    assert_eq!(desk.accepted(&receipt).await.parcels, 0);
}

async fn nothing_that_a_partner_wrote_lies_readable_on_disk(on: On) {
    let desk = Desk::new(on).await;
    let mut draft = signal("kanarie-id", "kanarie-kenmerk", &["woonbedrijf"]);
    draft.text = "kanarie-tekst".to_owned();
    desk.accepted(&draft).await;
    draft.text = "kanarie-anders".to_owned();
    desk.refused(&draft).await;
    let desk = desk.reopen().await;
    assert!(!desk.place.contains("kanarie"));
    assert!(desk.place.contains("woonbedrijf"), "the search itself works");
}
