//! What a request says, whose data stand in it, and who gets it and its answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::catalogue::fixture::{at, catalogue, files, partner, partner_id, purpose, put};
use crate::catalogue::problem::Files;
use crate::message::{CaseId, CaseState, Effect, Entropy, TaskAnswer, TaskWord};
use crate::pipeline::{Dispatch, dispatch};

const NOW: &str = "2026-11-23T12:00:00.250Z";
const TASK: &str = "7d0a3c52-6f1e-4b8a-9c47-2e5b9d81f304";

/// The small set with a municipality, the canonical requests and answers, and a form for both.
fn set() -> Files {
    let mut files = files();
    let schemas = [
        ("delen", include_str!("../../../schemas/delen/v1.json")),
        ("actieverzoek", include_str!("../../../schemas/actieverzoek/v1.json")),
        ("actieverzoek-antwoord", include_str!("../../../schemas/actieverzoek-antwoord/v1.json")),
    ];
    for (name, text) in schemas {
        put(&mut files, &format!("schemas/{name}/v1.json"), text);
    }
    let form = "{\"type\":\"object\",\"properties\":{\"nr\":{\"type\":\"string\"}}}";
    for kind in ["gemeente", "politie", "corporatie", "zorg"] {
        let file = |name: &str| format!("connectors/{kind}/{name}");
        put(&mut files, &file("uit.json"), form);
        put(&mut files, &file("uit.toml"), "[velden]\nnr = \"b.kenmerk\"\n");
        let mut text = format!(
            "soort = \"{kind}\"\nnaam = \"K\"\nstandaard = \"S\"\nformaat = \"json\"\n\
             mediatypen = [\"application/json\"]\n"
        );
        for kind in ["signaal-gemeld.v1", "actieverzoek.v1", "actieverzoek-antwoord.v1"] {
            text += &format!(
                "[[uit]]\nbericht = \"{kind}\"\nschema = \"uit.json\"\nmapping = \"uit.toml\"\n"
            );
        }
        put(&mut files, &file("connector.toml"), &text);
    }
    put(
        &mut files,
        "config/partners/gemeente-1.toml",
        &partner("gemeente", "00000001001902763772"),
    );
    let give = "'betrokkenen[].naam' = 'houd'\n'locatie' = 'houd'\n'gevraagdeActie' = 'houd'\n";
    put(&mut files, "config/purposes/vraag.toml", &purpose("gemeente", "corporatie", give));
    put(&mut files, "config/purposes/vraag2.toml", &purpose("gemeente", "politie", give));
    let told = "'resultaat' = 'houd'\n";
    put(&mut files, "config/purposes/zegt.toml", &purpose("corporatie", "gemeente", told));
    // Whatever anybody sends goes to the corporations and to the police.
    let everywhere = "[[route]]\nid = \"alles\"\nnaar = [\"corporatie\", \"politie\"]\n";
    put(&mut files, "config/routes.toml", everywhere);
    files
}

fn case() -> CaseState {
    CaseState {
        id: CaseId::from(uuid::Uuid::nil()),
        number: CaseNumber::from_stored("C-0000-0000-0001".to_owned()),
        usage: Usage::Echt,
        theme: Some("overlast".to_owned()),
        participants: BTreeSet::new(),
        recipients: BTreeSet::from([partner_id("politie-1"), partner_id("zorg-1")]),
        earlier: Vec::new(),
        glasses: Vec::new(),
    }
}

fn request<'a>(partner: &'a PartnerId, case: &'a CaseNumber) -> Request<'a> {
    Request {
        task: TASK.parse().unwrap(),
        status: RequestWord::Gevraagd,
        partner,
        action: "huisbezoek",
        received_by: Some(at("2026-11-24T12:00:00Z")),
        accepted_by: Some(at("2026-11-25T12:00:00Z")),
        done_by: Some(at("2026-12-07T12:00:00Z")),
        usage: Usage::Echt,
        theme: Some("overlast"),
        urgent: true,
        case,
        about: None,
        to_erase: None,
        at: at(NOW),
    }
}

fn signal() -> Value {
    json!({
        "onderwerp": "Ruzie in de flat",
        "locatie": { "gemeentecode": "0772" },
        "betrokkenen": [
            { "rol": "betrokkene", "naam": { "geslachtsnaam": "Jansen" } },
            { "rol": "getuige", "naam": { "geslachtsnaam": "Smit" }, "herkomst": "zorg" },
        ],
    })
}

/// The message of a request to this partner about a signal of that one.
fn asked(partner: &str, sender: &str, origin: &str) -> Admitted {
    let (partner, sender) = (partner_id(partner), partner_id(sender));
    let (data, origin) = (signal(), origin.parse().unwrap());
    let about = Some(About { data: &data, sender: &sender, origin: &origin });
    let case = case().number;
    ask(&catalogue(&set()), &Request { about, ..request(&partner, &case) }).unwrap()
}

fn sent(admitted: &Admitted) -> Dispatch {
    let entropy = &mut Entropy::new([1; 32]);
    dispatch(&catalogue(&set()), admitted, &case(), &BTreeSet::new(), at(NOW), entropy)
}

fn recipients(dispatch: &Dispatch) -> Vec<&str> {
    assert_eq!(dispatch.failures, []);
    dispatch.parcels.iter().map(|parcel| parcel.recipient.as_str()).collect()
}

#[test]
fn a_request_is_a_message_of_the_municipality_to_one_partner_in_a_case() {
    let (partner, case) = (partner_id("corporatie-1"), case().number);
    let admitted = ask(&catalogue(&set()), &request(&partner, &case)).unwrap();
    let message = admitted.message();
    assert_eq!(
        message.data,
        json!({
            "kenmerk": TASK, "gebruik": "echt", "tijdstip": "2026-11-23T12:00:00Z",
            "thema": "overlast", "urgentie": "spoed",
            "actieverzoek": TASK, "status": "gevraagd", "onderwerp": "Overlast",
            "gevraagdeActie": { "soort": "huisbezoek", "uiterlijk": "2026-12-07T12:00:00Z" },
            "ontvangenUiterlijk": "2026-11-24T12:00:00Z",
            "aanvaardenUiterlijk": "2026-11-25T12:00:00Z",
            "verwijzingen": [{ "soort": "casus", "kenmerk": "C-0000-0000-0001" }],
        })
    );
    assert_eq!((message.sender.as_str(), message.origin.as_str()), ("gemeente-1", "gemeente"));
    assert_eq!(
        (message.effect, message.kind.to_string().as_str()),
        (Effect::Verzoek, "actieverzoek.v1")
    );
    assert_eq!(message.references, [Reference::Case("C-0000-0000-0001".to_owned())]);
    assert_eq!(
        (message.named_recipients.as_slice(), message.urgent),
        (&["corporatie-1".to_owned()][..], true)
    );
    assert_eq!(message.reference, TASK);
    assert_eq!(message.external_id.reveal(), format!("{TASK}/gevraagd/1795435200"));
}

#[test]
fn another_status_or_another_second_is_another_message_of_the_same_task() {
    let (set, partner, case) = (catalogue(&set()), partner_id("corporatie-1"), case().number);
    let first = request(&partner, &case);
    let again = Request { status: RequestWord::Herinnerd, ..first };
    let later = Request { at: first.at.plus_seconds(1), ..first };
    let ids: BTreeSet<String> = [&first, &again, &later]
        .into_iter()
        .map(|request| ask(&set, request).unwrap().message().external_id.reveal().to_owned())
        .collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn what_another_told_is_marked_as_its_own_and_its_line_stays_behind() {
    let of_police = asked("corporatie-1", "politie-1", "politie");
    let data = &of_police.message().data;
    assert_eq!(data["locatie"]["herkomst"], "politie");
    let origins = [&data["betrokkenen"][0]["herkomst"], &data["betrokkenen"][1]["herkomst"]];
    assert_eq!(origins, ["politie", "zorg"], "what had a mark keeps it");
    assert_eq!(data["onderwerp"], "Overlast", "the theme, not the words of the police");

    let own = asked("corporatie-1", "gemeente-1", "gemeente");
    let data = &own.message().data;
    assert_eq!(data["locatie"], json!({ "gemeentecode": "0772" }));
    assert_eq!(data["betrokkenen"][1]["herkomst"], "zorg");
    assert_eq!(data["onderwerp"], "Ruzie in de flat");
}

#[test]
fn a_partner_is_asked_about_its_own_signal_in_its_own_words_but_not_its_colleagues() {
    let back = asked("politie-1", "politie-1", "politie");
    assert_eq!(back.message().data["locatie"].get("herkomst"), None);
    assert_eq!(back.message().data["onderwerp"], "Ruzie in de flat");
    let colleague = asked("politie-1", "politie-2", "politie");
    assert_eq!(colleague.message().data["locatie"]["herkomst"], "politie");
    assert_eq!(colleague.message().data["onderwerp"], "Overlast");
}

#[test]
fn a_set_without_a_municipality_asks_nothing_and_an_unknown_action_is_refused() {
    let (partner, case) = (partner_id("corporatie-1"), case().number);
    let mut without = set();
    without.remove("config/partners/gemeente-1.toml");
    let failure = ask(&catalogue(&without), &request(&partner, &case)).unwrap_err();
    assert_eq!((failure.reason, failure.recipient), ("geen-gemeente", partner.clone()));

    let dance = Request { action: "dansen", received_by: None, ..request(&partner, &case) };
    let failure = ask(&catalogue(&set()), &dance).unwrap_err();
    assert_eq!(failure.reason, "schema-verzoek");
    let places: Vec<&str> = failure.violations.iter().map(|v| v.place.as_str()).collect();
    assert_eq!(places, ["/gevraagdeActie/soort", "/ontvangenUiterlijk"]);
}

#[test]
fn a_request_reaches_whom_it_asks_and_no_route_or_earlier_recipient_spreads_it() {
    let out = sent(&asked("corporatie-1", "politie-1", "politie"));
    assert_eq!(recipients(&out), ["corporatie-1"]);
    assert_eq!(out.parcels[0].role.gevraagd.as_deref(), Some("huisbezoek"));
    assert_eq!(out.parcels[0].route, None);
    assert!(out.parcels[0].urgent);
    // No purpose lets what the police and care told go to a corporation.
    let withheld: Vec<&str> = out.parcels[0].withheld.iter().map(|w| w.path.as_str()).collect();
    assert!(withheld.contains(&"/locatie") && withheld.contains(&"/betrokkenen"), "{withheld:?}");
}

#[test]
fn a_request_to_somebody_without_a_purpose_is_not_sent_and_says_so() {
    let out = sent(&asked("zorg-1", "politie-1", "politie"));
    assert_eq!(recipients(&out), Vec::<&str>::new());
    let reasons: Vec<_> =
        out.not_sent.iter().map(|skipped| (skipped.reason, skipped.named)).collect();
    assert_eq!(reasons, [("geen-doelbinding", true)]);
}

#[test]
fn an_answer_reaches_the_municipality_only() {
    let task = TASK.parse().unwrap();
    let data = json!({
        "kenmerk": "W-7", "gebruik": "echt", "tijdstip": "2026-11-24T08:00:00Z",
        "actieverzoek": TASK, "status": "afgerond", "resultaat": "opgelost",
    });
    let word = TaskAnswer {
        task,
        status: TaskWord::Afgerond,
        reason: None,
        result: Some("opgelost".to_owned()),
        expected: None,
    };
    let answer = Admitted::for_test(CanonicalMessage {
        sender: partner_id("corporatie-1"),
        origin: "corporatie".parse().unwrap(),
        connector: "corporatie".parse().unwrap(),
        kind: MessageKind { name: "actieverzoek-antwoord".to_owned(), version: 1 },
        effect: Effect::Antwoord,
        external_id: ExternalId::new("1".to_owned()),
        usage: Usage::Echt,
        reference: "W-7".to_owned(),
        theme: None,
        urgent: false,
        references: Vec::new(),
        named_recipients: Vec::new(),
        confirmation: None,
        answer: Some(word),
        data,
    });
    let out = sent(&answer);
    assert_eq!(recipients(&out), ["gemeente-1"]);
    assert_eq!(out.not_sent, []);
}
