//! `schakel doctor`: is everything as it should be, and what to do where it is not. Changes
//! nothing.

mod alerts;
mod broker;
mod certificate;
mod database;
mod machine;
mod secrets;
mod work;

use serde_json::json;

use super::access::{Ground, Halt};
use super::output::{Exit, Form, Rows, say};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    Ok,
    Mind,
    Wrong,
}

impl Grade {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Mind => "let op",
            Self::Wrong => "fout",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
pub struct Finding {
    grade: Grade,
    what: &'static str,
    found: String,
    next: String,
}

impl Finding {
    pub fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self { grade: Grade::Ok, what, found: found.into(), next: String::new() }
    }

    pub fn mind(what: &'static str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self { grade: Grade::Mind, what, found: found.into(), next: next.into() }
    }

    pub fn wrong(what: &'static str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self { grade: Grade::Wrong, what, found: found.into(), next: next.into() }
    }
}

pub async fn run(ground: Ground<'_>) -> Result<Exit, Halt> {
    let mut findings = machine::look(ground.data);
    findings.extend(certificate::look(ground.config));
    findings.extend(secrets::look(ground.config));
    findings.extend(database::look(ground).await);
    let (of_work, runs) = work::look(ground).await;
    findings.extend(of_work);
    findings.extend(broker::look(ground, runs).await);
    findings.extend(alerts::look(ground, runs).await);
    let mut rows = Rows::new(&["oordeel", "wat", "gevonden", "wat nu"]);
    for finding in &findings {
        let next = if finding.next.is_empty() { json!(null) } else { json!(finding.next) };
        rows.add(vec![
            json!(finding.grade.as_str()),
            json!(finding.what),
            json!(finding.found),
            next,
        ]);
    }
    if ground.form == Form::Table {
        for Finding { grade, what, found, next } in &findings {
            super::output::out(&format!("{:<7} {what}: {found}", grade.as_str()));
            if !next.is_empty() {
                super::output::out(&format!("        → {next}"));
            }
        }
    } else {
        rows.print(ground.form);
    }
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (wrong, mind) = (count(Grade::Wrong), count(Grade::Mind));
    say(&format!("{wrong} fout, {mind} let op, {} in orde.", count(Grade::Ok)));
    Ok(if wrong == 0 { Exit::Ok } else { Exit::Failure })
}
