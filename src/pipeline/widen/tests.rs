//! What a broken glass gives of a message, and when it gives nothing more.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::catalogue::fixture::{at, catalogue, files, partner_id, purpose, put};
use crate::message::{
    CaseId, CaseNumber, Effect, ExternalId, Glass, MessageKind, Reference, Timestamp, Usage,
};
use crate::pipeline::{Told, Untold, dispatch, retold};

const NOW: &str = "2026-11-23T12:00:00Z";

/// Care gets nothing of the police but what sleeps, and the corporation the theme as well.
fn set() -> Catalogue {
    let mut files = files();
    let fields = "'ernst' = 'houd'\n'locatie.straat' = 'houd'\n";
    for to in ["zorg", "corporatie"] {
        let text = purpose("politie", to, fields);
        let text = text.replace("[velden]", "breekglas = true\n[velden]");
        put(&mut files, &format!("config/purposes/nood-{to}.toml"), &text);
    }
    for kind in ["zorg", "corporatie"] {
        let path = format!("connectors/{kind}/uit.toml");
        let value = "has(b.ernst) ? b.kenmerk + b.ernst : b.kenmerk";
        put(&mut files, &path, &format!("[velden]\nnr = \"{value}\"\n"));
    }
    catalogue(&files)
}

fn told(kind: &str, data: &Value) -> Told {
    Told {
        sender: partner_id("politie-1"),
        kind: MessageKind::parse(kind).unwrap(),
        external_id: ExternalId::new("1".to_owned()),
        data: data.clone(),
    }
}

fn admitted(set: &Catalogue, data: &Value) -> Admitted {
    retold(set, told("signaal-gemeld.v1", data), []).unwrap()
}

fn signal(more: &Value) -> Value {
    let mut data = json!({ "kenmerk": "PL-1", "gebruik": "echt", "tijdstip": NOW });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    data
}

fn case(recipient: Option<&str>) -> CaseState {
    let glass = |name: &str| Glass {
        recipient: partner_id(name),
        since: at(NOW),
        until: at("2026-11-23T13:00:00Z"),
        ended: None,
    };
    CaseState {
        id: CaseId::from(uuid::Uuid::nil()),
        number: CaseNumber::from_stored("C-1".to_owned()),
        usage: Usage::Echt,
        theme: Some("overlast".to_owned()),
        participants: BTreeSet::new(),
        recipients: BTreeSet::new(),
        earlier: Vec::new(),
        glasses: recipient.map(glass).into_iter().collect(),
    }
}

fn widened(
    set: &Catalogue,
    data: &Value,
    (recipient, had): (&str, Option<Had<'_>>),
    now: Timestamp,
) -> Widened {
    let (case, entropy) = (case(Some(recipient)), &mut Entropy::new([5; 32]));
    let to = (&partner_id(recipient), had);
    widen(set, &admitted(set, data), &case, to, now, entropy).unwrap()
}

fn parcel(widened: Widened) -> Parcel {
    match widened {
        Widened::Parcel(parcel) => *parcel,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_recipient_gets_what_it_has_not_and_only_while_the_glass_is_open() {
    let set = set();
    let data = signal(&json!({ "ernst": "hoog", "thema": "overlast" }));
    let first = parcel(widened(&set, &data, ("zorg-1", None), at(NOW)));
    assert_eq!(first.glass, Some(at("2026-11-23T13:00:00Z")));
    assert_eq!(first.purposes, ["nood-zorg".parse().unwrap()]);
    assert_eq!(first.role.doelbinding[0].id, "nood-zorg", "it is told why it may know");
    let had = Had { id: first.id, made_at: at(NOW), bytes: &first.bytes };
    let again = widened(&set, &data, ("zorg-1", Some(had)), at("2026-11-23T12:30:00Z"));
    assert!(matches!(again, Widened::Same), "{again:?}");
    let more = signal(&json!({ "ernst": "laag" }));
    let corrected = widened(&set, &more, ("zorg-1", Some(had)), at(NOW));
    assert!(matches!(corrected, Widened::Parcel(_)), "what was corrected is another thing");
    let late = widened(&set, &data, ("zorg-1", None), at("2026-11-23T13:00:00Z"));
    assert!(matches!(late, Widened::Nothing), "{late:?}");
}

#[test]
fn who_got_as_much_before_gets_nothing_again_and_who_got_less_gets_the_rest() {
    let set = set();
    // The corporation got the theme under its own purpose.
    let plain = signal(&json!({ "thema": "overlast" }));
    let entropy = &mut Entropy::new([6; 32]);
    let sent =
        dispatch(&set, &admitted(&set, &plain), &case(None), &BTreeSet::new(), at(NOW), entropy);
    let usual = &sent.parcels[0];
    assert_eq!((usual.recipient.as_str(), usual.glass), ("corporatie-1", None));
    let had = Had { id: usual.id, made_at: at(NOW), bytes: &usual.bytes };
    let same = widened(&set, &plain, ("corporatie-1", Some(had)), at(NOW));
    assert!(matches!(same, Widened::Same), "the glass adds nothing: {same:?}");
    let fuller = signal(&json!({ "thema": "overlast", "ernst": "hoog" }));
    let more = parcel(widened(&set, &fuller, ("corporatie-1", Some(had)), at(NOW)));
    assert!(more.glass.is_some() && more.bytes != usual.bytes);
}

#[test]
fn of_a_sender_that_no_sleeping_purpose_concerns_nothing_goes_and_nobody_gets_its_own() {
    let set = set();
    let data = signal(&json!({ "ernst": "hoog" }));
    let of_care = Told { sender: partner_id("zorg-1"), ..told("signaal-gemeld.v1", &data) };
    let of_care = retold(&set, of_care, []).unwrap();
    for to in ["corporatie-1", "zorg-1"] {
        let (case, entropy) = (case(Some(to)), &mut Entropy::new([5; 32]));
        let to = (&partner_id(to), None);
        let found = widen(&set, &of_care, &case, to, at(NOW), entropy).unwrap();
        assert!(matches!(found, Widened::Nothing), "{found:?}");
    }
}

#[test]
fn what_comes_in_while_it_is_open_goes_too_and_what_was_promised_nobody_is_no_failure() {
    let set = set();
    let data = signal(&json!({ "ernst": "hoog", "thema": "overlast" }));
    let sent = |admitted: &Admitted, case: &CaseState, now: &str| {
        let entropy = &mut Entropy::new([6; 32]);
        dispatch(&set, admitted, case, &BTreeSet::new(), at(now), entropy)
    };
    let open = case(Some("zorg-1"));
    let message = admitted(&set, &data);
    let found = sent(&message, &open, NOW);
    let to: Vec<&str> = found.parcels.iter().map(|parcel| parcel.recipient.as_str()).collect();
    assert_eq!(to, ["corporatie-1", "zorg-1"]);
    assert_eq!(found.parcels[0].glass, None, "what it gets anyway does not end");
    assert!(found.parcels[1].glass.is_some() && found.not_sent.is_empty());
    let after = sent(&message, &open, "2026-11-23T13:00:00Z");
    assert_eq!(after.parcels.len(), 1, "nobody is told more after it");
    let of_care = Told { sender: partner_id("zorg-1"), ..told("signaal-gemeld.v1", &data) };
    let of_care = retold(&set, of_care, []).unwrap();
    let mut two = case(Some("corporatie-1"));
    two.glasses.extend(case(Some("politie-1")).glasses);
    let nothing = sent(&of_care, &two, NOW);
    assert!(nothing.parcels.is_empty());
    let reasons: Vec<&str> = nothing.not_sent.iter().map(|skipped| skipped.reason).collect();
    assert_eq!(reasons, ["geen-route"], "as without a glass");
}

#[test]
fn a_message_is_told_again_as_its_sender_would_tell_it_now() {
    let set = set();
    let data = signal(&json!({ "ernst": "hoog" }));
    let later = |effect, more: Value| (effect, signal(&more));
    let said = [later(Effect::Aanvulling, json!({ "ernst": "laag" }))];
    let again = |said: &[(Effect, Value)]| {
        let said = said.iter().map(|(effect, data)| (*effect, data));
        retold(&set, told("signaal-gemeld.v1", &data), said)
    };
    let message = again(&said).unwrap();
    let message = message.message();
    assert_eq!(message.data["ernst"], "laag");
    assert_eq!((message.reference.as_str(), message.effect), ("PL-1", Effect::Melding));
    assert_eq!(message.references, Vec::<Reference>::new());
    let taken_back = again(&[later(Effect::Intrekking, json!({}))]);
    assert_eq!(taken_back.unwrap_err(), Untold::Withdrawn);
    let unknown = retold(&set, told("iets-anders.v1", &data), []);
    assert_eq!(unknown.unwrap_err(), Untold::Unfit);
    let bad = retold(&set, told("signaal-gemeld.v1", &json!({ "ernst": 3 })), []);
    assert_eq!(bad.unwrap_err(), Untold::Unfit);
}
