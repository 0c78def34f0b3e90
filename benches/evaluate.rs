//! An evaluation of a year of 200,000 signals with the cases and requests that came of them.
//!
//! `cargo bench --bench evaluate` measures the pure part: the facts lie in memory already. Issue 4
//! asks for five seconds on two cores, reading them included.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use schakel::casework::TaskState;
use schakel::casework::evaluate::{Asked, CaseFact, Evaluator, Fact, SignalFact, TaskFact};
use schakel::catalogue::Catalogue;
use schakel::catalogue::programme::Programme;
use schakel::message::{CaseId, Timestamp};
use uuid::Uuid;

/// As the program has it (decision 0008).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIGNALS: u64 = 200_000;
/// A case for every two signals, with two requests.
const CASES: u64 = SIGNALS / 2;
const AREAS: u64 = 116;
const KINDS: [&str; 6] =
    ["inwoners", "politie", "woningcorporatie", "zorgaanbieder", "brandweer", "gemeente"];

fn programme() -> Programme {
    let catalogue = Catalogue::parse(&schakel::settings::shipped()).expect("the shipped set");
    catalogue.programme.expect("the shipped programme")
}

/// The moment at which the n-th of so many things of the year happens.
fn moment(n: u64, of: u64) -> Timestamp {
    let start = Timestamp::parse("2026-01-01T00:00:00Z").expect("a moment");
    let seconds = n * 31_000_000 / of;
    start.plus_seconds(i64::try_from(seconds).expect("a year"))
}

fn area(n: u64) -> Option<String> {
    (!n.is_multiple_of(20)).then(|| format!("BU0772{:04}", 1100 + n * 7 % AREAS))
}

fn facts() -> Vec<Fact> {
    let themes: Vec<String> = programme().themes.into_keys().collect();
    let theme = |n: u64| themes.get(usize::try_from(n).unwrap_or(0) % themes.len()).cloned();
    let kind = |n: u64| KINDS[usize::try_from(n).unwrap_or(0) % KINDS.len()].to_owned();
    let mut facts = Vec::new();
    for n in 0..SIGNALS {
        facts.push(Fact::Signal(SignalFact {
            at: moment(n, SIGNALS),
            theme: theme(n / 2),
            severity: Some("midden".to_owned()),
            kind: kind(n),
            area: area(n / 2),
            case: CaseId::from(Uuid::from_u128(u128::from(n / 2))),
        }));
    }
    for n in 0..CASES {
        let opened = moment(n, CASES);
        let days = i64::try_from(n % 60).unwrap_or(0) * 86_400;
        facts.push(Fact::Case(CaseFact {
            opened,
            closed: (n % 10 != 0).then(|| opened.plus_seconds(days)),
            theme: theme(n),
            area: area(n),
            lasting: n % 9 == 0,
            reopened: n % 31 == 0,
        }));
        for ask in 1..=2 {
            let after = |days: i64| opened.plus_seconds(days * 86_400);
            let refused = n % 8 == 0;
            facts.push(Fact::Task(TaskFact {
                kind: kind(n + ask),
                theme: theme(n),
                area: area(n),
                action: "huisbezoek".to_owned(),
                state: if refused { TaskState::Geweigerd } else { TaskState::Afgerond },
                asked: opened,
                received: Some(after(1)),
                accepted: (!refused).then(|| after(3)),
                ended: Some(after(9)),
                received_by: after(1),
                accepted_by: after(2),
                done_by: after(14),
                reason: refused.then(|| "geen-capaciteit".to_owned()),
                result: (!refused).then(|| "opgelost".to_owned()),
            }));
        }
    }
    facts
}

fn a_year(criterion: &mut Criterion) {
    let (programme, facts) = (programme(), facts());
    let day = |text: &str| text.parse().expect("a day");
    let now = Timestamp::parse("2027-01-15T12:00:00Z").expect("a moment");
    let asked = Asked::new(day("2026-01-01"), day("2026-12-31"), now).expect("a period");
    let mut group = criterion.benchmark_group("evaluate");
    group.sample_size(10);
    group.bench_function("200,000 signals, 100,000 cases, 200,000 requests", |bencher| {
        bencher.iter_batched(
            || Evaluator::new(Some(&programme), &asked),
            |mut evaluator| {
                facts.iter().for_each(|fact| evaluator.add(fact));
                black_box(evaluator.finish())
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, a_year);
criterion_main!(benches);
