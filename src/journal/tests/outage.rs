//! What can be wrong with the store, the key and the disk.

use std::task::Poll;

use super::desk::{Desk, keys, poll_once, signal, start};
use super::place::{On, Place};
use crate::journal::{Journal, JournalError, OpenError, QUEUE_MAX};

on_both_stores! {
    reading_is_free,
    another_key_does_not_open_it,
    a_tree_that_was_changed_is_not_signed_on,
    a_full_disk_refuses_everything_and_recovers_by_itself,
    a_full_queue_says_so_at_once,
    an_order_that_spoils_its_group_fails_alone,
}

#[tokio::test]
async fn one_process_owns_the_journal_in_a_folder() {
    let desk = Desk::new(On::Sqlite).await;
    let Err(error) = desk.place.open().await else { panic!("opened twice") };
    let text = error.to_string();
    assert!(text.contains(&format!("in use by process {}", std::process::id())), "{text}");
}

async fn reading_is_free(on: On) {
    let desk = Desk::new(on).await;
    let reader = Journal::open_reader(&desk.place.store, keys(1)).await.unwrap();
    desk.accepted(&signal("b-1", "k-1", &[])).await;
    assert_eq!(reader.stats().await.unwrap().messages, 1);
    let order = reader.receive(desk.submission(&signal("b-2", "k-1", &[]))).await;
    assert!(matches!(order, Err(JournalError::Stopped)));
}

async fn another_key_does_not_open_it(on: On) {
    let place = Desk::new(on).await.close().await;
    let other = Journal::open(&place.store, keys(50), start()).await;
    assert!(matches!(other, Err(OpenError::OtherKey)));
    let other = Journal::open_reader(&place.store, keys(50)).await;
    assert!(matches!(other, Err(OpenError::OtherKey)));
    assert!(place.open().await.is_ok());
}

async fn a_tree_that_was_changed_is_not_signed_on(on: On) {
    let changes = [
        "update checkpoint set frontier = zeroblob(length(frontier))",
        "update tile set hashes = zeroblob(length(hashes))",
        "delete from numbered where number = 0",
        "update leaf set data = zeroblob(90) where id = 1",
        "delete from checkpoint",
    ];
    for sql in changes {
        let desk = Desk::new(on).await;
        desk.accepted(&signal("b-1", "k-1", &[])).await;
        desk.accepted(&signal("b-2", "k-1", &[])).await;
        desk.journal.sequence(desk.now()).await.unwrap();
        let place = desk.close().await;
        place.tamper(sql).await;
        let Err(error) = place.open().await else { panic!("{sql}: opened") };
        assert!(matches!(error, OpenError::Evidence(_)), "{sql}: {error}");
    }
}

async fn a_full_disk_refuses_everything_and_recovers_by_itself(on: On) {
    let desk = Desk::new(on).await;
    let first = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.place.fill_disk(true).await;
    let mut long = signal("b-2", "k-1", &["woonbedrijf"]);
    long.text = "x".repeat(100_000);
    for _ in 0..3 {
        let answer = desk.send(&long).await;
        assert!(matches!(answer, Err(JournalError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(desk.journal.stats().await.unwrap().messages, 1);
    assert!(!desk.journal.writable());
    desk.place.fill_disk(false).await;
    assert!(!desk.accepted(&long).await.repeat, "nothing of it was stored before");
    assert!(desk.journal.writable());
    assert!(desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await.repeat);
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert!(desk.journal.message(first.public_id.into()).await.is_ok());
}

async fn a_full_queue_says_so_at_once(on: On) {
    let place = Place::new(on);
    let (journal, mut writer) = place.open().await.unwrap();
    // Nobody writes yet, so all of these wait.
    let mut waiting: Vec<_> = (0..QUEUE_MAX).map(|_| Box::pin(journal.sequence(start()))).collect();
    for call in &mut waiting {
        assert!(poll_once(call).is_pending());
    }
    assert!(matches!(journal.sequence(start()).await, Err(JournalError::Busy)));
    writer.step().await;
    assert!(matches!(poll_once(&mut waiting[0]), Poll::Ready(Ok(_))));
    assert!(matches!(poll_once(&mut waiting[QUEUE_MAX - 1]), Poll::Pending));
}

async fn an_order_that_spoils_its_group_fails_alone(on: On) {
    let desk = Desk::new(on).await;
    let (mut one, mut other) = (
        desk.submission(&signal("b-1", "k-1", &["woonbedrijf"])),
        desk.submission(&signal("b-2", "k-2", &["woonbedrijf"])),
    );
    // The same seed gives the same ids, which the database refuses.
    one.seed = [7; 32];
    other.seed = [7; 32];
    let good = desk.submission(&signal("b-3", "k-3", &["woonbedrijf"]));
    let (one, other, good) = tokio::join!(
        desk.journal.receive(one),
        desk.journal.receive(other),
        desk.journal.receive(good),
    );
    assert!(one.is_ok() && good.is_ok());
    assert!(matches!(other, Err(JournalError::Unavailable(_))));
    assert!(desk.journal.writable(), "the order was wrong, not the journal");
    assert_eq!(desk.journal.stats().await.unwrap().messages, 2);
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}
