//! A hub over a journal that is only read: it says so at every door, sends nothing, and is opened
//! by its operators after a comparison. Why and how is the journal's to say; see its `standing`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::admin::{Office, Refused, Told, journal_refused, needs_name, read, refused};
use super::{Hub, clock};
use crate::evidence::{ErasedCase, Restart};
use crate::journal::JournalError;
use crate::message::{Second, Timestamp};
use crate::transport::{Check, Outcome, Unavailable};

/// Said with readiness, and to operators who ask for what cannot be now.
pub const CLOSED: &str = "Het logboek wordt alleen gelezen: het is teruggezet of ouder dan wat is \
    ondertekend. Vergelijk het met schakel restore compare, en geef het daarna vrij met schakel \
    restore release.";

/// Actions that show content, or what would be made of it: an erasure that nobody told of yet would
/// be undone by them. What writes is refused by the journal itself.
const NEEDS_OPEN: [&str; 3] = ["uitleg", "herhaling-voorbeeld", "menigte-voorbeeld"];

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct CompareAsked {
    /// Signed notes.
    controlepunten: Vec<String>,
    wissingen: Vec<ErasureAsked>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErasureAsked {
    casus: Uuid,
    op: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseAsked {
    door: String,
    reden: String,
}

impl Hub {
    /// Whether nothing may be taken, made or sent.
    pub fn is_closed(&self) -> bool {
        self.journal.is_closed()
    }

    /// The answer to whoever brings something meanwhile.
    pub(super) fn while_closed(&self) -> Option<Outcome> {
        self.is_closed().then(|| Outcome::closed(Unavailable::CLOSED_RETRY_S))
    }

    /// What readiness says of the journal and its witness.
    pub(super) fn standing_checks(&self) -> Vec<Check> {
        let open = !self.is_closed();
        vec![
            Check {
                name: "logboek-vergeleken".to_owned(),
                ready: open,
                vital: true,
                why: (!open).then_some(CLOSED),
            },
            Check::part("logboek-getuige", self.journal.witness_is_well(), false),
        ]
    }
}

/// What partners are told of releases: what was left behind, and not who decided so and why.
pub(super) fn told_of(restarts: &[Restart]) -> Value {
    let told = restarts.iter().map(|restart| {
        json!({
            "reeks": restart.series,
            "op": Second::from(restart.at),
            "verderNa": restart.from,
            "bekend": restart.known,
            "ontbrekendeBladen": restart.missing,
            "andereBoom": restart.differs,
        })
    });
    Value::Array(told.collect())
}

impl Office {
    /// Actions about a journal that was put back.
    pub(super) async fn restored(&self, action: &str, body: Value) -> Told {
        match action {
            "herstel" => Ok(json!({ "herstel": self.hub.journal.closed() })),
            "herstel-vergelijken" => self.compare(read(body)?).await,
            "herstel-vrijgeven" => self.release_journal(read(body)?).await,
            _ => Err(refused(404, "onbekende-actie", "Deze actie bestaat niet.")),
        }
    }

    pub(super) fn must_be_open(&self, action: &str) -> Result<(), Refused> {
        if self.hub.is_closed() && NEEDS_OPEN.contains(&action) {
            return Err(journal_refused(JournalError::Closed));
        }
        Ok(())
    }

    async fn compare(&self, asked: CompareAsked) -> Told {
        let CompareAsked { controlepunten: notes, wissingen } = asked;
        let erased: BTreeSet<ErasedCase> = wissingen
            .into_iter()
            .map(|ErasureAsked { casus: holder, op: at }| ErasedCase { holder, at })
            .collect();
        let journal = &self.hub.journal;
        let found = journal.compare(notes, erased, clock::now()).await.map_err(journal_refused)?;
        Ok(json!({ "vergelijking": found, "herstel": journal.closed() }))
    }

    async fn release_journal(&self, asked: ReleaseAsked) -> Told {
        needs_name(&asked.door, &asked.reden)?;
        let journal = &self.hub.journal;
        let released = journal.reopen(asked.door, asked.reden, clock::now()).await;
        let released = released.map_err(journal_refused)?;
        // Tokens and suspensions may be others than those that were read at the start.
        self.hub.directory.forget(journal).await.map_err(journal_refused)?;
        self.hub.new_mail();
        Ok(json!({ "reeks": released.series, "id": released.id, "verderNa": released.size }))
    }
}

/// What operators hear of an order that a closed journal does not carry out, or of one about it.
pub(super) fn refused_of(error: &JournalError) -> Option<Refused> {
    Some(match error {
        JournalError::Closed => refused(503, "alleen-lezen", CLOSED),
        JournalError::NotCompared => refused(
            409,
            "niet-vergeleken",
            "Het logboek is nog niet vergeleken, of er is sindsdien iets nieuwers bekend; \
             vergelijk eerst met schakel restore compare.",
        ),
        JournalError::NotClosed => {
            refused(409, "niet-dicht", "Het logboek is al open: er valt niets vrij te geven.")
        }
        JournalError::OtherCheckpoint(number) => {
            let text = format!("Controlepunt {number} is niet door deze hub ondertekend.");
            refused(422, "ander-controlepunt", &text)
        }
        JournalError::NothingKnown => refused(
            409,
            "niets-bekend",
            "Er is geen controlepunt om mee te vergelijken: de getuige is er niet. Noem er een met \
             --checkpoint, uit een ontvangstbewijs of zending bij een ketenpartner; is dat er echt \
             niet, dan het manifest van de reservekopie.",
        ),
        _ => return None,
    })
}
