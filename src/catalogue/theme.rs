//! A theme of `config/themes.toml`: its name, and how signals about it become cases.

use serde::Deserialize;

/// A theme that a signal can have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    pub naam: String,
    /// How signals become cases; without it a signal is a loose one.
    pub casus: Option<ThemeCase>,
}

/// How signals of a theme find each other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThemeCase {
    /// Whether signals at one address (BAG id, or postcode and house number) may be one case.
    #[serde(rename = "plaats", default)]
    pub by_place: bool,
    /// Whether signals around one person may be one case.
    #[serde(rename = "persoon", default)]
    pub by_person: bool,
    /// For how many days after the last signal.
    #[serde(rename = "venster")]
    pub window_days: u16,
    /// What becomes of a signal that nothing was found for.
    #[serde(rename = "anders", default)]
    pub otherwise: Otherwise,
    /// How many signals in how many days make a problem that goes on.
    #[serde(rename = "slepend")]
    pub lasting: Option<Lasting>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// It opens a case.
    #[default]
    Casus,
    /// It stays a loose signal, in a case of its own that asks nothing of anybody.
    Los,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lasting {
    #[serde(rename = "signalen")]
    pub signals: usize,
    #[serde(rename = "dagen")]
    pub days: u16,
}

const DAY_SECONDS: i64 = 86_400;

impl Lasting {
    pub fn days_in_seconds(&self) -> i64 {
        i64::from(self.days) * DAY_SECONDS
    }
}

impl ThemeCase {
    pub fn window_seconds(&self) -> i64 {
        i64::from(self.window_days) * DAY_SECONDS
    }

    pub fn opens_a_case(&self) -> bool {
        self.otherwise == Otherwise::Casus
    }
}
