//! Asking: what it is about is written down, and waits for a second person.

use uuid::Uuid;

use super::{ErasureAsk, ErasureAsked, ErasureScope, REQUEST_DAYS, Said};
use crate::journal::JournalError;
use crate::journal::erase::KEPT;
use crate::journal::sql::query;
use crate::journal::unit::Unit;
use crate::message::Timestamp;

const CASE: &str = "casus";

/// What a request is about: its holder, and whether that is a case.
type Item = (Uuid, String);

impl Unit<'_> {
    /// Writes a request down. What is erased, asked for, or must be kept is refused where it is all
    /// that was asked, and left out where there is more.
    pub async fn ask_erasure(
        &mut self,
        order: &ErasureAsk,
        now: Timestamp,
    ) -> Result<ErasureAsked, JournalError> {
        let (kind, wanted) = match &order.scope {
            ErasureScope::One(id) => (CASE, self.with_merged(*id).await?),
            ErasureScope::Person(cases) => {
                let items = cases.iter().map(|id| (Uuid::from(*id), CASE.to_owned()));
                ("persoon", items.collect())
            }
        };
        let (mut items, mut kept, mut fault) = (Vec::new(), Vec::new(), None);
        for item in wanted {
            match self.may_be_asked(&item).await? {
                Ok(()) => items.push(item),
                Err(found) => {
                    if matches!(found, JournalError::Order(_)) && self.is_kept(item.0).await? {
                        kept.extend(self.number_of(item.0).await?);
                    }
                    // Of a case that took others over the case itself comes first.
                    fault.get_or_insert(found);
                    if kind == CASE && items.is_empty() {
                        break;
                    }
                }
            }
        }
        if items.is_empty() {
            return Err(fault.unwrap_or(JournalError::NotFound));
        }
        let until = now.plus_seconds(REQUEST_DAYS * 86_400);
        let kind = if items.iter().any(|(_, kind)| kind != CASE) { "uitval" } else { kind };
        let number = self.put_request(order, kind, (now, until), &items).await?;
        let cases: Vec<Uuid> =
            items.iter().filter(|(_, kind)| kind == CASE).map(|(id, _)| *id).collect();
        let said = Said { code: "wissen-gevraagd", number, by: &order.by, why: &order.why };
        self.say_erasure(&said, &cases, now).await?;
        let mut numbers = Vec::new();
        for case in cases {
            numbers.extend(self.number_of(case).await?);
        }
        Ok(ErasureAsked { number, until, cases: numbers, kept })
    }

    /// The holder that an id means, and the cases that were merged into it.
    async fn with_merged(&mut self, id: Uuid) -> Result<Vec<Item>, JournalError> {
        let (holder, kind) = self.erased_holder(id).await?;
        let mut items = vec![(holder, kind)];
        let sql = "with recursive down (id, depth) as (
                select id, 0 from cases where id = $1
                union all select d.case_id, down.depth + 1
                    from down join dossier d on d.merged_into = down.id where down.depth < 8)
            select distinct id from down where id <> $1";
        for row in query(sql, [holder.into()]).fetch_all(&mut *self.conn).await? {
            items.push((row.uuid("id")?, CASE.to_owned()));
        }
        Ok(items)
    }

    async fn may_be_asked(
        &mut self,
        (holder, _): &Item,
    ) -> Result<Result<(), JournalError>, JournalError> {
        let sql = "select holder from erasure where holder = $1";
        if query(sql, [(*holder).into()]).fetch_optional(&mut *self.conn).await?.is_some() {
            return Ok(Err(JournalError::Erased));
        }
        if self.is_kept(*holder).await? {
            return Ok(Err(KEPT));
        }
        Ok(Ok(()))
    }

    async fn put_request(
        &mut self,
        order: &ErasureAsk,
        kind: &str,
        (now, until): (Timestamp, Timestamp),
        items: &[Item],
    ) -> Result<i64, JournalError> {
        for (holder, _) in items {
            let sql = "select i.request from erasure_item i
                join erasure_request r on r.number = i.request
                where i.holder = $1 and r.state = 'wacht' and r.until > $2 limit 1";
            let waits = query(sql, [(*holder).into(), now.into()]);
            if waits.fetch_optional(&mut *self.conn).await?.is_some() {
                let text = "hierover wacht al een verzoek; zie: schakel erase list";
                return Err(JournalError::Order(text));
            }
        }
        let sql = "insert into erasure_request (kind, asked_by, why, asked_at, until, state)
            values ($1, $2, $3, $4, $5, 'wacht') returning number";
        let cells = [
            kind.into(),
            order.by.trim().into(),
            order.why.as_str().into(),
            now.into(),
            until.into(),
        ];
        let number = query(sql, cells).fetch_one(&mut *self.conn).await?.int("number")?;
        for (holder, kind) in items {
            let sql = "insert into erasure_item (request, holder, kind) values ($1, $2, $3)";
            let cells = [number.into(), (*holder).into(), kind.as_str().into()];
            query(sql, cells).execute(&mut *self.conn).await?;
        }
        Ok(number)
    }
}
