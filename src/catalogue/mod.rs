//! Everything that is data: canonical schemas, connectors, partners, purposes and routes.
//!
//! Parsed once, from a map of paths to bytes, into an immutable `Catalogue`. What can be known to
//! be wrong is refused here, with file, line and column; whether examples pass is checked by
//! whoever can run the pipeline. Knows no IO: `settings` reads the files.

pub mod cel;
mod check;
pub mod connector;
pub mod disclosure;
pub mod facts;
#[cfg(test)]
pub(crate) mod fixture;
mod index;
pub mod mapping;
mod namespaces;
pub mod partner;
pub mod playbook;
pub mod problem;
pub mod programme;
pub mod purpose;
pub mod route;
pub mod schema;
mod shape;
mod shape_of;
mod theme;
mod validity;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use self::cel::{CodeLists, Engine};
use self::connector::Connector;
use self::index::Index;
use self::partner::{Former, Partner};
use self::playbook::Playbook;
use self::problem::{Files, Problem, SourceText};
use self::programme::Programme;
use self::purpose::Purpose;
use self::route::Routes;
use self::schema::{Patterns, Schema};
use crate::message::{
    ConnectorId, Digest, Effect, MessageKind, Oin, PartnerId, PlaybookId, PurposeId, Succession,
    Timestamp,
};

pub use namespaces::{Namespaces, NamespacesError, XML_URI, XSI_URI, is_xml_name};
pub use shape::{Field, Shape};
pub use theme::{Lasting, Otherwise, Theme, ThemeCase};

/// An immutable set of everything that is configured, under one digest.
#[derive(Debug)]
pub struct Catalogue {
    digest: Digest,
    pub hub: HubIdentity,
    pub engine: Engine,
    pub themes: BTreeMap<String, Theme>,
    pub messages: BTreeMap<MessageKind, Message>,
    pub connectors: BTreeMap<ConnectorId, Connector>,
    pub partners: BTreeMap<PartnerId, Partner>,
    pub purposes: BTreeMap<PurposeId, Purpose>,
    pub routes: Routes,
    pub playbooks: BTreeMap<PlaybookId, Playbook>,
    /// What the municipality wants, where the set says so.
    pub programme: Option<Programme>,
    /// Who goes on under which name.
    pub succession: Arc<Succession>,
    index: Index,
}

/// Who this hub is to its partners: `config/hub.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubIdentity {
    pub naam: String,
    pub oin: Oin,
}

/// A canonical message type.
#[derive(Debug)]
pub struct Message {
    pub effect: Effect,
    pub schema: Schema,
    pub title: String,
}

impl Catalogue {
    /// Parses a set, or says everything that is wrong with it.
    pub fn parse(files: &Files) -> Result<Self, Vec<Problem>> {
        let catalogue = Self::read(files, |_| true)?;
        let problems = check::cross_check(&catalogue, files);
        if problems.is_empty() { Ok(catalogue) } else { Err(problems) }
    }

    /// Parses a set with one connector only, so that it can be worked on while others are broken.
    pub fn parse_only(files: &Files, connector: &ConnectorId) -> Result<Self, Vec<Problem>> {
        Self::read(files, |id| id == connector.as_str())
    }

    fn read(files: &Files, wanted: impl Fn(&str) -> bool) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut take = |result: Result<(), Vec<Problem>>| {
            if let Err(found) = result {
                problems.extend(found);
            }
        };
        let mut messages = BTreeMap::new();
        let patterns = Patterns::new();
        take(load_messages(files, &patterns).map(|loaded| messages = loaded));
        let hub = read::<HubIdentity>(files, "config/hub.toml");
        let themes = read::<BTreeMap<String, Theme>>(files, "config/themes.toml");
        let (hub, themes) = match (hub, themes) {
            // Where a canonical message is broken, what speaks of its fields says nothing new.
            (Ok(hub), Ok(themes)) if !messages.is_empty() => (hub, themes),
            (hub, themes) => {
                take(hub.map(drop));
                take(themes.map(drop));
                return Err(problems);
            }
        };
        let mut codes = CodeLists::new();
        let (mut connectors, mut partners) = (BTreeMap::new(), None);
        take(
            load_connectors(files, &messages, (&mut codes, &patterns), wanted)
                .map(|loaded| connectors = loaded),
        );
        take(load_partners(files).map(|loaded| partners = Some(loaded)));
        let names: Vec<String> = themes.keys().cloned().collect();
        let canonical = canonical_shape(&messages);
        let (mut purposes, mut routes) = (BTreeMap::new(), Routes::default());
        take(load_purposes(files, &canonical, &names).map(|loaded| purposes = loaded));
        take(SourceText::read(files, "config/routes.toml").map_err(|p| vec![p]).and_then(
            |source| {
                Routes::load(source, &canonical, &names, partners.as_ref())
                    .map(|loaded| routes = loaded)
            },
        ));
        let mut playbooks = BTreeMap::new();
        take(load_playbooks(files, &canonical, &names).map(|loaded| playbooks = loaded));
        let mut programme = None;
        take(Programme::load(files, &themes).map(|loaded| programme = loaded));
        let engine = Engine::new(codes).map_err(|text| {
            let source = SourceText { file: "connectors", text: "" };
            vec![source.whole("functies", text)]
        })?;
        let digest = digest_of(files);
        problems.sort();
        problems.dedup();
        if !problems.is_empty() {
            return Err(problems);
        }
        let partners = partners.unwrap_or_default();
        let index = Index::new(&partners, &purposes);
        Ok(Self {
            digest,
            hub,
            engine,
            themes,
            messages,
            connectors,
            succession: Arc::new(partner::succession(&partners)),
            partners,
            purposes,
            routes,
            playbooks,
            programme,
            index,
        })
    }

    /// The digest of all its files, by which an exchange names the set it was decided under.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// A partner by its name, or by one that it had before.
    pub fn partner(&self, id: &PartnerId) -> Option<&Partner> {
        self.partners.get(self.succession.now(id))
    }

    /// The partner that comes in under this name now. A former name opens the door until the day
    /// that its file says, and no longer.
    pub fn known_as(&self, name: &PartnerId, now: Timestamp) -> Option<&Partner> {
        let partner = self.partner(name)?;
        let is_former = |former: &&Former| former.id == *name;
        let former = partner.former.iter().find(is_former);
        former.is_none_or(|former| former.validity.holds(now)).then_some(partner)
    }

    /// Whether any connector tells its partners what they got before about the same signal.
    pub fn looks_back(&self) -> bool {
        let mut forms = self.connectors.values().flat_map(|connector| &connector.outbound);
        forms.any(|form| form.mapping.reads(facts::EARLIER))
    }

    /// The playbook for a signal of this theme: the first, in the order of their ids, whose
    /// condition holds; one without a condition only where no other does.
    pub fn playbook_for(&self, theme: &str, data: &serde_json::Value) -> Option<&Playbook> {
        let of_theme = || self.playbooks.values().filter(|playbook| playbook.plan.theme == theme);
        let holds = |playbook: &&Playbook| {
            playbook.condition.as_ref().is_some_and(|condition| {
                let mut scope = self.engine.scope();
                scope.bind("b", data);
                condition.holds(&scope).unwrap_or(false)
            })
        };
        of_theme().find(holds).or_else(|| of_theme().find(|one| one.condition.is_none()))
    }

    /// The partner that directs: the municipality that this hub serves, where the set has one.
    pub fn municipality(&self) -> Option<&Partner> {
        self.meant_by(facts::MUNICIPALITY).into_iter().find(|p| p.is_municipality())
    }

    pub fn connector_of(&self, partner: &Partner) -> Option<&Connector> {
        self.connectors.get(&partner.connector)
    }

    /// The partners that a name in a message or route means: the partner itself, or its kind.
    pub fn meant_by(&self, name: &str) -> Vec<&Partner> {
        self.index.partners(name).filter_map(|id| self.partners.get(id)).collect()
    }

    /// The purposes that name this recipient or its kind, in the order of their ids.
    pub fn purposes_to(&self, recipient: &Partner) -> impl Iterator<Item = &Purpose> {
        self.index.purposes(recipient).into_iter().filter_map(|id| self.purposes.get(id))
    }
}

/// Whose data something is.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    Partner(&'a Partner),
    /// Only the kind of partner is known.
    Kind(&'a str),
}

impl Origin<'_> {
    fn is_among(&self, names: &[String]) -> bool {
        match self {
            Self::Partner(partner) => Purpose::names(names, partner),
            Self::Kind(kind) => names.iter().any(|name| name == kind),
        }
    }
}

/// The shape of any canonical message: what purposes and routes may speak of.
fn canonical_shape(messages: &BTreeMap<MessageKind, Message>) -> Shape {
    let shapes = messages.values().map(|message| message.schema.shape.clone());
    shapes.reduce(Shape::either).unwrap_or(Shape::Any)
}

fn digest_of(files: &Files) -> Digest {
    let mut parts: Vec<Vec<u8>> = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        let head = format!("{}\n{}\n", path, bytes.len());
        parts.push([head.as_bytes(), bytes.as_slice()].concat());
    }
    let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Digest::of(&slices)
}

fn read<T: serde::de::DeserializeOwned>(files: &Files, file: &str) -> Result<T, Vec<Problem>> {
    SourceText::read(files, file).and_then(|source| source.toml()).map_err(|problem| vec![problem])
}

/// The middle part of every path of the form `<prefix><name><suffix>`.
fn names<'f>(files: &'f Files, prefix: &'f str, suffix: &'f str) -> impl Iterator<Item = &'f str> {
    files.keys().filter_map(move |path| {
        let name = path.strip_prefix(prefix)?.strip_suffix(suffix)?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    })
}

fn bad_name(file: &str) -> Problem {
    let text = "deze naam heeft andere tekens dan kleine letters, cijfers en streepjes";
    SourceText { file, text: "" }.whole("naam", text)
}

fn load_messages(
    files: &Files,
    patterns: &Patterns,
) -> Result<BTreeMap<MessageKind, Message>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut messages = BTreeMap::new();
    for path in files.keys().filter(|p| p.starts_with("schemas/") && p.ends_with(".json")) {
        let parts: Vec<&str> = path.split('/').collect();
        let [_, name, version] = parts.as_slice() else { continue };
        let kind = version.strip_suffix(".json").map(|v| format!("{name}.{v}"));
        let Some(kind) = kind.as_deref().and_then(MessageKind::parse) else { continue };
        if *name == "delen" {
            continue;
        }
        match load_message(files, path, patterns) {
            Ok(message) => {
                messages.insert(kind, message);
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() && messages.is_empty() {
        let source = SourceText { file: "schemas", text: "" };
        problems.push(source.whole("bericht", "deze set heeft geen canonieke berichten"));
    }
    if problems.is_empty() { Ok(messages) } else { Err(problems) }
}

fn load_message(files: &Files, path: &str, patterns: &Patterns) -> Result<Message, Vec<Problem>> {
    let schema = Schema::load(files, path, patterns)?;
    let effect = schema.annotations.get("werking").cloned().unwrap_or_default();
    let effect = serde_json::from_value(effect).map_err(|_| {
        let source = SourceText { file: path, text: "" };
        let hint = "x-schakel.werking is melding, aanvulling, intrekking, bevestiging, \
                    verzoek of antwoord";
        vec![source.whole("werking", hint)]
    })?;
    let title = schema.title.clone().unwrap_or_else(|| path.to_owned());
    Ok(Message { effect, schema, title })
}

fn load_connectors(
    files: &Files,
    messages: &BTreeMap<MessageKind, Message>,
    (codes, patterns): (&mut CodeLists, &Patterns),
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<ConnectorId, Connector>, Vec<Problem>> {
    let (mut problems, mut connectors) = (Vec::new(), BTreeMap::new());
    let folders: Vec<String> = files
        .keys()
        .filter_map(|p| p.strip_prefix("connectors/")?.strip_suffix("/connector.toml"))
        .filter(|folder| wanted(folder))
        .map(str::to_owned)
        .collect();
    for folder in folders {
        let file = format!("connectors/{folder}/connector.toml");
        match ConnectorId::try_from(folder) {
            Err(_) => problems.push(bad_name(&file)),
            Ok(id) => match Connector::load(files, id.clone(), messages, (&mut *codes, patterns)) {
                Ok(connector) => {
                    connectors.insert(id, connector);
                }
                Err(found) => problems.extend(found),
            },
        }
    }
    if problems.is_empty() { Ok(connectors) } else { Err(problems) }
}

fn load_partners(files: &Files) -> Result<BTreeMap<PartnerId, Partner>, Vec<Problem>> {
    let (mut problems, mut partners) = (Vec::new(), BTreeMap::new());
    for name in names(files, "config/partners/", ".toml") {
        let file = format!("config/partners/{name}.toml");
        match PartnerId::try_from(name.to_owned()) {
            Err(_) => problems.push(bad_name(&file)),
            Ok(id) => match Partner::load(files, &file, id.clone()) {
                Ok(partner) => {
                    partners.insert(id, partner);
                }
                Err(problem) => problems.push(problem),
            },
        }
    }
    if problems.is_empty() { Ok(partners) } else { Err(problems) }
}

fn load_purposes(
    files: &Files,
    canonical: &Shape,
    themes: &[String],
) -> Result<BTreeMap<PurposeId, Purpose>, Vec<Problem>> {
    let (mut problems, mut purposes) = (Vec::new(), BTreeMap::new());
    for name in names(files, "config/purposes/", ".toml") {
        let file = format!("config/purposes/{name}.toml");
        match PurposeId::try_from(name.to_owned()) {
            Err(_) => problems.push(bad_name(&file)),
            Ok(id) => match Purpose::load(files, &file, id.clone(), canonical, themes) {
                Ok(purpose) => {
                    purposes.insert(id, purpose);
                }
                Err(found) => problems.extend(found),
            },
        }
    }
    if problems.is_empty() { Ok(purposes) } else { Err(problems) }
}

fn load_playbooks(
    files: &Files,
    canonical: &Shape,
    themes: &[String],
) -> Result<BTreeMap<PlaybookId, Playbook>, Vec<Problem>> {
    let (mut problems, mut playbooks) = (Vec::new(), BTreeMap::new());
    let actions = actions(files);
    for name in names(files, "config/playbooks/", ".toml") {
        let file = format!("config/playbooks/{name}.toml");
        match PlaybookId::try_from(name.to_owned()) {
            Err(_) => problems.push(bad_name(&file)),
            Ok(id) => {
                let known = (themes, actions.as_slice());
                match Playbook::load(files, &file, id.clone(), canonical, known) {
                    Ok(playbook) => {
                        playbooks.insert(id, playbook);
                    }
                    Err(found) => problems.extend(found),
                }
            }
        }
    }
    if problems.is_empty() { Ok(playbooks) } else { Err(problems) }
}

/// What can be asked of a partner, as the canonical messages say.
fn actions(files: &Files) -> Vec<String> {
    let parts = files.get("schemas/delen/v1.json").map_or(&[][..], Vec::as_slice);
    let parts: serde_json::Value = serde_json::from_slice(parts).unwrap_or_default();
    let known = parts.pointer("/$defs/gevraagdeActie/properties/soort/enum");
    let known = known.and_then(|list| list.as_array());
    known.into_iter().flatten().filter_map(|code| Some(code.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests;
