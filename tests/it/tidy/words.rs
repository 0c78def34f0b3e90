//! What must be said: a reason for an exception to a lint, why a panic cannot happen, what a
//! module is for; and what must not be left behind.

use regex::Regex;

use super::source::Source;
use super::{Offence, hold, lines_of, sources};

#[test]
fn exceptions_panics_and_modules_are_explained() {
    let all = sources(&["src", "tests", "benches"]);
    hold(&all.iter().flat_map(check).collect::<Vec<_>>());
}

fn check(source: &Source) -> Vec<Offence> {
    [
        allowed_lints(source),
        bare_exceptions(source),
        leftovers(source),
        panics(source),
        silent(source),
    ]
    .concat()
}

fn allowed_lints(source: &Source) -> Vec<Offence> {
    matches(source, r"#!?\[\s*(?:allow|cfg_attr\([^\]]*\ballow)\s*\(", |line, _| {
        Some(Offence::at(
            source,
            line,
            "a lint is silenced with `allow`".to_owned(),
            "`allow` stays when its cause has gone; `expect` then warns",
            "write #[expect(lint, reason = \"…\")]",
        ))
    })
}

fn bare_exceptions(source: &Source) -> Vec<Offence> {
    matches(source, r"#!?\[\s*expect\s*\([^\]]*\]", |line, text| {
        (!text.contains("reason")).then(|| {
            Offence::at(
                source,
                line,
                "a lint is silenced without a reason".to_owned(),
                "the next reader must be able to judge whether it still holds",
                "add reason = \"…\"",
            )
        })
    })
}

fn leftovers(source: &Source) -> Vec<Offence> {
    matches(source, r"\b(?:todo|unimplemented|dbg)!", |line, text| {
        Some(Offence::at(
            source,
            line,
            format!("`{text}` was left behind"),
            "what is not there must not compile as if it were",
            "finish it, or leave the path out",
        ))
    })
}

/// What can panic outside tests, and has no comment on its line or the one before it.
fn panics(source: &Source) -> Vec<Offence> {
    let pattern = r"\.\s*unwrap\s*\(\s*\)|\.\s*expect\s*\(|\b(?:panic|unreachable)!";
    matches(source, pattern, |line, text| {
        let excused = source.in_test(line) || source.is_explained(line);
        (!excused).then(|| {
            Offence::at(
                source,
                line,
                format!("`{text}` may panic, and nothing says why it cannot"),
                "a panic in the hub stops the messages of everybody (style 13)",
                "return an error, or say in a comment on this line or above why it cannot happen",
            )
        })
    })
}

fn silent(source: &Source) -> Vec<Offence> {
    let is_module = source.path.starts_with("src/") && source.path != "src/main.rs";
    let said = ["//!", "#![doc = include_str!"].iter().any(|way| source.text.starts_with(way));
    if !is_module || source.in_test(1) || said {
        return Vec::new();
    }
    vec![Offence::at(
        source,
        1,
        "the file does not say what it is for".to_owned(),
        "files are read top-down (style 22)",
        "begin with `//!`: what the module is for, and what it leaves to others",
    )]
}

/// What `judge` says of each place where the code has the pattern.
fn matches(
    source: &Source,
    pattern: &str,
    judge: impl Fn(usize, &str) -> Option<Offence>,
) -> Vec<Offence> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let places = pattern.find_iter(&source.code);
    places.filter_map(|f| judge(source.line_of(f.start()), f.as_str())).collect()
}

fn caught(path: &str, text: &str) -> Vec<usize> {
    lines_of(&check(&Source::new(path, &format!("//! A module.\n{text}"))))
}

#[test]
fn silenced_lints_are_found() {
    assert_eq!(caught("src/a.rs", "#[allow(dead_code)]\nfn a() {}"), [2]);
    assert_eq!(caught("tests/it/a.rs", "#![allow(dead_code, reason = \"x\")]"), [2]);
    assert_eq!(caught("src/a.rs", "#[cfg_attr(test, allow(dead_code))]"), [2]);
    assert_eq!(caught("src/a.rs", "#[expect(dead_code)]\nfn a() {}"), [2]);
    assert!(caught("src/a.rs", "#[expect(\n    dead_code,\n    reason = \"x\"\n)]").is_empty());
}

#[test]
fn leftovers_are_found() {
    assert_eq!(
        caught("src/a.rs", "fn a() { todo!() }\nfn b() { dbg!(unimplemented!()) }"),
        [2, 3, 3]
    );
    assert!(caught("src/a.rs", "// todo!()\nfn todo() {}").is_empty());
}

#[test]
fn an_unexplained_panic_is_found() {
    assert_eq!(caught("src/a.rs", "fn a() {\n    b().unwrap();\n}"), [3]);
    assert_eq!(caught("src/a.rs", "fn a() {\n    b()\n        .expect(\"c\");\n}"), [4]);
    assert_eq!(caught("src/a.rs", "fn a() {\n    unreachable!()\n}"), [3]);
}

#[test]
fn an_explained_panic_and_one_in_a_test_are_left_alone() {
    assert!(
        caught("src/a.rs", "fn a() {\n    // Cannot fail: x.\n    b().unwrap();\n}").is_empty()
    );
    assert!(caught("src/a.rs", "fn a() {\n    b().unwrap(); // Cannot fail: x.\n}").is_empty());
    assert!(caught("src/a.rs", "fn a() {\n    b().unwrap_or(1);\n}").is_empty());
    assert!(caught("src/a.rs", "#[cfg(test)]\nmod tests {\n    b().unwrap();\n}").is_empty());
    assert!(caught("tests/it/a.rs", "fn a() {\n    b().unwrap();\n}").is_empty());
}

#[test]
fn a_silent_module_is_found() {
    let lines = |path| lines_of(&check(&Source::new(path, "fn a() {}")));
    assert_eq!(lines("src/message/a.rs"), [1]);
    assert!(lines("src/message/tests.rs").is_empty());
}
