//! `schakel broker provision`: compares, shows, makes and repairs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::definitions::definitions;
use super::passwords::{Passwords, hashed, new_password};
use super::plan::{Change, Finding, Found, Logins, plan};
use super::{Management, Wish};
use crate::cli::access::{Ground, Halt};
use crate::cli::output::{Exit, Form, Rows, out, say};
use crate::lifecycle::write_private;
use crate::message::PartnerId;

/// A quorum queue younger than about a second is forgotten when the broker is killed (measured on
/// 3.10.8): nobody should use it before this.
const QUEUE_RIPENS: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(
    after_help = "Voorbeelden:\n  schakel broker provision --dry-run\n  schakel broker provision \
    --wachtwoorden geheim/\n  schakel broker provision --nieuw-wachtwoord wonen-zuid\n  schakel \
    broker provision --definitions schakel.json && rabbitmqctl import_definitions schakel.json"
)]
pub struct Asked {
    /// Toont het verschil en verandert niets
    #[arg(long)]
    dry_run: bool,
    /// Verwijdert ook wat te veel is (wachtrijen alleen als ze leeg zijn)
    #[arg(long, conflicts_with = "definitions")]
    prune: bool,
    /// Schrijft een definitiebestand voor rabbitmqctl, in plaats van de broker te veranderen
    #[arg(long, value_name = "BESTAND", conflicts_with = "dry_run")]
    definitions: Option<PathBuf>,
    /// Wacht niet tot nieuwe wachtrijen een klap van de broker overleven
    #[arg(long)]
    niet_wachten: bool,
    /// Schrijft nieuwe wachtwoorden in deze map, één bestand per ketenpartner, in plaats van ze te
    /// tonen
    #[arg(long, value_name = "MAP")]
    wachtwoorden: Option<PathBuf>,
    /// Geeft deze ketenpartner een nieuw wachtwoord; mag vaker
    #[arg(long, value_name = "PARTNER")]
    nieuw_wachtwoord: Vec<PartnerId>,
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let wish = Wish::read(ground)?;
    for partner in &asked.nieuw_wachtwoord {
        if !wish.topology.users.iter().skip(1).any(|user| user == partner.as_str()) {
            let text = format!("{partner} krijgt in deze set geen zendingen via rabbitmq");
            return Err(Halt::new(Exit::NotFound, text));
        }
    }
    if let Some(file) = &asked.definitions {
        return write_definitions(&wish, asked, file, ground.form);
    }
    let management = wish.management()?;
    let found = management.look(wish.address.vhost()).await?;
    if asked.dry_run {
        return dry_run(&wish, asked, &found, ground.form);
    }
    let fresh = users_without(&found, &wish, &asked.nieuw_wachtwoord);
    let passwords = make(&fresh)?;
    let changes = plan(&wish.topology, &found, &logins(&wish, &passwords)?);
    // A password that was set and not kept would lock its partner out.
    if let Some(folder) = &asked.wachtwoorden {
        passwords.write(folder)?;
    }
    let done = carry_out(&management, wish.address.vhost(), &changes, asked.prune).await;
    let shown = asked.wachtwoorden.is_none().then_some(&passwords);
    show(&changes, &done.made, shown, ground.form);
    if let Some(halt) = done.stopped {
        return Err(halt);
    }
    finish(&changes, &done, asked).await
}

/// Users of partners that are not there yet, or get another password.
fn users_without(found: &Found, wish: &Wish, renewed: &[PartnerId]) -> BTreeSet<String> {
    let there: BTreeSet<&str> = found
        .users
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|user| user.get("name")?.as_str())
        .collect();
    let partners = wish.topology.users.iter().skip(1);
    let missing = partners.filter(|user| !there.contains(user.as_str())).cloned();
    missing.chain(renewed.iter().map(ToString::to_string)).collect()
}

fn make(users: &BTreeSet<String>) -> Result<Passwords, Halt> {
    let mut passwords = Passwords::default();
    for user in users {
        passwords.0.insert(user.clone(), new_password()?);
    }
    Ok(passwords)
}

/// Hashes of new passwords, and of the hub's own.
fn logins(wish: &Wish, passwords: &Passwords) -> Result<Logins, Halt> {
    let mut logins = Logins::default();
    for (user, password) in &passwords.0 {
        logins.hashes.insert(user.clone(), hashed(password)?);
    }
    if let (Some((user, password)), Some(hub)) = (wish.address.login(), wish.topology.users.first())
        && user == hub
    {
        logins.hashes.insert(hub.clone(), hashed(password)?);
        logins.hub_password = Some(password.to_owned());
    }
    Ok(logins)
}

/// What differs from what is wanted.
pub fn differences(wish: &Wish, found: &Found) -> Result<Vec<Change>, Halt> {
    Ok(plan(&wish.topology, found, &logins(wish, &Passwords::default())?))
}

fn dry_run(wish: &Wish, asked: &Asked, found: &Found, form: Form) -> Result<Exit, Halt> {
    let mut logins = logins(wish, &Passwords::default())?;
    for partner in &asked.nieuw_wachtwoord {
        logins.hashes.insert(partner.to_string(), String::new());
    }
    let changes = plan(&wish.topology, found, &logins);
    show(&changes, &BTreeSet::new(), None, form);
    say(&match changes.len() {
        0 => "De broker is zoals hij hoort te zijn.".to_owned(),
        number => format!("{number} verschillen; er is niets veranderd (--dry-run)."),
    });
    Ok(Exit::Ok)
}

/// What was done, by place in the list of changes.
struct Done {
    made: BTreeSet<usize>,
    /// Where the broker refused; what came before it stays done.
    stopped: Option<Halt>,
    /// Queues that still hold something and so were not removed.
    kept: usize,
}

async fn carry_out(management: &Management, vhost: &str, changes: &[Change], prune: bool) -> Done {
    let mut done = Done { made: BTreeSet::new(), stopped: None, kept: 0 };
    for (place, change) in changes.iter().enumerate() {
        let extra = change.finding == Finding::Extra;
        let Some(request) = change.request.as_ref().filter(|_| prune || !extra) else { continue };
        let changed = async {
            if extra
                && change.kind == "wachtrij"
                && !management.is_empty(vhost, &change.name).await?
            {
                return Ok(false);
            }
            management.change(request).await.map(|()| true)
        };
        match changed.await {
            Ok(true) => drop(done.made.insert(place)),
            Ok(false) => {
                say(&format!("Wachtrij {} blijft: er ligt nog iets in.", change.name));
                done.kept += 1;
            }
            Err(halt) => {
                done.stopped = Some(halt);
                break;
            }
        }
    }
    done
}

fn show(changes: &[Change], made: &BTreeSet<usize>, shown: Option<&Passwords>, form: Form) {
    let mut columns = vec!["soort", "naam", "stand", "gedaan", "toelichting"];
    let with_passwords = shown.is_some_and(|passwords| !passwords.0.is_empty());
    if with_passwords {
        columns.push("wachtwoord");
    }
    let mut rows = Rows::new(&columns);
    for (place, change) in changes.iter().enumerate() {
        let did = made.contains(&place);
        let detail = Some(change.finding.detail()).filter(|detail| !detail.is_empty());
        let word = change.finding.word();
        let mut row =
            vec![json!(change.kind), json!(change.name), json!(word), json!(did), json!(detail)];
        if with_passwords {
            let of_user = shown.filter(|_| did && change.kind == "gebruiker");
            row.push(json!(of_user.and_then(|passwords| passwords.0.get(&change.name))));
        }
        rows.add(row);
    }
    rows.print(form);
}

async fn finish(changes: &[Change], done: &Done, asked: &Asked) -> Result<Exit, Halt> {
    let made = |change: &&(usize, &Change)| done.made.contains(&change.0);
    let placed: Vec<(usize, &Change)> = changes.iter().enumerate().collect();
    let new_queue = |change: &&(usize, &Change)| {
        change.1.kind == "wachtrij" && change.1.finding == Finding::Missing
    };
    if !asked.niet_wachten && placed.iter().filter(made).any(|change| new_queue(&change)) {
        say("Nieuwe wachtrijen hebben even nodig voordat ze een klap overleven…");
        tokio::time::sleep(QUEUE_RIPENS).await;
    }
    let fixed = changes.iter().filter(|change| matches!(change.finding, Finding::Fixed(_))).count();
    let extra = changes.iter().filter(|change| change.finding == Finding::Extra).count();
    if extra > 0 && !asked.prune {
        say(&format!("{extra} dingen zijn te veel en blijven staan; verwijder ze met --prune."));
    }
    if let Some(folder) = &asked.wachtwoorden {
        say(&format!("Nieuwe wachtwoorden staan in {}.", folder.display()));
    }
    if fixed > 0 || done.kept > 0 {
        say("De broker is nog niet zoals hij hoort te zijn: zie de tabel.");
        return Ok(Exit::Partly);
    }
    say("De broker is zoals hij hoort te zijn.");
    Ok(Exit::Ok)
}

/// A file with everything. Importing it sets every password, so those that lie in the folder are
/// kept.
fn write_definitions(wish: &Wish, asked: &Asked, file: &Path, form: Form) -> Result<Exit, Halt> {
    let folder = asked.wachtwoorden.as_deref();
    let (mut all, mut new) = (Passwords::default(), Passwords::default());
    for user in wish.topology.users.iter().skip(1) {
        let renew = asked.nieuw_wachtwoord.iter().any(|partner| partner.as_str() == user);
        let kept = Passwords::kept(folder, user).filter(|_| !renew);
        let password = match kept {
            Some(password) => password,
            None => {
                let password = new_password()?;
                new.0.insert(user.clone(), password.clone());
                password
            }
        };
        all.0.insert(user.clone(), password);
    }
    let told = definitions(&wish.topology, &logins(wish, &all)?);
    let text = serde_json::to_string_pretty(&told).unwrap_or_default();
    let failed = |error: std::io::Error| {
        let text = format!("{} kan niet worden geschreven: {error}", file.display());
        Halt::new(Exit::Failure, text)
    };
    let draft = file.with_extension("nieuw");
    let _left_by_a_crash = std::fs::remove_file(&draft);
    write_private(&draft, text.as_bytes()).map_err(failed)?;
    std::fs::rename(&draft, file).map_err(failed)?;
    match folder {
        Some(folder) => new.write(folder)?,
        None => show_passwords(&new, form),
    }
    say(&format!(
        "Geschreven in {0}; voer het in met: rabbitmqctl import_definitions {0}\nDat zet ook de \
         wachtwoorden. Wacht daarna enkele seconden voor het eerste gebruik.",
        file.display()
    ));
    Ok(Exit::Ok)
}

fn show_passwords(passwords: &Passwords, form: Form) {
    let mut rows = Rows::new(&["gebruiker", "wachtwoord"]);
    for (user, password) in &passwords.0 {
        rows.add(vec![json!(user), json!(password)]);
    }
    rows.print(form);
    if form == Form::Table {
        out("");
    }
}
