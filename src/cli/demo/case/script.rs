//! The case as it is written: who does what when, and what must come of it.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::cli::access::Halt;
use crate::cli::output::Exit;
use crate::hub::clock;
use crate::message::{PartnerId, Second, Term, Timestamp};

static CASE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/cli/demo/casus");

/// The whole case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseScript {
    #[serde(rename = "titel")]
    pub title: String,
    #[serde(rename = "draaiboek")]
    pub playbook: String,
    /// Who decides.
    #[serde(rename = "regisseur")]
    pub coordinator: String,
    #[serde(rename = "stap")]
    pub steps: Vec<CaseStep>,
}

/// One thing that happens: a document, a decision, or time that passes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseStep {
    /// Working days after the step before; none where time passes by itself.
    #[serde(default, rename = "na")]
    pub after: Option<u32>,
    /// `09:10`.
    #[serde(default, rename = "om")]
    pub time: Option<String>,
    #[serde(rename = "verhaal")]
    pub story: String,
    #[serde(default, rename = "stuurt")]
    pub sends: Option<Sends>,
    #[serde(default, rename = "besluit")]
    pub decides: Option<Decides>,
    /// Who says that it took over a correction.
    #[serde(default, rename = "bevestigt")]
    pub confirms: Option<PartnerId>,
    #[serde(default, rename = "tijdlijn")]
    pub timeline: Vec<String>,
    #[serde(rename = "fase")]
    pub phase: String,
    #[serde(default, rename = "krijgt")]
    pub gets: Vec<String>,
    #[serde(default, rename = "staat")]
    pub has: BTreeMap<PartnerId, String>,
    #[serde(default, rename = "staatNiet")]
    pub lacks: BTreeMap<PartnerId, String>,
}

/// A document of a partner, about the task of a step where it answers one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sends {
    #[serde(rename = "van")]
    pub sender: PartnerId,
    #[serde(rename = "bestand")]
    pub file: String,
    #[serde(default, rename = "over")]
    pub about: Option<String>,
}

/// A decision of the coordinator.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decides {
    #[serde(rename = "opdracht")]
    pub order: String,
    /// The step whose task it is about.
    #[serde(default, rename = "over")]
    pub about: Option<String>,
    /// So many working days more.
    #[serde(default, rename = "dagen")]
    pub days: Option<u32>,
    #[serde(rename = "reden")]
    pub why: String,
}

/// What only the hub knows, for the answer to a request.
#[derive(Debug, Default)]
pub struct About {
    pub case: String,
    pub task: String,
    pub parcel: String,
}

impl CaseScript {
    /// The case that the binary carries inside.
    pub fn shipped() -> Result<Self, Halt> {
        let text = CASE.get_file("casus.toml").and_then(|file| file.contents_utf8());
        let text = text.ok_or_else(|| broken("casus.toml ontbreekt"))?;
        toml::from_str(text).map_err(|error| broken(&error.to_string()))
    }
}

impl CaseStep {
    /// When somebody does it, after now; none where the clock only waits for what is due.
    pub fn moment(&self) -> Result<Option<Timestamp>, Halt> {
        let Some((days, time)) = self.after.zip(self.time.as_deref()) else { return Ok(None) };
        let day = match days {
            0 => clock::now().amsterdam_day(),
            days => Term::WorkingDays(days).after(clock::now()).amsterdam_day(),
        };
        let moment = Timestamp::from_amsterdam_civil(&format!("{day}T{time}:00"));
        moment.map(Some).ok_or_else(|| broken("een stap heeft geen tijd"))
    }
}

impl Sends {
    /// The document as it leaves its sender at this moment.
    pub fn document(&self, about: &About, now: Timestamp) -> Result<String, Halt> {
        let text = CASE.get_file(&self.file).and_then(|file| file.contents_utf8());
        let text = text.ok_or_else(|| broken(&format!("{} ontbreekt", self.file)))?;
        let local = now.to_amsterdam();
        let seconds = local.get(..19).unwrap_or(&local);
        let digits: String = seconds.chars().filter(char::is_ascii_digit).collect();
        let utc = Second::from(now).to_string();
        let mut text = text.to_owned();
        for (place, value) in [
            ("{dag}", digits.get(..8).unwrap_or_default()),
            ("{stuf}", &digits),
            ("{utc}", &utc),
            ("{lokaal}", &local),
            ("{casus}", &about.case),
            ("{taak}", &about.task),
            ("{zending}", &about.parcel),
        ] {
            text = text.replace(place, value);
        }
        Ok(text)
    }
}

fn broken(what: &str) -> Halt {
    Halt::new(Exit::Failure, format!("de demo is stuk: {what}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_document_is_used_and_every_step_is_one_thing() {
        let script = CaseScript::shipped().unwrap();
        for step in &script.steps {
            let done = step.sends.is_some() || step.decides.is_some();
            assert!(step.sends.is_none() || step.decides.is_none(), "{}", step.story);
            assert_eq!(done, step.moment().unwrap().is_some(), "{}", step.story);
        }
        let sends = || script.steps.iter().filter_map(|step| step.sends.as_ref());
        let used: BTreeSet<_> = sends().map(|sends| sends.file.as_str()).collect();
        let there: BTreeSet<_> = CASE.files().filter_map(|file| file.path().to_str()).collect();
        assert_eq!(there.difference(&used).copied().collect::<Vec<_>>(), ["casus.toml"]);
        let now = Timestamp::parse("2026-08-20T08:30:00.25Z").unwrap();
        for sends in sends() {
            let text = sends.document(&About::default(), now).unwrap();
            let left = ["{dag}", "{stuf}", "{utc}", "{lokaal}", "{taak}", "{zending}", "{casus}"];
            assert!(!left.iter().any(|place| text.contains(place)), "{}", sends.file);
        }
    }
}
