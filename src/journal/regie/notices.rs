//! What coordinators must hear, until it stands among the notices that go out.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::casework::Question;
use crate::journal::alarm::insert_notice;
use crate::journal::order::{Done, Order};
use crate::journal::sql::{Cell, Row, query, update_in};
use crate::journal::unit::Unit;
use crate::journal::{Journal, JournalError, NewNotice};
use crate::message::{CaseNumber, PartnerId, TaskId, Timestamp};

/// Points in one notice at most; what is left goes in the next.
const POINTS_MAX: i64 = 200;

/// One thing that a coordinator must hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegiePoint {
    pub case: CaseNumber,
    pub theme: Option<String>,
    pub task: Option<TaskId>,
    /// `niet-ontvangen`, `beslissen`, `niet-beslist` or `afspraak-loopt-af`.
    pub kind: String,
    pub question: Option<Question>,
    pub partner: Option<PartnerId>,
    /// The term that matters.
    pub by: Timestamp,
    pub urgent: bool,
}

/// Makes notices of points, in their order. Pure.
pub type ComposeFn = dyn Fn(&[RegiePoint], Timestamp) -> Vec<NewNotice> + Send + Sync;

/// How points become notices.
#[derive(Clone)]
pub struct RegieTelling {
    /// How long points wait for others to go with; what is urgent does not wait.
    pub group_s: i64,
    pub compose: Arc<ComposeFn>,
}

impl Journal {
    /// Puts what coordinators must hear among the notices that go out; how many points. It is only
    /// a write where there is something to tell.
    pub async fn tell_regie(
        &self,
        telling: RegieTelling,
        now: Timestamp,
    ) -> Result<u64, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let due = query(DUE, due_cells(&telling, now)).fetch_optional(&mut conn).await?;
        drop(conn);
        if due.is_none() {
            return Ok(0);
        }
        match self.ask(Order::TellRegie { telling, now }).await? {
            Done::Freed(count) => Ok(count),
            _ => Err(JournalError::Stopped),
        }
    }
}

const DUE: &str = "select seq from regie_notice
    where sent_at is null and (at <= $1 or urgent = 1) order by seq limit 1";

fn due_cells(telling: &RegieTelling, now: Timestamp) -> [Cell; 1] {
    [now.plus_seconds(-telling.group_s).into()]
}

impl Unit<'_> {
    /// All that waits goes together; one of several hubs does it, under a lock of its own.
    pub async fn tell_regie(
        &mut self,
        telling: &RegieTelling,
        now: Timestamp,
    ) -> Result<u64, JournalError> {
        let due = query(DUE, due_cells(telling, now)).fetch_optional(&mut *self.conn).await?;
        if due.is_none() {
            return Ok(0);
        }
        let sql = "select n.*, c.number, c.theme from regie_notice n
            join cases c on c.id = n.case_id
            where n.sent_at is null order by n.urgent desc, n.seq limit $1";
        let rows = query(sql, [POINTS_MAX.into()]).fetch_all(&mut *self.conn).await?;
        let mut points = Vec::with_capacity(rows.len());
        let mut told = BTreeSet::new();
        for row in &rows {
            points.push(point(row)?);
            told.insert(row.int("seq")?);
        }
        for notice in (telling.compose)(&points, now) {
            for road in notice.roads.iter().flatten() {
                insert_notice(self.conn, &notice, *road, now).await?;
            }
        }
        let sql =
            format!("update regie_notice set sent_at = {} where seq in ({{ids}})", now.as_micros());
        update_in(self.conn, &sql, told.iter().copied().map(Cell::from).collect()).await?;
        Ok(u64::try_from(points.len()).unwrap_or(0))
    }
}

fn point(row: &Row) -> Result<RegiePoint, sqlx::Error> {
    let name = row.maybe_text("partner")?;
    Ok(RegiePoint {
        case: CaseNumber::from_stored(row.text("number")?),
        theme: row.maybe_text("theme")?,
        task: row.maybe_uuid("task_id")?.map(TaskId::from),
        kind: row.text("kind")?,
        question: row.maybe_text("question")?.and_then(|text| Question::parse(&text)),
        partner: name.and_then(|name| name.parse().ok()),
        by: row.time("by_moment")?,
        urgent: row.int("urgent")? != 0,
    })
}
