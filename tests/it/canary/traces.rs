//! Everything that may hold no canary, and the search through it.

use std::path::{Path, PathBuf};

use base64::prelude::{
    BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine as _,
};
use serde_json::Value;

use super::birds::{Bird, SOURCES};
use crate::hub::Reply;

/// What was left behind: where, and the bytes.
#[derive(Default)]
pub struct Trace(Vec<(String, Vec<u8>)>);

impl Trace {
    pub fn note(&mut self, what: &str, bytes: &[u8]) {
        self.0.push((what.to_owned(), bytes.to_vec()));
    }

    pub fn reply(&mut self, what: &str, reply: &Reply) {
        self.headers(what, reply);
        self.note(what, &reply.body);
    }

    pub fn headers(&mut self, what: &str, reply: &Reply) {
        for (name, value) in &reply.headers {
            self.note(&format!("{what}, header {name}"), value.as_bytes());
            self.token(what, value.to_str().unwrap_or_default());
        }
    }

    /// A parcel without its document: ids, event, proof, and the role inside its signed token.
    pub fn beside(&mut self, what: &str, whole: &Value) {
        let mut rest = whole.clone();
        rest.as_object_mut().expect("a parcel").remove("inhoud");
        self.note(what, rest.to_string().as_bytes());
        self.token(what, whole["rol"].as_str().expect("a role"));
    }

    fn token(&mut self, what: &str, text: &str) {
        for part in text.split('.') {
            if let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(part) {
                self.note(&format!("{what}, inside its token"), &bytes);
            }
        }
    }

    /// The data folder, file names included; the folders of partners hold their parcels.
    pub fn files(&mut self, data: &Path) {
        let mut found = 0;
        for path in files_of(data) {
            self.note("a file name", path.display().to_string().as_bytes());
            if !path.starts_with(data.join("uitwisseling")) {
                self.note(&path.display().to_string(), &std::fs::read(&path).expect("a file"));
                found += usize::from(path.extension().is_some_and(|e| e == "sqlite"));
            }
        }
        assert_eq!(found, 2, "both databases were read");
    }

    pub fn have_no_canary(&self) {
        let mut found = Vec::new();
        let searched = SOURCES.iter().flat_map(|s| Bird::ALL.map(|bird| s.canary(bird)));
        let pattern = pattern(searched);
        for (what, bytes) in &self.0 {
            if let Some(hit) = pattern.find(bytes) {
                found.push(format!("{:?} in {what}", String::from_utf8_lossy(hit.as_bytes())));
            }
        }
        assert!(found.is_empty(), "{} places\n{}", found.len(), found.join("\n"));
    }
}

/// The regular files under a folder, whatever depth.
pub fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files_of(&path)) } else { found.push(path) }
    }
    found
}

/// As it is, in UTF-16 of either order, and inside base64 at each of its three alignments.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![canary.as_bytes().to_vec()];
    forms.push(canary.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.push(canary.encode_utf16().flat_map(u16::to_be_bytes).collect());
    for shift in 0..3 {
        let shifted = [&b"___"[..shift], canary.as_bytes()].concat();
        let coded = BASE64_STANDARD_NO_PAD.encode(&shifted);
        // Only the characters that hold nothing but bits of the canary: six each.
        let (first, end) = ((8 * shift).div_ceil(6), 8 * shifted.len() / 6);
        let inner = coded.get(first..end).unwrap_or_default();
        forms.push(inner.as_bytes().to_vec());
    }
    forms
}

/// Finds any form of any of them; one walk through megabytes of journal.
fn pattern<'a>(canaries: impl Iterator<Item = &'a str>) -> regex::bytes::Regex {
    let escape = |form: Vec<u8>| form.iter().map(|byte| format!("\\x{byte:02X}")).collect();
    let forms: Vec<String> = canaries.flat_map(forms).map(escape).collect();
    regex::bytes::Regex::new(&format!("(?-u){}", forms.join("|"))).expect("a pattern")
}

#[test]
fn a_hidden_canary_is_found() {
    let pattern = pattern(["731904114", "Kwikstaart"].into_iter());
    let found = |bytes: &[u8]| pattern.is_match(bytes);
    assert!(!found(b"731904115") && !found(BASE64_STANDARD.encode("731904120").as_bytes()));
    for before in ["", "a", "ab", "abc", "{\"bsn\":\""] {
        let text = format!("{before}731904114\"}}");
        assert!(found(text.as_bytes()));
        assert!(found(BASE64_STANDARD.encode(&text).as_bytes()), "base64 after {before:?}");
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(found(&wide));
    }
}
