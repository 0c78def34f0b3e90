//! Stories of a partner that exchanges files.

use std::fs as std_fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::message::{Fault, Refusal};
use crate::transport::fakes::{FakeHub, accepted, parcel, partner};
use crate::transport::{Channel, NotKept, Outcome, Problem, TooLarge, Verdict};

use super::*;

struct Desk {
    root: TempDir,
    folder: Folder,
    hub: FakeHub,
}

impl Desk {
    async fn open() -> Self {
        let root = TempDir::new().unwrap();
        let folder = Folder::open(partner("corporatie"), root.path().to_owned()).await.unwrap();
        Self { root, folder, hub: FakeHub::default() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn lay(&self, name: &str, bytes: &[u8]) {
        std_fs::write(self.path("in").join(name), bytes).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std_fs::read_to_string(self.path(path)).unwrap()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std_fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Two steps: the first sees a file, the second takes it.
    async fn sweep(&self) -> Swept {
        self.folder.step(&self.hub).await.unwrap();
        self.folder.step(&self.hub).await.unwrap()
    }
}

#[tokio::test]
async fn a_file_goes_in_and_a_receipt_comes_out() {
    let desk = Desk::open().await;
    desk.lay("melding.json", b"{}");
    let swept = desk.sweep().await;
    assert_eq!(swept, Swept { accepted: 1, ..Swept::default() });
    let deliveries = desk.hub.deliveries();
    assert_eq!(deliveries[0].partner, partner("corporatie"));
    assert_eq!(deliveries[0].channel, Channel::Files);
    assert_eq!(deliveries[0].media_type.as_deref(), Some("application/json"));
    assert_eq!(deliveries[0].bytes, b"{}");
    assert_eq!(desk.names("in"), [""; 0]);
    assert_eq!(desk.names("verwerkt"), ["melding.json"]);
    assert_eq!(desk.names("uit"), ["melding.json.ontvangst.json"]);
    assert_eq!(desk.read("uit/melding.json.ontvangst.json"), r#"{"stadium":"ontvangen"}"#);
}

#[tokio::test]
async fn a_refused_file_lies_beside_the_reason() {
    let desk = Desk::open().await;
    let refusal = Refusal::one(Fault::Ongeldig, "/a", "verplicht", "Ontbreekt.", "Missing.");
    desk.hub.answers(Outcome::problem(&Problem::of_refusal(&refusal)));
    desk.lay("melding.csv", b"a;b");
    assert_eq!(desk.sweep().await.refused, 1);
    assert_eq!(desk.hub.deliveries()[0].media_type.as_deref(), Some("text/csv"));
    assert_eq!(desk.names("fout"), ["melding.csv", "melding.csv.fout.json"]);
    assert!(desk.read("fout/melding.csv.fout.json").contains("verplicht"));
    assert_eq!(desk.names("uit"), [""; 0]);
}

#[tokio::test]
async fn a_native_receipt_keeps_its_own_form() {
    let desk = Desk::open().await;
    let media_type = "application/xml".to_owned();
    desk.hub.answers(Outcome { media_type, body: b"<Bv03/>".to_vec(), ..accepted() });
    desk.lay("melding.xml", b"<melding/>");
    desk.sweep().await;
    assert_eq!(desk.read("uit/melding.xml.ontvangst.xml"), "<Bv03/>");
}

#[tokio::test]
async fn while_nothing_can_be_stored_files_stay_in_their_order() {
    let desk = Desk::open().await;
    desk.hub.answers(Outcome::unavailable(5));
    desk.lay("a.json", b"1");
    desk.lay("b.json", b"2");
    assert_eq!(desk.sweep().await, Swept { waiting: 2, ..Swept::default() });
    assert_eq!(desk.hub.deliveries().len(), 1, "the second is not even offered");
    assert_eq!(desk.names("in"), ["a.json", "b.json"]);
    desk.hub.answers(accepted());
    assert_eq!(desk.folder.step(&desk.hub).await.unwrap().accepted, 2);
}

#[tokio::test]
async fn the_oldest_file_goes_first() {
    let desk = Desk::open().await;
    for (name, seconds) in [("a.json", 300), ("b.json", 100), ("c.json", 200)] {
        desk.lay(name, name.as_bytes());
        let file = std_fs::File::options().write(true).open(desk.path("in").join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
    desk.sweep().await;
    let order: Vec<Vec<u8>> = desk.hub.deliveries().into_iter().map(|d| d.bytes).collect();
    assert_eq!(order, [b"b.json", b"c.json", b"a.json"]);
}

#[tokio::test]
async fn drafts_hidden_files_links_and_folders_are_left_alone() {
    let desk = Desk::open().await;
    let secret = desk.path("geheim.txt");
    std_fs::write(&secret, "sleutel").unwrap();
    desk.lay("half.json.tmp", b"{");
    desk.lay("half.TMP", b"{");
    desk.lay(".verborgen.json", b"{}");
    symlink(&secret, desk.path("in/link.json")).unwrap();
    std_fs::create_dir(desk.path("in/map.json")).unwrap();
    assert_eq!(desk.sweep().await, Swept::default());
    assert!(desk.hub.deliveries().is_empty());
    assert_eq!(desk.names("in").len(), 5);
}

#[tokio::test]
async fn a_file_that_is_still_growing_waits() {
    let desk = Desk::open().await;
    desk.lay("melding.json", b"{\"half\":");
    assert_eq!(desk.folder.step(&desk.hub).await.unwrap().waiting, 1);
    desk.lay("melding.json", b"{\"half\": 1}");
    assert_eq!(desk.folder.step(&desk.hub).await.unwrap().waiting, 1);
    assert!(desk.hub.deliveries().is_empty());
    assert_eq!(desk.folder.step(&desk.hub).await.unwrap().accepted, 1);
    assert_eq!(desk.hub.deliveries()[0].bytes, b"{\"half\": 1}");
}

#[tokio::test]
async fn a_file_that_is_swapped_for_a_link_is_not_read() {
    let desk = Desk::open().await;
    std_fs::write(desk.path("geheim.txt"), "sleutel").unwrap();
    desk.lay("melding.json", b"{}");
    desk.folder.step(&desk.hub).await.unwrap();
    std_fs::remove_file(desk.path("in/melding.json")).unwrap();
    symlink(desk.path("geheim.txt"), desk.path("in/melding.json")).unwrap();
    assert_eq!(desk.folder.step(&desk.hub).await.unwrap(), Swept::default());
    assert!(desk.hub.deliveries().is_empty());
}

#[tokio::test]
async fn a_large_file_is_handed_over_to_be_kept_and_a_larger_one_is_refused_unread() {
    let mut desk = Desk::open().await;
    desk.folder = desk.folder.with_bytes_max(10, 20);
    desk.lay("past.json", b"1234567890");
    desk.lay("groot.json", &[b'x'; 20]);
    desk.lay("teveel.json", &[b'x'; 21]);
    let swept = desk.sweep().await;
    assert_eq!((swept.accepted, swept.refused), (2, 1));
    let mut sizes: Vec<usize> = desk.hub.deliveries().iter().map(|d| d.bytes.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [10, 20]);
    let notice = TooLarge {
        partner: partner("corporatie"),
        channel: Channel::Files,
        media_type: Some("application/json".to_owned()),
        size_bytes: Some(21),
        why: NotKept::OverBound,
    };
    assert_eq!(*desk.hub.too_large.lock().unwrap(), [notice]);
    assert!(desk.read("fout/teveel.json.fout.json").contains("te-groot"));
    assert_eq!(desk.names("fout"), ["teveel.json", "teveel.json.fout.json"]);
}

#[tokio::test]
async fn a_large_file_waits_in_its_place_until_there_is_room_in_memory() {
    let mut desk = Desk::open().await;
    let large = LargeBodies::new(1);
    desk.folder = desk.folder.with_bytes_max(10, 20).sharing(large.clone());
    let others = large.enter().expect("the only place");
    desk.lay("groot.json", &[b'x'; 20]);
    let swept = desk.sweep().await;
    assert_eq!((swept.accepted, swept.waiting), (0, 1));
    drop(others);
    assert_eq!(desk.folder.step(&desk.hub).await.unwrap().accepted, 1);
    assert!(large.enter().is_some(), "and the place is free again");
}

#[tokio::test]
async fn a_second_file_of_the_same_name_overwrites_nothing() {
    let desk = Desk::open().await;
    for (bytes, receipt) in [("1", "een"), ("2", "twee"), ("3", "twee")] {
        desk.hub.answers(Outcome { body: receipt.as_bytes().to_vec(), ..accepted() });
        desk.lay("melding.json", bytes.as_bytes());
        desk.sweep().await;
    }
    assert_eq!(desk.names("verwerkt"), ["melding.json", "melding.json.2", "melding.json.3"]);
    assert_eq!(desk.read("verwerkt/melding.json.2"), "2");
    let receipts = ["melding.json.2.ontvangst.json", "melding.json.ontvangst.json"];
    assert_eq!(desk.names("uit"), receipts, "an identical receipt is not written twice");
}

#[tokio::test]
async fn a_name_that_is_as_long_as_names_can_be_is_taken_too() {
    let desk = Desk::open().await;
    let name = format!("{}.json", "é".repeat(125));
    assert_eq!(name.len(), 255);
    desk.lay(&name, b"{}");
    assert_eq!(desk.sweep().await.accepted, 1);
    assert_eq!(desk.names("verwerkt"), [name]);
    assert!(desk.names("uit")[0].ends_with("é.ontvangst.json"));
}

/// Lets one delivery through, and then makes `verwerkt/` unusable, as a full disk would.
struct Crashing<'a> {
    desk: &'a Desk,
    crash: AtomicBool,
}

impl Inlet for Crashing<'static> {
    fn receive(
        &self,
        delivery: crate::transport::Delivery,
    ) -> crate::transport::Answer<'_, Outcome> {
        if self.crash.swap(false, Ordering::SeqCst) {
            std_fs::remove_dir(self.desk.path("verwerkt")).unwrap();
        }
        self.desk.hub.receive(delivery)
    }

    fn too_large(&self, notice: TooLarge) -> crate::transport::Answer<'_, Outcome> {
        self.desk.hub.too_large(notice)
    }
}

#[tokio::test]
async fn after_a_crash_between_commit_and_move_the_file_is_handed_again() {
    let desk: &'static Desk = Box::leak(Box::new(Desk::open().await));
    let inlet = Crashing { desk, crash: AtomicBool::new(true) };
    desk.lay("melding.json", b"{}");
    desk.folder.step(&inlet).await.unwrap();
    let error = desk.folder.step(&inlet).await.unwrap_err();
    assert!(error.to_string().contains("cannot move a file in folder verwerkt"), "{error}");
    assert_eq!(desk.names("in"), ["melding.json"], "it is committed, but still lies here");

    let again = Folder::open(partner("corporatie"), desk.root.path().to_owned()).await.unwrap();
    again.step(&inlet).await.unwrap();
    assert_eq!(again.step(&inlet).await.unwrap().accepted, 1);
    assert_eq!(desk.hub.deliveries().len(), 2, "the hub recognises the repeat");
    let deliveries = desk.hub.deliveries();
    assert_eq!(deliveries[0].bytes, deliveries[1].bytes);
    assert_eq!(deliveries[0].partner, deliveries[1].partner);
    assert_eq!(desk.names("verwerkt"), ["melding.json"]);
    assert_eq!(desk.names("uit"), ["melding.json.ontvangst.json"]);
    std_fs::remove_dir_all(desk.root.path()).unwrap();
}

#[tokio::test]
async fn a_parcel_lies_ready_with_its_role() {
    let desk = Desk::open().await;
    let id = parcel(1).id;
    assert_eq!(desk.folder.write(&parcel(1)).await.unwrap(), Written::New);
    assert_eq!(desk.names("uit"), [format!("{id}.rol.json"), format!("{id}.xml")]);
    assert_eq!(std_fs::read(desk.path(&format!("uit/{id}.xml"))).unwrap(), parcel(1).bytes);
    let role: serde_json::Value =
        serde_json::from_str(&desk.read(&format!("uit/{id}.rol.json"))).unwrap();
    assert_eq!(role["rol"], parcel(1).role);
    assert_eq!(role["hash"], parcel(1).proof.hash.to_string());
    assert!(role.get("inhoud").is_none());

    assert_eq!(desk.folder.write(&parcel(1)).await.unwrap(), Written::AlreadyThere);
    let mut other = parcel(1);
    other.bytes = b"<anders/>".to_vec();
    let refused = desk.folder.write(&other).await.unwrap_err();
    assert!(matches!(refused, FilesError::OtherContent { .. }));
    assert_eq!(std_fs::read(desk.path(&format!("uit/{id}.xml"))).unwrap(), parcel(1).bytes);
}

#[tokio::test]
async fn a_draft_that_a_crash_or_a_partner_left_is_replaced_not_followed() {
    let desk = Desk::open().await;
    let outside = desk.path("buiten.txt");
    std_fs::write(&outside, "blijft").unwrap();
    let draft = desk.path(&format!("uit/{}.xml.tmp", parcel(1).id));
    symlink(&outside, &draft).unwrap();
    assert_eq!(desk.folder.write(&parcel(1)).await.unwrap(), Written::New);
    assert_eq!(std_fs::read_to_string(&outside).unwrap(), "blijft");
    assert!(!draft.exists());
}

#[tokio::test]
async fn a_link_in_place_of_a_folder_is_refused() {
    let root = TempDir::new().unwrap();
    let elsewhere = TempDir::new().unwrap();
    symlink(elsewhere.path(), root.path().join("uit")).unwrap();
    let refused = Folder::open(partner("zorg"), root.path().to_owned()).await.unwrap_err();
    assert!(matches!(refused, FilesError::NotADirectory { folder: "uit", .. }), "{refused}");
}

#[tokio::test]
async fn what_was_exchanged_is_removed_when_it_is_old() {
    let desk = Desk::open().await;
    desk.lay("melding.json", b"{}");
    desk.sweep().await;
    let hour = Duration::from_secs(3_600);
    let now = std::fs::metadata(desk.root.path()).unwrap().modified().unwrap();
    assert_eq!(desk.folder.prune(now - hour).await.unwrap(), 0);
    assert_eq!(desk.folder.prune(now + hour).await.unwrap(), 1);
    assert_eq!(desk.names("verwerkt"), [""; 0]);
    assert_eq!(desk.names("uit").len(), 1, "what the partner has not fetched stays");
}

#[tokio::test]
async fn the_loop_takes_files_until_it_is_told_to_stop() {
    let desk = Desk::open().await;
    desk.hub.hangs.store(true, Ordering::SeqCst);
    desk.lay("melding.json", b"{}");
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { stopped.await.unwrap_or(()) };
    let every = Duration::from_millis(1);
    let story = async {
        desk.hub.waiting.notified().await;
        stop.send(()).unwrap();
        desk.hub.gate.notify_one();
    };
    tokio::join!(desk.folder.run(&desk.hub, every, stopped), story);
    assert_eq!(desk.names("verwerkt"), ["melding.json"], "a file under way is finished");
    assert_eq!(desk.hub.outcome.lock().unwrap().verdict, Verdict::Accepted);
}
