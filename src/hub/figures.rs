//! The facts of an evaluation from the journal, for the command line and the console alike.

use crate::casework::evaluate::{Asked, Evaluator};
use crate::catalogue::Catalogue;
use crate::journal::{Journal, JournalError, Span};
use crate::message::{PartnerId, Timestamp};

/// What a partner is that the set no longer has.
const FORMER: &str = "(voormalig)";

/// Adds the facts of a journal, which may be written meanwhile.
pub async fn gather(
    journal: &Journal,
    catalogue: &Catalogue,
    asked: &Asked,
    evaluator: &mut Evaluator<'_>,
) -> Result<(), JournalError> {
    let kind_of = |id: &PartnerId| {
        catalogue.partner(id).map_or(FORMER, |partner| partner.kind.as_str()).to_owned()
    };
    journal.facts(span(asked), &kind_of, &mut |fact| evaluator.add(fact)).await
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
