//! What the core must not do: wait, read, write, look at the clock, throw dice, keep globals.

use regex::Regex;

use super::source::Source;
use super::{Offence, hold, lines_of, sources};

/// The rooms that are functions of their arguments.
const PURE: [&str; 5] = ["message", "catalogue", "pipeline", "casework", "evidence"];

/// What makes code impure, as its pattern, and what to do instead.
const IMPURE: [(&str, &str, &str); 9] = [
    ("async", r"\basync\b|\.\s*await\b|\btokio\b|\bfutures\b", "wait in hub, journal or transport"),
    (
        "io",
        r"\bstd::(?:fs|net|env|process)\b|\bstd::\{[^;]*\b(?:fs|net|env|process)\b",
        "read it in settings or hub and pass bytes",
    ),
    ("terminal", r"\be?print(?:ln)?!|\b(?:stdin|stdout|stderr)\b", "return it; the CLI prints"),
    ("log", r"\btracing\b", "return what happened; whoever handles it logs it, once"),
    ("clock", r"\b(?:SystemTime|Instant)\b|\b(?:Timestamp|Zoned)::now\b", "take `now`"),
    (
        "dice",
        r"\bSystemRandom\b|\bnew_v4\b|\bnow_v7\b|\bgetrandom\b|\brand::",
        "take `&mut Entropy`, or the key or nonce",
    ),
    ("thread", r"\bthread\b|\bthread_local!", "leave threads to lifecycle"),
    ("global", r"\bstatic\s+mut\b|\b(?:Mutex|RwLock|RefCell)\b|\bAtomic\w+\b", "pass the state"),
    ("fault", r"\bfail_point!", "crash points belong in hub and journal"),
];

/// A file that may do one impure thing, and why. One that is no longer needed is an offence too.
struct Exception {
    path: &'static str,
    impurity: &'static str,
    reason: &'static str,
}

const EXCEPTIONS: [Exception; 0] = [];

#[test]
fn the_core_is_pure() {
    hold(&check(&sources(&["src"]), &EXCEPTIONS));
}

/// A hub that works for people lives in their time.
#[test]
fn only_the_demo_moves_the_clock() {
    let found = movers(&sources(&["src"]));
    let (demo, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|offence| offence.path.starts_with("src/cli/demo/"));
    hold(&others);
    assert!(!demo.is_empty(), "nobody moves the clock any more: remove clock::shift and this test");
}

fn movers(sources: &[Source]) -> Vec<Offence> {
    let moves = Regex::new(r"\bclock\s*::\s*shift\b").expect("a pattern");
    let mut found = Vec::new();
    for source in sources {
        for place in moves.find_iter(&source.code) {
            found.push(Offence::at(
                source,
                source.line_of(place.start()),
                "`clock::shift` outside the demo".to_owned(),
                "terms, retention and evidence stand on the time of the system",
                "take `now` as an argument",
            ));
        }
    }
    found
}

/// Every impurity of a pure room outside its tests, and every exception nobody needs.
fn check(sources: &[Source], exceptions: &[Exception]) -> Vec<Offence> {
    let mut found = Vec::new();
    let mut used = vec![false; exceptions.len()];
    for source in sources.iter().filter(|source| PURE.contains(&source.room())) {
        for (name, line, word, instead) in impurities(source) {
            let excused = exceptions
                .iter()
                .position(|known| known.path == source.path && known.impurity == name);
            match excused {
                Some(index) => used[index] = true,
                None => found.push(Offence::at(
                    source,
                    line,
                    format!("`{word}` in the core ({name})"),
                    "the core is pure, so that it can be replayed, explained and benchmarked",
                    instead,
                )),
            }
        }
    }
    for (exception, used) in exceptions.iter().zip(used) {
        if !used || exception.reason.is_empty() {
            found.push(Offence {
                path: exception.path.to_owned(),
                line: 1,
                what: format!("the exception `{}` is not needed or not argued", exception.impurity),
                why: "an old exception lets the next breach pass",
                next: "remove it from EXCEPTIONS in tests/it/tidy/purity.rs, or give its reason",
            });
        }
    }
    found
}

fn impurities(source: &Source) -> Vec<(&'static str, usize, String, &'static str)> {
    let mut found = Vec::new();
    for (name, pattern, instead) in IMPURE {
        let pattern = Regex::new(pattern).expect("a pattern");
        for word in pattern.find_iter(&source.code) {
            let line = source.line_of(word.start());
            if !source.in_test(line) {
                found.push((name, line, word.as_str().to_owned(), instead));
            }
        }
    }
    found
}

#[test]
fn every_impurity_is_found() {
    let samples = [
        "async fn a() {}",
        "fn a() { b().await }",
        "use tokio::sync::mpsc;",
        "use std::fs::File;",
        "use std::{collections::BTreeMap, fs};",
        "fn a() { std::net::lookup() }",
        "fn a() { std::env::var(b) }",
        "use std::time::{Duration, SystemTime};",
        "use std::time::Instant;",
        "fn a() { jiff::Timestamp::now() }",
        "use ring::rand::SystemRandom;",
        "fn a() { Uuid::new_v4() }",
        "fn a() { Uuid::now_v7() }",
        "static mut A: u8 = 0;",
        "static A: Mutex<u8> = Mutex::new(0);",
        "fn a() { std::thread::yield_now() }",
        "fn a() { println!() }",
        "fn a() { tracing::info!() }",
        "fn a() { fail_point!() }",
    ];
    for sample in samples {
        let source = Source::new("src/pipeline/a.rs", sample);
        assert!(!check(&[source], &[]).is_empty(), "missed: {sample}");
    }
}

#[test]
fn pure_code_tests_and_other_rooms_are_left_alone() {
    let check = |path, text| lines_of(&check(&[Source::new(path, text)], &[]));
    let pure =
        "// async, std::fs\nuse std::time::Duration;\nfn a(now: Timestamp) -> &'static str {}";
    assert!(check("src/evidence/a.rs", pure).is_empty());
    let tested = "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\nuse std::fs;";
    assert_eq!(check("src/evidence/a.rs", tested), [5]);
    assert!(check("src/hub/a.rs", "async fn a() {}").is_empty());
}

#[test]
fn an_exception_holds_only_while_it_is_needed() {
    let exception = |reason| Exception { path: "src/message/a.rs", impurity: "io", reason };
    let check = |text, reason| {
        lines_of(&check(&[Source::new("src/message/a.rs", text)], &[exception(reason)]))
    };
    assert!(check("use std::fs;", "because").is_empty());
    assert_eq!(check("use std::fs;", ""), [1], "without a reason");
    assert_eq!(check("fn a() {}", "because"), [1], "no longer needed");
    assert_eq!(check("\nasync fn a() {}", "because"), [2, 1], "another impurity");
}
