//! Whatever the municipality can ask, every partner that may be asked gets in its own form.
//!
//! The lists of actions, words and themes are closed in connectors as well, so a code that one of
//! them lacks would only show when somebody asks for just that.

use std::collections::BTreeSet;

use schakel::catalogue::Catalogue;
use schakel::catalogue::partner::Partner;
use schakel::message::{
    CaseId, CaseNumber, CaseState, Entropy, MessageId, PartnerId, RequestWord, TaskId, Timestamp,
    ToErase, Usage,
};
use schakel::message::{EarlierParcel, ParcelId};
use schakel::pipeline::{Admitted, Dispatch, Incoming, Request, admit, ask, dispatch};
use serde_json::{Value, json};

use crate::hub::{GEMEENTE, POLITIE, Place, XML, example, swap};

const NOW: &str = "2026-11-23T12:00:00Z";
const TASK: &str = "7d0a3c52-6f1e-4b8a-9c47-2e5b9d81f304";
const WORDS: [RequestWord; 4] = [
    RequestWord::Gevraagd,
    RequestWord::Herinnerd,
    RequestWord::Gewijzigd,
    RequestWord::Ingetrokken,
];

fn catalogue() -> Catalogue {
    Catalogue::parse(&schakel::settings::shipped()).expect("the shipped set")
}

fn now() -> Timestamp {
    Timestamp::parse(NOW).expect("a moment")
}

/// Every code that `gevraagdeActie.soort` may have.
fn actions() -> Vec<String> {
    let files = schakel::settings::shipped();
    let parts: Value = serde_json::from_slice(&files["schemas/delen/v1.json"]).expect("JSON");
    let codes = &parts["$defs"]["gevraagdeActie"]["properties"]["soort"]["enum"];
    let codes = codes.as_array().expect("a list");
    codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

/// A case in which this partner got a request about the same task before, or nothing yet.
fn case(theme: &str, asked_before: Option<&PartnerId>) -> CaseState {
    CaseState {
        id: CaseId::from(uuid::Uuid::nil()),
        number: CaseNumber::from_stored("C-0000-0000-0001".to_owned()),
        usage: Usage::Echt,
        theme: Some(theme.to_owned()),
        participants: BTreeSet::new(),
        recipients: BTreeSet::new(),
        earlier: asked_before.map(parcel).into_iter().collect(),
        glasses: Vec::new(),
    }
}

fn parcel(recipient: &PartnerId) -> EarlierParcel {
    EarlierParcel {
        recipient: recipient.clone(),
        id: ParcelId::from(uuid::Uuid::from_u128(9)),
        made_at: now(),
        kind: "actieverzoek.v1".to_owned(),
        message: MessageId::from(uuid::Uuid::nil()),
        sender: "gemeente-eindhoven".parse().expect("an id"),
        reference: TASK.to_owned(),
    }
}

fn sent(catalogue: &Catalogue, admitted: &Admitted, case: &CaseState) -> Dispatch {
    let entropy = &mut Entropy::new([7; 32]);
    let dispatch = dispatch(catalogue, admitted, case, &BTreeSet::new(), now(), entropy);
    assert_eq!(dispatch.failures, [], "{:?}", admitted.message().data);
    dispatch
}

/// How many parcels it took to ask this partner for everything, under every word and theme.
fn ask_everything(catalogue: &Catalogue, partner: &Partner) -> usize {
    let task: TaskId = TASK.parse().expect("an id");
    let actions = actions();
    let mut parcels = 0;
    for theme in catalogue.themes.keys() {
        for (action, status) in actions.iter().flat_map(|a| WORDS.map(|word| (a, word))) {
            let before = (status != RequestWord::Gevraagd).then_some(&partner.id);
            let case = case(theme, before);
            let request = Request {
                task,
                status,
                partner: &partner.id,
                action,
                received_by: Some(now().plus_seconds(3600)),
                accepted_by: Some(now().plus_seconds(7200)),
                done_by: Some(now().plus_seconds(86_400)),
                usage: Usage::Echt,
                theme: Some(theme),
                urgent: false,
                case: &case.number,
                about: None,
                to_erase: None,
                at: now(),
            };
            let admitted = ask(catalogue, &request).expect("a request");
            let out = sent(catalogue, &admitted, &case);
            let all = out.parcels.iter().all(|parcel| parcel.recipient == partner.id);
            assert!(all && out.parcels.len() <= 1, "{} {theme}", partner.id);
            parcels += out.parcels.len();
        }
    }
    parcels
}

#[test]
fn every_partner_can_be_asked_for_every_action_in_every_word_and_theme() {
    let catalogue = catalogue();
    let asked = catalogue.partners.values().filter(|partner| !partner.is_municipality());
    for partner in asked {
        let parcels = ask_everything(&catalogue, partner);
        // The fire brigade and the prosecutor are asked under some themes, residents never, and the
        // others under all.
        let themes = match partner.kind.as_str() {
            "inwoners" => 0,
            "brandweer" => 6,
            "openbaar-ministerie" => 5,
            _ => catalogue.themes.len(),
        };
        assert_eq!(parcels, themes * actions().len() * WORDS.len(), "{}", partner.id);
    }
}

#[test]
fn what_was_erased_is_told_to_every_kind_of_partner_in_every_word_and_names_nobody() {
    let catalogue = catalogue();
    let to_erase = ToErase {
        case: CaseNumber::from_stored("C-7Q2M-0ZK4-9A1B".to_owned()),
        parcels: (1..=100).map(|n| ParcelId::from(uuid::Uuid::from_u128(n))).collect(),
    };
    let others = |partner: &&Partner| !partner.is_municipality();
    for partner in catalogue.partners.values().filter(others) {
        for status in WORDS {
            let before = (status != RequestWord::Gevraagd).then_some(&partner.id);
            let case = CaseState { theme: None, ..case("", before) };
            let request = Request {
                task: TASK.parse().expect("an id"),
                status,
                partner: &partner.id,
                action: "wissen",
                received_by: Some(now().plus_seconds(3600)),
                accepted_by: None,
                done_by: Some(now().plus_seconds(86_400)),
                usage: Usage::Echt,
                theme: None,
                urgent: false,
                case: &case.number,
                about: None,
                to_erase: Some(&to_erase),
                at: now(),
            };
            let admitted = ask(&catalogue, &request).expect("a notice");
            let out = sent(&catalogue, &admitted, &case);
            // Residents send signals and get no content, so nothing of theirs is to be erased.
            assert_eq!(out.parcels.len(), usize::from(partner.kind.as_str() != "inwoners"));
            for parcel in &out.parcels {
                let text = String::from_utf8_lossy(&parcel.bytes);
                assert!(text.contains("C-7Q2M-0ZK4-9A1B"), "{}: {text}", partner.id);
                for id in &to_erase.parcels {
                    assert!(text.contains(&id.to_string()), "{}: {text}", partner.id);
                }
                let purposes: Vec<_> =
                    parcel.role.doelbinding.iter().map(|p| p.grondslag.as_str()).collect();
                assert!(purposes.contains(&"AVG artikel 19"), "{purposes:?}");
            }
        }
        // Without saying what, nobody is asked to erase.
        assert!(ask(&catalogue, &erase_nothing(&partner.id)).is_err());
    }
}

fn erase_nothing(partner: &PartnerId) -> Request<'_> {
    static NUMBER: std::sync::OnceLock<CaseNumber> = std::sync::OnceLock::new();
    Request {
        task: TASK.parse().expect("an id"),
        status: RequestWord::Gewijzigd,
        partner,
        action: "wissen",
        received_by: None,
        accepted_by: None,
        done_by: None,
        usage: Usage::Echt,
        theme: None,
        urgent: false,
        case: NUMBER.get_or_init(|| CaseNumber::from_stored("C-0000-0000-0001".to_owned())),
        about: None,
        to_erase: None,
        at: now(),
    }
}

#[test]
fn a_signal_of_the_municipality_may_ask_for_any_action_under_any_theme() {
    let catalogue = catalogue();
    let municipality = catalogue.municipality().expect("a municipality");
    let mut parcels = 0;
    for theme in catalogue.themes.keys() {
        for action in actions() {
            let signal = json!({
                "bericht": { "id": "G-1", "afzender": "0772", "soort": "signaal-gemeld" },
                "signaal": {
                    "kenmerk": "G-1", "gebruik": "echt", "tijdstip": NOW, "thema": theme,
                    "ernst": "midden", "urgentie": "normaal", "tijdvak": { "begin": NOW },
                    "gevraagdeActie": { "soort": action },
                    "ontvangers": ["politie", "woningcorporatie", "zorgaanbieder", "brandweer"],
                },
            });
            let bytes = signal.to_string();
            let incoming = Incoming {
                partner: municipality,
                media_type: None,
                bytes: bytes.as_bytes(),
                received: now(),
            };
            let admitted = admit(&catalogue, &incoming).expect("a signal");
            parcels += sent(&catalogue, &admitted, &case(theme, None)).parcels.len();
        }
    }
    let everybody = catalogue.themes.len() * actions().len() * 4;
    assert!(parcels >= everybody, "police, care and two corporations: {parcels} of {everybody}");
}

/// What stands in an element that a StUF document has once at most.
fn element<'x>(document: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_is_asked_and_its_answer_reaches_the_municipality_in_their_own_forms() {
    let hub = Place::new().start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await;
    let (politie, gemeente) = (hub.token(POLITIE).await, hub.token(GEMEENTE).await);
    hub.send(&politie, XML, &example("politie", "in-kleinste")).await.message();
    let mut parcels = hub.empty_mailbox(&politie).await;
    assert_eq!(parcels.len(), 1, "asked, and told nothing else");
    let asked = parcels.pop().expect("just counted").text;
    assert!(asked.contains("<stuf:berichtcode>Di01<"), "{asked}");
    assert_eq!(element(&asked, "soort"), Some("TOE"), "the first step under this theme");
    let task = element(&asked, "identificatie").expect("a number");
    assert_eq!(hub.empty_mailbox(&gemeente).await.len(), 1, "the signal, and no request");

    let answer = swap(&example("politie", "in-antwoord-aanvaard"), TASK, task);
    let answer = swap(&answer, "PRODUCTIE", "TEST");
    hub.send(&politie, XML, &answer).await.message();
    let mut heard = hub.empty_mailbox(&gemeente).await;
    assert_eq!(heard.len(), 1, "the answer");
    let heard: Value =
        serde_json::from_str(&heard.pop().expect("just counted").text).expect("JSON");
    assert_eq!(heard["bericht"]["soort"], "actieverzoek-antwoord");
    assert_eq!(heard["antwoord"]["actieverzoek"], *task);
    assert_eq!(heard["antwoord"]["status"], "aanvaard");
    assert_eq!(heard["antwoord"]["kenmerk"].as_str(), element(&asked, "casusnummer"));
    assert!(hub.empty_mailbox(&politie).await.is_empty(), "an answer goes nowhere else");
}
