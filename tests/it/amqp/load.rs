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

use crate::hub::{GEMEENTE, POLITIE, XML, example, swap};

/// Messages without a receipt at once.
const WINDOW: usize = 200;
/// After so long without a word everything is sent again.
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
    pub accepted: BTreeSet<usize>,
    pub refused: BTreeSet<usize>,
    /// The effects: for each parcel id, how often it was new to its recipient; by document.
    pub effects: BTreeMap<String, BTreeSet<String>>,
    /// Deliveries of a parcel that was known already.
    pub repeats: usize,
}

#[derive(Clone, Default)]
pub struct Crowd {
    ledger: Arc<Mutex<Ledger>>,
}

impl Crowd {
    /// With these reports still to send.
    pub fn with(reports: impl IntoIterator<Item = (usize, String)>) -> Self {
        let crowd = Self::default();
        crowd.look(|ledger| ledger.waiting.extend(reports));
        crowd
    }

    pub fn add(&self, reports: impl IntoIterator<Item = (usize, String)>) {
        self.look(|ledger| ledger.waiting.extend(reports));
    }

    /// How many reports have no receipt yet.
    pub fn waiting(&self) -> usize {
        self.look(|ledger| ledger.waiting.len())
    }

    pub fn look<T>(&self, look: impl FnOnce(&mut Ledger) -> T) -> T {
        look(&mut self.ledger.lock().expect("no panic while counting"))
    }

    pub fn settled(&self) -> usize {
        self.look(|ledger| ledger.accepted.len() + ledger.refused.len())
    }

    /// Sends until everything has a receipt, through whatever happens to the broker.
    pub async fn send(self, url: String) {
        while !self.look(|ledger| ledger.waiting.is_empty()) {
            // A broker that is away is tried again: this sender keeps its copies.
            if self.send_on(&url).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    async fn send_on(&self, url: &str) -> lapin::Result<()> {
        let (_connection, channel, mut receipts) = listen(url, &format!("uit.{POLITIE}")).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut sent: BTreeSet<usize> = BTreeSet::new();
        loop {
            let next: Vec<(usize, String)> = self.look(|ledger| {
                let under_way = sent.iter().filter(|n| ledger.waiting.contains_key(n)).count();
                let room = WINDOW.saturating_sub(under_way);
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
                drop(publish.await?);
                sent.insert(number);
            }
            if self.look(|ledger| ledger.waiting.is_empty()) {
                return Ok(());
            }
            match tokio::time::timeout(SILENCE, receipts.next()).await {
                Ok(Some(receipt)) => {
                    let receipt = receipt?;
                    self.note_receipt(&receipt.properties);
                    receipt.ack(BasicAckOptions::default()).await?;
                }
                Ok(None) => return Ok(()),
                Err(_) => sent.clear(),
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

    /// Collects for the municipality, for as long as the task lives.
    pub async fn collect(self, url: String) {
        loop {
            // A broker that is away is tried again.
            let _gone = self.collect_on(&url).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn collect_on(&self, url: &str) -> lapin::Result<()> {
        let (_connection, _channel, mut parcels) = listen(url, &format!("uit.{GEMEENTE}")).await?;
        while let Some(parcel) = parcels.next().await {
            let parcel = parcel?;
            let id = parcel.properties.message_id().as_ref().expect("an id").to_string();
            let text = String::from_utf8_lossy(&parcel.data).into_owned();
            self.look(|ledger| {
                let known = ledger.effects.values().any(|ids| ids.contains(&id));
                ledger.repeats += usize::from(known);
                ledger.effects.entry(text).or_default().insert(id);
            });
            parcel.ack(BasicAckOptions::default()).await?;
        }
        Ok(())
    }
}

async fn listen(url: &str, queue: &str) -> lapin::Result<(Connection, Channel, Consumer)> {
    let url = format!("{url}?heartbeat=5");
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(100, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(queue.into(), "".into(), options, arguments).await?;
    Ok((connection, channel, consumer))
}
