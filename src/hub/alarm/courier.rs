//! Sends notices along one road: claims the oldest, sends it, says how that went. Whatever happens
//! in between, the lease ends and it is sent again under the same id, by this hub or another.

use serde_json::Value;
use uuid::Uuid;

use super::{Alerts, notice, regie};
use crate::hub::{Hub, clock};
use crate::journal::{ClaimedNotice, JournalError, NoticeOutcome, Road};
use crate::message::Timestamp;
use crate::transport::http::webhook::{Letter, WebhookOutcome, Webhooks};
use crate::transport::ladder;
use crate::transport::mail::Mail;

/// Longer than one attempt can take.
const LEASE_S: i64 = 45;

/// How an attempt went: how many readers were refused, or a word that says why nobody got it.
pub type Tried = Result<usize, String>;

/// Sends what is due along one road.
pub struct Courier {
    alerts: Alerts,
    road: Road,
}

impl Courier {
    pub const fn new(alerts: Alerts, road: Road) -> Self {
        Self { alerts, road }
    }

    /// Sends one notice; false where none was due.
    pub async fn step(&self, hub: &Hub) -> Result<bool, JournalError> {
        let journal = hub.journal();
        // A claim is a write, so it is asked first whether there is anything to claim.
        if !journal.notice_due(self.road, clock::now()).await? {
            return Ok(false);
        }
        let claimed = journal.claim_notice(self.road, clock::now(), LEASE_S).await?;
        let Some(claimed) = claimed else { return Ok(false) };
        let tried = send(&self.alerts, &hub.webhooks, self.road, claimed.id, &claimed.body).await;
        let now = clock::now();
        let outcome = outcome_of(&claimed, tried, now);
        match journal.settle_notice(&claimed, self.road, outcome, now).await {
            // The lease ended; another sends it again, under the same id.
            Err(JournalError::StaleLease) => Ok(true),
            settled => settled.map(|()| true),
        }
    }
}

fn outcome_of(claimed: &ClaimedNotice, tried: Tried, now: Timestamp) -> NoticeOutcome {
    let ClaimedNotice { id, attempts, .. } = claimed;
    match tried {
        Ok(refused) => {
            tracing::info!(notice.id = %id, attempt = attempts, "a notice was sent");
            if refused > 0 {
                tracing::warn!(notice.id = %id, refused,
                    "the mail server refused readers: look at alerts.mail.to");
            }
            NoticeOutcome::Sent
        }
        Err(code) => match ladder::notice_delay(*attempts, *id) {
            Some(delay) => {
                tracing::warn!(notice.id = %id, attempt = attempts, code,
                    "a notice could not be sent and is tried again");
                let delay = i64::try_from(delay).unwrap_or(i64::MAX);
                NoticeOutcome::Later { at: now.plus_seconds(delay), code }
            }
            None => {
                tracing::error!(notice.id = %id, attempt = attempts, code,
                    "A NOTICE WAS GIVEN UP: look at the settings of alerts, schakel alert test");
                NoticeOutcome::GivenUp { code }
            }
        },
    }
}

/// One attempt.
pub(super) async fn send(
    alerts: &Alerts,
    webhooks: &Webhooks,
    road: Road,
    id: Uuid,
    body: &str,
) -> Tried {
    let now = clock::now();
    match road {
        Road::Mail | Road::Regie | Road::Piket => {
            let mailer = match road {
                Road::Regie => &alerts.regie,
                Road::Piket => &alerts.piket,
                _ => &alerts.mail,
            };
            let mailer = mailer.as_ref().ok_or("niet-ingesteld")?;
            let told: Value = serde_json::from_str(body).unwrap_or_default();
            let of_cases = told.get("soort").is_some_and(|kind| kind == "regie");
            let (subject, text) = if of_cases { regie::mail(&told) } else { notice::mail(&told) };
            let mail = Mail { id, subject, text, now };
            mailer.send(mail).await.map_err(|error| error.code())
        }
        Road::Webhook => {
            let target = alerts.webhook.as_ref().ok_or("niet-ingesteld")?;
            let letter = Letter {
                id: id.to_string(),
                media_type: "application/json",
                bytes: body.as_bytes(),
                headers: Vec::new(),
            };
            match webhooks.post(target, &letter, now).await {
                WebhookOutcome::Delivered { .. } => Ok(0),
                WebhookOutcome::Retry { code, .. } => Err(code.to_owned()),
                WebhookOutcome::Refused { status } => Err(format!("http-{status}")),
                WebhookOutcome::Blocked(blocked) => Err(format!("geblokkeerd-{}", blocked.code())),
            }
        }
    }
}

/// Sends a marked trial by every road, and tells how each went.
pub async fn trial(alerts: &Alerts, hub_name: &str, id: Uuid) -> Vec<(Road, Tried)> {
    let body = notice::trial(&id.to_string(), hub_name, clock::now()).to_string();
    let webhooks = Webhooks::default();
    let mut told = Vec::new();
    for road in alerts.all_roads() {
        told.push((road, send(alerts, &webhooks, road, id, &body).await));
    }
    told
}
