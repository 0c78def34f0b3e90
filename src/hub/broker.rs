//! The broker's side of the hub: laying parcels in mailboxes, burying dead letters, and looking
//! after what lies in a mailbox without a word of its recipient.
//!
//! A parcel in a mailbox stays at `klaargezet`: published is not collected. The journal owns the
//! truth, so what the broker loses is sent again under the same id.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use super::active::Active;
use super::deliver::{Delivered, outcome_name};
use super::{Hub, clock, inlet, look::look, meters};
use crate::catalogue::Catalogue;
use crate::catalogue::partner::Delivery as Way;
use crate::journal::{
    AttemptOutcome, JournalError, LeaseToken, Look, MailboxOrder, Outgoing, Unconfirmed,
};
use crate::message::{Fault, ParcelId, PartnerId, Refusal, Stage, Timestamp};
use crate::transport::amqp::{BATCH_MAX, Letter, LinkError, Posted, Publisher, Trace, topology};
use crate::transport::{Answer, DeadDesk, DeadLetter, LastPlace, Outcome, ladder};

/// Longer than a batch can take, its time limits included.
const LEASE_S: i64 = 120;
/// When a batch without a verdict is tried again. That the broker is away is no partner's doing,
/// so it climbs no ladder; the connection itself is the breaker for all.
const BROKER_AGAIN_S: i64 = 2;
/// How long to wait when the journal's queue is full.
const BUSY_WAIT: Duration = Duration::from_millis(50);
/// Parcels looked after in one go, for each partner.
const AGAIN_MAX: usize = 200;
/// How often a parcel is laid in a mailbox, the first time included. Each wait is four times the
/// one before: with half an hour as the first, the last is after 43 hours.
const SENDS_MAX: u32 = 5;
const WAIT_FACTOR: i64 = 4;

/// The partners that get their parcels through the broker.
pub fn broker_partners(catalogue: &Catalogue) -> BTreeSet<PartnerId> {
    let partners = catalogue.partners.values();
    let by_broker = partners.filter(|partner| matches!(partner.delivery, Way::RabbitMq));
    by_broker.map(|partner| partner.id.clone()).collect()
}

/// The same under every name: what waits under a former one goes to the mailbox of now.
fn broker_names(catalogue: &Catalogue) -> Vec<PartnerId> {
    let partners = broker_partners(catalogue);
    let names = partners.iter().flat_map(|partner| catalogue.succession.names(partner));
    names.cloned().collect()
}

impl Hub {
    /// Claims what is due for all broker partners, publishes it in one batch, settles each.
    pub async fn broker_step(&self, publisher: &Publisher) -> Result<Delivered, JournalError> {
        if !publisher.is_open() {
            return Ok(Delivered::default());
        }
        let active = self.active();
        let recipients = broker_names(&active.catalogue);
        if recipients.is_empty() {
            return Ok(Delivered::default());
        }
        let now = clock::now();
        let parcels = self.journal.claim(&recipients, now, BATCH_MAX, LEASE_S).await?;
        self.broker_batch(publisher, &active, parcels).await
    }

    /// For whom parcels can leave as soon as they are stored: nobody while the broker is away.
    pub fn broker_opens(&self, publisher: &Publisher) -> BTreeSet<PartnerId> {
        if !publisher.is_open() {
            return BTreeSet::new();
        }
        broker_partners(&self.active().catalogue)
    }

    /// Publishes parcels that were handed over as they were stored, and settles each.
    pub async fn broker_fresh(
        &self,
        publisher: &Publisher,
        parcels: Vec<Outgoing>,
    ) -> Result<Delivered, JournalError> {
        if publisher.is_open() {
            return self.broker_batch(publisher, &self.active(), parcels).await;
        }
        // Nobody tried, so there is nothing to note: they wait as others do.
        for parcel in parcels {
            self.journal.release(parcel.lease).await?;
        }
        Ok(Delivered::default())
    }

    /// Looks at each parcel once more, publishes those that may go in one batch, settles each.
    async fn broker_batch(
        &self,
        publisher: &Publisher,
        active: &Active,
        parcels: Vec<Outgoing>,
    ) -> Result<Delivered, JournalError> {
        let mut done = Delivered::default();
        let mut letters = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            let found = look(
                &active.catalogue,
                &self.suspended(),
                &parcel.recipient,
                &parcel.detail,
                parcel.catalogue,
                parcel.answer,
                clock::now(),
            );
            if found == Look::Go {
                letters.push(self.letter(&active.catalogue, parcel)?);
            } else {
                done.stopped += 1;
                self.review(active, parcel, found).await?;
            }
        }
        fail::fail_point!("verzenden-voor", |_| std::process::abort());
        let sent = letters.into_iter().map(|(about, letter)| async {
            let verdict = publisher.post(letter).await;
            (about, verdict)
        });
        let sent = join_all(sent).await;
        fail::fail_point!("verzenden-na", |_| std::process::abort());
        for (_, verdict) in &sent {
            match verdict {
                Posted::Confirmed => done.sent += 1,
                _ => done.later += 1,
            }
        }
        let settled = sent.into_iter().map(|(about, verdict)| self.settle_post(about, verdict));
        join_all(settled).await.into_iter().collect::<Result<(), _>>()?;
        Ok(done)
    }

    fn letter(
        &self,
        catalogue: &Catalogue,
        parcel: Outgoing,
    ) -> Result<(About, Letter), JournalError> {
        let about = About {
            recipient: parcel.recipient.clone(),
            parcel: parcel.id,
            lease: parcel.lease,
            attempts: parcel.attempts,
        };
        let trace = Trace(clock::random().map_err(|_| JournalError::Sealing)?);
        let outgoing = self.outgoing(catalogue, parcel);
        let mailbox = catalogue.succession.now(&about.recipient);
        let letter = Letter::parcel(mailbox, outgoing, trace);
        Ok((about, letter))
    }

    async fn settle_post(&self, about: About, verdict: Posted) -> Result<(), JournalError> {
        let now = clock::now();
        let About { recipient, parcel, lease, attempts } = about;
        let outcome = || outcome_of(verdict, attempts, parcel, now);
        tracing::info!(partner.id = %recipient, parcel.id = %parcel, attempt = attempts,
            outcome = outcome_name(&outcome()), "attempt to deliver");
        meters::attempted("amqp", outcome_name(&outcome()));
        loop {
            match self.journal.settle(parcel, lease, outcome(), now).await {
                // A whole batch settles at once; who finds no room waits for some.
                Err(JournalError::Busy) => tokio::time::sleep(BUSY_WAIT).await,
                Err(JournalError::StaleLease | JournalError::Erased | JournalError::Settled) => {
                    return Ok(());
                }
                settled => return settled,
            }
        }
    }

    /// Sends again what lies in no mailbox any more and was not confirmed in time. A mailbox in
    /// which something waits says only that its partner has not come yet.
    pub async fn look_after_mailboxes(
        &self,
        publisher: &Publisher,
        receipt_after_s: i64,
    ) -> Result<usize, JournalError> {
        let mut again = 0;
        let catalogue = self.active().catalogue;
        for partner in broker_names(&catalogue) {
            match is_empty(publisher, catalogue.succession.now(&partner)).await {
                Ok(true) => {}
                Ok(false) => continue,
                // Without the broker nobody can tell: a later round will.
                Err(_) => return Ok(again),
            }
            let now = clock::now();
            let before = now.plus_seconds(-receipt_after_s);
            for found in self.journal.unconfirmed(&partner, before, AGAIN_MAX).await? {
                if !is_overdue(&found, receipt_after_s, now) {
                    continue;
                }
                let order = MailboxOrder::SendAgain { parcel: found.parcel };
                match self.journal.mailbox_order(order, now).await {
                    // Its recipient said something just now.
                    Err(JournalError::Settled | JournalError::NotFound) => continue,
                    ordered => ordered?,
                }
                tracing::warn!(partner.id = %partner, parcel.id = %found.parcel,
                    sends = found.sends, "no receipt in time: it is sent again");
                again += 1;
            }
        }
        Ok(again)
    }
}

/// What settling a letter needs.
struct About {
    recipient: PartnerId,
    parcel: ParcelId,
    lease: LeaseToken,
    attempts: u32,
}

fn outcome_of(verdict: Posted, attempts: u32, parcel: ParcelId, now: Timestamp) -> AttemptOutcome {
    let by_ladder = |code: &str| match ladder::delay(attempts, parcel) {
        None => AttemptOutcome::Quarantine { reason: "termijn-verstreken".to_owned() },
        Some(delay) => {
            let at = now.plus_seconds(i64::try_from(delay).unwrap_or(i64::MAX));
            AttemptOutcome::Retry { at, code: code.to_owned() }
        }
    };
    match verdict {
        Posted::Confirmed => AttemptOutcome::Delivered { stage: Stage::Klaargezet },
        Posted::Unroutable => by_ladder("postvak-ontbreekt"),
        Posted::Rejected => by_ladder("postvak-weigert"),
        Posted::Unknown => {
            let at = now.plus_seconds(BROKER_AGAIN_S);
            AttemptOutcome::Retry { at, code: "broker".to_owned() }
        }
    }
}

async fn is_empty(publisher: &Publisher, partner: &PartnerId) -> Result<bool, LinkError> {
    for urgent in [false, true] {
        let queue = topology::mailbox(partner, urgent);
        match publisher.link().depth(&queue).await {
            Ok(Some(1..)) => return Ok(false),
            Ok(_) => {}
            // A broker that does not tell: better once too often, under the same id, than lost.
            Err(LinkError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Whether a parcel waited long enough since it was sent last; after the last time it is left at
/// `klaargezet`, for a partner that gives no receipts.
fn is_overdue(found: &Unconfirmed, receipt_after_s: i64, now: Timestamp) -> bool {
    if found.sends >= SENDS_MAX {
        return false;
    }
    let wait = receipt_after_s.saturating_mul(WAIT_FACTOR.saturating_pow(found.sends.max(1) - 1));
    now.seconds_since(found.last) >= wait
}

impl DeadDesk for Hub {
    fn bury(&self, letter: DeadLetter) -> Answer<'_, Outcome> {
        Box::pin(self.take_dead(letter))
    }
}

impl Hub {
    async fn take_dead(&self, letter: DeadLetter) -> Outcome {
        tracing::warn!(place = ?letter.place, reason = letter.reason, "a dead letter");
        match letter.place {
            LastPlace::Inbound(partner) => {
                let refusal = given_up(&letter.reason);
                self.refuse_given_up(partner, letter.media_type, letter.bytes, refusal).await
            }
            LastPlace::Mailbox(recipient, Some(parcel)) => {
                let reason = format!("postvak-{}", letter.reason);
                let order = MailboxOrder::GivenUp { parcel, recipient, reason };
                match self.journal.mailbox_order(order, clock::now()).await {
                    // What is known about it by now, or was never ours, needs nothing more.
                    Ok(()) | Err(JournalError::Settled | JournalError::NotFound) => seen(),
                    Err(error) => {
                        tracing::error!(error = %super::chain(&error), "a dead letter waits");
                        Outcome::unavailable(inlet::RETRY_AFTER_S)
                    }
                }
            }
            // The journal has what a receipt tells, and gives it again with the message.
            LastPlace::Receipt(_) => seen(),
            LastPlace::Mailbox(_, None) | LastPlace::Unknown => {
                tracing::error!("alert: something in the dead-letter queue is not of this hub");
                seen()
            }
        }
    }
}

/// Nothing more to do; nobody gets an answer.
fn seen() -> Outcome {
    Outcome {
        verdict: crate::transport::Verdict::Accepted,
        status: 200,
        media_type: "application/json".to_owned(),
        body: Vec::new(),
        follow: None,
    }
}

fn given_up(reason: &str) -> Refusal {
    Refusal::one(
        Fault::Onverwerkt,
        "",
        reason,
        "De broker gaf dit bericht op; stuur het opnieuw, of vraag het na.",
        "The broker gave this message up; send it again, or ask about it.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(second)
    }

    #[test]
    fn each_wait_for_a_receipt_is_four_times_the_last_and_they_end() {
        let parcel = uuid::Uuid::from_u128(1).into();
        let overdue = |sends, second| {
            is_overdue(&Unconfirmed { parcel, sends, last: at(0) }, 1_800, at(second))
        };
        for (sends, wait) in [(1, 1_800), (2, 7_200), (3, 28_800), (4, 115_200)] {
            assert!(!overdue(sends, wait - 1) && overdue(sends, wait), "{sends}");
        }
        assert!(!overdue(SENDS_MAX, i64::MAX / 2_000_000), "it is sent no more");
    }

    #[test]
    fn the_broker_being_away_climbs_no_ladder() {
        let parcel = uuid::Uuid::from_u128(1).into();
        let wait = |verdict, attempts| match outcome_of(verdict, attempts, parcel, at(0)) {
            AttemptOutcome::Retry { at, code } => (at.seconds_since(self::at(0)), code),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(Posted::Unknown, 1), (2, "broker".to_owned()));
        assert_eq!(wait(Posted::Unknown, 500), (2, "broker".to_owned()));
        let (seconds, code) = wait(Posted::Unroutable, 6);
        assert!(seconds > 10_000 && code == "postvak-ontbreekt");
        let last = outcome_of(Posted::Unroutable, 100, parcel, at(0));
        assert!(matches!(last, AttemptOutcome::Quarantine { .. }));
        let laid = outcome_of(Posted::Confirmed, 1, parcel, at(0));
        assert!(matches!(laid, AttemptOutcome::Delivered { stage: Stage::Klaargezet }));
    }
}
