//! The chain around a hub that dies: senders that send until they are answered, receivers that
//! may get a parcel twice, and the ledger in which they write what they saw. None of them asks the
//! hub what is true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use tokio::sync::watch;

use crate::hub::{BRANDWEER, Door, GEMEENTE, SLEUTEL, XML, example, swap};

/// A parcel that somebody got: who, its id, and the reference in its document.
pub type Effect = (&'static str, String, String);

#[derive(Default)]
pub struct Seen {
    /// References of messages that the hub took, with who must get them.
    pub accepted: BTreeMap<String, [&'static str; 2]>,
    /// The id that the hub gave them, where it answered at once.
    pub ids: BTreeMap<String, String>,
    /// Receivers look at a parcel's id, so a set is what they have.
    pub effects: BTreeSet<Effect>,
}

impl Seen {
    /// What was accepted and did not reach everyone.
    pub fn lost(&self) -> Vec<(&str, &str)> {
        let got: BTreeSet<(&str, &str)> =
            self.effects.iter().map(|(to, _, what)| (what.as_str(), *to)).collect();
        let due = self.accepted.iter().flat_map(|(what, to)| to.map(|to| (what.as_str(), to)));
        due.filter(|due| !got.contains(due)).collect()
    }

    /// What reached somebody under more than one id.
    pub fn doubled(&self) -> Vec<(&str, &str)> {
        let mut times: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (to, _, what) in &self.effects {
            *times.entry((what, to)).or_default() += 1;
        }
        times.into_iter().filter(|(_, times)| *times > 1).map(|(effect, _)| effect).collect()
    }

    /// An accepted message that everyone has, by the id the hub gave it.
    pub fn arrived(&self, but: &BTreeSet<String>) -> Option<(String, String)> {
        let lost: BTreeSet<&str> = self.lost().into_iter().map(|(what, _)| what).collect();
        let mut arrived = self.ids.iter().filter(|(what, _)| !lost.contains(what.as_str()));
        arrived.find(|(_, id)| !but.contains(*id)).map(|(what, id)| (what.clone(), id.clone()))
    }
}

/// Everybody outside the hub.
#[derive(Clone)]
pub struct Chain {
    seen: Arc<Mutex<Seen>>,
    next: Arc<AtomicUsize>,
    door: watch::Receiver<Option<Door>>,
    /// While false, senders finish what they are sending and start nothing new.
    pub sending: Arc<watch::Sender<bool>>,
    busy: Arc<AtomicUsize>,
}

impl Chain {
    pub fn new(door: watch::Receiver<Option<Door>>) -> Self {
        let (seen, next, busy) = (Arc::default(), Arc::default(), Arc::default());
        Self { seen, next, door, sending: Arc::new(watch::Sender::new(true)), busy }
    }

    /// The same people at another door.
    pub fn at(&self, door: watch::Receiver<Option<Door>>) -> Self {
        Self { door, ..self.clone() }
    }

    pub fn look<T>(&self, at: impl FnOnce(&Seen) -> T) -> T {
        at(&self.seen.lock().expect("nobody panicked"))
    }

    /// Whether every sender is done with what it had begun.
    pub fn is_quiet(&self) -> bool {
        !*self.sending.borrow() && self.busy.load(Ordering::SeqCst) == 0
    }

    fn reference(&self) -> String {
        format!("proef-{:06}", self.next.fetch_add(1, Ordering::SeqCst))
    }

    fn note(&self, to: &'static str, parcel: &str, document: &str) {
        let what = regex::Regex::new(r"proef-\d{6}").expect("a pattern");
        let Some(what) = what.find(document) else { return };
        let effect = (to, parcel.to_owned(), what.as_str().to_owned());
        self.seen.lock().expect("nobody panicked").effects.insert(effect);
    }

    /// The hub's door, as soon as there is one.
    async fn door(&self) -> Door {
        let mut door = self.door.clone();
        let open = door.wait_for(Option::is_some).await.expect("the test goes on");
        open.clone().expect("just seen")
    }

    async fn may_send(&self) {
        let mut sending = self.sending.subscribe();
        sending.wait_for(|sending| *sending).await.expect("the test goes on");
    }

    /// Sends one message after the other, each until it is answered.
    pub async fn send(self, token: String, document: fn(&str) -> String, to: [&'static str; 2]) {
        loop {
            self.may_send().await;
            self.busy.fetch_add(1, Ordering::SeqCst);
            let what = self.reference();
            let document = document(&what);
            let answer = loop {
                match self.door().await.try_send(&token, XML, &document).await {
                    Some(answer) if answer.is_accepted() => break answer,
                    Some(answer) if answer.status == 503 || answer.status == 429 => {}
                    Some(answer) => panic!("refused: {} {}", answer.status, answer.text()),
                    None => {}
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            {
                let mut seen = self.seen.lock().expect("nobody panicked");
                seen.ids.insert(what.clone(), answer.message());
                seen.accepted.insert(what, to);
            }
            self.busy.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Lays a file in a folder, now and then; what lies there counts as given to the hub.
    pub async fn lay_files(self, folder: PathBuf) {
        loop {
            self.may_send().await;
            let what = self.reference();
            let draft = folder.join("in").join(format!("{what}.tmp"));
            std::fs::write(&draft, sleutel(&what)).expect("a file");
            self.seen
                .lock()
                .expect("nobody panicked")
                .accepted
                .insert(what.clone(), [GEMEENTE, BRANDWEER]);
            std::fs::rename(&draft, draft.with_extension("csv")).expect("a name");
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    }

    /// Collects a mailbox and accepts what is in it.
    pub async fn collect(self, me: &'static str, token: String) {
        loop {
            let door = self.door().await;
            let Some(parcels) = door.try_collect(&token, 1).await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            for parcel in parcels {
                self.note(me, &parcel.id, &parcel.text);
                // Where this is lost the parcel comes again.
                let _ = door.try_confirm(&token, &parcel.id, "geaccepteerd").await;
            }
        }
    }

    /// Takes away what lies in a partner's folder.
    pub async fn empty_folder(self, me: &'static str, folder: PathBuf) {
        loop {
            for file in std::fs::read_dir(folder.join("uit")).into_iter().flatten().flatten() {
                self.take_file(me, &file.path());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn take_file(&self, me: &'static str, path: &Path) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let Some(parcel) = name.strip_suffix(".csv") else { return };
        let Ok(document) = std::fs::read_to_string(path) else { return };
        self.note(me, parcel, &document);
        // The role statement first: without its document nobody looks at it.
        let _ = std::fs::remove_file(path.with_file_name(format!("{parcel}.rol.json")));
        let _ = std::fs::remove_file(path);
    }

    /// Listens for webhooks, and answers after noting them down.
    pub async fn take_webhooks(self, me: &'static str, listener: tokio::net::TcpListener) {
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
            self.note(me, id, &String::from_utf8_lossy(&body));
        };
        let router = axum::Router::new().route("/schakel", axum::routing::post(take));
        axum::serve(listener, router).await.expect("a listener");
    }
}

/// A police report of a dangerous building.
pub fn politie(what: &str) -> String {
    let report = example("politie", "in-volledig");
    let report = swap(&report, "<thema>WOV", "<thema>BRA");
    let report = swap(&report, "<bestemdVoor>zorgaanbieder</bestemdVoor>", "");
    let report = swap(&report, "Geschreeuw en bedreiging in portiek", what);
    let report = swap(&report, "PL2100-2026-231107", &format!("PL2100-2026-{}", digits(what)));
    swap(&report, "PL2100-B-2026-118204", &format!("B-{what}"))
}

fn digits(what: &str) -> &str {
    what.trim_start_matches("proef-")
}

/// An alert of the fire brigade; all of them belong to one case, and so to one lane each.
pub fn brandweer(what: &str) -> String {
    let alert = example("brandweer", "in-volledig");
    let alert = swap(&alert, "woningcorporatie politie woningcorporatie", "woningcorporatie");
    let alert = swap(&alert, "Keukenbrand, geen werkende rookmelders", what);
    swap(&alert, "bbzo-2026-0004411", &format!("bbzo-{what}"))
}

/// A row of a small housing corporation.
fn sleutel(what: &str) -> String {
    let file = example("woningcorporatie-csv", "melding-kaal");
    let file = swap(&file, "Volle gang", what);
    swap(
        &file,
        "DS-1;L0311;melding;oefening;2026-07-01 10:00;1;",
        &format!("DS-{what};L0311;melding;echt;2026-07-01 10:00;{what};"),
    )
}

/// Whom the police's report must reach, and whom the alert.
pub const POLITIE_REACHES: [&str; 2] = [GEMEENTE, BRANDWEER];
pub const BRANDWEER_REACHES: [&str; 2] = [GEMEENTE, SLEUTEL];

#[test]
fn the_ledger_sees_what_is_lost_and_what_is_doubled() {
    let effect = |to, parcel: &str, what: &str| (to, parcel.to_owned(), what.to_owned());
    let mut seen = Seen::default();
    seen.accepted.insert("a".to_owned(), POLITIE_REACHES);
    seen.ids.insert("a".to_owned(), "1".to_owned());
    assert_eq!(seen.lost(), [("a", GEMEENTE), ("a", BRANDWEER)]);
    assert!(seen.arrived(&BTreeSet::new()).is_none());
    // The same parcel twice is one effect; the same message in two parcels is two.
    seen.effects.extend([effect(GEMEENTE, "p", "a"), effect(GEMEENTE, "p", "a")]);
    seen.effects.insert(effect(BRANDWEER, "q", "a"));
    assert!(seen.lost().is_empty() && seen.doubled().is_empty());
    assert!(seen.arrived(&BTreeSet::new()).is_some());
    seen.effects.insert(effect(BRANDWEER, "r", "a"));
    assert_eq!(seen.doubled(), [("a", BRANDWEER)]);
}
