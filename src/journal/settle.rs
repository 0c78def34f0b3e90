//! How attempts ended, as who holds the lease says it: many at a time, because a batch that went
//! out together is settled together.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::outbox::{ParcelRow, fixed_code};
use super::sql::{query, update_in};
use super::unit::{Entry, Unit};
use super::{AttemptOutcome, JournalError, LeafKind, LeaseToken, ParcelState};
use crate::message::{ParcelId, PartnerId, Stage, Timestamp};

/// One attempt that ended.
pub(super) struct Ended<'a> {
    pub parcel: ParcelId,
    pub lease: LeaseToken,
    pub outcome: &'a AttemptOutcome,
    pub now: Timestamp,
}

/// Parcels that arrived, by the stage that they now reach; `None` where a later word was earlier.
type Arrived = BTreeMap<Option<Stage>, Vec<ParcelRow>>;

impl Unit<'_> {
    /// Ends attempts; an answer for each. Only who holds the lease may say so.
    pub async fn settle(
        &mut self,
        all: &[Ended<'_>],
    ) -> Result<Vec<Result<(), JournalError>>, JournalError> {
        if all.is_empty() {
            return Ok(Vec::new());
        }
        fail::fail_point!("journal-voor-markeren", |_| std::process::abort());
        let ids: BTreeSet<Uuid> = all.iter().map(|ended| ended.parcel.into()).collect();
        // Taken out when it is settled: who settles it twice comes too late the second time.
        let mut rows = self.parcel_rows(ids.clone()).await?;
        let mut arrived = Arrived::new();
        let mut answers = Vec::with_capacity(all.len());
        for ended in all {
            let id = ended.parcel.into();
            let holds = |row: &ParcelRow| {
                row.state == ParcelState::Wacht && row.lease == Some(ended.lease.0)
            };
            match rows.remove(&id) {
                Some(parcel) if holds(&parcel) => {
                    let done = self.end(parcel, ended, &mut arrived).await;
                    match done {
                        Err(error) if !error.concerns_order_only() => return Err(error),
                        done => answers.push(done),
                    }
                }
                Some(other) => {
                    rows.insert(id, other);
                    answers.push(Err(JournalError::StaleLease));
                }
                None if ids.contains(&id) => answers.push(Err(self.missing(id).await?)),
                None => answers.push(Err(JournalError::NotFound)),
            }
        }
        self.store_arrived(arrived).await?;
        Ok(answers)
    }

    /// Why a parcel is not among those that were read: unknown, or settled a moment ago.
    async fn missing(&mut self, id: Uuid) -> Result<JournalError, JournalError> {
        let known = self.parcel_rows(BTreeSet::from([id])).await?.contains_key(&id);
        Ok(if known { JournalError::StaleLease } else { JournalError::NotFound })
    }

    async fn end(
        &mut self,
        parcel: ParcelRow,
        ended: &Ended<'_>,
        arrived: &mut Arrived,
    ) -> Result<(), JournalError> {
        let Ended { outcome, now, .. } = *ended;
        let code = match outcome {
            AttemptOutcome::Delivered { .. } => "afgeleverd".to_owned(),
            AttemptOutcome::Retry { code, .. } => format!("later {}", fixed_code(code)),
            AttemptOutcome::Quarantine { reason } => format!("uitval {}", fixed_code(reason)),
            AttemptOutcome::Replaced { dispatch, catalogue } => {
                return self.replace_leased(&parcel, dispatch, *catalogue, now).await;
            }
        };
        let leaf = parcel.leaf(LeafKind::Poging, now, parcel.catalogue, code.clone());
        let leaf = self.leaf(leaf);
        self.attempt(parcel.id, now, &code, leaf);
        match outcome {
            AttemptOutcome::Delivered { stage } => {
                self.note_reached(&parcel.recipient).await?;
                let reached = parcel.stage.may_become(*stage).then_some(*stage);
                arrived.entry(reached).or_default().push(parcel);
                Ok(())
            }
            AttemptOutcome::Retry { at, .. } => {
                self.note_failing(&parcel.recipient, now).await?;
                let sql =
                    "update outbox set lease_token = null, next_attempt_at = $2 where id = $1";
                let retry = query(sql, [parcel.id.into(), (*at).into()]);
                Ok(retry.execute(&mut *self.conn).await.map(drop)?)
            }
            AttemptOutcome::Quarantine { reason } => {
                self.quarantine_parcel(&parcel, &fixed_code(reason), now).await
            }
            AttemptOutcome::Replaced { .. } => Ok(()), // returned above
        }
    }

    /// Ends the waiting of a parcel that will not be tried again by itself.
    pub async fn quarantine_parcel(
        &mut self,
        parcel: &ParcelRow,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        self.close_parcel(parcel, ParcelState::Uitval).await?;
        let entry = Entry {
            partner: Some(&parcel.recipient),
            reason,
            detail: "[]".to_owned(),
            case: Some(parcel.case),
            message: Some(parcel.message),
            parcel: Some(parcel.id),
            ..Entry::default()
        };
        self.quarantine(self.vault.uuid()?, now, entry);
        Ok(())
    }

    /// The first failure since a success is remembered; it costs nothing while all goes well.
    async fn note_failing(&mut self, who: &PartnerId, now: Timestamp) -> Result<(), sqlx::Error> {
        if self.failing.insert(who.clone()) {
            let sql = "insert into failing (partner, since) values ($1, $2)
                on conflict (partner) do nothing";
            query(sql, [who.as_str().into(), now.into()]).execute(&mut *self.conn).await?;
        }
        Ok(())
    }

    async fn note_reached(&mut self, who: &PartnerId) -> Result<(), sqlx::Error> {
        if self.failing.remove(who) {
            let sql = "delete from failing where partner = $1";
            query(sql, [who.as_str().into()]).execute(&mut *self.conn).await?;
        }
        Ok(())
    }

    /// Ends the waiting of parcels that arrived, and lets the next of their lanes come forward.
    async fn store_arrived(&mut self, arrived: Arrived) -> Result<(), sqlx::Error> {
        let mut lanes = BTreeSet::new();
        for (stage, parcels) in arrived {
            let stage = stage.map_or_else(String::new, |s| format!(", stage = '{}'", s.as_str()));
            let sql = format!(
                "update outbox set state = '{}', head = 0, lease_token = null{stage}
                where id in ({{ids}})",
                ParcelState::Klaar.as_str()
            );
            let ids = parcels.iter().map(|parcel| parcel.id.into()).collect();
            update_in(self.conn, &sql, ids).await?;
            lanes.extend(parcels.into_iter().map(|parcel| (parcel.case, parcel.recipient)));
        }
        self.advance_lanes(lanes).await
    }
}
