//! `schakel backup`: a copy of the journal and of the keys of its cases, while the hub runs.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::access::{Ground, Halt, exists};
use super::check::chain;
use super::output::{Exit, Form, Rows, out, say, say_part};
use crate::evidence::manifest::{Half, Manifest};
use crate::hub::clock;
use crate::journal::{
    BackupError, BackupOrder, KeysGo, MANIFEST_FILE, OpenError, Store, back_up, planned,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Voorbeelden:\n  schakel backup --to /mnt/kopie/$(date +%F-%H%M)\n  schakel \
    backup --to /mnt/kopie/2026-11-25 --keys-to /mnt/kort/2026-11-25\n\n\
    Wie wist, wist pas echt als ook de kopieën van de sleutels weg zijn: bewaar die korter dan de\n\
    termijn waarbinnen u moet wissen. De sleutel van de hub zelf (hub.key) zit nooit in een\n\
    reservekopie; zonder die sleutel is zij niet te lezen. Terugzetten: schakel restore --from MAP."
)]
pub struct Asked {
    /// Nieuwe map voor de kopie
    #[arg(long, value_name = "MAP")]
    to: PathBuf,
    /// Andere nieuwe map voor de sleutels van casussen
    #[arg(long, value_name = "MAP")]
    keys_to: Option<PathBuf>,
    /// Zonder de sleutels van casussen: dan is de inhoud na terugzetten niet te lezen
    #[arg(long, conflicts_with = "keys_to")]
    without_keys: bool,
    /// Zegt alleen wat er gemaakt zou worden
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let store = ground.store()?;
    if !exists(&store).await? {
        return Err(Halt::new(Exit::NotFound, format!("in {store} is geen logboek")));
    }
    let id = clock::random::<16>()
        .map_err(|error| Halt::new(Exit::Failure, format!("geen toeval: {error}")))?;
    let order = BackupOrder {
        to: asked.to.clone(),
        keys: match &asked.keys_to {
            Some(dir) => KeysGo::To(dir.clone()),
            None if asked.without_keys => KeysGo::Nowhere,
            None => KeysGo::Beside,
        },
        id: uuid::Builder::from_random_bytes(id).into_uuid(),
        made: clock::now(),
    };
    if asked.dry_run {
        for path in planned(&store, &order).map_err(|error| halt(&error, &store))? {
            out(&path.display().to_string());
        }
        say("Dit was alleen een voorbeeld; er is niets gemaakt.");
        return Ok(Exit::Ok);
    }
    let made = back_up(&store, &order, &mut teller()).await.map_err(|e| halt(&e, &store))?;
    show(&made, ground.form);
    for (folder, manifest) in &made {
        say_about(folder, manifest);
    }
    if order.keys == KeysGo::Nowhere {
        say("Let op: zonder de sleutels van casussen is na terugzetten geen inhoud te lezen.");
    }
    say("De sleutel van de hub (hub.key) zit er niet in; bewaar die apart, op een andere plek.");
    Ok(Exit::Ok)
}

/// Tells how far it is, on standard error.
fn teller() -> impl FnMut(Half, u64, u64) + Send {
    const MIB: u64 = 1024 * 1024;
    let end = if std::io::stderr().is_terminal() { "\r" } else { "\n" };
    move |half, done, total| {
        let what = if half == Half::Journal { "logboek" } else { "sleutels" };
        let of = if total == 0 { String::new() } else { format!(" van {}", total.div_ceil(MIB)) };
        say_part(&format!("{what}: {}{of} MiB{end}", done.div_ceil(MIB)));
    }
}

fn show(made: &[(PathBuf, Manifest)], form: Form) {
    if form != Form::Table {
        let all = made.iter().map(|(folder, manifest)| {
            json!({ "map": folder.display().to_string(), "manifest": manifest })
        });
        return out(&Value::Array(all.collect()).to_string());
    }
    let mut rows = Rows::new(&["bestand", "soort", "bytes", "sha256"]);
    for (folder, manifest) in made {
        for file in &manifest.files {
            rows.add(vec![
                json!(folder.join(&file.name).display().to_string()),
                json!(file.half),
                json!(file.size_bytes),
                json!(file.sha256.to_string()),
            ]);
        }
    }
    rows.print(form);
}

fn say_about(folder: &Path, manifest: &Manifest) {
    let place = folder.join(MANIFEST_FILE);
    let erased = match manifest.last_erasure {
        Some(at) => format!("laatste wissing {}", super::words::moment(at)),
        None => "nooit gewist".to_owned(),
    };
    say(&format!("{}: {} ondertekende bladen, {erased}.", place.display(), manifest.size));
}

/// What went wrong, with the next step.
pub(super) fn halt(error: &BackupError, store: &Store) -> Halt {
    let what = chain(error);
    let (exit, text) = match error {
        BackupError::Exists(path) => (
            Exit::NotAllowed,
            format!(
                "{} bestaat al en blijft zoals het is; kies een andere plek of zet het eerst opzij",
                path.display()
            ),
        ),
        BackupError::NoFolder(path) => {
            (Exit::Usage, format!("{} kan geen map van een kopie zijn", path.display()))
        }
        BackupError::NoProgram { program } => (Exit::NotFound, no_program(program, store)),
        BackupError::Program { program, told } => (
            Exit::Unreachable,
            format!("{program} is niet gelukt: {told}\nBegin bij terugzetten met lege databases."),
        ),
        BackupError::Changed(path) => (
            Exit::Invalid,
            format!(
                "{} is niet wat het manifest zegt: gewijzigd of afgebroken. Er is niets \
                 teruggezet; neem een andere kopie",
                path.display()
            ),
        ),
        BackupError::NoJournal => (
            Exit::Invalid,
            "hier is geen kopie van het logboek; noem de map van de sleutels met --keys-from"
                .to_owned(),
        ),
        BackupError::NoKeys(path) => {
            (Exit::Invalid, format!("in {} zijn geen sleutels van casussen", path.display()))
        }
        BackupError::OlderKeys => (
            Exit::Invalid,
            "deze sleutels zijn ouder dan het logboek: wat ertussen binnenkwam bleef onleesbaar. \
             Neem sleutels van hetzelfde moment of later"
                .to_owned(),
        ),
        BackupError::OtherHub => {
            (Exit::Invalid, "deze sleutels horen bij het logboek van een andere hub".to_owned())
        }
        BackupError::OtherStore => (
            Exit::Invalid,
            "de kopie is van een andere soort opslag dan die van de instellingen (journal.store)"
                .to_owned(),
        ),
        BackupError::NotEmpty(which) => (
            Exit::NotAllowed,
            format!("de database van het {which} is niet leeg; maak een nieuwe, lege database"),
        ),
        BackupError::Manifest { .. } => (Exit::Invalid, what),
        BackupError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            (Exit::NotFound, what)
        }
        BackupError::Io { .. } => (Exit::Failure, what),
        BackupError::Store(OpenError::Locked { dir, .. }) => {
            (Exit::NotAllowed, format!("over {} draait een hub; stop die eerst", dir.display()))
        }
        BackupError::Store(_) => (Exit::Unreachable, what),
    };
    Halt::new(exit, text)
}

/// What to run elsewhere where the server's own programs are not on this machine.
fn no_program(program: &str, store: &Store) -> String {
    let apart = if store.has_keys_apart() {
        ("", "pg_dump -Fc -f sleutels.dump \"$SLEUTELS_URL\"", "\"$SLEUTELS_URL\" sleutels.dump")
    } else {
        (
            " --exclude-schema=sleutels",
            "pg_dump -Fc --schema=sleutels -f sleutels.dump \"$JOURNAL_URL\"",
            "\"$JOURNAL_URL\" sleutels.dump",
        )
    };
    let (leave_out, keys, back) = apart;
    format!(
        "{program} staat niet op deze machine; installeer postgresql-client, of voer uit waar het \
         wel staat, in deze volgorde (eerst het logboek, dan de sleutels):\n  \
         pg_dump -Fc{leave_out} -f journal.dump \"$JOURNAL_URL\"\n  {keys}\n\
         en terug, in lege databases (eerst de sleutels):\n  \
         pg_restore --no-owner --exit-on-error --single-transaction -d {back}\n  \
         pg_restore --no-owner --exit-on-error --single-transaction -d \"$JOURNAL_URL\" \
         journal.dump\nZo'n kopie heeft geen manifest en geen merk: vergelijk het logboek zelf, \
         voor de hub weer open mag, met: schakel restore compare"
    )
}
