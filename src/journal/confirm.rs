//! What recipients say about their parcels, and the answer to who sent the message.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use super::cases::CaseBook;
use super::keys::{Part, open_row_key, open_sealed};
use super::outbox::{Made, ParcelRow, fixed_code};
use super::receive::Group;
use super::regie::{Moment, OnRequest};
use super::sql::query;
use super::unit::Unit;
use super::{ConfirmOrder, JournalError, LeafKind, ParcelState, Rules};
use crate::message::CaseState;
use crate::message::{Confirmation, Digest, Entropy, ExternalId, PartnerId, Stage, Timestamp};
use crate::pipeline::{Dispatch, Feedback};

/// A word about a parcel, checked to come from its recipient.
pub(super) struct Confirmed {
    pub parcel: ParcelRow,
    /// Who says it: the recipient under its name of now.
    partner: PartnerId,
    stage: Stage,
    reason: Option<String>,
    at: Timestamp,
}

/// A stage to be recorded.
pub(super) struct Word {
    pub parcel: Uuid,
    pub stage: Stage,
    row: ParcelRow,
    reason: Option<String>,
    at: Timestamp,
    catalogue: Digest,
    /// The leaf, where its id was taken before.
    leaf: Option<(i64, String)>,
}

impl Confirmed {
    pub fn new(
        parcel: &ParcelRow,
        partner: &PartnerId,
        told: &Confirmation,
        at: Timestamp,
    ) -> Self {
        let reason = told.reason.as_deref().map(fixed_code);
        let (parcel, partner) = (parcel.clone(), partner.clone());
        Self { parcel, partner, stage: told.stage, reason, at }
    }

    /// What it says about a task, where the parcel asked one and the word is news.
    pub fn on_request(&self) -> Option<OnRequest> {
        (self.parcel.request && self.moves()).then(|| OnRequest {
            message: self.parcel.message,
            partner: self.partner.clone(),
            stage: self.stage,
            reason: self.reason.clone(),
        })
    }

    /// A word that comes too late or twice changes nothing.
    fn moves(&self) -> bool {
        self.parcel.stage.may_become(self.stage)
    }

    pub fn into_word(self, catalogue: Digest) -> Option<Word> {
        self.moves().then_some(Word {
            parcel: self.parcel.id,
            stage: self.stage,
            row: self.parcel,
            reason: self.reason,
            at: self.at,
            catalogue,
            leaf: None,
        })
    }
}

impl Unit<'_> {
    /// The answer to the original sender, where a recipient accepted or refused.
    pub async fn answer(
        &mut self,
        rules: &Rules,
        confirmed: &Confirmed,
        case: &CaseState,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<Dispatch, JournalError> {
        let final_word = matches!(confirmed.stage, Stage::Geaccepteerd | Stage::Geweigerd);
        if !final_word || !confirmed.moves() || confirmed.parcel.answer {
            return Ok(Dispatch::default());
        }
        let sql = "select id, case_id, partner, sealed_key, names from inbox where id = $1";
        let message = confirmed.parcel.message;
        let row = query(sql, [message.into()]).fetch_one(&mut *self.conn).await?;
        let holder = match self.holder_key(row.uuid("case_id")?).await {
            Ok(holder) => holder,
            // Whose names were erased cannot be answered.
            Err(JournalError::Erased) => return Ok(Dispatch::default()),
            Err(error) => return Err(error),
        };
        let key = open_row_key(&holder, message, &row.blob("sealed_key")?)?;
        let (_, names) = open_sealed(&key, message, Part::Names, &row.blob("names")?)?;
        let [external_id, reference] = read_names(&names)?;
        let about = Feedback {
            sender: self.succession.now(&row.parsed("partner")?).clone(),
            external_id: ExternalId::new(external_id),
            reference,
            usage: confirmed.parcel.usage,
            stage: confirmed.stage,
            reason: confirmed.reason.clone(),
        };
        Ok((rules.feedback)(&about, case, now, entropy))
    }

    /// Records a stage: the parcel waits no longer, and the next of its lane comes forward.
    pub async fn record(&mut self, word: &Word) -> Result<(), JournalError> {
        let Word { row, stage, reason, at, catalogue, .. } = word;
        let code = stage_code(*stage, reason.as_deref());
        let (leaf, outcome) = match &word.leaf {
            Some((leaf, outcome)) => (*leaf, outcome.clone()),
            None => (self.reserve_leaf(), code),
        };
        self.put_leaf(leaf, row.leaf(LeafKind::Stadium, *at, *catalogue, outcome));
        let sql = "update outbox set stage = $2, stage_reason = $3 where id = $1";
        let cells = [row.id.into(), stage.as_str().into(), reason.clone().into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        match row.state {
            ParcelState::Wacht => self.close_parcel(row, ParcelState::Klaar).await?,
            ParcelState::Uitval => {
                // It arrived after all.
                let sql = "update quarantine set state = 'vrijgegeven', closed_at = $2,
                        closed_by = 'ontvanger', closed_why = 'bevestigd'
                    where parcel_id = $1 and state = 'open'";
                let close = query(sql, [row.id.into(), (*at).into()]);
                close.execute(&mut *self.conn).await?;
                self.close_parcel(row, ParcelState::Klaar).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A recipient's word outside a message. Answers with the stage that now holds; the same
    /// word again is fine.
    pub async fn confirm(
        &mut self,
        order: &ConfirmOrder,
        rules: &Arc<Rules>,
    ) -> Result<Stage, JournalError> {
        let parcel = self.parcel_row_of(order.parcel.into()).await?;
        if !self.succession.same(&parcel.recipient, &order.partner) {
            return Err(JournalError::NotFound);
        }
        let (from, to) = (parcel.stage, order.stage);
        if from == to || (to == Stage::Ontvangen && from > to) {
            return Ok(from);
        }
        if !from.may_become(to) {
            return Err(JournalError::Stage { from, to });
        }
        let told =
            Confirmation { parcel: order.parcel, stage: order.stage, reason: order.reason.clone() };
        let confirmed = Confirmed::new(&parcel, &order.partner, &told, order.at);
        let mut book = CaseBook::load(self, &[], BTreeSet::from([parcel.case])).await?;
        let mut announced = (self.reserve_leaf(), stage_code(to, confirmed.reason.as_deref()));
        if let Some(case) = book.case_mut(parcel.case) {
            let mut entropy = Entropy::new(order.seed);
            let dispatch =
                self.answer(rules, &confirmed, &case.state, order.at, &mut entropy).await?;
            let made = Made {
                message: parcel.message,
                leaf: announced.0,
                at: order.at,
                catalogue: rules.catalogue,
                answer: true,
            };
            let put = self.put_parcels(&dispatch, &made, case)?;
            announced.1 = put.announced.outcome(&announced.1);
            self.store_parcels(put.rows).await?;
        }
        let on_request = confirmed.on_request();
        if let Some(word) = confirmed.into_word(rules.catalogue) {
            self.record(&Word { leaf: Some(announced), ..word }).await?;
        }
        if let Some(word) = on_request {
            let mut group = Group::of_cases(self, BTreeSet::from([parcel.case])).await?;
            let moment = Moment { rules, case: parcel.case, at: order.at };
            group.receipt(self, moment, &word).await?;
            group.store(self).await?;
        }
        Ok(to)
    }
}

/// Reads what `inbox::names_json` wrote.
pub(super) fn read_names(bytes: &[u8]) -> Result<[String; 2], JournalError> {
    serde_json::from_slice(bytes).map_err(|_| JournalError::Unreadable("the names of a message"))
}

fn stage_code(stage: Stage, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{}:{reason}", stage.as_str()),
        None => stage.as_str().to_owned(),
    }
}
