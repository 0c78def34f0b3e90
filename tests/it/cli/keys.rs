//! The hub's key and the partners' keys.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{FAILURE, NOT_ALLOWED, NOT_FOUND, OK, UNREACHABLE, run};
use crate::hub::{GGZ, POLITIE, Place};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_key_is_made_once_for_its_owner_only_and_never_written_over() {
    let place = Place::new();
    let file = place.data().join("hub.key");
    let made = std::fs::read(&file).expect("a key");
    assert_eq!((mode(&file), mode(&place.data())), (0o600, 0o700));
    run(&place, &["keys", "init"]).ends(NOT_ALLOWED).says("er is al een sleutel");
    assert_eq!(std::fs::read(&file).expect("a key"), made);
}

#[test]
fn a_lost_key_is_an_error_and_never_a_new_key() {
    let place = Place::new();
    run(&place, &["partner", "key", POLITIE]).ends(OK);
    let file = place.data().join("hub.key");
    let key = std::fs::read(&file).expect("a key");
    std::fs::remove_file(&file).expect("removed");
    for words in [&["serve"][..], &["partner", "list"], &["journal", "verify"], &["keys", "init"]] {
        run(&place, words).ends(NOT_ALLOWED).says("terug");
    }
    run(&place, &["doctor"]).ends(FAILURE).shows("zet de sleutel terug");
    assert!(!file.exists(), "nothing made a new key");

    // A key that is as good as any, but not the one of this journal.
    let other = Place::new();
    std::fs::copy(other.data().join("hub.key"), &file).expect("a copy");
    for words in [&["serve"][..], &["partner", "list"], &["journal", "verify"]] {
        run(&place, words).ends(NOT_ALLOWED).says("andere sleutel");
    }
    std::fs::write(&file, key).expect("put back");
    run(&place, &["journal", "verify"]).ends(OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_key_is_shown_once_and_two_are_valid_at_a_time() {
    let hub = Place::new().start().await;
    let place = &hub.place;
    let first = run(place, &["partner", "key", POLITIE, "--label", "oud"]).ends(OK);
    let first = first.says("één keer").out.trim().to_owned();
    assert!(first.starts_with("schakel_"), "the token alone, to be piped");
    run(place, &["partner", "key", POLITIE, "-o", "json"]).ends(OK);
    run(place, &["partner", "key", POLITIE]).ends(FAILURE).says("hoogstens 2");
    let keys = run(place, &["partner", "keys", POLITIE, "-o", "json"]).ends(OK);
    assert!(!keys.out.contains(&first), "shown once");
    let keys = keys.json();
    let id = keys[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!((&keys[0]["label"], keys.as_array().map(Vec::len)), (&"oud".into(), Some(2)));

    run(place, &["partner", "key", GGZ, "--revoke", &id]).ends(NOT_FOUND).says("geen sleutel");
    run(place, &["partner", "key", POLITIE, "--revoke", &id]).ends(OK);
    run(place, &["partner", "key", POLITIE, "--revoke", &id])
        .ends(NOT_FOUND)
        .says("al ingetrokken");
    run(place, &["partner", "key", POLITIE]).ends(OK);
    for file in ["journal.sqlite", "journal.sqlite-wal", "sleutels.sqlite"] {
        let Ok(bytes) = std::fs::read(place.data().join(file)) else { continue };
        let found = bytes.windows(first.len()).any(|part| part == first.as_bytes());
        assert!(!found, "the token stands in {file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_suspensions_reach_a_hub_that_runs_and_its_folder_is_its_own() {
    let hub = Place::new().start().await;
    let token = run(&hub.place, &["partner", "key", POLITIE]).ends(OK).out.trim().to_owned();
    assert_eq!(hub.get(&token, "/v1/logboek").await.status, 200);
    let why = ["--by", "anna", "--why", "proef"];
    run(&hub.place, &[&["partner", "suspend", POLITIE][..], &why].concat()).ends(OK);
    assert_eq!(hub.get(&token, "/v1/logboek").await.status, 403);
    run(&hub.place, &["partner", "list"]).ends(OK).shows("ja");
    run(&hub.place, &["doctor"]).ends(OK).shows("geschorst: politie-oost-brabant");
    run(&hub.place, &["partner", "resume", POLITIE, "--by", "anna"]).ends(OK);
    let again = run(&hub.place, &["partner", "resume", POLITIE, "--by", "anna"]);
    again.ends(NOT_FOUND).says("is niet geschorst");
    assert_eq!(hub.get(&token, "/v1/logboek").await.status, 200);

    let second = run(&hub.place, &["serve", "--listen", "127.0.0.1:0"]);
    second.ends(UNREACHABLE).says("Er draait al een schakel");
    assert_eq!(hub.get(&token, "/v1/logboek").await.status, 200);
}

#[test]
fn the_doctor_finds_what_is_open_to_others() {
    let place = Place::new();
    run(&place, &["partner", "key", POLITIE]).ends(OK);
    run(&place, &["doctor"]).ends(OK).shows("er draait geen hub").says("0 fout");
    let file = place.data().join("hub.key");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    run(&place, &["doctor"]).ends(FAILURE).shows("chmod 600");
}
