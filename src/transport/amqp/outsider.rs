//! The broker as others use it, for `schakel bench`: a partner that publishes and listens, and a
//! bare forwarder that does nothing but move bytes, to compare the hub with.

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Consumer, PublisherConfirm};

use super::BATCH_MAX;
use super::address::{Address, ConnectError};

/// Written to disk by the broker before it confirms.
const PERSISTENT: u8 = 2;
/// Batches of the forwarder that are under way at once: one is confirmed while the next is sent.
const BATCHES: usize = 2;

/// Somebody else's connection.
pub struct Outsider {
    connection: Connection,
    channel: Channel,
}

/// What lies in a mailbox, as far as a measurement looks.
#[derive(Debug, Clone)]
pub struct Mail {
    pub id: String,
    /// Which message it answers, in a receipt.
    pub about: Option<String>,
    /// The hub's number of that message, in a receipt.
    pub message: Option<String>,
}

impl Outsider {
    pub async fn enter(address: &Address) -> Result<Self, ConnectError> {
        let connection = address.connect("schakel-bench").await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { connection, channel })
    }

    /// Publishes all of them, with a barrier of confirms after every batch.
    pub async fn publish(
        &self,
        exchange: &str,
        letters: impl Iterator<Item = (String, Vec<u8>)>,
    ) -> Result<(), ConnectError> {
        let mut confirms = Vec::with_capacity(BATCH_MAX);
        for (id, bytes) in letters {
            confirms.push(self.send(exchange, "", &id, &bytes).await?);
            if confirms.len() >= BATCH_MAX {
                settled(std::mem::take(&mut confirms)).await?;
            }
        }
        settled(confirms).await
    }

    /// Publishes one, and returns when the broker has it.
    pub async fn publish_one(
        &self,
        exchange: &str,
        id: &str,
        bytes: &[u8],
    ) -> Result<(), ConnectError> {
        settled(vec![self.send(exchange, "", id, bytes).await?]).await
    }

    async fn send(
        &self,
        exchange: &str,
        key: &str,
        id: &str,
        bytes: &[u8],
    ) -> Result<PublisherConfirm, ConnectError> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/xml".into())
            .with_message_id(id.into());
        let (exchange, key) = (exchange.into(), key.into());
        Ok(self.channel.basic_publish(exchange, key, options, bytes, properties).await?)
    }

    /// How many messages wait in a queue.
    pub async fn depth(&self, queue: &str) -> Result<u64, ConnectError> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let asked = self.channel.queue_declare(queue.into(), options, FieldTable::default());
        Ok(asked.await?.message_count().into())
    }

    /// Empties a mailbox for as long as it lives, and tells what comes.
    pub async fn listen(
        &self,
        queue: &str,
        mut told: impl FnMut(Mail) + Send,
    ) -> Result<(), ConnectError> {
        let channel = self.connection.create_channel().await?;
        let mut mail = consume(&channel, queue).await?;
        while let Some(delivery) = mail.next().await {
            let delivery = delivery?;
            let about = &delivery.properties;
            let text = |found: &Option<lapin::types::ShortString>| {
                found.as_ref().map(|text| text.to_string())
            };
            let message = about.headers().as_ref().and_then(|headers| {
                match headers.inner().get("schakel-bericht") {
                    Some(AMQPValue::LongString(text)) => Some(text.to_string()),
                    _ => None,
                }
            });
            told(Mail {
                id: text(about.message_id()).unwrap_or_default(),
                about: text(about.correlation_id()),
                message,
            });
            delivery.acker.ack(BasicAckOptions::default()).await?;
        }
        Ok(())
    }

    /// Takes `count` messages from a queue and lays each in all the others: published, confirmed,
    /// and only then acknowledged. It looks at nothing and stores nothing.
    pub async fn forward(
        &self,
        from: &str,
        exchange: &str,
        to: &[String],
        count: usize,
    ) -> Result<(), ConnectError> {
        let channel = self.connection.create_channel().await?;
        let incoming = consume(&channel, from).await?;
        let batches = incoming.take(count).ready_chunks(BATCH_MAX);
        let mut under_way = batches
            .map(|batch| async {
                let mut confirms = Vec::with_capacity(BATCH_MAX * to.len());
                let mut last = None;
                for delivery in batch {
                    let delivery = delivery?;
                    for key in to {
                        let id = delivery.properties.message_id().as_ref();
                        let id = id.map_or("", lapin::types::ShortString::as_str);
                        confirms.push(self.send(exchange, key, id, &delivery.data).await?);
                    }
                    last = Some(delivery.acker);
                }
                settled(confirms).await?;
                Ok::<_, ConnectError>(last)
            })
            .buffered(BATCHES);
        while let Some(done) = under_way.next().await {
            if let Some(acker) = done? {
                acker.ack(BasicAckOptions { multiple: true }).await?;
            }
        }
        Ok(())
    }
}

/// The prefetch leaves room for all batches under way.
async fn consume(channel: &Channel, queue: &str) -> Result<Consumer, ConnectError> {
    let prefetch = u16::try_from(BATCH_MAX * (BATCHES + 1)).unwrap_or(u16::MAX);
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    Ok(channel.basic_consume(queue.into(), "".into(), options, arguments).await?)
}

async fn settled(confirms: Vec<PublisherConfirm>) -> Result<(), ConnectError> {
    for confirm in confirms {
        match confirm.await? {
            Confirmation::Ack(None) => {}
            _ => return Err(ConnectError::Refused("a message was not taken".to_owned())),
        }
    }
    Ok(())
}
