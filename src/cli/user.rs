//! `schakel user`: who may use the console, and as what.

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::{Ground, Halt};
use super::case::Who;
use super::output::{Exit, Form, Rows, out, say, secret};
use super::partner::told;
use super::words::{list, moment_cell, text};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Toont wie de console mag gebruiken
    List,
    /// Voegt iemand toe; zonder --password-file maakt de hub een wachtwoord en toont dat één keer
    #[command(after_help = "Voorbeeld:\n  schakel user add r.visser --name 'R. Visser' \
            --role regisseur \\\n    --theme woonoverlast,jeugd --by 'J. Jansen' \
            --why 'nieuwe collega'\n\nHet wachtwoord \
            moet bij de eerste keer inloggen worden gewijzigd.")]
    Add(AddAsked),
    /// Geeft iemand een nieuw wachtwoord, en logt die overal uit
    Password(PasswordAsked),
    /// Geeft iemand andere rollen en thema's
    Rights(RightsAsked),
    /// Laat iemand er niet meer in, en logt die overal uit
    Close(Named),
    /// Laat iemand er weer in
    Reopen(Named),
    /// Toont wat er aan gebruikers veranderde, en door wie
    Changes,
    /// Toont wie welk afgedekt veld zag, en waarom
    Reveals,
}

#[derive(Debug, Args)]
pub struct Named {
    /// De inlognaam
    inlognaam: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct Rights {
    /// Wat iemand is: regisseur, beheerder of auditor; mag vaker
    #[arg(long = "role", value_name = "ROL", required = true, value_delimiter = ',')]
    roles: Vec<String>,
    /// Welke thema's iemand ziet, met komma's ertussen; * is alle
    #[arg(long = "theme", value_name = "THEMA'S", default_value = "*")]
    themes: String,
}

#[derive(Debug, Args)]
pub struct AddAsked {
    /// De inlognaam, zoals r.visser of r.visser@gemeente.example
    inlognaam: String,
    /// De naam zoals collega's hem zien
    #[arg(long, value_name = "NAAM")]
    name: String,
    #[command(flatten)]
    rights: Rights,
    #[command(flatten)]
    secret: Secret,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct PasswordAsked {
    /// De inlognaam
    inlognaam: String,
    #[command(flatten)]
    secret: Secret,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct RightsAsked {
    /// De inlognaam
    inlognaam: String,
    #[command(flatten)]
    rights: Rights,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct Secret {
    /// Bestand met het wachtwoord op de eerste regel; - leest het van de standaardinvoer
    #[arg(long, value_name = "BESTAND")]
    password_file: Option<PathBuf>,
}

impl Secret {
    fn read(&self) -> Result<Option<String>, Halt> {
        let Some(path) = &self.password_file else { return Ok(None) };
        let lost = |error: std::io::Error| {
            let text = format!("{} kan niet worden gelezen: {error}", path.display());
            Halt::new(Exit::Unreachable, text)
        };
        let mut content = String::new();
        if path.as_os_str() == "-" {
            std::io::stdin().take(4096).read_to_string(&mut content).map_err(lost)?;
        } else {
            content = std::fs::read_to_string(path).map_err(lost)?;
        }
        Ok(Some(content.lines().next().unwrap_or_default().to_owned()))
    }
}

pub async fn run(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    match command {
        Command::List => show_all(ground).await?,
        Command::Changes => show_changes(ground).await?,
        Command::Reveals => show_reveals(ground).await?,
        Command::Add(asked) => {
            let body = json!({
                "inlognaam": asked.inlognaam,
                "naam": asked.name,
                "rollen": asked.rights.roles,
                "themas": asked.rights.themes,
                "wachtwoord": asked.secret.read()?,
                "door": asked.who.by,
                "reden": asked.who.why,
            });
            let made = ground
                .prepare(async |access| access.call("gebruiker-toevoegen", body.clone()).await)
                .await?;
            told_with_password(&made, "is toegevoegd", ground.form);
        }
        Command::Password(asked) => {
            let body = json!({
                "inlognaam": asked.inlognaam,
                "wachtwoord": asked.secret.read()?,
                "door": asked.who.by,
                "reden": asked.who.why,
            });
            let made = ground.ask("gebruiker-wachtwoord", body).await?;
            told_with_password(&made, "heeft een nieuw wachtwoord", ground.form);
        }
        Command::Rights(asked) => {
            let body = json!({
                "inlognaam": asked.inlognaam,
                "rollen": asked.rights.roles,
                "themas": asked.rights.themes,
                "door": asked.who.by,
                "reden": asked.who.why,
            });
            let done = ground.ask("gebruiker-rechten", body).await?;
            told(&done, &format!("{} heeft andere rechten.", asked.inlognaam), ground.form);
        }
        Command::Close(named) => {
            let done = ground.ask("gebruiker-sluiten", named.body()).await?;
            told(&done, &format!("{} mag er niet meer in.", named.inlognaam), ground.form);
        }
        Command::Reopen(named) => {
            let done = ground.ask("gebruiker-heropenen", named.body()).await?;
            told(&done, &format!("{} mag er weer in.", named.inlognaam), ground.form);
        }
    }
    Ok(Exit::Ok)
}

impl Named {
    fn body(&self) -> Value {
        json!({
            "inlognaam": self.inlognaam,
            "door": self.who.by,
            "reden": self.who.why,
        })
    }
}

/// What was done; a password that the hub made alone on standard output, to be piped.
fn told_with_password(made: &Value, what: &str, form: Form) {
    let password = text(made, "wachtwoord");
    say(&format!("{} {what}.", text(made, "inlognaam")));
    match form {
        Form::Table if password.is_empty() => {}
        Form::Table => secret(password),
        Form::Json | Form::Jsonl => secret(&made.to_string()),
    }
    if !password.is_empty() {
        say("Dit wachtwoord wordt één keer getoond; bij het inloggen moet het worden gewijzigd.");
    }
}

async fn show_all(ground: Ground<'_>) -> Result<(), Halt> {
    let told = ground.ask("gebruikers", Value::Null).await?;
    let people = list(&told, "gebruikers");
    if people.is_empty() && ground.form == Form::Table {
        say("Er is nog niemand; voeg iemand toe met: schakel user add --help");
        return Ok(());
    }
    let mut rows = Rows::new(&["inlognaam", "naam", "rollen", "themas", "sinds", "gesloten"]);
    for person in people {
        let field = |key: &str| person.get(key).cloned().unwrap_or(Value::Null);
        let when = |key: &str| match ground.form {
            Form::Table => moment_cell(person, key),
            Form::Json | Form::Jsonl => field(key),
        };
        rows.add(vec![
            field("inlognaam"),
            field("naam"),
            field("rollen"),
            field("themas"),
            when("sinds"),
            when("gesloten"),
        ]);
    }
    rows.print(ground.form);
    Ok(())
}

async fn show_reveals(ground: Ground<'_>) -> Result<(), Halt> {
    let told = ground.ask("inzagen", Value::Null).await?;
    let mut rows = Rows::new(&["op", "door", "casus", "bericht", "veld", "reden"]);
    for line in told.as_array().into_iter().flatten() {
        let field = |key: &str| line.get(key).cloned().unwrap_or(Value::Null);
        let at = match ground.form {
            Form::Table => moment_cell(line, "op"),
            Form::Json | Form::Jsonl => field("op"),
        };
        let rest = ["door", "casus", "bericht", "veld", "reden"].map(field);
        rows.add(std::iter::once(at).chain(rest).collect());
    }
    rows.print(ground.form);
    Ok(())
}

async fn show_changes(ground: Ground<'_>) -> Result<(), Halt> {
    let told = ground.ask("gebruikers", Value::Null).await?;
    if ground.form != Form::Table {
        for line in list(&told, "wijzigingen") {
            out(&line.to_string());
        }
        return Ok(());
    }
    let mut rows = Rows::new(&["op", "inlognaam", "wat", "door", "reden"]);
    for line in list(&told, "wijzigingen") {
        let field = |key: &str| line.get(key).cloned().unwrap_or(Value::Null);
        let parts = [field("inlognaam"), field("wat"), field("door"), field("reden")];
        rows.add(std::iter::once(moment_cell(line, "op")).chain(parts).collect());
    }
    rows.print(ground.form);
    Ok(())
}
