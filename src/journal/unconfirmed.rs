//! Parcels in a mailbox that a broker keeps: handed over, and not confirmed by their recipient.
//!
//! The broker may have lost one, or given it up. Such a parcel is queued again under its own id,
//! or goes to quarantine; which of the two is decided by who watches the mailbox.

use uuid::Uuid;

use super::outbox::{ParcelRow, fixed_code};
use super::sql::{Cell, Row, query};
use super::unit::Unit;
use super::{Journal, JournalError, LeafKind, ParcelState};
use crate::message::{ParcelId, PartnerId, Stage, Timestamp};

/// A parcel that was handed to a broker and not confirmed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconfirmed {
    pub parcel: ParcelId,
    /// How often it was handed over, and when for the last time.
    pub sends: u32,
    pub last: Timestamp,
}

/// What is to be done about one.
#[derive(Debug, Clone)]
pub enum MailboxOrder {
    /// To be claimed and sent once more, under the same id.
    SendAgain { parcel: ParcelId },
    /// The broker gave it up: in quarantine with this reason.
    GivenUp { parcel: ParcelId, recipient: PartnerId, reason: String },
}

impl MailboxOrder {
    pub(super) const fn parcel(&self) -> ParcelId {
        match self {
            Self::SendAgain { parcel } | Self::GivenUp { parcel, .. } => *parcel,
        }
    }
}

impl Journal {
    /// The oldest parcels of a recipient that were handed over before a moment, and of which it
    /// said nothing since.
    pub async fn unconfirmed(
        &self,
        recipient: &PartnerId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<Unconfirmed>, JournalError> {
        let sql = "select o.id, count(a.seq) as sends, max(a.at) as last
            from outbox o join attempt a on a.parcel_id = o.id and a.outcome = 'afgeleverd'
            where o.state = 'klaar' and o.stage = 'klaargezet' and o.recipient = $1
            group by o.id, o.seq having max(a.at) <= $2 order by o.seq limit $3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let cells: [Cell; 3] = [recipient.as_str().into(), before.into(), limit.into()];
        let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
        let read = |row: &Row| -> Result<Unconfirmed, sqlx::Error> {
            Ok(Unconfirmed {
                parcel: row.uuid("id")?.into(),
                sends: u32::try_from(row.int("sends")?).unwrap_or(u32::MAX),
                last: row.time("last")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Carries out what was decided. A parcel of which something is known by now is left alone:
    /// `Settled`.
    pub async fn mailbox_order(
        &self,
        order: MailboxOrder,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        self.ask(super::order::Order::Mailbox { order, now }).await.map(drop)
    }
}

impl Unit<'_> {
    pub async fn mailbox_order(
        &mut self,
        order: &MailboxOrder,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        match order {
            MailboxOrder::SendAgain { parcel } => {
                let parcel = self.unconfirmed_row(*parcel).await?;
                let sql = "update outbox set state = 'wacht', next_attempt_at = $2,
                    lease_token = null where id = $1";
                query(sql, [parcel.id.into(), now.into()]).execute(self.conn).await?;
                Ok(self.reorder_lane(parcel.case, &parcel.recipient).await?)
            }
            MailboxOrder::GivenUp { parcel, recipient, reason } => {
                let parcel = self.unconfirmed_row(*parcel).await?;
                if !self.succession.same(&parcel.recipient, recipient) {
                    return Err(JournalError::NotFound);
                }
                self.give_up(&parcel, &fixed_code(reason), now).await
            }
        }
    }

    /// The parcel, where it is one that waits for its recipient's word.
    async fn unconfirmed_row(&mut self, id: ParcelId) -> Result<ParcelRow, JournalError> {
        let parcel = self.parcel_row_of(Uuid::from(id)).await?;
        let waits = parcel.state == ParcelState::Klaar && parcel.stage == Stage::Klaargezet;
        if waits { Ok(parcel) } else { Err(JournalError::Settled) }
    }

    async fn give_up(
        &mut self,
        parcel: &ParcelRow,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let code = format!("uitval {reason}");
        let leaf = parcel.leaf(LeafKind::Poging, now, parcel.catalogue, code.clone());
        let leaf = self.leaf(leaf);
        self.attempt(parcel.id, now, &code, leaf);
        self.quarantine_parcel(parcel, reason, now).await
    }
}
