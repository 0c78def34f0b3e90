//! The facts of a period: what an evaluation is told, and what it is not.

use super::desk::{Desk, partner, signal};
use super::place::On;
use crate::casework::TaskState;
use crate::casework::evaluate::{CaseFact, Fact, TaskFact};
use crate::journal::Span;
use crate::message::{PartnerId, Timestamp};

on_both_stores! {
    an_evaluation_is_told_signals_cases_and_tasks_of_its_period,
    facts_come_by_the_page_and_none_twice,
}

fn day(text: &str) -> Timestamp {
    Timestamp::parse(&format!("{text}T00:00:00Z")).unwrap()
}

async fn facts(desk: &Desk, from: &str, before: &str) -> Vec<Fact> {
    let kind_of = |id: &PartnerId| format!("soort van {id}");
    let mut facts = Vec::new();
    let span = Span { from: day(from), before: day(before) };
    desk.journal.facts(span, &kind_of, &mut |fact| facts.push(fact.clone())).await.unwrap();
    facts
}

/// A dossier behind the journal's back, of the case of the message that `which` picks.
async fn dossier(desk: &Desk, which: &str, document: &str) {
    let opened = desk.now().as_micros();
    desk.tamper(&format!(
        "insert into dossier (case_id, document, phase, theme, area, lasting, opened_at,
            closed_at, due_at, changed_at)
         select case_id, '{document}', 'gesloten', 'overlast', 'BU07721318', 1, {opened},
            {opened} + 1000000, null, {opened} from inbox where {which}"
    ))
    .await;
}

async fn an_evaluation_is_told_signals_cases_and_tasks_of_its_period(on: On) {
    let desk = Desk::new(on).await;
    let at = desk.now();
    desk.accepted(&signal("f-1", "k-1", &["woonbedrijf"])).await;
    desk.accepted(&signal("f-2", "k-2", &["woonbedrijf"])).await;
    desk.accepted(&signal("f-3", "k-3", &["woonbedrijf"])).await;
    assert!(facts(&desk, "2026-01-01", "2027-01-01").await.is_empty(), "exercises are not real");
    desk.tamper("update inbox set usage = 'echt' where seq <= 2").await;
    desk.tamper("update cases set usage = 'echt'").await;
    dossier(&desk, "seq = 1", "{}").await;
    dossier(&desk, "seq = 2", "{}").await;
    desk.tamper(
        "update dossier set merged_into = (select case_id from inbox where seq = 1)
         where case_id = (select case_id from inbox where seq = 2)",
    )
    .await;
    let asked = at.as_micros();
    desk.tamper(&format!(
        "insert into timeline (case_id, at, code, detail)
         select case_id, {asked}, 'fase', 'heropend' from inbox where seq = 1"
    ))
    .await;
    // The id of a message serves as that of a task; the second is a coordinator's own.
    for (seq, who, question) in [(1, "'woonbedrijf'", "null"), (2, "null", "'maatwerk'")] {
        desk.tamper(&format!(
            "insert into task (id, case_id, action, partner, question, state, urgent, asked_at,
                ended_at, received_by, accepted_by, done_by, reason)
             select id, case_id, 'huisbezoek', {who}, {question}, 'geweigerd', 0, {asked}, {asked},
                {asked}, {asked}, {asked}, 'geen-capaciteit' from inbox where seq = {seq}"
        ))
        .await;
    }

    let found = facts(&desk, "2026-01-01", "2027-01-01").await;
    let kinds: Vec<(&str, Option<&str>)> = found
        .iter()
        .filter_map(|fact| match fact {
            Fact::Signal(signal) => Some((signal.kind.as_str(), signal.area.as_deref())),
            _ => None,
        })
        .collect();
    let of = format!("soort van {}", partner("politie"));
    assert_eq!(kinds, [(of.as_str(), Some("BU07721318")); 2]);
    let cases: Vec<&CaseFact> = found
        .iter()
        .filter_map(|fact| if let Fact::Case(case) = fact { Some(case) } else { None })
        .collect();
    assert_eq!(cases.len(), 1, "one was merged");
    let closed = Some(Timestamp::from_micros(asked + 1_000_000));
    assert!(cases[0].lasting && cases[0].reopened && cases[0].closed == closed);
    let tasks: Vec<&TaskFact> = found
        .iter()
        .filter_map(|fact| if let Fact::Task(task) = fact { Some(task) } else { None })
        .collect();
    assert_eq!(tasks.len(), 1, "what a coordinator has to decide is no request");
    assert_eq!((tasks[0].state, tasks[0].asked), (TaskState::Geweigerd, at));
    assert_eq!(tasks[0].reason.as_deref(), Some("geen-capaciteit"));

    assert!(facts(&desk, "2027-01-01", "2028-01-01").await.is_empty());
    assert!(facts(&desk, "2026-01-01", "2026-11-23").await.is_empty(), "the last day is not in it");
    assert_eq!(facts(&desk, "2026-11-23", "2026-11-24").await.len(), found.len());
}

/// More than two pages, of which many came in one microsecond.
async fn facts_come_by_the_page_and_none_twice(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("f-1", "k-1", &["woonbedrijf"])).await;
    desk.tamper("update cases set usage = 'echt'").await;
    let asked = desk.now().as_micros();
    let id = match on {
        On::Sqlite => "randomblob(16)",
        On::Postgres => "decode(md5(n::text), 'hex')",
    };
    desk.tamper(&format!(
        "with recursive numbers (n) as (select 1 union all select n + 1 from numbers
            where n < 4500)
         insert into task (id, case_id, action, partner, state, urgent, asked_at, received_by,
            accepted_by, done_by)
         select {id}, (select case_id from inbox), 'huisbezoek', 'woonbedrijf', 'gevraagd', 0,
            {asked} + n / 3000, {asked}, {asked}, {asked} from numbers"
    ))
    .await;
    let found = facts(&desk, "2026-01-01", "2027-01-01").await;
    assert_eq!(found.len(), 4500);
}
