//! What a set lets each recipient get, and how two sets differ in that: as lines, by which it is
//! decided whether a second person is needed, and field by field, for the people who decide.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::partner::Delivery;
use super::purpose::{Grant, Treatment};
use super::{Catalogue, Shape};

/// Lines or changes of one comparison at most.
pub const LINES_MAX: usize = 500;

/// What somebody would receive under `new` that they do not under `old`, one line each: whose data,
/// to whom, on which theme, which field, how, under which condition, and when. A field that is
/// generalised where it was given as it is, is no more.
pub fn widened(old: &Catalogue, new: &Catalogue) -> Vec<String> {
    let mut wider: BTreeMap<String, When> = BTreeMap::new();
    let known = places(old);
    for (place, how) in places(new) {
        if known.get(&place) != Some(&how) {
            wider.insert(place.0.told(&place.1, &how), When::Always);
        }
    }
    let before = fields_of(old);
    for (key, ways) in fields_of(new) {
        let had = before.get(&key);
        let theme = if key.theme.is_empty() { "alle thema's" } else { &key.theme };
        let (from, to) = (&key.origin, &key.recipient);
        for way in ways.keys() {
            if had.is_some_and(|had| had.keys().any(|other| way.is_within(other))) {
                continue;
            }
            let line = format!("{from} → {to}, {theme}: {} {}", key.field, way.told());
            let when = way.breekglas.map_or(When::Always, When::Broken);
            let known = wider.entry(line).or_insert(when);
            *known = when.max(*known);
        }
    }
    wider.into_iter().take(LINES_MAX).map(|(line, when)| when.told(line)).collect()
}

/// When something may be disclosed. A later one gives more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// Only after a glass was broken, and for this many minutes at most.
    Broken(u16),
    Always,
}

impl When {
    fn told(self, line: String) -> String {
        match self {
            Self::Always => line,
            Self::Broken(minutes) => {
                format!("{line}, alleen na breekglas en hoogstens {minutes} minuten")
            }
        }
    }
}

/// Who there is to receive, and which routes lead there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaceKind {
    Ketenpartner,
    Route,
}

impl PlaceKind {
    fn told(self, id: &str, how: &str) -> String {
        match self {
            Self::Ketenpartner => format!("ketenpartner {id} {how}"),
            Self::Route => format!("route {id}: {how}"),
        }
    }
}

/// A new partner of a kind gets what its kind gets, and a webhook elsewhere brings it elsewhere.
fn places(catalogue: &Catalogue) -> BTreeMap<(PlaceKind, String), String> {
    let any = |names: &[String]| {
        if names.is_empty() { "alle".to_owned() } else { names.join(", ") }
    };
    let partners = catalogue.partners.values().map(|partner| {
        let way = match &partner.delivery {
            Delivery::Postvak => "postvak".to_owned(),
            Delivery::Webhook { url, netwerken } if netwerken.is_empty() => {
                format!("webhook {url}")
            }
            Delivery::Webhook { url, netwerken } => {
                format!("webhook {url} in {}", netwerken.join(", "))
            }
            Delivery::Map { map } => format!("map {map}"),
            Delivery::RabbitMq => "rabbitmq".to_owned(),
        };
        let any_certificate =
            if partner.certificates.is_empty() { "" } else { ", met certificaat" };
        let how = format!("({}) ontvangt via {way}{any_certificate}", partner.kind);
        ((PlaceKind::Ketenpartner, partner.id.to_string()), how)
    });
    let routes = catalogue.routes.all.iter().map(|route| {
        let (themes, origins) = (any(&route.themes), any(&route.origins));
        let how = format!("{themes} van {origins} → {}", route.targets.join(", "));
        ((PlaceKind::Route, route.id.to_string()), how)
    });
    partners.chain(routes).collect()
}

/// How one purpose lets a field go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Way {
    pub hoe: Treatment,
    /// Which elements of a list.
    pub waar: String,
    /// Of which messages.
    pub als: String,
    /// A BSN, on the recipient's own legal basis.
    pub bsn: bool,
    /// Only after a glass was broken, and for this many minutes at most.
    pub breekglas: Option<u16>,
}

impl Way {
    fn told(&self) -> String {
        let how = match self.hoe {
            Treatment::Keep => "houd",
            Treatment::Generalise => "veralgemeen",
            Treatment::Mask => "masker",
        };
        let mut told = format!("({how})");
        if !self.waar.is_empty() {
            told.push_str(&format!(" waar {}", self.waar));
        }
        if !self.als.is_empty() {
            told.push_str(&format!(" als {}", self.als));
        }
        if self.bsn {
            told.push_str(" met eigen grondslag");
        }
        told
    }

    /// Whether who gets a field the other way gets nothing more by this one.
    fn is_within(&self, other: &Self) -> bool {
        let same_or_all = |mine: &str, theirs: &str| theirs.is_empty() || mine == theirs;
        self.hoe <= other.hoe
            && same_or_all(&self.waar, &other.waar)
            && same_or_all(&self.als, &other.als)
            && (other.bsn || !self.bsn)
            && match (self.breekglas, other.breekglas) {
                (_, None) => true,
                (Some(mine), Some(theirs)) => mine <= theirs,
                (None, Some(_)) => false,
            }
    }
}

/// A field of somebody's data, for somebody; an empty theme is every theme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    recipient: String,
    field: String,
    origin: String,
    theme: String,
}

/// Each way in which a field may go, with the purposes that say so.
type Ways = BTreeMap<Way, BTreeSet<String>>;

fn fields_of(catalogue: &Catalogue) -> BTreeMap<Key, Ways> {
    let mut all: BTreeMap<Key, Ways> = BTreeMap::new();
    for purpose in catalogue.purposes.values() {
        let mut fields = Vec::new();
        flatten(&purpose.grants, String::new(), "", &mut fields);
        let every = [String::new()];
        let themes = if purpose.themes.is_empty() { &every[..] } else { &purpose.themes[..] };
        let condition = purpose.condition.as_ref().map_or("", |condition| &condition.text);
        for (field, treatment, own) in &fields {
            let way = Way {
                hoe: *treatment,
                waar: own.clone(),
                als: condition.to_owned(),
                bsn: purpose.bsn_basis.is_some() && field.contains("bsn"),
                breekglas: purpose.glass,
            };
            for ((origin, recipient), theme) in pairs(&purpose.origins, &purpose.recipients)
                .flat_map(|pair| themes.iter().map(move |theme| (pair, theme)))
            {
                let key = Key {
                    recipient: recipient.clone(),
                    field: field.clone(),
                    origin: origin.clone(),
                    theme: theme.clone(),
                };
                let ways = all.entry(key).or_default();
                ways.entry(way.clone()).or_default().insert(purpose.id.to_string());
            }
        }
    }
    all
}

fn pairs<'a>(
    left: &'a [String],
    right: &'a [String],
) -> impl Iterator<Item = (&'a String, &'a String)> {
    left.iter().flat_map(move |one| right.iter().map(move |other| (one, other)))
}

fn flatten(grant: &Grant, at: String, condition: &str, out: &mut Vec<(String, Treatment, String)>) {
    let own = grant.condition.as_ref().map_or(condition, |condition| &condition.text);
    if let Some(treatment) = grant.treatment {
        out.push((at.clone(), treatment, own.to_owned()));
    }
    for (name, inner) in &grant.fields {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        flatten(inner, path, own, out);
    }
    if let Some(elements) = &grant.elements {
        flatten(elements, format!("{at}[]"), own, out);
    }
}

/// Whether somebody gets more or less of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    Ruimer,
    Krapper,
    /// More in one respect and less in another.
    Anders,
}

/// A field that goes otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldChange {
    /// A kind of partner, or a partner.
    pub ontvanger: String,
    pub veld: String,
    pub wordt: Turn,
    /// Before, and under the other set; nothing where the field does not go.
    pub was: Vec<Way>,
    pub straks: Vec<Way>,
    /// Whose data.
    pub herkomst: Vec<String>,
    /// None: every theme.
    pub themas: Vec<String>,
    pub doelbindingen: BTreeSet<String>,
    /// The types of message that have such a field.
    pub berichten: Vec<String>,
}

/// A partner or a route that comes, goes, or leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceChange {
    pub soort: PlaceKind,
    pub id: String,
    pub was: Option<String>,
    pub straks: Option<String>,
}

/// How two sets differ in what anybody may get.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    pub velden: Vec<FieldChange>,
    pub plaatsen: Vec<PlaceChange>,
    /// Changes beyond those that are told.
    pub meer: usize,
}

/// What becomes of each field for each recipient when `new` takes the place of `old`.
pub fn compare(old: &Catalogue, new: &Catalogue) -> Comparison {
    let mut velden = field_changes(old, new);
    let meer = velden.len().saturating_sub(LINES_MAX);
    velden.truncate(LINES_MAX);
    let (before, after) = (places(old), places(new));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = keys.into_iter().filter(|key| before.get(key) != after.get(key));
    let plaatsen = changed.map(|key| PlaceChange {
        soort: key.0,
        id: key.1.clone(),
        was: before.get(key).cloned(),
        straks: after.get(key).cloned(),
    });
    Comparison { velden, plaatsen: plaatsen.take(LINES_MAX).collect(), meer }
}

fn field_changes(old: &Catalogue, new: &Catalogue) -> Vec<FieldChange> {
    let (before, after) = (fields_of(old), fields_of(new));
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    // Changes that are the same on several themes, or of several origins, are told once.
    let mut by_change: BTreeMap<FieldChange, BTreeSet<String>> = BTreeMap::new();
    let mut by_theme: BTreeMap<(FieldChange, String), BTreeSet<String>> = BTreeMap::new();
    for key in keys {
        let (was, straks) = (effective(&before, key), effective(&after, key));
        let Some(wordt) = turn(&was, &straks) else { continue };
        let purposes = |ways: &Ways| ways.values().flatten().cloned().collect::<Vec<_>>();
        let change = FieldChange {
            ontvanger: key.recipient.clone(),
            veld: key.field.clone(),
            wordt,
            doelbindingen: purposes(&was).into_iter().chain(purposes(&straks)).collect(),
            was: was.into_keys().collect(),
            straks: straks.into_keys().collect(),
            herkomst: Vec::new(),
            themas: Vec::new(),
            berichten: messages_with(old, new, &key.field),
        };
        by_theme.entry((change, key.origin.clone())).or_default().insert(key.theme.clone());
    }
    for ((mut change, origin), themes) in by_theme {
        let every = themes.contains("");
        change.themas = if every { Vec::new() } else { themes.iter().cloned().collect() };
        by_change.entry(change).or_default().insert(origin);
    }
    let told = by_change.into_iter().map(|(mut change, origins)| {
        change.herkomst = origins.into_iter().collect();
        change
    });
    told.collect()
}

/// The ways of a field on a theme, those for every theme included.
fn effective(all: &BTreeMap<Key, Ways>, key: &Key) -> Ways {
    let mut ways = all.get(key).cloned().unwrap_or_default();
    let every = Key { theme: String::new(), ..key.clone() };
    for (way, purposes) in all.get(&every).into_iter().flatten() {
        ways.entry(way.clone()).or_default().extend(purposes.iter().cloned());
    }
    ways
}

fn turn(was: &Ways, straks: &Ways) -> Option<Turn> {
    let beyond = |these: &Ways, those: &Ways| {
        these.keys().any(|way| !those.keys().any(|other| way.is_within(other)))
    };
    match (beyond(straks, was), beyond(was, straks)) {
        (true, false) => Some(Turn::Ruimer),
        (false, true) => Some(Turn::Krapper),
        (true, true) => Some(Turn::Anders),
        (false, false) => None,
    }
}

/// The types of message in which a field can stand, under either set.
fn messages_with(old: &Catalogue, new: &Catalogue, field: &str) -> Vec<String> {
    let all = old.messages.iter().chain(&new.messages);
    let with = all.filter(|(_, message)| has(&message.schema.shape, field));
    with.map(|(kind, _)| kind.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
}

fn has(shape: &Shape, field: &str) -> bool {
    let mut shape = shape;
    for step in field.split('.') {
        let (name, each) = match step.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (step, false),
        };
        let Some(found) = shape.field(name) else { return false };
        shape = match (&found.shape, each) {
            (Shape::Array(element), true) => element,
            (other, _) => other,
        };
    }
    true
}

#[cfg(test)]
mod tests;
