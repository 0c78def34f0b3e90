//! What a case knows of the parcels that its recipients got before.

use std::sync::{Arc, Mutex};

use super::desk::{CATALOGUE, Desk, partner, rules_of, signal, start};
use super::parcels::{DELIVERED, claim, made_anew, settle};
use super::place::On;
use crate::journal::{Replay, Rules};
use crate::message::{CaseState, EARLIER_MAX, ParcelId};
use crate::pipeline::Dispatch;

on_both_stores! {
    a_case_knows_what_each_recipient_got_before_a_message,
    a_case_looks_back_at_the_newest_parcels_only,
    the_second_message_of_a_group_knows_what_the_first_led_to,
}

/// The ids of the earlier parcels that a case knows of a recipient.
fn got(state: &CaseState, name: &str) -> Vec<ParcelId> {
    let theirs = state.earlier.iter().filter(|parcel| parcel.recipient == partner(name));
    theirs.map(|parcel| parcel.id).collect()
}

async fn a_case_knows_what_each_recipient_got_before_a_message(on: On) {
    let desk = Desk::new(on).await;
    let both = ["woonbedrijf", "brandweer"];
    desk.accepted(&signal("b-1", "k-1", &both)).await;
    desk.pass(1);
    desk.accepted(&signal("b-2", "k-1", &["brandweer"])).await;
    let first = claim(&desk, "woonbedrijf").await.remove(0);
    let mut fire = Vec::new();
    while let Some(parcel) = claim(&desk, "brandweer").await.pop() {
        settle(&desk, &parcel, DELIVERED).await;
        fire.push(parcel);
    }

    // Of the last message all that came before it; of the first nothing.
    let last = desk.journal.case_state(first.case, fire[1].message).await.unwrap();
    assert_eq!(
        (got(&last, "brandweer"), got(&last, "woonbedrijf")),
        (vec![fire[0].id], vec![first.id])
    );
    let known = &last.earlier[0];
    assert_eq!((known.sender.as_str(), known.reference.as_str()), ("politie", "k-1"));
    assert_eq!(known.made_at, start());
    let none = desk.journal.case_state(first.case, first.message).await.unwrap();
    assert!(none.earlier.is_empty());

    // What was replaced counts as what took its place.
    let replayed = Replay {
        message: first.message,
        dispatch: made_anew(&desk, &first, "anders"),
        catalogue: CATALOGUE,
        recipients: Default::default(),
        at: desk.now(),
        settles: Default::default(),
    };
    let replaced = desk.journal.replay(replayed).await.unwrap().replaced;
    let last = desk.journal.case_state(first.case, fire[1].message).await.unwrap();
    assert_eq!(got(&last, "woonbedrijf"), [replaced[0].1]);
}

async fn a_case_looks_back_at_the_newest_parcels_only(on: On) {
    let desk = Desk::new(on).await;
    for number in 0..EARLIER_MAX + 3 {
        desk.accepted(&signal(&format!("b-{number}"), "k-1", &["brandweer"])).await;
        desk.pass(1);
    }
    desk.accepted(&signal("b-last", "k-1", &["woonbedrijf"])).await;
    let last = claim(&desk, "woonbedrijf").await.remove(0);
    let state = desk.journal.case_state(last.case, last.message).await.unwrap();
    let moments: Vec<i64> = state
        .earlier
        .iter()
        .map(|p| p.made_at.seconds_since(start()))
        .filter(|s| *s < 23)
        .collect();
    let newest: Vec<i64> = (3..i64::try_from(EARLIER_MAX).unwrap() + 3).collect();
    assert_eq!(moments, newest, "the newest last");
}

/// Also in one group, where the first is not in the database when the second is decided.
async fn the_second_message_of_a_group_knows_what_the_first_led_to(on: On) {
    let mut desk = Desk::new(on).await;
    let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (rules, notes) = (rules_of(CATALOGUE), Arc::clone(&seen));
    desk.rules = Arc::new(Rules {
        catalogue: CATALOGUE,
        looks_back: true,
        dispatch: Box::new(move |admitted, case, suspended, now, entropy| {
            notes.lock().unwrap().push(case.earlier.len());
            (rules.dispatch)(admitted, case, suspended, now, entropy)
        }),
        feedback: Box::new(|_, _, _, _| Dispatch::default()),
        regie: None,
    });
    let (one, two, three) = (
        signal("b-1", "k-1", &["brandweer"]),
        signal("b-2", "k-1", &["brandweer", "woonbedrijf"]),
        signal("b-3", "k-1", &[]),
    );
    let sent = tokio::join!(desk.send(&one), desk.send(&two), desk.send(&three));
    assert!(sent.0.is_ok() && sent.1.is_ok() && sent.2.is_ok());
    desk.accepted(&signal("b-4", "k-1", &[])).await;
    assert_eq!(*seen.lock().unwrap(), [0, 1, 3, 3]);
}
