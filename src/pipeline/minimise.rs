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
use crate::catalogue::schema::At;
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
    pub wanted: Wanted,
}

/// Which decisions are listed. The data come out the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What was withheld or changed: all that a parcel tells.
    Withheld,
    /// Those about what was kept as well, for whoever asks why.
    Every,
}

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

/// The minimised data with the decisions that were wanted.
#[derive(Debug)]
pub struct Minimised {
    pub data: Value,
    pub decisions: Vec<Decision>,
    /// The purposes that granted something, each once.
    pub purposes: Vec<PurposeId>,
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
}

/// Minimises canonical data. `reference` replaces the sender's own reference of the signal,
/// unless a purpose names `kenmerk`.
pub fn minimise<'a>(
    data: &'a Value,
    shape: &Shape,
    grants: &Grants<'a, '_>,
    reference: &str,
) -> Minimised {
    let mut walk = Walk { grants, decisions: Vec::new(), used: Vec::new() };
    let level = Level {
        own: grants.purposes.iter().map(|purpose| Hold::root(purpose)).collect(),
        other: None,
    };
    let (Value::Object(fields), Shape::Object(shapes)) = (data, shape) else {
        return walk.outcome(Map::new());
    };
    let mut out = Map::with_capacity(fields.len());
    for field in shapes {
        let name = field.name.as_str();
        let Some(value) = fields.get(name) else { continue };
        if facts::NEVER.contains(&name) {
            continue;
        }
        let at = At::Field(&At::Root, name);
        if name == "kenmerk" && !level.own.iter().any(|hold| hold.names("kenmerk")) {
            out.insert(name.to_owned(), Value::from(reference));
        } else if facts::ALWAYS.contains(&name) {
            walk.keep(&at, None, None);
            out.insert(name.to_owned(), value.clone());
        } else if let Some(kept) = walk.field(value, Spot::of(field), &level.descend(name), &at) {
            out.insert(name.to_owned(), kept);
        }
    }
    walk.outcome(out)
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

    /// From the root down to a place.
    fn down(self, at: &At<'_>) -> Self {
        match at {
            At::Root => self,
            At::Field(above, name) => self.down(above).field(name),
            At::Element(above, _) => self.down(above).element(),
        }
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
    other: Option<(&'a str, Vec<Hold<'a>>)>,
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
                .map(|(kind, holds)| (*kind, holds.iter().copied().map(&step).collect())),
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
    /// The purposes that granted something until now, each once.
    used: Vec<&'a PurposeId>,
}

/// How far a walk had come, to go back to where nothing of an object or list remains.
#[derive(Clone, Copy)]
struct Mark {
    decisions: usize,
    used: usize,
}

impl<'a> Walk<'a, '_> {
    fn outcome(self, data: Map<String, Value>) -> Minimised {
        let purposes = self.used.into_iter().cloned().collect();
        Minimised { data: Value::Object(data), decisions: self.decisions, purposes }
    }

    fn mark(&self) -> Mark {
        Mark { decisions: self.decisions.len(), used: self.used.len() }
    }

    fn go_back(&mut self, mark: Mark) {
        self.decisions.truncate(mark.decisions);
        self.used.truncate(mark.used);
    }

    fn uses(&mut self, purpose: Option<&'a Purpose>) {
        if let Some(purpose) = purpose
            && !self.used.contains(&&purpose.id)
        {
            self.used.push(&purpose.id);
        }
    }

    fn keep(&mut self, at: &At<'_>, purpose: Option<&'a Purpose>, level: Option<&Level<'a>>) {
        self.uses(purpose);
        if self.grants.wanted == Wanted::Every {
            self.decide(at, None, purpose, level);
        }
    }

    fn withhold(&mut self, at: &At<'_>, reason: WithheldReason, level: &Level<'a>) {
        self.decide(at, Some(reason), None, Some(level));
    }

    fn decide(
        &mut self,
        at: &At<'_>,
        withheld: Option<WithheldReason>,
        purpose: Option<&Purpose>,
        level: Option<&Level<'a>>,
    ) {
        let origin = level.and_then(|level| level.other.as_ref());
        let origin = origin.map(|(kind, _)| (*kind).to_owned());
        let purpose = purpose.map(|purpose| purpose.id.clone());
        self.decisions.push(Decision { path: at.pointer(), withheld, purpose, origin });
    }

    fn field(
        &mut self,
        value: &'a Value,
        spot: Spot<'_>,
        level: &Level<'a>,
        at: &At<'_>,
    ) -> Option<Value> {
        match (value, spot.shape) {
            (Value::Object(_), Shape::Object(shapes)) => {
                let granted = level.granted(None);
                if granted.treatment == Some(Treatment::Generalise)
                    && generalise::takes_object(spot.name)
                {
                    return self.leaf(value, spot, level, at);
                }
                self.object(value, shapes, spot.name, level, at)
            }
            (Value::Array(items), Shape::Array(shape)) => {
                self.list(items, Spot { shape, ..spot }, level, at)
            }
            _ => self.leaf(value, spot, level, at),
        }
    }

    /// An object, with what always travels with it; `None` where nothing of it is granted.
    fn object(
        &mut self,
        value: &'a Value,
        shapes: &[Field],
        list: &str,
        level: &Level<'a>,
        at: &At<'_>,
    ) -> Option<Value> {
        let with_origin = self.origin_of(value, level, at);
        let level = with_origin.as_ref().unwrap_or(level);
        let before = self.mark();
        let carried: &[&str] =
            facts::WITH_ELEMENT.iter().find(|(name, _)| *name == list).map_or(&[], |(_, f)| f);
        let hopeful = level.own.iter().any(Hold::grants);
        let room = value.as_object().filter(|_| hopeful).map_or(0, Map::len);
        let (mut out, mut granted_any) = (Map::with_capacity(room), false);
        for field in shapes {
            let name = field.name.as_str();
            let Some(value) = value.get(name) else { continue };
            if facts::NEVER.contains(&name) {
                continue;
            }
            let inner = level.descend(name);
            let at = At::Field(at, name);
            if carried.contains(&name) {
                let granted = inner.granted(None);
                granted_any |= granted.treatment.is_some();
                self.keep(&at, granted.purpose, None);
                out.insert(name.to_owned(), value.clone());
            } else if let Some(kept) = self.field(value, Spot::of(field), &inner, &at) {
                granted_any = true;
                out.insert(name.to_owned(), kept);
            }
        }
        if granted_any {
            return Some(Value::Object(out));
        }
        let reason = self.common_reason(before);
        self.go_back(before);
        self.withhold(at, reason, level);
        None
    }

    fn list(
        &mut self,
        items: &'a [Value],
        element: Spot<'_>,
        level: &Level<'a>,
        at: &At<'_>,
    ) -> Option<Value> {
        let before = self.mark();
        let mut out = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let here = At::Element(at, index);
            let all = level.map(Hold::element);
            let covered = self.covered(&all, item);
            let grants = |level: &Level<'a>| level.own.iter().any(Hold::grants);
            if grants(&all) && !grants(&covered) {
                self.withhold(&here, WithheldReason::RolNietGedeeld, level);
            } else if let Some(kept) = self.field(item, element, &covered, &here) {
                out.push(kept);
            }
        }
        if !out.is_empty() || items.is_empty() {
            return Some(Value::Array(out));
        }
        let reasons = self.common_reason(before);
        if reasons != WithheldReason::RolNietGedeeld {
            self.go_back(before);
            self.withhold(at, reasons, level);
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
            other: level.other.as_ref().map(|(kind, holds)| (*kind, keep(holds))),
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
    fn origin_of(&self, value: &'a Value, level: &Level<'a>, at: &At<'_>) -> Option<Level<'a>> {
        let kind = value.get("herkomst")?.as_str()?;
        let purposes = (self.grants.of_origin)(kind);
        let holds = purposes.into_iter().map(|purpose| Hold::root(purpose).down(at));
        let other = holds.filter(|hold| self.covers(hold, value)).collect();
        Some(Level { own: level.own.clone(), other: Some((kind, other)) })
    }

    fn leaf(
        &mut self,
        value: &'a Value,
        spot: Spot<'_>,
        level: &Level<'a>,
        at: &At<'_>,
    ) -> Option<Value> {
        let granted = level.granted(spot.sensitive);
        let (out, reason) = match granted.treatment {
            None => {
                self.withhold(at, granted.reason, level);
                return None;
            }
            Some(Treatment::Keep) => {
                self.keep(at, granted.purpose, Some(level));
                return Some(value.clone());
            }
            Some(Treatment::Mask) => (Some(Value::from("***")), WithheldReason::Gemaskeerd),
            Some(Treatment::Generalise) => {
                (generalise::value(spot.name, value, self.grants.now), WithheldReason::Veralgemeend)
            }
        };
        self.uses(granted.purpose);
        self.decide(at, Some(reason), granted.purpose, Some(level));
        out
    }

    /// The reason that all decisions since `before` share, or that no purpose named them.
    fn common_reason(&self, before: Mark) -> WithheldReason {
        let since = self.decisions.iter().skip(before.decisions);
        let mut reasons = since.filter_map(|decision| decision.withheld);
        let first = reasons.next().unwrap_or(WithheldReason::GeenDoelbinding);
        if reasons.all(|reason| reason == first) { first } else { WithheldReason::GeenDoelbinding }
    }
}

#[cfg(test)]
mod tests;
