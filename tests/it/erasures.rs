//! Erasing a person by two people, from the command line over a hub that runs: the BSN is in no
//! argument, log or database, and who had of the cases hears so in its own form.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::cli::{FAILURE, INVALID, NOT_ALLOWED, NOT_FOUND, OK, Said, USAGE, run};
use crate::hub::{GEMEENTE, Hub, JSON, POLITIE, Parcel, Place, WONEN, XML, example, swap, until};

const BSN: &str = "999990342";
/// The task that the shipped example of an answer is about.
const EXAMPLE: &str = "7d0a3c52-6f1e-4b8a-9c47-2e5b9d81f304";
const ASKS: [&str; 4] = ["--by", "A. Aanvrager", "--why", "verzoek 2026-119"];
const AGREES: [&str; 2] = ["--by", "B. Beheer"];

fn person(hub: &Hub, file: &Path, more: &[&str]) -> Said {
    let file = file.display().to_string();
    run(&hub.place, &[&["erase", "person", "--bsn-file", &file][..], more, &ASKS].concat())
}

/// The same from standard input.
fn person_from_input(hub: &Hub, more: &[&str]) -> Said {
    use std::io::Write as _;
    let mut command = hub.place.command();
    command.args(["erase", "person", "--bsn-file", "-"]).args(more).args(ASKS);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("schakel runs");
    let mut input = child.stdin.take().expect("an input");
    input.write_all(format!("{BSN}\n").as_bytes()).expect("it reads");
    drop(input);
    Said::of(child.wait_with_output().expect("schakel ends"))
}

fn words(hub: &Hub, words: &[&str]) -> Said {
    run(&hub.place, words)
}

async fn notices(hub: &Hub, token: &str) -> Vec<Parcel> {
    let mut parcels = hub.empty_mailbox(token).await;
    parcels.retain(|parcel| parcel.text.contains("teWissen"));
    parcels
}

/// What the command line says before anybody asks.
fn looks_first(hub: &Hub, files: &Path, case: &str) {
    let bsn = files.join("bsn");
    for (text, exit) in [("", INVALID), ("12345", INVALID), ("999990019", NOT_FOUND)] {
        std::fs::write(&bsn, text).expect("a file");
        person(hub, &bsn, &[]).ends(exit);
    }
    std::fs::write(&bsn, format!("{BSN}\n")).expect("a file");
    let shown = person(hub, &bsn, &["--dry-run"]).ends(OK).shows(case).shows(WONEN);
    shown.says("--except").says("Alleen het BSN").says("niets gevraagd");
    person(hub, &bsn, &["--except", "C-0000-0000-0000"]).ends(NOT_FOUND);
    person(hub, &bsn, &["--except", case]).ends(NOT_FOUND);
    words(hub, &[&["erase", "person", BSN][..], &ASKS].concat()).ends(USAGE);
    words(hub, &["erase", "list"]).ends(OK);
}

/// Nobody decides alone, and what must be kept stays.
fn takes_two(hub: &Hub, case: &str) {
    let keep = |what: &str| {
        let by = ["--by", "R. Regisseur", "--why", "klacht 12"];
        words(hub, &[&["case", what, case][..], &by].concat()).ends(OK);
    };
    keep("keep");
    person_from_input(hub, &[]).ends(FAILURE).says("bewaard");
    keep("unkeep");
    person_from_input(hub, &[]).ends(OK).shows("Verzoek 1").says("nog niets gewist");
    person_from_input(hub, &[]).ends(FAILURE).says("wacht al");
    let list = words(hub, &["erase", "list"]).ends(OK).shows("A. Aanvrager").shows(case);
    assert!(!list.out.contains(BSN), "{}", list.out);
    words(hub, &["erase", "approve", "1", "--by", " a. AANVRAGER"]).ends(NOT_ALLOWED);
    words(hub, &[&["erase", "refuse", "1", "--why", "te vroeg"][..], &AGREES].concat()).ends(OK);
    words(hub, &[&["erase", "approve", "1"][..], &AGREES].concat()).ends(FAILURE);
    person_from_input(hub, &[]).ends(OK).shows("Verzoek 2");
    keep("keep");
    words(hub, &[&["erase", "approve", "2"][..], &AGREES].concat()).ends(FAILURE).says("bewaard");
    keep("unkeep");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_by_two_people_and_who_had_of_it_erases_too() {
    let hub = Place::new().start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await;
    let (politie, wonen) = (hub.token(POLITIE).await, hub.token(WONEN).await);
    let gemeente = hub.token(GEMEENTE).await;
    let message = hub.send(&politie, XML, &example("politie", "in-volledig")).await.message();
    let had = hub.empty_mailbox(&wonen).await;
    assert!(!hub.empty_mailbox(&gemeente).await.is_empty(), "its own systems got it as well");
    let trace = hub.office("spoor", json!({ "id": message })).await;
    let case = trace[0]["bericht"]["casus"].as_str().expect("a case").to_owned();
    let files = tempfile::tempdir().expect("a folder");
    looks_first(&hub, files.path(), &case);
    takes_two(&hub, &case);

    let done = words(&hub, &[&["erase", "approve", "2"][..], &AGREES].concat()).ends(OK);
    let done = done.shows("Gewist.").says(WONEN).says("meld het zelf aan");
    assert!(!done.err.contains(BSN));
    words(&hub, &["explain", &message, "--recipient", WONEN]).ends(NOT_FOUND).says("gewist");
    person_from_input(&hub, &[]).ends(NOT_FOUND).says("zonder BSN");
    let told = until("a notice", async || {
        let told = notices(&hub, &wonen).await;
        (!told.is_empty()).then_some(told)
    });
    let told = told.await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].text.contains(&case) && told[0].text.contains("WIS"), "{}", told[0].text);
    assert!(had.iter().all(|parcel| told[0].text.contains(&parcel.id)), "every parcel it had");
    assert!(!told[0].text.contains(BSN));

    // It erases, and says so in its own form; the task of the notice is done.
    let open = hub.office("taken", json!({ "ketenpartner": WONEN })).await;
    let tasks: Vec<&Value> = open.as_array().expect("a list").iter().collect();
    assert_eq!(tasks.len(), 1, "what was asked in the erased case is asked no more: {open}");
    let task = tasks[0]["taak"].as_str().expect("a task");
    let answer = swap(&example("woningcorporatie", "antwoord-afgerond"), EXAMPLE, task);
    hub.send(&wonen, JSON, &answer).await.message();
    let notice = tasks[0]["casus"].as_str().expect("a case");
    let shown = words(&hub, &["case", "timeline", notice]).ends(OK);
    shown.shows("kennisgeving-wissing").shows("afgerond");
    let lines = words(&hub, &["case", "timeline", &case]).ends(OK);
    lines.shows("wissen-gevraagd").shows("wissen-geweigerd").shows("wissen-goedgekeurd");
    words(&hub, &["erase", "list", "--all"]).ends(OK).shows("goedgekeurd").shows("geweigerd");
    words(&hub, &["journal", "verify"]).ends(OK);
    let place = hub.stop().await;
    assert!(!place.log().contains(BSN), "in the log");
    for file in ["journal.sqlite", "journal.sqlite-wal"] {
        let Ok(bytes) = std::fs::read(place.data().join(file)) else { continue };
        assert!(!bytes.windows(BSN.len()).any(|part| part == BSN.as_bytes()), "in {file}");
    }
}
