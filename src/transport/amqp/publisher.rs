//! Sending letters so that each gets a verdict that can be believed.
//!
//! One task owns an exclusive channel on a connection of its own. It publishes a batch, waits for
//! all confirms of the batch, and only then says what became of each letter. A return is matched
//! by its message id: when publishes are pipelined, lapin hands it to whichever confirm comes next.

use std::collections::HashSet;
use std::sync::Arc;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, PublisherConfirm};
use tokio::sync::{mpsc, oneshot};

use super::letter::Letter;
use super::link::{ANSWER_MOST, Link, LinkError};
use super::topology;

/// Letters between two barriers; more gains nothing.
pub const BATCH_MAX: usize = 256;
/// Letters that wait to be published; who comes after waits as well.
const QUEUE_MAX: usize = 1024;

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It lies in the mailbox, on disk.
    Confirmed,
    /// There is no such mailbox.
    Unroutable,
    /// The broker will not keep it now.
    Rejected,
    /// Nobody knows: it may lie there. Sent again it comes twice, under the same id.
    Unknown,
}

struct Order {
    letter: Letter,
    reply: oneshot::Sender<Posted>,
}

/// The way to the publisher; cheap to clone. The publisher ends when the last one is dropped.
#[derive(Clone)]
pub struct Publisher {
    orders: mpsc::Sender<Order>,
    link: Arc<Link>,
}

/// The task behind it.
pub struct Post {
    orders: mpsc::Receiver<Order>,
    link: Arc<Link>,
    channel: Option<Channel>,
}

/// A publisher over this connection, and the task to be run for it.
pub fn publisher(link: Arc<Link>) -> (Publisher, Post) {
    let (sender, orders) = mpsc::channel(QUEUE_MAX);
    (Publisher { orders: sender, link: Arc::clone(&link) }, Post { orders, link, channel: None })
}

impl Publisher {
    /// Sends one letter. Many callers at once share their barriers.
    pub async fn post(&self, letter: Letter) -> Posted {
        let (reply, verdict) = oneshot::channel();
        if self.orders.send(Order { letter, reply }).await.is_err() {
            return Posted::Unknown;
        }
        verdict.await.unwrap_or(Posted::Unknown)
    }

    /// Whether a letter that is posted now has a chance.
    pub fn is_open(&self) -> bool {
        self.link.is_up() && !self.link.is_blocked()
    }

    pub fn link(&self) -> &Link {
        &self.link
    }
}

impl Post {
    /// Runs until every [`Publisher`] is gone and what they posted has its verdict.
    pub async fn run(mut self) {
        while self.step().await {}
    }

    /// One batch; false when there will be no more.
    pub async fn step(&mut self) -> bool {
        let mut orders = Vec::with_capacity(BATCH_MAX);
        if self.orders.recv_many(&mut orders, BATCH_MAX).await == 0 {
            return false;
        }
        for batch in apart(orders) {
            let letters: Vec<&Letter> = batch.iter().map(|order| &order.letter).collect();
            let verdicts = match self.open().await {
                Ok(channel) => self.publish(&channel, &letters).await,
                Err(error) => {
                    tracing::debug!(%error, "no channel to publish on");
                    vec![Posted::Unknown; letters.len()]
                }
            };
            for (order, verdict) in batch.into_iter().zip(verdicts) {
                // Who asked may have gone away: the letter is then known by its id.
                let _ = order.reply.send(verdict);
            }
        }
        true
    }

    /// The channel that only this task uses.
    async fn open(&mut self) -> Result<Channel, LinkError> {
        if self.link.is_blocked() {
            return Err(LinkError::Blocked);
        }
        if let Some(channel) = self.channel.as_ref().filter(|channel| channel.status().connected())
        {
            return Ok(channel.clone());
        }
        let channel = self.link.channel().await?;
        self.link.timely(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        self.channel = Some(channel.clone());
        Ok(channel)
    }

    /// Publishes the letters, waits for the barrier, and judges.
    async fn publish(&mut self, channel: &Channel, letters: &[&Letter]) -> Vec<Posted> {
        let number = self.link.number();
        let mut confirms = Vec::with_capacity(letters.len());
        let sending = async {
            for letter in letters {
                match send(channel, letter).await {
                    Ok(confirm) => confirms.push(confirm),
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        let sent = match tokio::time::timeout(ANSWER_MOST, sending).await {
            Ok(sent) => sent.map_err(LinkError::Refused),
            Err(_) => Err(LinkError::Slow),
        };
        let (mut verdicts, mut returned) = (Vec::with_capacity(letters.len()), HashSet::new());
        let deadline = tokio::time::Instant::now() + ANSWER_MOST;
        for confirm in confirms {
            let answer = tokio::time::timeout_at(deadline, confirm).await;
            verdicts.push(judge(answer, &mut returned));
        }
        // What was never sent, or in the middle of being sent.
        verdicts.resize(letters.len(), Posted::Unknown);
        for (letter, verdict) in letters.iter().zip(&mut verdicts) {
            if *verdict == Posted::Confirmed && returned.contains(&letter.id) {
                *verdict = Posted::Unroutable;
            }
        }
        let number_of = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        if verdicts.contains(&Posted::Rejected) {
            // A channel of RabbitMQ 3.10 that first wrote to a queue just after its leader's node
            // died refuses everything for that queue until the node is back. A new one does not.
            tracing::warn!(
                letters = number_of(Posted::Rejected),
                "letters that the broker did not keep; going on with another channel"
            );
            self.channel = None;
            let _gone = self.link.timely(channel.close(200, "OK".into())).await;
        }
        if verdicts.contains(&Posted::Unknown) {
            let error = sent.err().map(|error| error.to_string());
            tracing::warn!(
                letters = number_of(Posted::Unknown),
                ?error,
                "letters without a verdict, to be sent again"
            );
            self.channel = None;
            // A channel that was closed is replaced, and a connection that is silent is given up;
            // one that the broker blocked says so, and goes on when its alarm is over.
            if channel.status().connected() && !self.link.is_blocked() {
                self.link.give_up(number);
            }
        }
        verdicts
    }
}

async fn send(channel: &Channel, letter: &Letter) -> lapin::Result<PublisherConfirm> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let (exchange, key) = (topology::OUT.into(), letter.queue.as_str().into());
    let properties = letter.properties.clone();
    channel.basic_publish(exchange, key, options, &letter.bytes, properties).await
}

/// What one confirm says, apart from returns: those are noted, whosever they are.
fn judge(
    answer: Result<lapin::Result<Confirmation>, tokio::time::error::Elapsed>,
    returned: &mut HashSet<String>,
) -> Posted {
    let Ok(Ok(confirmation)) = answer else { return Posted::Unknown };
    let verdict = match &confirmation {
        // Also where it carries a return: that may be of another letter.
        Confirmation::Ack(_) => Posted::Confirmed,
        Confirmation::Nack(_) => Posted::Rejected,
        Confirmation::NotRequested => Posted::Unknown,
    };
    let about = confirmation.take_message();
    let id = about.and_then(|message| message.delivery.properties.message_id().clone());
    returned.extend(id.map(|id| id.to_string()));
    verdict
}

/// Letters that share an id go in batches of their own, or their returns could not be told apart.
fn apart(orders: Vec<Order>) -> Vec<Vec<Order>> {
    let mut batches: Vec<Vec<Order>> = vec![Vec::new()];
    let mut ids = HashSet::new();
    for order in orders {
        if !ids.insert(order.letter.id.clone()) {
            ids = HashSet::from([order.letter.id.clone()]);
            batches.push(Vec::new());
        }
        if let Some(batch) = batches.last_mut() {
            batch.push(order);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::super::letter::Trace;
    use super::*;
    use crate::transport::fakes;

    fn order(number: u128) -> Order {
        let recipient = fakes::partner("zorg");
        let letter = Letter::parcel(&recipient, fakes::parcel(number), Trace([0; 24]));
        Order { letter, reply: oneshot::channel().0 }
    }

    #[test]
    fn letters_with_one_id_never_share_a_barrier() {
        let sizes = |numbers: &[u128]| {
            let batches = apart(numbers.iter().copied().map(order).collect());
            batches.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[1, 2, 3]), [3]);
        assert_eq!(sizes(&[1, 2, 1, 2, 3]), [2, 3]);
        assert_eq!(sizes(&[1, 1, 1]), [1, 1, 1]);
    }

    #[test]
    fn a_confirm_that_carries_a_return_says_nothing_about_its_own_letter() {
        let mut returned = HashSet::new();
        let plain = judge(Ok(Ok(Confirmation::Ack(None))), &mut returned);
        let nack = judge(Ok(Ok(Confirmation::Nack(None))), &mut returned);
        let none = judge(Ok(Ok(Confirmation::NotRequested)), &mut returned);
        assert_eq!([plain, nack, none], [Posted::Confirmed, Posted::Rejected, Posted::Unknown]);
        assert!(returned.is_empty());
    }

    #[tokio::test]
    async fn without_a_broker_nobody_waits() {
        let address = super::super::Address::parse(
            "amqp://a:b@127.0.0.1:1/v",
            None,
            10,
            super::super::Certificates::default(),
        );
        let link = Arc::new(Link::new(address.unwrap(), "proef"));
        let (publisher, mut post) = publisher(link);
        assert!(!publisher.is_open());
        let letter = order(1).letter;
        let (verdict, more) = tokio::join!(publisher.post(letter), post.step());
        assert_eq!((verdict, more), (Posted::Unknown, true));
        drop(publisher);
        assert!(!post.step().await, "it ends with the last who could post");
    }
}
