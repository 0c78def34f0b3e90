//! Alarms: what is wrong, since when, and what was told of it; for all hubs over the journal.
//!
//! What starts and what ends is decided by a pure function that comes along with the order
//! ([`AlarmPlan`]), under a lock that one hub at a time holds. So an alarm starts once and ends
//! once however many hubs look, and whichever of them dies in between.

mod notices;
mod seen;

use std::sync::Arc;

use uuid::Uuid;

pub(super) use self::notices::insert_notice;
use super::order::{Done, Order};
use super::sql::{Row, query, unreadable};
use super::unit::Unit;
use super::{Journal, JournalError};
use crate::message::Timestamp;

pub(super) use self::notices::release_notices;
pub use self::notices::{ClaimedNotice, NewNotice, NoticeKind, NoticeLine, NoticeOutcome, Road};
pub use self::seen::AlarmsSeen;

/// How long what is over is kept for people to look back at.
const KEPT_S: i64 = 90 * 24 * 3_600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// It does not hold long enough yet to be told.
    Threatens,
    Open,
    Over,
}

impl AlarmState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Threatens => "dreigt",
            Self::Open => "open",
            Self::Over => "voorbij",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Threatens, Self::Open, Self::Over].into_iter().find(|state| state.as_str() == text)
    }
}

/// Something that is wrong, threatens to be, or was. No personal data: a code, a partner or a
/// hub, moments and a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    pub id: Uuid,
    /// A code of the hub's; one that this hub does not know is another's to deal with.
    pub condition: String,
    /// Whom it is about; empty where it is about everything.
    pub subject: String,
    pub state: AlarmState,
    /// Since when it is so, as far as can be known.
    pub since: Timestamp,
    /// When it was first seen.
    pub seen_at: Timestamp,
    /// Since when it is no longer so.
    pub clear_at: Option<Timestamp>,
    /// The worst that was seen.
    pub amount: i64,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// The notices that told of it.
    pub start_notice: Option<Uuid>,
    pub end_notice: Option<Uuid>,
}

/// What is to become of the alarms.
#[derive(Debug, Default)]
pub struct AlarmPlan {
    /// New or changed, as they are to be stored.
    pub changed: Vec<Alarm>,
    /// They only threatened.
    pub forgotten: Vec<Uuid>,
    pub notices: Vec<NewNotice>,
}

/// Decides it from the alarms of which not everything was told yet. May be asked more than once.
pub type AlarmPlanFn = dyn Fn(Vec<Alarm>) -> AlarmPlan + Send + Sync;

/// One look at what is wrong.
#[derive(Clone)]
pub struct AlarmReview {
    /// The name of the hub that looks, which shows itself by it.
    pub hub: String,
    /// Hubs that were not seen for so long that nobody looks for them any more.
    pub forget: Vec<String>,
    /// Where notices go.
    pub roads: Vec<Road>,
    pub plan: Arc<AlarmPlanFn>,
}

/// What the writer is asked about alarms.
pub(super) enum AlarmOrder {
    Review {
        review: AlarmReview,
        now: Timestamp,
    },
    /// A hub that stops is not missed.
    Leave {
        hub: String,
    },
    Claim {
        road: Road,
        now: Timestamp,
        lease_seconds: i64,
    },
    Settle {
        notice: Uuid,
        road: Road,
        lease: Uuid,
        outcome: NoticeOutcome,
        now: Timestamp,
    },
}

#[derive(Debug)]
pub(super) enum AlarmDone {
    /// The alarms that are open.
    Reviewed(Vec<Alarm>),
    Claimed(Option<ClaimedNotice>),
    Settled,
}

impl Journal {
    /// Decides what starts and what ends; answers with what is open now.
    pub async fn review_alarms(
        &self,
        review: AlarmReview,
        now: Timestamp,
    ) -> Result<Vec<Alarm>, JournalError> {
        match self.alarm_order(AlarmOrder::Review { review, now }).await? {
            AlarmDone::Reviewed(open) => Ok(open),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Says that this hub stops watching.
    pub async fn leave_watch(&self, hub: &str) -> Result<(), JournalError> {
        self.alarm_order(AlarmOrder::Leave { hub: hub.to_owned() }).await.map(drop)
    }

    async fn alarm_order(&self, order: AlarmOrder) -> Result<AlarmDone, JournalError> {
        match self.ask(Order::Alarm(order)).await? {
            Done::Alarm(done) => Ok(done),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Alarms, those that are not over first and then the newest.
    pub async fn alarms(&self, limit: usize) -> Result<Vec<Alarm>, JournalError> {
        let sql = "select * from alarm order by ended_at is not null, ended_at desc, seen_at desc
            limit $1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query(sql, [limit.into()]).fetch_all(&mut self.reads.acquire().await?).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
}

impl Unit<'_> {
    pub async fn alarm_order(&mut self, order: &AlarmOrder) -> Result<AlarmDone, JournalError> {
        match order {
            AlarmOrder::Review { review, now } => {
                self.review_alarms(review, *now).await.map(AlarmDone::Reviewed)
            }
            AlarmOrder::Leave { hub } => {
                let sql = "delete from alarm_hub where name = $1";
                query(sql, [hub.as_str().into()]).execute(self.conn).await?;
                Ok(AlarmDone::Settled)
            }
            AlarmOrder::Claim { road, now, lease_seconds } => {
                self.claim_notice(*road, *now, *lease_seconds).await.map(AlarmDone::Claimed)
            }
            AlarmOrder::Settle { notice, road, lease, outcome, now } => {
                self.settle_notice(*notice, *road, *lease, outcome, *now).await?;
                Ok(AlarmDone::Settled)
            }
        }
    }

    async fn review_alarms(
        &mut self,
        review: &AlarmReview,
        now: Timestamp,
    ) -> Result<Vec<Alarm>, JournalError> {
        let sql = "insert into alarm_hub (name, beat) values ($1, 1)
            on conflict (name) do update set beat = alarm_hub.beat + 1";
        query(sql, [review.hub.as_str().into()]).execute(self.conn).await?;
        for lost in &review.forget {
            let sql = "delete from alarm_hub where name = $1";
            query(sql, [lost.as_str().into()]).execute(self.conn).await?;
        }
        let sql = "select * from alarm where end_notice is null order by seen_at, id";
        let rows = query(sql, []).fetch_all(self.conn).await?;
        let present: Vec<Alarm> = rows.iter().map(read).collect::<Result<_, _>>()?;
        let plan = (review.plan)(present.clone());
        for id in &plan.forgotten {
            let sql = "delete from alarm where id = $1 and state = 'dreigt'";
            query(sql, [(*id).into()]).execute(self.conn).await?;
        }
        for alarm in &plan.changed {
            self.put_alarm(alarm).await?;
        }
        for notice in &plan.notices {
            for road in notice.roads.as_ref().unwrap_or(&review.roads) {
                insert_notice(self.conn, notice, *road, now).await?;
            }
        }
        self.prune_alarms(now).await?;
        let sql = "select * from alarm where state = 'open' order by seen_at, id";
        let rows = query(sql, []).fetch_all(self.conn).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    async fn put_alarm(&mut self, alarm: &Alarm) -> Result<(), sqlx::Error> {
        let sql = "insert into alarm (id, condition, subject, state, since, seen_at, clear_at,
                amount, started_at, ended_at, start_notice, end_notice)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            on conflict (id) do update set state = excluded.state, clear_at = excluded.clear_at,
                amount = excluded.amount, started_at = excluded.started_at,
                ended_at = excluded.ended_at, start_notice = excluded.start_notice,
                end_notice = excluded.end_notice";
        let cells = [
            alarm.id.into(),
            alarm.condition.as_str().into(),
            alarm.subject.as_str().into(),
            alarm.state.as_str().into(),
            alarm.since.into(),
            alarm.seen_at.into(),
            alarm.clear_at.into(),
            alarm.amount.into(),
            alarm.started_at.into(),
            alarm.ended_at.into(),
            alarm.start_notice.into(),
            alarm.end_notice.into(),
        ];
        query(sql, cells).execute(self.conn).await.map(drop)
    }

    /// Forgets what is over for long.
    async fn prune_alarms(&mut self, now: Timestamp) -> Result<(), sqlx::Error> {
        let before = now.plus_seconds(-KEPT_S);
        let sql = "delete from alarm where ended_at < $1 and end_notice is not null";
        query(sql, [before.into()]).execute(self.conn).await?;
        let sql = "delete from alarm_notice where state <> 'wacht' and made_at < $1";
        query(sql, [before.into()]).execute(self.conn).await.map(drop)
    }
}

fn read(row: &Row) -> Result<Alarm, sqlx::Error> {
    Ok(Alarm {
        id: row.uuid("id")?,
        condition: row.text("condition")?,
        subject: row.text("subject")?,
        state: AlarmState::parse(&row.text("state")?).ok_or_else(|| unreadable("state"))?,
        since: row.time("since")?,
        seen_at: row.time("seen_at")?,
        clear_at: row.maybe_time("clear_at")?,
        amount: row.int("amount")?,
        started_at: row.maybe_time("started_at")?,
        ended_at: row.maybe_time("ended_at")?,
        start_notice: row.maybe_uuid("start_notice")?,
        end_notice: row.maybe_uuid("end_notice")?,
    })
}
