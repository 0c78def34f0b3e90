//! What `check` says of a set as a whole, and which routes match a message.

use serde_json::{Value, json};

use super::Origin;
use super::fixture::route as route_text;
use super::fixture::{at, catalogue, change, files, partner, partner_id, problems, purpose, put};
use super::problem::Files;
use super::route::Asked;

/// The only problem of the set after a change in one file.
fn problem(path: &str, from: &str, to: &str) -> String {
    let mut files = files();
    change(&mut files, path, from, to);
    let problems = problems(&files);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

const PURPOSE: &str = "config/purposes/doel.toml";
const ROUTES: &str = "config/routes.toml";

#[test]
fn a_set_without_problems_has_a_digest_that_every_change_changes() {
    let before = catalogue(&files()).digest();
    assert_eq!(catalogue(&files()).digest(), before);
    let mut changed = files();
    change(&mut changed, "config/hub.toml", "Schakel", "Schakel ");
    assert_ne!(catalogue(&changed).digest(), before);
    let mut moved = files();
    moved.insert("config/leeg".to_owned(), Vec::new());
    assert_ne!(catalogue(&moved).digest(), before, "an empty file counts too");
}

#[test]
fn check_points_at_what_is_wrong_with_a_purpose() {
    for (from, to, expected) in [
        ("[\"*\"]", "[\"overlas\"]", "6:11: onbekend thema; bedoelde u overlast? [thema]"),
        ("2026-12-31", "2026-13-01", "8:13: schrijf JJJJ-MM-DD [datum]"),
        ("2026-12-31", "2025-12-31", "8:13: geldigTot ligt vóór geldigVan [datum]"),
        (
            "[\"politie\"]",
            "[\"politie\", \"politei\"]",
            "4:24: onbekende ketenpartner of soort; bedoelde u \
            politie? [ketenpartner]",
        ),
        (
            "'thema' =",
            "'them' =",
            "12:1: het canonieke bericht kent geen them; bedoelde u thema? \
            [veld]",
        ),
        (
            "'thema' = 'houd'",
            "'thema' = 'veralgemeen'",
            "12:1: thema kan niet worden veralgemeend \
            [veld]",
        ),
        (
            "'thema' = 'houd'",
            "'locatie' = 'masker'",
            "12:1: alleen tekst kan worden gemaskeerd \
            [veld]",
        ),
        ("'thema' = 'houd'", "'thema[]' = 'houd'", "12:1: thema is geen lijst [veld]"),
        (
            "'thema' = 'houd'",
            "'betrokkenen.rol' = 'houd'",
            "12:1: betrokkenen heeft geen velden \
            [veld]",
        ),
        ("'thema' = 'houd'", "'thema' = 'hou'", "12:11: geen geldige inhoud: "),
        (
            "rol = ",
            "voorwaarde = \"b.thema == 'x'\"\nrol = ",
            "9:14: b.thema kan ontbreken; \
            schrijf has(b.thema) && ervoor [uitdrukking]",
        ),
        (
            "'houd'\n",
            "'houd'\n[lijsten]\n'betrokkenen[]' = \"b.naam.x == 'y'\"\n",
            "14:19: \
            onbekend pad b.naam.x: het schema kent hier geen x [lijst]",
        ),
        // Without the brackets it would restrict nothing.
        (
            "'houd'\n",
            "'houd'\n[lijsten]\n'betrokkenen' = \"true\"\n",
            "14:17: schrijf \
            betrokkenen[]: een voorwaarde gaat over de elementen [lijst]",
        ),
        ("doel = \"d\"\n", "", "1:1: sleutel `doel` ontbreekt [toml]"),
    ] {
        let found = problem(PURPOSE, from, to);
        let expected = format!("{PURPOSE}:{expected}");
        assert!(found.starts_with(&expected), "\n{found}\n{expected}");
    }
}

#[test]
fn check_points_at_what_is_wrong_with_a_route() {
    for (from, to, expected) in [
        (
            "naar = [",
            "themas = [\"brandt\"]\nnaar = [",
            "4:11: onbekend thema; bedoelde u brand? \
            [thema]",
        ),
        (
            "[\"corporatie\"]",
            "[\"coproratie\"]",
            "4:9: onbekende ketenpartner of soort; bedoelde \
            u corporatie? [ketenpartner]",
        ),
        ("naar = [", "geldigVan = \"1 mei\"\nnaar = [", "4:13: schrijf JJJJ-MM-DD [datum]"),
        (
            "naar = [",
            "voorwaarde = \"b.ernst == 'hoog'\"\nnaar = [",
            "4:14: b.ernst kan \
            ontbreken; schrijf has(b.ernst) && ervoor [uitdrukking]",
        ),
        (
            "[\"corporatie\"]",
            "[\"zorg\"]",
            "1:1: route r1 geeft zorg-1 niets: geen doelbinding \
            dekt deze herkomst en dit thema [geen-doelbinding]",
        ),
        ("naar = [", "voorwarde = \"true\"\nnaar = [", "4:1: onbekende sleutel `voorwarde`"),
    ] {
        let found = problem(ROUTES, from, to);
        let expected = format!("{ROUTES}:{expected}");
        assert!(found.starts_with(&expected), "\n{found}\n{expected}");
    }
    let mut twice = files();
    put(&mut twice, ROUTES, &(route_text("r1", "") + &route_text("r1", "")));
    assert_eq!(
        problems(&twice),
        ["config/routes.toml:6:1: deze route-id komt twee keer voor \
        [route]"]
    );
}

#[test]
fn check_points_at_what_is_wrong_with_a_partner() {
    let police = "config/partners/politie-1.toml";
    for (from, to, expected) in [
        (
            "koppeling = \"politie\"",
            "koppeling = \"poltie\"",
            ":3:1: onbekende koppeling; \
            bedoelde u politie? [koppeling]",
        ),
        (
            "koppeling = \"politie\"",
            "koppeling = \"zorg\"",
            ":2:1: deze koppeling is voor soort \
            zorg, niet politie [koppeling]",
        ),
        (
            "[contact]",
            "aliassen = [{ oin = \"00000001000000000999\", tot = \"mei\" }]\n[contact]",
            ":5:51: schrijf JJJJ-MM-DD [datum]",
        ),
        (
            "[contact]",
            "voorheen = [{ ketenpartner = \"oud\", tot = \"mei\" }]\n[contact]",
            ":5:43: schrijf JJJJ-MM-DD [datum]",
        ),
        (
            "[contact]",
            "voorheen = [{ ketenpartner = \"zorg-1\", tot = \"2026-12-31\" }]\n[contact]",
            ":5:30: deze naam is nog van een ketenpartner: haal dat bestand weg, of deze regel \
             [voorheen]",
        ),
        (
            "wijze = \"postvak\"",
            "wijze = \"map\"\nmap = \"../x\"",
            ": map is één mapnaam zonder \
            schuine strepen of punten [levering]",
        ),
        ("00000001000000000100", "123", ":4:7: geen geldige inhoud: "),
    ] {
        let found = problem(police, from, to);
        let expected = format!("{police}{expected}");
        assert!(found.starts_with(&expected), "\n{found}\n{expected}");
    }
    let mut twin = files();
    put(&mut twin, "config/partners/politie-2.toml", &partner("politie", "00000001000000000100"));
    assert_eq!(
        problems(&twin),
        ["config/partners/politie-2.toml:4:1: dit OIN heeft ook \
        politie-1; een OIN hoort bij één ketenpartner [oin]"]
    );
}

#[test]
fn a_broken_file_of_a_connector_gives_its_own_place() {
    for (file, from, to, expected) in [
        (
            "connector.toml",
            "formaat = \"json\"",
            "formaat = \"yaml\"",
            ":4:11: onbekend formaat \
            yaml; kies json, xml of csv [formaat]",
        ),
        (
            "connector.toml",
            "signaal-gemeld.v1",
            "signaal-gemeld.v9",
            ":7:11: onbekend bericht; \
            bekend zijn signaal-gemeld.v1 [bericht]",
        ),
        ("connector.toml", "[[uit]]", "[[uit]", ":6:"),
        (
            "connector.toml",
            "schema = ",
            "waar = \"b.thema == 'x'\"\nschema = ",
            ":8:8: b.thema kan \
            ontbreken; schrijf has(b.thema) && ervoor [uitdrukking]",
        ),
        (
            "uit.toml",
            "b.kenmerk",
            "b.kenmrk",
            ":2:6: onbekend pad b.kenmrk: het schema kent hier \
            geen kenmrk; bedoelde u kenmerk? [pad]",
        ),
        ("uit.json", "\"nr\": {", "\"nr\" {", ":2:"),
    ] {
        let path = format!("connectors/zorg/{file}");
        let found = problem(&path, from, to);
        assert!(found.starts_with(&format!("{path}{expected}")), "{found}");
    }
    let mut missing = files();
    missing.remove("connectors/zorg/uit.json");
    assert!(problems(&missing)[0].starts_with("connectors/zorg/uit.json: dit bestand ontbreekt"));
}

#[test]
fn every_problem_is_told_at_once() {
    let mut files = files();
    change(&mut files, PURPOSE, "[\"*\"]", "[\"x\"]");
    change(&mut files, "connectors/zorg/uit.toml", "b.kenmerk", "b.x");
    change(&mut files, "connectors/politie/uit.toml", "nr", "rn");
    let found = problems(&files);
    let of: Vec<&str> = found.iter().map(|p| p.split(':').next().unwrap()).collect();
    let expected = [
        PURPOSE,
        "connectors/politie/uit.toml",
        "connectors/politie/uit.toml",
        "connectors/zorg/uit.toml",
    ];
    assert_eq!(of, expected, "{found:?}");
}

/// The routes that match a message of the police in the given set.
fn matching(routes: &str, data: &Value, now: &str) -> Vec<String> {
    let mut files = files();
    put(&mut files, ROUTES, routes);
    let catalogue = catalogue(&files);
    let asked = Asked {
        sender: &catalogue.partners[&partner_id("politie-1")],
        theme: data.get("thema").and_then(Value::as_str),
        data,
        now: at(now),
    };
    let found = catalogue.routes.matching(&catalogue.engine, &asked);
    found.into_iter().map(|route| route.id.to_string()).collect()
}

const NOON: &str = "2026-11-23T12:00:00Z";

#[test]
fn a_route_matches_on_everything_that_it_names() {
    let message = json!({ "thema": "brand", "ernst": "hoog",
        "locatie": { "gemeentecode": "0772" } });
    for (more, expected) in [
        ("", true),
        ("themas = [\"brand\", \"overlast\"]", true),
        ("themas = [\"overlast\"]", false),
        ("ernst = [\"hoog\"]", true),
        ("ernst = [\"laag\", \"midden\"]", false),
        ("gemeenten = [\"0772\", \"0794\"]", true),
        ("gemeenten = [\"0794\"]", false),
        ("voorwaarde = \"has(b.ernst) && b.ernst != 'laag'\"", true),
        ("voorwaarde = \"has(b.omschrijving)\"", false),
        ("geldigVan = \"2026-11-23\"\ngeldigTot = \"2026-11-23\"", true),
        ("geldigVan = \"2026-11-24\"", false),
        ("geldigTot = \"2026-11-22\"", false),
        ("themas = [\"brand\"]\nernst = [\"hoog\"]\ngemeenten = [\"0794\"]", false),
    ] {
        let found = matching(&route_text("r", more), &message, NOON);
        assert_eq!(!found.is_empty(), expected, "{more}");
    }
}

#[test]
fn what_a_message_does_not_say_matches_only_routes_that_do_not_ask() {
    let bare = json!({});
    let routes = route_text("thema", "themas = [\"brand\"]")
        + &route_text("ernst", "ernst = [\"hoog\"]")
        + &route_text("gemeente", "gemeenten = [\"0772\"]")
        + &route_text("alles", "");
    assert_eq!(matching(&routes, &bare, NOON), ["alles"]);
}

#[test]
fn routes_come_once_and_in_the_order_of_the_file() {
    let named = "[[route]]\nid = \"b\"\nherkomst = [\"politie-1\", \"politie\"]\n\
                 naar = [\"corporatie-1\", \"corporatie\"]\nthemas = [\"brand\"]\n";
    let any = "[[route]]\nid = \"c\"\nnaar = [\"corporatie\"]\n";
    let zorg = "[[route]]\nid = \"d\"\nherkomst = [\"zorg\"]\nnaar = [\"corporatie\"]\n";
    let routes = [&route_text("a", ""), named, any, zorg].concat();
    let mut set = files();
    let also = purpose("zorg", "corporatie", "'thema' = 'houd'\n");
    put(&mut set, "config/purposes/zorg.toml", &also);
    put(&mut set, ROUTES, &routes);
    let catalogue = catalogue(&set);
    let data = json!({ "thema": "brand" });
    let from = |partner: &str| -> Vec<String> {
        let sender = &catalogue.partners[&partner_id(partner)];
        let asked = Asked { sender, theme: Some("brand"), data: &data, now: at(NOON) };
        let found = catalogue.routes.matching(&catalogue.engine, &asked);
        found.into_iter().map(|route| route.id.to_string()).collect()
    };
    assert_eq!(from("politie-1"), ["a", "b", "c"]);
    assert_eq!(from("zorg-1"), ["c", "d"]);
    assert_eq!(from("corporatie-1"), ["c"]);
}

#[test]
fn a_name_means_the_partner_itself_or_everybody_of_that_kind() {
    let mut set: Files = files();
    put(&mut set, "config/partners/politie-2.toml", &partner("politie", "00000001000000000900"));
    put(&mut set, "config/purposes/naam.toml", &purpose("zorg", "politie-2", "'thema' = 'houd'\n"));
    put(&mut set, "config/purposes/soort.toml", &purpose("zorg", "politie", "'thema' = 'houd'\n"));
    let catalogue = catalogue(&set);
    let meant = |name: &str| -> Vec<&str> {
        catalogue.meant_by(name).into_iter().map(|partner| partner.id.as_str()).collect()
    };
    assert_eq!(meant("politie"), ["politie-1", "politie-2"]);
    assert_eq!(meant("politie-2"), ["politie-2"]);
    assert!(meant("brandweer").is_empty());
    let to = |id: &str| -> Vec<&str> {
        let partner = &catalogue.partners[&partner_id(id)];
        catalogue.purposes_to(partner).map(|purpose| purpose.id.as_str()).collect()
    };
    assert_eq!(to("politie-1"), ["soort"]);
    assert_eq!(to("politie-2"), ["naam", "soort"]);
    assert_eq!(to("zorg-1"), [""; 0]);
}

#[test]
fn a_hub_serves_one_municipality() {
    let mut files = files();
    let add = |files: &mut Files, id: &str, oin: &str| {
        let path = format!("config/partners/{id}.toml");
        put(
            files,
            &path,
            &partner("politie", oin).replace("soort = \"politie\"", "soort = \"gemeente\""),
        );
    };
    change(&mut files, "connectors/politie/connector.toml", "\"politie\"", "\"gemeente\"");
    files.remove("config/partners/politie-1.toml");
    change(&mut files, "config/purposes/doel.toml", "\"politie\"", "\"gemeente\"");
    change(&mut files, "config/routes.toml", "\"politie\"", "\"gemeente\"");
    add(&mut files, "stad-1", "00000001001902763772");
    assert_eq!(catalogue(&files).municipality().map(|p| p.id.as_str()), Some("stad-1"));
    add(&mut files, "stad-2", "00000001001902763773");
    let found = problems(&files);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("stad-2") && found[0].contains("één gemeente"), "{found:?}");
}

#[test]
fn a_purpose_that_sleeps_grants_no_route_and_joins_nothing() {
    let sleeping = |more: &str| {
        let mut files = files();
        change(&mut files, PURPOSE, "[velden]", &format!("{more}\n[velden]"));
        files
    };
    let found = problems(&sleeping("breekglas = true"));
    assert!(found.iter().any(|p| p.contains("geeft corporatie-1 niets")), "{found:?}");
    let mut files = sleeping("breekglas = true");
    put(&mut files, ROUTES, "");
    let set = catalogue(&files);
    let purpose = set.purposes.values().next().unwrap();
    assert_eq!((purpose.glass, purpose.sleeps()), (Some(240), true));
    let (from, to) =
        (&set.partners[&partner_id("politie-1")], &set.partners[&partner_id("corporatie-1")]);
    let origin = Origin::Partner(from);
    assert!(purpose.concerns(&origin, to, None, at(NOON)));
    assert!(!purpose.applies(&origin, to, None, at(NOON)), "nobody broke a glass");
    for (more, why) in [
        ("hoogstensMinuten = 5", "hoort bij breekglas"),
        ("breekglas = true\nhoogstensMinuten = 0", "van 1 tot en met 1440"),
        ("breekglas = true\nhoogstensMinuten = 1441", "van 1 tot en met 1440"),
        ("breekglas = true\nkoppelen = true", "geen koppelen"),
        ("breekglas = true\nrollen = true", "geen rollen"),
    ] {
        let found = problems(&sleeping(more));
        assert!(found.iter().any(|p| p.contains(why)), "{more}: {found:?}");
    }
}
