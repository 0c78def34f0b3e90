//! The set of configuration under which the hub works now, and how another takes its place.
//!
//! A set becomes active by a journal row with its digest and approvers. Its files are kept in the
//! journal beside that row, so that a restart, and every other hub over the same journal, works
//! under the same set whatever became of the folder it came from. A set that fails its check never
//! gets here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use crate::catalogue::Catalogue;
use crate::catalogue::problem::{Files, Problem};
use crate::journal::{Activation, Journal, JournalError, PartnerOrder, Proposal, Rules};
use crate::message::{Digest, PartnerId};
use crate::pipeline;

use super::clock;
use super::set_check::tried_problems;

/// A set in force.
#[derive(Clone)]
pub struct Active {
    pub catalogue: Arc<Catalogue>,
    pub rules: Arc<Rules>,
}

impl Active {
    /// `directs` is whether cases ask and are followed up under it.
    pub fn new(catalogue: Catalogue, directs: bool) -> Self {
        let catalogue = Arc::new(catalogue);
        Self { rules: Arc::new(rules(&catalogue, directs)), catalogue }
    }

    /// The same set, under which cases ask and are followed up.
    pub fn directing(self) -> Self {
        Self { rules: Arc::new(rules(&self.catalogue, true)), catalogue: self.catalogue }
    }
}

/// The pure rules of a catalogue, for the journal's writer.
fn rules(catalogue: &Arc<Catalogue>, directs: bool) -> Rules {
    let (for_dispatch, for_feedback) = (Arc::clone(catalogue), Arc::clone(catalogue));
    let directs = directs && catalogue.municipality().is_some();
    Rules {
        catalogue: catalogue.digest(),
        looks_back: catalogue.looks_back(),
        dispatch: Box::new(move |admitted, case, suspended, now, entropy| {
            pipeline::dispatch(&for_dispatch, admitted, case, suspended, now, entropy)
        }),
        feedback: Box::new(move |about, case, now, entropy| {
            pipeline::feedback(&for_feedback, about, case, now, entropy)
        }),
        regie: directs.then(|| Arc::clone(catalogue)),
    }
}

/// The rules of a catalogue by which a message goes to one partner and to nobody else, and by
/// which nothing is asked or followed up.
pub fn rules_to(catalogue: &Arc<Catalogue>, recipient: PartnerId) -> Rules {
    let set = Arc::clone(catalogue);
    Rules {
        dispatch: Box::new(move |admitted, case, suspended, now, entropy| {
            let mut made = pipeline::dispatch(&set, admitted, case, suspended, now, entropy);
            made.parcels.retain(|parcel| parcel.recipient == recipient);
            made.failures.retain(|failure| failure.recipient == recipient);
            made.not_sent.retain(|skipped| skipped.recipient.as_ref() == Some(&recipient));
            made
        }),
        ..rules(catalogue, false)
    }
}

/// Why a set cannot be worked under.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    #[error("the set has {} problems", .0.len())]
    Invalid(Vec<Problem>),
    #[error("the files of set {0} are not in the journal")]
    Missing(Digest),
    #[error("the kept files of set {0} are not those that were activated")]
    Changed(Digest),
    #[error("another set became active since it was compared")]
    Moved,
    #[error("the journal does not answer")]
    Journal(#[from] JournalError),
}

/// A set that passed its check, examples included.
pub fn checked(files: &Files) -> Result<Catalogue, SetError> {
    let catalogue = Catalogue::parse(files).map_err(SetError::Invalid)?;
    let problems = tried_problems(&catalogue, files);
    if problems.is_empty() { Ok(catalogue) } else { Err(SetError::Invalid(problems)) }
}

/// Keeps the files of a set in the journal.
pub async fn keep(journal: &Journal, digest: Digest, files: &Files) -> Result<(), SetError> {
    let coded: BTreeMap<&str, String> =
        files.iter().map(|(name, bytes)| (name.as_str(), BASE64_STANDARD.encode(bytes))).collect();
    let files = json!(coded).to_string().into_bytes();
    let order = PartnerOrder::KeepSet { catalogue: digest, files };
    journal.partner_order(order, clock::now()).await?;
    Ok(())
}

/// A set that was kept, if it still is what it was.
pub async fn recall(journal: &Journal, digest: Digest) -> Result<(Catalogue, Files), SetError> {
    let files = kept_files(journal, digest).await?;
    let catalogue = Catalogue::parse(&files).map_err(SetError::Invalid)?;
    if catalogue.digest() == digest {
        Ok((catalogue, files))
    } else {
        Err(SetError::Changed(digest))
    }
}

/// The files of a set as they were kept.
pub async fn kept_files(journal: &Journal, digest: Digest) -> Result<Files, SetError> {
    let kept = journal.set_files(digest).await?.ok_or(SetError::Missing(digest))?;
    decode(&kept).ok_or(SetError::Changed(digest))
}

fn decode(kept: &[u8]) -> Option<Files> {
    let coded: BTreeMap<String, String> = serde_json::from_slice(kept).ok()?;
    let decode = |(name, text): (String, String)| Some((name, BASE64_STANDARD.decode(text).ok()?));
    coded.into_iter().map(decode).collect()
}

/// Until version 0.2 sets were kept in the data folder: takes over one that is only there.
async fn take_over_kept(journal: &Journal, data: &Path, digest: Digest) -> Result<(), SetError> {
    if journal.set_files(digest).await?.is_some() {
        return Ok(());
    }
    let kept = std::fs::read(data.join("sets").join(format!("{digest}.json"))).ok();
    match kept.as_deref().and_then(decode) {
        Some(files) => keep(journal, digest, &files).await,
        None => Ok(()),
    }
}

/// The set that the journal says is active; the given one where none ever was.
pub async fn restore(
    journal: &Journal,
    data: &Path,
    (files, directs): (&Files, bool),
) -> Result<(Active, bool), SetError> {
    if journal.is_closed() {
        return restore_unwritten(journal, files, directs).await;
    }
    if journal.current_activation().await?.is_none() {
        let digest = checked(files)?.digest();
        keep(journal, digest, files).await?;
        let first = Proposal {
            catalogue: digest,
            asked_by: "eerste start".to_owned(),
            widens: false,
            approved_by: None,
            note: "de set waarmee dit logboek begon".to_owned(),
        };
        // Where another hub was first, its set is the one.
        journal.partner_order(PartnerOrder::Begin(first), clock::now()).await?;
    }
    let row = journal.current_activation().await?.ok_or(JournalError::NotFound)?;
    take_over_kept(journal, data, row.catalogue).await?;
    let same = Catalogue::parse(files).ok().filter(|c| c.digest() == row.catalogue);
    if let Some(catalogue) = same {
        if journal.set_files(row.catalogue).await?.is_none() {
            keep(journal, row.catalogue, files).await?;
        }
        return Ok((Active::new(catalogue, directs), true));
    }
    let (catalogue, _) = recall(journal, row.catalogue).await?;
    Ok((Active::new(catalogue, directs), false))
}

/// The set that is active, for who only reads, and the row that made it so.
pub async fn active_set(journal: &Journal) -> Result<Option<(Catalogue, Activation)>, SetError> {
    let Some(row) = journal.current_activation().await? else { return Ok(None) };
    let (catalogue, _) = recall(journal, row.catalogue).await?;
    Ok(Some((catalogue, row)))
}

/// The same over a journal that may not be written.
async fn restore_unwritten(
    journal: &Journal,
    files: &Files,
    directs: bool,
) -> Result<(Active, bool), SetError> {
    let given = Catalogue::parse(files).map_err(SetError::Invalid)?;
    match journal.current_activation().await? {
        Some(row) if row.catalogue != given.digest() => {
            let (catalogue, _) = recall(journal, row.catalogue).await?;
            Ok((Active::new(catalogue, directs), false))
        }
        _ => Ok((Active::new(given, directs), true)),
    }
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
