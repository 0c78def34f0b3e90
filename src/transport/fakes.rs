//! A hub for the tests of this room: it remembers what it got and answers what it was told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::message::{CaseNumber, Digest, Fault, ParcelId, PartnerId, PublicId, Stage, Timestamp};

use super::{
    Answer, AuthResult, Check, CloudEvent, Collected, Confirmed, Delivery, Held, Inlet, Outcome,
    OutgoingParcel, PartnerDesk, Problem, Proof, Readiness, Room, TooLarge, Unavailable, Verdict,
    Word,
};

pub(super) const MESSAGE: u128 = 7;

pub(super) struct FakeHub {
    pub(super) received: Mutex<Vec<Delivery>>,
    pub(super) too_large: Mutex<Vec<TooLarge>>,
    pub(super) outcome: Mutex<Outcome>,
    pub(super) mail: Mutex<Vec<OutgoingParcel>>,
    pub(super) words: Mutex<Vec<Word>>,
    pub(super) bell: Notify,
    /// Somebody began to wait for mail.
    pub(super) waiting: Notify,
    /// An inlet that is told to hang waits for this.
    pub(super) gate: Notify,
    pub(super) hangs: AtomicBool,
    pub(super) down: AtomicBool,
    pub(super) collects: AtomicU32,
    /// With which certificate partners must come.
    pub(super) certificate: Mutex<Option<Digest>>,
}

impl Default for FakeHub {
    fn default() -> Self {
        Self {
            received: Mutex::default(),
            too_large: Mutex::default(),
            outcome: Mutex::new(accepted()),
            mail: Mutex::default(),
            words: Mutex::default(),
            bell: Notify::new(),
            waiting: Notify::new(),
            gate: Notify::new(),
            hangs: AtomicBool::new(false),
            down: AtomicBool::new(false),
            collects: AtomicU32::new(0),
            certificate: Mutex::default(),
        }
    }
}

pub(super) fn accepted() -> Outcome {
    Outcome {
        verdict: Verdict::Accepted,
        status: 202,
        media_type: "application/json".to_owned(),
        body: br#"{"stadium":"ontvangen"}"#.to_vec(),
        follow: Some(uuid::Uuid::from_u128(MESSAGE).into()),
    }
}

pub(super) fn partner(name: &str) -> PartnerId {
    name.parse().unwrap()
}

pub(super) fn parcel(number: u128) -> OutgoingParcel {
    let bytes = format!("<melding>{number} é</melding>").into_bytes();
    let salt = [7; 32];
    OutgoingParcel {
        id: uuid::Uuid::from_u128(number).into(),
        case: CaseNumber::from_random([3; 12]),
        event: CloudEvent {
            id: uuid::Uuid::from_u128(number).to_string(),
            kind: "nl.schakel.signaal-gemeld.v1".to_owned(),
            source: "urn:nld:oin:00000099000000001000:systeem:schakel".to_owned(),
            time: Timestamp::parse("2026-11-23T19:15:00.123456Z").unwrap().into(),
        },
        media_type: "application/xml".to_owned(),
        proof: Proof {
            salt,
            hash: Digest::of(&[&salt, &bytes]),
            checkpoint: Some("schakel.example/logboek\n1\n".to_owned()),
        },
        bytes,
        role: "eyJhbGciOiJFZERTQSJ9.e30.c2ln".to_owned(),
        urgent: false,
    }
}

impl FakeHub {
    pub(super) fn answers(&self, outcome: Outcome) {
        *self.outcome.lock().unwrap() = outcome;
    }

    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        self.received.lock().unwrap().clone()
    }

    fn up<T>(&self, value: T) -> Result<T, Unavailable> {
        let down = self.down.load(Ordering::SeqCst);
        if down { Err(Unavailable::for_seconds(17)) } else { Ok(value) }
    }

    fn find(&self, partner: &PartnerId, parcel: ParcelId) -> Option<OutgoingParcel> {
        let mail = self.mail.lock().unwrap();
        let own = partner.as_str() == "politie";
        mail.iter().find(|found| own && found.id == parcel).cloned()
    }
}

impl Inlet for FakeHub {
    fn receive(&self, mut delivery: Delivery) -> Answer<'_, Outcome> {
        Box::pin(async move {
            let place = delivery.place.take();
            if self.hangs.load(Ordering::SeqCst) {
                self.waiting.notify_one();
                self.gate.notified().await;
            }
            // What it remembers takes no place.
            drop(place);
            self.received.lock().unwrap().push(delivery);
            self.outcome.lock().unwrap().clone()
        })
    }

    fn too_large(&self, notice: TooLarge) -> Answer<'_, Outcome> {
        self.too_large.lock().unwrap().push(notice);
        Box::pin(async { Outcome::problem(&Problem::of_fault(Fault::TeGroot)) })
    }
}

impl PartnerDesk for FakeHub {
    fn authenticate<'a>(&'a self, token: &'a str) -> Answer<'a, AuthResult> {
        let result = match token {
            "sleutel-politie" => AuthResult::Partner(partner("politie")),
            "sleutel-zorg" => AuthResult::Partner(partner("zorg")),
            "sleutel-geschorst" => AuthResult::Suspended(partner("geschorst")),
            "sleutel-stuk" => AuthResult::Unavailable,
            _ => AuthResult::Unknown,
        };
        Box::pin(async { result })
    }

    fn accepts_certificate(&self, _: &PartnerId, shown: Option<Digest>) -> bool {
        let wanted = *self.certificate.lock().unwrap();
        wanted.is_none() || wanted == shown
    }

    fn message_status<'a>(
        &'a self,
        partner: &'a PartnerId,
        message: PublicId,
    ) -> Answer<'a, Result<Option<Value>, Unavailable>> {
        let own = partner.as_str() == "politie" && message == uuid::Uuid::from_u128(MESSAGE).into();
        Box::pin(async move { self.up(own.then(|| json!({ "stadium": "ontvangen" }))) })
    }

    fn case<'a>(
        &'a self,
        partner: &'a PartnerId,
        number: &'a str,
    ) -> Answer<'a, Result<Option<Value>, Unavailable>> {
        let own = partner.as_str() == "politie" && number == "C-0000-0000-0001";
        Box::pin(async move { self.up(own.then(|| json!({ "rol": "uitvoeren" }))) })
    }

    fn hold<'a>(
        &'a self,
        partner: &'a PartnerId,
        id: uuid::Uuid,
        why: String,
    ) -> Answer<'a, Result<Held, Unavailable>> {
        let own = partner.as_str() == "politie" && id == uuid::Uuid::from_u128(MESSAGE);
        let held = match (own, why.as_str()) {
            (false, _) => Held::Unknown,
            (true, "te laat") => Held::Nothing,
            (true, _) => Held::Waits(Some(json!({ "vastgehouden": 2 }))),
        };
        Box::pin(async move { self.up(held) })
    }

    fn collect<'a>(
        &'a self,
        partner: &'a PartnerId,
        room: Room,
    ) -> Answer<'a, Result<Vec<Collected>, Unavailable>> {
        self.collects.fetch_add(1, Ordering::SeqCst);
        let mail = self.mail.lock().unwrap();
        let own = mail.iter().filter(|_| partner.as_str() == "politie");
        let leased_until = Timestamp::parse("2026-11-23T19:20:00Z").unwrap().into();
        let collected: Vec<Collected> = own
            .take(usize::from(room.parcels))
            .map(|parcel| Collected { parcel: parcel.clone(), leased_until })
            .collect();
        Box::pin(async move { self.up(collected) })
    }

    fn wait_for_mail<'a>(&'a self, _: &'a PartnerId, patience: Duration) -> Answer<'a, ()> {
        Box::pin(async move {
            self.waiting.notify_one();
            let _ = tokio::time::timeout(patience, self.bell.notified()).await;
        })
    }

    fn content<'a>(
        &'a self,
        partner: &'a PartnerId,
        parcel: ParcelId,
    ) -> Answer<'a, Result<Option<OutgoingParcel>, Unavailable>> {
        Box::pin(async move { self.up(self.find(partner, parcel)) })
    }

    fn confirm<'a>(
        &'a self,
        partner: &'a PartnerId,
        parcel: ParcelId,
        word: Word,
    ) -> Answer<'a, Result<Confirmed, Unavailable>> {
        let known = self.find(partner, parcel).is_some();
        let mut words = self.words.lock().unwrap();
        let decided = words.iter().any(|said| said.stage == Stage::Geweigerd);
        let confirmed = match (known, decided) {
            (false, _) => Confirmed::Unknown,
            (true, true) => Confirmed::Conflict(Stage::Geweigerd),
            (true, false) => Confirmed::At(word.stage),
        };
        words.push(word);
        Box::pin(async move { self.up(confirmed) })
    }

    fn log<'a>(
        &'a self,
        partner: &'a PartnerId,
        after: Option<u64>,
        limit: u16,
    ) -> Answer<'a, Result<Value, Unavailable>> {
        let log = json!({ "van": partner, "na": after, "limiet": limit });
        Box::pin(async move { self.up(log) })
    }

    fn ready(&self) -> Answer<'_, Readiness> {
        let ready = !self.down.load(Ordering::SeqCst);
        let checks = vec![Check::part("logboek", ready, true)];
        Box::pin(async move { Readiness { checks } })
    }
}
