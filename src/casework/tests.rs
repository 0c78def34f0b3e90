//! Stories of cases: what a plan asks, and what becomes of answers, refusals, silence and time.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::catalogue::playbook::{ClosedBy, Closing, Next, Plan, Step, Terms};
use crate::catalogue::{Catalogue, Lasting, Otherwise, ThemeCase, fixture};
use crate::message::{
    CaseState, Digest, Entropy, PartnerId, RequestWord, Stage, StepId, TaskAnswer, TaskId,
    TaskWord, Term, Timestamp, Usage,
};

/// A Monday without holidays around it.
const MONDAY: &str = "2026-11-23T10:00:00+01:00";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn id(text: &str) -> StepId {
    text.parse().unwrap()
}

fn partner(text: &str) -> PartnerId {
    text.parse().unwrap()
}

fn step(name: &str, to: &str) -> Step {
    Step {
        id: id(name),
        action: "huisbezoek".into(),
        to: to.into(),
        purpose: None,
        after: Vec::new(),
        only_if: Vec::new(),
        on_demand: false,
        judged: false,
        urgent: false,
        terms: Terms {
            received: Term::Hours(4),
            accepted: Term::WorkingDays(2),
            done: Term::WorkingDays(10),
        },
        remind: Some(Term::WorkingDays(1)),
        on_refusal: Next::Coordinator,
        on_silence: Next::Coordinator,
    }
}

fn plan(steps: Vec<Step>) -> Arc<Plan> {
    Arc::new(Plan {
        id: "proef".parse().unwrap(),
        name: "Proef".into(),
        theme: "overlast".into(),
        term: Term::WorkingDays(60),
        decide: Term::WorkingDays(2),
        decide_urgent: Term::Hours(2),
        steps,
        closing: Closing { by: ClosedBy::Hub, quiet: Term::WorkingDays(5) },
    })
}

/// A case with its surroundings.
struct Story {
    catalogue: Catalogue,
    plan: Option<Arc<Plan>>,
    case: CaseState,
    dossier: Dossier,
    entropy: Entropy,
    now: Timestamp,
}

impl Story {
    fn new(plan: Option<Arc<Plan>>) -> Self {
        let now = at(MONDAY);
        let mut dossier = Dossier::new(now);
        dossier.plan =
            plan.as_ref().map(|plan| PlanRef { id: plan.id.clone(), digest: plan.digest() });
        Self {
            catalogue: fixture::catalogue(&fixture::files()),
            plan,
            case: CaseState {
                id: uuid::Uuid::from_u128(1).into(),
                number: crate::message::CaseNumber::from_random([0; 12]),
                usage: Usage::Echt,
                theme: Some("overlast".into()),
                participants: BTreeSet::new(),
                recipients: BTreeSet::new(),
                earlier: Vec::new(),
                glasses: Vec::new(),
            },
            dossier,
            entropy: Entropy::new([3; 32]),
            now,
        }
    }

    fn opened(steps: Vec<Step>) -> (Self, Follow) {
        let mut story = Self::new(Some(plan(steps)));
        let follow = story.signal(None);
        (story, follow)
    }

    fn with<R>(&mut self, what: impl FnOnce(&mut Dossier, Scene<'_>, &mut Entropy) -> R) -> R {
        let Self { catalogue, plan, case, dossier, entropy, now } = self;
        let scene = Scene { catalogue, plan: plan.as_deref(), case, at: *now };
        what(dossier, scene, entropy)
    }

    fn signal(&mut self, theme: Option<&ThemeCase>) -> Follow {
        self.with(|dossier, scene, entropy| signal(dossier, scene, theme, entropy))
    }

    fn says(
        &mut self,
        who: &str,
        task: TaskId,
        status: TaskWord,
        code: &str,
    ) -> Result<Follow, AnswerFault> {
        let code = (!code.is_empty()).then(|| code.to_owned());
        let (reason, result) =
            if status == TaskWord::Geweigerd { (code, None) } else { (None, code) };
        let said = TaskAnswer { task, status, reason, result, expected: None };
        self.with(|dossier, scene, entropy| answer(dossier, scene, &partner(who), &said, entropy))
    }

    fn orders(&mut self, what: &Order) -> Result<Follow, OrderFault> {
        self.with(|dossier, scene, entropy| order(dossier, scene, what, entropy))
    }

    /// The clock comes to a moment.
    fn until(&mut self, moment: &str) -> Follow {
        self.now = at(moment);
        self.with(clock)
    }

    fn task_of(&self, step: &str) -> TaskId {
        let of = |task: &&Task| task.step.as_ref() == Some(&id(step)) && task.is_open();
        self.dossier.tasks.iter().rev().find(of).expect("an open task").id
    }

    fn questions(&self) -> Vec<Question> {
        self.dossier.open_tasks().filter_map(Task::question).collect()
    }

    fn step(&self, name: &str) -> Option<StepState> {
        self.dossier.step(&id(name)).cloned()
    }
}

fn codes(follow: &Follow) -> Vec<&'static str> {
    follow.entries.iter().map(|entry| entry.code).collect()
}

#[test]
fn a_plan_asks_in_its_order_and_a_case_closes_when_all_is_done() {
    let second = Step { after: vec![id("een")], ..step("twee", "zorg") };
    let (mut story, follow) = Story::opened(vec![step("een", "politie"), second]);
    assert_eq!(codes(&follow), ["signaal", "gevraagd", "fase"]);
    assert_eq!(story.dossier.phase, Phase::WachtOpPartner);
    let first = story.task_of("een");
    assert_eq!(follow.asks, [Ask { task: first, status: RequestWord::Gevraagd }]);
    story.says("politie-1", first, TaskWord::Aanvaard, "").unwrap();
    let follow = story.says("politie-1", first, TaskWord::Afgerond, "opgelost").unwrap();
    assert_eq!(codes(&follow), ["afgerond", "gevraagd"]);
    let second = story.task_of("twee");
    story.says("zorg-1", second, TaskWord::Afgerond, "niet-nodig").unwrap();
    assert_eq!(story.dossier.phase, Phase::Afgerond);
    story.until("2026-11-30T23:59:58+01:00");
    assert_eq!(story.dossier.phase, Phase::Afgerond, "it stays done for five working days");
    story.until("2026-11-30T23:59:59+01:00");
    assert_eq!(story.dossier.phase, Phase::Gesloten);
    assert_eq!(next_due(&story.dossier, story.plan.as_deref()), None);
}

#[test]
fn what_a_step_came_to_decides_whether_another_is_asked() {
    let on = |results: &[&str]| {
        let results = results.iter().map(|text| (*text).to_owned()).collect();
        Step { after: vec![id("een")], only_if: vec![(id("een"), results)], ..step("twee", "zorg") }
    };
    for (result, asked) in [("niet-opgelost", true), ("opgelost", false)] {
        let (mut story, _) = Story::opened(vec![step("een", "politie"), on(&["niet-opgelost"])]);
        let first = story.task_of("een");
        story.says("politie-1", first, TaskWord::Afgerond, result).unwrap();
        let expected = if asked { StepState::Loopt } else { StepState::Overgeslagen };
        assert_eq!(story.step("twee"), Some(expected), "{result}");
    }
}

#[test]
fn a_refusal_leads_where_the_plan_says() {
    let led = Step { on_demand: true, ..step("twee", "zorg") };
    let first = Step { on_refusal: Next::Step(id("twee")), ..step("een", "politie") };
    let (mut story, _) = Story::opened(vec![first, led]);
    assert_eq!(story.step("twee"), None, "nothing led to it yet");
    let task = story.task_of("een");
    story.says("politie-1", task, TaskWord::Geweigerd, "geen-capaciteit").unwrap();
    assert_eq!(story.step("een"), Some(StepState::Geweigerd));
    assert_eq!(story.dossier.task(task).unwrap().reason.as_deref(), Some("geen-capaciteit"));
    assert!(story.task_of("twee") != task);
}

#[test]
fn silence_is_reminded_then_put_before_a_coordinator_then_escalated_each_once() {
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    let task = story.task_of("een");
    let follow = story.until("2026-11-23T14:00:00+01:00");
    assert_eq!(codes(&follow), ["niet-ontvangen"]);
    assert_eq!(follow.notices[0].kind, NoticeKind::NietOntvangen);
    let follow = story.until("2026-11-24T08:00:00+01:00");
    assert_eq!(follow.asks, [Ask { task, status: RequestWord::Herinnerd }]);
    let follow = story.until("2026-11-25T23:59:59+01:00");
    assert_eq!(codes(&follow), ["stil", "te-beslissen"]);
    assert_eq!(story.questions(), [Question::BeoordeelStilte]);
    assert_eq!(story.until("2026-11-27T12:00:00+01:00"), Follow::default(), "each once");
    let follow = story.until("2026-11-27T23:59:59+01:00");
    assert_eq!(codes(&follow), ["geescaleerd"]);
    let kind = follow.notices[0].kind;
    assert_eq!(kind, NoticeKind::NietBeslist(Question::BeoordeelStilte));
    assert_eq!(follow.notices[0].partner, Some(partner("politie-1")), "whom to call");
}

#[test]
fn who_takes_it_on_after_all_answers_the_coordinators_question() {
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    let task = story.task_of("een");
    story.until("2026-11-26T08:00:00+01:00");
    assert_eq!(story.questions(), [Question::BeoordeelStilte]);
    story.says("politie-1", task, TaskWord::Aanvaard, "").unwrap();
    assert_eq!(story.questions(), []);
    let follow = story.until("2026-12-07T23:59:59+01:00");
    assert!(codes(&follow).contains(&"te-laat"), "taken on is not done");
    assert_eq!(story.questions(), [Question::BeoordeelVertraging]);
}

#[test]
fn answers_that_do_not_count_change_nothing() {
    let (mut story, _) = Story::opened(vec![step("een", "politie"), step("twee", "zorg")]);
    let task = story.task_of("een");
    let before = story.dossier.clone();
    let unknown = TaskId::from(uuid::Uuid::from_u128(99));
    for (who, task) in [("politie-1", unknown), ("zorg-1", task)] {
        let said = story.says(who, task, TaskWord::Aanvaard, "");
        assert_eq!(said, Err(AnswerFault::Unknown), "another's task looks like none");
    }
    assert_eq!(story.dossier, before);
    story.says("politie-1", task, TaskWord::Afgerond, "opgelost").unwrap();
    let before = story.dossier.clone();
    let said = story.says("politie-1", task, TaskWord::Geweigerd, "overig");
    assert_eq!(said, Err(AnswerFault::Contradicts));
    assert_eq!(
        story.says("politie-1", task, TaskWord::Afgerond, "opgelost"),
        Ok(Follow::default())
    );
    assert_eq!(story.dossier, before, "the same again says nothing new");
    story.orders(&Order::Close).unwrap();
    let other = story.dossier.tasks.iter().find(|t| t.partner() == Some(&partner("zorg-1")));
    let other = other.unwrap().id;
    let said = story.says("zorg-1", other, TaskWord::Afgerond, "opgelost");
    assert_eq!(said, Err(AnswerFault::Withdrawn), "closing withdrew it");
}

#[test]
fn an_answer_does_not_come_before_its_question() {
    let second = Step { after: vec![id("een")], ..step("twee", "zorg") };
    let (mut story, _) = Story::opened(vec![step("een", "politie"), second]);
    // The second step is in the plan, and nobody was asked it yet.
    let first = story.task_of("een");
    let before = story.dossier.clone();
    let said = story.says("zorg-1", first, TaskWord::Aanvaard, "");
    assert_eq!((said, &story.dossier), (Err(AnswerFault::Unknown), &before));
    // By this hub's clock, which was set back, the answer came before the question.
    let asked = story.now;
    story.now = at("2026-11-23T08:00:00+01:00");
    story.says("politie-1", first, TaskWord::Afgerond, "opgelost").unwrap();
    let task = story.dossier.task(first).unwrap();
    assert_eq!((task.received_at, task.ended_at), (Some(asked), Some(asked)), "no negative time");
    assert!(story.step("twee").is_some(), "and the next is asked");
}

#[test]
fn a_receipt_of_the_parcel_counts_as_far_as_it_goes() {
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    let task = story.task_of("een");
    let mut received = |stage| {
        let who = partner("politie-1");
        story.with(|d, scene, entropy| receipt(d, scene, (&who, task), (stage, None), entropy));
        story.dossier.task(task).unwrap().state
    };
    assert_eq!(received(Stage::Opgehaald), TaskState::Ontvangen);
    assert_eq!(received(Stage::Geaccepteerd), TaskState::Aanvaard);
    assert_eq!(received(Stage::Ontvangen), TaskState::Aanvaard, "never back");
}

#[test]
fn where_everybody_refuses_the_case_still_ends() {
    let goes_on = Step { on_refusal: Next::Continue, ..step("twee", "zorg") };
    let (mut story, _) = Story::opened(vec![step("een", "politie"), goes_on]);
    for (name, who) in [("een", "politie-1"), ("twee", "zorg-1")] {
        let task = story.task_of(name);
        story.says(who, task, TaskWord::Geweigerd, "niet-bevoegd").unwrap();
    }
    assert_eq!(story.questions(), [Question::BeoordeelWeigering]);
    assert_eq!(story.dossier.phase, Phase::InBehandeling);
    let question = story.task_of("een");
    story.orders(&Order::GoOn { task: question }).unwrap();
    assert_eq!(story.dossier.phase, Phase::Afgerond);
}

#[test]
fn what_could_not_be_asked_is_decided_at_once_and_nobody_waits_for_an_answer() {
    let goes_on = Step { on_silence: Next::Step(id("twee")), ..step("een", "politie") };
    let second = Step { on_demand: true, ..step("twee", "zorg") };
    let (mut story, _) = Story::opened(vec![goes_on, second]);
    let task = story.task_of("een");
    let follow = story.with(|d, scene, entropy| unsent(d, scene, task, entropy));
    assert_eq!(codes(&follow), ["niet-verstuurd", "verlopen", "gevraagd"]);
    let asked = follow.asks.iter().all(|ask| ask.task != task);
    assert!(asked, "who was never asked hears nothing of it: {:?}", follow.asks);
    let next = story.task_of("twee");
    let follow = story.with(|d, scene, entropy| unsent(d, scene, next, entropy));
    assert_eq!(codes(&follow), ["niet-verstuurd", "te-beslissen"]);
    assert_eq!(story.questions(), [Question::BeoordeelStilte]);
    let again = story.with(|d, scene, entropy| unsent(d, scene, task, entropy));
    assert_eq!(again, Follow::default(), "once");
}

#[test]
fn when_the_only_signal_is_withdrawn_a_coordinator_says_what_becomes_of_the_case() {
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    let corrected = story.with(|d, scene, e| recalled(d, scene, (false, Vec::new()), e));
    assert_eq!(codes(&corrected), ["aangevuld"]);
    assert_eq!(story.questions(), []);
    story.with(|d, scene, e| recalled(d, scene, (true, Vec::new()), e));
    story.with(|d, scene, e| recalled(d, scene, (true, Vec::new()), e));
    assert_eq!(story.questions(), [Question::BeoordeelIntrekking], "once as long as it is open");
    assert!(story.step("een").is_some(), "the plan goes on until somebody decides");
    story.orders(&Order::Close).unwrap();
    let late = story.with(|d, scene, e| recalled(d, scene, (true, Vec::new()), e));
    assert_eq!((codes(&late), story.questions()), (vec!["signaal-ingetrokken"], vec![]));
    // With another signal there is something left that the case is about.
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    story.now = at("2026-11-24T10:00:00+01:00");
    story.signal(None);
    story.with(|d, scene, e| recalled(d, scene, (true, Vec::new()), e));
    assert_eq!(story.questions(), []);
}

#[test]
fn a_coordinator_asks_another_after_a_refusal() {
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    let task = story.task_of("een");
    story.says("politie-1", task, TaskWord::Geweigerd, "geen-capaciteit").unwrap();
    let question = story.task_of("een");
    let to = Order::Assign { task: question, partner: partner("zorg-1") };
    let follow = story.orders(&to).unwrap();
    assert_eq!(codes(&follow), ["beslist", "gevraagd", "fase"]);
    let task = story.task_of("een");
    assert_eq!(story.dossier.task(task).unwrap().partner(), Some(&partner("zorg-1")));
    let nobody = Order::Assign { task, partner: partner("niemand") };
    assert_eq!(story.orders(&nobody), Err(OrderFault::UnknownPartner));
}

#[test]
fn orders_that_cannot_be_carried_out_say_why() {
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    let task = story.task_of("een");
    let ask = |done: &str| Order::Ask {
        partner: partner("zorg-1"),
        action: "hulp-aanbieden".into(),
        done: at(done),
        urgent: false,
    };
    let unknown = TaskId::from(uuid::Uuid::from_u128(99));
    let late = Order::Extend { task, until: at("2026-11-22T10:00:00+01:00") };
    for (order, fault) in [
        (ask("2026-11-20T10:00:00+01:00"), OrderFault::PastTerm),
        (late, OrderFault::PastTerm),
        (Order::Remind { task: unknown }, OrderFault::UnknownTask),
        (Order::Done { task, result: "opgelost".into() }, OrderFault::NotACoordinators),
        (Order::Reopen, OrderFault::NotClosed),
    ] {
        assert_eq!(story.orders(&order), Err(fault), "{order:?}");
    }
    story.orders(&ask("2026-12-20T10:00:00+01:00")).unwrap();
    story.orders(&Order::Close).unwrap();
    assert_eq!(story.orders(&Order::Take), Err(OrderFault::Closed));
    story.orders(&Order::Reopen).unwrap();
    assert_eq!(story.dossier.phase, Phase::Heropend);
    story.orders(&Order::Take).unwrap();
    assert_eq!(story.dossier.phase, Phase::InBehandeling);
}

#[test]
fn more_time_ends_the_question_and_tells_the_partner() {
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    let task = story.task_of("een");
    story.says("politie-1", task, TaskWord::Aanvaard, "").unwrap();
    story.until("2026-12-08T09:00:00+01:00");
    assert_eq!(story.questions(), [Question::BeoordeelVertraging]);
    let more = Order::Extend { task, until: at("2026-12-11T12:00:00+01:00") };
    let follow = story.orders(&more).unwrap();
    assert_eq!(follow.asks, [Ask { task, status: RequestWord::Gewijzigd }]);
    assert_eq!(story.questions(), []);
    let follow = story.until("2026-12-11T12:00:00+01:00");
    assert!(codes(&follow).contains(&"te-laat"), "the new term counts");
}

#[test]
fn what_was_due_while_nobody_looked_happens_in_its_order_and_a_clock_set_back_does_nothing() {
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    let follow = story.until("2027-03-01T10:00:00+01:00");
    let all = codes(&follow);
    let place = |code| all.iter().position(|one| *one == code).unwrap_or(usize::MAX);
    assert!(place("niet-ontvangen") < place("stil") && place("stil") < place("te-laat"), "{all:?}");
    assert!(place("duurt-lang") != usize::MAX);
    assert!(!all.contains(&"geescaleerd"), "who hears of it now has the whole term to decide");
    let before = story.dossier.clone();
    assert_eq!(story.until("2026-11-01T10:00:00+01:00"), Follow::default());
    assert_eq!(story.dossier, before);
}

#[test]
fn signals_that_go_on_ask_for_a_plan_made_to_measure_once() {
    let theme = ThemeCase {
        by_place: true,
        by_person: false,
        window_days: 90,
        otherwise: Otherwise::Casus,
        lasting: Some(Lasting { signals: 3, days: 10 }),
    };
    let mut story = Story::new(None);
    story.signal(Some(&theme));
    assert_eq!(story.questions(), [Question::ZonderDraaiboek], "a theme without a playbook");
    story.now = at("2026-11-24T10:00:00+01:00");
    story.signal(Some(&theme));
    assert!(!story.dossier.lasting);
    story.now = at("2026-12-20T10:00:00+01:00");
    story.signal(Some(&theme));
    assert!(!story.dossier.lasting, "too far apart");
    for moment in ["2026-12-21T10:00:00+01:00", "2026-12-22T10:00:00+01:00"] {
        story.now = at(moment);
        story.signal(Some(&theme));
    }
    assert!(story.dossier.lasting);
    let made = story.questions().into_iter().filter(|q| *q == Question::Maatwerk).count();
    assert_eq!(made, 1);
}

#[test]
fn a_signal_reopens_what_was_closed() {
    let (mut story, _) = Story::opened(vec![step("een", "politie")]);
    story.orders(&Order::Close).unwrap();
    let follow = story.signal(None);
    assert_eq!(story.dossier.phase, Phase::Heropend);
    assert_eq!(story.dossier.closed_at, None);
    assert!(codes(&follow).contains(&"te-beslissen"), "somebody must look at it");
}

#[test]
fn a_search_finds_what_can_get_stuck_and_what_is_never_asked() {
    let catalogue = fixture::catalogue(&fixture::files());
    let found = |steps: Vec<Step>| explore(&catalogue, &plan(steps));
    assert_eq!(found(vec![step("een", "politie"), step("twee", "zorg")]), []);
    let circle = vec![
        Step { after: vec![id("twee")], ..step("een", "politie") },
        Step { after: vec![id("een")], ..step("twee", "zorg") },
    ];
    let faults = found(circle);
    assert!(faults.contains(&PlanFault::Stuck(vec![id("een"), id("twee")])), "{faults:?}");
    let never = vec![
        step("een", "politie"),
        Step {
            after: vec![id("een")],
            only_if: vec![(id("een"), vec!["onzin".into()])],
            ..step("twee", "zorg")
        },
    ];
    assert_eq!(found(never), [PlanFault::Unreachable(id("twee"))]);
    let to_and_fro = vec![
        Step { on_demand: true, on_refusal: Next::Step(id("twee")), ..step("een", "politie") },
        Step { on_demand: true, on_refusal: Next::Step(id("een")), ..step("twee", "zorg") },
    ];
    assert!(!found(to_and_fro).is_empty());
}

#[test]
fn a_case_keeps_its_plan_whatever_becomes_of_the_playbook() {
    let (story, _) = Story::opened(vec![step("een", "politie")]);
    let kept = story.dossier.plan.unwrap().digest;
    let changed = plan(vec![step("een", "politie"), step("twee", "zorg")]);
    assert_ne!(kept, changed.digest());
    let text = story.plan.unwrap().to_json();
    let read: Plan = serde_json::from_slice(&text).unwrap();
    assert_eq!((read.digest(), Digest::of(&[&text])), (kept, kept), "it reads back the same");
}
