//! Backups: whole, for those who may open them, and never over anything that is there.

use std::sync::Arc;

use uuid::Uuid;

use super::desk::{Desk, signal, start};
use super::place::{On, Place};
use super::restored::{Backup, leaves, traffic};
use crate::journal::{
    BackupError, BackupOrder, KeysGo, OpenError, RestoreOrder, back_up, put_back,
};

on_both_stores! {
    a_backup_under_traffic_holds_every_message_with_its_key,
    a_backup_without_keys_says_what_happened_and_not_what_was_said,
    a_backup_that_was_changed_is_not_put_back,
    nothing_is_put_back_over_a_journal,
}

async fn a_backup_under_traffic_holds_every_message_with_its_key(on: On) {
    let desk = Desk::new(on).await;
    traffic(&desk, 0..5).await;
    let (journal, drafts) = (desk.journal.clone(), 5..400);
    let submissions: Vec<_> = drafts
        .map(|n| desk.submission(&signal(&format!("b-{n}"), &format!("k-{n}"), &["woonbedrijf"])))
        .collect();
    let sending = tokio::spawn(async move {
        for submission in submissions {
            journal.receive(submission).await.unwrap();
        }
    });
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    sending.await.unwrap();
    let restored = Desk::at(backup.put_back(on, None).await).await;
    let report = restored.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert!(report.leaves >= 5 && report.opened == report.documents, "{report:?}");
    assert_eq!(restored.journal.cases_without_key().await.unwrap(), 0);
}

async fn a_backup_without_keys_says_what_happened_and_not_what_was_said(on: On) {
    let desk = Desk::new(on).await;
    let sent = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.journal.sequence(desk.now()).await.unwrap();
    let apart = tempfile::tempdir().unwrap();
    let keys_folder = apart.path().join("sleutels");
    let backup = Backup::of(&desk.place, KeysGo::Nowhere).await;
    let whole = Backup::of(&desk.place, KeysGo::To(keys_folder.clone())).await;
    for (backup, with_keys) in [(&backup, false), (&whole, true)] {
        assert!(backup.folder().join("manifest.json").is_file());
        let place = Place::new(on);
        let keys_from = with_keys.then(|| keys_folder.clone());
        let order = RestoreOrder { keys_from, ..backup.order() };
        let done = put_back(&place.store, &order).await.unwrap();
        assert_eq!((done.with_keys, done.manifest.size), (with_keys, 1));
        let desk = Desk::at(Arc::new(place)).await;
        let trace = desk.journal.trace(sent.public_id.into(), desk.now()).await.unwrap();
        assert_eq!(trace.parcels.len(), 1);
        assert_eq!(desk.journal.message(sent.public_id.into()).await.is_ok(), with_keys);
        let without = desk.journal.cases_without_key().await.unwrap();
        assert_eq!(without, u64::from(!with_keys));
    }
    // Keys of before the journal do not open what came in between.
    let manifest = whole.folder().join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("2026-11-23", "2026-11-24");
    std::fs::write(&manifest, text).unwrap();
    let order = RestoreOrder { keys_from: Some(keys_folder), ..whole.order() };
    let refused = put_back(&Place::new(on).store, &order).await;
    assert!(matches!(refused, Err(BackupError::OlderKeys)), "{refused:?}");
}

async fn a_backup_that_was_changed_is_not_put_back(on: On) {
    let desk = Desk::new(on).await;
    traffic(&desk, 0..3).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    let manifest = std::fs::read(backup.folder().join("manifest.json")).unwrap();
    let manifest = crate::evidence::manifest::Manifest::parse(&manifest).unwrap();
    assert_eq!((manifest.size, manifest.files.len()), (3, 2));
    for file in &manifest.files {
        let path = backup.folder().join(&file.name);
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        for bytes in [&changed[..], &whole[..whole.len() - 1]] {
            std::fs::write(&path, bytes).unwrap();
            let place = Place::new(on);
            let refused = put_back(&place.store, &backup.order()).await;
            assert!(matches!(refused, Err(BackupError::Changed(_))), "{refused:?}");
            assert!(!place.store.exists().await.unwrap(), "nothing was put there");
        }
        std::fs::write(&path, &whole).unwrap();
    }
    assert!(put_back(&Place::new(on).store, &backup.order()).await.is_ok());
}

async fn nothing_is_put_back_over_a_journal(on: On) {
    let desk = Desk::new(on).await;
    traffic(&desk, 0..3).await;
    let backup = Backup::of(&desk.place, KeysGo::Beside).await;
    let refused = put_back(&desk.place.store, &backup.order()).await;
    let expected = |error: &BackupError, runs: bool| match on {
        On::Sqlite if runs => matches!(error, BackupError::Store(OpenError::Locked { .. })),
        On::Sqlite => matches!(error, BackupError::Exists(_)),
        On::Postgres => matches!(error, BackupError::NotEmpty(_)),
    };
    assert!(refused.as_ref().is_err_and(|error| expected(error, true)), "{refused:?}");
    let place = desk.close().await;
    let refused = put_back(&place.store, &backup.order()).await;
    assert!(refused.as_ref().is_err_and(|error| expected(error, false)), "{refused:?}");
    let desk = Desk::at(place).await;
    assert!(desk.journal.closed().is_none() && leaves(&desk).await == 3);
    // And no backup over another.
    let order =
        BackupOrder { to: backup.folder(), keys: KeysGo::Beside, id: Uuid::nil(), made: start() };
    let refused = back_up(&desk.place.store, &order, &mut |_, _, _| {}).await;
    assert!(matches!(refused, Err(BackupError::Exists(_))), "{refused:?}");
    let left = std::fs::read_dir(backup.0.path()).unwrap().count();
    assert_eq!(left, 1, "no half a backup is left behind");
}
