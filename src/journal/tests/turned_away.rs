//! What is turned away is kept, and fills no disk.

use super::desk::{CATALOGUE, Desk, partner};
use super::place::{On, Place};
use crate::evidence::commitment;
use crate::journal::{
    BARRED_BYTES_MAX, BARRED_ENTRIES_MAX, Decision, QuarantineFilter, QuarantineOrder, TurnedAway,
};
use crate::message::{Fault, Refusal};

on_both_stores! {
    a_message_of_who_may_not_exchange_is_kept_sealed_and_proven,
    what_was_not_read_has_an_entry_and_a_leaf_without_bytes,
    a_barred_partner_has_so_many_open_entries_and_no_more,
    a_barred_partner_has_so_many_bytes_and_no_more,
}

fn turned_away(desk: &Desk, name: &str, fault: Fault, bytes: Option<Vec<u8>>) -> TurnedAway {
    desk.pass(1);
    TurnedAway {
        partner: partner(name),
        channel: "http",
        media_type: Some("application/json".to_owned()),
        at: desk.now(),
        catalogue: CATALOGUE,
        refusal: Refusal::one(fault, "", fault.code(), fault.title(), "-"),
        bytes,
        barred: fault != Fault::TeGroot,
    }
}

async fn open_entries(desk: &Desk) -> i64 {
    desk.journal.stats().await.unwrap().quarantine_open
}

async fn a_message_of_who_may_not_exchange_is_kept_sealed_and_proven(on: On) {
    let desk = Desk::new(on).await;
    let bytes = b"kanarie van de politie".to_vec();
    let message = turned_away(&desk, "politie", Fault::Geschorst, Some(bytes.clone()));
    let kept = desk.journal.turn_away(message).await.unwrap().unwrap();
    let (salt, hash) = kept.proof.unwrap();
    assert_eq!(hash, commitment(&salt, &bytes));
    let found = desk.journal.quarantined(kept.quarantine).await.unwrap();
    assert_eq!(found.bytes, Some(bytes));
    assert_eq!((found.entry.reason.as_str(), found.entry.state.as_str()), ("geschorst", "open"));
    assert!(!desk.place.contains("kanarie"));
    desk.journal.sequence(desk.now()).await.unwrap();
    assert_eq!(desk.journal.proofs(kept.quarantine.0, true).await.unwrap()[0].zout, Some(salt));
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
    desk.tamper("delete from quarantine").await;
    assert!(!desk.journal.verify(|_| {}).await.unwrap().is_sound(), "its absence is noticed");
}

async fn what_was_not_read_has_an_entry_and_a_leaf_without_bytes(on: On) {
    let desk = Desk::new(on).await;
    let message = turned_away(&desk, "politie", Fault::TeGroot, None);
    let kept = desk.journal.turn_away(message).await.unwrap().unwrap();
    assert!(kept.proof.is_none());
    let found = desk.journal.quarantined(kept.quarantine).await.unwrap();
    assert_eq!((found.bytes, found.entry.reason.as_str()), (None, "te-groot"));
    desk.journal.sequence(desk.now()).await.unwrap();
    assert_eq!(desk.journal.proofs(kept.quarantine.0, true).await.unwrap().len(), 1);
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn a_barred_partner_has_so_many_open_entries_and_no_more(on: On) {
    let desk = Desk::new(on).await;
    let faults = [Fault::Geschorst, Fault::OnbekendePartner];
    let send = |fault| {
        let message = turned_away(&desk, "politie", fault, Some(b"x".to_vec()));
        desk.journal.turn_away(message)
    };
    // All at once, so that some share a group: those are counted too.
    let all = (0..BARRED_ENTRIES_MAX + 20).zip(faults.into_iter().cycle());
    let all: Vec<_> = all.map(|(_, fault)| Box::pin(send(fault))).collect();
    let mut kept = Vec::new();
    for answer in all {
        kept.extend(answer.await.unwrap());
    }
    assert_eq!(i64::try_from(kept.len()), Ok(BARRED_ENTRIES_MAX));
    assert_eq!(open_entries(&desk).await, BARRED_ENTRIES_MAX);
    let leaves = desk.journal.stats().await.unwrap().leaves;
    assert_eq!(leaves, BARRED_ENTRIES_MAX, "nor do leaves pile up");
    // Another partner has its own room, and so has what is refused for what it is.
    for (name, fault) in [("brandweer", Fault::Geschorst), ("politie", Fault::TeGroot)] {
        let message = turned_away(&desk, name, fault, None);
        assert!(desk.journal.turn_away(message).await.unwrap().is_some());
    }
    // Where somebody has looked at one, there is room for another.
    let order = QuarantineOrder {
        id: kept[0].quarantine,
        decision: Decision::Drop,
        by: "anna".to_owned(),
        why: "gezien".to_owned(),
        item: None,
    };
    desk.journal.decide_quarantine(order, desk.now()).await.unwrap();
    assert!(send(Fault::Geschorst).await.unwrap().is_some());
    assert!(send(Fault::Geschorst).await.unwrap().is_none());
    let filter = QuarantineFilter { limit: 500, ..QuarantineFilter::default() };
    let entries = desk.journal.quarantine(&filter).await.unwrap().len();
    assert_eq!(i64::try_from(entries), Ok(BARRED_ENTRIES_MAX + 3));
}

async fn a_barred_partner_has_so_many_bytes_and_no_more(on: On) {
    let desk = Desk::new(on).await;
    let quarter = usize::try_from(BARRED_BYTES_MAX / 4).unwrap();
    let mut kept = 0;
    for _ in 0..5 {
        let bytes = Some(vec![b'x'; quarter]);
        let message = turned_away(&desk, "politie", Fault::Geschorst, bytes);
        kept += usize::from(desk.journal.turn_away(message).await.unwrap().is_some());
    }
    // Sealing adds some bytes to each, so the fourth does not fit.
    assert_eq!(kept, 3);
    let small = turned_away(&desk, "politie", Fault::Geschorst, Some(b"klein".to_vec()));
    assert!(desk.journal.turn_away(small).await.unwrap().is_some());
}

#[tokio::test]
async fn counting_walks_along_an_index() {
    let place = Place::new(On::Sqlite);
    let plan = place
        .plan(
            "select count(*) from quarantine where partner = 'politie' and state = 'open'
                and direction = 'inkomend' and reason in ('geschorst', 'onbekende-partner')",
        )
        .await;
    assert!(plan.contains("quarantine_incoming"), "{plan}");
}
