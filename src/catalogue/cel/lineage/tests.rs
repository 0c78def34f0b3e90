//! What expressions read, what they leave unguarded, and what is refused.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::catalogue::cel::{Engine, EvalError, Expression};
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
    let words = |paths: Vec<&Path>| {
        let texts = paths.into_iter().map(|path| path.generalised().to_string());
        texts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    };
    let gaps = lineage.unguarded.iter().map(|gap| &gap.path);
    (words(lineage.reads.iter().collect()), words(gaps.collect()))
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

/// Documents with and without each thing that can be absent at the top.
fn documents() -> Vec<serde_json::Value> {
    let addresses =
        [json!(null), json!({ "straat": "s" }), json!({ "straat": "s", "postcode": "p" })];
    let people = json!([{ "rol": "x", "bsn": "1", "naam": "n", "tel": [{ "nr": "112" }] },
        { "rol": "y", "bsn": "2" }]);
    let mut documents = Vec::new();
    for (id, theme) in [("x", json!("x")), ("y", json!("y")), ("x", json!(null))] {
        for address in &addresses {
            for people in [json!(null), json!([]), people.clone()] {
                documents.push(json!({ "id": id, "thema": theme, "adres": address,
                    "personen": people, "codes": ["n"] }));
            }
        }
    }
    documents
}

/// Whether it misses something in any document that fits the schema.
fn can_miss(text: &str) -> bool {
    let engine = Engine::new(BTreeMap::new()).unwrap();
    let expression = Expression::compile(text, "proef").unwrap();
    documents().iter().any(|document| {
        let mut scope = engine.scope();
        scope.bind("b", document);
        expression.evaluate(&scope) == Err(EvalError::Absent)
    })
}

/// Every shape of a guard, each where it guards and where it does not.
#[test]
fn a_guard_counts_only_where_it_is_known_to_have_held() {
    let (street, postcode) = ("b.adres.straat", "b.adres.postcode");
    let cases = [
        // The branches of a choice.
        ("has(b.thema) ? b.thema : 'z'", ""),
        ("has(b.thema) ? 'z' : b.thema", "b.thema"),
        ("!has(b.thema) ? 'z' : b.thema", ""),
        ("!has(b.thema) ? b.thema : 'z'", "b.thema"),
        ("!!has(b.thema) ? b.thema : 'z'", ""),
        ("b.id == 'x' ? has(b.thema) : b.thema == 'y'", "b.thema"),
        // Beside it is not below it.
        ("[has(b.thema) ? 'a' : 'z', b.thema]", "b.thema"),
        ("samen([has(b.thema) ? b.thema : null, b.id], ' ')", ""),
        // `&&` and `||`.
        ("has(b.thema) && b.thema == 'x'", ""),
        ("b.thema == 'x' && has(b.thema)", "b.thema"),
        ("b.id == 'x' && has(b.thema) && b.thema == 'x'", ""),
        ("!has(b.thema) && b.thema == 'x'", "b.thema"),
        ("!has(b.thema) || b.thema == 'x'", ""),
        ("has(b.thema) || b.thema == 'x'", "b.thema"),
        ("b.thema == 'x' || !has(b.thema)", "b.thema"),
        ("!has(b.thema) || b.id == 'x' || b.thema == 'x'", ""),
        ("!(has(b.thema) && b.id == 'x') || b.thema == 'x'", ""),
        ("!(!has(b.thema) || b.id == 'x') && b.thema == 'x'", ""),
        ("!(has(b.thema) || b.id == 'x') && b.thema == 'x'", "b.thema"),
        // What both sides agree on, and what only one of them says.
        ("has(b.thema) || b.id == 'x' ? b.thema : 'z'", "b.thema"),
        ("has(b.thema) && b.id == 'x' || has(b.thema) && b.id == 'y' ? b.thema : ''", ""),
        ("!has(b.thema) || !has(b.adres) ? 'z' : b.thema + b.adres.straat", ""),
        ("!has(b.thema) && !has(b.adres) ? 'z' : b.thema", "b.thema"),
        // A choice as a condition.
        ("(b.id == 'x' ? has(b.thema) : false) ? b.thema : 'z'", ""),
        ("(has(b.thema) ? b.id == 'x' : false) ? b.thema : 'z'", ""),
        ("(has(b.thema) ? true : b.id == 'x') ? b.thema : 'z'", "b.thema"),
        ("(has(b.thema) ? b.id == 'x' : true) ? 'z' : b.thema", ""),
        // Choices in choices.
        ("!has(b.adres) ? 'z' : has(b.thema) ? b.thema : b.adres.straat", ""),
        ("has(b.adres) ? (has(b.adres.postcode) ? b.adres.postcode : b.adres.straat) : 'z'", ""),
        ("has(b.adres) ? b.adres.straat : has(b.thema) ? b.thema : b.adres.straat", street),
        // An optional path of optional steps, and a guard that names the whole of it.
        ("has(b.adres) && has(b.adres.postcode) ? b.adres.postcode : ''", ""),
        ("has(b.adres) ? b.adres.postcode : ''", postcode),
        // Once the whole is there, so is what it stands in; but asking needs that already.
        ("has(b.adres.postcode) ? b.adres.straat + b.adres.postcode : ''", "b.adres"),
        // What has() has no name for.
        ("'@id' in b ? b['@id'] : ''", ""),
        ("'@id' in b && b['@id'] == 'x'", ""),
        ("!('@id' in b) ? b['@id'] : ''", "b.@id"),
        ("'thema' in b ? b['@id'] : b.thema", "b.@id b.thema"),
        ("b.id in ['thema'] ? b.thema : ''", "b.thema"),
        // An alias keeps what is known of it.
        ("(has(b.adres) && has(b.adres.postcode) ? b.adres : b.adres).postcode", postcode),
        ("has(b.adres) ? (has(b.adres.postcode) ? b.adres : b.adres).postcode : ''", postcode),
    ];
    for (text, expected) in cases {
        assert_eq!(reads(text).1, expected, "{text}");
        assert!(!expected.is_empty() || !can_miss(text), "{text}");
    }
}

#[test]
fn a_guard_on_one_element_says_nothing_about_another() {
    let cases = [
        // In the macros.
        (".exists(p, has(p.naam) && p.naam == 'x')", ""),
        (".exists(p, p.naam == 'x' && has(p.naam))", "b.personen[].naam"),
        (".exists(p, !has(p.naam) || p.naam == 'x')", ""),
        (".all(p, !has(p.naam) || p.naam == 'x')", ""),
        (".all(p, has(p.naam) || p.naam == 'x')", "b.personen[].naam"),
        (".map(p, has(p.naam) ? p.naam : p.rol)", ""),
        (".map(p, has(p.naam) ? p.rol : p.naam)", "b.personen[].naam"),
        (".map(p, has(p.naam), p.naam)", ""),
        (".map(p, !has(p.naam), p.naam)", "b.personen[].naam"),
        (".filter(p, has(p.naam) && p.naam == 'x')", ""),
        // Each that a filter lets through has what the filter asks for.
        (".filter(p, has(p.naam)).map(q, q.naam)", ""),
        (".filter(p, p.rol == 'x').map(q, q.naam)", "b.personen[].naam"),
        (".filter(p, !has(p.naam)).map(q, q.naam)", "b.personen[].naam"),
        (".filter(p, has(p.tel)).exists(q, q.tel.exists(t, t.nr == '112'))", ""),
        // Another element, though the same place in the source.
        (".exists(p, has(p.naam)) && b.personen.map(p, p.naam) == ['x']", "b.personen[].naam"),
        (".exists(p, has(p.naam) && b.personen.exists(q, q.naam == 'x'))", "b.personen[].naam"),
        (".exists(p, has(p.naam) && b.personen.exists(p, p.naam == 'x'))", "b.personen[].naam"),
        (".exists(p, has(p.naam) && b.codes.exists(c, c == p.naam))", "b.codes b.codes[]"),
        (".map(p, has(p.naam) ? p.naam : '')[0]", "b.personen[].naam"),
    ];
    for (text, expected) in cases {
        let text = format!("has(b.personen) ? (b.personen{text}) : []");
        assert_eq!(reads(&text).1, expected, "{text}");
        assert!(!expected.is_empty() || !can_miss(&text), "{text}");
    }
    let by_position = "b.personen[0].naam == 'x'";
    let asked = format!("has(b.personen[0].naam) && {by_position}");
    assert_eq!(reads(&asked).1, "b.personen[]", "has() itself needs the element");
    let other = asked.replace(by_position, "b.personen[1].naam == 'x'");
    assert_eq!(reads(&other).1, "b.personen[] b.personen[].naam");
}

#[test]
fn what_is_not_guarded_comes_with_the_guard_to_write() {
    let gap = |text: &str| lineage_of(text).unwrap().unguarded.pop_first().unwrap();
    let cases = [
        ("b.thema", Some("has(b.thema)")),
        ("b.adres.postcode", Some("has(b.adres) && has(b.adres.postcode)")),
        ("has(b.adres) ? b.adres.postcode : ''", Some("has(b.adres.postcode)")),
        ("b.codes.exists(c, c == 'x')", Some("has(b.codes)")),
        ("has(b.personen) && b.personen.exists(p, p.naam == 'x')", Some("has(p.naam)")),
        ("b['@id']", Some("'@id' in b")),
        // For this nothing can be written.
        ("has(b.personen) ? b.personen[0].rol : ''", None),
    ];
    for (text, guard) in cases {
        assert_eq!(gap(text).guard.as_deref(), guard, "{text}");
    }
    let field = gap("b.thema").in_field();
    let expected =
        "b.thema kan ontbreken; zet een ? achter het doel, of schrijf has(b.thema) ? … : …";
    assert_eq!(field, expected);
    assert_eq!(
        gap("b.thema").in_condition(),
        "b.thema kan ontbreken; schrijf has(b.thema) && ervoor"
    );
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
