//! What was agreed, sealed under the key of its case; dossiers only know that something was.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::cases::{MERGES_MAX, read_dossier};
use super::super::keys::{Part, open_row_key, open_sealed};
use super::super::receive::{Group, NO_CASE};
use super::super::sql::query;
use super::super::unit::Unit;
use super::super::{Journal, JournalError, Rules};
use super::orders::refused;
use super::{CaseAct, CaseOrder, Moment};
use crate::casework::{
    self, Agree, Agreement, AgreementState, OrderFault, Party, PartyKind, check_wording,
};
use crate::message::{AgreementId, CaseNumber, Digest, Entropy, PartnerId, Timestamp};

/// An agreement as it was made: what is sealed. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementWords {
    #[serde(rename = "tekst")]
    pub text: String,
    #[serde(rename = "partijen")]
    pub parties: Vec<NamedParty>,
    #[serde(rename = "tot")]
    pub until: Timestamp,
    #[serde(rename = "herzien", default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Timestamp>,
}

/// Whom an agreement is with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum NamedParty {
    Partner {
        ketenpartner: PartnerId,
    },
    Other {
        soort: PartyKind,
        /// Of a person or a firm.
        naam: String,
    },
}

impl fmt::Debug for AgreementWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgreementWords(…)")
    }
}

/// What a coordinator does about an agreement.
#[derive(Debug, Clone)]
pub enum AgreementAct {
    Make(AgreementWords),
    Change {
        id: AgreementId,
        until: Option<Timestamp>,
        review: Option<Timestamp>,
    },
    End {
        id: AgreementId,
        state: AgreementState,
    },
    /// Sees what was agreed.
    Reveal {
        id: AgreementId,
    },
}

impl AgreementAct {
    /// The agreement that it is about; a new one where it makes one.
    pub(super) fn id(&self, entropy: &mut Entropy) -> AgreementId {
        match self {
            Self::Make(_) => entropy.agreement_id(),
            Self::Change { id, .. } | Self::End { id, .. } | Self::Reveal { id } => *id,
        }
    }

    /// What the timeline and the leaf call it.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Make(_) => "besluit-afspraak-maken",
            Self::Change { .. } => "besluit-afspraak-wijzigen",
            Self::End { state, .. } => match state {
                AgreementState::Nagekomen => "besluit-afspraak-nagekomen",
                AgreementState::NietNagekomen => "besluit-afspraak-niet-nagekomen",
                AgreementState::Beeindigd | AgreementState::Loopt => "besluit-afspraak-beeindigen",
            },
            Self::Reveal { .. } => "afspraak-ingezien",
        }
    }
}

impl AgreementWords {
    /// Whether it can be an agreement; what only its case knows is judged there.
    fn check(&self) -> Result<(), OrderFault> {
        let names = self.parties.iter().filter_map(|party| match party {
            NamedParty::Partner { .. } => None,
            NamedParty::Other { naam, .. } => Some(naam.as_str()),
        });
        Ok(check_wording(&self.text, names)?)
    }

    /// Its parties without their names.
    fn codes(&self) -> Vec<Party> {
        let code = |party: &NamedParty| match party {
            NamedParty::Partner { ketenpartner } => Party::Partner(ketenpartner.clone()),
            NamedParty::Other { soort, .. } => Party::Other { kind: *soort },
        };
        self.parties.iter().map(code).collect()
    }
}

/// An agreement as somebody may see it who said who asks and why.
#[derive(Debug, Clone)]
pub struct AgreementShown {
    pub case: CaseNumber,
    /// As it stands now: its term may have changed since.
    pub agreement: Agreement,
    pub words: AgreementWords,
}

impl Journal {
    /// The case in which an agreement is now, and how it stands: the one that it was made in, or
    /// one that took that over.
    pub async fn agreement(
        &self,
        id: AgreementId,
    ) -> Result<(CaseNumber, Agreement), JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = "select case_id from agreement where id = $1";
        let row = query(sql, [Uuid::from(id).into()]).fetch_optional(&mut conn).await?;
        let mut case = row.ok_or(JournalError::NotFound)?.uuid("case_id")?;
        for _ in 0..=MERGES_MAX {
            let sql = "select c.number, c.erased_at, d.document
                from cases c join dossier d on d.case_id = c.id where c.id = $1";
            let row = query(sql, [case.into()]).fetch_optional(&mut conn).await?;
            let row = row.ok_or(JournalError::NotFound)?;
            if row.maybe_time("erased_at")?.is_some() {
                return Err(JournalError::Erased);
            }
            let dossier = read_dossier(&row.text("document")?, &self.roll.get())?;
            if let Some(agreement) = dossier.agreement(id) {
                return Ok((CaseNumber::from_stored(row.text("number")?), agreement.clone()));
            }
            case = dossier.merged_into.ok_or(JournalError::NotFound)?.into();
        }
        Err(JournalError::NotFound)
    }

    /// What was agreed, for a person. It leaves the journal only after who saw it, and why, is on
    /// disk; where that cannot be written, nothing is revealed.
    pub async fn reveal_agreement(
        &self,
        id: AgreementId,
        (by, why): (String, String),
        rules: Arc<Rules>,
        now: Timestamp,
    ) -> Result<AgreementShown, JournalError> {
        let (case, agreement) = self.agreement(id).await?;
        let words = self.agreement_words(id).await?;
        let act = CaseAct::Agree(AgreementAct::Reveal { id });
        self.order_case(CaseOrder { case: case.clone(), act, by, why }, rules, now).await?;
        Ok(AgreementShown { case, agreement, words })
    }

    async fn agreement_words(&self, id: AgreementId) -> Result<AgreementWords, JournalError> {
        let sql = "select case_id, sealed_key, document from agreement where id = $1";
        let id = Uuid::from(id);
        let row = query(sql, [id.into()]).fetch_optional(&mut self.reads.acquire().await?).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        let holder = self.vault.holder_key(row.uuid("case_id")?).await?;
        let key = open_row_key(&holder, id, row.bytes("sealed_key")?)?;
        let (_, words) = open_sealed(&key, id, Part::Agreement, row.bytes("document")?)?;
        serde_json::from_slice(&words).map_err(|_| UNREADABLE)
    }
}

const UNREADABLE: JournalError = JournalError::Unreadable("an agreement");

impl Group {
    /// Carries out what a coordinator does about an agreement. Of one that was made: the hash of
    /// what is sealed, and the commitment to it, for the leaf of the order.
    pub(super) async fn agree(
        &mut self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        (id, leaf): (AgreementId, i64),
        act: &AgreementAct,
    ) -> Result<Option<(Digest, Digest)>, JournalError> {
        let order = match act {
            AgreementAct::Make(words) => {
                words.check().map_err(refused)?;
                let (until, review) = (words.until, words.review);
                Agree::Make { id, parties: words.codes(), until, review }
            }
            AgreementAct::Change { until, review, .. } => {
                Agree::Change { id, until: *until, review: *review }
            }
            AgreementAct::End { state, .. } => Agree::End { id, state: *state },
            AgreementAct::Reveal { .. } => {
                let dossier = self.dossier(moment.case)?;
                let known = dossier.is_some_and(|dossier| dossier.agreement(id).is_some());
                return if known { Ok(None) } else { Err(JournalError::NotFound) };
            }
        };
        self.ordered(unit, moment, &casework::Order::Agree(order)).await?;
        match act {
            AgreementAct::Make(words) => {
                self.keep_words(unit, moment, (id, leaf), words).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn keep_words(
        &self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        (id, leaf): (AgreementId, i64),
        words: &AgreementWords,
    ) -> Result<(Digest, Digest), JournalError> {
        let id = Uuid::from(id);
        let holder = &self.book.case(moment.case).ok_or(NO_CASE)?.key;
        let (key, sealed_key) = unit.vault.row_key(holder, id)?;
        let bytes = serde_json::to_vec(words).map_err(|_| UNREADABLE)?;
        let sealed = unit.vault.seal(&key, id, Part::Agreement, &bytes)?;
        let sql = "insert into agreement (id, case_id, at, sealed_key, document, commitment, leaf)
            values ($1, $2, $3, $4, $5, $6, $7)";
        let cells = [
            id.into(),
            moment.case.into(),
            moment.at.into(),
            sealed_key.into(),
            sealed.blob.into(),
            sealed.commitment.into(),
            leaf.into(),
        ];
        query(sql, cells).execute(&mut *unit.conn).await?;
        Ok((sealed.digest, sealed.commitment))
    }
}
