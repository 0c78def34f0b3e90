//! Small questions of the mailbox: is there something, and what was handed out.

use uuid::Uuid;

use super::keys::{Part, open_row_key, open_sealed};
use super::sql::{Cell, query};
use super::{Journal, JournalError, Outgoing, views};
use crate::message::{ParcelId, PartnerId, Timestamp};

impl Journal {
    /// Whether a partner can collect something now.
    pub async fn has_mail(
        &self,
        partner: &PartnerId,
        now: Timestamp,
    ) -> Result<bool, JournalError> {
        let sql = "select 1 as one from outbox
            where head = 1 and recipient = $1 and next_attempt_at <= $2 limit 1";
        let row = query(sql, [partner.as_str().into(), now.into()]);
        Ok(row.fetch_optional(&mut self.reads.acquire().await?).await?.is_some())
    }

    /// A parcel that was handed to this partner and is not settled yet, opened.
    pub async fn handed_out_parcel(
        &self,
        partner: &PartnerId,
        id: ParcelId,
        now: Timestamp,
    ) -> Result<Outgoing, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = "select * from outbox where id = $1 and recipient = $2 and state = 'wacht'
            and lease_token is not null and next_attempt_at > $3";
        let cells = [Cell::from(Uuid::from(id)), partner.as_str().into(), now.into()];
        let row = query(sql, cells).fetch_optional(&mut conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        let checkpoint = views::newest_checkpoint(&mut conn).await?;
        drop(conn);
        let id = row.uuid("id")?;
        let holder = self.vault.holder_key(row.uuid("case_id")?).await?;
        let key = open_row_key(&holder, id, &row.blob("sealed_key")?)?;
        let (salt, bytes) = open_sealed(&key, id, Part::Parcel, &row.blob("document")?)?;
        Ok(Outgoing { bytes, salt, checkpoint, ..views::outgoing(&row)? })
    }
}
