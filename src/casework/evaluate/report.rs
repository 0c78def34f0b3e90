//! An evaluation as it leaves the hub: JSON with Dutch keys, days as `JJJJ-MM-DD`.
//!
//! A count that is `null` is not told because it is small: see [`super::conceal`]. A share, a rate
//! or a lead time that is `null` would be about too few.

use serde::Serialize;

/// All that is said.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// The name of the programme, where there is one.
    pub programma: Option<String>,
    pub periode: Period,
    /// Seconds are the finest there is.
    pub peildatum: String,
    pub thema: Option<String>,
    pub gebied: Option<String>,
    /// Nothing is concluded from fewer.
    pub minimum: u64,
    /// Smaller counts per neighbourhood are not told.
    pub verborgen_onder: u64,
    /// `werkdagen` or `dagen`.
    pub doorlooptijd_in: &'static str,
    pub totaal: Totals,
    /// The year before, where there are facts of it.
    pub vorige_periode: Option<Earlier>,
    pub doelen: Vec<TargetRow>,
    pub per_thema: Vec<ThemeRow>,
    pub per_maand: Vec<MonthRow>,
    pub per_buurt: Vec<AreaRow>,
    pub per_afzender: Vec<SenderRow>,
    pub per_ernst: Vec<ResultRow>,
    pub signalen_per_casus: Vec<ResultRow>,
    pub termijnen: Vec<TermRow>,
    pub weigeringen: Vec<RefusalRow>,
    pub uitkomsten: Vec<ResultRow>,
    /// What whoever reads this must know, in sentences.
    pub opmerkingen: Vec<String>,
}

/// Two days, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Period {
    pub van: String,
    pub tot: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    pub signalen: Option<u64>,
    pub casussen_geopend: Option<u64>,
    pub casussen_gesloten: Option<u64>,
    pub casussen_lopend: Option<u64>,
    pub actieverzoeken: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Earlier {
    pub periode: Period,
    pub signalen: Option<u64>,
    /// The first signal of it came too late for a fair comparison.
    pub onvolledig: bool,
}

/// How many of how many; the percentage where it is about enough of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    pub aantal: Option<u64>,
    pub van: Option<u64>,
    pub procent: Option<f64>,
}

/// Lead times of closed cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lead {
    pub mediaan: Option<f64>,
    pub p90: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThemeRow {
    pub thema: String,
    pub naam: String,
    pub signalen: Option<u64>,
    pub vorige_signalen: Option<u64>,
    pub casussen_geopend: Option<u64>,
    pub casussen_gesloten: Option<u64>,
    pub casussen_lopend: Option<u64>,
    pub doorlooptijd: Lead,
    /// Cases that go on or were opened again, of those opened.
    pub herhaling: Share,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MonthRow {
    /// `JJJJ-MM`.
    pub maand: String,
    pub signalen: Option<u64>,
    /// The same month a year before, as far as it lies in the period.
    pub vorige_signalen: Option<u64>,
    pub casussen_geopend: Option<u64>,
    pub casussen_gesloten: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AreaRow {
    pub buurt: String,
    pub naam: String,
    pub inwoners: Option<u64>,
    /// None too where one of its two parts is hidden.
    pub signalen: Option<u64>,
    pub van_inwoners: Option<u64>,
    pub van_professionals: Option<u64>,
    pub van_inwoners_per1000: Option<f64>,
    pub van_professionals_per1000: Option<f64>,
    /// `brandpunt`, `stil` or nothing.
    pub oordeel: Option<&'static str>,
    pub uitleg: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SenderRow {
    pub soort: String,
    pub signalen: Option<u64>,
    pub vorige_signalen: Option<u64>,
}

/// How many have a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultRow {
    pub code: String,
    pub aantal: Option<u64>,
}

/// What became of requests to one kind of partner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TermRow {
    pub soort: String,
    pub gevraagd: Option<u64>,
    pub ontvangen: Share,
    pub aanvaard: Share,
    pub afgerond: Share,
    pub verlopen: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefusalRow {
    pub soort: String,
    /// Refused, of those answered.
    pub geweigerd: Share,
    pub redenen: Vec<ResultRow>,
}

/// A target, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetRow {
    pub doel: String,
    pub prioriteit: Option<String>,
    pub zin: String,
    pub maat: &'static str,
    /// The norm, of a part of a year where only a part was evaluated.
    pub norm: f64,
    pub gevonden: Option<f64>,
    pub oordeel: Verdict,
    /// Why, in a sentence.
    pub uitleg: String,
    /// What to do where it is not met, or where nothing can be said.
    pub stap: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Gehaald,
    NietGehaald,
    GeenUitspraak,
}

impl Verdict {
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Gehaald => "gehaald",
            Self::NietGehaald => "niet gehaald",
            Self::GeenUitspraak => "geen uitspraak",
        }
    }
}
