//! Signals that stand by themselves: when the retention of each is looked at.

use uuid::Uuid;

use super::Journal;
use crate::journal::JournalError;
use crate::journal::order::Order;
use crate::journal::sql::{Row, query};
use crate::journal::unit::Unit;
use crate::message::{CaseId, Timestamp};

/// Cases that are looked at in one go.
const LOOSE_MAX: i64 = 100;

/// A case whose retention is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LooseCase {
    pub id: CaseId,
    pub theme: Option<String>,
    /// When the last message came in it.
    pub last_at: Timestamp,
    /// It became a case that is directed, which has a retention of its own.
    pub directed: bool,
}

impl Journal {
    /// Those that are due, the longest due first: a walk along an index, however many there are.
    pub async fn loose_cases(&self, now: Timestamp) -> Result<Vec<LooseCase>, JournalError> {
        let sql = "select c.id, c.theme, c.opened_at, d.case_id as directed,
                (select max(i.received_at) from inbox i where i.case_id = c.id) as last_at
            from cases c left join dossier d on d.case_id = c.id
            where c.erase_at <= $1 order by c.erase_at limit $2";
        let rows = query(sql, [now.into(), LOOSE_MAX.into()]);
        let rows = rows.fetch_all(&mut self.reads.acquire().await?).await?;
        let read = |row: &Row| {
            let last_at = row.maybe_int("last_at")?.map(Timestamp::from_micros);
            Ok::<_, sqlx::Error>(LooseCase {
                id: row.uuid("id")?.into(),
                theme: row.maybe_text("theme")?,
                last_at: last_at.map_or_else(|| row.time("opened_at"), Ok)?,
                directed: row.maybe_uuid("directed")?.is_some(),
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Notes when each is looked at again; never, where a moment lacks.
    pub async fn keep_loose(
        &self,
        mut judged: Vec<(CaseId, Option<Timestamp>)>,
    ) -> Result<(), JournalError> {
        judged.sort_unstable();
        match judged.is_empty() {
            true => Ok(()),
            false => self.ask(Order::KeepLoose { judged }).await.map(drop),
        }
    }
}

impl Unit<'_> {
    pub async fn keep_loose(
        &mut self,
        judged: &[(CaseId, Option<Timestamp>)],
    ) -> Result<(), JournalError> {
        for (case, until) in judged {
            // Where it is kept or erased since, that holds.
            let sql = "update cases set erase_at = $2 where id = $1 and erase_at is not null";
            let cells = [Uuid::from(*case).into(), (*until).into()];
            query(sql, cells).execute(&mut *self.conn).await?;
        }
        Ok(())
    }

    /// Keeps a signal that stands by itself whatever its retention, or no longer: then it is looked
    /// at at once.
    pub async fn hold_loose(&mut self, case: Uuid, kept: bool) -> Result<(), JournalError> {
        let until = (!kept).then_some(Timestamp::from_micros(0));
        let sql = "update cases set legal_hold = $2, erase_at = $3
            where id = $1 and erased_at is null";
        let cells = [case.into(), kept.into(), until.into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(())
    }
}
