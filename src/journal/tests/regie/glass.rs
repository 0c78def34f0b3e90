//! A broken glass: what is in the case goes, what comes in goes, until it ends.

use std::sync::Arc;

use super::signal::later;
use super::{
    POLITIE, WONEN, accepted, case, clock, desk, order, rules, shipped, signal, tasks, withdrawal,
};
use crate::casework::{Order, OrderFault, Question};
use crate::journal::tests::desk::{Desk, partner};
use crate::journal::tests::place::On;
use crate::journal::{
    CaseAct, Decision, JournalError, Outgoing, PartnerOrder, QuarantineFilter, QuarantineOrder,
    TaskFilter,
};
use crate::message::{CaseNumber, Digest, PartnerId, Timestamp};

on_both_stores! {
    what_is_in_a_case_goes_as_its_senders_would_tell_it_now_and_once,
    what_comes_in_goes_until_it_ends_by_itself_and_is_looked_back_at_once,
    what_waits_when_it_ends_is_looked_at_again,
    what_was_withdrawn_held_or_dropped_does_not_go,
    a_withdrawal_reaches_who_got_it_also_after_the_end,
    what_was_merged_into_a_case_is_in_it,
    a_suspended_partner_gets_nothing_and_an_order_that_is_refused_leaves_nothing,
    an_erased_case_gives_nothing_more,
    two_hubs_break_it_once,
}

const BRANDWEER: &str = "brandweer-brabant-zuidoost";

fn breaks(who: &str, now: Timestamp, minutes: i64) -> CaseAct {
    let (recipient, until) = (partner(who), now.plus_seconds(minutes * 60));
    CaseAct::Order(Order::BreakGlass { recipient, until })
}

fn ends() -> CaseAct {
    CaseAct::Order(Order::EndGlass { recipient: partner(BRANDWEER) })
}

/// Breaks it for the fire brigade, for an hour.
async fn broken(desk: &Desk, number: &CaseNumber) {
    order(desk, number, breaks(BRANDWEER, desk.now(), 60)).await.unwrap();
}

/// What the fire brigade collects, and confirms by that.
async fn collected(desk: &Desk) -> Vec<Outgoing> {
    let got = desk.collect(BRANDWEER, 50).await;
    for parcel in &got {
        let outcome =
            crate::journal::AttemptOutcome::Delivered { stage: crate::message::Stage::Opgehaald };
        desk.journal.settle(parcel.id, parcel.lease, outcome, desk.now()).await.unwrap();
    }
    got
}

fn text(parcel: &Outgoing) -> String {
    String::from_utf8(parcel.bytes.clone()).unwrap()
}

async fn verified(desk: &Desk) {
    desk.journal.sequence(desk.now()).await.unwrap();
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert_eq!(report.wrong, 0, "{:?}", report.findings);
}

async fn details(desk: &Desk, number: &CaseNumber, what: &str) -> Vec<Option<String>> {
    let lines = desk.journal.timeline(number).await.unwrap();
    lines.into_iter().filter(|line| line.wat == what).map(|line| line.bijzonderheid).collect()
}

async fn reviews(desk: &Desk) -> usize {
    let filter = TaskFilter { to_decide: true, ..TaskFilter::default() };
    let open = tasks(desk, &filter).await;
    open.iter().filter(|task| task.question == Some(Question::BeoordeelBreekglas)).count()
}

async fn what_is_in_a_case_goes_as_its_senders_would_tell_it_now_and_once(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 101)).await;
    let number = &opened.case_number;
    accepted(&desk, later("k-1", "w-1", Some(202))).await;
    accepted(&desk, signal("ggz-de-kempen", "z-1", 101)).await;
    assert!(collected(&desk).await.is_empty(), "nothing grants it anything");
    broken(&desk, number).await;
    let got = collected(&desk).await;
    assert_eq!(got.len(), 1, "one signal in this case: {got:?}");
    assert!(text(&got[0]).contains("202") && !text(&got[0]).contains("101"), "{}", text(&got[0]));
    assert!(!text(&got[0]).contains("Lawaai"), "no free text");
    let detail = &got[0].detail;
    assert_eq!(detail.role.doelbinding[0].id, "noodsituatie");
    assert!(detail.role.doelbinding[0].grondslag.contains("artikel 6 lid 1 onder d"));
    assert_eq!(detail.glass, Some(desk.now().plus_seconds(3600)));
    // For longer: what it has is not sent again.
    desk.pass(600);
    broken(&desk, number).await;
    assert!(collected(&desk).await.is_empty());
    assert_eq!(
        details(&desk, number, "breekglas-gedeeld").await,
        [Some("1".to_owned()), Some("0".to_owned())]
    );
    let decided = desk.journal.timeline(number).await.unwrap();
    let decided = decided.iter().find(|line| line.wat == "besluit-breekglas").unwrap();
    assert_eq!(decided.ketenpartner, Some(partner(BRANDWEER)));
    assert_eq!(decided.door.as_deref(), Some("R. Regisseur"));
    assert!(case(&desk, number).await.participants.contains(&partner(BRANDWEER)));
    verified(&desk).await;
}

async fn what_comes_in_goes_until_it_ends_by_itself_and_is_looked_back_at_once(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    broken(&desk, &opened.case_number).await;
    assert_eq!(collected(&desk).await.len(), 1);
    let joined = accepted(&desk, later("k-1", "w-1", Some(7))).await;
    assert_eq!(joined.case_number, opened.case_number);
    assert_eq!(collected(&desk).await.len(), 1, "what is said meanwhile goes too");
    // No hub ran for a day, and another starts.
    let mut desk = desk.reopen().await;
    desk.rules = rules(&shipped());
    assert_eq!(reviews(&desk).await, 0);
    desk.pass(86_400);
    accepted(&desk, later("k-1", "w-2", Some(8))).await;
    assert!(collected(&desk).await.is_empty(), "its moment passed, though nobody noticed yet");
    clock(&desk, "2026-11-25T12:00:00Z").await;
    assert_eq!(reviews(&desk).await, 1);
    assert_eq!(case(&desk, &opened.case_number).await.dossier.open_glasses().count(), 0);
    clock(&desk, "2026-11-25T12:00:01Z").await;
    assert_eq!(reviews(&desk).await, 1, "once");
    // A clock that is set back opens nothing again.
    desk.pass(-86_400 - 43_200);
    accepted(&desk, later("k-1", "w-3", Some(9))).await;
    assert!(collected(&desk).await.is_empty());
    verified(&desk).await;
}

async fn what_waits_when_it_ends_is_looked_at_again(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = &opened.case_number;
    broken(&desk, number).await;
    let other = accepted(&desk, signal(POLITIE, "k-2", 2)).await;
    broken(&desk, &other.case_number).await;
    order(&desk, number, ends()).await.unwrap();
    assert_eq!(reviews(&desk).await, 1, "a coordinator ended it, and is asked about it at once");
    let again = order(&desk, number, ends()).await;
    assert!(matches!(again, Err(JournalError::Fault(OrderFault::NoGlass))), "{again:?}");
    let waiting = desk.collect(BRANDWEER, 50).await;
    let sets: Vec<(&CaseNumber, bool)> = waiting
        .iter()
        .map(|parcel| (&parcel.detail.role.casus, parcel.catalogue == Digest([0; 32])))
        .collect();
    assert_eq!(sets.len(), 2, "{waiting:?}");
    assert!(sets.contains(&(number, true)), "it was made under no set that is in force");
    assert!(sets.contains(&(&other.case_number, false)), "the other case is still open");
    verified(&desk).await;
}

async fn quarantined(desk: &Desk, who: &str) -> Vec<crate::journal::QuarantineId> {
    let filter = QuarantineFilter {
        reason: Some("vastgehouden".to_owned()),
        state: Some("open".to_owned()),
        partner: Some(partner(who)),
        limit: 50,
        ..Default::default()
    };
    desk.journal.quarantine(&filter).await.unwrap().iter().map(|entry| entry.id).collect()
}

async fn what_was_withdrawn_held_or_dropped_does_not_go(on: On) {
    let desk = desk(on).await;
    let who = || ("R. Regisseur".to_owned(), "adres is geheim".to_owned());
    let taken_back = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    accepted(&desk, later("k-1", "i-1", None)).await;
    broken(&desk, &taken_back.case_number).await;
    assert!(collected(&desk).await.is_empty(), "it was withdrawn");

    let held = accepted(&desk, signal(POLITIE, "k-2", 2)).await;
    desk.journal
        .hold(held.public_id.into(), who(), Arc::clone(&desk.rules), desk.now())
        .await
        .unwrap();
    broken(&desk, &held.case_number).await;
    assert!(collected(&desk).await.is_empty(), "a person must decide about it first");

    // Held while it goes because of the glass: dropped, it does not come back by another break.
    let dropped = accepted(&desk, signal(POLITIE, "k-3", 3)).await;
    broken(&desk, &dropped.case_number).await;
    desk.journal
        .hold(dropped.public_id.into(), who(), Arc::clone(&desk.rules), desk.now())
        .await
        .unwrap();
    let entries = quarantined(&desk, BRANDWEER).await;
    assert_eq!(entries.len(), 1);
    let (by, why) = who();
    let drop = QuarantineOrder { id: entries[0], decision: Decision::Drop, by, why, item: None };
    desk.journal.decide_quarantine(drop, desk.now()).await.unwrap();
    for id in quarantined(&desk, WONEN).await {
        let (by, why) = who();
        let release = QuarantineOrder { id, decision: Decision::Release, by, why, item: None };
        desk.journal.decide_quarantine(release, desk.now()).await.unwrap();
    }
    for id in quarantined(&desk, "gemeente-eindhoven").await {
        let (by, why) = who();
        let release = QuarantineOrder { id, decision: Decision::Release, by, why, item: None };
        desk.journal.decide_quarantine(release, desk.now()).await.unwrap();
    }
    desk.pass(60);
    broken(&desk, &dropped.case_number).await;
    assert!(collected(&desk).await.is_empty(), "a person decided that it does not get this");
    verified(&desk).await;
}

async fn a_withdrawal_reaches_who_got_it_also_after_the_end(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    broken(&desk, &opened.case_number).await;
    assert_eq!(collected(&desk).await.len(), 1);
    order(&desk, &opened.case_number, ends()).await.unwrap();
    desk.pass(7_200);
    accepted(&desk, later("k-1", "w-1", Some(5))).await;
    assert!(collected(&desk).await.is_empty(), "a correction would say something new");
    accepted(&desk, withdrawal("i-1", "k-1")).await;
    let got = collected(&desk).await;
    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!((got[0].kind.as_str(), got[0].detail.glass), ("signaal-ingetrokken.v1", None));
    let recalls = case(&desk, &opened.case_number).await.dossier.recalls;
    let asked: Vec<&PartnerId> = recalls.iter().map(|recall| &recall.recipient).collect();
    assert!(asked.contains(&&partner(BRANDWEER)), "and must say that it has it: {asked:?}");
    verified(&desk).await;
}

async fn what_was_merged_into_a_case_is_in_it(on: On) {
    let desk = desk(on).await;
    let one = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let two = accepted(&desk, signal(POLITIE, "k-2", 2)).await;
    let merge = CaseAct::Merge { into: two.case_number.clone() };
    order(&desk, &one.case_number, merge).await.unwrap();
    broken(&desk, &two.case_number).await;
    let got = collected(&desk).await;
    assert_eq!(got.len(), 2, "{got:?}");
    let split = order(&desk, &one.case_number, CaseAct::Split).await;
    assert!(matches!(split, Err(JournalError::Fault(OrderFault::Widened))), "{split:?}");
    accepted(&desk, later("k-1", "w-1", Some(9))).await;
    assert_eq!(collected(&desk).await.len(), 1, "what is said of it later is in it as well");
    verified(&desk).await;
}

async fn a_suspended_partner_gets_nothing_and_an_order_that_is_refused_leaves_nothing(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = &opened.case_number;
    let before = desk.journal.timeline(number).await.unwrap().len();
    let suspend = PartnerOrder::Suspend {
        partner: partner(BRANDWEER),
        by: "B. Beheer".to_owned(),
        why: "proef".to_owned(),
    };
    desk.journal.partner_order(suspend, desk.now()).await.unwrap();
    let now = desk.now();
    let refused = order(&desk, number, breaks(BRANDWEER, now, 60)).await;
    assert!(matches!(refused, Err(JournalError::Order(why)) if why.contains("geschorst")));
    for (act, expected) in [
        (breaks("niemand", now, 60), OrderFault::UnknownPartner),
        (breaks(WONEN, now, 60), OrderFault::NothingSleeps),
        (breaks(POLITIE, now, 241), OrderFault::GlassTooLong(240)),
        (breaks(POLITIE, now, 0), OrderFault::PastTerm),
        (ends(), OrderFault::NoGlass),
    ] {
        let refused = order(&desk, number, act).await;
        assert!(matches!(refused, Err(JournalError::Fault(fault)) if fault == expected));
    }
    assert_eq!(desk.journal.timeline(number).await.unwrap().len(), before);
    assert!(case(&desk, number).await.dossier.glasses.is_empty());
    // Its own signal does not go back to its sender, and nothing else is there.
    order(&desk, number, breaks(POLITIE, now, 60)).await.unwrap();
    assert_eq!(details(&desk, number, "breekglas-gedeeld").await, [Some("0".to_owned())]);
    verified(&desk).await;
}

async fn an_erased_case_gives_nothing_more(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    broken(&desk, &opened.case_number).await;
    let (by, why) = ("B. Beheer".to_owned(), "verzoek".to_owned());
    let erased = crate::journal::ErasureOrder { id: opened.public_id.into(), by, why };
    desk.journal.erase(erased, desk.now()).await.unwrap();
    assert!(collected(&desk).await.is_empty());
    clock(&desk, "2026-11-25T12:00:00Z").await;
    assert_eq!(clock(&desk, "2026-11-25T12:00:01Z").await, 0);
    let again = order(&desk, &opened.case_number, breaks(BRANDWEER, desk.now(), 60)).await;
    assert!(matches!(again, Err(JournalError::NotFound)), "{again:?}");
    verified(&desk).await;
}

async fn two_hubs_break_it_once(on: On) {
    if on == On::Sqlite {
        return; // One process owns an embedded journal.
    }
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = &opened.case_number;
    let mut other = desk.beside().await;
    other.rules = rules(&shipped());
    let now = desk.now();
    let (one, two) = tokio::join!(
        order(&desk, number, breaks(BRANDWEER, now, 60)),
        order(&other, number, breaks(BRANDWEER, now, 60)),
    );
    let refused = [&one, &two]
        .into_iter()
        .filter(|done| matches!(done, Err(JournalError::Fault(OrderFault::GlassOpen))));
    assert_eq!(refused.count(), 1, "{one:?} {two:?}");
    assert_eq!(collected(&desk).await.len(), 1);
    let at = now.plus_seconds(3600);
    let (one, two) = tokio::join!(
        desk.journal.regie_clock(Arc::clone(&desk.rules), at),
        other.journal.regie_clock(Arc::clone(&other.rules), at),
    );
    assert!(one.unwrap() + two.unwrap() >= 1);
    assert_eq!(reviews(&desk).await, 1);
}
