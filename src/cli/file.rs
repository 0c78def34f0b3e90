//! Files that people name on the command line.

use std::path::Path;

use super::access::Halt;
use super::output::Exit;

/// Reads a file of at most so many bytes; what is said of a larger one follows its name.
pub fn read_within(file: &Path, most_bytes: u64, too_large: &str) -> Result<Vec<u8>, Halt> {
    let failed = |error: std::io::Error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            std::io::ErrorKind::PermissionDenied => Exit::NotAllowed,
            _ => Exit::Failure,
        };
        Halt::new(exit, format!("{} kan niet worden gelezen: {error}", file.display()))
    };
    if std::fs::metadata(file).map_err(failed)?.len() > most_bytes {
        return Err(Halt::new(Exit::Invalid, format!("{} {too_large}", file.display())));
    }
    std::fs::read(file).map_err(failed)
}
