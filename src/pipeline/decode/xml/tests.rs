//! What an XML document may be, how it becomes a value, and where things are found in it.

use serde_json::json;

use super::*;
use crate::catalogue::Field;
use crate::message::Fault;

const STUF: &str = "http://www.egem.nl/StUF/StUF0301";

fn namespaces() -> Namespaces {
    Namespaces::new([
        ("soap", "http://schemas.xmlsoap.org/soap/envelope/"),
        ("zkn", "http://www.egem.nl/StUF/sector/zkn/0310"),
        ("stuf", STUF),
    ])
    .unwrap()
}

fn cap() -> Namespaces {
    Namespaces::new([("", "urn:oasis:names:tc:emergency:cap:1.2")]).unwrap()
}

fn object<const N: usize>(fields: [(&str, Shape); N]) -> Shape {
    let field = |(name, shape): (&str, Shape)| Field {
        name: name.to_owned(),
        required: false,
        shape,
        sensitive: None,
    };
    Shape::Object(fields.map(field).into())
}

fn list(item: Shape) -> Shape {
    Shape::Array(Box::new(item))
}

fn read(text: &str) -> Result<Tree<'_>, Refusal> {
    parse(text.as_bytes(), None, &namespaces(), &Limits::default())
}

fn value(text: &str, shape: &Shape) -> Value {
    read(text).unwrap().to_value(shape).unwrap()
}

/// Place and code of every violation, whether found while reading or while shaping.
fn found(text: &str) -> Vec<(String, String)> {
    let refusal = read(text).and_then(|tree| tree.to_value(&Shape::Any)).unwrap_err();
    refusal.violations.into_iter().map(|v| (v.place, v.code)).collect()
}

fn is(place: &str, code: &str) -> Vec<(String, String)> {
    vec![(place.to_owned(), code.to_owned())]
}

#[test]
fn a_stuf_message_gets_the_connectors_own_prefixes() {
    let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
  <s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
    <zakLk01 xmlns="http://www.egem.nl/StUF/sector/zkn/0310"
        xmlns:x="http://www.egem.nl/StUF/StUF0301"
        xsi:schemaLocation="a b">
      <stuurgegevens><x:berichtcode>Lk01</x:berichtcode></stuurgegevens>
      <object x:entiteittype="ZAK" naam="&quot;é&quot;">
        <huisletter x:noValue="geenWaarde" xsi:nil="true"/>
        <tekst><![CDATA[a < b]]> &amp; &#x65;<!-- stil -->&#233;</tekst>
      </object>
    </zakLk01>
  </s:Body>
</s:Envelope>"#;
    let tree = read(text).unwrap();
    assert_eq!(tree.root(), "soap:Envelope");
    let body = "/soap:Envelope/soap:Body";
    let code = format!("{body}/*/zkn:stuurgegevens/stuf:berichtcode");
    assert_eq!(tree.text_at(&code).as_deref(), Some("Lk01"));
    let kind = format!("{body}/zkn:zakLk01/zkn:object/@stuf:entiteittype");
    assert_eq!(tree.text_at(&kind).as_deref(), Some("ZAK"));
    assert_eq!(tree.text_at("/zkn:zakLk01"), None);
    assert_eq!(
        tree.to_value(&Shape::Any).unwrap(),
        json!({"soap:Envelope": {"soap:Body": {"zkn:zakLk01": {
            "zkn:stuurgegevens": {"stuf:berichtcode": "Lk01"},
            "zkn:object": {
                "@stuf:entiteittype": "ZAK",
                "@naam": "\"é\"",
                "zkn:tekst": "a < b & eé",
            },
        }}}})
    );
}

#[test]
fn the_shape_decides_what_is_a_list_a_number_or_an_object() {
    let shape = object([(
        "m",
        object([
            ("code", list(Shape::String)),
            ("persoon", list(object([("naam", Shape::String)]))),
            ("aantal", Shape::Integer),
            ("bedrag", Shape::Number),
            ("spoed", Shape::Boolean),
            ("leeg", Shape::String),
            ("extra", object([("@naam", Shape::String), ("#text", Shape::Integer)])),
            ("kaal", object([])),
        ]),
    )]);
    let text = "<m><code>a</code><persoon><naam>A</naam></persoon><aantal> 7 </aantal>\
        <bedrag>7.50</bedrag><spoed>1</spoed><leeg/><extra naam='x'>12</extra><kaal> </kaal>\
        <code>b</code><vreemd>x</vreemd></m>";
    assert_eq!(
        value(text, &shape),
        json!({"m": {
            "code": ["a", "b"], "persoon": [{"naam": "A"}], "aantal": 7, "bedrag": 7.5,
            "spoed": true, "leeg": "", "extra": {"@naam": "x", "#text": 12}, "kaal": {},
            "vreemd": "x",
        }})
    );
    // What does not fit stays what it is, so that the schema says so.
    assert_eq!(
        value("<m><aantal>zeven</aantal><leeg a='1'>x</leeg></m>", &shape),
        json!({"m": {"aantal": "zeven", "leeg": {"@a": "1", "#text": "x"}}})
    );
}

#[test]
fn what_the_structure_forbids_is_listed_at_once() {
    let shape = object([("m", object([("a", Shape::String), ("b", list(Shape::Any))]))]);
    let text = "<m>\n<a>1</a>\n<a>2</a>\n<b>x<c/></b>\n<b><c/>y</b></m>";
    let refusal = read(text).unwrap().to_value(&shape).unwrap_err();
    assert_eq!(refusal.fault, Fault::Ongeldig);
    let found: Vec<_> =
        refusal.violations.iter().map(|v| (v.place.as_str(), v.code.as_str())).collect();
    assert_eq!(
        found,
        [
            ("/m/a[2] (regel 3)", "herhaald-element"),
            ("/m/b[1] (regel 4)", "gemengde-inhoud"),
            ("/m/b[2] (regel 5)", "gemengde-inhoud"),
        ]
    );
}

#[test]
fn a_pointer_into_the_value_leads_back_to_the_document() {
    let text = "<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>\n<info>\n<area/></info>\n\
        <info>\n<area q='1'>\nx</area>\n</info>\n</alert>";
    let tree = parse(text.as_bytes(), None, &cap(), &Limits::default()).unwrap();
    assert_eq!(tree.place_of("/alert/info/1/area"), "/alert/info[2]/area (regel 5)");
    assert_eq!(tree.place_of("/alert/info/1/area/@q"), "/alert/info[2]/area/@q (regel 5)");
    assert_eq!(tree.place_of("/alert/info/1/area/#text"), "/alert/info[2]/area (regel 5)");
    assert_eq!(tree.place_of("/alert/info/0/event"), "/alert/info[1]/event (regel 2)");
    assert_eq!(tree.place_of("/alert/info/7/x~1y"), "/alert/info/x/y (regel 1)");
    assert_eq!(tree.place_of(""), "/alert (regel 1)");
}

#[test]
fn absent_by_nil_does_not_shift_the_places_of_others() {
    let text =
        "<m xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>\n<a i:nil='1'/>\n<a>x</a></m>";
    let tree = read(text).unwrap();
    let shape = object([("m", object([("a", list(Shape::String))]))]);
    assert_eq!(tree.to_value(&shape).unwrap(), json!({"m": {"a": ["x"]}}));
    assert_eq!(tree.place_of("/m/a/0"), "/m/a[2] (regel 3)");
}

#[test]
fn unknown_namespaces_are_reported_where_they_begin() {
    let text = "<m>\n<a xmlns='urn:x'><b/></a>\n<c xmlns:y='urn:y' y:d='1'/>\n</m>";
    let refusal = read(text).unwrap_err();
    assert_eq!(refusal.fault, Fault::Ongeldig);
    assert_eq!(
        found(text),
        [
            is("/m/a (regel 2)", "onbekende-naamruimte"),
            is("/m/c/@d (regel 3)", "onbekende-naamruimte")
        ]
        .concat()
    );
    // A CAP alert without its namespace is not a CAP alert.
    let refusal = parse(b"<alert/>", None, &cap(), &Limits::default()).unwrap_err();
    assert_eq!(refusal.violations[0].place, "/alert (regel 1)");
    assert_eq!(refusal.violations[0].code, "onbekende-naamruimte");
}

#[test]
fn the_billion_laughs_and_external_entities_are_refused() {
    let laughs = "<?xml version='1.0'?>\n<!DOCTYPE lolz [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>\n\
        <lolz>&b;</lolz>";
    assert_eq!(found(laughs), is("/ (regel 2)", "dtd"));
    let external = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>";
    assert_eq!(found(external), is("/ (regel 1)", "dtd"));
    assert_eq!(found("<!DOCTYPE x SYSTEM 'http://x/y.dtd'><x/>"), is("/ (regel 1)", "dtd"));
    assert_eq!(found("<!DOCTYPE x ["), is("/ (regel 1)", "dtd"));
    assert_eq!(found("<x>&e;</x>"), is("/x (regel 1)", "entiteit"));
    assert_eq!(found("<x a='&e;'/>"), is("/ (regel 1)", "entiteit"));
}

#[test]
fn references_are_to_characters_that_xml_has() {
    for reference in ["&#0;", "&#x0;", "&#1;", "&#xD800;", "&#xFFFE;", "&#;", "&#x;", "&#+5;", "&;"]
    {
        assert_eq!(found(&format!("<x>{reference}</x>")), is("/x (regel 1)", "entiteit"));
        assert_eq!(found(&format!("<x a='{reference}'/>")), is("/ (regel 1)", "entiteit"));
    }
    assert_eq!(found("<x>&lt</x>")[0].1, "entiteit");
    assert_eq!(value("<x>&#x1F600;&apos;</x>", &Shape::Any), json!({"x": "😀'"}));
}

#[test]
fn what_is_not_well_formed_is_refused_with_its_line() {
    for (text, place, code) in [
        ("<a>\n<b>", "/a/b (regel 2)", "niet-afgesloten"),
        ("<a><b></a>", "/a/b (regel 1)", "syntaxis"),
        ("<a/>\n<b/>", "/ (regel 2)", "buiten-het-element"),
        ("<a/>\ntekst", "/ (regel 1)", "buiten-het-element"),
        ("&amp;<a/>", "/ (regel 1)", "buiten-het-element"),
        ("<a/></a>", "/ (regel 1)", "syntaxis"),
        ("<a b='1' b='2'/>", "/ (regel 1)", "dubbel-attribuut"),
        ("<a b=1/>", "/ (regel 1)", "syntaxis"),
        ("<a b='<'/>", "/ (regel 1)", "syntaxis"),
        ("<1a/>", "/ (regel 1)", "naam"),
        ("<a:b:c/>", "/ (regel 1)", "naam"),
        ("<q:a/>", "/ (regel 1)", "voorvoegsel"),
        ("<a xmlns:q=''/>", "/ (regel 1)", "voorvoegsel"),
        ("<a>]]></a>", "/a (regel 1)", "syntaxis"),
        ("<?xml version='1.1'?><a/>", "/ (regel 1)", "xml-declaratie"),
        ("<a/><?xml version='1.0'?>", "/ (regel 1)", "xml-declaratie"),
        ("<a><?php x ?></a>", "/a (regel 1)", "verwerkingsinstructie"),
        ("<!-- -->", "/ (regel 1)", "syntaxis"),
        ("<a>\n\0</a>", "/ (regel 2)", "nul-teken"),
        ("<a>\u{1}</a>", "/ (regel 1)", "teken"),
        (" ", "", "leeg"),
        ("{}", "/ (regel 1)", "buiten-het-element"),
    ] {
        assert_eq!(found(text), is(place, code), "{text:?}");
    }
}

#[test]
fn attributes_that_are_the_same_by_two_prefixes_are_refused() {
    let text = format!("<a xmlns:p='{STUF}' xmlns:q='{STUF}' p:x='1' q:x='2'/>");
    assert_eq!(found(&text), is("/a (regel 1)", "dubbel-attribuut"));
}

#[test]
fn line_ends_and_attribute_space_read_as_xml_says() {
    let text = "<a b='x\r\n\ty&#10;'>1\r\n2\r3&#13;</a>";
    assert_eq!(value(text, &Shape::Any), json!({"a": {"@b": "x  y\n", "#text": "1\n2\n3\r"}}));
}

#[test]
fn utf_8_and_iso_8859_1_are_read_and_nothing_else() {
    let limits = Limits::default();
    let text = |bytes: &[u8], charset| {
        let tree = parse(bytes, charset, &namespaces(), &limits);
        tree.map(|tree| tree.text_at("/a").unwrap()).map_err(|refusal| refusal.fault)
    };
    let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>caf\xE9</a>";
    assert_eq!(text(latin, None).as_deref(), Ok("café"));
    assert_eq!(text(b"<a>caf\xE9</a>", Some("iso-8859-1")).as_deref(), Ok("café"));
    assert_eq!(text(latin, Some("utf-8")), Err(Fault::Onleesbaar), "the media type counts");
    assert_eq!(text(b"\xEF\xBB\xBF<a>caf\xC3\xA9</a>", None).as_deref(), Ok("café"));
    assert_eq!(text(b"<a>caf\xE9</a>", None), Err(Fault::Onleesbaar));
    assert_eq!(text(b"<a/>", Some("utf-16")), Err(Fault::Mediatype));
    assert_eq!(text(b"\xFF\xFE<\0a\0/\0>\0", None), Err(Fault::Mediatype));
    let windows = b"<?xml version='1.0' encoding='windows-1252'?><a/>";
    assert_eq!(text(windows, None), Err(Fault::Mediatype));
}

#[test]
fn depth_size_elements_attributes_and_namespaces_are_bounded() {
    let nested = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
    assert!(read(&nested(64)).is_ok());
    let refused = |text: &str| {
        let refusal = read(text).unwrap_err();
        assert_eq!(refusal.fault, Fault::TeGroot);
        refusal.violations[0].code.clone()
    };
    assert_eq!(refused(&nested(65)), "te-diep");
    assert_eq!(refused(&format!("<a>{}</a>", " ".repeat(1024 * 1024))), "te-groot");
    assert_eq!(refused(&format!("<a>{}</a>", "<b/>".repeat(100_000))), "te-veel-elementen");
    let attributes = |n: usize| (0..n).map(|n| format!(" b{n}='1'")).collect::<String>();
    assert!(read(&format!("<a{}/>", attributes(64))).is_ok());
    assert_eq!(refused(&format!("<a{}/>", attributes(65))), "te-veel-attributen");
    let prefixes = |n: usize| (0..n).map(|n| format!(" xmlns:b{n}='u'")).collect::<String>();
    let text = format!("<a{}><c{}/></a>", prefixes(40), prefixes(40));
    assert_eq!(refused(&text), "te-veel-naamruimten");
}

#[test]
fn many_violations_take_bounded_time_and_space() {
    let shape = object([("m", object([("a", Shape::String)]))]);
    let text = format!("<m>{}</m>", "<a/>".repeat(90_000));
    let refusal = read(&text).unwrap().to_value(&shape).unwrap_err();
    assert_eq!(refusal.violations.len(), 101);
}

#[test]
fn a_refusal_never_repeats_a_value() {
    let text = "<m>\n<bsn>999990342</bsn><bsn naam='Jansen'>999990342 <x/></bsn></m>";
    let shape = object([("m", object([("bsn", Shape::String)]))]);
    let refusal = read(text).unwrap().to_value(&shape).unwrap_err();
    let shown = format!("{refusal:?} {:?}", read(text).unwrap());
    assert!(!shown.contains("999990342") && !shown.contains("Jansen"));
}
