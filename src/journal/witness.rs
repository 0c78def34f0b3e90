//! The witness: what must be known of the journal when the journal itself is not what it was.
//!
//! Two small files outside the database: the newest signed checkpoint, replaced as a whole, and
//! the list of erasures, which only grows. They lie in the data folder, and where the settings say
//! so in a second place as well, meant to be another disk. The one in the data folder must be
//! written before a key is destroyed; the second may be away for a while, and is brought up to date
//! when it is back. What a journal that is behind its witness may still do is left to `standing`.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{JournalError, OpenError};
use crate::evidence::{Checkpoint, ErasedCase, Head, HubKeys, parse_erasures};

const FOLDER: &str = "getuige";
const CHECKPOINT_FILE: &str = "controlepunt";
const ERASED_FILE: &str = "wissingen";
const LOCK_FILE: &str = "slot";

/// A note is a few hundred bytes; a list of this size has three million erasures.
const NOTE_BYTES_MAX: u64 = 128 * 1024;
const LIST_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How long the second place may take: it may be a mount whose server is gone.
const SECOND_MOST: Duration = Duration::from_secs(5);

/// The places of the witness of one hub.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    own: PathBuf,
    second: Option<Second>,
    /// Whether the last write went well in every place.
    well: Arc<AtomicBool>,
}

#[derive(Debug, Clone)]
struct Second {
    dir: PathBuf,
    /// Something is under way there: a place that hangs gets no more to do.
    busy: Arc<AtomicBool>,
}

/// What the witness says, all places together.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub newest: Option<Head>,
    pub erased: BTreeSet<ErasedCase>,
}

/// A checkpoint to be noted.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub head: Head,
    pub note: Arc<str>,
}

impl Signed {
    /// Reads a note of this hub.
    pub fn read(note: Arc<str>, hub: &HubKeys) -> Option<Self> {
        let read = Checkpoint::parse_and_verify(&note, hub.name(), &hub.public_key());
        read.ok().map(|checkpoint| Self { head: checkpoint.head(), note })
    }
}

impl Witness {
    pub fn in_folder(data: &Path) -> Self {
        let well = Arc::new(AtomicBool::new(true));
        Self { own: data.join(FOLDER), second: None, well }
    }

    /// Keeps the same in another folder.
    pub fn also_in(&mut self, dir: &Path) {
        self.second = Some(Second { dir: dir.to_owned(), busy: Arc::default() });
    }

    /// Whether every place could be written the last time.
    pub fn is_well(&self) -> bool {
        self.well.load(Ordering::SeqCst)
    }

    /// What all places say. The own place must be readable; where the second is not, that is said.
    pub async fn read(&self, hub: &Arc<HubKeys>) -> Result<Seen, OpenError> {
        let (dir, keys) = (self.own.clone(), Arc::clone(hub));
        let own = tokio::task::spawn_blocking(move || read_place(&dir, &keys)).await;
        let mut seen = own.map_err(|_| JournalError::Stopped)??;
        let keys = Arc::clone(hub);
        match self.at_second(move |dir| read_place(dir, &keys)).await {
            None => {}
            Some(Ok(second)) => {
                if let Some(head) = second.newest
                    && seen.newest.is_none_or(|own| head.is_after(&own))
                {
                    seen.newest = Some(head);
                }
                seen.erased.extend(second.erased);
            }
            // Another hub's witness is no witness of this one: that is a mistake in the settings.
            Some(Err(error @ OpenError::OtherWitness(_))) => return Err(error),
            Some(Err(error)) => self.tell(&error),
        }
        Ok(seen)
    }

    /// Notes a checkpoint, unless a newer one stands there already. A place that fails is said and
    /// gets the next one: the journal is none the worse for it.
    pub async fn note(&self, signed: &Signed, hub: &Arc<HubKeys>) {
        let (dir, keys, new) = (self.own.clone(), Arc::clone(hub), signed.clone());
        let own = tokio::task::spawn_blocking(move || note_in(&dir, &new, &keys)).await;
        let own = own.unwrap_or_else(|_| Err(stopped()));
        let (keys, new) = (Arc::clone(hub), signed.clone());
        let second = self.at_second(move |dir| note_in(known(dir)?, &new, &keys)).await;
        self.settle([Some(own), second]);
    }

    /// Adds erasures to the list, on disk when this answers. Only the own place must take them.
    pub async fn erased(&self, list: Vec<ErasedCase>) -> Result<(), JournalError> {
        let list = Arc::new(list);
        let (dir, lines) = (self.own.clone(), Arc::clone(&list));
        let own = tokio::task::spawn_blocking(move || add_in(&dir, &lines)).await;
        let own = own.unwrap_or_else(|_| Err(stopped()));
        let second = self.at_second(move |dir| add_in(known(dir)?, &list)).await;
        let failed = own.as_ref().err().map(io::Error::kind);
        self.settle([Some(own), second]);
        failed.map_or(Ok(()), |kind| Err(JournalError::Witness(kind)))
    }

    /// Work in the second place, where there is one that answers.
    async fn at_second<T: Send + 'static, E: From<io::Error> + Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, E> + Send + 'static,
    ) -> Option<Result<T, E>> {
        let Second { dir, busy } = self.second.clone()?;
        if busy.swap(true, Ordering::SeqCst) {
            return Some(Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        }
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&dir);
            busy.store(false, Ordering::SeqCst);
            done
        });
        Some(match tokio::time::timeout(SECOND_MOST, working).await {
            Ok(done) => done.unwrap_or_else(|_| Err(stopped().into())),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        })
    }

    /// Says it once when a place fails, and once when all take writes again.
    fn settle(&self, done: [Option<io::Result<()>>; 2]) {
        let failed = done.into_iter().flatten().find_map(Result::err);
        match failed {
            Some(error) if self.well.swap(false, Ordering::SeqCst) => self.tell(&error),
            Some(_) => {}
            None => {
                if !self.well.swap(true, Ordering::SeqCst) {
                    tracing::info!("the witness of the journal can be written again");
                }
            }
        }
    }

    fn tell(&self, error: &dyn std::error::Error) {
        tracing::error!(error = %error, witness.own = %self.own.display(),
            "a place of the journal's witness cannot be used");
    }
}

fn stopped() -> io::Error {
    io::ErrorKind::Interrupted.into()
}

/// A second place is made by whoever mounts it: a folder that is not there is a disk that is away.
fn known(dir: &Path) -> io::Result<&Path> {
    if dir.is_dir() { Ok(dir) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn read_place(dir: &Path, hub: &HubKeys) -> Result<Seen, OpenError> {
    let failed = |source| OpenError::Folder { dir: dir.to_owned(), source };
    let note = read_file(&dir.join(CHECKPOINT_FILE), NOTE_BYTES_MAX).map_err(failed)?;
    let newest = match note {
        None => None,
        Some(note) => {
            let signed = Signed::read(note.into(), hub);
            Some(signed.ok_or_else(|| OpenError::OtherWitness(dir.to_owned()))?.head)
        }
    };
    let list = read_file(&dir.join(ERASED_FILE), LIST_BYTES_MAX).map_err(failed)?;
    let (erased, unreadable) = parse_erasures(&list.unwrap_or_default());
    if unreadable > 0 {
        tracing::warn!(lines = unreadable, "lines of the list of erasures do not read");
    }
    Ok(Seen { newest, erased: erased.into_iter().collect() })
}

fn read_file(path: &Path, most: u64) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Some(text))
}

fn note_in(dir: &Path, new: &Signed, hub: &HubKeys) -> io::Result<()> {
    make_private(dir)?;
    // Several hubs may have the same second place, and then one of them at a time.
    let lock = options().create(true).truncate(false).open(dir.join(LOCK_FILE))?;
    lock.lock()?;
    let path = dir.join(CHECKPOINT_FILE);
    let present = read_file(&path, NOTE_BYTES_MAX)?;
    let present = present.and_then(|note| Signed::read(note.into(), hub));
    if present.is_some_and(|present| !new.head.is_after(&present.head)) {
        return Ok(());
    }
    let draft = path.with_extension("tmp");
    let mut file = options().create(true).truncate(true).open(&draft)?;
    file.write_all(new.note.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, &path)?;
    File::open(dir)?.sync_all()
}

fn add_in(dir: &Path, list: &[ErasedCase]) -> io::Result<()> {
    make_private(dir)?;
    let path = dir.join(ERASED_FILE);
    let present = read_file(&path, LIST_BYTES_MAX)?.unwrap_or_default();
    let there: BTreeSet<ErasedCase> = parse_erasures(&present).0.into_iter().collect();
    let mut lines = String::new();
    if !present.is_empty() && !present.ends_with('\n') {
        lines.push('\n'); // the end of a line that a crash cut off
    }
    let new = list.iter().filter(|erased| !there.contains(erased));
    lines.extend(new.map(|erased| erased.to_line()));
    let mut file = OpenOptions::new();
    file.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    let mut file = file.open(&path)?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    File::open(dir)?.sync_all()
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}
