//! What there is to see of the journal from outside: how much waits, how old it is, who is silent.
//! Counted from indexes only, so that asking often costs little however much there is.

use super::listings::WAITING;
use super::sql::query;
use super::{Journal, JournalError};
use crate::evidence::Leaf;
use crate::message::{PartnerId, Timestamp};

/// The figures of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    pub partners: Vec<PartnerSeen>,
    /// Open entries, by direction and reason.
    pub quarantine: Vec<(String, String, i64)>,
    /// Entries there ever were.
    pub quarantined: i64,
    /// When the oldest leaf without a signature was made.
    pub oldest_unsigned: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerSeen {
    pub id: PartnerId,
    pub waiting: i64,
    pub oldest_waiting: Option<Timestamp>,
    pub last_message: Option<Timestamp>,
}

const UNSIGNED: &str = "select data from leaf
    where id > (select coalesce(max(leaf), 0) from numbered) order by id limit 1";

/// Where many hubs write, leaves without a number have a list of their own.
const UNSIGNED_SHARED: &str = "select l.data from unnumbered u join leaf l on l.id = u.leaf
    order by u.leaf limit 1";

impl Journal {
    /// Looks at these partners, and at what concerns them all.
    pub async fn observe(&self, partners: &[PartnerId]) -> Result<Observation, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let mut seen = Observation::default();
        for id in partners {
            let sql = "select max(received_at) as last from inbox where partner = $1";
            let row = query(sql, [id.as_str().into()]).fetch_one(&mut conn).await?;
            let last_message = row.maybe_time("last")?;
            let (waiting, oldest_waiting) = (0, None);
            seen.partners.push(PartnerSeen {
                id: id.clone(),
                waiting,
                oldest_waiting,
                last_message,
            });
        }
        for row in query(WAITING, []).fetch_all(&mut conn).await? {
            let recipient: PartnerId = row.parsed("recipient")?;
            if let Some(partner) = seen.partners.iter_mut().find(|seen| seen.id == recipient) {
                partner.waiting = row.int("n")?;
                partner.oldest_waiting = row.maybe_time("oldest")?;
            }
        }
        let sql = "select direction, reason, count(*) as n from quarantine
            where state = 'open' group by direction, reason order by direction, reason";
        for row in query(sql, []).fetch_all(&mut conn).await? {
            seen.quarantine.push((row.text("direction")?, row.text("reason")?, row.int("n")?));
        }
        let sql = "select coalesce(max(seq), 0) as n from quarantine";
        seen.quarantined = query(sql, []).fetch_one(&mut conn).await?.int("n")?;
        let sql = if conn.is_postgres() { UNSIGNED_SHARED } else { UNSIGNED };
        if let Some(row) = query(sql, []).fetch_optional(&mut conn).await? {
            let leaf = Leaf::decode(&row.blob("data")?);
            seen.oldest_unsigned = Some(leaf.map_err(|_| NO_LEAF)?.at);
        }
        Ok(seen)
    }
}

const NO_LEAF: JournalError = JournalError::Unreadable("a leaf");
