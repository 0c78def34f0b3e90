//! What is left of a message for one recipient: deny by default, field by field.
//!
//! Every field needs a purpose that grants it, for the sender's data and, where data came from
//! somebody else, for that origin too. What is dropped or changed is listed by path, never by
//! value.

use serde_json::{Map, Value};

use super::generalise;
use super::parcel::{Withheld, WithheldReason};
use crate::catalogue::cel::Engine;
use crate::catalogue::facts;
use crate::catalogue::purpose::{Grant, Purpose, Treatment};
use crate::catalogue::schema::below;
use crate::catalogue::{Field, Shape};
use crate::message::{PurposeId, Timestamp};

/// What decides for one recipient.
pub struct Grants<'a, 'f> {
    pub engine: &'a Engine,
    /// The purposes that apply to the sender's own data.
    pub purposes: Vec<&'a Purpose>,
    /// The purposes that apply to data of another kind of partner.
    pub of_origin: &'f dyn Fn(&str) -> Vec<&'a Purpose>,
    pub now: Timestamp,
}

/// Room for the decisions about a message of the usual size.
const DECISIONS_USUAL: usize = 64;

/// The outcome for one field, for whoever asks why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// JSON Pointer into the canonical data before minimisation.
    pub path: String,
    /// `None`: kept as it was.
    pub withheld: Option<WithheldReason>,
    /// The purpose that granted it, if any did.
    pub purpose: Option<PurposeId>,
    /// The kind of partner that the data came from, where that is not the sender.
    pub origin: Option<String>,
}

/// The minimised data with every decision.
#[derive(Debug)]
pub struct Minimised {
    pub data: Value,
    pub decisions: Vec<Decision>,
}

impl Minimised {
    /// What was withheld or changed, in the order of the document.
    pub fn withheld(&self) -> Vec<Withheld> {
        let withheld = self.decisions.iter().filter_map(|decision| {
            let reason = decision.withheld?;
            Some(Withheld { path: decision.path.clone(), reason })
        });
        withheld.collect()
    }

    /// The purposes that granted something, each once.
    pub fn purposes(&self) -> Vec<PurposeId> {
        let mut used: Vec<PurposeId> = Vec::new();
        for purpose in self.decisions.iter().filter_map(|decision| decision.purpose.as_ref()) {
            if !used.contains(purpose) {
                used.push(purpose.clone());
            }
        }
        used
    }
}

/// Minimises canonical data. `reference` replaces the sender's own reference of the signal,
/// unless a purpose names `kenmerk`.
pub fn minimise(
    data: &Value,
    shape: &Shape,
    grants: &Grants<'_, '_>,
    reference: &str,
) -> Minimised {
    let mut walk = Walk { grants, decisions: Vec::with_capacity(DECISIONS_USUAL) };
    let level = Level {
        own: grants.purposes.iter().map(|purpose| Hold::root(purpose)).collect(),
        other: None,
    };
    let mut out = Map::new();
    let (Value::Object(fields), Shape::Object(shapes)) = (data, shape) else {
        return Minimised { data: Value::Object(out), decisions: walk.decisions };
    };
    for field in shapes {
        let name = field.name.as_str();
        let Some(value) = fields.get(name) else { continue };
        if facts::NEVER.contains(&name) {
            continue;
        }
        let path = below("", name);
        if name == "kenmerk" && !level.own.iter().any(|hold| hold.names("kenmerk")) {
            out.insert(name.to_owned(), Value::from(reference));
        } else if facts::ALWAYS.contains(&name) {
            walk.keep(path, None, None);
            out.insert(name.to_owned(), value.clone());
        } else if let Some(kept) = walk.field(value, Spot::of(field), &level.descend(name), path) {
            out.insert(name.to_owned(), kept);
        }
    }
    Minimised { data: Value::Object(out), decisions: walk.decisions }
}

/// One purpose on its way down the document.
#[derive(Clone, Copy)]
struct Hold<'a> {
    purpose: &'a Purpose,
    node: Option<&'a Grant>,
    /// What the nearest grant above says.
    inherited: Option<Treatment>,
    /// Whether the grant names exactly this place.
    exact: bool,
}

impl<'a> Hold<'a> {
    fn root(purpose: &'a Purpose) -> Self {
        Self { purpose, node: Some(&purpose.grants), inherited: None, exact: false }
    }

    fn names(&self, field: &str) -> bool {
        self.node.is_some_and(|node| node.fields.contains_key(field))
    }

    /// Whether it grants something here or below.
    fn grants(&self) -> bool {
        self.node.is_some() || self.inherited.is_some()
    }

    /// From the root down a JSON Pointer; a number is the position of an element.
    fn down(self, path: &str) -> Self {
        path.split('/').skip(1).fold(self, |hold, step| match step.parse::<usize>() {
            Ok(_) => hold.element(),
            Err(_) => hold.field(step),
        })
    }

    fn at(self, node: Option<&'a Grant>) -> Self {
        let here = node.and_then(|node| node.treatment);
        Self { node, inherited: here.or(self.inherited), exact: here.is_some(), ..self }
    }

    fn field(self, name: &str) -> Self {
        self.at(self.node.and_then(|node| node.fields.get(name)))
    }

    fn element(self) -> Self {
        self.at(self.node.and_then(|node| node.elements.as_deref()))
    }
}

/// All purposes at one place: of the sender, and of the other origin where there is one.
struct Level<'a> {
    own: Vec<Hold<'a>>,
    other: Option<(String, Vec<Hold<'a>>)>,
}

/// What is granted at one place.
struct Granted<'a> {
    treatment: Option<Treatment>,
    purpose: Option<&'a Purpose>,
    reason: WithheldReason,
}

impl<'a> Level<'a> {
    fn map(&self, step: impl Fn(Hold<'a>) -> Hold<'a>) -> Self {
        Self {
            own: self.own.iter().copied().map(&step).collect(),
            other: self
                .other
                .as_ref()
                .map(|(kind, holds)| (kind.clone(), holds.iter().copied().map(&step).collect())),
        }
    }

    fn descend(&self, name: &str) -> Self {
        self.map(|hold| hold.field(name))
    }

    fn granted(&self, sensitive: Option<&str>) -> Granted<'a> {
        let mut granted = best(&self.own, sensitive);
        if let Some((_, holds)) = &self.other {
            let other = best(holds, sensitive);
            if other.treatment < granted.treatment {
                granted.treatment = other.treatment;
                granted.reason = match other.treatment {
                    None => WithheldReason::AndereHerkomst,
                    Some(_) => other.reason,
                };
            }
        }
        granted
    }
}

/// The widest treatment among purposes. Sensitive fields must be named exactly, and a BSN needs
/// the recipient's own basis.
fn best<'a>(holds: &[Hold<'a>], sensitive: Option<&str>) -> Granted<'a> {
    let mut granted =
        Granted { treatment: None, purpose: None, reason: WithheldReason::GeenDoelbinding };
    for hold in holds {
        if sensitive.is_some() && !hold.exact {
            continue;
        }
        if sensitive == Some("bsn") && hold.purpose.bsn_basis.is_none() {
            if hold.inherited.is_some() {
                granted.reason = WithheldReason::GeenBsnGrondslag;
            }
            continue;
        }
        if hold.inherited > granted.treatment {
            granted.treatment = hold.inherited;
            granted.purpose = Some(hold.purpose);
        }
    }
    granted
}

/// What the schema says of one place: the name of its field, its shape, and whether the field is
/// sensitive. The elements of a list share the name and the mark of the list.
#[derive(Clone, Copy)]
struct Spot<'s> {
    name: &'s str,
    shape: &'s Shape,
    sensitive: Option<&'s str>,
}

impl<'s> Spot<'s> {
    fn of(field: &'s Field) -> Self {
        Self { name: &field.name, shape: &field.shape, sensitive: field.sensitive.as_deref() }
    }
}

struct Walk<'a, 'g> {
    grants: &'g Grants<'a, 'g>,
    decisions: Vec<Decision>,
}

impl<'a> Walk<'a, '_> {
    fn keep(&mut self, path: String, purpose: Option<&Purpose>, origin: Option<String>) {
        let purpose = purpose.map(|purpose| purpose.id.clone());
        self.decisions.push(Decision { path, withheld: None, purpose, origin });
    }

    fn withhold(&mut self, path: String, reason: WithheldReason, level: &Level<'a>) {
        let origin = level.other.as_ref().map(|(kind, _)| kind.clone());
        self.decisions.push(Decision { path, withheld: Some(reason), purpose: None, origin });
    }

    fn field(
        &mut self,
        value: &Value,
        spot: Spot<'_>,
        level: &Level<'a>,
        path: String,
    ) -> Option<Value> {
        match (value, spot.shape) {
            (Value::Object(_), Shape::Object(shapes)) => {
                let granted = level.granted(None);
                if granted.treatment == Some(Treatment::Generalise)
                    && generalise::takes_object(spot.name)
                {
                    return self.leaf(value, spot, level, path);
                }
                self.object(value, shapes, spot.name, level, path)
            }
            (Value::Array(items), Shape::Array(shape)) => {
                self.list(items, Spot { shape, ..spot }, level, path)
            }
            _ => self.leaf(value, spot, level, path),
        }
    }

    /// An object, with what always travels with it; `None` where nothing of it is granted.
    fn object(
        &mut self,
        value: &Value,
        shapes: &[Field],
        list: &str,
        level: &Level<'a>,
        path: String,
    ) -> Option<Value> {
        let with_origin = self.origin_of(value, level, &path);
        let level = with_origin.as_ref().unwrap_or(level);
        let before = self.decisions.len();
        let carried: &[&str] =
            facts::WITH_ELEMENT.iter().find(|(name, _)| *name == list).map_or(&[], |(_, f)| f);
        let (mut out, mut granted_any) = (Map::new(), false);
        for field in shapes {
            let name = field.name.as_str();
            let Some(value) = value.get(name) else { continue };
            if facts::NEVER.contains(&name) {
                continue;
            }
            let inner = level.descend(name);
            let path = below(&path, name);
            if carried.contains(&name) {
                let granted = inner.granted(None);
                granted_any |= granted.treatment.is_some();
                self.keep(path, granted.purpose, None);
                out.insert(name.to_owned(), value.clone());
            } else if let Some(kept) = self.field(value, Spot::of(field), &inner, path) {
                granted_any = true;
                out.insert(name.to_owned(), kept);
            }
        }
        if granted_any {
            return Some(Value::Object(out));
        }
        let reason = self.common_reason(before);
        self.decisions.truncate(before);
        self.withhold(path, reason, level);
        None
    }

    fn list(
        &mut self,
        items: &[Value],
        element: Spot<'_>,
        level: &Level<'a>,
        path: String,
    ) -> Option<Value> {
        let before = self.decisions.len();
        let mut out = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}/{index}");
            let all = level.map(Hold::element);
            let covered = self.covered(&all, item);
            let grants = |level: &Level<'a>| level.own.iter().any(Hold::grants);
            if grants(&all) && !grants(&covered) {
                self.withhold(path, WithheldReason::RolNietGedeeld, level);
            } else if let Some(kept) = self.field(item, element, &covered, path) {
                out.push(kept);
            }
        }
        if !out.is_empty() || items.is_empty() {
            return Some(Value::Array(out));
        }
        let reasons = self.common_reason(before);
        if reasons != WithheldReason::RolNietGedeeld {
            self.decisions.truncate(before);
            self.withhold(path, reasons, level);
        }
        None
    }

    /// The purposes whose condition covers this element.
    fn covered(&self, level: &Level<'a>, item: &Value) -> Level<'a> {
        let keep = |holds: &[Hold<'a>]| {
            holds.iter().copied().filter(|hold| self.covers(hold, item)).collect()
        };
        Level {
            own: keep(&level.own),
            other: level.other.as_ref().map(|(kind, holds)| (kind.clone(), keep(holds))),
        }
    }

    /// Whether a purpose covers this element; a condition that fails covers nothing.
    fn covers(&self, hold: &Hold<'a>, item: &Value) -> bool {
        hold.node.and_then(|node| node.condition.as_ref()).is_none_or(|condition| {
            let mut scope = self.grants.engine.scope();
            scope.bind("b", item);
            condition.holds(&scope).unwrap_or(false)
        })
    }

    /// Data that came from another kind of partner also need that origin's purposes, walked down
    /// to the same place.
    fn origin_of(&self, value: &Value, level: &Level<'a>, path: &str) -> Option<Level<'a>> {
        let kind = value.get("herkomst")?.as_str()?;
        let purposes = (self.grants.of_origin)(kind);
        let holds = purposes.into_iter().map(|purpose| Hold::root(purpose).down(path));
        let other = holds.filter(|hold| self.covers(hold, value)).collect();
        Some(Level { own: level.own.clone(), other: Some((kind.to_owned(), other)) })
    }

    fn leaf(
        &mut self,
        value: &Value,
        spot: Spot<'_>,
        level: &Level<'a>,
        path: String,
    ) -> Option<Value> {
        let granted = level.granted(spot.sensitive);
        let origin = level.other.as_ref().map(|(kind, _)| kind.clone());
        let (out, withheld) = match granted.treatment {
            None => {
                self.withhold(path, granted.reason, level);
                return None;
            }
            Some(Treatment::Keep) => (Some(value.clone()), None),
            Some(Treatment::Mask) => (Some(Value::from("***")), Some(WithheldReason::Gemaskeerd)),
            Some(Treatment::Generalise) => (
                generalise::value(spot.name, value, self.grants.now),
                Some(WithheldReason::Veralgemeend),
            ),
        };
        let purpose = granted.purpose.map(|purpose| purpose.id.clone());
        self.decisions.push(Decision { path, withheld, purpose, origin });
        out
    }

    /// The reason that all decisions since `before` share, or that no purpose named them.
    fn common_reason(&self, before: usize) -> WithheldReason {
        let mut reasons = self.decisions[before..].iter().filter_map(|d| d.withheld);
        let first = reasons.next().unwrap_or(WithheldReason::GeenDoelbinding);
        if reasons.all(|reason| reason == first) { first } else { WithheldReason::GeenDoelbinding }
    }
}

#[cfg(test)]
mod tests;
