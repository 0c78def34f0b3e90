//! Handing parcels to partners that do not collect: webhooks and folders, one deliverer each.
//!
//! A deliverer claims, looks, sends and settles. Whatever happens to it in between, the lease ends
//! and the parcel is claimed again; the receiver knows it by its id.

use std::str::FromStr;
use std::time::Duration;

use super::active::Active;
use super::look::look;
use super::{Hub, clock, meters};
use crate::catalogue::Catalogue;
use crate::catalogue::partner::{Delivery as Way, Partner};
use crate::journal::{AttemptOutcome, JournalError, Look, Outgoing};
use crate::message::{ParcelId, PartnerId, Stage, Timestamp};
use crate::pipeline::{self, Incoming, admit};
use crate::transport::breaker::{Breaker, Permission};
use crate::transport::files::{FilesError, Folder};
use crate::transport::http::guard::Network;
use crate::transport::http::webhook::{Secret, Target, WebhookOutcome};
use crate::transport::{Channel, Delivery, Inlet as _, OutgoingParcel, ladder};

/// Parcels claimed in one go.
const CLAIM: usize = 16;
/// Longer than one attempt can take, for all that are claimed together.
const LEASE_S: i64 = 16 * 40;
/// How long a deliverer rests when there is nothing to do.
pub const IDLE: Duration = Duration::from_millis(200);

/// What one step of a deliverer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivered {
    pub sent: usize,
    pub later: usize,
    pub stopped: usize,
}

impl Delivered {
    pub fn is_idle(self) -> bool {
        self == Self::default()
    }
}

/// Delivers to one partner.
pub struct Deliverer {
    partner: PartnerId,
    breaker: Breaker,
    /// How often the partner was unblocked when this was last looked at.
    unblocked: Option<i64>,
}

impl Deliverer {
    pub fn new(partner: PartnerId) -> Self {
        Self { partner, breaker: Breaker::default(), unblocked: None }
    }

    /// Claims what is due and sends it, one after the other.
    pub async fn step(&mut self, hub: &Hub) -> Result<Delivered, JournalError> {
        let unblocked = hub.directory.unblocked(&self.partner);
        if self.unblocked.replace(unblocked).is_some_and(|before| before != unblocked) {
            self.breaker = Breaker::default();
        }
        let done = self.deliver(hub).await;
        hub.note_breaker(&self.partner, self.breaker);
        done
    }

    async fn deliver(&mut self, hub: &Hub) -> Result<Delivered, JournalError> {
        let mut done = Delivered::default();
        let active = hub.active();
        let Some(partner) = active.catalogue.partner(&self.partner).cloned() else {
            return Ok(done);
        };
        if matches!(partner.delivery, Way::Postvak | Way::RabbitMq) {
            return Ok(done);
        }
        let (breaker, permission) = self.breaker.ask(clock::now());
        self.breaker = breaker;
        let most = match permission {
            Permission::Wait { .. } => return Ok(done),
            Permission::Probe => 1,
            Permission::Go => CLAIM,
        };
        let due: Vec<PartnerId> =
            active.catalogue.succession.names(&self.partner).cloned().collect();
        for parcel in hub.journal.claim(&due, clock::now(), most, LEASE_S).await? {
            let found = look(
                &active.catalogue,
                &hub.suspended(),
                &parcel.recipient,
                &parcel.detail,
                parcel.catalogue,
                parcel.answer,
                clock::now(),
            );
            if found != Look::Go {
                done.stopped += 1;
                hub.review(&active, parcel, found).await?;
                continue;
            }
            self.attempt(hub, &active, &partner, parcel, &mut done).await?;
        }
        Ok(done)
    }

    async fn attempt(
        &mut self,
        hub: &Hub,
        active: &Active,
        partner: &Partner,
        parcel: Outgoing,
        done: &mut Delivered,
    ) -> Result<(), JournalError> {
        let (id, lease, attempts) = (parcel.id, parcel.lease, parcel.attempts);
        fail::fail_point!("verzenden-voor", |_| std::process::abort());
        let sent = hub.send(&active.catalogue, partner, parcel).await;
        fail::fail_point!("verzenden-na", |_| std::process::abort());
        let now = clock::now();
        let mut answer = None;
        let outcome = match sent {
            Sent::Delivered { answer: given } => {
                self.breaker = self.breaker.succeeded();
                done.sent += 1;
                answer = given;
                AttemptOutcome::Delivered { stage: Stage::Opgehaald }
            }
            Sent::Later { code, retry_after_seconds } => {
                self.breaker = self.breaker.failed(now);
                done.later += 1;
                match ladder::delay(attempts, id) {
                    None => AttemptOutcome::Quarantine { reason: "termijn-verstreken".to_owned() },
                    Some(delay) => {
                        let delay = delay.max(retry_after_seconds.unwrap_or(0));
                        let at = now.plus_seconds(i64::try_from(delay).unwrap_or(i64::MAX));
                        AttemptOutcome::Retry { at, code }
                    }
                }
            }
            Sent::Never(reason) => {
                done.stopped += 1;
                AttemptOutcome::Quarantine { reason }
            }
        };
        meters::attempted(way_name(&partner.delivery), outcome_name(&outcome));
        tracing::info!(partner.id = %partner.id, parcel.id = %id, attempt = attempts,
            outcome = outcome_name(&outcome), "attempt to deliver");
        match hub.journal.settle(id, lease, outcome, now).await {
            // Somebody else holds it by now, or it was erased: nothing more to say about it.
            Err(JournalError::StaleLease | JournalError::Erased | JournalError::Settled) => {}
            settled => settled?,
        }
        if let Some((media_type, bytes)) = answer {
            hub.take_answer(active, partner, id, media_type, bytes).await;
        }
        Ok(())
    }
}

const fn way_name(way: &Way) -> &'static str {
    match way {
        Way::Postvak => "mailbox",
        Way::Webhook { .. } => "webhook",
        Way::Map { .. } => "folder",
        Way::RabbitMq => "amqp",
    }
}

pub(super) fn outcome_name(outcome: &AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Delivered { .. } => "delivered",
        AttemptOutcome::Retry { .. } => "retry",
        AttemptOutcome::Quarantine { .. } => "quarantined",
        AttemptOutcome::Replaced { .. } => "replaced",
    }
}

/// What became of one attempt.
enum Sent {
    /// With what the partner answered, where it said something.
    Delivered {
        answer: Option<(Option<String>, Vec<u8>)>,
    },
    Later {
        code: String,
        retry_after_seconds: Option<u64>,
    },
    Never(String),
}

impl Sent {
    fn later(code: &str) -> Self {
        Self::Later { code: code.to_owned(), retry_after_seconds: None }
    }
}

impl Hub {
    async fn send(&self, catalogue: &Catalogue, partner: &Partner, parcel: Outgoing) -> Sent {
        let parcel = self.outgoing(catalogue, parcel);
        match &partner.delivery {
            Way::Postvak => Sent::later("postvak"),
            Way::RabbitMq => Sent::later("rabbitmq"),
            Way::Webhook { url, netwerken } => {
                self.send_webhook(partner, url, netwerken, &parcel).await
            }
            Way::Map { map } => self.write_file(partner, map, &parcel).await,
        }
    }

    async fn send_webhook(
        &self,
        partner: &Partner,
        url: &str,
        networks: &[String],
        parcel: &OutgoingParcel,
    ) -> Sent {
        let mut secrets = match self.journal.secrets(&partner.id).await {
            Ok(secrets) => secrets.into_iter().filter_map(|(_, secret)| secret_of(&secret)),
            Err(_) => return Sent::later("logboek"),
        };
        let Some(secret) = secrets.next() else { return Sent::later("geen-webhookgeheim") };
        let networks: Result<Vec<Network>, _> =
            networks.iter().map(|text| Network::from_str(text)).collect();
        let Ok(networks) = networks else { return Sent::Never("netwerk-onjuist".to_owned()) };
        let target = match Target::new(url, secret, secrets.next(), networks) {
            Ok(target) => target,
            Err(blocked) => return Sent::Never(format!("geblokkeerd-{}", blocked.code())),
        };
        match self.webhooks.send(&target, parcel, clock::now()).await {
            WebhookOutcome::Delivered { media_type, answer, cut_short, .. } => {
                let whole = !answer.is_empty() && !cut_short;
                Sent::Delivered { answer: whole.then_some((media_type, answer)) }
            }
            WebhookOutcome::Retry { code, retry_after_seconds, .. } => {
                Sent::Later { code: code.to_owned(), retry_after_seconds }
            }
            WebhookOutcome::Refused { status } => Sent::Never(format!("http-{status}")),
            WebhookOutcome::Blocked(blocked) => {
                Sent::Never(format!("geblokkeerd-{}", blocked.code()))
            }
        }
    }

    /// A partner that answers a webhook with its own receipt of that very parcel has said its
    /// word; any other answer means nothing.
    async fn take_answer(
        &self,
        active: &Active,
        partner: &Partner,
        parcel: ParcelId,
        media_type: Option<String>,
        bytes: Vec<u8>,
    ) {
        let incoming = Incoming {
            partner,
            media_type: media_type.as_deref(),
            bytes: &bytes,
            received: clock::now(),
        };
        let about = admit(&active.catalogue, &incoming).ok();
        let about = about.and_then(|admitted| admitted.message().confirmation.clone());
        if about.is_some_and(|word| word.parcel == parcel) {
            let (partner, channel) = (partner.id.clone(), Channel::Http);
            let place = None;
            self.receive(Delivery { partner, channel, media_type, bytes, place }).await;
        }
    }

    async fn write_file(&self, partner: &Partner, map: &str, parcel: &OutgoingParcel) -> Sent {
        let folder = Folder::open(partner.id.clone(), self.exchange_folder().join(map)).await;
        let written = match folder {
            Ok(folder) => folder.write(parcel).await,
            Err(error) => Err(error),
        };
        match written {
            Ok(_) => Sent::Delivered { answer: None },
            Err(FilesError::OtherContent { .. }) => Sent::Never("bestand-anders".to_owned()),
            Err(error) => {
                tracing::warn!(partner.id = %partner.id, error = %super::chain(&error),
                    "a parcel could not be written");
                Sent::later("map")
            }
        }
    }

    /// Deals with a leased parcel that may not simply go: made anew, or stopped.
    pub(super) async fn review(
        &self,
        active: &Active,
        parcel: Outgoing,
        found: Look,
    ) -> Result<(), JournalError> {
        let now = clock::now();
        let outcome = match found {
            Look::Go => return Ok(()),
            Look::Stop(reason) => AttemptOutcome::Quarantine { reason: reason.to_owned() },
            Look::Anew => self.anew(active, &parcel, now).await?,
        };
        tracing::info!(partner.id = %parcel.recipient, parcel.id = %parcel.id,
            outcome = outcome_name(&outcome), "parcel looked at again");
        match self.journal.settle(parcel.id, parcel.lease, outcome, now).await {
            Err(JournalError::StaleLease | JournalError::Erased | JournalError::Settled) => Ok(()),
            settled => settled,
        }
    }

    /// The same message under today's rules, for this recipient only.
    async fn anew(
        &self,
        active: &Active,
        parcel: &Outgoing,
        now: Timestamp,
    ) -> Result<AttemptOutcome, JournalError> {
        let stopped = |reason: &str| AttemptOutcome::Quarantine { reason: reason.to_owned() };
        let stored = self.journal.message(parcel.message.into()).await?;
        let catalogue = &active.catalogue;
        let Some(sender) = catalogue.partner(&stored.view.sender) else {
            return Ok(stopped("onbekende-afzender"));
        };
        // What was shared under a glass says what its sender would say now.
        let retold = match parcel.detail.glass {
            Some(_) => self.journal.retold(catalogue, parcel.message).await?,
            None => None,
        };
        let admitted = match retold {
            Some(Ok(admitted)) => admitted,
            Some(Err(untold)) => return Ok(stopped(untold.code())),
            None => match super::replay::admit_again(catalogue, sender, &stored) {
                Ok(admitted) => admitted,
                Err(_) => return Ok(stopped("vertaling")),
            },
        };
        let case = self.journal.case_state(parcel.case, parcel.message).await?;
        let Ok(seed) = clock::random() else { return Err(JournalError::Sealing) };
        let mut entropy = crate::message::Entropy::new(seed);
        let suspended = self.suspended();
        let mut dispatch =
            pipeline::dispatch(catalogue, &admitted, &case, &suspended, now, &mut entropy);
        let recipient = catalogue.succession.now(&parcel.recipient);
        dispatch.parcels.retain(|made| made.recipient == *recipient);
        dispatch.failures.retain(|failure| failure.recipient == *recipient);
        dispatch.not_sent.retain(|skipped| skipped.recipient.as_ref() == Some(recipient));
        if dispatch.parcels.is_empty() && dispatch.failures.is_empty() {
            let ended = parcel.detail.glass.is_some();
            return Ok(stopped(if ended { "breekglas-voorbij" } else { "geen-doelbinding" }));
        }
        Ok(AttemptOutcome::Replaced { dispatch: Box::new(dispatch), catalogue: catalogue.digest() })
    }
}

fn secret_of(bytes: &[u8]) -> Option<Secret> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}
