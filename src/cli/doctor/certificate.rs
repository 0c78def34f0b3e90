//! The settings and the hub's own certificate: does it fit its key, and how long is it still good.

use std::path::Path;

use super::Finding;
use crate::cli::check::chain;
use crate::hub::clock;
use crate::settings::Settings;
use crate::transport::http::tls::{Tls, ends_at};

/// Below this many days somebody should be renewing it.
const DAYS_ENOUGH: i64 = 30;

pub fn look(config: Option<&Path>) -> Vec<Finding> {
    let settings = match Settings::load(config) {
        Ok(settings) => settings,
        Err(error) => {
            let next = "verbeter schakel.toml of de variabele SCHAKEL_…; serve start zo niet";
            return vec![Finding::wrong("instellingen", error.to_string(), next)];
        }
    };
    let mut findings = vec![Finding::ok("instellingen", "zijn te lezen")];
    if let Some(tls) = settings.http.tls {
        findings.push(certificate(tls.into()));
    } else if settings.http.beyond_loopback {
        let found = "de hub luistert buiten deze machine zonder eigen TLS";
        let next = "alleen goed achter een proxy met TLS; anders: http.tls in schakel.toml";
        findings.push(Finding::mind("certificaat", found, next));
    }
    findings
}

fn certificate(files: crate::transport::http::tls::TlsFiles) -> Finding {
    const WHAT: &str = "certificaat";
    let path = files.certificate.clone();
    let shown = path.display();
    let ends = match Tls::load(files).and_then(|_| ends_at(&path)) {
        Ok(ends) => ends,
        Err(error) => {
            let next = "zet certificaat en sleutel die bij elkaar horen; de hub leest ze vanzelf";
            return Finding::wrong(WHAT, chain(&error), next);
        }
    };
    let seconds = (ends.as_micros() - clock::now().as_micros()) / 1_000_000;
    let next = "vernieuw het; de hub leest de nieuwe bestanden binnen een minuut";
    match seconds.div_euclid(86_400) {
        ..0 => Finding::wrong(WHAT, format!("{shown} is verlopen"), next),
        days @ 0..DAYS_ENOUGH => {
            Finding::mind(WHAT, format!("{shown} is nog {days} dagen geldig"), next)
        }
        days => Finding::ok(WHAT, format!("{shown} is nog {days} dagen geldig")),
    }
}
