use serde_json::json;

use super::*;
use crate::pipeline::WithheldReason;

fn at(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Turned::default();
    compare(Some(old), Some(new), "", &mut found);
    found.all().into_iter().collect()
}

#[test]
fn documents_differ_at_paths_without_indexes_or_values() {
    let table = [
        (json!({"a": 1}), json!({"a": 1}), vec![]),
        (json!({"a": 1}), json!({"a": 2}), vec!["/a"]),
        (json!({"a": 1}), json!({"b": 1}), vec!["/a", "/b"]),
        // What comes or goes is named by its leaves.
        (json!({}), json!({"p": {"naam": "x", "bsn": "y"}}), vec!["/p/bsn", "/p/naam"]),
        (json!({"l": [1, 2, 3]}), json!({"l": [1, 9, 8]}), vec!["/l/*"]),
        (
            json!({"l": [{"n": 1}]}),
            json!({"l": [{"n": 1}, {"n": 2, "m": 3}]}),
            vec!["/l/*/m", "/l/*/n"],
        ),
        (json!({"l": []}), json!({}), vec!["/l"]),
        (json!({"o": {}}), json!({}), vec!["/o"]),
        // Another kind of value.
        (json!({"a": {"b": 1}}), json!({"a": [1]}), vec!["/a"]),
        (json!({"a": "geheim"}), json!({"a": {"b": 1}}), vec!["/a"]),
        (json!({"a": null}), json!({}), vec!["/a"]),
        (json!({"x/y": 1, "t~": 1}), json!({"x/y": 2, "t~": 2}), vec!["/t~0", "/x~1y"]),
        (json!("geheim"), json!("ander"), vec!["/"]),
    ];
    for (old, new, wanted) in table {
        assert_eq!(at(&old, &new), wanted, "{old} {new}");
        assert_eq!(at(&new, &old), wanted, "the other way round");
    }
}

#[test]
fn a_path_comes_goes_or_has_another_value() {
    let old = json!({"a": 1, "gaat": {"x": 1}, "l": [1]});
    let new = json!({"a": 2, "komt": {"y": 1}, "l": [1, 2]});
    let mut found = Turned::default();
    compare(Some(&old), Some(&new), "", &mut found);
    let paths = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&found.more), ["/komt/y", "/l/*"]);
    assert_eq!(paths(&found.fewer), ["/gaat/x"]);
    assert_eq!(paths(&found.other), ["/a"]);
}

#[test]
fn places_of_violations_lose_their_indexes() {
    let table = [
        ("/a/0/b", "/a/*/b"),
        ("/alert/info[2]/area (regel 12)", "/alert/info/area"),
        ("", "/"),
        ("rij 3, kolom postcode", "rij 3, kolom postcode"),
    ];
    for (place, wanted) in table {
        assert_eq!(any_index(place), wanted);
    }
}

fn version<'a>(bytes: &'a str, withheld: &'a [Withheld]) -> Version<'a> {
    Version { bytes: bytes.as_bytes(), withheld }
}

#[test]
fn every_pair_of_then_and_now_has_its_consequence() {
    let violation = Violation::new("/p/3/x", "type", "nl", "en");
    let failure = Failure {
        recipient: "wonen".parse().unwrap(),
        reason: "schema-uit",
        violations: vec![violation],
    };
    let doc = |text| Today::Document(version(text, &[]));
    let sent = Some(version("a", &[]));
    let table = [
        (sent, doc("a"), Consequence::Zelfde, vec![], vec![]),
        (sent, doc("b"), Consequence::Anders, vec!["/"], vec![]),
        (None, doc("a"), Consequence::Nieuw, vec![], vec![]),
        (sent, Today::Nothing("geen-route"), Consequence::NietMeer, vec![], vec!["geen-route"]),
        (None, Today::Nothing("geschorst"), Consequence::NietTeMaken, vec![], vec!["geschorst"]),
        (
            sent,
            Today::Failure(&failure),
            Consequence::NietTeMaken,
            vec!["/p/*/x"],
            vec!["schema-uit"],
        ),
    ];
    for (sent, today, consequence, fields, reasons) in table {
        let found = difference(None, sent, today);
        assert_eq!(found.consequence, consequence, "{today:?}");
        assert_eq!(found.fields.iter().collect::<Vec<_>>(), fields, "{today:?}");
        assert_eq!(found.reasons.iter().collect::<Vec<_>>(), reasons, "{today:?}");
    }
}

#[test]
fn what_is_withheld_since_then_is_a_reason() {
    let withheld = |path: &str, reason| Withheld { path: path.to_owned(), reason };
    let then = [withheld("/a", WithheldReason::GeenDoelbinding)];
    let now = [
        withheld("/a", WithheldReason::GeenDoelbinding),
        withheld("/b", WithheldReason::GeenBsnGrondslag),
    ];
    let today = Today::Document(version("y", &now));
    let found = difference(None, Some(version("x", &then)), today);
    assert_eq!(found.reasons.into_iter().collect::<Vec<_>>(), ["geen-bsn-grondslag"]);
}

#[test]
fn a_tally_adds_up_in_any_order_and_has_a_bound() {
    let group = Group { partner: None, kind: Some("signaal-gemeld.v1".into()), reason: None };
    let wonen: PartnerId = "wonen-zuid".parse().unwrap();
    let change = |names: &[&str]| Difference {
        fields: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Difference::plain(Consequence::Anders)
    };
    let (mut one, mut other) = (Tally::default(), Tally::default());
    one.add(&group, Some(&wonen), &change(&["/a", "/b"]));
    one.add(&group, None, &Difference::because(Consequence::NietTeMaken, "gewist"));
    other.add(&group, Some(&wonen), &change(&["/b"]));
    let mut sum = one.clone();
    sum.merge(other.clone());
    other.merge(one);
    assert_eq!(sum, other);
    let line = sum.0.iter().find(|line| line.recipient.is_some()).unwrap();
    assert_eq!((line.count, line.fields["/a"], line.fields["/b"]), (2, 1, 2));
    let told = serde_json::to_value(&sum).unwrap();
    assert_eq!(serde_json::from_value::<Tally>(told).unwrap(), sum);

    let many: Vec<String> = (0..NAMES_MAX + 7).map(|n| format!("/{n:04}")).collect();
    for name in &many {
        sum.add(&group, Some(&wonen), &change(&[name]));
    }
    let line = sum.0.iter().find(|line| line.recipient.is_some()).unwrap();
    assert_eq!(line.fields.len(), NAMES_MAX + 1);
    assert_eq!(line.fields[BEYOND], 9);
}
