//! XML: a bounded tree with the connector's own prefixes, and its value as a shape asks.
//!
//! No document type definitions, no entities of one's own, no processing instructions. What the
//! document calls its prefixes is irrelevant: a name is its URI's fixed prefix and a local name.
//! `xsi:nil` makes an element absent. Which elements must be there is left to the schema.

mod reader;
mod scope;
#[cfg(test)]
mod tests;
pub(in crate::pipeline) mod text;
mod value;

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::Limits;
use super::findings::tame;
pub use crate::catalogue::Namespaces;
use crate::catalogue::Shape;
use crate::message::Refusal;

/// Reads a document in UTF-8 or ISO-8859-1.
///
/// The encoding is that of a byte order mark, else of the media type's `charset`, else of the
/// XML declaration, else UTF-8 (RFC 7303 §3).
pub fn parse<'t>(
    bytes: &'t [u8],
    media_charset: Option<&str>,
    namespaces: &Namespaces,
    limits: &Limits,
) -> Result<Tree<'t>, Refusal> {
    let root = match text::text(bytes, media_charset, limits)? {
        Cow::Borrowed(text) => reader::read(text, namespaces, limits)?,
        Cow::Owned(text) => reader::read(&text, namespaces, limits)?.into_owned(),
    };
    Ok(Tree { root, limits: *limits })
}

/// A document that was read, but is not yet known to be of any type.
pub struct Tree<'t> {
    root: Element<'t>,
    limits: Limits,
}

impl fmt::Debug for Tree<'_> {
    /// The name only: the rest is content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("root", &tame(&self.root.name)).finish_non_exhaustive()
    }
}

/// Names and texts are those of the document wherever it has them in one piece.
struct Element<'t> {
    name: Cow<'t, str>,
    /// Line of the start tag, from 1.
    line: usize,
    attributes: Vec<(String, String)>,
    children: Vec<Element<'t>>,
    /// All text and CDATA directly in this element, in order.
    text: Cow<'t, str>,
    nil: bool,
}

impl Tree<'_> {
    /// The name of the root element, with its fixed prefix.
    pub fn root(&self) -> &str {
        &self.root.name
    }

    /// The text at the first place that matches, such as `/alert/msgType` or `/a/*/@attr`.
    ///
    /// A step `*` is any element. Serves to recognise the type, before the schema is known.
    pub fn text_at(&self, path: &str) -> Option<String> {
        let steps: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        self.root.text_at(&steps).map(str::to_owned)
    }

    /// The document as an object with the root's name as its key.
    ///
    /// Lists, numbers and booleans are as the shape says; what the shape does not know is kept
    /// under its own name, so that the schema reports it.
    pub fn to_value(&self, shape: &Shape) -> Result<Value, Refusal> {
        value::to_value(&self.root, shape, &self.limits)
    }

    /// Where a JSON Pointer into the value of this document lies in the document itself:
    /// `/alert/info[2]/area (regel 12)`, counted from 1 and only where an element repeats.
    pub fn place_of(&self, pointer: &str) -> String {
        let mut chain = vec![&self.root];
        let mut missing = String::new();
        let mut steps = pointer.split('/').skip(2).peekable();
        while let Some(step) = steps.next() {
            let name = step.replace("~1", "/").replace("~0", "~");
            if name == "#text" || name.parse::<usize>().is_ok() {
                continue;
            }
            let nth = steps.peek().and_then(|next| next.parse().ok()).unwrap_or(0);
            let parent = chain.last().copied().unwrap_or(&self.root);
            let mut present =
                parent.children.iter().filter(|child| child.name == name && !child.nil);
            match present.nth(nth) {
                Some(child) if missing.is_empty() => chain.push(child),
                _ => missing.extend(["/", &tame(&name)]),
            }
        }
        place(&chain, &missing)
    }
}

impl Element<'_> {
    fn into_owned(self) -> Element<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let Self { name, line, attributes, children, text, nil } = self;
        let children = children.into_iter().map(Element::into_owned).collect();
        Element { name: owned(name), line, attributes, children, text: owned(text), nil }
    }

    fn text_at(&self, steps: &[&str]) -> Option<&str> {
        let (step, rest) = steps.split_first()?;
        if self.nil || !(*step == "*" || *step == self.name) {
            return None;
        }
        match rest {
            [] => Some(&self.text),
            [last] if last.starts_with('@') => {
                let found = self.attributes.iter().find(|(name, _)| last.get(1..) == Some(name));
                found.map(|(_, text)| text.as_str())
            }
            _ => self.children.iter().find_map(|child| child.text_at(rest)),
        }
    }
}

/// The path along a chain of elements, what comes after it, and the line of the last one.
fn place(chain: &[&Element<'_>], after: &str) -> String {
    let mut path = String::new();
    let mut parent: Option<&Element<'_>> = None;
    for element in chain {
        path.extend(["/", &tame(&element.name)]);
        let siblings = parent.map(|parent| parent.children.as_slice()).unwrap_or_default();
        let mut same = siblings.iter().filter(|sibling| sibling.name == element.name);
        let index = same.clone().position(|sibling| std::ptr::eq(sibling, *element));
        if let (Some(index), Some(_)) = (index, same.nth(1)) {
            path.push_str(&format!("[{}]", index + 1));
        }
        parent = Some(element);
    }
    let line = parent.map_or(1, |element| element.line);
    format!("{path}{after} (regel {line})")
}
