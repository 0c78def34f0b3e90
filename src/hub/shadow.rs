//! A shadow run: a set that is not active over the newest messages, its outcome compared with what
//! really happened. Nothing is sent, and nothing is written but that somebody ran it.
//!
//! It reads one message at a time and gives way after each, and it stops where live traffic leaves
//! no room: who waits for it waits, and nobody else does.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::active::{SetError, checked, recall};
use super::replay::admit_again;
use super::{Hub, clock};
use crate::catalogue::Catalogue;
use crate::catalogue::problem::Files;
use crate::journal::{
    JournalError, ParcelState, ParcelView, PartnerOrder, Recent, RecentRefusal, Trace,
};
use crate::message::{Digest, Entropy, PartnerId, Timestamp};
use crate::pipeline::{
    Consequence, Difference, Fared, Group, Happened, Incoming, ShadowTally, Turned, Went, admit,
    shadow,
};

/// Messages of one run at most, and where nobody says how many.
pub const RUN_MAX: usize = 1000;
pub const RUN_USUAL: usize = 200;
/// Read from the journal at a time.
const PAGE: usize = 50;
/// Refused documents looked at beside each page of messages.
const REFUSALS_MAX: i64 = 50;
/// How long a run waits for room, and how often, before it stops.
const ROOM_WAIT: Duration = Duration::from_millis(100);
const ROOM_WAITS_MAX: usize = 50;

/// Which set is tried.
pub enum Tried {
    /// One that waits for a second person.
    Proposal(Uuid),
    /// One that was kept, or that this hub tried just now.
    Set(Digest),
    Files(Files),
}

/// Where a run goes on: before this message, and before this moment for what was refused.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub nr: i64,
    pub op: Timestamp,
}

/// Who runs it, over how much.
pub struct ShadowAsked {
    pub tried: Tried,
    pub by: String,
    pub count: usize,
    /// How many in all, where this is a part.
    pub total: usize,
    pub before: Option<Place>,
    /// How long it may take, once the set was read.
    pub time: Duration,
}

/// What a run found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowTold {
    pub set: String,
    pub huidige_set: String,
    /// Messages that were looked at, and refused documents.
    pub bekeken: usize,
    pub geweigerd_bekeken: usize,
    /// Messages whose content is gone, or does not open.
    pub overgeslagen: usize,
    /// The oldest that was looked at.
    pub vanaf: Option<Timestamp>,
    /// It stopped before it had looked at as many as were asked.
    pub afgebroken: bool,
    pub uitkomst: ShadowTally,
    /// Where it goes on; none where there is no more.
    pub volgende: Option<Place>,
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    #[error(transparent)]
    Set(#[from] SetError),
    #[error("another shadow run is going on")]
    Busy,
}

impl From<JournalError> for ShadowError {
    fn from(error: JournalError) -> Self {
        Self::Set(error.into())
    }
}

impl Hub {
    pub(super) async fn shadow(&self, asked: ShadowAsked) -> Result<ShadowTold, ShadowError> {
        let _one_at_a_time = self.trying.try_acquire().map_err(|_| ShadowError::Busy)?;
        let catalogue = self.candidate(asked.tried).await?;
        let count = asked.count.min(RUN_MAX);
        if asked.before.is_none() {
            let (catalogue, by) = (catalogue.digest(), asked.by);
            let order = PartnerOrder::Shadow { catalogue, by, note: asked.total.to_string() };
            self.journal.partner_order(order, clock::now()).await?;
        }
        let until = Instant::now() + asked.time;
        let mut run = Run { hub: self, catalogue: &catalogue, until, waits: 0 };
        let mut told = ShadowTold {
            set: catalogue.digest().to_string(),
            huidige_set: self.active().catalogue.digest().to_string(),
            bekeken: 0,
            geweigerd_bekeken: 0,
            overgeslagen: 0,
            vanaf: None,
            afgebroken: false,
            uitkomst: ShadowTally::default(),
            volgende: asked.before,
        };
        let mut left = count;
        while left > 0 && !told.afgebroken {
            let looked = run.page(left.min(PAGE), &mut told).await?;
            left = left.saturating_sub(looked);
            if looked == 0 {
                told.volgende = None;
                break;
            }
        }
        Ok(told)
    }

    /// A set that is not active. One that was kept passed its check before that; it is checked
    /// again before it becomes active. The last one stays at hand: a run of many pages, and who
    /// looks and then decides, read it once.
    pub(super) async fn candidate(&self, tried: Tried) -> Result<Arc<Catalogue>, SetError> {
        let lock = || self.candidate.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = match &tried {
            Tried::Proposal(id) => {
                let proposals = self.journal.proposals().await?;
                let found = proposals.into_iter().find(|proposal| proposal.id == *id);
                Some(found.ok_or(JournalError::NotFound)?.catalogue)
            }
            Tried::Set(digest) => Some(*digest),
            Tried::Files(_) => None,
        };
        let known = lock().clone().filter(|known| Some(known.digest()) == wanted);
        if let Some(known) = known {
            return Ok(known);
        }
        let catalogue = match (tried, wanted) {
            (Tried::Files(files), _) => checked(&files)?,
            (_, Some(digest)) => Box::pin(recall(&self.journal, digest)).await?.0,
            (_, None) => return Err(JournalError::NotFound.into()),
        };
        let catalogue = Arc::new(catalogue);
        *lock() = Some(Arc::clone(&catalogue));
        Ok(catalogue)
    }
}

struct Run<'a> {
    hub: &'a Hub,
    catalogue: &'a Catalogue,
    until: Instant,
    waits: usize,
}

impl Run<'_> {
    /// The next messages, with what was refused meanwhile. Answers how many messages those are.
    async fn page(&mut self, limit: usize, told: &mut ShadowTold) -> Result<usize, JournalError> {
        let before = told.volgende;
        let rows = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.hub.journal.recent(before.map(|place| place.nr), rows).await?;
        let mut looked = 0;
        for message in &found {
            if !self.may_go_on().await {
                told.afgebroken = true;
                break;
            }
            self.message(message, told).await?;
            looked += 1;
            told.volgende = Some(Place { nr: message.seq, op: message.received_at });
            told.vanaf = Some(message.received_at);
        }
        // Beside the last messages lies what was refused before them all.
        let newest = before.map_or_else(clock::now, |place| place.op);
        let last = looked == found.len() && found.len() < limit;
        let oldest = if last { Some(Timestamp::from_micros(0)) } else { told.vanaf };
        if let Some(oldest) = oldest.filter(|_| looked > 0 || before.is_none()) {
            let refusals = self.hub.journal.recent_refusals((oldest, newest), REFUSALS_MAX).await?;
            for refusal in &refusals {
                self.refusal(refusal, told).await?;
            }
        }
        Ok(looked)
    }

    /// Lets others go first; false where this must stop.
    async fn may_go_on(&mut self) -> bool {
        tokio::task::yield_now().await;
        while self.hub.has_no_room() && self.waits < ROOM_WAITS_MAX {
            self.waits += 1;
            tokio::time::sleep(ROOM_WAIT).await;
        }
        Instant::now() < self.until && self.waits < ROOM_WAITS_MAX
    }

    async fn message(&self, message: &Recent, told: &mut ShadowTold) -> Result<(), JournalError> {
        let group = Group {
            partner: Some(message.sender.clone()),
            kind: Some(message.kind.clone()),
            reason: None,
        };
        match self.fared(message).await {
            Ok(all) => {
                told.bekeken += 1;
                all.iter().for_each(|fared| told.uitkomst.add(&group, fared));
            }
            // Its content is gone, or another's key opens it: that says nothing of the set.
            Err(JournalError::Erased | JournalError::NotFound | JournalError::Unreadable(_)) => {
                told.overgeslagen += 1
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn fared(&self, message: &Recent) -> Result<Vec<Fared>, JournalError> {
        let journal = &self.hub.journal;
        let stored = journal.message(message.id).await?;
        let Some(sender) = self.catalogue.partner(&message.sender) else {
            let refused = Difference::because(Consequence::NietTeMaken, "onbekende-afzender");
            return Ok(vec![(None, refused, Turned::default())]);
        };
        let admitted = match admit_again(self.catalogue, sender, &stored) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let found = Difference::refused(refusal.fault.code(), &refusal.violations);
                return Ok(vec![(None, found, Turned::default())]);
            }
        };
        let case = journal.case_state(stored.view.case, stored.view.message).await?;
        let trace = journal.trace(message.id, clock::now()).await?;
        let happened = self.happened(&trace).await?;
        let seed = clock::random().map_err(|_| JournalError::Sealing)?;
        let mut entropy = Entropy::new(seed);
        let received = message.received_at;
        Ok(shadow(self.catalogue, (&admitted, &case), &happened, received, &mut entropy))
    }

    async fn happened(&self, trace: &Trace) -> Result<Happened, JournalError> {
        // Who was renamed since is who it was.
        let names = &self.catalogue.succession;
        let mut counts: BTreeMap<&PartnerId, &ParcelView> = BTreeMap::new();
        for parcel in trace.parcels.iter().filter(|parcel| !parcel.answer) {
            // One that was dropped counts where there is no other: it was made all the same.
            let dropped = parcel.state == ParcelState::Vervallen;
            let recipient = names.now(&parcel.recipient);
            let known = counts.get(recipient);
            if known.is_none_or(|known| !dropped || known.state == ParcelState::Vervallen) {
                counts.insert(recipient, parcel);
            }
        }
        let mut parcels = Vec::with_capacity(counts.len());
        for (recipient, view) in counts {
            let stored = self.hub.journal.parcel(view.id, clock::now()).await?;
            parcels.push(Went {
                id: view.id,
                recipient: recipient.clone(),
                made_at: view.made_at,
                bytes: stored.bytes,
                withheld: view.detail.withheld.clone(),
                glass: view.detail.glass.is_some(),
            });
        }
        let mut not_sent = trace.not_sent.clone();
        not_sent.iter_mut().filter_map(|(whom, _)| whom.as_mut()).for_each(|who| names.renew(who));
        Ok(Happened { parcels, not_sent })
    }

    /// Whether a document that was refused would be taken now, or be refused for another reason.
    async fn refusal(
        &self,
        refusal: &RecentRefusal,
        told: &mut ShadowTold,
    ) -> Result<(), JournalError> {
        let found = match self.hub.journal.quarantined(refusal.id).await {
            Ok(found) => found,
            Err(JournalError::Erased | JournalError::NotFound | JournalError::Unreadable(_)) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let sender = self.catalogue.partner(&refusal.partner);
        let Some((partner, bytes)) = sender.zip(found.bytes) else { return Ok(()) };
        told.geweigerd_bekeken += 1;
        let incoming = Incoming {
            partner,
            media_type: refusal.media_type.as_deref(),
            bytes: &bytes,
            received: refusal.at,
        };
        let difference = match admit(self.catalogue, &incoming) {
            Ok(_) if !BY_THE_SET.contains(&refusal.reason.as_str()) => {
                Difference::plain(Consequence::Zelfde)
            }
            Ok(_) => Difference::plain(Consequence::Aangenomen),
            Err(other) if other.fault.code() == refusal.reason => {
                Difference::plain(Consequence::Zelfde)
            }
            Err(other) => Difference::refused(other.fault.code(), &other.violations),
        };
        let reason = Some(refusal.reason.clone());
        let group = Group { partner: Some(refusal.partner.clone()), kind: None, reason };
        told.uitkomst.add(&group, &(None, difference, Turned::default()));
        Ok(())
    }
}

/// What a set refuses by itself. That a number came twice, or a partner was barred, no set decides.
const BY_THE_SET: [&str; 6] =
    ["onleesbaar", "onbekend-type", "ongeldig", "vertaling", "mediatype", "andere-afzender"];
