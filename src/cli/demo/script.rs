//! The evening as it is written: who sends which document, and what must come of it.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};

use crate::cli::access::Halt;
use crate::cli::output::Exit;
use crate::message::PartnerId;

static EVENING: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/cli/demo/avond");

/// The whole evening.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    #[serde(rename = "titel")]
    pub title: String,
    #[serde(rename = "datum")]
    pub date: String,
    /// What partners are called in short.
    #[serde(rename = "namen")]
    pub names: BTreeMap<PartnerId, String>,
    #[serde(rename = "storing")]
    pub outage: Outage,
    #[serde(rename = "stap")]
    pub steps: Vec<Step>,
}

/// When a partner's receiving end is down. Times of the story compare as text.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    pub partner: PartnerId,
    #[serde(rename = "van")]
    pub from: String,
    #[serde(rename = "tot")]
    pub until: String,
}

/// One document that is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(rename = "tijd")]
    pub time: String,
    #[serde(rename = "van")]
    pub sender: PartnerId,
    #[serde(rename = "bestand")]
    pub file: String,
    #[serde(rename = "verhaal")]
    pub story: String,
    #[serde(rename = "verwacht")]
    pub expected: Verdict,
    /// Who must get a parcel of it.
    #[serde(default, rename = "ontvangers")]
    pub recipients: Vec<PartnerId>,
    /// Whom the sender names and who must get nothing, for want of a purpose.
    #[serde(default, rename = "geenDoelbinding")]
    pub without_purpose: Vec<PartnerId>,
    /// Who says no to it.
    #[serde(rename = "weigering")]
    pub refusal: Option<Refusal>,
}

/// What a recipient answers instead of yes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub partner: PartnerId,
    #[serde(rename = "reden")]
    pub reason: String,
}

/// What became of a document at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ontvangen,
    Geweigerd,
    Herhaling,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ontvangen => "ontvangen",
            Self::Geweigerd => "geweigerd",
            Self::Herhaling => "herhaling",
        }
    }
}

impl Script {
    /// What a partner is called in short.
    pub fn name<'a>(&'a self, id: &'a PartnerId) -> &'a str {
        self.names.get(id).map_or(id.as_str(), String::as_str)
    }

    /// The evening that the binary carries inside.
    pub fn shipped() -> Result<Self, Halt> {
        let text = EVENING.get_file("avond.toml").and_then(|file| file.contents_utf8());
        let broken = |what: String| Halt::new(Exit::Failure, format!("de demo is stuk: {what}"));
        let text = text.ok_or_else(|| broken("avond.toml ontbreekt".to_owned()))?;
        toml::from_str(text).map_err(|error| broken(error.to_string()))
    }
}

impl Step {
    /// The document, byte for byte.
    pub fn document(&self) -> Result<&'static [u8], Halt> {
        let file = EVENING.get_file(&self.file);
        file.map(include_dir::File::contents).ok_or_else(|| {
            Halt::new(Exit::Failure, format!("de demo is stuk: {} ontbreekt", self.file))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_evening_reads_in_order_and_every_document_is_there() {
        let script = Script::shipped().unwrap();
        let times: Vec<_> = script.steps.iter().map(|step| &step.time).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert!(script.outage.from < script.outage.until);
        let used: BTreeSet<_> = script.steps.iter().map(|step| step.file.as_str()).collect();
        let there: BTreeSet<_> = EVENING.files().filter_map(|file| file.path().to_str()).collect();
        assert_eq!(there.difference(&used).copied().collect::<Vec<_>>(), ["avond.toml"]);
        assert!(script.steps.iter().all(|step| step.document().is_ok()));
    }
}
