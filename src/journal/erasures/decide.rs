//! Deciding: a second person refuses, or agrees; then it is destroyed.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use super::{ErasedItem, ErasureDecision, ErasureDone, Said};
use crate::catalogue::Catalogue;
use crate::journal::erase::{Intent, KEPT};
use crate::journal::keys::{CASE_KEY, Vault};
use crate::journal::order::Done;
use crate::journal::regie::ErasedCaseOf;
use crate::journal::sql::query;
use crate::journal::unit::Unit;
use crate::journal::writer::State;
use crate::journal::{JournalError, Rules, shared};
use crate::message::{Timestamp, is_same_person};

const LAPSED: JournalError =
    JournalError::Order("dit verzoek is vervallen; vraag het opnieuw met: schakel erase");

/// A request that waits.
struct Waiting {
    asked_by: String,
    why: String,
}

impl State {
    /// Agrees to a request. The intents and the notices are one transaction: whatever dies after
    /// it, the next start destroys the keys, and each recipient hears of it once.
    pub async fn approve_erasure(
        &mut self,
        vault: &Vault,
        order: &ErasureDecision,
        (rules, set): (&Arc<Rules>, &Arc<Catalogue>),
        now: Timestamp,
    ) -> Result<ErasureDone, JournalError> {
        self.journal.begin().await?;
        self.catch_up().await?;
        let mut unit = self.unit(vault);
        let (mut done, intents) = match unit.approve_erasure(order, (rules, set), now).await {
            Ok(approved) => approved,
            Err(error) => {
                self.journal.rollback().await?;
                return Err(error);
            }
        };
        unit.flush().await?;
        let (counters, new_keys) = (unit.counters, std::mem::take(&mut unit.new_keys));
        let mut rows = Vec::with_capacity(new_keys.len());
        for (holder, key) in &new_keys {
            rows.push(vault.holder_row(*holder, key)?.to_vec());
        }
        CASE_KEY.insert_committed(&mut self.keys, rows).await?;
        self.journal.commit().await?;
        self.counters = counters;
        for (holder, key) in new_keys {
            vault.remember(holder, key);
        }
        for intent in &intents {
            done.vervallen_zendingen += self.finish(vault, intent, now).await?.parcels_dropped;
        }
        Ok(done)
    }
}

impl Unit<'_> {
    async fn approve_erasure(
        &mut self,
        order: &ErasureDecision,
        by_set: (&Arc<Rules>, &Arc<Catalogue>),
        now: Timestamp,
    ) -> Result<(ErasureDone, Vec<Intent>), JournalError> {
        let waiting = self.waiting_request(order.number, now).await?;
        if is_same_person(&waiting.asked_by, &order.by) {
            return Err(JournalError::SamePerson);
        }
        let mut done = ErasureDone { verzoek: order.number, ..ErasureDone::default() };
        let (intents, cases) = self.intend_items(&waiting, &mut done, now).await?;
        if intents.is_empty() {
            let kept = !done.moeten_bewaard_blijven.is_empty();
            return Err(if kept { KEPT } else { JournalError::Erased });
        }
        let by = order.by.trim();
        let said = Said { code: "wissen-goedgekeurd", number: order.number, by, why: &order.why };
        let on_timeline: Vec<Uuid> = cases.iter().copied().collect();
        let leaf = self.say_erasure(&said, &on_timeline, now).await?;
        self.decide_request(order, "goedgekeurd", now).await?;
        for intent in &intents {
            let holder = intent.holder;
            let mut item = ErasedItem::default();
            let mut notice = None;
            if cases.contains(&holder) {
                item.casus = self.number_of(holder).await?;
                let erased = ErasedCaseOf { case: holder, by, leaf };
                if let Some(told) = self.tell_erasure(&erased, by_set, now).await? {
                    notice = Some(told.case);
                    item.kennisgeving = Some(told.number);
                    item.ontvangers = told.told;
                    item.untold = told.untold;
                }
                // From here on nobody gets of it who is not told.
                done.vervallen_zendingen += self.drop_waiting(holder).await?;
            }
            self.settle_erasure_item(order.number, holder, "gewist", notice).await?;
            done.gewist.push(item);
        }
        Ok((done, intents))
    }

    /// Writes the intents of a request, and which of them are cases. What must be kept since it
    /// was asked is left out, and said.
    async fn intend_items(
        &mut self,
        waiting: &Waiting,
        done: &mut ErasureDone,
        now: Timestamp,
    ) -> Result<(Vec<Intent>, BTreeSet<Uuid>), JournalError> {
        let (mut intents, mut cases) = (Vec::new(), BTreeSet::new());
        let sql = "select holder, kind from erasure_item where request = $1 order by holder";
        let items = query(sql, [done.verzoek.into()]).fetch_all(&mut *self.conn).await?;
        if self.conn.is_postgres() {
            for item in &items {
                shared::lock_case(self.conn, item.uuid("holder")?).await?;
            }
        }
        for item in &items {
            let (holder, kind) = (item.uuid("holder")?, item.text("kind")?);
            if self.is_kept(holder).await? {
                done.moeten_bewaard_blijven.extend(self.number_of(holder).await?);
                self.settle_erasure_item(done.verzoek, holder, "bewaard", None).await?;
                continue;
            }
            let who = (waiting.asked_by.as_str(), waiting.why.as_str());
            let Some(intent) = self.intend_of(holder, &kind, who, now).await? else {
                self.settle_erasure_item(done.verzoek, holder, "was-gewist", None).await?;
                continue;
            };
            intents.push(intent);
            cases.extend((kind == "casus").then_some(holder));
        }
        Ok((intents, cases))
    }

    /// Ends a request; its content stays. Who asked may take it back so as well.
    pub async fn refuse_erasure(
        &mut self,
        order: &ErasureDecision,
        now: Timestamp,
    ) -> Result<Done, JournalError> {
        self.waiting_request(order.number, now).await?;
        let sql = "select holder from erasure_item where request = $1 and kind = 'casus'";
        let rows = query(sql, [order.number.into()]).fetch_all(&mut *self.conn).await?;
        let cases = rows.iter().map(|row| row.uuid("holder")).collect::<Result<Vec<_>, _>>()?;
        let said = Said {
            code: "wissen-geweigerd",
            number: order.number,
            by: order.by.trim(),
            why: &order.why,
        };
        self.say_erasure(&said, &cases, now).await?;
        self.decide_request(order, "geweigerd", now).await?;
        Ok(Done::Settled)
    }

    async fn waiting_request(
        &mut self,
        number: i64,
        now: Timestamp,
    ) -> Result<Waiting, JournalError> {
        let plain = "select asked_by, why, until, state from erasure_request where number = $1";
        let shared = "select asked_by, why, until, state from erasure_request where number = $1
            for update";
        let sql = if self.conn.is_postgres() { shared } else { plain };
        let row = query(sql, [number.into()]).fetch_optional(&mut *self.conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        if row.text("state")? != "wacht" {
            return Err(JournalError::Settled);
        }
        if row.time("until")? <= now {
            return Err(LAPSED);
        }
        Ok(Waiting { asked_by: row.text("asked_by")?, why: row.text("why")? })
    }

    async fn decide_request(
        &mut self,
        order: &ErasureDecision,
        state: &str,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let sql = "update erasure_request set state = $2, decided_by = $3, decided_why = $4,
                decided_at = $5
            where number = $1 and state = 'wacht'";
        let cells = [
            order.number.into(),
            state.into(),
            order.by.trim().into(),
            order.why.as_str().into(),
            now.into(),
        ];
        match query(sql, cells).execute(&mut *self.conn).await? {
            1 => Ok(()),
            _ => Err(JournalError::Settled),
        }
    }

    async fn settle_erasure_item(
        &mut self,
        number: i64,
        holder: Uuid,
        outcome: &str,
        notice: Option<Uuid>,
    ) -> Result<(), JournalError> {
        let sql = "update erasure_item set outcome = $3, notice = $4
            where request = $1 and holder = $2";
        let cells = [number.into(), holder.into(), outcome.into(), notice.into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(())
    }
}
