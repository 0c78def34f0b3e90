//! What is wrong, what starts, lasts and ends, and what is told of it: as tables and stories.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::compare;
use super::evaluate::{
    BrokerSeen, Condition, HubSeen, Observations, PartnerLimits, PartnerSeen, Thresholds, evaluate,
};
use super::kind::{Kind, Times};
use super::notice::{duration, gather, mail, trial};
use crate::journal::{Alarm, AlarmState, NoticeKind};
use crate::message::{Entropy, PartnerId, Timestamp};

fn at(second: i64) -> Timestamp {
    Timestamp::parse("2026-11-23T20:00:00Z").unwrap().plus_seconds(second)
}

fn id(name: &str) -> PartnerId {
    name.parse().unwrap()
}

fn limits() -> Thresholds {
    let strict = PartnerLimits { waiting_s: 5, silent_s: 7, unreachable_s: 3 };
    Thresholds {
        usual: PartnerLimits { waiting_s: 100, silent_s: 0, unreachable_s: 60 },
        partners: BTreeMap::from([(id("streng"), strict)]),
        quarantine_new: 10,
        quarantine_window_s: 3_600,
        conflict_window_s: 3_600,
        unsigned_s: 60,
        certificate_days: 21,
        disk_free_mib: 1_024,
        hub_gone_s: 60,
        reveals_hour: 20,
        times: BTreeMap::from([(Kind::Waiting, Times { hold_s: 10, clear_s: 20 })]),
    }
}

fn quiet() -> Observations {
    Observations {
        hub: "hub-1".to_owned(),
        partners: Vec::new(),
        set_since: None,
        quarantined: 0,
        conflicts: Vec::new(),
        oldest_unsigned: None,
        certificate_ends: None,
        disk_free_mib: None,
        broker: None,
        hubs: vec![HubSeen { name: "hub-1".to_owned(), seen_at: at(0), showed: false }],
        revealed: 0,
    }
}

fn calm(name: &str) -> PartnerSeen {
    PartnerSeen {
        id: id(name),
        waiting: 0,
        oldest_waiting: None,
        last_message: None,
        failing_since: None,
    }
}

/// What is wrong at second 1000, as code, subject, age and amount.
fn found(change: impl FnOnce(&mut Observations)) -> Vec<(&'static str, String, i64, i64)> {
    let mut seen = quiet();
    change(&mut seen);
    let now = at(1_000);
    let found = evaluate(&seen, &limits(), now).into_iter();
    found.map(|c| (c.kind.code(), c.subject, now.seconds_since(c.since), c.amount)).collect()
}

/// Both sides of a limit: what is found at it, and that nothing is found just before it.
fn turns(
    kind: &'static str,
    subject: &str,
    age: i64,
    amount: i64,
    change: impl Fn(&mut Observations, i64),
) {
    let expected = vec![(kind, subject.to_owned(), age, amount)];
    assert_eq!(found(|seen| change(seen, 0)), expected, "{kind} at its limit");
    assert_eq!(found(|seen| change(seen, 1)), [], "{kind} before its limit");
}

#[test]
fn each_condition_turns_at_its_limit() {
    turns("zendingen-wachten", "wonen", 100, 3, |seen, less| {
        let oldest_waiting = Some(at(900 + less));
        seen.partners.push(PartnerSeen { waiting: 3, oldest_waiting, ..calm("wonen") });
    });
    turns("zendingen-wachten", "streng", 5, 1, |seen, less| {
        let oldest_waiting = Some(at(995 + less));
        seen.partners.push(PartnerSeen { waiting: 1, oldest_waiting, ..calm("streng") });
        seen.set_since = Some(at(999));
    });
    turns("ketenpartner-stil", "streng", 7, 0, |seen, less| {
        seen.partners.push(PartnerSeen { last_message: Some(at(993 + less)), ..calm("streng") });
    });
    turns("ketenpartner-onbereikbaar", "wonen", 60, 2, |seen, less| {
        let failing_since = Some(at(940 + less));
        seen.partners.push(PartnerSeen { waiting: 2, failing_since, ..calm("wonen") });
    });
    turns("uitval-groeit", "", 0, 10, |seen, less| seen.quarantined = 10 - less);
    turns("andere-inhoud", "wonen", 0, 1, |seen, less| {
        seen.conflicts.push((id("wonen"), 1 - less));
    });
    turns("bewijs-loopt-achter", "", 60, 0, |seen, less| {
        seen.oldest_unsigned = Some(at(940 + less));
    });
    turns("certificaat-verloopt", "hub-1", 0, 20, |seen, less| {
        seen.certificate_ends = Some(at(1_000 + 21 * 86_400 - 1 + less));
    });
    turns("schijf-vol", "hub-1", 0, 1_023, |seen, less| seen.disk_free_mib = Some(1_023 + less));
    turns("broker-onbereikbaar", "hub-1", 0, 0, |seen, less| {
        seen.broker = Some(BrokerSeen { up: less == 1, blocked: false });
    });
    turns("broker-geblokkeerd", "hub-1", 0, 0, |seen, less| {
        seen.broker = Some(BrokerSeen { up: true, blocked: less == 0 });
    });
    turns("veel-inzagen", "", 0, 20, |seen, less| seen.revealed = 20 - less);
    turns("hub-weg", "hub-2", 60, 0, |seen, less| {
        let seen_at = at(940 + less);
        seen.hubs.push(HubSeen { name: "hub-2".to_owned(), seen_at, showed: true });
    });
}

#[test]
fn who_was_never_heard_is_silent_since_the_set_is_active() {
    let never = |since| {
        found(|seen| {
            seen.partners.push(calm("streng"));
            seen.set_since = since;
        })
    };
    assert_eq!(never(Some(at(900))), [("ketenpartner-stil", "streng".to_owned(), 100, 0)]);
    assert_eq!(never(Some(at(999))), []);
    assert_eq!(never(None), []);
}

#[test]
fn silence_is_nothing_where_nothing_is_expected() {
    let heard = |name| {
        found(|seen| {
            seen.partners.push(PartnerSeen { last_message: Some(at(-900_000)), ..calm(name) });
        })
    };
    assert_eq!(heard("wonen"), []);
    assert_eq!(heard("streng").len(), 1);
}

#[test]
fn a_partner_for_whom_nothing_waits_is_not_missed() {
    let failing_since = Some(at(0));
    let found = found(|seen| seen.partners.push(PartnerSeen { failing_since, ..calm("wonen") }));
    assert_eq!(found, []);
}

#[test]
fn an_ended_certificate_has_less_than_no_days() {
    let found = found(|seen| seen.certificate_ends = Some(at(999)));
    assert_eq!(found[0].3, -1);
}

#[test]
fn a_hub_judges_what_it_can_know() {
    let mut seen = quiet();
    let hub = |name: &str, seen_at, showed| HubSeen { name: name.to_owned(), seen_at, showed };
    seen.hubs.push(hub("hub-2", at(0), false));
    seen.hubs.push(hub("hub-3", at(0), true));
    let judges = |kind, subject, second| seen.judges(kind, subject, &limits(), at(second));
    assert!(judges(Kind::Waiting, "wonen", 1) && judges(Kind::Unsigned, "", 1));
    assert!(judges(Kind::Disk, "hub-1", 1) && !judges(Kind::Disk, "hub-2", 1));
    assert!(judges(Kind::Disk, "hub-9", 1), "of a hub that there is no more");
    // Of one that was just looked for nobody knows; of one that showed itself, it is there.
    assert!(!judges(Kind::HubGone, "hub-2", 1) && judges(Kind::HubGone, "hub-2", 60));
    assert!(judges(Kind::HubGone, "hub-3", 1) && judges(Kind::HubGone, "hub-1", 1));
    assert!(judges(Kind::HubGone, "hub-9", 1));
}

/// A hub that looks now and then; alarms as the journal would keep them.
struct Watch {
    alarms: Vec<Alarm>,
    entropy: Entropy,
}

impl Watch {
    fn new() -> Self {
        Self { alarms: Vec::new(), entropy: Entropy::new([7; 32]) }
    }

    /// One look at which this many parcels wait for `wonen`; `None`: nothing is wrong.
    fn look(&mut self, second: i64, waiting: Option<i64>) -> (usize, usize, usize) {
        self.look_if(second, waiting, true)
    }

    fn look_if(
        &mut self,
        second: i64,
        waiting: Option<i64>,
        judges: bool,
    ) -> (usize, usize, usize) {
        let kind = Kind::Waiting;
        let conditions: Vec<Condition> = waiting
            .map(|amount| Condition { kind, subject: "wonen".to_owned(), since: at(0), amount })
            .into_iter()
            .collect();
        let (limits, entropy) = (limits(), &mut self.entropy);
        let changes =
            compare(&self.alarms, &conditions, |_, _| judges, &limits, at(second), entropy);
        let counts = (changes.start.len(), changes.still.len(), changes.end.len());
        self.alarms.retain(|alarm| !changes.forgotten.contains(&alarm.id));
        for changed in [changes.start, changes.still, changes.end].concat() {
            self.alarms.retain(|alarm| alarm.id != changed.id);
            self.alarms.push(changed);
        }
        counts
    }
}

#[test]
fn an_alarm_starts_when_it_held_and_ends_when_it_was_clear() {
    let mut watch = Watch::new();
    let looks = [
        (0, Some(1), (0, 1, 0), "it threatens"),
        (9, Some(1), (0, 1, 0), "not long enough"),
        (10, Some(2), (1, 0, 0), "it starts"),
        (11, Some(2), (0, 0, 0), "nothing new"),
        (12, Some(5), (0, 1, 0), "it got worse"),
        (13, Some(4), (0, 0, 0), "which is remembered"),
        (20, None, (0, 1, 0), "it clears"),
        (39, None, (0, 0, 0), "not long enough"),
        (40, None, (0, 0, 1), "it ends"),
        (41, None, (0, 0, 0), "nothing more"),
        (50, Some(1), (0, 1, 0), "the next one threatens"),
    ];
    for (second, waiting, expected, what) in looks {
        assert_eq!(watch.look(second, waiting), expected, "{what}");
    }
    let first = &watch.alarms[0];
    assert_eq!((first.state, first.amount), (AlarmState::Over, 5));
    assert_eq!((first.started_at, first.ended_at), (Some(at(10)), Some(at(40))));
    assert_eq!(first.clear_at, Some(at(20)));
    assert_ne!(watch.alarms[1].id, first.id);
}

#[test]
fn a_hiccup_starts_nothing_and_a_relapse_ends_nothing() {
    let mut watch = Watch::new();
    watch.look(0, Some(1));
    watch.look(5, None);
    assert!(watch.alarms.is_empty(), "a hiccup is forgotten");
    watch.look(6, Some(1));
    assert_eq!(watch.look(15, Some(1)).0, 0, "it held nine seconds");
    assert_eq!(watch.look(16, Some(1)).0, 1);
    watch.look(20, None);
    watch.look(30, Some(1));
    assert_eq!(watch.look(45, None), (0, 1, 0), "the relapse began the wait anew");
    assert_eq!(watch.look(64, None).2, 0);
    assert_eq!(watch.look(65, None).2, 1);
}

#[test]
fn what_nobody_can_judge_stays_as_it_was() {
    let mut watch = Watch::new();
    watch.look(0, Some(1));
    watch.look(10, Some(1));
    assert_eq!(watch.look_if(1_000, None, false), (0, 0, 0));
    assert_eq!(watch.alarms[0].state, AlarmState::Open);
}

#[test]
fn an_alarm_of_a_newer_hub_is_left_alone() {
    let mut watch = Watch::new();
    watch.look(0, Some(1));
    watch.look(10, Some(1));
    watch.alarms[0].condition = "iets-nieuws".to_owned();
    assert_eq!(watch.look(1_000, None), (0, 0, 0));
}

fn open(subject: &str, second: i64) -> Alarm {
    Alarm {
        id: uuid::Uuid::from_u128(subject.len() as u128),
        condition: Kind::Unreachable.code().to_owned(),
        subject: subject.to_owned(),
        state: AlarmState::Open,
        since: at(second - 240),
        seen_at: at(second),
        clear_at: None,
        amount: 3,
        started_at: Some(at(second)),
        ended_at: None,
        start_notice: None,
        end_notice: None,
    }
}

fn told(alarms: &mut [Alarm], second: i64) -> Vec<(NoticeKind, Value)> {
    let mut entropy = Entropy::new([u8::try_from(second % 251).unwrap(); 32]);
    let notices = gather(alarms, "Schakel Proef", 60, at(second), &mut entropy);
    notices.into_iter().map(|n| (n.kind, serde_json::from_str(&n.body).unwrap())).collect()
}

#[test]
fn what_starts_within_a_while_goes_in_one_notice() {
    let mut alarms = [open("a", 0), open("bb", 30), open("ccc", 59)];
    assert!(told(&mut alarms, 59).is_empty());
    let first = told(&mut alarms, 60);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].1["storingen"].as_array().unwrap().len(), 3);
    assert!(told(&mut alarms, 1_000).is_empty(), "it is told once");
    for (alarm, second) in alarms.iter_mut().zip([100, 130, 900]) {
        let ended = Some(at(second));
        *alarm =
            Alarm { state: AlarmState::Over, ended_at: ended, clear_at: ended, ..alarm.clone() };
    }
    alarms[2].ended_at = None;
    let second = told(&mut alarms, 160);
    assert_eq!((second.len(), second[0].0), (1, NoticeKind::End));
    assert_eq!(second[0].1["storingen"].as_array().unwrap().len(), 2);
    assert_ne!(second[0].1["id"], first[0].1["id"]);
}

#[test]
fn an_alarm_that_was_short_is_told_from_its_start() {
    let mut alarms = [open("a", 0)];
    alarms[0].state = AlarmState::Over;
    alarms[0].clear_at = Some(at(5));
    alarms[0].ended_at = Some(at(10));
    let notices = told(&mut alarms, 70);
    let kinds: Vec<NoticeKind> = notices.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [NoticeKind::Start, NoticeKind::End]);
}

#[test]
fn a_notice_is_bounded_and_the_rest_follows() {
    let mut alarms: Vec<Alarm> = (0..250).map(|_| open("a", 0)).collect();
    let count =
        |notices: &[(NoticeKind, Value)]| notices[0].1["storingen"].as_array().unwrap().len();
    let first = told(&mut alarms, 60);
    assert_eq!(count(&first), 200);
    assert_eq!(count(&told(&mut alarms, 61)), 50);
    let (_, text) = mail(&first[0].1);
    assert!(text.contains("En nog 175;"), "{text}");
}

#[test]
fn a_mail_says_what_since_when_how_bad_and_what_now() {
    let mut alarms = [open("wonen-zuid", 0)];
    let (subject, text) = mail(&told(&mut alarms, 60)[0].1);
    assert_eq!(subject, "Storing bij Schakel Proef: ketenpartner wonen-zuid is niet bereikbaar");
    for part in [
        "1. Ketenpartner wonen-zuid is niet bereikbaar\n",
        "Sinds:    2026-11-23 20:56 (5 minuten)\n",
        "Hoe erg:  3 zendingen wachten\n",
        "Wat nu:   bel wonen-zuid;",
        "schakel doctor",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    alarms[0].state = AlarmState::Over;
    alarms[0].clear_at = Some(at(3_360));
    alarms[0].ended_at = Some(at(3_420));
    let (subject, text) = mail(&told(&mut alarms, 3_500)[0].1);
    assert_eq!(subject, "Voorbij bij Schakel Proef: ketenpartner wonen-zuid is niet bereikbaar");
    assert!(text.contains("Tot:      2026-11-23 21:56 (60 minuten)"), "{text}");
    let (subject, text) = mail(&trial("k", "Schakel Proef", at(0)));
    assert!(subject.starts_with("Proef: ") && text.contains("Er is niets aan de hand."));
}

#[test]
fn a_duration_is_told_in_one_unit() {
    let told: Vec<String> = [1, 119, 120, 7_199, 7_200, 172_800, -5].map(duration).to_vec();
    let expected =
        ["1 seconde", "119 seconden", "2 minuten", "119 minuten", "2 uur", "2 dagen", "0 seconden"];
    assert_eq!(told, expected);
}
