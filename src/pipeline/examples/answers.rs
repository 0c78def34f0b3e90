//! Golden cases of the answer that a sender gets at once: what happened in, the connector's own
//! receipt out.

use serde::Deserialize;

use super::{CaseText, Problems, Runner, differences, unexpected};
use crate::message::{ExternalId, Fault, PublicId, Refusal, Timestamp, Violation};
use crate::pipeline::answer::{Answered, answer_traced};
use crate::pipeline::native::Decoded;

/// `antwoord.json`: what the answer must tell.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerText {
    id: PublicId,
    tijdstip: Timestamp,
    /// The sender's own message number; absent where the message could not be read that far.
    bericht: Option<String>,
    /// Absent: accepted.
    fout: Option<Fault>,
    #[serde(default)]
    fouten: Vec<Violation>,
}

impl Runner<'_> {
    /// Makes the answer and holds it against the document and the status that are expected.
    pub(super) fn answered(&mut self, case: &CaseText) -> Result<Problems, String> {
        let text: AnswerText = self.required("antwoord.json")?;
        let status = case.status.ok_or("status ontbreekt in geval.toml")?;
        let partner = self.named_or_first(case.partner.as_ref())?;
        let external_id = text.bericht.map(ExternalId::new);
        let refusal = text.fout.map(|fault| Refusal::new(fault, text.fouten));
        let answered = Answered {
            id: text.id,
            external_id: external_id.as_ref(),
            at: text.tijdstip,
            refusal: refusal.as_ref(),
        };
        let form = match refusal {
            None => self.connector.received.as_ref(),
            Some(_) => self.connector.refused.as_ref(),
        };
        let form = form.ok_or("deze koppeling heeft voor dit antwoord geen eigen vorm")?;
        let Some(made) = answer_traced(self.catalogue, &partner, &answered) else {
            return Ok(vec!["het antwoord is niet te maken: vertaling of schema".to_owned()]);
        };
        self.seen.rules(&form.mapping, &made.fired);
        self.seen.document(&form.schema.file, &made.native);
        let read = |bytes| {
            Decoded::read(self.connector, bytes, None)
                .and_then(|mut decoded| decoded.take_value(&form.schema.shape))
                .map_err(|refusal| unexpected(&refusal.violations, "native").join("; "))
        };
        let mut problems = differences(&read(self.native()?)?, &read(&made.answer.bytes)?);
        if made.answer.status != status {
            problems.push(format!("verwachtte status {status}, kreeg {}", made.answer.status));
        }
        Ok(problems)
    }
}
