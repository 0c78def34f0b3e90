//! What operators ask about connections: how each stands, what waits, and whether it works.

use serde::Deserialize;
use serde_json::json;

use super::crowds::person;
use super::{Office, Refused, Told, journal_refused, refused};
use crate::catalogue::partner::Partner;
use crate::hub::active::{Active, SetError};
use crate::hub::trial::TestError;
use crate::message::PartnerId;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CouplingAsked {
    partner: PartnerId,
    voorbeeld: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestAsked {
    partner: PartnerId,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

fn known<'a>(active: &'a Active, id: &PartnerId) -> Result<&'a Partner, Refused> {
    active.catalogue.partner(id).ok_or_else(|| {
        let text = format!("Er is geen ketenpartner {id} in de actieve set.");
        refused(404, "onbekende-partner", &text)
    })
}

fn set_refused(error: SetError) -> Refused {
    match error {
        SetError::Journal(error) => journal_refused(error),
        SetError::Missing(_) | SetError::Changed(_) => {
            let text = "De bestanden van de actieve set zijn niet bewaard; zie schakel doctor.";
            refused(409, "set-niet-bewaard", text)
        }
        _ => refused(409, "set", "De actieve set is niet te lezen; zie schakel doctor."),
    }
}

impl Office {
    /// How every partner is connected.
    pub(super) async fn couplings(&self) -> Told {
        let all = self.hub.couplings().await.map_err(journal_refused)?;
        Ok(json!({
            "set": self.hub.active().catalogue.digest().to_string(),
            "koppelingen": all,
        }))
    }

    /// How one partner's connector is and was, and what of it can be tried.
    pub(super) async fn coupling(&self, asked: CouplingAsked) -> Told {
        let active = self.hub.active();
        let partner = known(&active, &asked.partner)?;
        let history = self.hub.connector_history(&partner.connector).await;
        let tried = self.hub.rehearse(partner, None).await;
        Ok(json!({
            "verloop": history.map_err(set_refused)?,
            "proef": tried.map_err(set_refused)?,
            "proefberichten": self
                .hub
                .journal
                .test_messages(&partner.id)
                .await
                .map_err(journal_refused)?,
        }))
    }

    /// An example down the whole road; nothing is sent, and nothing is written.
    pub(super) async fn try_example(&self, asked: CouplingAsked) -> Told {
        let active = self.hub.active();
        let partner = known(&active, &asked.partner)?;
        let name = asked.voorbeeld.as_deref();
        self.hub.rehearse(partner, name).await.map_err(set_refused)
    }

    pub(super) async fn reach(&self, asked: CouplingAsked) -> Told {
        let active = self.hub.active();
        let partner = known(&active, &asked.partner)?;
        let (reached, code) = self.hub.reach(partner).await;
        Ok(json!({ "partner": partner.id, "bereikbaar": reached, "code": code }))
    }

    /// A real message to one partner, which says that it is a test.
    pub(super) async fn send_test(&self, asked: TestAsked) -> Told {
        let active = self.hub.active();
        let partner = known(&active, &asked.partner)?;
        person(&asked.door, &asked.reden)?;
        let told = self.hub.send_test(partner, (asked.door, asked.reden)).await;
        told.map_err(|error| match error {
            TestError::Set(error) => set_refused(error),
            TestError::NoExample => refused(
                409,
                "geen-proefbericht",
                "De koppeling van de gemeente heeft geen voorbeeld met gebruik \"test\"; voeg er \
                 een toe. Er is niets verstuurd.",
            ),
            TestError::Suspended => {
                refused(409, "geschorst", "Deze ketenpartner is geschorst; hervat die eerst.")
            }
            TestError::Nothing(reason) => {
                let text = format!(
                    "Deze ketenpartner krijgt onder de actieve set niets van een proefbericht \
                     van de gemeente ({reason}); er is niets verstuurd."
                );
                refused(409, "krijgt-niets", &text)
            }
        })
    }

    /// What waits for whom, and in which queue of the broker.
    pub(super) async fn queues(&self) -> Told {
        let waiting = self.hub.waiting_rows().await.map_err(journal_refused)?;
        let broker = match self.hub.has_broker() {
            true => json!({ "antwoordt": true, "rijen": self.hub.broker_queues().await }),
            false => json!(null),
        };
        Ok(json!({ "wachtrijen": waiting, "broker": broker }))
    }
}
