//! A case under a plan on a timeline, with partners that do what a script says. Time is made up.

use std::collections::BTreeMap;

use super::dossier::{Dossier, PlanRef};
use super::happen::{answer, clock, next_due, signal};
use super::order::{Order, order};
use super::task::{Question, Task, TaskState};
use super::work::{Entry, Follow, NoticeKind, Scene};
use crate::catalogue::Catalogue;
use crate::catalogue::playbook::Playbook;
use crate::message::calendar::is_working_day;
use crate::message::{
    CaseState, Entropy, PartnerId, StepId, TaskAnswer, TaskId, TaskWord, Timestamp,
};

/// Moments that are played at most.
const MOMENTS_MAX: usize = 1_000;
/// When a partner's system says that it has a request, after it was asked.
const RECEIVED_AFTER_S: i64 = 600;

/// What partners do; a step that is not named is done in good time.
#[derive(Debug, Default)]
pub struct Script {
    pub steps: BTreeMap<StepId, Conduct>,
    /// Whether the coordinator decides nothing.
    pub coordinator_is_silent: bool,
    /// What the conditions of steps on the signal come to; all hold otherwise.
    pub skipped: Vec<StepId>,
}

/// What a partner does about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conduct {
    /// Takes it on and finishes it with this result.
    Does(String),
    /// Takes it on and finishes it this many times its term later than it should.
    Late,
    Refuses(String),
    IsSilent,
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub at: Timestamp,
    pub entry: Entry,
    /// The step that it is about, where there is one.
    pub step: Option<StepId>,
    /// By when what is asked must be done.
    pub until: Option<Timestamp>,
    /// Who is told of it: the coordinator, or who answers at any hour.
    pub told: Option<Told>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Coordinator,
    AtAnyHour,
}

/// Plays a case from its first signal until nothing more is due.
pub fn simulate(
    catalogue: &Catalogue,
    playbook: &Playbook,
    case: &CaseState,
    script: &Script,
    begin: Timestamp,
) -> (Vec<Moment>, Dossier) {
    let mut play = Play {
        catalogue,
        playbook,
        case,
        script,
        dossier: Dossier::new(begin),
        entropy: Entropy::new([7; 32]),
        moments: Vec::new(),
        planned: Vec::new(),
    };
    play.dossier.plan = Some(PlanRef { id: playbook.plan.id.clone(), digest: playbook.digest });
    let judged = playbook.conditions.iter().map(|(id, _)| id);
    play.dossier.judged = judged.map(|id| (id.clone(), !script.skipped.contains(id))).collect();
    play.happens(begin, |dossier, scene, entropy| signal(dossier, scene, None, entropy));
    for _ in 0..MOMENTS_MAX {
        if !play.next() {
            break;
        }
    }
    (play.moments, play.dossier)
}

/// What somebody is going to do.
struct Planned {
    at: Timestamp,
    task: TaskId,
    act: Act,
}

enum Act {
    Say(TaskWord, Option<String>),
    Decide,
}

struct Play<'a> {
    catalogue: &'a Catalogue,
    playbook: &'a Playbook,
    case: &'a CaseState,
    script: &'a Script,
    dossier: Dossier,
    entropy: Entropy,
    moments: Vec<Moment>,
    planned: Vec<Planned>,
}

impl Play<'_> {
    /// Lets the next thing happen; false where there is none.
    fn next(&mut self) -> bool {
        let due = next_due(&self.dossier, Some(&self.playbook.plan));
        let first = (0..self.planned.len()).min_by_key(|at| self.planned[*at].at);
        let acts_first = first.filter(|at| due.is_none_or(|due| self.planned[*at].at < due));
        match (acts_first, due) {
            (Some(at), _) => {
                let planned = self.planned.remove(at);
                self.act(planned);
                true
            }
            (None, Some(due)) => {
                self.happens(due, clock);
                true
            }
            (None, None) => false,
        }
    }

    fn act(&mut self, Planned { at, task, act }: Planned) {
        match act {
            Act::Say(status, code) => {
                let open = self.dossier.task(task).filter(|task| task.is_open());
                let Some(partner) = open.and_then(|task| task.partner().cloned()) else { return };
                let (reason, result) = match status {
                    TaskWord::Geweigerd => (code, None),
                    _ => (None, code),
                };
                let said = TaskAnswer { task, status, reason, result, expected: None };
                self.happens(at, |dossier, scene, entropy| {
                    answer(dossier, scene, &partner, &said, entropy).unwrap_or_default()
                });
            }
            Act::Decide => {
                let open = self.dossier.task(task).filter(|task| task.is_open());
                let Some(question) = open.and_then(Task::question) else { return };
                let ordered = self.decision(task, question);
                self.happens(at, |dossier, scene, entropy| {
                    order(dossier, scene, &ordered, entropy).unwrap_or_default()
                });
            }
        }
    }

    /// The least that a coordinator can decide; where there is a choice of partners, the first.
    fn decision(&self, task: TaskId, question: Question) -> Order {
        match question {
            Question::KiesKetenpartner => match self.first_choice(task) {
                Some(partner) => Order::Assign { task, partner },
                None => Order::GoOn { task },
            },
            Question::BeoordeelWeigering
            | Question::BeoordeelStilte
            | Question::BeoordeelVertraging
            | Question::GeenKetenpartner => Order::GoOn { task },
            Question::SluitCasus | Question::CasusDuurtLang => Order::Close,
            _ => Order::Done { task, result: self.result_of(task) },
        }
    }

    /// The result that the script gives a step that the municipality does itself.
    fn result_of(&self, task: TaskId) -> String {
        let step = self.dossier.task(task).and_then(|task| task.step.as_ref());
        match step.and_then(|step| self.script.steps.get(step)) {
            Some(Conduct::Does(result)) => result.clone(),
            _ => "opgelost".to_owned(),
        }
    }

    fn first_choice(&self, task: TaskId) -> Option<PartnerId> {
        let step = self.dossier.task(task)?.step.clone()?;
        let to = &self.playbook.plan.step(&step)?.to;
        self.catalogue.meant_by(to).first().map(|partner| partner.id.clone())
    }

    fn happens(
        &mut self,
        at: Timestamp,
        what: impl FnOnce(&mut Dossier, Scene<'_>, &mut Entropy) -> Follow,
    ) {
        let plan = Some(&*self.playbook.plan);
        let scene = Scene { catalogue: self.catalogue, plan, case: self.case, at };
        let known: Vec<TaskId> = self.dossier.tasks.iter().map(|task| task.id).collect();
        let follow = what(&mut self.dossier, scene, &mut self.entropy);
        for entry in &follow.entries {
            self.moments.push(self.moment(at, entry, &follow));
        }
        let new: Vec<Task> =
            self.dossier.tasks.iter().filter(|task| !known.contains(&task.id)).cloned().collect();
        for task in &new {
            self.plan_for(task, at);
        }
    }

    fn moment(&self, at: Timestamp, entry: &Entry, follow: &Follow) -> Moment {
        let task = entry.task.and_then(|id| self.dossier.task(id));
        let told =
            follow.notices.iter().find(|notice| notice.task.is_some() && notice.task == entry.task);
        let told = told.map(|notice| match notice.kind {
            NoticeKind::NietBeslist(_) => Told::AtAnyHour,
            _ if notice.urgent => Told::AtAnyHour,
            _ => Told::Coordinator,
        });
        let asked = matches!(entry.code, "gevraagd" | "te-beslissen");
        Moment {
            at,
            entry: entry.clone(),
            step: task.and_then(|task| task.step.clone()),
            until: task.filter(|_| asked).map(|task| task.deadlines.done),
            told,
        }
    }

    /// What whoever has a task does about it, and when.
    fn plan_for(&mut self, task: &Task, at: Timestamp) {
        let mut plan = |at, act| self.planned.push(Planned { at, task: task.id, act });
        if task.question().is_some() {
            if !self.script.coordinator_is_silent {
                plan(between(at, task.deadlines.done, 1, 2), Act::Decide);
            }
            return;
        }
        let usual = Conduct::Does("opgelost".to_owned());
        let conduct = task.step.as_ref().and_then(|step| self.script.steps.get(step));
        let (accepted, done) = (task.deadlines.accepted, task.deadlines.done);
        let accepts = between(at, accepted, 1, 2);
        match conduct.unwrap_or(&usual) {
            Conduct::IsSilent => {}
            Conduct::Refuses(reason) => {
                plan(at.plus_seconds(RECEIVED_AFTER_S), Act::Say(TaskWord::Ontvangen, None));
                plan(accepts, Act::Say(TaskWord::Geweigerd, Some(reason.clone())));
            }
            Conduct::Does(result) => {
                plan(at.plus_seconds(RECEIVED_AFTER_S), Act::Say(TaskWord::Ontvangen, None));
                plan(accepts, Act::Say(TaskWord::Aanvaard, None));
                let ends = between(at, done, 3, 4).max(accepts);
                plan(ends, Act::Say(TaskWord::Afgerond, Some(result.clone())));
            }
            Conduct::Late => {
                plan(at.plus_seconds(RECEIVED_AFTER_S), Act::Say(TaskWord::Ontvangen, None));
                plan(accepts, Act::Say(TaskWord::Aanvaard, None));
                let ends = done.plus_seconds(done.seconds_since(at) / 4);
                plan(ends, Act::Say(TaskWord::Afgerond, Some("opgelost".to_owned())));
            }
        }
    }
}

/// A part of the way from one moment to another; where that is days away, in office hours.
fn between(from: Timestamp, until: Timestamp, part: i64, whole: i64) -> Timestamp {
    let moment = from.plus_seconds(until.seconds_since(from) * part / whole);
    if until.seconds_since(from) < 86_400 {
        return moment;
    }
    let mut day = moment.amsterdam_day();
    while !is_working_day(day) {
        let Ok(earlier) = day.yesterday() else { break };
        day = earlier;
    }
    let morning = Timestamp::morning_of_amsterdam_day(day).map(|at| at.plus_seconds(2 * 3_600));
    morning.filter(|morning| *morning > from).unwrap_or(moment)
}

/// Whether every task ended and the case is closed: what a good plan comes to.
pub fn is_finished(dossier: &Dossier) -> bool {
    dossier.is_closed() && dossier.tasks.iter().all(|task| task.state != TaskState::Gevraagd)
}
