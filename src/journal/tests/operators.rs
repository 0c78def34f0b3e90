//! Partners and configuration.

use super::desk::{Desk, partner, signal};
use super::place::On;
use crate::journal::{JournalError, PartnerOrder, Proposal};
use crate::message::Digest;

on_both_stores! {
    a_suspended_partner_gets_nothing_until_it_is_resumed,
    two_tokens_are_valid_at_a_time,
    webhook_secrets_are_sealed_and_rotate,
    what_widens_takes_a_second_person,
}

async fn order(desk: &Desk, order: PartnerOrder) -> Result<Option<uuid::Uuid>, JournalError> {
    desk.pass(1);
    desk.journal.partner_order(order, desk.now()).await
}

async fn a_suspended_partner_gets_nothing_until_it_is_resumed(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let (who, by) = (partner("woonbedrijf"), "beheerder".to_owned());
    let suspend = PartnerOrder::Suspend { partner: who.clone(), by: by.clone(), why: "lek".into() };
    order(&desk, suspend).await.unwrap();
    let desk = desk.reopen().await;
    assert!(desk.journal.suspended().await.unwrap().contains(&who));
    let sent = desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    assert_eq!(sent.not_sent_named, [("geschorst".to_owned(), Some(who.clone()))]);
    let claim = || desk.journal.claim(std::slice::from_ref(&who), desk.now(), 10, 60);
    assert!(claim().await.unwrap().is_empty());

    order(&desk, PartnerOrder::Resume { partner: who.clone(), by }).await.unwrap();
    assert_eq!(claim().await.unwrap().len(), 1);
}

async fn two_tokens_are_valid_at_a_time(on: On) {
    let desk = Desk::new(on).await;
    let add = |n: u8| PartnerOrder::AddToken {
        partner: partner("politie"),
        hash: Digest([n; 32]),
        label: format!("sleutel {n}"),
    };
    let first = order(&desk, add(1)).await.unwrap().unwrap();
    order(&desk, add(2)).await.unwrap();
    assert!(matches!(order(&desk, add(3)).await, Err(JournalError::TooMany(2))));
    for n in [1, 2] {
        let found = desk.journal.find_token(Digest([n; 32])).await.unwrap();
        assert_eq!(found, Some(partner("politie")));
    }
    order(&desk, PartnerOrder::RevokeToken { id: first }).await.unwrap();
    assert_eq!(desk.journal.find_token(Digest([1; 32])).await.unwrap(), None);
    order(&desk, add(3)).await.unwrap();
    assert_eq!(desk.journal.credentials(&partner("politie")).await.unwrap().len(), 3);
}

async fn webhook_secrets_are_sealed_and_rotate(on: On) {
    let desk = Desk::new(on).await;
    let add = |text: &str| PartnerOrder::AddSecret {
        partner: partner("politie"),
        secret: text.as_bytes().to_vec(),
    };
    let old = order(&desk, add("kanarie-oud")).await.unwrap().unwrap();
    order(&desk, add("kanarie-nieuw")).await.unwrap();
    assert!(matches!(order(&desk, add("x")).await, Err(JournalError::TooMany(2))));
    let secrets = desk.journal.secrets(&partner("politie")).await.unwrap();
    assert_eq!(secrets[0].1, b"kanarie-nieuw");
    order(&desk, PartnerOrder::RevokeSecret { id: old }).await.unwrap();
    assert_eq!(desk.journal.secrets(&partner("politie")).await.unwrap().len(), 1);
    assert!(!desk.place.contains("kanarie"));
}

async fn what_widens_takes_a_second_person(on: On) {
    let desk = Desk::new(on).await;
    assert!(desk.journal.current_activation().await.unwrap().is_none());
    let propose = |n: u8, widens| {
        PartnerOrder::Activate(Proposal {
            catalogue: Digest([n; 32]),
            asked_by: "anna".to_owned(),
            widens,
            approved_by: None,
            note: "eerste".to_owned(),
        })
    };
    order(&desk, propose(1, false)).await.unwrap();
    let id = order(&desk, propose(2, true)).await.unwrap().unwrap();
    let active = desk.journal.current_activation().await.unwrap().unwrap();
    assert_eq!(active.catalogue, Digest([1; 32]));
    assert_eq!(desk.journal.proposals().await.unwrap().len(), 1);
    let approve = |by: &str| PartnerOrder::Approve { id, by: by.to_owned() };
    assert!(matches!(order(&desk, approve("anna")).await, Err(JournalError::SamePerson)));
    order(&desk, approve("bart")).await.unwrap();
    let active = desk.journal.current_activation().await.unwrap().unwrap();
    assert_eq!((active.catalogue, active.approved_by.as_deref()), (Digest([2; 32]), Some("bart")));
    assert!(matches!(order(&desk, approve("bart")).await, Err(JournalError::Settled)));
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}
