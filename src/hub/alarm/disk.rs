//! How much room there is on the disk of a folder.

use std::path::Path;
use std::process::Command;

/// What `df` says, in the form that POSIX prescribes: the standard library cannot ask.
pub fn free_mib(path: &Path) -> Option<u64> {
    let told = Command::new("df").arg("-Pk").arg(path).output().ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    let free: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(free / 1024)
}
