//! What a target measures: a small vocabulary, each measure with its unit and its direction.

/// Which side of its norm is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The norm is a ceiling (`hoogstens`).
    AtMost,
    /// The norm is a floor (`minstens`).
    AtLeast,
}

impl Direction {
    /// The key under which a norm of this direction stands, and the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtMost => "hoogstens",
            Self::AtLeast => "minstens",
        }
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Signals,
    SignalsPerThousand,
    /// Working days or calendar days, as the programme counts lead times.
    Days,
    Percent,
}

/// What is measured (*maat*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    Signals,
    SignalsPerThousand,
    LeadMedian,
    LeadP90,
    ReceivedInTime,
    AcceptedInTime,
    DoneInTime,
    Refused,
    Recurring,
    FromResidents,
}

impl Measure {
    pub const ALL: [Self; 10] = [
        Self::Signals,
        Self::SignalsPerThousand,
        Self::LeadMedian,
        Self::LeadP90,
        Self::ReceivedInTime,
        Self::AcceptedInTime,
        Self::DoneInTime,
        Self::Refused,
        Self::Recurring,
        Self::FromResidents,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signals => "signalen",
            Self::SignalsPerThousand => "signalen-per-1000",
            Self::LeadMedian => "doorlooptijd-mediaan",
            Self::LeadP90 => "doorlooptijd-p90",
            Self::ReceivedInTime => "termijn-ontvangen",
            Self::AcceptedInTime => "termijn-aanvaard",
            Self::DoneInTime => "termijn-afgerond",
            Self::Refused => "weigeringen",
            Self::Recurring => "herhaling",
            Self::FromResidents => "aandeel-inwoners",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == text)
    }

    pub const fn unit(self) -> Unit {
        match self {
            Self::Signals => Unit::Signals,
            Self::SignalsPerThousand => Unit::SignalsPerThousand,
            Self::LeadMedian | Self::LeadP90 => Unit::Days,
            _ => Unit::Percent,
        }
    }

    pub const fn direction(self) -> Direction {
        match self {
            Self::ReceivedInTime
            | Self::AcceptedInTime
            | Self::DoneInTime
            | Self::FromResidents => Direction::AtLeast,
            _ => Direction::AtMost,
        }
    }

    /// Whether it is about tasks, and so may be asked of one kind of partner.
    pub const fn is_by_kind(self) -> bool {
        matches!(
            self,
            Self::ReceivedInTime | Self::AcceptedInTime | Self::DoneInTime | Self::Refused
        )
    }

    /// What of it is measured, in a sentence.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Signals => "aantal signalen",
            Self::SignalsPerThousand => "signalen per 1.000 inwoners per jaar",
            Self::LeadMedian => "doorlooptijd van een casus, mediaan",
            Self::LeadP90 => "doorlooptijd van negen van de tien casussen",
            Self::ReceivedInTime => "actieverzoeken op tijd ontvangen",
            Self::AcceptedInTime => "actieverzoeken op tijd beantwoord",
            Self::DoneInTime => "actieverzoeken op tijd afgerond",
            Self::Refused => "geweigerde actieverzoeken",
            Self::Recurring => "casussen die aanhouden of heropend worden",
            Self::FromResidents => "aandeel signalen van inwoners",
        }
    }

    /// What whoever directs can do where it falls short.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Signals | Self::SignalsPerThousand => {
                "bekijk de brandpunten en spreek met de ketenpartners af waar eerst wordt ingezet"
            }
            Self::LeadMedian | Self::LeadP90 => {
                "kijk welke stap het langst duurt met schakel case list, en pas het draaiboek of \
                 de capaciteit aan"
            }
            Self::ReceivedInTime => {
                "vraag de ketenpartner of iemand de postbus volgt, en kijk met schakel doctor of \
                 bezorgen lukt"
            }
            Self::AcceptedInTime => {
                "bespreek met de ketenpartner wie over actieverzoeken beslist en hoe snel"
            }
            Self::DoneInTime => {
                "bespreek met de ketenpartner of de termijn haalbaar is, en leg vast wat nodig is"
            }
            Self::Refused => {
                "leg de redenen van weigering naast het convenant en bespreek de meest genoemde"
            }
            Self::Recurring => "spreek maatwerk af voor de casussen die als slepend zijn gemerkt",
            Self::FromResidents => {
                "zoek uit of inwoners weten waar zij kunnen melden, eerst in de stille buurten"
            }
        }
    }
}
