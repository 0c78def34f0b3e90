//! What a case costs: deciding which case a message belongs to, and what the case does about it.
//!
//! `cargo bench --bench casework`. Each measures what the writer does inside its transaction, the
//! copy of the dossier included, as the writer makes one to see what changed.

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use schakel::casework::{
    self, Dossier, Found, Matching, PlanRef, Scene, TaskState, answer, clock, judge, signal,
};
use schakel::catalogue::Catalogue;
use schakel::message::{
    CanonicalMessage, CaseState, Entropy, Succession, TaskAnswer, TaskWord, Timestamp, Usage,
};
use schakel::pipeline::{Incoming, admit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REPORT: &str = "connectors/politie/examples/in-volledig/native.xml";

struct Bench {
    catalogue: Catalogue,
    message: CanonicalMessage,
    case: CaseState,
    succession: Succession,
    /// The dossier as the first signal leaves it: two partners are asked.
    asked: Dossier,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        let files = schakel::settings::shipped();
        let catalogue = Catalogue::parse(&files).expect("the shipped set");
        let now = Timestamp::parse("2026-11-23T12:00:00Z").expect("a moment");
        let sender = "politie-oost-brabant".parse().expect("a name");
        let incoming = Incoming {
            partner: &catalogue.partners[&sender],
            media_type: Some("application/xml"),
            bytes: &files[REPORT],
            received: now,
        };
        let message = admit(&catalogue, &incoming).expect("admitted").message().clone();
        let wonen = "wonen-zuid".parse().expect("a name");
        let case = CaseState {
            id: uuid::Uuid::from_u128(1).into(),
            number: Entropy::new([1; 32]).case_number(),
            usage: Usage::Echt,
            theme: message.theme.clone(),
            participants: BTreeSet::from([sender, wonen]),
            recipients: BTreeSet::new(),
            earlier: Vec::new(),
            glasses: Vec::new(),
        };
        let succession = Succession::default();
        let mut bench =
            Self { asked: Dossier::new(now), catalogue, message, case, succession, now };
        bench.asked = bench.opened();
        assert_eq!(bench.asked.tasks.len(), 2, "{:?}", bench.asked.tasks);
        bench
    }

    fn scene(&self) -> Scene<'_> {
        let playbook = self.catalogue.playbook_for("woonoverlast", &self.message.data);
        let plan = playbook.map(|playbook| &*playbook.plan);
        Scene { catalogue: &self.catalogue, plan, case: &self.case, at: self.now }
    }

    /// The first signal of a case, with the conditions of its playbook.
    fn opened(&self) -> Dossier {
        let playbook = self.catalogue.playbook_for("woonoverlast", &self.message.data);
        let playbook = playbook.expect("a playbook");
        let mut dossier = Dossier::new(self.now);
        let (id, digest) = (playbook.plan.id.clone(), playbook.digest);
        dossier.plan = Some(PlanRef { id, digest });
        dossier.judged = judge(&self.catalogue, playbook, &self.message.data);
        let theme = self.catalogue.themes["woonoverlast"].casus.as_ref();
        signal(&mut dossier, self.scene(), theme, &mut Entropy::new([2; 32]));
        dossier
    }
}

fn casework(c: &mut Criterion) {
    let bench = Bench::new();
    c.bench_function("keys and decide", |b| {
        let matching = Matching::of(&bench.catalogue, &bench.message, bench.now);
        b.iter(|| {
            let keys = casework::keys(&bench.message, &bench.succession);
            let found = [Found { key: &keys[0], case: &bench.case, dossier: Some(&bench.asked) }];
            let mut entropy = Entropy::new([3; 32]);
            black_box(casework::decide(&bench.message, &found, matching, bench.now, &mut entropy));
        });
    });
    c.bench_function("a case opens", |b| b.iter(|| black_box(bench.opened())));
    c.bench_function("an answer", |b| {
        let task = &bench.asked.tasks[0];
        let partner = task.partner().expect("a partner's").clone();
        let said = TaskAnswer {
            task: task.id,
            status: TaskWord::Afgerond,
            reason: None,
            result: Some("niet-opgelost".to_owned()),
            expected: None,
        };
        b.iter_batched(
            || bench.asked.clone(),
            |mut dossier| {
                let mut entropy = Entropy::new([4; 32]);
                answer(&mut dossier, bench.scene(), &partner, &said, &mut entropy)
                    .expect("it counts");
                assert_eq!(dossier.tasks[0].state, TaskState::Afgerond);
                dossier
            },
            BatchSize::SmallInput,
        );
    });
    c.bench_function("the clock", |b| {
        let at = bench.now.plus_seconds(4 * 3_600);
        b.iter_batched(
            || bench.asked.clone(),
            |mut dossier| {
                let scene = Scene { at, ..bench.scene() };
                black_box(clock(&mut dossier, scene, &mut Entropy::new([5; 32])));
                dossier
            },
            BatchSize::SmallInput,
        );
    });
    c.bench_function("a dossier is read and written", |b| {
        let text = serde_json::to_string(&bench.asked).expect("JSON");
        b.iter(|| {
            let dossier: Dossier = serde_json::from_str(black_box(&text)).expect("a dossier");
            black_box(serde_json::to_string(&dossier).expect("JSON"));
        });
    });
}

criterion_group!(benches, casework);
criterion_main!(benches);
