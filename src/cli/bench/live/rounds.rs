//! How many messages a second: a bare forwarder and the hub, each from a full queue to three
//! mailboxes that nobody empties.

use std::time::Duration;

use tokio::time::Instant;

use super::set::Shape;
use super::site::{Cpu, Services, Site, inbound, mailboxes};
use crate::cli::access::Halt;
use crate::cli::bench::process::{HubProcess, failed};
use crate::cli::bench::report;
use crate::cli::output::Exit;
use crate::journal::Figures;
use crate::transport::amqp::{Outsider, topology};

/// How often the mailboxes are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Without any progress for so long, something is broken.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// What one round showed.
pub struct Round {
    pub per_second: f64,
    /// Of hub, broker and database, for each thousand messages.
    pub cpu_per_thousand: [f64; 3],
}

/// What the database did for one message.
pub struct Stored {
    pub inserted: f64,
    pub updated: f64,
    pub log_bytes: f64,
    pub database_bytes: f64,
}

/// The reports of one measurement, each with its id.
pub fn letters(first: u64, count: u64) -> impl Iterator<Item = (String, Vec<u8>)> {
    (first..first + count).map(|number| (number.to_string(), report(number)))
}

/// A forwarder that looks at nothing and stores nothing.
pub async fn raw(services: &Services, shape: Shape, count: u64) -> Result<Round, Halt> {
    let site = Site::make(services, shape).await?;
    let (outsider, watcher) = (site.outsider().await?, site.outsider().await?);
    outsider.publish(&inbound()?, letters(0, count)).await.map_err(failed)?;
    let (from, to) = (inbound()?, mailboxes()?);
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let forwarding = outsider.forward(&from, topology::OUT, &to, most);
    let watching = watch(&watcher, &to, count, || site.cpu(None));
    let (forwarded, round) = tokio::join!(forwarding, watching);
    forwarded.map_err(failed)?;
    site.remove(services).await?;
    round
}

/// The hub, which starts over a full queue.
pub async fn hub(
    services: &Services,
    shape: Shape,
    count: u64,
) -> Result<(Round, Stored, Site, HubProcess), Halt> {
    let mut site = Site::make(services, shape).await?;
    let outsider = site.outsider().await?;
    outsider.publish(&inbound()?, letters(0, count)).await.map_err(failed)?;
    let before = site.figures().await?;
    let hub = site.hub().await?;
    let round = watch(&outsider, &mailboxes()?, count, || site.cpu(Some(&hub))).await?;
    // The server gathers its figures for a moment.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stored = stored(before, site.figures().await?, count);
    Ok((round, stored, site, hub))
}

fn stored(before: Figures, after: Figures, count: u64) -> Stored {
    let each = |from: i64, to: i64| to.saturating_sub(from) as f64 / count as f64;
    Stored {
        inserted: each(before.rows_inserted, after.rows_inserted),
        updated: each(before.rows_updated, after.rows_updated),
        log_bytes: each(before.log_bytes, after.log_bytes),
        database_bytes: each(before.database_bytes, after.database_bytes),
    }
}

/// One look at the mailboxes.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    laid: u64,
    cpu: Cpu,
}

/// Looks until everything lies in the mailboxes; the rate is that of the middle four fifths, so
/// that neither the start nor the last small batches count.
async fn watch(
    outsider: &Outsider,
    mailboxes: &[String],
    count: u64,
    cpu: impl Fn() -> Cpu,
) -> Result<Round, Halt> {
    let all = count * mailboxes.len() as u64;
    let mut looks: Vec<Look> = Vec::new();
    loop {
        let mut laid = 0;
        for mailbox in mailboxes {
            laid += outsider.depth(mailbox).await.map_err(failed)?;
        }
        looks.push(Look { at: Instant::now(), laid, cpu: cpu() });
        if laid >= all {
            break;
        }
        let moved = looks.iter().find(|look| look.laid == laid);
        if moved.is_some_and(|look| look.at.elapsed() > STUCK_AFTER) {
            let text = format!("er kwamen er {laid} van {all} aan, en toen niets meer");
            return Err(Halt::new(Exit::Failure, text));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let from = looks.iter().find(|look| look.laid >= all / 10);
    let to = looks.iter().rev().find(|look| look.laid <= all / 10 * 9);
    let (Some(from), Some(to)) = (from, to) else { return Err(too_few()) };
    if to.laid <= from.laid {
        return Err(too_few());
    }
    let messages = (to.laid - from.laid) as f64 / mailboxes.len() as f64;
    let per_second = messages / to.at.duration_since(from.at).as_secs_f64();
    let mut cpu_per_thousand = to.cpu.0;
    for (to, from) in cpu_per_thousand.iter_mut().zip(from.cpu.0) {
        *to = (*to - from) * 1000.0 / messages;
    }
    Ok(Round { per_second, cpu_per_thousand })
}

fn too_few() -> Halt {
    Halt::new(Exit::Usage, "te weinig berichten om aan te meten; neem er meer (--berichten)")
}
