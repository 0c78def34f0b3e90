//! What was agreed, from the command line over a hub that runs: kept sealed, shown to who says why.

use std::process::Output;

use serde_json::json;

use crate::hub::{Hub, POLITIE, Place, XML, example};

const WHO: [&str; 4] = ["--by", "R. Regisseur", "--why", "gesprek van maandag"];
const TEXT: &str = "Na tienen is het stil bij de buren";

struct Said {
    code: Option<i32>,
    out: String,
    noise: String,
}

fn run(hub: &Hub, arguments: &[&str]) -> Said {
    let Output { status, stdout, stderr } =
        hub.place.command().args(arguments).output().expect("the program starts");
    Said {
        code: status.code(),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        noise: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

fn must(hub: &Hub, arguments: &[&str]) -> String {
    let said = run(hub, arguments);
    assert_eq!(said.code, Some(0), "{arguments:?}: {}{}", said.out, said.noise);
    said.out
}

/// Makes an agreement, after some that are none.
fn make(hub: &Hub, case: &str, file: &str) {
    let asked = |more: &[&str]| {
        let text = ["agreement", "make", case, "--text-file", file];
        run(hub, &[&text[..], more, &WHO[..]].concat())
    };
    let parties = ["--party", "wonen-zuid", "--party", "bewoner:J. Jansen"];
    for (wrong, told) in [
        ([&parties[..], &["--until", "2020-01-01"]].concat(), "verleden"),
        ([&parties[..], &["--until", "2099-01-01", "--review", "2099-02-01"]].concat(), "na de"),
        (vec!["--until", "2099-01-01"], "ten minste één partij"),
        (vec!["--party", "bewoner:", "--until", "2099-01-01"], "naam"),
    ] {
        let said = asked(&wrong);
        assert!(said.code == Some(1) && said.noise.contains(told), "{told}: {}", said.noise);
    }
    let terms = ["--until", "2099-03-01", "--review", "2099-01-15"];
    let made = asked(&[&parties[..], &terms].concat());
    assert_eq!(made.code, Some(0), "{}{}", made.out, made.noise);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_agrees_something_sees_it_and_says_what_came_of_it() {
    let hub = Place::new().start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await;
    let politie = hub.token(POLITIE).await;
    let message = hub.send(&politie, XML, &example("politie", "in-volledig")).await.message();
    let tasks = hub.office("taken", json!({})).await;
    let case = tasks[0]["casus"].as_str().expect("a case").to_owned();

    let file = hub.place.data().join("afspraak.txt");
    std::fs::write(&file, format!("{TEXT}\n")).expect("a file");
    let file = file.to_str().expect("a path").to_owned();
    make(&hub, &case, &file);

    let list = must(&hub, &["agreement", "list", &case]);
    assert!(list.contains("loopt") && list.contains("wonen-zuid, bewoner"), "{list}");
    assert!(!list.contains("Jansen") && !list.contains(TEXT), "{list}");
    let listed = hub.office("afspraken", json!({ "casus": case })).await;
    let id = listed[0]["afspraak"].as_str().expect("an agreement").to_owned();
    let nobody = run(&hub, &["agreement", "show", &id]);
    assert_eq!(nobody.code, Some(2), "who asks, and why, must be said");
    let shown = must(&hub, &[&["agreement", "show", &id], &WHO[..]].concat());
    assert!(shown.contains(TEXT) && shown.contains("J. Jansen (bewoner)"), "{shown}");

    let longer = ["agreement", "change", &id, "--until", "2099-06-01"];
    must(&hub, &[&longer[..], &WHO].concat());
    must(&hub, &[&["agreement", "fulfilled", &id], &WHO[..]].concat());
    let again = run(&hub, &[&["agreement", "broken", &id], &WHO[..]].concat());
    assert!(again.code == Some(1) && again.noise.contains("al geëindigd"), "{}", again.noise);
    let timeline = must(&hub, &["case", "timeline", &case]);
    for line in [
        "besluit-afspraak-maken",
        "afspraak-ingezien",
        "besluit-afspraak-wijzigen",
        "besluit-afspraak-nagekomen",
    ] {
        assert!(timeline.contains(line), "{line} in {timeline}");
    }
    let to_partner = hub.empty_mailbox(&hub.token("wonen-zuid").await).await;
    assert!(to_partner.iter().all(|parcel| !parcel.text.contains(TEXT)), "nobody is messaged");
    must(&hub, &["journal", "verify"]);

    must(&hub, &[&["erase", &message], &WHO[..]].concat());
    must(&hub, &["erase", "approve", "1", "--by", "B. Beheer"]);
    let gone = run(&hub, &[&["agreement", "show", &id], &WHO[..]].concat());
    assert!(gone.code == Some(6) && gone.noise.contains("gewist"), "{}", gone.noise);
    must(&hub, &["journal", "verify"]);
    let place = hub.stop().await;
    for personal in [TEXT, "J. Jansen"] {
        assert!(!place.log().contains(personal), "{personal} in the log");
    }
    for file in ["journal.sqlite", "journal.sqlite-wal"] {
        let Ok(bytes) = std::fs::read(place.data().join(file)) else { continue };
        for personal in [TEXT, "J. Jansen"] {
            let found = bytes.windows(personal.len()).any(|part| part == personal.as_bytes());
            assert!(!found, "{personal} in {file}");
        }
    }
}
