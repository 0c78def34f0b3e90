//! Erasing by two people: what would go, a request, and who decides about it.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Office, Refused, Told, journal_refused, needs_name, refused};
use crate::hub::clock;
use crate::journal::{Bsn, ErasureAsk, ErasureDecision, ErasureScope, ErasureSubject};
use crate::message::CaseNumber;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErasureAsked {
    id: Option<Uuid>,
    /// Read by hand, so that no text about a wrong type can hold it.
    bsn: Option<Value>,
    /// Cases of the person that stay.
    #[serde(default)]
    behalve: Vec<CaseNumber>,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionAsked {
    verzoek: i64,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RequestsAsked {
    alle: bool,
}

/// What is meant: one thing, or the cases of a person.
enum Meant {
    One(Uuid),
    Person { cases: Vec<ErasureSubject>, left_out: Vec<CaseNumber> },
}

impl Office {
    /// What would be destroyed.
    pub(super) async fn erase_preview(&self, asked: ErasureAsked) -> Told {
        match self.meant(&asked).await? {
            Meant::One(id) => {
                let mut told = self.hub.erase_preview(id).await.map_err(journal_refused)?;
                let journal = &self.hub.journal;
                let cases = journal.cases_with(id).await.map_err(journal_refused)?;
                let cases = journal.erasure_subjects(&cases).await.map_err(journal_refused)?;
                if let Some(object) = told.as_object_mut() {
                    object.insert("casussen".to_owned(), json!(cases));
                }
                Ok(told)
            }
            Meant::Person { cases, left_out } => {
                let unsearched = self.hub.journal.unsearched().await.map_err(journal_refused)?;
                Ok(json!({
                    "casussen": cases, "weggelaten": left_out, "nietDoorzocht": unsearched,
                }))
            }
        }
    }

    /// Asks; nothing is destroyed.
    pub(super) async fn ask_erasure(&self, asked: ErasureAsked) -> Told {
        needs_name(&asked.door, &asked.reden)?;
        let scope = match self.meant(&asked).await? {
            Meant::One(id) => ErasureScope::One(id),
            Meant::Person { cases, .. } => {
                ErasureScope::Person(cases.iter().map(|case| case.id).collect())
            }
        };
        let order = ErasureAsk { scope, by: asked.door, why: asked.reden };
        let made = self.hub.journal.ask_erasure(order, clock::now()).await;
        Ok(json!(made.map_err(journal_refused)?))
    }

    /// A second person agrees, and it is destroyed.
    pub(super) async fn approve_erasure(&self, asked: DecisionAsked) -> Told {
        if asked.door.trim().is_empty() {
            return Err(refused(400, "gegevens", "Zeg wie akkoord geeft (door)."));
        }
        let active = self.hub.active();
        let order = asked.decision();
        let by = (active.rules, active.catalogue);
        let done = self.hub.journal.approve_erasure(order, by, clock::now()).await;
        let done = done.map_err(journal_refused)?;
        tracing::info!(request = done.verzoek, cases = done.gewist.len(), "content was erased");
        self.hub.new_mail();
        Ok(json!(done))
    }

    /// The request ends, and everything stays.
    pub(super) async fn refuse_erasure(&self, asked: DecisionAsked) -> Told {
        needs_name(&asked.door, &asked.reden)?;
        let number = asked.verzoek;
        let done = self.hub.journal.refuse_erasure(asked.decision(), clock::now()).await;
        done.map_err(journal_refused)?;
        Ok(json!({ "verzoek": number, "geweigerd": true }))
    }

    pub(super) async fn erasure_requests(&self, asked: RequestsAsked) -> Told {
        let lines = self.hub.journal.erasure_requests(asked.alle, clock::now()).await;
        Ok(json!(lines.map_err(journal_refused)?))
    }

    async fn meant(&self, asked: &ErasureAsked) -> Result<Meant, Refused> {
        let bsn = match (asked.id, &asked.bsn) {
            (Some(id), None) if asked.behalve.is_empty() => return Ok(Meant::One(id)),
            (None, Some(bsn)) => bsn,
            _ => return Err(refused(400, "gegevens", "Noem een id, of een bsn.")),
        };
        let bsn = bsn.as_str().and_then(Bsn::parse);
        let bsn = bsn.ok_or_else(|| refused(422, "bsn", "Dit is geen geldig BSN."))?;
        let journal = &self.hub.journal;
        let cases = journal.cases_of_person(&bsn).await.map_err(journal_refused)?;
        let mut cases = journal.erasure_subjects(&cases).await.map_err(journal_refused)?;
        let known = |number: &&CaseNumber| !cases.iter().any(|case| case.casus == **number);
        if let Some(other) = asked.behalve.iter().find(known) {
            let text = format!("Deze persoon komt niet voor in casus {other}.");
            return Err(refused(404, "niet-gevonden", &text));
        }
        cases.retain(|case| !asked.behalve.contains(&case.casus));
        if cases.is_empty() && asked.behalve.is_empty() {
            return Err(refused(404, "niet-gevonden", NOBODY));
        }
        Ok(Meant::Person { cases, left_out: asked.behalve.clone() })
    }
}

/// What is not found by a BSN, said where nothing is.
const NOBODY: &str = "Geen casus heeft een bericht met dit BSN. Zo wordt niet gevonden: wie zonder \
    BSN in een bericht staat, en wat in geweigerde stukken staat (schakel quarantine list).";

impl DecisionAsked {
    fn decision(self) -> ErasureDecision {
        ErasureDecision { number: self.verzoek, by: self.door, why: self.reden }
    }
}
