//! Evidence: signed, provable, and not to be changed unnoticed.

use super::desk::{CATALOGUE, Desk, keys, partner, signal};
use super::place::On;
use crate::evidence::{Checkpoint, Content, LeafKind, verify_consistency};
use crate::journal::{FindingCode, Journal, PartnerOrder, Proposal, VerifyReport};

on_both_stores! {
    a_partner_proves_its_exchange_without_the_hub,
    a_large_tree_has_tiles_and_proofs_too,
    the_tree_only_grows_over_a_restart,
    an_untouched_journal_is_sound,
    whoever_changes_anything_is_noticed,
    a_finding_names_what_it_is_about,
    a_partner_sees_its_own_exchanges_only,
}

async fn busy_desk(on: On) -> Desk {
    let desk = Desk::new(on).await;
    for n in 0..20 {
        let draft = signal(&format!("b-{n}"), &format!("k-{}", n % 5), &["woonbedrijf", "niemand"]);
        desk.accepted(&draft).await;
    }
    let mut refused = signal("b-1", "k-1", &[]);
    refused.text = "iets anders".to_owned();
    desk.refused(&refused).await;
    desk.collect("woonbedrijf", 7).await;
    let proposal = Proposal {
        catalogue: CATALOGUE,
        asked_by: "beheerder".to_owned(),
        widens: true,
        approved_by: None,
        note: String::new(),
    };
    desk.journal.partner_order(PartnerOrder::Activate(proposal), desk.now()).await.unwrap();
    while desk.journal.sequence(desk.now()).await.unwrap().more {}
    desk
}

async fn verify(journal: &Journal) -> VerifyReport {
    journal.verify(|_| {}).await.unwrap()
}

fn codes(report: &VerifyReport) -> Vec<FindingCode> {
    report.findings.iter().map(|finding| finding.code).collect()
}

async fn a_partner_proves_its_exchange_without_the_hub(on: On) {
    let desk = busy_desk(on).await;
    let draft = signal("b-bewijs", "k-1", &["woonbedrijf"]);
    let sent = desk.accepted(&draft).await;
    assert!(desk.journal.proofs(sent.public_id.into(), true).await.unwrap().is_empty());
    desk.journal.sequence(desk.now()).await.unwrap();
    let proofs = desk.journal.proofs(sent.public_id.into(), true).await.unwrap();
    let public = keys(1).public_key();
    let report = proofs[0].verify("proef", &public, Some(draft.text.as_bytes())).unwrap();
    assert_eq!((report.content, report.leaf.kind), (Content::Proven, LeafKind::Aangenomen));
    assert!(proofs[0].verify("proef", &public, Some(b"iets anders")).is_err());
}

async fn a_large_tree_has_tiles_and_proofs_too(on: On) {
    let desk = Desk::new(on).await;
    let mut last = None;
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..700 {
        let (journal, draft) = (desk.journal.clone(), signal(&format!("b-{n}"), "k", &[]));
        let submission = desk.submission(&draft);
        waiting.spawn(async move { journal.receive(submission).await.unwrap() });
        if n % 100 == 99 {
            while let Some(received) = waiting.join_next().await {
                last = Some(received.unwrap());
            }
            desk.journal.sequence(desk.now()).await.unwrap();
        }
    }
    let Some(crate::journal::Received::Accepted(last)) = last else { panic!() };
    let desk = desk.reopen().await;
    let proof = desk.journal.proofs(last.public_id.into(), false).await.unwrap().remove(0);
    assert!(proof.verify("proef", &keys(1).public_key(), None).is_ok());
    assert_eq!(proof.omvang, 700);
    let report = verify(&desk.journal).await;
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.leaves, report.checkpoints, report.documents), (700, 7, 700));
}

async fn the_tree_only_grows_over_a_restart(on: On) {
    let desk = busy_desk(on).await;
    let parse =
        |note: &str| Checkpoint::parse_and_verify(note, "proef", &keys(1).public_key()).unwrap();
    let before = parse(&desk.journal.latest_checkpoint().await.unwrap().unwrap());
    // Stored, but the process ends before the next signature.
    desk.accepted(&signal("b-laat", "k-1", &[])).await;
    let desk = desk.reopen().await;
    assert_eq!(desk.journal.sequence(desk.now()).await.unwrap().added, 1);
    let after = parse(&desk.journal.latest_checkpoint().await.unwrap().unwrap());
    assert_eq!(after.size, before.size + 1);
    let path = desk.journal.consistency(before.size).await.unwrap();
    assert!(verify_consistency(before.size, after.size, &path, before.root, after.root));
    let idle = desk.journal.sequence(desk.now()).await.unwrap();
    assert_eq!(idle.added, 0, "nothing new, nothing signed");
}

async fn an_untouched_journal_is_sound(on: On) {
    let desk = busy_desk(on).await;
    let report = verify(&desk.journal).await;
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.leaves, report.signed, report.documents), (29, 29, 41));
    assert_eq!((report.opened, report.erased), (41, 0));
    // What is not signed yet is no error.
    desk.accepted(&signal("b-laat", "k-1", &["woonbedrijf"])).await;
    let report = verify(&desk.journal).await;
    assert!(report.is_sound());
    assert_eq!((report.leaves, report.signed), (30, 29));
}

/// Every change behind the journal's back is found, and named by its kind.
async fn whoever_changes_anything_is_noticed(on: On) {
    use FindingCode::*;
    let flip = |blob: &str| format!("set {blob} = zeroblob(length({blob}))");
    let changes: Vec<(String, FindingCode)> = vec![
        (format!("update inbox {} where seq = 3", flip("native")), Cijfertekst),
        (format!("update inbox {} where seq = 3", flip("canonical")), Aangekondigd),
        (format!("update inbox {} where seq = 3", flip("commitment")), Inhoud),
        ("update inbox set partner = 'brandweer' where seq = 3".into(), BladAnders),
        ("update inbox set received_at = received_at + 1 where seq = 3".into(), BladAnders),
        (format!("update outbox {} where seq = 3", flip("document")), Cijfertekst),
        ("update outbox set recipient = 'brandweer' where seq = 3".into(), Aangekondigd),
        ("update outbox set detail = '{}' where seq = 3".into(), Aangekondigd),
        ("update quarantine set document = zeroblob(9) where leaf is not null".into(), Cijfertekst),
        ("delete from quarantine where leaf is not null".into(), ZonderRij),
        ("delete from attempt where seq = 2".into(), ZonderRij),
        ("update leaf set data = zeroblob(100) where id = 4".into(), BladOnleesbaar),
        ("update leaf set partner = 'brandweer' where id = 4".into(), BladAnders),
        ("delete from leaf where id = 4".into(), ZonderBlad),
        ("delete from leaf where id = (select max(id) from leaf)".into(), Nummering),
        ("delete from numbered where number = 27".into(), Nummering),
        ("update tile set hashes = zeroblob(length(hashes))".into(), Wortel),
        ("update leaf set data = zeroblob(100) where id = 4".into(), Tegel),
        ("update activation set state = 'actief'".into(), BladAnders),
        ("update activation set catalogue = zeroblob(32)".into(), BladAnders),
        ("delete from activation".into(), ZonderRij),
        ("update checkpoint set root = zeroblob(32)".into(), Handtekening),
        ("update checkpoint set note = replace(note, '29', '28')".into(), Handtekening),
        ("delete from checkpoint".into(), Nummering),
        ("update tile set hashes = zeroblob(length(hashes))".into(), Tegel),
    ];
    for (sql, expected) in changes {
        let desk = busy_desk(on).await;
        desk.tamper(&sql).await;
        let report = verify(&desk.journal).await;
        assert!(codes(&report).contains(&expected), "{sql}: {report:?}");
    }
}

async fn a_finding_names_what_it_is_about(on: On) {
    let desk = busy_desk(on).await;
    let sent = desk.accepted(&signal("b-x", "k-x", &["woonbedrijf"])).await;
    let trace = desk.journal.trace(sent.public_id.into(), desk.now()).await.unwrap();
    desk.tamper(
        "update outbox set document = zeroblob(50) where seq = (select max(seq) from outbox)",
    )
    .await;
    let report = verify(&desk.journal).await;
    assert_eq!(report.findings[0].subject, Some(trace.parcels[0].id.into()));
}

async fn a_partner_sees_its_own_exchanges_only(on: On) {
    let desk = busy_desk(on).await;
    let log = desk.journal.partner_log(&partner("woonbedrijf"), 0, 100).await.unwrap();
    assert_eq!(log.len(), 7);
    assert!(log.iter().all(|line| line.kind == "poging" && line.leaf.is_some()));
    let log = desk.journal.partner_log(&partner("politie"), 0, 100).await.unwrap();
    assert_eq!(log.len(), 21);
    let rest = desk.journal.partner_log(&partner("politie"), log[19].seq, 100).await.unwrap();
    assert_eq!(rest.len(), 1, "pages go on after a number");
}
