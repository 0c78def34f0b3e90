//! What regie finds in a large journal: what is due among a million open tasks, what is overdue,
//! and the facts of a year of 200,000 signals.
//!
//! `cargo bench --bench regie` measures SQLite in a folder of its own and PostgreSQL on a private
//! server. A thousand reports come in by the hub's own road; their rows are copied in the database,
//! with ids and moments of their own, since half a million of them would take an hour.

use std::sync::Arc;
use std::time::Duration;

use schakel::casework::evaluate::{Asked, Evaluator};
use schakel::catalogue::Catalogue;
use schakel::evidence::HubKeys;
use schakel::hub::Active;
use schakel::journal::{
    CaseFilter, Journal, Received, Servers, Span, Store, Submission, TaskFilter,
};
use schakel::message::Timestamp;
use schakel::pipeline::{Incoming, admit};
use sqlx::{Connection as _, Executor as _};
use tokio::time::Instant;

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/support/postgres.rs"]
mod postgres;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REPORT: &str = "connectors/politie/examples/in-volledig/native.xml";
/// Reports that come in, and how often each is then there.
const REPORTS: u32 = 1_000;
const COPIES: u32 = 200;
/// Tasks of a copy, for each of its original: with two each that makes 1,200,000.
const TASKS_EACH: u32 = 3;
const ROUNDS: usize = 20;

/// Between two copies: so many lie spread over a year.
const STEP_US: i64 = 365 * 86_400 * 1_000_000 / COPIES as i64;

/// The rows of every case once more, `COPIES - 1` times. `{id}` and `{key}` are fresh bytes.
const COPY: [&str; 6] = [
    "create table copy_of as
        with recursive n(n) as (select 1 union all select n + 1 from n where n < {copies})
        select c.id as old, cast(n.n as bigint) as n, {id} as new from cases c cross join n",
    "insert into cases (id, number, usage, theme, opened_at)
        select m.new, 'X' || m.n || '-' || c.number, c.usage, c.theme, c.opened_at - m.n * {step}
        from copy_of m join cases c on c.id = m.old",
    "insert into dossier (case_id, document, phase, theme, area, lasting, opened_at, due_at,
            changed_at)
        select m.new, d.document, d.phase, d.theme, d.area, d.lasting, d.opened_at - m.n * {step},
            d.due_at + m.n * 60000000, d.changed_at - m.n * {step}
        from copy_of m join dossier d on d.case_id = m.old",
    "insert into task (id, case_id, step, action, partner, question, state, urgent, asked_at,
            received_by, accepted_by, done_by, due_at)
        select {id}, m.new, t.step, t.action, t.partner, t.question, t.state, t.urgent,
            t.asked_at - m.n * {step}, t.received_by, t.accepted_by, t.done_by,
            t.due_at + m.n * 60000000
        from copy_of m join task t on t.case_id = m.old
            cross join (select 1 as k union all select 2 union all select 3) as each_of",
    "insert into inbox (seq, id, public_id, key, content, partner, case_id, leaf, kind, effect,
            usage, theme, urgent, channel, media_type, received_at, catalogue, sealed_key, names,
            native, canonical, commitment)
        select i.seq + m.n * 1000000, {id}, {id}, {key}, i.content, i.partner, m.new, i.leaf,
            i.kind, i.effect, i.usage, i.theme, i.urgent, i.channel, i.media_type,
            i.received_at - m.n * {step}, i.catalogue, i.sealed_key, i.names, i.native,
            i.canonical, i.commitment
        from copy_of m join inbox i on i.case_id = m.old where i.effect = 'melding'",
    "drop table copy_of",
];

fn copy_sql(id: &str, key: &str) -> Vec<String> {
    let fill = |sql: &&str| {
        sql.replace("{id}", id)
            .replace("{key}", key)
            .replace("{step}", &STEP_US.to_string())
            .replace("{copies}", &(COPIES - 1).to_string())
    };
    COPY.iter().map(fill).collect()
}

/// The n-th number that passes the test of a BSN: everybody here is another.
fn bsn(n: u32) -> String {
    let mut valid = (90_000_000_u32..).filter_map(|first| {
        let digits: Vec<u32> = first.to_string().bytes().map(|b| u32::from(b - b'0')).collect();
        let sum: u32 = digits.iter().zip((2..=9).rev()).map(|(digit, weight)| digit * weight).sum();
        (sum % 11 < 10).then(|| format!("{first}{}", sum % 11))
    });
    valid.nth(usize::try_from(n).unwrap_or(0)).unwrap_or_default()
}

async fn feed(journal: &Journal, active: &Active, now: Timestamp) {
    let set = &active.catalogue;
    let files = schakel::settings::shipped();
    let report = String::from_utf8(files[REPORT].clone()).expect("text");
    let partner = &set.partners[&"politie-oost-brabant".parse().expect("a name")];
    for number in 0..REPORTS {
        let report = report
            .replace("118204", &number.to_string())
            .replace("231107", &format!("9{number}"))
            .replace("999990342", &bsn(number))
            .replace("0772010000900417", &format!("0772010001{number:06}"))
            .replace("nummer>48<", &format!("nummer>{}<", number + 1));
        let bytes = report.into_bytes();
        let media_type = Some("application/xml");
        let incoming = Incoming { partner, media_type, bytes: &bytes, received: now };
        let verdict = admit(set, &incoming);
        let submission = Submission {
            rules: Arc::clone(&active.rules),
            partner: partner.id.clone(),
            channel: "http",
            media_type: media_type.map(str::to_owned),
            bytes,
            at: now,
            verdict,
            seed: schakel::hub::clock::random().expect("randomness"),
            held: None,
        };
        let received = journal.receive(submission).await.expect("the journal answers");
        assert!(matches!(received, Received::Accepted(_)), "{received:?}");
    }
}

/// Median and worst of some rounds.
fn tell(what: &str, mut spans: Vec<Duration>) {
    spans.sort();
    let (median, most) = (spans[spans.len() / 2], spans[spans.len() - 1]);
    println!("  {what:<44} {median:>10.2?} median {most:>10.2?} at most");
}

async fn rounds<T, F: Future<Output = T>>(what: &str, found: impl Fn() -> F) -> T {
    let mut spans = Vec::new();
    let mut last = None;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        last = Some(found().await);
        spans.push(started.elapsed());
    }
    tell(what, spans);
    last.expect("a round")
}

async fn measure(journal: &Journal, active: &Active, now: Timestamp) {
    let Active { catalogue: set, rules } = active;
    let none = rounds("what is due: nothing", || async {
        journal.regie_clock(Arc::clone(rules), now).await.expect("an answer")
    });
    assert_eq!(none.await, 0);
    let overdue = TaskFilter { overdue: true, ..TaskFilter::default() };
    // Late in the week after, when the first terms of the originals have passed.
    let late = now.plus_seconds(4 * 86_400);
    let found = rounds("tasks that are overdue, the first 500", || async {
        journal.tasks(&overdue, late).await.expect("an answer").len()
    });
    assert_eq!(found.await, 500);
    let partner = "wonen-zuid".parse().expect("a name");
    let own = TaskFilter { partner: Some(partner), overdue: true, ..TaskFilter::default() };
    rounds("the same of one partner", || async {
        journal.tasks(&own, late).await.expect("an answer").len()
    })
    .await;
    rounds("cases, what is due first on top", || async {
        journal.dossiers(&CaseFilter::default(), now).await.expect("an answer").len()
    })
    .await;
    let started = Instant::now();
    let done = journal.regie_clock(Arc::clone(rules), late).await.expect("an answer");
    println!("  {done} cases that were due, done and committed     {:>10.2?}", started.elapsed());

    let day = |text: &str| text.parse().expect("a day");
    let asked = Asked::new(day("2025-11-24"), day("2026-11-23"), now).expect("a period");
    let span = Span { from: now.plus_seconds(-366 * 86_400), before: now.plus_seconds(86_400) };
    let kind_of = |id: &schakel::message::PartnerId| {
        set.partner(id).map_or_else(String::new, |partner| partner.kind.to_string())
    };
    let started = Instant::now();
    let (mut evaluator, mut facts) = (Evaluator::new(set.programme.as_ref(), &asked), 0_u64);
    journal
        .facts(span, &kind_of, &mut |fact| {
            facts += 1;
            evaluator.add(fact);
        })
        .await
        .expect("facts");
    let report = evaluator.finish();
    println!("  evaluation of {facts} facts                   {:>10.2?}", started.elapsed());
    std::hint::black_box(report);
}

async fn sqlite(active: &Active, keys: &Arc<HubKeys>, now: Timestamp) {
    let place = tempfile::tempdir().expect("a folder");
    run(&Store::in_folder(place.path()), (active, keys), now, || async {
        let url = format!("sqlite:{}", place.path().join("journal.sqlite").display());
        let mut conn = sqlx::SqliteConnection::connect(&url).await.expect("the journal");
        for sql in copy_sql("randomblob(16)", "randomblob(32)") {
            conn.execute(sqlx::AssertSqlSafe(sql)).await.expect("copied");
        }
        conn.execute("analyze").await.expect("counted");
    })
    .await;
}

async fn on_postgres(active: &Active, keys: &Arc<HubKeys>, now: Timestamp) {
    let place = tempfile::tempdir().expect("a folder");
    let server = postgres::shared();
    let url = server.database();
    let servers = Servers::parse(&url, None).expect("a URL");
    run(&Store::on_servers(servers, place.path()), (active, keys), now, || async {
        let mut conn = sqlx::PgConnection::connect(&url).await.expect("the journal");
        let (id, key) = (
            "decode(replace(gen_random_uuid()::text, '-', ''), 'hex')",
            "sha256(gen_random_uuid()::text::bytea)",
        );
        for sql in copy_sql(id, key) {
            conn.execute(sqlx::AssertSqlSafe(sql)).await.expect("copied");
        }
        conn.execute("analyze").await.expect("counted");
    })
    .await;
}

async fn run<F: Future<Output = ()>>(
    store: &Store,
    (active, keys): (&Active, &Arc<HubKeys>),
    now: Timestamp,
    copy: impl FnOnce() -> F,
) {
    let open = || async {
        let opened = Journal::open(store, Arc::clone(keys), now).await.expect("a journal");
        (opened.0, tokio::spawn(opened.1.run()))
    };
    let (journal, writer) = open().await;
    feed(&journal, active, now).await;
    drop(journal);
    writer.await.expect("the writer ends");
    copy().await;
    let (journal, writer) = open().await;
    measure(&journal, active, now).await;
    drop(journal);
    writer.await.expect("the writer ends");
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let set = Catalogue::parse(&schakel::settings::shipped()).expect("the shipped set");
    let active = Active::new(set, true);
    let keys = Arc::new(HubKeys::generate("meting", [1; 32], [2; 32], [3; 32]));
    let now = Timestamp::parse("2026-11-23T12:00:00Z").expect("a moment");
    let tasks = REPORTS * COPIES * 2 * TASKS_EACH;
    println!("{} signals, as many cases, some {tasks} open tasks", REPORTS * COPIES);
    println!("SQLite");
    runtime.block_on(sqlite(&active, &keys, now));
    println!("PostgreSQL");
    runtime.block_on(on_postgres(&active, &keys, now));
}
