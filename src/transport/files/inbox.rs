//! From `in/` to the inlet, and on to `verwerkt/` or `fout/`.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use tokio::fs;
use tokio::io::AsyncReadExt as _;

use crate::transport::{Channel, Delivery, Inlet, NotKept, Outcome, TooLarge, Verdict};

use super::{
    DONE, FilesError, Folder, IN, OUT, WRONG, extension, flush_directory, read_small, write_whole,
};

/// One step remembers so many files, and takes so many of them.
const CANDIDATES_MAX: usize = 10_000;
const FILES_PER_STEP_MAX: usize = 100;
/// Longer names are cut when something is added to them: file systems end at 255 bytes.
const NAME_BYTES_MAX: usize = 200;
/// So many files of one name are kept apart by a number.
const SAME_NAME_MAX: u32 = 10_000;
/// Receipts are small; a larger file under its name is somebody else's.
const RECEIPT_BYTES_MAX: u64 = 1024 * 1024;

/// What a step did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub accepted: usize,
    pub refused: usize,
    /// Files that wait: still being written, or the inlet is unavailable.
    pub waiting: usize,
    /// Files that the hub may not read. They stay, and hold up no others.
    pub unreadable: usize,
}

/// What became of one file.
enum Taken {
    Settled(Verdict),
    /// It is not what was seen a moment ago.
    Changed,
    /// It is large, and others are being read.
    Later,
    Unreadable,
}

/// What tells whether a file is still being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    device: u64,
    inode: u64,
    size_bytes: u64,
    written: (i64, i64),
}

impl Look {
    fn of(about: &Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
            size_bytes: about.size(),
            written: (about.mtime(), about.mtime_nsec()),
        }
    }
}

impl Folder {
    /// Takes the files in `in/` that have not changed since the previous step, oldest first.
    /// Stops at the first that the inlet cannot take now, so that their order is kept.
    pub async fn step(&self, inlet: &dyn Inlet) -> Result<Swept, FilesError> {
        let found = self.look().await.map_err(self.io("look", IN))?;
        let mut swept = Swept::default();
        let mut taken = 0;
        let mut open = true;
        for (name, look, unchanged) in found {
            if !open || !unchanged || taken == FILES_PER_STEP_MAX {
                swept.waiting += 1;
                continue;
            }
            taken += 1;
            match self.take(&name, look, inlet).await? {
                Taken::Settled(Verdict::Accepted) => swept.accepted += 1,
                Taken::Settled(Verdict::Refused) => swept.refused += 1,
                Taken::Settled(Verdict::Unavailable { .. }) => {
                    swept.waiting += 1;
                    open = false;
                }
                Taken::Later => {
                    swept.waiting += 1;
                    open = false;
                }
                Taken::Changed => swept.waiting += 1,
                Taken::Unreadable => swept.unreadable += 1,
            }
        }
        Ok(swept)
    }

    /// The candidates, oldest first, each with whether it is as the previous step saw it.
    async fn look(&self) -> io::Result<Vec<(OsString, Look, bool)>> {
        let mut now = HashMap::new();
        let mut entries = fs::read_dir(self.path(IN)).await?;
        while now.len() < CANDIDATES_MAX {
            let Some(entry) = entries.next_entry().await? else { break };
            let name = entry.file_name();
            if !is_candidate(&name) {
                continue;
            }
            match fs::symlink_metadata(entry.path()).await {
                Ok(about) if about.is_file() => drop(now.insert(name, Look::of(&about))),
                // A link may lead out of the folder, and a partner may take its file back.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> = now
            .iter()
            .map(|(name, look)| (name.clone(), *look, seen.get(name) == Some(look)))
            .collect();
        *seen = now;
        found.sort_by(|(a, x, _), (b, y, _)| (x.written, a).cmp(&(y.written, b)));
        Ok(found)
    }

    /// One file from reading to moving.
    async fn take(&self, name: &OsStr, look: Look, inlet: &dyn Inlet) -> Result<Taken, FilesError> {
        let path = self.path(IN).join(name);
        let (partner, channel) = (self.partner.clone(), Channel::Files);
        let media_type = media_type(name).map(str::to_owned);
        let outcome = if look.size_bytes > self.kept_bytes_max {
            let (size_bytes, why) = (Some(look.size_bytes), NotKept::OverBound);
            inlet.too_large(TooLarge { partner, channel, media_type, size_bytes, why }).await
        } else {
            let large = look.size_bytes > self.file_bytes_max;
            let place = if large { self.large.enter() } else { None };
            if large && place.is_none() {
                return Ok(Taken::Later);
            }
            let bytes = match read_as_seen(&path, look).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(Taken::Changed),
                Err(_) => return Ok(Taken::Unreadable),
            };
            inlet.receive(Delivery { partner, channel, media_type, bytes, place }).await
        };
        match outcome.verdict {
            Verdict::Accepted => self.settle(name, &outcome, OUT, "ontvangst", DONE).await?,
            Verdict::Refused => self.settle(name, &outcome, WRONG, "fout", WRONG).await?,
            Verdict::Unavailable { .. } => {}
        }
        Ok(Taken::Settled(outcome.verdict))
    }

    /// Writes the receipt, then moves the file: in this order, so that a crash loses no receipt.
    async fn settle(
        &self,
        name: &OsStr,
        outcome: &Outcome,
        receipt_folder: &'static str,
        word: &str,
        target: &'static str,
    ) -> Result<(), FilesError> {
        let failed = self.io("write a receipt", receipt_folder);
        let ending = format!("{word}.{}", extension(&outcome.media_type));
        for number in 1..=SAME_NAME_MAX {
            let path = self.path(receipt_folder).join(numbered(name, number, &ending));
            let there = read_small(&path, RECEIPT_BYTES_MAX).await.map_err(&failed)?;
            let free = is_free(&path).await.map_err(&failed)?;
            if free {
                write_whole(&path, &outcome.body).await.map_err(&failed)?;
                flush_directory(&self.path(receipt_folder)).await.map_err(&failed)?;
            }
            if free || there.is_some_and(|bytes| bytes == outcome.body) {
                break;
            }
        }
        self.put_away(name, target).await.map_err(self.io("move a file", target))
    }

    /// Moves a file out of `in/`; a number keeps it apart from an earlier one of that name.
    async fn put_away(&self, name: &OsStr, target: &str) -> io::Result<()> {
        let from = self.path(IN).join(name);
        for number in 1..=SAME_NAME_MAX {
            let to = self.path(target).join(numbered(name, number, ""));
            if is_free(&to).await? {
                fs::rename(&from, &to).await?;
                flush_directory(&self.path(target)).await?;
                return flush_directory(&self.path(IN)).await;
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

fn is_candidate(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    !bytes.starts_with(b".") && !bytes.to_ascii_lowercase().ends_with(b".tmp")
}

/// Reads a file only while it is the one that was seen: not swapped for a link, not growing.
async fn read_as_seen(path: &Path, look: Look) -> io::Result<Option<Vec<u8>>> {
    let mut file = match fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if Look::of(&file.metadata().await?) != look {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    (&mut file).take(look.size_bytes.saturating_add(1)).read_to_end(&mut bytes).await?;
    let whole = u64::try_from(bytes.len()).is_ok_and(|size| size == look.size_bytes);
    let same = Look::of(&file.metadata().await?) == look;
    Ok((whole && same).then_some(bytes))
}

fn media_type(name: &OsStr) -> Option<&'static str> {
    match Path::new(name).extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" => Some("application/json"),
        "xml" => Some("application/xml"),
        "csv" => Some("text/csv"),
        _ => None,
    }
}

/// `melding.xml`, `melding.xml.2`, and for receipts `melding.xml.2.ontvangst.json`.
fn numbered(name: &OsStr, number: u32, ending: &str) -> PathBuf {
    if number == 1 && ending.is_empty() {
        return name.into();
    }
    let mut name = name.to_owned();
    if name.len() > NAME_BYTES_MAX {
        let text = name.to_string_lossy();
        let cut = (0..=NAME_BYTES_MAX).rev().find_map(|end| text.get(..end));
        name = cut.unwrap_or_default().into();
    }
    if number > 1 {
        name.push(format!(".{number}"));
    }
    if !ending.is_empty() {
        name.push(format!(".{ending}"));
    }
    name.into()
}

async fn is_free(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path).await {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}
