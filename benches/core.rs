//! The whole core on one thread: bytes of a police report in, three recipients' own bytes out.
//!
//! `cargo bench --bench core` measures it under a small catalogue and under one of 200 partners
//! and 2,000 routes, and then both in turns, so that their ratio is of one and the same minute.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use schakel::casework;
use schakel::catalogue::Catalogue;
use schakel::catalogue::problem::Files;
use schakel::message::{Entropy, PartnerId, Timestamp};
use schakel::pipeline::{Dispatch, Incoming, admit, dispatch};

/// As the program has it, so that what is measured here is what the hub does (decision 0008).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REPORT: &str = "connectors/politie/examples/in-volledig/native.xml";
const SENDER: &str = "politie-oost-brabant";
/// VERA JSON, FHIR JSON and StUF XML.
const RECIPIENTS: [&str; 3] = ["ggz-de-kempen", "politie-limburg", "wonen-zuid"];
/// What of the shipped configuration this exchange needs.
const KEPT: [&str; 5] = [
    "config/partners/politie-oost-brabant.toml",
    "config/partners/wonen-zuid.toml",
    "config/partners/ggz-de-kempen.toml",
    "config/purposes/woonoverlast-politie-corporatie.toml",
    "config/purposes/verward-politie-zorg.toml",
];

const ROUTES: &str = r#"
[[route]]
id = "woonoverlast-corporatie"
themas = ["woonoverlast"]
herkomst = ["politie"]
gemeenten = ["0772"]
naar = ["wonen-zuid"]
voorwaarde = "!has(b.ernst) || b.ernst != 'laag'"

[[route]]
id = "woonoverlast-buren"
themas = ["woonoverlast"]
herkomst = ["politie"]
gemeenten = ["0772"]
naar = ["politie-limburg"]
"#;

/// Some municipalities more, each with partners of its own.
const MUNICIPALITIES: usize = 49;
const ROUTES_MAX: usize = 2_000;

/// One exchange under one catalogue.
struct Bench {
    catalogue: Catalogue,
    report: Vec<u8>,
    now: Timestamp,
}

impl Bench {
    fn new(files: &Files) -> Self {
        let catalogue = Catalogue::parse(files).unwrap_or_else(|problems| {
            panic!("{}", problems.iter().take(5).map(|p| format!("{p}\n")).collect::<String>())
        });
        let bench = Self {
            catalogue,
            report: files[REPORT].clone(),
            now: Timestamp::parse("2026-11-23T12:00:00Z").unwrap(),
        };
        let dispatch = bench.run();
        let got: Vec<&str> = dispatch.parcels.iter().map(|p| p.recipient.as_str()).collect();
        assert_eq!(got, RECIPIENTS, "{:?} {:?}", dispatch.not_sent, dispatch.failures);
        bench
    }

    /// Decode, validate, translate, decide, route, minimise, translate, validate, encode.
    fn run(&self) -> Dispatch {
        let sender = PartnerId::try_from(SENDER.to_owned()).unwrap();
        let incoming = Incoming {
            partner: &self.catalogue.partners[&sender],
            media_type: Some("application/xml"),
            bytes: &self.report,
            received: self.now,
        };
        let mut entropy = Entropy::new([7; 32]);
        let admitted = admit(&self.catalogue, &incoming).unwrap();
        let message = admitted.message();
        let matching = casework::Matching::of(&self.catalogue, message, self.now);
        let decision = casework::decide(message, &[], matching, self.now, &mut entropy);
        let case = decision.case();
        dispatch(&self.catalogue, &admitted, case, &BTreeSet::new(), self.now, &mut entropy)
    }
}

/// The shipped set, with only the partners and purposes of this exchange.
fn small() -> Files {
    let mut files = schakel::settings::shipped();
    files.retain(|path, _| {
        let varies = path.starts_with("config/partners/") || path.starts_with("config/purposes/");
        // Playbooks and programme speak of partners that are not here.
        let directs = path.starts_with("config/playbooks/") || path == "config/programme.toml";
        (!varies || KEPT.contains(&path.as_str())) && !directs
    });
    files.insert("config/routes.toml".to_owned(), ROUTES.as_bytes().to_vec());
    let neighbour = text(&files, KEPT[0]).replace("000101\"", "000102\"");
    add(&mut files, "config/partners/politie-limburg.toml", neighbour);
    let purpose = text(&files, KEPT[3]).replace("[\"woningcorporatie\"]", "[\"politie-limburg\"]");
    add(&mut files, "config/purposes/woonoverlast-politie-politie.toml", purpose);
    files
}

/// The small set grown to 200 partners, 400 purposes and 2,000 routes of other municipalities.
fn large() -> Files {
    let mut files = small();
    let templates = ["politie-oost-brabant", "wonen-zuid", "ggz-de-kempen", "politie-limburg"]
        .map(|id| (id, text(&files, &format!("config/partners/{id}.toml"))));
    let mut ids = Vec::new();
    for municipality in 1..=MUNICIPALITIES {
        for (at, (template, partner)) in templates.iter().enumerate() {
            let id = format!("{template}-{municipality:04}");
            let oin = format!("oin = \"00000001{municipality:04}{at:08}\"");
            let lines = partner.lines().map(|line| match line.split_once(" = ") {
                Some(("oin", _)) => oin.clone(),
                Some(("gebied", _)) => format!("gebied = [\"{municipality:04}\"]"),
                _ => line.to_owned(),
            });
            let partner: Vec<String> = lines.collect();
            add(&mut files, &format!("config/partners/{id}.toml"), partner.join("\n"));
            for (nth, purpose) in KEPT[3..].iter().enumerate() {
                let template = text(&files, purpose);
                let purpose = template.lines().map(|line| match line {
                    _ if line.starts_with("ontvangers") => format!("ontvangers = [\"{id}\"]\n"),
                    _ if line.starts_with("themas") => "themas = [\"*\"]\n".to_owned(),
                    _ => format!("{line}\n"),
                });
                let purpose = purpose.collect();
                add(&mut files, &format!("config/purposes/{id}-{nth}.toml"), purpose);
            }
            ids.push((municipality, id));
        }
    }
    let routes = more_routes(&ids);
    add(&mut files, "config/routes.toml", routes);
    files
}

/// Routes within the other municipalities, on the same themes and from the same kind of partner.
fn more_routes(partners: &[(usize, String)]) -> String {
    let themes = ["woonoverlast", "verward-gedrag", "brandveiligheid", "ondermijning"];
    let mut routes = ROUTES.to_owned();
    for at in ROUTES.matches("[[route]]").count()..ROUTES_MAX {
        let (municipality, target) = &partners[at % partners.len()];
        let theme = themes[at / partners.len() % themes.len()];
        routes.push_str(&format!(
            "\n[[route]]\nid = \"route-{at}\"\nthemas = [\"{theme}\"]\nherkomst = [\"politie\"]\n\
             gemeenten = [\"{municipality:04}\"]\nnaar = [\"{target}\"]\n"
        ));
    }
    routes
}

fn text(files: &Files, path: &str) -> String {
    String::from_utf8(files[path].clone()).unwrap()
}

fn add(files: &mut Files, path: &str, text: String) {
    files.insert(path.to_owned(), text.into_bytes());
}

fn core(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core");
    for (name, files) in [("small", small()), ("large", large())] {
        let bench = Bench::new(&files);
        group.bench_function(name, |b| b.iter(|| black_box(bench.run())));
    }
    group.finish();
}

/// Both catalogues in turns: the medians, and how much the large one costs.
fn compare() {
    const ROUNDS: usize = 3_000;
    let (small, large) = (Bench::new(&small()), Bench::new(&large()));
    let mut times = [Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)];
    for _ in 0..ROUNDS {
        for (bench, times) in [&small, &large].into_iter().zip(&mut times) {
            times.push(time(bench));
        }
    }
    let [small_us, large_us] = times.map(|mut times| {
        times.sort();
        [ROUNDS / 2, ROUNDS / 10].map(|at| times[at].as_secs_f64() * 1e6)
    });
    for (name, bench, us) in [("small", &small, small_us), ("large", &large, large_us)] {
        let Catalogue { partners, purposes, routes, .. } = &bench.catalogue;
        println!(
            "core in turns, {name}: median {:.1} µs, fastest tenth {:.1} µs ({} partners, {} \
             purposes, {} routes)",
            us[0],
            us[1],
            partners.len(),
            purposes.len(),
            routes.all.len(),
        );
    }
    let more = |at: usize| (large_us[at] / small_us[at] - 1.0) * 100.0;
    println!("core in turns, large costs {:+.1} % (fastest tenth {:+.1} %)", more(0), more(1));
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn time(bench: &Bench) -> Duration {
    let start = Instant::now();
    black_box(bench.run());
    start.elapsed()
}

criterion_group!(benches, core);

fn main() {
    benches();
    compare();
    Criterion::default().configure_from_args().final_summary();
}
