//! Where the facts of an evaluation come from.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use crate::casework::evaluate::{Asked, Evaluator, Fact};
use crate::catalogue::Catalogue;
use crate::cli::access::Halt;
use crate::cli::check;
use crate::cli::output::Exit;
use crate::journal::{Journal, Span};
use crate::message::{PartnerId, Timestamp};

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

/// What a partner is that the set no longer has.
const FORMER: &str = "(voormalig)";

/// Adds the facts of the journal, next to the hub that may be writing it.
pub async fn read_journal(
    journal: &Journal,
    catalogue: &Catalogue,
    asked: &Asked,
    evaluator: &mut Evaluator<'_>,
) -> Result<(), Halt> {
    let kind_of = |id: &PartnerId| {
        catalogue.partner(id).map_or(FORMER, |partner| partner.kind.as_str()).to_owned()
    };
    let failed = |error| Halt::new(Exit::Failure, check::chain(&error));
    let found = journal.facts(span(asked), &kind_of, &mut |fact| evaluator.add(fact)).await;
    found.map_err(failed)
}

/// The days of an evaluation and of the year before it, from midnight to midnight.
fn span(asked: &Asked) -> Span {
    let before = asked.earliest().yesterday().ok().and_then(Timestamp::end_of_amsterdam_day);
    let last = Timestamp::end_of_amsterdam_day(asked.until());
    Span {
        from: before.map_or(Timestamp::from_micros(0), |end| end.plus_seconds(1)),
        before: last.map_or(asked.now, |end| end.plus_seconds(1)),
    }
}
