//! The canaries and the documents they sit in: one of each connector, each with birds of its own,
//! so that whoever sees one is known to have it from there.

use crate::hub::{BRANDWEER, CSV, GGZ, JSON, OM, POLITIE, SLEUTEL, WONEN, XML, example, swap};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bird {
    /// A citizen service number that passes its check digits.
    Number,
    Name,
    Text,
}

impl Bird {
    pub const ALL: [Self; 3] = [Self::Number, Self::Name, Self::Text];
}

/// A document of a partner, where its canaries go, and how to make it invalid with one.
pub struct Source {
    pub partner: &'static str,
    pub media_type: &'static str,
    connector: &'static str,
    case: &'static str,
    /// Number, name, text: what stands in the example, and what takes its place.
    places: [(&'static str, &'static str); 3],
    /// A value that may not be just anything.
    strict: (&'static str, &'static str),
}

impl Source {
    pub fn canary(&self, bird: Bird) -> &'static str {
        let [number, name, text] = self.places;
        match bird {
            Bird::Number => number.1,
            Bird::Name => name.1,
            Bird::Text => text.1,
        }
    }

    pub fn document(&self) -> String {
        let document = example(self.connector, self.case);
        // The fire brigade knows no numbers of citizens.
        let places = self.places.iter().filter(|(from, _)| !from.is_empty());
        places.fold(document, |document, (from, to)| swap(&document, from, to))
    }

    /// Invalid and unreadable variants, with the canaries in what is wrong.
    pub fn spoiled(&self) -> [(&'static str, String); 2] {
        let (from, to) = self.strict;
        let name = self.canary(Bird::Name);
        let number = self.canary(Bird::Number);
        let invalid = swap(&self.document(), from, &to.replace('*', &format!("{name} {number}")));
        let cut = self.document();
        let end = cut.trim_end().len() - 3;
        let cut = cut.get(..end).expect("ends in ASCII").to_owned();
        // A row that breaks off is still a row; a quote that never closes is none.
        let cut = if self.media_type == CSV { cut.replacen(name, "\"open", 1) } else { cut };
        [("an invalid message", invalid), ("an unreadable message", cut)]
    }
}

pub const SOURCES: [Source; 6] = [
    Source {
        partner: POLITIE,
        media_type: XML,
        connector: "politie",
        case: "in-volledig",
        places: [
            ("999990342", "731904114"),
            ("Heuvel", "Kwikstaartveen"),
            ("de buurvrouw durft haar woning niet meer uit", "vuurtorenkoraal"),
        ],
        strict: ("<ernst>H", "<ernst>*"),
    },
    Source {
        partner: OM,
        media_type: JSON,
        connector: "openbaar-ministerie",
        case: "beslissing-volledig",
        places: [
            ("111222333", "731904126"),
            ("Brïnkman", "Roerdompzand"),
            ("er geldt een contactverbod", "zandlopersneeuw"),
        ],
        strict: ("\"ernstcategorie\": \"B\"", "\"ernstcategorie\": \"*\""),
    },
    Source {
        partner: BRANDWEER,
        media_type: XML,
        connector: "brandweer",
        case: "in-volledig",
        places: [
            ("", "731904138"),
            ("Piket nazorg", "Wielewaalhoek"),
            ("In de hele portiek geen werkende rookmelder", "kompasnaaldhout"),
        ],
        strict: ("<severity>Severe", "<severity>*"),
    },
    Source {
        partner: WONEN,
        media_type: JSON,
        connector: "woningcorporatie",
        case: "melding-volledig",
        places: [
            ("111222333", "731904151"),
            ("Brïnkman", "Grutterslaan"),
            ("bij navraag dreigde hij met een mes", "molenwiekzilver"),
        ],
        strict: ("\"HOO\"", "\"*\""),
    },
    Source {
        partner: SLEUTEL,
        media_type: CSV,
        connector: "woningcorporatie-csv",
        case: "melding-volledig",
        places: [
            ("111222333", "731904163"),
            ("Brïnkman", "Tureluurdijk"),
            ("Huurder draait ’s nachts harde muziek.", "regenpijpbrons"),
        ],
        strict: (";overlast;hoog;", ";overlast;*;"),
    },
    Source {
        partner: GGZ,
        media_type: JSON,
        connector: "zorgaanbieder",
        case: "verzoek-volledig",
        places: [
            ("111222333", "731904175"),
            ("Wit", "Leeuwerikplas"),
            ("Oma belde: patiënt dreigt met een mes.", "hooizolderglas"),
        ],
        strict: ("\"levensbedreigend\"", "\"*\""),
    },
];
