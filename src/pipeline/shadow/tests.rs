//! What another set makes of what went: who would be refused, who gets more, who gets less.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::catalogue::fixture::{at, catalogue, files, partner_id, purpose, put, route};
use crate::message::{CaseId, CaseNumber, ExternalId, Glass, MessageKind, Usage};
use crate::pipeline::{Told, retold};

const NOW: &str = "2026-11-23T12:00:00Z";

/// The corporation gets these fields of the police, in a document of its own.
fn set(fields: &str, more: &[(&str, &str)]) -> Catalogue {
    let mut files = files();
    put(&mut files, "config/purposes/doel.toml", &purpose("politie", "corporatie", fields));
    let native = json!({ "type": "object", "required": ["nr"], "properties": {
        "nr": { "type": "string" }, "ernst": { "type": "string" }, "thema": { "type": "string" },
    } });
    for kind in ["corporatie", "zorg"] {
        put(&mut files, &format!("connectors/{kind}/uit.json"), &native.to_string());
        let lines =
            "[velden]\nnr = \"b.kenmerk\"\n\"ernst?\" = \"b.ernst\"\n\"thema?\" = \"b.thema\"\n";
        put(&mut files, &format!("connectors/{kind}/uit.toml"), lines);
    }
    for (path, text) in more {
        put(&mut files, path, text);
    }
    catalogue(&files)
}

fn admitted(set: &Catalogue) -> Admitted {
    let data: Value = json!({
        "kenmerk": "PL-1", "gebruik": "echt", "tijdstip": NOW, "thema": "overlast",
        "ernst": "kanarie",
    });
    let told = Told {
        sender: partner_id("politie-1"),
        kind: MessageKind::parse("signaal-gemeld.v1").unwrap(),
        external_id: ExternalId::new("1".to_owned()),
        data,
    };
    retold(set, told, []).unwrap()
}

fn case(glasses: Vec<Glass>) -> CaseState {
    CaseState {
        id: CaseId::from(uuid::Uuid::nil()),
        number: CaseNumber::from_stored("C-1".to_owned()),
        usage: Usage::Echt,
        theme: Some("overlast".to_owned()),
        participants: BTreeSet::new(),
        recipients: BTreeSet::new(),
        earlier: Vec::new(),
        glasses,
    }
}

/// What went under a set.
fn happened(set: &Catalogue, case: &CaseState) -> Happened {
    let entropy = &mut Entropy::new([5; 32]);
    let made = dispatch(set, &admitted(set), case, &BTreeSet::new(), at(NOW), entropy);
    let went = made.parcels.into_iter().map(|parcel| Went {
        id: parcel.id,
        recipient: parcel.recipient,
        made_at: at(NOW),
        bytes: parcel.bytes,
        withheld: parcel.withheld,
        glass: parcel.glass.is_some(),
    });
    let reason = |skipped: &crate::pipeline::NotSent| skipped.reason.to_owned();
    Happened {
        parcels: went.collect(),
        not_sent: made.not_sent.iter().map(|s| (s.recipient.clone(), reason(s))).collect(),
    }
}

fn run(old: &Catalogue, new: &Catalogue) -> Vec<Fared> {
    let case = case(Vec::new());
    // Other ids than went out, as a later run draws them.
    let entropy = &mut Entropy::new([9; 32]);
    shadow(new, (&admitted(new), &case), &happened(old, &case), at(NOW), entropy)
}

fn consequences(fared: &[Fared]) -> Vec<(String, Consequence)> {
    let whom = |whom: &Option<PartnerId>| whom.as_ref().map(ToString::to_string);
    fared.iter().map(|(to, found, _)| (whom(to).unwrap_or_default(), found.consequence)).collect()
}

fn to(recipient: &str, consequence: Consequence) -> (String, Consequence) {
    (recipient.to_owned(), consequence)
}

const BOTH: &str = "'thema' = 'houd'\n'ernst' = 'houd'\n";
const THEME: &str = "'thema' = 'houd'\n";

#[test]
fn the_same_set_makes_the_same_of_everything() {
    let set = set(BOTH, &[]);
    assert_eq!(consequences(&run(&set, &set)), [to("corporatie-1", Consequence::Zelfde)]);
}

#[test]
fn fields_that_come_or_go_are_named_by_their_place_and_never_by_what_they_say() {
    let (both, theme) = (set(BOTH, &[]), set(THEME, &[]));
    let less = run(&both, &theme);
    assert_eq!(consequences(&less), [to("corporatie-1", Consequence::Anders)]);
    assert_eq!(less[0].2.fewer, BTreeSet::from(["/ernst".to_owned()]));
    let more = run(&theme, &both);
    assert_eq!(more[0].2.more, BTreeSet::from(["/ernst".to_owned()]));
    let mut tally = ShadowTally::default();
    let group = Group { partner: None, kind: None, reason: None };
    less.iter().chain(&more).for_each(|fared| tally.add(&group, fared));
    let mut twice = tally.clone();
    twice.merge(tally);
    let turns = &twice.velden[&partner_id("corporatie-1")];
    assert_eq!((turns.meer["/ernst"], turns.minder["/ernst"]), (2, 2));
    let told = serde_json::to_string(&twice).unwrap();
    assert!(!told.contains("kanarie"), "{told}");
}

#[test]
fn who_gets_it_now_and_did_not_and_who_did_and_does_not_is_told() {
    let other = route("r1", "").replace("[\"corporatie\"]", "[\"zorg\"]");
    let care = purpose("politie", "zorg", THEME);
    let routed = [("config/routes.toml", other.as_str()), ("config/purposes/zorg.toml", &care)];
    let (old, new) = (set(BOTH, &[]), set(BOTH, &routed));
    let fared = run(&old, &new);
    assert_eq!(
        consequences(&fared),
        [to("zorg-1", Consequence::Nieuw), to("corporatie-1", Consequence::NietMeer)]
    );
    assert!(fared[1].1.reasons.contains("geen-route"));
}

#[test]
fn what_happened_for_the_same_reason_is_no_difference() {
    let set = set(BOTH, &[]);
    let case = case(Vec::new());
    let whom = Some(partner_id("corporatie-1"));
    let happened = Happened { parcels: Vec::new(), not_sent: vec![(whom, "geschorst".to_owned())] };
    let entropy = &mut Entropy::new([9; 32]);
    let fared = shadow(&set, (&admitted(&set), &case), &happened, at(NOW), entropy);
    assert_eq!(consequences(&fared), [to("corporatie-1", Consequence::Zelfde)]);
}

#[test]
fn what_went_by_a_glass_that_was_broken_later_is_no_difference() {
    let sleeps =
        purpose("politie", "zorg", THEME).replace("[velden]", "breekglas = true\n[velden]");
    let set = set(BOTH, &[("config/purposes/nood.toml", &sleeps)]);
    let later = "2026-11-23T13:00:00Z";
    let glass = Glass {
        recipient: partner_id("zorg-1"),
        since: at(later),
        until: at("2026-11-23T14:00:00Z"),
        ended: None,
    };
    let case = case(vec![glass]);
    let entropy = &mut Entropy::new([5; 32]);
    let made = dispatch(&set, &admitted(&set), &case, &BTreeSet::new(), at(later), entropy);
    let care = made.parcels.into_iter().find(|p| p.recipient == partner_id("zorg-1")).unwrap();
    let mut happened = happened(&set, &case);
    happened.parcels.push(Went {
        id: care.id,
        recipient: care.recipient,
        made_at: at(later),
        bytes: care.bytes,
        withheld: care.withheld,
        glass: true,
    });
    let fared = shadow(&set, (&admitted(&set), &case), &happened, at(NOW), entropy);
    assert!(fared.iter().all(|(_, d, _)| d.consequence == Consequence::Zelfde), "{fared:?}");
    assert_eq!(fared.len(), 2);
}
