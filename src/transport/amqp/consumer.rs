//! Reading a queue: bytes in, receipt out, and only then the acknowledgement.
//!
//! Several deliveries are under way at once, but each is handed to the inlet in the order in which
//! it came, and none before the one ahead of it was taken. Every delivery is settled once, through
//! its own acker: a receipt in the sender's mailbox first, so that none is lost, then the ack.
//! A delivery that cannot be stored now is held, not sent back: each return counts towards the
//! queue's delivery limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use lapin::message::Delivery as Message;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Acker, BasicProperties, Channel, Consumer};
use tokio::sync::Mutex;

use super::letter::{Letter, Trace};
use super::link::{ANSWER_MOST, Link, LinkError};
use super::publisher::{Posted, Publisher};
use super::{receive, topology};
use crate::message::PartnerId;
use crate::transport::retry::retry_within;
use crate::transport::{
    Answer, DOCUMENT_BYTES_MAX, DeadDesk, Inlet, KEPT_BYTES_MAX, LargeBodies, LastPlace, Outcome,
    Verdict,
};

/// The longest wait before a queue that could not be read is tried again.
const LAST_WAIT: Duration = Duration::from_secs(4);
/// How long a delivery is held before the inlet is asked again, at first and at most.
const HOLD_FIRST: Duration = Duration::from_millis(200);
const HOLD_MOST: Duration = Duration::from_secs(5);
/// How long what is under way may take when the hub stops.
const FINISH_MOST: Duration = Duration::from_secs(8);

/// Unpredictable bytes: an id and a trace for a receipt.
pub type Random = fn() -> Option<[u8; 40]>;

/// Which queue is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Partner(PartnerId),
    Dead,
}

impl Source {
    fn queue(&self) -> String {
        match self {
            Self::Partner(partner) => topology::inbound(partner),
            Self::Dead => topology::DEAD.to_owned(),
        }
    }
}

/// A queue that is read until it is told to stop, whatever happens to connection and channel.
pub struct Feed {
    pub source: Source,
    pub link: Arc<Link>,
    pub publisher: Publisher,
    pub inlet: Arc<dyn Inlet>,
    pub dead: Arc<dyn DeadDesk>,
    /// The places for large documents, shared by all ways in.
    pub large: LargeBodies,
    /// Deliveries under way at once.
    pub prefetch: u16,
    pub random: Random,
    /// How many feeds are listening, for who watches over the hub.
    pub listening: Arc<AtomicUsize>,
}

/// One delivery on its way, with what settling it needs.
struct Flight {
    delivered: Delivered,
    acker: Acker,
    /// The sender's own id, for its receipt.
    about: Option<lapin::types::ShortString>,
}

/// What the delivery is, kept so that it can be handed over again.
#[derive(Clone)]
struct Delivered {
    routing_key: String,
    properties: BasicProperties,
    bytes: Vec<u8>,
}

/// Why a flight ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Landed {
    Settled,
    /// The channel is gone: the broker will deliver it again.
    Again,
}

/// What the flights of one channel share.
#[derive(Default)]
struct Crew {
    /// How many are held: meanwhile nothing new goes to the inlet, so that nothing overtakes them.
    held: AtomicUsize,
    /// Who is held gets its turn in the order in which it was refused. Says whether the one before
    /// it was taken: then there is no need to wait.
    turn: Mutex<bool>,
    /// The channel is being left: nothing is held any longer.
    leaving: AtomicBool,
}

/// A place among the held, given up when it ends in whatever way.
struct Held<'a>(&'a AtomicUsize);

impl Crew {
    fn hold(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::SeqCst);
        Held(&self.held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn is_unavailable(outcome: &Outcome) -> bool {
    matches!(outcome.verdict, Verdict::Unavailable { .. })
}

impl Feed {
    /// Reads until `stop` completes; what is under way is finished first.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.link.up() => {}
            }
            let opened = retry_within("wachtrij", || self.open(), &mut stop, LAST_WAIT).await;
            let Ok((channel, consumer)) = opened else { return };
            self.listening.fetch_add(1, Ordering::SeqCst);
            tracing::info!(queue = self.source.queue(), "listening");
            let stopped = self.pump(consumer.clone(), &mut stop, &channel).await;
            self.listening.fetch_sub(1, Ordering::SeqCst);
            let closing = channel.close(200, "OK".into());
            // A channel that is gone cannot be closed.
            let _gone = tokio::time::timeout(ANSWER_MOST, closing).await;
            if stopped {
                return;
            }
            tracing::warn!(queue = self.source.queue(), "no longer listening, trying again");
            tokio::time::sleep(HOLD_FIRST).await;
        }
    }

    async fn open(&self) -> Result<(Channel, Consumer), LinkError> {
        let channel = self.link.channel().await?;
        let qos = channel.basic_qos(self.prefetch, BasicQosOptions::default());
        self.link.timely(qos).await?;
        let queue = self.source.queue();
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consuming = channel.basic_consume(queue.as_str().into(), "".into(), options, arguments);
        Ok((channel.clone(), self.link.timely(consuming).await?))
    }

    /// Moves deliveries until the consumer ends; true where it was told to stop.
    async fn pump(
        &self,
        mut consumer: Consumer,
        stop: &mut (impl Future<Output = ()> + Unpin),
        channel: &Channel,
    ) -> bool {
        let crew = Crew::default();
        let mut flights: FuturesOrdered<Answer<'_, Landed>> = FuturesOrdered::new();
        let mut stopped = false;
        loop {
            let full = flights.len() >= usize::from(self.prefetch);
            let holding = crew.held.load(Ordering::SeqCst) > 0;
            tokio::select! {
                biased;
                () = &mut *stop => {
                    stopped = true;
                    break;
                }
                Some(landed) = flights.next(), if !flights.is_empty() => {
                    if landed == Landed::Again {
                        break;
                    }
                }
                // A deleted queue and a cancelled consumer end the stream without an error.
                message = consumer.next(), if !full && !holding => match message {
                    Some(Ok(message)) => flights.push_back(self.begin(message, &crew).await),
                    Some(Err(error)) => {
                        tracing::warn!(queue = self.source.queue(), %error, "a consumer broke");
                        break;
                    }
                    None => break,
                },
            }
        }
        crew.leaving.store(true, Ordering::SeqCst);
        if stopped {
            let tag = consumer.tag();
            let cancel = channel.basic_cancel(tag, BasicCancelOptions::default());
            let _gone = tokio::time::timeout(ANSWER_MOST, cancel).await;
        }
        let finishing = async { while flights.next().await.is_some() {} };
        let _unfinished = tokio::time::timeout(FINISH_MOST, finishing).await;
        stopped
    }

    /// Hands a delivery to the inlet, and gives the rest of its way. When this returns, the inlet
    /// has it, or has said that it cannot take it now: so nothing behind it goes first.
    async fn begin<'a>(&'a self, message: Message, crew: &'a Crew) -> Answer<'a, Landed> {
        let about = message.properties.message_id().clone();
        let delivered = Delivered {
            routing_key: message.routing_key.to_string(),
            properties: message.properties,
            bytes: message.data,
        };
        let flight = Flight { delivered, acker: message.acker, about };
        if crew.held.load(Ordering::SeqCst) > 0 {
            // It came while the one before it was refused, and joins the queue behind it.
            return Box::pin(self.fly_held(flight, crew.hold(), crew));
        }
        let mut first = self.hand_over(flight.delivered.clone());
        let polled = std::future::poll_fn(|context| match first.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => Poll::Ready(None),
        });
        match polled.await {
            None => Box::pin(async move {
                let outcome = first.await;
                if is_unavailable(&outcome) {
                    return self.fly_held(flight, crew.hold(), crew).await;
                }
                self.land(flight, outcome, crew).await
            }),
            Some(outcome) if is_unavailable(&outcome) => {
                Box::pin(self.fly_held(flight, crew.hold(), crew))
            }
            Some(outcome) => Box::pin(self.land(flight, outcome, crew)),
        }
    }

    fn hand_over(&self, delivered: Delivered) -> Answer<'_, Outcome> {
        let Delivered { routing_key, properties, bytes } = delivered;
        match &self.source {
            Source::Partner(partner) if bytes.len() > KEPT_BYTES_MAX => {
                self.inlet.too_large(receive::too_large(partner, &properties, bytes.len()))
            }
            Source::Partner(partner) => {
                let large = bytes.len() > DOCUMENT_BYTES_MAX;
                let place = if large { self.large.enter() } else { None };
                if large && place.is_none() {
                    // It is held until there is a place, as when nothing can be stored.
                    return Box::pin(std::future::ready(Outcome::unavailable(1)));
                }
                self.inlet.receive(receive::of_partner(partner, &properties, bytes, place))
            }
            Source::Dead => self.dead.bury(receive::dead_letter(&routing_key, &properties, bytes)),
        }
    }

    /// Waits for its turn, asks the inlet until it takes the delivery, and lands.
    async fn fly_held(&self, flight: Flight, held: Held<'_>, crew: &Crew) -> Landed {
        let mut turn = crew.turn.lock().await;
        let mut wait = HOLD_FIRST;
        let outcome = loop {
            if crew.leaving.load(Ordering::SeqCst) || !flight.acker.usable() {
                return Landed::Again;
            }
            if !*turn {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(HOLD_MOST);
            }
            let outcome = self.hand_over(flight.delivered.clone()).await;
            *turn = !is_unavailable(&outcome);
            if *turn {
                break outcome;
            }
        };
        drop((turn, held));
        self.land(flight, outcome, crew).await
    }

    /// From the inlet's answer to the acknowledgement.
    async fn land(&self, flight: Flight, outcome: Outcome, crew: &Crew) -> Landed {
        if let Some(sender) = self.sender(&flight)
            && self.answer(&sender, &flight, &outcome, crew).await == Landed::Again
        {
            return Landed::Again;
        }
        fail::fail_point!("amqp-voor-ack", |_| std::process::abort());
        let ack = flight.acker.ack(BasicAckOptions::default());
        match tokio::time::timeout(ANSWER_MOST, ack).await {
            Ok(Ok(true)) => Landed::Settled,
            // A dead channel, by whatever name: it comes again, and is recognised.
            _ => Landed::Again,
        }
    }

    /// Whose mailbox the answer goes to.
    fn sender(&self, flight: &Flight) -> Option<PartnerId> {
        match &self.source {
            Source::Partner(partner) => Some(partner.clone()),
            Source::Dead => {
                let Delivered { routing_key, properties, .. } = &flight.delivered;
                match receive::dead_letter(routing_key, properties, Vec::new()).place {
                    LastPlace::Inbound(partner) => Some(partner),
                    _ => None,
                }
            }
        }
    }

    /// Lays the receipt in the sender's mailbox, as often as it takes.
    async fn answer(
        &self,
        sender: &PartnerId,
        flight: &Flight,
        outcome: &Outcome,
        crew: &Crew,
    ) -> Landed {
        let mut wait = HOLD_FIRST;
        let mut said = false;
        loop {
            if let Some(drawn) = (self.random)() {
                let (id, trace) = drawn.split_at(16);
                let id = uuid::Builder::from_random_bytes(id.try_into().unwrap_or_default());
                let id = id.into_uuid().to_string();
                let trace = Trace(trace.try_into().unwrap_or([0; 24]));
                let letter = Letter::receipt(sender, outcome, &id, flight.about.clone(), trace);
                let posted = self.publisher.post(letter).await;
                if posted == Posted::Confirmed {
                    return Landed::Settled;
                }
                if !said && posted != Posted::Unknown {
                    said = true;
                    tracing::error!(partner.id = %sender, ?posted,
                        "a receipt cannot be laid in the mailbox; its message is held");
                }
            }
            if crew.leaving.load(Ordering::SeqCst) || !flight.acker.usable() {
                return Landed::Again;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(HOLD_MOST);
        }
    }
}
