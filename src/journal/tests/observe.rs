//! What an observer sees of the journal.

use super::desk::{Desk, partner, signal};
use super::parcels::{DELIVERED, claim, settle};
use super::place::On;
use crate::journal::{Observation, queues};
use crate::message::{Fault, Refusal};

on_both_stores! {
    the_newest_messages_and_refusals_come_by_the_page,
    what_waits_for_each_is_told_with_what_was_exchanged_last,
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

/// What waits is counted up to a bound, along an index, and told with its age and next attempt.
async fn what_waits_for_each_is_told_with_what_was_exchanged_last(on: On) {
    let desk = Desk::new(on).await;
    let names = [partner("politie"), partner("woonbedrijf")];
    let start = desk.now();
    desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    desk.pass(60);
    let second = desk.now();
    desk.accepted(&signal("b-2", "k-2", &["woonbedrijf"])).await;
    let queues = desk.journal.queues(&names).await.unwrap();
    let told: Vec<_> =
        queues.iter().map(|q| (q.waiting.count, q.oldest, q.next.is_some())).collect();
    assert_eq!(told, [(0, None, false), (2, Some(start), true)]);

    let parcel = claim(&desk, "woonbedrijf").await.remove(0);
    settle(&desk, &parcel, DELIVERED).await;
    let mut refused = signal("b-3", "k-3", &[]);
    refused.refusal = Some(Refusal::one(Fault::Ongeldig, "", "verplicht", "Ontbreekt.", "-"));
    desk.refused(&refused).await;
    while desk.journal.sequence(desk.now()).await.unwrap().more {}
    assert_eq!(desk.journal.queues(&names).await.unwrap()[1].waiting.count, 1);
    let police = desk.journal.exchanged(&names[0], second).await.unwrap();
    assert_eq!((police.last_in, police.taken, police.refused), (Some(second), 1, 1));
    assert_eq!((police.last_out, police.or_more), (None, false));
    let corporation = desk.journal.exchanged(&names[1], start).await.unwrap();
    assert_eq!((corporation.last_in, corporation.sent), (None, 1));
    assert_eq!(corporation.last_out, Some(second));
}

#[tokio::test]
async fn what_waits_is_counted_along_an_index() {
    let desk = Desk::new(On::Sqlite).await;
    for (sql, index) in [
        (queues::WAITING, "INDEX outbox_waiting (recipient=?"),
        (queues::OLDEST, "INDEX outbox_waiting (recipient=?"),
        (queues::UNCONFIRMED, "INDEX outbox_unconfirmed (recipient=?"),
        (queues::QUARANTINED, "INDEX quarantine_open_partner (partner=?"),
        (queues::NEWEST, "INDEX leaf_partner (partner=?"),
    ] {
        let plan = desk.place.plan(sql).await;
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}

async fn the_newest_messages_and_refusals_come_by_the_page(on: On) {
    let desk = Desk::new(on).await;
    let start = desk.now();
    for number in ["b-1", "b-2", "b-3"] {
        desk.accepted(&signal(number, number, &[])).await;
        desk.pass(60);
    }
    let mut refused = signal("b-4", "k-4", &[]);
    refused.refusal = Some(Refusal::one(Fault::Ongeldig, "", "verplicht", "Ontbreekt.", "-"));
    desk.refused(&refused).await;
    let first = desk.journal.recent(None, 2).await.unwrap();
    let next = desk.journal.recent(first.last().map(|last| last.seq), 2).await.unwrap();
    assert_eq!((first.len(), next.len()), (2, 1));
    assert!(first[0].received_at > first[1].received_at && next[0].received_at == start);
    assert!(desk.journal.recent(Some(next[0].seq), 2).await.unwrap().is_empty());
    // What nobody was sent of an accepted message is no refusal.
    let all = (start, desk.now().plus_seconds(1));
    let found = desk.journal.recent_refusals(all, 9).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].partner.as_str(), found[0].reason.as_str()), ("politie", "ongeldig"));
    let before = (start, found[0].at);
    assert!(desk.journal.recent_refusals(before, 9).await.unwrap().is_empty());
}
