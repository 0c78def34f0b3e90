//! What an observer sees of the journal.

use super::desk::{Desk, partner, signal};
use super::place::On;
use crate::journal::Observation;
use crate::message::{Fault, Refusal};

on_both_stores! {
    what_waits_who_is_silent_and_what_is_unsigned_is_seen,
}

async fn what_waits_who_is_silent_and_what_is_unsigned_is_seen(on: On) {
    let desk = Desk::new(on).await;
    let names = [partner("politie"), partner("woonbedrijf"), partner("brandweer")];
    let seen = desk.journal.observe(&names).await.unwrap();
    assert!(seen.partners.iter().all(|seen| seen.waiting == 0 && seen.last_message.is_none()));
    let idle = (seen.quarantine, seen.quarantined, seen.oldest_unsigned);
    assert_eq!(idle, (Vec::new(), 0, None));

    let first = desk.now();
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.pass(60);
    let second = desk.now();
    desk.accepted(&signal("b-2", "k-2", &["woonbedrijf"])).await;
    let mut refused = signal("b-3", "k-3", &[]);
    refused.refusal = Some(Refusal::one(Fault::Ongeldig, "", "verplicht", "Ontbreekt.", "-"));
    desk.refused(&refused).await;
    let Observation { partners, quarantine, quarantined, oldest_unsigned } =
        desk.journal.observe(&names).await.unwrap();
    let told: Vec<_> = partners
        .iter()
        .map(|seen| (seen.id.as_str(), seen.waiting, seen.oldest_waiting, seen.last_message))
        .collect();
    assert_eq!(
        told,
        [
            ("politie", 0, None, Some(second)),
            ("woonbedrijf", 2, Some(first), None),
            ("brandweer", 0, None, None),
        ]
    );
    assert_eq!(quarantine, [("inkomend".to_owned(), "ongeldig".to_owned(), 1)]);
    assert_eq!((quarantined, oldest_unsigned), (1, Some(first)));
    while desk.journal.sequence(desk.now()).await.unwrap().more {}
    assert_eq!(desk.journal.observe(&names).await.unwrap().oldest_unsigned, None);
}

#[tokio::test]
async fn when_a_partner_was_last_heard_is_found_by_an_index() {
    let desk = Desk::new(On::Sqlite).await;
    let plan = desk.place.plan("select max(received_at) from inbox where partner = 'x'").await;
    assert!(plan.contains("COVERING INDEX inbox_partner"), "{plan}");
}
