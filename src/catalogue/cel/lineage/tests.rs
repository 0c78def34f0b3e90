//! What expressions read, what they leave unguarded, and what is refused.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::catalogue::cel::Expression;
use crate::catalogue::shape_of::shape_of;

/// `b`: `id` is always there, and so are the fields of the elements but `naam` and `tel`.
fn variables() -> BTreeMap<String, Variable> {
    let schema = json!({
        "required": ["id"],
        "properties": {
            "id": { "type": "string" },
            "thema": { "type": "string" },
            "@id": { "type": "string" },
            "adres": {
                "required": ["straat"],
                "properties": {
                    "straat": { "type": "string" },
                    "postcode": { "type": "string" },
                },
            },
            "codes": { "type": "array", "items": { "type": "string" } },
            "personen": {
                "type": "array",
                "items": {
                    "required": ["rol", "bsn"],
                    "properties": {
                        "rol": { "type": "string" },
                        "bsn": { "type": "string" },
                        "naam": { "type": "string" },
                        "tel": {
                            "type": "array",
                            "items": {
                                "required": ["nr"],
                                "properties": { "nr": { "type": "string" } },
                            },
                        },
                    },
                },
            },
        },
    });
    let b = Variable { path: Path::root("b"), shape: shape_of(&schema, 100).unwrap() };
    BTreeMap::from([("b".to_owned(), b)])
}

fn lineage_of(text: &str) -> Result<Lineage, String> {
    Expression::compile(text, "proef").and_then(|expression| expression.lineage(&variables()))
}

/// What it reads and what of that is unguarded, as words.
fn reads(text: &str) -> (String, String) {
    let lineage = lineage_of(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    let words = |paths: &BTreeSet<Path>| {
        let texts = paths.iter().map(|path| path.generalised().to_string());
        texts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    };
    (words(&lineage.reads), words(&lineage.unguarded))
}

#[test]
fn every_place_that_can_change_the_outcome_is_read() {
    let cases = [
        ("b.id", "b.id"),
        ("b['@id']", "b.@id"),
        ("'vast'", ""),
        ("b.id + ' ' + b.thema", "b.id b.thema"),
        ("b.id == 'x' ? b.thema : 'z'", "b.id b.thema"),
        ("code('lijst', b.id, b.thema)", "b.id b.thema"),
        ("b.id.startsWith('x') && !(b.thema in ['y'])", "b.id b.thema"),
        ("size(b.personen)", "b.personen"),
        ("b.personen[0].naam", "b.personen[].naam"),
        ("[b.id, b.thema][1]", "b.id b.thema"),
        ("samen([b.id, has(b.thema) ? b.thema : null], ' ')", "b.id b.thema"),
    ];
    for (text, expected) in cases {
        assert_eq!(reads(text).0, expected, "{text}");
    }
}

#[test]
fn lists_are_read_by_the_fields_that_are_looked_at() {
    let list = "b.personen";
    let cases = [
        (".map(p, p.bsn)", "b.personen[].bsn"),
        (".filter(p, p.rol == 'x')[0].bsn", "b.personen[].bsn b.personen[].rol"),
        (".exists(p, p.rol == 'x')", "b.personen[].rol"),
        (".exists(p, has(p.naam))", "b.personen[].naam"),
        (".filter(p, p.rol == 'x')", "b.personen[] b.personen[].rol"),
        // What looks at no element still depends on how many there are.
        (".map(p, 'vast')", "b.personen"),
        (
            ".exists(p, has(p.tel) && p.tel.exists(t, t.nr == '112'))",
            "b.personen[].tel b.personen[].tel[].nr",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(reads(&format!("{list}{text}")).0, expected, "{text}");
    }
}

#[test]
fn what_can_be_absent_must_be_guarded() {
    let cases = [
        ("b.id", ""),
        ("b.thema", "b.thema"),
        ("b.adres.straat", "b.adres.straat"),
        ("has(b.thema) ? b.thema : 'z'", ""),
        ("has(b.adres) ? b.adres.straat : 'z'", ""),
        // The street is there where the address is; the postcode has to be asked for as well.
        ("has(b.adres) ? b.adres.postcode : 'z'", "b.adres.postcode"),
        ("has(b.adres) && has(b.adres.postcode) ? b.adres.postcode : 'z'", ""),
        // `has()` itself fails where what stands before the last point is absent.
        ("has(b.adres.postcode)", "b.adres"),
        ("b.personen[0].bsn", "b.personen[].bsn"),
        ("b.personen.exists(p, p.rol == 'x')", "b.personen b.personen[].rol"),
        ("has(b.personen) && b.personen.exists(p, p.naam == 'x')", "b.personen[].naam"),
        ("has(b.personen) && b.personen.exists(p, has(p.naam) && p.naam == 'x')", ""),
        // Read twice, in one way that is always there and in one that is not.
        (
            "has(b.personen) ? b.personen.map(p, p.bsn)[0] + b.personen[0].bsn : ''",
            "b.personen[].bsn",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(reads(text).1, expected, "{text}");
    }
}

#[test]
fn only_a_bare_path_is_a_copy() {
    let copies = |text: &str| lineage_of(text).unwrap().copies.map(|path| path.to_string());
    assert_eq!(copies("b.adres.straat").as_deref(), Some("b.adres.straat"));
    assert_eq!(copies("b.personen[1].bsn").as_deref(), Some("b.personen[1].bsn"));
    assert_eq!(copies("hoofd(b.id)"), None);
    assert_eq!(copies("b.id == 'x' ? b.id : b.id"), None);
}

#[test]
fn what_cannot_be_known_beforehand_is_refused() {
    let cases = [
        ("b.temha", "onbekend pad b.temha: het schema kent hier geen temha; bedoelde u thema?"),
        ("b.adres.plaats", "onbekend pad b.adres.plaats: het schema kent hier geen plaats"),
        ("b.id.deel", "onbekend pad b.id.deel: volgens het schema heeft b.id geen velden"),
        (
            "has(b.themas)",
            "onbekend pad b.themas: het schema kent hier geen themas; \
            bedoelde u thema?",
        ),
        ("c.id", "onbekende naam c; bedoelde u b?"),
        ("raad(b.id)", "onbekende functie raad"),
        (
            "b.codes[size(b.codes) - 1]",
            "een berekende index kan niet; gebruik een vast getal, \
            filter of code",
        ),
        ("b.id[0]", "b.id is volgens het schema geen lijst"),
        (
            "b.personen.rol",
            "onbekend pad b.personen.rol: volgens het schema heeft b.personen \
            geen velden",
        ),
        ("{'a': b.id}", "een object als waarde kan niet; geef elk veld een eigen regel"),
        (
            "b.codes.exists(x, b.codes.exists(y, b.codes.exists(z, x == z)))",
            "filter, map en exists mogen 2 diep in elkaar staan",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(lineage_of(text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn an_expression_that_is_no_cel_is_refused_without_a_stack_of_lines() {
    for text in ["b.", "b.id ==", "'open", &"x".repeat(2_001)] {
        let problem = Expression::compile(text, "proef").unwrap_err();
        assert!(!problem.contains('\n') && problem.chars().count() < 200, "{problem}");
    }
}

#[test]
fn a_path_touches_what_it_is_holds_or_stands_in() {
    let path = |names: &[&str]| {
        names.iter().fold(Path::root("b"), |path, name| {
            path.then(name.parse().map_or_else(|_| Step::Field((*name).to_owned()), Step::At))
        })
    };
    let person = path(&["personen", "3", "naam"]);
    assert!(person.touches(&path(&["personen"])) && path(&["personen"]).touches(&person));
    assert!(person.touches(&path(&["personen", "0", "naam"])), "any element stands for all");
    assert!(!person.touches(&path(&["personen", "3", "bsn"])));
    assert!(!person.touches(&Path { root: "h".to_owned(), ..person.clone() }));
}
