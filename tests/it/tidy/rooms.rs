//! Who may import whom, and which room owns which crate.

use regex::Regex;

use super::source::{Source, block_end};
use super::{Offence, hold, lines_of, root, sources};

/// The import table: a room, and the rooms it may import. The README shows the same.
const ROOMS: [(&str, &[&str]); 9] = [
    ("message", &[]),
    ("catalogue", &["message"]),
    ("pipeline", &["message", "catalogue"]),
    ("casework", &["message", "catalogue"]),
    ("evidence", &["message"]),
    ("journal", &["message", "catalogue", "pipeline", "casework", "evidence"]),
    ("transport", &["message"]),
    ("hub", &["message", "catalogue", "pipeline", "casework", "evidence", "journal", "transport"]),
    ("console", &["message", "casework", "evidence", "journal", "transport", "hub"]),
];

/// The front door, which puts the rooms together and so may import all of them.
const FRONT_DOOR: [&str; 6] = ["cli", "lib", "lifecycle", "main", "settings", "telemetry"];

/// Crates that one room owns, so that replacing one touches one place.
const OWNERS: [(&str, &[&str]); 8] = [
    ("sqlx", &["src/journal"]),
    ("lapin", &["src/transport/amqp"]),
    ("lettre", &["src/transport/mail"]),
    ("axum", &["src/transport/http", "src/console"]),
    ("reqwest", &["src/transport/http", "src/cli"]),
    ("backoff", &["src/transport/retry"]),
    ("jsonschema", &["src/catalogue"]),
    ("cel", &["src/catalogue"]),
];

#[test]
fn every_room_imports_only_what_the_table_allows() {
    hold(&sources(&["src"]).iter().flat_map(check_imports).collect::<Vec<_>>());
}

#[test]
fn every_crate_stays_with_its_owner() {
    hold(&sources(&["src"]).iter().flat_map(check_owners).collect::<Vec<_>>());
}

#[test]
fn the_readme_shows_the_import_table() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("a README.md");
    let shown = between(&readme, "<!-- import-table -->", "<!-- /import-table -->");
    let wanted = table();
    assert!(
        shown.is_some_and(|shown| shown.trim() == wanted.trim()),
        "README.md and tests/it/tidy/rooms.rs disagree; between <!-- import-table --> and \
         <!-- /import-table --> the README should have:\n\n{wanted}"
    );
}

/// The import table as the README has it.
fn table() -> String {
    let quoted = |names: &[&str]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let rows = ROOMS.iter().map(|(room, allowed)| {
        let allowed = if allowed.is_empty() { "nothing".to_owned() } else { quoted(allowed) };
        format!("| `{room}` | {allowed} |\n")
    });
    let head = "| room | may import |\n|---|---|\n";
    format!("{head}{}| {} | all |\n", rows.collect::<String>(), quoted(&FRONT_DOOR))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}

/// Every import of another room that the table does not allow.
fn check_imports(source: &Source) -> Vec<Offence> {
    let room = source.room();
    if FRONT_DOOR.contains(&room) {
        return Vec::new();
    }
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![Offence::at(
            source,
            1,
            format!("the room `{room}` is not in the import table"),
            "a room whose place is undecided ends up knowing everything",
            "add a row to ROOMS in tests/it/tidy/rooms.rs and to the README's table",
        )];
    };
    let foreign = |name: &str| name != room && !allowed.contains(&name);
    imports(source)
        .into_iter()
        .filter(|(_, name)| foreign(name))
        .map(|(offset, name)| {
            Offence::at(
                source,
                source.line_of(offset),
                format!("`{room}` imports `{name}`"),
                "data flows one way; the table says who may know whom (style.md 2)",
                "move the code to a room that may know both, or pass what it needs as an argument",
            )
        })
        .collect()
}

/// Every name that the file takes from the crate's root, and where: `crate::x`, `crate::{x, y}`
/// and chains of `super` that climb all the way up.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let code = source.code.as_str();
    let paths = Regex::new(r"\b(?:crate|super(?:\s*::\s*super)*)\b").expect("a pattern");
    let mut found = Vec::new();
    for path in paths.find_iter(code) {
        let climbs = path.as_str().matches("super").count();
        if climbs == 0 || climbs == depth(source, path.start()) {
            let names = roots(code, path.end());
            found.extend(names.into_iter().map(|name| (path.start(), name)));
        }
    }
    found
}

/// How many modules deep a place is, those written inside the file included.
fn depth(source: &Source, offset: usize) -> usize {
    let inline = Regex::new(r"\bmod\s+\w+\s*\{").expect("a pattern");
    let around = inline
        .find_iter(&source.code)
        .filter(|found| found.end() <= offset && offset < block_end(&source.code, found.end() - 1));
    source.module().len() + around.count()
}

/// The names that follow a path to the root: one, or those of a group.
fn roots(code: &str, end: usize) -> Vec<String> {
    let rest = code[end..].trim_start();
    let Some(rest) = rest.strip_prefix("::").map(str::trim_start) else {
        // `use crate as c` takes everything; `pub(crate)` and `extern crate` name no room.
        return if rest.starts_with("as ") {
            vec!["the root as a whole".to_owned()]
        } else {
            vec![]
        };
    };
    if !rest.starts_with('{') {
        return vec![first_name(rest)];
    }
    let inside = &rest[1..block_end(rest, 0).saturating_sub(1).max(1)];
    let mut depth = 0_usize;
    let parts = inside.split(|sign| {
        depth = match sign {
            '{' => depth + 1,
            '}' => depth - 1,
            _ => depth,
        };
        sign == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).map(first_name).collect()
}

/// The identifier that a path starts with; for `*` and the like, the sign itself.
fn first_name(path: &str) -> String {
    let name: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() { path.chars().take(1).collect() } else { name }
}

/// Every use of a crate outside the room that owns it. Tests may use what they like.
fn check_owners(source: &Source) -> Vec<Offence> {
    let owned = OWNERS.iter().filter(|(_, owners)| !owners.iter().any(|o| is_in(source, o)));
    let mut found = Vec::new();
    for (name, _) in owned {
        for offset in uses_of(&source.code, name) {
            let line = source.line_of(offset);
            if !source.in_test(line) {
                found.push(Offence::at(
                    source,
                    line,
                    format!("`{name}` is used outside the room that owns it"),
                    "one room per outside crate, so that replacing it touches one place (style 9)",
                    "see OWNERS in tests/it/tidy/rooms.rs; ask that room for what you need",
                ));
            }
        }
    }
    found
}

fn is_in(source: &Source, owner: &str) -> bool {
    source.path == format!("{owner}.rs") || source.path.starts_with(&format!("{owner}/"))
}

/// Where a crate is named: `x::…`, `use x`, `#[x(…)]`; not a field, a method or another's module.
fn uses_of(code: &str, name: &str) -> Vec<usize> {
    let word = Regex::new(&format!(r"\b{name}\b")).expect("a pattern");
    let named = |start: usize, end: usize| {
        let before = code[..start].trim_end();
        let after = code[end..].trim_start();
        let parent = before.strip_suffix("::");
        if let Some(parent) = parent {
            // `::x` is the crate, `a::x` something of a module's own.
            return !parent.ends_with(|c: char| c.is_alphanumeric() || "_>".contains(c));
        }
        let imported = before.ends_with("use") || before.ends_with("extern crate");
        let attribute = before.ends_with("#[") && after.starts_with('(');
        imported || attribute || after.starts_with("::")
    };
    word.find_iter(code).filter(|f| named(f.start(), f.end())).map(|f| f.start()).collect()
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    let caught = |path: &str, text: &str| lines_of(&check_imports(&Source::new(path, text)));
    assert_eq!(caught("src/message/a.rs", "\nuse crate::journal::Writer;"), [2]);
    assert_eq!(caught("src/message/a.rs", "fn a() { crate::hub::run() }"), [1]);
    assert_eq!(caught("src/evidence/a.rs", "use crate::{message::X, journal, hub::{Y}};"), [1, 1]);
    assert_eq!(caught("src/message/a.rs", "use super::super::journal;"), [1]);
    assert_eq!(caught("src/message/mod.rs", "use super::{hub};"), [1]);
    assert_eq!(caught("src/message/a/b.rs", "use super::super::super::hub;"), [1]);
    let inline = "mod tests {\n    use super::super::super::hub;\n}\n";
    assert_eq!(caught("src/message/a.rs", inline), [2]);
    assert_eq!(caught("src/message/a.rs", "use crate::*;"), [1]);
    assert_eq!(caught("src/message/a.rs", "use crate as schakel;"), [1]);
    assert_eq!(caught("src/attic/a.rs", ""), [1]);
}

#[test]
fn an_allowed_import_is_left_alone() {
    let caught = |path: &str, text: &str| lines_of(&check_imports(&Source::new(path, text)));
    let own = "use super::ids;\nuse crate::message::Oin;\npub(crate) fn a() {}\n";
    assert!(caught("src/message/a.rs", own).is_empty());
    assert!(caught("src/message/mod.rs", "pub(super) fn a() {}").is_empty());
    assert!(caught("src/journal/a.rs", "use crate::{message::X, evidence::Leaf};").is_empty());
    let inline = "mod tests {\n    use super::*;\n    use super::super::Oin;\n}\n";
    assert!(caught("src/message/a.rs", inline).is_empty());
    assert!(caught("src/message/a.rs", "// use crate::hub;\nlet a = \"crate::hub\";").is_empty());
    assert!(caught("src/cli/a.rs", "use crate::hub;").is_empty());
}

#[test]
fn a_crate_outside_its_room_is_found() {
    let caught = |path: &str, text: &str| lines_of(&check_owners(&Source::new(path, text)));
    assert_eq!(caught("src/hub/a.rs", "use sqlx::Row;\n#[sqlx(x)]\nstruct A;"), [1, 2]);
    assert_eq!(caught("src/hub/a.rs", "#[derive(sqlx::FromRow)]\nstruct A;"), [1]);
    assert_eq!(caught("src/pipeline/a.rs", "fn a() { ::cel::parse() }\nuse cel as c;"), [1, 2]);
    assert_eq!(caught("src/transport/files.rs", "use backoff::backoff::Backoff;"), [1]);
    assert_eq!(caught("src/transport/http_old.rs", "use axum;"), [1]);
}

#[test]
fn a_crate_in_its_room_is_left_alone() {
    let caught = |path: &str, text: &str| lines_of(&check_owners(&Source::new(path, text)));
    assert!(caught("src/journal/a.rs", "use sqlx::Row;").is_empty());
    assert!(caught("src/transport/http/a.rs", "use axum::Router;").is_empty());
    assert!(caught("src/transport/http.rs", "use axum::Router;").is_empty());
    assert!(
        caught("src/pipeline/a.rs", "use crate::catalogue::cel::Val; x.cel = cel + 1;").is_empty()
    );
    assert!(
        caught("src/hub/a.rs", "#[cfg(test)]\nmod tests {\n    use axum::Router;\n}").is_empty()
    );
}
