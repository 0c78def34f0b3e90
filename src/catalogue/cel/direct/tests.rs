//! The short way and the interpreter give the same answer wherever the short way gives one.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::catalogue::cel::{CodeLists, Engine, EvalError, Expression, Scope};

fn engine() -> Engine {
    let list = [("a", "eerste"), ("b", "tweede")];
    let list = list.map(|(code, meaning)| (code.to_owned(), meaning.to_owned()));
    Engine::new(CodeLists::from([("proef#lijst".to_owned(), list.into())])).unwrap()
}

fn document() -> Value {
    json!({
        "tekst": "a", "leeg": "", "getal": 3, "komma": 2.5, "ja": true,
        "niets": null, "tijd": "2026-11-20T21:40:00+01:00",
        "obj": { "x": "b", "@id": "7" }, "lijst": ["a", null, { "x": 1 }],
        "mensen": [{ "rol": "x" }, { "rol": "y", "naam": "Y" }],
    })
}

/// Both ways, where there is a short one. (A whole number beyond 63 bits is copied exactly by the
/// short way only; the interpreter makes it a float.)
fn both(text: &str, scope: &Scope<'_, '_>) -> Option<[Result<Value, EvalError>; 2]> {
    let expression = Expression::compile(text, "proef").unwrap();
    expression.direct.as_ref()?;
    Some([expression.evaluate(scope), expression.interpret(scope)])
}

#[test]
fn plain_expressions_take_the_short_way() {
    let (engine, document) = (engine(), document());
    let mut scope = engine.scope();
    scope.bind("b", &document);
    for (text, expected) in [
        ("b.tekst", Ok(json!("a"))),
        ("b.obj['@id']", Ok(json!("7"))),
        ("b.lijst[0]", Ok(json!("a"))),
        ("b.lijst[9]", Err(EvalError::Absent)),
        ("b.weg", Err(EvalError::Absent)),
        ("b.niets", Err(EvalError::Absent)),
        ("has(b.niets)", Ok(json!(false))),
        ("has(b.obj.x)", Ok(json!(true))),
        ("has(b.weg.x)", Err(EvalError::Absent)),
        ("code('lijst', b.tekst)", Ok(json!("eerste"))),
        ("code('lijst', b.leeg)", Err(EvalError::UnknownCode)),
        ("code('lijst', b.leeg, 'anders')", Ok(json!("anders"))),
        ("code('lijst', b.weg, 'anders')", Err(EvalError::Absent)),
        ("naarStufTijd(b.tijd)", Ok(json!("20261120214000"))),
        ("hoofd(b.getal)", Err(EvalError::Failed)),
        ("b.tekst == 'a' ? 1 : 3", Ok(json!(1))),
        ("b.tekst in ['a', 'b'] && !b.ja", Ok(json!(false))),
        ("samen([b.tekst, b.leeg, null, b.obj.x], '-')", Ok(json!("a-b"))),
        ("samen([b.leeg], ' ')", Ok(Value::Null)),
        ("'urn:' + string(b.getal)", Ok(json!("urn:3"))),
        ("'@id' in b.obj ? b.obj['@id'] : null", Ok(json!("7"))),
        ("'niets' in b", Ok(json!(false))),
        ("leeg(b.leeg) && leeg(null) && !leeg(b.tekst)", Ok(json!(true))),
        ("hoofd(null) == null ? b.tekst : 'z'", Ok(json!("a"))),
        ("['vast', b.tekst, null, b.getal]", Ok(json!(["vast", "a", null, 3]))),
        ("b.mensen.filter(p, p.rol == 'y')[0].naam", Ok(json!("Y"))),
        ("b.mensen.filter(p, p.rol == 'y')[1].naam", Err(EvalError::Absent)),
        ("b.mensen.filter(p, p.rol == 'z')[0].naam", Err(EvalError::Absent)),
        ("has(b.mensen.filter(p, p.rol == 'x')[0].naam)", Ok(json!(false))),
        ("has(b.mensen.filter(p, p.rol == 'z')[0].naam)", Err(EvalError::Absent)),
        ("b.mensen.filter(p, p.naam == 'Y')[0].rol", Err(EvalError::Absent)),
        ("b.weg.filter(p, p.rol == 'x')[0].rol", Err(EvalError::Absent)),
        // CEL forgives a side that fails where the other one decides.
        ("b.weg == 'x' || b.ja", Ok(json!(true))),
        ("b.weg == 'x' && b.tekst == 'z'", Ok(json!(false))),
    ] {
        let [short, interpreted] = both(text, &scope).unwrap_or_else(|| panic!("{text}: no"));
        assert_eq!((&short, &interpreted), (&expected, &expected), "{text}");
    }
}

/// Expressions of the plain forms, over paths that are there, absent, null, or of another kind.
fn expressions() -> impl Strategy<Value = String> {
    let atoms = [
        "b.tekst",
        "b.leeg",
        "b.getal",
        "b.komma",
        "b.ja",
        "b.niets",
        "b.weg",
        "b.tijd",
        "b.obj",
        "b.obj.x",
        "b.obj.weg",
        "b.tekst.x",
        "b.lijst",
        "b.lijst[0]",
        "b.lijst[1]",
        "b.lijst[2].x",
        "b.lijst[7]",
        "'a'",
        "''",
        "3",
        "true",
        "null",
        "has(b.tekst)",
        "has(b.weg)",
        "has(b.weg.x)",
        "has(b.tekst.x)",
        "has(b.lijst[2].x)",
    ];
    proptest::sample::select(atoms.to_vec()).prop_map(str::to_owned).prop_recursive(4, 24, 3, |e| {
        prop_oneof![
            (e.clone(), e.clone()).prop_map(|(a, b)| format!("({a} == {b})")),
            (e.clone(), e.clone()).prop_map(|(a, b)| format!("({a} != {b})")),
            (e.clone(), e.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (e.clone(), e.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (e.clone(), e.clone()).prop_map(|(a, b)| format!("({a} + {b})")),
            (e.clone(), e.clone()).prop_map(|(a, b)| format!("samen([{a}, {b}], ' ')")),
            (e.clone(), e.clone(), e.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (e.clone(), e.clone()).prop_map(|(a, b)| format!("code('lijst', {a}, {b})")),
            e.clone().prop_map(|a| format!("code('lijst', {a})")),
            e.clone().prop_map(|a| format!("hoofd({a})")),
            e.clone().prop_map(|a| format!("zulu({a})")),
            e.clone().prop_map(|a| format!("string({a})")),
            e.clone().prop_map(|a| format!("tekst({a})")),
            e.clone().prop_map(|a| format!("!({a})")),
            e.clone().prop_map(|a| format!("leeg({a})")),
            e.clone().prop_map(|a| format!("({a} in b.obj)")),
            e.clone().prop_map(|a| format!("('x' in {a})")),
            (e.clone(), e.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            e.clone().prop_map(|a| format!("b.mensen.filter(p, {a} == p.rol)[0].naam")),
            e.clone().prop_map(|a| format!("b.mensen.filter(p, {a})[1].rol")),
            e.clone().prop_map(|a| format!("b.lijst.filter(p, {a})[2]")),
            e.clone().prop_map(|a| format!("has(b.mensen.filter(p, {a})[0].naam)")),
            e.prop_map(|a| format!("({a} in ['a', 'b'])")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_short_way_says_what_the_interpreter_says(text in expressions()) {
        let (engine, document) = (engine(), document());
        let mut scope = engine.scope();
        scope.bind("b", &document);
        if let Some([short, interpreted]) = both(&text, &scope) {
            prop_assert_eq!(short, interpreted, "{}", text);
        }
    }
}
