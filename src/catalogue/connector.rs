//! A connector: how one kind of partner speaks, read from `connectors/<id>/`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Message;
use super::cel::{CodeLists, Expression, Path, Variable};
use super::facts;
use super::mapping::{Mapping, Source};
use super::namespaces::Namespaces;
use super::problem::{Files, Problem, SourceText};
use super::schema::{Patterns, Schema};
use super::shape::Shape;
use crate::message::{ConnectorId, KindId, MessageKind};

/// The form in which a kind of partner writes.
#[derive(Debug)]
pub enum Format {
    Json,
    Xml(Namespaces),
    Csv { separator: u8 },
}

/// A compiled connector.
#[derive(Debug)]
pub struct Connector {
    pub id: ConnectorId,
    pub kind: KindId,
    pub name: String,
    pub standard: String,
    pub format: Format,
    /// What it takes; the first is what goes out.
    pub media_types: Vec<String>,
    pub inbound: Vec<Inbound>,
    pub outbound: Vec<Outbound>,
    /// The partner's own form of a positive receipt, where it has one.
    pub received: Option<Answer>,
    /// The partner's own form of a refusal, where it has one.
    pub refused: Option<Answer>,
}

/// A native message type that comes in.
#[derive(Debug)]
pub struct Inbound {
    pub name: String,
    pub recognise: Vec<Recognise>,
    pub schema: Schema,
    pub mapping: Mapping,
    pub kind: MessageKind,
    pub id: Option<Expression>,
    pub sender: Option<Expression>,
}

/// A native message type that goes out.
#[derive(Debug)]
pub struct Outbound {
    pub kind: MessageKind,
    pub schema: Schema,
    pub mapping: Mapping,
    pub media_type: String,
    pub condition: Option<Expression>,
}

/// A native receipt.
#[derive(Debug)]
pub struct Answer {
    pub status: Option<u16>,
    pub schema: Schema,
    pub mapping: Mapping,
}

/// A mark by which a document is known before its schema is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognise {
    /// A JSON Pointer, an element path, or `/column`.
    #[serde(rename = "pad")]
    pub path: String,
    /// The texts it may have.
    #[serde(rename = "is")]
    pub values: Option<Vec<String>>,
    /// Whether it must be there.
    #[serde(rename = "bestaat")]
    pub exists: Option<bool>,
}

impl Recognise {
    /// Whether what stands at the path (`None`: nothing) is what this mark asks for.
    pub fn matches(&self, found: Option<&str>) -> bool {
        let value_fits =
            self.values.as_ref().is_none_or(|v| found.is_some_and(|f| v.iter().any(|x| x == f)));
        let presence_fits = self.exists.is_none_or(|wanted| wanted == found.is_some());
        value_fits && presence_fits
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectorText {
    soort: KindId,
    naam: String,
    standaard: String,
    formaat: Spanned<String>,
    mediatypen: Vec<String>,
    id: Option<Spanned<String>>,
    afzender: Option<Spanned<String>>,
    #[serde(default)]
    naamruimten: Namespaces,
    csv: Option<CsvText>,
    #[serde(default, rename = "in")]
    inbound: Vec<InboundText>,
    #[serde(default, rename = "uit")]
    outbound: Vec<OutboundText>,
    #[serde(default)]
    antwoord: AnswersText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvText {
    scheiding: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InboundText {
    naam: String,
    #[serde(default)]
    herken: Vec<Recognise>,
    schema: String,
    mapping: String,
    wordt: Spanned<String>,
    id: Option<Spanned<String>>,
    afzender: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutboundText {
    bericht: Spanned<String>,
    schema: String,
    mapping: String,
    mediatype: Option<String>,
    waar: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct AnswersText {
    ontvangen: Option<AnswerText>,
    geweigerd: Option<AnswerText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerText {
    status: Option<u16>,
    schema: String,
    mapping: String,
}

impl Connector {
    /// Reads and compiles `connectors/<id>/`, with every problem found.
    pub fn load(
        files: &Files,
        id: ConnectorId,
        canonical: &BTreeMap<MessageKind, Message>,
        (codes, patterns): (&mut CodeLists, &Patterns),
    ) -> Result<Self, Vec<Problem>> {
        let file = format!("connectors/{id}/connector.toml");
        let source = SourceText::read(files, &file).map_err(|problem| vec![problem])?;
        let text: ConnectorText = source.toml().map_err(|problem| vec![problem])?;
        let folder = format!("connectors/{id}");
        let mut loader =
            Loader { files, source, folder, canonical, codes, patterns, problems: Vec::new() };
        let connector = loader.connector(id, text);
        match connector {
            Some(connector) if loader.problems.is_empty() => Ok(connector),
            _ => Err(loader.problems),
        }
    }
}

struct Loader<'a> {
    files: &'a Files,
    source: SourceText<'a>,
    folder: String,
    canonical: &'a BTreeMap<MessageKind, Message>,
    codes: &'a mut CodeLists,
    patterns: &'a Patterns,
    problems: Vec<Problem>,
}

impl Loader<'_> {
    fn connector(&mut self, id: ConnectorId, text: ConnectorText) -> Option<Connector> {
        let format = self.format(&text)?;
        let default_media = self.first_media_type(&text);
        let inbound: Vec<_> = text.inbound.iter().map(|entry| self.inbound(entry)).collect();
        let outbound: Vec<_> =
            text.outbound.iter().map(|entry| self.outbound(entry, &default_media)).collect();
        let received = text.antwoord.ontvangen.as_ref().map(|answer| self.answer(answer));
        let refused = text.antwoord.geweigerd.as_ref().map(|answer| self.answer(answer));
        let mut inbound: Vec<Inbound> = inbound.into_iter().collect::<Option<_>>()?;
        self.common(&text, &mut inbound);
        Some(Connector {
            id,
            kind: text.soort,
            name: text.naam,
            standard: text.standaard,
            format,
            media_types: text.mediatypen,
            inbound,
            outbound: outbound.into_iter().collect::<Option<_>>()?,
            received: received.flatten(),
            refused: refused.flatten(),
        })
    }

    fn format(&mut self, text: &ConnectorText) -> Option<Format> {
        let at = text.formaat.span().start;
        match text.formaat.get_ref().as_str() {
            "json" => Some(Format::Json),
            "xml" => Some(Format::Xml(text.naamruimten.clone())),
            "csv" => {
                let separator = text.csv.as_ref().map_or(";", |csv| csv.scheiding.as_str());
                match separator.as_bytes() {
                    [one] => Some(Format::Csv { separator: *one }),
                    _ => {
                        let text = "scheiding is één teken, zoals ;".to_owned();
                        self.report(0, "csv", text);
                        None
                    }
                }
            }
            other => {
                let text = format!("onbekend formaat {other}; kies json, xml of csv");
                self.report(at, "formaat", text);
                None
            }
        }
    }

    fn first_media_type(&mut self, text: &ConnectorText) -> String {
        text.mediatypen.first().cloned().unwrap_or_else(|| {
            self.report(0, "mediatype", "mediatypen heeft minstens één mediatype".to_owned());
            String::new()
        })
    }

    fn inbound(&mut self, text: &InboundText) -> Option<Inbound> {
        let kind = self.kind(&text.wordt)?;
        let schema = self.schema(&text.schema)?;
        let target = &self.canonical.get(&kind)?.schema.shape;
        let hub = facts::inbound();
        let sides = Source { document: &schema.shape, hub: &hub, earlier: None, target };
        let mapping = self.mapping(&text.mapping, sides)?;
        let id = self.fact(text.id.as_ref(), &schema.shape);
        let sender = self.fact(text.afzender.as_ref(), &schema.shape);
        let recognise = text.herken.clone();
        Some(Inbound { name: text.naam.clone(), recognise, schema, mapping, kind, id, sender })
    }

    fn outbound(&mut self, text: &OutboundText, media_type: &str) -> Option<Outbound> {
        let kind = self.kind(&text.bericht)?;
        let schema = self.schema(&text.schema)?;
        let document = facts::minimised(&self.canonical.get(&kind)?.schema.shape, &kind);
        let (hub, earlier) = (facts::outbound(), facts::earlier());
        let (earlier, target) = (Some(&earlier), &schema.shape);
        let sides = Source { document: &document, hub: &hub, earlier, target };
        let mapping = self.mapping(&text.mapping, sides)?;
        let condition = match &text.waar {
            None => None,
            Some(condition) => Some(self.condition(condition, &document)?),
        };
        let media_type = text.mediatype.clone().unwrap_or_else(|| media_type.to_owned());
        Some(Outbound { kind, schema, mapping, media_type, condition })
    }

    fn answer(&mut self, text: &AnswerText) -> Option<Answer> {
        let schema = self.schema(&text.schema)?;
        let (document, hub) = (facts::answer(), facts::outbound());
        let (earlier, target) = (None, &schema.shape);
        let sides = Source { document: &document, hub: &hub, earlier, target };
        let mapping = self.mapping(&text.mapping, sides)?;
        Some(Answer { status: text.status, schema, mapping })
    }

    /// `id` and `afzender` of the connector as a whole, for entries without their own.
    fn common(&mut self, text: &ConnectorText, inbound: &mut [Inbound]) {
        let all = inbound.iter().map(|entry| entry.schema.shape.clone());
        let Some(shape) = all.reduce(Shape::either) else { return };
        for entry in inbound.iter_mut() {
            if entry.id.is_none() {
                entry.id = self.fact(text.id.as_ref(), &shape);
            }
            if entry.sender.is_none() {
                entry.sender = self.fact(text.afzender.as_ref(), &shape);
            }
        }
    }

    fn kind(&mut self, text: &Spanned<String>) -> Option<MessageKind> {
        let kind = MessageKind::parse(text.get_ref());
        match kind.filter(|kind| self.canonical.contains_key(kind)) {
            Some(kind) => Some(kind),
            None => {
                let known: Vec<String> = self.canonical.keys().map(ToString::to_string).collect();
                let text_ = format!("onbekend bericht; bekend zijn {}", known.join(", "));
                self.report(text.span().start, "bericht", text_);
                None
            }
        }
    }

    fn schema(&mut self, path: &str) -> Option<Schema> {
        let loaded = Schema::load(self.files, &format!("{}/{path}", self.folder), self.patterns);
        loaded.map_err(|problems| self.problems.extend(problems)).ok()
    }

    fn mapping(&mut self, path: &str, sides: Source<'_>) -> Option<Mapping> {
        let file = format!("{}/{path}", self.folder);
        let loaded = Mapping::load(self.files, &file, sides, self.codes);
        loaded.map_err(|problems| self.problems.extend(problems)).ok()
    }

    /// An expression about a whole document.
    fn fact(&mut self, text: Option<&Spanned<String>>, document: &Shape) -> Option<Expression> {
        let text = text?;
        let variable = Variable { path: Path::root("b"), shape: document.clone() };
        let variables = BTreeMap::from([("b".to_owned(), variable)]);
        let compiled = Expression::compile(text.get_ref(), self.source.file)
            .and_then(|expression| expression.lineage(&variables).map(|_| expression));
        compiled.map_err(|e| self.report(text.span().start, "uitdrukking", e)).ok()
    }

    /// A condition on a whole document, which guards what can be absent.
    fn condition(&mut self, text: &Spanned<String>, document: &Shape) -> Option<Expression> {
        let compiled = Expression::condition(text.get_ref(), self.source.file, document);
        compiled.map_err(|e| self.report(text.span().start, "uitdrukking", e)).ok()
    }

    fn report(&mut self, at: usize, code: &'static str, text: String) {
        self.problems.push(self.source.problem(at, code, text));
    }
}
