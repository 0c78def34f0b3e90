//! Tries everything that can happen to a case under a plan: whether it can get stuck, whether it
//! always comes to its end, and which steps are never asked.
//!
//! It walks the same functions as the hub does. Two cases that have ended the same steps in the
//! same ways, with the same tasks open, count as one.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::dossier::{Dossier, Phase, StepState};
use super::order::{Order, order};
use super::task::{Question, TaskState};
use super::work::{Scene, Work};
use crate::catalogue::Catalogue;
use crate::catalogue::playbook::{Plan, RESULTS, Step};
use crate::message::{
    CaseState, Entropy, PartnerId, StepId, TaskAnswer, TaskId, TaskWord, Timestamp, Usage,
};

/// More different cases than this are not tried.
const CASES_MAX: usize = 20_000;
/// Steps with a condition on the signal at most: each doubles what must be tried.
const JUDGED_MAX: usize = 8;

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanFault {
    /// With these steps still waiting, nothing is asked of anybody any more.
    Stuck(Vec<StepId>),
    /// Nothing that can happen leads to this step.
    Unreachable(StepId),
    /// It comes to an end of its steps, and does not close.
    NeverCloses,
    TooComplex,
}

impl PlanFault {
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::Stuck(steps) => steps.first(),
            Self::Unreachable(step) => Some(step),
            Self::NeverCloses | Self::TooComplex => None,
        }
    }

    pub fn told(&self) -> String {
        match self {
            Self::Stuck(steps) => {
                let names: Vec<&str> = steps.iter().map(StepId::as_str).collect();
                format!(
                    "dit draaiboek kan vastlopen: {} wacht op iets dat nooit komt",
                    names.join(", ")
                )
            }
            Self::Unreachable(step) => format!("stap {step} kan nooit aan de beurt komen"),
            Self::NeverCloses => "een casus onder dit draaiboek sluit nooit".to_owned(),
            Self::TooComplex => format!(
                "dit draaiboek heeft meer dan {CASES_MAX} verschillende verlopen; splits het"
            ),
        }
    }
}

/// Everything that is wrong with a plan; nothing for a good one.
pub fn explore(catalogue: &Catalogue, plan: &Plan) -> Vec<PlanFault> {
    let judged: Vec<&StepId> = plan.steps.iter().filter(|s| s.judged).map(|s| &s.id).collect();
    if judged.len() > JUDGED_MAX {
        return vec![PlanFault::TooComplex];
    }
    let mut search = Search::new(catalogue, plan);
    for choice in 0..1_u32 << judged.len() {
        let mut dossier = Dossier::new(START);
        dossier.judged = (judged.iter().enumerate())
            .map(|(bit, id)| ((*id).clone(), choice & (1 << bit) != 0))
            .collect();
        search.walk(&dossier, |work| work.note("signaal", None, None));
    }
    search.run()
}

/// Any Monday will do.
const START: Timestamp = Timestamp::from_micros(1_767_600_000_000_000);

struct Search<'a> {
    plan: &'a Plan,
    scene: Scene<'a>,
    entropy: Entropy,
    seen: HashSet<Vec<String>>,
    waiting: VecDeque<Dossier>,
    asked: BTreeSet<StepId>,
    faults: Vec<PlanFault>,
}

fn nobodys_case() -> CaseState {
    CaseState {
        id: uuid::Uuid::nil().into(),
        number: crate::message::CaseNumber::from_stored(String::new()),
        usage: Usage::Test,
        theme: None,
        participants: BTreeSet::new(),
        recipients: BTreeSet::new(),
        earlier: Vec::new(),
        glasses: Vec::new(),
    }
}

impl<'a> Search<'a> {
    fn new(catalogue: &'a Catalogue, plan: &'a Plan) -> Self {
        static CASE: std::sync::OnceLock<CaseState> = std::sync::OnceLock::new();
        let case = CASE.get_or_init(nobodys_case);
        Self {
            plan,
            scene: Scene { catalogue, plan: Some(plan), case, at: START },
            entropy: Entropy::new([0; 32]),
            seen: HashSet::new(),
            waiting: VecDeque::new(),
            asked: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// Lets something happen to a case, and looks at what it became, once.
    fn walk(&mut self, dossier: &Dossier, happens: impl FnOnce(&mut Work<'_>)) {
        let mut next = dossier.clone();
        let mut work = Work::new(&mut next, self.scene, &mut self.entropy);
        happens(&mut work);
        work.advance();
        self.look(next);
    }

    fn look(&mut self, dossier: Dossier) {
        let running = dossier.steps.iter().filter(|(_, state)| *state != StepState::Overgeslagen);
        self.asked.extend(running.map(|(id, _)| id.clone()));
        if self.seen.insert(likeness(&dossier)) {
            self.waiting.push_back(dossier);
        }
    }

    fn run(mut self) -> Vec<PlanFault> {
        while let Some(dossier) = self.waiting.pop_front() {
            if self.seen.len() > CASES_MAX {
                return vec![PlanFault::TooComplex];
            }
            let open: Vec<TaskId> = dossier.open_tasks().map(|task| task.id).collect();
            if open.is_empty() {
                self.judge_end(&dossier);
            }
            for task in open {
                self.branch(&dossier, task);
            }
        }
        for step in &self.plan.steps {
            if !self.asked.contains(&step.id) {
                self.faults.push(PlanFault::Unreachable(step.id.clone()));
            }
        }
        self.faults
    }

    /// Nothing is open: then every step has ended, and the case closes.
    fn judge_end(&mut self, dossier: &Dossier) {
        let waits = |step: &&Step| !dossier.step(&step.id).is_some_and(StepState::has_ended);
        let stuck: Vec<StepId> =
            self.plan.steps.iter().filter(waits).map(|step| step.id.clone()).collect();
        let fault = if !stuck.is_empty() {
            PlanFault::Stuck(stuck)
        } else if dossier.phase != Phase::Afgerond || dossier.quiet_since.is_none() {
            PlanFault::NeverCloses
        } else {
            return;
        };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Everything that can become of one task.
    fn branch(&mut self, dossier: &Dossier, id: TaskId) {
        let Some(task) = dossier.task(id) else { return };
        let Some(partner) = task.partner() else {
            self.decided(dossier, id);
            return;
        };
        for result in self.results(task.step.as_ref()) {
            self.answers(dossier, partner, id, (TaskWord::Afgerond, Some(result)));
        }
        self.answers(dossier, partner, id, (TaskWord::Geweigerd, None));
        let silence_asked = dossier.asks(Question::BeoordeelStilte, Some(id)).is_some();
        if task.state <= TaskState::Ontvangen && !silence_asked {
            self.walk(dossier, |work| {
                work.go_on(id, StepState::Stil, Question::BeoordeelStilte);
            });
        }
    }

    /// What a coordinator can decide: who does it, what came of it, or, the least, to go on.
    fn decided(&mut self, dossier: &Dossier, id: TaskId) {
        let Some(task) = dossier.task(id) else { return };
        if task.question() == Some(Question::VoerUit) {
            for result in self.results(task.step.as_ref()) {
                self.ordered(dossier, &Order::Done { task: id, result: result.to_owned() });
            }
        }
        if task.question() == Some(Question::KiesKetenpartner) {
            let step = task.step.as_ref().and_then(|step| self.plan.step(step));
            let partner = step.and_then(|step| self.scene.catalogue.meant_by(&step.to).pop());
            if let Some(partner) = partner.map(|partner| partner.id.clone()) {
                self.ordered(dossier, &Order::Assign { task: id, partner });
            }
        }
        self.ordered(dossier, &Order::GoOn { task: id });
    }

    fn ordered(&mut self, dossier: &Dossier, what: &Order) {
        let mut next = dossier.clone();
        if order(&mut next, self.scene, what, &mut self.entropy).is_ok() {
            self.look(next);
        }
    }

    fn answers(
        &mut self,
        dossier: &Dossier,
        partner: &PartnerId,
        task: TaskId,
        (status, result): (TaskWord, Option<&str>),
    ) {
        let mut next = dossier.clone();
        let result = result.map(str::to_owned);
        let said = TaskAnswer { task, status, reason: None, result, expected: None };
        let partner = partner.clone();
        let answered = super::answer(&mut next, self.scene, &partner, &said, &mut self.entropy);
        if answered.is_ok() {
            self.look(next);
        }
    }

    /// The results of a step that make a difference to others, and one that makes none.
    fn results(&self, step: Option<&StepId>) -> Vec<&'static str> {
        let matters =
            |result: &&str| {
                self.plan.steps.iter().flat_map(|other| &other.only_if).any(|(id, results)| {
                    Some(id) == step && results.iter().any(|one| one == result)
                })
            };
        let mut wanted: Vec<&str> = RESULTS.into_iter().filter(matters).collect();
        wanted.extend(RESULTS.into_iter().find(|result| !matters(result)));
        wanted
    }
}

/// What makes one case different from another here.
fn likeness(dossier: &Dossier) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for (step, state) in &dossier.steps {
        parts.push(format!("{step} {state:?}"));
    }
    for (step, holds) in &dossier.judged {
        parts.push(format!("{step} {holds}"));
    }
    for task in dossier.open_tasks() {
        let about = task.about.and_then(|id| dossier.task(id)?.step.clone());
        let step = &task.step;
        parts.push(format!("taak {step:?} {:?} {:?} {about:?}", task.assignee, task.state));
    }
    parts.sort();
    parts
}
