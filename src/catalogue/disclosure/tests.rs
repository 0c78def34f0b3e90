use super::*;
use crate::catalogue::fixture::{catalogue, change, files, purpose, put, route};

/// The set with a purpose more, that sleeps for these minutes or not at all.
fn with(glass: Option<Option<u16>>) -> Catalogue {
    let mut files = files();
    let text = purpose("politie", "zorg", "'ernst' = 'houd'\n");
    let text = match glass {
        None => return catalogue(&files),
        Some(None) => text,
        Some(Some(minutes)) => {
            let more = format!("breekglas = true\nhoogstensMinuten = {minutes}\n[velden]");
            text.replace("[velden]", &more)
        }
    };
    put(&mut files, "config/purposes/nood.toml", &text);
    catalogue(&files)
}

/// The set in which corporations get these fields of the police.
fn giving(fields: &str) -> Catalogue {
    let mut files = files();
    put(&mut files, "config/purposes/doel.toml", &purpose("politie", "corporatie", fields));
    catalogue(&files)
}

#[test]
fn what_sleeps_widens_a_set_and_so_does_more_time_and_waking_it_for_good() {
    let (none, short, long) = (with(None), with(Some(Some(60))), with(Some(Some(120))));
    let always = with(Some(None));
    let line = "politie → zorg, alle thema's: ernst (houd)";
    let told = |minutes| format!("{line}, alleen na breekglas en hoogstens {minutes} minuten");
    assert_eq!(widened(&none, &short), [told(60)]);
    assert_eq!(widened(&short, &long), [told(120)]);
    assert_eq!(widened(&long, &always), [line]);
    for (from, to) in [(&short, &none), (&long, &short), (&always, &long)] {
        assert_eq!(widened(from, to), [""; 0]);
        assert!(compare(from, to).velden.iter().all(|change| change.wordt == Turn::Krapper));
        assert!(compare(to, from).velden.iter().all(|change| change.wordt == Turn::Ruimer));
    }
}

#[test]
fn a_field_that_goes_otherwise_is_told_once_with_what_it_was_and_becomes() {
    let person = "'betrokkenen[].rol' = 'houd'\n";
    let masked = giving(&format!("{person}'betrokkenen[].toelichting' = 'masker'\n"));
    let kept = giving(&format!("{person}'betrokkenen[].toelichting' = 'houd'\n"));
    let told = compare(&masked, &kept).velden;
    let [change] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(change.wordt, Turn::Ruimer);
    assert_eq!(
        (change.ontvanger.as_str(), change.herkomst.as_slice()),
        ("corporatie", &["politie".to_owned()][..])
    );
    assert_eq!(change.veld, "betrokkenen[].toelichting");
    assert_eq!(change.berichten, ["signaal-gemeld.v1"]);
    assert!(change.themas.is_empty() && change.doelbindingen.contains("doel"));
    let how = |ways: &[Way]| ways.iter().map(|way| way.hoe).collect::<Vec<_>>();
    assert_eq!(
        (how(&change.was), how(&change.straks)),
        (vec![Treatment::Mask], vec![Treatment::Keep])
    );
    assert_eq!(compare(&kept, &masked).velden[0].wordt, Turn::Krapper);
    assert_eq!(widened(&masked, &kept).len(), 1);
    assert_eq!(widened(&kept, &masked), [""; 0], "less is not more, however it is written");
    assert_eq!(compare(&kept, &kept), Comparison::default());

    // Only some elements where it was all of them is less, and other ones are both.
    let only = |condition: &str| {
        giving(&format!("{person}[lijsten]\n'betrokkenen[]' = \"b.rol == '{condition}'\"\n"))
    };
    let turns = |from: &Catalogue, to: &Catalogue| {
        compare(from, to).velden.iter().map(|change| change.wordt).collect::<Vec<_>>()
    };
    assert_eq!(turns(&giving(person), &only("melder")), [Turn::Krapper]);
    assert_eq!(turns(&only("melder"), &giving(person)), [Turn::Ruimer]);
    assert_eq!(turns(&only("melder"), &only("bewoner")), [Turn::Anders]);
}

#[test]
fn a_purpose_for_some_themes_that_another_gives_on_all_changes_nothing() {
    let mut more = files();
    let text = purpose("politie", "corporatie", "'thema' = 'houd'\n");
    let text = text.replace("themas = [\"*\"]", "themas = [\"brand\", \"overlast\"]");
    put(&mut more, "config/purposes/brand.toml", &text);
    let (all, both) = (catalogue(&files()), catalogue(&more));
    assert_eq!(compare(&all, &both).velden, []);
    // For the gate it is another line, so a second person looks at it.
    assert_eq!(widened(&all, &both).len(), 2);
    more.remove("config/purposes/doel.toml");
    let told = compare(&all, &catalogue(&more)).velden;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].wordt, told[0].themas.is_empty()), (Turn::Krapper, true));
    let back = compare(&catalogue(&more), &all).velden;
    assert_eq!((back[0].wordt, back.len()), (Turn::Ruimer, 1));
}

#[test]
fn a_route_and_where_a_partner_receives_are_told_as_they_were_and_become() {
    let old = catalogue(&files());
    let mut files = files();
    put(&mut files, "config/routes.toml", &route("r2", ""));
    let partner = "config/partners/zorg-1.toml";
    change(&mut files, partner, "wijze = \"postvak\"", "wijze = \"map\"\nmap = \"zorg\"");
    let told = compare(&old, &catalogue(&files)).plaatsen;
    let places: Vec<_> = told
        .iter()
        .map(|place| (place.id.as_str(), place.was.as_deref(), place.straks.as_deref()))
        .collect();
    let route = Some("alle van politie → corporatie");
    let by = |way: &str| format!("(zorg) ontvangt via {way}");
    let (mailbox, folder) = (by("postvak"), by("map zorg"));
    assert_eq!(
        places,
        [
            ("zorg-1", Some(mailbox.as_str()), Some(folder.as_str())),
            ("r1", route, None),
            ("r2", None, route),
        ]
    );
}
