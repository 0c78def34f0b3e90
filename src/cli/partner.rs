//! `schakel partner`: who exchanges with the hub, with which credentials, and who may not now.

use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Ground, Halt};
use super::output::{Exit, Form, Rows, out, say, secret};
use super::partner_add;
use super::words::{list, moment_cell, text, yes};
use crate::message::PartnerId;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Toont de ketenpartners van de actieve set
    List,
    /// Maakt een toegangssleutel, of trekt er een in; er zijn er hoogstens twee tegelijk geldig
    #[command(after_help = "Voorbeeld:\n  schakel partner key politie-oost-brabant --label \
        zaaksysteem\n\nWisselen zonder onderbreking: maak een tweede sleutel, laat de \
        ketenpartner\noverstappen, en trek daarna de eerste in met --revoke.")]
    Key {
        /// De ketenpartner
        ketenpartner: PartnerId,
        /// Waarvoor deze sleutel is
        #[arg(long, default_value = "", conflicts_with = "revoke")]
        label: String,
        /// Trekt deze sleutel in; zie partner keys
        #[arg(long, value_name = "ID")]
        revoke: Option<Uuid>,
    },
    /// Toont welke toegangssleutels een ketenpartner heeft; de sleutels zelf zijn nergens bewaard
    Keys {
        /// De ketenpartner
        ketenpartner: PartnerId,
    },
    /// Maakt een geheim waarmee de hub webhooks naar deze ketenpartner ondertekent
    #[command(
        after_help = "Voorbeeld:\n  schakel partner webhook-secret brandweer-brabant-zuidoost"
    )]
    WebhookSecret {
        /// De ketenpartner
        ketenpartner: PartnerId,
    },
    /// Schorst een ketenpartner: er gaat niets meer heen en er wordt niets van aangenomen
    #[command(after_help = "Voorbeeld:\n  schakel partner suspend ggz-de-kempen \
        --by 'J. Jansen' --why 'sleutel gelekt'")]
    Suspend {
        /// De ketenpartner
        ketenpartner: PartnerId,
        /// Wie dit besluit
        #[arg(long, value_name = "NAAM")]
        by: String,
        /// Waarom
        #[arg(long, value_name = "TEKST")]
        why: String,
    },
    /// Heft een schorsing op
    Resume {
        /// De ketenpartner
        ketenpartner: PartnerId,
        /// Wie dit besluit
        #[arg(long, value_name = "NAAM")]
        by: String,
    },
    /// Biedt een ketenpartner die terug is meteen aan wat op hem wacht, bij alle hubs
    #[command(after_help = "Voorbeeld:\n  schakel partner unblock brandweer-brabant-zuidoost \
        --by 'J. Jansen' --why 'storing verholpen'\n\nNa herhaald mislukken laat de hub een \
        ketenpartner een tijd met rust; zie partner list.")]
    Unblock {
        /// De ketenpartner
        ketenpartner: PartnerId,
        /// Wie dit besluit
        #[arg(long, value_name = "NAAM")]
        by: String,
        /// Waarom
        #[arg(long, value_name = "TEKST")]
        why: String,
    },
    /// Voegt een ketenpartner toe aan de set van --config, als die daarmee in orde blijft
    Add(Box<partner_add::Asked>),
}

pub async fn run(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    match command {
        Command::List => show_all(ground).await?,
        Command::Key { ketenpartner, revoke: Some(id), .. } => {
            revoke(ground, ketenpartner, *id).await?;
        }
        Command::Key { ketenpartner, label, revoke: None } => {
            let body = json!({ "partner": ketenpartner, "label": label });
            let made = ground
                .prepare(async |access| access.call("sleutel-maken", body.clone()).await)
                .await?;
            say(&format!("Toegangssleutel van {ketenpartner}, nummer {}.", text(&made, "id")));
            show_once(&made, "sleutel", ground.form);
        }
        Command::Keys { ketenpartner } => show_keys(ground, ketenpartner).await?,
        Command::WebhookSecret { ketenpartner } => {
            let body = json!({ "partner": ketenpartner });
            let made = ground
                .prepare(async |access| access.call("webhookgeheim-maken", body.clone()).await)
                .await?;
            say(&format!("Webhookgeheim van {ketenpartner}, nummer {}.", text(&made, "id")));
            show_once(&made, "geheim", ground.form);
        }
        Command::Suspend { ketenpartner, by, why } => {
            let body = json!({ "partner": ketenpartner, "door": by, "reden": why });
            let done = ground.ask("schorsen", body).await?;
            told(&done, &format!("{ketenpartner} is geschorst."), ground.form);
        }
        Command::Resume { ketenpartner, by } => {
            let body = json!({ "partner": ketenpartner, "door": by });
            let done = ground.ask("hervatten", body).await.map_err(|halt| match halt.exit {
                Exit::NotFound if halt.text.contains("niets bekend") => {
                    Halt::new(Exit::NotFound, format!("{ketenpartner} is niet geschorst"))
                }
                _ => halt,
            })?;
            told(&done, &format!("{ketenpartner} mag weer uitwisselen."), ground.form);
        }
        Command::Unblock { ketenpartner, by, why } => {
            let body = json!({ "partner": ketenpartner, "door": by, "reden": why });
            let done = ground.ask("deblokkeren", body).await?;
            told(&done, &unblocked(&done), ground.form);
        }
        Command::Add(asked) => return partner_add::run(asked, ground),
    }
    Ok(Exit::Ok)
}

fn unblocked(done: &Value) -> String {
    let number = |key: &str| done.get(key).and_then(Value::as_u64).unwrap_or(0);
    let (now, freed, waiting) = (number("nu"), number("vervroegd"), number("wachtend"));
    let who = text(done, "partner");
    let was = done.get("wasGeblokkeerd").and_then(Value::as_bool).unwrap_or(false);
    let first = if was { "is niet meer geblokkeerd" } else { "was bij deze hub niet geblokkeerd" };
    format!(
        "{who} {first}: {now} zendingen gaan nu, {freed} daarvan eerder dan gepland; er wachten er \
         {waiting}."
    )
}

/// Says what was done, as a sentence or as the answer itself.
pub fn told(answer: &Value, sentence: &str, form: Form) {
    match form {
        Form::Table => out(sentence),
        Form::Json | Form::Jsonl => out(&answer.to_string()),
    }
}

/// A secret: alone on standard output, so that it can be piped to where it is kept.
fn show_once(made: &Value, key: &str, form: Form) {
    match form {
        Form::Table => secret(text(made, key)),
        Form::Json | Form::Jsonl => secret(&made.to_string()),
    }
    say("Dit wordt één keer getoond en nergens bewaard; geef het langs een veilige weg door.");
}

async fn partners(ground: Ground<'_>) -> Result<Vec<Value>, Halt> {
    let told = ground.ask("ketenpartners", Value::Null).await?;
    Ok(list(&told, "ketenpartners").to_vec())
}

async fn show_all(ground: Ground<'_>) -> Result<(), Halt> {
    let mut rows = Rows::new(&[
        "ketenpartner",
        "naam",
        "soort",
        "koppeling",
        "levering",
        "geschorst",
        "sleutels",
        "webhookgeheimen",
        "geblokkeerd sinds",
        "volgende poging",
    ]);
    for partner in partners(ground).await? {
        let valid = list(&partner, "sleutels").iter().filter(|key| is_valid(key)).count();
        let field = |key: &str| partner.get(key).cloned().unwrap_or(Value::Null);
        let blocked = |key: &str| match (partner.get("geblokkeerd"), ground.form) {
            (Some(blocked), Form::Table) => moment_cell(blocked, key),
            (Some(blocked), _) => blocked.get(key).cloned().unwrap_or(Value::Null),
            (None, _) => Value::Null,
        };
        let suspended = partner.get("geschorst").and_then(Value::as_bool).unwrap_or(false);
        let suspended =
            if ground.form == Form::Table { json!(yes(suspended)) } else { json!(suspended) };
        rows.add(vec![
            field("id"),
            field("naam"),
            field("soort"),
            field("koppeling"),
            field("levering"),
            suspended,
            json!(valid),
            field("webhookgeheimen"),
            blocked("sinds"),
            blocked("volgendePoging"),
        ]);
    }
    rows.print(ground.form);
    Ok(())
}

fn is_valid(key: &Value) -> bool {
    key.get("ingetrokken").is_none_or(Value::is_null)
}

async fn keys_of(ground: Ground<'_>, partner: &PartnerId) -> Result<Vec<Value>, Halt> {
    let partners = partners(ground).await?;
    let found = partners.iter().find(|line| text(line, "id") == partner.as_str());
    let found = found.ok_or_else(|| {
        let text = format!("er is geen ketenpartner {partner} in de actieve set; zie partner list");
        Halt::new(Exit::NotFound, text)
    })?;
    Ok(list(found, "sleutels").to_vec())
}

async fn show_keys(ground: Ground<'_>, partner: &PartnerId) -> Result<(), Halt> {
    let mut rows = Rows::new(&["id", "label", "gemaakt", "ingetrokken"]);
    for key in keys_of(ground, partner).await? {
        let when = |name: &str| match ground.form {
            Form::Table => moment_cell(&key, name),
            Form::Json | Form::Jsonl => key.get(name).cloned().unwrap_or(Value::Null),
        };
        let times = (when("gemaakt"), when("ingetrokken"));
        rows.add(vec![json!(text(&key, "id")), json!(text(&key, "label")), times.0, times.1]);
    }
    rows.print(ground.form);
    Ok(())
}

/// Revokes a key of this partner; never one of somebody else by a slip of the hand.
async fn revoke(ground: Ground<'_>, partner: &PartnerId, id: Uuid) -> Result<(), Halt> {
    let named = id.to_string();
    let keys = keys_of(ground, partner).await?;
    let Some(key) = keys.iter().find(|key| text(key, "id") == named) else {
        let text = format!("{partner} heeft geen sleutel {id}; zie partner keys {partner}");
        return Err(Halt::new(Exit::NotFound, text));
    };
    if !is_valid(key) {
        return Err(Halt::new(Exit::NotFound, format!("sleutel {id} is al ingetrokken")));
    }
    let done = ground.ask("sleutel-intrekken", json!({ "id": id })).await?;
    told(&done, &format!("Sleutel {id} van {partner} is ingetrokken."), ground.form);
    Ok(())
}
