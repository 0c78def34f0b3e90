//! What can happen to a case: a signal, a partner's answer, its receipt, and time that passes.

use super::agreement::Call;
use super::dossier::{Dossier, Phase, Recall, StepState};
use super::task::{AnswerFault, Mark, Question, Task, TaskState};
use super::work::{Ask, Entry, Follow, Notice, NoticeKind, Scene, Work, closes_at};
use crate::catalogue::ThemeCase;
use crate::catalogue::playbook::{ClosedBy, Plan};
use crate::message::{
    AgreementId, Entropy, PartnerId, RequestWord, Stage, StepId, TaskAnswer, TaskId, TaskWord,
    Term, Timestamp,
};

/// What happens in one look at the clock at most; what is left is due at once again.
const DUE_MOST: usize = 500;

/// How long a case without a plan may be open before somebody is asked about it.
const LONG_USUAL: Term = Term::WorkingDays(60);

/// A signal came: the case was opened by it, or it joined. `theme` says what its theme asks.
pub fn signal(
    dossier: &mut Dossier,
    scene: Scene<'_>,
    theme: Option<&ThemeCase>,
    entropy: &mut Entropy,
) -> Follow {
    let mut work = Work::new(dossier, scene, entropy);
    let opened = work.dossier.tasks.is_empty() && work.dossier.steps.is_empty();
    work.note("signaal", None, None);
    work.dossier.remember_signal(scene.at);
    if work.dossier.phase == Phase::Gesloten {
        work.dossier.closed_at = None;
        work.dossier.erase_at = None;
        work.become_phase(Phase::Heropend);
        work.question(Question::ZonderDraaiboek, None, None);
    }
    if opened && !work.dossier.alike.is_empty() {
        work.question(Question::BeoordeelKoppeling, None, None);
    }
    if opened && scene.plan.is_none() && theme.is_some_and(|theme| theme.opens_a_case()) {
        work.question(Question::ZonderDraaiboek, None, None);
    }
    if let Some(lasting) = theme.and_then(|theme| theme.lasting) {
        let since = scene.at.plus_seconds(-lasting.days_in_seconds());
        let recent = work.dossier.signals.iter().filter(|moment| **moment >= since).count();
        if recent >= lasting.signals && !work.dossier.lasting {
            work.dossier.lasting = true;
            work.note("slepend", None, None);
            work.question(Question::Maatwerk, None, None);
        }
    }
    work.advance()
}

/// A partner's answer. What it may not say is refused and told to it; nothing changes then.
pub fn answer(
    dossier: &mut Dossier,
    scene: Scene<'_>,
    partner: &PartnerId,
    answer: &TaskAnswer,
    entropy: &mut Entropy,
) -> Result<Follow, AnswerFault> {
    let task = dossier.task(answer.task).filter(|task| task.partner() == Some(partner));
    let Some(task) = task else { return Err(AnswerFault::Unknown) };
    if dossier.is_closed() && task.is_open() {
        return Err(AnswerFault::Closed);
    }
    let (from, next) = (task.state, task.state.after(answer.status)?);
    let mut work = Work::new(dossier, scene, entropy);
    let Some(state) = next else { return Ok(work.advance()) };
    if let Some(task) = work.dossier.task_mut(answer.task) {
        task.become_state(state, scene.at);
        task.reason = answer.reason.clone().or(task.reason.take());
        task.result = answer.result.clone().or(task.result.take());
        task.expected = answer.expected.or(task.expected);
    }
    let detail = answer.reason.as_deref().or(answer.result.as_deref());
    work.note(state.as_str(), Some(answer.task), detail);
    work.moved(answer.task, from, state);
    Ok(work.advance())
}

/// A recipient's word about the parcel that carried a request: received, accepted or refused.
pub fn receipt(
    dossier: &mut Dossier,
    scene: Scene<'_>,
    (partner, task): (&PartnerId, TaskId),
    (stage, reason): (Stage, Option<&str>),
    entropy: &mut Entropy,
) -> Follow {
    let status = match stage {
        Stage::Opgehaald | Stage::Ontvangen => TaskWord::Ontvangen,
        Stage::Geaccepteerd => TaskWord::Aanvaard,
        Stage::Geweigerd => TaskWord::Geweigerd,
        Stage::Klaargezet | Stage::Verlopen => return Follow::default(),
    };
    let reason = reason.map(str::to_owned);
    let said = TaskAnswer { task, status, reason, result: None, expected: None };
    // A receipt says nothing about what it may not: the parcel was settled, and that is all.
    answer(dossier, scene, partner, &said, entropy).unwrap_or_default()
}

/// A request could not leave: nothing allows it now, or it cannot be made in the partner's form.
/// Nobody waits for the answer to what was never asked.
pub fn unsent(
    dossier: &mut Dossier,
    scene: Scene<'_>,
    task: TaskId,
    entropy: &mut Entropy,
) -> Follow {
    let asked = |task: &&Task| task.state == TaskState::Gevraagd && task.partner().is_some();
    if dossier.is_closed() || dossier.task(task).filter(asked).is_none() {
        return Follow::default();
    }
    let mut work = Work::new(dossier, scene, entropy);
    work.set_mark(task, Mark::Stil);
    work.set_mark(task, Mark::NietOntvangen);
    work.note("niet-verstuurd", Some(task), None);
    work.go_on(task, StepState::Stil, Question::BeoordeelStilte);
    // Who was not asked need not hear that it is not asked any more.
    work.follow.asks.retain(|ask| ask.task != task);
    work.advance()
}

/// A correction or a withdrawal came: who got it must say so in time, and where nothing is left
/// that the case is about, a coordinator says what becomes of it.
pub fn recalled(
    dossier: &mut Dossier,
    scene: Scene<'_>,
    (withdraws, recalls): (bool, Vec<Recall>),
    entropy: &mut Entropy,
) -> Follow {
    let code = if withdraws { "signaal-ingetrokken" } else { "aangevuld" };
    dossier.recalls.extend(recalls);
    if dossier.is_closed() {
        return Follow { entries: vec![Entry::plain(code)], ..Follow::default() };
    }
    let mut work = Work::new(dossier, scene, entropy);
    work.note(code, None, None);
    if withdraws && work.dossier.signals.len() <= 1 {
        work.question(Question::BeoordeelIntrekking, None, None);
    }
    work.advance()
}

/// A partner held a message of the case because it would endanger somebody: a coordinator decides.
pub fn held(
    dossier: &mut Dossier,
    scene: Scene<'_>,
    partner: &PartnerId,
    entropy: &mut Entropy,
) -> Follow {
    if dossier.is_closed() {
        return Follow { notices: vec![held_notice(partner, scene.at)], ..Follow::default() };
    }
    let mut work = Work::new(dossier, scene, entropy);
    work.question_about(Question::BeoordeelVasthouden, partner.clone());
    work.advance()
}

/// What coordinators hear of a held message where no case runs.
pub fn held_notice(partner: &PartnerId, at: Timestamp) -> Notice {
    let term = Question::BeoordeelVasthouden.own_term();
    Notice {
        kind: NoticeKind::Vastgehouden,
        task: None,
        partner: Some(partner.clone()),
        by: term.map_or(at, |term| term.after(at)),
        urgent: true,
    }
}

impl Work<'_> {
    /// What a new state of a partner's task means for the plan.
    fn moved(&mut self, id: TaskId, from: TaskState, to: TaskState) {
        let given_up = from == TaskState::Verlopen;
        match to {
            TaskState::Aanvaard | TaskState::Voortgang => {
                self.answered_itself(id, &[Question::BeoordeelStilte]);
            }
            TaskState::Afgerond => {
                let about = [
                    Question::BeoordeelStilte,
                    Question::BeoordeelVertraging,
                    Question::BeoordeelWeigering,
                ];
                self.answered_itself(id, &about);
                let done = self.dossier.task(id).and_then(|task| {
                    Some((task.step.clone()?, task.result.clone().unwrap_or_default()))
                });
                if let Some((step, result)) = done.filter(|_| !given_up) {
                    self.dossier.set_step(&step, StepState::Gedaan(result));
                }
            }
            TaskState::Geweigerd => {
                self.answered_itself(
                    id,
                    &[Question::BeoordeelStilte, Question::BeoordeelVertraging],
                );
                self.go_on(id, StepState::Geweigerd, Question::BeoordeelWeigering);
            }
            _ => {}
        }
    }
}

/// Something that is due at a moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    NotReceived(TaskId),
    Remind(TaskId, Mark),
    Silent(TaskId),
    Late(TaskId),
    Escalate(TaskId),
    Recall(usize),
    Agreement(AgreementId, Call),
    Glass(usize),
    Long,
    Close,
}

/// The next moment at which something is due.
pub fn next_due(dossier: &Dossier, plan: Option<&Plan>) -> Option<Timestamp> {
    first_due(dossier, plan).map(|(at, _)| at)
}

fn first_due(dossier: &Dossier, plan: Option<&Plan>) -> Option<(Timestamp, Due)> {
    if dossier.is_closed() || dossier.merged_into.is_some() {
        return None;
    }
    let of_tasks = dossier.open_tasks().flat_map(|task| {
        let (id, d) = (task.id, &task.deadlines);
        let at = |mark: Mark, moment: Option<Timestamp>, due: Due| {
            moment.filter(|_| !task.is_marked(mark)).map(|moment| (moment, due))
        };
        if task.question().is_some() {
            return [
                at(Mark::Geescaleerd, Some(d.done), Due::Escalate(id)),
                None,
                None,
                None,
                None,
            ];
        }
        let unread = task.state == TaskState::Gevraagd;
        let untaken = task.state <= TaskState::Ontvangen;
        let only = |when: bool, found: Option<(Timestamp, Due)>| found.filter(|_| when);
        let (accept, done) = (Mark::HerinnerdAanvaarden, Mark::HerinnerdAfronden);
        [
            only(unread, at(Mark::NietOntvangen, Some(d.received), Due::NotReceived(id))),
            only(untaken, at(accept, task.remind_accept, Due::Remind(id, accept))),
            only(untaken, at(Mark::Stil, Some(d.accepted), Due::Silent(id))),
            at(done, task.remind_done, Due::Remind(id, done)),
            at(Mark::TeLaat, Some(d.done), Due::Late(id)),
        ]
    });
    let recalls =
        dossier.recalls.iter().enumerate().map(|(at, recall)| (recall.by, Due::Recall(at)));
    let agreements = dossier.agreements.iter().flat_map(|agreement| {
        agreement.due().map(|(at, call)| (at, Due::Agreement(agreement.id, call)))
    });
    let glasses = dossier.glasses.iter().enumerate();
    let glasses = glasses.filter(|(_, glass)| glass.ended.is_none());
    let glasses = glasses.map(|(at, glass)| (glass.until, Due::Glass(at)));
    let runs = !dossier.told_long && dossier.quiet_since.is_none() && !dossier.tasks.is_empty();
    let long = plan.map_or(LONG_USUAL, |plan| plan.term).after(dossier.opened_at);
    let long = runs.then_some((long, Due::Long));
    let close = closes_at(dossier, plan).map(|at| (at, Due::Close));
    let of_case = recalls.chain(agreements).chain(glasses).chain(long).chain(close);
    of_tasks.flatten().chain(of_case).min()
}

/// Does what is due at this moment, in its order, each once.
pub fn clock(dossier: &mut Dossier, scene: Scene<'_>, entropy: &mut Entropy) -> Follow {
    let mut follow = Follow::default();
    for _ in 0..DUE_MOST {
        let due = first_due(dossier, scene.plan).filter(|(at, _)| *at <= scene.at);
        let Some((_, due)) = due else { break };
        let mut work = Work::new(dossier, scene, entropy);
        work.happens(due);
        let next = work.advance();
        follow.asks.extend(next.asks);
        follow.notices.extend(next.notices);
        follow.entries.extend(next.entries);
        follow.shares.extend(next.shares);
    }
    follow
}

impl Work<'_> {
    fn happens(&mut self, due: Due) {
        match due {
            Due::NotReceived(id) => {
                self.set_mark(id, Mark::NietOntvangen);
                self.note("niet-ontvangen", Some(id), None);
                let Some(task) = self.dossier.task(id) else { return };
                self.follow.notices.push(Notice {
                    kind: NoticeKind::NietOntvangen,
                    task: Some(id),
                    partner: task.partner().cloned(),
                    by: task.deadlines.received,
                    urgent: task.urgent,
                });
            }
            Due::Remind(id, mark) => {
                self.set_mark(id, mark);
                self.note("herinnerd", Some(id), None);
                self.follow.asks.push(Ask { task: id, status: RequestWord::Herinnerd });
            }
            Due::Silent(id) => {
                self.set_mark(id, Mark::Stil);
                // That nobody took it on says enough; it need not be told that it is not read.
                self.set_mark(id, Mark::NietOntvangen);
                self.note("stil", Some(id), None);
                self.go_on(id, StepState::Stil, Question::BeoordeelStilte);
            }
            Due::Late(id) => {
                self.set_mark(id, Mark::TeLaat);
                self.note("te-laat", Some(id), None);
                self.question(Question::BeoordeelVertraging, Some(id), None);
            }
            Due::Escalate(id) => self.escalate(id),
            Due::Recall(at) => {
                let recall = self.dossier.recalls.remove(at);
                self.note("terugroep-onbevestigd", None, Some(recall.recipient.as_str()));
                self.question(Question::BeoordeelTerugroep, None, None);
            }
            Due::Agreement(id, call) => self.called(id, call),
            Due::Glass(at) => self.end_glass(at),
            Due::Long => {
                self.dossier.told_long = true;
                self.note("duurt-lang", None, None);
                self.question(Question::CasusDuurtLang, None, None);
            }
            Due::Close => match self.closing() {
                (ClosedBy::Hub, _) => {
                    self.note("gesloten-door-hub", None, None);
                    self.close();
                }
                (ClosedBy::Coordinator, _) => self.question(Question::SluitCasus, None, None),
            },
        }
    }

    fn escalate(&mut self, id: TaskId) {
        self.set_mark(id, Mark::Geescaleerd);
        let Some(task) = self.dossier.task(id) else { return };
        let Some(question) = task.question() else { return };
        let about = task.about.and_then(|about| self.dossier.task(about));
        let notice = Notice {
            kind: NoticeKind::NietBeslist(question),
            task: Some(id),
            partner: about.and_then(|task| task.partner().cloned()).or(task.whom.clone()),
            by: task.deadlines.done,
            urgent: task.urgent,
        };
        self.follow.notices.push(notice);
        self.note("geescaleerd", Some(id), Some(question.as_str()));
    }
}

/// The conditions of a plan's steps, judged on the signal that opens a case.
pub fn judge(
    catalogue: &crate::catalogue::Catalogue,
    playbook: &crate::catalogue::playbook::Playbook,
    data: &serde_json::Value,
) -> Vec<(StepId, bool)> {
    let holds = |condition: &crate::catalogue::cel::Expression| {
        let mut scope = catalogue.engine.scope();
        scope.bind("b", data);
        condition.holds(&scope).unwrap_or(false)
    };
    playbook.conditions.iter().map(|(step, condition)| (step.clone(), holds(condition))).collect()
}
