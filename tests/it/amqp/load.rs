//! Partners with a lot to say: a sender that keeps its copy until it has a receipt, and a
//! recipient that knows a parcel by its id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::hub::{GEMEENTE, POLITIE, XML, example, swap, until};

/// Messages without a receipt at once.
const WINDOW: usize = 200;
/// After so long without a word it enters again, and everything is sent again.
const SILENCE: Duration = Duration::from_secs(5);

/// A report that only the municipality gets.
pub fn report(number: usize) -> String {
    let report = example("politie", "in-kleinste");
    let report = swap(&report, "T-2026-000001", &format!("T-2026-{number}"));
    swap(&report, "PL2100-2026-1<", &format!("PL2100-2026-{number}<"))
}

/// What those around the hub know.
#[derive(Default)]
pub struct Ledger {
    /// Reports that still have no receipt.
    waiting: BTreeMap<usize, String>,
    /// How many were made, and whether there will be more.
    pub made: usize,
    open: bool,
    pub accepted: BTreeSet<usize>,
    pub refused: BTreeSet<usize>,
    /// The effects: for each parcel id, how often it was new to its recipient; by document.
    pub effects: BTreeMap<String, BTreeSet<String>>,
    parcels: BTreeSet<String>,
    /// Deliveries of a parcel that was known already.
    pub repeats: usize,
    /// The longest time between two effects, for who sets it to nothing before.
    pub pause: Duration,
    last_effect: Option<Instant>,
}

#[derive(Clone, Default)]
pub struct Crowd {
    ledger: Arc<Mutex<Ledger>>,
    /// There is something to send, or it was all.
    news: Arc<Notify>,
}

impl Crowd {
    /// With these reports still to send.
    pub fn with(reports: impl IntoIterator<Item = (usize, String)>) -> Self {
        let crowd = Self::default();
        crowd.add(reports);
        crowd
    }

    /// To which more comes: it is to be [made](Self::make) until it is [complete](Self::complete).
    pub fn open() -> Self {
        let crowd = Self::default();
        crowd.look(|ledger| ledger.open = true);
        crowd
    }

    pub fn add(&self, reports: impl IntoIterator<Item = (usize, String)>) {
        self.look(|ledger| {
            let before = ledger.waiting.len();
            ledger.waiting.extend(reports);
            ledger.made += ledger.waiting.len() - before;
        });
        self.news.notify_one();
    }

    /// How many reports have no receipt yet.
    pub fn waiting(&self) -> usize {
        self.look(|ledger| ledger.waiting.len())
    }

    /// Makes reports at this pace until it is complete; none while many wait already.
    pub async fn make(self, count: usize, every: Duration) {
        let mut pace = tokio::time::interval(every);
        while self.look(|ledger| ledger.open) {
            pace.tick().await;
            let made = self.look(|ledger| ledger.made);
            let fresh = count.min(WINDOW.saturating_sub(self.waiting()));
            self.add((made..made + fresh).map(|number| (number, report(number))));
        }
    }

    /// No more is made.
    pub fn complete(&self) {
        self.look(|ledger| ledger.open = false);
        self.news.notify_one();
    }

    pub fn look<T>(&self, look: impl FnOnce(&mut Ledger) -> T) -> T {
        look(&mut self.ledger.lock().expect("no panic while counting"))
    }

    pub fn settled(&self) -> usize {
        self.look(|ledger| ledger.accepted.len() + ledger.refused.len())
    }

    fn is_done(&self) -> bool {
        self.look(|ledger| !ledger.open && ledger.waiting.is_empty())
    }

    /// Sends until everything has a receipt, through whatever happens to the broker; by these urls
    /// in turn.
    pub async fn send(self, urls: Vec<String>) {
        let mut urls = urls.iter().cycle();
        while let (false, Some(url)) = (self.is_done(), urls.next()) {
            // A broker that is away is tried again: this sender keeps its copies.
            if self.send_on(url).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    async fn send_on(&self, url: &str) -> Result<(), Gone> {
        let (_connection, channel, mut receipts) = listen(url, &format!("uit.{POLITIE}")).await?;
        timely(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let mut sent: BTreeSet<usize> = BTreeSet::new();
        let mut heard = Instant::now();
        loop {
            let next: Vec<(usize, String)> = self.look(|ledger| {
                sent.retain(|number| ledger.waiting.contains_key(number));
                let room = WINDOW.saturating_sub(sent.len());
                let fresh = ledger.waiting.iter().filter(|(number, _)| !sent.contains(number));
                fresh.take(room).map(|(number, text)| (*number, text.clone())).collect()
            });
            for (number, text) in next {
                let properties = BasicProperties::default()
                    .with_content_type(XML.into())
                    .with_message_id(number.to_string().as_str().into())
                    .with_delivery_mode(2);
                let exchange = format!("in.{POLITIE}");
                let options = BasicPublishOptions::default();
                let publish = channel.basic_publish(
                    exchange.as_str().into(),
                    "".into(),
                    options,
                    text.as_bytes(),
                    properties,
                );
                // The receipt is what counts, not the broker's confirm.
                drop(timely(publish).await?);
                sent.insert(number);
            }
            if self.is_done() {
                return Ok(());
            }
            tokio::select! {
                receipt = receipts.next() => {
                    let Some(receipt) = receipt else { return Ok(()) };
                    let receipt = receipt?;
                    self.note_receipt(&receipt.properties);
                    timely(receipt.ack(BasicAckOptions::default())).await?;
                    heard = Instant::now();
                }
                () = self.news.notified() => {}
                // A channel of RabbitMQ 3.10 may keep nothing for a node that is gone.
                () = tokio::time::sleep_until(heard + SILENCE) => return Ok(()),
            }
        }
    }

    fn note_receipt(&self, about: &BasicProperties) {
        let number = about.correlation_id().as_ref().expect("about a message of ours");
        let number: usize = number.as_str().parse().expect("a number");
        let kind = about.kind().as_ref().expect("a type").to_string();
        self.look(|ledger| {
            ledger.waiting.remove(&number);
            match kind.as_str() {
                "nl.schakel.ontvangen.v1" => ledger.accepted.insert(number),
                "nl.schakel.geweigerd.v1" => ledger.refused.insert(number),
                other => panic!("a receipt of type {other}"),
            }
        });
    }

    /// Collects for the municipality by these urls in turn, for as long as the task lives.
    pub async fn collect(self, urls: Vec<String>) {
        for url in urls.iter().cycle() {
            // A broker that is away is tried again.
            let _gone = self.collect_on(url).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn collect_on(&self, url: &str) -> Result<(), Gone> {
        let (_connection, _channel, mut parcels) = listen(url, &format!("uit.{GEMEENTE}")).await?;
        while let Some(parcel) = parcels.next().await {
            let parcel = parcel?;
            let id = parcel.properties.message_id().as_ref().expect("an id").to_string();
            let text = String::from_utf8_lossy(&parcel.data).into_owned();
            self.look(|ledger| {
                let known = !ledger.parcels.insert(id.clone());
                ledger.repeats += usize::from(known);
                ledger.effects.entry(text).or_default().insert(id);
                let now = Instant::now();
                let before = ledger.last_effect.replace(now).unwrap_or(now);
                ledger.pause = ledger.pause.max(now - before);
            });
            timely(parcel.ack(BasicAckOptions::default())).await?;
        }
        Ok(())
    }

    /// Waits until everything is through, and counts.
    pub async fn judge(&self, mut people: JoinSet<()>) {
        let sent = self.look(|ledger| ledger.made);
        until("every report has its receipt", async || (self.settled() == sent).then_some(()))
            .await;
        let effects = || self.look(|ledger| ledger.effects.len());
        until("every effect is there", async || (effects() == sent).then_some(())).await;
        people.shutdown().await;
        self.look(|ledger| {
            let doubled = ledger.effects.values().filter(|ids| ids.len() > 1).count();
            println!(
                "sent {sent}, accepted {}, lost {}, doubled {doubled}, parcels that came again {}",
                ledger.accepted.len(),
                sent - ledger.effects.len(),
                ledger.repeats
            );
            assert_eq!((ledger.accepted.len(), ledger.refused.len(), doubled), (sent, 0, 0));
        });
    }
}

/// The broker is away, or does not answer.
struct Gone;

impl From<lapin::Error> for Gone {
    fn from(_: lapin::Error) -> Self {
        Self
    }
}

/// A partner does not wait for ever: a broker that is just starting may not answer at all.
async fn timely<T>(asked: impl Future<Output = lapin::Result<T>>) -> Result<T, Gone> {
    Ok(tokio::time::timeout(SILENCE, asked).await.map_err(|_| Gone)??)
}

async fn listen(url: &str, queue: &str) -> Result<(Connection, Channel, Consumer), Gone> {
    let url = format!("{url}?heartbeat=5");
    let connection = timely(Connection::connect(&url, ConnectionProperties::default())).await?;
    let channel = timely(connection.create_channel()).await?;
    timely(channel.basic_qos(100, BasicQosOptions::default())).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consuming = channel.basic_consume(queue.into(), "".into(), options, arguments);
    Ok((connection, channel.clone(), timely(consuming).await?))
}
