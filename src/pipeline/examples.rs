//! Golden cases of a connector: folders with a document on each side, run through the same road.
//!
//! Inbound: native in, canonical or all violations out. Outbound: canonical in, native out, and
//! what must be withheld. Answers: what happened in, the connector's own receipt out. Tells as
//! well which mapping lines and schema fields no example touches.

mod answers;
pub mod rehearse;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::admit::{Incoming, admit_traced};
use super::dispatch::{Earlier, Job};
use super::native::Decoded;
use super::parcel::{Withheld, WithheldReason};
use super::view::minimise_for;
use crate::catalogue::Catalogue;
use crate::catalogue::Shape;
use crate::catalogue::connector::Connector;
use crate::catalogue::mapping::Mapping;
use crate::catalogue::partner::Partner;
use crate::catalogue::problem::{Files, Problem, SourceText};
use crate::message::CaseState;
use crate::message::{
    CanonicalMessage, CaseId, CaseNumber, ConnectorId, ExternalId, Fault, MessageKind, ParcelId,
    PartnerId, Refusal, Timestamp, Usage, Violation,
};

/// What the examples of one connector showed.
#[derive(Debug, Default)]
pub struct Report {
    pub cases: Vec<Case>,
    /// Mapping lines that gave no value in any example, as `file:line target`.
    pub untouched_rules: Vec<String>,
    /// Schema fields that stand in no example, as `file: path`.
    pub untouched_fields: Vec<String>,
}

/// One example and what was wrong with it, if anything.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub about: String,
    pub problems: Vec<String>,
}

impl Report {
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| case.problems.is_empty())
    }
}

/// Why no example of a connector can be tried.
const NO_SPEAKER: &str = "geen ketenpartner gebruikt deze koppeling of is van haar soort";

/// The moment at which examples happen.
pub const NOW: &str = "2026-11-23T12:00:00Z";
const CASE_NUMBER: &str = "C-0000-0000-0001";
const PARCEL: uuid::Uuid = uuid::Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseText {
    richting: Direction,
    #[serde(default)]
    omschrijving: String,
    partner: Option<PartnerId>,
    bericht: Option<String>,
    van: Option<PartnerId>,
    naar: Option<PartnerId>,
    /// Of an answer: the HTTP status under which it travels.
    status: Option<u16>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Direction {
    In,
    Uit,
    Antwoord,
}

#[derive(Deserialize)]
struct ExpectedRefusal {
    fout: String,
    fouten: Vec<ExpectedViolation>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct ExpectedViolation {
    plaats: String,
    code: String,
}

/// Runs every example of a connector.
pub fn run(catalogue: &Catalogue, files: &Files, id: &ConnectorId) -> Report {
    let mut report = Report::default();
    let Some(connector) = catalogue.connectors.get(id) else { return report };
    let prefix = format!("connectors/{id}/examples/");
    let names: BTreeSet<&str> = files
        .keys()
        .filter_map(|path| path.strip_prefix(&prefix)?.split_once('/').map(|(name, _)| name))
        .collect();
    let mut seen = Seen::default();
    for name in names {
        let folder = format!("{prefix}{name}");
        let mut runner = Runner { catalogue, connector, files, folder, seen: &mut seen };
        let (about, problems) = match runner.case() {
            Ok((about, problems)) => (about, problems),
            Err(problem) => (String::new(), vec![problem]),
        };
        report.cases.push(Case { name: name.to_owned(), about, problems });
    }
    seen.complete(connector, &mut report);
    report
}

/// What examples touched, by file.
#[derive(Default)]
struct Seen {
    rules: BTreeMap<String, Vec<bool>>,
    fields: BTreeMap<String, BTreeSet<String>>,
}

impl Seen {
    fn rules(&mut self, mapping: &Mapping, fired: &[bool]) {
        let all =
            self.rules.entry(mapping.file.clone()).or_insert_with(|| vec![false; fired.len()]);
        all.iter_mut().zip(fired).for_each(|(all, fired)| *all |= fired);
    }

    fn document(&mut self, schema: &str, value: &Value) {
        leaves(value, String::new(), self.fields.entry(schema.to_owned()).or_default());
    }

    fn complete(&self, connector: &Connector, report: &mut Report) {
        let inbound = connector.inbound.iter().map(|entry| (&entry.mapping, &entry.schema));
        let outbound = connector.outbound.iter().map(|form| (&form.mapping, &form.schema));
        let answers = [&connector.received, &connector.refused].into_iter().flatten();
        let answers = answers.map(|answer| (&answer.mapping, &answer.schema));
        for (mapping, schema) in inbound.chain(outbound).chain(answers) {
            let fired = self.rules.get(&mapping.file);
            for (at, rule) in mapping.rules.iter().enumerate() {
                if !fired.and_then(|fired| fired.get(at)).copied().unwrap_or(false) {
                    let line = format!("{}:{} {}", mapping.file, rule.line, rule.target);
                    report.untouched_rules.push(line);
                }
            }
            let seen = self.fields.get(&schema.file);
            let mut known = BTreeSet::new();
            shape_leaves(&schema.shape, String::new(), &mut known);
            let untouched = known.iter().filter(|path| seen.is_none_or(|s| !s.contains(*path)));
            report
                .untouched_fields
                .extend(untouched.map(|path| format!("{}: {path}", schema.file)));
        }
        report.untouched_rules.sort();
        report.untouched_rules.dedup();
        report.untouched_fields.sort();
        report.untouched_fields.dedup();
    }
}

fn leaves(value: &Value, at: String, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, v)| leaves(v, format!("{at}/{name}"), out));
        }
        Value::Array(items) => items.iter().for_each(|v| leaves(v, at.clone(), out)),
        _ => {
            out.insert(at);
        }
    }
}

fn shape_leaves(shape: &Shape, at: String, out: &mut BTreeSet<String>) {
    match shape {
        Shape::Object(fields) => {
            fields.iter().for_each(|f| shape_leaves(&f.shape, format!("{at}/{}", f.name), out));
        }
        Shape::Array(items) => shape_leaves(items, at, out),
        _ => {
            out.insert(at);
        }
    }
}

struct Runner<'a> {
    catalogue: &'a Catalogue,
    connector: &'a Connector,
    files: &'a Files,
    folder: String,
    seen: &'a mut Seen,
}

type Problems = Vec<String>;

impl<'a> Runner<'a> {
    fn case(&mut self) -> Result<(String, Problems), String> {
        let file = format!("{}/geval.toml", self.folder);
        let source = SourceText::read(self.files, &file).map_err(|p| p.to_string())?;
        let case: CaseText = source.toml().map_err(|p: Problem| p.to_string())?;
        let problems = match case.richting {
            Direction::In => self.inbound(&case)?,
            Direction::Uit => self.outbound(&case)?,
            Direction::Antwoord => self.answered(&case)?,
        };
        Ok((case.omschrijving, problems))
    }

    fn inbound(&mut self, case: &CaseText) -> Result<Problems, String> {
        let senders = match &case.partner {
            Some(id) => vec![self.speaking(self.partner(id)?)],
            None => self.speakers()?,
        };
        let bytes = self.native()?;
        let received = now()?;
        // The document itself says which partner of this connector it comes from.
        let mut attempts = senders.iter().map(|partner| {
            let incoming = Incoming { partner, media_type: None, bytes, received };
            admit_traced(self.catalogue, &incoming)
        });
        let foreign = |result: &Result<_, Refusal>| {
            result.as_ref().is_err_and(|refusal| refusal.fault == Fault::AndereAfzender)
        };
        let mut result = attempts.next().ok_or(NO_SPEAKER)?;
        while foreign(&result) {
            match attempts.next() {
                Some(next) => result = next,
                None => break,
            }
        }
        let expected_refusal = self.optional::<ExpectedRefusal>("fouten.json")?;
        match (result, expected_refusal) {
            (Err(refusal), Some(expected)) => {
                let mut problems = Vec::new();
                if refusal.fault.code() != expected.fout {
                    problems.push(format!(
                        "verwachtte fout {}, kreeg {}",
                        expected.fout,
                        refusal.fault.code()
                    ));
                }
                problems.extend(compare_violations(&expected.fouten, &refusal.violations));
                Ok(problems)
            }
            (Err(refusal), None) => Ok(unexpected(&refusal.violations, refusal.fault.code())),
            (Ok(_), Some(_)) => Ok(vec!["werd aangenomen en had geweigerd moeten worden".into()]),
            (Ok((admitted, trace)), None) => {
                let entry = self.connector.inbound.iter().find(|e| e.name == trace.entry);
                if let Some(entry) = entry {
                    self.seen.rules(&entry.mapping, &trace.fired);
                    let decoded = Decoded::read(self.connector, bytes, None);
                    if let Some(value) =
                        decoded.ok().and_then(|mut d| d.take_value(&entry.schema.shape).ok())
                    {
                        self.seen.document(&entry.schema.file, &value);
                    }
                }
                let expected: Value = self.required("canonical.json")?;
                Ok(differences(&expected, &admitted.message().data))
            }
        }
    }

    fn outbound(&mut self, case: &CaseText) -> Result<Problems, String> {
        let kind = case.bericht.as_deref().and_then(MessageKind::parse);
        let kind = kind.ok_or("bericht ontbreekt of is onbekend in geval.toml")?;
        let data: Value = self.required("canonical.json")?;
        let recipient = &self.named_or_first(case.naar.as_ref())?;
        let catalogue = self.catalogue;
        let effect = catalogue.messages.get(&kind).ok_or("onbekend bericht")?;
        let invalid = effect.schema.violations(&data);
        if !invalid.is_empty() {
            return Ok(unexpected(&invalid, "canonical.json voldoet niet aan het schema"));
        }
        let case_state = example_case(&data);
        let (minimised, withheld) = if kind.name == "ontvangstbevestiging" {
            (data.clone(), Vec::new())
        } else {
            let sender = case.van.as_ref().ok_or("van ontbreekt in geval.toml")?;
            let sender = self.partner(sender)?;
            let message = example_message(&data, &kind, effect.effect, sender);
            let view = minimise_for(catalogue, &message, sender, recipient, &case_state, now()?);
            let view = view.ok_or("geen doelbinding geeft deze ontvanger iets")?;
            (view.minimised.data.clone(), view.minimised.withheld())
        };
        let job = Job {
            catalogue,
            recipient,
            case: &case_state,
            now: now()?,
            usage: Usage::Echt,
            kind: &kind,
            earlier: self.optional::<Vec<Earlier>>("eerder.json")?.unwrap_or_default(),
        };
        let made = match job.native(ParcelId::from(PARCEL), &minimised) {
            Ok(made) => made,
            Err(failure) => return Ok(unexpected(&failure.violations, failure.reason)),
        };
        self.seen.rules(&made.form.mapping, &made.fired);
        self.seen.document(&made.form.schema.file, &made.native);
        let shape = &made.form.schema.shape;
        let expected = Decoded::read(self.connector, self.native()?, None)
            .and_then(|mut decoded| decoded.take_value(shape))
            .map_err(|refusal| unexpected(&refusal.violations, "native").join("; "))?;
        let actual = Decoded::read(self.connector, &made.bytes, None)
            .and_then(|mut decoded| decoded.take_value(shape))
            .map_err(|refusal| unexpected(&refusal.violations, "native").join("; "))?;
        let mut problems = differences(&expected, &actual);
        let expected: Vec<Withheld> = self.required("achtergehouden.json")?;
        problems.extend(compare_withheld(&expected, &withheld));
        Ok(problems)
    }

    fn partner(&self, id: &PartnerId) -> Result<&'a Partner, String> {
        self.catalogue.partner(id).ok_or_else(|| format!("onbekende ketenpartner {id}"))
    }

    /// The partner that a case names, or the first that speaks this connector.
    fn named_or_first(&self, named: Option<&PartnerId>) -> Result<Partner, String> {
        match named {
            Some(id) => Ok(self.speaking(self.partner(id)?)),
            None => self.speakers()?.into_iter().next().ok_or_else(|| NO_SPEAKER.to_owned()),
        }
    }

    /// A partner as it is where it speaks this connector.
    fn speaking(&self, partner: &Partner) -> Partner {
        Partner { connector: self.connector.id.clone(), ..partner.clone() }
    }

    /// The partners that speak this connector; while nobody does yet, those of its kind.
    fn speakers(&self) -> Result<Vec<Partner>, String> {
        let partners = || self.catalogue.partners.values();
        let mut found: Vec<Partner> =
            partners().filter(|p| p.connector == self.connector.id).cloned().collect();
        if found.is_empty() {
            let of_kind = partners().filter(|partner| partner.kind == self.connector.kind);
            found = of_kind.map(|partner| self.speaking(partner)).collect();
        }
        if found.is_empty() { Err(NO_SPEAKER.to_owned()) } else { Ok(found) }
    }

    fn native(&self) -> Result<&'a [u8], String> {
        native(self.files, &self.folder).ok_or_else(|| "native.* ontbreekt".to_owned())
    }

    fn required<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        self.optional(name)?.ok_or_else(|| format!("{name} ontbreekt"))
    }

    fn optional<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, String> {
        let Some(bytes) = self.files.get(&format!("{}/{name}", self.folder)) else {
            return Ok(None);
        };
        serde_json::from_slice(bytes).map(Some).map_err(|error| format!("{name}: {error}"))
    }
}

/// The native document of a case, whatever its extension.
fn native<'f>(files: &'f Files, folder: &str) -> Option<&'f [u8]> {
    let prefix = format!("{folder}/native.");
    let found = files.range(prefix.clone()..).next().filter(|(path, _)| path.starts_with(&prefix));
    found.map(|(_, bytes)| bytes.as_slice())
}

fn now() -> Result<Timestamp, String> {
    Timestamp::parse(NOW).ok_or_else(|| "het vaste tijdstip is onleesbaar".to_owned())
}

fn example_case(data: &Value) -> CaseState {
    CaseState {
        id: CaseId::from(PARCEL),
        number: CaseNumber::from_stored(CASE_NUMBER.to_owned()),
        usage: Usage::Echt,
        theme: data.get("thema").and_then(Value::as_str).map(str::to_owned),
        participants: BTreeSet::new(),
        recipients: BTreeSet::new(),
        earlier: Vec::new(),
        glasses: Vec::new(),
    }
}

fn example_message(
    data: &Value,
    kind: &MessageKind,
    effect: crate::message::Effect,
    sender: &Partner,
) -> CanonicalMessage {
    CanonicalMessage {
        sender: sender.id.clone(),
        origin: sender.kind.clone(),
        connector: sender.connector.clone(),
        kind: kind.clone(),
        effect,
        external_id: ExternalId::new(String::new()),
        usage: Usage::Echt,
        reference: String::new(),
        theme: data.get("thema").and_then(Value::as_str).map(str::to_owned),
        urgent: false,
        references: Vec::new(),
        named_recipients: Vec::new(),
        confirmation: None,
        answer: None,
        data: data.clone(),
    }
}

fn unexpected(violations: &[Violation], what: &str) -> Problems {
    let mut problems = vec![what.to_owned()];
    problems.extend(violations.iter().map(|v| format!("{}: {} [{}]", v.place, v.nl, v.code)));
    problems
}

fn compare_violations(expected: &[ExpectedViolation], found: &[Violation]) -> Problems {
    let found: Vec<(&str, &str)> =
        found.iter().map(|v| (v.place.as_str(), v.code.as_str())).collect();
    let expected: Vec<(&str, &str)> =
        expected.iter().map(|v| (v.plaats.as_str(), v.code.as_str())).collect();
    let missing = expected.iter().filter(|e| !found.contains(e));
    let extra = found.iter().filter(|f| !expected.contains(f));
    let mut problems: Problems =
        missing.map(|(place, code)| format!("niet gemeld: {place} [{code}]")).collect();
    problems.extend(extra.map(|(place, code)| format!("niet verwacht: {place} [{code}]")));
    problems
}

fn compare_withheld(expected: &[Withheld], found: &[Withheld]) -> Problems {
    let show = |w: &Withheld| format!("{} ({})", w.path, reason(w.reason));
    let missing = expected.iter().filter(|e| !found.contains(e));
    let extra = found.iter().filter(|f| !expected.contains(f));
    let mut problems: Problems =
        missing.map(|w| format!("niet achtergehouden: {}", show(w))).collect();
    problems.extend(extra.map(|w| format!("onverwacht achtergehouden: {}", show(w))));
    problems
}

fn reason(reason: WithheldReason) -> String {
    let text = serde_json::to_value(reason).unwrap_or_default();
    text.as_str().unwrap_or_default().to_owned()
}

/// Where two documents differ, by pointer; examples are fictitious, so values may be shown.
fn differences(expected: &Value, found: &Value) -> Problems {
    let mut problems = Vec::new();
    differ(expected, found, String::new(), &mut problems);
    problems
}

fn differ(expected: &Value, found: &Value, at: String, out: &mut Problems) {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            for (name, value) in a {
                match b.get(name) {
                    Some(other) => differ(value, other, format!("{at}/{name}"), out),
                    None => out.push(format!("{at}/{name}: ontbreekt, verwachtte {value}")),
                }
            }
            let extra = b.iter().filter(|(name, _)| !a.contains_key(*name));
            out.extend(extra.map(|(name, v)| format!("{at}/{name}: onverwacht {v}")));
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                out.push(format!("{at}: verwachtte {} regels, kreeg {}", a.len(), b.len()));
            }
            let pairs = a.iter().zip(b).enumerate();
            pairs.for_each(|(index, (a, b))| differ(a, b, format!("{at}/{index}"), out));
        }
        (a, b) if same_scalar(a, b) => {}
        (a, b) => out.push(format!("{at}: verwachtte {a}, kreeg {b}")),
    }
}

/// Numbers are the same where they have the same value: 161500 and 161500.0.
fn same_scalar(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if (a - b).abs() < 1e-9)
}
