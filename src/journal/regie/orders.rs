//! What a coordinator orders, and what time does: by the journal's writer, like all that writes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::order::{Done, Order};
use super::super::receive::{Group, NO_CASE};
use super::super::sql::{Cell, fetch_in, query};
use super::super::unit::{LeafOf, Unit};
use super::super::{Journal, JournalError, LeafKind, Rules};
use super::rows::Decided;
use super::{AgreementAct, Moment, OnRequest};
use crate::casework::{self, Dossier, Entry, Follow, Phase, TaskState};
use crate::message::{
    AgreementId, CaseId, CaseNumber, Entropy, PartnerId, Stage, Timestamp, Usage,
};

/// Cases that time does something to in one go.
const DUE_MAX: i64 = 100;

/// An order of a coordinator about a case.
#[derive(Debug, Clone)]
pub struct CaseOrder {
    pub case: CaseNumber,
    pub act: CaseAct,
    pub by: String,
    pub why: String,
}

/// What is ordered.
#[derive(Debug, Clone)]
pub enum CaseAct {
    Order(casework::Order),
    /// This case goes on as part of another.
    Merge {
        into: CaseNumber,
    },
    /// This case goes on by itself again.
    Split,
    /// Another case is not about the same.
    Unlike {
        other: CaseNumber,
    },
    /// It is kept whatever its retention, or no longer.
    Keep {
        kept: bool,
    },
    /// Something about what was agreed.
    Agree(AgreementAct),
}

/// What a case came to by an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseOrdered {
    #[serde(rename = "casus")]
    pub case: CaseNumber,
    #[serde(rename = "fase")]
    pub phase: Phase,
    /// The agreement that it was about.
    #[serde(rename = "afspraak", skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementId>,
    /// How many messages went because a glass was broken.
    #[serde(rename = "gedeeld", skip_serializing_if = "Option::is_none")]
    pub shared: Option<usize>,
}

impl CaseOrder {
    /// The cases that it is about, by number.
    pub fn cases(&self) -> Vec<&CaseNumber> {
        match &self.act {
            CaseAct::Order(_) | CaseAct::Agree(_) | CaseAct::Split | CaseAct::Keep { .. } => {
                vec![&self.case]
            }
            CaseAct::Merge { into } => vec![&self.case, into],
            CaseAct::Unlike { other } => vec![&self.case, other],
        }
    }
}

impl Journal {
    /// Carries out what a coordinator orders.
    pub async fn order_case(
        &self,
        order: CaseOrder,
        rules: Arc<Rules>,
        now: Timestamp,
    ) -> Result<CaseOrdered, JournalError> {
        match self.ask(Order::Case { order: Box::new(order), rules, now }).await? {
            Done::Case(done) => Ok(done),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Cases whose content may no longer be kept, with those that were merged into them.
    pub async fn cases_to_erase(&self, now: Timestamp) -> Result<Vec<CaseId>, JournalError> {
        let sql = "select d.case_id from dossier d
            where d.erase_at <= $1
                or d.merged_into in (select case_id from dossier where erase_at <= $1)
                    and d.legal_hold = 0 and not exists
                        (select 1 from erasure e where e.holder = d.case_id)
            limit $2";
        let rows = query(sql, [now.into(), DUE_MAX.into()]);
        let rows = rows.fetch_all(&mut self.reads.acquire().await?).await?;
        let ids = rows.iter().map(|row| row.uuid("case_id").map(CaseId::from));
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Does what is due in cases; answers in how many something was. Where that is a hundred,
    /// there may be more.
    pub async fn regie_clock(
        &self,
        rules: Arc<Rules>,
        now: Timestamp,
    ) -> Result<u64, JournalError> {
        match self.ask(Order::Clock { rules, now }).await? {
            Done::Freed(count) => Ok(count),
            _ => Err(JournalError::Stopped),
        }
    }
}

impl Unit<'_> {
    /// Carries out an order, with a leaf that says that it was given; who and why stand beside it.
    pub async fn order_case(
        &mut self,
        order: &CaseOrder,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<CaseOrdered, JournalError> {
        let mut ids = HashMap::new();
        for number in order.cases() {
            let sql = "select id from cases where number = $1 and erased_at is null";
            let row = query(sql, [number.as_str().into()]).fetch_optional(self.conn).await?;
            ids.insert(number, row.ok_or(JournalError::NotFound)?.uuid("id")?);
        }
        let mut group = Group::of_cases(self, ids.values().copied().collect()).await?;
        let case = ids.get(&order.case).copied().ok_or(JournalError::NotFound)?;
        let moment = Moment { rules, case, at: now };
        if group.book.case(case).ok_or(NO_CASE)?.dossier.is_none() {
            if let CaseAct::Keep { kept } = order.act {
                return self.keep_by_itself(order, (case, kept), rules, now).await;
            }
            return Err(JournalError::Order(
                "dit signaal staat los; er is geen casus te regisseren",
            ));
        }
        let mut entropy = Entropy::new(self.vault.random()?);
        let (code, leaf) = (order.act.code(), self.reserve_leaf());
        let about = order.act.agreement(&mut entropy);
        let decided = Decided { by: &order.by, why: &order.why, leaf };
        let detail = about.map(|id| id.to_string());
        let detail = detail.or_else(|| order.act.until().map(|until| until.to_string()));
        let partner = order.act.recipient().cloned();
        let entry = Entry { partner, detail, ..Entry::plain(code) };
        group.regie.entry(moment, &entry, Some(&decided));
        if order.act.until().is_some() && entry.partner.is_some_and(|p| self.suspended.contains(&p))
        {
            return Err(JournalError::Order("deze ketenpartner is geschorst; hervat haar eerst"));
        }
        let document = match (&order.act, about) {
            (CaseAct::Agree(act), Some(id)) => group.agree(self, moment, (id, leaf), act).await?,
            (act, _) => group.directed(self, moment, &ids, act).await.map(|()| None)?,
        };
        // Only now: an order that is refused leaves nothing behind.
        self.put_leaf(
            leaf,
            LeafOf {
                kind: order.act.leaf_kind(),
                at: now,
                subject: about.map_or_else(|| self.vault.uuid(), |id| Ok(id.into()))?,
                partner: None,
                catalogue: rules.catalogue,
                outcome: code.to_owned(),
                document,
            },
        );
        let phase = group.book.case(case).and_then(|case| Some(case.dossier.as_ref()?.phase));
        let shared = group.regie.shared;
        group.store(self).await?;
        let phase = phase.ok_or(NO_CASE)?;
        Ok(CaseOrdered { case: order.case.clone(), phase, agreement: about, shared })
    }

    /// Keeps a signal that stands by itself, or no longer; it has no dossier that could say so.
    async fn keep_by_itself(
        &mut self,
        order: &CaseOrder,
        (case, kept): (Uuid, bool),
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<CaseOrdered, JournalError> {
        self.hold_loose(case, kept).await?;
        let subject = self.vault.uuid()?;
        let leaf = self.leaf(LeafOf {
            kind: LeafKind::Regie,
            at: now,
            subject,
            partner: None,
            catalogue: rules.catalogue,
            outcome: order.act.code().to_owned(),
            document: None,
        });
        let mut group = Group::default();
        let decided = Decided { by: &order.by, why: &order.why, leaf };
        let moment = Moment { rules, case, at: now };
        group.regie.entry(moment, &Entry::plain(order.act.code()), Some(&decided));
        group.store(self).await?;
        let case = order.case.clone();
        Ok(CaseOrdered { case, phase: Phase::Nieuw, agreement: None, shared: None })
    }

    /// Does what is due.
    pub async fn regie_clock(
        &mut self,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<u64, JournalError> {
        let Some(set) = rules.regie.clone() else { return Ok(0) };
        let due = "select case_id from dossier where due_at <= $1 order by due_at limit $2";
        let shared = "select d.case_id from dossier d join cases c on c.id = d.case_id
            where d.due_at <= $1 order by d.due_at limit $2 for no key update of c skip locked";
        let sql = if self.conn.is_postgres() { shared } else { due };
        let rows = query(sql, [now.into(), DUE_MAX.into()]).fetch_all(self.conn).await?;
        let ids = rows.iter().map(|row| row.uuid("case_id")).collect::<Result<BTreeSet<_>, _>>()?;
        if ids.is_empty() {
            return Ok(0);
        }
        let mut group = Group::of_cases(self, ids.clone()).await?;
        self.arrived(&mut group, &ids, rules).await?;
        let mut entropy = Entropy::new(self.vault.random()?);
        for case in &ids {
            if group.book.case(*case).is_none() {
                // Erased in the meantime: nothing is due in it any more.
                let sql = "update dossier set due_at = null where case_id = $1";
                query(sql, [(*case).into()]).execute(self.conn).await?;
                continue;
            }
            let moment = Moment { rules, case: *case, at: now };
            group.recalled(self, moment).await?;
            let follow = group.step(self, &set, moment, &mut entropy, casework::clock).await?;
            group.follow(self, &set, moment, follow, &mut entropy).await?;
        }
        group.store(self).await?;
        Ok(u64::try_from(ids.len()).unwrap_or(0))
    }

    /// Requests that partners collected without a word: that they have them is known from the
    /// parcel alone.
    async fn arrived(
        &mut self,
        group: &mut Group,
        cases: &BTreeSet<Uuid>,
        rules: &Arc<Rules>,
    ) -> Result<(), JournalError> {
        let sql = "select r.case_id, r.message_id, r.task_id, o.recipient, o.made_at,
                (select max(a.at) from attempt a where a.parcel_id = o.id) as at
            from request r join outbox o on o.message_id = r.message_id
            where r.case_id in ({ids}) and o.stage in ('opgehaald', 'ontvangen')";
        let ids = cases.iter().copied().map(Cell::from).collect();
        for row in fetch_in(self.conn, sql, ids).await? {
            let (case, task) = (row.uuid("case_id")?, row.uuid("task_id")?.into());
            let dossier = group.book.case(case).and_then(|case| case.dossier.as_ref());
            let task = dossier.and_then(|dossier| dossier.task(task));
            if task.is_none_or(|task| task.state != TaskState::Gevraagd) {
                continue;
            }
            let at = row.maybe_int("at")?.map(Timestamp::from_micros);
            let at = at.map_or_else(|| row.time("made_at"), Ok)?;
            let word = OnRequest {
                message: row.uuid("message_id")?,
                partner: self.succession.now(&row.parsed("recipient")?).clone(),
                stage: Stage::Ontvangen,
                reason: None,
            };
            group.receipt(self, Moment { rules, case, at }, &word).await?;
        }
        Ok(())
    }
}

impl Group {
    /// Carries out an order about cases.
    async fn directed(
        &mut self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        ids: &HashMap<&CaseNumber, Uuid>,
        act: &CaseAct,
    ) -> Result<(), JournalError> {
        let Moment { case, at, .. } = moment;
        let id_of = |number| ids.get(number).copied().ok_or(JournalError::NotFound);
        match act {
            CaseAct::Order(order) => self.ordered(unit, moment, order).await,
            CaseAct::Merge { into } => {
                self.pair(moment, id_of(into)?, |from, into| casework::merge(from, into, at))
            }
            CaseAct::Split => {
                let dossier = self.book.case(case).and_then(|case| case.dossier.as_ref());
                let into = dossier.and_then(|dossier| dossier.merged_into);
                let into = into.ok_or(refused(casework::OrderFault::NotMerged))?;
                self.pair(moment, into.into(), |from, into| casework::split(from, into, at))
            }
            CaseAct::Keep { kept } => {
                let mut dossier = self.dossier(case)?.cloned().ok_or(NO_CASE)?;
                dossier.legal_hold = *kept;
                self.take_over(moment, dossier)
            }
            CaseAct::Unlike { other } => {
                self.pair(moment, id_of(other)?, |(a, from), (b, into)| {
                    casework::forget(from, b, at);
                    casework::forget(into, a, at);
                    Ok([Entry::plain("niet-gelijk"), Entry::plain("niet-gelijk")])
                })
            }
            // Seals something besides; see `agree`.
            CaseAct::Agree(_) => Ok(()),
        }
    }

    pub(super) async fn ordered(
        &mut self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        order: &casework::Order,
    ) -> Result<(), JournalError> {
        let set = moment.rules.regie.clone();
        let set = set.ok_or(JournalError::Order("deze set heeft geen gemeente die regisseert"))?;
        let mut entropy = Entropy::new(unit.vault.random()?);
        let mut fault = None;
        let follow = self.step(unit, &set, moment, &mut entropy, |dossier, scene, entropy| {
            let before = dossier.clone();
            casework::order(dossier, scene, order, entropy).unwrap_or_else(|found| {
                *dossier = before;
                fault = Some(found);
                Follow::default()
            })
        });
        let follow = follow.await?;
        if let Some(fault) = fault {
            return Err(refused(fault));
        }
        self.follow(unit, &set, moment, follow, &mut entropy).await
    }

    /// Does something to the dossiers of two cases.
    fn pair(
        &mut self,
        moment: Moment<'_>,
        other: Uuid,
        what: impl FnOnce(Side<'_>, Side<'_>) -> Result<[Entry; 2], casework::OrderFault>,
    ) -> Result<(), JournalError> {
        let usage = |id: Uuid| self.book.case(id).map(|case| case.state.usage);
        let same: [Option<Usage>; 2] = [usage(moment.case), usage(other)];
        if same[0] != same[1] {
            return Err(JournalError::Order("echt, oefening en test gaan nooit samen"));
        }
        let dossier = |id: Uuid| self.book.case(id).and_then(|case| case.dossier.clone());
        let (mut one, mut two) = dossier(moment.case).zip(dossier(other)).ok_or(NO_CASE)?;
        let [first, second] =
            what((moment.case.into(), &mut one), (other.into(), &mut two)).map_err(refused)?;
        let there = Moment { case: other, ..moment };
        self.regie.entry(moment, &first, None);
        self.regie.entry(there, &second, None);
        self.take_over(moment, one)?;
        self.take_over(there, two)
    }

    /// Corrections and withdrawals that arrived wait for nothing any more.
    async fn recalled(
        &mut self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
    ) -> Result<(), JournalError> {
        let Some(mut dossier) = self.dossier(moment.case)?.cloned() else { return Ok(()) };
        let due = dossier.recalls.iter().filter(|recall| recall.by <= moment.at);
        let ids: Vec<Cell> = due.map(|recall| Uuid::from(recall.parcel).into()).collect();
        let sql = "select id from outbox where id in ({ids})
            and stage in ('opgehaald', 'ontvangen', 'geaccepteerd', 'geweigerd')";
        let mut arrived = BTreeSet::new();
        for row in fetch_in(unit.conn, sql, ids).await? {
            arrived.insert(row.uuid("id")?);
        }
        if arrived.is_empty() {
            return Ok(());
        }
        dossier.recalls.retain(|recall| !arrived.contains(&recall.parcel.into()));
        self.take_over(moment, dossier)
    }
}

/// One of two cases.
type Side<'a> = (CaseId, &'a mut Dossier);

pub(super) fn refused(fault: casework::OrderFault) -> JournalError {
    JournalError::Fault(fault)
}

impl CaseAct {
    /// The agreement that it is about; a new one where it makes one.
    fn agreement(&self, entropy: &mut Entropy) -> Option<AgreementId> {
        match self {
            Self::Agree(act) => Some(act.id(entropy)),
            _ => None,
        }
    }

    /// For whom a glass is broken or ended.
    const fn recipient(&self) -> Option<&PartnerId> {
        use casework::Order as O;
        match self {
            Self::Order(O::BreakGlass { recipient, .. } | O::EndGlass { recipient }) => {
                Some(recipient)
            }
            _ => None,
        }
    }

    /// Until when a glass is broken.
    const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Order(casework::Order::BreakGlass { until, .. }) => Some(*until),
            _ => None,
        }
    }

    const fn leaf_kind(&self) -> LeafKind {
        match self {
            Self::Agree(AgreementAct::Reveal { .. }) => LeafKind::Inzage,
            _ => LeafKind::Regie,
        }
    }

    /// What the timeline and the leaf call it.
    const fn code(&self) -> &'static str {
        use casework::Order as O;
        match self {
            Self::Order(order) => match order {
                O::Take => "besluit-oppakken",
                O::Ask { .. } => "besluit-vragen",
                O::Assign { .. } => "besluit-toewijzen",
                O::Remind { .. } => "besluit-herinneren",
                O::Extend { .. } => "besluit-verlengen",
                O::GoOn { .. } => "besluit-verder",
                O::Done { .. } => "besluit-gedaan",
                O::Withdraw { .. } => "besluit-intrekken",
                O::Close => "besluit-sluiten",
                O::Reopen => "besluit-heropenen",
                O::Agree(_) => "besluit-afspraak",
                O::BreakGlass { .. } => "besluit-breekglas",
                O::EndGlass { .. } => "besluit-breekglas-einde",
            },
            Self::Merge { .. } => "besluit-samenvoegen",
            Self::Split => "besluit-splitsen",
            Self::Unlike { .. } => "besluit-niet-gelijk",
            Self::Keep { kept: true } => "besluit-bewaren",
            Self::Keep { kept: false } => "besluit-niet-meer-bewaren",
            Self::Agree(act) => act.code(),
        }
    }
}
