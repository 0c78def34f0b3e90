//! One step of a case: something happened, and this is what the case does about it.
//!
//! Everything here changes a dossier and says what follows; nothing is sent or stored. The hub,
//! `check`, `playbook simulate` and the benchmarks all go through these functions.

use super::agreement::Agreement;
use super::dossier::{Dossier, Phase, StepState, TASKS_MAX};
use super::retention::retention;
use super::task::{Assignee, Deadlines, Mark, Question, Task, TaskState};
use crate::catalogue::Catalogue;
use crate::catalogue::partner::Partner;
use crate::catalogue::playbook::{ClosedBy, Next, Plan, Step};
use crate::message::{
    AgreementId, CaseState, Entropy, PartnerId, RequestWord, StepId, TaskId, Term, Timestamp,
    ToErase,
};

/// How long a coordinator may take where no plan says so.
const DECIDE_USUAL: Term = Term::WorkingDays(2);
/// How long a case without a plan stays done before somebody is asked to close it.
const QUIET_USUAL: Term = Term::WorkingDays(5);

/// Where a case is when something happens.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub catalogue: &'a Catalogue,
    /// The plan that the case runs under, which may be an older one than the catalogue has.
    pub plan: Option<&'a Plan>,
    pub case: &'a CaseState,
    pub at: Timestamp,
}

/// What follows, beside the changed dossier.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Follow {
    /// What partners must hear.
    pub asks: Vec<Ask>,
    /// What coordinators must hear.
    pub notices: Vec<Notice>,
    /// What goes on the timeline.
    pub entries: Vec<Entry>,
    /// Who gets what is in the case already, as far as the glass that was broken gives it.
    pub shares: Vec<PartnerId>,
}

/// Something to be said to a partner about its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub task: TaskId,
    pub status: RequestWord,
}

/// Something that a coordinator must know: a code, a task, a partner and a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub kind: NoticeKind,
    /// What is to be done about it; none where nothing is yet.
    pub task: Option<TaskId>,
    /// Whom it is about.
    pub partner: Option<PartnerId>,
    pub by: Timestamp,
    /// At any hour, to whoever answers then.
    pub urgent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// A partner's system did not take a request in its term: call.
    NietOntvangen,
    /// There is something to decide.
    Beslissen(Question),
    /// It was not decided in its term.
    NietBeslist(Question),
    /// The term of an agreement nears.
    AfspraakLooptAf,
    /// A partner held a message, where no case runs in which somebody could be asked about it.
    Vastgehouden,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub code: &'static str,
    pub task: Option<TaskId>,
    pub partner: Option<PartnerId>,
    /// A code: an action, a reason, a result, a question.
    pub detail: Option<String>,
}

impl Entry {
    /// About the case as a whole.
    pub const fn plain(code: &'static str) -> Self {
        Self { code, task: None, partner: None, detail: None }
    }
}

/// The work on one dossier.
pub(super) struct Work<'a> {
    pub dossier: &'a mut Dossier,
    pub scene: Scene<'a>,
    pub entropy: &'a mut Entropy,
    pub follow: Follow,
}

impl<'a> Work<'a> {
    pub fn new(dossier: &'a mut Dossier, scene: Scene<'a>, entropy: &'a mut Entropy) -> Self {
        Self { dossier, scene, entropy, follow: Follow::default() }
    }

    pub fn note(&mut self, code: &'static str, task: Option<TaskId>, detail: Option<&str>) {
        let partner = task.and_then(|id| self.dossier.task(id)?.partner().cloned());
        let detail = detail.map(str::to_owned);
        self.follow.entries.push(Entry { code, task, partner, detail });
    }

    /// Begins every step that may begin, then settles the phase.
    pub fn advance(mut self) -> Follow {
        while let Some(step) = self.startable() {
            self.start(&step);
        }
        self.settle_phase();
        self.follow
    }

    /// A step that may begin, or that is known not to be needed.
    fn startable(&self) -> Option<Step> {
        let plan = self.scene.plan.filter(|_| !self.dossier.is_closed())?;
        let waits = plan.steps.iter().find(|step| {
            self.dossier.step(&step.id).is_none()
                && if step.on_demand {
                    self.is_no_longer_demanded(plan, &step.id)
                } else {
                    step.after.iter().all(|id| self.has_ended(id))
                }
        });
        waits.cloned()
    }

    fn has_ended(&self, id: &StepId) -> bool {
        self.dossier.step(id).is_some_and(StepState::has_ended)
    }

    /// Whether all steps that could lead to this one ended, and none did.
    fn is_no_longer_demanded(&self, plan: &Plan, id: &StepId) -> bool {
        let leads = |step: &&Step| {
            [&step.on_refusal, &step.on_silence].iter().any(|next| **next == Next::Step(id.clone()))
        };
        plan.steps.iter().filter(leads).all(|step| self.has_ended(&step.id))
    }

    fn start(&mut self, step: &Step) {
        let judged = self.dossier.judged.iter().find(|(id, _)| *id == step.id);
        let wanted = judged.is_none_or(|(_, holds)| *holds)
            && step.only_if.iter().all(|(id, results)| match self.dossier.step(id) {
                Some(StepState::Gedaan(result)) => results.contains(result),
                _ => false,
            });
        if step.on_demand || !wanted {
            self.dossier.set_step(&step.id, StepState::Overgeslagen);
            return;
        }
        self.demand(step);
    }

    /// Asks a step of whoever must do it, or a coordinator to say who that is.
    pub fn demand(&mut self, step: &Step) {
        if self.dossier.step(&step.id).is_some() {
            return;
        }
        self.dossier.set_step(&step.id, StepState::Loopt);
        if step.is_coordinators() {
            return self.question(Question::VoerUit, None, Some(step));
        }
        let mut candidates = self.candidates(&step.to);
        match (candidates.len(), candidates.pop()) {
            (1, Some(partner)) => self.ask_step(step, partner),
            (0, _) => self.question(Question::GeenKetenpartner, None, Some(step)),
            _ => self.question(Question::KiesKetenpartner, None, Some(step)),
        }
    }

    /// Those of a kind who have or had a task in this case, else those who take part in it, else
    /// those who work in the municipality.
    fn candidates(&self, name: &str) -> Vec<PartnerId> {
        let Scene { catalogue, case, .. } = self.scene;
        let meant = catalogue.meant_by(name);
        let asked = |partner: &&&Partner| {
            self.dossier.tasks.iter().any(|task| task.partner() == Some(&partner.id))
        };
        if let [one] = *meant.iter().filter(asked).collect::<Vec<_>>() {
            return vec![one.id.clone()];
        }
        let takes_part = |partner: &&&Partner| case.participants.contains(&partner.id);
        let mut found: Vec<&Partner> = meant.iter().filter(takes_part).copied().collect();
        if found.is_empty() {
            let code = self.dossier.municipality.as_deref();
            found = meant;
            found.retain(|partner| partner.id.as_str() == name || partner.serves(code));
        }
        found.into_iter().map(|partner| partner.id.clone()).collect()
    }

    /// A task of the plan for this partner.
    pub fn ask_step(&mut self, step: &Step, partner: PartnerId) {
        let deadlines = Deadlines::from(step.terms, self.scene.at);
        let asked = Asked {
            step: Some(step.id.clone()),
            action: step.action.clone(),
            partner,
            urgent: step.urgent,
            deadlines,
            remind: step.remind,
            to_erase: None,
        };
        self.ask(asked);
    }

    pub fn ask(&mut self, asked: Asked) -> TaskId {
        let Asked { step, action, partner, urgent, deadlines, remind, to_erase } = asked;
        let (id, at) = (self.entropy.task_id(), self.scene.at);
        let reminders = [deadlines.accepted, deadlines.done].map(|end| {
            // A reminder that would come with the question itself says nothing.
            remind.map(|term| term.before(end)).filter(|moment| *moment > at)
        });
        self.put(Task {
            id,
            step,
            action: action.clone(),
            assignee: Assignee::Partner(partner),
            state: TaskState::Gevraagd,
            urgent,
            asked_at: at,
            received_at: None,
            accepted_at: None,
            ended_at: None,
            deadlines,
            remind_accept: reminders[0],
            remind_done: reminders[1],
            marks: Vec::new(),
            reason: None,
            result: None,
            expected: None,
            from: None,
            about: None,
            agreement: None,
            whom: None,
            to_erase,
        });
        self.follow.asks.push(Ask { task: id, status: RequestWord::Gevraagd });
        self.note("gevraagd", Some(id), Some(&action));
        id
    }

    fn put(&mut self, task: Task) {
        self.dossier.quiet_since = None;
        self.dossier.taken = false;
        self.dossier.tasks.push(task);
        // The oldest that ended is forgotten by the dossier; the timeline still has it.
        if self.dossier.tasks.len() > TASKS_MAX
            && let Some(at) = self.dossier.tasks.iter().position(|task| !task.is_open())
        {
            self.dossier.tasks.remove(at);
        }
    }

    /// Asks a coordinator something, once as long as it is open.
    pub fn question(&mut self, question: Question, about: Option<TaskId>, step: Option<&Step>) {
        self.put_question(question, Regarding { task: about, ..Regarding::default() }, step);
    }

    /// Asks a coordinator to look at an agreement.
    pub fn review(&mut self, agreement: AgreementId) {
        let regarding = Regarding { agreement: Some(agreement), ..Regarding::default() };
        self.put_question(Question::HerzieAfspraak, regarding, None);
    }

    /// Asks a coordinator something about a partner.
    pub fn question_about(&mut self, question: Question, partner: PartnerId) {
        let regarding = Regarding { partner: Some(partner), ..Regarding::default() };
        self.put_question(question, regarding, None);
    }

    fn put_question(&mut self, question: Question, regarding: Regarding, step: Option<&Step>) {
        let Regarding { task: about, agreement, partner: whom } = regarding;
        let known = self.dossier.open_tasks().any(|task| {
            let same_step = task.step.as_ref() == step.map(|step| &step.id);
            let same = (task.about, task.agreement, &task.whom) == (about, agreement, &whom);
            task.question() == Some(question) && same && same_step
        });
        if known {
            return;
        }
        let (id, at) = (self.entropy.task_id(), self.scene.at);
        let about_task = about.and_then(|id| self.dossier.task(id));
        let danger = question == Question::BeoordeelVasthouden;
        let urgent =
            step.map_or(danger, |step| step.urgent) || about_task.is_some_and(|t| t.urgent);
        let partner = about_task.and_then(|task| task.partner().cloned()).or(whom.clone());
        let plans = self.scene.plan;
        let plans = plans.map(|plan| if urgent { plan.decide_urgent } else { plan.decide });
        let term = question.own_term().or(plans).unwrap_or(DECIDE_USUAL);
        let own = step.filter(|_| question == Question::VoerUit);
        let by = own.map_or(term, |step| step.terms.done).after(at);
        let action = own.map_or(question.as_str(), |step| step.action.as_str()).to_owned();
        let step = step.map(|step| step.id.clone());
        let step = step.or_else(|| about_task.and_then(|task| task.step.clone()));
        self.put(Task {
            id,
            step,
            action,
            assignee: Assignee::Coordinator(question),
            state: TaskState::Gevraagd,
            urgent,
            asked_at: at,
            received_at: None,
            accepted_at: None,
            ended_at: None,
            deadlines: Deadlines::by(by),
            remind_accept: None,
            remind_done: None,
            marks: Vec::new(),
            reason: None,
            result: None,
            expected: None,
            from: None,
            about,
            agreement,
            whom,
            to_erase: None,
        });
        let kind = NoticeKind::Beslissen(question);
        self.follow.notices.push(Notice { kind, task: Some(id), partner, by, urgent });
        self.note("te-beslissen", Some(id), Some(question.as_str()));
    }

    /// Ends coordinators' tasks about a task that answers itself.
    pub fn answered_itself(&mut self, about: TaskId, questions: &[Question]) {
        let at = self.scene.at;
        for task in &mut self.dossier.tasks {
            let asked = task.question().is_some_and(|question| questions.contains(&question));
            if task.is_open() && asked && task.about == Some(about) {
                task.become_state(TaskState::Ingetrokken, at);
            }
        }
    }

    /// What the plan says where a partner refused or stayed silent.
    pub fn go_on(&mut self, task: TaskId, ended: StepState, question: Question) {
        let step_id = self.dossier.task(task).and_then(|task| task.step.clone());
        let step = step_id.and_then(|id| self.scene.plan?.step(&id).cloned());
        let next = step.as_ref().map_or(Next::Coordinator, |step| match ended {
            StepState::Stil => step.on_silence.clone(),
            _ => step.on_refusal.clone(),
        });
        match (next, step) {
            (Next::Coordinator, step) => self.question(question, Some(task), step.as_ref()),
            (next, Some(step)) => {
                if ended == StepState::Stil {
                    self.give_up(task);
                }
                self.dossier.set_step(&step.id, ended);
                if let Next::Step(other) = next
                    && let Some(other) = self.scene.plan.and_then(|plan| plan.step(&other))
                {
                    self.demand(other);
                }
            }
            (_, None) => {}
        }
    }

    /// The plan goes on without a task; its partner hears so.
    pub fn give_up(&mut self, id: TaskId) {
        let at = self.scene.at;
        let Some(task) = self.dossier.task_mut(id).filter(|task| task.is_open()) else { return };
        task.become_state(TaskState::Verlopen, at);
        self.follow.asks.push(Ask { task: id, status: RequestWord::Ingetrokken });
        self.note("verlopen", Some(id), None);
    }

    pub fn withdraw(&mut self, id: TaskId) {
        let at = self.scene.at;
        let Some(task) = self.dossier.task_mut(id).filter(|task| task.is_open()) else { return };
        let has_partner = task.partner().is_some();
        task.become_state(TaskState::Ingetrokken, at);
        if has_partner {
            self.follow.asks.push(Ask { task: id, status: RequestWord::Ingetrokken });
            self.note("ingetrokken", Some(id), None);
        }
    }

    /// The phase that follows from what is open; noted where it changed.
    fn settle_phase(&mut self) {
        let dossier = &mut *self.dossier;
        if dossier.is_closed() || dossier.merged_into.is_some() {
            return;
        }
        let (partner, coordinator) = dossier.waits_for();
        // What was agreed goes on, and so does the case: it is not done before its agreements are.
        let open = dossier.has_running_agreement() || dossier.open_glasses().next().is_some();
        let settled = dossier.steps_ended(self.scene.plan) && !open;
        let idle = !partner && !coordinator && settled;
        let touched = self.scene.plan.is_some()
            || !dossier.tasks.is_empty()
            || !dossier.agreements.is_empty();
        let phase = match dossier.phase {
            _ if partner => Phase::WachtOpPartner,
            Phase::Nieuw if coordinator || !touched => Phase::Nieuw,
            Phase::Heropend if coordinator || idle => Phase::Heropend,
            _ if idle && !dossier.taken => Phase::Afgerond,
            _ => Phase::InBehandeling,
        };
        let idle = idle && touched && phase == Phase::Afgerond;
        dossier.quiet_since = idle.then(|| dossier.quiet_since.unwrap_or(self.scene.at));
        self.become_phase(phase);
    }

    pub fn become_phase(&mut self, phase: Phase) {
        if self.dossier.phase == phase {
            return;
        }
        debug_assert!(self.dossier.phase.may_become(phase), "{:?} {phase:?}", self.dossier.phase);
        self.dossier.phase = phase;
        if phase == Phase::Heropend {
            // What was asked about agreements was withdrawn when the case was closed.
            self.dossier.agreements.iter_mut().for_each(Agreement::ask_again);
        }
        self.note("fase", None, Some(phase.as_str()));
    }

    /// Everything open ends, and the case with it.
    pub fn close(&mut self) {
        let open: Vec<TaskId> = self.dossier.open_tasks().map(|task| task.id).collect();
        for id in open {
            self.withdraw(id);
        }
        // What was not asked by now is not asked when the case is reopened either.
        for step in self.scene.plan.map_or(&[][..], |plan| &plan.steps) {
            if !self.has_ended(&step.id) {
                self.dossier.set_step(&step.id, StepState::Overgeslagen);
            }
        }
        self.dossier.closed_at = Some(self.scene.at);
        let Scene { catalogue, case, at, .. } = self.scene;
        self.dossier.erase_at = retention(catalogue, case.theme.as_deref(), at);
        self.dossier.quiet_since = None;
        self.become_phase(Phase::Gesloten);
    }

    pub fn closing(&self) -> (ClosedBy, Term) {
        let closing = self.scene.plan.map(|plan| plan.closing);
        closing.map_or((ClosedBy::Coordinator, QUIET_USUAL), |closing| (closing.by, closing.quiet))
    }

    pub fn set_mark(&mut self, id: TaskId, mark: Mark) {
        if let Some(task) = self.dossier.task_mut(id) {
            task.mark(mark);
        }
    }
}

/// What a coordinator's task is about, beside its case.
#[derive(Default)]
struct Regarding {
    task: Option<TaskId>,
    agreement: Option<AgreementId>,
    partner: Option<PartnerId>,
}

/// What a partner is to be asked.
pub(super) struct Asked {
    pub step: Option<StepId>,
    pub action: String,
    pub partner: PartnerId,
    pub urgent: bool,
    pub deadlines: Deadlines,
    pub remind: Option<Term>,
    pub to_erase: Option<Box<ToErase>>,
}

/// When a case that has nothing left to do closes, or is asked to be closed.
pub(super) fn closes_at(dossier: &Dossier, plan: Option<&Plan>) -> Option<Timestamp> {
    let quiet = plan.map_or(QUIET_USUAL, |plan| plan.closing.quiet);
    let asked = dossier.asks(Question::SluitCasus, None).is_some();
    dossier.quiet_since.filter(|_| !asked).map(|since| quiet.after(since))
}
