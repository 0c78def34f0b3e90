//! An operator says that a partner is back: what waits for it becomes due now, at every hub.
//!
//! Breakers live in the memory of each hub; the generation that is kept here tells them to close.

use std::collections::BTreeMap;

use super::order::{Done, Order};
use super::sql::query;
use super::unit::Unit;
use super::{Journal, JournalError};
use crate::message::{PartnerId, Timestamp};

/// Parcels made due in one transaction.
const DUE_MAX: i64 = 500;

/// Who says so, and why.
#[derive(Debug, Clone)]
pub struct UnblockOrder {
    pub partner: PartnerId,
    pub by: String,
    pub why: String,
}

/// Heads of lanes that wait for their next attempt.
pub(super) const LATER: &str = "select seq from outbox
    where head = 1 and recipient = $1 and urgent in (0, 1) and next_attempt_at > $2
        and lease_token is null
    limit $3";
/// The same among other hubs, where a case that one of them works on is passed by.
pub(super) const LATER_SHARED: &str = "select o.seq from outbox o join cases c on c.id = o.case_id
    where o.head = 1 and o.recipient = $1 and o.urgent in (0, 1) and o.next_attempt_at > $2
        and o.lease_token is null
    limit $3 for no key update of o, c skip locked";

impl Journal {
    /// Closes the breaker of a partner at all hubs. Answers how many parcels go now that would
    /// have gone later.
    pub async fn unblock(&self, order: UnblockOrder, now: Timestamp) -> Result<u64, JournalError> {
        let partner = order.partner.clone();
        let mut freed = self.unblock_step(Order::Unblock { order, now }).await?;
        loop {
            let next = Order::MakeDue { partner: partner.clone(), now };
            match self.unblock_step(next).await? {
                0 => return Ok(freed),
                more => freed += more,
            }
        }
    }

    async fn unblock_step(&self, order: Order) -> Result<u64, JournalError> {
        match self.ask(order).await? {
            Done::Freed(count) => Ok(count),
            _ => Err(JournalError::Stopped),
        }
    }

    /// How often each partner was unblocked.
    pub async fn unblocked(&self) -> Result<BTreeMap<PartnerId, i64>, JournalError> {
        let sql = "select partner, generation from unblock";
        let rows = query(sql, []).fetch_all(&mut self.reads.acquire().await?).await?;
        rows.iter().map(|row| Ok((row.parsed("partner")?, row.int("generation")?))).collect()
    }

    /// How many parcels may go to a partner now, and how many wait for it in all.
    pub async fn waiting_for(
        &self,
        partner: &PartnerId,
        now: Timestamp,
    ) -> Result<(i64, i64), JournalError> {
        let sql = "select (select count(*) from outbox where head = 1 and recipient = $1
                    and urgent in (0, 1) and next_attempt_at <= $2) as due,
                (select count(*) from outbox where recipient = $1 and state = 'wacht') as waiting";
        let row = query(sql, [partner.as_str().into(), now.into()]);
        let row = row.fetch_one(&mut self.reads.acquire().await?).await?;
        Ok((row.int("due")?, row.int("waiting")?))
    }
}

impl Unit<'_> {
    /// Notes who said so and why, with a leaf; parcels become due next.
    pub async fn unblock(
        &mut self,
        order: &UnblockOrder,
        now: Timestamp,
    ) -> Result<u64, JournalError> {
        let UnblockOrder { partner, by, why } = order;
        let sql = "insert into unblock (partner, generation, at, by_whom, why)
            values ($1, 1, $2, $3, $4)
            on conflict (partner) do update set generation = unblock.generation + 1, at = $2,
                by_whom = $3, why = $4";
        let cells = [partner.as_str().into(), now.into(), by.as_str().into(), why.as_str().into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        self.partner_leaf(partner, "gedeblokkeerd", now)?;
        self.make_due(partner, now).await
    }

    /// Makes some of what waits for its next attempt due. Its number of attempts stays.
    pub async fn make_due(
        &mut self,
        partner: &PartnerId,
        now: Timestamp,
    ) -> Result<u64, JournalError> {
        let sql = if self.conn.is_postgres() {
            format!(
                "with later as ({LATER_SHARED})
                update outbox set next_attempt_at = $2 from later where outbox.seq = later.seq"
            )
        } else {
            format!("update outbox set next_attempt_at = $2 where seq in ({LATER})")
        };
        let cells = [partner.as_str().into(), now.into(), DUE_MAX.into()];
        Ok(super::sql::query_of(sql, cells).execute(&mut *self.conn).await?)
    }
}
