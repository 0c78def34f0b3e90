//! Why something is refused: the place, a code and a sentence in two languages, never a value.

use serde::{Deserialize, Serialize};

/// One thing that is wrong with a document.
///
/// `place` is a JSON Pointer; for XML an element path with its line (`/melding/adres (regel 12)`);
/// for CSV `rij 3, kolom postcode`. No part ever repeats a value of the document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    #[serde(rename = "plaats")]
    pub place: String,
    pub code: String,
    pub nl: String,
    pub en: String,
}

impl Violation {
    pub fn new(
        place: impl Into<String>,
        code: &str,
        nl: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self { place: place.into(), code: code.to_owned(), nl: nl.into(), en: en.into() }
    }
}

/// The kinds of refusal, sorted by what the sender must do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Not readable as the format it claims to be (400).
    Onleesbaar,
    /// Larger or deeper than allowed (413).
    TeGroot,
    /// A media type or encoding that this connector does not take (415).
    Mediatype,
    /// Readable, but not what the schema asks (422).
    Ongeldig,
    /// A message type or version the connector does not know (422).
    OnbekendType,
    /// The document says it comes from somebody else than its credential (403).
    AndereAfzender,
    /// The same id came earlier with other content (409).
    AndereInhoud,
    /// The mapping could not translate it: ours to repair (422, and quarantined).
    Vertaling,
    /// A receipt for a parcel this partner never got (404).
    OnbekendeZending,
    /// An answer to what this partner was never asked (404).
    OnbekendVerzoek,
    /// An answer that does not fit what was said or decided before (409).
    AntwoordPastNiet,
    /// Who sent it may not exchange now (403).
    Geschorst,
    /// Who sent it has a key, and is not in the active set (403).
    OnbekendePartner,
    /// A broker offered it again and again and it was never settled: ours to look at (422, and
    /// quarantined).
    Onverwerkt,
}

impl Fault {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Onleesbaar => "onleesbaar",
            Self::TeGroot => "te-groot",
            Self::Mediatype => "mediatype",
            Self::Ongeldig => "ongeldig",
            Self::OnbekendType => "onbekend-type",
            Self::AndereAfzender => "andere-afzender",
            Self::AndereInhoud => "andere-inhoud",
            Self::Vertaling => "vertaling",
            Self::OnbekendeZending => "onbekende-zending",
            Self::OnbekendVerzoek => "onbekend-actieverzoek",
            Self::AntwoordPastNiet => "antwoord-past-niet",
            Self::Geschorst => "geschorst",
            Self::OnbekendePartner => "onbekende-partner",
            Self::Onverwerkt => "onverwerkt",
        }
    }

    /// The HTTP status that tells a sender the same.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Onleesbaar => 400,
            Self::AndereAfzender | Self::Geschorst | Self::OnbekendePartner => 403,
            Self::OnbekendeZending | Self::OnbekendVerzoek => 404,
            Self::AndereInhoud | Self::AntwoordPastNiet => 409,
            Self::TeGroot => 413,
            Self::Mediatype => 415,
            Self::Ongeldig | Self::OnbekendType | Self::Vertaling | Self::Onverwerkt => 422,
        }
    }

    /// What is wrong, in a Dutch sentence for the sender.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Onleesbaar => "Het bericht is niet leesbaar in het formaat van deze koppeling.",
            Self::TeGroot => "Het bericht is groter of dieper dan toegestaan.",
            Self::Mediatype => "Dit mediatype of deze codering hoort niet bij deze koppeling.",
            Self::Ongeldig => "Het bericht voldoet niet aan het schema.",
            Self::OnbekendType => "Dit berichttype of deze versie is onbekend.",
            Self::AndereAfzender => "De afzender in het bericht is niet de afzender die inlogde.",
            Self::AndereInhoud => "Dit berichtnummer is eerder gebruikt met een andere inhoud.",
            Self::Vertaling => "Het bericht kon niet worden vertaald; de beheerder kijkt ernaar.",
            Self::OnbekendeZending => "Deze zending is onbekend of was niet voor u bestemd.",
            Self::OnbekendVerzoek => "Dit is u niet gevraagd; kijk het nummer na.",
            Self::AntwoordPastNiet => {
                "Dit antwoord past niet bij wat eerder is gezegd of besloten."
            }
            Self::Geschorst => "Uw aansluiting is geschorst; neem contact op met de beheerder.",
            Self::OnbekendePartner => "Deze ketenpartner staat niet in de huidige set.",
            Self::Onverwerkt => "Het bericht is herhaald aangeboden en niet verwerkt.",
        }
    }
}

/// A refused message: why, and every violation that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub fault: Fault,
    pub violations: Vec<Violation>,
}

impl Refusal {
    pub fn new(fault: Fault, violations: Vec<Violation>) -> Self {
        Self { fault, violations }
    }

    /// A refusal with a single violation.
    pub fn one(fault: Fault, place: &str, code: &str, nl: &str, en: &str) -> Self {
        Self::new(fault, vec![Violation::new(place, code, nl, en)])
    }
}
