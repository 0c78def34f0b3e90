//! A look at the broker as the hub's own user sees it: which nodes let it in, are the queues there,
//! does anybody listen.

use futures_util::future::join_all;
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

/// Every node of the broker by its `host:port`, and why it cannot be entered where that is so.
pub async fn reach(address: &Address) -> Vec<(String, Result<(), ConnectError>)> {
    let knock = async |(host, node): (String, Address)| {
        let entered = async {
            let connection = node.connect("schakel-doctor").await?;
            let closing = connection.close(200, "OK".into());
            timeout(ANSWER_MOST, closing).await.map_err(|_| ConnectError::Slow)??;
            Ok(())
        };
        (host, entered.await)
    };
    join_all(address.nodes().into_iter().map(knock)).await
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
