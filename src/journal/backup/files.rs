//! The folder of a backup, and copies of SQLite databases in it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::{BackupError, Facts, MANIFEST_FILE, Progress, at};
use crate::evidence::manifest::{self, Half, Manifest};
use crate::journal::open::Files;
use crate::journal::sql::{Conn, query};
use crate::message::Digest;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// Bytes hashed in one go.
const PIECE: usize = 1024 * 1024;

/// A folder in the making; what is not finished is taken away.
pub(super) struct Folder {
    draft: PathBuf,
    target: PathBuf,
    files: Vec<manifest::File>,
    finished: bool,
}

pub(super) fn must_be_free(path: &Path) -> Result<(), BackupError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Err(BackupError::Exists(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(path)(error)),
    }
}

impl Folder {
    /// Starts under a name of its own, beside the place where the folder is to come.
    pub fn begin(target: &Path) -> Result<Self, BackupError> {
        let no_folder = || BackupError::NoFolder(target.to_owned());
        let name = target.file_name().and_then(|name| name.to_str()).ok_or_else(no_folder)?;
        must_be_free(target)?;
        let parent = parent_of(target);
        builder().recursive(true).create(parent).map_err(at(parent))?;
        let draft = parent.join(format!(".{name}.{}.deels", std::process::id()));
        builder().create(&draft).map_err(at(&draft))?;
        Ok(Self { draft, target: target.to_owned(), files: Vec::new(), finished: false })
    }

    /// An empty file that only its owner reads, before anything is written in it.
    pub fn new_file(&self, name: &str) -> Result<PathBuf, BackupError> {
        let path = self.draft.join(name);
        new_private(&path).map_err(at(&path))?;
        Ok(path)
    }

    pub async fn add(&mut self, name: &str, half: Half) -> Result<(), BackupError> {
        let path = self.draft.join(name);
        let (size_bytes, sha256) = hash(&path).await?;
        File::open(&path).and_then(|file| file.sync_all()).map_err(at(&path))?;
        self.files.push(manifest::File { name: name.to_owned(), half, size_bytes, sha256 });
        Ok(())
    }

    pub fn files(&self) -> &[manifest::File] {
        &self.files
    }

    /// Writes the manifest, and gives the folder its name.
    pub async fn finish(mut self, manifest: &Manifest) -> Result<PathBuf, BackupError> {
        use std::io::Write as _;
        let path = self.draft.join(MANIFEST_FILE);
        let mut file = new_private(&path).map_err(at(&path))?;
        file.write_all(manifest.to_text().as_bytes()).map_err(at(&path))?;
        file.sync_all().map_err(at(&path))?;
        flush(&self.draft)?;
        must_be_free(&self.target)?;
        std::fs::rename(&self.draft, &self.target).map_err(at(&self.target))?;
        self.finished = true;
        flush(parent_of(&self.target))?;
        Ok(self.target.clone())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.finished {
            // What is left behind has a name that says so.
            let _gone = std::fs::remove_dir_all(&self.draft);
        }
    }
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn flush(dir: &Path) -> Result<(), BackupError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(at(dir))
}

pub(super) fn new_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn builder() -> std::fs::DirBuilder {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// How large a file is, and its SHA-256.
pub(super) async fn hash(path: &Path) -> Result<(u64, Digest), BackupError> {
    let path = path.to_owned();
    let hashing = tokio::task::spawn_blocking(move || {
        let failed = at(&path);
        let mut file = File::open(&path).map_err(&failed)?;
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        let mut piece = vec![0; PIECE];
        let mut size = 0;
        loop {
            let read = file.read(&mut piece).map_err(&failed)?;
            let Some(bytes @ [_, ..]) = piece.get(..read) else { break };
            context.update(bytes);
            size += read as u64;
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Ok((size, Digest(out)))
    });
    hashing.await.map_err(|_| at(Path::new("."))(io::ErrorKind::Interrupted.into()))?
}

/// Tells how far a file has grown while something works on it.
pub(super) async fn telling<T>(
    work: impl Future<Output = T>,
    path: &Path,
    (half, total): (Half, u64),
    progress: &mut Progress<'_>,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(TELL_EVERY, &mut work).await {
            Ok(done) => {
                let size = std::fs::metadata(path).map_or(0, |about| about.len());
                progress(half, size, size);
                return done;
            }
            Err(_) => {
                let size = std::fs::metadata(path).map_or(0, |about| about.len());
                progress(half, size.min(total.max(size)), total);
            }
        }
    }
}

pub(super) async fn copy_journal(
    files: &Files,
    to: &Path,
    progress: &mut Progress<'_>,
) -> Result<Facts, BackupError> {
    let mut conn: Conn =
        files.read_journal().await.map(super::super::sql::Pool::Sqlite)?.acquire().await?;
    vacuum(&mut conn, to, Half::Journal, progress).await?;
    // Of the copy itself: what came in since is not in it.
    Facts::read(&mut read_copy(to).await?).await
}

pub(super) async fn copy_keys(
    files: &Files,
    to: &Path,
    progress: &mut Progress<'_>,
) -> Result<(), BackupError> {
    let pool = files.read_keys().await.map(super::super::sql::Pool::Sqlite)?;
    vacuum(&mut pool.acquire().await?, to, Half::Keys, progress).await
}

/// Copies what was committed at one moment, without free pages and without holding up who writes.
async fn vacuum(
    conn: &mut Conn,
    to: &Path,
    half: Half,
    progress: &mut Progress<'_>,
) -> Result<(), BackupError> {
    let sql = "select (select page_count from pragma_page_count)
        * (select page_size from pragma_page_size) as total";
    let total = query(sql, []).fetch_one(&mut *conn).await?.int("total")?;
    let total = u64::try_from(total).unwrap_or(0);
    let name = to.to_str().ok_or_else(|| BackupError::NoFolder(to.to_owned()))?;
    let copying = query("vacuum into $1", [name.into()]).execute(conn);
    telling(copying, to, (half, total), progress).await?;
    Ok(())
}

/// A copy, which nobody else writes.
async fn read_copy(path: &Path) -> Result<Conn, BackupError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
    Ok(options.disable_statement_logging().connect().await?.into())
}
