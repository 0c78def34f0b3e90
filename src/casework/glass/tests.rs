//! Stories of a broken glass: for whom, for how long, and what is left of it.

use std::collections::BTreeSet;

use super::*;
use crate::casework::{
    Follow, NoticeKind, Order, Phase, Scene, TaskState, clock, merge, next_due, order, signal,
    split,
};
use crate::catalogue::{Catalogue, fixture};
use crate::message::{CaseId, CaseNumber, CaseState, Entropy, Usage};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn partner(name: &str) -> PartnerId {
    name.parse().unwrap()
}

/// A case in which care may be told more of what police says, for two hours at most.
struct Story {
    catalogue: Catalogue,
    case: CaseState,
    dossier: Dossier,
    entropy: Entropy,
    now: Timestamp,
}

impl Story {
    fn new(theme: &str) -> Self {
        let now = at("2026-11-23T10:00:00+01:00");
        let mut files = fixture::files();
        let text = fixture::purpose("politie", "zorg", "'ernst' = 'houd'\n");
        let more = "breekglas = true\nhoogstensMinuten = 120\n[velden]";
        let text = text.replace("[velden]", more).replace("\"*\"", "\"overlast\"");
        fixture::put(&mut files, "config/purposes/nood.toml", &text);
        let mut story = Self {
            catalogue: fixture::catalogue(&files),
            case: CaseState {
                id: case_id(1),
                number: CaseNumber::from_random([0; 12]),
                usage: Usage::Echt,
                theme: Some(theme.into()),
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
        let before = self.dossier.clone();
        let done = self.with(|dossier, scene, entropy| order(dossier, scene, what, entropy));
        if done.is_err() {
            self.dossier = before;
        }
        done
    }

    fn breaks(&mut self, who: &str, minutes: i64) -> Result<Follow, OrderFault> {
        let until = self.now.plus_seconds(minutes * 60);
        self.orders(&Order::BreakGlass { recipient: partner(who), until })
    }

    fn ends(&mut self) -> Result<Follow, OrderFault> {
        self.orders(&Order::EndGlass { recipient: partner("zorg-1") })
    }

    fn until(&mut self, moment: &str) -> Follow {
        self.now = at(moment);
        self.with(clock)
    }

    fn reviews(&self) -> Vec<&crate::casework::Task> {
        let asked =
            |task: &&crate::casework::Task| task.question() == Some(Question::BeoordeelBreekglas);
        self.dossier.tasks.iter().filter(asked).collect()
    }
}

fn case_id(number: u128) -> CaseId {
    uuid::Uuid::from_u128(number).into()
}

fn codes(follow: &Follow) -> Vec<&'static str> {
    follow.entries.iter().map(|entry| entry.code).collect()
}

#[test]
fn it_ends_by_itself_once_and_leaves_something_to_look_back_at() {
    let mut story = Story::new("overlast");
    let follow = story.breaks("zorg-1", 60).unwrap();
    assert_eq!(follow.shares, [partner("zorg-1")]);
    assert_eq!(next_due(&story.dossier, None), Some(at("2026-11-23T11:00:00+01:00")));
    assert_eq!(story.dossier.open_glasses().count(), 1);
    // Nobody ran for a day.
    let follow = story.until("2026-11-24T09:00:00+01:00");
    assert!(codes(&follow).starts_with(&["breekglas-voorbij", "te-beslissen"]), "{follow:?}");
    assert_eq!(follow.entries[0].partner, Some(partner("zorg-1")));
    let asked = NoticeKind::Beslissen(Question::BeoordeelBreekglas);
    assert_eq!(follow.notices.len(), 1);
    let notice = &follow.notices[0];
    assert_eq!((notice.kind, notice.partner.as_ref()), (asked, Some(&partner("zorg-1"))));
    assert_eq!(story.dossier.glasses[0].ended, Some(at("2026-11-23T11:00:00+01:00")));
    assert_eq!(story.reviews().len(), 1);
    // Two working days: the end of Thursday.
    assert_eq!(story.reviews()[0].deadlines.done, at("2026-11-26T23:59:59+01:00"));
    assert_eq!(story.until("2026-11-24T09:00:01+01:00"), Follow::default(), "once");
    story.until("2026-11-23T10:30:00+01:00");
    assert_eq!(story.reviews().len(), 1, "the clock was set back");
    assert_eq!(story.dossier.open_glasses().count(), 0);
    let follow = story.until("2026-11-27T00:00:00+01:00");
    let late = NoticeKind::NietBeslist(Question::BeoordeelBreekglas);
    assert!(follow.notices.iter().any(|notice| notice.kind == late), "{follow:?}");
}

#[test]
fn a_coordinator_ends_it_earlier_or_later_but_not_for_longer_than_it_may() {
    let mut story = Story::new("overlast");
    story.breaks("zorg-1", 60).unwrap();
    story.now = at("2026-11-23T10:30:00+01:00");
    assert_eq!(story.breaks("zorg-1", 20), Err(OrderFault::GlassOpen), "that would shorten it");
    assert_eq!(story.breaks("zorg-1", 121), Err(OrderFault::GlassTooLong(120)));
    let before = story.dossier.clone();
    let follow = story.breaks("zorg-1", 90).unwrap();
    assert_eq!(follow.shares.len(), 1);
    assert_eq!(story.dossier.glasses.len(), 1, "it is open for longer");
    assert_eq!(story.dossier.glasses[0].until, at("2026-11-23T12:00:00+01:00"));
    assert!(story.dossier.narrowed_since(&before).is_empty());
    assert!(story.reviews().is_empty(), "one glass, one look back");
    let before = story.dossier.clone();
    let follow = story.ends().unwrap();
    assert!(codes(&follow).contains(&"breekglas-voorbij"));
    assert_eq!(story.dossier.narrowed_since(&before), [partner("zorg-1")]);
    assert_eq!(story.reviews().len(), 1);
    assert_eq!(story.ends(), Err(OrderFault::NoGlass));
    story.until("2026-11-23T13:00:00+01:00");
    assert_eq!(story.reviews().len(), 1, "its term passes without a word");
    story.breaks("zorg-1", 10).unwrap();
    assert_eq!(story.dossier.glasses.len(), 1, "the last for each recipient");
}

#[test]
fn what_passed_while_no_hub_ran_is_looked_back_at_by_itself() {
    let mut story = Story::new("overlast");
    story.breaks("zorg-1", 60).unwrap();
    story.now = at("2026-11-23T12:00:00+01:00");
    let follow = story.breaks("zorg-1", 60).unwrap();
    assert!(codes(&follow).contains(&"breekglas-voorbij"));
    assert_eq!((story.reviews().len(), story.dossier.open_glasses().count()), (1, 1));
}

#[test]
fn it_is_refused_with_what_to_do() {
    let mut story = Story::new("overlast");
    assert_eq!(story.breaks("niemand", 60), Err(OrderFault::UnknownPartner));
    assert_eq!(story.breaks("zorg-1", 0), Err(OrderFault::PastTerm));
    assert_eq!(story.breaks("zorg-1", -5), Err(OrderFault::PastTerm));
    assert_eq!(story.breaks("corporatie-1", 60), Err(OrderFault::NothingSleeps));
    assert_eq!(Story::new("brand").breaks("zorg-1", 60), Err(OrderFault::NothingSleeps));
    story.now = at("2027-01-01T00:00:00+01:00");
    assert_eq!(story.breaks("zorg-1", 60), Err(OrderFault::NothingSleeps), "no longer valid");
    let mut story = Story::new("overlast");
    story.orders(&Order::Close).unwrap();
    assert_eq!(story.breaks("zorg-1", 60), Err(OrderFault::Closed));
    let mut story = Story::new("overlast");
    story.dossier.merged_into = Some(case_id(9));
    assert_eq!(story.breaks("zorg-1", 60), Err(OrderFault::Merged));
}

#[test]
fn a_case_does_not_close_before_it_was_looked_back_at() {
    let mut story = Story::new("overlast");
    story.breaks("zorg-1", 60).unwrap();
    assert_eq!(story.orders(&Order::Close), Err(OrderFault::Widened));
    story.until("2026-11-23T11:00:00+01:00");
    assert_ne!(story.dossier.phase, Phase::Afgerond);
    assert_eq!(story.orders(&Order::Close), Err(OrderFault::Widened));
    let review = story.reviews()[0].id;
    let done = Order::Done { task: review, result: String::new() };
    story.orders(&done).unwrap();
    assert_eq!(story.reviews()[0].state, TaskState::Afgerond);
    story.orders(&Order::Close).unwrap();
    assert_eq!(story.dossier.phase, Phase::Gesloten);
}

#[test]
fn cases_are_not_merged_or_split_under_an_open_glass_and_the_look_back_goes_along() {
    let (mut one, mut two) = (Story::new("overlast"), Story::new("overlast"));
    one.breaks("zorg-1", 60).unwrap();
    let now = one.now;
    let pair = |one: &mut Story, two: &mut Story| {
        merge((case_id(1), &mut one.dossier), (case_id(2), &mut two.dossier), now)
    };
    assert_eq!(pair(&mut one, &mut two), Err(OrderFault::Widened));
    assert_eq!(pair(&mut two, &mut one), Err(OrderFault::Widened));
    one.until("2026-11-23T11:00:00+01:00");
    pair(&mut one, &mut two).unwrap();
    assert_eq!((one.reviews().len(), two.reviews().len()), (0, 1));
    assert!(two.reviews()[0].is_open());
    assert_eq!(two.dossier.glasses, one.dossier.glasses, "who got it must hear of a withdrawal");
    two.breaks("zorg-1", 60).unwrap();
    let back = |one: &mut Story, two: &mut Story| {
        split((case_id(1), &mut one.dossier), (case_id(2), &mut two.dossier), now)
    };
    assert_eq!(back(&mut one, &mut two), Err(OrderFault::Widened));
    two.ends().unwrap();
    back(&mut one, &mut two).unwrap();
    assert_eq!(one.reviews().len(), 1);
}
