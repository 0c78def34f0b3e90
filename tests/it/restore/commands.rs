//! What the commands say, and how they end.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{all_signed, lose_files, report, shelf, words};
use crate::cli::{FAILURE, INVALID, NOT_ALLOWED, OK, USAGE, run};
use crate::hub::{POLITIE, Place, XML};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_for_its_owner_and_is_put_back_whole_or_not_at_all() {
    let hub = Place::new().start().await;
    let politie = hub.token(POLITIE).await;
    assert!(hub.send(&politie, XML, &report(1)).await.is_accepted());
    all_signed(&hub).await;
    let (shelf, copy) = shelf();
    let to = words(&copy);
    let made = run(&hub.place, &["backup", "--to", &to, "-o", "json"]).ends(OK).json();
    let manifest = std::fs::read(copy.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(made[0]["manifest"], manifest);
    assert!(manifest["controlepunt"].as_str().is_some_and(|note| note.starts_with("schakel\n")));
    assert!(!manifest.to_string().contains("hub.key"));
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode(&copy), 0o700);
    let names = std::fs::read_dir(&copy).expect("a folder").map(|entry| entry.expect("one").path());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert!(names.iter().all(|path| mode(path) == 0o600), "{names:?}");
    assert_eq!(names.len(), 3, "{names:?}");

    run(&hub.place, &["restore", "--from", &to]).ends(NOT_ALLOWED).says("draait een hub");
    run(&hub.place, &["restore"]).ends(USAGE).says("--from");
    run(&hub.place, &["restore", "release", "--by", "anna", "--why", "proef"])
        .ends(FAILURE)
        .says("al open");
    let place = hub.stop().await;
    run(&place, &["restore", "--from", &to, "--dry-run"]).ends(OK).shows("is heel");
    run(&place, &["restore", "--from", &to]).ends(NOT_ALLOWED).says("bestaat al");
    lose_files(&place);
    let file = copy.join("journal.sqlite");
    let whole = std::fs::read(&file).expect("a copy");
    let mut changed = whole.clone();
    *changed.last_mut().expect("not empty") ^= 1;
    std::fs::write(&file, &changed).expect("writable");
    for words in [&["restore", "--from", &to][..], &["restore", "--from", &to, "--dry-run"]] {
        run(&place, words).ends(INVALID).says("gewijzigd of afgebroken");
    }
    assert!(!place.data().join("journal.sqlite").exists());
    std::fs::write(&file, &whole).expect("writable");
    // A key of another hub opens nothing, and is found out before anything is put back.
    let other = Place::new();
    run(&other, &["restore", "--from", &to]).ends(NOT_ALLOWED).says("andere sleutel");
    run(&place, &["restore", "--from", &to]).ends(OK);
    drop(shelf);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_keys_of_cases_it_says_that_content_is_unreadable() {
    let hub = Place::new().start().await;
    let politie = hub.token(POLITIE).await;
    let sent = hub.send(&politie, XML, &report(1)).await;
    let (shelf, copy) = shelf();
    let (to, apart) = (words(&copy), words(&shelf.path().join("sleutels")));
    run(&hub.place, &["backup", "--to", &to, "--keys-to", &apart]).ends(OK);
    let place = hub.stop().await;
    lose_files(&place);
    run(&place, &["restore", "--from", &to]).ends(OK).says("onleesbaar");
    run(&place, &["doctor"]).ends(FAILURE).shows("de inhoud is onleesbaar");
    run(&place, &["trace", &sent.message()]).ends(OK);
    run(&place, &["journal", "verify"]).ends(FAILURE).shows("de sleutel is weg");

    lose_files(&place);
    run(&place, &["restore", "--from", &apart]).ends(INVALID).says("--keys-from");
    run(&place, &["restore", "--from", &to, "--keys-from", &apart]).ends(OK);
    let said = run(&place, &["doctor"]).ends(FAILURE);
    assert!(!said.out.contains("onleesbaar"), "{}", said.out);
    run(&place, &["journal", "verify"]).ends(OK);
}
