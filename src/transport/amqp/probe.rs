//! A look at queues as the hub's own user sees them: are they there, does anybody listen.

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::time::timeout;

use super::address::{Address, ConnectError};
use super::link::{ANSWER_MOST, is_not_found};

/// A queue that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    pub queue: String,
    /// `None` where there is no such queue.
    pub listeners: Option<u32>,
}

/// Connects, looks at each queue, and leaves again.
pub async fn probe(address: &Address, queues: &[String]) -> Result<Vec<Probed>, ConnectError> {
    let connection = address.connect("schakel-doctor").await?;
    let looking = async {
        let mut found = Vec::with_capacity(queues.len());
        for queue in queues {
            // What is not there costs the channel that asked.
            let channel = connection.create_channel().await?;
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let asked =
                channel.queue_declare(queue.as_str().into(), options, FieldTable::default());
            let listeners = match asked.await {
                Ok(queue) => Some(queue.consumer_count()),
                Err(error) if is_not_found(&error) => None,
                Err(error) => return Err(ConnectError::from(error)),
            };
            if listeners.is_some() {
                channel.close(200, "OK".into()).await?;
            }
            found.push(Probed { queue: queue.clone(), listeners });
        }
        connection.close(200, "OK".into()).await?;
        Ok(found)
    };
    timeout(ANSWER_MOST, looking).await.unwrap_or(Err(ConnectError::Slow))
}
