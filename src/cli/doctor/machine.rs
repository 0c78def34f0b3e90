//! What the machine gives the hub: a folder, a disk, a key.

use std::path::{Path, PathBuf};

use super::Finding;
use crate::cli::access::{key_file, read_keys};
use crate::hub::alarm::free_mib;

/// Below this nothing new should be started; below the second the hub will stop soon.
const FREE_ENOUGH_MIB: u64 = 2048;
const FREE_NEEDED_MIB: u64 = 200;

pub fn look(data: &Path) -> Vec<Finding> {
    let mut findings = vec![folder(data)];
    if data.is_dir() {
        findings.push(writable(data));
        findings.push(disk(data));
        findings.push(file_system(data));
    }
    findings.push(key(data));
    findings.extend(key_rights(&key_file(data)));
    findings
}

/// Who may do what with a file, where the system has such rights.
#[cfg(unix)]
pub fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).ok().map(|meta| meta.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
pub fn mode(_: &Path) -> Option<u32> {
    None
}

fn folder(data: &Path) -> Finding {
    const WHAT: &str = "gegevensmap";
    let shown = data.display();
    match std::fs::metadata(data) {
        Err(_) => {
            Finding::wrong(WHAT, format!("{shown} is er niet"), "maak haar met: schakel keys init")
        }
        Ok(meta) if !meta.is_dir() => {
            Finding::wrong(WHAT, format!("{shown} is geen map"), "noem een andere --data")
        }
        Ok(_) => match mode(data) {
            Some(mode) if mode & 0o007 != 0 => Finding::mind(
                WHAT,
                format!("{shown} is voor iedereen op deze machine open ({mode:o})"),
                format!("chmod 700 {shown}"),
            ),
            _ => Finding::ok(WHAT, format!("{shown}")),
        },
    }
}

/// A file that comes and goes says more than rights do.
fn writable(data: &Path) -> Finding {
    const WHAT: &str = "schrijven";
    let probe = data.join(format!(".doctor-{}", std::process::id()));
    let tried = std::fs::write(&probe, b"proef").and_then(|()| std::fs::remove_file(&probe));
    match tried {
        Ok(()) => Finding::ok(WHAT, "in de gegevensmap kan worden geschreven"),
        Err(error) => Finding::wrong(
            WHAT,
            format!("in de gegevensmap kan niet worden geschreven: {error}"),
            "geef de gebruiker van de hub deze map",
        ),
    }
}

fn disk(data: &Path) -> Finding {
    const WHAT: &str = "schijfruimte";
    let Some(free) = free_mib(data) else {
        return Finding::mind(WHAT, "niet te bepalen", "kijk zelf met: df");
    };
    let found = format!("{free} MiB vrij");
    if free < FREE_NEEDED_MIB {
        Finding::wrong(WHAT, found, "maak ruimte: een volle schijf neemt niets meer aan")
    } else if free < FREE_ENOUGH_MIB {
        Finding::mind(WHAT, found, "maak ruimte voor de komende tijd")
    } else {
        Finding::ok(WHAT, found)
    }
}

/// What is flushed to memory, or over a network, is not safely on disk.
fn file_system(data: &Path) -> Finding {
    const WHAT: &str = "bestandssysteem";
    let Some(kind) = mounted_as(data) else {
        return Finding::ok(WHAT, "onbekend op dit systeem");
    };
    match kind.as_str() {
        "tmpfs" | "ramfs" => Finding::mind(
            WHAT,
            format!("{kind}: de map ligt in het geheugen en verdwijnt bij een herstart"),
            "leg --data op een schijf; dit is alleen goed om te proberen",
        ),
        "nfs" | "nfs4" | "cifs" | "smb3" | "fuse.sshfs" | "9p" => Finding::mind(
            WHAT,
            format!("{kind}: vergrendelen en doorspoelen zijn over een netwerk niet zeker"),
            "leg --data op een schijf van deze machine",
        ),
        _ => Finding::ok(WHAT, kind),
    }
}

fn mounted_as(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/mounts").ok()?;
    let mut best: Option<(PathBuf, String)> = None;
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (place, kind) = (PathBuf::from(words.nth(1)?), words.next()?);
        let closer = best.as_ref().is_none_or(|(found, _)| place.starts_with(found));
        if path.starts_with(&place) && closer {
            best = Some((place, kind.to_owned()));
        }
    }
    best.map(|(_, kind)| kind)
}

fn key(data: &Path) -> Finding {
    const WHAT: &str = "sleutel van de hub";
    match read_keys(data) {
        Ok(keys) => Finding::ok(WHAT, format!("{}, tijdperk {}", keys.name(), keys.epoch())),
        Err(halt) => {
            let (found, next) = halt.text.split_once("; ").unwrap_or((&halt.text, ""));
            Finding::wrong(WHAT, found, next)
        }
    }
}

fn key_rights(path: &Path) -> Option<Finding> {
    const WHAT: &str = "rechten op de sleutel";
    let mode = mode(path)?;
    let shown = path.display();
    Some(if mode & 0o077 == 0 {
        Finding::ok(WHAT, format!("alleen voor de eigenaar ({mode:o})"))
    } else {
        Finding::wrong(
            WHAT,
            format!("anderen op deze machine kunnen {shown} lezen of wijzigen ({mode:o})"),
            format!("chmod 600 {shown}; overweeg schakel keys rotate"),
        )
    })
}
