//! An object as XML: the way back of `decode::xml`, with the connector's own prefixes.
//!
//! `@x` is an attribute, `#text` the text, a list repeats its element, null is left out. Nothing
//! is indented: white space could be content.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::catalogue::schema::At;
use crate::catalogue::{Namespaces, XSI_URI, is_xml_name};
use crate::message::Violation;
use crate::pipeline::decode::xml::text::is_xml_text;

/// Documents come from mappings, which are far less deep; this only bounds the recursion.
const DEPTH_MAX: usize = 126;

/// A document in UTF-8. The value has a single key, the root; namespaces that occur are declared
/// there.
pub fn xml(value: &Value, namespaces: &Namespaces) -> Result<Vec<u8>, Vec<Violation>> {
    let mut writer = Writer {
        out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"),
        namespaces,
        used: vec![false; namespaces.iter().count()],
        xsi: false,
        wrong: Vec::new(),
    };
    let root = value.as_object().filter(|object| object.len() == 1);
    let Some((name, content)) = root.and_then(|object| object.iter().next()) else {
        writer.fail(&At::Root, "wortel", "A document needs exactly one root element.");
        return Err(writer.wrong);
    };
    let at = At::Field(&At::Root, name);
    if matches!(content, Value::Array(_) | Value::Null) {
        writer.fail(&at, "wortel", "The root element can neither repeat nor be absent.");
    } else {
        let declarations_at = writer.out.len() + 1 + name.len();
        writer.element(name, content, &at, 1);
        let declarations = writer.declarations();
        writer.out.insert_str(declarations_at, &declarations);
    }
    if writer.wrong.is_empty() { Ok(writer.out.into_bytes()) } else { Err(writer.wrong) }
}

struct Writer<'a> {
    out: String,
    namespaces: &'a Namespaces,
    used: Vec<bool>,
    xsi: bool,
    wrong: Vec<Violation>,
}

impl Writer<'_> {
    fn element(&mut self, name: &str, value: &Value, at: &At<'_>, depth: usize) {
        if depth > DEPTH_MAX {
            return self.fail(at, "te-diep", "The document is nested too deep.");
        }
        self.check_name(name, at);
        self.out.extend(["<", name]);
        match value {
            Value::Object(fields) => self.object(name, fields, at, depth),
            Value::Array(_) => self.fail(at, "lijst", "A list cannot hold a list directly."),
            scalar => {
                self.out.push('>');
                self.text(&plain(scalar), at);
                self.close(name);
            }
        }
    }

    fn object(&mut self, name: &str, fields: &Map<String, Value>, at: &At<'_>, depth: usize) {
        for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            if let Some(attribute) = key.strip_prefix('@') {
                self.attribute(attribute, value, &At::Field(at, key));
            }
        }
        self.out.push('>');
        let is_child = |key: &str| !key.starts_with('@') && key != "#text";
        let mut children = fields.iter().filter(|(key, value)| is_child(key) && !value.is_null());
        match fields.get("#text") {
            None | Some(Value::Null) => {
                children.for_each(|(key, value)| self.child(key, value, at, depth));
            }
            Some(text) => {
                let at = At::Field(at, "#text");
                if children.next().is_some() || text.is_array() || text.is_object() {
                    let en = "Text and elements cannot be mixed, nor text be anything but text.";
                    self.fail(&at, "gemengde-inhoud", en);
                }
                self.text(&plain(text), &at);
            }
        }
        self.close(name);
    }

    fn child(&mut self, key: &str, value: &Value, at: &At<'_>, depth: usize) {
        let at = At::Field(at, key);
        match value {
            Value::Array(items) => {
                for (nth, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
                    self.element(key, item, &At::Element(&at, nth), depth + 1);
                }
            }
            single => self.element(key, single, &at, depth + 1),
        }
    }

    fn attribute(&mut self, name: &str, value: &Value, at: &At<'_>) {
        if value.is_array() || value.is_object() {
            return self.fail(at, "attribuut", "An attribute cannot hold a list or object.");
        }
        if !name.contains(':') {
            // An unprefixed attribute is in no namespace, whatever the default is.
            if !is_xml_name(name) || name == "xmlns" {
                self.fail(at, "naam", "This is not a name that an attribute can have.");
            }
        } else {
            self.check_name(name, at);
        }
        let text = plain(value);
        self.check_text(&text, at);
        self.out.extend([" ", name, "=\""]);
        self.escaped(&text, &['&', '<', '>', '\r', '"', '\t', '\n']);
        self.out.push('"');
    }

    fn text(&mut self, text: &str, at: &At<'_>) {
        self.check_text(text, at);
        self.escaped(text, &['&', '<', '>', '\r']);
    }

    fn escaped(&mut self, text: &str, special: &[char]) {
        for part in text.split_inclusive(special) {
            let mut plain = part.chars();
            let escape = match plain.next_back().filter(|last| special.contains(last)) {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('\r') => "&#13;",
                Some('\n') => "&#10;",
                Some('\t') => "&#9;",
                Some(_) => "&quot;",
                None => {
                    self.out.push_str(part);
                    continue;
                }
            };
            self.out.extend([plain.as_str(), escape]);
        }
    }

    fn close(&mut self, name: &str) {
        self.out.extend(["</", name, ">"]);
    }

    /// Notes the namespace of a name as used, or that the connector has no such prefix.
    fn check_name(&mut self, name: &str, at: &At<'_>) {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        if !is_xml_name(local) || (name.contains(':') && !is_xml_name(prefix)) {
            return self.fail(at, "naam", "This is not a name that XML can have.");
        }
        let position = self.namespaces.prefix_position(prefix);
        match position.and_then(|position| self.used.get_mut(position)) {
            Some(used) => *used = true,
            None if prefix == "xsi" => self.xsi = true,
            None if prefix.is_empty() || prefix == "xml" => {}
            None => self.fail(at, "voorvoegsel", "The connector has no such prefix."),
        }
    }

    fn check_text(&mut self, text: &str, at: &At<'_>) {
        if !is_xml_text(text) {
            self.fail(at, "teken", "The text has a character that XML 1.0 cannot carry.");
        }
    }

    fn declarations(&self) -> String {
        let used = self.namespaces.iter().zip(&self.used).filter(|(_, used)| **used);
        let xsi = self.xsi.then_some(("xsi", XSI_URI));
        used.map(|(pair, _)| pair)
            .chain(xsi)
            .map(|(prefix, uri)| {
                let colon = if prefix.is_empty() { "" } else { ":" };
                let uri = uri.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
                format!(" xmlns{colon}{prefix}=\"{uri}\"")
            })
            .collect()
    }

    fn fail(&mut self, at: &At<'_>, code: &str, en: &str) {
        let nl = "Dit veld past niet in de XML van deze koppeling.";
        self.wrong.push(Violation::new(at.pointer(), code, nl, en));
    }
}

/// A scalar as text; lists and objects are refused where this is called.
fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(_) | Value::Number(_) => Cow::Owned(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Cow::Borrowed(""),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn namespaces() -> Namespaces {
        Namespaces::new([("", "urn:cap"), ("stuf", "urn:stuf"), ("ongebruikt", "urn:x")]).unwrap()
    }

    fn places(value: &Value) -> Vec<(String, String)> {
        let wrong = xml(value, &namespaces()).unwrap_err();
        wrong.into_iter().map(|v| (v.place, v.code)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(place, code)| (place.to_string(), code.to_string())).collect()
    }

    #[test]
    fn an_object_is_written_in_its_own_order_with_the_namespaces_it_uses() {
        let value = json!({"alert": {
            "b": ["één", 2, true],
            "@stuf:x": "a\"<&>\n",
            "leeg": "",
            "weg": null,
            "a": {"#text": "x\r]]>", "@xml:lang": "nl"},
        }});
        let text = String::from_utf8(xml(&value, &namespaces()).unwrap()).unwrap();
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <alert xmlns=\"urn:cap\" xmlns:stuf=\"urn:stuf\" \
             stuf:x=\"a&quot;&lt;&amp;&gt;&#10;\"><b>één</b><b>2</b><b>true</b><leeg></leeg>\
             <a xml:lang=\"nl\">x&#13;]]&gt;</a></alert>"
        );
    }

    #[test]
    fn what_xml_cannot_carry_is_named_at_once() {
        let value = json!({"alert": {
            "a": ["goed", "bel \u{7}"],
            "b": {"@x": "\u{0}", "@y": []},
            "c d": 1,
            "vreemd:e": 1,
            "f": {"#text": "x", "g": 1},
            "h": [[1]],
            "@xmlns": "urn:y",
        }});
        let expected = pairs(&[
            ("/alert/@xmlns", "naam"),
            ("/alert/a/1", "teken"),
            ("/alert/b/@x", "teken"),
            ("/alert/b/@y", "attribuut"),
            ("/alert/c d", "naam"),
            ("/alert/vreemd:e", "voorvoegsel"),
            ("/alert/f/#text", "gemengde-inhoud"),
            ("/alert/h/0", "lijst"),
        ]);
        assert_eq!(places(&value), expected);
    }

    #[test]
    fn a_document_has_one_root() {
        assert_eq!(places(&json!({})), pairs(&[("", "wortel")]));
        assert_eq!(places(&json!({"a": 1, "b": 2})), pairs(&[("", "wortel")]));
        assert_eq!(places(&json!({"a": [1]})), pairs(&[("/a", "wortel")]));
        let deep = (0..200).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert_eq!(places(&deep)[0].1, "te-diep");
    }
}
