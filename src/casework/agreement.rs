//! Agreements (*afspraken*) of a case: between whom, until when, and when to look at them again.
//!
//! What was agreed, and the names of people, are not here: those are sealed under the case's key.
//! Partners are not told of an agreement; a coordinator is reminded and asked.

use serde::{Deserialize, Serialize};

use super::dossier::Dossier;
use super::order::OrderFault;
use super::task::{Question, TaskState};
use super::work::{Notice, NoticeKind, Work};
use crate::catalogue::Catalogue;
use crate::message::{AgreementId, CaseId, PartnerId, Succession, TaskId, Term, Timestamp};

/// Agreements of one case at most, ended ones included.
pub const AGREEMENTS_MAX: usize = 50;
/// Parties of one agreement at most.
pub const PARTIES_MAX: usize = 10;
/// Characters of its text at most, and of a name.
pub const TEXT_MAX: usize = 4_000;
pub const NAME_MAX: usize = 200;

/// How long before its term a coordinator is reminded of an agreement.
const REMIND: Term = Term::WorkingDays(5);

/// How an agreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgreementState {
    Loopt,
    Nagekomen,
    NietNagekomen,
    /// Ended without a word about whether it was kept.
    Beeindigd,
}

impl AgreementState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loopt => "loopt",
            Self::Nagekomen => "nagekomen",
            Self::NietNagekomen => "niet-nagekomen",
            Self::Beeindigd => "beeindigd",
        }
    }
}

/// Who an agreement is with, beside partners. Which person or firm that is, is personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartyKind {
    Bewoner,
    Bedrijf,
    Vrijwilliger,
}

impl PartyKind {
    pub const ALL: [Self; 3] = [Self::Bewoner, Self::Bedrijf, Self::Vrijwilliger];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bewoner => "bewoner",
            Self::Bedrijf => "bedrijf",
            Self::Vrijwilliger => "vrijwilliger",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One of those between whom an agreement is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Party {
    Partner(PartnerId),
    Other { kind: PartyKind },
}

/// An agreement, without what was agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    pub id: AgreementId,
    pub parties: Vec<Party>,
    pub state: AgreementState,
    pub made_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Until when it holds.
    pub until: Timestamp,
    /// When it is to be looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<Timestamp>,
    /// When a coordinator is reminded of the term; none once that was done, and where it would
    /// come with the agreement itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_at: Option<Timestamp>,
    /// Whether a coordinator was asked about it: at its review, and after its term.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked_review: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked_term: bool,
    /// The case that it was made in, where that was merged into this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<CaseId>,
}

impl Agreement {
    /// Puts the names of now in the place of those that partners had before.
    pub fn call_partners(&mut self, succession: &Succession) {
        for party in &mut self.parties {
            if let Party::Partner(partner) = party {
                succession.renew(partner);
            }
        }
    }

    pub const fn runs(&self) -> bool {
        matches!(self.state, AgreementState::Loopt)
    }

    /// What is due about it, and when.
    pub(super) fn due(&self) -> impl Iterator<Item = (Timestamp, Call)> {
        let review = self.review_at.filter(|_| !self.asked_review);
        let term = Some(self.until).filter(|_| !self.asked_term);
        let calls = [(self.remind_at, Call::Remind), (review, Call::Review), (term, Call::Term)];
        let runs = self.runs();
        calls.into_iter().filter_map(move |(at, call)| Some((at.filter(|_| runs)?, call)))
    }

    /// Asks again what was asked before and was not answered.
    pub(super) const fn ask_again(&mut self) {
        self.asked_review = false;
        self.asked_term = false;
    }
}

/// What time does about an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Remind,
    Review,
    Term,
}

/// What a coordinator orders about agreements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agree {
    Make { id: AgreementId, parties: Vec<Party>, until: Timestamp, review: Option<Timestamp> },
    Change { id: AgreementId, until: Option<Timestamp>, review: Option<Timestamp> },
    End { id: AgreementId, state: AgreementState },
}

/// Why an order about an agreement cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgreementFault {
    #[error("deze afspraak is er niet in deze casus")]
    Unknown,
    #[error("deze afspraak is al geëindigd")]
    Ended,
    #[error("de herziening ligt na de termijn van de afspraak")]
    ReviewAfterTerm,
    #[error("de herziening ligt in het verleden")]
    PastReview,
    #[error("noem een nieuwe termijn of een nieuwe herziening")]
    NothingChanges,
    #[error("een afspraak heeft ten minste één partij; noem met wie zij is")]
    NoParties,
    #[error("een afspraak heeft ten hoogste 10 partijen")]
    TooManyParties,
    #[error("een casus heeft ten hoogste 50 afspraken")]
    TooMany,
    #[error("een afspraak heeft een tekst; schrijf op wat er is afgesproken")]
    NoText,
    #[error("de tekst van een afspraak heeft ten hoogste 4.000 tekens; vat haar samen")]
    TextTooLong,
    #[error("de termijn van deze afspraak is voorbij; zeg wat ervan kwam, of wijzig haar")]
    Overdue,
    #[error(
        "noem de naam van elke bewoner, vrijwilliger en elk bedrijf, in ten hoogste 200 tekens"
    )]
    BadName,
}

/// Whether text and names can be those of an agreement.
pub fn check_wording<'a>(
    text: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), AgreementFault> {
    if text.trim().is_empty() {
        return Err(AgreementFault::NoText);
    }
    if text.chars().count() > TEXT_MAX {
        return Err(AgreementFault::TextTooLong);
    }
    let is_name = |name: &str| !name.trim().is_empty() && name.chars().count() <= NAME_MAX;
    if names.into_iter().all(is_name) { Ok(()) } else { Err(AgreementFault::BadName) }
}

impl Dossier {
    pub fn agreement(&self, id: AgreementId) -> Option<&Agreement> {
        self.agreements.iter().find(|agreement| agreement.id == id)
    }

    pub(super) fn agreement_mut(&mut self, id: AgreementId) -> Option<&mut Agreement> {
        self.agreements.iter_mut().find(|agreement| agreement.id == id)
    }

    /// Whether something agreed still runs.
    pub fn has_running_agreement(&self) -> bool {
        self.agreements.iter().any(Agreement::runs)
    }

    /// Moves the running agreements of a case that is merged. What a coordinator was asked about
    /// them there is withdrawn, so it is asked here.
    pub(super) fn take_agreements(&mut self, of: CaseId, from: &mut Self) {
        let (running, ended) = from.agreements.drain(..).partition(Agreement::runs);
        from.agreements = ended;
        for mut agreement in running {
            agreement.from = agreement.from.or(Some(of));
            agreement.ask_again();
            self.agreements.push(agreement);
        }
    }

    /// Gives back the agreements that a case brought along.
    pub(super) fn return_agreements(&mut self, of: CaseId, to: &mut Self, at: Timestamp) {
        let brought = |agreement: &Agreement| agreement.from == Some(of);
        let (back, stay) = self.agreements.drain(..).partition(brought);
        self.agreements = stay;
        for mut agreement in back {
            self.answered(agreement.id, TaskState::Ingetrokken, at);
            agreement.from = None;
            agreement.ask_again();
            to.agreements.push(agreement);
        }
    }

    /// Ends what a coordinator was asked about an agreement; whether anything was.
    fn answered(&mut self, id: AgreementId, state: TaskState, at: Timestamp) -> bool {
        let mut any = false;
        for task in &mut self.tasks {
            if task.is_open() && task.agreement == Some(id) {
                task.become_state(state, at);
                any = true;
            }
        }
        any
    }
}

impl Work<'_> {
    pub(super) fn agree(&mut self, order: &Agree) -> Result<(), OrderFault> {
        match order {
            Agree::Make { id, parties, until, review } => {
                self.make_agreement(*id, parties, *until, *review)
            }
            Agree::Change { id, until, review } => self.change_agreement(*id, *until, *review),
            Agree::End { id, state } => {
                let at = self.scene.at;
                let agreement = self.running_agreement(*id)?;
                agreement.state = *state;
                agreement.ended_at = Some(at);
                agreement.remind_at = None;
                self.decided_about(*id);
                Ok(())
            }
        }
    }

    fn make_agreement(
        &mut self,
        id: AgreementId,
        parties: &[Party],
        until: Timestamp,
        review: Option<Timestamp>,
    ) -> Result<(), OrderFault> {
        let at = self.scene.at;
        if self.dossier.agreements.len() >= AGREEMENTS_MAX {
            return Err(AgreementFault::TooMany.into());
        }
        check_parties(parties, self.scene.catalogue)?;
        check_moments(until, review, at)?;
        self.dossier.agreements.push(Agreement {
            id,
            parties: parties.to_vec(),
            state: AgreementState::Loopt,
            made_at: at,
            ended_at: None,
            until,
            review_at: review,
            remind_at: remind_at(until, at),
            asked_review: false,
            asked_term: false,
            from: None,
        });
        self.note_moments(Some(until), review);
        Ok(())
    }

    fn change_agreement(
        &mut self,
        id: AgreementId,
        until: Option<Timestamp>,
        review: Option<Timestamp>,
    ) -> Result<(), OrderFault> {
        let at = self.scene.at;
        let agreement = self.running_agreement(id)?;
        if until.is_none() && review.is_none() {
            return Err(AgreementFault::NothingChanges.into());
        }
        let ends = until.unwrap_or(agreement.until);
        check_moments(ends, review, at)?;
        // The review that stands must lie within the new term too.
        if agreement.review_at.is_some_and(|held| review.is_none() && held > ends) {
            return Err(AgreementFault::ReviewAfterTerm.into());
        }
        if let Some(until) = until {
            agreement.until = until;
            agreement.remind_at = remind_at(until, at);
            agreement.asked_term = false;
        }
        if review.is_some() {
            agreement.review_at = review;
            agreement.asked_review = false;
        }
        self.decided_about(id);
        self.note_moments(until, review);
        Ok(())
    }

    fn running_agreement(&mut self, id: AgreementId) -> Result<&mut Agreement, OrderFault> {
        let agreement = self.dossier.agreement_mut(id).ok_or(AgreementFault::Unknown)?;
        if agreement.runs() { Ok(agreement) } else { Err(AgreementFault::Ended.into()) }
    }

    /// After the term of an agreement it is not enough that somebody looked at it: it would run on.
    pub(super) fn may_be_let_go(&self, task: TaskId) -> Result<(), OrderFault> {
        let about = self.dossier.task(task).and_then(|task| task.agreement);
        let agreement = about.and_then(|id| self.dossier.agreement(id));
        match agreement.filter(|agreement| agreement.runs()) {
            Some(agreement) if agreement.until <= self.scene.at => {
                Err(AgreementFault::Overdue.into())
            }
            _ => Ok(()),
        }
    }

    fn note_moments(&mut self, until: Option<Timestamp>, review: Option<Timestamp>) {
        for (code, moment) in [("afspraak-tot", until), ("afspraak-herzien", review)] {
            if let Some(moment) = moment {
                self.note(code, None, Some(&moment.to_string()));
            }
        }
    }

    /// A coordinator decided something: what was asked about the agreement is answered.
    fn decided_about(&mut self, id: AgreementId) {
        if self.dossier.answered(id, TaskState::Afgerond, self.scene.at) {
            self.note("beslist", None, Some(Question::HerzieAfspraak.as_str()));
        }
    }

    /// Reminds of an agreement, or asks a coordinator to look at it.
    pub(super) fn called(&mut self, id: AgreementId, call: Call) {
        let Some(agreement) = self.dossier.agreement_mut(id) else { return };
        let by = agreement.until;
        match call {
            Call::Remind => {
                agreement.remind_at = None;
                self.note("afspraak-loopt-af", None, Some(&id.to_string()));
                self.follow.notices.push(Notice {
                    kind: NoticeKind::AfspraakLooptAf,
                    task: None,
                    partner: None,
                    by,
                    urgent: false,
                });
                return;
            }
            Call::Review => agreement.asked_review = true,
            Call::Term => {
                agreement.asked_term = true;
                self.note("afspraak-voorbij", None, Some(&id.to_string()));
            }
        }
        self.review(id);
    }
}

fn check_parties(parties: &[Party], catalogue: &Catalogue) -> Result<(), OrderFault> {
    if parties.is_empty() {
        return Err(AgreementFault::NoParties.into());
    }
    if parties.len() > PARTIES_MAX {
        return Err(AgreementFault::TooManyParties.into());
    }
    let known = |party: &Party| match party {
        Party::Partner(id) => catalogue.partner(id).is_some(),
        Party::Other { .. } => true,
    };
    if parties.iter().all(known) { Ok(()) } else { Err(OrderFault::UnknownPartner) }
}

fn check_moments(
    until: Timestamp,
    review: Option<Timestamp>,
    at: Timestamp,
) -> Result<(), OrderFault> {
    if until <= at {
        return Err(OrderFault::PastTerm);
    }
    match review {
        Some(review) if review <= at => Err(AgreementFault::PastReview.into()),
        Some(review) if review > until => Err(AgreementFault::ReviewAfterTerm.into()),
        _ => Ok(()),
    }
}

/// A reminder that would come with the agreement itself says nothing.
fn remind_at(until: Timestamp, at: Timestamp) -> Option<Timestamp> {
    Some(REMIND.before(until)).filter(|moment| *moment > at)
}

#[cfg(test)]
mod tests;
