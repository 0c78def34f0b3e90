//! Jobs over a crowd: found along an index, frozen, one hub at a time, each item once.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::desk::{CATALOGUE, Desk, Draft, partner, signal};
use super::parcels::{DELIVERED, claim, settle};
use super::place::On;
use crate::journal::{
    AttemptOutcome, CrowdFilter, Cursor, Decision, Gathered, ItemClaim, ItemDone, JOBS_MAX, Job,
    JournalError, NewJob, ParcelState, QuarantineId, QuarantineOrder, Replay, Settles,
};
use crate::message::{ItemOutcome, JobChange, JobKind, JobState, PartnerId};
use crate::pipeline::Dispatch;

on_both_stores! {
    a_crowd_is_what_the_filter_says,
    a_job_has_the_items_of_its_start_and_settles_each_once,
    a_job_goes_on_where_a_killed_hub_left_it,
    one_hub_at_a_time_works_at_a_job,
    two_jobs_never_have_one_item,
    what_a_job_has_in_hand_is_nobody_elses,
    a_paused_job_does_nothing_and_a_cancelled_one_lets_go,
    a_replay_settles_its_item_and_its_entry_with_it,
    a_large_crowd_is_written_down_in_parts,
    evidence_commits_to_who_changed_a_job_and_why,
}

/// Entries for a recipient that no purpose gives anything, so many.
async fn entries(desk: &Desk, prefix: &str, count: usize) {
    for n in 0..count {
        desk.pass(1);
        desk.accepted(&signal(&format!("{prefix}-{n}"), &format!("{prefix}-{n}"), &["niemand"]))
            .await;
    }
}

fn released() -> CrowdFilter {
    CrowdFilter {
        reason: Some("geen-doelbinding".to_owned()),
        ..CrowdFilter::of(JobKind::Vrijgeven)
    }
}

fn new_job(filter: CrowdFilter, by: &str) -> NewJob {
    NewJob { filter, rate: 20, by: by.to_owned(), why: "proef".to_owned() }
}

async fn begin(desk: &Desk, filter: CrowdFilter) -> Job {
    let id = desk.journal.make_job(new_job(filter, "anna"), desk.now()).await.unwrap();
    loop {
        let job = desk.journal.job(id).await.unwrap();
        match desk.journal.gather(&job, desk.now()).await.unwrap() {
            Gathered::More => {}
            Gathered::Complete => return desk.journal.job(id).await.unwrap(),
            Gathered::Held(holder) => panic!("held by {holder:?}"),
        }
    }
}

async fn lease(desk: &Desk, job: &Job) -> Uuid {
    desk.journal.take_job(job, None, desk.now()).await.unwrap().expect("nobody else has it")
}

/// Deals with the next items, as a release that only marks its entry does.
async fn release(desk: &Desk, job: &Job, token: Uuid, count: u32) -> usize {
    let items = desk.journal.open_items(job, 0, count).await.unwrap();
    for item in &items {
        let order = QuarantineOrder {
            id: QuarantineId(item.target),
            decision: Decision::Release,
            by: job.by.clone(),
            why: job.why.clone(),
            item: Some(ItemClaim::new(job, item.nr, token)),
        };
        desk.journal.decide_quarantine(order, desk.now()).await.unwrap();
    }
    items.len()
}

async fn found(desk: &Desk, filter: &CrowdFilter) -> usize {
    let count = desk.journal.crowd_count(filter).await.unwrap();
    let sum: i64 = count.iter().map(|group| group.count).sum();
    let sum = usize::try_from(sum).unwrap();
    let page = desk.journal.crowd_page(filter, Cursor::before(filter), 500).await.unwrap();
    let sample = desk.journal.crowd_sample(filter, 500).await.unwrap();
    assert_eq!((page.len(), sample.len()), (sum, sum), "{filter:?}");
    let few = desk.journal.crowd_sample(filter, 2).await.unwrap();
    assert_eq!(few.len(), page.len().min(2));
    page.len()
}

async fn a_crowd_is_what_the_filter_says(on: On) {
    let desk = Desk::new(on).await;
    entries(&desk, "a", 2).await;
    let between = desk.now();
    desk.pass(10);
    let from_fire = Draft { partner: "brandweer", ..signal("c-1", "c-1", &["woonbedrijf"]) };
    desk.accepted(&from_fire).await;
    entries(&desk, "b", 1).await;
    let messages = CrowdFilter::of(JobKind::Herhalen);
    let some = |partner_id: &str| Some(partner(partner_id));
    let kind = |text: &str| Some(text.to_owned());
    let at = |seconds| Some(between.plus_seconds(seconds));
    let state = |state| Some(state);
    let wonen: BTreeSet<PartnerId> = [partner("woonbedrijf")].into();
    let table = [
        (CrowdFilter { partner: some("politie"), ..messages.clone() }, 3),
        (CrowdFilter { partner: some("brandweer"), ..messages.clone() }, 1),
        (CrowdFilter { partner: some("niemand"), ..messages.clone() }, 0),
        (CrowdFilter { message: kind("signaal-gemeld"), ..messages.clone() }, 4),
        (CrowdFilter { message: kind("signaal-gemeld.v1"), ..messages.clone() }, 4),
        (CrowdFilter { message: kind("signaal-gemeld.v2"), ..messages.clone() }, 0),
        (CrowdFilter { message: kind("signaal-geme"), ..messages.clone() }, 0),
        (CrowdFilter { since: at(0), ..messages.clone() }, 3),
        (CrowdFilter { since: at(1), ..messages.clone() }, 2),
        (CrowdFilter { until: at(0), ..messages.clone() }, 2),
        (CrowdFilter { until: at(-1), ..messages.clone() }, 1),
        (CrowdFilter { since: at(0), until: at(0), ..messages.clone() }, 1),
        (CrowdFilter { state: state(ParcelState::Wacht), ..messages.clone() }, 1),
        (CrowdFilter { state: state(ParcelState::Uitval), ..messages.clone() }, 0),
        (
            CrowdFilter { state: state(ParcelState::Wacht), recipients: wonen, ..messages.clone() },
            1,
        ),
        (
            CrowdFilter {
                state: state(ParcelState::Wacht),
                recipients: [partner("ander")].into(),
                ..messages
            },
            0,
        ),
        (released(), 3),
        (CrowdFilter { partner: some("niemand"), ..released() }, 3),
        (CrowdFilter { partner: some("politie"), ..released() }, 0),
        (CrowdFilter { reason: kind("geschorst"), ..released() }, 0),
        (CrowdFilter { message: kind("signaal-gemeld"), until: at(0), ..released() }, 2),
        (CrowdFilter { message: kind("signaal-ingetrokken"), ..released() }, 0),
    ];
    for (filter, wanted) in table {
        assert_eq!(filter.check(), Ok(()));
        assert_eq!(found(&desk, &filter).await, wanted, "{filter:?}");
    }
}

async fn a_job_has_the_items_of_its_start_and_settles_each_once(on: On) {
    let desk = Desk::new(on).await;
    entries(&desk, "a", 3).await;
    let job = begin(&desk, released()).await;
    assert_eq!(
        (job.state, desk.journal.job_view(job.id).await.unwrap().total),
        (JobState::Loopt, 3)
    );
    entries(&desk, "later", 1).await;
    let token = lease(&desk, &job).await;
    let first = desk.journal.open_items(&job, 0, 1).await.unwrap()[0];
    assert_eq!(release(&desk, &job, token, 1).await, 1);

    // Once more, and with a lease that is nobody's: nothing happens twice.
    let again = |token| {
        let claim = ItemClaim::new(&job, first.nr, token);
        let done = ItemDone::plain(ItemOutcome::Gedaan);
        desk.journal.settle_item(claim, done, desk.now())
    };
    for token in [token, Uuid::nil()] {
        assert!(matches!(again(token).await, Err(JournalError::StaleLease)));
    }
    let second = desk.journal.open_items(&job, 0, 1).await.unwrap()[0];
    let stranger = ItemClaim::new(&job, second.nr, Uuid::nil());
    let done = ItemDone::because(ItemOutcome::Geweigerd, "gewist");
    let refused = desk.journal.settle_item(stranger, done.clone(), desk.now()).await;
    assert!(matches!(refused, Err(JournalError::StaleLease)));
    let own = ItemClaim::new(&job, second.nr, token);
    desk.journal.settle_item(own, done, desk.now()).await.unwrap();
    assert_eq!(release(&desk, &job, token, 9).await, 1);
    desk.journal.finish_job(&job, token, desk.now()).await.unwrap();

    let view = desk.journal.job_view(job.id).await.unwrap();
    assert_eq!((view.state, view.progress.done, view.progress.refused), (JobState::Klaar, 2, 1));
    assert_eq!(view.progress.reasons[0].reason, "gewist");
    let left = desk.journal.job_left(job.id, 0).await.unwrap();
    assert_eq!((left.len(), left[0].nr, left[0].id), (1, second.nr, second.target));
    assert_eq!(found(&desk, &released()).await, 2, "the refused one and the one that came later");
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn a_job_goes_on_where_a_killed_hub_left_it(on: On) {
    let desk = Desk::new(on).await;
    entries(&desk, "a", 4).await;
    // Killed while its items are written down, and again half way.
    let id = desk.journal.make_job(new_job(released(), "anna"), desk.now()).await.unwrap();
    let desk = desk.reopen().await;
    let job = desk.journal.jobs_to_do().await.unwrap().remove(0);
    assert_eq!((job.id, job.state), (id, JobState::Verzamelt));
    assert_eq!(desk.journal.gather(&job, desk.now()).await.unwrap(), Gathered::Complete);
    let stale = desk.journal.gather(&job, desk.now()).await;
    assert!(matches!(stale, Err(JournalError::StaleLease)), "what was gathered is not again");
    let job = desk.journal.job(id).await.unwrap();
    let token = lease(&desk, &job).await;
    release(&desk, &job, token, 2).await;
    if on == On::Sqlite {
        let place = desk.place.clone();
        desk.kill().await;
        let desk = Desk::at(place).await;
        // Nobody works at it any more, so this one may.
        let token = lease(&desk, &job).await;
        assert_eq!(release(&desk, &job, token, 9).await, 2);
        desk.journal.finish_job(&job, token, desk.now()).await.unwrap();
        let view = desk.journal.job_view(id).await.unwrap();
        assert_eq!((view.progress.done, view.total), (4, 4));
    }
}

async fn one_hub_at_a_time_works_at_a_job(on: On) {
    if on == On::Sqlite {
        return; // One process has the folder.
    }
    let left = Desk::new(on).await;
    entries(&left, "a", 4).await;
    let right = left.beside().await;
    let job = begin(&left, released()).await;
    let token = lease(&left, &job).await;
    assert_eq!(left.journal.take_job(&job, Some(token), left.now()).await.unwrap(), Some(token));
    assert_eq!(right.journal.take_job(&job, None, right.now()).await.unwrap(), None);
    release(&left, &job, token, 2).await;
    left.kill().await;

    // The other hub sees the beat stand still, and goes on with what is open.
    let mut looks = 0;
    let taken = loop {
        right.journal.beat(right.now()).await.unwrap();
        looks += 1;
        if let Some(taken) = right.journal.take_job(&job, None, right.now()).await.unwrap() {
            break taken;
        }
        assert!(looks < 60, "the dead hub keeps the job");
    };
    assert!(looks > 5, "a hub is not gone at once");
    let old = right.journal.open_items(&job, 0, 1).await.unwrap()[0];
    let late = ItemClaim::new(&job, old.nr, token);
    let done = ItemDone::plain(ItemOutcome::Gedaan);
    let refused = right.journal.settle_item(late, done, right.now()).await;
    assert!(matches!(refused, Err(JournalError::StaleLease)), "the old lease is worth nothing");
    assert_eq!(release(&right, &job, taken, 9).await, 2);
    right.journal.leave_job(taken, right.now()).await.unwrap();
    assert!(!right.journal.job_view(job.id).await.unwrap().leased);
}

async fn two_jobs_never_have_one_item(on: On) {
    let desk = Desk::new(on).await;
    entries(&desk, "a", 3).await;
    let first = begin(&desk, released()).await;
    // A replay of the same messages is about the same recipients as their entries.
    let replay =
        CrowdFilter { partner: Some(partner("politie")), ..CrowdFilter::of(JobKind::Herhalen) };
    for filter in [replay, CrowdFilter { kind: JobKind::LatenVervallen, ..released() }] {
        let id = desk.journal.make_job(new_job(filter, "bram"), desk.now()).await.unwrap();
        let second = desk.journal.job(id).await.unwrap();
        let gathered = desk.journal.gather(&second, desk.now()).await.unwrap();
        let Gathered::Held(holder) = gathered else { panic!("{gathered:?}") };
        assert_eq!((holder.job, holder.by.as_str()), (first.id, "anna"));
        let view = desk.journal.job_view(id).await.unwrap();
        assert_eq!((view.state, view.total), (JobState::Afgebroken, 0));
        let events = desk.journal.job_events(id).await.unwrap();
        assert!(events[0].why.contains(&first.id.to_string()));
    }
    // Others are free, up to a bound.
    desk.pass(100);
    let since = desk.now();
    entries(&desk, "b", 2).await;
    begin(&desk, CrowdFilter { since: Some(since), ..released() }).await;
    for n in 2..JOBS_MAX {
        let later = since.plus_seconds(1000 + i64::try_from(n).unwrap());
        begin(&desk, CrowdFilter { since: Some(later), ..released() }).await;
    }
    let more = desk.journal.make_job(new_job(released(), "carl"), desk.now()).await;
    assert!(matches!(more, Err(JournalError::TooMany(JOBS_MAX))));
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn what_a_job_has_in_hand_is_nobody_elses(on: On) {
    let desk = Desk::new(on).await;
    entries(&desk, "a", 2).await;
    let job = begin(&desk, released()).await;
    let items = desk.journal.open_items(&job, 0, 2).await.unwrap();
    let decide = |id, by: &str| {
        let (by, why) = (by.to_owned(), "met de hand".to_owned());
        let order = QuarantineOrder {
            id: QuarantineId(id),
            decision: Decision::Release,
            by,
            why,
            item: None,
        };
        desk.journal.decide_quarantine(order, desk.now())
    };
    let Err(JournalError::Held(holder)) = decide(items[0].target, "bram").await else {
        panic!("the entry is in hand");
    };
    assert_eq!((holder.job, holder.by), (job.id, "anna".to_owned()));
    let entry = desk.journal.quarantine_entry(QuarantineId(items[0].target)).await.unwrap();
    let alone = Replay {
        message: entry.message.unwrap().into(),
        dispatch: Dispatch::default(),
        catalogue: CATALOGUE,
        recipients: BTreeSet::new(),
        at: desk.now(),
        settles: Settles::default(),
    };
    assert!(matches!(desk.journal.replay(alone).await, Err(JournalError::Held(_))));

    // What the job has dealt with is free again.
    let token = lease(&desk, &job).await;
    release(&desk, &job, token, 1).await;
    assert!(matches!(decide(items[0].target, "bram").await, Err(JournalError::Settled)));
    assert!(matches!(decide(items[1].target, "bram").await, Err(JournalError::Held(_))));
}

async fn a_paused_job_does_nothing_and_a_cancelled_one_lets_go(on: On) {
    let desk = Desk::new(on).await;
    entries(&desk, "a", 3).await;
    let job = begin(&desk, released()).await;
    let token = lease(&desk, &job).await;
    let change = |change| {
        let person = ("bram".to_owned(), "even wachten".to_owned());
        desk.journal.change_job(job.id, change, person, desk.now())
    };
    release(&desk, &job, token, 1).await;
    assert_eq!(change(JobChange::Pause).await.unwrap(), JobState::Gepauzeerd);
    let item = desk.journal.open_items(&job, 0, 1).await.unwrap()[0];
    let claim = ItemClaim::new(&job, item.nr, token);
    let done = ItemDone::plain(ItemOutcome::Gedaan);
    let refused = desk.journal.settle_item(claim, done, desk.now()).await;
    assert!(matches!(refused, Err(JournalError::StaleLease)), "the next item notices it");
    assert!(desk.journal.jobs_to_do().await.unwrap().is_empty());
    assert_eq!(desk.journal.take_job(&job, None, desk.now()).await.unwrap(), None);
    let again = change(JobChange::Pause).await;
    assert!(matches!(again, Err(JournalError::Job(JobState::Gepauzeerd))));

    change(JobChange::Resume).await.unwrap();
    let token = lease(&desk, &job).await;
    release(&desk, &job, token, 1).await;
    change(JobChange::Cancel).await.unwrap();
    let over = change(JobChange::Resume).await;
    assert!(matches!(over, Err(JournalError::Job(JobState::Afgebroken))));
    let view = desk.journal.job_view(job.id).await.unwrap();
    assert_eq!((view.progress.settled(), view.total), (2, 3));
    // The last one is anybody's again.
    assert_eq!(begin(&desk, released()).await.state, JobState::Loopt);
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn a_replay_settles_its_item_and_its_entry_with_it(on: On) {
    let desk = Desk::new(on).await;
    let sent = desk.accepted(&signal("a-1", "a-1", &["woonbedrijf"])).await;
    let parcel = claim(&desk, "woonbedrijf").await.remove(0);
    let held = AttemptOutcome::Quarantine { reason: "http-400".to_owned() };
    settle(&desk, &parcel, held).await;
    let filter = CrowdFilter { reason: Some("http-400".to_owned()), ..released() };
    let job = begin(&desk, filter).await;
    let token = lease(&desk, &job).await;
    let item = desk.journal.open_items(&job, 0, 1).await.unwrap()[0];
    let claimed = Some(ItemClaim::new(&job, item.nr, token));
    let replay = || Replay {
        message: parcel.message,
        dispatch: super::parcels::made_anew(&desk, &parcel, "anders"),
        catalogue: CATALOGUE,
        recipients: BTreeSet::new(),
        at: desk.now(),
        settles: Settles {
            entry: Some(QuarantineOrder {
                id: QuarantineId(item.target),
                decision: Decision::Release,
                by: "anna".to_owned(),
                why: "proef".to_owned(),
                item: claimed,
            }),
            item: claimed,
            failed: 0,
        },
    };
    let done = desk.journal.replay(replay()).await.unwrap();
    assert_eq!(done.replaced.len(), 1);
    // The same order again, as after a crash whose answer was lost.
    assert!(matches!(desk.journal.replay(replay()).await, Err(JournalError::StaleLease)));
    let view = desk.journal.job_view(job.id).await.unwrap();
    assert_eq!((view.progress.done, view.progress.changed), (1, 1));
    let entry = desk.journal.quarantine_entry(QuarantineId(item.target)).await.unwrap();
    assert_eq!((entry.state.as_str(), entry.closed_by.as_deref()), ("vrijgegeven", Some("anna")));
    let parcels = desk.journal.trace(sent.public_id.into(), desk.now()).await.unwrap().parcels;
    assert_eq!(parcels.len(), 2, "replaced once");
    let new = claim(&desk, "woonbedrijf").await.remove(0);
    settle(&desk, &new, DELIVERED).await;
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

/// Rows of a crowd that no rules made, put there behind the journal's back.
async fn many_entries(desk: &Desk, count: i64) {
    entries(desk, "a", 1).await;
    let id = match desk.place.on {
        On::Sqlite => "randomblob(16)",
        On::Postgres => "uuid_send(gen_random_uuid())",
    };
    let series = match desk.place.on {
        On::Sqlite => format!(
            "with recursive n(n) as (select 2 union all select n + 1 from n where n < {count})"
        ),
        On::Postgres => format!("with n as (select n from generate_series(2, {count}) as n)"),
    };
    let sql = format!(
        "insert into quarantine (seq, id, direction, partner, reason, detail, named, at, state)
            {series} select n + 1000, {id}, 'uitgaand', 'niemand', 'geen-doelbinding', '[]', 0,
                quarantine.at + n / 7, 'open' from n, quarantine"
    );
    desk.tamper(&sql).await;
}

async fn a_large_crowd_is_written_down_in_parts(on: On) {
    let desk = Desk::new(on).await;
    many_entries(&desk, 1203).await;
    let id = desk.journal.make_job(new_job(released(), "anna"), desk.now()).await.unwrap();
    let mut parts = 0;
    loop {
        let job = desk.journal.job(id).await.unwrap();
        parts += 1;
        match desk.journal.gather(&job, desk.now()).await.unwrap() {
            Gathered::More => assert_eq!(job.state, JobState::Verzamelt),
            Gathered::Complete => break,
            Gathered::Held(holder) => panic!("{holder:?}"),
        }
    }
    assert_eq!(parts, 3);
    let job = desk.journal.job(id).await.unwrap();
    assert_eq!(desk.journal.job_view(id).await.unwrap().total, 1203);
    // Many have the same moment, and none is taken twice or left out.
    let items = desk.journal.open_items(&job, 0, 5000).await.unwrap();
    let targets: BTreeSet<Uuid> = items.iter().map(|item| item.target).collect();
    assert_eq!((items.len(), targets.len()), (1203, 1203));
}

async fn evidence_commits_to_who_changed_a_job_and_why(on: On) {
    let desk = Desk::new(on).await;
    entries(&desk, "a", 1).await;
    let job = begin(&desk, released()).await;
    desk.journal.sequence(desk.now()).await.unwrap();
    let found = async || {
        let report = desk.journal.verify(|_| {}).await.unwrap();
        report.findings.iter().map(|f| (format!("{:?}", f.code), f.subject)).collect::<Vec<_>>()
    };
    assert_eq!(found().await, []);
    let wrong = |code: &str| vec![(code.to_owned(), Some(job.id))];
    desk.tamper("update job_event set by_whom = 'bram'").await;
    assert_eq!(found().await, wrong("Aangekondigd"));
    desk.tamper("update job_event set by_whom = 'anna'").await;
    desk.tamper("update job set filter = replace(filter, 'geen-doelbinding', 'geschorst')").await;
    assert_eq!(found().await, wrong("Aangekondigd"));
    desk.tamper("update job set filter = replace(filter, 'geschorst', 'geen-doelbinding')").await;
    desk.tamper("update job_event set leaf = leaf + 1").await;
    let codes: Vec<String> = found().await.into_iter().map(|(code, _)| code).collect();
    assert!(codes.contains(&"ZonderBlad".to_owned()), "{codes:?}");
    assert!(codes.contains(&"ZonderRij".to_owned()), "{codes:?}");
}
