//! Operators who get in each other's way, ask for what cannot be meant, or look away.

use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{RELEASE, job, narrow_set, report, send_reports, settled, start, widen, with};
use crate::cli::{self, run};
use crate::hub::{POLITIE, WONEN, XML, swap, until, verify};

const PERSON: [&str; 4] = ["--by", "bram", "--why", "proef"];

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_do_not_do_the_same_twice() {
    let hub = narrow_set().start().await;
    let messages = send_reports(&hub, 0..5).await;
    widen(&hub.place);
    let id = start(&hub.place, &["--rate", "1"]);
    run(&hub.place, &with(&["job", "pause", &id], &PERSON)).ends(cli::OK);

    // A second crowd that has some of it, whatever it does with it.
    let yes = ["--yes", "--by", "bram", "--why", "proef"];
    let overlap = ["quarantine", "drop", "--partner", WONEN];
    let said = run(&hub.place, &with(&overlap, &yes)).ends(cli::FAILURE);
    said.says("anna is hier sinds 2").says(&format!("klus {id}")).says("schakel job cancel");
    let replay = ["replay", "--partner", POLITIE];
    run(&hub.place, &with(&replay, &yes)).ends(cli::FAILURE).says(&format!("klus {id}"));

    // A single entry, or a single message.
    let entries = hub.quarantine("geen-doelbinding").await;
    let held = entries.iter().rfind(|entry| entry["status"] == "open").expect("an entry");
    let entry = held["id"].as_str().expect("an id");
    for verb in ["release", "drop"] {
        let said = run(&hub.place, &with(&["quarantine", verb, entry], &PERSON));
        said.ends(cli::FAILURE).says(&format!("bezig in klus {id}"));
    }
    let message = messages.last().expect("sent");
    run(&hub.place, &["replay", message, "--yes"]).ends(cli::FAILURE).says("anna");
    let decision = json!({ "id": entry, "door": "b", "reden": "r" });
    let told = hub.try_office("uitval-vrijgeven", &decision).await;
    assert_eq!((told.status, &told.json()["klus"]), (409, &json!(id)));

    // Cancelled, it lets go; what it did stays done.
    let done = settled(&job(&hub, &id).await);
    assert!(done < 5);
    run(&hub.place, &with(&["job", "cancel", &id], &PERSON)).ends(cli::OK).shows("afgebroken");
    let said = run(&hub.place, &["job", "follow", &id]);
    said.ends(if done > 0 { cli::PARTLY } else { cli::FAILURE }).says("niet behandeld");
    run(&hub.place, &with(&["quarantine", "release", entry], &PERSON)).ends(cli::OK);
    let rest = with(&RELEASE, &["--yes", "--by", "bram", "--why", "rest", "--rate", "100"]);
    run(&hub.place, &rest).ends(cli::OK).shows("gedaan");
    let listed = run(&hub.place, &["job", "list", "-o", "json"]).ends(cli::OK).json();
    let states: Vec<&str> =
        listed.as_array().expect("a list").iter().filter_map(|job| job["stand"].as_str()).collect();
    assert_eq!(states, ["klaar", "afgebroken", "afgebroken", "afgebroken"]);
    let shown = run(&hub.place, &["job", "show", &id]).ends(cli::OK);
    shown.shows("gepauzeerd door bram").shows("Door anna: purpose");
    let wonen = hub.token(WONEN).await;
    assert_eq!(hub.empty_mailbox(&wonen).await.len(), 5);
    verify(&hub.stop().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_again_is_said_and_stays() {
    let hub = narrow_set().start().await;
    let messages = send_reports(&hub, 0..4).await;
    // One of another theme, of which nobody may tell a corporation.
    let politie = hub.token(POLITIE).await;
    let other = swap(&report(4), "<thema>BRA", "<thema>OND");
    assert!(hub.send(&politie, XML, &other).await.is_accepted());
    widen(&hub.place);

    let preview = run(&hub.place, &with(&RELEASE, &["-o", "json"])).ends(cli::OK).json();
    let lines = preview["verschillen"].as_array().expect("a list");
    let told: Vec<String> = lines
        .iter()
        .map(|line| format!("{} {} {}", line["gevolg"], line["aantal"], line["redenen"]))
        .collect();
    assert_eq!(told, ["\"nieuw\" 4 {}", "\"niet-te-maken\" 1 {\"geen-doelbinding\":1}"]);
    // While it stands still, the case of the last one is erased.
    let id = start(&hub.place, &["--rate", "1"]);
    run(&hub.place, &with(&["job", "pause", &id], &PERSON)).ends(cli::OK);
    hub.erase(&messages[3]).await;
    run(&hub.place, &with(&["job", "resume", &id], &PERSON)).ends(cli::OK);
    let said = run(&hub.place, &["job", "follow", &id]).ends(cli::PARTLY).says("job show");
    let said = said.shows("5 van 5 behandeld: 3 gedaan.").shows("3 nieuw");
    let said = said.shows("Geweigerd (1): 1 keer geen doelbinding geeft dit");
    said.shows("Overgeslagen (1): 1 keer een ander besliste er intussen over");
    let open = hub.quarantine("geen-doelbinding").await;
    let open: Vec<_> = open.iter().filter(|entry| entry["status"] == "open").collect();
    assert_eq!(open.len(), 1, "what was refused is where it was");
    let shown = run(&hub.place, &["job", "show", &id]).ends(cli::OK).shows("overgeslagen");
    shown.shows(open[0]["id"].as_str().expect("an id"));

    // Replayed as messages: those that went are the same, and one set changes what they hold.
    let replay = ["replay", "--partner", POLITIE, "--type", "signaal-gemeld", "--recipient", WONEN];
    let preview = run(&hub.place, &with(&replay, &["-o", "json"])).ends(cli::OK).json();
    let same = preview["verschillen"].as_array().expect("a list").iter();
    let same: Vec<_> = same.filter(|line| line["gevolg"] == "zelfde").collect();
    assert_eq!((same.len(), &same[0]["aantal"]), (1, &json!(3)), "{preview}");
    let purpose = super::PURPOSE;
    hub.place.edit(purpose, "\"onderwerp\" = \"houd\"\n", "");
    run(&hub.place, &["activate", "--by", "anna"]).ends(cli::OK);
    let preview = run(&hub.place, &with(&replay, &["-o", "json"])).ends(cli::OK).json();
    let line = super::difference(&preview, "anders");
    assert_eq!((&line["aantal"], &line["redenen"]["geen-doelbinding"]), (&json!(3), &json!(3)));
    let fields = line["velden"].as_object().expect("fields");
    assert!(!fields.is_empty() && fields.values().all(|count| *count == 3), "{fields:?}");
    assert!(!preview.to_string().contains("proef-0000"), "a value is in the preview");
    let waiting = with(&replay, &["--state", "wacht", "--yes", "--by", "a", "--why", "b"]);
    let said = run(&hub.place, &waiting).ends(cli::OK);
    said.shows("Zendingen: 0 met zelfde inhoud, 3 vervangen, 0 nieuw.");
    let wonen = hub.token(WONEN).await;
    let parcels = hub.empty_mailbox(&wonen).await;
    assert_eq!(parcels.len(), 3, "what was replaced does not go as well");
    assert!(parcels.iter().all(|parcel| !parcel.text.contains("proef-0000")));
    verify(&hub.stop().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_before_anything_happens() {
    let hub = narrow_set().start().await;
    send_reports(&hub, 0..2).await;
    let place = &hub.place;
    let release = ["quarantine", "release"];
    for (words, exit) in [
        (&["--reason", "x' or '1'='1"][..], cli::INVALID),
        (&["--reason", "geen-doelbinding\n; drop table quarantine"][..], cli::INVALID),
        (&["--type", "%"][..], cli::INVALID),
        (&["--type", ""][..], cli::INVALID),
        (&["--partner", "../../etc"][..], cli::USAGE),
        (&["--partner", "wonen-zuid' --"][..], cli::USAGE),
        (&["--since", "gisteren"][..], cli::USAGE),
        (&["--since", "2026-11-02T00:00:00Z", "--until", "2026-11-01T00:00:00Z"][..], cli::INVALID),
        (&[][..], cli::USAGE),
        (&["--reason", "bestaat-niet"][..], cli::NOT_FOUND),
        (&["--partner", "bestaat-niet"][..], cli::NOT_FOUND),
        (&["--until", "2020-01-01T00:00:00Z"][..], cli::NOT_FOUND),
        (&["--type", "signaal-gemeld.v9"][..], cli::NOT_FOUND),
        // Who decides, and why, comes first.
        (&["--partner", WONEN, "--yes"][..], cli::USAGE),
        (&["--partner", WONEN, "--yes", "--by", " ", "--why", "x"][..], cli::INVALID),
        (&["--partner", WONEN, "--yes", "--by", "a", "--why", "b", "--rate", "0"], cli::INVALID),
        (&["--partner", WONEN, "--yes", "--by", "a", "--why", "b", "--rate", "1001"], cli::INVALID),
        (&["--partner", WONEN, "--rate", "5"][..], cli::USAGE),
        (&[cli::NOBODY, "--partner", WONEN][..], cli::USAGE),
    ] {
        run(place, &with(&release, words)).ends(exit);
    }
    run(place, &["replay"]).ends(cli::USAGE);
    run(place, &["replay", "--recipient", WONEN]).ends(cli::USAGE);
    run(place, &["replay", "--since", "2026-01-01T00:00:00Z", "--state", "geleased"])
        .ends(cli::USAGE);
    run(place, &["job", "show", cli::NOBODY]).ends(cli::NOT_FOUND);
    run(place, &with(&["job", "pause", cli::NOBODY], &PERSON)).ends(cli::NOT_FOUND);

    // At the hub itself, for who has its token.
    let filter = |filter| json!({ "filter": filter });
    for (asked, code) in [
        (filter(json!({ "handeling": "vrijgeven" })), "filter"),
        (filter(json!({ "handeling": "wissen", "partner": WONEN })), "gegevens"),
        (filter(json!({ "handeling": "vrijgeven", "reden": "a\u{0}b" })), "filter"),
        (
            filter(json!({ "handeling": "vrijgeven", "stand": "uitval", "partner": WONEN })),
            "filter",
        ),
        (filter(json!({ "handeling": "herhalen", "reden": "x", "partner": WONEN })), "filter"),
        (filter(json!({ "handeling": "vrijgeven", "partner": WONEN, "x": 1 })), "gegevens"),
    ] {
        let told = hub.try_office("menigte-telling", &asked).await;
        assert_eq!((told.status, &told.json()["code"]), (400, &json!(code)), "{asked}");
    }
    let long = "a".repeat(501);
    let asked = json!({
        "filter": { "handeling": "vrijgeven", "partner": WONEN }, "door": long, "reden": "x",
    });
    assert_eq!(hub.try_office("klus-maken", &asked).await.status, 400);
    assert_eq!(hub.office("klussen", json!({})).await["klussen"], json!([]), "nothing was made");
    let open = hub.quarantine("geen-doelbinding").await;
    assert!(open.len() == 2 && open.iter().all(|entry| entry["status"] == "open"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_following_does_not_stop_the_job() {
    let hub = narrow_set().start().await;
    send_reports(&hub, 0..20).await;
    widen(&hub.place);
    let id = start(&hub.place, &["--rate", "2"]);
    let mut command = hub.place.command();
    command.args(["job", "follow", &id]).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut follower = command.spawn().expect("schakel runs");
    let mut told = follower.stderr.take().expect("piped");
    // Its first line says that it follows.
    let mut first = [0; 1];
    told.read_exact(&mut first).expect("a line");
    let pid = follower.id().to_string();
    let asked = Command::new("bash").args(["-c", "kill -INT \"$0\"", &pid]).status();
    assert!(asked.expect("bash").success());
    assert_eq!(follower.wait().expect("a child").code(), Some(cli::PARTLY));
    let mut said = String::new();
    told.read_to_string(&mut said).expect("text");
    assert!(said.contains("De klus loopt door") && said.contains("job follow"), "{said}");
    let before = settled(&job(&hub, &id).await);
    let goes_on = async || (settled(&job(&hub, &id).await) > before).then_some(());
    until("the job goes on", goes_on).await;

    // A hub that stops gives its job back; the command does it where no hub runs.
    let place = hub.stop().await;
    let shown = run(&place, &["job", "show", &id, "-o", "json"]).ends(cli::OK).json();
    assert_eq!(shown["klus"]["inBehandeling"], false);
    let said = run(&place, &["job", "follow", &id]).ends(cli::OK).says("Er draait geen hub");
    said.shows("20 van 20 behandeld: 20 gedaan.");
    verify(&place).await;
}
