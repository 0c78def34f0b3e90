//! What operators ask: one action each, the same from the command line with or without a running
//! hub. Answers are JSON in the words of the console; problems say what to do next.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

mod agreements;
mod couplings;
mod crowds;
mod erasures;
mod partners;
mod people;
mod regie;
mod sets;

use super::mend::ReleaseError;
use super::replay::ReplayError;
use super::restored::refused_of;
use super::{Hub, clock};
use crate::journal::{
    Decision, JournalError, QuarantineFilter, QuarantineId, QuarantineOrder, RevealOrder,
};
use crate::message::{JobChange, PartnerId, Timestamp};
use crate::transport::Answer;
use crate::transport::http::AdminDesk;

/// The actions of operators over one hub.
pub struct Office {
    pub(super) hub: Arc<Hub>,
}

/// An HTTP status with the JSON that explains it.
pub(super) type Refused = (u16, Value);
pub(super) type Told = Result<Value, Refused>;

impl Office {
    pub fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }
}

impl AdminDesk for Office {
    fn call<'a>(&'a self, action: &'a str, body: Value) -> Answer<'a, Told> {
        Box::pin(async move {
            tracing::info!(action, "action of an operator");
            self.must_be_open(action)?;
            match action {
                action if action.starts_with("herstel") => self.restored(action, body).await,
                "stand" => self.stand().await,
                "gereed" => Ok(self.hub.readiness().await),
                "ketenpartners" => self.partners().await,
                "sleutel-maken" => self.make_key(read(body)?).await,
                "sleutel-intrekken" => self.revoke_key(read(body)?).await,
                "webhookgeheim-maken" => self.make_secret(read(body)?).await,
                "schorsen" | "hervatten" => self.suspend(action, read(body)?).await,
                "deblokkeren" => self.unblock(read(body)?).await,
                "spoor" => self.trace(read(body)?).await,
                "staart" => self.tail(read(body)?).await,
                "uitleg" => self.explain(read(body)?).await,
                "herhaling-voorbeeld" => self.preview(read(body)?).await,
                "herhaling" => self.replay(read(body)?).await,
                "uitval" => self.quarantine(read(body)?).await,
                "uitval-inhoud" => self.quarantined(read(body)?).await,
                "uitval-vrijgeven" => self.release(read(body)?).await,
                "uitval-laten-vervallen" => self.drop_entry(read(body)?).await,
                "menigte-telling" => self.crowd_count(read(body)?).await,
                "menigte-voorbeeld" => self.crowd_preview(read(body)?).await,
                "klus-maken" => self.make_job(read(body)?).await,
                "klussen" => self.jobs().await,
                "klus" => self.job(read(body)?).await,
                "klus-pauzeren" => self.change_job(JobChange::Pause, read(body)?).await,
                "klus-hervatten" => self.change_job(JobChange::Resume, read(body)?).await,
                "klus-afbreken" => self.change_job(JobChange::Cancel, read(body)?).await,
                "bericht-vasthouden" => self.hold(read(body)?).await,
                "casussen" => self.cases(read(body)?).await,
                "casus" => self.case(read(body)?).await,
                "casus-tijdlijn" => self.timeline(read(body)?).await,
                "casus-opdracht" => self.order_case(read(body)?).await,
                "taken" => self.tasks(read(body)?).await,
                "afspraken" => self.agreements(read(body)?).await,
                "afspraak-maken" => self.make_agreement(read(body)?).await,
                "afspraak-inhoud" => self.agreement(read(body)?).await,
                "afspraak-wijzigen" => self.change_agreement(read(body)?).await,
                "afspraak-beeindigen" => self.end_agreement(read(body)?).await,
                "inzagen" => self.reveals().await,
                "gebruikers" => self.people().await,
                "gebruiker-toevoegen" => self.add_person(read(body)?).await,
                "gebruiker-wachtwoord" => self.change_password(read(body)?).await,
                "gebruiker-rechten" => self.change_rights(read(body)?).await,
                "gebruiker-sluiten" => self.close_person(read(body)?, true).await,
                "gebruiker-heropenen" => self.close_person(read(body)?, false).await,
                "bewijzen" => self.proofs(read(body)?).await,
                "wissen-voorbeeld" => self.erase_preview(read(body)?).await,
                "wissen-aanvragen" => self.ask_erasure(read(body)?).await,
                "wissen-goedkeuren" => self.approve_erasure(read(body)?).await,
                "wissen-weigeren" => self.refuse_erasure(read(body)?).await,
                "wissen-verzoeken" => self.erasure_requests(read(body)?).await,
                // Reading a set goes deep, so its future is not on the stack as well.
                _ => Box::pin(self.about_sets(action, body)).await,
            }
        })
    }
}

impl Office {
    /// Sets, and how partners are connected under them.
    async fn about_sets(&self, action: &str, body: Value) -> Told {
        match action {
            "set-activeren" => self.activate(read(body)?).await,
            "set-goedkeuren" => self.approve(read(body)?).await,
            "set-weigeren" => self.refuse_set(read(body)?).await,
            "set-terugzetten" => self.return_to(read(body)?).await,
            "set-schaduw" => self.shadow(read(body)?).await,
            "set-voorstel" => self.proposal(read(body)?).await,
            "sets" => self.sets().await,
            "koppelingen" => self.couplings().await,
            "koppeling" => self.coupling(read(body)?).await,
            "koppeling-proef" => self.try_example(read(body)?).await,
            "koppeling-proefbericht" => self.send_test(read(body)?).await,
            "koppeling-bereik" => self.reach(read(body)?).await,
            "wachtrijen" => self.queues().await,
            _ => Err(refused(404, "onbekende-actie", "Deze actie bestaat niet.")),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdAsked {
    id: Uuid,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentAsked {
    id: Uuid,
    #[serde(default)]
    onthullen: bool,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TraceAsked {
    id: Option<Uuid>,
    partner: Option<PartnerId>,
    kenmerk: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TailAsked {
    /// Negative: the last so many.
    na: i64,
    #[serde(default = "page")]
    limiet: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainAsked {
    id: Uuid,
    ontvanger: PartnerId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayAsked {
    id: Uuid,
    #[serde(default)]
    ontvangers: BTreeSet<PartnerId>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct QuarantineAsked {
    partner: Option<PartnerId>,
    reden: Option<String>,
    sinds: Option<Timestamp>,
    status: Option<String>,
    na: i64,
    limiet: Option<i64>,
}

const fn page() -> i64 {
    50
}

pub(super) fn read<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, Refused> {
    let body = if body.is_null() { json!({}) } else { body };
    serde_json::from_value(body).map_err(|error| {
        let text = format!("De gegevens van deze actie kloppen niet: {error}.");
        refused(400, "gegevens", &text)
    })
}

pub(super) fn refused(status: u16, code: &str, text: &str) -> Refused {
    (status, json!({ "code": code, "title": text, "status": status }))
}

pub(super) fn journal_refused(error: JournalError) -> Refused {
    match &error {
        JournalError::NotFound => refused(404, "niet-gevonden", "Hieronder is niets bekend."),
        JournalError::Erased => refused(410, "gewist", "De inhoud is gewist."),
        JournalError::Settled => refused(409, "al-afgehandeld", "Dit is al afgehandeld."),
        JournalError::TooMany(most) => refused(
            409,
            "te-veel",
            &format!("Er zijn er hoogstens {most} tegelijk geldig; trek er eerst een in."),
        ),
        JournalError::Fault(_) | JournalError::Order(_) => {
            refused(409, "niet-nu", &format!("Dit kan niet: {error}."))
        }
        JournalError::Held(holder) => crowds::held(holder),
        JournalError::SamePerson => {
            refused(403, "tweede-persoon", "Een ander dan de aanvrager moet akkoord geven.")
        }
        JournalError::StaleLease | JournalError::Stage { .. } => {
            refused(409, "niet-nu", "Dit kan in deze stand niet.")
        }
        _ => refused_of(&error).unwrap_or_else(|| {
            tracing::error!(error = %super::chain(&error), "an action failed");
            refused(503, "logboek", "Het logboek antwoordt niet; probeer het later opnieuw.")
        }),
    }
}

fn replay_refused(error: ReplayError) -> Refused {
    match error {
        ReplayError::Journal(error) => journal_refused(error),
        ReplayError::UnknownSender => {
            refused(409, "onbekende-afzender", "De afzender staat niet meer in de actieve set.")
        }
        ReplayError::Refused(refusal) => {
            let mut answer = refused(
                409,
                refusal.fault.code(),
                "Onder de huidige set wordt dit bericht geweigerd; er is niets verstuurd.",
            );
            if let Some(object) = answer.1.as_object_mut() {
                object.insert("fouten".to_owned(), json!(refusal.violations));
            }
            answer
        }
    }
}

fn release_refused(error: ReleaseError) -> Refused {
    match error {
        ReleaseError::Replay(error) => replay_refused(error),
        ReleaseError::Settled => journal_refused(JournalError::Settled),
        ReleaseError::Barred => {
            refused(409, "geschorst", "De afzender is geschorst; hervat die eerst.")
        }
        ReleaseError::NoDocument => refused(
            409,
            "geen-inhoud",
            "De inhoud is niet bewaard; vraag de afzender om het bericht opnieuw te sturen.",
        ),
        ReleaseError::StillNothing(reason) => {
            let text = format!(
                "Ook de huidige set geeft deze ontvanger niets ({reason}); er is niets verstuurd."
            );
            refused(409, "nog-steeds-niets", &text)
        }
        ReleaseError::NotTaken(outcome) => {
            let told: Value = serde_json::from_slice(&outcome.body).unwrap_or_default();
            let title = told.get("title").and_then(Value::as_str).unwrap_or_default();
            let text = format!("De hub neemt dit nu niet aan. {title}");
            refused(if outcome.status == 503 { 503 } else { 409 }, "niet-aangenomen", &text)
        }
    }
}

/// Who decides, and why, must be said.
pub(super) fn needs_name(by: &str, why: &str) -> Result<(), Refused> {
    if by.trim().is_empty() || why.trim().is_empty() {
        return Err(refused(400, "gegevens", "Zeg wie dit doet (door) en waarom (reden)."));
    }
    Ok(())
}

fn quarantine_order(asked: IdAsked, decision: Decision) -> Result<QuarantineOrder, Refused> {
    let IdAsked { id, door: by, reden: why } = asked;
    needs_name(&by, &why)?;
    Ok(QuarantineOrder { id: QuarantineId(id), decision, by, why, item: None })
}

impl Office {
    async fn stand(&self) -> Told {
        let stats = self.hub.journal.stats().await.map_err(journal_refused)?;
        Ok(json!({
            "set": self.hub.active().catalogue.digest().to_string(),
            "stand": stats,
        }))
    }

    async fn trace(&self, asked: TraceAsked) -> Told {
        let journal = &self.hub.journal;
        match asked {
            TraceAsked { id: Some(id), .. } => {
                let trace = journal.trace(id, clock::now()).await.map_err(journal_refused)?;
                Ok(json!([trace]))
            }
            TraceAsked { partner: Some(partner), kenmerk: Some(reference), .. } => {
                let found = journal.find_by_reference(&partner, &reference).await;
                let mut traces = Vec::new();
                for id in found.map_err(journal_refused)? {
                    let id = id.into();
                    let trace = journal.trace(id, clock::now()).await.map_err(journal_refused)?;
                    traces.push(json!(trace));
                }
                Ok(Value::Array(traces))
            }
            _ => Err(refused(400, "gegevens", "Noem een id, of een partner met een kenmerk.")),
        }
    }

    async fn tail(&self, asked: TailAsked) -> Told {
        let lines = self.hub.journal.tail(asked.na, asked.limiet).await;
        Ok(json!(lines.map_err(journal_refused)?))
    }

    async fn explain(&self, asked: ExplainAsked) -> Told {
        let told = self.hub.explain(asked.id, &asked.ontvanger).await.map_err(replay_refused)?;
        told.ok_or_else(|| {
            refused(404, "onbekende-partner", "Deze ontvanger staat niet in de actieve set.")
        })
    }

    async fn preview(&self, asked: ReplayAsked) -> Told {
        self.hub.replay_preview(asked.id, &asked.ontvangers).await.map_err(replay_refused)
    }

    async fn replay(&self, asked: ReplayAsked) -> Told {
        self.hub.replay(asked.id, asked.ontvangers).await.map_err(replay_refused)
    }

    async fn quarantine(&self, asked: QuarantineAsked) -> Told {
        let filter = QuarantineFilter {
            partner: asked.partner,
            reason: asked.reden,
            since: asked.sinds,
            state: asked.status,
            after: asked.na,
            limit: asked.limiet.unwrap_or(page()),
        };
        let entries = self.hub.journal.quarantine(&filter).await.map_err(journal_refused)?;
        Ok(json!(entries))
    }

    /// An entry with who saw its content; and the original bytes for who says who asks for them
    /// and why, which is in the journal before they are handed out.
    async fn quarantined(&self, asked: ContentAsked) -> Told {
        if !asked.onthullen {
            let entry = self
                .hub
                .journal
                .quarantine_entry(QuarantineId(asked.id))
                .await
                .map_err(journal_refused)?;
            let reveals = self.hub.journal.reveals(entry.id).await.map_err(journal_refused)?;
            return Ok(json!({ "uitval": entry, "inzagen": reveals }));
        }
        needs_name(&asked.door, &asked.reden)?;
        let order = RevealOrder { id: QuarantineId(asked.id), by: asked.door, why: asked.reden };
        let found = self.hub.journal.reveal(order, clock::now()).await.map_err(journal_refused)?;
        tracing::warn!(quarantine.id = %asked.id, "content was revealed");
        let document = found.bytes.map(|bytes| BASE64_STANDARD.encode(bytes));
        Ok(json!({ "uitval": found.entry, "inhoud": document }))
    }

    async fn release(&self, asked: IdAsked) -> Told {
        let order = quarantine_order(asked, Decision::Release)?;
        self.hub.release(order).await.map_err(release_refused)
    }

    async fn drop_entry(&self, asked: IdAsked) -> Told {
        let id = asked.id;
        let order = quarantine_order(asked, Decision::Drop)?;
        let decided = self.hub.journal.decide_quarantine(order, clock::now()).await;
        decided.map_err(journal_refused)?;
        self.hub.new_mail();
        Ok(json!({ "id": id, "afgehandeld": true }))
    }

    async fn proofs(&self, asked: IdAsked) -> Told {
        let proofs = self.hub.journal.proofs(asked.id, true).await.map_err(journal_refused)?;
        let keys = self.hub.journal.hub_keys();
        let verifier = crate::evidence::verifier_key(keys.name(), &keys.public_key());
        Ok(json!({ "hub": verifier, "bewijzen": proofs }))
    }
}
