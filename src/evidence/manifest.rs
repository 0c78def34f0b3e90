//! What stands beside a backup: of which moment it is, and what its files must hash to.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::wire;
use crate::message::{Digest, Timestamp};

/// The form that this program writes and reads.
const FORMAT: u32 = 1;

/// A manifest is small; something else was meant where it is not.
pub const MANIFEST_BYTES_MAX: usize = 256 * 1024;

/// The manifest of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    #[serde(rename = "formaat")]
    pub format: u32,
    /// The same for the two halves of one backup.
    pub id: Uuid,
    #[serde(rename = "gemaakt")]
    pub made: Timestamp,
    /// Of the program that made it.
    #[serde(rename = "versie")]
    pub version: String,
    #[serde(rename = "opslag")]
    pub store: Kind,
    /// The last step of the journal's schema.
    pub schema: i64,
    /// Names the keys of the hub, which are not in the backup.
    #[serde(rename = "sleutel")]
    pub hub_key: String,
    /// Leaves under the newest checkpoint.
    #[serde(rename = "omvang")]
    pub size: u64,
    /// The newest signed checkpoint.
    #[serde(rename = "controlepunt")]
    pub checkpoint: Option<String>,
    /// When content was last erased.
    #[serde(rename = "laatsteWissing")]
    pub last_erasure: Option<Timestamp>,
    #[serde(rename = "bestanden")]
    pub files: Vec<File>,
}

/// The store that was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// Which of the two stores a file is a copy of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Half {
    #[serde(rename = "logboek")]
    Journal,
    /// The keys of cases.
    #[serde(rename = "sleutels")]
    Keys,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    #[serde(rename = "naam")]
    pub name: String,
    #[serde(rename = "soort")]
    pub half: Half,
    #[serde(rename = "bytes")]
    pub size_bytes: u64,
    #[serde(with = "wire::hex")]
    pub sha256: Digest,
}

/// Why a text is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("not the manifest of a backup")]
    NotAManifest,
    #[error("a manifest of format {0}, which this program does not know; it knows {FORMAT}")]
    Format(u32),
    #[error("the manifest names a file outside its folder, or one twice")]
    FileName,
    #[error("the manifest names no file, or two of one kind")]
    Halves,
}

/// What of a manifest is read before the rest of it is believed.
#[derive(Deserialize)]
struct Start {
    formaat: u32,
}

impl Manifest {
    pub const FORMAT: u32 = FORMAT;

    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n" // always writes
    }

    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        if text.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::NotAManifest);
        }
        let start: Start = serde_json::from_slice(text).map_err(|_| ManifestError::NotAManifest)?;
        if start.formaat != FORMAT {
            return Err(ManifestError::Format(start.formaat));
        }
        let read: Self = serde_json::from_slice(text).map_err(|_| ManifestError::NotAManifest)?;
        let mut names: Vec<&str> = read.files.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() != read.files.len() || !names.iter().all(|name| is_plain(name)) {
            return Err(ManifestError::FileName);
        }
        let of = |half| read.files.iter().filter(|file| file.half == half).count();
        let (journal, keys) = (of(Half::Journal), of(Half::Keys));
        if journal + keys == 0 || journal > 1 || keys > 1 {
            return Err(ManifestError::Halves);
        }
        Ok(read)
    }

    /// The copy of one store.
    pub fn file(&self, half: Half) -> Option<&File> {
        self.files.iter().find(|file| file.half == half)
    }
}

/// A file in the folder itself, whatever the system.
fn is_plain(name: &str) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, half: Half) -> File {
        File { name: name.to_owned(), half, size_bytes: 4096, sha256: Digest([7; 32]) }
    }

    fn manifest(files: Vec<File>) -> Manifest {
        Manifest {
            format: FORMAT,
            id: Uuid::from_bytes([7; 16]),
            made: Timestamp::parse("2026-11-23T19:15:00.5Z").unwrap(),
            version: "0.1.0".to_owned(),
            store: Kind::Sqlite,
            schema: 7,
            hub_key: "0123456789abcdef".to_owned(),
            size: 120,
            checkpoint: Some("schakel\n120\n…\n".to_owned()),
            last_erasure: None,
            files,
        }
    }

    fn both() -> Vec<File> {
        vec![file("journal.sqlite", Half::Journal), file("sleutels.sqlite", Half::Keys)]
    }

    #[test]
    fn a_manifest_reads_back() {
        for files in [both(), both()[..1].to_vec(), both()[1..].to_vec()] {
            let made = manifest(files);
            assert_eq!(Manifest::parse(made.to_text().as_bytes()), Ok(made));
        }
        let text = manifest(both()).to_text();
        assert!(text.contains("\"gemaakt\": \"2026-11-23T19:15:00.5Z\""), "{text}");
        assert!(text.contains("\"soort\": \"sleutels\""), "{text}");
    }

    #[test]
    fn a_file_outside_the_folder_is_refused() {
        for name in ["../a", "a/b", "/etc/passwd", "a\\b", "", ".", "..", ".a", "a b", "é"] {
            let made = manifest(vec![file(name, Half::Journal)]).to_text();
            assert_eq!(Manifest::parse(made.as_bytes()), Err(ManifestError::FileName), "{name}");
        }
        let twice = manifest(vec![file("a", Half::Journal), file("a", Half::Keys)]).to_text();
        assert_eq!(Manifest::parse(twice.as_bytes()), Err(ManifestError::FileName));
    }

    #[test]
    fn what_is_no_manifest_is_said_so() {
        let whole = manifest(both()).to_text();
        let table = [
            (String::new(), ManifestError::NotAManifest),
            ("{}".to_owned(), ManifestError::NotAManifest),
            ("{\"formaat\": 1}".to_owned(), ManifestError::NotAManifest),
            (whole.replace("\"formaat\": 1", "\"formaat\": 2"), ManifestError::Format(2)),
            (whole.get(..whole.len() / 2).unwrap().to_owned(), ManifestError::NotAManifest),
            (whole.replace(&"07".repeat(32), "07"), ManifestError::NotAManifest),
            (manifest(vec![]).to_text(), ManifestError::Halves),
            (
                manifest(vec![file("a", Half::Keys), file("b", Half::Keys)]).to_text(),
                ManifestError::Halves,
            ),
            (" ".repeat(MANIFEST_BYTES_MAX) + &whole, ManifestError::NotAManifest),
        ];
        for (text, expected) in table {
            assert_eq!(Manifest::parse(text.as_bytes()), Err(expected));
        }
    }
}
