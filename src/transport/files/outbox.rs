//! Parcels into `uit/`, where the partner fetches and removes them.

use crate::transport::OutgoingParcel;

use super::{FilesError, Folder, OUT, extension, flush_directory, read_small, write_whole};

/// What writing a parcel did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    New,
    /// It lay there already, byte for byte: an earlier attempt that was not marked.
    AlreadyThere,
}

impl Folder {
    /// Writes `uit/<zending>.rol.json`, then `uit/<zending>.<ext>`: who sees the document can read
    /// what it is for. Both are flushed to disk before this returns.
    pub async fn write(&self, parcel: &OutgoingParcel) -> Result<Written, FilesError> {
        let folder = self.path(OUT);
        let failed = self.io("write a parcel", OUT);
        let document = folder.join(format!("{}.{}", parcel.id, extension(&parcel.media_type)));
        let size_bytes = u64::try_from(parcel.bytes.len()).unwrap_or(u64::MAX);
        let there = read_small(&document, size_bytes).await.map_err(&failed)?;
        if there.is_some_and(|bytes| bytes == parcel.bytes) {
            return Ok(Written::AlreadyThere);
        }
        if tokio::fs::symlink_metadata(&document).await.is_ok() {
            return Err(FilesError::OtherContent { partner: self.partner.clone() });
        }
        let role = folder.join(format!("{}.rol.json", parcel.id));
        let described = parcel.describe().to_string();
        write_whole(&role, described.as_bytes()).await.map_err(&failed)?;
        write_whole(&document, &parcel.bytes).await.map_err(&failed)?;
        flush_directory(&folder).await.map_err(&failed)?;
        Ok(Written::New)
    }
}
