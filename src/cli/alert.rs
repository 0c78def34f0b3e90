//! `schakel alert`: what is wrong and was, and whether whoever should hear of it does.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Ground, Halt, alerts_of, settings};
use super::output::{Exit, Form, Rows, out, say};
use super::words::moment;
use crate::hub::alarm::{Kind, trial};
use crate::hub::{checked, clock};
use crate::journal::{Alarm, AlarmState, NoticeLine};
use crate::message::Timestamp;
use crate::settings::read_or_shipped;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Toont wat openstaat, en wat er was
    #[command(after_help = "Voorbeeld:\n  schakel alert list --limit 20")]
    List(Limit),
    /// Verstuurt een proefbericht langs elke ingestelde weg, en zegt hoe dat ging
    #[command(after_help = "Voorbeeld:\n  schakel alert test")]
    Test,
}

#[derive(Debug, Args)]
pub struct Limit {
    /// Hoeveel hoogstens
    #[arg(long, default_value_t = 50, value_name = "AANTAL")]
    limit: usize,
}

const ADVICE: &str = "stel een weg in onder [alerts.mail] of [alerts.webhook] in schakel.toml";

pub async fn run(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    match command {
        Command::List(Limit { limit }) => list(*limit, ground).await,
        Command::Test => test(ground).await,
    }
}

async fn list(limit: usize, ground: Ground<'_>) -> Result<Exit, Halt> {
    let configured = alerts_of(&settings(ground.config)?, ground.data)?;
    let journal = ground.reader().await?;
    let unreadable = |error| {
        let why = super::check::chain(&error);
        Halt::new(Exit::Unreachable, format!("het logboek antwoordt niet: {why}"))
    };
    let alarms = journal.alarms(limit).await.map_err(unreadable)?;
    // A start and an end, each by two roads.
    let notices = journal.notices(limit.saturating_mul(4)).await.map_err(unreadable)?;
    let mut told: BTreeMap<Uuid, Vec<&NoticeLine>> = BTreeMap::new();
    notices.iter().for_each(|line| told.entry(line.id).or_default().push(line));
    let mut rows =
        Rows::new(&["stand", "wat", "code", "onderwerp", "sinds", "tot", "ernst", "bericht"]);
    for alarm in &alarms {
        rows.add(row(alarm, &told));
    }
    rows.print(ground.form);
    let open = alarms.iter().filter(|alarm| alarm.state == AlarmState::Open).count();
    let known = alarms.len();
    match configured {
        None => say(&format!("Er wordt niet gewaakt; {ADVICE}.")),
        Some(alerts) if alerts.roads().is_empty() => {
            say(&format!("{open} open van {known}; niemand krijgt bericht: {ADVICE}."));
        }
        Some(_) => say(&format!("{open} open van {known}.")),
    }
    Ok(Exit::Ok)
}

fn row(alarm: &Alarm, told: &BTreeMap<Uuid, Vec<&NoticeLine>>) -> Vec<Value> {
    let kind = Kind::of_code(&alarm.condition);
    let title = kind.map_or_else(|| alarm.condition.clone(), |kind| kind.title(&alarm.subject));
    let ended = alarm.clear_at.filter(|_| alarm.state == AlarmState::Over);
    let cell = |moment_of: Option<Timestamp>| moment_of.map_or(Value::Null, |at| json!(moment(at)));
    let subject = (!alarm.subject.is_empty()).then_some(&alarm.subject);
    vec![
        json!(alarm.state.as_str()),
        json!(title),
        json!(alarm.condition),
        json!(subject),
        cell(Some(alarm.since)),
        cell(ended),
        json!(kind.map(|kind| kind.severity(alarm.amount))),
        json!(fared(alarm, told)),
    ]
}

/// How the newest notice about an alarm fared, road by road.
fn fared(alarm: &Alarm, told: &BTreeMap<Uuid, Vec<&NoticeLine>>) -> Option<String> {
    let newest = alarm.end_notice.or(alarm.start_notice)?;
    let lines = told.get(&newest)?.iter();
    let words = lines.map(|line| match &line.code {
        Some(code) if line.state != "verstuurd" => {
            format!("{} {} ({code}, poging {})", line.road, line.state, line.attempts)
        }
        _ => format!("{} {}", line.road, line.state),
    });
    Some(words.collect::<Vec<_>>().join(", "))
}

async fn test(ground: Ground<'_>) -> Result<Exit, Halt> {
    let alerts = alerts_of(&settings(ground.config)?, ground.data)?;
    let alerts = alerts.filter(|alerts| !alerts.roads().is_empty());
    let alerts = alerts.ok_or_else(|| {
        Halt::new(Exit::NotFound, format!("er zijn geen waarschuwingen ingesteld; {ADVICE}"))
    })?;
    let random = clock::random::<16>()
        .map_err(|_| Halt::new(Exit::Failure, "het systeem geeft geen toeval"))?;
    let id = uuid::Builder::from_random_bytes(random).into_uuid();
    // The trial is sent in the name that the set gives this hub.
    let files = read_or_shipped(ground.config).ok();
    let set = files.and_then(|files| checked(&files).ok());
    let name = set.map_or_else(|| "Schakel".to_owned(), |set| set.hub.naam);
    let tried = trial(&alerts, &name, id).await;
    let mut rows = Rows::new(&["weg", "gelukt", "uitkomst", "kenmerk"]);
    for (road, tried) in &tried {
        let (code, said) = match tried {
            Ok(0) => ("verstuurd", "verstuurd; kijk of het is aangekomen".to_owned()),
            Ok(refused) => (
                "deels-verstuurd",
                format!("verstuurd, maar {refused} van de lezers geweigerd; zie alerts.mail.to"),
            ),
            Err(code) => (code.as_str(), format!("MISLUKT: {}", explain(code))),
        };
        if ground.form == Form::Table {
            out(&format!("{:<8} {said}", road.as_str()));
        }
        let worked = *tried == Ok(0);
        rows.add(vec![json!(road.as_str()), json!(worked), json!(code), json!(id)]);
    }
    if ground.form != Form::Table {
        rows.print(ground.form);
    }
    say(&format!("Kenmerk van de proef: {id}"));
    let failed = tried.iter().filter(|(_, tried)| tried.is_err()).count();
    let whole = tried.iter().filter(|(_, tried)| *tried == Ok(0)).count();
    Ok(match (failed, whole) {
        (_, whole) if whole == tried.len() => Exit::Ok,
        (failed, _) if failed == tried.len() => Exit::Unreachable,
        _ => Exit::Partly,
    })
}

/// A code with what to do about it.
pub fn explain(code: &str) -> String {
    let next = match code {
        "te-langzaam" => "de server antwoordt niet op tijd; klopt het adres?",
        "geen-tls" => "geen beveiligde verbinding; klopt de naam, en ca_file?",
        "geen-verbinding" => "niet te bereiken, of zonder STARTTLS of passende aanmelding",
        "smtp-530" | "smtp-534" | "smtp-535" => "de aanmelding wordt geweigerd",
        "smtp-550" | "smtp-553" | "smtp-554" => "de server neemt deze afzender of lezer niet aan",
        "http-401" | "http-403" => "de ontvanger weigert; klopt het geheim?",
        "http-404" | "http-410" => "de ontvanger kent dit adres niet",
        "omleiding" => "de ontvanger stuurt door naar een ander adres; stel dat zelf in",
        code if code.starts_with("geblokkeerd-") => {
            "dit adres mag niet; noem een besloten netwerk in alerts.webhook.networks"
        }
        _ => "kijk bij de ontvanger",
    };
    format!("{code}: {next}")
}
