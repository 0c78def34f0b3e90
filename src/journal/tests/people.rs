//! People of the console: who is let in, who must wait, who works on a case, and who saw what.

use super::desk::{Desk, signal};
use super::place::On;
use crate::evidence::{Leaf, LeafKind};
use crate::journal::{
    AccountOrder, FILTER_QUERY_MAX, FILTERS_MAX, FieldRevealOrder, JournalError, MessageFilter,
    SavedFilter, THROTTLE_ADDRESS_AFTER, THROTTLE_AFTER,
};
use crate::message::{AccountId, CaseNumber, Digest, Login, StaffRole, Themes};

on_both_stores! {
    an_account_is_added_once_and_every_change_says_who_and_why,
    a_session_lasts_until_it_or_its_account_ends,
    failures_are_counted_under_name_and_address_and_forgotten,
    who_works_on_a_case_is_in_its_timeline_once,
    a_filter_is_of_one_person_bounded_and_gone_with_the_account,
    a_field_that_was_seen_is_a_leaf_and_a_line,
    messages_are_found_by_case_partner_and_kind_page_by_page,
}

fn login(name: &str) -> Login {
    name.parse().unwrap()
}

fn add(name: &str) -> AccountOrder {
    AccountOrder::Add {
        login: login(name),
        name: format!("Naam {name}"),
        roles: vec![StaffRole::Auditor, StaffRole::Regisseur],
        themes: Themes::parse("jeugd,brand"),
        password: Some("$argon2id$…".to_owned()),
        by: "anna".to_owned(),
        why: "nieuwe collega".to_owned(),
    }
}

async fn order(desk: &Desk, order: AccountOrder) -> Result<Option<AccountId>, JournalError> {
    desk.journal.order_account(order, desk.now()).await.map(|done| done.added)
}

async fn added(desk: &Desk, name: &str) -> AccountId {
    order(desk, add(name)).await.unwrap().expect("an account")
}

fn secret(number: u8) -> Digest {
    Digest([number; 32])
}

fn begin(account: AccountId, number: u8, replaces: Option<u8>) -> AccountOrder {
    AccountOrder::Begin {
        account,
        session: secret(number),
        replaces: replaces.map(secret),
        forget: Vec::new(),
    }
}

async fn is_in(desk: &Desk, number: u8) -> bool {
    desk.journal.session(secret(number)).await.unwrap().is_some()
}

async fn an_account_is_added_once_and_every_change_says_who_and_why(on: On) {
    let desk = Desk::new(on).await;
    let bert = added(&desk, "bert").await;
    let again = order(&desk, add("bert")).await;
    assert!(matches!(again, Err(JournalError::Order(_))));
    let (by, why) = ("carla".to_owned(), "andere functie".to_owned());
    let grant = AccountOrder::Grant {
        account: bert,
        roles: vec![StaffRole::Beheerder],
        themes: Themes::All,
        by: by.clone(),
        why: why.clone(),
    };
    order(&desk, grant).await.unwrap();
    let close = AccountOrder::Close { account: bert, by: by.clone(), why: why.clone() };
    order(&desk, close.clone()).await.unwrap();
    assert!(matches!(order(&desk, close).await, Err(JournalError::Settled)));
    let unknown = AccountOrder::Close { account: uuid::Uuid::from_u128(9).into(), by, why };
    assert!(matches!(order(&desk, unknown).await, Err(JournalError::NotFound)));

    let desk = desk.reopen().await;
    let (account, hash) = desk.journal.account(&login("bert")).await.unwrap().unwrap();
    assert_eq!(account.roles, [StaffRole::Beheerder]);
    assert!(account.themes == Themes::All && account.closed_at.is_some() && account.must_change);
    assert_eq!(hash.as_deref(), Some("$argon2id$…"));
    let changes = desk.journal.account_changes().await.unwrap();
    let codes: Vec<&str> = changes.iter().map(|change| change.code.as_str()).collect();
    assert_eq!(codes, ["gesloten", "rechten", "toegevoegd"]);
    assert_eq!((changes[2].by.as_str(), changes[2].why.as_str()), ("anna", "nieuwe collega"));
    desk.journal.sequence(desk.now()).await.unwrap();
    let proofs = desk.journal.proofs(bert.into(), false).await.unwrap();
    let leaves: Vec<_> = proofs.iter().map(|p| Leaf::decode(&p.blad).unwrap()).collect();
    assert_eq!(leaves.len(), 3);
    assert!(leaves.iter().all(|leaf| leaf.kind == LeafKind::Toegang && leaf.partner.is_none()));
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn a_session_lasts_until_it_or_its_account_ends(on: On) {
    let desk = Desk::new(on).await;
    let (bert, carla) = (added(&desk, "bert").await, added(&desk, "carla").await);
    order(&desk, begin(bert, 1, None)).await.unwrap();
    order(&desk, begin(bert, 2, Some(1))).await.unwrap();
    order(&desk, begin(bert, 3, None)).await.unwrap();
    order(&desk, begin(carla, 4, None)).await.unwrap();
    assert!(!is_in(&desk, 1).await && is_in(&desk, 2).await && is_in(&desk, 3).await);
    order(&desk, AccountOrder::End { session: secret(2) }).await.unwrap();
    assert!(!is_in(&desk, 2).await && is_in(&desk, 3).await);
    desk.pass(90);
    order(&desk, AccountOrder::Seen { session: secret(3) }).await.unwrap();
    let session = desk.journal.session(secret(3)).await.unwrap().unwrap();
    assert_eq!(session.seen_at.seconds_since(session.born_at), 90);
    let desk = desk.reopen().await;
    assert!(is_in(&desk, 3).await, "a restart logs nobody out");
    let password = AccountOrder::Password {
        account: bert,
        password: "$argon2id$2".to_owned(),
        must_change: false,
        by: "bert".to_owned(),
        why: "eigen".to_owned(),
    };
    order(&desk, password).await.unwrap();
    assert!(!is_in(&desk, 3).await && is_in(&desk, 4).await, "only of that account");
    let (by, why) = ("anna".to_owned(), "uit dienst".to_owned());
    order(&desk, AccountOrder::Close { account: carla, by, why }).await.unwrap();
    assert!(!is_in(&desk, 4).await);
    let closed = order(&desk, begin(carla, 5, None)).await;
    assert!(matches!(closed, Err(JournalError::NotFound)), "who is closed begins nothing");
}

async fn failures_are_counted_under_name_and_address_and_forgotten(on: On) {
    let desk = Desk::new(on).await;
    let bert = added(&desk, "bert").await;
    let name = desk.journal.login_key("bert");
    let address = desk.journal.address_key([192, 0, 2, 1].into());
    let keys = vec![name.clone(), address.clone()];
    let waits = async |key: &crate::journal::LoginKey| {
        desk.journal.login_wait(std::slice::from_ref(key), desk.now()).await.unwrap()
    };
    for _ in 1..THROTTLE_AFTER {
        order(&desk, AccountOrder::Failed { keys: keys.clone() }).await.unwrap();
    }
    assert_eq!(waits(&name).await, None);
    order(&desk, AccountOrder::Failed { keys: keys.clone() }).await.unwrap();
    let until = waits(&name).await.expect("a wait");
    assert_eq!(until.seconds_since(desk.now()), 15);
    assert_eq!(waits(&address).await, None, "a town hall may sit behind it");
    assert_eq!(waits(&desk.journal.login_key("carla")).await, None);
    desk.pass(16);
    assert_eq!(waits(&name).await, None, "the wait is over");
    order(&desk, AccountOrder::Failed { keys: vec![name.clone()] }).await.unwrap();
    assert!(waits(&name).await.is_some(), "the next failure waits at once");
    let entered = AccountOrder::Begin {
        account: bert,
        session: secret(1),
        replaces: None,
        forget: vec![name.clone()],
    };
    order(&desk, entered).await.unwrap();
    assert_eq!(waits(&name).await, None, "who got in is forgiven");
    for _ in THROTTLE_AFTER..THROTTLE_ADDRESS_AFTER {
        order(&desk, AccountOrder::Failed { keys: vec![address.clone()] }).await.unwrap();
    }
    assert!(waits(&address).await.is_some(), "but not for ever");
    desk.pass(3601);
    order(&desk, AccountOrder::Failed { keys: vec![address.clone()] }).await.unwrap();
    assert_eq!(waits(&address).await, None, "an hour later it begins anew");
}

async fn who_works_on_a_case_is_in_its_timeline_once(on: On) {
    let desk = Desk::new(on).await;
    let bert = added(&desk, "bert").await;
    let accepted = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let trace = desk.journal.trace(accepted.public_id.into(), desk.now()).await.unwrap();
    let number = CaseNumber::from_stored(trace.message.case_number.clone());
    let assign = |works| AccountOrder::Assign { case: number.clone(), account: bert, works };
    for _ in 0..2 {
        order(&desk, assign(true)).await.unwrap();
    }
    let people = desk.journal.case_people(&number).await.unwrap();
    assert_eq!(people.iter().map(|p| p.id).collect::<Vec<_>>(), [bert]);
    assert_eq!(desk.journal.cases_of(bert).await.unwrap(), std::slice::from_ref(&number));
    order(&desk, assign(false)).await.unwrap();
    order(&desk, assign(false)).await.unwrap();
    assert!(desk.journal.case_people(&number).await.unwrap().is_empty());
    let lines = desk.journal.timeline(&number).await.unwrap();
    let lines: Vec<_> = lines.iter().filter(|line| line.wat.starts_with("werkt")).collect();
    let codes: Vec<&str> = lines.iter().map(|line| line.wat.as_str()).collect();
    assert_eq!(codes, ["werkt-eraan", "werkt-er-niet-meer-aan"]);
    assert_eq!(lines[0].door.as_deref(), Some("Naam bert"));
    let nowhere = CaseNumber::from_stored("C-0000-0000-0000".to_owned());
    let unknown = AccountOrder::Assign { case: nowhere, account: bert, works: true };
    assert!(matches!(order(&desk, unknown).await, Err(JournalError::NotFound)));
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn a_field_that_was_seen_is_a_leaf_and_a_line(on: On) {
    let desk = Desk::new(on).await;
    let bert = added(&desk, "bert").await;
    let accepted = desk.accepted(&signal("b-1", "k-1", &["woonbedrijf"])).await;
    let id: uuid::Uuid = accepted.public_id.into();
    let reveal = |of, why: &str| FieldRevealOrder {
        of,
        field: "/signaal/onderwerp".to_owned(),
        account: bert,
        by: "Naam bert (bert)".to_owned(),
        why: why.to_owned(),
    };
    desk.journal.reveal_field(reveal(id, "huisbezoek"), desk.now()).await.unwrap();
    desk.journal.reveal_field(reveal(id, "nog eens"), desk.now()).await.unwrap();
    let unknown = desk.journal.reveal_field(reveal(uuid::Uuid::from_u128(3), "?"), desk.now());
    assert!(matches!(unknown.await, Err(JournalError::NotFound)));
    let desk = desk.reopen().await;
    let seen = desk.journal.field_reveals(Some(id)).await.unwrap();
    let seen: Vec<_> = seen.iter().map(|seen| (seen.field.as_str(), seen.why.as_str())).collect();
    assert_eq!(seen, [("/signaal/onderwerp", "nog eens"), ("/signaal/onderwerp", "huisbezoek")]);
    assert_eq!(desk.journal.field_reveals(None).await.unwrap().len(), 2);
    let most = desk.journal.most_revealed(desk.now().plus_seconds(-60)).await.unwrap();
    assert_eq!(most, Some(("Naam bert (bert)".to_owned(), 2)));
    desk.journal.sequence(desk.now()).await.unwrap();
    let proofs = desk.journal.proofs(id, false).await.unwrap();
    let leaves = proofs.iter().map(|proof| Leaf::decode(&proof.blad).unwrap());
    assert_eq!(leaves.filter(|leaf| leaf.kind == LeafKind::Inzage).count(), 2);
    assert!(desk.journal.verify(|_| {}).await.unwrap().is_sound());
}

async fn messages_are_found_by_case_partner_and_kind_page_by_page(on: On) {
    let desk = Desk::new(on).await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let (id, reference) = (format!("b-{number}"), format!("k-{number}"));
        ids.push(desk.accepted(&signal(&id, &reference, &["woonbedrijf"])).await.public_id);
    }
    let find = async |filter: MessageFilter| desk.journal.find_messages(&filter).await.unwrap();
    let numbers = |found: &crate::journal::FoundMessages| -> Vec<_> {
        found.lines.iter().map(|line| line.message.public_id).collect()
    };
    let newest_first: Vec<_> = ids.iter().rev().copied().collect();
    let mut before = None;
    let mut walked = Vec::new();
    loop {
        let page = find(MessageFilter { before, limit: 3, ..MessageFilter::default() }).await;
        assert!(page.lines.len() <= 3);
        walked.extend(numbers(&page));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(walked, newest_first);
    let some = MessageFilter { limit: 100, ..MessageFilter::default() };
    let line = &find(some.clone()).await.lines[0];
    let case = CaseNumber::from_stored(line.message.case_number.clone());
    let of_case = find(MessageFilter { case: Some(case), ..some.clone() }).await;
    assert_eq!(numbers(&of_case), [ids[6]]);
    let recipient = Some("woonbedrijf".parse().unwrap());
    let got = find(MessageFilter { recipient: recipient.clone(), ..some.clone() }).await;
    assert_eq!(numbers(&got), newest_first);
    let involving = find(MessageFilter { involving: recipient, ..some.clone() }).await;
    assert_eq!(numbers(&involving), newest_first);
    let nobody = Some("niemand".parse().unwrap());
    for filter in [
        MessageFilter { sender: nobody.clone(), ..some.clone() },
        MessageFilter { recipient: nobody.clone(), ..some.clone() },
        MessageFilter { involving: nobody, ..some.clone() },
        MessageFilter { kind: Some("anders.v1".to_owned()), ..some.clone() },
        MessageFilter { themes: vec!["-".to_owned()], ..some.clone() },
    ] {
        assert!(find(filter).await.lines.is_empty());
    }
    let flows = desk.journal.flows().await.unwrap();
    let of = |sent: bool| flows.iter().filter(|f| f.sent == sent).map(|f| f.count).sum::<i64>();
    assert_eq!((of(true), of(false)), (7, 7));
}

fn keep(account: AccountId, name: &str, query: &str) -> AccountOrder {
    let filter = SavedFilter { name: name.to_owned(), query: query.to_owned() };
    AccountOrder::KeepFilter { account, page: "taken", filter }
}

async fn a_filter_is_of_one_person_bounded_and_gone_with_the_account(on: On) {
    let desk = Desk::new(on).await;
    let (anna, bram) = (added(&desk, "anna").await, added(&desk, "bram").await);
    let of = async |account, page| {
        let found = desk.journal.filters(account, page).await.unwrap();
        found.into_iter().map(|filter| (filter.name, filter.query)).collect::<Vec<_>>()
    };
    let pair = |name: &str, query: &str| (name.to_owned(), query.to_owned());
    order(&desk, keep(anna, "te laat", "welke=te-laat")).await.unwrap();
    order(&desk, keep(anna, "te laat", "welke=alles")).await.unwrap();
    assert_eq!(of(anna, "taken").await, [pair("te laat", "welke=alles")], "the last one counts");
    assert!(of(anna, "casussen").await.is_empty() && of(bram, "taken").await.is_empty());

    for number in 1..FILTERS_MAX {
        order(&desk, keep(anna, &format!("filter {number:02}"), "")).await.unwrap();
    }
    let full = order(&desk, keep(anna, "nog een", "")).await;
    assert!(matches!(full, Err(JournalError::Order(why)) if why.contains("20 filters")));
    order(&desk, keep(anna, "te laat", "welke=te-laat")).await.expect("one that is there");
    order(&desk, keep(bram, "van bram", "")).await.expect("somebody else");
    let long = "x".repeat(FILTER_QUERY_MAX + 1);
    for (name, query) in [("", ""), ("a\nb", ""), (&*"n".repeat(41), ""), ("lang", &*long)] {
        let refused = order(&desk, keep(bram, name, query)).await;
        assert!(matches!(refused, Err(JournalError::Order(_))), "{name}");
    }

    let forget = |account, name: &str| AccountOrder::DropFilter {
        account,
        page: "taken",
        name: name.to_owned(),
    };
    order(&desk, forget(bram, "te laat")).await.expect("not there is gone already");
    assert!(of(anna, "taken").await.contains(&pair("te laat", "welke=te-laat")));
    order(&desk, forget(anna, "te laat")).await.unwrap();
    assert_eq!(of(anna, "taken").await.len(), 19);
    let (by, why) = ("b".to_owned(), "uit dienst".to_owned());
    order(&desk, AccountOrder::Close { account: anna, by, why }).await.unwrap();
    assert!(of(anna, "taken").await.is_empty() && of(bram, "taken").await.len() == 1);
    let closed = order(&desk, keep(anna, "x", "")).await;
    assert!(matches!(closed, Err(JournalError::NotFound)));
    desk.close().await;
}
