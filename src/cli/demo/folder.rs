//! A small partner that exchanges files: it lays them in `in/` and fetches from `uit/`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::parcel::{Received, Way};
use crate::cli::access::Halt;
use crate::cli::output::Exit;
use crate::message::PartnerId;

/// One partner's folder.
pub struct Folder {
    pub id: PartnerId,
    pub root: PathBuf,
}

impl Folder {
    /// Lays a file ready: under another name first, so that nobody takes half of it.
    pub fn lay(&self, name: &str, document: &[u8]) -> Result<(), Halt> {
        let folder = self.root.join("in");
        let draft = folder.join(format!("{name}.tmp"));
        std::fs::create_dir_all(&folder).map_err(failed)?;
        std::fs::write(&draft, document).map_err(failed)?;
        std::fs::rename(&draft, folder.join(name)).map_err(failed)
    }

    /// The receipt of a file, once it is there, and whether the file was taken.
    pub fn receipt(&self, name: &str) -> Option<(bool, Value)> {
        let read = |path: PathBuf| serde_json::from_slice(&std::fs::read(path).ok()?).ok();
        let taken = read(self.root.join("uit").join(format!("{name}.ontvangst.json")));
        taken.map(|receipt| (true, receipt)).or_else(|| {
            let refused = read(self.root.join("fout").join(format!("{name}.fout.json")));
            refused.map(|receipt| (false, receipt))
        })
    }

    /// Fetches the parcels that lie ready, checks them, and takes them away.
    pub fn fetch(&self, key: &[u8; 32]) -> Result<Vec<Received>, Halt> {
        let mut fetched = Vec::new();
        let Ok(entries) = std::fs::read_dir(self.root.join("uit")) else { return Ok(fetched) };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(parcel) = name.strip_suffix(".rol.json") else { continue };
            // The document comes after its role: where it is not there yet, it comes next time.
            let Some(document) = document_of(&path, parcel) else { continue };
            let described = std::fs::read(&path).map_err(failed)?;
            let described: Value = serde_json::from_slice(&described).unwrap_or_default();
            let bytes = std::fs::read(&document).map_err(failed)?;
            fetched.push(Received::check(&self.id, Way::Map, &described, &bytes, key));
            std::fs::remove_file(&document).map_err(failed)?;
            std::fs::remove_file(&path).map_err(failed)?;
        }
        Ok(fetched)
    }
}

fn document_of(role: &Path, parcel: &str) -> Option<PathBuf> {
    let endings = ["csv", "xml", "json", "bin"].iter();
    let paths = endings.map(|ending| role.with_file_name(format!("{parcel}.{ending}")));
    paths.into_iter().find(|path| path.is_file())
}

fn failed(error: std::io::Error) -> Halt {
    Halt::new(Exit::Failure, format!("de map van een ketenpartner is onbereikbaar: {error}"))
}
