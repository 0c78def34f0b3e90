//! A message once more, under today's rules: what would go, what did go, and doing it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::active::Active;
use super::{Hub, clock};
use crate::catalogue::Catalogue;
use crate::catalogue::partner::Partner;
use crate::journal::{
    JournalError, ParcelState, ParcelView, Replay, Replayed, Settles, StoredMessage, Trace,
};
use crate::message::CaseState;
use crate::message::{Entropy, PartnerId, Refusal, Succession, Timestamp};
use crate::pipeline::{
    self, Admitted, Difference, Dispatch, Incoming, Parcel, Today, Version, admit, asked_before,
    difference, redispatch,
};

/// A replay cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("the journal does not give the message")]
    Journal(#[from] JournalError),
    #[error("the sender is not in the active set")]
    UnknownSender,
    #[error("the message is refused under today's rules: {}", .0.fault.code())]
    Refused(Refusal),
}

/// A message opened and admitted again under the active set.
pub struct Reopened {
    pub stored: StoredMessage,
    pub admitted: Admitted,
    pub case: CaseState,
}

/// What today's rules make of a message, beside what was sent of it.
pub(super) struct Remade {
    active: Active,
    reopened: Reopened,
    pub trace: Trace,
    pub dispatch: Dispatch,
    only: BTreeSet<PartnerId>,
    /// By recipient: what it got, and the same parcel as today's rules make it.
    before: BTreeMap<PartnerId, Before>,
    /// The moment that the documents name is the one under which they are stored.
    at: Timestamp,
}

struct Before {
    bytes: Vec<u8>,
    again: Option<Parcel>,
}

/// The parcel of a recipient that counts: the last that was not dropped.
pub(super) fn last_of<'t>(
    trace: &'t Trace,
    recipient: &PartnerId,
    succession: &Succession,
) -> Option<&'t ParcelView> {
    let counts = |old: &&ParcelView| !old.answer && old.state != ParcelState::Vervallen;
    let under = |name: &PartnerId| {
        trace.parcels.iter().rev().filter(counts).find(|old| old.recipient == *name)
    };
    succession.names(recipient).find_map(under)
}

/// A stored message under today's rules: as it came in, or as it was asked.
pub(super) fn admit_again(
    catalogue: &Catalogue,
    sender: &Partner,
    stored: &StoredMessage,
) -> Result<Admitted, Refusal> {
    if let Some(asks) = &stored.asks {
        let data = serde_json::from_slice(&stored.canonical).unwrap_or_default();
        return asked_before(catalogue, data, stored.external_id.clone(), asks);
    }
    let incoming = Incoming {
        partner: sender,
        media_type: stored.media_type.as_deref(),
        bytes: &stored.native,
        received: stored.view.received_at,
    };
    admit(catalogue, &incoming)
}

impl Hub {
    pub(super) async fn reopen(&self, active: &Active, id: Uuid) -> Result<Reopened, ReplayError> {
        let stored = self.journal.message(id).await?;
        let sender =
            active.catalogue.partner(&stored.view.sender).ok_or(ReplayError::UnknownSender)?;
        let admitted =
            admit_again(&active.catalogue, sender, &stored).map_err(ReplayError::Refused)?;
        let case = self.journal.case_state(stored.view.case, stored.view.message).await?;
        Ok(Reopened { stored, admitted, case })
    }

    /// What today's rules make of a message, for these recipients or for all; parcels keep their
    /// id where their bytes stay.
    pub(super) async fn remake(
        &self,
        id: Uuid,
        only: BTreeSet<PartnerId>,
    ) -> Result<Remade, ReplayError> {
        let active = self.active();
        let reopened = self.reopen(&active, id).await?;
        let trace = self.journal.trace(id, clock::now()).await?;
        let now = clock::now();
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
        dispatch.not_sent.retain(|skipped| match &skipped.recipient {
            Some(recipient) => wanted(recipient),
            None => only.is_empty(),
        });
        let mut remade =
            Remade { active, reopened, trace, dispatch, only, before: BTreeMap::new(), at: now };
        self.keep_ids(&mut remade).await?;
        Ok(remade)
    }

    /// Compares each parcel with the one before it, and keeps that one's id where it is the same.
    async fn keep_ids(&self, remade: &mut Remade) -> Result<(), ReplayError> {
        let Remade { active, reopened, trace, dispatch, before, at, .. } = remade;
        for parcel in &mut dispatch.parcels {
            let Some(earlier) = last_of(trace, &parcel.recipient, &active.catalogue.succession)
            else {
                continue;
            };
            let again = redispatch(
                &active.catalogue,
                &reopened.admitted,
                &reopened.case,
                &parcel.recipient,
                (earlier.id, earlier.made_at),
                *at,
            );
            let bytes = self.journal.parcel(earlier.id, *at).await?.bytes;
            let mut again = again.ok().flatten();
            if let Some(same) = again.take_if(|again| again.bytes == bytes) {
                let route = parcel.route.take();
                *parcel = Parcel { route, glass: parcel.glass, ..same };
            }
            before.insert(parcel.recipient.clone(), Before { bytes, again });
        }
        Ok(())
    }

    /// What a replay would do, recipient by recipient; changes nothing.
    pub(super) async fn replay_preview(
        &self,
        id: Uuid,
        only: &BTreeSet<PartnerId>,
    ) -> Result<Value, ReplayError> {
        let remade = self.remake(id, only.clone()).await?;
        let lines = remade.dispatch.parcels.iter().map(|parcel| {
            let succession = &remade.active.catalogue.succession;
            let earlier = last_of(&remade.trace, &parcel.recipient, succession);
            let what = match earlier {
                None => "nieuw",
                Some(old) if old.id == parcel.id => "zelfde inhoud, opnieuw aangeboden",
                Some(_) => "andere inhoud, vervangt de eerdere",
            };
            json!({
                "ontvanger": parcel.recipient,
                "gevolg": what,
                "velden": remade.difference_of(parcel).fields,
                "eerder": earlier.map(|old| old.id),
                "stadium": earlier.map(|old| old.stage),
                "onthoudenToen": earlier.map(|old| old.detail.withheld.clone()),
                "onthoudenNu": parcel.withheld,
            })
        });
        Ok(json!({
            "bericht": remade.trace.message.public_id,
            "zendingen": lines.collect::<Vec<_>>(),
            "nietTeMaken": remade.failures(),
            "nietTeSturen": remade.skipped(),
        }))
    }

    /// Replays a message to the recipients that are named, or to all.
    pub(super) async fn replay(
        &self,
        id: Uuid,
        only: BTreeSet<PartnerId>,
    ) -> Result<Value, ReplayError> {
        let remade = self.remake(id, only).await?;
        let (message, failed) = (remade.trace.message.public_id, remade.failures());
        let skipped = remade.skipped();
        let replayed = self.send_remade(remade, Settles::default()).await?;
        let Replayed { requeued, replaced, added } = replayed;
        Ok(json!({
            "bericht": message,
            "opnieuwAangeboden": requeued,
            "vervangen": replaced.iter().map(|(old, new)| json!({"oud": old, "nieuw": new}))
                .collect::<Vec<_>>(),
            "nieuw": added,
            "nietTeMaken": failed,
            "nietTeSturen": skipped,
        }))
    }

    /// Stores what was made, and settles what belongs to it in the same transaction.
    pub(super) async fn send_remade(
        &self,
        remade: Remade,
        settles: Settles,
    ) -> Result<Replayed, JournalError> {
        let replay = Replay {
            message: remade.reopened.stored.view.message,
            settles: Settles { failed: remade.dispatch.failures.len(), ..settles },
            dispatch: remade.dispatch,
            catalogue: remade.active.catalogue.digest(),
            recipients: remade.only,
            at: remade.at,
        };
        let replayed = self.journal.replay(replay).await?;
        self.new_mail();
        Ok(replayed)
    }
}

impl Remade {
    /// Whether a replay would send nothing; then with the code that says why.
    pub fn nothing(&self) -> Option<String> {
        let Dispatch { parcels, failures, not_sent } = &self.dispatch;
        if !parcels.is_empty() {
            return None;
        }
        let failed = failures.first().map(|failure| failure.reason);
        let reason = failed.or(not_sent.first().map(|skipped| skipped.reason));
        Some(reason.unwrap_or("geen-route").to_owned())
    }

    fn failures(&self) -> Vec<Value> {
        let told = |f: &pipeline::Failure| json!({ "ontvanger": f.recipient, "reden": f.reason });
        self.dispatch.failures.iter().map(told).collect()
    }

    fn skipped(&self) -> Vec<Value> {
        let told = |s: &pipeline::NotSent| json!({ "ontvanger": s.recipient, "reden": s.reason });
        self.dispatch.not_sent.iter().map(told).collect()
    }

    /// How each recipient fares; `None` for what concerns nobody in particular.
    pub fn differences(&self) -> Vec<(Option<PartnerId>, Difference)> {
        let mut all = Vec::new();
        let mut named = BTreeSet::new();
        for parcel in &self.dispatch.parcels {
            named.insert(&parcel.recipient);
            all.push((Some(parcel.recipient.clone()), self.difference_of(parcel)));
        }
        for failure in &self.dispatch.failures {
            named.insert(&failure.recipient);
            let found = difference(None, None, Today::Failure(failure));
            all.push((Some(failure.recipient.clone()), found));
        }
        for skipped in &self.dispatch.not_sent {
            let recipient = skipped.recipient.as_ref();
            named.extend(recipient);
            let sent = recipient.and_then(|recipient| self.sent_to(recipient));
            all.push((recipient.cloned(), difference(None, sent, Today::Nothing(skipped.reason))));
        }
        // Who has something, and of whom today's rules say nothing at all.
        let had: BTreeSet<&PartnerId> =
            self.trace.parcels.iter().filter(|old| !old.answer).map(|old| &old.recipient).collect();
        for recipient in had.difference(&named) {
            let wanted = self.only.is_empty() || self.only.contains(*recipient);
            if let Some(sent) = self.sent_to(recipient).filter(|_| wanted) {
                let found = difference(None, Some(sent), Today::Nothing("geen-route"));
                all.push((Some((*recipient).clone()), found));
            }
        }
        all
    }

    fn sent_to(&self, recipient: &PartnerId) -> Option<Version<'_>> {
        let succession = &self.active.catalogue.succession;
        let earlier = last_of(&self.trace, recipient, succession)?;
        let bytes = self.before.get(recipient).map_or(&[][..], |before| &before.bytes);
        Some(Version { bytes, withheld: &earlier.detail.withheld })
    }

    fn difference_of(&self, parcel: &Parcel) -> Difference {
        let before = self.before.get(&parcel.recipient);
        let again = before.and_then(|before| before.again.as_ref()).unwrap_or(parcel);
        let now = Version { bytes: &again.bytes, withheld: &again.withheld };
        let partner = self.active.catalogue.partner(&parcel.recipient);
        let connector = partner.and_then(|partner| self.active.catalogue.connector_of(partner));
        difference(connector, self.sent_to(&parcel.recipient), Today::Document(now))
    }
}
