//! The facts of an evaluation from a file.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use crate::casework::evaluate::{Evaluator, Fact};
use crate::cli::access::Halt;
use crate::cli::output::Exit;

/// A fact holds codes and moments; a longer line is none.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// Adds the facts of an NDJSON file, line by line; empty lines are passed over.
pub fn read_file(file: &Path, evaluator: &mut Evaluator<'_>) -> Result<(), Halt> {
    let failed = |error: std::io::Error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Failure,
        };
        Halt::new(exit, format!("{} kan niet worden gelezen: {error}", file.display()))
    };
    let mut reader = BufReader::new(File::open(file).map_err(failed)?);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(failed)? == 0 {
            break;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        // What serde says of it can hold a value of the line.
        let fact: Fact = serde_json::from_slice(text).map_err(|_| {
            let text = format!(
                "{}: regel {number} is geen feit (signaal, casus of actieverzoek)",
                file.display()
            );
            Halt::new(Exit::Invalid, text)
        })?;
        evaluator.add(&fact);
    }
    Ok(())
}
