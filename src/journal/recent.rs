//! The newest messages and the newest refusals, for who tries another set on them: by their place,
//! a page at a time.

use uuid::Uuid;

use super::sql::{Row, query};
use super::{Journal, JournalError, QuarantineId};
use crate::message::{PartnerId, Timestamp};

/// A message that came in, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    pub seq: i64,
    pub id: Uuid,
    pub sender: PartnerId,
    pub kind: String,
    pub received_at: Timestamp,
}

/// A document that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentRefusal {
    pub id: QuarantineId,
    pub partner: PartnerId,
    pub reason: String,
    pub media_type: Option<String>,
    pub at: Timestamp,
}

const REFUSED: &str = "select id, partner, reason, media_type, at from quarantine
    where at >= $1 and at < $2 and direction = 'inkomend' and partner is not null
        and message_id is null
    order by at desc limit $3";

impl Journal {
    /// The newest messages before a place, the newest first.
    pub async fn recent(
        &self,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Recent>, JournalError> {
        let sql = "select seq, id, partner, kind, received_at from inbox
            where seq < $1 order by seq desc limit $2";
        let cells = [before.unwrap_or(i64::MAX).into(), limit.into()];
        let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
        let read = |row: &Row| {
            Ok(Recent {
                seq: row.int("seq")?,
                id: row.uuid("id")?,
                sender: row.parsed("partner")?,
                kind: row.text("kind")?,
                received_at: row.time("received_at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Documents that were refused from a moment on, and before another; the newest first.
    pub async fn recent_refusals(
        &self,
        (from, before): (Timestamp, Timestamp),
        limit: i64,
    ) -> Result<Vec<RecentRefusal>, JournalError> {
        let cells = [from.into(), before.into(), limit.into()];
        let rows = query(REFUSED, cells).fetch_all(&mut self.reads.acquire().await?).await?;
        let read = |row: &Row| {
            Ok(RecentRefusal {
                id: QuarantineId(row.uuid("id")?),
                partner: row.parsed("partner")?,
                reason: row.text("reason")?,
                media_type: row.maybe_text("media_type")?,
                at: row.time("at")?,
            })
        };
        rows.iter().map(read).collect()
    }
}
