//! Which prefix stands for which namespace, at the element that is being read.

use std::borrow::Cow;

use super::reader::Reason;
use crate::catalogue::{Namespaces, XML_URI, XSI_URI};
use crate::message::Fault;

/// The namespace of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// In the connector's table, at this position.
    Known(usize),
    Xml,
    Xsi,
    /// In no namespace.
    None,
    /// In one that the connector does not know.
    Unknown,
}

const UNBOUND: Reason = Reason::unreadable(
    "voorvoegsel",
    "Het voorvoegsel van een naam is niet of ongeldig verklaard (xmlns).",
    "The prefix of a name is not declared, or wrongly so (xmlns).",
);
const TOO_MANY: Reason = Reason {
    fault: Fault::TeGroot,
    code: "te-veel-naamruimten",
    nl: "Het document verklaart te veel naamruimten.",
    en: "The document declares too many namespaces.",
};

/// The declarations in scope, innermost last.
pub(super) struct Scope<'a> {
    namespaces: &'a Namespaces,
    bindings: Vec<(String, Space)>,
    /// How many bindings there were before each open element.
    marks: Vec<usize>,
    max: usize,
}

impl<'a> Scope<'a> {
    pub(super) fn new(namespaces: &'a Namespaces, max: usize) -> Self {
        Self { namespaces, bindings: Vec::new(), marks: Vec::new(), max }
    }

    pub(super) fn enter(&mut self) {
        self.marks.push(self.bindings.len());
    }

    pub(super) fn leave(&mut self) {
        self.bindings.truncate(self.marks.pop().unwrap_or(0));
    }

    pub(super) fn bind(&mut self, prefix: &str, uri: &str) -> Result<(), Reason> {
        match (prefix, uri) {
            ("xml", XML_URI) => return Ok(()),
            ("xml" | "xmlns", _) | (_, XML_URI) => return Err(UNBOUND),
            (prefix, "") if !prefix.is_empty() => return Err(UNBOUND),
            _ => {}
        }
        if self.bindings.len() >= self.max {
            return Err(TOO_MANY);
        }
        let space = match uri {
            "" => Space::None,
            XSI_URI => Space::Xsi,
            _ => self.namespaces.position(uri).map_or(Space::Unknown, Space::Known),
        };
        self.bindings.push((prefix.to_owned(), space));
        Ok(())
    }

    /// The namespace of a prefix; without one, that of an unprefixed element.
    pub(super) fn prefix(&self, prefix: &str) -> Result<Space, Reason> {
        if prefix == "xml" {
            return Ok(Space::Xml);
        }
        let bound = self.bindings.iter().rev().find(|(known, _)| known == prefix);
        match bound {
            Some((_, space)) => Ok(*space),
            None if prefix.is_empty() => Ok(Space::None),
            None => Err(UNBOUND),
        }
    }

    /// As `prefix`, for an element: where the connector has a default namespace, an element in
    /// none would get the same name as one in it, and so is unknown.
    pub(super) fn element(&self, prefix: &str) -> Result<Space, Reason> {
        let space = self.prefix(prefix)?;
        let astray = space == Space::None && self.namespaces.has_default();
        Ok(if astray { Space::Unknown } else { space })
    }

    /// The name by which schemas and mappings know it; `raw` is how it is written, and most
    /// documents write the connector's own prefixes.
    pub(super) fn name<'t>(&self, space: Space, raw: &'t str, local: &'t str) -> Cow<'t, str> {
        let prefix = match space {
            Space::Known(position) => self.namespaces.get(position).map_or("", |(known, _)| known),
            Space::Xml => "xml",
            Space::Xsi => "xsi",
            Space::None | Space::Unknown => "",
        };
        let written = raw.strip_suffix(local).and_then(|before| before.strip_suffix(':'));
        match written {
            _ if prefix.is_empty() => Cow::Borrowed(local),
            Some(written) if written == prefix => Cow::Borrowed(raw),
            _ => Cow::Owned(format!("{prefix}:{local}")),
        }
    }
}
