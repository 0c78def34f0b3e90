//! A Rust file as the rules read it: its code without comments and literals, and where tests are.

use std::ops::Range;

/// A source file. `code` has the text's bytes and lines, with the contents of comments, strings
/// and characters blanked, so that a rule never trips over a word in a sentence.
pub struct Source {
    pub path: String,
    pub text: String,
    pub code: String,
    comments: Vec<bool>,
    tests: Vec<bool>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (code, comment_ranges) = blank(text);
        let lines = text.lines().count() + 1;
        let mut source = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            comments: vec![false; lines],
            tests: vec![is_test_file(path); lines],
        };
        for range in comment_ranges {
            source.mark(&range, |source| &mut source.comments);
        }
        for range in test_items(&source.code) {
            source.mark(&range, |source| &mut source.tests);
        }
        source
    }

    fn mark(&mut self, range: &Range<usize>, which: fn(&mut Self) -> &mut Vec<bool>) {
        let (first, last) = (self.line_of(range.start), self.line_of(range.end));
        which(self)[first - 1..last].fill(true);
    }

    /// The line, counted from one, on which a byte stands.
    pub fn line_of(&self, offset: usize) -> usize {
        self.code[..offset].bytes().filter(|byte| *byte == b'\n').count() + 1
    }

    /// Whether a line belongs to a test.
    pub fn in_test(&self, line: usize) -> bool {
        self.tests[line - 1]
    }

    /// Whether a comment stands on this line or on the one before it.
    pub fn is_explained(&self, line: usize) -> bool {
        self.comments[line - 1] || (line > 1 && self.comments[line - 2])
    }

    /// The module path of the file below the crate: `src/a/b.rs` and `src/a/b/mod.rs` are `[a, b]`.
    pub fn module(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let path = path.strip_suffix(".rs").unwrap_or(path);
        let path = path.strip_suffix("/mod").unwrap_or(path);
        if path == "lib" { Vec::new() } else { path.split('/').collect() }
    }

    /// The room of the file: the first part of its module path, or `lib`.
    pub fn room(&self) -> &str {
        self.module().first().copied().unwrap_or("lib")
    }
}

/// By its name: a module that its parent declares for tests only is called so.
fn is_test_file(path: &str) -> bool {
    let folders = ["tests/", "benches/"];
    let names = ["/tests.rs", "_tests.rs", "/fakes.rs", "/fixture.rs", "/properties.rs"];
    folders.iter().any(|f| path.starts_with(f) || path.contains(&format!("/{f}")))
        || names.iter().any(|name| path.ends_with(name))
}

/// The items behind `#[cfg(test)]`, each from its attribute to its closing brace or semicolon.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let attributes = regex::Regex::new(r"#!?\[cfg\((?:all\()?test\b[^\]]*\]").expect("a pattern");
    attributes.find_iter(code).map(|found| found.start()..item_end(code, found.end())).collect()
}

/// Where the item that starts at `from` ends: its first top-level `;`, or the end of its block.
pub fn item_end(code: &str, from: usize) -> usize {
    body(code, from).map_or_else(|end| end, |block| block.end - 1)
}

/// The block `{ … }` of the item that starts at `from`, or `Err` with its end where it has none.
pub fn body(code: &str, from: usize) -> Result<Range<usize>, usize> {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => return Err(offset),
            b'{' if depth == 0 => return Ok(offset..block_end(code, offset)),
            _ => {}
        }
    }
    Err(code.len())
}

/// One past the brace that closes the one at `open`.
pub fn block_end(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return offset + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The text with comments and the insides of literals blanked, and where the comments were.
fn blank(text: &str) -> (String, Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut comments = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (hidden, next) = if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            comments.push(at..end);
            (at..end, end)
        } else if rest.starts_with(b"/*") {
            let end = at + block_comment_length(rest);
            comments.push(at..end);
            (at..end, end)
        } else if let Some((start, length)) = raw_string(bytes, at) {
            (at + start..at + length, at + length)
        } else if rest[0] == b'"' {
            let end = at + string_length(rest);
            (at + 1..end.saturating_sub(1).max(at + 1), end)
        } else if rest[0] == b'\'' {
            let end = at + char_length(&text[at..]);
            (at + 1..(end - 1).max(at + 1), end)
        } else {
            (at..at, at + 1)
        };
        code[hidden].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = next;
    }
    (String::from_utf8(code).expect("whole characters were blanked"), comments)
}

/// The length of a block comment with those nested in it.
fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of a string in quotes, with its escapes.
fn string_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a character in quotes; 1 for the quote of a lifetime.
fn char_length(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(1, |end| end + 4),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(1, |(end, _)| end + 1),
        None => 1,
    }
}

/// Where the inside of a raw string (`r"…"`, `br#"…"#`) starts, and the string's whole length.
fn raw_string(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if in_word {
        return None;
    }
    let rest = &bytes[at..];
    let prefix = usize::from(matches!(rest[0], b'b' | b'c'));
    let hashes = rest.get(prefix..)?.strip_prefix(b"r")?;
    let count = hashes.iter().take_while(|byte| **byte == b'#').count();
    hashes[count..].strip_prefix(b"\"")?;
    let start = prefix + 1 + count + 1;
    let close = [b"\"".as_slice(), &b"#".repeat(count)].concat();
    let inside = rest[start..].windows(close.len()).position(|window| window == close);
    Some((start, inside.map_or(rest.len(), |length| start + length + close.len())))
}

#[test]
fn comments_and_literals_are_blanked_and_code_is_not() {
    let hidden = |text| !Source::new("src/a.rs", text).code.contains("secret");
    assert!(hidden("// secret\n") && hidden("let a = 1; /* secret /* x */ secret */"));
    assert!(hidden(r#"let a = "\"secret";"#) && hidden("let a = b\"secret\";"));
    assert!(hidden("let a = r#\"x\" secret\"#;") && hidden("let a = br\"secret\";"));
    assert!(!hidden("let a = '\"'; secret()") && !hidden("let a = '\\''; secret()"));
    assert!(!hidden("fn a<'a>(b: &'a str) { secret('é', '\\u{1F600}') }"));
    assert!(!hidden("/* x */ secret") && !hidden("let r#type = \"é\"; secret"));
    assert!(!hidden("let for_r = r\"\\\"; secret()"), "a raw string has no escapes");
}

#[test]
fn lines_stay_where_they_were() {
    let source = Source::new("src/a.rs", "/*\nx\n*/ let a = \"b\nc\";\nfn é() {}\n");
    assert_eq!(source.code.lines().count(), 5);
    assert_eq!(source.line_of(source.code.find("fn").expect("kept")), 5);
    assert!(source.is_explained(3) && source.is_explained(4) && !source.is_explained(5));
}

#[test]
fn tests_are_known_by_attribute_and_by_place() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
    let source = Source::new("src/a.rs", text);
    let marked: Vec<usize> = (1..=6).filter(|line| source.in_test(*line)).collect();
    assert_eq!(marked, [2, 3, 4, 5]);
    let declared = Source::new("src/a.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n");
    assert!(declared.in_test(2) && !declared.in_test(3));
    assert!(!Source::new("src/a.rs", "#[cfg(unix)]\nfn a() {}\n").in_test(2));
    let places = ["src/a/tests.rs", "src/a/tests/b.rs", "tests/it/a.rs", "benches/a.rs"];
    assert!(places.iter().all(|path| Source::new(path, "fn a() {}\n").in_test(1)));
    assert!(!Source::new("src/contests.rs", "fn a() {}\n").in_test(1));
}

#[test]
fn a_file_knows_its_room() {
    let room = |path| Source::new(path, "").room().to_owned();
    assert_eq!(room("src/message/ids.rs"), "message");
    assert_eq!(room("src/settings.rs"), "settings");
    assert_eq!(room("src/hub/mod.rs"), "hub");
    assert_eq!(room("src/lib.rs"), "lib");
    assert_eq!(Source::new("src/a/b/mod.rs", "").module(), ["a", "b"]);
}
