//! The set of configuration under which the hub works now, and how another takes its place.
//!
//! A set becomes active by a journal row with its digest and approvers. Its files are kept in the
//! data folder, so that a restart works under the same set whatever became of the folder it came
//! from. A set that fails its check never gets here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::catalogue::Catalogue;
use crate::catalogue::problem::{Files, Problem};
use crate::journal::{Journal, JournalError, PartnerOrder, Proposal, Rules};
use crate::message::Digest;
use crate::pipeline;

use super::clock;
use super::set_check::example_problems;

/// A set in force.
#[derive(Clone)]
pub struct Active {
    pub catalogue: Arc<Catalogue>,
    pub rules: Arc<Rules>,
}

impl Active {
    pub fn new(catalogue: Catalogue) -> Self {
        let catalogue = Arc::new(catalogue);
        Self { rules: Arc::new(rules(&catalogue)), catalogue }
    }
}

/// The pure rules of a catalogue, for the journal's writer.
fn rules(catalogue: &Arc<Catalogue>) -> Rules {
    let (for_dispatch, for_feedback) = (Arc::clone(catalogue), Arc::clone(catalogue));
    Rules {
        catalogue: catalogue.digest(),
        looks_back: catalogue.looks_back(),
        dispatch: Box::new(move |admitted, case, suspended, now, entropy| {
            pipeline::dispatch(&for_dispatch, admitted, case, suspended, now, entropy)
        }),
        feedback: Box::new(move |about, case, now, entropy| {
            pipeline::feedback(&for_feedback, about, case, now, entropy)
        }),
    }
}

/// Why a set cannot be worked under.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    #[error("the set has {} problems", .0.len())]
    Invalid(Vec<Problem>),
    #[error("the set cannot be kept in {path}")]
    Keep {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the kept set in {0} is not the one that was activated")]
    Changed(PathBuf),
    #[error("the journal does not answer")]
    Journal(#[from] JournalError),
}

/// A set that passed its check, examples included.
pub fn checked(files: &Files) -> Result<Catalogue, SetError> {
    let catalogue = Catalogue::parse(files).map_err(SetError::Invalid)?;
    let problems = example_problems(&catalogue, files);
    if problems.is_empty() { Ok(catalogue) } else { Err(SetError::Invalid(problems)) }
}

/// Where a set is kept.
fn kept(data: &Path, digest: Digest) -> PathBuf {
    data.join("sets").join(format!("{digest}.json"))
}

/// Keeps a copy of a set in the data folder.
pub fn keep(data: &Path, digest: Digest, files: &Files) -> Result<(), SetError> {
    let target = kept(data, digest);
    if target.is_file() {
        return Ok(());
    }
    let failed = |source| SetError::Keep { path: target.clone(), source };
    let coded: BTreeMap<&str, String> =
        files.iter().map(|(name, bytes)| (name.as_str(), BASE64_STANDARD.encode(bytes))).collect();
    let text = serde_json::to_vec(&coded).map_err(|error| failed(error.into()))?;
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let draft = target.with_extension("tmp");
    std::fs::write(&draft, text).map_err(failed)?;
    std::fs::rename(&draft, &target).map_err(failed)
}

/// A set that was kept, if it still is what it was.
pub fn recall(data: &Path, digest: Digest) -> Result<Files, SetError> {
    let path = kept(data, digest);
    let failed = |source| SetError::Keep { path: path.clone(), source };
    let bytes = std::fs::read(&path).map_err(failed)?;
    let coded: BTreeMap<String, String> =
        serde_json::from_slice(&bytes).map_err(|_| SetError::Changed(path.clone()))?;
    let mut files = Files::new();
    for (name, text) in coded {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| SetError::Changed(path.clone()))?;
        files.insert(name, bytes);
    }
    Ok(files)
}

/// The set that the journal says is active; the given one where none ever was.
pub async fn restore(
    journal: &Journal,
    data: &Path,
    files: &Files,
) -> Result<(Active, bool), SetError> {
    let Some(row) = journal.current_activation().await? else {
        let catalogue = checked(files)?;
        let digest = catalogue.digest();
        keep(data, digest, files)?;
        let first = Proposal {
            catalogue: digest,
            asked_by: "eerste start".to_owned(),
            widens: false,
            approved_by: None,
            note: "de set waarmee dit logboek begon".to_owned(),
        };
        journal.partner_order(PartnerOrder::Activate(first), clock::now()).await?;
        return Ok((Active::new(catalogue), true));
    };
    let same = Catalogue::parse(files).ok().filter(|c| c.digest() == row.catalogue);
    if let Some(catalogue) = same {
        return Ok((Active::new(catalogue), true));
    }
    let recalled = recall(data, row.catalogue)?;
    let catalogue = Catalogue::parse(&recalled).map_err(SetError::Invalid)?;
    if catalogue.digest() != row.catalogue {
        return Err(SetError::Changed(kept(data, row.catalogue)));
    }
    Ok((Active::new(catalogue), false))
}

/// The active set, swapped as a whole.
pub struct Current(RwLock<Active>);

impl Current {
    pub fn new(active: Active) -> Self {
        Self(RwLock::new(active))
    }

    pub fn get(&self) -> Active {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, active: Active) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = active;
    }
}
