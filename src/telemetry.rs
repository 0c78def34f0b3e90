//! Log lines: to standard error, as text or JSON, at the level that `SCHAKEL_LOG` says.

use tracing_subscriber::EnvFilter;

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
