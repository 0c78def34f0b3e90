//! A hub whose journal was lost and came back: it says so, does nothing until it was compared, and
//! then goes on without anybody being able to say that it rewrote its log.

mod broker;
mod commands;
mod old_files;
mod story;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::hub::{Hub, Place, example, swap, until};

/// The databases of an embedded hub.
const FILES: [&str; 2] = ["journal.sqlite", "sleutels.sqlite"];

/// A police report of a dangerous building, which municipality and fire brigade must have.
fn report(number: usize) -> String {
    let report = example("politie", "in-volledig");
    let report = swap(&report, "<thema>WOV", "<thema>BRA");
    let report = swap(&report, "<bestemdVoor>zorgaanbieder</bestemdVoor>", "");
    let report = swap(&report, "231107", &format!("9{number:05}"));
    swap(&report, "118204", &format!("8{number:05}"))
}

/// Leaves in the journal of a hub, all of them and those that are signed.
async fn leaves(hub: &Hub) -> (u64, u64) {
    let told = hub.office("stand", json!({})).await;
    let count = |key: &str| told["stand"][key].as_u64().unwrap_or_else(|| panic!("{told}"));
    (count("bladen"), count("ondertekend"))
}

/// Waits until everything is signed, and the witness knows.
async fn all_signed(hub: &Hub) -> u64 {
    let witness = hub.place.data().join("getuige/controlepunt");
    until("everything is signed", async || {
        let (all, signed) = leaves(hub).await;
        let note = std::fs::read_to_string(&witness).unwrap_or_default();
        (all == signed && note.lines().nth(1) == Some(&*signed.to_string())).then_some(signed)
    })
    .await
}

/// What readiness says of the comparison.
async fn compared(hub: &Hub) -> (u16, Value) {
    let told = hub.get("", "/gereed").await;
    let parts = told.json()["onderdelen"].as_array().expect("parts").clone();
    let part = parts.into_iter().find(|part| part["naam"] == "logboek-vergeleken");
    (told.status, part.expect("the part"))
}

/// The databases of a place where no hub runs, as whoever copies files by hand has them.
fn copy_files(place: &Place, to: &Path) {
    copy_all(&place.data(), to);
}

/// With the logs beside them, in which the newest commits may be.
fn copy_all(from: &Path, to: &Path) {
    for name in FILES {
        std::fs::copy(from.join(name), to.join(name)).expect("a copy");
        let log = format!("{name}-wal");
        if from.join(&log).exists() {
            std::fs::copy(from.join(&log), to.join(&log)).expect("a copy");
        }
    }
}

/// Takes the databases away, as a disk that dies does; the rest of the folder stays.
fn lose_files(place: &Place) {
    for name in FILES {
        for end in ["", "-wal", "-shm"] {
            let _may_not_be_there = std::fs::remove_file(place.data().join(format!("{name}{end}")));
        }
    }
}

/// Puts old files back behind the hub's back.
fn put_files(place: &Place, from: &Path) {
    lose_files(place);
    copy_all(from, &place.data());
}

fn words(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

/// A folder for copies, and the place in it where one is to come.
fn shelf() -> (tempfile::TempDir, PathBuf) {
    let shelf = tempfile::tempdir().expect("a folder");
    let copy = shelf.path().join("kopie");
    (shelf, copy)
}
