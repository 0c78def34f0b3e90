//! How long it takes at a steady rate: from the sender's publish to its receipt, and to each
//! parcel in the hands of a recipient.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::site::{Site, inbound, mailboxes, receipts};
use crate::cli::access::Halt;
use crate::cli::bench::process::failed;
use crate::cli::bench::{percentile_ms, report};
use crate::cli::output::Exit;
use crate::hub::clock;
use crate::transport::amqp::Outsider;

/// How many publish at once.
const LANES: u64 = 16;
/// How long after the last publish everything must have come.
const ARRIVE_MOST: Duration = Duration::from_secs(60);
/// Numbers that no earlier report of the measurement has.
const FIRST: u64 = 50_000_000;

/// Latencies in milliseconds: p50 and p99.
pub struct Latencies {
    pub accept: [f64; 2],
    pub deliver: [f64; 2],
    pub messages: usize,
}

/// When what was sent, and when what came.
#[derive(Default)]
struct Seen {
    /// By the sender's id: when it was due to be sent.
    sent: HashMap<String, Instant>,
    /// By the sender's id: when its receipt came, and the hub's number for it.
    receipts: HashMap<String, (Instant, String)>,
    /// By parcel.
    parcels: HashMap<String, Instant>,
}

pub async fn measure(site: &Site, rate: u64, seconds: u64) -> Result<Latencies, Halt> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut listeners = JoinSet::new();
    for (mailbox, of_sender) in
        mailboxes()?.into_iter().map(|m| (m, false)).chain([(receipts()?, true)])
    {
        let (outsider, seen) = (site.outsider().await?, Arc::clone(&seen));
        listeners.spawn(async move { listen(&outsider, &mailbox, of_sender, &seen).await });
    }
    empty(site).await?;
    look(&seen, |seen| *seen = Seen::default());
    let started = Instant::now();
    let mut senders = JoinSet::new();
    for lane in 0..LANES {
        let (outsider, seen) = (site.outsider().await?, Arc::clone(&seen));
        let turns = (lane..rate * seconds).step_by(usize::try_from(LANES).unwrap_or(1));
        senders.spawn(async move {
            for turn in turns {
                let due = started + Duration::from_micros(turn * 1_000_000 / rate);
                tokio::time::sleep_until(due).await;
                let (number, id) = (FIRST + turn, (FIRST + turn).to_string());
                look(&seen, |seen| seen.sent.insert(id.clone(), due));
                let sent = outsider.publish_one(&inbound()?, &id, &report(number)).await;
                sent.map_err(failed)?;
            }
            Ok::<_, Halt>(())
        });
    }
    while let Some(done) = senders.join_next().await {
        done.map_err(failed)??;
    }
    let all = usize::try_from(rate * seconds).unwrap_or(usize::MAX);
    arrived(&seen, all).await?;
    drop(listeners);
    latencies(site, &seen).await
}

async fn listen(outsider: &Outsider, mailbox: &str, of_sender: bool, seen: &Mutex<Seen>) {
    let told = |mail: crate::transport::amqp::Mail| {
        let now = Instant::now();
        look(seen, |seen| match (of_sender, mail.about, mail.message) {
            (true, Some(about), Some(message)) => {
                seen.receipts.insert(about, (now, message));
            }
            (true, ..) => {}
            (false, ..) => {
                seen.parcels.insert(mail.id, now);
            }
        });
    };
    // It ends with the measurement, or shows as parcels that do not come.
    let _ended = outsider.listen(mailbox, told).await;
}

/// Waits until nothing is left of an earlier measurement.
async fn empty(site: &Site) -> Result<(), Halt> {
    let outsider = site.outsider().await?;
    let deadline = Instant::now() + ARRIVE_MOST;
    let mut all = mailboxes()?;
    all.push(receipts()?);
    loop {
        let mut left = 0;
        for mailbox in &all {
            left += outsider.depth(mailbox).await.map_err(failed)?;
        }
        if left == 0 {
            // What was handed out a moment ago is still being noted.
            tokio::time::sleep(Duration::from_secs(1)).await;
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Halt::new(Exit::Failure, "de postvakken raken niet leeg"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn arrived(seen: &Mutex<Seen>, all: usize) -> Result<(), Halt> {
    let deadline = Instant::now() + ARRIVE_MOST;
    loop {
        let (receipts, parcels) = look(seen, |seen| (seen.receipts.len(), seen.parcels.len()));
        if receipts >= all && parcels >= all * 3 {
            return Ok(());
        }
        if Instant::now() > deadline {
            let text = format!(
                "van {all} berichten kwamen er {receipts} ontvangstbewijzen en {parcels} zendingen"
            );
            return Err(Halt::new(Exit::Failure, text));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The journal knows which parcels were made of which message.
async fn latencies(site: &Site, seen: &Mutex<Seen>) -> Result<Latencies, Halt> {
    let journal = site.journal().await?;
    let Seen { sent, receipts, parcels } = look(seen, std::mem::take);
    let (mut accept, mut deliver) = (Vec::new(), Vec::new());
    let since = |from: Instant, to: Instant| {
        u64::try_from(to.duration_since(from).as_micros()).unwrap_or(u64::MAX)
    };
    for (id, due) in &sent {
        let Some((receipt, message)) = receipts.get(id) else { continue };
        accept.push(since(*due, *receipt));
        let message = message.parse().map_err(failed)?;
        let trace = journal.trace(message, clock::now()).await.map_err(failed)?;
        let arrivals = trace.parcels.iter().filter_map(|p| parcels.get(&p.id.to_string()));
        deliver.extend(arrivals.map(|arrived| since(*due, *arrived)));
    }
    if deliver.len() < sent.len() * 3 {
        return Err(Halt::new(Exit::Failure, "niet elke zending is van een bericht te herleiden"));
    }
    let both = |of: &[u64]| [50, 99].map(|percent| percentile_ms(of, percent));
    Ok(Latencies { accept: both(&accept), deliver: both(&deliver), messages: sent.len() })
}

fn look<T>(seen: &Mutex<Seen>, look: impl FnOnce(&mut Seen) -> T) -> T {
    // A listener that panicked shows as parcels that are missing.
    look(&mut seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}
