//! Among several hubs: showing that this one is there, and freeing what a hub that is gone had
//! leased, long before its leases end.
//!
//! Nobody's clock is trusted. A hub is gone when its beat stood still for as many of this hub's own
//! looks; one that was only slow finds its leases taken over, and its parcels known by their ids.

use std::collections::HashMap;

use super::JournalError;
use super::sql::{Cell, Conn, query};
use crate::message::Timestamp;

/// Looks without a beat, a second apart, after which a hub is gone.
pub const BEATS_MISSED_MAX: u32 = 15;

/// Names a hub for as long as it runs.
pub(super) type HubId = [u8; 8];

/// What a writer saw of other hubs: their beat, and for how many looks it stood still.
#[derive(Default)]
pub(super) struct Neighbours(HashMap<HubId, (i64, u32)>);

/// Says that a hub is there, before it leases anything.
pub(super) async fn appear(conn: &mut Conn, own: HubId) -> Result<(), sqlx::Error> {
    let sql = "insert into hub (id, beat) values ($1, 0) on conflict (id) do nothing";
    query(sql, [own.to_vec().into()]).execute(conn).await.map(drop)
}

impl Neighbours {
    /// One beat, and one look. Answers how many leases of hubs that are gone were freed.
    pub async fn beat(
        &mut self,
        conn: &mut Conn,
        own: HubId,
        now: Timestamp,
    ) -> Result<u64, JournalError> {
        let sql = "insert into hub (id, beat) values ($1, 1)
            on conflict (id) do update set beat = hub.beat + 1";
        query(sql, [own.to_vec().into()]).execute(conn).await?;
        let mut seen = HashMap::new();
        let mut freed = 0;
        for row in query("select id, beat from hub", []).fetch_all(conn).await? {
            let (id, beat) = (row.blob("id")?, row.int("beat")?);
            let Ok(id) = HubId::try_from(id) else { continue };
            let missed = match self.0.get(&id) {
                Some((before, missed)) if *before == beat => missed + 1,
                _ => 0,
            };
            seen.insert(id, (beat, missed));
            if id != own && missed >= BEATS_MISSED_MAX {
                freed += bury(conn, id, now).await?;
            }
        }
        self.0 = seen;
        Ok(freed)
    }
}

/// Frees the leases of a hub, and forgets it when none are left. A case that another hub works on
/// is passed by until the next look.
async fn bury(conn: &mut Conn, hub: HubId, now: Timestamp) -> Result<u64, JournalError> {
    conn.begin().await?;
    let sql = "with held as (
            select o.seq from outbox o join cases c on c.id = o.case_id
            where o.state = 'wacht' and o.lease_token is not null
                and substring(o.lease_token from 1 for 8) = $1
            for no key update of o, c skip locked)
        update outbox set lease_token = null, next_attempt_at = $2
        from held where outbox.seq = held.seq";
    let hub = Cell::from(hub.to_vec());
    let freed = query(sql, [hub.clone(), now.into()]).execute(conn).await?;
    let sql = "update alarm_notice set lease_token = null, next_attempt_at = $2
        where state = 'wacht' and lease_token is not null
            and substring(lease_token from 1 for 8) = $1";
    query(sql, [hub.clone(), now.into()]).execute(conn).await?;
    let sql = "update job set lease_token = null where substring(lease_token from 1 for 8) = $1";
    query(sql, [hub.clone()]).execute(conn).await?;
    let sql = "delete from hub where id = $1 and not exists (select 1 from outbox
        where state = 'wacht' and lease_token is not null
            and substring(lease_token from 1 for 8) = $1)";
    query(sql, [hub]).execute(conn).await?;
    conn.commit().await?;
    if freed > 0 {
        tracing::warn!(leases = freed, "a hub is gone; what it had leased is free again");
    }
    Ok(freed)
}
