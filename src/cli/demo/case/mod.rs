//! Act two: one case from its first signal to its evaluation, on the same hub, which now directs.
//!
//! Every answer is a document that a partner sends in its own format over its own channel, every
//! request is collected as it would be. Only the time is played: between two things that happen the
//! clock of this process moves on.

mod checks;
mod play;
mod script;
mod story;
mod time;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use self::play::Case;
use super::checks::Check;
use super::facts::{Facts, Trace, all_signed, understand, verify};
use super::listener::Listener;
use super::parcel::Received;
use super::script::Script;
use super::venue::Cast;
use crate::casework::evaluate::{Asked, Evaluation};
use crate::cli::access::Halt;
use crate::cli::check::chain;
use crate::cli::evaluate;
use crate::cli::output::Exit;
use crate::evidence::HubKeys;
use crate::hub::{Hub, clock};
use crate::journal::{Journal, Store, VerifyReport};
use crate::message::{PartnerId, Timestamp};

pub use self::script::CaseScript;
pub use self::story::tell;
pub use self::time::PlayedTime;

/// The theme of the case, and of its evaluation.
const THEME: &str = "woonoverlast";

/// The case as it went.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseFacts {
    pub titel: String,
    /// How the time went, in words.
    pub tijd: &'static str,
    /// When the hub believed that the demo began, and when it was really evaluated.
    pub begin: Timestamp,
    pub nu: Timestamp,
    pub casus: String,
    pub draaiboek: Option<String>,
    pub stappen: Vec<Played>,
    pub tijdlijn: Vec<Line>,
    pub taken: Vec<TaskFacts>,
    pub deelnemers: BTreeSet<PartnerId>,
    pub terugroep: RecallFacts,
    pub evaluatie: Evaluation,
    /// The journal after all of it.
    pub logboek: VerifyReport,
    pub controles: Vec<Check>,
    pub geslaagd: bool,
    #[serde(skip)]
    pub script: CaseScript,
    /// Signals of the theme that the evening before it had.
    #[serde(skip)]
    pub signals_before: usize,
}

/// One step, and what it led to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Played {
    /// By the clock of the hub.
    pub op: Timestamp,
    /// A partner, `regisseur` or `klok`.
    pub wie: String,
    pub verhaal: String,
    /// What was sent: its form, its media type, and how it was answered.
    pub stuurde: Option<SentFacts>,
    /// What came on the timeline.
    pub tijdlijn: Vec<Line>,
    pub fase: String,
    pub ontvangen: Vec<Received>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentFacts {
    pub vorm: String,
    pub mediatype: String,
    #[serde(rename = "bytes")]
    pub size_bytes: usize,
    pub status: u16,
    pub antwoord: String,
    /// The public id of the message, where it was accepted.
    pub bericht: Option<Uuid>,
}

/// A line of the timeline, as the action `casus-tijdlijn` gives it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub op: Timestamp,
    pub wat: String,
    pub ketenpartner: Option<PartnerId>,
    pub bijzonderheid: Option<String>,
    pub door: Option<String>,
    pub reden: Option<String>,
}

/// A task, as the action `casus` gives it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskFacts {
    pub taak: Uuid,
    pub stap: Option<String>,
    pub vraag: String,
    pub ketenpartner: Option<PartnerId>,
    pub te_beslissen: Option<String>,
    pub stand: String,
    pub reden: Option<String>,
    pub resultaat: Option<String>,
}

/// Who had the signal, and who got its correction.
#[derive(Debug, Default, Serialize)]
pub struct RecallFacts {
    pub signaal: BTreeSet<PartnerId>,
    pub correctie: BTreeSet<PartnerId>,
    /// Who said that it took the correction over.
    pub bevestigd: BTreeSet<PartnerId>,
}

/// What the case is played with.
pub struct Stage<'a> {
    pub evening: &'a Script,
    pub cast: &'a Cast,
    pub listener: &'a Listener,
    pub hub: Arc<Hub>,
    pub keys: Arc<HubKeys>,
    pub data: &'a Path,
}

/// Plays the case after the evening, and reads back what became of it.
pub async fn play(
    stage: Stage<'_>,
    time: &mut PlayedTime,
    evening: &Facts,
) -> Result<CaseFacts, Halt> {
    let begin = time.began;
    let Stage { cast, data, keys, .. } = &stage;
    let script = CaseScript::shipped()?;
    stage.hub.begin_to_direct();
    let (number, steps) = Case::play(&script, &stage, time).await?;
    time.go_home();
    let told = cast.access.call("casus", json!({ "casus": number })).await?;
    let lines = cast.access.call("casus-tijdlijn", json!({ "casus": number })).await?;
    let list = |name: &str| told.get(name).cloned().unwrap_or_default();
    let terugroep = recall(cast, &steps).await?;
    all_signed(cast).await?;
    let mut facts = CaseFacts {
        titel: script.title.clone(),
        tijd: "gespeeld: de klok van de hub sprong van het ene moment naar het volgende",
        begin,
        nu: clock::now(),
        casus: number,
        draaiboek: told.get("draaiboek").and_then(Value::as_str).map(str::to_owned),
        stappen: steps,
        tijdlijn: understand(lines)?,
        taken: understand(list("taken"))?,
        deelnemers: understand(list("deelnemers"))?,
        terugroep,
        evaluatie: evaluation(cast, data, keys.clone(), begin).await?,
        logboek: verify(data, keys.clone()).await?,
        controles: Vec::new(),
        geslaagd: false,
        signals_before: evening.berichten.iter().filter(|trace| is_signal(trace)).count(),
        script,
    };
    facts.controles = checks::all(&facts);
    facts.geslaagd = facts.controles.iter().all(|check| check.klopt);
    Ok(facts)
}

fn is_signal(trace: &Trace) -> bool {
    trace.bericht.thema.as_deref() == Some(THEME)
        && trace.bericht.soort.starts_with("signaal-gemeld")
}

/// Who got the signal, and who the correction of it: by the journal.
async fn recall(cast: &Cast, steps: &[Played]) -> Result<RecallFacts, Halt> {
    let mut facts = RecallFacts::default();
    for id in steps.iter().filter_map(|step| step.stuurde.as_ref()?.bericht) {
        let trace = Trace::read(cast, id).await?;
        let got = trace.recipients().into_iter().cloned();
        if trace.bericht.soort.starts_with("signaal-gemeld") {
            facts.signaal.extend(got);
        } else if trace.bericht.soort.starts_with("signaal-aangevuld") {
            facts.correctie.extend(got);
            let said = trace.zendingen.iter().filter(|parcel| parcel.stadium == "geaccepteerd");
            facts.bevestigd.extend(said.map(|parcel| parcel.ontvanger.clone()));
        }
    }
    Ok(facts)
}

/// What `schakel evaluate` makes of the days of the demo.
async fn evaluation(
    cast: &Cast,
    data: &Path,
    keys: Arc<HubKeys>,
    begin: Timestamp,
) -> Result<Evaluation, Halt> {
    let failed = |text: String| Halt::new(Exit::Failure, text);
    let journal = Journal::open_reader(&Store::in_folder(data), keys).await;
    let journal = journal.map_err(|error| failed(chain(&error)))?;
    let now = clock::now();
    let asked = Asked::new(begin.amsterdam_day(), now.amsterdam_day(), now);
    let mut asked = asked.ok_or_else(|| failed("de demo begon na vandaag".to_owned()))?;
    asked.theme = Some(THEME.to_owned());
    evaluate::of_journal(&journal, &cast.catalogue, &asked).await
}
