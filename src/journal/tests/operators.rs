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
    a_proposal_is_refused_with_a_reason_and_what_was_tried_is_no_proposal,
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

    let (by, why) = ("anna".to_owned(), "nieuw adres".to_owned());
    order(&desk, PartnerOrder::Test { partner: who.clone(), by: by.clone(), why }).await.unwrap();
    let sent = desk.journal.test_messages(&who).await.unwrap();
    assert_eq!((sent.len(), sent[0].by.as_str(), sent[0].why.as_str()), (1, "anna", "nieuw adres"));
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

async fn a_proposal_is_refused_with_a_reason_and_what_was_tried_is_no_proposal(on: On) {
    let desk = Desk::new(on).await;
    let propose = |n: u8, widens| {
        PartnerOrder::Activate(Proposal {
            catalogue: Digest([n; 32]),
            asked_by: "Anna de Wit (anna)".to_owned(),
            widens,
            approved_by: None,
            note: "convenant".to_owned(),
        })
    };
    order(&desk, propose(1, false)).await.unwrap();
    let id = order(&desk, propose(2, true)).await.unwrap().unwrap();
    // However a person writes her name, she is no second one.
    for same in ["anna", "anna de wit"] {
        let approve = PartnerOrder::Approve { id, by: same.to_owned() };
        assert!(matches!(order(&desk, approve).await, Err(JournalError::SamePerson)), "{same}");
    }
    let tried = PartnerOrder::Shadow {
        catalogue: Digest([2; 32]),
        by: "bart".to_owned(),
        note: "200".to_owned(),
    };
    let tried = order(&desk, tried).await.unwrap().unwrap();
    assert_eq!(desk.journal.proposals().await.unwrap().len(), 1, "that is no proposal");
    let refuse = |id| PartnerOrder::Refuse { id, by: "bart".to_owned(), why: "te ruim".to_owned() };
    assert!(matches!(order(&desk, refuse(tried)).await, Err(JournalError::NotFound)));
    order(&desk, refuse(id)).await.unwrap();
    for again in [refuse(id), PartnerOrder::Approve { id, by: "chris".to_owned() }] {
        assert!(matches!(order(&desk, again).await, Err(JournalError::Settled)));
    }
    let desk = desk.reopen().await;
    assert!(desk.journal.proposals().await.unwrap().is_empty());
    let active = desk.journal.current_activation().await.unwrap().unwrap();
    assert_eq!(active.catalogue, Digest([1; 32]));
    let history = desk.journal.activation_history().await.unwrap();
    let states: Vec<_> = history.iter().map(|row| row.state.as_str()).collect();
    assert_eq!(states, ["schaduw", "geweigerd", "actief"]);
    assert_eq!(history[1].refused, Some(("bart".to_owned(), "te ruim".to_owned())));
    // An earlier set that is active once more is the one in force.
    order(&desk, propose(3, false)).await.unwrap();
    order(&desk, propose(1, false)).await.unwrap();
    let active = desk.journal.current_activation().await.unwrap().unwrap();
    assert_eq!(active.catalogue, Digest([1; 32]));
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}
