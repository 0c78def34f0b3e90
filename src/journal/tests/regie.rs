//! Cases that ask, are answered, and are followed up, under the shipped set.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::desk::{Desk, partner};
use super::place::On;
use crate::casework::{Order, OrderFault, Phase, Question, Task, TaskState};
use crate::catalogue::Catalogue;
use crate::catalogue::problem::Files;
use crate::journal::{
    Accepted, CaseAct, CaseFilter, CaseOrder, CaseView, JournalError, Received, Refused, Rules,
    Submission, TaskFilter, TaskLine,
};
use crate::message::{
    CanonicalMessage, CaseNumber, Effect, ExternalId, Fault, MessageKind, Reference, TaskAnswer,
    TaskId, TaskWord, Timestamp, Usage,
};
use crate::pipeline::{self, Admitted};

mod glass;
mod held;
mod renamed;
mod signal;

on_both_stores! {
    a_case_asks_and_hears,
    an_answer_that_does_not_count_is_refused_and_changes_nothing,
    silence_is_reminded_and_put_before_a_coordinator_once_though_nobody_looked_for_days,
    what_cannot_leave_is_put_before_a_coordinator_at_once,
    two_hubs_do_what_is_due_once,
    the_same_place_joins_or_is_a_proposal_and_a_merge_can_be_undone,
    an_order_is_in_the_evidence_and_one_that_is_refused_leaves_nothing,
    a_case_keeps_the_plan_it_opened_under,
    an_erased_case_is_due_for_nothing,
    a_withdrawal_is_followed_up_until_everybody_has_it,
    what_may_no_longer_be_kept_goes_by_itself_unless_it_must_stay,
}

const POLITIE: &str = "politie-oost-brabant";
const WONEN: &str = "wonen-zuid";
const GGZ: &str = "ggz-de-kempen";
const INWONERS: &str = "inwoners-eindhoven";

/// The files of the checkout, as the program carries them.
pub fn files() -> Files {
    fn walk(folder: &Path, root: &Path, files: &mut Files) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    ["config", "connectors", "schemas"].iter().for_each(|f| walk(&root.join(f), root, &mut files));
    files
}

pub fn shipped() -> Arc<Catalogue> {
    static SHIPPED: OnceLock<Arc<Catalogue>> = OnceLock::new();
    Arc::clone(SHIPPED.get_or_init(|| Arc::new(Catalogue::parse(&files()).unwrap())))
}

pub fn rules(set: &Arc<Catalogue>) -> Arc<Rules> {
    let (one, two) = (Arc::clone(set), Arc::clone(set));
    Arc::new(Rules {
        catalogue: set.digest(),
        looks_back: set.looks_back(),
        dispatch: Box::new(move |admitted, case, suspended, now, entropy| {
            pipeline::dispatch(&one, admitted, case, suspended, now, entropy)
        }),
        feedback: Box::new(move |about, case, now, entropy| {
            pipeline::feedback(&two, about, case, now, entropy)
        }),
        regie: Some(Arc::clone(set)),
    })
}

pub async fn desk(on: On) -> Desk {
    let mut desk = Desk::new(on).await;
    desk.rules = rules(&shipped());
    desk
}

/// A signal of a partner about trouble at this house.
pub fn signal(sender: &str, reference: &str, house: u32) -> CanonicalMessage {
    let catalogue = shipped();
    let sender = catalogue.partner(&partner(sender)).unwrap();
    CanonicalMessage {
        sender: sender.id.clone(),
        origin: sender.kind.clone(),
        connector: sender.connector.clone(),
        kind: MessageKind::parse("signaal-gemeld.v1").unwrap(),
        effect: Effect::Melding,
        external_id: ExternalId::new(reference.to_owned()),
        usage: Usage::Echt,
        reference: reference.to_owned(),
        theme: Some("woonoverlast".to_owned()),
        urgent: false,
        references: Vec::new(),
        named_recipients: Vec::new(),
        confirmation: None,
        answer: None,
        data: json!({
            "kenmerk": reference, "gebruik": "echt", "tijdstip": "2026-11-23T19:00:00Z",
            "thema": "woonoverlast", "ernst": "midden", "urgentie": "normaal",
            "onderwerp": "Lawaai", "tijdvak": { "begin": "2026-11-23T18:00:00Z" },
            "locatie": { "gemeentecode": "0772", "buurtcode": "BU07721532", "adres": {
                "postcode": "5644KD", "huisnummer": house, "woonplaats": "Eindhoven",
            }},
        }),
    }
}

/// A partner's word about its task.
fn answer(sender: &str, id: &str, task: TaskId, status: TaskWord, code: &str) -> CanonicalMessage {
    let code = (!code.is_empty()).then(|| code.to_owned());
    let (reason, result) = if status == TaskWord::Geweigerd { (code, None) } else { (None, code) };
    let mut data = json!({
        "kenmerk": id, "gebruik": "echt", "tijdstip": "2026-11-23T20:00:00Z",
        "actieverzoek": task, "status": status.as_str(),
    });
    let mut put = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            data[name] = Value::from(value.clone());
        }
    };
    put("reden", &reason);
    put("resultaat", &result);
    CanonicalMessage {
        kind: MessageKind::parse("actieverzoek-antwoord.v1").unwrap(),
        effect: Effect::Antwoord,
        theme: None,
        answer: Some(TaskAnswer { task, status, reason, result, expected: None }),
        data,
        ..signal(sender, id, 1)
    }
}

fn submission(desk: &Desk, message: CanonicalMessage) -> Submission {
    Submission {
        rules: Arc::clone(&desk.rules),
        partner: message.sender.clone(),
        channel: "http",
        media_type: Some("application/json".to_owned()),
        bytes: message.external_id.reveal().as_bytes().to_vec(),
        at: desk.now(),
        verdict: Ok(Admitted::for_test(message)),
        seed: desk.seed(),
        held: None,
    }
}

pub async fn accepted(desk: &Desk, message: CanonicalMessage) -> Accepted {
    match desk.journal.receive(submission(desk, message)).await.unwrap() {
        Received::Accepted(accepted) => accepted,
        Received::Refused(refused) => panic!("refused: {:?}", refused.refusal),
    }
}

async fn refused(desk: &Desk, message: CanonicalMessage) -> Refused {
    match desk.journal.receive(submission(desk, message)).await.unwrap() {
        Received::Refused(refused) => refused,
        Received::Accepted(_) => panic!("accepted"),
    }
}

pub async fn case(desk: &Desk, number: &CaseNumber) -> CaseView {
    desk.journal.dossier(number).await.unwrap()
}

pub async fn tasks(desk: &Desk, filter: &TaskFilter) -> Vec<TaskLine> {
    desk.journal.tasks(filter, desk.now()).await.unwrap()
}

/// The one open task of a partner.
async fn task_of(desk: &Desk, name: &str) -> TaskLine {
    let filter = TaskFilter { partner: Some(partner(name)), ..TaskFilter::default() };
    let mut found = tasks(desk, &filter).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// What of requests lies in a partner's mailbox: the words about each.
async fn requests(desk: &Desk, name: &str) -> Vec<String> {
    let parcels = desk.collect(name, 200).await;
    let requests = parcels.iter().filter(|parcel| parcel.kind == "actieverzoek.v1");
    requests.map(|parcel| String::from_utf8(parcel.bytes.clone()).unwrap()).collect()
}

pub async fn timeline(desk: &Desk, number: &CaseNumber) -> Vec<String> {
    let lines = desk.journal.timeline(number).await.unwrap();
    lines.into_iter().map(|line| line.wat).collect()
}

pub async fn clock(desk: &Desk, moment: &str) -> u64 {
    let at = Timestamp::parse(moment).unwrap();
    desk.pass(at.seconds_since(desk.now()));
    desk.journal.regie_clock(Arc::clone(&desk.rules), at).await.unwrap()
}

pub async fn order(desk: &Desk, number: &CaseNumber, act: CaseAct) -> Result<Phase, JournalError> {
    let (by, why) = ("R. Regisseur".to_owned(), "afgesproken".to_owned());
    let order = CaseOrder { case: number.clone(), act, by, why };
    let done = desk.journal.order_case(order, Arc::clone(&desk.rules), desk.now()).await?;
    Ok(done.phase)
}

async fn a_case_asks_and_hears(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = &opened.case_number;
    assert_eq!(case(&desk, number).await.dossier.phase, Phase::WachtOpPartner);
    let task = task_of(&desk, WONEN).await;
    assert_eq!((task.action.as_str(), task.state), ("huisbezoek", TaskState::Gevraagd));
    let got = requests(&desk, WONEN).await;
    assert!(got.len() == 1 && got[0].contains(&task.id.to_string()), "{got:?}");
    assert!(got[0].contains("5644KD"), "where, which the police's purpose grants");
    accepted(&desk, answer(WONEN, "a-1", task.id, TaskWord::Aanvaard, "")).await;
    accepted(&desk, answer(WONEN, "a-2", task.id, TaskWord::Afgerond, "niet-opgelost")).await;
    let next = task_of(&desk, WONEN).await;
    assert_eq!(next.action, "bemiddelen", "what it came to decides what is asked next");
    let answers = desk.collect("gemeente-eindhoven", 50).await;
    let heard = answers.iter().filter(|p| p.kind == "actieverzoek-antwoord.v1").count();
    assert_eq!(heard, 2, "the municipality's own system hears of it");
    let lines = timeline(&desk, number).await;
    assert_eq!(
        lines,
        ["signaal", "gevraagd", "fase", "aanvaard", "afgerond", "gevraagd"],
        "{number}"
    );
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert_eq!(report.wrong, 0, "{:?}", report.findings);
}

async fn an_answer_that_does_not_count_is_refused_and_changes_nothing(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let task = task_of(&desk, WONEN).await.id;
    let unknown = TaskId::from(uuid::Uuid::from_u128(4));
    for (who, task) in [(GGZ, task), (WONEN, unknown)] {
        let refused = refused(&desk, answer(who, "a-0", task, TaskWord::Aanvaard, "")).await;
        assert_eq!(refused.refusal.fault, Fault::OnbekendVerzoek, "{who}");
    }
    assert_eq!(task_of(&desk, WONEN).await.state, TaskState::Gevraagd);
    accepted(&desk, answer(WONEN, "a-1", task, TaskWord::Afgerond, "opgelost")).await;
    let again = answer(WONEN, "a-2", task, TaskWord::Geweigerd, "overig");
    let refused = refused(&desk, again).await;
    assert_eq!(refused.refusal.fault, Fault::AntwoordPastNiet);
    assert_eq!(refused.refusal.violations[0].code, "tegenstrijdig-antwoord");
    let state = case(&desk, &opened.case_number).await.dossier;
    assert_eq!(state.task(task).unwrap().state, TaskState::Afgerond);
}

async fn silence_is_reminded_and_put_before_a_coordinator_once_though_nobody_looked_for_days(
    on: On,
) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    requests(&desk, WONEN).await;
    assert_eq!(clock(&desk, "2026-11-23T22:00:00Z").await, 0, "nothing is due yet");
    let mut desk = desk.reopen().await;
    desk.rules = rules(&shipped());
    assert_eq!(clock(&desk, "2026-11-26T12:00:00Z").await, 1);
    let lines = timeline(&desk, &opened.case_number).await;
    assert_eq!(
        lines,
        ["signaal", "gevraagd", "fase", "ontvangen", "herinnerd", "stil", "te-beslissen"],
        "that it was collected counts as received"
    );
    let decide = TaskFilter { to_decide: true, ..TaskFilter::default() };
    let open = tasks(&desk, &decide).await;
    assert_eq!(open[0].question, Some(Question::BeoordeelStilte));
    assert_eq!(clock(&desk, "2026-11-26T12:00:01Z").await, 0, "each once");
    desk.pass(3_600);
    assert_eq!(requests(&desk, WONEN).await.len(), 2, "the request and its reminder");
    let overdue = TaskFilter { overdue: true, ..TaskFilter::default() };
    assert_eq!(tasks(&desk, &overdue).await.len(), 1, "the partner's, not the coordinator's");
}

async fn what_cannot_leave_is_put_before_a_coordinator_at_once(on: On) {
    let desk = desk(on).await;
    let (by, why) = ("B. Beheerder".to_owned(), "lek".to_owned());
    let suspended = crate::journal::PartnerOrder::Suspend { partner: partner(WONEN), by, why };
    desk.journal.partner_order(suspended, desk.now()).await.unwrap();
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let decide = TaskFilter { to_decide: true, ..TaskFilter::default() };
    let open = tasks(&desk, &decide).await;
    assert_eq!(open[0].question, Some(Question::KiesKetenpartner));
    let chosen = Order::Assign { task: open[0].id, partner: partner(WONEN) };
    order(&desk, &opened.case_number, CaseAct::Order(chosen)).await.unwrap();
    let lines = timeline(&desk, &opened.case_number).await;
    let end = lines.iter().rev().take(4).rev().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(end, ["gevraagd", "fase", "niet-verstuurd", "te-beslissen"]);
    let open = tasks(&desk, &decide).await;
    assert_eq!(open[0].question, Some(Question::BeoordeelStilte));
    // The other corporation is asked instead, by hand.
    let other = Order::Assign { task: open[0].id, partner: partner("de-sleutel") };
    order(&desk, &opened.case_number, CaseAct::Order(other)).await.unwrap();
    assert_eq!(task_of(&desk, "de-sleutel").await.action, "huisbezoek");
}

async fn two_hubs_do_what_is_due_once(on: On) {
    if on == On::Sqlite {
        return; // One process owns an embedded journal.
    }
    let desk = desk(on).await;
    for number in 0..20 {
        accepted(&desk, signal(POLITIE, &format!("k-{number}"), number + 1)).await;
    }
    let mut other = desk.beside().await;
    other.rules = rules(&shipped());
    let at = Timestamp::parse("2026-11-26T12:00:00Z").unwrap();
    let (one, two) = tokio::join!(
        desk.journal.regie_clock(Arc::clone(&desk.rules), at),
        other.journal.regie_clock(Arc::clone(&other.rules), at),
    );
    // Who comes second may find nothing, or cases in which nothing is due any more.
    assert!(one.unwrap() + two.unwrap() >= 20);
    desk.pass(at.seconds_since(desk.now()));
    let got = requests(&desk, WONEN).await;
    assert_eq!(got.len(), 40, "a request and one reminder each");
    let decide = TaskFilter { to_decide: true, ..TaskFilter::default() };
    assert_eq!(tasks(&desk, &decide).await.len(), 20);
}

async fn the_same_place_joins_or_is_a_proposal_and_a_merge_can_be_undone(on: On) {
    let desk = desk(on).await;
    let first = accepted(&desk, signal(WONEN, "w-1", 1)).await;
    // The corporation's purpose to the municipality grants joining; that of residents does not.
    let joined = accepted(&desk, signal(WONEN, "w-2", 1)).await;
    assert_eq!(joined.case_number, first.case_number);
    let elsewhere = accepted(&desk, signal(WONEN, "w-3", 2)).await;
    assert_ne!(elsewhere.case_number, first.case_number);
    let resident = accepted(&desk, signal(INWONERS, "p-1", 1)).await;
    assert_ne!(resident.case_number, first.case_number);
    let proposal = case(&desk, &resident.case_number).await;
    assert_eq!(proposal.alike, std::slice::from_ref(&first.case_number));
    assert!(proposal.dossier.asks(Question::BeoordeelKoppeling, None).is_some());
    let of_step = |task: &&Task| task.question() == Some(Question::KiesKetenpartner);
    let choice = proposal.dossier.tasks.iter().find(of_step).expect("two corporations").id;
    let assign = Order::Assign { task: choice, partner: partner(WONEN) };
    order(&desk, &resident.case_number, CaseAct::Order(assign)).await.unwrap();

    let into = first.case_number.clone();
    let merge = CaseAct::Merge { into: into.clone() };
    order(&desk, &resident.case_number, merge).await.unwrap();
    let merged = case(&desk, &resident.case_number).await;
    assert_eq!(merged.merged_into, Some(into.clone()));
    assert!(merged.alike.is_empty());
    let moved = case(&desk, &into).await.dossier;
    assert!(moved.tasks.iter().any(|task| task.from.is_some()), "its open tasks go along");
    let more = CanonicalMessage {
        references: vec![Reference::Case(resident.case_number.to_string())],
        ..signal(INWONERS, "p-2", 77)
    };
    assert_eq!(accepted(&desk, more).await.case_number, into, "the old number leads on");
    let closed = order(&desk, &resident.case_number, CaseAct::Order(Order::Close)).await;
    assert!(matches!(closed, Err(JournalError::Fault(OrderFault::Merged))), "{closed:?}");

    order(&desk, &resident.case_number, CaseAct::Split).await.unwrap();
    let back = case(&desk, &resident.case_number).await;
    assert_eq!(back.merged_into, None);
    assert!(back.dossier.open_tasks().any(|task| task.step.is_some()), "with its step");
    let lines = timeline(&desk, &resident.case_number).await;
    assert_eq!(lines.last().unwrap(), "gesplitst-van");
}

async fn an_order_is_in_the_evidence_and_one_that_is_refused_leaves_nothing(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = &opened.case_number;
    let before = timeline(&desk, number).await;
    let reopen = order(&desk, number, CaseAct::Order(Order::Reopen)).await;
    assert!(matches!(reopen, Err(JournalError::Fault(OrderFault::NotClosed))), "{reopen:?}");
    assert_eq!(timeline(&desk, number).await, before);
    let phase = order(&desk, number, CaseAct::Order(Order::Close)).await.unwrap();
    assert_eq!(phase, Phase::Gesloten);
    let lines = desk.journal.timeline(number).await.unwrap();
    let decided = lines.iter().find(|line| line.wat == "besluit-sluiten").unwrap();
    assert_eq!(decided.door.as_deref(), Some("R. Regisseur"));
    desk.journal.sequence(desk.now()).await.unwrap();
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert_eq!(report.wrong, 0, "{:?}", report.findings);
    let open = desk.journal.dossiers(&CaseFilter::default(), desk.now()).await.unwrap();
    assert!(open.is_empty(), "a closed case is not listed");
    let nobody = order(&desk, &CaseNumber::from_stored("C-0".into()), CaseAct::Split).await;
    assert!(matches!(nobody, Err(JournalError::NotFound)), "{nobody:?}");
}

async fn a_case_keeps_the_plan_it_opened_under(on: On) {
    let mut desk = desk(on).await;
    accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let task = task_of(&desk, WONEN).await.id;
    let mut files = files();
    let path = "config/playbooks/woonoverlast.toml";
    let text = String::from_utf8(files[path].clone()).unwrap();
    let changed = text.replace("vraag = \"bemiddelen\"", "vraag = \"overleggen\"");
    assert_ne!(text, changed);
    files.insert(path.to_owned(), changed.into_bytes());
    desk.rules = rules(&Arc::new(Catalogue::parse(&files).unwrap()));
    accepted(&desk, answer(WONEN, "a-1", task, TaskWord::Afgerond, "niet-opgelost")).await;
    assert_eq!(task_of(&desk, WONEN).await.action, "bemiddelen");
}

async fn an_erased_case_is_due_for_nothing(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let (by, why) = ("B. Beheer".to_owned(), "verzoek".to_owned());
    let erased = crate::journal::ErasureOrder { id: opened.public_id.into(), by, why };
    desk.journal.erase(erased, desk.now()).await.unwrap();
    clock(&desk, "2026-12-26T12:00:00Z").await;
    assert_eq!(clock(&desk, "2026-12-26T12:00:01Z").await, 0);
    let gone = desk.journal.dossier(&opened.case_number).await;
    assert!(matches!(gone, Err(JournalError::NotFound)), "{gone:?}");
    let left = tasks(&desk, &TaskFilter::default()).await;
    assert!(left.is_empty(), "nothing is asked in a case that was erased");
}

/// The police take a signal back.
fn withdrawal(id: &str, reference: &str) -> CanonicalMessage {
    let message = signal(POLITIE, reference, 1);
    CanonicalMessage {
        kind: MessageKind::parse("signaal-ingetrokken.v1").unwrap(),
        effect: Effect::Intrekking,
        external_id: ExternalId::new(id.to_owned()),
        data: json!({
            "kenmerk": reference, "gebruik": "echt", "tijdstip": "2026-11-23T20:00:00Z",
            "thema": "woonoverlast", "reden": "onterecht",
        }),
        ..message
    }
}

async fn a_withdrawal_is_followed_up_until_everybody_has_it(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = &opened.case_number;
    let taken_back = accepted(&desk, withdrawal("i-1", "k-1")).await;
    assert_eq!(taken_back.case_number, *number);
    let recalls = case(&desk, number).await.dossier.recalls;
    let recipients: BTreeSet<String> =
        recalls.iter().map(|recall| recall.recipient.to_string()).collect();
    let both = BTreeSet::from([WONEN, "gemeente-eindhoven"].map(str::to_owned));
    assert_eq!(recipients, both, "who heard of it, and nobody else");
    assert_eq!(recipients.len(), taken_back.parcels);
    // The corporation collects; the municipality does not.
    desk.collect(WONEN, 50).await;
    clock(&desk, "2026-11-26T12:00:00Z").await;
    let lines = desk.journal.timeline(number).await.unwrap();
    let silent: Vec<_> = lines.iter().filter(|line| line.wat == "terugroep-onbevestigd").collect();
    assert_eq!(silent.len(), 1, "{lines:?}");
    assert_eq!(silent[0].bijzonderheid.as_deref(), Some("gemeente-eindhoven"));
    let dossier = case(&desk, number).await.dossier;
    assert!(dossier.asks(Question::BeoordeelTerugroep, None).is_some());
    assert!(dossier.recalls.is_empty());
}

async fn what_may_no_longer_be_kept_goes_by_itself_unless_it_must_stay(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 1)).await;
    let number = &opened.case_number;
    order(&desk, number, CaseAct::Order(Order::Close)).await.unwrap();
    let until = case(&desk, number).await.dossier.erase_at.expect("a retention");
    // The longest of the purposes that concern the municipality and this theme.
    assert_eq!(until, desk.now().plus_amsterdam_days(730));
    assert!(desk.journal.cases_to_erase(until.plus_seconds(-1)).await.unwrap().is_empty());
    order(&desk, number, CaseAct::Keep { kept: true }).await.unwrap();
    assert!(desk.journal.cases_to_erase(until).await.unwrap().is_empty());
    let (by, why) = ("B. Beheer".to_owned(), "verzoek".to_owned());
    let erasure = crate::journal::ErasureOrder { id: opened.public_id.into(), by, why };
    let refused = desk.journal.erase(erasure.clone(), desk.now()).await;
    assert!(matches!(refused, Err(JournalError::Order(_))), "{refused:?}");
    order(&desk, number, CaseAct::Keep { kept: false }).await.unwrap();
    let due = desk.journal.cases_to_erase(until).await.unwrap();
    assert_eq!(due.len(), 1);
    let erasure = crate::journal::ErasureOrder { id: due[0].into(), ..erasure };
    desk.journal.erase(erasure, until).await.unwrap();
    assert!(desk.journal.cases_to_erase(until).await.unwrap().is_empty(), "once");
    let gone = desk.journal.dossier(number).await;
    assert!(matches!(gone, Err(JournalError::NotFound)), "{gone:?}");
    desk.journal.sequence(desk.now()).await.unwrap();
    let report = desk.journal.verify(|_| {}).await.unwrap();
    assert_eq!((report.wrong, report.erased > 0), (0, true), "{:?}", report.findings);
}
