//! `schakel bench diensten`: the production road on live services, beside what the broker does by
//! itself: rate, ratio, latency, cost by process, and what grows.

mod latency;
mod rounds;
mod set;
mod site;

use clap::Args;
use serde_json::{Value, json};

use self::rounds::{Round, Stored};
use self::set::{RECIPIENTS, SHIPPED, Shape};
use self::site::{Services, Site, inbound};
use super::process::{HubProcess, failed};
use crate::cli::access::Halt;
use crate::cli::broker::Management;
use crate::cli::output::{Exit, Form, Rows, out, say};

#[derive(Debug, Args)]
#[command(after_help = "Voorbeeld:\n  schakel bench diensten --amqp \
    amqp://beheerder:geheim@127.0.0.1:5672 --beheer http://beheerder:geheim@127.0.0.1:15672 \
    --postgres postgres://postgres@127.0.0.1/postgres\n\n\
    Maakt voor elke meting een eigen vhost en een eigen database, en ruimt ze weer op. Neem \
    diensten\ndie verder niets te doen hebben; `tests/bench` start eigen diensten daarvoor.")]
pub struct Asked {
    /// PostgreSQL: een gebruiker die databases mag maken
    #[arg(long, value_name = "URL", env = "SCHAKEL_BENCH_POSTGRES", hide_env_values = true)]
    postgres: String,
    /// RabbitMQ: een beheerder
    #[arg(long, value_name = "URL", env = "SCHAKEL_BENCH_AMQP", hide_env_values = true)]
    amqp: String,
    /// De beheer-API van RabbitMQ, met dezelfde gebruiker
    #[arg(long, value_name = "URL", env = "SCHAKEL_BENCH_BEHEER", hide_env_values = true)]
    beheer: String,
    /// Berichten per ronde
    #[arg(long, default_value_t = 20_000)]
    berichten: u64,
    /// Rondes; kale doorgever en hub om en om
    #[arg(long, default_value_t = 2)]
    rondes: usize,
    /// Seconden voor de meting van de wachttijd
    #[arg(long, default_value_t = 10)]
    seconden: u64,
    /// Ketenpartners in de grote set (0: die meting overslaan)
    #[arg(long, default_value_t = 1_000)]
    ketenpartners: usize,
    /// Routes in de grote set
    #[arg(long, default_value_t = 10_000)]
    routes: usize,
    /// Meet wat zoveel wachtende zendingen voor een dode ontvanger de anderen kosten
    #[arg(long, default_value_t = 0)]
    achterstand: u64,
    /// Berichten per seconde bij die meting
    #[arg(long, default_value_t = 100)]
    tempo: u64,
    /// Meet het geheugen met zoveel wachtende zendingen (een miljoen duurt enkele minuten)
    #[arg(long, default_value_t = 0)]
    wachtend: u64,
}

/// Numbers of reports that no filling of a site has.
const FIRST: u64 = 50_000_000;

type Facts = Vec<(String, Value)>;

pub async fn run(asked: &Asked, form: Form) -> Exit {
    match measure(asked, form).await {
        Ok(()) => Exit::Ok,
        Err(halt) => halt.end(),
    }
}

async fn measure(asked: &Asked, form: Form) -> Result<(), Halt> {
    let services = Services {
        postgres: asked.postgres.clone(),
        amqp: asked.amqp.clone(),
        management: Management::new(&asked.beheer, None)?,
    };
    let mut facts = Facts::new();
    throughput(&services, asked, &mut facts).await?;
    if asked.ketenpartners > 0 {
        large(&services, asked, &mut facts).await?;
    }
    if asked.achterstand > 0 {
        backlog(&services, asked, &mut facts).await?;
    }
    if asked.wachtend > 0 {
        waiting(&services, asked, &mut facts).await?;
    }
    let mut rows = Rows::new(&["meting", "waarde"]);
    facts.into_iter().for_each(|(name, value)| rows.add(vec![json!(name), value]));
    rows.print(form);
    if form == Form::Table {
        out("Ieder bericht: 2,6 kB StUF naar drie ontvangers in VERA, FHIR en JSON. De kale \
             doorgever legt elk\nbericht onveranderd in dezelfde drie postvakken, bevestigd, en \
             bewaart niets.");
    }
    Ok(())
}

/// Forwarder and hub in turns; after the last round the hub goes on at half its rate.
async fn throughput(services: &Services, asked: &Asked, facts: &mut Facts) -> Result<(), Halt> {
    let (mut raws, mut hubs) = (Vec::new(), Vec::new());
    let mut last = None;
    for round in 1..=asked.rondes.max(1) {
        if let Some((_, site, hub)) = last.take() {
            end(services, site, hub).await?;
        }
        say(&format!("Ronde {round}: kale doorgever …"));
        let raw = rounds::raw(services, SHIPPED, asked.berichten).await?;
        say(&format!("Ronde {round}: kale doorgever {:.0}/s; hub …", raw.per_second));
        let (hub, stored, site, process) = rounds::hub(services, SHIPPED, asked.berichten).await?;
        say(&format!("Ronde {round}: hub {:.0}/s", hub.per_second));
        raws.push(raw);
        hubs.push(hub);
        last = Some((stored, site, process));
    }
    let (raw, hub) = (mean_rate(&raws), mean_rate(&hubs));
    facts.push(("kale doorgever: berichten per seconde".to_owned(), json!(raw.round())));
    facts.push(("hub: berichten per seconde".to_owned(), json!(hub.round())));
    facts.push(("verhouding".to_owned(), json!(digits(hub / raw, 2))));
    let Some((stored, site, process)) = last else { return Ok(()) };
    costs(&site, &raws, &hubs, &stored, facts);
    let rate = whole(hub / 2.0);
    say(&format!("Wachttijd bij {rate}/s …"));
    let found = latency::measure(&site, &RECIPIENTS, (FIRST, rate, asked.seconden)).await?;
    for (what, [p50, p99]) in [("aanname", found.accept), ("bezorging", found.deliver)] {
        let name = |p: u8| format!("wachttijd {what} bij {rate}/s p{p} (ms)");
        facts.push((name(50), json!(p50)));
        facts.push((name(99), json!(p99)));
    }
    facts.push(("berichten in de meting van de wachttijd".to_owned(), json!(found.messages)));
    facts.push(("geheugen van de hub (MiB)".to_owned(), json!(process.memory_mib())));
    end(services, site, process).await
}

fn costs(site: &Site, raws: &[Round], hubs: &[Round], stored: &Stored, facts: &mut Facts) {
    if site.all_here() {
        let mean = |rounds: &[Round], at: usize| {
            let all = rounds.iter().filter_map(|round| round.cpu_per_thousand.get(at));
            digits(all.sum::<f64>() / rounds.len() as f64, 2)
        };
        for (at, who) in ["hub", "broker", "database"].into_iter().enumerate() {
            let name = format!("CPU-seconden per duizend berichten: {who}");
            facts.push((name, json!(mean(hubs, at))));
        }
        let name = "CPU-seconden per duizend berichten: broker bij de kale doorgever".to_owned();
        facts.push((name, json!(mean(raws, 1))));
    } else {
        say("Broker of database draait op een andere machine: hun rekentijd is niet te meten.");
    }
    facts.push(("rijen per bericht: nieuw".to_owned(), json!(digits(stored.inserted, 1))));
    facts.push(("rijen per bericht: gewijzigd".to_owned(), json!(digits(stored.updated, 1))));
    let bytes = |number: f64| json!(number.round());
    facts.push(("bytes per bericht: database".to_owned(), bytes(stored.database_bytes)));
    facts.push(("bytes per bericht: logbestand (WAL)".to_owned(), bytes(stored.log_bytes)));
}

/// The small set and the large one in turns.
async fn large(services: &Services, asked: &Asked, facts: &mut Facts) -> Result<(), Halt> {
    let shape = Shape { partners: asked.ketenpartners, routes: asked.routes, ..SHIPPED };
    let mut rates = [Vec::new(), Vec::new()];
    for round in 1..=asked.rondes.max(1) {
        for (shape, rates) in [SHIPPED, shape].into_iter().zip(&mut rates) {
            let size = shape.partners;
            say(&format!(
                "Ronde {round}: hub met de set van {} …",
                match size {
                    0 => "zeven ketenpartners".to_owned(),
                    size => format!("{size} ketenpartners en {} routes", shape.routes),
                }
            ));
            let (hub, _, site, process) = rounds::hub(services, shape, asked.berichten).await?;
            say(&format!("Ronde {round}: {:.0}/s", hub.per_second));
            rates.push(hub);
            end(services, site, process).await?;
        }
    }
    let [small, large] = rates.map(|rounds| mean_rate(&rounds));
    let of = format!("{} ketenpartners en {} routes", asked.ketenpartners, asked.routes);
    facts.push((format!("hub met {of}: berichten per seconde"), json!(large.round())));
    let less = digits((1.0 - large / small) * 100.0, 1);
    facts.push(("dat is minder dan de kleine set (%)".to_owned(), json!(less)));
    Ok(())
}

/// Two hubs with the same dead recipient, one with a backlog for it, measured in alternating
/// pairs: what that costs the other recipients.
async fn backlog(services: &Services, asked: &Asked, facts: &mut Facts) -> Result<(), Halt> {
    const PAIRS: u64 = 5;
    let shape = Shape {
        by_broker: &["gemeente-eindhoven", "ggz-de-kempen"],
        dead: Some("wonen-zuid"),
        ..SHIPPED
    };
    let free = Site::make(services, shape).await?;
    let full = Site::make(services, shape).await?;
    let (free_hub, full_hub) = (free.hub().await?, full.hub().await?);
    say(&format!("{} zendingen voor een ontvanger die niet antwoordt …", asked.achterstand));
    rounds::fill(&full, &full_hub, shape, asked.achterstand).await?;
    let mut ratios = Vec::new();
    let (mut free_ms, mut full_ms) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let load = (FIRST + pair * 1_000_000, asked.tempo, asked.seconden);
        let without = latency::measure(&free, shape.by_broker, load).await?.deliver[1]; // of two
        let with = latency::measure(&full, shape.by_broker, load).await?.deliver[1]; // of two
        say(&format!("Paar {}: p99 {without} ms zonder, {with} ms met achterstand", pair + 1));
        free_ms.push(without);
        full_ms.push(with);
        ratios.push(with / without);
    }
    let name = |what: &str| format!("bezorging aan de anderen p99 (ms), {what}");
    facts.push((name("zonder achterstand"), json!(digits(median(free_ms), 1))));
    let with = format!("met {} wachtende zendingen voor een dode ontvanger", asked.achterstand);
    facts.push((name(&with), json!(digits(median(full_ms), 1))));
    facts.push((
        "verhouding daarvan, mediaan van vijf paren".to_owned(),
        json!(digits(median(ratios), 2)),
    ));
    end(services, free, free_hub).await?;
    end(services, full, full_hub).await
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// Fills the hub with parcels that nobody collects.
async fn waiting(services: &Services, asked: &Asked, facts: &mut Facts) -> Result<(), Halt> {
    /// Published ahead of the hub at most: the broker is not what is measured.
    const AHEAD: u64 = 20_000;
    let shape = Shape { by_broker: &[], ..SHIPPED };
    let site = Site::make(services, shape).await?;
    let hub = site.hub().await?;
    let outsider = site.outsider().await?;
    let (queue, all) = (inbound()?, asked.wachtend.div_ceil(3));
    let (mut sent, mut most) = (0, 0);
    while sent < all {
        let count = AHEAD.min(all - sent);
        outsider.publish(&queue, rounds::letters(sent, count)).await.map_err(failed)?;
        sent += count;
        while outsider.depth(&queue).await.map_err(failed)? > AHEAD / 2 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        most = most.max(hub.memory_mib());
        say(&format!("{} van {} zendingen wachten …", sent * 3, all * 3));
    }
    let journal = site.journal().await?;
    let waiting = loop {
        most = most.max(hub.memory_mib());
        let stats = journal.stats().await.map_err(failed)?;
        let waiting: i64 = stats.waiting.iter().map(|waiting| waiting.count).sum();
        if u64::try_from(waiting).unwrap_or(0) >= all * 3 {
            break waiting;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    };
    facts.push(("wachtende zendingen".to_owned(), json!(waiting)));
    facts.push(("geheugen van de hub daarbij, hoogste (MiB)".to_owned(), json!(most)));
    drop(journal);
    end(services, site, hub).await
}

async fn end(services: &Services, site: Site, hub: HubProcess) -> Result<(), Halt> {
    hub.stop().await;
    site.remove(services).await
}

fn mean_rate(rounds: &[Round]) -> f64 {
    rounds.iter().map(|round| round.per_second).sum::<f64>() / rounds.len() as f64
}

/// A rate as a whole number, at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and far below the bound of the type"
)]
fn whole(rate: f64) -> u64 {
    rate.round().max(1.0) as u64
}

fn digits(number: f64, digits: i32) -> f64 {
    let power = 10_f64.powi(digits);
    (number * power).round() / power
}
