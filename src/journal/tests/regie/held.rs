//! A professional holds a message: its sender, or who got it; nobody else, and never in the open.

use std::sync::Arc;

use uuid::Uuid;

use super::{POLITIE, WONEN, accepted, case, desk, order, signal, tasks, timeline};
use crate::casework::{Order, Question};
use crate::journal::tests::desk::{Desk, partner};
use crate::journal::tests::place::On;
use crate::journal::{
    ASKED, CaseAct, HeldParcels, JournalError, QuarantineEntry, QuarantineFilter, RevealOrder,
    TaskFilter,
};

on_both_stores! {
    what_would_endanger_somebody_is_held_as_far_as_it_has_not_left,
    its_sender_holds_what_has_not_left_and_a_coordinator_is_asked_once,
    a_recipient_holds_by_its_own_parcel_and_learns_nothing_of_others,
    nobody_else_finds_it_and_of_what_left_nothing_is_held,
    where_no_case_runs_a_coordinator_still_hears_of_it,
}

const WHY: &str = "haar ex woont op dat adres";

async fn hold(
    desk: &Desk,
    who: &str,
    id: impl Into<Uuid>,
) -> Result<Option<HeldParcels>, JournalError> {
    let (who, rules) = (partner(who), Arc::clone(&desk.rules));
    desk.journal.hold_for((&who, id.into()), WHY.to_owned(), rules, desk.now()).await
}

async fn entries(desk: &Desk, reason: &str) -> Vec<QuarantineEntry> {
    let filter = QuarantineFilter {
        reason: Some(reason.to_owned()),
        state: Some("open".to_owned()),
        limit: 50,
        ..Default::default()
    };
    desk.journal.quarantine(&filter).await.unwrap()
}

async fn questions(desk: &Desk) -> Vec<(bool, i64)> {
    let filter = TaskFilter { to_decide: true, ..TaskFilter::default() };
    let open = tasks(desk, &filter).await;
    let mine = open.iter().filter(|t| t.question == Some(Question::BeoordeelVasthouden));
    mine.map(|task| (task.spoed, task.done_by.seconds_since(task.gevraagd))).collect()
}

async fn verified(desk: &Desk) {
    desk.journal.sequence(desk.now()).await.unwrap();
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert_eq!(report.wrong, 0, "{:?}", report.findings);
}

async fn what_would_endanger_somebody_is_held_as_far_as_it_has_not_left(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    // In the hands of who collects, until it is confirmed.
    desk.collect("gemeente-eindhoven", 50).await;
    let who = || ("R. Regisseur".to_owned(), "adres is geheim".to_owned());
    let id = opened.public_id.into();
    let held = desk.journal.hold(id, who(), Arc::clone(&desk.rules), desk.now()).await.unwrap();
    assert!(held.held >= 1 && held.under_way + held.arrived >= 1, "{held:?}");
    let waiting = desk.collect(WONEN, 50).await;
    assert!(waiting.iter().all(|parcel| parcel.kind != "signaal-gemeld.v1"), "{waiting:?}");
    let filter = QuarantineFilter {
        reason: Some("vastgehouden".to_owned()),
        state: Some("open".to_owned()),
        limit: 50,
        ..Default::default()
    };
    let entries = desk.journal.quarantine(&filter).await.unwrap();
    assert_eq!(entries.len(), held.held);
    let lines = desk.journal.timeline(&opened.case_number).await.unwrap();
    let line = lines.iter().find(|line| line.wat == "vastgehouden").unwrap();
    assert_eq!(line.reden.as_deref(), Some("adres is geheim"));
    let again = desk.journal.hold(id, who(), Arc::clone(&desk.rules), desk.now()).await;
    assert!(matches!(again, Err(JournalError::Order(_))), "{again:?}");
    let nothing =
        desk.journal.hold(Uuid::from_u128(3), who(), Arc::clone(&desk.rules), desk.now()).await;
    assert!(matches!(nothing, Err(JournalError::NotFound)), "{nothing:?}");
    desk.journal.sequence(desk.now()).await.unwrap();
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert_eq!(report.wrong, 0, "{:?}", report.findings);
}

async fn its_sender_holds_what_has_not_left_and_a_coordinator_is_asked_once(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let held = hold(&desk, POLITIE, opened.public_id).await.unwrap().expect("its sender sees it");
    assert!(held.held >= 2, "{held:?}");
    let waiting = desk.collect(WONEN, 50).await;
    assert!(waiting.iter().all(|parcel| parcel.kind != "signaal-gemeld.v1"), "{waiting:?}");
    assert_eq!(entries(&desk, "vastgehouden").await.len(), held.held);
    let again = hold(&desk, POLITIE, opened.public_id).await.unwrap().unwrap();
    assert_eq!(again.held, 0, "it waits already");
    let asked = entries(&desk, ASKED).await;
    assert_eq!(asked.len(), 1, "once as long as nobody decided");
    assert_eq!(questions(&desk).await, [(true, 4 * 3600)], "at any hour");
    let lines = desk.journal.timeline(&opened.case_number).await.unwrap();
    let line = lines.iter().find(|line| line.wat == "vastgehouden").unwrap();
    assert_eq!((&line.ketenpartner, &line.reden), (&Some(partner(POLITIE)), &None));
    assert!(!format!("{lines:?}{asked:?}").contains(WHY), "what it said is sealed");
    let (by, why) = ("R. Regisseur".to_owned(), "besluiten".to_owned());
    let seen = desk.journal.reveal(RevealOrder { id: asked[0].id, by, why }, desk.now()).await;
    assert_eq!(seen.unwrap().bytes.unwrap(), WHY.as_bytes());
    desk.journal.sequence(desk.now()).await.unwrap();
    let own = desk.journal.partner_log(&partner(POLITIE), 0, 50).await.unwrap();
    assert!(format!("{own:?}").contains("vastgehouden"), "the evidence names who held it: {own:?}");
    verified(&desk).await;
}

async fn a_recipient_holds_by_its_own_parcel_and_learns_nothing_of_others(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let got = desk.collect("gemeente-eindhoven", 50).await;
    let parcel = got.iter().find(|parcel| parcel.kind == "signaal-gemeld.v1").unwrap();
    assert_eq!(hold(&desk, "gemeente-eindhoven", parcel.id).await.unwrap(), None);
    let held: Vec<_> =
        entries(&desk, "vastgehouden").await.into_iter().map(|entry| entry.partner).collect();
    assert_eq!(held, [Some(partner(WONEN))], "what has not left");
    // Where nothing waits it gets the same answer, and a coordinator hears of it all the same.
    let other = accepted(&desk, signal(POLITIE, "k-2", 2)).await;
    desk.collect(WONEN, 50).await;
    let late = desk.collect("gemeente-eindhoven", 50).await;
    assert_eq!(hold(&desk, "gemeente-eindhoven", late[0].id).await.unwrap(), None);
    assert_eq!(entries(&desk, ASKED).await.len(), 2);
    let lines = timeline(&desk, &other.case_number).await;
    assert!(lines.contains(&"vastgehouden".to_owned()), "{lines:?}");
    assert!(timeline(&desk, &opened.case_number).await.contains(&"vastgehouden".to_owned()));
    verified(&desk).await;
}

async fn nobody_else_finds_it_and_of_what_left_nothing_is_held(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let parcel = desk.collect(WONEN, 50).await[0].id;
    desk.collect("gemeente-eindhoven", 50).await;
    for (who, id) in [
        (WONEN, Uuid::from(opened.public_id)),
        ("gemeente-eindhoven", parcel.into()),
        ("ggz-de-kempen", opened.public_id.into()),
        ("ggz-de-kempen", parcel.into()),
        (POLITIE, parcel.into()),
        (POLITIE, Uuid::from_u128(7)),
    ] {
        let found = hold(&desk, who, id).await;
        assert!(matches!(found, Err(JournalError::NotFound)), "{who}: {found:?}");
    }
    let gone = hold(&desk, POLITIE, opened.public_id).await;
    assert!(matches!(gone, Err(JournalError::Order(_))), "{gone:?}");
    assert!(entries(&desk, ASKED).await.is_empty() && questions(&desk).await.is_empty());
    let (by, why) = ("B. Beheer".to_owned(), "verzoek".to_owned());
    let erased = crate::journal::ErasureOrder { id: opened.public_id.into(), by, why };
    desk.journal.erase(erased, desk.now()).await.unwrap();
    let erased = hold(&desk, WONEN, parcel).await;
    assert!(matches!(erased, Err(JournalError::Erased | JournalError::NotFound)), "{erased:?}");
    verified(&desk).await;
}

async fn where_no_case_runs_a_coordinator_still_hears_of_it(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    order(&desk, &opened.case_number, CaseAct::Order(Order::Close)).await.unwrap();
    hold(&desk, POLITIE, opened.public_id).await.unwrap();
    assert!(questions(&desk).await.is_empty(), "nothing is asked in a closed case");
    assert!(case(&desk, &opened.case_number).await.dossier.is_closed());
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    let compose = move |points: &[crate::journal::RegiePoint], _| {
        let urgent = points.iter().filter(|point| point.urgent);
        heard.lock().unwrap().extend(urgent.map(|point| point.kind.clone()));
        Vec::new()
    };
    let telling = crate::journal::RegieTelling { group_s: 0, compose: Arc::new(compose) };
    desk.journal.tell_regie(telling, desk.now()).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["vastgehouden"], "at once, at any hour");
    verified(&desk).await;
}
