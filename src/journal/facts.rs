//! The facts of a period, page by page, for an evaluation: codes, partners and moments of columns
//! that are not sealed, so that nobody's document is opened for a statistic.
//!
//! Of a signal the journal knows the neighbourhood only through its case; that of a loose signal,
//! and how severe a signal was, lie sealed in the document. What comes in while pages are read may
//! be in one and not in another: an evaluation is about days that have passed, or says so.

use uuid::Uuid;

use super::sql::{Cell, Row, query, unreadable};
use super::{Journal, JournalError};
use crate::casework::TaskState;
use crate::casework::evaluate::{CaseFact, Fact, SignalFact, TaskFact};
use crate::message::{PartnerId, Timestamp, Usage};

/// Rows in memory at once.
const PAGE: usize = 2_000;
const PAGE_ROWS: i64 = 2_000;

/// From the first moment up to the second, which is not in it.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: Timestamp,
    pub before: Timestamp,
}

impl Journal {
    /// Gives every fact of a span: signals that came in, cases that were open in it, and what
    /// partners were asked in it. `kind_of` knows of which kind a partner is, or was.
    pub async fn facts(
        &self,
        span: Span,
        kind_of: &(dyn Fn(&PartnerId) -> String + Sync),
        give: &mut (dyn FnMut(&Fact) + Send),
    ) -> Result<(), JournalError> {
        self.signal_facts(span, kind_of, give).await?;
        self.case_facts(span, give).await?;
        self.task_facts(span, kind_of, give).await
    }

    async fn signal_facts(
        &self,
        span: Span,
        kind_of: &(dyn Fn(&PartnerId) -> String + Sync),
        give: &mut (dyn FnMut(&Fact) + Send),
    ) -> Result<(), JournalError> {
        let sql = "select i.seq, i.received_at, i.theme, i.partner, i.case_id, d.area
            from inbox i left join dossier d on d.case_id = i.case_id
            where i.seq > $1 and i.effect = 'melding' and i.usage = $2
                and i.received_at >= $3 and i.received_at < $4
            order by i.seq limit $5";
        let mut after = 0_i64;
        loop {
            let cells = [
                after.into(),
                Usage::Echt.as_str().into(),
                span.from.into(),
                span.before.into(),
                PAGE_ROWS.into(),
            ];
            let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
            for row in &rows {
                give(&Fact::Signal(SignalFact {
                    at: row.time("received_at")?,
                    theme: row.maybe_text("theme")?,
                    severity: None,
                    kind: kind_of(&row.parsed("partner")?),
                    area: row.maybe_text("area")?,
                    case: row.uuid("case_id")?.into(),
                }));
            }
            match rows.last().filter(|_| rows.len() == PAGE) {
                Some(last) => after = last.int("seq")?,
                None => return Ok(()),
            }
        }
    }

    /// A case that was merged is not told: what it brought along is in the other. Its document
    /// says so, and has no words of people in which that text could stand.
    async fn case_facts(
        &self,
        span: Span,
        give: &mut (dyn FnMut(&Fact) + Send),
    ) -> Result<(), JournalError> {
        let sql = "select d.case_id, d.opened_at, d.closed_at, d.theme, d.area, d.lasting,
                (select count(*) from timeline t where t.case_id = d.case_id and t.code = 'fase'
                    and t.detail = 'heropend') as reopened
            from dossier d join cases c on c.id = d.case_id
            where (d.opened_at, d.case_id) > ($1, $2) and d.opened_at < $3
                and (d.closed_at is null or d.closed_at >= $4) and c.usage = $5
                and d.merged_into is null
            order by d.opened_at, d.case_id limit $6";
        let mut after = (Timestamp::from_micros(0), Uuid::nil());
        loop {
            let cells: [Cell; 6] = [
                after.0.into(),
                after.1.into(),
                span.before.into(),
                span.from.into(),
                Usage::Echt.as_str().into(),
                PAGE_ROWS.into(),
            ];
            let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
            for row in &rows {
                give(&Fact::Case(CaseFact {
                    opened: row.time("opened_at")?,
                    closed: row.maybe_time("closed_at")?,
                    theme: row.maybe_text("theme")?,
                    area: row.maybe_text("area")?,
                    lasting: row.int("lasting")? != 0,
                    reopened: row.int("reopened")? != 0,
                }));
            }
            match rows.last().filter(|_| rows.len() == PAGE) {
                Some(last) => after = (last.time("opened_at")?, last.uuid("case_id")?),
                None => return Ok(()),
            }
        }
    }

    async fn task_facts(
        &self,
        span: Span,
        kind_of: &(dyn Fn(&PartnerId) -> String + Sync),
        give: &mut (dyn FnMut(&Fact) + Send),
    ) -> Result<(), JournalError> {
        let sql = "select t.*, d.theme, d.area
            from task t join cases c on c.id = t.case_id
                left join dossier d on d.case_id = t.case_id
            where (t.asked_at, t.id) > ($1, $2) and t.asked_at < $3
                and t.partner is not null and c.usage = $4
            order by t.asked_at, t.id limit $5";
        // Whatever was asked in the microsecond before comes before this, whatever its id.
        let mut after = (Timestamp::from_micros(span.from.as_micros() - 1), Uuid::max());
        loop {
            let cells = [
                after.0.into(),
                after.1.into(),
                span.before.into(),
                Usage::Echt.as_str().into(),
                PAGE_ROWS.into(),
            ];
            let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
            for row in &rows {
                give(&Fact::Task(task_fact(row, kind_of)?));
            }
            match rows.last().filter(|_| rows.len() == PAGE) {
                Some(last) => after = (last.time("asked_at")?, last.uuid("id")?),
                None => return Ok(()),
            }
        }
    }
}

fn task_fact(
    row: &Row,
    kind_of: &(dyn Fn(&PartnerId) -> String + Sync),
) -> Result<TaskFact, JournalError> {
    let state = TaskState::parse(&row.text("state")?).ok_or_else(|| unreadable("state"))?;
    Ok(TaskFact {
        kind: kind_of(&row.parsed("partner")?),
        theme: row.maybe_text("theme")?,
        area: row.maybe_text("area")?,
        action: row.text("action")?,
        state,
        asked: row.time("asked_at")?,
        received: row.maybe_time("received_at")?,
        accepted: row.maybe_time("accepted_at")?,
        ended: row.maybe_time("ended_at")?,
        received_by: row.time("received_by")?,
        accepted_by: row.time("accepted_by")?,
        done_by: row.time("done_by")?,
        reason: row.maybe_text("reason")?,
        result: row.maybe_text("result")?,
    })
}
