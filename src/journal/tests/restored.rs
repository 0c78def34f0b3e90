//! Backups, and journals that come back from them: nothing is written in one until it was compared
//! and released, whoever put it back.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use uuid::Uuid;

use super::desk::{Desk, all_go, keys, partner, signal, start};
use super::place::{On, Place};
use crate::evidence::{
    Checkpoint, Content, ErasedCase, Head, LeafKind, Restart, verify_consistency,
};
use crate::journal::{
    BackupOrder, ErasureOrder, Journal, JournalError, KeysGo, ParcelState, RestoreOrder, Why,
    back_up, put_back,
};

on_both_stores! {
    a_journal_that_was_put_back_is_read_and_nothing_else,
    a_comparison_says_what_is_missing_and_a_release_begins_a_series,
    what_was_erased_since_does_not_come_back,
    an_old_journal_is_noticed_whoever_put_it_back,
    a_second_witness_speaks_where_the_first_is_lost,
    a_journal_that_went_on_by_itself_is_another_tree,
    the_same_backup_twice_begins_two_series,
    a_crash_after_the_release_closes_nothing_again,
    a_release_cannot_be_rewritten_unnoticed,
}

/// The first series that begins on the day of the stories.
const SERIES: u32 = 20_261_123;

/// A backup in a folder of its own.
pub struct Backup(pub TempDir);

impl Backup {
    pub async fn of(place: &Place, keys: KeysGo) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("kopie");
        let order = BackupOrder { to, keys, id: Uuid::from_bytes([7; 16]), made: start() };
        back_up(&place.store, &order, &mut |_, _, _| {}).await.unwrap();
        Self(folder)
    }

    pub fn folder(&self) -> std::path::PathBuf {
        self.0.path().join("kopie")
    }

    pub fn order(&self) -> RestoreOrder {
        RestoreOrder { from: self.folder(), keys_from: None, at: start() }
    }

    /// Put back in a new place, whose hub knows what the witness of an old one knew.
    pub async fn put_back(&self, on: On, witness: Option<&Place>) -> Arc<Place> {
        let place = Arc::new(Place::new(on));
        if let Some(old) = witness {
            copy_witness(old.folder(), place.folder());
        }
        put_back(&place.store, &self.order()).await.unwrap();
        place
    }
}

pub fn copy_witness(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("getuige")).unwrap();
    for name in ["controlepunt", "wissingen"] {
        let from = from.join("getuige").join(name);
        if from.exists() {
            std::fs::copy(from, to.join("getuige").join(name)).unwrap();
        }
    }
}

/// Takes away the mark that a restore leaves, as whoever copies old files by hand does.
async fn by_hand(place: &Place) {
    place.tamper("delete from meta where name = 'herstel'").await;
}

pub async fn traffic(desk: &Desk, ids: std::ops::Range<usize>) {
    for n in ids {
        let to = ["woonbedrijf"];
        desk.accepted(&signal(&format!("b-{n}"), &format!("k-{n}"), &to)).await;
    }
    desk.journal.sequence(desk.now()).await.unwrap();
}

async fn newest(journal: &Journal) -> Checkpoint {
    let note = journal.latest_checkpoint().await.unwrap().unwrap();
    Checkpoint::parse_and_verify(&note, "proef", &keys(1).public_key()).unwrap()
}

async fn compare(desk: &Desk) -> crate::evidence::Comparison {
    desk.journal.compare(vec![], BTreeSet::new(), desk.now()).await.unwrap()
}

async fn release(desk: &Desk) -> Result<crate::journal::Released, JournalError> {
    let (by, why) = ("J. Jansen".to_owned(), "schijf defect".to_owned());
    desk.journal.reopen(by, why, desk.now()).await
}

pub async fn leaves(desk: &Desk) -> i64 {
    desk.journal.stats().await.unwrap().leaves
}

pub fn erasure(id: Uuid) -> ErasureOrder {
    ErasureOrder { id, by: "privacy".to_owned(), why: "verzoek".to_owned() }
}

async fn a_journal_that_was_put_back_is_read_and_nothing_else(on: On) {
    let desk = Desk::new(on).await;
    let sent = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    let desk = Desk::at(backup.put_back(on, None).await).await;
    let closure = desk.journal.closed().unwrap();
    assert_eq!((closure.why, closure.backup_made), (Why::Teruggezet, Some(start())));
    let before = leaves(&desk).await;

    let id = sent.public_id.into();
    let closed = |answer: JournalError| assert!(matches!(answer, JournalError::Closed));
    closed(desk.send(&signal("b-2", "k-2", &["woonbedrijf"])).await.unwrap_err());
    closed(desk.send(&signal("b-1", "k-1", &["woonbedrijf"])).await.unwrap_err());
    let name = partner("woonbedrijf");
    closed(desk.journal.collect(&name, desk.now(), 9, 60, all_go()).await.unwrap_err());
    closed(desk.journal.claim(&[name], desk.now(), 9, 60).await.unwrap_err());
    closed(desk.journal.sequence(desk.now()).await.unwrap_err());
    closed(desk.journal.erase(erasure(id), desk.now()).await.unwrap_err());
    closed(desk.journal.rewrap_keys().await.unwrap_err());
    assert!(matches!(release(&desk).await, Err(JournalError::NotCompared)));

    assert!(desk.journal.writable(), "the disk has nothing to do with it");
    assert!(desk.journal.message(id).await.is_ok());
    let trace = desk.journal.trace(id, desk.now()).await.unwrap();
    assert_eq!(trace.parcels[0].state, ParcelState::Wacht);
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
    assert_eq!(leaves(&desk).await, before, "no leaf was made");
    // A restart changes nothing about it.
    let desk = desk.reopen().await;
    assert_eq!(desk.journal.closed().unwrap().why, Why::Teruggezet);
    assert_eq!(desk.journal.standing(desk.now()).await.unwrap(), desk.journal.closed());
}

async fn a_comparison_says_what_is_missing_and_a_release_begins_a_series(on: On) {
    let desk = Desk::new(on).await;
    traffic(&desk, 0..5).await;
    let held = newest(&desk.journal).await;
    // Accepted and not signed yet: it is in the backup all the same.
    desk.accepted(&signal("b-laat", "k-laat", &["woonbedrijf"])).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    traffic(&desk, 5..12).await;
    let lost = newest(&desk.journal).await;

    let desk = Desk::at(backup.put_back(on, Some(&desk.place)).await).await;
    assert_eq!(desk.journal.closed().unwrap().why, Why::Teruggezet);
    desk.pass(60);
    let found = compare(&desk).await;
    assert_eq!((found.held, found.known), (held.head(), Some(lost.head())));
    assert_eq!((found.missing, found.differs, found.erased_again), (7, false, 0));
    assert_eq!(found.last_leaf, Some(start()));
    let released = release(&desk).await.unwrap();
    assert_eq!((released.series, released.size), (SERIES, held.size));
    assert!(desk.journal.closed().is_none());
    assert!(matches!(release(&desk).await, Err(JournalError::NotClosed)));

    // The lost messages come again, as senders keep what has no receipt they can prove.
    traffic(&desk, 5..8).await;
    assert_eq!(desk.collect("woonbedrijf", 50).await.len(), 9);
    desk.journal.sequence(desk.now()).await.unwrap();
    let now = newest(&desk.journal).await;
    assert_eq!((now.series, now.size), (SERIES, held.size + 1 + 1 + 3 + 9));
    let path = desk.journal.consistency(held.size).await.unwrap();
    assert!(verify_consistency(held.size, now.size, &path, held.root, now.root), "it grew on");
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound(), "{report:?}");

    // Anybody who is shown the statement can hold it against the tree.
    let sql = "select statement from restart";
    let row = crate::journal::sql::query(sql, []);
    let statement = row.fetch_one(&mut desk.place.connect().await).await.unwrap();
    let statement = statement.blob("statement").unwrap();
    let told = Restart::parse(&statement).unwrap();
    assert_eq!((told.from, told.known, told.missing), (held.head(), Some(lost.head()), 7));
    assert_eq!((told.by.as_str(), told.why.as_str()), ("J. Jansen", "schijf defect"));
    let proof = desk.journal.proofs(released.id, true).await.unwrap().remove(0);
    let shown = proof.verify("proef", &keys(1).public_key(), Some(&statement)).unwrap();
    assert_eq!((shown.leaf.kind, shown.content), (LeafKind::Herstel, Content::Proven));
    assert_eq!(shown.checkpoint.series, SERIES);
    // The witness went along, and the next start finds nothing amiss.
    let desk = desk.reopen().await;
    assert!(desk.journal.closed().is_none());
    let found = compare(&desk).await;
    assert!(found.is_whole() && found.known == Some(now.head()), "{found:?}");
}

async fn what_was_erased_since_does_not_come_back(on: On) {
    let desk = Desk::new(on).await;
    let gone = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let kept = desk.accepted(&signal("b-2", "k-2", &["woonbedrijf"])).await;
    let told = desk.accepted(&signal("b-3", "k-3", &["woonbedrijf"])).await;
    desk.journal.sequence(desk.now()).await.unwrap();
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    let after = desk.accepted(&signal("b-4", "k-4", &["woonbedrijf"])).await;
    for id in [gone.public_id, after.public_id] {
        desk.journal.erase(erasure(id.into()), desk.now()).await.unwrap();
    }
    desk.journal.sequence(desk.now()).await.unwrap();

    let desk = Desk::at(backup.put_back(on, Some(&desk.place)).await).await;
    // Before anybody compared: what the witness knows of is gone as soon as the journal opens.
    let message = desk.journal.message(gone.public_id.into()).await;
    assert!(matches!(message, Err(JournalError::Erased)));
    assert!(desk.journal.message(kept.public_id.into()).await.is_ok());
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound() && report.erased == 2, "{report:?}");
    // What only a list elsewhere knows of, when it is compared with that.
    let stored = desk.journal.message(told.public_id.into()).await.unwrap();
    let holder = stored.view.case.into();
    let list = BTreeSet::from([ErasedCase { holder, at: desk.now() }]);
    let found = desk.journal.compare(vec![], list, desk.now()).await.unwrap();
    assert_eq!(found.erased_again, 3, "two of the witness, one of the list");
    let message = desk.journal.message(told.public_id.into()).await;
    assert!(matches!(message, Err(JournalError::Erased)));

    release(&desk).await.unwrap();
    let trace = desk.journal.trace(gone.public_id.into(), desk.now()).await.unwrap();
    assert_eq!(trace.parcels[0].state, ParcelState::Vervallen);
    assert!(trace.message.erased_at.is_some());
    assert_eq!(desk.collect("woonbedrijf", 9).await.len(), 1, "the one that was kept");
    desk.journal.sequence(desk.now()).await.unwrap();
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
    let list = std::fs::read_to_string(desk.place.folder().join("getuige/wissingen")).unwrap();
    assert_eq!(list.lines().count(), 3, "{list}");
}

async fn an_old_journal_is_noticed_whoever_put_it_back(on: On) {
    let desk = Desk::new(on).await;
    traffic(&desk, 0..3).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    traffic(&desk, 3..5).await;
    let place = backup.put_back(on, Some(&desk.place)).await;
    by_hand(&place).await;
    let desk = Desk::at(place).await;
    assert_eq!(desk.journal.closed().unwrap().why, Why::AchterGetuige);
    let answer = desk.send(&signal("b-9", "k-9", &[])).await;
    assert!(matches!(answer, Err(JournalError::Closed)));
    assert_eq!(compare(&desk).await.missing, 2);

    // The same where the tree is whole and only an erasure is forgotten.
    let desk = Desk::new(on).await;
    let gone = desk.accepted(&signal("b-1", "k-1", &[])).await;
    desk.journal.sequence(desk.now()).await.unwrap();
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    desk.journal.erase(erasure(gone.public_id.into()), desk.now()).await.unwrap();
    let place = backup.put_back(on, Some(&desk.place)).await;
    by_hand(&place).await;
    let desk = Desk::at(place).await;
    assert_eq!(desk.journal.closed().unwrap().why, Why::VergetenWissingen);
    let message = desk.journal.message(gone.public_id.into()).await;
    assert!(matches!(message, Err(JournalError::Erased)));
}

async fn a_second_witness_speaks_where_the_first_is_lost(on: On) {
    let second = tempfile::tempdir().unwrap();
    let witnessed = |place: Place| {
        let mut place = place;
        place.store = place.store.clone().also_witnessed_in(second.path());
        Arc::new(place)
    };
    let desk = Desk::at(witnessed(Place::new(on))).await;
    traffic(&desk, 0..3).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    traffic(&desk, 3..7).await;
    assert!(desk.journal.witness_is_well());

    let place = Place::new(on);
    put_back(&place.store, &backup.order()).await.unwrap();
    by_hand(&place).await;
    let desk = Desk::at(witnessed(place)).await;
    assert_eq!(desk.journal.closed().unwrap().why, Why::AchterGetuige);
    assert_eq!(compare(&desk).await.missing, 4);
    release(&desk).await.unwrap();
    desk.journal.sequence(desk.now()).await.unwrap();
    let note = std::fs::read_to_string(second.path().join("controlepunt")).unwrap();
    assert!(note.starts_with(&format!("proef/reeks-{SERIES}\n")), "{note}");

    // A disk that is away holds up nothing, is said, and is brought up to date.
    let away = second.path().with_extension("weg");
    std::fs::rename(second.path(), &away).unwrap();
    traffic(&desk, 20..21).await;
    assert!(!desk.journal.witness_is_well());
    std::fs::rename(&away, second.path()).unwrap();
    traffic(&desk, 21..22).await;
    assert!(desk.journal.witness_is_well());
    let size = newest(&desk.journal).await.size;
    let note = std::fs::read_to_string(second.path().join("controlepunt")).unwrap();
    assert!(note.starts_with(&format!("proef/reeks-{SERIES}\n{size}\n")), "{note}");
}

async fn a_journal_that_went_on_by_itself_is_another_tree(on: On) {
    let desk = Desk::new(on).await;
    traffic(&desk, 0..3).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    traffic(&desk, 3..5).await;
    let kept = desk.journal.latest_checkpoint().await.unwrap().unwrap();
    // Nothing is known any more, and the hub signs what it should not.
    let place = backup.put_back(on, None).await;
    by_hand(&place).await;
    let desk = Desk::at(place).await;
    assert!(desk.journal.closed().is_none());
    traffic(&desk, 30..32).await;
    traffic(&desk, 32..36).await;
    let none = desk.journal.compare(vec!["geen".to_owned()], BTreeSet::new(), desk.now()).await;
    assert!(matches!(none, Err(JournalError::OtherCheckpoint(1))));
    let given = vec![kept.to_string()];
    let found = desk.journal.compare(given, BTreeSet::new(), desk.now()).await.unwrap();
    assert!(found.differs, "{found:?}");
    assert_eq!(desk.journal.closed().unwrap().why, Why::AndereBoom);
    let answer = desk.send(&signal("b-9", "k-9", &[])).await;
    assert!(matches!(answer, Err(JournalError::Closed)));
    release(&desk).await.unwrap();
    traffic(&desk, 40..41).await;
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
    assert_eq!(newest(&desk.journal).await.series, SERIES);
}

async fn the_same_backup_twice_begins_two_series(on: On) {
    let desk = Desk::new(on).await;
    traffic(&desk, 0..3).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    traffic(&desk, 3..5).await;
    let mut last = Arc::clone(&desk.place);
    for series in [SERIES, SERIES + 1] {
        let desk = Desk::at(backup.put_back(on, Some(&last)).await).await;
        assert!(compare(&desk).await.missing > 0);
        assert_eq!(release(&desk).await.unwrap().series, series);
        traffic(&desk, 10..12).await;
        assert_eq!(newest(&desk.journal).await.series, series);
        assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
        last = Arc::clone(&desk.place);
    }
}

async fn a_crash_after_the_release_closes_nothing_again(on: On) {
    let desk = Desk::new(on).await;
    traffic(&desk, 0..3).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    traffic(&desk, 3..5).await;
    let desk = Desk::at(backup.put_back(on, Some(&desk.place)).await).await;
    compare(&desk).await;
    release(&desk).await.unwrap();
    // Nothing was signed in the new series yet, and the witness has the old one.
    let place = desk.close().await;
    let note = std::fs::read_to_string(place.folder().join("getuige/controlepunt")).unwrap();
    assert!(note.starts_with("proef\n5\n"), "{note}");
    let desk = Desk::at(place).await;
    assert!(desk.journal.closed().is_none());
    traffic(&desk, 5..6).await;
    assert_eq!(newest(&desk.journal).await.series, SERIES);
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn a_release_cannot_be_rewritten_unnoticed(on: On) {
    use crate::journal::FindingCode::*;
    let changes = [
        (
            "update restart set statement = replace(cast(statement as text), 'Jansen', 'Pieter')",
            Inhoud,
        ),
        ("update restart set salt = zeroblob(32)", Inhoud),
        ("delete from restart", ZonderRij),
        ("delete from restart", Reeks),
    ];
    for (sql, expected) in changes {
        let desk = Desk::new(on).await;
        traffic(&desk, 0..3).await;
        let backup = Backup::of(&desk.place, KeysGo::Beside).await;
        let desk = Desk::at(backup.put_back(on, Some(&desk.place)).await).await;
        compare(&desk).await;
        release(&desk).await.unwrap();
        traffic(&desk, 3..4).await;
        let sql = match on {
            On::Sqlite => sql.replace(
                "replace(cast(statement as text), 'Jansen', 'Pieter')",
                "cast(replace(cast(statement as text), 'Jansen', 'Pieter') as blob)",
            ),
            On::Postgres => sql.replace(
                "replace(cast(statement as text), 'Jansen', 'Pieter')",
                "convert_to(replace(convert_from(statement, 'UTF8'), 'Jansen', 'Pieter'), 'UTF8')",
            ),
        };
        desk.tamper(&sql).await;
        let report = desk.journal.verify(|_| {}).await.unwrap();
        let codes: Vec<_> = report.findings.iter().map(|finding| finding.code).collect();
        assert!(codes.contains(&expected), "{sql}: {report:?}");
    }
}

#[tokio::test]
async fn every_hub_over_a_restored_journal_waits_and_goes_on_together() {
    let desk = Desk::new(On::Postgres).await;
    traffic(&desk, 0..3).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    traffic(&desk, 3..5).await;
    let one = Desk::at(backup.put_back(On::Postgres, Some(&desk.place)).await).await;
    let other = one.beside().await;
    assert!(one.journal.is_closed() && other.journal.is_closed());
    compare(&one).await;
    release(&one).await.unwrap();
    let answer = other.send(&signal("b-9", "k-9", &[])).await;
    assert!(matches!(answer, Err(JournalError::Closed)), "it has not heard yet");
    other.journal.beat(other.now()).await.unwrap();
    assert!(!other.journal.is_closed());
    traffic(&other, 5..7).await;
    assert!(one.journal.verify(|_| {}).await.unwrap().is_sound());

    // What one finds closes both.
    let lost = Head { size: 99, ..newest(&one.journal).await.head() };
    let lost = Checkpoint {
        origin: "proef".to_owned(),
        series: lost.series,
        size: lost.size,
        root: lost.root,
    };
    let given = vec![lost.sign(&keys(1))];
    one.journal.compare(given, BTreeSet::new(), one.now()).await.unwrap();
    assert!(one.journal.is_closed());
    let answer = other.send(&signal("b-10", "k-10", &[])).await;
    assert!(matches!(answer, Err(JournalError::Closed)), "{answer:?}");
    other.journal.beat(other.now()).await.unwrap();
    assert!(other.journal.is_closed());
}
