//! Log lines: to standard error, as text or JSON, at the level that `SCHAKEL_LOG` says. And
//! figures, for Prometheus to fetch.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::hub::{Hub, chain, clock, meters};
use crate::message::PartnerId;
use crate::transport::http::metrics::Figures;
use crate::transport::http::tls;
use crate::transport::{Answer, PartnerDesk as _};

/// Upper ends of the buckets in which answers are counted, in seconds.
const ANSWER_BUCKETS: [f64; 11] = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0];

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    Text,
    Json,
}

/// Starts logging. Once a process; later calls change nothing.
pub fn start(form: LogForm, default_level: &str) {
    let filter =
        EnvFilter::try_from_env("SCHAKEL_LOG").unwrap_or_else(|_| EnvFilter::new(default_level));
    // lapin writes a message that the broker returned into the log, its body included. What
    // concerns the broker is said by transport/amqp.
    let filter = match "lapin=off".parse() {
        Ok(silent) => filter.add_directive(silent),
        Err(_) => filter,
    };
    // A log that cannot be written (its disk is full) must not panic in the task that logs.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let _started_before = match form {
        LogForm::Text => lines.try_init(),
        LogForm::Json => lines.json().try_init(),
    };
}

/// The one recorder of this process.
static EXPORTER: OnceLock<PrometheusHandle> = OnceLock::new();

/// The figures of a hub: what was counted, and what its journal shows at the moment of asking.
pub struct Meter {
    hub: Arc<Hub>,
    exporter: PrometheusHandle,
    /// The certificate of the hub's door.
    certificate: Option<PathBuf>,
    reasons: Mutex<meters::Reasons>,
}

impl Meter {
    /// Starts counting, in all of this process.
    pub fn start(hub: Arc<Hub>, certificate: Option<PathBuf>) -> Result<Self, BuildError> {
        let exporter = match EXPORTER.get() {
            Some(exporter) => exporter.clone(),
            None => {
                let matcher = Matcher::Full(meters::ANSWER_SECONDS.to_owned());
                let builder =
                    PrometheusBuilder::new().set_buckets_for_metric(matcher, &ANSWER_BUCKETS)?;
                let exporter = builder.install_recorder()?;
                meters::describe();
                EXPORTER.get_or_init(|| exporter).clone()
            }
        };
        Ok(Self { hub, exporter, certificate, reasons: Mutex::default() })
    }

    async fn look(&self) {
        let now = clock::now();
        let catalogue = self.hub.active().catalogue;
        let partners: Vec<PartnerId> = catalogue.partners.keys().cloned().collect();
        match self.hub.journal().observe(&partners).await {
            Ok(seen) => {
                let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
                meters::observed(&seen, &mut reasons, now);
            }
            // What was counted is told all the same, and that the hub is not ready.
            Err(error) => tracing::warn!(error = %chain(&error), "the journal shows no figures"),
        }
        meters::ready(&self.hub.ready().await);
        if let Some(Ok(ends)) = self.certificate.as_deref().map(tls::ends_at) {
            meters::certificate(ends, now);
        }
    }
}

impl Figures for Meter {
    fn text(&self) -> Answer<'_, String> {
        Box::pin(async move {
            self.look().await;
            self.exporter.run_upkeep();
            self.exporter.render()
        })
    }
}
