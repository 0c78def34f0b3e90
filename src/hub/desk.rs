//! What partners ask over HTTP: their mailbox, the stages of their messages, their own log.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::active::Active;
use super::look::look;
use super::restored::told_of;
use super::{Hub, clock};
use crate::journal::{ConfirmOrder, JournalError, LookFn, Outgoing};
use crate::message::{CaseNumber, Digest, ParcelId, PartnerId, PublicId, Second};
use crate::transport::{
    Answer, AuthResult, Check, Collected, Confirmed, Held, OutgoingParcel, PartnerDesk, Readiness,
    Room, Unavailable, Word,
};

/// How long a collected parcel is the partner's before it is handed out again.
pub const LEASE_S: i64 = 300;
/// Parcels taken from the journal in one go, so that an answer does not overshoot its room.
const STEP: u16 = 10;
/// Rounds in which parcels that must be made anew are made, in one request.
const ROUNDS_MAX: usize = 5;

impl PartnerDesk for Hub {
    fn authenticate<'a>(&'a self, token: &'a str) -> Answer<'a, AuthResult> {
        Box::pin(async move {
            let known = self.directory.authenticate(&self.journal, token).await;
            let AuthResult::Partner(name) = known else { return known };
            // A key of before a change of name opens the same door, until the day it does not.
            let active = self.active();
            match active.catalogue.known_as(&name, clock::now()) {
                Some(partner) if self.suspended().contains(&partner.id) => {
                    AuthResult::Suspended(partner.id.clone())
                }
                Some(partner) => AuthResult::Partner(partner.id.clone()),
                None if active.catalogue.partner(&name).is_some() => AuthResult::Unknown,
                // Whom the set does not have is told so, further on.
                None => AuthResult::Partner(name),
            }
        })
    }

    fn accepts_certificate(&self, partner: &PartnerId, shown: Option<Digest>) -> bool {
        let active = self.active();
        let known = active.catalogue.partner(partner).map(|partner| &partner.certificates);
        known.is_none_or(|known| known.is_empty() || shown.is_some_and(|it| known.contains(&it)))
    }

    fn message_status<'a>(
        &'a self,
        partner: &'a PartnerId,
        message: PublicId,
    ) -> Answer<'a, Result<Option<Value>, Unavailable>> {
        Box::pin(self.status_for(partner, message))
    }

    fn case<'a>(
        &'a self,
        partner: &'a PartnerId,
        number: &'a str,
    ) -> Answer<'a, Result<Option<Value>, Unavailable>> {
        Box::pin(async move {
            let number = CaseNumber::from_stored(number.to_owned());
            let found = self.journal.case_for(partner, &number).await.map_err(unavailable)?;
            let active = self.active();
            let now = clock::now();
            Ok(found
                .map(|case| super::regie::shown(&active.catalogue, partner, &number, &case, now)))
        })
    }

    fn hold<'a>(
        &'a self,
        partner: &'a PartnerId,
        id: uuid::Uuid,
        why: String,
    ) -> Answer<'a, Result<Held, Unavailable>> {
        Box::pin(async move {
            let rules = self.active().rules;
            match self.journal.hold_for((partner, id), why, rules, clock::now()).await {
                Ok(held) => {
                    tracing::warn!(partner.id = %partner, "a partner held a message");
                    Ok(Held::Waits(held.map(|held| json!(held))))
                }
                Err(JournalError::Order(_)) => Ok(Held::Nothing),
                Err(JournalError::NotFound | JournalError::Erased) => Ok(Held::Unknown),
                Err(error) => Err(unavailable(error)),
            }
        })
    }

    fn collect<'a>(
        &'a self,
        partner: &'a PartnerId,
        room: Room,
    ) -> Answer<'a, Result<Vec<Collected>, Unavailable>> {
        Box::pin(self.collect_for(partner, room))
    }

    fn wait_for_mail<'a>(&'a self, partner: &'a PartnerId, patience: Duration) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut mail = self.mail.subscribe();
            let arrived = async {
                loop {
                    mail.mark_unchanged();
                    if self.has_mail(partner).await.unwrap_or(true) || mail.changed().await.is_err()
                    {
                        return;
                    }
                }
            };
            // Either way the caller collects again and sees for itself.
            let _waited = tokio::time::timeout(patience, arrived).await;
        })
    }

    fn content<'a>(
        &'a self,
        partner: &'a PartnerId,
        parcel: ParcelId,
    ) -> Answer<'a, Result<Option<OutgoingParcel>, Unavailable>> {
        Box::pin(async move {
            if self.is_closed() {
                return Err(Unavailable::closed());
            }
            let active = self.active();
            for name in active.catalogue.succession.names(partner) {
                match self.journal.handed_out_parcel(name, parcel, clock::now()).await {
                    Err(JournalError::NotFound | JournalError::Erased) => {}
                    found => {
                        let found = found.map_err(unavailable)?;
                        return Ok(Some(self.outgoing(&active.catalogue, found)));
                    }
                }
            }
            Ok(None)
        })
    }

    fn confirm<'a>(
        &'a self,
        partner: &'a PartnerId,
        parcel: ParcelId,
        word: Word,
    ) -> Answer<'a, Result<Confirmed, Unavailable>> {
        Box::pin(async move {
            let seed = clock::random().map_err(|_| Unavailable::for_seconds(5))?;
            let order = ConfirmOrder {
                partner: partner.clone(),
                parcel,
                stage: word.stage,
                reason: word.reason,
                at: clock::now(),
                seed,
            };
            match self.journal.confirm(order, self.active().rules).await {
                Ok(stage) => {
                    self.new_mail();
                    tracing::info!(partner.id = %partner, parcel.id = %parcel,
                        stage = stage.as_str(), "parcel confirmed");
                    Ok(Confirmed::At(stage))
                }
                Err(JournalError::Stage { from, .. }) => Ok(Confirmed::Conflict(from)),
                Err(JournalError::NotFound | JournalError::Erased) => Ok(Confirmed::Unknown),
                Err(error) => Err(unavailable(error)),
            }
        })
    }

    fn log<'a>(
        &'a self,
        partner: &'a PartnerId,
        after: Option<u64>,
        limit: u16,
    ) -> Answer<'a, Result<Value, Unavailable>> {
        Box::pin(self.log_for(partner, after, limit))
    }

    fn ready(&self) -> Answer<'_, Readiness> {
        Box::pin(async move {
            let reads = self.journal.suspended().await.is_ok();
            let writes = self.journal.writable();
            let check = |name: &str, ready| Check::part(name, ready, true);
            let mut checks =
                vec![check("logboek-lezen", reads), check("logboek-schrijven", writes)];
            checks.extend(self.standing_checks());
            checks.extend(self.broker_checks());
            Readiness { checks }
        })
    }
}

impl Hub {
    /// Whether the hub can do its work, for its operators.
    pub(super) async fn readiness(&self) -> Value {
        let readiness = self.ready().await;
        let parts = readiness.checks.iter();
        let parts =
            parts.map(|part| json!({ "naam": part.name, "gereed": part.ready, "reden": part.why }));
        json!({ "gereed": readiness.is_ready(), "onderdelen": parts.collect::<Vec<_>>() })
    }

    /// The stages of a message, for its sender. Others are not named: that somebody takes part
    /// is itself sensitive.
    async fn status_for(
        &self,
        partner: &PartnerId,
        message: PublicId,
    ) -> Result<Option<Value>, Unavailable> {
        let trace = match self.journal.trace(message.into(), clock::now()).await {
            Err(JournalError::NotFound) => return Ok(None),
            trace => trace.map_err(unavailable)?,
        };
        let succession = self.active().catalogue.succession.clone();
        if !succession.same(&trace.message.sender, partner) || trace.message.public_id != message {
            return Ok(None);
        }
        let parcels = trace.parcels.iter().filter(|parcel| !parcel.answer);
        let parcels = parcels.map(|p| json!({ "stadium": p.stage, "reden": p.stage_reason }));
        let proofs = self.journal.proofs(message.into(), true).await.map_err(unavailable)?;
        Ok(Some(json!({
            "id": message,
            "casus": trace.message.case_number,
            "soort": trace.message.kind,
            "gebruik": trace.message.usage,
            "ontvangen": Second::from(trace.message.received_at),
            "zendingen": parcels.collect::<Vec<_>>(),
            "bewijzen": proofs,
        })))
    }

    async fn has_mail(&self, partner: &PartnerId) -> Result<bool, JournalError> {
        for name in self.active().catalogue.succession.names(partner) {
            if self.journal.has_mail(name, clock::now()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What waits under former names comes first: it is the oldest.
    async fn collect_for(
        &self,
        partner: &PartnerId,
        room: Room,
    ) -> Result<Vec<Collected>, Unavailable> {
        let active = self.active();
        let mut collected: Vec<Collected> = Vec::new();
        let former = active.catalogue.succession.before(partner);
        for name in former.iter().chain([partner]) {
            self.collect_under(&active, name, room, &mut collected).await?;
        }
        Ok(collected)
    }

    async fn collect_under(
        &self,
        active: &Active,
        partner: &PartnerId,
        room: Room,
        collected: &mut Vec<Collected>,
    ) -> Result<(), Unavailable> {
        let mut size: usize = collected.iter().map(|taken| taken.parcel.bytes.len()).sum();
        let mut rounds = 0;
        while collected.len() < usize::from(room.parcels) && size < room.size_bytes {
            let left = usize::from(room.parcels) - collected.len();
            let now = clock::now();
            let taken = self
                .journal
                .collect(partner, now, left.min(usize::from(STEP)), LEASE_S, self.looks())
                .await
                .map_err(unavailable)?;
            let leased_until = now.plus_seconds(LEASE_S).into();
            let (went, review) = (taken.parcels.len(), taken.review);
            for parcel in taken.parcels {
                size += parcel.bytes.len();
                let parcel = self.outgoing(&active.catalogue, parcel);
                collected.push(Collected { parcel, leased_until });
            }
            let reviewed = !review.is_empty();
            for (parcel, found) in review {
                self.review(active, parcel, found).await.map_err(unavailable)?;
            }
            rounds += 1;
            let more = went == left.min(usize::from(STEP)) || reviewed && rounds < ROUNDS_MAX;
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// The look before an attempt, for the journal to apply before it commits one.
    pub(super) fn looks(&self) -> Arc<LookFn> {
        let (active, suspended) = (self.active(), self.suspended());
        Arc::new(move |parcel: &Outgoing, now| {
            look(
                &active.catalogue,
                &suspended,
                &parcel.recipient,
                &parcel.detail,
                parcel.catalogue,
                parcel.answer,
                now,
            )
        })
    }

    async fn log_for(
        &self,
        partner: &PartnerId,
        after: Option<u64>,
        limit: u16,
    ) -> Result<Value, Unavailable> {
        let after = after.map_or(0, |after| i64::try_from(after).unwrap_or(i64::MAX));
        let lines = self
            .journal
            .partner_log(partner, after, i64::from(limit))
            .await
            .map_err(unavailable)?;
        let next = lines.last().map(|line| line.seq);
        let mut entries = Vec::with_capacity(lines.len());
        for line in lines {
            let mut entry = json!(line);
            if let Some(object) = entry.as_object_mut() {
                let hash = line.commitment.map(|commitment| commitment.to_string());
                object.insert("hash".to_owned(), json!(hash));
            }
            entries.push(entry);
        }
        let checkpoint = self.journal.latest_checkpoint().await.map_err(unavailable)?;
        let restarts = self.journal.restarts().await.map_err(unavailable)?;
        Ok(json!({
            "regels": entries,
            "volgende": next,
            "controlepunt": checkpoint.as_deref(),
            "herstel": told_of(&restarts),
        }))
    }
}

pub(super) fn unavailable(error: JournalError) -> Unavailable {
    if matches!(error, JournalError::Closed) {
        return Unavailable::closed();
    }
    tracing::error!(error = %super::chain(&error), "the journal does not answer");
    Unavailable::for_seconds(5)
}
