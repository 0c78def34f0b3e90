//! Stories of agreements: reviewed, reminded, kept or not, in a case that goes on with them.

use std::collections::BTreeSet;

use super::*;
use crate::casework::{Follow, Order, Phase, Scene, clock, merge, next_due, order, signal, split};
use crate::catalogue::fixture;
use crate::message::{CaseNumber, CaseState, Entropy, Usage};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn case_id(number: u128) -> CaseId {
    uuid::Uuid::from_u128(number).into()
}

/// A case without a plan in which nothing is left to be done.
struct Story {
    catalogue: Catalogue,
    case: CaseState,
    dossier: Dossier,
    entropy: Entropy,
    now: Timestamp,
}

impl Story {
    fn new(number: u128) -> Self {
        // A Monday without holidays around it.
        let now = at("2026-11-23T10:00:00+01:00");
        let mut story = Self {
            catalogue: fixture::catalogue(&fixture::files()),
            case: CaseState {
                id: case_id(number),
                number: CaseNumber::from_random([0; 12]),
                usage: Usage::Echt,
                theme: Some("overlast".into()),
                participants: BTreeSet::new(),
                recipients: BTreeSet::new(),
                earlier: Vec::new(),
                glasses: Vec::new(),
            },
            dossier: Dossier::new(now),
            entropy: Entropy::new([3; 32]),
            now,
        };
        story.with(|dossier, scene, entropy| signal(dossier, scene, None, entropy));
        story
    }

    fn with<R>(&mut self, what: impl FnOnce(&mut Dossier, Scene<'_>, &mut Entropy) -> R) -> R {
        let Self { catalogue, case, dossier, entropy, now } = self;
        what(dossier, Scene { catalogue, plan: None, case, at: *now }, entropy)
    }

    fn orders(&mut self, what: &Order) -> Result<Follow, OrderFault> {
        self.with(|dossier, scene, entropy| order(dossier, scene, what, entropy))
    }

    fn agrees(&mut self, what: Agree) -> Result<Follow, OrderFault> {
        self.orders(&Order::Agree(what))
    }

    fn until(&mut self, moment: &str) -> Follow {
        self.now = at(moment);
        self.with(clock)
    }

    /// Makes the agreement that the stories are about.
    fn made(number: u128) -> (Self, AgreementId) {
        let mut story = Self::new(number);
        let id = story.entropy.agreement_id();
        story.agrees(make(id)).unwrap();
        (story, id)
    }

    fn asked(&self) -> usize {
        let about = |task: &&crate::casework::Task| {
            task.question() == Some(Question::HerzieAfspraak) && task.agreement.is_some()
        };
        self.dossier.open_tasks().filter(about).count()
    }
}

fn make(id: AgreementId) -> Agree {
    Agree::Make {
        id,
        parties: vec![
            Party::Partner("politie-1".parse().unwrap()),
            Party::Other { kind: PartyKind::Bewoner },
        ],
        until: at("2027-01-29T23:59:59+01:00"),
        review: Some(at("2026-12-14T08:00:00+01:00")),
    }
}

fn end(id: AgreementId) -> Agree {
    Agree::End { id, state: AgreementState::Nagekomen }
}

fn codes(follow: &Follow) -> Vec<&'static str> {
    follow.entries.iter().map(|entry| entry.code).collect()
}

#[test]
fn an_agreement_is_reviewed_reminded_and_asked_about_each_once() {
    let (mut story, id) = Story::made(1);
    let due = next_due(&story.dossier, None);
    assert_eq!(due, Some(at("2026-12-14T08:00:00+01:00")), "its review");
    assert!(story.until("2026-12-14T07:59:59+01:00").entries.is_empty());
    let follow = story.until("2026-12-14T08:00:00+01:00");
    assert_eq!(codes(&follow), ["te-beslissen"]);
    assert_eq!(follow.notices[0].kind, NoticeKind::Beslissen(Question::HerzieAfspraak));
    let task = story.dossier.open_tasks().next().unwrap();
    assert_eq!((task.agreement, task.about), (Some(id), None));
    let task = task.id;
    story.orders(&Order::Done { task, result: "opgelost".into() }).unwrap();
    assert_eq!(story.asked(), 0, "somebody looked at it");
    assert!(story.until("2027-01-22T07:59:59+01:00").entries.is_empty());
    let follow = story.until("2027-01-22T08:00:00+01:00");
    assert_eq!(codes(&follow), ["afspraak-loopt-af"], "five working days before");
    assert_eq!(
        (follow.notices[0].kind, follow.notices[0].task),
        (NoticeKind::AfspraakLooptAf, None)
    );
    assert!(story.until("2027-01-29T23:59:58+01:00").entries.is_empty());
    let follow = story.until("2027-01-29T23:59:59+01:00");
    assert_eq!(codes(&follow), ["afspraak-voorbij", "te-beslissen"]);
    assert_eq!(story.asked(), 1);
    assert_eq!(story.until("2027-01-30T10:00:00+01:00").entries, [], "each once");
}

#[test]
fn what_came_due_while_nobody_looked_is_done_in_its_order_and_asked_once() {
    let (mut story, _) = Story::made(1);
    let follow = story.until("2027-02-01T00:30:00+01:00");
    let expected = ["te-beslissen", "afspraak-loopt-af", "afspraak-voorbij"];
    assert_eq!(codes(&follow), expected, "the question of the review is still open at the term");
    assert_eq!(story.asked(), 1);
}

#[test]
fn a_case_with_a_running_agreement_is_not_done_and_is_when_it_ended() {
    let (mut story, id) = Story::made(1);
    assert_eq!(story.dossier.phase, Phase::InBehandeling);
    assert_eq!(story.dossier.quiet_since, None);
    story.until("2026-12-14T08:00:00+01:00");
    let follow = story.agrees(end(id)).unwrap();
    assert_eq!(codes(&follow), ["beslist", "fase"], "what was asked about it is answered");
    assert_eq!(story.asked(), 0);
    assert_eq!(story.dossier.phase, Phase::Afgerond);
    let kept = story.dossier.agreement(id).unwrap();
    assert_eq!((kept.state, kept.ended_at), (AgreementState::Nagekomen, Some(story.now)));
    assert_eq!(kept.due().count(), 0);
    for again in
        [end(id), Agree::Change { id, until: Some(at("2028-01-01T00:00:00Z")), review: None }]
    {
        assert_eq!(story.agrees(again), Err(AgreementFault::Ended.into()));
    }
}

#[test]
fn another_term_is_reminded_of_anew_and_answers_what_was_asked() {
    let (mut story, id) = Story::made(1);
    story.until("2027-01-29T23:59:59+01:00");
    assert_eq!(story.asked(), 1);
    let task = story.dossier.open_tasks().next().unwrap().id;
    let done = Order::Done { task, result: "opgelost".into() };
    for evaded in [done, Order::GoOn { task }] {
        let said = story.orders(&evaded);
        assert_eq!(said, Err(AgreementFault::Overdue.into()), "it would run on without a term");
    }
    let until = at("2027-03-31T23:59:59+02:00");
    let follow = story.agrees(Agree::Change { id, until: Some(until), review: None }).unwrap();
    assert_eq!(codes(&follow), ["beslist", "afspraak-tot"]);
    assert_eq!(story.asked(), 0);
    assert_eq!(next_due(&story.dossier, None).map(|due| due < until), Some(true));
    // The case took long by then, which is another question.
    let follow = story.until("2027-03-24T08:00:00+01:00");
    assert!(codes(&follow).contains(&"afspraak-loopt-af"), "{follow:?}");
}

#[test]
fn a_term_within_five_working_days_is_not_reminded_of() {
    let mut story = Story::new(1);
    let id = story.entropy.agreement_id();
    let until = at("2026-11-27T23:59:59+01:00");
    let parties = vec![Party::Other { kind: PartyKind::Bedrijf }];
    story.agrees(Agree::Make { id, parties, until, review: None }).unwrap();
    assert_eq!(next_due(&story.dossier, None), Some(until));
}

#[test]
fn what_cannot_be_agreed_is_refused_with_the_reason() {
    let (mut story, id) = Story::made(1);
    let (soon, late) = (at("2026-12-01T00:00:00Z"), at("2027-02-01T00:00:00Z"));
    let past = at("2026-11-01T00:00:00Z");
    let resident = || vec![Party::Other { kind: PartyKind::Bewoner }];
    let new = story.entropy.agreement_id();
    let make = |parties, until, review| Agree::Make { id: new, parties, until, review };
    let unknown = vec![Party::Partner("bestaat-niet".parse().unwrap())];
    let crowd: Vec<Party> = (0..=PARTIES_MAX).flat_map(|_| resident()).collect();
    for (what, fault) in [
        (make(resident(), past, None), OrderFault::PastTerm),
        (make(resident(), soon, Some(late)), AgreementFault::ReviewAfterTerm.into()),
        (make(resident(), soon, Some(past)), AgreementFault::PastReview.into()),
        (make(Vec::new(), soon, None), AgreementFault::NoParties.into()),
        (make(crowd, soon, None), AgreementFault::TooManyParties.into()),
        (make(unknown, soon, None), OrderFault::UnknownPartner),
        (end(new), AgreementFault::Unknown.into()),
        (Agree::Change { id, until: None, review: None }, AgreementFault::NothingChanges.into()),
        (Agree::Change { id, until: Some(past), review: None }, OrderFault::PastTerm),
        (
            Agree::Change { id, until: Some(soon), review: None },
            AgreementFault::ReviewAfterTerm.into(),
        ),
    ] {
        let before = story.dossier.clone();
        assert_eq!(story.agrees(what.clone()), Err(fault), "{what:?}");
        assert_eq!(story.dossier, before, "{what:?}");
    }
    for _ in 1..AGREEMENTS_MAX {
        let id = story.entropy.agreement_id();
        story.agrees(Agree::Make { id, parties: resident(), until: soon, review: None }).unwrap();
    }
    let one_more = story.agrees(make(resident(), soon, None));
    assert_eq!(one_more, Err(AgreementFault::TooMany.into()));
}

#[test]
fn a_text_has_its_bounds_and_so_has_a_name() {
    let longest = "é".repeat(TEXT_MAX);
    assert_eq!(check_wording(&longest, ["J. Jansen"]), Ok(()));
    assert_eq!(check_wording(&format!("{longest}x"), []), Err(AgreementFault::TextTooLong));
    assert_eq!(check_wording(" \n", []), Err(AgreementFault::NoText));
    for name in ["", "  ", &"x".repeat(NAME_MAX + 1)] {
        assert_eq!(check_wording("tekst", ["J. Jansen", name]), Err(AgreementFault::BadName));
    }
}

#[test]
fn a_closed_case_reminds_of_nothing_and_a_reopened_one_asks_again() {
    let (mut story, id) = Story::made(1);
    story.until("2026-12-14T08:00:00+01:00");
    story.orders(&Order::Close).unwrap();
    assert_eq!((story.asked(), next_due(&story.dossier, None)), (0, None));
    assert!(story.until("2027-01-25T08:00:00+01:00").entries.is_empty());
    assert_eq!(story.agrees(end(id)), Err(OrderFault::Closed));
    story.orders(&Order::Reopen).unwrap();
    let follow = story.until("2027-01-25T08:00:01+01:00");
    assert_eq!(codes(&follow), ["te-beslissen", "afspraak-loopt-af"]);
    assert_eq!(story.asked(), 1);
}

#[test]
fn running_agreements_go_along_with_a_merge_and_come_back_with_a_split() {
    let (mut one, id) = Story::made(1);
    let mut two = Story::new(2);
    let over = one.entropy.agreement_id();
    one.agrees(make(over)).unwrap();
    one.agrees(end(over)).unwrap();
    let now = one.until("2026-12-14T08:00:00+01:00");
    assert_eq!(codes(&now), ["te-beslissen"]);
    let at = one.now;
    two.now = at;
    merge((case_id(1), &mut one.dossier), (case_id(2), &mut two.dossier), at).unwrap();
    assert_eq!((one.asked(), next_due(&one.dossier, None)), (0, None));
    let ids = |story: &Story| story.dossier.agreements.iter().map(|a| a.id).collect::<Vec<_>>();
    assert_eq!((ids(&one), ids(&two)), (vec![over], vec![id]), "what ended stays");
    assert_eq!(codes(&two.with(clock))[0], "te-beslissen", "it is asked where it is now");
    split((case_id(1), &mut one.dossier), (case_id(2), &mut two.dossier), at).unwrap();
    assert_eq!((ids(&one), ids(&two)), (vec![over, id], Vec::new()));
    assert_eq!(two.asked(), 0);
    assert_eq!(codes(&one.with(clock)), ["te-beslissen"]);
}

#[test]
fn a_dossier_with_agreements_reads_back_and_holds_no_name() {
    let (story, id) = Story::made(1);
    let text = serde_json::to_string(&story.dossier).unwrap();
    let read: Dossier = serde_json::from_str(&text).unwrap();
    assert_eq!(read, story.dossier);
    let expected =
        format!(r#""agreements":[{{"id":"{id}","parties":[{{"partner":"politie-1"}},{{"other":"#);
    assert!(text.contains(&expected), "{text}");
    for state in [AgreementState::Loopt, AgreementState::NietNagekomen, AgreementState::Beeindigd] {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    for kind in PartyKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(PartyKind::parse(kind.as_str()), Some(kind));
    }
}
