//! What a recipient sees of a message: who grants what, and why the rest is withheld.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::catalogue::Catalogue;
use crate::catalogue::fixture::{at, catalogue, files, partner_id, purpose, put};
use crate::message::CaseState;
use crate::message::{
    CanonicalMessage, CaseId, CaseNumber, Effect, ExternalId, MessageKind, Usage,
};
use crate::pipeline::{explain_for, minimise_for};

const NOW: &str = "2026-11-23T12:00:00Z";

/// The set with these purposes, in place of its own.
fn with(purposes: &[(&str, String)]) -> Catalogue {
    let mut files = files();
    files.remove("config/purposes/doel.toml");
    files.insert("config/routes.toml".to_owned(), Vec::new());
    for (id, text) in purposes {
        put(&mut files, &format!("config/purposes/{id}.toml"), text);
    }
    catalogue(&files)
}

/// What a corporation gets of a message of the police, and what it does not, as `path reason`.
fn seen(catalogue: &Catalogue, data: &Value) -> Option<(Value, Vec<String>)> {
    let sender = &catalogue.partners[&partner_id("politie-1")];
    let recipient = &catalogue.partners[&partner_id("corporatie-1")];
    let message = message(data);
    let view = minimise_for(catalogue, &message, sender, recipient, &case(), at(NOW))?;
    // Whoever asks why is told of the same outcome.
    let why = explain_for(catalogue, &message, sender, recipient, &case(), at(NOW))?;
    assert_eq!(why.minimised.data, view.minimised.data);
    assert_eq!(why.minimised.withheld(), view.minimised.withheld());
    assert_eq!(why.minimised.purposes, view.minimised.purposes);
    let withheld = view.minimised.withheld().into_iter().map(|withheld| {
        let reason = serde_json::to_value(withheld.reason).unwrap();
        format!("{} {}", withheld.path, reason.as_str().unwrap())
    });
    Some((view.minimised.data.clone(), withheld.collect()))
}

/// As `seen`, for one purpose from police to corporation with these fields.
fn granted(fields: &str, data: &Value) -> (Value, Vec<String>) {
    let catalogue = with(&[("p", purpose("politie", "corporatie", fields))]);
    let (mut data, withheld) = seen(&catalogue, &whole(data)).unwrap();
    let object = data.as_object_mut().unwrap();
    for always in ["kenmerk", "gebruik", "tijdstip"] {
        object.remove(always).unwrap();
    }
    (data, withheld)
}

/// A message with what every message has.
fn whole(data: &Value) -> Value {
    let mut whole = json!({ "kenmerk": "PL-1", "gebruik": "echt", "tijdstip": NOW });
    whole.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    whole
}

fn message(data: &Value) -> CanonicalMessage {
    CanonicalMessage {
        sender: partner_id("politie-1"),
        origin: "politie".to_owned().try_into().unwrap(),
        connector: "politie".to_owned().try_into().unwrap(),
        kind: MessageKind { name: "signaal-gemeld".to_owned(), version: 1 },
        effect: Effect::Melding,
        external_id: ExternalId::new("1".to_owned()),
        usage: Usage::Echt,
        reference: "PL-1".to_owned(),
        theme: data.get("thema").and_then(Value::as_str).map(str::to_owned),
        urgent: false,
        references: Vec::new(),
        named_recipients: Vec::new(),
        confirmation: None,
        answer: None,
        data: data.clone(),
    }
}

fn case() -> CaseState {
    CaseState {
        id: CaseId::from(uuid::Uuid::nil()),
        number: CaseNumber::from_stored("C-1".to_owned()),
        usage: Usage::Echt,
        theme: None,
        participants: BTreeSet::new(),
        recipients: BTreeSet::new(),
        earlier: Vec::new(),
        glasses: Vec::new(),
    }
}

#[test]
fn nothing_is_granted_unless_a_purpose_names_it() {
    let data = json!({ "thema": "brand", "ernst": "hoog", "strafzaak": { "nummer": "1" } });
    let (left, withheld) = granted("'ernst' = 'houd'\n", &data);
    assert_eq!(left, json!({ "ernst": "hoog" }));
    assert_eq!(withheld, ["/thema geen-doelbinding", "/strafzaak geen-doelbinding"]);
}

#[test]
fn without_a_purpose_that_applies_a_recipient_gets_nothing_at_all() {
    let fields = "'thema' = 'houd'\n";
    let base = purpose("politie", "corporatie", fields);
    for (why, text, gets) in [
        ("as it is", base.clone(), true),
        ("another recipient", base.replace("[\"corporatie\"]", "[\"zorg\"]"), false),
        ("another origin", base.replace("[\"politie\"]", "[\"zorg\"]"), false),
        ("by name", base.replace("[\"politie\"]", "[\"politie-1\"]"), true),
        ("its theme", base.replace("[\"*\"]", "[\"brand\"]"), true),
        ("another theme", base.replace("[\"*\"]", "[\"overlast\"]"), false),
        ("ended yesterday", base.replace("2026-12-31", "2026-11-22"), false),
        ("ends today", base.replace("2026-12-31", "2026-11-23"), true),
        ("begins tomorrow", base.replace("2026-01-01", "2026-11-24"), false),
        ("a veto", base.replace("rol =", "voorwaarde = \"!has(b.ernst)\"\nrol ="), false),
        ("no veto", base.replace("rol =", "voorwaarde = \"has(b.ernst)\"\nrol ="), true),
    ] {
        let catalogue = with(&[("p", text)]);
        let data = whole(&json!({ "thema": "brand", "ernst": "hoog" }));
        assert_eq!(seen(&catalogue, &data).is_some(), gets, "{why}");
    }
}

#[test]
fn the_most_specific_path_decides() {
    let data = json!({ "locatie": { "gemeentecode": "0772", "postcode": "5611AB",
        "straat": "Markt" } });
    let fields = "'locatie' = 'houd'\n'locatie.postcode' = 'veralgemeen'\n\
                  'locatie.straat' = 'masker'\n";
    let (left, withheld) = granted(fields, &data);
    let place = json!({ "gemeentecode": "0772", "postcode": "5611", "straat": "***" });
    assert_eq!(left, json!({ "locatie": place }));
    assert_eq!(withheld, ["/locatie/postcode veralgemeend", "/locatie/straat gemaskeerd"]);
}

#[test]
fn free_text_must_be_named_exactly() {
    let data = json!({ "omschrijving": "…", "locatie": { "straat": "S", "aanduiding": "achterom" },
        "betrokkenen": [{ "rol": "melder", "toelichting": "bang" }] });
    let (left, withheld) = granted("'locatie' = 'houd'\n'betrokkenen[]' = 'houd'\n", &data);
    let expected = json!({ "locatie": { "straat": "S" }, "betrokkenen": [{ "rol": "melder" }] });
    assert_eq!(left, expected);
    assert_eq!(
        withheld,
        [
            "/omschrijving geen-doelbinding",
            "/locatie/aanduiding geen-doelbinding",
            "/betrokkenen/0/toelichting geen-doelbinding",
        ]
    );
    let named = "'omschrijving' = 'houd'\n'locatie' = 'houd'\n'locatie.aanduiding' = 'houd'\n\
                 'betrokkenen[].toelichting' = 'houd'\n'betrokkenen[].rol' = 'houd'\n";
    assert_eq!(granted(named, &data), (data, Vec::new()));
}

#[test]
fn a_bsn_needs_to_be_named_and_the_recipients_own_basis() {
    let data = whole(&json!({ "betrokkenen": [{ "rol": "melder", "bsn": "999990342" }] }));
    let named = "'betrokkenen[]' = 'houd'\n'betrokkenen[].bsn' = 'houd'\n";
    let basis = |text: String| text.replace("rol =", "bsnGrondslag = \"wet\"\nrol =");
    for (fields, with_basis, expected) in [
        (named, true, None),
        (named, false, Some("/betrokkenen/0/bsn geen-bsn-grondslag")),
        ("'betrokkenen[]' = 'houd'\n", true, Some("/betrokkenen/0/bsn geen-doelbinding")),
        ("'betrokkenen[]' = 'houd'\n", false, Some("/betrokkenen/0/bsn geen-doelbinding")),
    ] {
        let text = purpose("politie", "corporatie", fields);
        let catalogue = with(&[("p", if with_basis { basis(text) } else { text })]);
        let (left, withheld) = seen(&catalogue, &data).unwrap();
        assert_eq!(withheld.first().map(String::as_str), expected, "{fields} {with_basis}");
        let bsn = left.pointer("/betrokkenen/0/bsn").is_some();
        assert_eq!(bsn, expected.is_none(), "{fields} {with_basis}");
    }
    // The basis of one purpose does not serve the fields of another.
    let other = basis(purpose("politie", "corporatie", "'thema' = 'houd'\n"));
    let catalogue = with(&[("p", purpose("politie", "corporatie", named)), ("q", other)]);
    let (_, withheld) = seen(&catalogue, &data).unwrap();
    assert_eq!(withheld, ["/betrokkenen/0/bsn geen-bsn-grondslag"]);
}

#[test]
fn a_condition_decides_which_elements_are_shared() {
    let persons = json!({ "betrokkenen": [
        { "rol": "melder", "geboortedatum": "1984-03-09" },
        { "rol": "betrokkene", "geboortedatum": "1996-11-24" },
    ] });
    let fields = "'betrokkenen[].geboortedatum' = 'veralgemeen'\n[lijsten]\n\
                  'betrokkenen[]' = \"b.rol != 'melder'\"\n";
    let (left, withheld) = granted(fields, &persons);
    let person = json!({ "rol": "betrokkene", "geboortedatum": "20-29" });
    assert_eq!(left, json!({ "betrokkenen": [person] }));
    assert_eq!(
        withheld,
        ["/betrokkenen/0 rol-niet-gedeeld", "/betrokkenen/1/geboortedatum veralgemeend"]
    );
    // Another purpose that says nothing of persons does not change why one is left out.
    let catalogue = with(&[
        ("p", purpose("politie", "corporatie", fields)),
        ("q", purpose("politie", "corporatie", "'thema' = 'houd'\n")),
    ]);
    let (_, withheld) = seen(&catalogue, &whole(&persons)).unwrap();
    assert_eq!(withheld[0], "/betrokkenen/0 rol-niet-gedeeld");
}

#[test]
fn what_is_dropped_as_a_whole_is_told_once_at_its_highest_place() {
    let data = json!({
        "strafzaak": { "nummer": "1", "feiten": ["a", "b"] },
        "betrokkenen": [
            { "rol": "melder", "naam": { "geslachtsnaam": "X" },
              "contact": { "telefoon": "1", "email": "x@y" } },
        ],
    });
    let (_, withheld) = granted("'betrokkenen[].naam' = 'houd'\n", &data);
    let expected = ["/betrokkenen/0/contact geen-doelbinding", "/strafzaak geen-doelbinding"];
    assert_eq!(withheld, expected);
    let (left, withheld) = granted("'thema' = 'houd'\n", &data);
    assert_eq!(left, json!({}));
    assert_eq!(withheld, ["/betrokkenen geen-doelbinding", "/strafzaak geen-doelbinding"]);
}

#[test]
fn several_purposes_add_up_and_the_widest_treatment_wins() {
    let data = whole(&json!({ "thema": "brand", "locatie": { "postcode": "5611AB",
        "straat": "Markt" } }));
    let catalogue = with(&[
        ("a", purpose("politie", "corporatie", "'locatie.postcode' = 'veralgemeen'\n")),
        ("b", purpose("politie", "corporatie", "'thema' = 'houd'\n'locatie.straat' = 'masker'\n")),
        ("c", purpose("politie", "corporatie", "'locatie.straat' = 'houd'\n")),
        ("d", purpose("politie", "zorg", "'locatie' = 'houd'\n")),
    ]);
    let (left, withheld) = seen(&catalogue, &data).unwrap();
    assert_eq!(left["locatie"], json!({ "postcode": "5611", "straat": "Markt" }));
    assert_eq!(left["thema"], "brand");
    assert_eq!(withheld, ["/locatie/postcode veralgemeend"]);
}

/// A person and a place that came from a care provider.
fn from_zorg() -> Value {
    whole(&json!({ "betrokkenen": [
        { "rol": "melder", "geboortedatum": "1984-03-09", "herkomst": "zorg" },
    ], "locatie": { "straat": "Markt", "herkomst": "zorg" } }))
}

#[test]
fn data_of_another_origin_need_that_origins_purpose_as_well() {
    let data = from_zorg();
    let own = purpose("politie", "corporatie", "'betrokkenen[]' = 'houd'\n'locatie' = 'houd'\n");
    let zorg = |fields: &str| purpose("zorg", "corporatie", fields);
    let born = |left: &Value| left.pointer("/betrokkenen/0/geboortedatum").cloned();
    let street = |left: &Value| left.pointer("/locatie/straat").cloned();
    let all = (Some(json!("1984-03-09")), Some(json!("Markt")));
    for (why, purposes, expected, reasons) in [
        (
            "no purpose of that origin",
            vec![],
            (None, None),
            vec!["/locatie andere-herkomst", "/betrokkenen andere-herkomst"],
        ),
        (
            "the same fields",
            vec![zorg("'betrokkenen[]' = 'houd'\n'locatie' = 'houd'\n")],
            all.clone(),
            vec![],
        ),
        (
            "the list as a whole",
            vec![zorg("'betrokkenen' = 'houd'\n'locatie.straat' = 'houd'\n")],
            all.clone(),
            vec![],
        ),
        (
            "less of it",
            vec![zorg(
                "'betrokkenen[].geboortedatum' = 'veralgemeen'\n\
            'locatie' = 'houd'\n",
            )],
            (Some(json!("40-49")), Some(json!("Markt"))),
            vec!["/betrokkenen/0/geboortedatum veralgemeend"],
        ),
        (
            "not of this role",
            vec![zorg(
                "'betrokkenen[]' = 'houd'\n'locatie' = 'houd'\n[lijsten]\n\
            'betrokkenen[]' = \"b.rol == 'getuige'\"\n",
            )],
            (None, Some(json!("Markt"))),
            vec!["/betrokkenen andere-herkomst"],
        ),
        (
            "of both origins",
            vec![
                purpose("politie", "corporatie", "'thema' = 'houd'\n")
                    .replace("[\"politie\"]", "[\"politie\", \"zorg\"]")
                    .replace("'thema' = 'houd'\n", "'betrokkenen' = 'houd'\n'locatie' = 'houd'\n"),
            ],
            all.clone(),
            vec![],
        ),
    ] {
        let mut set = vec![("a", own.clone())];
        set.extend(purposes.into_iter().map(|text| ("b", text)));
        let (left, withheld) = seen(&with(&set), &data).unwrap();
        assert_eq!((born(&left), street(&left)), expected, "{why}");
        assert_eq!(withheld, reasons, "{why}");
        assert!(!left.to_string().contains("herkomst"), "{why}: the origin itself is not told");
    }
}

#[test]
fn the_purpose_of_the_other_origin_alone_gives_nothing() {
    let data = from_zorg();
    let zorg = |fields: &str| purpose("zorg", "corporatie", fields);
    let catalogue = with(&[
        ("a", purpose("politie", "corporatie", "'thema' = 'houd'\n")),
        ("b", zorg("'betrokkenen[]' = 'houd'\n'locatie' = 'houd'\n")),
    ]);
    let (left, _) = seen(&catalogue, &data).unwrap();
    assert_eq!(left.pointer("/betrokkenen/0/geboortedatum"), None);
    assert_eq!(left.pointer("/locatie/straat"), None);
}

#[test]
fn the_case_number_takes_the_place_of_the_senders_own_reference() {
    let data = whole(&json!({ "thema": "brand", "ontvangers": ["corporatie"] }));
    let seen_with = |fields: &str| {
        let catalogue = with(&[("p", purpose("politie", "corporatie", fields))]);
        seen(&catalogue, &data).unwrap()
    };
    let (left, withheld) = seen_with("'thema' = 'houd'\n");
    assert_eq!(left["kenmerk"], "C-1");
    assert_eq!(withheld, [""; 0], "neither that nor the steering fields are told as withheld");
    assert!(left.get("ontvangers").is_none());
    let (left, _) = seen_with("'thema' = 'houd'\n'kenmerk' = 'houd'\n");
    assert_eq!(left["kenmerk"], "PL-1");
}

#[test]
fn every_kept_field_names_the_purpose_that_granted_it() {
    let catalogue = with(&[
        ("a", purpose("politie", "corporatie", "'thema' = 'houd'\n")),
        ("b", purpose("politie", "corporatie", "'ernst' = 'houd'\n")),
        ("c", purpose("politie", "corporatie", "'strafzaak' = 'houd'\n")),
    ]);
    let data = whole(&json!({ "thema": "brand", "ernst": "hoog" }));
    let sender = &catalogue.partners[&partner_id("politie-1")];
    let recipient = &catalogue.partners[&partner_id("corporatie-1")];
    let message = message(&data);
    let view = explain_for(&catalogue, &message, sender, recipient, &case(), at(NOW)).unwrap();
    let purposes: Vec<&str> = view.purposes.iter().map(|purpose| purpose.id.as_str()).collect();
    assert_eq!(purposes, ["a", "b"], "c gave nothing of this message");
    let told: Vec<(&str, Option<&str>)> = view
        .decisions()
        .iter()
        .map(|d| (d.path.as_str(), d.purpose.as_ref().map(|purpose| purpose.as_str())))
        .collect();
    assert!(told.contains(&("/thema", Some("a"))) && told.contains(&("/ernst", Some("b"))));
}

/// A case in which the glass was broken for the corporation, for an hour before or after noon.
fn broken(since: &str, until: &str) -> CaseState {
    let recipient = partner_id("corporatie-1");
    let glass =
        crate::message::Glass { recipient, since: at(since), until: at(until), ended: None };
    CaseState { glasses: vec![glass], ..case() }
}

#[test]
fn what_sleeps_grants_nothing_until_the_glass_is_broken_and_nothing_after() {
    let sleeps = |fields: &str| {
        let more = "breekglas = true\nhoogstensMinuten = 30\n[velden]";
        purpose("politie", "corporatie", fields).replace("[velden]", more)
    };
    let usual = purpose("politie", "corporatie", "'thema' = 'houd'\n");
    let other = purpose("zorg", "corporatie", "'betrokkenen[].naam' = 'houd'\n");
    let person = "'ernst' = 'houd'\n'betrokkenen[].naam' = 'houd'\n'betrokkenen[].bsn' = 'houd'\n";
    let set = with(&[("nood", sleeps(person)), ("z", other), ("usual", usual)]);
    let asleep = with(&[("nood", sleeps(person))]);
    let name = json!({ "geslachtsnaam": "Jansen" });
    let data = whole(&json!({ "thema": "overlast", "ernst": "hoog", "betrokkenen": [
        { "rol": "bewoner", "naam": name, "bsn": "999990342" },
        { "rol": "bewoner", "naam": name, "herkomst": "zorg" },
    ]}));
    let message = message(&data);
    let parties = |set: &Catalogue| {
        let of = |id: &str| set.partners[&partner_id(id)].id.clone();
        (of("politie-1"), of("corporatie-1"))
    };
    let seen = |set: &Catalogue, case: &CaseState| {
        let (from, to) = parties(set);
        let (from, to) = (&set.partners[&from], &set.partners[&to]);
        let view = minimise_for(set, &message, from, to, case, at(NOW))?;
        let purposes = view.purposes.iter().map(|purpose| purpose.id.to_string()).collect();
        Some((view.minimised.data.clone(), purposes, view.glass))
    };
    let open = broken("2026-11-23T11:50:00Z", "2026-11-23T12:50:00Z");
    let (data, purposes, glass): (Value, Vec<String>, _) = seen(&set, &open).unwrap();
    assert_eq!((&data["ernst"], &data["thema"]), (&json!("hoog"), &json!("overlast")));
    let people = data["betrokkenen"].as_array().unwrap();
    assert_eq!(people.len(), 2, "of the other origin a purpose of that origin: {people:?}");
    assert!(!data.to_string().contains("999990342"), "no basis for the BSN");
    assert_eq!(purposes, ["usual", "nood"]);
    let glass = glass.unwrap();
    assert!(glass.used && glass.until == at("2026-11-23T12:20:00Z"), "{glass:?}");
    for (case, why) in [
        (case(), "nobody broke it"),
        (broken("2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z"), "it has ended"),
        (broken("2026-11-23T11:25:00Z", "2026-11-23T12:25:00Z"), "longer than this purpose may"),
        (broken("2026-11-23T12:30:00Z", "2026-11-23T13:30:00Z"), "the clock was set back"),
    ] {
        assert!(seen(&asleep, &case).is_none(), "{why}");
        let (data, purposes, glass) = seen(&set, &case).unwrap();
        assert!(data.get("ernst").is_none() && purposes == ["usual"] && glass.is_none(), "{why}");
    }
    let mut for_another = open;
    for_another.glasses[0].recipient = partner_id("zorg-1");
    assert!(seen(&asleep, &for_another).is_none(), "for another recipient");
}
