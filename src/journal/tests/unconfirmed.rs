//! Parcels in a broker's mailbox: until the recipient says something, nobody knows.

use super::desk::{Desk, partner, signal};
use super::place::On;
use crate::journal::{AttemptOutcome, JournalError, MailboxOrder, Outgoing, QuarantineFilter};
use crate::journal::{ConfirmOrder, ParcelState, Unconfirmed};
use crate::message::Stage;

on_both_stores! {
    what_lies_in_a_mailbox_is_ready_until_its_recipient_says_so,
    it_is_sent_again_under_its_own_id_and_counted,
    what_the_broker_gave_up_goes_to_quarantine_once,
}

const LAID: AttemptOutcome = AttemptOutcome::Delivered { stage: Stage::Klaargezet };

async fn lay(desk: &Desk) -> Outgoing {
    let claimed = desk.journal.claim(&[partner("woonbedrijf")], desk.now(), 1, 60).await.unwrap();
    let parcel = claimed.into_iter().next().unwrap();
    desk.journal.settle(parcel.id, parcel.lease, LAID, desk.now()).await.unwrap();
    parcel
}

async fn unconfirmed(desk: &Desk) -> Vec<Unconfirmed> {
    desk.journal.unconfirmed(&partner("woonbedrijf"), desk.now(), 10).await.unwrap()
}

async fn order(desk: &Desk, order: MailboxOrder) -> Result<(), JournalError> {
    desk.journal.mailbox_order(order, desk.now()).await
}

async fn stand(desk: &Desk, parcel: &Outgoing) -> (ParcelState, Stage) {
    let trace = desk.journal.trace(parcel.id.into(), desk.now()).await.unwrap();
    let found = trace.parcels.iter().find(|found| found.id == parcel.id).unwrap();
    (found.state, found.stage)
}

async fn confirm(desk: &Desk, parcel: &Outgoing) {
    let order = ConfirmOrder {
        partner: partner("woonbedrijf"),
        parcel: parcel.id,
        stage: Stage::Ontvangen,
        reason: None,
        at: desk.now(),
        seed: [4; 32],
    };
    desk.journal.confirm(order, desk.rules.clone()).await.unwrap();
}

async fn what_lies_in_a_mailbox_is_ready_until_its_recipient_says_so(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.accepted(&signal("b-2", "k-1", &["woonbedrijf"])).await;
    let first = lay(&desk).await;
    assert_eq!(stand(&desk, &first).await, (ParcelState::Klaar, Stage::Klaargezet));
    let second = lay(&desk).await;
    let all: Vec<_> = unconfirmed(&desk).await.iter().map(|found| found.parcel).collect();
    assert_eq!(all, [first.id, second.id], "the lane goes on, the mailbox keeps its order");
    confirm(&desk, &first).await;
    assert_eq!(stand(&desk, &first).await, (ParcelState::Klaar, Stage::Ontvangen));
    let left: Vec<_> = unconfirmed(&desk).await.iter().map(|found| found.parcel).collect();
    assert_eq!(left, [second.id]);
}

async fn it_is_sent_again_under_its_own_id_and_counted(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let parcel = lay(&desk).await;
    let laid = desk.now();
    desk.pass(60);
    let before = laid.plus_seconds(-1);
    let found = desk.journal.unconfirmed(&partner("woonbedrijf"), before, 10).await.unwrap();
    assert!(found.is_empty(), "its time has not come");
    let found = unconfirmed(&desk).await;
    assert_eq!(found, [Unconfirmed { parcel: parcel.id, sends: 1, last: laid }]);

    order(&desk, MailboxOrder::SendAgain { parcel: parcel.id }).await.unwrap();
    let twice = order(&desk, MailboxOrder::SendAgain { parcel: parcel.id }).await;
    assert!(matches!(twice, Err(JournalError::Settled)), "it waits to be sent already");
    let again = lay(&desk).await;
    assert_eq!((again.id, again.bytes), (parcel.id, parcel.bytes.clone()));
    assert_eq!(unconfirmed(&desk).await[0].sends, 2);

    confirm(&desk, &parcel).await;
    let late = order(&desk, MailboxOrder::SendAgain { parcel: parcel.id }).await;
    assert!(matches!(late, Err(JournalError::Settled)));
}

async fn what_the_broker_gave_up_goes_to_quarantine_once(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let parcel = lay(&desk).await;
    let given_up = |recipient: &str| MailboxOrder::GivenUp {
        parcel: parcel.id,
        recipient: partner(recipient),
        reason: "postvak-expired".to_owned(),
    };
    let other = order(&desk, given_up("brandweer")).await;
    assert!(matches!(other, Err(JournalError::NotFound)), "it lay in another's mailbox");
    order(&desk, given_up("woonbedrijf")).await.unwrap();
    let twice = order(&desk, given_up("woonbedrijf")).await;
    assert!(matches!(twice, Err(JournalError::Settled)));
    let filter = QuarantineFilter { limit: 10, ..QuarantineFilter::default() };
    let entries = desk.journal.quarantine(&filter).await.unwrap();
    let reasons: Vec<&str> = entries.iter().map(|entry| entry.reason.as_str()).collect();
    assert_eq!(reasons, ["postvak-expired"]);
    assert_eq!(stand(&desk, &parcel).await.0, ParcelState::Uitval);
    desk.journal.sequence(desk.now()).await.unwrap();
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}
