//! A crowd of messages or entries: what sending all of it again would come to, and doing it one
//! item at a time, with the same functions as for a single one.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::mend::{ReleaseError, Way};
use super::replay::ReplayError;
use super::{Hub, clock};
use crate::journal::{
    CrowdFilter, Decision, Found, Gathered, ItemClaim, ItemDone, Job, JobItem, JournalError,
    QuarantineId, QuarantineOrder, Settles, Trace,
};
use crate::message::{Fault, ItemOutcome, JobKind, JobState, PartnerId};
use crate::pipeline::{Consequence, Difference, Incoming, Tally, admit};

/// Differences of one item, by recipient.
type Differences = Vec<(Option<PartnerId>, Difference)>;

/// Why an item was not dealt with.
enum Failed {
    /// It stays as it is; the code says why.
    Item(ItemOutcome, String),
    /// Nothing can be said about it now.
    Journal(JournalError),
}

impl From<JournalError> for Failed {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Erased => Self::Item(ItemOutcome::Geweigerd, "gewist".to_owned()),
            JournalError::NotFound => Self::Item(ItemOutcome::Geweigerd, "onbekend".to_owned()),
            JournalError::Settled => Self::elsewhere(),
            // Its content does not open: that is the item's, and others may do better.
            JournalError::Unreadable(_) => {
                Self::Item(ItemOutcome::Geweigerd, "gaat-niet-open".to_owned())
            }
            error => Self::Journal(error),
        }
    }
}

impl From<ReplayError> for Failed {
    fn from(error: ReplayError) -> Self {
        let refused = |code: &str| Self::Item(ItemOutcome::Geweigerd, code.to_owned());
        match error {
            ReplayError::Journal(error) => error.into(),
            ReplayError::UnknownSender => refused("onbekende-afzender"),
            ReplayError::Refused(refusal) => refused(refusal.fault.code()),
        }
    }
}

impl From<ReleaseError> for Failed {
    fn from(error: ReleaseError) -> Self {
        let refused = |code: &str| Self::Item(ItemOutcome::Geweigerd, code.to_owned());
        match error {
            ReleaseError::Replay(error) => error.into(),
            // Where the journal takes nothing the item has to wait, and is not at fault.
            ReleaseError::NotTaken(outcome) if outcome.status == 503 => {
                Self::Journal(JournalError::Busy)
            }
            ReleaseError::NotTaken(_) => refused("niet-aangenomen"),
            ReleaseError::StillNothing(reason) => refused(&reason),
            ReleaseError::Settled => Self::elsewhere(),
            ReleaseError::Barred => refused(Fault::Geschorst.code()),
            ReleaseError::NoDocument => refused("geen-inhoud"),
        }
    }
}

impl Failed {
    /// Somebody else decided about it meanwhile.
    fn elsewhere() -> Self {
        Self::Item(ItemOutcome::Overgeslagen, "intussen-afgehandeld".to_owned())
    }
}

impl Hub {
    /// Counts the differences of some of a crowd; changes nothing.
    pub(super) async fn crowd_preview(
        &self,
        filter: &CrowdFilter,
        found: &[Found],
    ) -> Result<Tally, JournalError> {
        let mut tally = Tally::default();
        for item in found {
            let differences = match self.differences_of(filter, item.target).await {
                Ok(differences) => differences,
                Err(Failed::Item(_, reason)) => {
                    vec![(None, Difference::because(Consequence::NietTeMaken, &reason))]
                }
                Err(Failed::Journal(error)) => return Err(error),
            };
            for (recipient, difference) in differences {
                tally.add(&item.group, recipient.as_ref(), &difference);
            }
        }
        Ok(tally)
    }

    async fn differences_of(
        &self,
        filter: &CrowdFilter,
        target: Uuid,
    ) -> Result<Differences, Failed> {
        match filter.kind {
            JobKind::LatenVervallen => Ok(vec![(None, Difference::plain(Consequence::Vervalt))]),
            JobKind::Herhalen => match self.recipients_of(filter, target).await? {
                Some(only) => self.differences_to(target, only).await,
                None => Ok(Vec::new()),
            },
            JobKind::Vrijgeven => self.release_differences(QuarantineId(target)).await,
        }
    }

    /// A message that is refused under today's rules says at which places.
    async fn differences_to(
        &self,
        message: Uuid,
        only: BTreeSet<PartnerId>,
    ) -> Result<Differences, Failed> {
        match self.remake(message, only).await {
            Ok(remade) => Ok(remade.differences()),
            Err(ReplayError::Refused(refusal)) => {
                let code = refusal.fault.code();
                Ok(vec![(None, Difference::refused(code, &refusal.violations))])
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn release_differences(&self, id: QuarantineId) -> Result<Differences, Failed> {
        let entry = self.journal.quarantine_entry(id).await?;
        match self.way_of(&entry).await? {
            Way::Send(message, recipient) => {
                self.differences_to(message, recipient.into_iter().collect()).await
            }
            Way::Queue => Ok(vec![(entry.partner, Difference::plain(Consequence::Zelfde))]),
            Way::Mark => Ok(vec![(None, Difference::plain(Consequence::Vervalt))]),
            Way::TakeIn(partner) => {
                let found = self.journal.quarantined(id).await?;
                let Some(bytes) = found.bytes else { return Err(ReleaseError::NoDocument.into()) };
                let active = self.active();
                let sender = self.entitled(&active, &partner).map_err(|fault| {
                    Failed::Item(ItemOutcome::Geweigerd, fault.code().to_owned())
                })?;
                let incoming = Incoming {
                    partner: sender,
                    media_type: entry.media_type.as_deref(),
                    bytes: &bytes,
                    received: clock::now(),
                };
                Ok(vec![match admit(&active.catalogue, &incoming) {
                    Ok(_) => (None, Difference::plain(Consequence::Aangenomen)),
                    Err(refusal) => {
                        let code = refusal.fault.code();
                        (None, Difference::refused(code, &refusal.violations))
                    }
                }])
            }
        }
    }

    /// For whom a message is replayed: those that the filter names, and of them those whose last
    /// parcel is in the state that it names. `None` where that is nobody any more.
    async fn recipients_of(
        &self,
        filter: &CrowdFilter,
        message: Uuid,
    ) -> Result<Option<BTreeSet<PartnerId>>, JournalError> {
        let Some(_) = filter.state else { return Ok(Some(filter.recipients.clone())) };
        let trace = self.journal.trace(message, clock::now()).await?;
        let only = in_state(&trace, filter);
        Ok((!only.is_empty()).then_some(only))
    }

    /// Deals with one item of a job. What fails by the item is its outcome; what fails by the
    /// journal is an error, and the item stays open.
    pub(super) async fn work_at(
        &self,
        job: &Job,
        item: JobItem,
        token: Uuid,
    ) -> Result<(), JournalError> {
        let claim = ItemClaim::new(job, item.nr, token);
        let done = match self.try_item(job, item, claim).await {
            Ok(Some(done)) => done,
            Ok(None) => return Ok(()),
            Err(Failed::Item(outcome, reason)) => ItemDone::because(outcome, &reason),
            Err(Failed::Journal(error)) => return Err(error),
        };
        self.journal.settle_item(claim, done, clock::now()).await
    }

    /// The outcome of an item to which nothing was done; none where it was settled with its
    /// effect.
    async fn try_item(
        &self,
        job: &Job,
        item: JobItem,
        claim: ItemClaim,
    ) -> Result<Option<ItemDone>, Failed> {
        let decision = match job.kind {
            JobKind::Herhalen => return self.replay_item(job, item.target, claim).await,
            JobKind::Vrijgeven => Decision::Release,
            JobKind::LatenVervallen => Decision::Drop,
        };
        let (id, by, why) = (QuarantineId(item.target), job.by.clone(), job.why.clone());
        let order = QuarantineOrder { id, decision, by, why, item: Some(claim) };
        match decision {
            Decision::Release => drop(self.release(order).await?),
            Decision::Drop => self.decide(order).await?,
        }
        Ok(None)
    }

    async fn replay_item(
        &self,
        job: &Job,
        message: Uuid,
        claim: ItemClaim,
    ) -> Result<Option<ItemDone>, Failed> {
        let Some(only) = self.recipients_of(&job.filter, message).await? else {
            return Err(Failed::elsewhere());
        };
        let remade = self.remake(message, only).await?;
        if let Some(reason) = remade.nothing() {
            let failed = !remade.dispatch.failures.is_empty();
            let outcome = if failed { ItemOutcome::Geweigerd } else { ItemOutcome::Niets };
            return Ok(Some(ItemDone::because(outcome, &reason)));
        }
        let settles = Settles { item: Some(claim), ..Settles::default() };
        self.send_remade(remade, settles).await?;
        Ok(None)
    }

    /// Writes the items of a job down, as long as nobody else does.
    pub(super) async fn gather_all(&self, id: Uuid) -> Result<Gathered, JournalError> {
        loop {
            let job = self.journal.job(id).await?;
            if job.state != JobState::Verzamelt {
                return Ok(Gathered::Complete);
            }
            match self.journal.gather(&job, clock::now()).await {
                Ok(Gathered::More) | Err(JournalError::StaleLease) => {}
                done => return done,
            }
        }
    }

    /// Whether live traffic leaves no room now.
    pub(super) fn has_no_room(&self) -> bool {
        self.journal.is_crowded()
    }
}

fn in_state(trace: &Trace, filter: &CrowdFilter) -> BTreeSet<PartnerId> {
    let mut last = std::collections::BTreeMap::new();
    for parcel in trace.parcels.iter().filter(|parcel| !parcel.answer) {
        last.insert(&parcel.recipient, parcel.state);
    }
    let wanted = |id: &PartnerId| filter.recipients.is_empty() || filter.recipients.contains(id);
    let found = last.into_iter().filter(|(id, state)| Some(*state) == filter.state && wanted(id));
    found.map(|(id, _)| id.clone()).collect()
}
