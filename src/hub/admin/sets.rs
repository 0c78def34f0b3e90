//! What operators ask about sets: which is in force, what waits for a second person and how it
//! differs, agreeing and refusing, going back, and trying a set on traffic of before.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::crowds::person;
use super::{IdAsked, Office, Refused, Told, journal_refused, refused};
use crate::catalogue::problem::Files;
use crate::hub::activate::Asked;
use crate::hub::active::SetError;
use crate::hub::clock;
use crate::hub::shadow::{Place, RUN_MAX, RUN_USUAL, ShadowAsked, ShadowError, Tried};
use crate::journal::PartnerOrder;
use crate::message::Digest;

/// A run stops by itself after this, and goes on where somebody asks again.
const RUN_TIME: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ActivateAsked {
    /// Path to content in base64.
    bestanden: BTreeMap<String, String>,
    door: String,
    goedgekeurd_door: Option<String>,
    #[serde(default)]
    reden: String,
    #[serde(default)]
    alleen_vergelijken: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveAsked {
    id: Uuid,
    #[serde(default)]
    door: String,
    /// Of no meaning here; taken because every decision may have one.
    #[serde(default, rename = "reden")]
    _reason: String,
    /// The set with which it was compared, where somebody looked at that.
    gezien: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ReturnAsked {
    set: String,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
    #[serde(default)]
    alleen_vergelijken: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShadowBody {
    /// One of these three.
    voorstel: Option<Uuid>,
    set: Option<String>,
    bestanden: Option<BTreeMap<String, String>>,
    #[serde(default)]
    door: String,
    aantal: Option<usize>,
    /// How many it will be in all, where this is the first part.
    totaal: Option<usize>,
    /// Where a run goes on.
    na: Option<Place>,
}

fn files_of(coded: BTreeMap<String, String>) -> Result<Files, Refused> {
    let decoded = coded.into_iter().map(|(path, text)| {
        let bytes = BASE64_STANDARD
            .decode(text)
            .map_err(|_| refused(400, "gegevens", "Een bestand is geen base64."))?;
        Ok((path, bytes))
    });
    decoded.collect()
}

fn digest(text: &str) -> Result<Digest, Refused> {
    let wrong = || refused(400, "gegevens", "Een set heet met 64 hexadecimale cijfers.");
    Digest::from_hex(text).ok_or_else(wrong)
}

fn set_refused(error: SetError) -> Refused {
    match error {
        SetError::Journal(error) => journal_refused(error),
        SetError::Invalid(problems) => {
            let mut answer =
                refused(422, "set-ongeldig", "Deze set heeft fouten en wordt niet actief.");
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            if let Some(object) = answer.1.as_object_mut() {
                object.insert("fouten".to_owned(), json!(lines));
            }
            answer
        }
        SetError::Moved => refused(
            409,
            "set-veranderd",
            "Intussen werd een andere set actief. Bekijk het verschil opnieuw voor u beslist.",
        ),
        SetError::Missing(_) => refused(
            409,
            "set-niet-bewaard",
            "De bestanden van deze set zijn niet bewaard. Activeer haar vanuit haar map: schakel \
             --config MAP activate.",
        ),
        other => {
            tracing::error!(error = %crate::hub::chain(&other), "a set could not be kept");
            refused(503, "set", "De set kon niet worden bewaard; kijk naar de schijf.")
        }
    }
}

impl Office {
    pub(super) async fn activate(&self, asked: ActivateAsked) -> Told {
        let files = files_of(asked.bestanden)?;
        let asked = Asked {
            by: asked.door,
            approved_by: asked.goedgekeurd_door,
            note: asked.reden,
            dry_run: asked.alleen_vergelijken,
        };
        self.hub.activate(&files, &asked).await.map_err(set_refused)
    }

    pub(super) async fn approve(&self, asked: ApproveAsked) -> Told {
        let seen = asked.gezien.as_deref().map(digest).transpose()?;
        self.hub.approve(asked.id, asked.door, seen).await.map_err(set_refused)
    }

    pub(super) async fn sets(&self) -> Told {
        self.hub.sets().await.map_err(journal_refused)
    }

    pub(super) async fn proposal(&self, asked: IdAsked) -> Told {
        self.hub.proposal(asked.id).await.map_err(set_refused)
    }

    pub(super) async fn refuse_set(&self, asked: IdAsked) -> Told {
        let IdAsked { id, door: by, reden: why } = asked;
        person(&by, &why)?;
        let order = PartnerOrder::Refuse { id, by, why };
        let done = self.hub.journal.partner_order(order, clock::now()).await;
        done.map_err(journal_refused)?;
        Ok(json!({ "voorstel": id, "status": "geweigerd" }))
    }

    pub(super) async fn return_to(&self, asked: ReturnAsked) -> Told {
        let set = digest(&asked.set)?;
        if !asked.alleen_vergelijken {
            person(&asked.door, &asked.reden)?;
        }
        let asked = Asked {
            by: asked.door,
            approved_by: None,
            note: asked.reden,
            dry_run: asked.alleen_vergelijken,
        };
        self.hub.return_to(set, &asked).await.map_err(set_refused)
    }

    pub(super) async fn shadow(&self, asked: ShadowBody) -> Told {
        let tried = match (asked.voorstel, asked.set, asked.bestanden) {
            (Some(id), None, None) => Tried::Proposal(id),
            (None, Some(set), None) => Tried::Set(digest(&set)?),
            (None, None, Some(files)) => Tried::Files(files_of(files)?),
            _ => {
                let text = "Noem een voorstel, een set, of bestanden; een van de drie.";
                return Err(refused(400, "gegevens", text));
            }
        };
        if asked.door.trim().is_empty() {
            return Err(refused(400, "gegevens", "Zeg wie dit vraagt (door)."));
        }
        let count = asked.aantal.unwrap_or(RUN_USUAL).clamp(1, RUN_MAX);
        let asked = ShadowAsked {
            tried,
            by: asked.door,
            count,
            total: asked.totaal.unwrap_or(count).clamp(count, RUN_MAX),
            before: asked.na,
            time: RUN_TIME,
        };
        match self.hub.shadow(asked).await {
            Ok(told) => Ok(json!(told)),
            Err(ShadowError::Set(error)) => Err(set_refused(error)),
            Err(ShadowError::Busy) => {
                let text = "Er loopt al een schaduwloop; wacht tot die klaar is.";
                Err(refused(409, "schaduw-bezig", text))
            }
        }
    }
}
