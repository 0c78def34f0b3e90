//! The databases: reachable, new enough, flushing, at the right step, with room and the same time.

use super::Finding;
use crate::cli::access::{Ground, exists, start_halt};
use crate::cli::check::chain;
use crate::cli::words::moment;
use crate::hub::{StartError, clock};
use crate::journal::{POSTGRES_LEAST, ServerReport, StoreReport};
use crate::message::Timestamp;

const WHAT: &str = "database";

/// A hub opens this many at most: for reading and writing, journal and keys.
const CONNECTIONS_NEEDED: i64 = 20;
/// Clocks that differ more than this disturb terms and certificates; beyond the second, proofs.
const APART_MIND_S: i64 = 1;
const APART_WRONG_S: i64 = 5;

pub async fn look(ground: Ground<'_>) -> Vec<Finding> {
    let store = match ground.store() {
        Ok(store) => store,
        Err(halt) => {
            let next = "verbeter [journal] in schakel.toml of in de omgeving";
            return vec![Finding::wrong(WHAT, halt.text, next)];
        }
    };
    match exists(&store).await {
        Ok(true) => {}
        // What is not there yet is told with the journal.
        Ok(false) => return Vec::new(),
        Err(halt) => {
            return vec![Finding::wrong(WHAT, halt.text, "draait de server, en mag u erbij?")];
        }
    }
    let before = clock::now();
    match store.examine().await {
        Ok(reports) => {
            let asked =
                Timestamp::from_micros(i64::midpoint(before.as_micros(), clock::now().as_micros()));
            reports.iter().flat_map(|report| judge(report, asked)).collect()
        }
        Err(error) => {
            let halt = start_halt(&StartError::Journal(error));
            vec![Finding::wrong(WHAT, halt.text, "draait de server, en mag u erbij?")]
        }
    }
}

fn judge(report: &StoreReport, asked: Timestamp) -> Vec<Finding> {
    let StoreReport { name, version, step: (found, known), server } = report;
    let mut findings = Vec::new();
    match (found, known) {
        (found, known) if found > known => findings.push(Finding::wrong(
            WHAT,
            format!("{name}: stap {found} van het schema, en deze schakel kent er {known}"),
            "gebruik de nieuwere schakel die het schema maakte",
        )),
        (found, known) if found < known => findings.push(Finding::mind(
            WHAT,
            format!("{name}: stap {found} van het schema, en er zijn er {known}"),
            "dat doet schakel serve bij de start",
        )),
        _ => {}
    }
    if let Some(server) = server {
        findings.extend(of_server(name, server, asked));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(WHAT, format!("{name}: {version}, stap {found} van het schema")));
    }
    findings
}

fn of_server(name: &str, server: &ServerReport, asked: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if server.major < POSTGRES_LEAST {
        let found = format!("{name}: PostgreSQL {} is te oud", server.major);
        let next = format!("neem PostgreSQL {POSTGRES_LEAST} of nieuwer");
        findings.push(Finding::wrong(WHAT, found, next));
    }
    if let Some(error) = &server.unflushed {
        let next = "zet het aan; de hub start zo niet, want aangenomen is op schijf";
        findings.push(Finding::wrong(WHAT, format!("{name}: {}", chain(error)), next));
    }
    let (free, most) = (server.connections_free, server.connections_max);
    if free < CONNECTIONS_NEEDED {
        let found = format!("{name}: nog {free} van {most} verbindingen vrij");
        let next = "verhoog max_connections, of sluit wat er te veel openstaat";
        findings.push(if free <= 0 {
            Finding::wrong(WHAT, found, next)
        } else {
            Finding::mind(WHAT, found, next)
        });
    }
    let apart = server.clock.seconds_since(asked);
    if apart.abs() >= APART_MIND_S {
        let found = format!("{name}: de klok van de server staat op {}", moment(server.clock));
        let next = "zet beide klokken gelijk (NTP)";
        findings.push(if apart.abs() >= APART_WRONG_S {
            Finding::wrong("klok", found, next)
        } else {
            Finding::mind("klok", found, next)
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Grade;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(second)
    }

    fn grades(change: impl FnOnce(&mut StoreReport)) -> Vec<Grade> {
        let mut report = StoreReport {
            name: "logboek",
            version: "PostgreSQL 15.9".to_owned(),
            step: (1, 1),
            server: Some(ServerReport {
                major: 15,
                unflushed: None,
                clock: at(100),
                connections_free: 90,
                connections_max: 97,
            }),
        };
        change(&mut report);
        judge(&report, at(100)).iter().map(|finding| finding.grade).collect()
    }

    fn server(report: &mut StoreReport) -> &mut ServerReport {
        report.server.as_mut().unwrap()
    }

    #[test]
    fn each_figure_is_judged() {
        assert_eq!(grades(|_| {}), [Grade::Ok]);
        assert_eq!(grades(|report| report.step = (2, 1)), [Grade::Wrong]);
        assert_eq!(grades(|report| report.step = (0, 1)), [Grade::Mind]);
        assert_eq!(grades(|report| server(report).major = 14), [Grade::Wrong]);
        assert_eq!(grades(|report| server(report).connections_free = 5), [Grade::Mind]);
        assert_eq!(grades(|report| server(report).connections_free = 0), [Grade::Wrong]);
        assert_eq!(grades(|report| server(report).clock = at(102)), [Grade::Mind]);
        assert_eq!(grades(|report| server(report).clock = at(95)), [Grade::Wrong]);
        let unflushed =
            crate::journal::OpenError::Unflushed { setting: "fsync", value: "off".to_owned() };
        let off = grades(|report| server(report).unflushed = Some(unflushed));
        assert_eq!(off, [Grade::Wrong]);
    }
}
