//! Erasures that people ask for: one asks, another decides, and who had of it hears of it.
//!
//! A request is rows: what it is about is fixed when it is made, and is looked at again when it is
//! approved. Destroying itself is left to `erase`; the notice to recipients to `regie`.

mod ask;
mod decide;
mod loose;
mod person;
mod views;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::loose::LooseCase;
pub(super) use self::person::persons;
pub use self::person::{Bsn, PERSON_CASES_MAX};
pub use self::views::{ErasureLine, ErasureSubject};
use super::erase::{Erased, ErasureOrder};
use super::order::{Done, Order};
use super::sql::query;
use super::unit::{LeafOf, Unit};
use super::{Journal, JournalError, LeafKind, Rules};
use crate::catalogue::Catalogue;
use crate::message::{CaseId, CaseNumber, Digest, PartnerId, Timestamp};

/// A request that nobody decided about lapses after so many days.
pub const REQUEST_DAYS: i64 = 30;

/// What somebody wants erased.
#[derive(Debug, Clone)]
pub enum ErasureScope {
    /// By a message, public id, parcel or case; or an entry of quarantine.
    One(Uuid),
    /// The cases in which a person occurs. Who that is, is not kept.
    Person(Vec<CaseId>),
}

/// Who asks for an erasure, and why.
#[derive(Debug, Clone)]
pub struct ErasureAsk {
    pub scope: ErasureScope,
    pub by: String,
    pub why: String,
}

/// A request as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureAsked {
    #[serde(rename = "verzoek")]
    pub number: i64,
    #[serde(rename = "vervalt")]
    pub until: Timestamp,
    #[serde(rename = "casussen")]
    pub cases: Vec<CaseNumber>,
    /// Left out, because these must be kept.
    #[serde(rename = "moetenBewaardBlijven")]
    pub kept: Vec<CaseNumber>,
}

/// Who decides about a request. A refusal says why; an agreement may.
#[derive(Debug, Clone)]
pub struct ErasureDecision {
    pub number: i64,
    pub by: String,
    pub why: String,
}

/// What an approved request destroyed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasureDone {
    pub verzoek: i64,
    pub gewist: Vec<ErasedItem>,
    /// Not erased: these must be kept since it was asked.
    pub moeten_bewaard_blijven: Vec<CaseNumber>,
    /// Parcels that were waiting and will not be sent.
    pub vervallen_zendingen: u64,
}

/// One case of an approved request, or one document of quarantine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub casus: Option<CaseNumber>,
    /// The case in which its recipients hear of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kennisgeving: Option<CaseNumber>,
    /// Who hears of it.
    pub ontvangers: Vec<PartnerId>,
    /// Whom the hub cannot tell: a coordinator is asked to.
    #[serde(rename = "zelfMelden")]
    pub untold: Vec<PartnerId>,
}

impl Journal {
    /// Asks for an erasure. Nothing is destroyed by it.
    pub async fn ask_erasure(
        &self,
        order: ErasureAsk,
        now: Timestamp,
    ) -> Result<ErasureAsked, JournalError> {
        match self.ask(Order::AskErasure { order: Box::new(order), now }).await? {
            Done::ErasureAsked(asked) => Ok(asked),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Ends a request without erasing anything.
    pub async fn refuse_erasure(
        &self,
        order: ErasureDecision,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        self.ask(Order::RefuseErasure { order, now }).await.map(drop)
    }

    /// A second person agrees: the content is destroyed, and who had of it hears so.
    pub async fn approve_erasure(
        &self,
        order: ErasureDecision,
        (rules, set): (Arc<Rules>, Arc<Catalogue>),
        now: Timestamp,
    ) -> Result<ErasureDone, JournalError> {
        match self.ask(Order::ApproveErasure { order, rules, set, now }).await? {
            Done::ErasureDone(done) => Ok(done),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Erases unless a message came after the one by which its retention was judged (`Settled`).
    pub async fn erase_unless_later(
        &self,
        order: ErasureOrder,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Erased, JournalError> {
        match self.ask(Order::Erase { order, last, now }).await? {
            Done::Erased(erased) => Ok(erased),
            _ => Err(JournalError::Stopped),
        }
    }

    /// Finishes what was begun and not finished, where the list beside the journal or the keys
    /// could not be written: without waiting for the next start.
    pub async fn finish_erasures(&self, now: Timestamp) -> Result<(), JournalError> {
        let sql = "select holder from erasure where done_at is null limit 1";
        let open = query(sql, []).fetch_optional(&mut self.reads.acquire().await?).await?;
        match open {
            Some(_) => self.ask(Order::FinishErasures { now }).await.map(drop),
            None => Ok(()),
        }
    }
}

/// Somebody decided something about erasing.
struct Said<'a> {
    code: &'static str,
    number: i64,
    by: &'a str,
    why: &'a str,
}

impl Unit<'_> {
    /// A leaf that it was said, and a line for each case that it is about.
    async fn say_erasure(
        &mut self,
        said: &Said<'_>,
        cases: &[Uuid],
        now: Timestamp,
    ) -> Result<i64, JournalError> {
        let subject = self.vault.uuid()?;
        let leaf = self.leaf(LeafOf {
            kind: LeafKind::Regie,
            at: now,
            subject,
            partner: None,
            catalogue: Digest([0; 32]),
            outcome: said.code.to_owned(),
            document: None,
        });
        for case in cases {
            let sql = "insert into timeline (case_id, at, code, detail, by_whom, why, leaf)
                values ($1, $2, $3, $4, $5, $6, $7)";
            let cells = [
                (*case).into(),
                now.into(),
                said.code.into(),
                said.number.to_string().into(),
                said.by.into(),
                said.why.into(),
                leaf.into(),
            ];
            query(sql, cells).execute(&mut *self.conn).await?;
        }
        Ok(leaf)
    }

    async fn number_of(&mut self, case: Uuid) -> Result<Option<CaseNumber>, sqlx::Error> {
        let sql = "select number from cases where id = $1";
        let row = query(sql, [case.into()]).fetch_optional(&mut *self.conn).await?;
        row.map(|row| row.text("number").map(CaseNumber::from_stored)).transpose()
    }
}
