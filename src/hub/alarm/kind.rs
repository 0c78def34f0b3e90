//! What can be wrong, in the hub's codes and in the words of who must do something about it.

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A recipient's oldest parcel waits too long.
    Waiting,
    /// More came into quarantine than is usual.
    Quarantine,
    /// A partner that should have said something said nothing.
    Silent,
    /// Attempts to deliver to a partner fail.
    Unreachable,
    /// Evidence is not signed in time.
    Unsigned,
    /// The certificate of the hub's door ends soon.
    Certificate,
    BrokerDown,
    /// The broker takes nothing: an alarm of its own, for memory or disk.
    BrokerBlocked,
    Unwritable,
    Disk,
    /// A message number came again with other bytes.
    Conflict,
    /// One of several hubs no longer shows itself.
    HubGone,
    /// One person had many covered fields shown.
    Reveals,
}

/// How long a condition must hold to start, and be clear to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub hold_s: i64,
    pub clear_s: i64,
}

impl Kind {
    pub const ALL: [Self; 13] = [
        Self::Waiting,
        Self::Quarantine,
        Self::Silent,
        Self::Unreachable,
        Self::Unsigned,
        Self::Certificate,
        Self::BrokerDown,
        Self::BrokerBlocked,
        Self::Unwritable,
        Self::Disk,
        Self::Conflict,
        Self::HubGone,
        Self::Reveals,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Waiting => "zendingen-wachten",
            Self::Quarantine => "uitval-groeit",
            Self::Silent => "ketenpartner-stil",
            Self::Unreachable => "ketenpartner-onbereikbaar",
            Self::Unsigned => "bewijs-loopt-achter",
            Self::Certificate => "certificaat-verloopt",
            Self::BrokerDown => "broker-onbereikbaar",
            Self::BrokerBlocked => "broker-geblokkeerd",
            Self::Unwritable => "logboek-onschrijfbaar",
            Self::Disk => "schijf-vol",
            Self::Conflict => "andere-inhoud",
            Self::HubGone => "hub-weg",
            Self::Reveals => "veel-inzagen",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether only the hub that it is about can say how it is; its subject is that hub's name.
    pub const fn is_of_one_hub(self) -> bool {
        matches!(
            self,
            Self::Certificate
                | Self::BrokerDown
                | Self::BrokerBlocked
                | Self::Unwritable
                | Self::Disk
        )
    }

    /// Where the settings say nothing. What has a term of its own, or happened once and for all,
    /// starts at once; the rest must not be a hiccup.
    pub const fn usual_times(self) -> Times {
        match self {
            Self::Waiting
            | Self::Silent
            | Self::Unreachable
            | Self::Conflict
            | Self::HubGone
            | Self::Reveals => Times { hold_s: 0, clear_s: 60 },
            Self::Certificate => Times { hold_s: 0, clear_s: 0 },
            Self::BrokerDown => Times { hold_s: 60, clear_s: 60 },
            Self::Unwritable | Self::Unsigned => Times { hold_s: 30, clear_s: 60 },
            Self::Quarantine | Self::BrokerBlocked | Self::Disk => {
                Times { hold_s: 60, clear_s: 300 }
            }
        }
    }

    /// The worse of two amounts: of days and free space that is the lower.
    pub const fn worse(self, one: i64, other: i64) -> i64 {
        let less = matches!(self, Self::Certificate | Self::Disk);
        if (one < other) == less { one } else { other }
    }

    /// What its amount counts; `None` where there is nothing to count.
    pub const fn unit(self) -> Option<&'static str> {
        match self {
            Self::Waiting | Self::Unreachable => Some("zendingen"),
            Self::Quarantine => Some("stukken"),
            Self::Certificate => Some("dagen"),
            Self::Disk => Some("MiB"),
            Self::Conflict => Some("berichten"),
            Self::Reveals => Some("velden"),
            Self::Silent
            | Self::Unsigned
            | Self::BrokerDown
            | Self::BrokerBlocked
            | Self::Unwritable
            | Self::HubGone => None,
        }
    }

    /// What is wrong, as the start of a sentence.
    pub fn title(self, subject: &str) -> String {
        match self {
            Self::Waiting => format!("Zendingen voor {subject} wachten te lang"),
            Self::Quarantine => "De uitval groeit".to_owned(),
            Self::Silent => format!("Ketenpartner {subject} is stil"),
            Self::Unreachable => format!("Ketenpartner {subject} is niet bereikbaar"),
            Self::Unsigned => "Het bewijs in het logboek loopt achter".to_owned(),
            Self::Certificate => format!("Het certificaat van {subject} verloopt"),
            Self::BrokerDown => format!("{subject} bereikt de broker niet"),
            Self::BrokerBlocked => format!("De broker neemt van {subject} niets aan"),
            Self::Unwritable => format!("{subject} kan niet in het logboek schrijven"),
            Self::Disk => format!("De schijf van {subject} raakt vol"),
            Self::Conflict => {
                format!("Ketenpartner {subject} gebruikt een berichtnummer opnieuw")
            }
            Self::HubGone => format!("{subject} laat niets meer van zich horen"),
            Self::Reveals => "Iemand laat veel afgedekte velden zien".to_owned(),
        }
    }

    /// How bad it is.
    pub fn severity(self, amount: i64) -> String {
        match self {
            Self::Waiting | Self::Unreachable if amount == 1 => "1 zending wacht".to_owned(),
            Self::Waiting | Self::Unreachable => format!("{amount} zendingen wachten"),
            Self::Quarantine => format!("{amount} nieuwe stukken in korte tijd"),
            Self::Silent => "er kwam geen bericht binnen de afgesproken tijd".to_owned(),
            Self::Unsigned => "nieuwe bladen zijn nog niet ondertekend".to_owned(),
            Self::Certificate if amount < 0 => "het is verlopen".to_owned(),
            Self::Certificate if amount == 1 => "nog 1 dag geldig".to_owned(),
            Self::Certificate => format!("nog {amount} dagen geldig"),
            Self::BrokerDown => "verkeer via RabbitMQ ligt stil; andere wegen gaan door".to_owned(),
            Self::BrokerBlocked => "geheugen of schijf van de broker is op".to_owned(),
            Self::Unwritable => "de hub neemt niets aan en verstuurt niets".to_owned(),
            Self::Disk => format!("nog {amount} MiB vrij"),
            Self::Conflict if amount == 1 => "1 bericht is geweigerd".to_owned(),
            Self::Conflict => format!("{amount} berichten zijn geweigerd"),
            Self::HubGone => "wat deze hub deed, nemen de andere over".to_owned(),
            Self::Reveals => format!("{amount} velden in een uur"),
        }
    }

    /// What to do, with the command that shows more.
    pub fn next_step(self, subject: &str) -> String {
        match self {
            Self::Waiting => {
                format!("vraag {subject} of het postvak wordt opgehaald; kijk met: schakel doctor")
            }
            Self::Quarantine => "bekijk de redenen met: schakel quarantine list".to_owned(),
            Self::Silent => {
                format!("vraag {subject} of er niets te melden was; kijk met: schakel tail")
            }
            Self::Unreachable => {
                format!("bel {subject}; de hub blijft het proberen. Kijk met: schakel doctor")
            }
            Self::Unsigned => "kijk in het verslag van de hub, en met: schakel doctor".to_owned(),
            Self::Certificate => {
                "vernieuw het; de hub leest het zelf opnieuw. Kijk met: schakel doctor".to_owned()
            }
            Self::BrokerDown => "kijk of RabbitMQ draait, en met: schakel broker list".to_owned(),
            Self::BrokerBlocked => {
                "maak ruimte bij de broker; kijk met: rabbitmq-diagnostics alarms".to_owned()
            }
            Self::Unwritable => {
                "kijk naar schijf en database; afzenders proberen het zelf opnieuw. Kijk met: \
                 schakel doctor"
                    .to_owned()
            }
            Self::Disk => "maak ruimte; een volle schijf neemt niets meer aan. Kijk met: \
                 schakel doctor"
                .to_owned(),
            Self::Conflict => format!(
                "laat {subject} een nieuw nummer gebruiken; kijk met: schakel quarantine list \
                 --partner {subject} --reason andere-inhoud"
            ),
            Self::HubGone => "kijk of hij draait, en start hem met: schakel serve".to_owned(),
            Self::Reveals => {
                "vraag waarom; bekijk wie wat zag met: schakel user reveals".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_of_one_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_code(kind.code()), Some(kind));
        }
        assert_eq!(Kind::of_code("iets-nieuws"), None);
    }

    #[test]
    fn less_is_worse_of_days_and_of_space() {
        assert_eq!((Kind::Certificate.worse(3, 5), Kind::Disk.worse(900, 10)), (3, 10));
        assert_eq!((Kind::Waiting.worse(3, 5), Kind::Waiting.worse(5, 3)), (5, 5));
    }

    #[test]
    fn every_kind_has_words_and_a_command() {
        for kind in Kind::ALL {
            assert!(kind.title("x").chars().next().is_some_and(|c| !c.is_whitespace()));
            let next = kind.next_step("wonen-zuid");
            assert!(next.contains(": schakel ") || next.contains(": rabbitmq"), "{next}");
            for amount in [0, 1, 7] {
                assert!(!kind.severity(amount).is_empty());
            }
        }
        assert_eq!(Kind::Certificate.severity(-1), "het is verlopen");
    }
}
