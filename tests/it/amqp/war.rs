//! The production road at war: two hubs over one PostgreSQL and one broker, and everything around
//! them fails in turn, under load. An oracle outside keeps every accepted message and every effect.
//!
//! With `SCHAKEL_TEST_SOAK=1` (`tests/run --soak`) the lines are slow and dead for 30 seconds as
//! well, and everything fails three times.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::load::{Crowd, report};
use super::node::PEACE;
use super::road::{HUB, Road};
use crate::hub::{GEMEENTE, Hub, POLITIE, Place, until};
use crate::postgres::Server;
use crate::proxy::{Line, Proxy, Target};

/// Within this everything flows again once what failed is whole.
const BACK_WITHIN: Duration = Duration::from_secs(30);
/// After this it is not waited for any longer.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Reports without a receipt: there is always load.
const LOAD: usize = 400;

#[derive(Debug, Clone, Copy)]
enum Harm {
    Broker(Line, u64),
    Database(Line, u64),
    BrokerDies,
    DatabaseDies,
    /// One of the two hubs, which is then started again.
    HubDies(usize),
}

const SHORT: [Harm; 9] = [
    Harm::Broker(Line::Cut, 1),
    Harm::Database(Line::Cut, 1),
    Harm::HubDies(0),
    Harm::Broker(Line::Slow(Duration::from_secs(1)), 4),
    Harm::Database(Line::Slow(Duration::from_secs(1)), 4),
    Harm::DatabaseDies,
    Harm::HubDies(1),
    Harm::Broker(Line::HalfOpen, 3),
    Harm::Database(Line::HalfOpen, 3),
];

/// That the broker dies is in the short form of `outage`.
const LONG: [Harm; 5] = [
    Harm::BrokerDies,
    Harm::Broker(Line::Slow(Duration::from_secs(30)), 35),
    Harm::Database(Line::Slow(Duration::from_secs(30)), 35),
    Harm::Broker(Line::HalfOpen, 30),
    Harm::Database(Line::HalfOpen, 30),
];

fn harms() -> Vec<Harm> {
    if !crate::soak() {
        return SHORT.to_vec();
    }
    let once: Vec<Harm> = SHORT.into_iter().chain(LONG).collect();
    once.repeat(3)
}

/// Everything there is, and how it is broken.
struct Front {
    road: Road,
    server: Server,
    broker: Proxy,
    database: Proxy,
    settings: Vec<(String, String)>,
    hubs: [Option<Hub>; 2],
    crowd: Crowd,
}

impl Front {
    async fn open() -> Self {
        let (road, place) = Road::ripened(&[POLITIE, GEMEENTE]).await;
        let server = Server::start("");
        let url = server.database();
        let (socket, name) = place_of(&url);
        let broker = Proxy::to(Target::Tcp(road.node.amqp.clone())).await;
        let database = Proxy::to(Target::Unix(socket)).await;
        let through =
            |url: &str, from: &str, port: u16| url.replacen(from, &format!("127.0.0.1:{port}"), 1);
        let amqp = road.node.url(HUB.0, HUB.1, &road.vhost);
        let settings = [
            ("SCHAKEL_BROKER__URL", through(&amqp, &road.node.amqp, broker.port)),
            ("SCHAKEL_BROKER__HEARTBEAT_SECONDS", "2".to_owned()),
            ("SCHAKEL_JOURNAL__STORE", "postgres".to_owned()),
            (
                "SCHAKEL_JOURNAL__URL",
                format!("postgres://postgres@127.0.0.1:{}/{name}", database.port),
            ),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let beside = place.beside();
        let mut front = Self {
            road,
            server,
            broker,
            database,
            settings,
            hubs: [None, None],
            crowd: Crowd::default(),
        };
        let (one, other) = tokio::join!(front.start(place), front.start(beside));
        front.hubs = [Some(one), Some(other)];
        front
    }

    async fn start(&self, place: Place) -> Hub {
        let settings = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        place.start_with(&settings.collect::<Vec<_>>()).await
    }

    /// Shows what the hubs said last.
    fn explain(&self) {
        for (number, hub) in self.hubs.iter().flatten().enumerate() {
            let log = hub.place.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(60)..).unwrap_or_default();
            println!("hub {number}:\n{}", last.join("\n"));
        }
    }

    /// Does the harm and makes it good again.
    async fn suffer(&mut self, harm: Harm) {
        match harm {
            Harm::Broker(line, seconds) => misbehave(&self.broker, line, seconds).await,
            Harm::Database(line, seconds) => misbehave(&self.database, line, seconds).await,
            Harm::BrokerDies => {
                self.road.node.tell("kill");
                until("the broker is down", async || {
                    self.road.node.get("overview").await.is_none().then_some(())
                })
                .await;
                self.road.node.tell("start");
                self.road.node.is_up().await;
            }
            Harm::DatabaseDies => {
                self.server.kill();
                self.server.launch("");
            }
            Harm::HubDies(which) => {
                let hub = self.hubs.get_mut(which).and_then(Option::take).expect("it runs");
                let place = hub.kill().await;
                let hub = self.start(place).await;
                *self.hubs.get_mut(which).expect("two hubs") = Some(hub);
            }
        }
    }
}

async fn misbehave(proxy: &Proxy, line: Line, seconds: u64) {
    proxy.be(line);
    // The harm itself takes this long; nothing is waited for.
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    proxy.be(Line::Fine);
}

/// The socket of a server of our own, and the name of the database.
fn place_of(url: &str) -> (PathBuf, String) {
    let rest = url.split_once('@').expect("a user").1;
    let (folder, name) = rest.split_once('/').expect("a database");
    let socket = format!("{}/.s.PGSQL.5432", folder.replace("%2F", "/"));
    (socket.into(), name.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_nothing_is_lost_doubled_or_unknown_to_the_journal() {
    let _war = PEACE.write().await;
    let mut front = Front::open().await;
    let crowd = front.crowd.clone();
    let (stop, stopped) = watch::channel(false);
    let mut people = JoinSet::new();
    let supply = tokio::spawn(supply(crowd.clone(), stopped));
    until("there is load", async || (crowd.waiting() > 0).then_some(())).await;
    people.spawn(crowd.clone().collect(vec![front.road.url(GEMEENTE)]));
    let sending = tokio::spawn(crowd.clone().send(vec![front.road.url(POLITIE)]));

    println!("{:<28}{:>10}{:>10}{:>10}", "", "back (s)", "accepted", "repeats");
    for harm in harms() {
        let (begun, repeats) = (crowd.settled(), crowd.look(|ledger| ledger.repeats));
        until("there is traffic", async || (crowd.settled() >= begun + 30).then_some(())).await;
        front.suffer(harm).await;
        // What was in a pipe arrives by itself: only what was sent after it was whole counts.
        let (before, back) = (crowd.settled() + LOAD, Instant::now());
        let flowing = until("it flows again", async || (crowd.settled() > before).then_some(()));
        if tokio::time::timeout(GIVE_UP, flowing).await.is_err() {
            front.explain();
        }
        let took = back.elapsed();
        println!(
            "{:<28}{:>10.1}{:>10}{:>10}",
            name_of(harm),
            took.as_secs_f32(),
            crowd.settled() - begun,
            crowd.look(|ledger| ledger.repeats) - repeats
        );
        assert!(took < BACK_WITHIN, "{harm:?}: {took:?}");
    }

    stop.send_replace(true);
    supply.await.expect("no panic");
    sending.await.expect("every report has its receipt");
    judge(&mut front, people).await;
}

fn name_of(harm: Harm) -> String {
    match harm {
        Harm::Broker(line, seconds) => format!("broker {line:?} {seconds} s"),
        Harm::Database(line, seconds) => format!("database {line:?} {seconds} s"),
        Harm::BrokerDies => "broker kill -9".to_owned(),
        Harm::DatabaseDies => "database kill -9".to_owned(),
        Harm::HubDies(which) => format!("hub {which} kill -9"),
    }
}

/// Keeps the sender busy until it is told to stop.
async fn supply(crowd: Crowd, mut stop: watch::Receiver<bool>) {
    let mut next = 0;
    while !*stop.borrow() {
        let short = LOAD.saturating_sub(crowd.waiting());
        crowd.add((next..next + short).map(|number| (number, report(number))));
        next += short;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Waits until everything arrived, and counts.
async fn judge(front: &mut Front, mut people: JoinSet<()>) {
    let crowd = &front.crowd;
    let accepted = crowd.look(|ledger| ledger.accepted.len());
    let effects = || crowd.look(|ledger| ledger.effects.len());
    until("every effect is there", async || (effects() >= accepted).then_some(())).await;
    people.shutdown().await;
    let url = url_of(front);
    let told = front.server.run(&url, "select encode(id, 'hex') from outbox");
    let journalled: BTreeSet<String> = told.lines().map(str::to_owned).collect();
    crowd.look(|ledger| {
        let ids = || ledger.effects.values().flatten();
        let unknown = ids().filter(|id| !journalled.contains(&id.replace('-', ""))).count();
        let doubled = ledger.effects.values().filter(|ids| ids.len() > 1).count();
        let lost = accepted.saturating_sub(ledger.effects.len());
        println!(
            "accepted {accepted}, lost {lost}, doubled {doubled}, unjournalled {unknown}, refused \
             {}, parcels that came again {}",
            ledger.refused.len(),
            ledger.repeats
        );
        assert_eq!((lost, doubled, unknown, ledger.refused.len()), (0, 0, 0, 0));
    });
    let [one, other] = front.hubs.each_mut().map(|hub| hub.take().expect("it runs"));
    let stand = one.office("stand", serde_json::json!({})).await;
    assert_eq!(stand["stand"]["uitval"], 0, "no innocent was given up");
    let (place, _) = tokio::join!(one.stop(), other.stop());
    let mut command = place.command();
    command.args(["journal", "verify"]);
    command.env("SCHAKEL_JOURNAL__STORE", "postgres").env("SCHAKEL_JOURNAL__URL", &url);
    let verified = command.output().expect("schakel runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// The database, past the proxy.
fn url_of(front: &Front) -> String {
    let name = front.settings.last().and_then(|(_, url)| url.rsplit_once('/')).expect("a url").1;
    front.server.url(name)
}
