//! `schakel bench`: what this machine does with the whole road, in one run.
//!
//! Starts a hub of its own over an empty folder, as `serve` does, and sends it police reports that
//! each lead to three parcels. Prints accepted messages a second at full load, the latency of
//! acceptance at a fixed rate, the memory of the hub, and how fast the journal is verified.

mod client;
mod hub;
mod live;
mod process;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::access::Halt;
use super::output::{Exit, Form, Rows, out, say};
use client::Connection;
use hub::BenchHub;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Asked {
    #[command(subcommand)]
    road: Option<Road>,
    /// Seconden per meting
    #[arg(long, default_value_t = 10)]
    seconden: u64,
    /// Gelijktijdige verbindingen bij volle belasting
    #[arg(long, default_value_t = 64)]
    verbindingen: usize,
    /// Berichten per seconde bij de meting van de wachttijd
    #[arg(long, default_value_t = 500)]
    tempo: u64,
    /// Eerst zoveel berichten opslaan, om het geheugen bij een groot logboek te meten
    #[arg(long, default_value_t = 0)]
    vooraf: u64,
    /// Ontvangers halen hun post op en bevestigen, zolang de meting duurt
    #[arg(long)]
    ophalen: bool,
    /// Map voor het logboek (standaard een tijdelijke, die weer verdwijnt)
    #[arg(long)]
    map: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Road {
    /// Meet op RabbitMQ en PostgreSQL, naast wat de broker alleen kan
    Diensten(live::Asked),
}

/// A police report of 2.6 kB with three persons; by the shipped set it goes to three recipients.
const REPORT: &str = include_str!("../../../connectors/politie/examples/in-volledig/native.xml");
/// What makes a report unique: its message id and its reference.
const MESSAGE_ID: &str = "PL2100-B-2026-118204";

pub async fn run(asked: &Asked, form: Form) -> Exit {
    if let Some(Road::Diensten(asked)) = &asked.road {
        return live::run(asked, form).await;
    }
    match measure(asked, form).await {
        Ok(()) => Exit::Ok,
        Err(halt) => halt.end(),
    }
}

async fn measure(asked: &Asked, form: Form) -> Result<(), Halt> {
    let hub = BenchHub::start(asked.map.clone()).await?;
    let mut facts: Vec<(&str, Value)> = Vec::new();
    let numbers = Arc::new(AtomicU64::new(0));
    if asked.vooraf > 0 {
        say(&format!("{} berichten vooraf …", asked.vooraf));
        let until = Until::Count(asked.vooraf);
        full_load(&hub, asked.verbindingen, until, &numbers).await?;
    }
    say("Volle belasting …");
    let collectors = if asked.ophalen { Some(hub.collectors().await?) } else { None };
    let cpu_before = hub.process.cpu_seconds();
    let until = Until::Time(Duration::from_secs(asked.seconden));
    let full = full_load(&hub, asked.verbindingen, until, &numbers).await?;
    let cpu = hub.process.cpu_seconds() - cpu_before;
    facts.push(("aangenomen en vastgelegd per seconde", json!(full.per_second().round())));
    facts.push(("wachttijd bij volle belasting p50 (ms)", json!(full.latency_ms(50))));
    facts.push(("wachttijd bij volle belasting p99 (ms)", json!(full.latency_ms(99))));
    let per_thousand = cpu / (full.latencies.len() as f64 / 1000.0);
    facts.push(("CPU-seconden van de hub per duizend berichten", json!(two_digits(per_thousand))));
    say(&format!("{} per seconde …", asked.tempo));
    let paced = paced_load(&hub, asked.tempo, asked.seconden, &numbers).await?;
    facts.push(("gehaald tempo per seconde", json!(paced.per_second().round())));
    facts.push(("wachttijd bij dit tempo p50 (ms)", json!(paced.latency_ms(50))));
    facts.push(("wachttijd bij dit tempo p99 (ms)", json!(paced.latency_ms(99))));
    facts.push(("geheugen van de hub (MiB)", json!(hub.process.memory_mib())));
    facts.push(("berichten in het logboek", json!(numbers.load(Ordering::Relaxed))));
    facts.push((
        "bytes op schijf per bericht",
        json!(hub.disk_bytes() / numbers.load(Ordering::Relaxed).max(1)),
    ));
    if collectors.is_some() {
        say("Wachten tot alles is opgehaald en bevestigd …");
        hub.collected().await?;
    }
    drop(collectors);
    say("Het logboek nagaan …");
    let (leaves, documents, seconds) = hub.verify().await?;
    facts.push(("bladen nagegaan per seconde", json!((leaves as f64 / seconds).round())));
    facts.push(("documenten daarbij per seconde", json!((documents as f64 / seconds).round())));
    let mut rows = Rows::new(&["meting", "waarde"]);
    facts.into_iter().for_each(|(name, value)| rows.add(vec![json!(name), value]));
    rows.print(form);
    if form == Form::Table {
        out("Ieder bericht: 2,6 kB StUF naar drie ontvangers, op schijf voor het antwoord.");
    }
    hub.stop().await;
    Ok(())
}

fn two_digits(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[derive(Clone, Copy)]
enum Until {
    Time(Duration),
    Count(u64),
}

/// The latencies of accepted messages, in microseconds, and how long it took in all.
struct Measured {
    latencies: Vec<u64>,
    took: Duration,
}

impl Measured {
    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    fn latency_ms(&self, percent: usize) -> f64 {
        percentile_ms(&self.latencies, percent)
    }
}

/// A percentile of microseconds, in milliseconds, to a tenth.
fn percentile_ms(micros: &[u64], percent: usize) -> f64 {
    let mut sorted = micros.to_vec();
    sorted.sort_unstable();
    let at = sorted.len().saturating_sub(1) * percent / 100;
    let micros = sorted.get(at).copied().unwrap_or(0);
    (micros as f64 / 100.0).round() / 10.0
}

/// Sends as fast as answers come, over so many connections.
async fn full_load(
    hub: &BenchHub,
    connections: usize,
    until: Until,
    numbers: &Arc<AtomicU64>,
) -> Result<Measured, Halt> {
    let started = Instant::now();
    let first = numbers.load(Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (address, token, numbers) = (hub.address, hub.police.clone(), numbers.clone());
        tasks.spawn(async move {
            let mut connection = Connection::open(address, &token).await?;
            let mut latencies = Vec::new();
            loop {
                let go_on = match until {
                    Until::Time(most) => started.elapsed() < most,
                    Until::Count(most) => numbers.load(Ordering::Relaxed) < first + most,
                };
                if !go_on {
                    return Ok::<_, Halt>(latencies);
                }
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                latencies.push(connection.post(&report(number)).await?);
            }
        });
    }
    collect(tasks, started).await
}

/// Sends at a fixed rate, whatever the answers do: late answers count from when they were due.
async fn paced_load(
    hub: &BenchHub,
    rate: u64,
    seconds: u64,
    numbers: &Arc<AtomicU64>,
) -> Result<Measured, Halt> {
    const LANES: u64 = 32;
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for lane in 0..LANES {
        let (address, token, numbers) = (hub.address, hub.police.clone(), numbers.clone());
        tasks.spawn(async move {
            let mut connection = Connection::open(address, &token).await?;
            let mut latencies = Vec::new();
            let mut turn = lane;
            while turn < rate * seconds {
                let due = started + Duration::from_micros(turn * 1_000_000 / rate);
                tokio::time::sleep_until(due).await;
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                connection.post(&report(number)).await?;
                latencies.push(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX));
                turn += LANES;
            }
            Ok::<_, Halt>(latencies)
        });
    }
    collect(tasks, started).await
}

async fn collect(
    mut tasks: JoinSet<Result<Vec<u64>, Halt>>,
    started: Instant,
) -> Result<Measured, Halt> {
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let done = done.map_err(|error| Halt::new(Exit::Failure, error.to_string()))?;
        latencies.extend(done?);
    }
    Ok(Measured { latencies, took: started.elapsed() })
}

/// A report of its own: another message id and another signal.
fn report(number: u64) -> Vec<u8> {
    let own = format!("PL2100-B-2026-{number:08}");
    let text = REPORT.replace(MESSAGE_ID, &own);
    text.replace("PL2100-2026-231107", &format!("PL2100-2026-{number:08}")).into_bytes()
}
