//! Fields that somebody saw unmasked: written down first, shown only after that.

use serde::Serialize;
use uuid::Uuid;

use super::super::order::Order;
use super::super::sql::{Row, query};
use super::super::unit::Unit;
use super::super::{Journal, JournalError, LeafKind};
use crate::message::{AccountId, Timestamp};

/// Reveals that are listed at most, the newest.
const LISTED_MAX: i64 = 500;

/// Somebody wants to see a field of a message or of a parcel of it.
#[derive(Debug, Clone)]
pub struct FieldRevealOrder {
    /// Any id of the message or of a parcel of it.
    pub of: Uuid,
    /// A JSON Pointer, never a value.
    pub field: String,
    pub account: AccountId,
    pub by: String,
    pub why: String,
}

/// A field that was revealed.
#[derive(Debug, Clone, Serialize)]
pub struct FieldReveal {
    #[serde(rename = "bericht")]
    pub message: Uuid,
    #[serde(rename = "casus")]
    pub case: String,
    #[serde(rename = "veld")]
    pub field: String,
    #[serde(rename = "op")]
    pub at: Timestamp,
    #[serde(rename = "door")]
    pub by: String,
    #[serde(rename = "reden")]
    pub why: String,
}

impl Journal {
    /// Writes down that somebody sees a field. Where that cannot be written, nothing is shown.
    pub async fn reveal_field(
        &self,
        order: FieldRevealOrder,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        self.ask(Order::RevealField { order, now }).await.map(drop)
    }

    /// What was revealed of a message, or of everything; the newest first.
    pub async fn field_reveals(
        &self,
        message: Option<Uuid>,
    ) -> Result<Vec<FieldReveal>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let rows = match message {
            Some(id) => {
                let id = self.message_of(&mut conn, id).await?;
                let sql = "select r.*, i.public_id, c.number from field_reveal r
                    join inbox i on i.id = r.message_id join cases c on c.id = r.case_id
                    where r.message_id = $1 order by r.seq desc limit $2";
                query(sql, [id.into(), LISTED_MAX.into()]).fetch_all(&mut conn).await?
            }
            None => {
                let sql = "select r.*, i.public_id, c.number from field_reveal r
                    join inbox i on i.id = r.message_id join cases c on c.id = r.case_id
                    order by r.seq desc limit $1";
                query(sql, [LISTED_MAX.into()]).fetch_all(&mut conn).await?
            }
        };
        let read = |row: &Row| -> Result<FieldReveal, sqlx::Error> {
            Ok(FieldReveal {
                message: row.uuid("public_id")?,
                case: row.text("number")?,
                field: row.text("field")?,
                at: row.time("at")?,
                by: row.text("by_whom")?,
                why: row.text("why")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// How many fields each person revealed since then, the most first.
    pub async fn most_revealed(
        &self,
        since: Timestamp,
    ) -> Result<Option<(String, i64)>, JournalError> {
        let sql = "select by_whom, count(*) as n from field_reveal where at >= $1
            group by account_id, by_whom order by n desc limit 1";
        let row = query(sql, [since.into()]);
        let row = row.fetch_optional(&mut self.reads.acquire().await?).await?;
        Ok(row
            .map(|row| Ok::<_, sqlx::Error>((row.text("by_whom")?, row.int("n")?)))
            .transpose()?)
    }
}

impl Unit<'_> {
    pub async fn reveal_field(
        &mut self,
        order: &FieldRevealOrder,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let sql = "select id, public_id, case_id from inbox where id = $1 or public_id = $1
            union all select i.id, i.public_id, i.case_id from outbox o
                join inbox i on i.id = o.message_id where o.id = $1 limit 1";
        let row = query(sql, [order.of.into()]).fetch_optional(&mut *self.conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        let leaf = self.people_leaf(LeafKind::Inzage, row.uuid("public_id")?, "inzage", now);
        let sql = "insert into field_reveal
                (case_id, message_id, field, by_whom, account_id, why, at, leaf)
            values ($1, $2, $3, $4, $5, $6, $7, $8)";
        let cells = [
            row.uuid("case_id")?.into(),
            row.uuid("id")?.into(),
            order.field.as_str().into(),
            order.by.as_str().into(),
            Uuid::from(order.account).into(),
            order.why.as_str().into(),
            now.into(),
            leaf.into(),
        ];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(())
    }
}
