//! What `check` says of a mapping, at which line and column, and what a mapping makes.

use serde_json::{Value, json};

use super::{Mapping, Run, Source};
use crate::catalogue::cel::{CodeLists, Engine};
use crate::catalogue::problem::Files;
use crate::catalogue::shape::Shape;
use crate::catalogue::shape_of::shape_of;

fn shape(schema: &Value) -> Shape {
    shape_of(schema, 100).unwrap()
}

/// A source with a list of persons, each with a list of numbers.
fn source() -> Shape {
    shape(&json!({
        "required": ["id", "soort"],
        "properties": {
            "id": { "type": "string" },
            "soort": { "type": "string" },
            "thema": { "type": "string" },
            "codes": { "type": "array", "items": { "type": "string" } },
            "personen": { "type": "array", "items": {
                "required": ["rol"],
                "properties": {
                    "rol": { "type": "string" },
                    "naam": { "type": "string" },
                    "tel": { "type": "array", "items": {
                        "required": ["nr"],
                        "properties": { "nr": { "type": "string" } },
                    } },
                },
            } },
        },
    }))
}

fn target() -> Shape {
    shape(&json!({
        "required": ["nummer"],
        "properties": {
            "nummer": { "type": "string" },
            "plek": { "properties": {
                "straat": { "type": "string" },
                "plaats": { "type": "string" },
            } },
            "codes": { "type": "array", "items": { "type": "string" } },
            "mensen": { "type": "array", "items": {
                "required": ["rol"],
                "properties": {
                    "rol": { "type": "string" },
                    "van": { "type": "string" },
                    "naam": { "type": "string" },
                    "bellen": { "type": "array", "items": {
                        "properties": {
                            "nr": { "type": "string" },
                            "wie": { "type": "string" },
                            "nog": { "type": "array", "items": { "properties": {
                                "x": { "type": "string" },
                            } } },
                        },
                    } },
                },
            } },
        },
    }))
}

fn load(text: &str, codes: &mut CodeLists) -> Result<Mapping, Vec<String>> {
    let files = Files::from([("m.toml".to_owned(), text.as_bytes().to_vec())]);
    let (document, target) = (source(), target());
    let hub = shape(&json!({ "required": ["casus"], "properties": { "casus": {
        "type": "string" } } }));
    let sides = Source { document: &document, hub: &hub, earlier: None, target: &target };
    Mapping::load(&files, "m.toml", sides, codes)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// The only problem of a mapping, without its file.
fn problem(text: &str) -> String {
    let problems = load(text, &mut CodeLists::new()).expect_err(text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].trim_start_matches("m.toml").trim_start_matches(':').trim_start().to_owned()
}

/// Runs a mapping, whose `nummer` is given, over a document.
fn run(text: &str, document: &Value) -> Result<Value, Vec<(String, String)>> {
    let mut codes = CodeLists::new();
    let mapping = load(text, &mut codes).unwrap_or_else(|problems| panic!("{problems:?}"));
    let engine = Engine::new(codes).unwrap();
    let hub = json!({ "casus": "C-1" });
    let made = Run::new(&mapping, &engine).document(&[("b", document), ("h", &hub)]);
    made.map(|(made, _)| made)
        .map_err(|found| found.into_iter().map(|v| (v.place, v.code)).collect())
}

#[test]
fn check_points_at_the_line_and_column_of_what_is_wrong_with_a_field() {
    let with = |line: &str| format!("[velden]\nnummer = \"b.id\"\n{line}\n");
    for (line, expected) in [
        ("'plek.straat' = \"b.\"", "3:17: geen geldige uitdrukking: "),
        (
            "'plek.straat?' = \"b.tema\"",
            "3:18: onbekend pad b.tema: het schema kent hier geen \
            tema; bedoelde u thema? [pad]",
        ),
        ("'plek.straat?' = \"raad(b.id)\"", "3:18: onbekende functie raad [pad]"),
        (
            "'plek.straat' = \"b.thema\"",
            "3:17: b.thema kan ontbreken; zet een ? achter het doel, \
            of schrijf has(b.thema) ? … : … [kan-ontbreken]",
        ),
        (
            "'plek.straat' = \"has(b.thema) ? 'x' : b.thema\"",
            "3:17: b.thema kan ontbreken; zet een ? achter het doel, \
            of schrijf has(b.thema) ? … : … [kan-ontbreken]",
        ),
        (
            "'plek.straat' = \"code('x', b.id)\"",
            "3:17: onbekende codelijst x; zet haar in \
            [codes.x] [codelijst]",
        ),
        (
            "'plek.straat' = \"code(b.id, b.id)\"",
            "3:17: code() begint met de naam van een lijst \
            tussen aanhalingstekens [uitdrukking]",
        ),
        (
            "'plek.staat' = \"b.id\"",
            "3:1: het schema van het doel kent geen staat; bedoelde u \
            straat? [doel]",
        ),
        (
            "'plek.straat.nr' = \"b.id\"",
            "3:1: nr kan hier niet: het schema heeft daarboven geen \
            velden [doel]",
        ),
        ("plek = \"b.id\"", "3:1: dit doel is een object; vul zijn velden [doel]"),
        ("'plek..straat' = \"b.id\"", "3:1: dit doel heeft een leeg stuk [doel]"),
        ("'nummer?' = \"b.id\"", "3:1: nummer wordt op twee manieren gevuld [doel]"),
    ] {
        let found = problem(&with(line));
        assert!(found.starts_with(expected), "{line}\n{found}\n{expected}");
    }
}

#[test]
fn check_points_at_what_is_wrong_with_a_list() {
    let list = |lines: &str| format!("[velden]\nnummer = \"b.id\"\n[[lijst]]\n{lines}");
    let rol = "[lijst.velden]\nrol = \"'x'\"\n";
    for (lines, expected) in [
        (
            "doel = \"plek\"\nbron = \"b.personen\"\n",
            "4:8: dit doel is volgens het schema geen \
            lijst [doel]",
        ),
        (
            "doel = \"mensen\"\nbron = \"b.id\"\n",
            "5:8: b.id is volgens het schema geen lijst \
            [lijst]",
        ),
        (
            "doel = \"mensen\"\nbron = \"b.personen.map(p, p.rol)\"\n",
            "5:8: de bron van een lijst \
            is een pad, of een pad met filter() [lijst]",
        ),
        (
            "doel = \"mensen\"\nbron = \"b.personen\"\nwaar = \"e.naam == 'x'\"\n",
            "6:8: \
            b.personen[].naam kan ontbreken; schrijf has(e.naam) && ervoor [kan-ontbreken]",
        ),
        (
            "doel = \"mensen\"\nbron = \"b.personen.filter(p, p.naam == 'x')\"\n",
            "5:8: \
            b.personen[].naam kan ontbreken; schrijf has(p.naam) && ervoor [kan-ontbreken]",
        ),
    ] {
        let found = problem(&list(&format!("{lines}{rol}")));
        assert!(found.starts_with(expected), "{lines}\n{found}\n{expected}");
    }
    let deep = list(
        "doel = \"mensen\"\nbron = \"b.personen\"\n[lijst.velden]\nrol = \"e.rol\"\n\
         [[lijst.lijst]]\ndoel = \"bellen\"\nbron = \"e.tel\"\n[[lijst.lijst.lijst]]\n\
         doel = \"nog\"\n",
    );
    assert_eq!(problem(&deep), "12:8: lijsten mogen 2 diep in elkaar staan [lijst]");
}

#[test]
fn a_required_target_needs_a_line_that_always_fills_it() {
    let expected = "het schema van het doel vraagt nummer; vul het met een regel zonder ? \
                    [doel-verplicht]";
    assert_eq!(problem("[velden]\n'plek.straat' = \"b.id\"\n"), expected);
    assert_eq!(problem("[velden]\n'nummer?' = \"b.id\"\n"), expected);
    let list = "[velden]\nnummer = \"b.id\"\n[[lijst]]\ndoel = \"mensen\"\n\
                bron = \"b.personen\"\n[lijst.velden]\n'naam?' = \"e.naam\"\n";
    assert!(problem(list).contains("vraagt mensen[].rol"));
}

#[test]
fn what_a_recipient_got_before_is_known_to_outbound_mappings_only() {
    let text = "[velden]\nnummer = \"b.id\"\n'plek.straat' = \"eerder[0].zending\"\n";
    assert!(problem(text).starts_with("3:17: onbekende naam eerder"));
    let listed = "[velden]\nnummer = \"b.id\"\n[[lijst]]\ndoel = \"mensen\"\n\
        bron = \"eerder\"\nals = \"z\"\n[lijst.velden]\nrol = \"z.bericht\"\n";
    let files = Files::from([("m.toml".to_owned(), listed.into())]);
    let (document, target, earlier) = (source(), target(), crate::catalogue::facts::earlier());
    let earlier = Some(&earlier);
    let sides = Source { document: &document, hub: &Shape::Any, earlier, target: &target };
    let mapping = Mapping::load(&files, "m.toml", sides, &mut CodeLists::new()).unwrap();
    assert!(mapping.reads("eerder") && !mapping.reads("h"));
    let rule = mapping.rules.iter().find(|rule| rule.text == "z.bericht").unwrap();
    let reads: Vec<String> = rule.reads.iter().map(ToString::to_string).collect();
    assert_eq!(reads, ["eerder[].bericht"]);

    let engine = Engine::new(CodeLists::new()).unwrap();
    let (b, before) = (json!({ "id": "1" }), json!([{ "bericht": "x" }, { "bericht": "y" }]));
    let made = Run::new(&mapping, &engine).document(&[("b", &b), ("eerder", &before)]);
    assert_eq!(made.unwrap().0["mensen"], json!([{ "rol": "x" }, { "rol": "y" }]));
}

#[test]
fn a_file_that_is_no_mapping_is_refused_where_it_breaks() {
    assert!(problem("[velden]\nnummer = b.id\n").starts_with("2:10: geen geldige inhoud"));
    assert!(problem("[velde]\nnummer = \"b.id\"\n").starts_with("1:2: onbekende sleutel `velde`"));
    let missing = Mapping::load(
        &Files::new(),
        "m.toml",
        Source { document: &source(), hub: &Shape::Any, earlier: None, target: &target() },
        &mut CodeLists::new(),
    );
    assert_eq!(missing.unwrap_err()[0].code, "bestand-ontbreekt");
}

#[test]
fn what_is_absent_is_left_out_and_so_is_the_object_around_it() {
    let mapping = "[velden]\nnummer = \"b.id\"\n'plek.straat?' = \"b.thema\"\n\
                   'plek.plaats?' = \"klein(b.thema)\"\n";
    let bare = json!({ "nummer": "1" });
    assert_eq!(run(mapping, &json!({ "id": "1", "soort": "s" })), Ok(bare.clone()));
    let null = json!({ "id": "1", "soort": "s", "thema": null });
    assert_eq!(run(mapping, &null), Ok(bare), "null counts as absent");
    let full = json!({ "id": "1", "soort": "s", "thema": "Brand" });
    let expected = json!({ "nummer": "1", "plek": { "straat": "Brand", "plaats": "brand" } });
    assert_eq!(run(mapping, &full), Ok(expected));
}

#[test]
fn the_target_is_in_the_order_of_its_schema_not_of_the_mapping() {
    let mapping = "[velden]\n'codes?' = \"b.codes\"\n'plek.plaats' = \"'P'\"\n\
                   'plek.straat' = \"h.casus\"\nnummer = \"b.id\"\n";
    let made = run(mapping, &json!({ "id": "1", "soort": "s", "codes": ["b", "a"] })).unwrap();
    let text = r#"{"nummer":"1","plek":{"straat":"C-1","plaats":"P"},"codes":["b","a"]}"#;
    assert_eq!(made.to_string(), text);
}

#[test]
fn what_a_line_without_question_mark_cannot_fill_refuses_the_message() {
    let mapping = "[velden]\nnummer = \"code('n', b.id)\"\n'plek.straat' = \"\
                   has(b.thema) ? code('n', b.thema) : hoofd(b.soort)\"\n\
                   [codes.n]\n1 = \"een\"\n";
    let refused = |document: Value| run(mapping, &document).unwrap_err();
    let unknown = |place: &str| (place.to_owned(), "onbekende-code".to_owned());
    assert_eq!(
        refused(json!({ "id": "9", "soort": "s", "thema": "8" })),
        [unknown("/nummer"), unknown("/plek/straat")],
        "all at once"
    );
    let missing = refused(json!({ "id": "1" }));
    assert_eq!(missing, [("/plek/straat".to_owned(), "bron-ontbreekt".to_owned())]);
    let wrong = refused(json!({ "id": "1", "soort": 7 }));
    assert_eq!(wrong, [("/plek/straat".to_owned(), "vertaling".to_owned())]);
}

#[test]
fn lists_follow_their_source_with_a_condition_and_lists_within() {
    let mapping = r#"
[velden]
nummer = "b.id"
[[lijst]]
doel = "mensen"
bron = "b.personen.filter(x, x.rol != 'weg')"
als = "p"
waar = "!has(p.naam) || p.naam != 'geheim'"
[lijst.velden]
rol = "p.rol"
van = "b.id"
"naam?" = "p.naam"
[[lijst.lijst]]
doel = "bellen"
bron = "p.tel"
als = "t"
[lijst.lijst.velden]
nr = "t.nr"
"wie?" = "p.naam"
[[lijst]]
doel = "mensen"
waar = "has(b.thema)"
[lijst.velden]
rol = "'thema'"
"#;
    let document = json!({ "id": "1", "soort": "s", "thema": "t", "personen": [
        { "rol": "a", "naam": "Ann", "tel": [{ "nr": "1" }, { "nr": "2" }] },
        { "rol": "weg", "naam": "Wim" },
        { "rol": "b", "naam": "geheim" },
        { "rol": "c", "tel": [] },
    ] });
    let mensen = json!([
        { "rol": "a", "van": "1", "naam": "Ann", "bellen": [
            { "nr": "1", "wie": "Ann" }, { "nr": "2", "wie": "Ann" },
        ] },
        { "rol": "c", "van": "1" },
        { "rol": "thema" },
    ]);
    assert_eq!(run(mapping, &document), Ok(json!({ "nummer": "1", "mensen": mensen })));
    let nobody = json!({ "id": "1", "soort": "s" });
    assert_eq!(run(mapping, &nobody), Ok(json!({ "nummer": "1" })));
}

#[test]
fn a_list_within_a_list_of_the_same_source_copies_from_its_own_element() {
    let mapping = r#"
[velden]
nummer = "b.id"
[[lijst]]
doel = "mensen"
bron = "b.personen"
als = "z"
[lijst.velden]
rol = "z.rol"
[[lijst.lijst]]
doel = "bellen"
bron = "b.personen"
als = "a"
[lijst.lijst.velden]
nr = "a.rol"
wie = "z.rol"
"#;
    let document = json!({ "id": "1", "soort": "s", "personen": [{ "rol": "x" }, { "rol": "y" }] });
    let made = run(mapping, &document).unwrap();
    let pairs = json!([{ "nr": "x", "wie": "x" }, { "nr": "y", "wie": "x" }]);
    assert_eq!(made.pointer("/mensen/0/bellen"), Some(&pairs));
}

#[test]
fn a_source_list_that_is_too_long_is_refused_never_cut_off() {
    let mapping = "[velden]\nnummer = \"b.id\"\n[[lijst]]\ndoel = \"mensen\"\n\
                   bron = \"b.personen\"\n[lijst.velden]\nrol = \"e.rol\"\n";
    let persons = |count: usize| {
        let persons = vec![json!({ "rol": "a" }); count];
        json!({ "id": "1", "soort": "s", "personen": persons })
    };
    let made = run(mapping, &persons(10_000)).unwrap();
    assert_eq!(made["mensen"].as_array().map(Vec::len), Some(10_000));
    let refused = run(mapping, &persons(10_001)).unwrap_err();
    assert_eq!(refused, [("/mensen".to_owned(), "te-veel".to_owned())]);
}

#[test]
fn a_rule_lists_what_it_reads_with_the_conditions_of_its_lists() {
    let mapping = load(
        "[velden]\nnummer = \"b.id\"\n[[lijst]]\ndoel = \"mensen\"\n\
         bron = \"b.personen.filter(p, p.rol == 'x')\"\nwaar = \"has(b.thema)\"\n\
         [lijst.velden]\nrol = \"'x'\"\n'naam?' = \"e.naam\"\n",
        &mut CodeLists::new(),
    )
    .unwrap();
    let told: Vec<String> = mapping
        .rules
        .iter()
        .map(|rule| {
            let reads: Vec<String> = rule.reads.iter().map(ToString::to_string).collect();
            format!("{}:{} {} <- {}", mapping.file, rule.line, rule.target, reads.join(", "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "m.toml:2 doel.nummer <- b.id",
            "m.toml:9 doel.mensen[].naam <- b.personen[].naam, b.personen[].rol, b.thema",
            "m.toml:8 doel.mensen[].rol <- b.personen[].rol, b.thema",
        ]
    );
}
