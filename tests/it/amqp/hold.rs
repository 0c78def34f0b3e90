//! While nothing can be stored, deliveries are held: none is lost, none overtakes another, and
//! none comes nearer to the queue's delivery limit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use schakel::transport::amqp::{Address, Certificates, Feed, Link, Source, publisher};
use schakel::transport::{
    Answer, DeadDesk, DeadLetter, Delivery, Inlet, LargeBodies, Outcome, Problem, TooLarge,
};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::node::PEACE;
use super::road::{HUB, Road};
use crate::hub::{POLITIE, until};

const MESSAGES: usize = 60;

/// A journal that cannot be written for a while: at the door, where its queue is full, and after
/// a message was taken, where a commit fails.
#[derive(Default)]
struct Troubled {
    asked: AtomicUsize,
    taken: Mutex<Vec<String>>,
}

impl Inlet for Troubled {
    fn receive(&self, delivery: Delivery) -> Answer<'_, Outcome> {
        let text = String::from_utf8(delivery.bytes).expect("text");
        // As in the hub, the order is decided before anything is waited for.
        let place = self.asked.fetch_add(1, Ordering::SeqCst);
        let fails = (5..9).contains(&place) || (20..23).contains(&place);
        if !fails {
            self.taken.lock().expect("no panic while taking").push(text);
        }
        Box::pin(async move {
            if place >= 20 {
                tokio::task::yield_now().await;
            }
            match fails {
                true => Outcome::unavailable(1),
                false => Outcome::problem(&Problem::unavailable()),
            }
        })
    }

    fn too_large(&self, notice: TooLarge) -> Answer<'_, Outcome> {
        panic!("nothing here is large: {notice:?}");
    }
}

impl DeadDesk for Troubled {
    fn bury(&self, letter: DeadLetter) -> Answer<'_, Outcome> {
        panic!("nothing died here: {letter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_overtaken_while_the_journal_is_unavailable() {
    let _peace = PEACE.read().await;
    let (road, _place) = Road::new(&[POLITIE]).await;
    let connection = Connection::connect(&road.url(POLITIE), ConnectionProperties::default()).await;
    let connection = connection.expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    for number in 0..MESSAGES {
        let (exchange, text) = (format!("in.{POLITIE}"), number.to_string());
        let properties = BasicProperties::default().with_message_id(text.as_str().into());
        let options = BasicPublishOptions::default();
        let exchange = exchange.as_str().into();
        let sent = channel.basic_publish(exchange, "".into(), options, text.as_bytes(), properties);
        drop(sent.await.expect("published"));
    }
    let url = road.node.url(HUB.0, HUB.1, &road.vhost);
    let address = Address::parse(&url, None, 10, Certificates::default()).expect("an address");
    let [reading, writing] =
        ["lezen", "schrijven"].map(|n| Arc::new(Link::new(address.clone(), n)));
    let mut tasks = JoinSet::new();
    for link in [reading.clone(), writing.clone()] {
        tasks.spawn(async move { link.run(std::future::pending()).await });
    }
    let (publisher, post) = publisher(writing);
    tasks.spawn(post.run());
    let inlet = Arc::new(Troubled::default());
    let feed = Feed {
        source: Source::Partner(POLITIE.parse().expect("a name")),
        link: reading,
        publisher,
        inlet: inlet.clone(),
        dead: inlet.clone(),
        large: LargeBodies::default(),
        prefetch: 16,
        random: || Some([3; 40]),
        listening: Arc::default(),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let feeding = tokio::spawn(async move { feed.run(async { drop(stopped.await) }).await });

    let answers = road.partner(POLITIE).collect(MESSAGES);
    let expected: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
    let mut answered: Vec<usize> =
        answers.iter().map(|answer| answer.is("about").parse().expect("a number")).collect();
    answered.sort_unstable();
    assert_eq!(answered, (0..MESSAGES).collect::<Vec<_>>(), "each has one answer");
    let taken = inlet.taken.lock().expect("no panic while taking").clone();
    let mut once = taken.clone();
    once.dedup();
    assert_eq!(once.len(), MESSAGES, "none was returned to the queue: {taken:?}");
    // What was refused at the door is overtaken by nothing; behind a commit that fails, what was
    // handed over before that showed may go first.
    assert_eq!(taken[..15], expected[..15]);
    let mut sorted = once.clone();
    sorted.sort_by_key(|text| text.parse::<usize>().expect("a number"));
    assert_eq!(sorted, expected);
    until("everything is settled", async || {
        let queue: Value = road.queue(&format!("in.{POLITIE}")).await?;
        (queue["messages"] == 0).then_some(())
    })
    .await;
    drop(stop);
    feeding.await.expect("it stops when told");
    tasks.shutdown().await;
}
