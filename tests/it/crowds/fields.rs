//! Which fields of a document differ, in the formats of the shipped connectors.

use schakel::catalogue::Catalogue;
use schakel::pipeline::{Consequence, Today, Version, difference};

/// Documents that go out are read by the schema they were made under: XML, CSV and JSON.
#[test]
fn documents_of_every_format_are_compared_field_by_field() {
    let files = schakel::settings::shipped();
    let catalogue = Catalogue::parse(&files).expect("the shipped set");
    let table = [
        ("brandweer", "uit-gemeld-politie/native.xml", "Eindhoven", "/alert/info/senderName"),
        ("woningcorporatie-csv", "bericht-woonoverlast/native.csv", "Eindhoven", "/plaats"),
        ("gemeente", "van-politie/native.json", "Gestel", "/signaal/locatie/adres/straat"),
    ];
    for (id, example, word, path) in table {
        let connector = catalogue.connectors.values().find(|c| c.id.as_str() == id);
        let text = &files[&format!("connectors/{id}/examples/{example}")];
        let text = std::str::from_utf8(text).expect("text");
        let other = text.replace(word, "9876");
        assert_ne!(text, other, "{id} has no {word}");
        let version = |text| Version { bytes: str::as_bytes(text), withheld: &[] };
        let (sent, today) = (Some(version(text)), Today::Document(version(&other)));
        let found = difference(connector, sent, today);
        assert_eq!(found.consequence, Consequence::Anders);
        assert!(found.fields.contains(path), "{id}: {found:?}");
        assert!(!found.fields.contains("/"), "{id}: {found:?}");
    }
}
