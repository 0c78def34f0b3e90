//! A task (*actieverzoek*): what is asked of whom, by when, and how far it came.

use serde::{Deserialize, Serialize};

use crate::catalogue::playbook::Terms;
use crate::message::{
    AgreementId, CaseId, Fault, PartnerId, StepId, TaskId, TaskWord, Term, Timestamp, ToErase,
};

/// How far a task came, in the words of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    Gevraagd,
    /// The partner has it.
    Ontvangen,
    /// The partner takes it on.
    Aanvaard,
    /// The partner said how it goes.
    Voortgang,
    Afgerond,
    Geweigerd,
    /// The plan went on without it.
    Verlopen,
    /// The municipality no longer asks it.
    Ingetrokken,
}

impl TaskState {
    pub const ALL: [Self; 8] = [
        Self::Gevraagd,
        Self::Ontvangen,
        Self::Aanvaard,
        Self::Voortgang,
        Self::Afgerond,
        Self::Geweigerd,
        Self::Verlopen,
        Self::Ingetrokken,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gevraagd => "gevraagd",
            Self::Ontvangen => "ontvangen",
            Self::Aanvaard => "aanvaard",
            Self::Voortgang => "voortgang",
            Self::Afgerond => "afgerond",
            Self::Geweigerd => "geweigerd",
            Self::Verlopen => "verlopen",
            Self::Ingetrokken => "ingetrokken",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub const fn is_open(self) -> bool {
        matches!(self, Self::Gevraagd | Self::Ontvangen | Self::Aanvaard | Self::Voortgang)
    }

    /// Where a partner's word leads from here. `None`: it says what was known already.
    ///
    /// A word that contradicts an earlier final one is refused, and so is one about a task that
    /// the municipality withdrew. What was given up may still be finished, late.
    pub fn after(self, word: TaskWord) -> Result<Option<Self>, AnswerFault> {
        let to = match word {
            TaskWord::Ontvangen => Self::Ontvangen,
            TaskWord::Aanvaard => Self::Aanvaard,
            TaskWord::Voortgang => Self::Voortgang,
            TaskWord::Afgerond => Self::Afgerond,
            TaskWord::Geweigerd => Self::Geweigerd,
        };
        match self {
            Self::Ingetrokken => Err(AnswerFault::Withdrawn),
            Self::Afgerond | Self::Geweigerd if self == to || word == TaskWord::Ontvangen => {
                Ok(None)
            }
            Self::Afgerond | Self::Geweigerd => Err(AnswerFault::Contradicts),
            Self::Verlopen if word == TaskWord::Afgerond => Ok(Some(Self::Afgerond)),
            Self::Verlopen => Err(AnswerFault::TooLate),
            Self::Voortgang if to == Self::Voortgang => Ok(Some(to)),
            _ if to > self => Ok(Some(to)),
            _ => Ok(None),
        }
    }
}

/// Why an answer does not count. Each is told to its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFault {
    /// There is no such task, or it is another partner's: the two look the same from outside.
    Unknown,
    Withdrawn,
    Contradicts,
    TooLate,
    /// The case is closed.
    Closed,
}

impl AnswerFault {
    /// How it is refused.
    pub const fn kind(self) -> Fault {
        match self {
            Self::Unknown => Fault::OnbekendVerzoek,
            _ => Fault::AntwoordPastNiet,
        }
    }

    /// A code, a Dutch and an English sentence with the next step.
    pub const fn told(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Unknown => (
                "onbekend-actieverzoek",
                "Er is geen actieverzoek met dit nummer aan u gedaan; kijk het nummer na.",
                "You were asked nothing under this number; check the number.",
            ),
            Self::Withdrawn => (
                "actieverzoek-ingetrokken",
                "Dit actieverzoek is ingetrokken; u hoeft niets te doen.",
                "This request was withdrawn; there is nothing to do.",
            ),
            Self::Contradicts => (
                "tegenstrijdig-antwoord",
                "U gaf op dit actieverzoek al een ander eindantwoord; bel de regisseur.",
                "You gave another final answer to this request before; call the coordinator.",
            ),
            Self::TooLate => (
                "actieverzoek-verlopen",
                "De termijn van dit actieverzoek is voorbij; bel de regisseur.",
                "The term of this request has passed; call the coordinator.",
            ),
            Self::Closed => (
                "casus-gesloten",
                "De casus van dit actieverzoek is gesloten; bel de regisseur.",
                "The case of this request is closed; call the coordinator.",
            ),
        }
    }
}

/// Who a task is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Assignee {
    Partner(PartnerId),
    /// A coordinator of the municipality has to decide something.
    Coordinator(Question),
}

/// What a coordinator is asked to decide or to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// A step of the plan that the municipality does itself.
    VoerUit,
    /// Nobody says what to do with a case of this theme.
    ZonderDraaiboek,
    /// Several partners of a kind could be asked.
    KiesKetenpartner,
    /// No partner of a kind works here.
    GeenKetenpartner,
    BeoordeelWeigering,
    BeoordeelStilte,
    /// A task was taken on and is not done in its term.
    BeoordeelVertraging,
    /// Another case may be about the same.
    BeoordeelKoppeling,
    /// The case is open longer than its plan allows.
    CasusDuurtLang,
    /// All is done.
    SluitCasus,
    /// Signals go on at one place or around one person.
    Maatwerk,
    /// Sharing was widened for a while.
    BeoordeelBreekglas,
    /// A recipient did not say that it has a correction or a withdrawal.
    BeoordeelTerugroep,
    /// The only signal of the case was withdrawn.
    BeoordeelIntrekking,
    /// An agreement is to be looked at again.
    HerzieAfspraak,
    /// A partner asks that a message is held, because it would endanger somebody.
    BeoordeelVasthouden,
    /// A case was erased, and the hub cannot tell one who had of it.
    MeldWissing,
}

impl Question {
    pub const ALL: [Self; 17] = [
        Self::VoerUit,
        Self::ZonderDraaiboek,
        Self::KiesKetenpartner,
        Self::GeenKetenpartner,
        Self::BeoordeelWeigering,
        Self::BeoordeelStilte,
        Self::BeoordeelVertraging,
        Self::BeoordeelKoppeling,
        Self::CasusDuurtLang,
        Self::SluitCasus,
        Self::Maatwerk,
        Self::BeoordeelBreekglas,
        Self::BeoordeelTerugroep,
        Self::BeoordeelIntrekking,
        Self::HerzieAfspraak,
        Self::BeoordeelVasthouden,
        Self::MeldWissing,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VoerUit => "voer-uit",
            Self::ZonderDraaiboek => "zonder-draaiboek",
            Self::KiesKetenpartner => "kies-ketenpartner",
            Self::GeenKetenpartner => "geen-ketenpartner",
            Self::BeoordeelWeigering => "beoordeel-weigering",
            Self::BeoordeelStilte => "beoordeel-stilte",
            Self::BeoordeelVertraging => "beoordeel-vertraging",
            Self::BeoordeelKoppeling => "beoordeel-koppeling",
            Self::CasusDuurtLang => "casus-duurt-lang",
            Self::SluitCasus => "sluit-casus",
            Self::Maatwerk => "maatwerk",
            Self::BeoordeelBreekglas => "beoordeel-breekglas",
            Self::BeoordeelTerugroep => "beoordeel-terugroep",
            Self::BeoordeelIntrekking => "beoordeel-intrekking",
            Self::HerzieAfspraak => "herzie-afspraak",
            Self::BeoordeelVasthouden => "beoordeel-vasthouden",
            Self::MeldWissing => "meld-wissing",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|question| question.as_str() == text)
    }

    /// The term of what waits for no plan to say one.
    pub const fn own_term(self) -> Option<Term> {
        match self {
            Self::BeoordeelBreekglas => Some(Term::WorkingDays(2)),
            // Who is in danger is so now, and who needs what is held as well.
            Self::BeoordeelVasthouden => Some(Term::Hours(4)),
            _ => None,
        }
    }

    /// What a coordinator reads, with the next step.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::VoerUit => "Doe deze stap van het draaiboek zelf",
            Self::ZonderDraaiboek => "Voor dit thema is geen draaiboek; bepaal wat er gebeurt",
            Self::KiesKetenpartner => "Kies welke ketenpartner dit moet doen",
            Self::GeenKetenpartner => {
                "Geen ketenpartner kan dit hier doen; ga verder of vraag iets anders"
            }
            Self::BeoordeelWeigering => {
                "Een ketenpartner weigerde; vraag opnieuw, een ander, of ga verder"
            }
            Self::BeoordeelStilte => "Een ketenpartner zwijgt; bel, vraag een ander, of ga verder",
            Self::BeoordeelVertraging => "Een ketenpartner is te laat; bel, verleng, of ga verder",
            Self::BeoordeelKoppeling => "Een andere casus kan hierover gaan; voeg samen of wijs af",
            Self::CasusDuurtLang => "De casus duurt langer dan het draaiboek toestaat",
            Self::SluitCasus => "Alles is gedaan; sluit de casus of vraag nog iets",
            Self::Maatwerk => "De signalen houden aan; spreek maatwerk af",
            Self::BeoordeelBreekglas => {
                "Er is tijdelijk meer gedeeld; beoordeel of dat terecht was"
            }
            Self::BeoordeelTerugroep => {
                "Een ontvanger bevestigt een correctie of intrekking niet; bel"
            }
            Self::BeoordeelIntrekking => {
                "Het enige signaal is ingetrokken; sluit de casus of ga door"
            }
            Self::HerzieAfspraak => {
                "Een afspraak moet worden herzien; wijzig haar of zeg wat ervan kwam"
            }
            Self::BeoordeelVasthouden => {
                "Een ketenpartner hield een bericht vast; geef vrij of laat vervallen"
            }
            Self::MeldWissing => {
                "Er is gewist en de hub kan het iemand niet melden; meld het zelf (zie de tijdlijn)"
            }
        }
    }
}

/// By when; in the order in which they pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deadlines {
    pub received: Timestamp,
    pub accepted: Timestamp,
    pub done: Timestamp,
}

impl Deadlines {
    pub fn from(terms: Terms, asked_at: Timestamp) -> Self {
        Self {
            received: terms.received.after(asked_at),
            accepted: terms.accepted.after(asked_at),
            done: terms.done.after(asked_at),
        }
    }

    /// For what has one term only.
    pub const fn by(moment: Timestamp) -> Self {
        Self { received: moment, accepted: moment, done: moment }
    }
}

/// What was done about a term that passed or neared, so that it is done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    NietOntvangen,
    HerinnerdAanvaarden,
    Stil,
    HerinnerdAfronden,
    TeLaat,
    Geescaleerd,
}

/// One task of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub id: TaskId,
    /// The step of the plan that it carries out; none where a coordinator asked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// A code of `gevraagdeActie.soort`; of a coordinator's task its question.
    pub action: String,
    pub assignee: Assignee,
    pub state: TaskState,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    pub asked_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    pub deadlines: Deadlines,
    /// When its partner is reminded that it must be taken on, and that it must be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_accept: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_done: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Codes of the partner's last word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// When the partner expects to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Timestamp>,
    /// The case that it was asked in, where that was merged into this one, and its step there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<(CaseId, Option<StepId>)>,
    /// The task that a coordinator's is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<TaskId>,
    /// The agreement that a coordinator's is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementId>,
    /// The partner that a coordinator's is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whom: Option<PartnerId>,
    /// What its partner is asked to erase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_erase: Option<Box<ToErase>>,
}

impl Task {
    pub const fn is_open(&self) -> bool {
        self.state.is_open()
    }

    pub const fn partner(&self) -> Option<&PartnerId> {
        match &self.assignee {
            Assignee::Partner(partner) => Some(partner),
            Assignee::Coordinator(_) => None,
        }
    }

    pub const fn question(&self) -> Option<Question> {
        match self.assignee {
            Assignee::Coordinator(question) => Some(question),
            Assignee::Partner(_) => None,
        }
    }

    /// Sets a mark; false where it was set before.
    pub fn mark(&mut self, mark: Mark) -> bool {
        let new = !self.marks.contains(&mark);
        if new {
            self.marks.push(mark);
        }
        new
    }

    pub fn is_marked(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    /// The term that matters now: to be received, to be taken on, to be done.
    pub const fn due_at(&self) -> Option<Timestamp> {
        match (self.state, &self.assignee) {
            (_, Assignee::Coordinator(_)) if self.state.is_open() => Some(self.deadlines.done),
            (TaskState::Gevraagd, _) => Some(self.deadlines.received),
            (TaskState::Ontvangen, _) => Some(self.deadlines.accepted),
            (TaskState::Aanvaard | TaskState::Voortgang, _) => Some(self.deadlines.done),
            _ => None,
        }
    }

    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.due_at().is_some_and(|due| due < now)
    }

    /// Notes a new state with its moment. A later one implies the earlier ones.
    pub fn become_state(&mut self, state: TaskState, at: Timestamp) {
        self.state = state;
        // A clock that was set back does not let an answer come before its question.
        let at = at.max(self.asked_at);
        match state {
            TaskState::Gevraagd => {}
            TaskState::Ontvangen => self.received_at = self.received_at.or(Some(at)),
            TaskState::Aanvaard | TaskState::Voortgang => {
                self.received_at = self.received_at.or(Some(at));
                self.accepted_at = self.accepted_at.or(Some(at));
            }
            TaskState::Afgerond | TaskState::Geweigerd => {
                self.received_at = self.received_at.or(Some(at));
                self.ended_at = Some(at);
            }
            TaskState::Verlopen | TaskState::Ingetrokken => self.ended_at = Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_moves_a_task_forward_only() {
        use TaskState as S;
        use TaskWord as W;
        for (from, word, expected) in [
            (S::Gevraagd, W::Ontvangen, Ok(Some(S::Ontvangen))),
            (S::Gevraagd, W::Afgerond, Ok(Some(S::Afgerond))),
            (S::Ontvangen, W::Geweigerd, Ok(Some(S::Geweigerd))),
            (S::Aanvaard, W::Ontvangen, Ok(None)),
            (S::Aanvaard, W::Geweigerd, Ok(Some(S::Geweigerd))),
            (S::Voortgang, W::Voortgang, Ok(Some(S::Voortgang))),
            (S::Voortgang, W::Aanvaard, Ok(None)),
            (S::Afgerond, W::Afgerond, Ok(None)),
            (S::Afgerond, W::Geweigerd, Err(AnswerFault::Contradicts)),
            (S::Geweigerd, W::Aanvaard, Err(AnswerFault::Contradicts)),
            (S::Geweigerd, W::Ontvangen, Ok(None)),
            (S::Verlopen, W::Afgerond, Ok(Some(S::Afgerond))),
            (S::Verlopen, W::Aanvaard, Err(AnswerFault::TooLate)),
            (S::Ingetrokken, W::Afgerond, Err(AnswerFault::Withdrawn)),
        ] {
            assert_eq!(from.after(word), expected, "{from:?} and {word:?}");
        }
    }

    #[test]
    fn states_and_questions_are_read_as_they_are_written() {
        for state in TaskState::ALL {
            assert_eq!(TaskState::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for question in Question::ALL {
            assert_eq!(Question::parse(question.as_str()), Some(question));
            assert_eq!(serde_json::to_value(question).unwrap(), question.as_str());
        }
    }
}
