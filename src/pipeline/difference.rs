//! What a recipient got of a message against what it would get under today's rules, and the same
//! counted over a crowd. Names fields by their path, never by a value.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::native::Decoded;
use super::parcel::{Failure, Withheld};
use crate::catalogue::connector::Connector;
use crate::message::{PartnerId, Violation};

/// Stands for a document that cannot be read as today's connector reads it.
const WHOLE: &str = "/";

/// Distinct paths or codes of one line at most; those beyond are counted together.
const NAMES_MAX: usize = 200;
const BEYOND: &str = "overige";

/// What sending again would come to for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consequence {
    /// The same bytes, under the same id.
    Zelfde,
    /// Other bytes, as a new parcel that replaces the one before.
    Anders,
    /// It had nothing of this message.
    Nieuw,
    /// It has something of this message, and would get nothing today. That stays as it is.
    NietMeer,
    /// It had nothing, and today's rules make nothing for it either.
    NietTeMaken,
    /// A refused document that would be taken in today; who gets what follows from its case.
    Aangenomen,
    /// It will never be sent or processed.
    Vervalt,
}

/// A consequence with the fields that differ and the reasons there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub consequence: Consequence,
    /// Paths such as `/melding/personen/*/naam`.
    pub fields: BTreeSet<String>,
    pub reasons: BTreeSet<String>,
}

/// A native document with what was withheld from it.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    pub bytes: &'a [u8],
    pub withheld: &'a [Withheld],
}

/// The paths at which two documents differ, by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turned {
    /// Only in the new one.
    pub more: BTreeSet<String>,
    /// Only in the old one.
    pub fewer: BTreeSet<String>,
    /// In both, with another value.
    pub other: BTreeSet<String>,
}

impl Turned {
    fn note(&mut self, was_there: bool, is_there: bool, path: String) {
        match (was_there, is_there) {
            (false, true) => self.more.insert(path),
            (true, false) => self.fewer.insert(path),
            _ => self.other.insert(path),
        };
    }

    fn all(self) -> BTreeSet<String> {
        [self.more, self.fewer, self.other].into_iter().flatten().collect()
    }
}

/// What today's rules make for a recipient.
#[derive(Debug, Clone, Copy)]
pub enum Today<'a> {
    Document(Version<'a>),
    /// The mapping or the schema of the recipient refuses.
    Failure(&'a Failure),
    /// Nothing, with the code that says why.
    Nothing(&'a str),
}

impl Difference {
    pub fn plain(consequence: Consequence) -> Self {
        Self { consequence, fields: BTreeSet::new(), reasons: BTreeSet::new() }
    }

    pub fn because(consequence: Consequence, reason: &str) -> Self {
        let mut difference = Self::plain(consequence);
        difference.reasons.insert(reason.to_owned());
        difference
    }

    /// As `because`, with the places that are wrong.
    pub fn refused(reason: &str, violations: &[Violation]) -> Self {
        let mut difference = Self::because(Consequence::NietTeMaken, reason);
        difference.fields = violations.iter().map(|v| any_index(&v.place)).collect();
        difference
    }
}

/// Compares what was sent with what would be sent. The two documents are to name the same parcel
/// and moment, so that only what the rules changed differs.
pub fn difference(
    connector: Option<&Connector>,
    sent: Option<Version<'_>>,
    today: Today<'_>,
) -> Difference {
    match (sent, today) {
        (None, Today::Document(_)) => Difference::plain(Consequence::Nieuw),
        (Some(sent), Today::Document(now)) if sent.bytes == now.bytes => {
            Difference::plain(Consequence::Zelfde)
        }
        (Some(sent), Today::Document(now)) => {
            let fields = turned(connector, sent.bytes, now.bytes).all();
            Difference { consequence: Consequence::Anders, fields, reasons: reasons(sent, now) }
        }
        (_, Today::Failure(failure)) => Difference::refused(failure.reason, &failure.violations),
        (None, Today::Nothing(reason)) => Difference::because(Consequence::NietTeMaken, reason),
        (Some(_), Today::Nothing(reason)) => Difference::because(Consequence::NietMeer, reason),
    }
}

/// Why fields were withheld that were not before.
fn reasons(sent: Version<'_>, now: Version<'_>) -> BTreeSet<String> {
    let fresh = now.withheld.iter().filter(|line| !sent.withheld.contains(line));
    let codes = fresh.filter_map(|line| serde_json::to_value(line.reason).ok());
    codes.filter_map(|code| code.as_str().map(str::to_owned)).collect()
}

/// The paths at which two native documents differ.
pub fn turned(connector: Option<&Connector>, old: &[u8], new: &[u8]) -> Turned {
    let mut found = Turned::default();
    let read = connector.and_then(|connector| {
        connector.outbound.iter().find_map(|form| {
            let value = |bytes| {
                let mut decoded = Decoded::read(connector, bytes, None).ok()?;
                let value = decoded.take_value(&form.schema.shape).ok()?;
                form.schema.accepts(&value).then_some(value)
            };
            // The new one leads: it was made under the schemas of today.
            let new = value(new)?;
            let mut decoded = Decoded::read(connector, old, None).ok()?;
            Some((decoded.take_value(&form.schema.shape).ok()?, new))
        })
    });
    if let Some((old, new)) = read {
        compare(Some(&old), Some(&new), "", &mut found);
    }
    if found == Turned::default() {
        // They cannot be read, or differ in how they are written only.
        found.other.insert(WHOLE.to_owned());
    }
    found
}

fn compare(old: Option<&Value>, new: Option<&Value>, path: &str, found: &mut Turned) {
    if old == new {
        return;
    }
    let objects = (old.and_then(Value::as_object), new.and_then(Value::as_object));
    let lists = (old.and_then(Value::as_array), new.and_then(Value::as_array));
    let both = old.is_some() && new.is_some();
    let mut note = |path| found.note(old.is_some(), new.is_some(), path);
    match (objects, lists) {
        ((None, None), (None, None)) => note(named(path)),
        ((a, b), (None, None)) if !both || (a.is_some() && b.is_some()) => {
            let keys: BTreeSet<&String> =
                a.into_iter().chain(b).flat_map(serde_json::Map::keys).collect();
            if keys.is_empty() {
                note(named(path));
            }
            for key in keys {
                let step = key.replace('~', "~0").replace('/', "~1");
                let (a, b) = (a.and_then(|a| a.get(key)), b.and_then(|b| b.get(key)));
                compare(a, b, &format!("{path}/{step}"), found);
            }
        }
        ((None, None), (a, b)) if !both || (a.is_some() && b.is_some()) => {
            let (a, b) = (a.map_or(&[][..], Vec::as_slice), b.map_or(&[][..], Vec::as_slice));
            if a.is_empty() && b.is_empty() {
                note(named(path));
            }
            for at in 0..a.len().max(b.len()) {
                compare(a.get(at), b.get(at), &format!("{path}/*"), found);
            }
        }
        // An object where a list or a value was.
        _ => note(named(path)),
    }
}

fn named(path: &str) -> String {
    if path.is_empty() { WHOLE.to_owned() } else { path.to_owned() }
}

/// A place without its indexes, so that a crowd counts it once.
fn any_index(place: &str) -> String {
    let place = place.split(" (regel").next().unwrap_or(place);
    let step = |step: &str| {
        let step = step.split('[').next().unwrap_or(step);
        let is_index = !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit());
        if is_index { "*".to_owned() } else { step.to_owned() }
    };
    named(&place.split('/').map(step).collect::<Vec<_>>().join("/"))
}

/// Which items of a crowd go together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Group {
    pub partner: Option<PartnerId>,
    #[serde(rename = "soort")]
    pub kind: Option<String>,
    #[serde(rename = "reden")]
    pub reason: Option<String>,
}

/// The differences of one group for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyLine {
    #[serde(flatten)]
    pub group: Group,
    #[serde(rename = "ontvanger")]
    pub recipient: Option<PartnerId>,
    #[serde(rename = "gevolg")]
    pub consequence: Consequence,
    #[serde(rename = "aantal")]
    pub count: u64,
    /// In how many of them a field differs.
    #[serde(rename = "velden")]
    pub fields: BTreeMap<String, u64>,
    #[serde(rename = "redenen")]
    pub reasons: BTreeMap<String, u64>,
}

/// Differences counted over a crowd, in parts that may be added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(pub Vec<TallyLine>);

impl Tally {
    pub fn add(&mut self, group: &Group, recipient: Option<&PartnerId>, difference: &Difference) {
        let once = |names: &BTreeSet<String>| names.iter().map(|n| (n.clone(), 1)).collect();
        self.add_line(TallyLine {
            group: group.clone(),
            recipient: recipient.cloned(),
            consequence: difference.consequence,
            count: 1,
            fields: once(&difference.fields),
            reasons: once(&difference.reasons),
        });
    }

    pub fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|line| self.add_line(line));
    }

    fn add_line(&mut self, line: TallyLine) {
        fn key(line: &TallyLine) -> (&Group, Option<&PartnerId>, Consequence) {
            (&line.group, line.recipient.as_ref(), line.consequence)
        }
        match self.0.binary_search_by(|there| key(there).cmp(&key(&line))) {
            Ok(at) => {
                let Some(there) = self.0.get_mut(at) else { return };
                there.count += line.count;
                add_up(&mut there.fields, line.fields);
                add_up(&mut there.reasons, line.reasons);
            }
            Err(at) => self.0.insert(at, line),
        }
    }
}

pub(super) fn add_up(sums: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (name, count) in more {
        let room = sums.len() < NAMES_MAX || sums.contains_key(&name);
        let name = if room { name } else { BEYOND.to_owned() };
        *sums.entry(name).or_default() += count;
    }
}

#[cfg(test)]
mod tests;
