//! The tasks of the broker road: two supervised connections, a publisher, a consumer for each
//! partner and one for dead letters, the deliverer, and the round along the mailboxes.
//!
//! They end in this order: nothing more is read, what was read is settled and answered, then the
//! publisher ends because nobody can post any more, and with it its connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinSet;

use super::{REVIEW_EVERY, stopped};
use crate::hub::{BrokerLinks, Delivered, Hub, IDLE, broker_partners, clock};
use crate::journal::{Fresh, FreshFor, FreshParcels};
use crate::message::PartnerId;
use crate::transport::LargeBodies;
use crate::transport::amqp::{Address, BATCH_MAX, Feed, Link, Post, Publisher, Source, publisher};

/// How often the mailboxes are looked after, at most; with short terms more often.
const ROUND_MOST: Duration = Duration::from_secs(60);
/// How long a loop rests after the journal did not answer.
const TROUBLE_WAIT: Duration = Duration::from_secs(1);
/// How long to gather what was committed before it is claimed.
const GATHER: Duration = Duration::from_millis(10);
/// Batches of parcels that were stored a moment ago, under way at once.
const FRESH_TASKS: usize = 3;
/// Dead letters under way at once.
const DEAD_PREFETCH: u16 = 32;

/// What the hub's settings say about its broker.
#[derive(Debug, Clone)]
pub struct Broker {
    pub address: Address,
    /// Messages of one partner under way at once.
    pub prefetch: u16,
    /// After so many seconds without a receipt a parcel is looked for.
    pub receipt_after_s: u32,
}

/// Starts every task of the road.
pub(super) fn start(
    hub: &Arc<Hub>,
    broker: &Broker,
    large: &LargeBodies,
    tasks: &mut JoinSet<&'static str>,
    stopping: &watch::Receiver<bool>,
) {
    let consuming = Arc::new(Link::new(broker.address.clone(), "schakel-ontvangen"));
    let publishing = Arc::new(Link::new(broker.address.clone(), "schakel-versturen"));
    hub.watch_broker(BrokerLinks {
        consuming: Arc::clone(&consuming),
        publishing: Arc::clone(&publishing),
    });
    let (publisher, post) = publisher(Arc::clone(&publishing));
    tasks.spawn(publish(publishing, post));
    let reader = Reader {
        hub: hub.clone(),
        publisher: publisher.clone(),
        prefetch: broker.prefetch,
        large: large.clone(),
    };
    tasks.spawn(read(reader, consuming, stopping.clone()));
    // A journal has one hub in a process, so nobody took it before.
    let opens = hub.journal().fresh().map(|Fresh { recipients, parcels }| {
        let parcels = Arc::new(Mutex::new(parcels));
        for _ in 0..FRESH_TASKS {
            let (hub, publisher) = (hub.clone(), publisher.clone());
            tasks.spawn(deliver_fresh(hub, publisher, Arc::clone(&parcels), stopping.clone()));
        }
        recipients
    });
    tasks.spawn(deliver(hub.clone(), publisher.clone(), opens, stopping.clone()));
    let after = i64::from(broker.receipt_after_s);
    tasks.spawn(look_after(hub.clone(), publisher, after, stopping.clone()));
}

/// The publisher and its connection, until nobody can post any more.
async fn publish(link: Arc<Link>, post: Post) -> &'static str {
    let (done, ended) = oneshot::channel::<()>();
    let posting = async {
        post.run().await;
        drop(done);
    };
    let closed = async {
        // An error is what is waited for: the sender is dropped.
        let _dropped = ended.await;
    };
    tokio::join!(posting, link.run(closed));
    "broker-versturen"
}

/// What every consumer needs.
struct Reader {
    hub: Arc<Hub>,
    publisher: Publisher,
    prefetch: u16,
    large: LargeBodies,
}

impl Reader {
    fn feed(&self, source: Source, link: &Arc<Link>, listening: &Arc<AtomicUsize>) -> Feed {
        let prefetch = if source == Source::Dead { DEAD_PREFETCH } else { self.prefetch };
        Feed {
            source,
            link: Arc::clone(link),
            publisher: self.publisher.clone(),
            inlet: self.hub.clone(),
            dead: self.hub.clone(),
            large: self.large.clone(),
            prefetch,
            random: || clock::random().ok(),
            listening: Arc::clone(listening),
        }
    }
}

/// A consumer for each partner of the active set, and one for dead letters.
async fn read(reader: Reader, link: Arc<Link>, stopping: watch::Receiver<bool>) -> &'static str {
    let (close, closed) = oneshot::channel::<()>();
    let connection = {
        let link = Arc::clone(&link);
        async move {
            link.run(async {
                let _dropped = closed.await;
            })
            .await;
        }
    };
    let consumers = async {
        consume(&reader, &link, stopping).await;
        drop(close);
    };
    tokio::join!(connection, consumers);
    "broker-ontvangen"
}

async fn consume(reader: &Reader, link: &Arc<Link>, stopping: watch::Receiver<bool>) {
    let listening = Arc::new(AtomicUsize::new(0));
    let mut reading: BTreeMap<Source, watch::Sender<bool>> = BTreeMap::new();
    let mut tasks: JoinSet<()> = JoinSet::new();
    loop {
        // While the journal is only read nothing is taken out of any queue.
        let wanted: BTreeSet<Source> = if reader.hub.is_closed() {
            BTreeSet::new()
        } else {
            let partners = broker_partners(&reader.hub.active().catalogue);
            partners.into_iter().map(Source::Partner).chain([Source::Dead]).collect()
        };
        reading.retain(|source, _| wanted.contains(source));
        for source in wanted {
            reading.entry(source).or_insert_with_key(|source| {
                // The other end is dropped when it is no longer read.
                let (keep, kept) = watch::channel(false);
                let feed = reader.feed(source.clone(), link, &listening);
                tasks.spawn(async move { feed.run(stopped(kept)).await });
                keep
            });
        }
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            () = tokio::time::sleep(REVIEW_EVERY) => {}
            () = stopped(stopping.clone()) => break,
        }
    }
    drop(reading);
    while tasks.join_next().await.is_some() {}
}

/// Delivers what was stored a moment ago. At the stop what was handed over is finished.
async fn deliver_fresh(
    hub: Arc<Hub>,
    publisher: Publisher,
    parcels: Arc<Mutex<FreshParcels>>,
    stopping: watch::Receiver<bool>,
) -> &'static str {
    loop {
        let batch = {
            let mut parcels = parcels.lock().await;
            tokio::select! {
                biased;
                batch = parcels.next(BATCH_MAX) => batch,
                () = stopped(stopping.clone()) => parcels.left(BATCH_MAX),
            }
        };
        if batch.is_empty() {
            stopped(stopping).await;
            return "broker-meteen";
        }
        if hub.is_closed() {
            continue; // their lease ends, and they wait in their lanes
        }
        if let Err(error) = hub.broker_fresh(&publisher, batch).await {
            tracing::error!(%error, "parcels wait until their lease ends");
            tokio::time::sleep(TROUBLE_WAIT).await;
        }
    }
}

/// Delivers whenever the journal may have something, and looks now and then by itself.
async fn deliver(
    hub: Arc<Hub>,
    publisher: Publisher,
    opens: Option<FreshFor>,
    stopping: watch::Receiver<bool>,
) -> &'static str {
    let mut changes = hub.journal().changes();
    let open_for = |recipients: BTreeSet<PartnerId>| {
        if let Some(opens) = &opens {
            opens.set(recipients);
        }
    };
    while !*stopping.borrow() {
        let open = !hub.is_closed();
        open_for(if open { hub.broker_opens(&publisher) } else { BTreeSet::new() });
        let step = if open { hub.broker_step(&publisher).await } else { Ok(Delivered::default()) };
        let rest = match step {
            Ok(done) if !done.is_idle() => continue,
            Ok(_) => IDLE,
            Err(error) => {
                tracing::error!(%error, "delivering through the broker waits");
                TROUBLE_WAIT
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            // A moment later, so that what is committed together is published together.
            () = after_change(&mut changes), if publisher.is_open() && rest == IDLE => {}
            () = stopped(stopping.clone()) => {}
        }
    }
    open_for(BTreeSet::new());
    "broker-leveren"
}

async fn after_change(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        // The journal is gone, and the hub with it.
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(GATHER).await;
}

async fn look_after(
    hub: Arc<Hub>,
    publisher: Publisher,
    receipt_after_s: i64,
    stopping: watch::Receiver<bool>,
) -> &'static str {
    let term = u64::try_from(receipt_after_s).unwrap_or(1).max(2) / 2;
    let every = Duration::from_secs(term).min(ROUND_MOST);
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stopped(stopping.clone()) => return "broker-nalopen",
        }
        if hub.is_closed() {
            continue;
        }
        if let Err(error) = hub.look_after_mailboxes(&publisher, receipt_after_s).await {
            tracing::error!(%error, "the mailboxes cannot be looked after now");
        }
    }
}
