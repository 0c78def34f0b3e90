//! Erasing by two people: what waits, what goes, and who hears of it, under the shipped set.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::desk::{Desk, partner};
use super::place::On;
use super::regie::{
    accepted, case, clock, desk, files, order, rules, shipped, signal, tasks, timeline,
};
use crate::casework::Question;
use crate::catalogue::Catalogue;
use crate::journal::{
    Accepted, Bsn, CaseAct, ErasureAsk, ErasureAsked, ErasureDecision, ErasureDone, ErasureOrder,
    ErasureScope, JournalError, PartnerOrder, TaskFilter,
};
use crate::message::{CanonicalMessage, CaseNumber, Timestamp};

on_both_stores! {
    one_asks_another_agrees_and_who_had_of_it_hears_so_once,
    nobody_agrees_twice_too_late_or_alone,
    what_is_erased_unknown_or_asked_for_is_not_asked,
    what_must_be_kept_since_it_was_asked_stays,
    a_refusal_destroys_nothing_and_makes_room_for_another_request,
    whom_no_message_reaches_is_left_to_a_coordinator,
    who_has_another_name_in_the_set_is_left_to_a_coordinator,
    a_set_without_the_purpose_leaves_all_to_a_coordinator,
    a_person_is_found_in_every_case_and_what_must_be_kept_is_said,
    an_erasure_that_was_cut_off_is_finished_and_told_once,
    a_notice_is_told_about_to_nobody,
    a_refused_document_takes_two_people_too_and_is_told_to_nobody,
    a_case_takes_along_what_was_merged_into_it,
    a_signal_by_itself_goes_after_its_last_message_unless_it_must_stay,
}

const POLITIE: &str = "politie-oost-brabant";
const WONEN: &str = "wonen-zuid";
const GEMEENTE: &str = "gemeente-eindhoven";
const BSN: &str = "999990342";
const DAY: i64 = 86_400;

async fn ask(desk: &Desk, scope: ErasureScope) -> Result<ErasureAsked, JournalError> {
    let wish = ErasureAsk { scope, by: "A. Aanvrager".to_owned(), why: "verzoek 118".to_owned() };
    desk.journal.ask_erasure(wish, desk.now()).await
}

async fn ask_one(desk: &Desk, sent: &Accepted) -> Result<ErasureAsked, JournalError> {
    ask(desk, ErasureScope::One(sent.public_id.into())).await
}

fn decision(number: i64, by: &str) -> ErasureDecision {
    ErasureDecision { number, by: by.to_owned(), why: "nagekeken".to_owned() }
}

async fn approve(desk: &Desk, number: i64, by: &str) -> Result<ErasureDone, JournalError> {
    let by_set = (Arc::clone(&desk.rules), shipped());
    desk.journal.approve_erasure(decision(number, by), by_set, desk.now()).await
}

/// A signal about somebody.
fn about(sender: &str, reference: &str, house: u32, bsn: &str) -> CanonicalMessage {
    let mut message = signal(sender, reference, house);
    message.data["betrokkenen"] = json!([{ "rol": "getuige", "bsn": bsn }]);
    message
}

async fn sound(desk: &Desk) {
    desk.journal.sequence(desk.now()).await.unwrap();
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert_eq!(report.wrong, 0, "{:?}", report.findings);
}

/// What lies in a partner's mailbox and asks to erase.
async fn notices(desk: &Desk, name: &str) -> Vec<String> {
    let parcels = desk.collect(name, 200).await;
    let texts = parcels.into_iter().map(|parcel| String::from_utf8(parcel.bytes).unwrap());
    texts.filter(|text| text.contains("teWissen")).collect()
}

async fn is_gone(desk: &Desk, sent: &Accepted) -> bool {
    let message = desk.journal.message(sent.public_id.into()).await;
    matches!(message, Err(JournalError::Erased))
}

async fn keep(desk: &Desk, number: &CaseNumber, kept: bool) {
    order(desk, number, CaseAct::Keep { kept }).await.unwrap();
}

fn is_told(told: &Result<ErasureDone, JournalError>, words: &str) -> bool {
    matches!(told, Err(JournalError::Order(text)) if text.contains(words))
}

async fn one_asks_another_agrees_and_who_had_of_it_hears_so_once(on: On) {
    let desk = desk(on).await;
    let sent = accepted(&desk, about(POLITIE, "k-1", 1, BSN)).await;
    let had = desk.collect(WONEN, 50).await;
    let asked = ask_one(&desk, &sent).await.unwrap();
    assert_eq!(asked.cases, std::slice::from_ref(&sent.case_number));
    assert!(desk.journal.message(sent.public_id.into()).await.is_ok(), "nothing is destroyed");
    let waiting = desk.journal.erasure_requests(false, desk.now()).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].stand.as_str()), (1, "wacht"));

    let done = approve(&desk, asked.number, "B. Beheer").await.unwrap();
    assert!(is_gone(&desk, &sent).await);
    let item = &done.gewist[0];
    assert_eq!(item.casus.as_ref(), Some(&sent.case_number));
    assert_eq!(item.ontvangers, [partner(WONEN)]);
    assert!(item.untold.is_empty(), "the municipality did not collect it yet: {item:?}");
    assert!(done.vervallen_zendingen > 0, "what waited for it");

    let told = notices(&desk, WONEN).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(sent.case_number.as_str()), "{told:?}");
    assert!(had.iter().all(|parcel| told[0].contains(&parcel.id.to_string())), "{told:?}");
    assert!(!told[0].contains(BSN) && !told[0].contains("Lawaai"), "{told:?}");
    // It is a request with a term, in a case of its own, which reminds and escalates.
    let number = item.kennisgeving.clone().unwrap();
    let open = case(&desk, &number).await.dossier;
    assert_eq!(open.tasks.len(), 1);
    assert_eq!((open.tasks[0].action.as_str(), open.about), ("wissen", None));
    let until = open.tasks[0].deadlines.accepted.plus_seconds(1);
    clock(&desk, &until.to_string()).await;
    let asked_again = case(&desk, &number).await.dossier;
    assert!(asked_again.open_tasks().any(|t| t.question() == Some(Question::BeoordeelStilte)));
    let reminded = notices(&desk, WONEN).await;
    assert!(reminded.last().is_some_and(|text| text.contains("KET-HER")), "{reminded:?}");
    let lines = timeline(&desk, &sent.case_number).await;
    assert!(lines.ends_with(&["wissen-gevraagd".to_owned(), "wissen-goedgekeurd".to_owned()]));
    sound(&desk).await;
}

async fn nobody_agrees_twice_too_late_or_alone(on: On) {
    let desk = desk(on).await;
    let sent = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = ask_one(&desk, &sent).await.unwrap().number;
    for same in ["A. Aanvrager", " a.  AANVRAGER "] {
        let told = approve(&desk, number, same).await;
        assert!(matches!(told, Err(JournalError::SamePerson)), "{told:?}");
    }
    let unknown = approve(&desk, number + 7, "B. Beheer").await;
    assert!(matches!(unknown, Err(JournalError::NotFound)), "{unknown:?}");
    desk.pass(30 * DAY);
    assert!(is_told(&approve(&desk, number, "B. Beheer").await, "vervallen"));
    assert!(desk.journal.message(sent.public_id.into()).await.is_ok());
    assert!(desk.journal.erasure_requests(false, desk.now()).await.unwrap().is_empty());
    let all = desk.journal.erasure_requests(true, desk.now()).await.unwrap();
    assert_eq!(all[0].stand, "vervallen");

    let number = ask_one(&desk, &sent).await.unwrap().number;
    approve(&desk, number, "B. Beheer").await.unwrap();
    let again = approve(&desk, number, "C. Collega").await;
    assert!(matches!(again, Err(JournalError::Settled)), "{again:?}");
    let refused = desk.journal.refuse_erasure(decision(number, "C. Collega"), desk.now()).await;
    assert!(matches!(refused, Err(JournalError::Settled)), "{refused:?}");
}

async fn what_is_erased_unknown_or_asked_for_is_not_asked(on: On) {
    let desk = desk(on).await;
    let unknown = ask(&desk, ErasureScope::One(Uuid::from_u128(5))).await;
    assert!(matches!(unknown, Err(JournalError::NotFound)), "{unknown:?}");
    let sent = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = ask_one(&desk, &sent).await.unwrap().number;
    let again = ask_one(&desk, &sent).await;
    assert!(matches!(again, Err(JournalError::Order(_))), "{again:?}");
    approve(&desk, number, "B. Beheer").await.unwrap();
    let erased = ask_one(&desk, &sent).await;
    assert!(matches!(erased, Err(JournalError::Erased)), "{erased:?}");
    let nobody = ask(&desk, ErasureScope::Person(Vec::new())).await;
    assert!(matches!(nobody, Err(JournalError::NotFound)), "{nobody:?}");
}

async fn what_must_be_kept_since_it_was_asked_stays(on: On) {
    let desk = desk(on).await;
    let sent = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    keep(&desk, &sent.case_number, true).await;
    let held = ask_one(&desk, &sent).await;
    assert!(matches!(held, Err(JournalError::Order(_))), "{held:?}");
    keep(&desk, &sent.case_number, false).await;
    let number = ask_one(&desk, &sent).await.unwrap().number;
    keep(&desk, &sent.case_number, true).await;
    assert!(is_told(&approve(&desk, number, "B. Beheer").await, "bewaard"));
    assert!(desk.journal.message(sent.public_id.into()).await.is_ok());
    keep(&desk, &sent.case_number, false).await;
    approve(&desk, number, "B. Beheer").await.unwrap();
}

async fn a_refusal_destroys_nothing_and_makes_room_for_another_request(on: On) {
    let desk = desk(on).await;
    let sent = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = ask_one(&desk, &sent).await.unwrap().number;
    desk.journal.refuse_erasure(decision(number, "B. Beheer"), desk.now()).await.unwrap();
    let approved = approve(&desk, number, "B. Beheer").await;
    assert!(matches!(approved, Err(JournalError::Settled)), "{approved:?}");
    assert!(desk.journal.message(sent.public_id.into()).await.is_ok());
    let all = desk.journal.erasure_requests(true, desk.now()).await.unwrap();
    assert_eq!(all[0].stand, "geweigerd");
    assert_eq!(all[0].beslist_reden.as_deref(), Some("nagekeken"));
    assert!(timeline(&desk, &sent.case_number).await.contains(&"wissen-geweigerd".to_owned()));
    assert!(ask_one(&desk, &sent).await.unwrap().number > number);
    sound(&desk).await;
}

/// Who had of it: the corporation and the municipality.
async fn had_by_two(desk: &Desk) -> Accepted {
    let sent = accepted(desk, signal(POLITIE, "k-1", 1)).await;
    desk.collect(WONEN, 50).await;
    desk.collect(GEMEENTE, 50).await;
    sent
}

async fn whom_no_message_reaches_is_left_to_a_coordinator(on: On) {
    let desk = desk(on).await;
    let sent = had_by_two(&desk).await;
    let suspend = PartnerOrder::Suspend {
        partner: partner(WONEN),
        by: "B".to_owned(),
        why: "lek".to_owned(),
    };
    desk.journal.partner_order(suspend, desk.now()).await.unwrap();
    let number = ask_one(&desk, &sent).await.unwrap().number;
    let done = approve(&desk, number, "B. Beheer").await.unwrap();
    let item = &done.gewist[0];
    assert!(item.ontvangers.is_empty());
    assert_eq!(item.untold, [partner(GEMEENTE), partner(WONEN)], "its own systems as well");
    let number = item.kennisgeving.clone().unwrap();
    let dossier = case(&desk, &number).await.dossier;
    assert!(dossier.asks(Question::MeldWissing, None).is_some());
    let lines = desk.journal.timeline(&number).await.unwrap();
    let untold = lines.iter().filter(|line| line.wat == "wissing-niet-gemeld");
    let untold: Vec<_> = untold.filter_map(|line| line.ketenpartner.clone()).collect();
    assert_eq!(untold, item.untold);
    assert!(notices(&desk, WONEN).await.is_empty());
    let filter = TaskFilter { to_decide: true, ..TaskFilter::default() };
    assert!(tasks(&desk, &filter).await.iter().any(|t| t.question == Some(Question::MeldWissing)));
    sound(&desk).await;
}

async fn who_has_another_name_in_the_set_is_left_to_a_coordinator(on: On) {
    let desk = desk(on).await;
    let sent = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    desk.collect(WONEN, 50).await;
    let number = ask_one(&desk, &sent).await.unwrap().number;
    let renamed = files().into_iter().map(|(name, bytes)| match String::from_utf8(bytes) {
        Ok(text) if name.starts_with("config/") => {
            let to = "wonen-noord";
            (name.replace(WONEN, to), text.replace(WONEN, to).into_bytes())
        }
        Ok(text) => (name, text.into_bytes()),
        Err(other) => (name, other.into_bytes()),
    });
    let set = Arc::new(Catalogue::parse(&renamed.collect()).unwrap());
    let by_set = (rules(&set), set);
    let done = desk.journal.approve_erasure(decision(number, "B. Beheer"), by_set, desk.now());
    let done = done.await.unwrap();
    assert_eq!(done.gewist[0].untold, [partner(WONEN)]);
    let number = done.gewist[0].kennisgeving.clone().unwrap();
    let dossier = case(&desk, &number).await.dossier;
    assert!(dossier.asks(Question::MeldWissing, None).is_some());
    sound(&desk).await;
}

async fn a_set_without_the_purpose_leaves_all_to_a_coordinator(on: On) {
    let mut desk = desk(on).await;
    let sent = had_by_two(&desk).await;
    let number = ask_one(&desk, &sent).await.unwrap().number;
    // Rules that give nobody anything.
    let (given, nothing) = (Arc::clone(&desk.rules), super::desk::rules_of(shipped().digest()));
    desk.rules = Arc::new(crate::journal::Rules {
        catalogue: given.catalogue,
        looks_back: true,
        dispatch: Box::new(|_, _, _, _, _| crate::pipeline::Dispatch::default()),
        feedback: Box::new(move |about, case, now, entropy| {
            (nothing.feedback)(about, case, now, entropy)
        }),
        regie: given.regie.clone(),
    });
    let done = approve(&desk, number, "B. Beheer").await.unwrap();
    let item = &done.gewist[0];
    assert!(item.ontvangers.is_empty());
    assert_eq!(item.untold.len(), 2, "{item:?}");
    let dossier = case(&desk, &item.kennisgeving.clone().unwrap()).await.dossier;
    assert!(dossier.asks(Question::MeldWissing, None).is_some());
    assert!(dossier.open_tasks().all(|task| task.partner().is_none()), "nobody is waited for");
    sound(&desk).await;
}

async fn a_person_is_found_in_every_case_and_what_must_be_kept_is_said(on: On) {
    let desk = desk(on).await;
    let first = accepted(&desk, about(POLITIE, "k-1", 1, BSN)).await;
    desk.pass(1);
    let kept = accepted(&desk, about(WONEN, "k-2", 2, BSN)).await;
    let other = accepted(&desk, about(POLITIE, "k-3", 3, "999990019")).await;
    // Long after every window.
    desk.pass(400 * DAY);
    let bsn = Bsn::parse(BSN).unwrap();
    let found = desk.journal.cases_of_person(&bsn).await.unwrap();
    let subjects = desk.journal.erasure_subjects(&found).await.unwrap();
    let numbers: Vec<_> = subjects.iter().map(|subject| subject.casus.clone()).collect();
    assert_eq!(numbers, [first.case_number.clone(), kept.case_number.clone()]);
    keep(&desk, &kept.case_number, true).await;
    let asked = ask(&desk, ErasureScope::Person(found)).await.unwrap();
    assert_eq!((asked.cases.len(), &asked.kept), (1, &vec![kept.case_number.clone()]));
    let done = approve(&desk, asked.number, "B. Beheer").await.unwrap();
    assert_eq!(done.gewist.len(), 1);
    for (message, erased) in [(&first, true), (&kept, false), (&other, false)] {
        assert_eq!(is_gone(&desk, message).await, erased, "{}", message.case_number);
    }
    let left = desk.journal.cases_of_person(&bsn).await.unwrap();
    assert_eq!(left.len(), 1, "only what is there");
    assert!(!desk.place.contains(BSN), "no BSN lies anywhere in the clear");
    let all = ask(&desk, ErasureScope::Person(left)).await;
    assert!(matches!(all, Err(JournalError::Order(_))), "all that is left must be kept: {all:?}");
    sound(&desk).await;
}

async fn an_erasure_that_was_cut_off_is_finished_and_told_once(on: On) {
    let desk = desk(on).await;
    let sent = had_by_two(&desk).await;
    let number = ask_one(&desk, &sent).await.unwrap().number;
    // The list beside the journal cannot be written: the intent and the notice stand, the key is
    // still there. A folder in its place is a file that cannot be written, also for root.
    let list = desk.place.folder().join("getuige/wissingen");
    std::fs::create_dir_all(&list).unwrap();
    let told = approve(&desk, number, "B. Beheer").await;
    assert!(matches!(told, Err(JournalError::Witness(_))), "{told:?}");
    std::fs::remove_dir(&list).unwrap();
    let rules = Arc::clone(&desk.rules);
    let mut desk = desk.reopen().await;
    desk.rules = rules;
    assert!(is_gone(&desk, &sent).await);
    let again = approve(&desk, number, "B. Beheer").await;
    assert!(matches!(again, Err(JournalError::Settled)), "{again:?}");
    assert_eq!(notices(&desk, WONEN).await.len(), 1, "once");
    assert!(notices(&desk, WONEN).await.is_empty());
    let line = &desk.journal.erasure_requests(true, desk.now()).await.unwrap()[0];
    assert_eq!(line.onderdelen[0].uitkomst.as_deref(), Some("gewist"));
    assert!(line.onderdelen[0].kennisgeving.is_some());
    // The same without a new start: the hub looks at what was begun.
    let more = accepted(&desk, signal(POLITIE, "k-9", 9)).await;
    let number = ask_one(&desk, &more).await.unwrap().number;
    std::fs::rename(&list, desk.place.folder().join("elders")).unwrap();
    std::fs::create_dir_all(&list).unwrap();
    assert!(approve(&desk, number, "B. Beheer").await.is_err());
    std::fs::remove_dir(&list).unwrap();
    std::fs::rename(desk.place.folder().join("elders"), &list).unwrap();
    desk.journal.finish_erasures(desk.now()).await.unwrap();
    assert!(is_gone(&desk, &more).await);
    sound(&desk).await;
}

async fn a_notice_is_told_about_to_nobody(on: On) {
    let desk = desk(on).await;
    let sent = had_by_two(&desk).await;
    let number = ask_one(&desk, &sent).await.unwrap().number;
    let done = approve(&desk, number, "B. Beheer").await.unwrap();
    let parcel = desk.collect(WONEN, 50).await.remove(0);
    assert!(String::from_utf8(parcel.bytes).unwrap().contains("teWissen"));
    let number = ask(&desk, ErasureScope::One(parcel.id.into())).await.unwrap();
    assert_eq!(number.cases, [done.gewist[0].kennisgeving.clone().unwrap()]);
    let done = approve(&desk, number.number, "B. Beheer").await.unwrap();
    assert_eq!(done.gewist[0].kennisgeving, None);
}

async fn a_refused_document_takes_two_people_too_and_is_told_to_nobody(on: On) {
    let desk = Desk::new(on).await;
    let mut draft = super::desk::signal("b-1", "k-1", &[]);
    draft.refusal = Some(crate::message::Refusal::new(crate::message::Fault::Onleesbaar, vec![]));
    let refused = desk.refused(&draft).await;
    let asked = ask(&desk, ErasureScope::One(refused.quarantine.0)).await.unwrap();
    assert!(asked.cases.is_empty());
    assert_eq!(desk.journal.unsearched().await.unwrap(), 1);
    let done = approve(&desk, asked.number, "B. Beheer").await.unwrap();
    assert_eq!((done.gewist.len(), done.gewist[0].kennisgeving.is_none()), (1, true));
    let opened = desk.journal.quarantined(refused.quarantine).await;
    assert!(matches!(opened, Err(JournalError::Erased)));
    assert_eq!(desk.journal.unsearched().await.unwrap(), 0);
}

async fn a_case_takes_along_what_was_merged_into_it(on: On) {
    let desk = desk(on).await;
    let first = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let second = accepted(&desk, signal(WONEN, "k-2", 2)).await;
    let merge = CaseAct::Merge { into: first.case_number.clone() };
    order(&desk, &second.case_number, merge).await.unwrap();
    // What the living case must keep, what was merged into it must too.
    keep(&desk, &first.case_number, true).await;
    let held = ask_one(&desk, &second).await;
    assert!(matches!(held, Err(JournalError::Order(_))), "{held:?}");
    keep(&desk, &first.case_number, false).await;
    let asked = ask_one(&desk, &first).await.unwrap();
    assert_eq!(asked.cases.len(), 2);
    approve(&desk, asked.number, "B. Beheer").await.unwrap();
    assert!(is_gone(&desk, &second).await);
    sound(&desk).await;
}

/// A signal that no theme makes a case of.
fn loose(reference: &str) -> CanonicalMessage {
    let mut message = signal(POLITIE, reference, 1);
    message.theme = None;
    message
}

async fn due(desk: &Desk, at: Timestamp) -> Vec<Timestamp> {
    let due = desk.journal.loose_cases(at).await.unwrap();
    due.into_iter().filter(|case| !case.directed).map(|case| case.last_at).collect()
}

async fn a_signal_by_itself_goes_after_its_last_message_unless_it_must_stay(on: On) {
    let desk = desk(on).await;
    let sent = accepted(&desk, loose("k-1")).await;
    accepted(&desk, signal(POLITIE, "k-2", 2)).await;
    let first_at = desk.now();
    let until = crate::casework::loose_retention(&shipped(), None, first_at).unwrap();
    assert!(due(&desk, until.plus_seconds(-1)).await.is_empty(), "what is directed is not here");
    assert_eq!(due(&desk, until).await, [first_at]);
    // More came about it: it is looked at, and goes later.
    desk.pass(10 * DAY);
    let mut more = loose("k-1");
    more.external_id = crate::message::ExternalId::new("later".to_owned());
    assert_eq!(accepted(&desk, more).await.case_number, sent.case_number);
    let found = desk.journal.loose_cases(until).await.unwrap();
    assert_eq!(found[0].last_at, desk.now());
    let goes = || ErasureOrder { id: found[0].id.into(), by: "schakel".into(), why: "x".into() };
    let early = desk.journal.erase_unless_later(goes(), Some(first_at), until).await;
    assert!(matches!(early, Err(JournalError::Settled)), "{early:?}");
    let later = crate::casework::loose_retention(&shipped(), None, found[0].last_at).unwrap();
    desk.journal.keep_loose(vec![(found[0].id, Some(later))]).await.unwrap();
    assert!(due(&desk, later.plus_seconds(-1)).await.is_empty());

    keep(&desk, &sent.case_number, true).await;
    assert!(due(&desk, later).await.is_empty(), "it must stay");
    let held = desk.journal.erase_unless_later(goes(), None, later).await;
    assert!(matches!(held, Err(JournalError::Order(_))), "{held:?}");
    keep(&desk, &sent.case_number, false).await;
    assert_eq!(due(&desk, desk.now()).await.len(), 1, "it is looked at again at once");
    let last = Some(found[0].last_at);
    desk.journal.erase_unless_later(goes(), last, later).await.unwrap();
    assert!(due(&desk, later).await.is_empty());
    assert!(is_gone(&desk, &sent).await);
    let lines = timeline(&desk, &sent.case_number).await;
    assert_eq!(lines, ["besluit-bewaren", "besluit-niet-meer-bewaren"]);
    sound(&desk).await;
    let plan = desk.place.plan(
        "select c.id from cases c left join dossier d on d.case_id = c.id
            where c.erase_at <= 5 order by c.erase_at limit 100",
    );
    assert!(plan.await.contains("cases_erase"), "an index");
}

/// Makes a journal of one that knew no requests, nor what came later.
pub const BEFORE_REQUESTS: &str = "delete from migration where number > 12;
    drop table saved_filter; drop table field_reveal; drop table case_person;
    drop table login_failure;
    drop table session; drop table account_change; drop table account;
    drop table person; drop table erasure_item; drop table erasure_request;
    drop index cases_erase;
    alter table activation drop column refused_by; drop table test_message;
    alter table activation drop column refused_why;
    alter table cases drop column erase_at; alter table cases drop column legal_hold";

#[tokio::test]
async fn a_journal_of_before_requests_knows_persons_by_their_window_and_looks_at_loose_signals() {
    let desk = desk(On::Sqlite).await;
    let mut concerned = about(POLITIE, "k-1", 1, BSN);
    concerned.theme = Some("verward-gedrag".to_owned());
    concerned.data["betrokkenen"][0]["rol"] = json!("betrokkene");
    let sent = accepted(&desk, concerned).await;
    accepted(&desk, loose("k-2")).await;
    let place = desk.close().await;
    place.connect().await.script(BEFORE_REQUESTS).await.unwrap();
    let desk = Desk::at(place).await;
    let found = desk.journal.cases_of_person(&Bsn::parse(BSN).unwrap()).await.unwrap();
    let found = desk.journal.erasure_subjects(&found).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].casus, sent.case_number);
    assert_eq!(due(&desk, desk.now()).await.len(), 1, "only what stands by itself");
}

#[tokio::test]
async fn two_hubs_agree_to_a_request_once() {
    let one = desk(On::Postgres).await;
    let mut other = one.beside().await;
    other.rules = Arc::clone(&one.rules);
    let sent = had_by_two(&one).await;
    let number = ask_one(&one, &sent).await.unwrap().number;
    let (first, second) =
        tokio::join!(approve(&one, number, "B. Beheer"), approve(&other, number, "C. Collega"));
    let fine = [&first, &second].iter().filter(|told| told.is_ok()).count();
    assert_eq!(fine, 1, "{first:?} {second:?}");
    assert_eq!(notices(&other, WONEN).await.len(), 1);
    assert_eq!(one.place.psql("select count(*) from erasure_item where notice is not null"), "1");
    sound(&one).await;
}
