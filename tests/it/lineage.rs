//! Lineage keeps its word: a source leaf that changes touches only what lists it as read.
//!
//! Every good example of every connector is mapped as it is, and again for each of its leaves with
//! that leaf changed or removed. A target that differs, or that can no longer be made, must have a
//! rule whose `reads` list the leaf. It runs the mapping alone, so nothing is chosen at random and
//! nothing is hidden behind a schema.

use std::collections::{BTreeMap, BTreeSet};

use schakel::catalogue::Catalogue;
use schakel::catalogue::cel::{Path, Step};
use schakel::catalogue::connector::Connector;
use schakel::catalogue::mapping::{Mapping, Run};
use schakel::catalogue::problem::Files;
use schakel::message::ConnectorId;
use schakel::pipeline::Decoded;
use serde_json::{Value, json};

/// Values from other examples that are tried in the place of one leaf.
const BORROWED_MAX: usize = 3;

#[test]
fn a_changed_leaf_changes_only_targets_whose_lineage_lists_it() {
    let files = schakel::settings::shipped();
    let ids = files
        .keys()
        .filter_map(|path| path.strip_prefix("connectors/")?.strip_suffix("/connector.toml"));
    let mut broken = BTreeSet::new();
    for id in ids {
        let tried = try_connector(&files, id, &mut broken);
        assert!(tried.runs > 100, "{id}: only {} leaves tried", tried.runs);
        assert!(tried.differed > tried.runs / 4, "{id}: hardly a change changed anything");
    }
    let list: Vec<&str> = broken.iter().take(30).map(String::as_str).collect();
    assert!(list.is_empty(), "{} promises broken, such as\n{}", broken.len(), list.join("\n"));
}

/// How much was tried, so that the test cannot pass by trying nothing.
#[derive(Default)]
struct Tried {
    runs: usize,
    differed: usize,
}

/// One mapping with the document of one example.
struct Case<'c> {
    mapping: &'c Mapping,
    sources: Sources,
}

/// The variables of a mapping: `b`, `h` and `eerder`.
#[derive(Clone)]
struct Sources([(&'static str, Value); 3]);

fn try_connector(files: &Files, id: &str, broken: &mut BTreeSet<String>) -> Tried {
    let id = ConnectorId::try_from(id.to_owned()).unwrap();
    let catalogue = Catalogue::parse_only(files, &id).unwrap();
    let cases = cases(files, &catalogue.connectors[&id]);
    let mut pool: BTreeMap<Path, BTreeSet<String>> = BTreeMap::new();
    for case in &cases {
        case.sources.leaves(&mut |path, _, value| {
            pool.entry(path.generalised()).or_default().insert(value.to_string());
        });
    }
    let mut tried = Tried::default();
    for case in &cases {
        case.try_leaves(&catalogue, &pool, &mut tried, broken);
    }
    tried
}

fn cases<'c>(files: &Files, connector: &'c Connector) -> Vec<Case<'c>> {
    let prefix = format!("connectors/{}/examples/", connector.id);
    let mut cases = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with(&prefix)) {
        let Some(folder) = path.strip_suffix("canonical.json") else { continue };
        let settings = std::str::from_utf8(&files[&format!("{folder}geval.toml")]).unwrap();
        let settings: toml::Table = toml::from_str(settings).unwrap();
        let Some(kind) = settings.get("bericht").and_then(|kind| kind.as_str()) else {
            let native = format!("{folder}native.");
            let (_, native) = files.iter().find(|(path, _)| path.starts_with(&native)).unwrap();
            let mut decoded = Decoded::read(connector, native, None).unwrap();
            let entry = decoded.recognise(connector).unwrap();
            let b = decoded.take_value(&entry.schema.shape).unwrap();
            cases.push(Case { mapping: &entry.mapping, sources: Sources::new(b) });
            continue;
        };
        let b: Value = serde_json::from_slice(bytes).unwrap();
        let forms = connector.outbound.iter().filter(|form| form.kind.to_string() == kind);
        cases.extend(
            forms.map(|form| Case { mapping: &form.mapping, sources: Sources::new(b.clone()) }),
        );
    }
    cases
}

impl Case<'_> {
    fn try_leaves(
        &self,
        catalogue: &Catalogue,
        pool: &BTreeMap<Path, BTreeSet<String>>,
        tried: &mut Tried,
        broken: &mut BTreeSet<String>,
    ) {
        let before = self.run(catalogue, &self.sources);
        self.sources.leaves(&mut |path, pointer, value| {
            let borrowed = pool[&path.generalised()].iter();
            let borrowed = borrowed.map(|text| serde_json::from_str(text).unwrap());
            let others = borrowed.filter(|other| other != value).take(BORROWED_MAX);
            let tweaked = tweak(value).into_iter();
            for other in tweaked.chain(others).map(Some).chain([None]) {
                let after = self.run(catalogue, &self.sources.with(path, pointer, other));
                tried.runs += 1;
                let different = differences(&before, &after);
                tried.differed += usize::from(!different.is_empty());
                for target in different.iter().filter(|target| !self.reads(target, path)) {
                    let file = &self.mapping.file;
                    broken.insert(format!("{file}: {path} changes {target} unlisted"));
                }
            }
        });
    }

    /// What stands at each target; a target that cannot be made says so.
    fn run(&self, catalogue: &Catalogue, sources: &Sources) -> BTreeMap<String, Vec<String>> {
        let variables = sources.0.each_ref().map(|(name, value)| (*name, value));
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        match Run::new(self.mapping, &catalogue.engine).document(&variables) {
            Ok((document, _)) => {
                for rule in &self.mapping.rules {
                    let values = found.entry(rule.target.to_string()).or_default();
                    values.clear();
                    collect(&document, &rule.target.steps, values);
                }
            }
            Err(violations) => {
                for violation in violations {
                    let target = self.target_at(&violation.place);
                    found.entry(target).or_default().push(violation.code);
                }
            }
        }
        found
    }

    /// The target that a pointer into the document names; a condition of a list names the list.
    fn target_at(&self, pointer: &str) -> String {
        let steps = pointer.split('/').skip(1).map(|step| match step.parse::<usize>() {
            Ok(_) => Step::Each,
            Err(_) => Step::Field(step.replace("~1", "/").replace("~0", "~")),
        });
        Path { root: "doel".to_owned(), steps: steps.collect() }.to_string()
    }

    /// Whether a rule of this target, or of a field in this list, lists the leaf as read.
    fn reads(&self, target: &str, leaf: &Path) -> bool {
        let list = format!("{target}[]");
        let rules = self.mapping.rules.iter().filter(|rule| {
            let name = rule.target.to_string();
            name == *target || name.starts_with(&list)
        });
        rules.flat_map(|rule| &rule.reads).any(|read| read.touches(leaf))
    }
}

/// Targets that differ. Where one run made a document and the other did not, only what could not
/// be made is known to differ.
fn differences(
    before: &BTreeMap<String, Vec<String>>,
    after: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let failed = |run: &BTreeMap<String, Vec<String>>| {
        let codes = ["bron-ontbreekt", "onbekende-code", "vertaling"];
        run.values().flatten().any(|value| codes.contains(&value.as_str()))
    };
    let targets: BTreeSet<&String> = match (failed(before), failed(after)) {
        (false, true) => after.keys().collect(),
        (true, false) => before.keys().collect(),
        _ => before.keys().chain(after.keys()).collect(),
    };
    let differs = |target: &&&String| before.get(**target) != after.get(**target);
    targets.iter().filter(differs).map(ToString::to_string).collect()
}

/// The values at a path, in the order of the document.
fn collect(value: &Value, steps: &[Step], out: &mut Vec<String>) {
    match (steps.split_first(), value) {
        (None, value) => out.push(value.to_string()),
        (Some((Step::Field(name), rest)), Value::Object(fields)) => {
            fields.get(name).into_iter().for_each(|field| collect(field, rest, out));
        }
        (Some((Step::Each, rest)), Value::Array(items)) => {
            items.iter().for_each(|item| collect(item, rest, out));
        }
        _ => {}
    }
}

/// The same kind of value, but another one: every digit and letter moved, the last one only, and
/// nothing at all.
fn tweak(value: &Value) -> Vec<Value> {
    let moved = |c: char| match c {
        '9' => '0',
        'z' => 'a',
        'Z' => 'A',
        '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from_u32(c as u32 + 1).unwrap(),
        other => other,
    };
    match value {
        Value::String(text) => {
            let all: String = text.chars().map(moved).collect();
            let mut last: Vec<char> = text.chars().collect();
            last.iter_mut().rev().take(1).for_each(|c| *c = moved(*c));
            let candidates = [all, last.into_iter().collect(), String::new()];
            candidates.into_iter().filter(|c| c != text).map(Value::from).collect()
        }
        Value::Number(number) => vec![json!(number.as_f64().unwrap() + 1.0), json!(1), json!(0)],
        Value::Bool(flag) => vec![json!(!flag)],
        _ => Vec::new(),
    }
}

impl Sources {
    /// `h` holds what both directions offer; each mapping reads its own part.
    fn new(b: Value) -> Self {
        let party = json!({ "naam": "Naam", "oin": "00000001000000000101", "id": "partij" });
        let h = json!({
            "ontvangen": "2026-11-23T12:00:00Z",
            "hub": { "naam": "Schakel Eindhoven", "oin": "00000001001902763000" },
            "afzender": party,
            "zending": "00000000-0000-4000-8000-000000000001",
            "casus": "C-0000-0000-0001",
            "opgesteld": "2026-11-23T12:00:00Z",
            "bericht": "signaal-gemeld.v1",
            "ontvanger": party,
        });
        let earlier = ["signaal-gemeld.v1", "signaal-aangevuld.v1"].map(|kind| {
            json!({
                "zending": "00000000-0000-4000-8000-000000000002",
                "opgesteld": "2026-11-22T11:00:00Z",
                "bericht": kind,
            })
        });
        Self([("b", b), ("h", h), ("eerder", json!(earlier))])
    }

    /// Every leaf, as a path of lineage and as a JSON Pointer within its variable.
    fn leaves(&self, visit: &mut dyn FnMut(&Path, &str, &Value)) {
        for (root, value) in &self.0 {
            leaves(value, &Path::root(root), "", visit);
        }
    }

    /// The same with another value in one place, or with nothing there.
    fn with(&self, path: &Path, pointer: &str, other: Option<Value>) -> Self {
        let mut sources = self.clone();
        let (_, value) = sources.0.iter_mut().find(|(root, _)| *root == path.root).unwrap();
        match other {
            Some(other) => *value.pointer_mut(pointer).unwrap() = other,
            None => {
                let (above, name) = pointer.rsplit_once('/').unwrap();
                match value.pointer_mut(above).unwrap() {
                    Value::Object(fields) => {
                        fields.remove(&name.replace("~1", "/").replace("~0", "~"));
                    }
                    Value::Array(items) => {
                        items.remove(name.parse().unwrap());
                    }
                    _ => unreachable!("a leaf stands in an object or a list"),
                }
            }
        }
        sources
    }
}

fn leaves(value: &Value, path: &Path, pointer: &str, visit: &mut dyn FnMut(&Path, &str, &Value)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let step = name.replace('~', "~0").replace('/', "~1");
                let path = path.then(Step::Field(name.clone()));
                leaves(field, &path, &format!("{pointer}/{step}"), visit);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                leaves(item, &path.then(Step::At(at)), &format!("{pointer}/{at}"), visit);
            }
        }
        leaf => visit(path, pointer, leaf),
    }
}
