//! An operator says that a partner is back.

use super::desk::{Desk, partner, signal};
use super::parcels::{DELIVERED, claim, settle};
use super::place::On;
use crate::journal::{AttemptOutcome, UnblockOrder};

on_both_stores! {
    what_waits_for_a_later_attempt_goes_now,
    other_hubs_learn_of_it,
}

fn order(name: &str) -> UnblockOrder {
    let (by, why) = ("anna".to_owned(), "storing verholpen".to_owned());
    UnblockOrder { partner: partner(name), by, why }
}

async fn what_waits_for_a_later_attempt_goes_now(on: On) {
    let desk = Desk::new(on).await;
    // Two lanes that failed, of which one has a parcel behind its head, and one that is under way.
    for (id, reference) in [("b-1", "k-1"), ("b-2", "k-1"), ("b-3", "k-2"), ("b-4", "k-3")] {
        desk.accepted(&signal(id, reference, &["woonbedrijf", "ander"])).await;
    }
    let parcels = claim(&desk, "woonbedrijf").await;
    assert_eq!(parcels.len(), 3);
    let later = || AttemptOutcome::Retry {
        at: desk.now().plus_seconds(18_000),
        code: "onbereikbaar".to_owned(),
    };
    settle(&desk, &parcels[0], later()).await;
    settle(&desk, &parcels[1], later()).await;
    for parcel in claim(&desk, "ander").await {
        settle(&desk, &parcel, later()).await;
    }
    assert!(claim(&desk, "woonbedrijf").await.is_empty());

    desk.pass(1);
    assert_eq!(desk.journal.unblock(order("woonbedrijf"), desk.now()).await.unwrap(), 2);
    let waiting = desk.journal.waiting_for(&partner("woonbedrijf"), desk.now()).await.unwrap();
    assert_eq!(waiting, (2, 4));
    let again = claim(&desk, "woonbedrijf").await;
    assert_eq!(again.len(), 2, "not the one under way, and not what stands behind another");
    assert_eq!(again[0].attempts, 2, "an attempt stays an attempt");
    assert!(claim(&desk, "ander").await.is_empty(), "nobody else's");
    settle(&desk, &parcels[2], DELIVERED).await;

    assert_eq!(desk.journal.unblock(order("woonbedrijf"), desk.now()).await.unwrap(), 0);
    let log = desk.journal.partner_log(&partner("woonbedrijf"), 0, 100).await.unwrap();
    desk.journal.sequence(desk.now()).await.unwrap();
    let told = |log: &[crate::journal::LogLine]| {
        log.iter().filter(|line| line.outcome == "gedeblokkeerd").count()
    };
    let log = match on {
        On::Sqlite => log,
        On::Postgres => desk.journal.partner_log(&partner("woonbedrijf"), 0, 100).await.unwrap(),
    };
    assert_eq!(told(&log), 2);
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn other_hubs_learn_of_it(on: On) {
    let desk = Desk::new(on).await;
    assert!(desk.journal.unblocked().await.unwrap().is_empty());
    desk.journal.unblock(order("woonbedrijf"), desk.now()).await.unwrap();
    desk.journal.unblock(order("woonbedrijf"), desk.now()).await.unwrap();
    desk.journal.unblock(order("ander"), desk.now()).await.unwrap();
    let desk = desk.reopen().await;
    let known = desk.journal.unblocked().await.unwrap();
    assert_eq!(known, [(partner("ander"), 1), (partner("woonbedrijf"), 2)].into());
}
