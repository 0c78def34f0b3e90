//! What the hub knows of a case beside its messages: phase, plan, steps, tasks and moments.
//!
//! Codes, partners and moments only. Names, addresses and what people wrote stay in the messages.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::agreement::Agreement;
use super::task::{Assignee, Question, Task};
use crate::catalogue::playbook::Plan;
use crate::message::{
    CaseId, Digest, Glass, MessageId, PlaybookId, StepId, Succession, TaskId, Timestamp,
};

/// Tasks of one case at most, ended ones included.
pub const TASKS_MAX: usize = 200;
/// Moments of signals that are remembered, the newest.
pub const SIGNALS_MAX: usize = 20;

/// How a case stands (*fase*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Nieuw,
    InBehandeling,
    WachtOpPartner,
    Afgerond,
    Gesloten,
    Heropend,
}

impl Phase {
    pub const ALL: [Self; 6] = [
        Self::Nieuw,
        Self::InBehandeling,
        Self::WachtOpPartner,
        Self::Afgerond,
        Self::Gesloten,
        Self::Heropend,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nieuw => "nieuw",
            Self::InBehandeling => "in-behandeling",
            Self::WachtOpPartner => "wacht-op-partner",
            Self::Afgerond => "afgerond",
            Self::Gesloten => "gesloten",
            Self::Heropend => "heropend",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text)
    }

    /// Whether a case may go from this phase to another. What is closed is only reopened, and
    /// only what is closed or done is.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Gesloten | Self::Afgerond, Self::Heropend) => true,
            (Self::Gesloten, _) | (_, Self::Heropend | Self::Nieuw) => false,
            _ => true,
        }
    }
}

/// The plan that a case runs under, whatever becomes of the playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRef {
    pub id: PlaybookId,
    #[serde(with = "hex_digest")]
    pub digest: Digest,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Asked, or waiting for a coordinator.
    Loopt,
    Gedaan(String),
    Geweigerd,
    Stil,
    /// Its condition did not hold, or nothing led to it.
    Overgeslagen,
}

impl StepState {
    pub const fn has_ended(&self) -> bool {
        !matches!(self, Self::Loopt)
    }
}

/// A correction or withdrawal that a recipient must say it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recall {
    pub parcel: crate::message::ParcelId,
    pub recipient: crate::message::PartnerId,
    pub by: Timestamp,
}

/// A case as regie sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dossier {
    pub phase: Phase,
    pub opened_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanRef>,
    /// Conditions of steps, judged on the first signal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<(StepId, bool)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<(StepId, StepState)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// The signal that requests are about, as far as its sender did not correct or withdraw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<MessageId>,
    /// When signals came, those of earlier cases that this one goes on from included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Timestamp>,
    /// Signals go on at one place or around one person (*slepend*).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasting: bool,
    /// CBS code of the municipality, which says which partners work there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub municipality: Option<String>,
    /// CBS code of the neighbourhood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// A coordinator has it in hand: it is done when that coordinator says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken: bool,
    /// Since when nothing is left to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_long: bool,
    /// When its content is destroyed, because nobody may keep it any longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erase_at: Option<Timestamp>,
    /// It is kept whatever its retention: a court, an inquiry or a complaint needs it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub legal_hold: bool,
    /// The case that took it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<CaseId>,
    /// Cases that may be about the same, as long as nobody decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alike: Vec<CaseId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recalls: Vec<Recall>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreement>,
    /// Glasses that were broken, ended ones too; the last for each recipient.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub glasses: Vec<Glass>,
}

impl Dossier {
    pub fn new(at: Timestamp) -> Self {
        Self {
            phase: Phase::Nieuw,
            opened_at: at,
            closed_at: None,
            plan: None,
            judged: Vec::new(),
            steps: Vec::new(),
            tasks: Vec::new(),
            about: None,
            signals: Vec::new(),
            lasting: false,
            municipality: None,
            area: None,
            taken: false,
            quiet_since: None,
            told_long: false,
            erase_at: None,
            legal_hold: false,
            merged_into: None,
            alike: Vec::new(),
            recalls: Vec::new(),
            agreements: Vec::new(),
            glasses: Vec::new(),
        }
    }

    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Gesloten)
    }

    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
    }

    pub fn task_mut(&mut self, id: TaskId) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.id == id)
    }

    pub fn step(&self, id: &StepId) -> Option<&StepState> {
        self.steps.iter().find(|(step, _)| step == id).map(|(_, state)| state)
    }

    pub fn set_step(&mut self, id: &StepId, state: StepState) {
        match self.steps.iter_mut().find(|(step, _)| step == id) {
            Some((_, known)) => *known = state,
            None => self.steps.push((id.clone(), state)),
        }
    }

    /// The coordinator's open task with this question, about that task or about the case.
    pub fn asks(&self, question: Question, about: Option<TaskId>) -> Option<&Task> {
        self.tasks
            .iter()
            .find(|task| task.is_open() && task.question() == Some(question) && task.about == about)
    }

    pub fn open_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.is_open())
    }

    /// Whether every step of the plan has ended.
    pub fn steps_ended(&self, plan: Option<&Plan>) -> bool {
        plan.is_none_or(|plan| {
            let ended = |id| self.step(id).is_some_and(StepState::has_ended);
            plan.steps.iter().all(|step| ended(&step.id))
        })
    }

    /// Whether a partner has something to do, and whether a coordinator has.
    pub fn waits_for(&self) -> (bool, bool) {
        let mut waits = (false, false);
        for task in self.open_tasks() {
            match task.assignee {
                Assignee::Partner(_) => waits.0 = true,
                Assignee::Coordinator(Question::SluitCasus) => {}
                Assignee::Coordinator(_) => waits.1 = true,
            }
        }
        waits
    }

    /// Puts the names of now in the place of those that partners had before. Of glasses for two
    /// that are one now, the one that is open, or else lasts longest, counts.
    pub fn call_partners(&mut self, succession: &Succession) {
        if succession.is_empty() {
            return;
        }
        for task in &mut self.tasks {
            if let Assignee::Partner(partner) = &mut task.assignee {
                succession.renew(partner);
            }
            task.whom.iter_mut().for_each(|whom| succession.renew(whom));
        }
        self.recalls.iter_mut().for_each(|recall| succession.renew(&mut recall.recipient));
        self.agreements.iter_mut().for_each(|agreement| agreement.call_partners(succession));
        self.glasses.iter_mut().for_each(|glass| succession.renew(&mut glass.recipient));
        self.glasses.sort_by_key(|glass| {
            (glass.recipient.clone(), glass.ended.is_some(), Reverse(glass.until))
        });
        self.glasses.dedup_by(|later, kept| later.recipient == kept.recipient);
    }

    /// Remembers the moment of a signal, in order, the newest `SIGNALS_MAX` of them.
    pub fn remember_signal(&mut self, at: Timestamp) {
        let place = self.signals.partition_point(|earlier| *earlier <= at);
        self.signals.insert(place, at);
        if self.signals.len() > SIGNALS_MAX {
            self.signals.remove(0);
        }
    }
}

/// A digest as sixty-four hexadecimal digits.
mod hex_digest {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::message::Digest;

    pub fn serialize<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&digest.to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(from)?;
        Digest::from_hex(&text).ok_or_else(|| D::Error::custom("no SHA-256 in hexadecimals"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_closed_is_only_reopened_and_nothing_becomes_new_again() {
        for from in Phase::ALL {
            for to in Phase::ALL {
                let may = from.may_become(to);
                let expected = match (from, to) {
                    (Phase::Gesloten, to) => to == Phase::Heropend,
                    (Phase::Afgerond, Phase::Heropend) => true,
                    (_, Phase::Heropend | Phase::Nieuw) => false,
                    _ => true,
                };
                assert_eq!(may, expected, "{from:?} to {to:?}");
            }
            assert_eq!(Phase::parse(from.as_str()), Some(from));
            assert_eq!(serde_json::to_value(from).unwrap(), from.as_str());
        }
    }

    #[test]
    fn a_dossier_reads_back_what_it_wrote_and_a_new_one_is_small() {
        let mut dossier = Dossier::new(Timestamp::parse("2026-11-25T12:00:00Z").unwrap());
        let small = serde_json::to_string(&dossier).unwrap();
        assert_eq!(small, r#"{"phase":"nieuw","openedAt":"2026-11-25T12:00:00Z"}"#);
        dossier.plan =
            Some(PlanRef { id: "woonoverlast".parse().unwrap(), digest: Digest::of(&[b"plan"]) });
        dossier.set_step(&"huisbezoek".parse().unwrap(), StepState::Gedaan("opgelost".into()));
        dossier.lasting = true;
        let text = serde_json::to_string(&dossier).unwrap();
        assert_eq!(serde_json::from_str::<Dossier>(&text).unwrap(), dossier);
    }

    #[test]
    fn the_moments_of_signals_stay_in_order_and_few() {
        let mut dossier = Dossier::new(Timestamp::from_micros(0));
        for at in [5, 3, 9].into_iter().chain(20..40) {
            dossier.remember_signal(Timestamp::from_micros(at));
        }
        assert_eq!(dossier.signals.len(), SIGNALS_MAX);
        assert!(dossier.signals.is_sorted());
        assert_eq!(dossier.signals.last(), Some(&Timestamp::from_micros(39)));
    }
}
