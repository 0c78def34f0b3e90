//! Handing parcels out under a lease: to the hub's own deliverers, or to a partner that collects.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::outbox::ParcelRow;
use super::sql::{Cell, Conn, Row, fetch_in, query, query_of};
use super::unit::Unit;
use super::{JournalError, LeafKind, Look, LookFn, views};
use crate::message::{PartnerId, Timestamp};

/// Parcels handed out in one go at most.
pub const HANDED_OUT_MAX: usize = 500;

/// Parcels that were leased: in the order in which they are to be handed over.
#[derive(Debug)]
pub(super) struct Leased {
    pub token: Uuid,
    pub parcels: Vec<Uuid>,
    /// Those that may not simply go, and why not.
    pub looks: HashMap<Uuid, Look>,
}

impl Unit<'_> {
    /// Leases the oldest parcels that are due for these recipients, at most one of each lane,
    /// urgent ones first.
    pub async fn claim(
        &mut self,
        recipients: &[PartnerId],
        now: Timestamp,
        limit: usize,
        lease_seconds: i64,
    ) -> Result<Leased, JournalError> {
        let limit = limit.min(HANDED_OUT_MAX);
        let may = recipients.iter().filter(|recipient| !self.suspended.contains(recipient));
        let recipients: Vec<&PartnerId> = may.collect();
        let mut due: Vec<(Uuid, Head)> = Vec::new();
        if self.conn.is_postgres() {
            let names = recipients.iter().map(|name| name.as_str().into()).collect();
            let room = i64::try_from(limit).unwrap_or(0);
            let cells = [Cell::array(names), now.into(), room.into()];
            for row in query(CLAIMED, cells).fetch_all(self.conn).await? {
                due.push((row.uuid("id")?, Head::read(&row)?));
            }
        } else {
            for recipient in recipients {
                due.extend(
                    self.due(recipient, now, limit).await?.into_iter().map(|(h, id)| (id, h)),
                );
            }
        }
        // Urgent first over all recipients, then the longest due.
        due.sort_by_key(|(_, head)| (!head.urgent, head.due, head.seq));
        due.truncate(limit);
        let parcels: Vec<Uuid> = due.into_iter().map(|(id, _)| id).collect();
        self.lease(parcels, now, lease_seconds, false).await
    }

    /// Leases what a partner may collect: heads that are due, urgent ones first, each followed
    /// by the rest of its lane in order.
    pub async fn collect(
        &mut self,
        partner: &PartnerId,
        now: Timestamp,
        limit: usize,
        lease_seconds: i64,
        look: &LookFn,
    ) -> Result<Leased, JournalError> {
        let limit = limit.min(HANDED_OUT_MAX);
        let mut parcels = Vec::new();
        for (head, id) in self.due(partner, now, limit).await? {
            if parcels.len() >= limit {
                break;
            }
            parcels.push(id);
            if head.followers {
                let room = limit - parcels.len();
                parcels.extend(self.followers(partner, &head, now, room).await?);
            }
        }
        let (go, review) = self.looked_at(parcels, now, look).await?;
        let mut leased = self.lease(go, now, lease_seconds, true).await?;
        self.note_collected(&leased, now).await?;
        let held: Vec<Uuid> = review.iter().map(|(id, _)| *id).collect();
        self.lease_under(leased.token, held.clone(), now, lease_seconds, false).await?;
        leased.parcels.extend(held);
        leased.looks = review.into_iter().collect();
        Ok(leased)
    }

    /// Looks at each parcel before it is handed over; what follows one that may not go waits.
    async fn looked_at(
        &mut self,
        parcels: Vec<Uuid>,
        now: Timestamp,
        look: &LookFn,
    ) -> Result<(Vec<Uuid>, Vec<(Uuid, Look)>), JournalError> {
        let candidates = Leased { token: Uuid::nil(), parcels, looks: HashMap::new() };
        let rows = leased_rows(self.conn, &candidates).await?;
        let mut held_lanes = HashSet::new();
        let (mut go, mut review) = (Vec::new(), Vec::new());
        for row in &rows {
            let parcel = views::outgoing(row)?;
            if held_lanes.contains(&parcel.case) {
                continue;
            }
            match look(&parcel, now) {
                Look::Go => go.push(parcel.id.into()),
                found => {
                    held_lanes.insert(parcel.case);
                    review.push((parcel.id.into(), found));
                }
            }
        }
        Ok((go, review))
    }

    async fn due(
        &mut self,
        recipient: &PartnerId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Head, Uuid)>, JournalError> {
        // One query for each urgency, so that each is a walk along the index.
        let mut due = Vec::new();
        for urgent in [true, false] {
            let room = i64::try_from(limit - due.len()).unwrap_or(0);
            let cells = [recipient.as_str().into(), urgent.into(), now.into(), room.into()];
            let sql = if self.conn.is_postgres() { DUE_SHARED } else { DUE };
            for row in query(sql, cells).fetch_all(self.conn).await? {
                due.push((Head::read(&row)?, row.uuid("id")?));
            }
        }
        Ok(due)
    }

    /// The parcels behind a head that may go in the same answer: up to one that may not.
    async fn followers(
        &mut self,
        partner: &PartnerId,
        head: &Head,
        now: Timestamp,
        room: usize,
    ) -> Result<Vec<Uuid>, JournalError> {
        let sql = "select id, state, next_attempt_at from outbox
            where case_id = $1 and recipient = $2 and position > $3 and state in ('wacht', 'uitval')
            order by position, seq limit $4";
        let room = i64::try_from(room).unwrap_or(0);
        let cells = [head.case.into(), partner.as_str().into(), head.position.into(), room.into()];
        let mut followers = Vec::new();
        for row in query(sql, cells).fetch_all(&mut *self.conn).await? {
            if row.text("state")? != "wacht" || row.time("next_attempt_at")? > now {
                break;
            }
            followers.push(row.uuid("id")?);
        }
        Ok(followers)
    }

    async fn lease(
        &mut self,
        parcels: Vec<Uuid>,
        now: Timestamp,
        lease_seconds: i64,
        collected: bool,
    ) -> Result<Leased, JournalError> {
        let token = self.vault.lease_token()?;
        self.lease_under(token, parcels.clone(), now, lease_seconds, collected).await?;
        Ok(Leased { token, parcels, looks: HashMap::new() })
    }

    async fn lease_under(
        &mut self,
        token: Uuid,
        parcels: Vec<Uuid>,
        now: Timestamp,
        lease_seconds: i64,
        collected: bool,
    ) -> Result<(), JournalError> {
        if parcels.is_empty() {
            return Ok(());
        }
        let until = now.plus_seconds(lease_seconds.max(1));
        let stage = if collected {
            ", stage = case when stage = 'klaargezet' then 'opgehaald' else stage end"
        } else {
            ""
        };
        let sql = format!(
            "update outbox set lease_token = $1, next_attempt_at = $2,
                attempts = attempts + 1{stage}"
        );
        if self.conn.is_postgres() {
            let ids = Cell::array(parcels.into_iter().map(Cell::from).collect());
            let sql = format!("{sql} where id = any($3)");
            query_of(sql, [token.into(), until.into(), ids]).execute(self.conn).await?;
            return Ok(());
        }
        for chunk in parcels.chunks(CHUNK) {
            let last = chunk.last().copied().unwrap_or_default();
            let ids = chunk.iter().copied().chain(std::iter::repeat(last)).take(CHUNK);
            let names: Vec<String> = (3..3 + CHUNK).map(|n| format!("${n}")).collect();
            let sql = format!("{sql} where id in ({})", names.join(", "));
            let first = [Cell::from(token), Cell::from(until)];
            query_of(sql, first.into_iter().chain(ids.map(Cell::from))).execute(self.conn).await?;
        }
        Ok(())
    }

    /// Ends a lease under which nobody got anything: what was leased is due as it was.
    pub async fn release(&mut self, token: Uuid) -> Result<(), JournalError> {
        let sql = "update outbox set lease_token = null, next_attempt_at = made_at
            where state = 'wacht' and lease_token = $1";
        query(sql, [token.into()]).execute(self.conn).await?;
        Ok(())
    }

    /// Collecting is an attempt that the evidence shows.
    async fn note_collected(
        &mut self,
        leased: &Leased,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let rows = self.parcel_rows(leased.parcels.iter().copied().collect()).await?;
        for parcel in leased.parcels.iter().filter_map(|id| rows.get(id)) {
            self.note_one(parcel, now);
        }
        Ok(())
    }

    fn note_one(&mut self, parcel: &ParcelRow, now: Timestamp) {
        const CODE: &str = "opgehaald";
        let leaf = parcel.leaf(LeafKind::Poging, now, parcel.catalogue, CODE.to_owned());
        let leaf = self.leaf(leaf);
        self.attempt(parcel.id, now, CODE, leaf);
    }
}

/// Heads that are due, of one recipient and one urgency. What may follow is looked for by the lane,
/// in such words that no other index answers them.
pub(super) const DUE: &str =
    "select o.id, o.seq, o.case_id, o.position, o.urgent, o.next_attempt_at,
        exists (select 1 from outbox f where f.case_id = o.case_id
            and f.recipient = o.recipient and f.position > o.position
            and f.state in ('wacht', 'uitval')) as followers
    from outbox o
    where o.head = 1 and o.recipient = $1 and o.urgent = $2 and o.next_attempt_at <= $3
    order by o.next_attempt_at limit $4";

/// The same among other hubs: a case that another works on is passed by with all its lanes, and
/// what is taken here stays out of their sight until the lease is stored.
pub(super) const DUE_SHARED: &str =
    "select o.id, o.seq, o.case_id, o.position, o.urgent, o.next_attempt_at,
        exists (select 1 from outbox f where f.case_id = o.case_id
            and f.recipient = o.recipient and f.position > o.position
            and f.state in ('wacht', 'uitval')) as followers
    from outbox o join cases c on c.id = o.case_id
    where o.head = 1 and o.recipient = $1 and o.urgent = $2 and o.next_attempt_at <= $3
    order by o.next_attempt_at limit $4
    for no key update of o, c skip locked";

/// The same for a deliverer, which takes heads alone, but for many recipients at once.
pub(super) const CLAIMED: &str = "select due.*, 0::bigint as followers
    from unnest($1::text[]) as recipients (name)
    cross join (values (1::bigint), (0::bigint)) as urgency (urgent)
    cross join lateral (
        select o.id, o.seq, o.case_id, o.position, o.urgent, o.next_attempt_at
        from outbox o join cases c on c.id = o.case_id
        where o.head = 1 and o.recipient = recipients.name and o.urgent = urgency.urgent
            and o.next_attempt_at <= $2
        order by o.next_attempt_at limit $3
        for no key update of o, c skip locked) as due";

/// Ids per update.
const CHUNK: usize = 32;

/// The head of a lane.
struct Head {
    seq: i64,
    case: Uuid,
    position: i64,
    urgent: bool,
    due: Timestamp,
    followers: bool,
}

impl Head {
    fn read(row: &Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            seq: row.int("seq")?,
            case: row.uuid("case_id")?,
            position: row.int("position")?,
            urgent: row.int("urgent")? != 0,
            due: row.time("next_attempt_at")?,
            followers: row.int("followers")? != 0,
        })
    }
}

/// What is handed out, as it is stored: for the caller to open outside the writer.
pub(super) const LEASED: &str = "select * from outbox where id in ({ids})";

/// Reads leased parcels in the order in which they were leased.
pub(super) async fn leased_rows(conn: &mut Conn, leased: &Leased) -> Result<Vec<Row>, sqlx::Error> {
    let ids = leased.parcels.iter().copied().map(Cell::from).collect();
    let mut rows = HashMap::new();
    for row in fetch_in(conn, LEASED, ids).await? {
        rows.insert(row.uuid("id")?, row);
    }
    Ok(leased.parcels.iter().filter_map(|id| rows.remove(id)).collect())
}

/// At the start nobody holds a lease: the deliverers of then are gone, and the answer to who
/// collected may have gone with them. Who got a parcel all the same knows it by its id.
pub(super) async fn release_all(conn: &mut Conn, now: Timestamp) -> Result<(), sqlx::Error> {
    let sql = "update outbox set lease_token = null, next_attempt_at = $1
        where state = 'wacht' and lease_token is not null";
    query(sql, [now.into()]).execute(conn).await.map(drop)
}
