//! Holding a message that would endanger somebody: what has not left yet goes to quarantine, from
//! where a person releases or drops it.

use serde::Serialize;
use uuid::Uuid;

use crate::journal::order::{Done, Order};
use crate::journal::sql::query;
use crate::journal::unit::{LeafOf, Unit};
use crate::journal::{Journal, JournalError, LeafKind};
use crate::message::{Digest, MessageId, Timestamp};

/// The reason in quarantine.
const REASON: &str = "vastgehouden";

/// Who holds a message, and why.
#[derive(Debug, Clone)]
pub struct HoldOrder {
    pub message: MessageId,
    pub by: String,
    pub why: String,
}

/// What became of its parcels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HeldParcels {
    #[serde(rename = "vastgehouden")]
    pub held: usize,
    /// In the hands of who delivers or collects it at this moment; it may still arrive.
    #[serde(rename = "onderweg")]
    pub under_way: usize,
    /// Arrived before.
    #[serde(rename = "alAangekomen")]
    pub arrived: usize,
}

impl Journal {
    /// Holds what has not left yet of a message, by any id of it or of its parcels.
    pub async fn hold(
        &self,
        id: Uuid,
        (by, why): (String, String),
        now: Timestamp,
    ) -> Result<HeldParcels, JournalError> {
        let message = self.message_of(&mut self.reads.acquire().await?, id).await?.into();
        match self.ask(Order::Hold { order: HoldOrder { message, by, why }, now }).await? {
            Done::Held(held) => Ok(held),
            _ => Err(JournalError::Stopped),
        }
    }
}

impl Unit<'_> {
    pub async fn hold(
        &mut self,
        order: &HoldOrder,
        now: Timestamp,
    ) -> Result<HeldParcels, JournalError> {
        let message = Uuid::from(order.message);
        let sql = "select case_id, public_id from inbox where id = $1";
        let row = query(sql, [message.into()]).fetch_optional(&mut *self.conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        let (case, public) = (row.uuid("case_id")?, row.uuid("public_id")?);
        let sql = "select id, state, lease_token, next_attempt_at from outbox
            where message_id = $1 and answer = 0 order by seq";
        let rows = query(sql, [message.into()]).fetch_all(&mut *self.conn).await?;
        let mut held = HeldParcels { held: 0, under_way: 0, arrived: 0 };
        let mut waiting = Vec::new();
        for row in &rows {
            let leased = row.maybe_uuid("lease_token")?.is_some();
            match row.text("state")?.as_str() {
                "wacht" if leased && row.time("next_attempt_at")? > now => held.under_way += 1,
                "wacht" => waiting.push(row.uuid("id")?),
                "klaar" => held.arrived += 1,
                _ => {}
            }
        }
        if waiting.is_empty() {
            let gone = "van dit bericht wacht niets meer dat kan worden vastgehouden";
            return Err(JournalError::Order(gone));
        }
        for id in waiting {
            let parcel = self.parcel_row_of(id).await?;
            self.quarantine_parcel(&parcel, REASON, now).await?;
            held.held += 1;
        }
        let leaf = self.leaf(LeafOf {
            kind: LeafKind::Vastgehouden,
            at: now,
            subject: public,
            partner: None,
            catalogue: Digest([0; 32]),
            outcome: REASON.to_owned(),
            document: None,
        });
        let sql = "insert into timeline (case_id, at, code, by_whom, why, leaf)
            values ($1, $2, $3, $4, $5, $6)";
        let cells = [
            case.into(),
            now.into(),
            REASON.into(),
            order.by.as_str().into(),
            order.why.as_str().into(),
            leaf.into(),
        ];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(held)
    }
}
