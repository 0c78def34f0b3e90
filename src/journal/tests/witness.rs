//! The witness beside the journal: its list of erasures, and whose it is.

use super::desk::{Desk, keys, signal, start};
use super::place::{On, Place};
use super::restored::{copy_witness, erasure, traffic};
use crate::journal::{Journal, JournalError, OpenError};

#[tokio::test]
async fn a_lost_list_of_erasures_is_written_again_at_the_start() {
    let desk = Desk::new(On::Sqlite).await;
    let gone = desk.accepted(&signal("b-1", "k-1", &[])).await;
    desk.journal.erase(erasure(gone.public_id.into()), desk.now()).await.unwrap();
    let list = desk.place.folder().join("getuige/wissingen");
    let before = std::fs::read_to_string(&list).unwrap();
    assert_eq!(before.lines().count(), 1);
    let desk = desk.reopen().await;
    assert_eq!(std::fs::read_to_string(&list).unwrap(), before, "no line comes twice");
    let place = desk.close().await;
    // Cut off in the middle of the line, as by a crash.
    std::fs::write(&list, before.get(..20).unwrap()).unwrap();
    let desk = Desk::at(place).await;
    let after = std::fs::read_to_string(&list).unwrap();
    assert!(after.ends_with(&format!("\n{before}")), "{after}");
    assert!(desk.journal.closed().is_none());
}

#[tokio::test]
async fn nothing_is_erased_that_the_list_cannot_take() {
    let desk = Desk::new(On::Sqlite).await;
    let gone = desk.accepted(&signal("b-1", "k-1", &[])).await;
    desk.journal.sequence(desk.now()).await.unwrap();
    // A folder in its place is a file that cannot be written, also for root.
    let list = desk.place.folder().join("getuige/wissingen");
    std::fs::create_dir(&list).unwrap();
    let answer = desk.journal.erase(erasure(gone.public_id.into()), desk.now()).await;
    assert!(matches!(answer, Err(JournalError::Witness(_))), "{answer:?}");
    assert!(desk.journal.message(gone.public_id.into()).await.is_ok(), "the key is there");
    std::fs::remove_dir(&list).unwrap();
    let desk = desk.reopen().await;
    let message = desk.journal.message(gone.public_id.into()).await;
    assert!(matches!(message, Err(JournalError::Erased)), "the intent was finished");
    assert_eq!(std::fs::read_to_string(&list).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn the_witness_of_another_hub_is_refused() {
    let desk = Desk::new(On::Sqlite).await;
    traffic(&desk, 0..1).await;
    let place = Place::new(On::Sqlite);
    copy_witness(desk.place.folder(), place.folder());
    let opened = Journal::open(&place.store, keys(50), start()).await;
    assert!(matches!(opened, Err(OpenError::OtherWitness(_))));
}
