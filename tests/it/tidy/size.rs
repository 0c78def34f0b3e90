//! How long things may get: a function 70 lines, a file 500, a line 100 characters (style 26).

use regex::Regex;

use super::source::{Source, body};
use super::{Offence, hold, sources};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;
const LINE_CHARS_MAX: usize = 100;

#[test]
fn functions_files_and_lines_stay_short() {
    let all = sources(&["src", "tests", "benches"]);
    hold(&all.iter().flat_map(check).collect::<Vec<_>>());
}

fn check(source: &Source) -> Vec<Offence> {
    [long_functions(source), long_file(source), long_lines(source)].concat()
}

/// Functions with too many lines, from the line of `fn` to the closing brace; what is nested in a
/// function counts for both.
fn long_functions(source: &Source) -> Vec<Offence> {
    let functions = Regex::new(r"\bfn\s+\$?(\w+)").expect("a pattern");
    let mut found = Vec::new();
    for function in functions.captures_iter(&source.code) {
        let (start, name) = match (function.get(0), function.get(1)) {
            (Some(all), Some(name)) => (all.start(), name),
            _ => continue,
        };
        let Ok(block) = body(&source.code, name.end()) else { continue };
        let first = source.line_of(start);
        let lines = source.line_of(block.end - 1) - first + 1;
        if lines > FUNCTION_LINES_MAX {
            found.push(Offence::at(
                source,
                first,
                format!("function `{}` has {lines} lines", name.as_str()),
                "a function of at most 70 lines is seen in one look",
                "split it where its steps have names",
            ));
        }
    }
    found
}

fn long_file(source: &Source) -> Vec<Offence> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![Offence::at(
        source,
        FILE_LINES_MAX + 1,
        format!("the file has {lines} lines"),
        "a file of at most 500 lines is about one thing",
        "move its tests to `tests.rs`, or what it does second to a module of its own",
    )]
}

/// Lines that are too long, except where an address makes them so: it cannot be broken.
fn long_lines(source: &Source) -> Vec<Offence> {
    let too_long = |line: &str| line.chars().count() > LINE_CHARS_MAX && !line.contains("://");
    let lines = source.text.lines().enumerate().filter(|(_, line)| too_long(line));
    let offence = |(index, line): (usize, &str)| {
        Offence::at(
            source,
            index + 1,
            format!("the line has {} characters", line.chars().count()),
            "two files of at most 100 characters stand side by side",
            "break it; a long string goes on after a backslash, a long sample into a file",
        )
    };
    lines.map(offence).collect()
}

#[test]
fn a_long_function_is_found_wherever_it_stands() {
    let body = |lines: usize| "    x();\n".repeat(lines);
    let lines_of = |text: &str| super::lines_of(&check(&Source::new("src/a.rs", text)));
    assert!(lines_of(&format!("fn a() {{\n{}}}\n", body(68))).is_empty());
    assert_eq!(lines_of(&format!("fn a() {{\n{}}}\n", body(69))), [1]);
    let method = format!("impl A {{\n    pub fn a(&self) -> [u8; 3] {{\n{}}}\n}}\n", body(69));
    assert_eq!(lines_of(&method), [2]);
    let nested = format!("fn a() {{\n    fn b() {{\n{}    }}\n}}\n", body(69));
    assert_eq!(lines_of(&nested), [1, 2]);
}

#[test]
fn braces_in_words_do_not_make_a_function_long_or_short() {
    let lines_of = |text: &str| super::lines_of(&check(&Source::new("src/a.rs", text)));
    let tail = "fn b() { x() }\n".repeat(80);
    assert!(lines_of(&format!("fn a() {{ x(\"{{\", '{{'); /* {{ */ }} // {{\n{tail}")).is_empty());
    let early = format!("fn a() {{\n    x(\"}}\", '}}');\n{}}}\n", "    x();\n".repeat(69));
    assert_eq!(lines_of(&early), [1]);
    assert!(lines_of(&format!("trait A {{ fn a(); }}\ntype B = fn(u8);\n{tail}")).is_empty());
}

#[test]
fn a_long_file_and_a_long_line_are_found() {
    let lines_of = |text: &str| super::lines_of(&check(&Source::new("src/a.rs", text)));
    assert!(lines_of(&"// x\n".repeat(500)).is_empty());
    assert_eq!(lines_of(&"// x\n".repeat(501)), [501]);
    assert!(lines_of(&"é".repeat(100)).is_empty(), "characters count, not bytes");
    assert_eq!(lines_of(&format!("\n{}\n", "é".repeat(101))), [2]);
    assert!(lines_of(&format!("// https://{}\n", "x".repeat(100))).is_empty());
}
