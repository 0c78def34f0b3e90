//! Erasing: the key of a case, or of a refused message, is destroyed, and its content with it.
//!
//! Four steps, each on disk before the next: the intent, its line in the list outside the journal,
//! the key, the marks. Whatever step the process dies after, the next start finishes it; an intent
//! is never taken back. The line stands before the key goes, so that a backup of before the erasure
//! can never bring back what no list says was erased.

use uuid::Uuid;

use super::keys::Vault;
use super::shared;
use super::sql::{Cell, Conn, Row, query};
use super::unit::{LeafOf, Unit};
use super::writer::State;
use super::{JournalError, LeafKind, OpenError};
use crate::evidence::ErasedCase;
use crate::message::{Digest, PartnerId, Timestamp};

/// Refuses to erase what must stay.
pub(super) const KEPT: JournalError = JournalError::Order(
    "deze casus moet bewaard blijven; maak daar eerst een eind aan met: schakel case unkeep",
);

/// Whose content is to be destroyed, where nobody needs to approve that: its retention ended. What
/// people ask for goes by [`super::ErasureAsk`].
#[derive(Debug, Clone)]
pub struct ErasureOrder {
    /// A case, or a message, public id or parcel of it; or an entry of quarantine.
    pub id: Uuid,
    pub by: String,
    pub why: String,
}

/// An erasure whose intent is stored.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub holder: Uuid,
    pub at: Timestamp,
}

/// What an erasure destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// The case, or the entry of quarantine.
    pub holder: Uuid,
    /// Parcels that were waiting and will not be sent.
    pub parcels_dropped: u64,
}

/// Intents that were stored and not finished.
async fn unfinished(conn: &mut Conn) -> Result<Vec<Intent>, sqlx::Error> {
    let sql = "select holder, asked_at from erasure where done_at is null order by seq";
    let rows = query(sql, []).fetch_all(conn).await?;
    let read = |row: &Row| Ok(Intent { holder: row.uuid("holder")?, at: row.time("asked_at")? });
    rows.iter().map(read).collect()
}

/// Everything that was ever erased, for a key store that came back from a backup, and for a list
/// that lacks something.
async fn all_erased(conn: &mut Conn) -> Result<Vec<ErasedCase>, sqlx::Error> {
    let rows = query("select holder, asked_at from erasure", []).fetch_all(conn).await?;
    let read =
        |row: &Row| Ok(ErasedCase { holder: row.uuid("holder")?, at: row.time("asked_at")? });
    rows.iter().map(read).collect()
}

impl State {
    /// The steps of an erasure that nobody needs to approve.
    pub async fn erase(
        &mut self,
        vault: &Vault,
        order: &ErasureOrder,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Erased, JournalError> {
        self.journal.begin().await?;
        self.catch_up().await?;
        let mut unit = self.unit(vault);
        let intent = match unit.intend(order, last, now).await {
            Ok(intent) => intent,
            Err(error) => {
                self.journal.rollback().await?;
                return Err(error);
            }
        };
        self.journal.commit().await?;
        self.finish(vault, &intent, now).await
    }

    /// The steps after the intent: the list, the key, the marks.
    pub(super) async fn finish(
        &mut self,
        vault: &Vault,
        intent: &Intent,
        now: Timestamp,
    ) -> Result<Erased, JournalError> {
        fail::fail_point!("journal-wissing-halverwege", |_| std::process::abort());
        let erased = ErasedCase { holder: intent.holder, at: intent.at };
        self.witness.erased(vec![erased]).await?;
        self.destroy_keys(vec![intent.holder.into()]).await?;
        vault.forget(intent.holder);
        self.journal.begin().await?;
        self.catch_up().await?;
        let mut unit = self.unit(vault);
        let erased = unit.finish_erasure(intent, now).await?;
        unit.flush().await?;
        let counters = unit.counters;
        self.journal.commit().await?;
        self.counters = counters;
        Ok(erased)
    }

    /// Overwrites the keys (`secure_delete`), and empties the log that still holds them. From
    /// PostgreSQL they are deleted, and the room is freed for other rows.
    pub(super) async fn destroy_keys(&mut self, holders: Vec<Cell>) -> Result<(), JournalError> {
        if !self.keys.is_postgres() {
            for holder in holders {
                let delete = query("delete from case_key where holder = $1", [holder]);
                delete.execute(&mut self.keys).await?;
            }
            return Ok(self.keys.run("pragma wal_checkpoint(truncate)").await?);
        }
        let delete = query("delete from case_key where holder = any($1)", [Cell::array(holders)]);
        if delete.execute(&mut self.keys).await? > 0
            && let Err(error) = self.keys.run("vacuum case_key").await
        {
            // The key is gone for every reader; what is left is on the pages of the table.
            tracing::warn!(%error, "the table of keys could not be vacuumed after an erasure");
        }
        Ok(())
    }

    /// At the start: destroys again what a restored key store brought back, and finishes what was
    /// begun. In a closed journal no more than the first: the rest makes leaves.
    pub async fn apply_erasures(&mut self, vault: &Vault, now: Timestamp) -> Result<(), OpenError> {
        let erased = all_erased(&mut self.journal).await?;
        if !erased.is_empty() {
            self.witness.erased(erased.clone()).await?;
            let holders = erased.iter().map(|erased| Cell::from(erased.holder)).collect();
            self.destroy_keys(holders).await?;
        }
        if self.closure.is_none() {
            self.finish_erasures(vault, now).await?;
        }
        Ok(())
    }

    /// Finishes every erasure of which only the intent is stored.
    pub(super) async fn finish_erasures(
        &mut self,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        for intent in unfinished(&mut self.journal).await? {
            self.finish(vault, &intent, now).await?;
        }
        Ok(())
    }
}

impl Unit<'_> {
    /// The first step: what is meant is written down. `last` is the moment of the last message by
    /// which its retention was judged: where one came since, it goes on.
    pub async fn intend(
        &mut self,
        order: &ErasureOrder,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Intent, JournalError> {
        let (holder, kind) = self.erased_holder(order.id).await?;
        if self.conn.is_postgres() {
            shared::lock_case(self.conn, holder).await?;
        }
        if self.is_kept(holder).await? {
            return Err(KEPT);
        }
        if let Some(last) = last {
            let sql = "select id from inbox where case_id = $1 and received_at > $2 limit 1";
            let later = query(sql, [holder.into(), last.into()]);
            if later.fetch_optional(&mut *self.conn).await?.is_some() {
                return Err(JournalError::Settled);
            }
        }
        let intended = self.intend_of(holder, &kind, (&order.by, &order.why), now).await?;
        intended.ok_or(JournalError::Erased)
    }

    /// Whose content goes where a message, a parcel, a case or an entry of quarantine is named, and
    /// whether that is a case (`casus`) or a document of its own (`uitval`).
    pub async fn erased_holder(&mut self, id: Uuid) -> Result<(Uuid, String), JournalError> {
        let sql = "select id as holder, 'casus' as kind from cases where id = $1
            union all select case_id, 'casus' from inbox where id = $1 or public_id = $1
            union all select case_id, 'casus' from outbox where id = $1
            union all select holder, case when holder = id then 'uitval' else 'casus' end
                from quarantine where id = $1 and holder is not null
            limit 1";
        let row = query(sql, [id.into()]).fetch_optional(&mut *self.conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        Ok((row.uuid("holder")?, row.text("kind")?))
    }

    /// Whether a case must be kept, or one that took it over.
    pub async fn is_kept(&mut self, case: Uuid) -> Result<bool, sqlx::Error> {
        let sql = "with recursive up (id, depth) as (
                select id, 0 from cases where id = $1
                union all select d.merged_into, up.depth + 1
                    from up join dossier d on d.case_id = up.id
                    where d.merged_into is not null and up.depth < 8)
            select up.id from up join cases c on c.id = up.id
                left join dossier d on d.case_id = up.id
            where c.legal_hold = 1 or d.legal_hold = 1 limit 1";
        Ok(query(sql, [case.into()]).fetch_optional(&mut *self.conn).await?.is_some())
    }

    /// Writes an intent; none where it was written before.
    pub async fn intend_of(
        &mut self,
        holder: Uuid,
        kind: &str,
        (by, why): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<Intent>, sqlx::Error> {
        let sql = "insert into erasure (holder, kind, asked_by, why, asked_at)
            values ($1, $2, $3, $4, $5) on conflict (holder) do nothing";
        let cells = [holder.into(), kind.into(), by.into(), why.into(), now.into()];
        let done = query(sql, cells).execute(&mut *self.conn).await?;
        Ok((done > 0).then_some(Intent { holder, at: now }))
    }

    /// The last step, after the key is gone.
    pub async fn finish_erasure(
        &mut self,
        intent: &Intent,
        now: Timestamp,
    ) -> Result<Erased, JournalError> {
        let holder = intent.holder;
        if self.conn.is_postgres() {
            shared::lock_case(self.conn, holder).await?;
        }
        let sql = "update erasure set done_at = $2 where holder = $1 and done_at is null";
        if query(sql, [holder.into(), now.into()]).execute(self.conn).await? == 0 {
            // Another hub finished it.
            return Ok(Erased { holder, parcels_dropped: 0 });
        }
        let dropped = self.drop_waiting(holder).await?;
        for sql in
            ["delete from correlation where case_id = $1", "delete from person where case_id = $1"]
        {
            query(sql, [holder.into()]).execute(&mut *self.conn).await?;
        }
        let sql = "update quarantine set state = 'vervallen', closed_at = $2,
                closed_by = 'schakel', closed_why = 'gewist'
            where (holder = $1 or case_id = $1) and state = 'open'";
        query(sql, [holder.into(), now.into()]).execute(&mut *self.conn).await?;
        // Nothing is asked in it any more, and nothing is due.
        for sql in [
            "update task set due_at = null where case_id = $1",
            "update dossier set due_at = null, erase_at = null where case_id = $1",
        ] {
            query(sql, [holder.into()]).execute(&mut *self.conn).await?;
        }
        let sql = "update cases set erased_at = $2, erase_at = null where id = $1";
        query(sql, [holder.into(), now.into()]).execute(&mut *self.conn).await?;
        self.erasure_leaves(holder, now).await?;
        Ok(Erased { holder, parcels_dropped: dropped })
    }

    /// What waits for its recipient will not be sent; how many parcels that were.
    pub async fn drop_waiting(&mut self, holder: Uuid) -> Result<u64, sqlx::Error> {
        let sql = "update outbox set state = 'vervallen', head = 0, lease_token = null,
                stage = case when stage = 'klaargezet' then 'verlopen' else stage end
            where case_id = $1 and state in ('wacht', 'uitval')";
        query(sql, [holder.into()]).execute(&mut *self.conn).await
    }

    /// A leaf for each document, under the id and partner of its first one: its sender and its
    /// recipients can see for themselves that it was destroyed.
    async fn erasure_leaves(&mut self, holder: Uuid, now: Timestamp) -> Result<(), JournalError> {
        let sql = "select public_id as subject, partner from inbox where case_id = $1
            union all select id, recipient from outbox where case_id = $1
            union all select id, partner from quarantine where holder = $1 and partner is not null";
        for row in query(sql, [holder.into()]).fetch_all(&mut *self.conn).await? {
            let partner: PartnerId = row.parsed("partner")?;
            self.leaf(LeafOf {
                kind: LeafKind::Wissing,
                at: now,
                subject: row.uuid("subject")?,
                partner: Some(&partner),
                catalogue: Digest([0; 32]),
                outcome: "gewist".to_owned(),
                document: None,
            });
        }
        Ok(())
    }
}
