//! What a partner says about a task that the municipality asked of it.

use serde::{Deserialize, Serialize};

use super::{CaseNumber, ParcelId, TaskId, Timestamp};

/// A partner's word about a task, as `actieverzoek-antwoord.v1` carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskAnswer {
    pub task: TaskId,
    pub status: TaskWord,
    /// Why it is refused: a code such as `geen-capaciteit`; never free text.
    pub reason: Option<String>,
    /// What came of it: a code such as `opgelost`; never free text.
    pub result: Option<String>,
    /// When the partner expects to be done.
    pub expected: Option<Timestamp>,
}

/// What a recipient is asked to erase, as `actieverzoek.v1` carries it under `teWissen`: the number
/// of the case and the parcels that it had of it, and nothing of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToErase {
    #[serde(rename = "casus")]
    pub case: CaseNumber,
    /// The newest, at most `TO_ERASE_MAX`: the number of the case names all.
    #[serde(rename = "zendingen")]
    pub parcels: Vec<ParcelId>,
}

/// Parcels that one notice of an erasure names, as `schemas/actieverzoek/v1.json` says.
pub const TO_ERASE_MAX: usize = 100;

/// What the municipality says of a task when it writes about it, as `actieverzoek.v1` carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestWord {
    /// The first time.
    Gevraagd,
    /// The same request once more.
    Herinnerd,
    /// What holds from now on.
    Gewijzigd,
    /// Nothing needs to be done any more.
    Ingetrokken,
}

impl RequestWord {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gevraagd => "gevraagd",
            Self::Herinnerd => "herinnerd",
            Self::Gewijzigd => "gewijzigd",
            Self::Ingetrokken => "ingetrokken",
        }
    }
}

/// How far the partner says that it is. Delivered is not accepted, and accepted is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskWord {
    /// It read the request.
    Ontvangen,
    /// It takes the task on.
    Aanvaard,
    /// It does not take the task on, with a reason.
    Geweigerd,
    /// It is at it.
    Voortgang,
    /// It is done, with a result.
    Afgerond,
}

impl TaskWord {
    pub const ALL: [Self; 5] =
        [Self::Ontvangen, Self::Aanvaard, Self::Geweigerd, Self::Voortgang, Self::Afgerond];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ontvangen => "ontvangen",
            Self::Aanvaard => "aanvaard",
            Self::Geweigerd => "geweigerd",
            Self::Voortgang => "voortgang",
            Self::Afgerond => "afgerond",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_as_it_is_written_on_the_wire_and_in_json() {
        for word in TaskWord::ALL {
            assert_eq!(TaskWord::parse(word.as_str()), Some(word));
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        }
        assert_eq!(TaskWord::parse("Aanvaard"), None);
        assert_eq!(TaskWord::parse("geaccepteerd"), None, "that is a parcel's stage");
    }
}
