//! What alarms are about, as far as the journal shows it and [`super::super::Observation`] does
//! not tell: read from indexes, over a bounded stretch of time.

use crate::journal::sql::query;
use crate::journal::{Journal, JournalError};
use crate::message::{PartnerId, Timestamp};

/// The figures of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmsSeen {
    /// Partners whose last attempt failed, and since when.
    pub failing: Vec<(PartnerId, Timestamp)>,
    /// New entries of quarantine.
    pub quarantined: i64,
    /// Messages refused because their number came with other bytes before.
    pub conflicts: Vec<(PartnerId, i64)>,
    /// Since when the active set is.
    pub set_since: Option<Timestamp>,
    /// Hubs that watch, each with its beat.
    pub hubs: Vec<(String, i64)>,
}

impl Journal {
    /// Looks, counting entries of quarantine and conflicts since these moments.
    pub async fn alarms_seen(
        &self,
        quarantine_since: Timestamp,
        conflicts_since: Timestamp,
    ) -> Result<AlarmsSeen, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let mut seen = AlarmsSeen::default();
        for row in query("select partner, since from failing", []).fetch_all(&mut conn).await? {
            seen.failing.push((row.parsed("partner")?, row.time("since")?));
        }
        let sql = "select count(*) as n from quarantine where at >= $1";
        let counted = query(sql, [quarantine_since.into()]).fetch_one(&mut conn).await?;
        seen.quarantined = counted.int("n")?;
        let sql = "select partner, count(*) as n from quarantine
            where at >= $1 and reason = 'andere-inhoud' and partner is not null
            group by partner order by partner";
        for row in query(sql, [conflicts_since.into()]).fetch_all(&mut conn).await? {
            seen.conflicts.push((row.parsed("partner")?, row.int("n")?));
        }
        let sql = "select max(coalesce(decided_at, at)) as since from activation
            where state = 'actief'";
        seen.set_since = query(sql, []).fetch_one(&mut conn).await?.maybe_time("since")?;
        for row in query("select name, beat from alarm_hub", []).fetch_all(&mut conn).await? {
            seen.hubs.push((row.text("name")?, row.int("beat")?));
        }
        Ok(seen)
    }
}
