//! What an operator does with an entry of quarantine: release it or drop it. Nothing in it ever
//! disappears by itself.

use super::crowd::{ItemClaim, ItemDone};
use super::outbox::ParcelRow;
use super::sql::query;
use super::unit::{LeafOf, Unit};
use super::{JournalError, LeafKind, ParcelState, QuarantineId};
use crate::message::{Digest, ItemOutcome, Stage, Timestamp};

/// A decision about an entry.
#[derive(Debug, Clone)]
pub struct QuarantineOrder {
    pub id: QuarantineId,
    pub decision: Decision,
    pub by: String,
    pub why: String,
    /// Where a job does it: its item, which is settled with it.
    pub item: Option<ItemClaim>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A parcel is queued again; a message or an unsent parcel is marked as dealt with, and the
    /// caller sends it down the road again.
    Release,
    /// It will not be sent; the next of its lane says that its predecessor is missing.
    Drop,
}

/// An entry that is open.
pub(super) struct OpenEntry {
    parcel: Option<ParcelRow>,
    incoming: bool,
}

impl Unit<'_> {
    pub async fn decide_quarantine(
        &mut self,
        order: &QuarantineOrder,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let entry = self.open_entry(order).await?;
        self.close_entry(order, &entry, now).await?;
        let mut done = ItemDone::plain(ItemOutcome::Gedaan);
        let released = order.decision == Decision::Release;
        match entry.parcel.filter(|parcel| parcel.state == ParcelState::Uitval) {
            Some(parcel) if released => {
                done.same = 1;
                self.queue_again(&parcel, now).await?;
            }
            Some(parcel) => self.drop_parcel(&parcel).await?,
            None if released && entry.incoming => {
                done.reason = Some("opnieuw-aangenomen".to_owned());
            }
            None => {}
        }
        match order.item {
            Some(claim) => self.close_item(claim, &done, now).await,
            None => Ok(()),
        }
    }

    /// Looks whether a decision may be taken; writes nothing.
    pub async fn open_entry(&mut self, order: &QuarantineOrder) -> Result<OpenEntry, JournalError> {
        if let Some(claim) = order.item {
            self.item_is_open(claim).await?;
        }
        let sql = "select parcel_id, message_id, direction, state from quarantine where id = $1";
        let row = query(sql, [order.id.0.into()]).fetch_optional(&mut *self.conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        if row.text("state")? != "open" {
            return Err(JournalError::Settled);
        }
        if order.item.is_none() {
            self.free_of_jobs(row.maybe_uuid("message_id")?.unwrap_or(order.id.0)).await?;
        }
        let parcel = match row.maybe_uuid("parcel_id")? {
            Some(parcel) => Some(self.parcel_row_of(parcel).await?),
            None => None,
        };
        Ok(OpenEntry { parcel, incoming: row.text("direction")? == "inkomend" })
    }

    /// Notes a decision about an entry; what becomes of its parcel is the caller's.
    pub async fn close_entry(
        &mut self,
        order: &QuarantineOrder,
        entry: &OpenEntry,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let released = order.decision == Decision::Release;
        let state = if released { "vrijgegeven" } else { "vervallen" };
        let sql = "update quarantine set state = $2, closed_at = $3, closed_by = $4,
                closed_why = $5 where id = $1 and state = 'open'";
        let cells = [
            order.id.0.into(),
            state.into(),
            now.into(),
            order.by.as_str().into(),
            order.why.as_str().into(),
        ];
        if query(sql, cells).execute(&mut *self.conn).await? == 0 {
            return Err(JournalError::Settled);
        }
        if let Some(parcel) = &entry.parcel {
            let leaf = parcel.leaf(LeafKind::Vastgehouden, now, parcel.catalogue, state.to_owned());
            self.leaf(leaf);
            return Ok(());
        }
        self.leaf(LeafOf {
            kind: LeafKind::Vastgehouden,
            at: now,
            subject: order.id.0,
            partner: None,
            catalogue: Digest([0; 32]),
            outcome: state.to_owned(),
            document: None,
        });
        Ok(())
    }

    async fn queue_again(
        &mut self,
        parcel: &ParcelRow,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let sql = "update outbox set state = 'wacht', attempts = 0, next_attempt_at = $2,
                lease_token = null where id = $1";
        query(sql, [parcel.id.into(), now.into()]).execute(&mut *self.conn).await?;
        Ok(self.reorder_lane(parcel.case, &parcel.recipient).await?)
    }

    async fn drop_parcel(&mut self, parcel: &ParcelRow) -> Result<(), JournalError> {
        let sql = "update outbox set stage = $2 where id = $1";
        let stage = query(sql, [parcel.id.into(), Stage::Verlopen.as_str().into()]);
        stage.execute(&mut *self.conn).await?;
        let sql = "update outbox set gap = 1 where seq = (
                select seq from outbox
                where case_id = $1 and recipient = $2 and position > $3
                    and state in ('wacht', 'uitval')
                order by position, seq limit 1)";
        let recipient = parcel.recipient.as_str();
        let cells = [parcel.case.into(), recipient.into(), parcel.position.into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(self.close_parcel(parcel, ParcelState::Vervallen).await?)
    }
}
