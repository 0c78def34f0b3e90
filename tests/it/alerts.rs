//! Somebody is told when something is wrong: once when it starts, once when it ends, by mail and
//! by webhook, whatever dies in between, and never anything about a person.

mod cases;
mod desk;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::desk::{MailServer, Receiver, about, free_port, posts_to, settings};
use crate::amqp::tls;
use crate::canary::birds::{Bird, SOURCES};
use crate::canary::traces::Trace;
use crate::disk_full::{ROOM, limit};
use crate::hub::{GEMEENTE, Hub, POLITIE, Place, WONEN, XML, example, swap, until};
use crate::hubs::Post;
use crate::metrics::figure;
use crate::postgres::{Server, shared};

const QUICK: &str = "[alerts.limits]\nunreachable_seconds = 1\nhub_gone_seconds = 5\n\
    [alerts.times.ketenpartner-onbereikbaar]\nclear_seconds = 1\n\
    [alerts.times.hub-weg]\nclear_seconds = 1\n";

/// A report of the police of its own, which municipality and housing corporation get.
fn report(number: u32) -> String {
    let report = example("politie", "in-volledig");
    let report = swap(&report, "118204", &number.to_string());
    swap(&report, "231107", &number.to_string())
}

async fn send(hub: &Hub, number: u32) {
    let token = hub.token(POLITIE).await;
    assert!(hub.send(&token, XML, &report(number)).await.is_accepted());
}

async fn secret(hub: &Hub, partner: &str) {
    hub.office("webhookgeheim-maken", json!({ "partner": partner })).await;
}

/// What was told of this kind, as soon as there are so many.
async fn told(hook: &Receiver, kind: &str, count: usize) -> Vec<Value> {
    until(kind, async || {
        let mut told: Vec<Value> = hook.taken();
        let mut ids = BTreeSet::new();
        // What comes twice has the same id, and is the same notice.
        told.retain(|told| told["soort"] == kind && ids.insert(told["id"].to_string()));
        (told.len() >= count).then_some(told)
    })
    .await
}

async fn mailed(server: &MailServer, subject: &str) -> Value {
    until(subject, async || {
        let starts =
            |mail: &Value| mail["subject"].as_str().is_some_and(|s| s.starts_with(subject));
        server.mails().into_iter().find(starts)
    })
    .await
}

/// The id of a notice, in the mail about it.
fn id_of(mail: &Value) -> &str {
    let id = mail["id"].as_str().and_then(|id| id.strip_prefix('<')).expect("an id");
    id.split('@').next().expect("an id")
}

fn down(partner: &str) -> (String, String) {
    ("ketenpartner-onbereikbaar".to_owned(), partner.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_goes_down_is_told_once_and_its_return_too() {
    let (port, hook, partner) = (free_port(), Receiver::open().await, Receiver::open().await);
    let post = MailServer::start(port, None).await;
    let place = Place::new();
    settings(&place, port, &hook, QUICK);
    posts_to(&place, GEMEENTE, &partner);
    let metrics = format!("127.0.0.1:{}", free_port());
    let hub = place.start_with(&[("SCHAKEL_METRICS__LISTEN", metrics.as_str())]).await;
    secret(&hub, GEMEENTE).await;
    partner.is_up(false);
    send(&hub, 1).await;

    let mail = mailed(&post, "Storing bij").await;
    assert_eq!(mail["to"], json!(["piket@gemeente.example"]));
    assert_eq!(
        (mail["type"].as_str(), mail["charset"].as_str()),
        (Some("text/plain"), Some("utf-8"))
    );
    let text = mail["text"].as_str().expect("text");
    for part in [GEMEENTE, "Sinds:", "1 zending wacht", "schakel doctor", "schakel alert list"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let start = told(&hook, "storing-begonnen", 1).await.remove(0);
    assert_eq!((about(&start), start["id"].as_str()), (vec![down(GEMEENTE)], Some(id_of(&mail))));
    let listed = list(&hub.place);
    assert_eq!(
        (listed[0]["stand"].as_str(), listed[0]["onderwerp"].as_str()),
        (Some("open"), Some(GEMEENTE))
    );

    assert_eq!(open_alarms(&metrics).await, 1.0);

    // It lasts: the partner is tried again, and nobody is told again.
    let asked = partner.asked();
    until("the partner is tried again", async || (partner.asked() > asked).then_some(())).await;
    partner.is_up(true);
    send(&hub, 2).await;
    let end = told(&hook, "storing-voorbij", 1).await.remove(0);
    assert_eq!(about(&end), [down(GEMEENTE)]);
    assert_eq!(end["storingen"][0]["id"], start["storingen"][0]["id"]);
    assert_ne!(end["id"], start["id"]);
    assert_eq!(id_of(&mailed(&post, "Voorbij bij").await), end["id"]);
    hook.check_signatures();
    assert_eq!((hook.taken().len(), post.mails().len()), (2, 2), "{:#?}", hook.taken());
    assert_eq!(open_alarms(&metrics).await, 0.0);
    let listed = list(&hub.place);
    assert_eq!(
        (listed[0]["stand"].as_str(), listed[0]["bericht"].as_str()),
        (Some("voorbij"), Some("webhook verstuurd, mail verstuurd"))
    );
    hub.stop().await;
}

/// How many partners cannot be reached, as Prometheus is told.
async fn open_alarms(metrics: &str) -> f64 {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let asked = client.get(format!("http://{metrics}/metrics")).send().await.expect("figures");
    let text = asked.text().await.expect("text");
    let none = figure(&text, "schakel_alarms_open{condition=\"schijf-vol\"}");
    assert_eq!(none, Some(0.0), "{text}");
    figure(&text, "schakel_alarms_open{condition=\"ketenpartner-onbereikbaar\"}").expect("a figure")
}

fn list(place: &Place) -> Vec<Value> {
    let done = place.command().args(["-o", "json", "alert", "list"]).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_partners_at_once_are_one_notice_that_waits_for_the_mail_server() {
    let (port, hook) = (free_port(), Receiver::open().await);
    let (one, other) = (Receiver::open().await, Receiver::open().await);
    let place = Place::new();
    settings(&place, port, &hook, QUICK);
    posts_to(&place, GEMEENTE, &one);
    posts_to(&place, WONEN, &other);
    let hub = place.start().await;
    for (name, partner) in [(GEMEENTE, &one), (WONEN, &other)] {
        secret(&hub, name).await;
        partner.is_up(false);
    }
    send(&hub, 1).await;
    let start = told(&hook, "storing-begonnen", 1).await.remove(0);
    assert_eq!(about(&start), [down(GEMEENTE), down(WONEN)]);
    until("the mail is tried in vain", async || {
        hub.place.log().contains("a notice could not be sent").then_some(())
    })
    .await;

    // Killed in between, it goes on where it was: the mail has the id that the webhook had.
    let hub = hub.kill().await.start().await;
    let post = MailServer::start(port, None).await;
    let mail = mailed(&post, "Storing bij").await;
    assert_eq!(start["id"], id_of(&mail));
    assert!(mail["subject"].as_str().expect("text").ends_with("2 meldingen"));
    one.is_up(true);
    other.is_up(true);
    send(&hub, 2).await;
    let end = mailed(&post, "Voorbij bij").await;
    let ends = told(&hook, "storing-voorbij", 1).await;
    assert_eq!(
        (ends[0]["id"].as_str(), about(&ends[0])),
        (Some(id_of(&end)), vec![down(GEMEENTE), down(WONEN)])
    );
    let ids: BTreeSet<String> = hook.taken().iter().map(|told| told["id"].to_string()).collect();
    assert_eq!((ids.len(), post.mails().len()), (2, 2), "{:#?}", hook.taken());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hubs_one_tells_and_the_one_that_is_lost_is_missed() {
    let (port, hook, partner) = (free_port(), Receiver::open().await, Receiver::open().await);
    let post = MailServer::start(port, None).await;
    let place = Place::new();
    settings(&place, port, &hook, QUICK);
    posts_to(&place, GEMEENTE, &partner);
    let url = shared().database();
    let (left, right) = (Post::new(&url), Post::new(&url));
    let beside = place.beside();
    let (one, other) = tokio::join!(left.open(place), right.open(beside));
    secret(&one, GEMEENTE).await;
    partner.is_up(false);
    send(&one, 1).await;
    let start = told(&hook, "storing-begonnen", 1).await.remove(0);
    assert_eq!(about(&start), [down(GEMEENTE)]);
    mailed(&post, "Storing bij").await;

    let place = left.kill(one).await;
    let second = told(&hook, "storing-begonnen", 2).await.remove(1);
    assert_eq!(about(&second)[0].0, "hub-weg");
    partner.is_up(true);
    send(&other, 2).await;
    let ends = told(&hook, "storing-voorbij", 1).await;
    assert_eq!(about(&ends[0]), [down(GEMEENTE)]);
    let one = left.open(place).await;
    let ends = told(&hook, "storing-voorbij", 2).await;
    assert_eq!(ends[1]["storingen"][0]["id"], second["storingen"][0]["id"]);
    // Killed while it sent one, a hub leaves it to the other, which sends it under the same id.
    let mails = || post.mails().iter().map(|mail| id_of(mail).to_owned()).collect::<BTreeSet<_>>();
    until("four mails", async || (mails().len() == 4).then_some(())).await;

    // One that stops is not missed.
    one.stop().await;
    let name = "select string_agg(name, ' ') from alarm_hub";
    let left_over = shared().run(&url, name);
    assert_eq!(left_over.split_whitespace().count(), 1, "{left_over}");
    other.stop().await;
    let hooks: BTreeSet<String> = hook.taken().iter().map(|told| told["id"].to_string()).collect();
    assert_eq!((hooks.len(), mails().len()), (4, 4), "{:#?}", hook.taken());
    hook.check_signatures();
    shared().drop(&url);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_the_journal_cannot_be_written_is_told_all_the_same() {
    let (port, hook) = (free_port(), Receiver::open().await);
    let post = MailServer::start(port, None).await;
    let place = Place::new();
    let times = "[alerts.times.logboek-onschrijfbaar]\nhold_seconds = 1\nclear_seconds = 1\n";
    settings(&place, port, &hook, times);
    let hub = place.start_by_shell(ROOM).await;
    limit(&hub, "4096");
    let code = "logboek-onschrijfbaar";
    let start = told(&hook, "storing-begonnen", 1).await.remove(0);
    assert_eq!(about(&start)[0].0, code);
    assert_eq!(id_of(&mailed(&post, "Storing bij").await), start["id"]);
    limit(&hub, "unlimited");
    let end = told(&hook, "storing-voorbij", 1).await.remove(0);
    assert_eq!(
        (about(&end)[0].0.as_str(), &end["storingen"][0]["id"]),
        (code, &start["storingen"][0]["id"])
    );
    assert_eq!(id_of(&mailed(&post, "Voorbij bij").await), end["id"]);
    assert_eq!((hook.taken().len(), post.mails().len()), (2, 2));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_and_its_return_too_by_a_hub_that_was_killed() {
    let mut server = Server::start("");
    let (port, hook) = (free_port(), Receiver::open().await);
    let place = Place::new();
    let times = "[alerts.times.logboek-onschrijfbaar]\nhold_seconds = 1\nclear_seconds = 1\n";
    settings(&place, port, &hook, times);
    let post = Post::new(&server.database());
    let hub = post.open(place).await;
    server.kill();
    let start = told(&hook, "storing-begonnen", 1).await.remove(0);
    assert_eq!(about(&start)[0].0, "logboek-onschrijfbaar");
    let kept = hub.place.data().join("storing.json");
    until("it is kept", async || {
        std::fs::read_to_string(&kept).ok().filter(|text| text.contains("\"webhook\""))
    })
    .await;
    let place = post.kill(hub).await;
    server.launch("");
    let hub = post.open(place).await;
    let end = told(&hook, "storing-voorbij", 1).await.remove(0);
    assert_eq!(end["storingen"][0]["id"], start["storingen"][0]["id"]);
    // The mail about the start still waits, under the id that the webhook had.
    let letters = MailServer::start(port, None).await;
    assert_eq!(id_of(&mailed(&letters, "Storing bij").await), start["id"]);
    assert_eq!(id_of(&mailed(&letters, "Voorbij bij").await), end["id"]);
    assert!(!kept.exists());
    hub.stop().await;
    assert_eq!(hook.taken().len(), 2, "{:#?}", hook.taken());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_names_no_person() {
    let (port, hook, partner) = (free_port(), Receiver::open().await, Receiver::open().await);
    let post = MailServer::start(port, None).await;
    let place = Place::new();
    settings(&place, port, &hook, QUICK);
    posts_to(&place, WONEN, &partner);
    partner.is_up(false);
    let dead = format!("amqp://hub:geheim@127.0.0.1:{}/schakel", free_port());
    let env = [
        ("SCHAKEL_LOG", "trace"),
        ("SCHAKEL_BROKER__URL", dead.as_str()),
        ("SCHAKEL_ALERTS__LIMITS__QUARANTINE_NEW", "3"),
        ("SCHAKEL_ALERTS__LIMITS__WAITING_SECONDS", "1"),
        ("SCHAKEL_ALERTS__LIMITS__SILENT_SECONDS", "1"),
        ("SCHAKEL_ALERTS__TIMES__BROKER-ONBEREIKBAAR__HOLD_SECONDS", "1"),
        ("SCHAKEL_ALERTS__TIMES__UITVAL-GROEIT__HOLD_SECONDS", "1"),
    ];
    let hub = place.start_with(&env).await;
    secret(&hub, WONEN).await;
    for source in &SOURCES {
        let token = hub.token(source.partner).await;
        let document = source.document();
        assert!(hub.send(&token, source.media_type, &document).await.is_accepted());
        for (_, spoiled) in source.spoiled() {
            hub.send(&token, source.media_type, &spoiled).await;
        }
        // The same number with another text.
        let text = source.canary(Bird::Text);
        let other = swap(&document, text, &format!("{text} {}", source.canary(Bird::Name)));
        hub.send(&token, source.media_type, &other).await;
    }
    let mut wanted = vec![
        "andere-inhoud",
        "broker-onbereikbaar",
        "ketenpartner-onbereikbaar",
        "ketenpartner-stil",
        "uitval-groeit",
        "zendingen-wachten",
    ];
    until("everything that is wrong", async || {
        let codes: Vec<String> =
            hook.taken().iter().flat_map(about).map(|(code, _)| code).collect();
        wanted.retain(|code| !codes.iter().any(|found| found == code));
        wanted.is_empty().then_some(())
    })
    .await;
    until("as many mails", async || (post.mails().len() >= hook.taken().len()).then_some(())).await;
    let mut traces = Trace::default();
    for mail in post.mails() {
        traces.note("a mail", mail.to_string().as_bytes());
        traces.note("the text of a mail", mail["text"].as_str().expect("text").as_bytes());
    }
    for notice in hook.taken() {
        traces.note("a webhook", notice.to_string().as_bytes());
    }
    let place = hub.stop().await;
    traces.note("the log", place.log().as_bytes());
    traces.note("the list", format!("{:?}", list(&place)).as_bytes());
    traces.have_no_canary();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_goes_by_every_road_with_starttls_and_a_login() {
    let folder = tempfile::tempdir().expect("a folder");
    tls::make(folder.path());
    let (port, hook) = (free_port(), Receiver::open().await);
    let place = Place::new();
    settings(&place, port, &hook, "");
    place.edit("schakel.toml", "tls = 'none'", "tls = 'starttls'\nuser = 'hub'");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (authority, password) = (file("ca.pem"), file("wachtwoord"));
    std::fs::write(&password, "geheim-van-de-post\n").expect("a writable folder");
    let own = [
        ("SCHAKEL_ALERTS__MAIL__CA_FILE", authority.as_str()),
        ("SCHAKEL_ALERTS__MAIL__PASSWORD_FILE", password.as_str()),
    ];
    let test = |env: &[(&str, &str)]| {
        let mut command = place.command();
        command.args(["-o", "json", "alert", "test"]).envs(env.iter().copied());
        let done = command.output().expect("schakel runs");
        let told: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
        (done.status.code(), told, String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let by_mail = |told: &Value| told[0]["uitkomst"].as_str().unwrap_or_default().to_owned();

    // Nobody listens yet; the webhook works.
    let (code, told, _) = test(&own);
    assert_eq!((code, by_mail(&told).as_str()), (Some(7), "geen-verbinding"));
    let post = MailServer::start(port, Some(folder.path())).await;
    let (code, told, err) = test(&own);
    assert_eq!((code, by_mail(&told).as_str()), (Some(0), "verstuurd"), "{err}");
    let mail = mailed(&post, "Proef").await;
    assert_eq!((&mail["tls"], &mail["authenticated"]), (&json!(true), &json!(true)));
    assert_eq!(told[0]["kenmerk"], id_of(&mail));
    assert_eq!(hook.taken().last().expect("a notice")["soort"], "proef");
    hook.check_signatures();

    doctor(&place, &own, &["de mailserver groet", "het adres van de webhook bestaat"], &[]);

    // One reader whose address is no longer good keeps it from nobody else.
    let more = ("SCHAKEL_ALERTS__MAIL__TO", "weg@gemeente.example, regie@gemeente.example");
    let (code, told, err) = test(&[&own[..], &[more]].concat());
    assert_eq!((code, by_mail(&told).as_str()), (Some(7), "deels-verstuurd"), "{err}");
    let last = post.mails().pop().expect("a mail");
    assert_eq!(last["to"], json!(["regie@gemeente.example"]));

    // A certificate that nobody vouches for, and a login that is wrong.
    let (code, told, _) = test(&own[1..]);
    assert_eq!((code, by_mail(&told).as_str()), (Some(7), "geen-tls"));
    std::fs::write(&password, "een-ander-geheim").expect("a writable folder");
    hook.is_up(false);
    let (code, told, err) = test(&own);
    assert_eq!((code, by_mail(&told).as_str()), (Some(4), "smtp-535"));
    assert!(!err.contains("een-ander-geheim"));
    doctor(&place, &own, &["smtp-535: de aanmelding wordt geweigerd"], &["de mailserver groet"]);
    assert_eq!(post.mails().len(), 2);
    assert_eq!(test(&[("SCHAKEL_ALERTS__MAIL__TLS", "geen")]).0, Some(3));
}

/// What the doctor says, and what it does not.
#[track_caller]
fn doctor(place: &Place, env: &[(&str, &str)], says: &[&str], not: &[&str]) {
    let mut command = place.command();
    let done = command.arg("doctor").envs(env.iter().copied()).output().expect("schakel runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(says.iter().all(|text| said.contains(text)), "{says:?}\n{said}");
    assert!(!not.iter().any(|text| said.contains(text)), "{not:?}\n{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_wrong_is_said_with_its_place_and_what_is_not_set_too() {
    let place = Place::new();
    doctor(&place, &[], &["bij een storing krijgt niemand bericht", "[alerts.mail]"], &[]);
    let hook = Receiver::open().await;
    settings(&place, free_port(), &hook, "[alerts.partners.wonen-zuid]\nsilent_seconds = 60\n");
    let check = |place: &Place| {
        let done = place.command().arg("check").output().expect("schakel runs");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    assert_eq!(check(&place).0, Some(0));
    place.edit("schakel.toml", "partners.wonen-zuid", "partners.wonen-noord");
    let (code, said) = check(&place);
    assert_eq!(code, Some(3));
    assert!(
        said.contains("alerts.partners.wonen-noord") && said.contains("partner list"),
        "{said}"
    );
    place.edit("schakel.toml", "check_seconds = 1", "check_seconds = 0");
    let (code, said) = check(&place);
    assert_eq!(code, Some(3));
    assert!(said.contains("alerts.check_seconds must be from 1"), "{said}");
    assert!(said.contains("schakel alert test"), "{said}");
    let serve = place.command().args(["serve", "--listen", "127.0.0.1:0"]).output();
    assert_eq!(serve.expect("schakel runs").status.code(), Some(3));
    place.edit("schakel.toml", "check_seconds = 0", "elke_seconden = 1");
    assert!(check(&place).1.contains("elke_seconden"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_the_database_and_at_files_with_secrets() {
    use std::os::unix::fs::PermissionsExt as _;
    let url = shared().database();
    let place = Place::new();
    let file = place.data().join("journal.url");
    std::fs::write(&file, &url).expect("a writable folder");
    let may = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
    may(0o640).expect("a file of ours");
    let path = file.display().to_string();
    let env = [("SCHAKEL_JOURNAL__STORE", "postgres"), ("SCHAKEL_JOURNAL__URL_FILE", &path)];
    let hub = place.start_with(&env).await;
    let well = ["database: logboek: PostgreSQL 1", "niet voor iedereen te lezen"];
    doctor(&hub.place, &env, &well, &["verbindingen", "klok van de server"]);
    may(0o644).expect("a file of ours");
    doctor(&hub.place, &env, &["kan", "lezen of wijzigen (644)", "chmod o="], &[]);
    hub.stop().await;
    shared().drop(&url);
}
