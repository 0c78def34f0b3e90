//! Parcels made anew under today's rules: before an attempt, or by an operator's replay.
//!
//! Identical bytes keep their parcel, which is queued again; other bytes become a new parcel in
//! the same place of the lane, which says what it replaces.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use super::cases::{CaseBook, CaseWork, Lane};
use super::crowd::{ItemClaim, ItemDone};
use super::keys::{Part, open_row_key, open_sealed};
use super::outbox::{Announced, Made, ParcelRow, Place};
use super::quarantine::OpenEntry;
use super::sql::{Cell, query};
use super::unit::{LeafOf, Unit};
use super::{JournalError, LeafKind, ParcelState, QuarantineOrder, views};
use crate::message::{Digest, ItemOutcome, MessageId, ParcelId, PartnerId, Stage, Timestamp};
use crate::pipeline::{Dispatch, Parcel};

/// A replay: parcels for an existing message, as today's rules make them.
#[derive(Debug)]
pub struct Replay {
    pub message: MessageId,
    pub dispatch: Dispatch,
    /// Digest of the catalogue that made the dispatch.
    pub catalogue: Digest,
    /// Only these recipients; empty for all of the dispatch.
    pub recipients: BTreeSet<PartnerId>,
    pub at: Timestamp,
    pub settles: Settles,
}

/// What is settled in the transaction of a replay.
#[derive(Debug, Default)]
pub struct Settles {
    /// The entry of quarantine that it releases.
    pub entry: Option<QuarantineOrder>,
    /// The item of the job that does it.
    pub item: Option<ItemClaim>,
    /// Recipients for whom no parcel could be made.
    pub failed: usize,
}

/// What a replay did, honestly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// The same bytes: queued again under the same id.
    pub requeued: Vec<ParcelId>,
    /// Other bytes: the old parcel and the one that replaces it.
    pub replaced: Vec<(ParcelId, ParcelId)>,
    /// Recipients that had no parcel of this message.
    pub added: Vec<ParcelId>,
}

impl Unit<'_> {
    /// A deliverer looked again and found the rules changed.
    pub async fn replace_leased(
        &mut self,
        old: &ParcelRow,
        dispatch: &Dispatch,
        catalogue: Digest,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let mut book = CaseBook::load(self, &[], BTreeSet::from([old.case])).await?;
        let case = book.case_mut(old.case).ok_or(JournalError::Erased)?;
        let leaf = self.reserve_leaf();
        let made = Made { message: old.message, leaf, at: now, catalogue, answer: old.answer };
        let mut announced = Announced::default();
        // Who was renamed gets it under the name of now.
        let recipient = self.succession.now(&old.recipient).clone();
        let parcel = dispatch.parcels.iter().find(|parcel| parcel.recipient == recipient);
        let mut rows = Vec::new();
        match parcel {
            Some(parcel) => {
                rows.extend(self.exchange(old, parcel, &made, case, &mut announced).await?);
            }
            None => self.withdraw(old, now).await?,
        }
        self.quarantine_unsent(dispatch, &made, old.case, Some(&recipient))?;
        self.store_parcels(rows).await?;
        self.reorder_lane(old.case, &old.recipient).await?;
        if recipient != old.recipient {
            self.reorder_lane(old.case, &recipient).await?;
        }
        let outcome = announced.outcome("vervangen");
        self.put_leaf(leaf, old.leaf(LeafKind::Poging, now, catalogue, outcome));
        self.attempt(old.id, now, "vervangen", leaf);
        Ok(())
    }

    /// An operator replays a message.
    pub async fn replay(&mut self, replay: &Replay) -> Result<Replayed, JournalError> {
        let message = Uuid::from(replay.message);
        let sql = "select case_id, public_id, effect from inbox where id = $1";
        let row = query(sql, [message.into()]).fetch_optional(&mut *self.conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        let (case_id, public_id) = (row.uuid("case_id")?, row.uuid("public_id")?);
        let entry = self.may_replay(replay).await?;
        let mut book = CaseBook::load(self, &[], BTreeSet::from([case_id])).await?;
        let case = book.case_mut(case_id).ok_or(JournalError::Erased)?;
        if let Some((order, entry)) = &entry {
            self.close_entry(order, entry, replay.at).await?;
        }
        let leaf = self.reserve_leaf();
        let (at, catalogue) = (replay.at, replay.catalogue);
        let made = Made { message, leaf, at, catalogue, answer: false };
        let (mut announced, mut done) = (Announced::default(), Replayed::default());
        for parcel in &replay.dispatch.parcels {
            let recipient = &parcel.recipient;
            if !replay.recipients.is_empty() && !replay.recipients.contains(recipient) {
                continue;
            }
            let row = match self.latest(message, recipient).await? {
                None => {
                    done.added.push(parcel.id);
                    let lane = case.lanes.get(recipient).copied().unwrap_or_default();
                    let place = Place { lane, ..Place::default() };
                    Some(self.parcel_row(parcel, &made, case, place, &mut announced)?)
                }
                Some(old) => {
                    let row = self.exchange(&old, parcel, &made, case, &mut announced).await?;
                    match row {
                        Some(_) => done.replaced.push((old.id.into(), parcel.id)),
                        None => done.requeued.push(old.id.into()),
                    }
                    row
                }
            };
            self.store_parcels(row.into_iter().collect()).await?;
            self.reorder_lane(case_id, recipient).await?;
        }
        self.put_leaf(
            leaf,
            LeafOf {
                kind: LeafKind::Vastgehouden,
                at,
                subject: public_id,
                partner: None,
                catalogue,
                outcome: announced.outcome("opnieuw"),
                document: None,
            },
        );
        if let Some(claim) = replay.settles.item {
            let item = ItemDone {
                same: done.requeued.len(),
                changed: done.replaced.len(),
                added: done.added.len(),
                failed: replay.settles.failed,
                ..ItemDone::plain(ItemOutcome::Gedaan)
            };
            self.close_item(claim, &item, at).await?;
        }
        Ok(done)
    }

    /// Looks whether a replay may be done, and at the entry that it releases; writes nothing.
    async fn may_replay<'r>(
        &mut self,
        replay: &'r Replay,
    ) -> Result<Option<(&'r QuarantineOrder, OpenEntry)>, JournalError> {
        let Settles { entry, item, .. } = &replay.settles;
        if let Some(claim) = item {
            self.item_is_open(*claim).await?;
        } else {
            self.free_of_jobs(replay.message.into()).await?;
        }
        match entry {
            Some(order) => Ok(Some((order, self.open_entry(order).await?))),
            None => Ok(None),
        }
    }

    /// Queues `old` again where its bytes are the same; else ends it and gives the new row.
    pub async fn exchange(
        &mut self,
        old: &ParcelRow,
        new: &Parcel,
        made: &Made,
        case: &CaseWork,
        announced: &mut Announced,
    ) -> Result<Option<Vec<Cell>>, JournalError> {
        let sql = "select sealed_key, document, detail, gap from outbox where id = $1";
        let row = query(sql, [old.id.into()]).fetch_one(&mut *self.conn).await?;
        let key = open_row_key(&case.key, old.id, &row.blob("sealed_key")?)?;
        let (_, bytes) = open_sealed(&key, old.id, Part::Parcel, &row.blob("document")?)?;
        self.close_entries(old.id, made.at, "vrijgegeven").await?;
        // Until when a parcel may go is written beside it for good.
        let same_term = views::detail(&row)?.glass == new.glass;
        if bytes == new.bytes && same_term {
            let sql = "update outbox set state = 'wacht', attempts = 0, next_attempt_at = $2,
                    lease_token = null, catalogue = $3 where id = $1";
            let cells = [old.id.into(), made.at.into(), made.catalogue.into()];
            query(sql, cells).execute(&mut *self.conn).await?;
            return Ok(None);
        }
        if matches!(old.state, ParcelState::Wacht | ParcelState::Uitval) {
            self.close_parcel(old, ParcelState::Vervallen).await?;
        }
        let lane = Lane { open: true, gap: false };
        let place = Place { lane, position: Some(old.position), replaces: Some(old.id.into()) };
        self.parcel_row(new, made, case, place, announced).map(Some)
    }

    /// Nothing may go to this recipient any more.
    async fn withdraw(&mut self, old: &ParcelRow, now: Timestamp) -> Result<(), JournalError> {
        self.close_entries(old.id, now, "vervallen").await?;
        let sql = "update outbox set stage = $2 where id = $1";
        let stage = query(sql, [old.id.into(), Stage::Verlopen.as_str().into()]);
        stage.execute(&mut *self.conn).await?;
        Ok(self.close_parcel(old, ParcelState::Vervallen).await?)
    }

    /// The newest parcel of a message for a recipient that was not dropped; where it got none
    /// under its name of now, the one under a former name.
    pub async fn latest(
        &mut self,
        message: Uuid,
        recipient: &PartnerId,
    ) -> Result<Option<ParcelRow>, JournalError> {
        let succession = Arc::clone(&self.succession);
        for name in succession.names(recipient) {
            let sql = "select id from outbox
                where message_id = $1 and recipient = $2 and answer = 0 and state <> 'vervallen'
                order by seq desc limit 1";
            let row = query(sql, [message.into(), name.as_str().into()]);
            if let Some(row) = row.fetch_optional(&mut *self.conn).await? {
                return self.parcel_row_of(row.uuid("id")?).await.map(Some);
            }
        }
        Ok(None)
    }

    /// Closes what quarantine holds about a parcel.
    pub async fn close_entries(
        &mut self,
        parcel: Uuid,
        now: Timestamp,
        state: &str,
    ) -> Result<(), sqlx::Error> {
        let sql = "update quarantine set state = $2, closed_at = $3, closed_by = 'schakel',
                closed_why = 'opnieuw' where parcel_id = $1 and state = 'open'";
        let close = query(sql, [parcel.into(), state.into(), now.into()]);
        close.execute(&mut *self.conn).await.map(drop)
    }
}
