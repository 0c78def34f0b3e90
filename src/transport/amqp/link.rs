//! A connection that is opened again whenever it is lost, and that says how it is.
//!
//! lapin's own recovery is off: it gives up after some tries, does not repair channels that the
//! broker closed, and settles stale deliveries. Here everything is built anew, with `retry`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::{Channel, Connection, ErrorKind, Event};
use tokio::sync::watch;

use super::address::Address;
use crate::transport::retry::retry_within;

/// The longest wait between two attempts: a broker that is back should be found soon.
const LAST_WAIT: Duration = Duration::from_secs(4);
/// How often a connection is looked at when it says nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long anything may take that the broker answers at once when it is well.
pub(super) const ANSWER_MOST: Duration = Duration::from_secs(10);
/// How long closing in good order may take.
const CLOSE_MOST: Duration = Duration::from_secs(2);

/// A supervised connection. Publishing and consuming have one each: a broker with an alarm stops
/// the connections that publish, and the hub must go on settling what it got.
pub struct Link {
    address: Address,
    name: &'static str,
    current: watch::Sender<Option<Arc<Connection>>>,
    blocked: AtomicBool,
    /// Which connection since the start this is.
    present: AtomicU64,
    /// The newest connection that was given up.
    given_up: watch::Sender<u64>,
}

/// There is no connection, or it does not answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("there is no connection to the broker")]
    Down,
    #[error("the broker has an alarm")]
    Blocked,
    #[error("the broker does not answer in time")]
    Slow,
    /// Names things of the broker, never a message.
    #[error("the broker refuses: {0}")]
    Refused(lapin::Error),
}

impl From<lapin::Error> for LinkError {
    fn from(error: lapin::Error) -> Self {
        Self::Refused(error)
    }
}

impl Link {
    pub fn new(address: Address, name: &'static str) -> Self {
        let current = watch::Sender::new(None);
        let (blocked, present) = (AtomicBool::new(false), AtomicU64::new(0));
        let given_up = watch::Sender::new(0);
        Self { address, name, current, blocked, present, given_up }
    }

    /// Keeps the connection up until `stop` completes.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let open = || self.address.connect(self.name);
            let Ok(connection) = retry_within(self.name, open, &mut stop, LAST_WAIT).await else {
                return;
            };
            let connection = Arc::new(connection);
            let number = self.present.fetch_add(1, Ordering::SeqCst) + 1;
            self.current.send_replace(Some(Arc::clone(&connection)));
            let stopped = tokio::select! {
                () = self.watch(&connection, number) => false,
                () = &mut stop => true,
            };
            self.current.send_replace(None);
            self.blocked.store(false, Ordering::SeqCst);
            let closing = connection.close(200, "OK".into());
            // A connection that is gone cannot be closed, and one that hangs is given up.
            let _gone = tokio::time::timeout(CLOSE_MOST, closing).await;
            if stopped {
                return;
            }
            tracing::warn!(broker.link = self.name, "the connection to the broker is lost");
        }
    }

    /// Returns when the connection is of no more use.
    async fn watch(&self, connection: &Connection, number: u64) {
        let mut given_up = self.given_up.subscribe();
        let mut events = std::pin::pin!(connection.events_listener());
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        self.blocked.store(true, Ordering::SeqCst);
                        tracing::error!(broker.link = self.name, reason,
                            "alert: the broker has an alarm and takes nothing for now");
                    }
                    Some(Event::ConnectionUnblocked) => {
                        self.blocked.store(false, Ordering::SeqCst);
                        tracing::info!(broker.link = self.name, "the broker's alarm is over");
                    }
                    Some(_) => {}
                    None => return,
                },
                _ = given_up.wait_for(|newest| *newest >= number) => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if !connection.status().connected() {
                return;
            }
        }
    }

    /// Gives up a connection: it did not answer. Who waited for one that was lost meanwhile does
    /// not take the next one down with it.
    pub(super) fn give_up(&self, number: u64) {
        self.given_up.send_modify(|newest| *newest = number.max(*newest));
    }

    /// The number of the present connection, to be named where it does not answer.
    pub(super) fn number(&self) -> u64 {
        self.present.load(Ordering::SeqCst)
    }

    pub fn is_up(&self) -> bool {
        let current = self.current.borrow();
        current.as_ref().is_some_and(|connection| connection.status().connected())
    }

    /// Whether the broker has an alarm, and holds what is published.
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::SeqCst)
    }

    /// Completes when there is a connection.
    pub async fn up(&self) {
        let mut current = self.current.subscribe();
        // An error means that the link is gone, and who waits for it as well.
        let _up = current.wait_for(Option::is_some).await;
    }

    /// A new channel on the present connection.
    pub(super) async fn channel(&self) -> Result<Channel, LinkError> {
        let current = self.current.borrow().clone().ok_or(LinkError::Down)?;
        self.timely(current.create_channel()).await
    }

    /// Waits for an answer of the broker, but not for ever; silence ends the connection.
    pub(super) async fn timely<T>(
        &self,
        asked: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, LinkError> {
        let number = self.number();
        match tokio::time::timeout(ANSWER_MOST, asked).await {
            Ok(answer) => Ok(answer?),
            Err(_) => {
                self.give_up(number);
                Err(LinkError::Slow)
            }
        }
    }

    /// How many messages wait in a queue; `None` where there is no such queue. `Refused` where the
    /// broker does not tell (4.2.6 and 4.3.0 only to who may configure the queue).
    pub async fn depth(&self, queue: &str) -> Result<Option<u32>, LinkError> {
        let channel = self.channel().await?;
        let options = lapin::options::QueueDeclareOptions { passive: true, ..Default::default() };
        let asked =
            channel.queue_declare(queue.into(), options, lapin::types::FieldTable::default());
        let found = match self.timely(asked).await {
            Ok(queue) => Some(queue.message_count()),
            // The broker says so by closing the channel.
            Err(LinkError::Refused(error)) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.timely(channel.close(200, "OK".into())).await?;
        Ok(found)
    }
}

/// Whether the broker says that there is no such thing, rather than that it may not be seen.
pub(super) fn is_not_found(error: &lapin::Error) -> bool {
    const NOT_FOUND: u16 = 404;
    matches!(error.kind(), ErrorKind::ProtocolError(told) if told.get_id() == NOT_FOUND)
}
