use super::*;
use crate::catalogue::fixture::{catalogue, change, files, problems, put};
use crate::catalogue::problem::Files;

const TEXT: &str = "naam = \"P\"\nvan = \"2026-01-01\"\ntot = \"2026-12-31\"\n\
    [[buurt]]\ncode = \"BU07721318\"\nnaam = \"Lijsterpark\"\ninwoners = 5000\n\
    [[prioriteit]]\nid = \"rust\"\nnaam = \"Rust\"\nthemas = [\"overlast\"]\n\
    gebieden = [\"WK077213\"]\n\
    [[doel]]\nid = \"d1\"\nprioriteit = \"rust\"\nthema = \"overlast\"\ngebied = \"BU07721318\"\n\
    jaar = 2026\nmaat = \"signalen\"\nhoogstens = 1250\n\
    [[doel]]\nid = \"d2\"\njaar = 2026\nsoort = \"zorg\"\nmaat = \"termijn-afgerond\"\n\
    minstens = 87.5\n";

fn set() -> Files {
    let mut files = files();
    put(&mut files, FILE, TEXT);
    files
}

#[test]
fn a_set_needs_no_programme_and_one_that_has_it_says_it_in_words() {
    assert!(catalogue(&files()).programme.is_none());
    let programme = catalogue(&set()).programme.expect("a programme");
    assert_eq!((programme.days, programme.minimum), (DayCount::Working, MINIMUM));
    let said: Vec<String> = programme.targets.iter().map(|t| programme.in_words(t)).collect();
    assert_eq!(
        said,
        [
            "Overlast in Lijsterpark (BU07721318), 2026: aantal signalen hoogstens 1.250 signalen",
            "Alle thema's, 2026: actieverzoeken op tijd afgerond door zorg minstens 87,5 %",
        ]
    );
}

#[test]
fn check_points_at_what_is_wrong_with_a_programme() {
    for (from, to, expected) in [
        ("naam = \"P\"\n", "", "1:1: sleutel `naam` ontbreekt [toml]"),
        ("naam = \"P\"", "naam = \"P\"\nx = 1", "onbekende sleutel `x`"),
        ("2026-12-31", "2026-13-31", "3:7: schrijf JJJJ-MM-DD [datum]"),
        ("2026-12-31", "2025-12-31", "3:7: tot ligt vóór van [datum]"),
        ("[[buurt]]", "minimum = 4\n[[buurt]]", "4:11: een uitspraak over minder dan 10 is"),
        (
            "[[buurt]]",
            "doorlooptijd = \"werkdag\"\n[[buurt]]",
            "4:16: een doorlooptijd wordt geteld in werkdagen of dagen; bedoelde u werkdagen?",
        ),
        ("code = \"BU0772", "code = \"0772", "5:8: schrijf de buurtcode van het CBS"),
        (
            "themas = [\"overlast\"]",
            "themas = [\"overlas\"]",
            "11:11: onbekend thema; bedoelde u overlast? [thema]",
        ),
        (
            "gebieden = [\"WK077213\"]",
            "gebieden = [\"WK077214\"]",
            "12:13: van dit gebied staat geen buurt in het programma; bedoelde u WK077213?",
        ),
        ("gebied = \"BU", "gebied = \"bu", "17:10: schrijf een code van het CBS"),
        (
            "prioriteit = \"rust\"",
            "prioriteit = \"rusr\"",
            "15:14: onbekende prioriteit; bedoelde u rust? [prioriteit]",
        ),
        ("id = \"d2\"", "id = \"d1\"", "22:6: dit doel komt twee keer voor [doel]"),
        (
            "maat = \"signalen\"",
            "maat = \"signalem\"",
            "19:8: onbekende maat; bedoelde u signalen? [maat]",
        ),
        ("hoogstens = 1250", "minstens = 1250", "20:12: bij signalen hoort hoogstens [norm]"),
        ("hoogstens = 1250\n", "", "13:1: dit doel heeft geen norm; schrijf hoogstens = …"),
        ("hoogstens = 1250", "hoogstens = 9", "20:13: minder dan 10 signalen wordt niet"),
        ("minstens = 87.5", "minstens = 101", "26:12: een norm ligt tussen 0 en 100 [norm]"),
        ("minstens = 87.5", "minstens = nan", "26:12: een norm ligt tussen 0 en 100 [norm]"),
        (
            "soort = \"zorg\"",
            "soort = \"zorgg\"",
            "24:9: onbekende soort ketenpartner; bedoelde u zorg? [soort]",
        ),
        (
            "maat = \"termijn-afgerond\"\nminstens",
            "maat = \"herhaling\"\nhoogstens",
            "24:9: herhaling gaat niet over één soort ketenpartner [soort]",
        ),
    ] {
        let mut files = set();
        change(&mut files, FILE, from, to);
        let found = problems(&files);
        assert!(found.iter().any(|p| p.contains(expected)), "{expected}\n{found:?}");
    }
    let mut files = set();
    let years = TEXT.replace("jaar = 2026\nsoort", "jaar = 2027\nsoort");
    put(&mut files, FILE, &years);
    assert!(problems(&files)[0].contains("23:8: dit jaar valt buiten het programma [jaar]"));
    let twice = TEXT.replace(
        "[[prio",
        "[[buurt]]\ncode = \"BU07721318\"\nnaam = \"x\"\n\
        inwoners = 1\n[[prio",
    );
    put(&mut files, FILE, &twice);
    assert!(problems(&files)[0].contains("9:8: deze buurt komt twee keer voor [buurt]"));
}

#[test]
fn every_measure_is_read_as_it_is_written() {
    for measure in Measure::ALL {
        assert_eq!(Measure::parse(measure.as_str()), Some(measure));
    }
}

#[test]
fn numbers_are_written_as_the_dutch_do() {
    for (value, text) in [
        (0.0, "0"),
        (12.5, "12,5"),
        (1234.0, "1.234"),
        (1_234_567.89, "1.234.567,9"),
        (999.96, "1.000"),
    ] {
        assert_eq!(number(value), text);
    }
}
