//! Alerts: is there somebody who hears of trouble, and do notices get there.

use super::Finding;
use crate::cli::access::{Ground, alerts_of};
use crate::cli::alert::explain;
use crate::cli::words::count;
use crate::hub::alarm::Alerts;
use crate::journal::AlarmState;
use crate::settings::Settings;
use crate::transport::http::webhook::Webhooks;

const WHAT: &str = "waarschuwingen";
const TRIAL: &str = "probeer het met: schakel alert test";
/// Alarms looked at; those that are open come first.
const ALARMS_MAX: usize = 500;

pub async fn look(ground: Ground<'_>, runs: bool) -> Vec<Finding> {
    // Settings that do not read are told by who looks at those.
    let Ok(settings) = Settings::load(ground.config) else { return Vec::new() };
    let alerts = match alerts_of(&settings, ground.data) {
        Err(halt) => {
            let (found, next) = halt.text.split_once('\n').unwrap_or((&halt.text, ""));
            return vec![Finding::wrong(WHAT, found, next)];
        }
        Ok(None) => {
            let found = "niet ingesteld: bij een storing krijgt niemand bericht";
            let next = "stel [alerts.mail] of [alerts.webhook] in, in schakel.toml";
            return vec![Finding::mind(WHAT, found, next)];
        }
        Ok(Some(alerts)) => alerts,
    };
    let mut findings = roads(&alerts).await;
    if runs {
        findings.extend(open(ground).await);
    }
    findings
}

async fn roads(alerts: &Alerts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(mailer) = &alerts.mail {
        findings.push(match mailer.greet().await {
            Ok(()) => Finding::ok(WHAT, "de mailserver groet en laat de hub binnen"),
            Err(error) => {
                let found = format!("mail: {}", explain(&error.code()));
                Finding::wrong(WHAT, found, format!("verbeter [alerts.mail]; {TRIAL}"))
            }
        });
    }
    if let Some(target) = &alerts.webhook {
        findings.push(match Webhooks::default().resolves(target).await {
            Ok(()) => Finding::ok(WHAT, "het adres van de webhook bestaat en mag"),
            Err(error) => Finding::wrong(
                WHAT,
                format!("webhook: {error}"),
                format!("verbeter [alerts.webhook]; {TRIAL}"),
            ),
        });
    }
    if findings.is_empty() {
        let next = "stel [alerts.mail] of [alerts.webhook] in, in schakel.toml";
        findings.push(Finding::mind(WHAT, "geen enkele weg is ingesteld", next));
    }
    findings
}

/// What is open now; what the journal says of itself is told elsewhere.
async fn open(ground: Ground<'_>) -> Option<Finding> {
    let alarms = ground.reader().await.ok()?.alarms(ALARMS_MAX).await.ok()?;
    let open = alarms.iter().filter(|alarm| alarm.state == AlarmState::Open).count();
    Some(match open {
        0 => Finding::ok(WHAT, "er staat geen storing open"),
        open => Finding::mind(
            WHAT,
            format!("{open} {} open", count(open, "storing staat", "storingen staan")),
            "bekijk ze met: schakel alert list",
        ),
    })
}
