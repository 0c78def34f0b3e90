//! What was agreed in a case: sealed with it, reminded of once, shown to who says why.

use std::sync::Arc;

use super::desk::{Desk, partner};
use super::place::On;
use super::regie::{accepted, case, clock, desk, order, rules, shipped, signal, tasks, timeline};
use crate::casework::{AgreementFault, AgreementState, OrderFault, Phase, Question};
use crate::evidence::{Leaf, LeafKind};
use crate::journal::sql::query;
use crate::journal::{
    AgreementAct, AgreementShown, AgreementWords, CaseAct, ErasureOrder, FindingCode, JournalError,
    NamedParty, TaskFilter,
};
use crate::message::{AgreementId, CaseNumber, Timestamp};

on_both_stores! {
    an_agreement_is_reviewed_and_reminded_once_over_a_restart,
    what_was_agreed_is_sealed_and_shown_only_after_that_was_written_down,
    an_agreement_goes_with_its_case_when_that_is_erased,
    what_is_refused_leaves_nothing_behind,
    an_agreement_is_found_where_its_case_went_on,
    an_agreement_that_was_changed_or_taken_away_is_noticed,
}

const POLITIE: &str = "politie-oost-brabant";
const WONEN: &str = "wonen-zuid";
const TEXT: &str = "Na tienen is het stil op de Wilgenroos";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn words() -> AgreementWords {
    AgreementWords {
        text: TEXT.to_owned(),
        parties: vec![
            NamedParty::Partner { ketenpartner: partner(WONEN) },
            NamedParty::Other {
                soort: crate::casework::PartyKind::Bewoner,
                naam: "J. Jansen".to_owned(),
            },
        ],
        until: at("2027-01-29T22:59:59Z"),
        review: Some(at("2026-12-14T07:00:00Z")),
    }
}

async fn opened(desk: &Desk) -> CaseNumber {
    accepted(desk, signal(POLITIE, "k-1", 1)).await.case_number
}

async fn act(desk: &Desk, number: &CaseNumber, act: AgreementAct) -> Result<Phase, JournalError> {
    order(desk, number, CaseAct::Agree(act)).await
}

async fn made(desk: &Desk, number: &CaseNumber) -> AgreementId {
    act(desk, number, AgreementAct::Make(words())).await.unwrap();
    case(desk, number).await.dossier.agreements.last().unwrap().id
}

async fn reveal(desk: &Desk, id: AgreementId) -> Result<AgreementShown, JournalError> {
    let who = ("I. Inzage".to_owned(), "klacht 12".to_owned());
    desk.journal.reveal_agreement(id, who, Arc::clone(&desk.rules), desk.now()).await
}

async fn questions(desk: &Desk) -> usize {
    let decide = TaskFilter { to_decide: true, ..TaskFilter::default() };
    let open = tasks(desk, &decide).await;
    open.iter().filter(|task| task.question == Some(Question::HerzieAfspraak)).count()
}

async fn an_agreement_is_reviewed_and_reminded_once_over_a_restart(on: On) {
    let desk = desk(on).await;
    let number = opened(&desk).await;
    let id = made(&desk, &number).await;
    clock(&desk, "2026-12-14T06:59:59Z").await;
    assert_eq!(questions(&desk).await, 0);
    let mut desk = desk.reopen().await;
    desk.rules = rules(&shipped());
    clock(&desk, "2026-12-14T07:00:00Z").await;
    assert_eq!(questions(&desk).await, 1, "its review came");
    let mut desk = desk.reopen().await;
    desk.rules = rules(&shipped());
    for moment in ["2027-01-22T07:00:00Z", "2027-01-22T07:00:01Z", "2027-01-30T07:00:00Z"] {
        clock(&desk, moment).await;
    }
    let lines = timeline(&desk, &number).await;
    let reminded = lines.iter().filter(|line| *line == "afspraak-loopt-af").count();
    assert_eq!((reminded, questions(&desk).await), (1, 1), "{lines:?}");
    let act_of = AgreementAct::End { id, state: AgreementState::NietNagekomen };
    act(&desk, &number, act_of).await.unwrap();
    assert_eq!(questions(&desk).await, 0, "that is the answer");
    let lines = desk.journal.timeline(&number).await.unwrap();
    let decided = lines.iter().find(|line| line.wat == "besluit-afspraak-niet-nagekomen").unwrap();
    assert_eq!(decided.door.as_deref(), Some("R. Regisseur"));
    assert_eq!(decided.bijzonderheid, Some(id.to_string()));
}

async fn what_was_agreed_is_sealed_and_shown_only_after_that_was_written_down(on: On) {
    let desk = desk(on).await;
    let number = opened(&desk).await;
    let id = made(&desk, &number).await;
    let kept = serde_json::to_string(&case(&desk, &number).await.dossier).unwrap();
    let told = format!("{kept}{:?}", desk.journal.timeline(&number).await.unwrap());
    for personal in ["Jansen", "Wilgenroos"] {
        assert!(!told.contains(personal), "{personal} in {told}");
    }
    let shown = reveal(&desk, id).await.unwrap();
    assert!(shown.words == words() && shown.case == number);
    assert_eq!(format!("{:?}", shown.words), "AgreementWords(…)");
    let lines = desk.journal.timeline(&number).await.unwrap();
    let seen: Vec<_> = lines.iter().filter(|line| line.wat == "afspraak-ingezien").collect();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].door.as_deref(), seen[0].reden.as_deref()),
        (Some("I. Inzage"), Some("klacht 12"))
    );
    desk.journal.sequence(desk.now()).await.unwrap();
    let proofs = desk.journal.proofs(id.into(), true).await.unwrap();
    let leaves: Vec<Leaf> = proofs.iter().map(|proof| Leaf::decode(&proof.blad).unwrap()).collect();
    let kinds: Vec<_> = leaves.iter().map(|leaf| (leaf.kind, leaf.commitment.is_some())).collect();
    assert_eq!(kinds, [(LeafKind::Regie, true), (LeafKind::Inzage, false)]);
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);

    let nobody = AgreementId::from(uuid::Uuid::from_u128(4));
    assert!(matches!(reveal(&desk, nobody).await, Err(JournalError::NotFound)));
    desk.place.fill_disk(true).await;
    let who = ("I. Inzage".to_owned(), "x".repeat(100_000));
    let full = desk.journal.reveal_agreement(id, who, Arc::clone(&desk.rules), desk.now()).await;
    assert!(matches!(full, Err(JournalError::Unavailable(_))), "not written, not shown");
    desk.place.fill_disk(false).await;
}

async fn an_agreement_goes_with_its_case_when_that_is_erased(on: On) {
    let desk = desk(on).await;
    let accepted = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let id = made(&desk, &accepted.case_number).await;
    let (by, why) = ("B. Beheer".to_owned(), "verzoek".to_owned());
    let erase = ErasureOrder { id: accepted.public_id.into(), by, why };
    desk.journal.erase(erase, desk.now()).await.unwrap();
    let mut desk = desk.reopen().await;
    desk.rules = rules(&shipped());
    let gone = reveal(&desk, id).await;
    assert!(matches!(gone, Err(JournalError::Erased)), "{gone:?}");
    clock(&desk, "2027-02-26T12:00:00Z").await;
    assert_eq!(questions(&desk).await, 0);
    desk.journal.sequence(desk.now()).await.unwrap();
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert!(report.erased > report.opened, "what is sealed is there, and nothing opens it");
}

async fn what_is_refused_leaves_nothing_behind(on: On) {
    let desk = desk(on).await;
    let number = opened(&desk).await;
    let id = made(&desk, &number).await;
    let before = timeline(&desk, &number).await;
    let long = AgreementWords { text: "x".repeat(4_001), ..words() };
    let alone = AgreementWords { parties: Vec::new(), ..words() };
    let again = AgreementAct::Change { id, until: None, review: None };
    for (what, fault) in [
        (AgreementAct::Make(long), AgreementFault::TextTooLong),
        (AgreementAct::Make(alone), AgreementFault::NoParties),
        (again, AgreementFault::NothingChanges),
    ] {
        let said = act(&desk, &number, what).await;
        let same = matches!(
            said,
            Err(JournalError::Fault(OrderFault::Agreement(found))) if found == fault
        );
        assert!(same, "{said:?}");
    }
    assert_eq!(timeline(&desk, &number).await, before);
    assert_eq!(case(&desk, &number).await.dossier.agreements.len(), 1);
    desk.journal.sequence(desk.now()).await.unwrap();
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}

async fn an_agreement_is_found_where_its_case_went_on(on: On) {
    let desk = desk(on).await;
    let first = opened(&desk).await;
    let id = made(&desk, &first).await;
    let second = accepted(&desk, signal(WONEN, "w-1", 2)).await.case_number;
    order(&desk, &first, CaseAct::Merge { into: second.clone() }).await.unwrap();
    let (now_in, agreement) = desk.journal.agreement(id).await.unwrap();
    assert!(now_in == second && agreement.runs());
    let shown = reveal(&desk, id).await.unwrap();
    assert_eq!(shown.words.text, TEXT, "under the key of the case that it was made in");
    let act_of = AgreementAct::Change { id, until: Some(at("2027-06-01T00:00:00Z")), review: None };
    act(&desk, &second, act_of).await.unwrap();
    order(&desk, &first, CaseAct::Split).await.unwrap();
    let (back_in, agreement) = desk.journal.agreement(id).await.unwrap();
    assert!(back_in == first && agreement.until == at("2027-06-01T00:00:00Z"));
}

async fn an_agreement_that_was_changed_or_taken_away_is_noticed(on: On) {
    let desk = desk(on).await;
    let number = opened(&desk).await;
    made(&desk, &number).await;
    desk.journal.sequence(desk.now()).await.unwrap();
    let codes = async || {
        let report = desk.journal.verify(|_| {}).await.unwrap();
        report.findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert!(codes().await.is_empty());
    desk.tamper("update agreement set at = at + 1").await;
    assert_eq!(codes().await, [FindingCode::BladAnders]);
    desk.tamper("delete from agreement").await;
    assert_eq!(codes().await, [FindingCode::ZonderRij]);
}

#[tokio::test]
async fn a_journal_of_before_agreements_keeps_what_coordinators_must_hear() {
    let desk = desk(On::Sqlite).await;
    opened(&desk).await;
    clock(&desk, "2026-11-26T12:00:00Z").await;
    let place = desk.close().await;
    let untold = async || {
        let sql = "select count(*) as n, max(seq) as last from regie_notice where sent_at is null";
        let row = query(sql, []).fetch_one(&mut place.connect().await).await.unwrap();
        (row.int("n").unwrap(), row.int("last").unwrap())
    };
    let before = untold().await;
    assert!(before.0 > 0, "silence is put before a coordinator");
    let mut conn = place.connect().await;
    conn.script(super::erasures::BEFORE_REQUESTS).await.unwrap();
    let older = "delete from migration where number > 11; drop table agreement";
    conn.script(older).await.unwrap();
    drop(conn);
    let (journal, writer) = place.open().await.unwrap();
    let writing = tokio::spawn(writer.run());
    assert_eq!(untold().await, before);
    drop(journal);
    writing.await.unwrap();
}
