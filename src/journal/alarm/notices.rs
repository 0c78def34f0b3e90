//! Notices on their way out: each goes once along each road, in the order in which they were made,
//! and is sent at least once. One hub at a time has the lease of the oldest of a road.

use uuid::Uuid;

use super::{AlarmDone, AlarmOrder};
use crate::journal::outbox::fixed_code;
use crate::journal::sql::{Conn, Row, query, unreadable};
use crate::journal::unit::Unit;
use crate::journal::{Journal, JournalError};
use crate::message::Timestamp;

/// How a notice goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Road {
    Mail,
    Webhook,
    /// Mail to coordinators.
    Regie,
    /// Mail to who answers for them at any hour.
    Piket,
}

impl Road {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Regie => "regie",
            Self::Piket => "piket",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    Start,
    End,
    /// What coordinators must hear of cases.
    Regie,
}

impl NoticeKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "begin",
            Self::End => "einde",
            Self::Regie => "regie",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Start, Self::End, Self::Regie].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A notice to be sent by every road, or by those that are named.
#[derive(Debug, Clone)]
pub struct NewNotice {
    pub id: Uuid,
    pub kind: NoticeKind,
    /// JSON, stored so that every attempt sends the same bytes.
    pub body: String,
    pub roads: Option<Vec<Road>>,
}

/// A notice that is leased, to be sent now.
#[derive(Debug, Clone)]
pub struct ClaimedNotice {
    pub id: Uuid,
    pub kind: NoticeKind,
    pub body: String,
    /// How often it was leased, this time included.
    pub attempts: u32,
    pub(in crate::journal) lease: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeOutcome {
    Sent,
    /// `code` is a fixed word, never data.
    Later {
        at: Timestamp,
        code: String,
    },
    GivenUp {
        code: String,
    },
}

/// How a notice fared along a road.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeLine {
    pub id: Uuid,
    pub road: String,
    /// `wacht`, `verstuurd` or `opgegeven`.
    pub state: String,
    pub attempts: i64,
    pub code: Option<String>,
}

impl Journal {
    /// Whether there is one to send: cheap to ask, and what a claim asks again.
    pub async fn notice_due(&self, road: Road, now: Timestamp) -> Result<bool, JournalError> {
        let row = oldest(&mut self.reads.acquire().await?, road).await?;
        Ok(row.map(|row| row.time("next_attempt_at")).transpose()?.is_some_and(|at| at <= now))
    }

    pub async fn claim_notice(
        &self,
        road: Road,
        now: Timestamp,
        lease_seconds: i64,
    ) -> Result<Option<ClaimedNotice>, JournalError> {
        match self.alarm_order(AlarmOrder::Claim { road, now, lease_seconds }).await? {
            AlarmDone::Claimed(claimed) => Ok(claimed),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Ends an attempt. Only who holds the lease may say so.
    pub async fn settle_notice(
        &self,
        claimed: &ClaimedNotice,
        road: Road,
        outcome: NoticeOutcome,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let (notice, lease) = (claimed.id, claimed.lease);
        let order = AlarmOrder::Settle { notice, road, lease, outcome, now };
        self.alarm_order(order).await.map(drop)
    }

    /// How these notices fared.
    pub async fn notices(&self, limit: usize) -> Result<Vec<NoticeLine>, JournalError> {
        let sql = "select id, road, state, attempts, code from alarm_notice
            order by seq desc limit $1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query(sql, [limit.into()]).fetch_all(&mut self.reads.acquire().await?).await?;
        let read = |row: &Row| -> Result<NoticeLine, sqlx::Error> {
            Ok(NoticeLine {
                id: row.uuid("id")?,
                road: row.text("road")?,
                state: row.text("state")?,
                attempts: row.int("attempts")?,
                code: row.maybe_text("code")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
}

async fn oldest(conn: &mut Conn, road: Road) -> Result<Option<Row>, sqlx::Error> {
    let sql = "select * from alarm_notice where road = $1 and state = 'wacht'
        order by seq limit 1";
    query(sql, [road.as_str().into()]).fetch_optional(conn).await
}

pub(in crate::journal) async fn insert_notice(
    conn: &mut Conn,
    notice: &NewNotice,
    road: Road,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let sql = "insert into alarm_notice
            (id, road, kind, body, made_at, state, attempts, next_attempt_at)
        values ($1, $2, $3, $4, $5, 'wacht', 0, $5)";
    let cells = [
        notice.id.into(),
        road.as_str().into(),
        notice.kind.as_str().into(),
        notice.body.as_str().into(),
        now.into(),
    ];
    query(sql, cells).execute(conn).await.map(drop)
}

/// At the start of the one hub over a journal nobody is sending.
pub(in crate::journal) async fn release_notices(
    conn: &mut Conn,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let sql = "update alarm_notice set lease_token = null, next_attempt_at = $1
        where state = 'wacht' and lease_token is not null";
    query(sql, [now.into()]).execute(conn).await.map(drop)
}

impl Unit<'_> {
    pub(super) async fn claim_notice(
        &mut self,
        road: Road,
        now: Timestamp,
        lease_seconds: i64,
    ) -> Result<Option<ClaimedNotice>, JournalError> {
        let Some(row) = oldest(self.conn, road).await? else { return Ok(None) };
        if row.time("next_attempt_at")? > now {
            return Ok(None);
        }
        let lease = self.vault.lease_token()?;
        let sql = "update alarm_notice set lease_token = $2, next_attempt_at = $3,
            attempts = attempts + 1 where seq = $1";
        let until = now.plus_seconds(lease_seconds.max(1));
        let cells = [row.int("seq")?.into(), lease.into(), until.into()];
        query(sql, cells).execute(self.conn).await?;
        let kind = NoticeKind::parse(&row.text("kind")?).ok_or_else(|| unreadable("kind"))?;
        Ok(Some(ClaimedNotice {
            id: row.uuid("id")?,
            kind,
            body: row.text("body")?,
            attempts: u32::try_from(row.int("attempts")?).unwrap_or(u32::MAX).saturating_add(1),
            lease,
        }))
    }

    pub(super) async fn settle_notice(
        &mut self,
        notice: Uuid,
        road: Road,
        lease: Uuid,
        outcome: &NoticeOutcome,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let (state, at, code) = match outcome {
            NoticeOutcome::Sent => ("verstuurd", now, None),
            NoticeOutcome::Later { at, code } => ("wacht", *at, Some(fixed_code(code))),
            NoticeOutcome::GivenUp { code } => ("opgegeven", now, Some(fixed_code(code))),
        };
        let done = (state != "wacht").then_some(now);
        let sql = "update alarm_notice set state = $4, next_attempt_at = $5, code = $6,
                done_at = $7, lease_token = null
            where id = $1 and road = $2 and lease_token = $3 and state = 'wacht'";
        let cells = [
            notice.into(),
            road.as_str().into(),
            lease.into(),
            state.into(),
            at.into(),
            code.into(),
            done.into(),
        ];
        match query(sql, cells).execute(self.conn).await? {
            0 => Err(JournalError::StaleLease),
            _ => Ok(()),
        }
    }
}
