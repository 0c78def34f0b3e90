//! Sealed content is shown to a person only after that was written down.

use super::desk::{Desk, signal};
use super::place::On;
use crate::evidence::LeafKind;
use crate::journal::{ErasureOrder, JournalError, QuarantineId, RevealOrder};
use crate::message::{Fault, Refusal};

on_both_stores! {
    each_reveal_is_a_leaf_and_a_line_with_who_and_why,
    what_cannot_be_written_down_is_not_revealed,
    what_is_unknown_or_erased_is_neither_shown_nor_noted,
}

fn order(id: QuarantineId, why: &str) -> RevealOrder {
    RevealOrder { id, by: "anna".to_owned(), why: why.to_owned() }
}

async fn refused(desk: &Desk) -> QuarantineId {
    let mut draft = signal("b-1", "k-1", &["woonbedrijf"]);
    draft.refusal = Some(Refusal::one(Fault::Ongeldig, "/thema", "verplicht", "Ontbreekt.", "-"));
    desk.refused(&draft).await.quarantine
}

async fn each_reveal_is_a_leaf_and_a_line_with_who_and_why(on: On) {
    let desk = Desk::new(on).await;
    let id = refused(&desk).await;
    assert!(desk.journal.reveals(id).await.unwrap().is_empty());
    for why in ["storing 118", "nog eens"] {
        desk.pass(60);
        let found = desk.journal.reveal(order(id, why), desk.now()).await.unwrap();
        assert_eq!(found.bytes.as_deref(), Some(&b"inhoud van b-1"[..]));
    }
    let desk = desk.reopen().await;
    let seen = desk.journal.reveals(id).await.unwrap();
    let seen: Vec<_> = seen.iter().map(|seen| (seen.by.as_str(), seen.why.as_str())).collect();
    assert_eq!(seen, [("anna", "storing 118"), ("anna", "nog eens")]);
    desk.journal.sequence(desk.now()).await.unwrap();
    let proofs = desk.journal.proofs(id.0, false).await.unwrap();
    let leaves = proofs.iter().map(|proof| crate::evidence::Leaf::decode(&proof.blad).unwrap());
    let reveals: Vec<_> = leaves.filter(|leaf| leaf.kind == LeafKind::Inzage).collect();
    assert_eq!(reveals.len(), 2);
    for leaf in &reveals {
        assert_eq!((leaf.outcome.as_str(), &leaf.partner), ("inzage", &None));
        assert!(
            !leaf.encode().windows(4).any(|part| part == b"anna"),
            "people are not in the tree"
        );
    }
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn what_cannot_be_written_down_is_not_revealed(on: On) {
    let desk = Desk::new(on).await;
    let id = refused(&desk).await;
    // The disk is full as soon as a page is needed, and a long reason needs some.
    desk.place.fill_disk(true).await;
    let long = order(id, &"x".repeat(100_000));
    let found = desk.journal.reveal(long.clone(), desk.now()).await;
    assert!(matches!(found, Err(JournalError::Unavailable(_))));
    assert!(desk.journal.reveals(id).await.unwrap().is_empty());
    desk.place.fill_disk(false).await;
    assert!(desk.journal.reveal(long, desk.now()).await.unwrap().bytes.is_some());
}

async fn what_is_unknown_or_erased_is_neither_shown_nor_noted(on: On) {
    let desk = Desk::new(on).await;
    let id = refused(&desk).await;
    let nobody = QuarantineId(uuid::Uuid::from_u128(7));
    let found = desk.journal.reveal(order(nobody, "?"), desk.now()).await;
    assert!(matches!(found, Err(JournalError::NotFound)));
    let erase = ErasureOrder { id: id.0, by: "anna".to_owned(), why: "verzoek".to_owned() };
    desk.journal.erase(erase, desk.now()).await.unwrap();
    let found = desk.journal.reveal(order(id, "te laat"), desk.now()).await;
    assert!(matches!(found, Err(JournalError::Erased)));
    assert!(desk.journal.reveals(id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_journal_of_before_reveals_learns_them() {
    let desk = Desk::new(On::Sqlite).await;
    let id = refused(&desk).await;
    let place = desk.close().await;
    let before = "delete from migration where number > 1; drop table reveal;
        drop index quarantine_incoming; drop index inbox_partner; drop table set_files;
         drop index outbox_unconfirmed; drop table job_event; drop table job_item; drop table job;
         drop index inbox_moment; drop index quarantine_open_partner; drop table restart;
         drop index quarantine_open_reason; drop index quarantine_moment; drop table unblock;
         drop table alarm; drop table alarm_notice; drop table alarm_hub; drop table failing;
         drop index quarantine_at; drop table timeline; drop table request; drop table task;
         drop table plan; drop table regie_notice; drop table dossier;
         drop table agreement; drop table account_change; drop table session;
         drop table case_person; drop table field_reveal;
         drop table saved_filter; drop table login_failure;
         drop table account; drop table person; drop table erasure_item;
         drop table erasure_request; drop index cases_erase;
         alter table activation drop column refused_by; drop table test_message;
         alter table activation drop column refused_why;
         alter table cases drop column erase_at; alter table cases drop column legal_hold;
         alter table correlation drop column until";
    place.connect().await.script(before).await.unwrap();
    let (journal, writer) = place.open().await.unwrap();
    let writing = tokio::spawn(writer.run());
    let now = super::desk::start();
    assert!(journal.reveal(order(id, "later"), now).await.unwrap().bytes.is_some());
    drop(journal);
    writing.await.unwrap();
}
