//! The desk at which the stories play: a journal in a store, a clock that is moved by hand, and
//! rules that send every message to the recipients that it names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde_json::json;
use tokio::task::JoinHandle;

use super::place::{On, Place};
use crate::evidence::HubKeys;
use crate::journal::{
    Accepted, Journal, JournalError, Look, LookFn, Outgoing, Received, Refused, Rules, Submission,
};
use crate::message::CaseState;
use crate::message::{
    CanonicalMessage, Confirmation, Digest, Effect, Entropy, ExternalId, MessageKind, ParcelId,
    PartnerId, Refusal, RoleStatement, Stage, Timestamp, Usage,
};
use crate::pipeline::{Admitted, Dispatch, Feedback, NotSent, Parcel};

pub const CATALOGUE: Digest = Digest([9; 32]);

pub struct Desk {
    pub place: Arc<Place>,
    pub journal: Journal,
    pub rules: Arc<Rules>,
    clock: AtomicI64,
    seed: AtomicU64,
    writer: Option<JoinHandle<()>>,
}

/// A message in the making.
#[derive(Clone)]
pub struct Draft {
    pub partner: &'static str,
    pub id: String,
    pub reference: String,
    pub to: Vec<&'static str>,
    pub text: String,
    pub urgent: bool,
    pub confirms: Option<Confirmation>,
    pub refusal: Option<Refusal>,
}

/// A signal of the police about `kenmerk` with this id, to these recipients.
pub fn signal(id: &str, reference: &str, to: &[&'static str]) -> Draft {
    Draft {
        partner: "politie",
        id: id.to_owned(),
        reference: reference.to_owned(),
        to: to.to_vec(),
        text: format!("inhoud van {id}"),
        urgent: false,
        confirms: None,
        refusal: None,
    }
}

pub fn partner(name: &str) -> PartnerId {
    name.parse().unwrap()
}

pub fn keys(seed: u8) -> Arc<HubKeys> {
    Arc::new(HubKeys::generate("proef", [seed; 32], [seed + 1; 32], [seed + 2; 32]))
}

pub fn start() -> Timestamp {
    Timestamp::parse("2026-11-23T20:00:00Z").unwrap()
}

impl Desk {
    pub async fn new(on: On) -> Self {
        Self::at(Arc::new(Place::new(on))).await
    }

    pub async fn at(place: Arc<Place>) -> Self {
        let (journal, writer) = place.open().await.unwrap();
        let clock = AtomicI64::new(start().as_micros());
        let seed = AtomicU64::new(rand_start());
        let writer = Some(tokio::spawn(writer.run()));
        Self { place, journal, rules: rules(), clock, seed, writer }
    }

    /// Another hub over the same store.
    pub async fn beside(&self) -> Self {
        let desk = Self::at(Arc::clone(&self.place)).await;
        desk.clock.store(self.now().as_micros(), Ordering::SeqCst);
        desk
    }

    /// Kills the process, so to speak.
    pub async fn kill(mut self) {
        let writer = self.writer.take().unwrap();
        writer.abort();
        assert!(writer.await.is_err(), "it ended by itself");
    }

    /// Ends the process, so to speak, and starts it again on the same store.
    pub async fn reopen(self) -> Self {
        let now = self.now();
        let Self { place, journal, writer, .. } = self;
        drop(journal);
        writer.unwrap().await.unwrap();
        let desk = Self::at(place).await;
        desk.clock.store(now.as_micros(), Ordering::SeqCst);
        desk
    }

    /// Ends the process and gives the store.
    pub async fn close(self) -> Arc<Place> {
        let Self { place, journal, writer, .. } = self;
        drop(journal);
        writer.unwrap().await.unwrap();
        place
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.load(Ordering::SeqCst))
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        seed
    }

    pub async fn send(&self, draft: &Draft) -> Result<Received, JournalError> {
        self.journal.receive(self.submission(draft)).await
    }

    pub async fn accepted(&self, draft: &Draft) -> Accepted {
        match self.send(draft).await.unwrap() {
            Received::Accepted(accepted) => accepted,
            Received::Refused(refused) => panic!("refused: {:?}", refused.refusal),
        }
    }

    pub async fn refused(&self, draft: &Draft) -> Refused {
        match self.send(draft).await.unwrap() {
            Received::Refused(refused) => refused,
            Received::Accepted(_) => panic!("accepted"),
        }
    }

    /// What a partner collects when every look says go.
    pub async fn collect(&self, name: &str, limit: usize) -> Vec<Outgoing> {
        let name = partner(name);
        let handed = self.journal.collect(&name, self.now(), limit, 60, all_go());
        handed.await.unwrap().parcels
    }

    pub fn submission(&self, draft: &Draft) -> Submission {
        let verdict = match &draft.refusal {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(Admitted::for_test(canonical(draft))),
        };
        Submission {
            rules: Arc::clone(&self.rules),
            partner: partner(draft.partner),
            channel: "http",
            media_type: Some("application/json".to_owned()),
            bytes: draft.text.clone().into_bytes(),
            at: self.now(),
            verdict,
            seed: self.seed(),
            held: None,
        }
    }

    /// Changes the database behind the journal's back.
    pub async fn tamper(&self, sql: &str) {
        self.place.tamper(sql).await;
    }
}

/// Another start for every desk, so that a reopened one does not draw the same ids again.
fn rand_start() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1 << 32, Ordering::SeqCst)
}

fn canonical(draft: &Draft) -> CanonicalMessage {
    let effect = if draft.confirms.is_some() { Effect::Bevestiging } else { Effect::Melding };
    CanonicalMessage {
        sender: partner(draft.partner),
        origin: "politie".parse().unwrap(),
        connector: "politie".parse().unwrap(),
        kind: MessageKind::parse("signaal-gemeld.v1").unwrap(),
        effect,
        external_id: ExternalId::new(draft.id.clone()),
        usage: Usage::Oefening,
        reference: draft.reference.clone(),
        theme: Some("overlast".to_owned()),
        urgent: draft.urgent,
        references: vec![],
        named_recipients: draft.to.iter().map(|name| (*name).to_owned()).collect(),
        confirmation: draft.confirms.clone(),
        answer: None,
        data: json!({ "omschrijving": draft.text }),
    }
}

/// Rules that send to whom the message names; `niemand` gets nothing.
fn rules() -> Arc<Rules> {
    rules_of(CATALOGUE)
}

pub fn rules_of(catalogue: Digest) -> Arc<Rules> {
    let (dispatch, feedback) = (Box::new(dispatch), Box::new(feedback));
    Arc::new(Rules { catalogue, looks_back: true, dispatch, feedback, regie: None })
}

fn dispatch(
    admitted: &Admitted,
    case: &CaseState,
    suspended: &BTreeSet<PartnerId>,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Dispatch {
    let mut dispatch = Dispatch::default();
    let message = admitted.message();
    for name in &message.named_recipients {
        let recipient: PartnerId = name.parse().unwrap();
        let barred = match name.as_str() {
            "niemand" => Some("geen-doelbinding"),
            _ if suspended.contains(&recipient) => Some("geschorst"),
            _ => None,
        };
        match barred {
            Some(reason) => {
                let not_sent = NotSent { recipient: Some(recipient), reason, named: true };
                dispatch.not_sent.push(not_sent);
            }
            None => {
                let bytes = format!("voor {recipient}: {}", message.data["omschrijving"]);
                let made = parcel(recipient, case, message.urgent, bytes, now, entropy);
                dispatch.parcels.push(made);
            }
        }
    }
    dispatch
}

fn feedback(about: &Feedback, case: &CaseState, now: Timestamp, entropy: &mut Entropy) -> Dispatch {
    let Feedback { external_id, reference, stage, .. } = about;
    let text = format!("{} over {reference}: {}", external_id.reveal(), stage.as_str());
    let made = parcel(about.sender.clone(), case, false, text, now, entropy);
    Dispatch { parcels: vec![made], ..Dispatch::default() }
}

pub fn parcel(
    recipient: PartnerId,
    case: &CaseState,
    urgent: bool,
    text: String,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Parcel {
    let id = entropy.parcel_id();
    Parcel {
        id,
        recipient,
        purposes: vec!["samen-veilig".parse().unwrap()],
        route: None,
        urgent,
        media_type: "application/json".to_owned(),
        bytes: text.into_bytes(),
        role: RoleStatement {
            zending: id,
            casus: case.number.clone(),
            gebruik: case.usage,
            bericht: "signaal-gemeld.v1".to_owned(),
            rol: "meedenken".to_owned(),
            gevraagd: None,
            uiterlijk: None,
            doelbinding: vec![],
            bewaren_dagen: 30,
            vervangt: None,
            voorganger_ontbreekt: false,
            opgesteld: now.into(),
        },
        withheld: vec![],
        glass: None,
    }
}

pub fn confirmation(parcel: ParcelId, stage: Stage) -> Confirmation {
    Confirmation { parcel, stage, reason: None }
}

/// What a caller has done before it can be cancelled.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context)
}

/// A look that lets everything go.
pub fn all_go() -> Arc<LookFn> {
    Arc::new(|_: &Outgoing, _| Look::Go)
}
