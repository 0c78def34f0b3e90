//! A partner is renamed, or merges into another: its cases, tasks and parcels go on under the name
//! of now, and what was recorded keeps the name of then.

use std::sync::{Arc, OnceLock};

use super::{
    POLITIE, WONEN, accepted, answer, case, clock, files, refused, requests, rules, shipped,
    signal, tasks, timeline,
};
use crate::casework::{Phase, TaskState};
use crate::catalogue::Catalogue;
use crate::journal::tests::desk::{Desk, partner};
use crate::journal::tests::place::On;
use crate::journal::{ConfirmOrder, JournalError, PartnerOrder, TaskFilter, TaskLine};
use crate::message::{CanonicalMessage, Effect, Fault, MessageKind, PartnerId, Stage, TaskWord};

on_both_stores! {
    its_open_tasks_are_answered_and_followed_up_under_the_name_of_now,
    what_waited_and_what_is_said_of_it_are_its_own_still,
    what_it_says_about_its_earlier_signals_finds_them,
    who_merged_may_have_counted_alike,
    a_new_name_opens_no_door_that_was_closed,
}

const SAMEN: &str = "wonen-samen";

/// The shipped set, in which Wonen-Zuid merged into another corporation.
fn merged() -> Arc<Catalogue> {
    static MERGED: OnceLock<Arc<Catalogue>> = OnceLock::new();
    let make = || {
        let mut files = files();
        let old = files.remove("config/partners/wonen-zuid.toml").unwrap();
        let old = String::from_utf8(old).unwrap();
        let former = "voorheen = [{ ketenpartner = \"wonen-zuid\", tot = \"2026-12-31\" }]\n";
        let new = old.replace("[contact]", &format!("{former}[contact]"));
        files.insert("config/partners/wonen-samen.toml".to_owned(), new.into_bytes());
        let routes = String::from_utf8(files["config/routes.toml"].clone()).unwrap();
        let routes = routes.replace("\"wonen-zuid\"", "\"wonen-samen\"");
        files.insert("config/routes.toml".to_owned(), routes.into_bytes());
        Arc::new(Catalogue::parse(&files).unwrap_or_else(|problems| panic!("{problems:?}")))
    };
    Arc::clone(MERGED.get_or_init(make))
}

async fn merge(desk: &mut Desk) {
    desk.rules = rules(&merged());
    desk.journal.call_partners(Arc::clone(&merged().succession));
}

fn by(sender: &str, message: CanonicalMessage) -> CanonicalMessage {
    CanonicalMessage { sender: partner(sender), ..message }
}

async fn tasks_of(desk: &Desk, name: &str) -> Vec<TaskLine> {
    let filter = TaskFilter { partner: Some(partner(name)), ..TaskFilter::default() };
    tasks(desk, &filter).await
}

fn about(sender: &str, id: &str, reference: &str, effect: Effect) -> CanonicalMessage {
    let withdraws = effect == Effect::Intrekking;
    let kind = if withdraws { "signaal-ingetrokken.v1" } else { "signaal-aangevuld.v1" };
    let signal = signal(WONEN, reference, 1);
    let external_id = crate::message::ExternalId::new(id.to_owned());
    let kind = MessageKind::parse(kind).unwrap();
    CanonicalMessage { sender: partner(sender), kind, effect, external_id, ..signal }
}

async fn its_open_tasks_are_answered_and_followed_up_under_the_name_of_now(on: On) {
    let mut desk = super::desk(on).await;
    let first = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let second = accepted(&desk, signal(POLITIE, "k-2", 2)).await;
    assert_eq!(requests(&desk, WONEN).await.len(), 2);
    merge(&mut desk).await;
    let open = tasks_of(&desk, SAMEN).await;
    assert_eq!(open.len(), 2, "both are asked of who goes on");
    assert!(open.iter().all(|task| task.ketenpartner == Some(partner(SAMEN))), "{open:?}");
    let view = case(&desk, &first.case_number).await;
    assert!(
        view.participants.contains(&partner(SAMEN)) && !view.participants.contains(&partner(WONEN))
    );

    let of = |number| open.iter().find(|task| task.casus == number).unwrap().id;
    let said = answer(WONEN, "a-1", of(first.case_number.clone()), TaskWord::Afgerond, "opgelost");
    accepted(&desk, by(SAMEN, said.clone())).await;
    let dossier = case(&desk, &first.case_number).await.dossier;
    assert_eq!(dossier.task(of(first.case_number.clone())).unwrap().state, TaskState::Afgerond);
    // A third partner answers no task of either name.
    let stranger =
        answer(super::GGZ, "a-2", of(second.case_number.clone()), TaskWord::Aanvaard, "");
    assert_eq!(refused(&desk, stranger).await.refusal.fault, Fault::OnbekendVerzoek);

    // Silence on the other: its reminder goes to the mailbox of now.
    assert!(clock(&desk, "2026-11-26T12:00:00Z").await >= 1);
    desk.pass(3_600);
    let asked = requests(&desk, SAMEN).await;
    let reminders = asked.iter().filter(|request| request.contains("Herinnerd")).count();
    assert_eq!(
        (asked.len(), reminders),
        (2, 1),
        "the next step of the one, the reminder of the other"
    );
    assert!(timeline(&desk, &second.case_number).await.contains(&"stil".to_owned()));
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert_eq!(report.wrong, 0, "{:?}", report.findings);
}

async fn what_waited_and_what_is_said_of_it_are_its_own_still(on: On) {
    let mut desk = super::desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let parcels = desk.collect(WONEN, 50).await;
    merge(&mut desk).await;
    let confirm = |who: PartnerId, parcel| {
        let order = ConfirmOrder {
            partner: who,
            parcel,
            stage: Stage::Ontvangen,
            reason: None,
            at: desk.now(),
            seed: desk.seed(),
        };
        desk.journal.confirm(order, Arc::clone(&desk.rules))
    };
    let other = confirm(partner(super::GGZ), parcels[0].id).await;
    assert!(matches!(other, Err(JournalError::NotFound)));
    for parcel in &parcels {
        assert_eq!(confirm(partner(SAMEN), parcel.id).await.unwrap(), Stage::Ontvangen);
    }
    let shown = desk.journal.case_for(&partner(SAMEN), &opened.case_number).await.unwrap().unwrap();
    let role = shown.roles[&partner(SAMEN)].as_ref().unwrap();
    assert_eq!(role.rol, "uitvoeren");
    // A withdrawal reaches it, and is followed up until it has it.
    accepted(&desk, super::withdrawal("i-1", "k-1")).await;
    let recalls = case(&desk, &opened.case_number).await.dossier.recalls;
    assert!(recalls.iter().any(|recall| recall.recipient == partner(SAMEN)), "{recalls:?}");
    let got = desk.collect(SAMEN, 50).await;
    let withdrawal = got.iter().find(|parcel| parcel.kind == "signaal-ingetrokken.v1").unwrap();
    assert_eq!(confirm(partner(SAMEN), withdrawal.id).await.unwrap(), Stage::Ontvangen);
    clock(&desk, "2026-11-26T12:00:00Z").await;
    let lines = desk.journal.timeline(&opened.case_number).await.unwrap();
    let silent: Vec<_> = lines.iter().filter(|line| line.wat == "terugroep-onbevestigd").collect();
    assert_eq!(silent.len(), 1, "the municipality, which did not collect: {lines:?}");
    assert_eq!(silent[0].bijzonderheid.as_deref(), Some("gemeente-eindhoven"));
}

async fn what_it_says_about_its_earlier_signals_finds_them(on: On) {
    let mut desk = super::desk(on).await;
    let opened = accepted(&desk, signal(WONEN, "w-1", 1)).await;
    merge(&mut desk).await;
    let repeated = accepted(&desk, by(SAMEN, signal(WONEN, "w-1", 1))).await;
    assert!(repeated.repeat, "it did not hear that it had arrived");
    assert_eq!(repeated.public_id, opened.public_id);
    let added = accepted(&desk, about(SAMEN, "w-1-meer", "w-1", Effect::Aanvulling)).await;
    assert_eq!(added.case_number, opened.case_number);
    let withdrawn = accepted(&desk, about(SAMEN, "w-1-weg", "w-1", Effect::Intrekking)).await;
    assert_eq!(withdrawn.case_number, opened.case_number);
    let lines = timeline(&desk, &opened.case_number).await;
    assert!(lines.contains(&"signaal-ingetrokken".to_owned()), "{lines:?}");
}

async fn who_merged_may_have_counted_alike(on: On) {
    let mut desk = super::desk(on).await;
    let earlier = accepted(&desk, signal(WONEN, "w-1", 1)).await;
    merge(&mut desk).await;
    // Its own first signal, at another house, that happens to have the same number.
    let message = by(SAMEN, signal(WONEN, "w-1", 2));
    let submission = crate::journal::Submission {
        bytes: b"other bytes".to_vec(),
        ..super::submission(&desk, message)
    };
    match desk.journal.receive(submission).await.unwrap() {
        crate::journal::Received::Accepted(own) => {
            assert!(!own.repeat);
            assert_ne!(own.case_number, earlier.case_number);
        }
        crate::journal::Received::Refused(refused) => panic!("{:?}", refused.refusal),
    }
}

async fn a_new_name_opens_no_door_that_was_closed(on: On) {
    let mut desk = super::desk(on).await;
    let (by, why) = ("B. Beheerder".to_owned(), "lek".to_owned());
    let order = PartnerOrder::Suspend { partner: partner(WONEN), by: by.clone(), why };
    desk.journal.partner_order(order, desk.now()).await.unwrap();
    merge(&mut desk).await;
    accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    assert!(desk.collect(SAMEN, 50).await.is_empty(), "nothing goes to it");
    let order = PartnerOrder::Resume { partner: partner(WONEN), by };
    desk.journal.partner_order(order, desk.now()).await.unwrap();
    let opened = accepted(&desk, signal(POLITIE, "k-2", 2)).await;
    assert!(!desk.collect(SAMEN, 50).await.is_empty());
    assert_ne!(case(&desk, &opened.case_number).await.dossier.phase, Phase::Gesloten);
    assert!(!shipped().succession.same(&partner(WONEN), &partner(SAMEN)), "without that set");
}
