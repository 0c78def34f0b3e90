//! The fixed prefixes by which a connector names the XML namespaces that it knows.
//!
//! A document may use any prefix it likes: what counts is the URI. Schemas and mappings can only
//! speak of elements when every URI has one fixed prefix, and that is what this table gives.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

/// The namespaces of a connector: fixed prefix and URI, read from a table *prefix = URI*.
///
/// The prefix `""` is the default namespace: its elements are named without a prefix. A connector
/// that has one cannot name elements that are in no namespace at all. `xml` and `xsi` are always
/// known and need not be listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespaces(Vec<(String, String)>);

/// Why a table of namespaces is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamespacesError {
    #[error("prefix {0:?} is not an xml name without a colon, or is reserved")]
    Prefix(String),
    #[error("prefix {0:?} occurs twice")]
    PrefixTwice(String),
    #[error("namespace of prefix {0:?} is empty or reserved")]
    Uri(String),
    #[error("namespace of prefix {0:?} already has another prefix")]
    UriTwice(String),
}

/// The namespace of `xml:lang` and its kin (Namespaces in XML 1.0 §3).
pub const XML_URI: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of `xsi:nil` and `xsi:schemaLocation` (XML Schema 1.0 §2.6).
pub const XSI_URI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XMLNS_URI: &str = "http://www.w3.org/2000/xmlns/";

impl Namespaces {
    /// A table from pairs of prefix and URI; refuses what would make names ambiguous.
    pub fn new<P, U>(pairs: impl IntoIterator<Item = (P, U)>) -> Result<Self, NamespacesError>
    where
        P: Into<String>,
        U: Into<String>,
    {
        let mut table = Self::default();
        for (prefix, uri) in pairs {
            table.add(prefix.into(), uri.into())?;
        }
        Ok(table)
    }

    /// Where a URI stands in the table.
    pub fn position(&self, uri: &str) -> Option<usize> {
        self.0.iter().position(|(_, known)| known == uri)
    }

    /// The prefix and the URI at a position.
    pub fn get(&self, position: usize) -> Option<(&str, &str)> {
        self.0.get(position).map(|(prefix, uri)| (prefix.as_str(), uri.as_str()))
    }

    /// The position of a prefix in the table.
    pub fn prefix_position(&self, prefix: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == prefix)
    }

    /// Whether unprefixed names belong to a namespace.
    pub fn has_default(&self) -> bool {
        self.prefix_position("").is_some()
    }

    /// All pairs of prefix and URI, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(prefix, uri)| (prefix.as_str(), uri.as_str()))
    }

    fn add(&mut self, prefix: String, uri: String) -> Result<(), NamespacesError> {
        let reserved = matches!(prefix.as_str(), "xml" | "xmlns")
            || (prefix == "xsi") != (uri == XSI_URI)
            || !(prefix.is_empty() || is_xml_name(&prefix));
        if reserved {
            return Err(NamespacesError::Prefix(prefix));
        }
        if uri.is_empty() || uri == XML_URI || uri == XMLNS_URI {
            return Err(NamespacesError::Uri(prefix));
        }
        if self.prefix_position(&prefix).is_some() {
            return Err(NamespacesError::PrefixTwice(prefix));
        }
        if self.position(&uri).is_some() {
            return Err(NamespacesError::UriTwice(prefix));
        }
        self.0.push((prefix, uri));
        Ok(())
    }
}

/// Whether this is an XML name without a colon (Namespaces in XML 1.0, production NCName).
pub fn is_xml_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(starts_name) && chars.all(continues_name)
}

fn starts_name(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}'
        | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
        | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn continues_name(c: char) -> bool {
    starts_name(c)
        || matches!(c,
            '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

impl<'de> Deserialize<'de> for Namespaces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = Namespaces;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of prefix = \"namespace uri\"")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Namespaces, A::Error> {
                let mut table = Namespaces::default();
                while let Some((prefix, uri)) = map.next_entry::<String, String>()? {
                    table.add(prefix, uri).map_err(A::Error::custom)?;
                }
                Ok(table)
            }
        }
        deserializer.deserialize_map(Table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Settings {
        namespaces: Namespaces,
    }

    #[test]
    fn a_connector_lists_its_namespaces_in_toml() {
        let text = "[namespaces]\n\"\" = \"urn:cap\"\nstuf = \"urn:stuf\"\n";
        let settings: Settings = toml::from_str(text).unwrap();
        let table = settings.namespaces;
        assert!(table.has_default());
        assert_eq!(table.position("urn:stuf").and_then(|at| table.get(at)).unwrap().0, "stuf");
        assert_eq!(table.position("urn:ander"), None);
    }

    #[test]
    fn a_table_that_would_make_names_ambiguous_is_refused() {
        let refused = |pairs: &[(&str, &str)]| Namespaces::new(pairs.iter().copied()).unwrap_err();
        assert_eq!(refused(&[("a", "u"), ("a", "v")]), NamespacesError::PrefixTwice("a".into()));
        assert_eq!(refused(&[("a", "u"), ("b", "u")]), NamespacesError::UriTwice("b".into()));
        assert_eq!(refused(&[("a", "")]), NamespacesError::Uri("a".into()));
        assert_eq!(refused(&[("xml", "u")]), NamespacesError::Prefix("xml".into()));
        assert_eq!(refused(&[("xsi", "u")]), NamespacesError::Prefix("xsi".into()));
        assert_eq!(refused(&[("a:b", "u")]), NamespacesError::Prefix("a:b".into()));
        assert!(toml::from_str::<Settings>("[namespaces]\na = \"u\"\nb = \"u\"\n").is_err());
    }
}
