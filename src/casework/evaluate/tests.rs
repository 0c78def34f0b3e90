use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::casework::TaskState;
use crate::catalogue::fixture;
use crate::catalogue::programme::FILE;
use crate::message::CaseId;

const PROGRAMME: &str = r#"
naam = "P"
van = "2026-01-01"
tot = "2026-12-31"

[[buurt]]
code = "BU07721318"
naam = "Lijsterpark"
inwoners = 5000

[[buurt]]
code = "BU07721421"
naam = "De Akkers"
inwoners = 5000

[[buurt]]
code = "BU07721105"
naam = "Oude Stad"
inwoners = 5000

[[doel]]
id = "minder"
thema = "overlast"
jaar = 2026
maat = "signalen"
hoogstens = 100

[[doel]]
id = "per-duizend"
gebied = "BU07721318"
jaar = 2026
maat = "signalen-per-1000"
hoogstens = 2

[[doel]]
id = "overal"
jaar = 2026
maat = "signalen-per-1000"
hoogstens = 90

[[doel]]
id = "mediaan"
jaar = 2026
maat = "doorlooptijd-mediaan"
hoogstens = 3

[[doel]]
id = "zorg-op-tijd"
jaar = 2026
soort = "zorg"
maat = "termijn-aanvaard"
minstens = 80
stap = "bel de zorg"

[[doel]]
id = "weinig-geweigerd"
jaar = 2026
maat = "weigeringen"
hoogstens = 50

[[doel]]
id = "brand-rustig"
thema = "brand"
jaar = 2026
maat = "herhaling"
hoogstens = 10

[[doel]]
id = "gehoord"
gebied = "BU07721421"
jaar = 2026
maat = "aandeel-inwoners"
minstens = 25
"#;

fn programme() -> Programme {
    let mut files = fixture::files();
    fixture::put(&mut files, FILE, PROGRAMME);
    fixture::catalogue(&files).programme.expect("a programme")
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn asked(from: &str, until: &str) -> Asked {
    Asked::new(day(from), day(until), at("2027-01-15T12:00:00Z")).expect("a period")
}

fn signal(moment: &str, theme: &str, kind: &str, area: &str, case: u128) -> Fact {
    Fact::Signal(SignalFact {
        at: at(moment),
        theme: Some(theme.to_owned()),
        severity: Some("hoog".to_owned()),
        kind: kind.to_owned(),
        area: (!area.is_empty()).then(|| area.to_owned()),
        case: CaseId::from(Uuid::from_u128(case)),
    })
}

fn case(opened: &str, closed: Option<&str>) -> CaseFact {
    CaseFact {
        opened: at(opened),
        closed: closed.map(at),
        theme: Some("overlast".to_owned()),
        area: Some("BU07721318".to_owned()),
        lasting: false,
        reopened: false,
    }
}

/// A task of care, asked on the 2nd of March 2026 with a day to receive it, three to answer and
/// ten to do it.
fn task(state: TaskState, days: [Option<u8>; 3]) -> TaskFact {
    let on = |day: u8| at(&format!("2026-03-{day:02}T09:00:00Z"));
    let [received, accepted, ended] = days.map(|day| day.map(on));
    TaskFact {
        kind: "zorg".to_owned(),
        theme: Some("overlast".to_owned()),
        area: None,
        action: "huisbezoek".to_owned(),
        state,
        asked: on(2),
        received,
        accepted,
        ended,
        received_by: on(3),
        accepted_by: on(5),
        done_by: on(12),
        reason: (state == TaskState::Geweigerd).then(|| "geen-capaciteit".to_owned()),
        result: (state == TaskState::Afgerond).then(|| "opgelost".to_owned()),
    }
}

/// So many signals in March, each in a case of its own.
fn signals(count: u128, kind: &str, area: &str) -> impl Iterator<Item = Fact> {
    (0..count).map(move |n| signal("2026-03-02T12:00:00Z", "overlast", kind, area, n + 1))
}

fn year(facts: impl Iterator<Item = Fact>) -> Evaluation {
    evaluate(Some(&programme()), &asked("2026-01-01", "2026-12-31"), facts)
}

fn target<'e>(evaluation: &'e Evaluation, id: &str) -> &'e TargetRow {
    evaluation.doelen.iter().find(|row| row.doel == id).expect("a target")
}

#[test]
fn nothing_is_concluded_from_nothing() {
    let found = year(std::iter::empty());
    assert_eq!(found.totaal.signalen, Some(0));
    for row in &found.doelen {
        assert_eq!(row.oordeel, Verdict::GeenUitspraak, "{row:?}");
        assert!(row.uitleg.contains("minder dan 10") && row.stap.is_some(), "{row:?}");
        assert_eq!(row.gevonden, None);
    }
    assert_eq!(found.per_maand.len(), 12);
    assert!(found.vorige_periode.is_none());
    assert!(found.opmerkingen.iter().any(|said| said.contains("minder dan 10 signalen")));
    let bare = evaluate(None, &asked("2026-01-01", "2026-01-31"), std::iter::empty());
    assert!(bare.doelen.is_empty() && bare.opmerkingen[0].contains("config/programme.toml"));
}

#[test]
fn a_count_of_a_part_of_a_year_is_held_against_that_part() {
    let facts = || signals(30, "politie", "BU07721318");
    assert_eq!(target(&year(facts()), "minder").oordeel, Verdict::Gehaald);
    let quarter = asked("2026-01-01", "2026-03-31");
    let found = evaluate(Some(&programme()), &quarter, facts());
    let row = target(&found, "minder");
    assert_eq!((row.norm, row.gevonden), (24.7, Some(30.0)), "a hundred times 90 of 365 days");
    assert_eq!(row.oordeel, Verdict::NietGehaald);
    assert_eq!(
        row.uitleg,
        "gevonden 30 signalen; gewenst hoogstens 24,7 signalen, naar rato van 24,7 % van het \
         jaar; dat is 5,3 meer"
    );
    let rate = target(&found, "per-duizend");
    assert_eq!((rate.gevonden, rate.norm), (Some(6.0), 0.5));
    let nowhere = signals(50, "politie", "").chain(signals(50, "politie", "BU07729999"));
    let found = evaluate(Some(&programme()), &quarter, facts().chain(nowhere));
    assert_eq!(target(&found, "overal").gevonden, Some(2.0), "thirty among 15,000");
    let before = evaluate(Some(&programme()), &asked("2025-01-01", "2025-12-31"), facts());
    assert_eq!(target(&before, "minder").uitleg, "2026 valt buiten de periode");
}

#[test]
fn lead_times_are_working_days_and_only_of_what_was_closed() {
    // Over Easter: from Thursday the 2nd of April to Tuesday the 7th is one working day.
    let short = case("2026-04-02T10:00:00Z", Some("2026-04-07T10:00:00Z"));
    let long = case("2026-03-02T10:00:00Z", Some("2026-03-16T10:00:00Z"));
    let open = case("2026-03-02T10:00:00Z", None);
    let many = |fact: &CaseFact, count| std::iter::repeat_n(Fact::Case(fact.clone()), count);
    let facts = many(&short, 9).chain(many(&open, 4));
    let found = year(facts.clone());
    assert_eq!(found.per_thema[0].doorlooptijd.mediaan, None, "nine are too few");
    let found = year(facts.chain(many(&long, 11)));
    let lead = found.per_thema[0].doorlooptijd;
    assert_eq!((lead.mediaan, lead.p90), (Some(10.0), Some(10.0)));
    assert_eq!(found.totaal.casussen_lopend, Some(4));
    let row = target(&found, "mediaan");
    assert_eq!(row.oordeel, Verdict::NietGehaald);
    assert!(row.uitleg.ends_with("dat is 7 werkdagen te lang"), "{}", row.uitleg);
    assert!(row.stap.as_ref().is_some_and(|step| step.contains("draaiboek")));
}

#[test]
fn a_term_counts_once_it_passed_or_was_kept() {
    use TaskState as S;
    let facts = [
        task(S::Afgerond, [Some(2), Some(4), Some(10)]), // all in time
        task(S::Afgerond, [Some(4), Some(6), Some(20)]), // all late
        task(S::Geweigerd, [Some(3), None, Some(4)]),    // an answer in time; never to be done
        task(S::Verlopen, [None, None, Some(13)]),       // three missed
        task(S::Ingetrokken, [Some(2), None, Some(3)]),  // withdrawn before it had to be answered
        task(S::Aanvaard, [Some(2), Some(3), None]),     // not done, and the term has passed
    ];
    let count = |now: &str| {
        let asked = Asked::new(day("2026-01-01"), day("2026-12-31"), at(now)).unwrap();
        let found = evaluate(Some(&programme()), &asked, facts.iter().cloned().map(Fact::Task));
        let row = found.termijnen[0].clone();
        assert_eq!((row.soort.as_str(), row.gevraagd), ("zorg", Some(6)));
        [row.ontvangen, row.aanvaard, row.afgerond].map(|share| (share.aantal, share.van))
    };
    let of = |met, of| (Some(met), Some(of));
    assert_eq!(count("2026-06-01T00:00:00Z"), [of(4, 6), of(3, 5), of(1, 4)]);
    let early = Asked::new(day("2026-01-01"), day("2026-12-31"), at("2026-03-04T00:00:00Z"));
    let waiting = Fact::Task(task(S::Ontvangen, [Some(2), None, None]));
    let found = evaluate(Some(&programme()), &early.unwrap(), std::iter::once(waiting));
    assert_eq!(found.termijnen[0].aanvaard.van, Some(0), "its term has not come");
}

#[test]
fn refusals_come_with_their_reasons_and_a_target_with_its_own_step() {
    let refused = Fact::Task(task(TaskState::Geweigerd, [Some(3), None, Some(7)]));
    let done = Fact::Task(task(TaskState::Afgerond, [Some(2), Some(4), Some(10)]));
    let many = |fact: &Fact, count| std::iter::repeat_n(fact.clone(), count);
    let found = year(many(&refused, 15).chain(many(&done, 5)));
    let row = &found.weigeringen[0];
    assert_eq!((row.geweigerd.aantal, row.geweigerd.procent), (Some(15), Some(75.0)));
    assert_eq!(
        (row.redenen[0].code.as_str(), row.redenen[0].aantal),
        ("geen-capaciteit", Some(15))
    );
    assert_eq!(found.uitkomsten[0].aantal, Some(5));
    assert_eq!(target(&found, "weinig-geweigerd").oordeel, Verdict::NietGehaald);
    let late = target(&found, "zorg-op-tijd");
    assert_eq!((late.gevonden, late.stap.as_deref()), (Some(25.0), Some("bel de zorg")));
    assert!(late.uitleg.contains("25 % over 20 actieverzoeken"), "{}", late.uitleg);
}

#[test]
fn a_neighbourhood_where_only_professionals_speak_is_called_silent() {
    let facts = signals(40, "inwoners", "BU07721318")
        .chain(signals(40, "inwoners", "BU07721105"))
        .chain(signals(60, "politie", "BU07721421"))
        .chain(signals(3, "inwoners", "BU07721421"))
        .chain(signals(20, "politie", "BU07721318"))
        .chain(signals(20, "zorg", "BU07721105"));
    let found = year(facts);
    let silent = found.per_buurt.iter().find(|row| row.buurt == "BU07721421").unwrap();
    assert_eq!(silent.oordeel, Some("stil"));
    assert_eq!(
        (silent.van_professionals, silent.van_professionals_per1000),
        (Some(60), Some(12.0))
    );
    assert_eq!((silent.van_inwoners, silent.van_inwoners_per1000), (None, None), "three people");
    assert_eq!(silent.signalen, None, "or the total would tell");
    let told: Vec<_> = found.per_buurt.iter().filter_map(|row| row.van_inwoners).collect();
    assert_eq!(told, [40], "one more is hidden, or the others and the total would tell");
    let row = target(&found, "gehoord");
    assert_eq!((row.oordeel, row.gevonden), (Verdict::NietGehaald, None));
    assert!(row.uitleg.contains("wordt niet genoemd"), "{}", row.uitleg);
}

#[test]
fn a_hot_spot_has_far_more_than_chance_gives() {
    let facts = |count| {
        signals(count, "politie", "BU07721318")
            .chain(signals(20, "politie", "BU07721421"))
            .chain(signals(20, "politie", "BU07721105"))
    };
    let verdict = |count| {
        let found = year(facts(count));
        found.per_buurt.iter().find(|row| row.buurt == "BU07721318").unwrap().oordeel
    };
    assert_eq!((verdict(25), verdict(100)), (None, Some("brandpunt")));
}

#[test]
fn a_year_before_is_compared_with_unless_it_began_late() {
    let now = signals(30, "politie", "BU07721318");
    let old = |moment| signal(moment, "overlast", "politie", "BU07721318", 99);
    let full = year(now.chain([old("2025-01-10T12:00:00Z"), old("2025-03-10T12:00:00Z")]));
    let before = full.vorige_periode.as_ref().unwrap();
    assert_eq!((before.signalen, before.onvolledig), (Some(2), false));
    assert_eq!(full.per_maand[2].vorige_signalen, Some(1));
    assert_eq!((full.per_maand[2].signalen, full.totaal.signalen), (Some(30), Some(30)));
    let late = year([old("2025-06-10T12:00:00Z")].into_iter());
    assert!(late.vorige_periode.as_ref().is_some_and(|before| before.onvolledig));
    assert!(late.opmerkingen.iter().any(|said| said.contains("begon later")));
    assert!(year(signals(3, "politie", "")).per_maand[0].vorige_signalen.is_none());
}

#[test]
fn of_a_part_of_the_municipality_no_table_tells_a_small_number() {
    let mut asked = asked("2026-01-01", "2026-12-31");
    asked.area = AreaCode::parse("BU07721318");
    let facts = signals(3, "inwoners", "BU07721318")
        .chain(signals(20, "politie", "BU07721318"))
        .chain(signals(50, "politie", "BU07721421"))
        .chain([Fact::Case(case("2026-03-02T10:00:00Z", None))]);
    let found = evaluate(Some(&programme()), &asked, facts);
    assert_eq!(found.totaal.signalen, Some(23));
    assert_eq!((found.totaal.casussen_geopend, found.totaal.casussen_lopend), (None, None));
    assert!(found.per_afzender.iter().all(|row| row.signalen.is_none()), "three, and the rest");
    assert_eq!(found.per_buurt.len(), 1);
    assert_eq!(found.doelen.len(), 1, "only the target of this neighbourhood");
    let json = serde_json::to_string(&found).unwrap();
    assert!(!json.contains(":3,") && !json.contains(":1,"), "{json}");
}

#[test]
fn facts_outside_what_was_asked_are_passed_by() {
    let mut asked = asked("2026-03-01", "2026-03-31");
    asked.theme = Some("brand".to_owned());
    let facts = [
        signal("2026-03-02T12:00:00Z", "overlast", "politie", "", 1),
        signal("2026-02-28T12:00:00Z", "brand", "politie", "", 2),
        // Already the first of April in Amsterdam.
        signal("2026-03-31T22:30:00Z", "brand", "politie", "", 3),
        signal("2026-02-28T23:30:00Z", "brand", "politie", "", 4),
    ];
    let found = evaluate(Some(&programme()), &asked, facts.into_iter());
    assert_eq!(found.totaal.signalen, Some(1));
    assert!(Asked::new(day("2027-02-01"), day("2027-03-01"), at("2027-01-15T12:00:00Z")).is_none());
    assert!(Asked::new(day("2026-02-01"), day("2026-01-01"), at("2027-01-15T12:00:00Z")).is_none());
}

#[test]
fn a_fact_is_a_line_of_json_and_back() {
    let facts = [
        signal("2026-03-02T12:00:00Z", "overlast", "politie", "BU07721318", 1),
        Fact::Case(case("2026-03-02T10:00:00Z", Some("2026-03-09T10:00:00Z"))),
        Fact::Task(task(TaskState::Geweigerd, [Some(3), None, Some(4)])),
    ];
    for fact in facts {
        let line = serde_json::to_string(&fact).unwrap();
        assert!(line.starts_with("{\"feit\":\""), "{line}");
        assert_eq!(serde_json::from_str::<Fact>(&line).unwrap(), fact);
        let more = line.replacen('{', "{\"naam\":\"Jansen\",", 1);
        assert!(serde_json::from_str::<Fact>(&more).is_err(), "a name has no place in a fact");
    }
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let area = prop::sample::select(vec!["", "BU07721318", "BU07721421", "BU07729999", "WK077213"]);
    let kind = prop::sample::select(vec!["inwoners", "politie", "zorg"]);
    let theme = prop::sample::select(vec!["overlast", "brand", "onbekend"]);
    let any_signal = (0..700_i32, kind, theme, area, 1..20_u128).prop_map(|(d, k, t, a, c)| {
        let Fact::Signal(fact) = signal("2025-03-02T12:00:00Z", t, k, a, c) else { unreachable!() };
        Fact::Signal(SignalFact { at: fact.at.plus_amsterdam_days(d), ..fact })
    });
    let any_case = (0..700_i32, prop::option::of(0..90_i32), any::<bool>()).prop_map(
        |(d, closed, lasting)| {
            let fact = case("2025-03-02T12:00:00Z", None);
            let opened = fact.opened.plus_amsterdam_days(d);
            let closed = closed.map(|days| opened.plus_amsterdam_days(days));
            Fact::Case(CaseFact { opened, closed, lasting, ..fact })
        },
    );
    let state = prop::sample::select(TaskState::ALL.to_vec());
    let any_task = (state, 2..28_u8, 2..28_u8)
        .prop_map(|(state, one, two)| Fact::Task(task(state, [Some(one), Some(two), Some(two)])));
    prop_oneof![any_signal, any_case, any_task]
}

proptest! {
    #[test]
    fn the_order_of_facts_changes_nothing(
        (facts, shuffled) in prop::collection::vec(any_fact(), 0..120)
            .prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
    ) {
        prop_assert_eq!(year(facts.into_iter()), year(shuffled.into_iter()));
    }

    /// That it cannot be worked out either is for `conceal` to show.
    #[test]
    fn no_small_number_of_a_neighbourhood_is_told(
        facts in prop::collection::vec(any_fact(), 0..200),
    ) {
        let found = year(facts.into_iter());
        for row in &found.per_buurt {
            for count in [row.van_inwoners, row.van_professionals].into_iter().flatten() {
                prop_assert!(count >= HIDDEN_BELOW);
            }
        }
    }
}
