//! Alarms and notices as the journal keeps them: over restarts, and among several hubs.

use std::sync::Arc;

use uuid::Uuid;

use super::desk::{Desk, partner, signal};
use super::place::On;
use crate::journal::{
    Alarm, AlarmPlan, AlarmReview, AlarmState, AttemptOutcome, ClaimedNotice, JournalError,
    NewNotice, NoticeKind, NoticeOutcome, Road,
};
use crate::message::{Fault, Refusal, Stage, Timestamp};

on_both_stores! {
    an_alarm_is_kept_from_its_threat_to_its_end,
    a_threat_that_passed_is_forgotten_and_an_open_alarm_is_not,
    a_notice_goes_once_by_each_road_in_order,
    a_notice_whose_sender_died_is_sent_again_under_its_id,
    a_notice_is_given_up_and_the_next_goes,
    what_is_over_for_long_is_forgotten,
    the_first_failure_since_a_success_is_remembered,
    what_was_refused_lately_is_counted,
}

const ROADS: [Road; 2] = [Road::Mail, Road::Webhook];

fn alarm(number: u128, now: Timestamp) -> Alarm {
    Alarm {
        id: Uuid::from_u128(number),
        condition: "schijf-vol".to_owned(),
        subject: format!("hub-{number}"),
        state: AlarmState::Threatens,
        since: now,
        seen_at: now,
        clear_at: None,
        amount: 7,
        started_at: None,
        ended_at: None,
        start_notice: None,
        end_notice: None,
    }
}

fn notice(number: u128, kind: NoticeKind) -> NewNotice {
    NewNotice {
        id: Uuid::from_u128(number),
        kind,
        body: format!("{{\"nr\":{number}}}"),
        roads: None,
    }
}

/// A look that does as it is told; gives what was there before, and what is open now.
async fn review(
    desk: &Desk,
    plan: impl Fn(Vec<Alarm>) -> AlarmPlan + Send + Sync + 'static,
) -> Vec<Alarm> {
    let review = AlarmReview {
        hub: "hub-1".to_owned(),
        forget: Vec::new(),
        roads: ROADS.to_vec(),
        plan: Arc::new(plan),
    };
    desk.journal.review_alarms(review, desk.now()).await.unwrap()
}

async fn put(desk: &Desk, changed: Vec<Alarm>, notices: Vec<NewNotice>) -> Vec<Alarm> {
    review(desk, move |_| AlarmPlan {
        changed: changed.clone(),
        forgotten: Vec::new(),
        notices: notices.clone(),
    })
    .await
}

async fn claim(desk: &Desk, road: Road) -> Option<ClaimedNotice> {
    let due = desk.journal.notice_due(road, desk.now()).await.unwrap();
    let claimed = desk.journal.claim_notice(road, desk.now(), 45).await.unwrap();
    assert_eq!(due, claimed.is_some(), "asking says what claiming finds");
    claimed
}

async fn settle(
    desk: &Desk,
    claimed: &ClaimedNotice,
    road: Road,
    outcome: NoticeOutcome,
) -> Result<(), JournalError> {
    desk.journal.settle_notice(claimed, road, outcome, desk.now()).await
}

async fn an_alarm_is_kept_from_its_threat_to_its_end(on: On) {
    let desk = Desk::new(on).await;
    let mut kept = alarm(1, desk.now());
    assert!(put(&desk, vec![kept.clone()], vec![]).await.is_empty(), "it only threatens");
    let desk = desk.reopen().await;
    assert_eq!(desk.journal.alarms(9).await.unwrap(), [kept.clone()]);
    desk.pass(10);
    kept.state = AlarmState::Open;
    kept.started_at = Some(desk.now());
    kept.start_notice = Some(Uuid::from_u128(90));
    kept.amount = 9;
    assert_eq!(put(&desk, vec![kept.clone()], vec![]).await, [kept.clone()]);
    let desk = desk.reopen().await;
    assert_eq!(desk.journal.alarms(9).await.unwrap(), [kept.clone()]);
    desk.pass(10);
    kept.state = AlarmState::Over;
    (kept.clear_at, kept.ended_at) = (Some(desk.now()), Some(desk.now()));
    assert!(put(&desk, vec![kept.clone()], vec![]).await.is_empty());
    let seen: Arc<std::sync::Mutex<Vec<Alarm>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let told = kept.clone();
    review(&desk, move |present| {
        *noted.lock().unwrap() = present;
        let end_notice = Some(Uuid::from_u128(91));
        AlarmPlan { changed: vec![Alarm { end_notice, ..told.clone() }], ..AlarmPlan::default() }
    })
    .await;
    assert_eq!(*seen.lock().unwrap(), [kept], "its end was not told yet");
    let noted = Arc::clone(&seen);
    review(&desk, move |present| {
        *noted.lock().unwrap() = present;
        AlarmPlan::default()
    })
    .await;
    assert!(seen.lock().unwrap().is_empty(), "everything of it was told");
    // The same may begin anew, and another of the same kind and subject may not.
    let next = Alarm { subject: "hub-1".to_owned(), ..alarm(2, desk.now()) };
    put(&desk, vec![next], vec![]).await;
    assert_eq!(desk.journal.alarms(9).await.unwrap().len(), 2);
}

async fn a_threat_that_passed_is_forgotten_and_an_open_alarm_is_not(on: On) {
    let desk = Desk::new(on).await;
    let open = Alarm { state: AlarmState::Open, ..alarm(2, desk.now()) };
    put(&desk, vec![alarm(1, desk.now()), open.clone()], vec![]).await;
    let forgotten = vec![Uuid::from_u128(1), Uuid::from_u128(2)];
    review(&desk, move |_| AlarmPlan { forgotten: forgotten.clone(), ..AlarmPlan::default() })
        .await;
    assert_eq!(desk.journal.alarms(9).await.unwrap(), [open]);
}

async fn a_notice_goes_once_by_each_road_in_order(on: On) {
    let desk = Desk::new(on).await;
    let only = NewNotice { roads: Some(vec![Road::Mail]), ..notice(3, NoticeKind::End) };
    put(&desk, vec![], vec![notice(1, NoticeKind::Start), notice(2, NoticeKind::End), only]).await;
    for (road, expected) in [(Road::Mail, vec![1, 2, 3]), (Road::Webhook, vec![1, 2])] {
        for number in expected {
            let claimed = claim(&desk, road).await.unwrap();
            assert_eq!((claimed.id, claimed.attempts), (Uuid::from_u128(number), 1));
            assert_eq!(claimed.body, format!("{{\"nr\":{number}}}"));
            assert!(claim(&desk, road).await.is_none(), "one after the other");
            settle(&desk, &claimed, road, NoticeOutcome::Sent).await.unwrap();
            let again = settle(&desk, &claimed, road, NoticeOutcome::Sent).await;
            assert!(matches!(again, Err(JournalError::StaleLease)));
        }
        assert!(claim(&desk, road).await.is_none());
    }
    let told = desk.journal.notices(9).await.unwrap();
    assert!(told.iter().all(|line| line.state == "verstuurd" && line.attempts == 1), "{told:?}");
    assert_eq!(told.len(), 5);
}

async fn a_notice_whose_sender_died_is_sent_again_under_its_id(on: On) {
    let desk = Desk::new(on).await;
    put(&desk, vec![], vec![notice(1, NoticeKind::Start)]).await;
    let first = claim(&desk, Road::Mail).await.unwrap();
    let desk = desk.reopen().await;
    // Of the one hub over a folder nobody is sending now; among several it may be another.
    if on == On::Postgres {
        assert!(claim(&desk, Road::Mail).await.is_none());
        desk.pass(46);
    }
    let second = claim(&desk, Road::Mail).await.unwrap();
    assert_eq!((second.id, second.attempts), (first.id, 2));
    let late = settle(&desk, &first, Road::Mail, NoticeOutcome::Sent).await;
    assert!(matches!(late, Err(JournalError::StaleLease)));
    let at = desk.now().plus_seconds(30);
    let later = NoticeOutcome::Later { at, code: "smtp-451".to_owned() };
    settle(&desk, &second, Road::Mail, later).await.unwrap();
    desk.pass(29);
    assert!(claim(&desk, Road::Mail).await.is_none());
    desk.pass(1);
    assert_eq!(claim(&desk, Road::Mail).await.unwrap().attempts, 3);
}

async fn a_notice_is_given_up_and_the_next_goes(on: On) {
    let desk = Desk::new(on).await;
    put(&desk, vec![], vec![notice(1, NoticeKind::Start), notice(2, NoticeKind::End)]).await;
    let first = claim(&desk, Road::Webhook).await.unwrap();
    let given_up = NoticeOutcome::GivenUp { code: "Geen Code: Jansen".to_owned() };
    settle(&desk, &first, Road::Webhook, given_up).await.unwrap();
    assert_eq!(claim(&desk, Road::Webhook).await.unwrap().id, Uuid::from_u128(2));
    let told = desk.journal.notices(9).await.unwrap();
    let line = told.iter().find(|line| line.state == "opgegeven").unwrap();
    assert_eq!((line.id, line.code.as_deref()), (first.id, Some("overig")));
}

async fn what_is_over_for_long_is_forgotten(on: On) {
    let desk = Desk::new(on).await;
    let now = desk.now();
    let over = Alarm {
        state: AlarmState::Over,
        ended_at: Some(now),
        end_notice: Some(Uuid::from_u128(1)),
        ..alarm(1, now)
    };
    let untold = Alarm { end_notice: None, ..Alarm { id: Uuid::from_u128(2), ..over.clone() } };
    put(&desk, vec![over, untold.clone()], vec![notice(1, NoticeKind::End)]).await;
    let sent = claim(&desk, Road::Mail).await.unwrap();
    settle(&desk, &sent, Road::Mail, NoticeOutcome::Sent).await.unwrap();
    desk.pass(91 * 24 * 3_600);
    put(&desk, vec![], vec![]).await;
    assert_eq!(desk.journal.alarms(9).await.unwrap(), [untold]);
    let left = desk.journal.notices(9).await.unwrap();
    assert_eq!((left.len(), left[0].road.as_str()), (1, "webhook"), "it was not sent yet");
}

async fn attempt(desk: &Desk, outcome: AttemptOutcome) {
    let claimed = desk.journal.claim(&[partner("woonbedrijf")], desk.now(), 1, 60).await.unwrap();
    let parcel = claimed.into_iter().next().unwrap();
    desk.journal.settle(parcel.id, parcel.lease, outcome, desk.now()).await.unwrap();
}

async fn failing(desk: &Desk) -> Vec<(String, Timestamp)> {
    let seen = desk.journal.alarms_seen(desk.now(), desk.now()).await.unwrap();
    seen.failing.into_iter().map(|(who, since)| (who.to_string(), since)).collect()
}

async fn the_first_failure_since_a_success_is_remembered(on: On) {
    let desk = Desk::new(on).await;
    for number in ["1", "2", "3"] {
        desk.accepted(&signal(&format!("b-{number}"), &format!("k-{number}"), &["woonbedrijf"]))
            .await;
    }
    let later = |desk: &Desk| AttemptOutcome::Retry {
        at: desk.now().plus_seconds(1_000),
        code: "http-503".to_owned(),
    };
    assert!(failing(&desk).await.is_empty());
    let first = desk.now();
    attempt(&desk, later(&desk)).await;
    desk.pass(5);
    attempt(&desk, later(&desk)).await;
    let desk = desk.reopen().await;
    assert_eq!(failing(&desk).await, [("woonbedrijf".to_owned(), first)]);
    desk.pass(5);
    attempt(&desk, AttemptOutcome::Delivered { stage: Stage::Opgehaald }).await;
    assert!(failing(&desk).await.is_empty());
    desk.pass(1_000);
    let second = desk.now();
    attempt(&desk, later(&desk)).await;
    assert_eq!(failing(&desk).await, [("woonbedrijf".to_owned(), second)]);
}

async fn what_was_refused_lately_is_counted(on: On) {
    let desk = Desk::new(on).await;
    desk.accepted(&signal("b-1", "k-1", &[])).await;
    let other = super::desk::Draft { text: "iets anders".to_owned(), ..signal("b-1", "k-1", &[]) };
    desk.refused(&other).await;
    desk.pass(100);
    let since = desk.now();
    desk.refused(&other).await;
    let mut wrong = signal("b-2", "k-2", &[]);
    wrong.refusal = Some(Refusal::one(Fault::Ongeldig, "", "verplicht", "Ontbreekt.", "-"));
    desk.refused(&wrong).await;
    let lately = desk.journal.alarms_seen(since, since).await.unwrap();
    assert_eq!((lately.quarantined, lately.conflicts), (2, vec![(partner("politie"), 1)]));
    let longer = desk.journal.alarms_seen(since, since.plus_seconds(-100)).await.unwrap();
    assert_eq!((longer.quarantined, longer.conflicts), (2, vec![(partner("politie"), 2)]));
}

#[tokio::test]
async fn of_hubs_that_look_at_once_one_starts_an_alarm_and_one_sends_the_notice() {
    let one = Desk::new(On::Postgres).await;
    let other = one.beside().await;
    let now = one.now();
    // As the hub's own plan: what is there is not begun again.
    let plan = move |number: u128| {
        move |present: Vec<Alarm>| match present.is_empty() {
            false => AlarmPlan::default(),
            true => AlarmPlan {
                changed: vec![Alarm {
                    subject: "broker".to_owned(),
                    state: AlarmState::Open,
                    ..alarm(number, now)
                }],
                forgotten: Vec::new(),
                notices: vec![notice(number, NoticeKind::Start)],
            },
        }
    };
    let (left, right) = tokio::join!(review(&one, plan(1)), review(&other, plan(2)));
    assert_eq!(left, right);
    let claims = tokio::join!(
        one.journal.claim_notice(Road::Mail, now, 45),
        other.journal.claim_notice(Road::Mail, now, 45),
    );
    let claimed = [claims.0.unwrap(), claims.1.unwrap()].into_iter().flatten();
    assert_eq!(claimed.map(|notice| notice.id).collect::<Vec<_>>(), [left[0].id]);
}

#[tokio::test]
async fn a_notice_that_a_lost_hub_had_leased_is_free_soon() {
    let one = Desk::new(On::Postgres).await;
    let other = one.beside().await;
    put(&one, vec![], vec![notice(1, NoticeKind::Start)]).await;
    let beat = async |hub: &Desk| hub.journal.beat(hub.now()).await.unwrap();
    beat(&one).await;
    let held = one.journal.claim_notice(Road::Mail, one.now(), 3_600).await.unwrap().unwrap();
    beat(&other).await;
    one.kill().await;
    for _ in 1..crate::journal::beat::BEATS_MISSED_MAX {
        beat(&other).await;
        assert!(claim(&other, Road::Mail).await.is_none(), "it may only be slow");
    }
    beat(&other).await;
    assert_eq!(claim(&other, Road::Mail).await.unwrap().id, held.id);
}

#[tokio::test]
async fn lately_refused_entries_are_found_by_an_index() {
    let desk = Desk::new(On::Sqlite).await;
    for sql in [
        "select count(*) as n from quarantine where at >= 5",
        "select partner, count(*) as n from quarantine where at >= 5
            and reason = 'andere-inhoud' and partner is not null group by partner",
    ] {
        let plan = desk.place.plan(sql).await;
        assert!(plan.contains("COVERING INDEX quarantine_at"), "{plan}");
    }
}

#[tokio::test]
async fn hubs_show_themselves_and_leave() {
    let desk = Desk::new(On::Sqlite).await;
    put(&desk, vec![], vec![]).await;
    put(&desk, vec![], vec![]).await;
    let hubs = async || desk.journal.alarms_seen(desk.now(), desk.now()).await.unwrap().hubs;
    assert_eq!(hubs().await, [("hub-1".to_owned(), 2)]);
    desk.journal.leave_watch("hub-1").await.unwrap();
    assert!(hubs().await.is_empty());
}

#[tokio::test]
async fn a_store_tells_what_it_is_like() {
    for on in [On::Sqlite, On::Postgres] {
        let desk = Desk::new(on).await;
        let reports = desk.place.store.examine().await.unwrap();
        let journal = &reports[0];
        assert_eq!((journal.name, journal.step.0), ("logboek", journal.step.1));
        assert!(journal.step.0 > 0);
        match (&journal.server, on) {
            (None, On::Sqlite) => assert!(journal.version.starts_with("SQLite 3.")),
            (Some(server), On::Postgres) => {
                assert!(server.major >= 15 && server.unflushed.is_none());
                assert!(server.connections_free > 0);
                assert!(server.connections_free < server.connections_max);
                assert!(journal.version.starts_with("PostgreSQL "), "{}", journal.version);
                let year = server.clock.amsterdam_date().0;
                assert!((2_026..2_100).contains(&year), "{year}");
            }
            (server, on) => panic!("{on:?}: {server:?}"),
        }
    }
}
