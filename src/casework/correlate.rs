//! Which case a message belongs to: by what it refers to, else by place and theme, else by person.
//!
//! A reference joins by itself, and counts only from a participant. Place and person join by
//! themselves only where the sender's purpose grants it; else a coordinator gets a proposal.

use std::collections::BTreeSet;

use serde_json::Value;

use super::dossier::Dossier;
use crate::catalogue::{Catalogue, Origin, ThemeCase};
use crate::message::{
    CanonicalMessage, CaseId, CaseState, Effect, Entropy, PartnerId, Reference, Succession, TaskId,
    Timestamp, Usage,
};

/// Persons of one signal that cases are looked up by, at most.
const PERSONS_MAX: usize = 8;

/// One way in which a message can be found again. The journal stores it as a keyed hash only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CorrelationKey {
    /// A signal: who sent it, and its reference there. Usages never meet.
    Signal { usage: Usage, sender: PartnerId, reference: String },
    /// A case by its number.
    Case { usage: Usage, number: String },
    /// A request, by the id that its partner knows.
    Task { usage: Usage, task: TaskId },
    /// An address or BAG id, for one theme.
    Place { usage: Usage, theme: String, place: String },
    /// A person, by BSN. Only its keyed hash is ever stored.
    Person { usage: Usage, bsn: String },
}

impl CorrelationKey {
    /// The bytes that the journal hashes; no two keys share them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = match self {
            Self::Signal { usage, sender, reference } => {
                format!("signaal\n{}\n{sender}\n{reference}", usage.as_str())
            }
            Self::Case { usage, number } => format!("casus\n{}\n{number}", usage.as_str()),
            Self::Task { usage, task } => format!("actieverzoek\n{}\n{task}", usage.as_str()),
            Self::Place { usage, theme, place } => {
                format!("plaats\n{}\n{theme}\n{place}", usage.as_str())
            }
            Self::Person { usage, bsn } => format!("persoon\n{}\n{bsn}", usage.as_str()),
        };
        text.into_bytes()
    }

    /// Whether it says that two signals may be about the same, rather than that they are.
    pub const fn is_likeness(&self) -> bool {
        matches!(self, Self::Place { .. } | Self::Person { .. })
    }
}

/// What the rules say about joining, for one message.
#[derive(Debug, Clone, Copy, Default)]
pub struct Matching<'a> {
    /// How signals of its theme become cases; without it only references count.
    pub theme: Option<&'a ThemeCase>,
    /// Whether the sender's purpose grants joining (`koppelen`).
    pub granted: bool,
}

impl<'a> Matching<'a> {
    pub fn of(catalogue: &'a Catalogue, message: &CanonicalMessage, now: Timestamp) -> Self {
        let theme = message.theme.as_deref();
        let case = theme.and_then(|theme| catalogue.themes.get(theme)?.casus.as_ref());
        let parties = catalogue.municipality().zip(catalogue.partner(&message.sender));
        let Some((municipality, sender)) = parties else { return Self::default() };
        let granted = sender.is_municipality()
            || catalogue.purposes_to(municipality).any(|purpose| {
                purpose.joins && purpose.applies(&Origin::Partner(sender), municipality, theme, now)
            });
        Self { theme: case, granted }
    }
}

/// A case that a key led to.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    pub key: &'a CorrelationKey,
    pub case: &'a CaseState,
    pub dossier: Option<&'a Dossier>,
}

/// The case a message is stored under.
#[derive(Debug, Clone)]
pub enum Decision {
    Join(CaseState),
    Open {
        case: CaseState,
        /// Cases that may be about the same, for a coordinator to decide.
        alike: Vec<CaseId>,
        /// When signals came in the closed case that this one goes on from.
        earlier: Vec<Timestamp>,
    },
}

impl Decision {
    pub fn case(&self) -> &CaseState {
        match self {
            Self::Join(case) | Self::Open { case, .. } => case,
        }
    }
}

/// The keys under which a message is looked up: its own reference, what it refers to or answers,
/// then where and around whom it plays. What is said about a signal finds it under each name that
/// its sender had; a signal itself does not, as who merged may have counted alike.
pub fn keys(message: &CanonicalMessage, succession: &Succession) -> Vec<CorrelationKey> {
    let usage = message.usage;
    let signals = |sender: &PartnerId, reference: &str| {
        let now = succession.now(sender);
        let names = succession.names(now).map(|name| CorrelationKey::Signal {
            usage,
            sender: name.clone(),
            reference: reference.to_owned(),
        });
        names.collect::<Vec<_>>()
    };
    let mut keys = signals(&message.sender, &message.reference);
    if message.effect == Effect::Melding {
        keys.truncate(1);
    }
    keys.extend(message.answer.iter().map(|said| CorrelationKey::Task { usage, task: said.task }));
    keys.extend(message.references.iter().flat_map(|reference| match reference {
        Reference::Case(number) => vec![CorrelationKey::Case { usage, number: number.clone() }],
        Reference::Signal { sender, reference } => {
            signals(sender.as_ref().unwrap_or(&message.sender), reference)
        }
    }));
    if message.effect == Effect::Melding {
        keys.extend(likenesses(message));
    }
    keys
}

/// The place and persons of a signal, as far as they tell one from another.
fn likenesses(message: &CanonicalMessage) -> Vec<CorrelationKey> {
    let usage = message.usage;
    let mut keys = Vec::new();
    if let Some(theme) = &message.theme {
        let places = places(&message.data).into_iter();
        keys.extend(places.map(|place| CorrelationKey::Place {
            usage,
            theme: theme.clone(),
            place,
        }));
    }
    let persons = message.data.get("betrokkenen").and_then(Value::as_array);
    let concerned = |person: &&Value| person.get("rol").is_some_and(|rol| rol == "betrokkene");
    let numbers = persons.into_iter().flatten().filter(concerned);
    let numbers = numbers.filter_map(|person| person.get("bsn")?.as_str()).take(PERSONS_MAX);
    keys.extend(numbers.map(|bsn| CorrelationKey::Person { usage, bsn: bsn.to_owned() }));
    keys
}

/// The BAG id, and the address as postcode and house number with all that belongs to it.
fn places(data: &Value) -> Vec<String> {
    let Some(place) = data.get("locatie") else { return Vec::new() };
    let text = |field: &str| place.pointer(field).and_then(Value::as_str);
    let mut places: Vec<String> =
        text("/bagId").map(|id| format!("bag {id}")).into_iter().collect();
    let number = place.pointer("/adres/huisnummer").and_then(Value::as_u64);
    if let (Some(postcode), Some(number)) = (text("/adres/postcode"), number) {
        let plain = |field| text(field).unwrap_or_default().replace(' ', "").to_uppercase();
        let (letter, more) = (plain("/adres/huisletter"), plain("/adres/toevoeging"));
        let postcode = postcode.replace(' ', "").to_uppercase();
        places.push(format!("adres {postcode} {number} {letter} {more}"));
    }
    places
}

/// The place and person keys that a signal leaves behind, each with the moment until which it
/// counts; nothing where its theme does not look at them.
pub fn leaves(
    message: &CanonicalMessage,
    theme: Option<&ThemeCase>,
    now: Timestamp,
) -> Vec<(CorrelationKey, Timestamp)> {
    let Some(theme) = theme.filter(|_| message.effect == Effect::Melding) else {
        return Vec::new();
    };
    let until = now.plus_seconds(theme.window_seconds());
    let counts = |key: &CorrelationKey| counts(key, theme);
    let keys = likenesses(message).into_iter().filter(counts);
    keys.map(|key| (key, until)).collect()
}

const fn counts(key: &CorrelationKey, theme: &ThemeCase) -> bool {
    match key {
        CorrelationKey::Place { .. } => theme.by_place,
        CorrelationKey::Person { .. } => theme.by_person,
        _ => true,
    }
}

/// Joins the first case that a reference led to, or that looks alike where that is granted, or
/// opens one.
///
/// `found` is in the order of `keys`. A reference to somebody else's signal or to a case number
/// counts only from a participant, and nothing counts across usages.
pub fn decide(
    message: &CanonicalMessage,
    found: &[Found<'_>],
    matching: Matching<'_>,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Decision {
    let same_usage = |found: &&Found<'_>| found.case.usage == message.usage;
    let referred = found.iter().filter(same_usage).find(|found| {
        !found.key.is_likeness() && found.case.participants.contains(&message.sender)
    });
    if let Some(found) = referred {
        return Decision::Join(joined(found.case, message));
    }
    let mut alike: Vec<CaseId> = Vec::new();
    let mut earlier = Vec::new();
    for Found { key, case, dossier } in found.iter().filter(same_usage) {
        let Some((theme, dossier)) = matching.theme.zip(*dossier) else { continue };
        if !key.is_likeness() || !counts(key, theme) {
            continue;
        }
        if dossier.is_closed() {
            if matching.granted {
                earlier.clone_from(&dossier.signals);
            }
        } else if matching.granted {
            return Decision::Join(joined(case, message));
        } else if !alike.contains(&case.id) {
            alike.push(case.id);
        }
    }
    let case = CaseState {
        id: entropy.case_id(now),
        number: entropy.case_number(),
        usage: message.usage,
        theme: message.theme.clone(),
        participants: BTreeSet::from([message.sender.clone()]),
        recipients: BTreeSet::new(),
        earlier: Vec::new(),
        glasses: Vec::new(),
    };
    Decision::Open { case, alike, earlier }
}

fn joined(case: &CaseState, message: &CanonicalMessage) -> CaseState {
    let mut case = case.clone();
    case.theme = case.theme.or_else(|| message.theme.clone());
    case
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::Otherwise;
    use crate::message::{CaseNumber, ExternalId, MessageKind};

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-23T12:00:00Z").unwrap()
    }

    fn message(sender: &str, usage: Usage, references: Vec<Reference>) -> CanonicalMessage {
        CanonicalMessage {
            sender: sender.parse().unwrap(),
            origin: "politie".parse().unwrap(),
            connector: "politie".parse().unwrap(),
            kind: MessageKind { name: "signaal-gemeld".into(), version: 1 },
            effect: Effect::Melding,
            external_id: ExternalId::new("x".into()),
            usage,
            reference: "K-1".into(),
            theme: Some("woonoverlast".into()),
            urgent: false,
            references,
            named_recipients: Vec::new(),
            confirmation: None,
            answer: None,
            data: json!({}),
        }
    }

    fn case(usage: Usage, participants: &[&str]) -> CaseState {
        CaseState {
            id: CaseId::from(uuid::Uuid::from_u128(7)),
            number: CaseNumber::from_stored("C-0000-0000-0007".into()),
            usage,
            theme: None,
            participants: participants.iter().map(|name| name.parse().unwrap()).collect(),
            recipients: BTreeSet::new(),
            earlier: Vec::new(),
            glasses: Vec::new(),
        }
    }

    /// Where a message goes that its own reference led to these cases.
    fn decided(message: &CanonicalMessage, cases: &[CaseState]) -> Decision {
        let keys = keys(message, &Succession::default());
        let key = keys.first().unwrap();
        let found: Vec<Found<'_>> =
            cases.iter().map(|case| Found { key, case, dossier: None }).collect();
        decide(message, &found, Matching::default(), now(), &mut Entropy::new([1; 32]))
    }

    fn joins(message: &CanonicalMessage, cases: &[CaseState]) -> bool {
        matches!(decided(message, cases), Decision::Join(_))
    }

    fn theme() -> ThemeCase {
        ThemeCase {
            by_place: true,
            by_person: true,
            window_days: 90,
            otherwise: Otherwise::Casus,
            lasting: None,
        }
    }

    fn at_home(bsn: Option<&str>) -> CanonicalMessage {
        let mut message = message("politie", Usage::Echt, Vec::new());
        message.data = json!({
            "locatie": { "bagId": "0772010000000001", "adres": {
                "postcode": "5611 ab", "huisnummer": 12, "huisletter": "a", "woonplaats": "E",
            }},
            "betrokkenen": [
                { "rol": "melder", "bsn": "999990019" },
                { "rol": "betrokkene", "bsn": bsn },
            ],
        });
        message
    }

    /// What becomes of a signal where one of its places leads to this case.
    fn at_place(granted: bool, dossier: &Dossier) -> Decision {
        let (message, theme) = (at_home(None), theme());
        let keys = keys(&message, &Succession::default());
        let key = keys.iter().find(|key| key.is_likeness()).unwrap();
        let case = case(Usage::Echt, &["wonen-zuid"]);
        let found = [Found { key, case: &case, dossier: Some(dossier) }];
        let matching = Matching { theme: Some(&theme), granted };
        decide(&message, &found, matching, now(), &mut Entropy::new([1; 32]))
    }

    #[test]
    fn the_same_place_joins_where_that_is_granted_and_is_a_proposal_elsewhere() {
        let dossier = Dossier::new(now());
        assert!(matches!(at_place(true, &dossier), Decision::Join(_)));
        let Decision::Open { alike, .. } = at_place(false, &dossier) else { panic!("joined") };
        assert_eq!(alike, [CaseId::from(uuid::Uuid::from_u128(7))]);
    }

    #[test]
    fn a_closed_case_is_gone_on_from_and_not_joined() {
        let mut dossier = Dossier::new(now());
        dossier.phase = crate::casework::Phase::Gesloten;
        dossier.signals = vec![now()];
        let Decision::Open { alike, earlier, .. } = at_place(true, &dossier) else { panic!() };
        assert_eq!((alike.len(), earlier), (0, vec![now()]));
        let Decision::Open { earlier, .. } = at_place(false, &dossier) else { panic!() };
        assert!(earlier.is_empty(), "nobody may know that it is the same place");
    }

    #[test]
    fn a_place_has_one_name_however_it_is_written_and_only_who_it_concerns_is_a_person() {
        let message = at_home(Some("999990020"));
        let written: Vec<String> = leaves(&message, Some(&theme()), now())
            .into_iter()
            .map(|(key, until)| {
                assert_eq!(until, now().plus_seconds(90 * 86_400));
                String::from_utf8(key.to_bytes()).unwrap().replace('\n', "/")
            })
            .collect();
        assert_eq!(
            written,
            [
                "plaats/echt/woonoverlast/bag 0772010000000001",
                "plaats/echt/woonoverlast/adres 5611AB 12 A ",
                "persoon/echt/999990020",
            ]
        );
        let nobody = ThemeCase { by_person: false, ..theme() };
        assert_eq!(leaves(&message, Some(&nobody), now()).len(), 2);
        assert!(leaves(&message, None, now()).is_empty(), "a theme without cases");
    }

    #[test]
    fn a_message_joins_the_case_of_its_own_reference() {
        let update = message("politie", Usage::Echt, Vec::new());
        assert!(joins(&update, &[case(Usage::Echt, &["politie"])]));
        assert!(!joins(&update, &[]), "nothing found: a case of its own");
    }

    #[test]
    fn an_exercise_never_joins_a_real_case() {
        let exercise = message("politie", Usage::Oefening, Vec::new());
        assert!(!joins(&exercise, &[case(Usage::Echt, &["politie"])]));
        let [real, exercise] = [Usage::Echt, Usage::Oefening].map(|usage| {
            keys(&message("politie", usage, Vec::new()), &Succession::default())[0].to_bytes()
        });
        assert_ne!(real, exercise, "not even their keys meet");
    }

    #[test]
    fn a_reference_counts_only_from_a_participant() {
        let guess = vec![Reference::Case("C-0000-0000-0007".into())];
        let outsider = message("wonen-zuid", Usage::Echt, guess.clone());
        assert!(!joins(&outsider, &[case(Usage::Echt, &["politie"])]));
        let insider = message("wonen-zuid", Usage::Echt, guess);
        assert!(joins(&insider, &[case(Usage::Echt, &["politie", "wonen-zuid"])]));
    }

    #[test]
    fn a_theme_comes_with_the_first_message_that_has_one() {
        let first = message("politie", Usage::Echt, Vec::new());
        let found = [case(Usage::Echt, &["politie"])];
        let decision = decided(&first, &found);
        assert_eq!(decision.case().theme.as_deref(), Some("woonoverlast"));
    }
}
