//! Holding a message that would endanger somebody: what has not left yet goes to quarantine, from
//! where a person releases or drops it. A coordinator holds, and so does who sent or got it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::Moment;
use crate::casework;
use crate::journal::keys::Part;
use crate::journal::order::{Done, Order};
use crate::journal::receive::Group;
use crate::journal::sql::query;
use crate::journal::unit::{Entry, LeafOf, Unit};
use crate::journal::{Journal, JournalError, LeafKind, Rules};
use crate::message::{Digest, Entropy, MessageId, PartnerId, Timestamp};

/// The reason in quarantine.
const REASON: &str = "vastgehouden";
/// The reason of the entry that keeps what a partner said: it has no parcel.
pub const ASKED: &str = "vasthouden-gevraagd";

/// Who holds a message, and why.
#[derive(Debug, Clone)]
pub struct HoldOrder {
    pub message: MessageId,
    pub who: Holding,
}

#[derive(Clone)]
pub enum Holding {
    Person {
        by: String,
        why: String,
    },
    /// Its sender, or a recipient of it. What it says may tell of people: it is kept sealed.
    Partner {
        partner: PartnerId,
        sent_it: bool,
        why: String,
    },
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { .. } => f.write_str("Person(…)"),
            Self::Partner { partner, .. } => write!(f, "Partner({partner}, …)"),
        }
    }
}

/// What became of its parcels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HeldParcels {
    #[serde(rename = "vastgehouden")]
    pub held: usize,
    /// In the hands of who delivers or collects it at this moment; it may still arrive.
    #[serde(rename = "onderweg")]
    pub under_way: usize,
    /// Arrived before.
    #[serde(rename = "alAangekomen")]
    pub arrived: usize,
}

/// A message of which nothing can be held any more.
const GONE: &str = "van dit bericht wacht niets meer dat kan worden vastgehouden";

impl Journal {
    /// Holds what has not left yet of a message, by any id of it or of its parcels.
    pub async fn hold(
        &self,
        id: Uuid,
        (by, why): (String, String),
        rules: Arc<Rules>,
        now: Timestamp,
    ) -> Result<HeldParcels, JournalError> {
        let message = self.message_of(&mut self.reads.acquire().await?, id).await?.into();
        let who = Holding::Person { by, why };
        self.ask_to_hold(HoldOrder { message, who }, rules, now).await
    }

    /// The same for a partner: by the number of a message that it sent, or of a parcel that it got.
    /// What became of the parcels is for its sender only. Anything else is not found.
    pub async fn hold_for(
        &self,
        (partner, id): (&PartnerId, Uuid),
        why: String,
        rules: Arc<Rules>,
        now: Timestamp,
    ) -> Result<Option<HeldParcels>, JournalError> {
        let names = self.roll.get();
        let mut conn = self.reads.acquire().await?;
        let mut found = None;
        for name in names.names(partner) {
            let sql = "select id, 1 as sent_it from inbox where public_id = $1 and partner = $2
                union all select message_id, 0 from outbox
                    where id = $1 and recipient = $2 and answer = 0";
            let row = query(sql, [id.into(), name.as_str().into()]);
            found = found.or(row.fetch_optional(&mut conn).await?);
        }
        let row = found.ok_or(JournalError::NotFound)?;
        drop(conn);
        let (message, sent_it) = (row.uuid("id")?.into(), row.int("sent_it")? != 0);
        let who = Holding::Partner { partner: partner.clone(), sent_it, why };
        let held = self.ask_to_hold(HoldOrder { message, who }, rules, now).await?;
        Ok(Some(held).filter(|_| sent_it))
    }

    async fn ask_to_hold(
        &self,
        order: HoldOrder,
        rules: Arc<Rules>,
        now: Timestamp,
    ) -> Result<HeldParcels, JournalError> {
        match self.ask(Order::Hold { order, rules, now }).await? {
            Done::Held(held) => Ok(held),
            _ => Err(JournalError::Stopped),
        }
    }
}

/// A message that is held, in the case in which it is.
#[derive(Clone, Copy)]
struct Held {
    message: Uuid,
    public: Uuid,
    case: Uuid,
}

impl Unit<'_> {
    pub async fn hold(
        &mut self,
        order: &HoldOrder,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<HeldParcels, JournalError> {
        let message = Uuid::from(order.message);
        let sql = "select case_id, public_id from inbox where id = $1";
        let row = query(sql, [message.into()]).fetch_optional(&mut *self.conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        let of = Held { message, public: row.uuid("public_id")?, case: row.uuid("case_id")? };
        let sql = "select id, state, lease_token, next_attempt_at from outbox
            where message_id = $1 and answer = 0 order by seq";
        let rows = query(sql, [message.into()]).fetch_all(&mut *self.conn).await?;
        let mut held = HeldParcels { held: 0, under_way: 0, arrived: 0 };
        let mut waiting = Vec::new();
        for row in &rows {
            let leased = row.maybe_uuid("lease_token")?.is_some();
            match row.text("state")?.as_str() {
                "wacht" if leased && row.time("next_attempt_at")? > now => held.under_way += 1,
                "wacht" => waiting.push(row.uuid("id")?),
                "klaar" => held.arrived += 1,
                _ => {}
            }
        }
        let said = match &order.who {
            Holding::Person { .. } => false,
            Holding::Partner { partner, .. } => self.asked_before(message, partner).await?,
        };
        // To a recipient that nothing waits would tell that nobody else gets it, or has it.
        let quiet = matches!(order.who, Holding::Partner { sent_it: false, .. });
        if waiting.is_empty() && !quiet && !said {
            return Err(JournalError::Order(GONE));
        }
        if let Holding::Partner { .. } = &order.who {
            // Before anything is written: there must be a key to seal what was said.
            self.holder_key(of.case).await?;
        }
        for id in waiting {
            let parcel = self.parcel_row_of(id).await?;
            self.quarantine_parcel(&parcel, REASON, now).await?;
            held.held += 1;
        }
        match &order.who {
            Holding::Person { by, why } => self.held_by_person(of, (by, why), now).await?,
            Holding::Partner { partner, why, .. } if !said => {
                self.held_by_partner(of, (partner, why), rules, now).await?;
            }
            // It said so before, and a coordinator knows of it.
            Holding::Partner { .. } => {}
        }
        Ok(held)
    }

    /// Whether a partner asked the same before and nobody decided about it yet.
    async fn asked_before(
        &mut self,
        message: Uuid,
        partner: &PartnerId,
    ) -> Result<bool, JournalError> {
        // What was asked in this very group counts as well.
        self.flush().await?;
        let sql = "select 1 as one from quarantine where message_id = $1 and partner = $2
            and reason = $3 and state = 'open' limit 1";
        let row = query(sql, [message.into(), partner.as_str().into(), ASKED.into()]);
        Ok(row.fetch_optional(&mut *self.conn).await?.is_some())
    }

    async fn held_by_person(
        &mut self,
        of: Held,
        (by, why): (&str, &str),
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let leaf = self.leaf(LeafOf {
            kind: LeafKind::Vastgehouden,
            at: now,
            subject: of.public,
            partner: None,
            catalogue: Digest([0; 32]),
            outcome: REASON.to_owned(),
            document: None,
        });
        let sql = "insert into timeline (case_id, at, code, by_whom, why, leaf)
            values ($1, $2, $3, $4, $5, $6)";
        let cells = [of.case.into(), now.into(), REASON.into(), by.into(), why.into(), leaf.into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(())
    }

    /// What a partner said is sealed in an entry of its own, with a leaf that names the partner;
    /// and a coordinator is asked to decide.
    async fn held_by_partner(
        &mut self,
        of: Held,
        (partner, why): (&PartnerId, &str),
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let id = self.vault.uuid()?;
        let holder = self.holder_key(of.case).await?;
        let (key, sealed_key) = self.vault.row_key(&holder, id)?;
        let sealed = self.vault.seal(&key, id, Part::Quarantine, why.as_bytes())?;
        let leaf = self.leaf(LeafOf {
            kind: LeafKind::Vastgehouden,
            at: now,
            subject: id,
            partner: Some(partner),
            catalogue: rules.catalogue,
            outcome: REASON.to_owned(),
            document: Some((sealed.digest, sealed.commitment)),
        });
        let entry = Entry {
            partner: Some(partner),
            reason: ASKED,
            detail: "[]".to_owned(),
            media_type: Some("text/plain; charset=utf-8"),
            case: Some(of.case),
            message: Some(of.message),
            document: Some((of.case, sealed_key, sealed.blob, sealed.commitment)),
            leaf: Some(leaf),
            ..Entry::default()
        };
        self.quarantine(id, now, entry);
        let mut group = Group::of_cases(self, BTreeSet::from([of.case])).await?;
        let case = group.book.living(of.case);
        group.held(self, Moment { rules, case, at: now }, partner).await?;
        group.store(self).await
    }
}

impl Group {
    /// A coordinator hears that a partner held a message, and is asked about it where a case runs.
    async fn held(
        &mut self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        partner: &PartnerId,
    ) -> Result<(), JournalError> {
        let told =
            casework::Entry { partner: Some(partner.clone()), ..casework::Entry::plain(REASON) };
        self.regie.entry(moment, &told, None);
        let Some(set) = moment.rules.regie.clone() else { return Ok(()) };
        if self.dossier(moment.case)?.is_none() {
            self.regie.notice(moment, &casework::held_notice(partner, moment.at));
            return Ok(());
        }
        let mut entropy = Entropy::new(unit.vault.random()?);
        let follow = self.step(unit, &set, moment, &mut entropy, |dossier, scene, entropy| {
            casework::held(dossier, scene, partner, entropy)
        });
        let follow = follow.await?;
        self.follow(unit, &set, moment, follow, &mut entropy).await
    }
}
