//! The way in: admit, store, and answer in the sender's own form.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::active::Active;
use super::{Hub, clock, meters};
use crate::catalogue::partner::Partner;
use crate::evidence::Receipt;
use crate::journal::{Accepted, Held, JournalError, Kept, Received, Submission};
use crate::message::{ExternalId, Fault, PartnerId, PublicId, Refusal, Stage, Timestamp};
use crate::pipeline::{Answered, Incoming, admit, native_answer, split};
use crate::transport::{Answer, Channel, Delivery, Inlet, Outcome, Problem, TooLarge, Verdict};

/// When a sender may try again after the journal could not be written.
pub(super) const RETRY_AFTER_S: u32 = 5;
/// Documents larger than this are admitted where they do not hold up others.
const LARGE_BYTES: usize = 64 * 1024;

impl Inlet for Hub {
    fn receive(&self, delivery: Delivery) -> Answer<'_, Outcome> {
        Box::pin(async move {
            let (channel, started) = (delivery.channel.as_str(), Instant::now());
            let outcome = self.take_in(delivery).await;
            meters::taken(channel, outcome.verdict, started.elapsed());
            outcome
        })
    }

    fn too_large(&self, notice: TooLarge) -> Answer<'_, Outcome> {
        Box::pin(self.refuse_unread(notice))
    }
}

impl Hub {
    async fn take_in(&self, mut delivery: Delivery) -> Outcome {
        if let Some(closed) = self.while_closed() {
            return closed;
        }
        let active = self.active();
        let partner = match self.entitled(&active, &delivery.partner) {
            Ok(partner) => partner,
            Err(fault) => return self.bar(&active, delivery, fault).await,
        };
        if delivery.channel == Channel::Files
            && let Some(connector) = active.catalogue.connector_of(partner)
            && let Ok(rows) = split(connector, &delivery.bytes, delivery.media_type.as_deref())
            && rows.len() > 1
        {
            return self.take_rows(&active, partner, &delivery, rows).await;
        }
        let bytes = std::mem::take(&mut delivery.bytes);
        self.take_one(&active, partner, &delivery, bytes).await.0
    }

    /// One document: its outcome, and the JSON that tells it.
    async fn take_one(
        &self,
        active: &Active,
        partner: &Partner,
        delivery: &Delivery,
        bytes: Vec<u8>,
    ) -> (Outcome, Value) {
        let at = clock::now();
        let Ok(seed) = clock::random() else { return unavailable("randomness") };
        let media_type = delivery.media_type.as_deref();
        let incoming = Incoming { partner, media_type, bytes: &bytes, received: at };
        let verdict = if bytes.len() > LARGE_BYTES {
            tokio::task::block_in_place(|| admit(&active.catalogue, &incoming))
        } else {
            admit(&active.catalogue, &incoming)
        };
        let external_id = verdict.as_ref().ok().map(|a| a.message().external_id.clone());
        let received = self
            .journal
            .receive(Submission {
                rules: active.rules.clone(),
                partner: partner.id.clone(),
                channel: delivery.channel.as_str(),
                media_type: delivery.media_type.clone(),
                bytes,
                at,
                verdict,
                seed,
                held: delivery.place.clone().map(|place| Box::new(place) as Held),
            })
            .await;
        let native_wanted = delivery.channel == Channel::Http;
        match received {
            Ok(Received::Accepted(accepted)) => {
                self.new_mail();
                tracing::info!(
                    partner.id = %partner.id, message.public_id = %accepted.public_id,
                    message.repeat = accepted.repeat, parcels = accepted.parcels,
                    "message accepted"
                );
                accept(active, partner, &accepted, external_id.as_ref(), at, native_wanted)
            }
            Ok(Received::Refused(refused)) => {
                let fault = refused.refusal.fault.code();
                if refused.refusal.fault == Fault::AndereInhoud {
                    tracing::warn!(partner.id = %partner.id, fault,
                        "alert: an id came again with other content");
                }
                tracing::info!(partner.id = %partner.id, fault,
                    quarantine.id = %refused.quarantine, "message refused");
                let proof = Some((refused.salt, refused.commitment));
                let kept = Kept { quarantine: refused.quarantine, proof };
                let external_id = external_id.as_ref();
                refuse(active, partner, &refused.refusal, kept, external_id, at, native_wanted)
            }
            Err(error) => unavailable(unwritable(&partner.id, &error)),
        }
    }

    /// A file of several rows: each is a message of its own, and is answered by its row.
    async fn take_rows(
        &self,
        active: &Active,
        partner: &Partner,
        delivery: &Delivery,
        rows: Vec<(u64, Vec<u8>)>,
    ) -> Outcome {
        let mut answers = Vec::with_capacity(rows.len());
        let (mut accepted, mut refused) = (0, 0);
        for (number, row) in rows {
            let (outcome, told) = self.take_one(active, partner, delivery, row).await;
            match outcome.verdict {
                Verdict::Accepted => accepted += 1,
                Verdict::Refused => refused += 1,
                // What was stored is recognised when the whole file comes again.
                Verdict::Unavailable { .. } => return outcome,
            }
            answers.push(json!({ "rij": number, "antwoord": told }));
        }
        let verdict = if refused == 0 { Verdict::Accepted } else { Verdict::Refused };
        let told = json!({ "aangenomen": accepted, "geweigerd": refused, "rijen": answers });
        Outcome {
            verdict,
            status: if refused == 0 { 202 } else { 422 },
            media_type: "application/json".to_owned(),
            body: told.to_string().into_bytes(),
            follow: None,
        }
    }
}

/// Says that a message was not stored, and why in a word.
pub(super) fn unwritable(partner: &PartnerId, error: &JournalError) -> &'static str {
    tracing::error!(partner.id = %partner, error = %super::chain(error),
        "message not accepted: the journal cannot be written");
    match error {
        JournalError::Busy => "busy",
        JournalError::Stopped => "stopping",
        _ => "journal",
    }
}

pub(super) fn unavailable(why: &'static str) -> (Outcome, Value) {
    tracing::debug!(why, "answered 503");
    (Outcome::unavailable(RETRY_AFTER_S), Problem::unavailable().to_json())
}

fn accept(
    active: &Active,
    partner: &Partner,
    accepted: &Accepted,
    external_id: Option<&ExternalId>,
    at: Timestamp,
    native_wanted: bool,
) -> (Outcome, Value) {
    let mut told = receipt(accepted, at);
    if let Some(object) = told.as_object_mut() {
        object.insert("casus".to_owned(), json!(accepted.case_number));
        if accepted.repeat {
            object.insert("herhaling".to_owned(), Value::from(true));
        }
        if !accepted.not_sent_named.is_empty() {
            let list = accepted.not_sent_named.iter();
            let list = list.map(|(reason, to)| json!({ "ontvanger": to, "reden": reason }));
            object.insert("nietVerdeeld".to_owned(), Value::Array(list.collect()));
        }
    }
    let answered = Answered { id: accepted.public_id, external_id, at, refusal: None };
    let native = native_wanted.then(|| native_answer(&active.catalogue, partner, &answered));
    let outcome = match native.flatten() {
        Some(native) => Outcome {
            verdict: Verdict::Accepted,
            status: native.status,
            media_type: native.media_type,
            body: native.bytes,
            follow: Some(accepted.public_id),
        },
        None => Outcome {
            verdict: Verdict::Accepted,
            status: 202,
            media_type: "application/json".to_owned(),
            body: told.to_string().into_bytes(),
            follow: Some(accepted.public_id),
        },
    };
    (outcome, told)
}

/// The receipt with its proof; without the salt where its case was erased since.
fn receipt(accepted: &Accepted, at: Timestamp) -> Value {
    let checkpoint = accepted.checkpoint.as_deref().map(str::to_owned);
    match accepted.salt {
        Some(salt) => json!(Receipt {
            id: accepted.public_id,
            ontvangen: at.into(),
            status: Stage::Ontvangen,
            zout: salt,
            hash: accepted.commitment,
            blad: None,
            controlepunt: checkpoint,
        }),
        None => json!({
            "id": accepted.public_id,
            "status": Stage::Ontvangen,
            "hash": accepted.commitment.to_string(),
            "controlepunt": checkpoint,
        }),
    }
}

/// What the hub itself says of a refusal: the JSON, and the outcome that carries it.
pub(super) fn refusal_told(refusal: &Refusal, kept: Kept) -> (Value, Outcome) {
    let problem = problem_of(refusal);
    let mut told = problem.to_json();
    if let Some(object) = told.as_object_mut() {
        object.insert("uitval".to_owned(), json!(kept.quarantine));
        if let Some((salt, commitment)) = kept.proof {
            object.insert("zout".to_owned(), json!(BASE64_STANDARD.encode(salt)));
            object.insert("hash".to_owned(), json!(commitment.to_string()));
        }
    }
    let body = told.to_string().into_bytes();
    let outcome = Outcome { body, ..Outcome::problem(&problem) };
    (told, outcome)
}

pub(super) fn refuse(
    active: &Active,
    partner: &Partner,
    refusal: &Refusal,
    kept: Kept,
    external_id: Option<&ExternalId>,
    at: Timestamp,
    native_wanted: bool,
) -> (Outcome, Value) {
    let id = PublicId::from(kept.quarantine.0);
    let (told, outcome) = refusal_told(refusal, kept);
    let answered = Answered { id, external_id, at, refusal: Some(refusal) };
    let native = native_wanted.then(|| native_answer(&active.catalogue, partner, &answered));
    let outcome = match native.flatten() {
        Some(native) => Outcome {
            verdict: Verdict::Refused,
            status: native.status,
            media_type: native.media_type,
            body: native.bytes,
            follow: None,
        },
        None => outcome,
    };
    (outcome, told)
}

fn problem_of(refusal: &Refusal) -> Problem {
    let problem = Problem::of_refusal(refusal);
    match refusal.fault {
        Fault::AndereInhoud => problem.with_detail(
            "Gebruik een nieuw berichtnummer, of stuur precies hetzelfde bericht opnieuw.",
        ),
        Fault::Ongeldig => problem.with_detail("Herstel de genoemde plaatsen en stuur opnieuw."),
        _ => problem,
    }
}
