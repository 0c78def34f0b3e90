//! A message once more, under today's rules: what would go, what did go, and doing it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::active::Active;
use super::{Hub, clock};
use crate::journal::{JournalError, ParcelState, Replay, Replayed, StoredMessage, Trace};
use crate::message::CaseState;
use crate::message::{Entropy, PartnerId, Timestamp};
use crate::pipeline::{self, Admitted, Dispatch, Incoming, Parcel, admit, redispatch};

/// A replay cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("the journal does not give the message")]
    Journal(#[from] JournalError),
    #[error("the sender is not in the active set")]
    UnknownSender,
    #[error("the message is refused under today's rules: {}", .0.fault.code())]
    Refused(crate::message::Refusal),
}

/// A message opened and admitted again under the active set.
pub struct Reopened {
    pub stored: StoredMessage,
    pub admitted: Admitted,
    pub case: CaseState,
}

impl Hub {
    pub(super) async fn reopen(&self, active: &Active, id: Uuid) -> Result<Reopened, ReplayError> {
        let stored = self.journal.message(id).await?;
        let sender =
            active.catalogue.partner(&stored.view.sender).ok_or(ReplayError::UnknownSender)?;
        let incoming = Incoming {
            partner: sender,
            media_type: stored.media_type.as_deref(),
            bytes: &stored.native,
            received: stored.view.received_at,
        };
        let admitted = admit(&active.catalogue, &incoming).map_err(ReplayError::Refused)?;
        let case = self.journal.case_state(stored.view.case, stored.view.message).await?;
        Ok(Reopened { stored, admitted, case })
    }

    /// What today's rules make of a message, parcels keeping their id where their bytes stay.
    async fn remake(
        &self,
        active: &Active,
        reopened: &Reopened,
        trace: &Trace,
        only: &BTreeSet<PartnerId>,
        now: Timestamp,
    ) -> Result<Dispatch, ReplayError> {
        let seed = clock::random().map_err(|_| JournalError::Sealing)?;
        let mut dispatch = pipeline::dispatch(
            &active.catalogue,
            &reopened.admitted,
            &reopened.case,
            &self.suspended(),
            now,
            &mut Entropy::new(seed),
        );
        let wanted = |id: &PartnerId| only.is_empty() || only.contains(id);
        dispatch.parcels.retain(|parcel| wanted(&parcel.recipient));
        dispatch.failures.retain(|failure| wanted(&failure.recipient));
        dispatch.not_sent.retain(|skipped| skipped.recipient.as_ref().is_some_and(wanted));
        for parcel in &mut dispatch.parcels {
            let earlier = trace.parcels.iter().rev().find(|old| {
                old.recipient == parcel.recipient
                    && !old.answer
                    && old.state != ParcelState::Vervallen
            });
            let Some(earlier) = earlier else { continue };
            let again = redispatch(
                &active.catalogue,
                &reopened.admitted,
                &reopened.case,
                &parcel.recipient,
                (earlier.id, earlier.made_at),
                now,
            );
            let old = self.journal.parcel(earlier.id, now).await;
            if let (Ok(Some(again)), Ok(old)) = (again, old)
                && again.bytes == old.bytes
            {
                let route = parcel.route.take();
                *parcel = Parcel { route, ..again };
            }
        }
        Ok(dispatch)
    }

    /// What a replay would do, recipient by recipient; changes nothing.
    pub(super) async fn replay_preview(
        &self,
        id: Uuid,
        only: &BTreeSet<PartnerId>,
    ) -> Result<Value, ReplayError> {
        let active = self.active();
        let reopened = self.reopen(&active, id).await?;
        let trace = self.journal.trace(id, clock::now()).await?;
        let dispatch = self.remake(&active, &reopened, &trace, only, clock::now()).await?;
        let lines = dispatch.parcels.iter().map(|parcel| {
            let earlier = trace
                .parcels
                .iter()
                .rev()
                .find(|old| old.recipient == parcel.recipient && !old.answer);
            let what = match earlier {
                None => "nieuw",
                Some(old) if old.id == parcel.id => "zelfde inhoud, opnieuw aangeboden",
                Some(_) => "andere inhoud, vervangt de eerdere",
            };
            json!({
                "ontvanger": parcel.recipient,
                "gevolg": what,
                "eerder": earlier.map(|old| old.id),
                "stadium": earlier.map(|old| old.stage),
                "onthoudenToen": earlier.map(|old| old.detail.withheld.clone()),
                "onthoudenNu": parcel.withheld,
            })
        });
        let refused = dispatch
            .failures
            .iter()
            .map(|f| json!({ "ontvanger": f.recipient, "reden": f.reason }));
        let skipped = dispatch
            .not_sent
            .iter()
            .map(|s| json!({ "ontvanger": s.recipient, "reden": s.reason }));
        Ok(json!({
            "bericht": trace.message.public_id,
            "zendingen": lines.collect::<Vec<_>>(),
            "nietTeMaken": refused.collect::<Vec<_>>(),
            "nietTeSturen": skipped.collect::<Vec<_>>(),
        }))
    }

    /// Replays a message to the recipients that are named, or to all.
    pub(super) async fn replay(
        &self,
        id: Uuid,
        only: BTreeSet<PartnerId>,
    ) -> Result<Value, ReplayError> {
        let active = self.active();
        let reopened = self.reopen(&active, id).await?;
        let trace = self.journal.trace(id, clock::now()).await?;
        // The moment that the documents name is the one under which they are stored.
        let now = clock::now();
        let dispatch = self.remake(&active, &reopened, &trace, &only, now).await?;
        let failed: Vec<Value> = dispatch
            .failures
            .iter()
            .map(|failure| json!({ "ontvanger": failure.recipient, "reden": failure.reason }))
            .collect();
        let skipped: Vec<Value> = dispatch
            .not_sent
            .iter()
            .map(|s| json!({ "ontvanger": s.recipient, "reden": s.reason }))
            .collect();
        let Replayed { requeued, replaced, added } = self
            .journal
            .replay(Replay {
                message: reopened.stored.view.message,
                dispatch,
                catalogue: active.catalogue.digest(),
                recipients: only,
                at: now,
            })
            .await?;
        self.new_mail();
        Ok(json!({
            "bericht": trace.message.public_id,
            "opnieuwAangeboden": requeued,
            "vervangen": replaced.iter().map(|(old, new)| json!({"oud": old, "nieuw": new}))
                .collect::<Vec<_>>(),
            "nieuw": added,
            "nietTeMaken": failed,
            "nietTeSturen": skipped,
        }))
    }
}
