//! What an evaluation is made of: facts that each stand alone, in any order.
//!
//! A fact holds codes and moments, never a name, an address or a partner's words. In NDJSON it has
//! Dutch keys, and `feit` says which of the three it is. Whoever gathers them gives one signal per
//! reported signal (no corrections or withdrawals, and of usage `echt` only), one case per case
//! that was not merged into another, and one task per request to a partner, not those of a
//! coordinator. Facts of the year before the period may come along: they are what it is compared
//! with, see [`super::Asked::earliest`].

use serde::{Deserialize, Serialize};

use crate::casework::TaskState;
use crate::message::{CaseId, Timestamp};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "feit")]
pub enum Fact {
    #[serde(rename = "signaal")]
    Signal(SignalFact),
    #[serde(rename = "casus")]
    Case(CaseFact),
    #[serde(rename = "actieverzoek")]
    Task(TaskFact),
}

/// A signal that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalFact {
    #[serde(rename = "op")]
    pub at: Timestamp,
    #[serde(rename = "thema", default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    #[serde(rename = "ernst", default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The kind of partner that sent it; `inwoners` for residents.
    #[serde(rename = "soort")]
    pub kind: String,
    /// CBS code of the neighbourhood, where it is known.
    #[serde(rename = "buurt", default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    #[serde(rename = "casus")]
    pub case: CaseId,
}

/// A case, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFact {
    #[serde(rename = "geopend")]
    pub opened: Timestamp,
    #[serde(rename = "gesloten", default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
    #[serde(rename = "thema", default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    #[serde(rename = "buurt", default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// Signals go on at one place or around one person.
    #[serde(rename = "slepend", default)]
    pub lasting: bool,
    #[serde(rename = "heropend", default)]
    pub reopened: bool,
}

/// What a partner was asked, as it stands now. Theme and area are those of its case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFact {
    /// The kind of partner that was asked.
    #[serde(rename = "soort")]
    pub kind: String,
    #[serde(rename = "thema", default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    #[serde(rename = "buurt", default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// A code of `gevraagdeActie.soort`.
    #[serde(rename = "actie")]
    pub action: String,
    #[serde(rename = "stand")]
    pub state: TaskState,
    #[serde(rename = "gevraagd")]
    pub asked: Timestamp,
    #[serde(rename = "ontvangen", default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Timestamp>,
    #[serde(rename = "aanvaard", default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Timestamp>,
    /// When it was done, refused, given up or withdrawn.
    #[serde(rename = "geeindigd", default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// By when it had to be received, answered and done.
    #[serde(rename = "ontvangenVoor")]
    pub received_by: Timestamp,
    #[serde(rename = "aanvaardVoor")]
    pub accepted_by: Timestamp,
    #[serde(rename = "afgerondVoor")]
    pub done_by: Timestamp,
    /// Why it was refused, as a code.
    #[serde(rename = "reden", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With which result it was done, as a code.
    #[serde(rename = "uitkomst", default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}
