//! A native document on its way in: decoded, recognised, and able to say where something stands.

use serde_json::Value;

use super::decode::{self, Limits, csv, xml};
use crate::catalogue::Shape;
use crate::catalogue::connector::{Connector, Format, Inbound};
use crate::message::{Fault, Refusal, Violation};

/// A document that was read as the connector's format, before its type is known.
pub enum Decoded<'b> {
    Json(Value),
    Xml(xml::Tree<'b>),
    Csv(csv::Row),
}

/// The one row of a message; several rows come as a file, and are split before.
const ONE_ROW: &str = "Stuur één rij per bericht; meer rijen gaan als bestand.";

impl<'b> Decoded<'b> {
    /// Reads bytes as the connector writes them.
    pub fn read(
        connector: &Connector,
        bytes: &'b [u8],
        media_type: Option<&str>,
    ) -> Result<Self, Refusal> {
        let charset = accepted_charset(connector, media_type)?;
        let limits = Limits::default();
        match &connector.format {
            Format::Json => decode::json(bytes, &limits).map(Self::Json),
            Format::Xml(names) => {
                xml::parse(bytes, charset.as_deref(), names, &limits).map(Self::Xml)
            }
            Format::Csv { separator } => {
                let dialect = csv::Dialect { separator: *separator };
                let mut rows = csv::rows(bytes, charset.as_deref(), &dialect, &limits)?;
                match (rows.pop(), rows.is_empty()) {
                    (Some(row), true) => Ok(Self::Csv(row)),
                    _ => Err(Refusal::one(
                        Fault::Onleesbaar,
                        "",
                        "meer-rijen",
                        ONE_ROW,
                        "Send one row per message; several rows go as a file.",
                    )),
                }
            }
        }
    }

    /// The text at a place, by which a document is recognised.
    fn text_at(&self, path: &str) -> Option<String> {
        match self {
            Self::Json(value) => match value.pointer(path)? {
                Value::String(text) => Some(text.clone()),
                Value::Null => None,
                other => Some(other.to_string()),
            },
            Self::Xml(tree) => tree.text_at(path),
            Self::Csv(row) => row.text_at(path.trim_start_matches('/')).map(str::to_owned),
        }
    }

    /// The entry of the connector that knows this document.
    pub fn recognise<'c>(&self, connector: &'c Connector) -> Result<&'c Inbound, Refusal> {
        let known = connector.inbound.iter().find(|entry| {
            entry.recognise.iter().all(|mark| mark.matches(self.text_at(&mark.path).as_deref()))
        });
        known.ok_or_else(|| {
            let names: Vec<&str> = connector.inbound.iter().map(|e| e.name.as_str()).collect();
            let names = names.join(", ");
            Refusal::one(
                Fault::OnbekendType,
                "/",
                "onbekend-type",
                &format!("Deze koppeling kent dit bericht niet; zij kent: {names}."),
                &format!("This connector does not know this message; it knows: {names}."),
            )
        })
    }

    /// The document as a value, led by the shape of its schema. Once: JSON is handed over, and
    /// what stays behind can only say where something stands.
    pub fn take_value(&mut self, shape: &Shape) -> Result<Value, Refusal> {
        match self {
            Self::Json(value) => Ok(std::mem::take(value)),
            Self::Xml(tree) => tree.to_value(shape),
            Self::Csv(row) => Ok(row.to_value(shape)),
        }
    }

    /// Puts the places of violations in the words of the format.
    pub fn locate(&self, violations: Vec<Violation>) -> Vec<Violation> {
        let place = |pointer: &str| match self {
            Self::Json(_) => pointer.to_owned(),
            Self::Xml(tree) => tree.place_of(pointer),
            Self::Csv(row) => row.place_of(pointer),
        };
        let located = violations.into_iter().map(|v| Violation { place: place(&v.place), ..v });
        located.collect()
    }
}

/// The charset of an accepted media type; a media type that the connector does not take is refused.
fn accepted_charset(
    connector: &Connector,
    media_type: Option<&str>,
) -> Result<Option<String>, Refusal> {
    let Some(media_type) = media_type else { return Ok(None) };
    let mut parts = media_type.split(';');
    let essence = parts.next().unwrap_or("").trim().to_ascii_lowercase();
    let taken = connector.media_types.iter().any(|known| known.eq_ignore_ascii_case(&essence));
    if !taken {
        let known = connector.media_types.join(", ");
        return Err(Refusal::one(
            Fault::Mediatype,
            "",
            "mediatype",
            &format!("Deze koppeling neemt alleen {known}."),
            &format!("This connector takes only {known}."),
        ));
    }
    Ok(parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"').to_owned())
    }))
}

/// The rows of a CSV file, each as a document of its own; other formats are one document.
pub fn split(
    connector: &Connector,
    bytes: &[u8],
    media_type: Option<&str>,
) -> Result<Vec<(u64, Vec<u8>)>, Refusal> {
    let Format::Csv { separator } = &connector.format else {
        return Ok(vec![(0, bytes.to_vec())]);
    };
    let charset = accepted_charset(connector, media_type)?;
    let dialect = csv::Dialect { separator: *separator };
    let rows = csv::rows(bytes, charset.as_deref(), &dialect, &Limits::default())?;
    Ok(rows.iter().map(|row| (row.number(), row.raw())).collect())
}
