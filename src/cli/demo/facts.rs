//! What happened, read back from the journal and laid beside what its partners received.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::case::CaseFacts;
use super::checks::{self, Check};
use super::parcel::Received;
use super::play::{Played, Sent, until};
use super::script::{Outage, Script, Verdict};
use super::venue::Cast;
use crate::cli::access::Halt;
use crate::cli::check::chain;
use crate::cli::output::Exit;
use crate::evidence::{Content, HubKeys, Proof, parse_verifier_key};
use crate::journal::{Journal, Store, VerifyReport};
use crate::message::PartnerId;

/// Everything that the demo tells.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    pub titel: String,
    pub datum: String,
    pub hub: String,
    pub set: String,
    pub ketenpartners: Vec<PartnerLine>,
    pub aantallen: Counts,
    pub stappen: Vec<Sent>,
    /// The road of every message that was accepted.
    pub berichten: Vec<Trace>,
    pub ontvangen: Vec<Received>,
    /// Quarantine, as operators see it.
    pub uitval: Vec<Refusal>,
    pub storing: OutageFacts,
    pub bewijzen: Vec<Proven>,
    pub logboek: VerifyReport,
    pub controles: Vec<Check>,
    pub geslaagd: bool,
    /// The case that follows the evening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub casus: Option<CaseFacts>,
    /// What partners are called in short.
    #[serde(skip)]
    pub names: BTreeMap<PartnerId, String>,
}

#[derive(Debug, Serialize)]
pub struct PartnerLine {
    pub id: PartnerId,
    pub naam: String,
    pub soort: String,
    pub standaard: String,
    pub levering: String,
}

/// How many there were; counted, never assumed.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Signals that were accepted, each counted once.
    pub signalen: usize,
    /// Kinds of partner that sent them.
    pub soorten: BTreeSet<String>,
    pub herhalingen: usize,
    pub ongeldig: usize,
    pub zonder_doelbinding: usize,
    pub wijzigingen: usize,
    pub intrekkingen: usize,
    pub zendingen: usize,
    pub terugmeldingen: usize,
    pub weigeringen: usize,
}

/// A message and what became of it, as the action `spoor` tells it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    pub bericht: Message,
    pub zendingen: Vec<Parcel>,
    pub niet_verzonden: Vec<(Option<PartnerId>, String)>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Message {
    pub id: Uuid,
    pub casus: String,
    pub afzender: PartnerId,
    pub soort: String,
    pub thema: Option<String>,
    pub spoed: bool,
    pub kanaal: String,
    pub ontvangen: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Parcel {
    pub zending: Uuid,
    pub ontvanger: PartnerId,
    pub soort: String,
    pub mediatype: String,
    pub antwoord: bool,
    pub status: String,
    pub stadium: String,
    pub reden: Option<String>,
    pub rol: Value,
    pub doelbindingen: Vec<String>,
    pub onthouden: Vec<Withheld>,
    pub pogingen: Vec<Attempt>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Withheld {
    pub pad: String,
    pub reden: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Attempt {
    pub op: String,
    pub uitkomst: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Refusal {
    pub id: Uuid,
    pub richting: String,
    pub partner: Option<PartnerId>,
    pub reden: String,
    pub bijzonderheden: Value,
    pub op: String,
}

/// A partner that was down, and the parcels that met it.
#[derive(Debug, Serialize)]
pub struct OutageFacts {
    #[serde(flatten)]
    pub outage: Outage,
    /// Requests that it turned away, by its own count.
    pub afgewezen: usize,
    /// Parcels of more than one attempt, all of which the journal has.
    pub zendingen: Vec<Uuid>,
}

/// A proof that a sender checked with nothing but its own bytes and the hub's public key.
#[derive(Debug, Serialize)]
pub struct Proven {
    pub bericht: Uuid,
    pub partner: PartnerId,
    pub blad: u64,
    pub omvang: u64,
    pub inhoud: bool,
}

impl Trace {
    /// The road of one message, from the journal.
    pub async fn read(cast: &Cast, id: Uuid) -> Result<Self, Halt> {
        let told = cast.access.call("spoor", json!({ "id": id })).await?;
        let mut traces: Vec<Self> = understand(told)?;
        traces.pop().ok_or_else(|| Halt::new(Exit::Failure, "het spoor is leeg"))
    }

    /// Who gets a parcel of it, answers aside.
    pub fn recipients(&self) -> BTreeSet<&PartnerId> {
        self.zendingen.iter().filter(|p| !p.antwoord).map(|p| &p.ontvanger).collect()
    }
}

impl Parcel {
    /// Whether an attempt is known to have failed.
    pub fn has_failed_attempt(&self) -> bool {
        self.pogingen.iter().any(|attempt| attempt.uitkomst.starts_with("later"))
    }
}

pub fn understand<T: serde::de::DeserializeOwned>(told: Value) -> Result<T, Halt> {
    serde_json::from_value(told)
        .map_err(|error| Halt::new(Exit::Failure, format!("onbegrepen antwoord: {error}")))
}

/// Reads everything back, and verifies the journal.
pub async fn read(
    script: &Script,
    cast: &Cast,
    data: &Path,
    keys: Arc<HubKeys>,
    played: Played,
) -> Result<Facts, Halt> {
    let mut traces: Vec<Trace> = Vec::new();
    for id in played.sent.iter().flat_map(|sent| &sent.berichten) {
        if !traces.iter().any(|trace| trace.bericht.id == *id) {
            traces.push(Trace::read(cast, *id).await?);
        }
    }
    let refusals = cast.access.call("uitval", json!({ "limiet": 500 })).await?;
    let stand = all_signed(cast).await?;
    let proofs = prove(cast, &played.sent).await?;
    let mut facts = Facts {
        titel: script.title.clone(),
        datum: script.date.clone(),
        hub: cast.hub.clone(),
        set: stand.get("set").and_then(Value::as_str).unwrap_or_default().to_owned(),
        ketenpartners: partners(cast).await?,
        aantallen: Counts::default(),
        storing: outage(&script.outage, &traces, played.turned_away),
        stappen: played.sent,
        berichten: traces,
        ontvangen: played.received,
        uitval: understand(refusals)?,
        bewijzen: proofs,
        logboek: verify(data, keys).await?,
        controles: Vec::new(),
        geslaagd: false,
        casus: None,
        names: script.names.clone(),
    };
    facts.aantallen = count(&facts, cast);
    facts.controles = checks::all(&facts);
    facts.geslaagd = facts.controles.iter().all(|check| check.klopt);
    Ok(facts)
}

/// Waits until every leaf of the journal is under a signature; gives the hub's figures.
pub async fn all_signed(cast: &Cast) -> Result<Value, Halt> {
    until("de ondertekening van het logboek", async || {
        let stand = cast.access.call("stand", json!({})).await?;
        let figure = |name: &str| stand.pointer(&format!("/stand/{name}")).and_then(Value::as_u64);
        let done = figure("bladen").is_some() && figure("bladen") == figure("ondertekend");
        Ok(done.then_some(stand))
    })
    .await
}

async fn partners(cast: &Cast) -> Result<Vec<PartnerLine>, Halt> {
    #[derive(Deserialize)]
    struct Line {
        id: PartnerId,
        naam: String,
        soort: String,
        levering: String,
    }
    let mut told = cast.access.call("ketenpartners", json!({})).await?;
    let lines: Vec<Line> = understand(told["ketenpartners"].take())?;
    let line = |line: Line| PartnerLine {
        standaard: cast.standard(&line.id),
        id: line.id,
        naam: line.naam,
        soort: line.soort,
        levering: line.levering,
    };
    Ok(lines.into_iter().map(line).collect())
}

/// The proofs of all that went over HTTP, asked for by its senders and checked offline.
async fn prove(cast: &Cast, sent: &[Sent]) -> Result<Vec<Proven>, Halt> {
    let mut proven = Vec::new();
    for sent in sent.iter().filter(|sent| sent.uitkomst == Verdict::Ontvangen) {
        let Some((partner, id)) = cast.partners.get(&sent.van).zip(sent.berichten.first()) else {
            continue;
        };
        let hub = cast.access.call("bewijzen", json!({ "id": id })).await?;
        let hub = hub.get("hub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, key) = parse_verifier_key(&hub)
            .map_err(|error| Halt::new(Exit::Failure, format!("geen sleutel: {error}")))?;
        let mut followed = partner.follow(&format!("/v1/berichten/{id}")).await?;
        let proofs: Vec<Proof> = understand(followed["bewijzen"].take())?;
        for proof in proofs {
            let Ok(report) = proof.verify(&name, &key, Some(sent.document)) else { continue };
            proven.push(Proven {
                bericht: *id,
                partner: sent.van.clone(),
                blad: report.index,
                omvang: report.checkpoint.size,
                inhoud: report.content == Content::Proven,
            });
        }
    }
    Ok(proven)
}

/// Reads the journal as `schakel journal verify` does, beside the hub that writes it.
pub async fn verify(data: &Path, keys: Arc<HubKeys>) -> Result<VerifyReport, Halt> {
    let journal = Journal::open_reader(&Store::in_folder(data), keys)
        .await
        .map_err(|error| Halt::new(Exit::Failure, chain(&error)))?;
    journal.verify(|_| {}).await.map_err(|error| Halt::new(Exit::Failure, chain(&error)))
}

fn outage(outage: &Outage, traces: &[Trace], turned_away: usize) -> OutageFacts {
    let parcels = traces.iter().flat_map(|trace| &trace.zendingen);
    let met = parcels.filter(|p| p.ontvanger == outage.partner && p.has_failed_attempt());
    OutageFacts {
        outage: outage.clone(),
        afgewezen: turned_away,
        zendingen: met.map(|parcel| parcel.zending).collect(),
    }
}

fn count(facts: &Facts, cast: &Cast) -> Counts {
    let parcels = || facts.berichten.iter().flat_map(|trace| &trace.zendingen);
    let verdict = |verdict| facts.stappen.iter().filter(|s| s.uitkomst == verdict).count();
    let kind = |name: &str| {
        facts.berichten.iter().filter(|trace| trace.bericht.soort.starts_with(name)).count()
    };
    let sender = |trace: &Trace| {
        cast.catalogue.partner(&trace.bericht.afzender).map(|partner| partner.kind.to_string())
    };
    let unsent = facts.berichten.iter().flat_map(|trace| &trace.niet_verzonden);
    Counts {
        signalen: facts.berichten.len(),
        soorten: facts.berichten.iter().filter_map(sender).collect(),
        herhalingen: verdict(Verdict::Herhaling),
        ongeldig: verdict(Verdict::Geweigerd),
        zonder_doelbinding: unsent.filter(|(_, reason)| reason == "geen-doelbinding").count(),
        wijzigingen: kind("signaal-aangevuld"),
        intrekkingen: kind("signaal-ingetrokken"),
        zendingen: parcels().filter(|parcel| !parcel.antwoord).count(),
        terugmeldingen: parcels().filter(|parcel| parcel.antwoord).count(),
        weigeringen: parcels().filter(|parcel| parcel.stadium == "geweigerd").count(),
    }
}
