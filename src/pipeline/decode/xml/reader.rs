//! From text to tree: well-formedness, limits, and prefixes replaced by the connector's own.
//!
//! quick-xml splits the text and pairs the tags. It leaves to others, so done here: names,
//! references, namespaces, a single root, and that the document was closed at all.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::{BytesDecl, BytesStart, Event};

use super::super::Limits;
use super::super::findings::{Findings, tame};
use super::Element;
use super::scope::{Scope, Space};
use super::text::is_xml_char;
use super::value::is_blank;
use crate::catalogue::{Namespaces, is_xml_name};
use crate::message::{Fault, Refusal};

pub(super) fn read<'t>(
    text: &'t str,
    ns: &Namespaces,
    limits: &Limits,
) -> Result<Element<'t>, Refusal> {
    let mut reader = Reader::from_str(text);
    let mut builder = Builder {
        limits,
        scope: Scope::new(ns, limits.namespaces_max),
        open: Vec::new(),
        root: None,
        elements: 0,
        line: 1,
        unknown_at: None,
        findings: Findings::new(limits),
    };
    let mut at = 0;
    loop {
        let event = reader.read_event().map_err(|error| builder.broken(&error))?;
        let begin = at;
        at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        if matches!(event, Event::Eof) {
            break;
        }
        let span = text.get(begin..at).unwrap_or_default();
        builder.event(event, span, begin == 0)?;
        builder.line += span.bytes().filter(|byte| *byte == b'\n').count();
    }
    builder.finish()
}

struct Builder<'a, 't> {
    limits: &'a Limits,
    scope: Scope<'a>,
    open: Vec<Element<'t>>,
    root: Option<Element<'t>>,
    elements: usize,
    line: usize,
    /// How deep the outermost open element of an unknown namespace is: one finding is enough.
    unknown_at: Option<usize>,
    findings: Findings,
}

/// Why a document cannot be read on.
pub(super) struct Reason {
    pub(super) fault: Fault,
    pub(super) code: &'static str,
    pub(super) nl: &'static str,
    pub(super) en: &'static str,
}

impl Reason {
    pub(super) const fn unreadable(code: &'static str, nl: &'static str, en: &'static str) -> Self {
        Self { fault: Fault::Onleesbaar, code, nl, en }
    }
}

const SYNTAX: Reason =
    Reason::unreadable("syntaxis", "Dit is geen geldige XML.", "This is not well-formed XML.");
const NAME: Reason =
    Reason::unreadable("naam", "Dit is geen geldige XML-naam.", "This is not a valid XML name.");
const TWICE: Reason = Reason::unreadable(
    "dubbel-attribuut",
    "Dit element heeft een attribuut meer dan een keer.",
    "This element has an attribute more than once.",
);
const REFERENCE: Reason = Reason::unreadable(
    "entiteit",
    "Alleen de vijf vaste entiteiten en geldige tekenverwijzingen zijn toegestaan.",
    "Only the five predefined entities and valid character references are allowed.",
);
const DTD: Reason = Reason::unreadable(
    "dtd",
    "Een documenttypedefinitie (DOCTYPE) is niet toegestaan.",
    "A document type definition (DOCTYPE) is not allowed.",
);
const INSTRUCTION: Reason = Reason::unreadable(
    "verwerkingsinstructie",
    "Verwerkingsinstructies zijn niet toegestaan.",
    "Processing instructions are not allowed.",
);
const OUTSIDE: Reason = Reason::unreadable(
    "buiten-het-element",
    "Er staat inhoud buiten het ene hoofdelement.",
    "There is content outside the single root element.",
);
const UNCLOSED: Reason = Reason::unreadable(
    "niet-afgesloten",
    "Het document is niet afgesloten.",
    "The document is not closed.",
);
const UNKNOWN: Reason = Reason::unreadable(
    "onbekende-naamruimte",
    "De naamruimte (xmlns) hoort niet bij deze koppeling.",
    "The namespace (xmlns) is not one of this connector's.",
);

impl<'t> Builder<'_, 't> {
    /// Takes an event and the part of the text that it is.
    fn event(&mut self, event: Event<'t>, span: &'t str, first: bool) -> Result<(), Refusal> {
        match event {
            Event::Start(start) => self.start(&start, span),
            Event::Empty(start) => self.start(&start, span).map(|()| self.end()),
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|_| self.stop(SYNTAX))?;
                if text.contains("]]>") {
                    return Err(self.stop(SYNTAX));
                }
                self.text(text, true)
            }
            Event::CData(text) => {
                let text = text.decode().map_err(|_| self.stop(SYNTAX))?;
                self.text(text, false)
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|_| self.stop(REFERENCE))?;
                let c = character(&name).ok_or_else(|| self.stop(REFERENCE))?;
                self.text(Cow::Owned(c.to_string()), false)
            }
            Event::Decl(declaration) => self.declaration(&declaration, first),
            Event::PI(_) => Err(self.stop(INSTRUCTION)),
            Event::DocType(_) => Err(self.stop(DTD)),
            Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn text(&mut self, text: Cow<'t, str>, may_be_outside: bool) -> Result<(), Refusal> {
        match self.open.last_mut() {
            // White space between elements is layout.
            Some(element) if !element.children.is_empty() && is_blank(&text) => {}
            Some(element) if element.text.is_empty() => element.text = text,
            Some(element) => element.text.to_mut().push_str(&text),
            None if may_be_outside && text.trim_ascii().is_empty() => {}
            None => return Err(self.stop(OUTSIDE)),
        }
        Ok(())
    }

    fn declaration(&self, declaration: &BytesDecl<'_>, first: bool) -> Result<(), Refusal> {
        match declaration.version() {
            Ok(version) if first && version.as_ref() == b"1.0" => Ok(()),
            _ => Err(self.stop(Reason::unreadable(
                "xml-declaratie",
                "De XML-declaratie moet vooraan staan en versie 1.0 noemen.",
                "The XML declaration must come first and name version 1.0.",
            ))),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, span: &'t str) -> Result<(), Refusal> {
        if self.root.is_some() {
            return Err(self.stop(OUTSIDE));
        }
        self.within_limits()?;
        // The name stands behind the `<`.
        let raw = span.get(1..=start.name().as_ref().len()).ok_or_else(|| self.stop(NAME))?;
        let (prefix, local) = qualified(raw).ok_or_else(|| self.stop(NAME))?;
        let attributes = self.attributes(start)?;

        self.scope.enter();
        for (name, uri) in &attributes {
            let prefix = match name.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) if rest.starts_with(':') => rest.get(1..).unwrap_or_default(),
                _ => continue,
            };
            self.scope.bind(prefix, uri).map_err(|reason| self.stop(reason))?;
        }
        let space = self.scope.element(prefix).map_err(|reason| self.stop(reason))?;
        let name = self.scope.name(space, raw, local);
        let line = self.line;
        let element = Element {
            name,
            line,
            attributes: Vec::with_capacity(attributes.len()),
            children: Vec::new(),
            text: Cow::Borrowed(""),
            nil: false,
        };
        self.open.push(element);
        if space == Space::Unknown && self.unknown_at.is_none() {
            self.unknown_at = Some(self.open.len());
            self.report_unknown("");
        }
        attributes.into_iter().try_for_each(|(name, text)| self.attribute(name, text))
    }

    fn within_limits(&mut self) -> Result<(), Refusal> {
        let (depth_max, elements_max) = (self.limits.depth_max, self.limits.elements_max);
        self.elements += 1;
        if self.open.len() >= depth_max {
            let nl = format!("Het document is dieper genest dan {depth_max} elementen.");
            let en = format!("The document is nested deeper than {depth_max} elements.");
            return Err(Refusal::one(Fault::TeGroot, &self.here(), "te-diep", &nl, &en));
        }
        if self.elements > elements_max {
            let nl = format!("Het document heeft meer dan {elements_max} elementen.");
            let en = format!("The document has more than {elements_max} elements.");
            return Err(Refusal::one(Fault::TeGroot, &self.here(), "te-veel-elementen", &nl, &en));
        }
        Ok(())
    }

    /// The attributes as written, values resolved, namespace declarations among them.
    fn attributes<'s>(&self, start: &'s BytesStart<'_>) -> Result<Vec<(&'s str, String)>, Refusal> {
        let max = self.limits.attributes_max;
        let mut found: Vec<(&str, String)> = Vec::new();
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| self.stop(SYNTAX))?;
            if found.len() == max {
                let nl = format!("Een element heeft meer dan {max} attributen.");
                let en = format!("An element has more than {max} attributes.");
                let (fault, code) = (Fault::TeGroot, "te-veel-attributen");
                return Err(Refusal::one(fault, &self.here(), code, &nl, &en));
            }
            let name = std::str::from_utf8(attribute.key.into_inner()).ok();
            let name = name.filter(|name| qualified(name).is_some());
            let name = name.ok_or_else(|| self.stop(NAME))?;
            if found.iter().any(|(other, _)| *other == name) {
                return Err(self.stop(TWICE));
            }
            let raw = std::str::from_utf8(&attribute.value).map_err(|_| self.stop(SYNTAX))?;
            found.push((name, self.attribute_value(raw)?));
        }
        Ok(found)
    }

    /// Resolves references, and makes white space plain spaces (XML 1.0 §3.3.3).
    fn attribute_value(&self, raw: &str) -> Result<String, Refusal> {
        if raw.contains('<') {
            return Err(self.stop(SYNTAX));
        }
        let mut value = String::with_capacity(raw.len());
        let mut parts = raw.split('&');
        let plain = |c: char| if matches!(c, '\t' | '\n') { ' ' } else { c };
        value.extend(parts.next().unwrap_or_default().chars().map(plain));
        for part in parts {
            let (name, rest) = part.split_once(';').ok_or_else(|| self.stop(REFERENCE))?;
            value.push(character(name).ok_or_else(|| self.stop(REFERENCE))?);
            value.extend(rest.chars().map(plain));
        }
        Ok(value)
    }

    /// Gives the open element an attribute under its fixed name, unless it is only about XML.
    fn attribute(&mut self, raw: &str, text: String) -> Result<(), Refusal> {
        let (prefix, local) = qualified(raw).ok_or_else(|| self.stop(NAME))?;
        if prefix == "xmlns" || raw == "xmlns" {
            return Ok(());
        }
        let space = match prefix {
            "" => Space::None,
            _ => self.scope.prefix(prefix).map_err(|reason| self.stop(reason))?,
        };
        if space == Space::Unknown && self.unknown_at.is_none() {
            self.report_unknown(local);
        }
        let name = self.scope.name(space, raw, local).into_owned();
        let Some(element) = self.open.last_mut() else { return Ok(()) };
        match (space, local) {
            (Space::Xsi, "schemaLocation" | "noNamespaceSchemaLocation") => {}
            (Space::Xsi, "nil") => element.nil = matches!(text.trim_ascii(), "true" | "1"),
            _ if element.attributes.iter().any(|(other, _)| *other == name) => {
                return Err(self.stop(TWICE));
            }
            _ => element.attributes.push((name, text)),
        }
        Ok(())
    }

    fn end(&mut self) {
        self.scope.leave();
        if self.unknown_at == Some(self.open.len()) {
            self.unknown_at = None;
        }
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn finish(mut self) -> Result<Element<'t>, Refusal> {
        if !self.open.is_empty() {
            return Err(self.stop(UNCLOSED));
        }
        let root = self.root.take().ok_or_else(|| self.stop(SYNTAX))?;
        self.findings.settle(Fault::Ongeldig, root)
    }

    fn report_unknown(&mut self, attribute: &str) {
        let Reason { code, nl, en, .. } = UNKNOWN;
        let (open, line) = (&self.open, self.line);
        self.findings.add(|| path(open, attribute, line), code, nl, en);
    }

    /// A refusal at the place where reading has come.
    fn stop(&self, reason: Reason) -> Refusal {
        let Reason { fault, code, nl, en } = reason;
        Refusal::one(fault, &self.here(), code, nl, en)
    }

    fn here(&self) -> String {
        path(&self.open, "", self.line)
    }

    fn broken(&self, error: &Error) -> Refusal {
        self.stop(match error {
            Error::Syntax(SyntaxError::UnclosedDoctype)
            | Error::IllFormed(IllFormedError::MissingDoctypeName) => DTD,
            Error::Syntax(_) => UNCLOSED,
            Error::IllFormed(IllFormedError::UnclosedReference) => REFERENCE,
            _ => SYNTAX,
        })
    }
}

/// Where in the open elements reading is; an index as far as the siblings are known by now.
fn path(open: &[Element<'_>], attribute: &str, line: usize) -> String {
    let mut path = String::new();
    let mut siblings: &[Element<'_>] = &[];
    for element in open {
        path.extend(["/", &tame(&element.name)]);
        let earlier = siblings.iter().filter(|sibling| sibling.name == element.name).count();
        if earlier > 0 {
            path.push_str(&format!("[{}]", earlier + 1));
        }
        siblings = &element.children;
    }
    if !attribute.is_empty() {
        path.extend(["/@", &tame(attribute)]);
    }
    if path.is_empty() {
        path.push('/');
    }
    format!("{path} (regel {line})")
}

/// Prefix and local name, where both are names; the prefix is empty when there is none.
fn qualified(name: &str) -> Option<(&str, &str)> {
    match name.split_once(':') {
        Some((prefix, local)) => {
            (is_xml_name(prefix) && is_xml_name(local)).then_some((prefix, local))
        }
        None => is_xml_name(name).then_some(("", name)),
    }
}

/// What stands between `&` and `;`, as a character (XML 1.0 §4.1 and §4.6).
fn character(reference: &str) -> Option<char> {
    let digits = match reference.strip_prefix('#') {
        Some(digits) => digits,
        None => {
            return match reference {
                "lt" => Some('<'),
                "gt" => Some('>'),
                "amp" => Some('&'),
                "apos" => Some('\''),
                "quot" => Some('"'),
                _ => None,
            };
        }
    };
    let (digits, radix) = digits.strip_prefix('x').map_or((digits, 10), |hex| (hex, 16));
    let code =
        digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix));
    char::from_u32(code?.ok()?).filter(|c| is_xml_char(*c))
}
