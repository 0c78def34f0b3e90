//! Who had of an erased case hears of it, in a case of its own: with the transaction in which the
//! erasure is meant, so that nobody is forgotten and nobody hears it twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::rows::Decided;
use super::{Group, Moment};
use crate::casework::{self, Dossier, Entry};
use crate::catalogue::Catalogue;
use crate::journal::receive::NO_CASE;
use crate::journal::sql::{Conn, query, unreadable};
use crate::journal::unit::Unit;
use crate::journal::{JournalError, Rules};
use crate::message::{
    CaseNumber, CaseState, Entropy, ParcelId, PartnerId, Succession, TO_ERASE_MAX, Timestamp,
    ToErase, Usage,
};

/// A case of which the content goes.
pub(in crate::journal) struct ErasedCaseOf<'a> {
    pub case: Uuid,
    /// Who agreed to it, and the leaf that says so.
    pub by: &'a str,
    pub leaf: i64,
}

/// The case in which recipients hear of it.
pub(in crate::journal) struct ToldErasure {
    pub case: Uuid,
    pub number: CaseNumber,
    pub told: Vec<PartnerId>,
    /// Left to a coordinator.
    pub untold: Vec<PartnerId>,
}

/// Who had of a case, or may have, with the parcels, the newest first. An answer about a parcel
/// has nothing of the case.
pub(in crate::journal) async fn recipients(
    conn: &mut Conn,
    succession: &Succession,
    case: Uuid,
) -> Result<BTreeMap<PartnerId, Vec<ParcelId>>, sqlx::Error> {
    let sql = "select o.recipient, o.id from outbox o
        where o.case_id = $1 and o.answer = 0
            and (o.state = 'klaar' or o.attempts > 0 or o.lease_token is not null
                or exists (select 1 from attempt a where a.parcel_id = o.id))
        order by o.recipient, o.seq desc";
    let mut had: BTreeMap<PartnerId, Vec<ParcelId>> = BTreeMap::new();
    for row in query(sql, [case.into()]).fetch_all(conn).await? {
        let recipient = succession.now(&row.parsed("recipient")?).clone();
        had.entry(recipient).or_default().push(row.uuid("id")?.into());
    }
    Ok(had)
}

impl Unit<'_> {
    /// Opens the case in which recipients of an erased one hear of it; none where nobody had of
    /// it, or where it is such a case itself.
    pub async fn tell_erasure(
        &mut self,
        erased: &ErasedCaseOf<'_>,
        (rules, set): (&Arc<Rules>, &Arc<Catalogue>),
        at: Timestamp,
    ) -> Result<Option<ToldErasure>, JournalError> {
        let sql = "select request from erasure_item where notice = $1 limit 1";
        let notice = query(sql, [erased.case.into()]).fetch_optional(&mut *self.conn).await?;
        let had = recipients(self.conn, &self.succession, erased.case).await?;
        if notice.is_some() || had.is_empty() {
            return Ok(None);
        }
        let sql = "select number, usage from cases where id = $1";
        let row = query(sql, [erased.case.into()]).fetch_one(&mut *self.conn).await?;
        let usage = Usage::parse(&row.text("usage")?).ok_or_else(|| unreadable("usage"))?;
        let number = CaseNumber::from_stored(row.text("number")?);
        let own = set.municipality().map(|partner| &partner.id);
        let (mut reachable, mut untold) = (Vec::new(), Vec::new());
        for (partner, mut parcels) in had {
            let is_away = set.partner(&partner).is_none() || self.suspended.contains(&partner);
            if is_away || own.is_none_or(|own| *own == partner) {
                untold.push(partner);
                continue;
            }
            parcels.truncate(TO_ERASE_MAX);
            reachable.push((partner, ToErase { case: number.clone(), parcels }));
        }
        let mut entropy = Entropy::new(self.vault.random()?);
        let state = CaseState {
            id: entropy.case_id(at),
            number: entropy.case_number(),
            usage,
            theme: None,
            participants: Default::default(),
            recipients: Default::default(),
            earlier: Vec::new(),
            glasses: Vec::new(),
        };
        let (case, new_number) = (Uuid::from(state.id), state.number.clone());
        let mut group = Group::default();
        group.book.open(self, state, at, None)?;
        group.book.case_mut(case).ok_or(NO_CASE)?.dossier = Some(Dossier::new(at));
        let moment = Moment { rules, case, at };
        let opened =
            Entry { detail: Some(number.to_string()), ..Entry::plain("kennisgeving-wissing") };
        let decided = Decided { by: erased.by, why: "AVG artikel 19", leaf: erased.leaf };
        group.regie.entry(moment, &opened, Some(&decided));
        let gone = (reachable, &mut untold);
        let told = group.tell_each(self, set, moment, gone, &mut entropy).await?;
        group.store(self).await?;
        Ok(Some(ToldErasure { case, number: new_number, told, untold }))
    }
}

impl Group {
    /// Asks each to erase; who cannot be reached after all is left to a coordinator.
    async fn tell_each(
        &mut self,
        unit: &mut Unit<'_>,
        set: &Arc<Catalogue>,
        moment: Moment<'_>,
        (reachable, untold): (Vec<(PartnerId, ToErase)>, &mut Vec<PartnerId>),
        entropy: &mut Entropy,
    ) -> Result<Vec<PartnerId>, JournalError> {
        let follow = self.step(unit, set, moment, entropy, |dossier, scene, entropy| {
            casework::erasure_told(dossier, scene, &reachable, untold, entropy)
        });
        let mut follow = follow.await?;
        let mut told: Vec<PartnerId> = reachable.iter().map(|(id, _)| id.clone()).collect();
        let mut failed = Vec::new();
        for ask in std::mem::take(&mut follow.asks) {
            if !self.ask(unit, set, moment, &ask, entropy).await? {
                failed.push(ask.task);
            }
        }
        self.follow(unit, set, moment, follow, entropy).await?;
        if !failed.is_empty() {
            let dossier = self.dossier(moment.case)?;
            let tasks = failed.iter().filter_map(|id| dossier?.task(*id)?.partner().cloned());
            untold.extend(tasks);
            told.retain(|partner| !untold.contains(partner));
            let follow = self.step(unit, set, moment, entropy, |dossier, scene, entropy| {
                casework::erasure_untold(dossier, scene, &failed, entropy)
            });
            let follow = follow.await?;
            self.follow(unit, set, moment, follow, entropy).await?;
        }
        Ok(told)
    }
}
