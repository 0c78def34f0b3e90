//! Revealing sealed content to a person: written down first, handed out only after that.

use serde::Serialize;

use super::order::Order;
use super::sql::query;
use super::unit::{LeafOf, Unit};
use super::{Journal, JournalError, LeafKind, QuarantineId, QuarantinedDocument};
use crate::message::{Digest, Timestamp};

/// Reveals of one entry that are listed at most, the newest.
const LISTED_MAX: i64 = 100;

/// Somebody wants to see the document of an entry of quarantine.
#[derive(Debug, Clone)]
pub struct RevealOrder {
    pub id: QuarantineId,
    pub by: String,
    pub why: String,
}

/// A document that was revealed.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Reveal {
    #[serde(rename = "uitval")]
    pub entry: QuarantineId,
    #[serde(rename = "op")]
    pub at: Timestamp,
    #[serde(rename = "door")]
    pub by: String,
    #[serde(rename = "reden")]
    pub why: String,
}

impl Journal {
    /// An entry with its document, for a person. The document leaves the journal only after who
    /// saw it, and why, is on disk; where that cannot be written, nothing is revealed.
    pub async fn reveal(
        &self,
        order: RevealOrder,
        now: Timestamp,
    ) -> Result<QuarantinedDocument, JournalError> {
        let found = self.quarantined(order.id).await?;
        if found.bytes.is_some() {
            self.ask(Order::Reveal { order, now }).await?;
        }
        Ok(found)
    }

    /// Who saw the document of an entry, oldest first.
    pub async fn reveals(&self, id: QuarantineId) -> Result<Vec<Reveal>, JournalError> {
        let sql = "select quarantine_id, at, by_whom, why from reveal where quarantine_id = $1
            order by seq desc limit $2";
        let rows = query(sql, [id.0.into(), LISTED_MAX.into()])
            .fetch_all(&mut self.reads.acquire().await?)
            .await?;
        let mut reveals = Vec::with_capacity(rows.len());
        for row in rows.iter().rev() {
            reveals.push(Reveal {
                entry: QuarantineId(row.uuid("quarantine_id")?),
                at: row.time("at")?,
                by: row.text("by_whom")?,
                why: row.text("why")?,
            });
        }
        Ok(reveals)
    }
}

impl Unit<'_> {
    /// The leaf says that it happened, the row beside it who and why: people are not in the tree.
    pub async fn reveal(
        &mut self,
        order: &RevealOrder,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let known = query("select id from quarantine where id = $1", [order.id.0.into()]);
        if known.fetch_optional(&mut *self.conn).await?.is_none() {
            return Err(JournalError::NotFound);
        }
        let leaf = self.leaf(LeafOf {
            kind: LeafKind::Inzage,
            at: now,
            subject: order.id.0,
            partner: None,
            catalogue: Digest([0; 32]),
            outcome: "inzage".to_owned(),
            document: None,
        });
        let sql = "insert into reveal (quarantine_id, by_whom, why, at, leaf)
            values ($1, $2, $3, $4, $5)";
        let cells = [
            order.id.0.into(),
            order.by.as_str().into(),
            order.why.as_str().into(),
            now.into(),
            leaf.into(),
        ];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(())
    }
}
