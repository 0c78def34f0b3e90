//! What breaking the glass would give of a case, before anybody does it: which fields of which
//! messages, never a value.

use serde_json::{Value, json};

use super::replay::last_of;
use super::{Hub, clock};
use crate::casework::{self, Order, Scene};
use crate::catalogue::Catalogue;
use crate::journal::{JournalError, Said};
use crate::message::{CaseNumber, CaseState, Entropy, Glass, PartnerId, Timestamp};
use crate::pipeline::{Admitted, Decision, Had, Widened, WithheldReason, explain_for, widen};

impl Hub {
    /// What a recipient would get of what is in a case, were the glass broken now.
    pub(super) async fn glass_preview(
        &self,
        number: &CaseNumber,
        recipient: &PartnerId,
        until: Timestamp,
    ) -> Result<Value, JournalError> {
        let (active, now) = (self.active(), clock::now());
        let set = &active.catalogue;
        if self.suspended().contains(recipient) {
            return Err(JournalError::Order("deze ketenpartner is geschorst; hervat haar eerst"));
        }
        let mut dossier = self.journal.dossier(number).await?.dossier;
        let (all, held) = self.journal.said_in(number, recipient).await?;
        let seed = clock::random().map_err(|_| JournalError::Sealing)?;
        let mut entropy = Entropy::new(seed);
        let first = all.first().ok_or(JournalError::NotFound)?;
        let case = self.journal.case_of_said(first).await?;
        let order = Order::BreakGlass { recipient: recipient.clone(), until };
        let scene = Scene { catalogue: set, plan: None, case: &case, at: now };
        casework::order(&mut dossier, scene, &order, &mut entropy).map_err(JournalError::Fault)?;
        let mut lines = Vec::new();
        for message in &all {
            let told = match message.retold(set, &all) {
                None => continue,
                Some(told) => told,
            };
            let line = match told {
                _ if held.contains(&message.public_id()) => Outcome::plain("vastgehouden"),
                Err(untold) => Outcome::plain(untold.code()),
                Ok(admitted) => {
                    let glasses = dossier.glasses.clone();
                    self.would_get(set, (message, &admitted), recipient, (glasses, now)).await?
                }
            };
            lines.push(json!({
                "bericht": message.public_id(),
                "soort": message.kind().to_string(),
                "afzender": message.sender(),
                "gevolg": line.what,
                "velden": line.fields,
            }));
        }
        Ok(json!({ "casus": number, "ketenpartner": recipient, "tot": until, "berichten": lines }))
    }

    async fn would_get(
        &self,
        set: &Catalogue,
        (message, admitted): (&Said, &Admitted),
        recipient: &PartnerId,
        (glasses, now): (Vec<Glass>, Timestamp),
    ) -> Result<Outcome, JournalError> {
        let case = self.journal.case_of_said(message).await?;
        let case = CaseState { glasses, ..case };
        let trace = self.journal.trace(message.public_id().into(), now).await?;
        let had = match last_of(&trace, recipient, &set.succession) {
            Some(old) => Some((old, self.journal.parcel(old.id, now).await?.bytes)),
            None => None,
        };
        let had = had.as_ref().map(|(old, bytes)| Had { id: old.id, made_at: old.made_at, bytes });
        let replaces = had.is_some();
        let seed = clock::random().map_err(|_| JournalError::Sealing)?;
        let entropy = &mut Entropy::new(seed);
        Ok(match widen(set, admitted, &case, (recipient, had), now, entropy) {
            Ok(Widened::Nothing) => Outcome::plain("niets"),
            Ok(Widened::Same) => Outcome::plain("heeft dit al"),
            Err(failure) => Outcome::plain(failure.reason),
            Ok(Widened::Parcel(_)) => Outcome {
                what: if replaces { "meer, vervangt de eerdere" } else { "nieuw" },
                fields: fields(set, admitted, &case, recipient, now),
            },
        })
    }
}

/// What becomes of one message.
struct Outcome {
    what: &'static str,
    fields: Vec<Value>,
}

impl Outcome {
    const fn plain(what: &'static str) -> Self {
        Self { what, fields: Vec::new() }
    }
}

/// The fields that go, each with the purpose that grants it.
fn fields(
    set: &Catalogue,
    admitted: &Admitted,
    case: &CaseState,
    recipient: &PartnerId,
    now: Timestamp,
) -> Vec<Value> {
    let message = admitted.message();
    let parties = set.partner(&message.sender).zip(set.partner(recipient));
    let Some((sender, recipient)) = parties else { return Vec::new() };
    let view = explain_for(set, message, sender, recipient, case, now);
    let line = |decision: &Decision| {
        let how = match decision.withheld {
            None => "gegeven",
            Some(WithheldReason::Gemaskeerd) => "gemaskeerd",
            Some(WithheldReason::Veralgemeend) => "veralgemeend",
            Some(_) => return None,
        };
        let purpose = decision.purpose.as_ref()?;
        Some(json!({ "veld": decision.path, "uitkomst": how, "doelbinding": purpose }))
    };
    view.iter().flat_map(|view| view.decisions()).filter_map(line).collect()
}
