//! Exchanges files with a partner through folders: `in/ verwerkt/ fout/ uit/`.
//!
//! The partner writes `in/<name>.tmp` and renames it; the hub takes the file, hands its bytes to
//! the [`Inlet`](super::Inlet), writes the receipt, and moves the file to `verwerkt/` or `fout/`.
//! The receipt goes first: whatever crash comes between, the file still lies in `in/`, is handed
//! again, and is recognised by the hub as a repeat. So a receipt may come twice, never not at all.
//! Parcels for the partner lie in `uit/`, each with its `.rol.json` beside it.

mod inbox;
mod outbox;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use tokio::fs;

use crate::message::PartnerId;

use super::{DOCUMENT_BYTES_MAX, Inlet, KEPT_BYTES_MAX, LargeBodies};

pub use inbox::Swept;
pub use outbox::Written;

/// How often a folder is looked into, unless settings say otherwise.
pub const POLL_EVERY: Duration = Duration::from_secs(1);

/// Why files could not be exchanged. Always a matter for the operator, never for the partner.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("cannot {action} in folder {folder} of partner {partner}")]
    Io {
        action: &'static str,
        folder: &'static str,
        partner: PartnerId,
        #[source]
        source: io::Error,
    },
    #[error("folder {folder} of partner {partner} is no directory of its own")]
    NotADirectory { folder: &'static str, partner: PartnerId },
    #[error("uit/ of partner {partner} holds this parcel with other content")]
    OtherContent { partner: PartnerId },
}

/// The folders of one partner.
#[derive(Debug)]
pub struct Folder {
    partner: PartnerId,
    root: PathBuf,
    /// The largest file that is taken in, and the largest that is read so that it can be kept.
    file_bytes_max: u64,
    kept_bytes_max: u64,
    large: LargeBodies,
    /// What the last step saw in `in/`: a file is taken when it has not changed since.
    seen: Mutex<HashMap<std::ffi::OsString, inbox::Look>>,
}

const IN: &str = "in";
const DONE: &str = "verwerkt";
const WRONG: &str = "fout";
const OUT: &str = "uit";

impl Folder {
    /// Makes the folders that are missing. A symbolic link in their place is refused.
    pub async fn open(partner: PartnerId, root: PathBuf) -> Result<Self, FilesError> {
        let folder = Self {
            partner,
            root,
            file_bytes_max: u64::try_from(DOCUMENT_BYTES_MAX).unwrap_or(u64::MAX),
            kept_bytes_max: u64::try_from(KEPT_BYTES_MAX).unwrap_or(u64::MAX),
            large: LargeBodies::default(),
            seen: Mutex::default(),
        };
        for name in [IN, DONE, WRONG, OUT] {
            let path = folder.path(name);
            fs::create_dir_all(&path).await.map_err(folder.io("make directories", name))?;
            let found = fs::symlink_metadata(&path).await.map_err(folder.io("look", name))?;
            if !found.is_dir() {
                let partner = folder.partner.clone();
                return Err(FilesError::NotADirectory { folder: name, partner });
            }
        }
        Ok(folder)
    }

    /// Takes files up to another size, and keeps larger ones up to another.
    #[must_use]
    pub fn with_bytes_max(mut self, file_bytes_max: u64, kept_bytes_max: u64) -> Self {
        self.file_bytes_max = file_bytes_max;
        self.kept_bytes_max = kept_bytes_max;
        self
    }

    /// Shares the places for large documents with the other ways in.
    #[must_use]
    pub fn sharing(mut self, large: LargeBodies) -> Self {
        self.large = large;
        self
    }

    pub fn partner(&self) -> &PartnerId {
        &self.partner
    }

    /// Looks into `in/` every `every` until `stop` completes. A file under way is finished first.
    pub async fn run(&self, inlet: &dyn Inlet, every: Duration, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut said = String::new();
        loop {
            let trouble = match self.step(inlet).await {
                Ok(swept) if swept.unreadable == 0 => String::new(),
                Ok(swept) => format!("{} files cannot be read", swept.unreadable),
                Err(error) => match std::error::Error::source(&error) {
                    Some(cause) => format!("{error}: {cause}"),
                    None => error.to_string(),
                },
            };
            // Once per trouble, not once per second.
            if !trouble.is_empty() && trouble != said {
                tracing::warn!(partner.id = %self.partner, trouble, "files are waiting");
            }
            said = trouble;
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Removes what was moved to `verwerkt/` and `fout/` before that moment; returns how many
    /// files. What was exchanged is in the journal, and must not outlive an erasure here.
    pub async fn prune(&self, before: SystemTime) -> Result<usize, FilesError> {
        let mut removed = 0;
        for name in [DONE, WRONG] {
            let failed = |source| self.io("remove files", name)(source);
            let mut entries = fs::read_dir(self.path(name)).await.map_err(failed)?;
            while let Some(entry) = entries.next_entry().await.map_err(failed)? {
                let about = entry.metadata().await.map_err(failed)?;
                if about.is_file() && moved_at(&about) < before {
                    fs::remove_file(entry.path()).await.map_err(failed)?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn path(&self, folder: &str) -> PathBuf {
        self.root.join(folder)
    }

    fn io(&self, action: &'static str, folder: &'static str) -> impl Fn(io::Error) -> FilesError {
        let partner = self.partner.clone();
        move |source| FilesError::Io { action, folder, partner: partner.clone(), source }
    }
}

/// A rename leaves the time of writing as it was, but changes the time of change.
fn moved_at(about: &std::fs::Metadata) -> SystemTime {
    use std::os::unix::fs::MetadataExt as _;
    let seconds = u64::try_from(about.ctime()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Writes a file under a temporary name, flushes it to disk, and gives it its name.
async fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use tokio::io::AsyncWriteExt as _;
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let draft = PathBuf::from(name);
    // Left by a crash, or laid there as a link: either way not what is wanted.
    match fs::remove_file(&draft).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&draft).await?;
    file.write_all(bytes).await?;
    file.sync_all().await?;
    drop(file);
    fs::rename(&draft, path).await
}

/// Makes renames in a directory survive a power cut.
async fn flush_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path).await?.sync_all().await
}

/// The bytes of a regular file of at most `size_bytes_max`; `None` where there is no such file.
async fn read_small(path: &Path, size_bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::symlink_metadata(path).await {
        Ok(about) if about.is_file() && about.len() <= size_bytes_max => {
            fs::read(path).await.map(Some)
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The ending of files of this media type; `bin` where nothing better is known.
fn extension(media_type: &str) -> &'static str {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence.rsplit(['/', '+']).next() {
        Some("json") => "json",
        Some("xml") => "xml",
        Some("csv") => "csv",
        _ => "bin",
    }
}
