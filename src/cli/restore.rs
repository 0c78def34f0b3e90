//! `schakel restore`: a backup put back, compared with what was signed before, and released.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::{Ground, Halt, key_file, read_keys};
use super::backup::halt;
use super::file::read_within;
use super::output::{Exit, Form, out, say};
use super::partner::told;
use super::words::{count, moment, text};
use crate::evidence::{Comparison, notes_in, parse_erasures};
use crate::hub::clock;
use crate::journal::{Closure, RestoreOrder, Why, look_at, put_back};

/// A file with a checkpoint or with erasures is small; something else was meant where it is not.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Checkpoints given at a time.
const NOTES_MAX: usize = 10_000;

#[derive(Debug, Args)]
#[command(
    after_help = "In deze volgorde:\n  schakel restore --from /mnt/kopie/2026-11-25\n  schakel \
    restore compare --checkpoint ontvangstbewijs.json\n  schakel restore release --by 'J. Jansen' \
    --why 'schijf defect, kopie van 25 november'\n\n\
    Tot de laatste stap leest de hub alleen: hij neemt niets aan en verstuurt niets."
)]
pub struct Asked {
    #[command(subcommand)]
    next: Option<Next>,
    /// Map van de reservekopie
    #[arg(long, value_name = "MAP")]
    from: Option<PathBuf>,
    /// Map van de sleutels van casussen, als die apart zijn bewaard
    #[arg(long, value_name = "MAP", requires = "from")]
    keys_from: Option<PathBuf>,
    /// Gaat de kopie alleen na
    #[arg(long, requires = "from")]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum Next {
    /// Vergelijkt het logboek met wat eerder is ondertekend en gewist
    #[command(after_help = "Voorbeelden:\n  schakel restore compare\n  schakel restore compare \
        --checkpoint ontvangstbewijs.json --checkpoint zending.json \\\n    \
        --erasures wissingen\n\n\
        De getuige in de gegevensmap (en die van journal.witness) doet altijd mee. Is die er niet\n\
        meer, vraag dan een ketenpartner om zijn nieuwste ontvangstbewijs of zending.\n\
        Eindcode 7: er ontbreekt iets.")]
    Compare {
        /// Ontvangstbewijs, zending, bewijs of controlepunt van deze hub; mag vaker
        #[arg(long, value_name = "BESTAND")]
        checkpoint: Vec<PathBuf>,
        /// Lijst van wissingen, zoals getuige/wissingen van een andere hub of schijf
        #[arg(long, value_name = "BESTAND")]
        erasures: Option<PathBuf>,
    },
    /// Geeft een vergeleken logboek vrij: het gaat verder in een nieuwe reeks
    #[command(after_help = "Voorbeeld:\n  schakel restore release --by 'J. Jansen' --why 'schijf \
        defect'\n\nNieuwe controlepunten krijgen een eigen oorsprong (naam/reeks-20261125): zo \
        komen er\nnooit twee bomen onder één oorsprong. Wie vrijgaf, waarom en wat ontbrak, staat \
        in het\nlogboek.")]
    Release {
        /// Wie vrijgeeft
        #[arg(long, value_name = "NAAM")]
        by: String,
        /// Waarom; geen persoonsgegevens
        #[arg(long, value_name = "TEKST")]
        why: String,
    },
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    match (&asked.next, &asked.from) {
        (None, Some(from)) => put(asked, from, ground).await,
        (Some(Next::Compare { checkpoint, erasures }), None) => {
            compare(checkpoint, erasures.as_deref(), ground).await
        }
        (Some(Next::Release { by, why }), None) => release(by, why, ground).await,
        _ => {
            let text = "noem --from MAP, of kies compare of release; zie schakel restore --help";
            Err(Halt::new(Exit::Usage, text))
        }
    }
}

async fn put(asked: &Asked, from: &Path, ground: Ground<'_>) -> Result<Exit, Halt> {
    let store = ground.store()?;
    let (from, keys_from) = (from.to_owned(), asked.keys_from.clone());
    let order = RestoreOrder { from, keys_from, at: clock::now() };
    let found = look_at(&store, &order).await.map_err(|error| halt(&error, &store))?;
    // Of another hub, or none yet: the journal would not open.
    let key = read_keys(ground.data);
    if let Ok(keys) = &key
        && keys.fingerprint() != found.manifest.hub_key
    {
        let text = format!(
            "deze kopie is verzegeld met een andere sleutel dan {}; zet eerst de goede terug",
            key_file(ground.data).display()
        );
        return Err(Halt::new(Exit::NotAllowed, text));
    }
    let told_of = json!({ "manifest": found.manifest, "metSleutels": found.with_keys });
    let of = moment(found.manifest.made);
    if asked.dry_run {
        let sentence = format!("De kopie van {of} is heel; er is niets teruggezet.");
        told(&told_of, &sentence, ground.form);
    } else {
        put_back(&store, &order).await.map_err(|error| halt(&error, &store))?;
        told(&told_of, &format!("De kopie van {of} is teruggezet in {store}."), ground.form);
    }
    if !found.with_keys {
        say("Let op: zonder de sleutels van casussen is de inhoud van alle berichten onleesbaar; \
             wat er gebeurde, is wel te volgen en te bewijzen.");
    }
    if key.is_err() {
        say(&format!(
            "De sleutel van de hub zit niet in een reservekopie; zet hem terug in {}.",
            key_file(ground.data).display()
        ));
    }
    if !asked.dry_run {
        say("Het logboek wordt alleen gelezen. Vergelijk het nu: schakel restore compare");
    }
    Ok(Exit::Ok)
}

async fn compare(
    checkpoints: &[PathBuf],
    erasures: Option<&Path>,
    ground: Ground<'_>,
) -> Result<Exit, Halt> {
    let mut notes = Vec::new();
    for file in checkpoints {
        let found = notes_in(&read(file)?);
        if found.is_empty() {
            let text = format!("in {} staat geen controlepunt", file.display());
            return Err(Halt::new(Exit::Invalid, text));
        }
        notes.extend(found);
    }
    if notes.len() > NOTES_MAX {
        let text = format!("meer dan {NOTES_MAX} controlepunten; noem alleen de nieuwste");
        return Err(Halt::new(Exit::Usage, text));
    }
    let erased = match erasures {
        Some(file) => read_erasures(file)?,
        None => Vec::new(),
    };
    let body = json!({ "controlepunten": notes, "wissingen": erased });
    let answer = ground.ask("herstel-vergelijken", body).await?;
    let unreadable = |_| Halt::new(Exit::Failure, "het antwoord van de hub is niet te lezen");
    let part = |key: &str| answer.get(key).cloned().unwrap_or_default();
    let found: Comparison = serde_json::from_value(part("vergelijking")).map_err(unreadable)?;
    let closure: Option<Closure> = serde_json::from_value(part("herstel")).map_err(unreadable)?;
    match ground.form {
        Form::Table => show(&found, closure.as_ref()),
        Form::Json | Form::Jsonl => out(&answer.to_string()),
    }
    if closure.is_some() {
        say("Het logboek wordt alleen gelezen tot: schakel restore release --by NAAM --why TEKST");
    }
    Ok(if found.is_whole() { Exit::Ok } else { Exit::Partly })
}

fn show(found: &Comparison, closure: Option<&Closure>) {
    if let Some(closure) = closure {
        out(&format!("Alleen lezen sinds {}: {}.", moment(closure.since), reason(closure)));
    }
    let last = found.last_leaf.map_or_else(|| "nog geen".to_owned(), moment);
    let held = found.held;
    out(&format!(
        "Logboek: {} ondertekende bladen in reeks {}; laatste blad {last}.",
        held.size, held.series
    ));
    match found.known {
        Some(known) => {
            out(&format!("Bekend:  {} ondertekende bladen in reeks {}.", known.size, known.series))
        }
        None => out("Bekend:  geen enkel controlepunt, en het logboek heeft er ook geen."),
    }
    if found.differs {
        out("Het logboek is een ANDERE boom dan is ondertekend: er is na het terugzetten verder \
             gewerkt, of er is iets veranderd.");
    }
    if found.missing > 0 {
        let what = count(usize::try_from(found.missing).unwrap_or(2), "blad", "bladen");
        out(&format!(
            "Er ontbreken minstens {} {what}, van na {last}. Een aangenomen bericht, een poging en \
             elk stadium zijn ieder een blad. Vraag ketenpartners om opnieuw te sturen wat zij \
             sindsdien stuurden.",
            found.missing
        ));
    }
    if found.lacks && found.missing == 0 {
        out("Er is meer ondertekend dan het logboek weet; de bladen daarvan zijn er, zonder \
             handtekening.");
    }
    if found.is_whole() {
        out("Er ontbreekt niets van wat bekend is.");
    }
    if found.erased_again > 0 {
        out(&format!(
            "Opnieuw gewist, omdat het logboek het was vergeten: {}.",
            found.erased_again
        ));
    }
}

/// Why a journal is only read, in words.
pub fn reason(closure: &Closure) -> String {
    match (closure.why, closure.backup_made) {
        (Why::Teruggezet, Some(made)) => {
            format!("teruggezet uit de reservekopie van {}", moment(made))
        }
        (Why::Teruggezet, None) => "teruggezet uit een reservekopie".to_owned(),
        (Why::AchterGetuige, _) => "er is meer ondertekend dan het logboek heeft".to_owned(),
        (Why::AndereBoom, _) => "het logboek is een andere boom dan is ondertekend".to_owned(),
        (Why::VergetenWissingen, _) => "het logboek kent niet alle wissingen".to_owned(),
    }
}

async fn release(by: &str, why: &str, ground: Ground<'_>) -> Result<Exit, Halt> {
    if by.trim().is_empty() || why.trim().is_empty() {
        return Err(Halt::new(Exit::Usage, "zeg wie vrijgeeft (--by) en waarom (--why)"));
    }
    let body = json!({ "door": by, "reden": why });
    let done = ground.ask("herstel-vrijgeven", body).await?;
    let number = |key: &str| done.get(key).and_then(Value::as_u64).unwrap_or_default();
    let sentence = format!(
        "Vrijgegeven: het logboek gaat na {} bladen verder in reeks {}. Het bewijs daarvan, zodra \
         het ondertekend is: schakel journal prove {}",
        number("verderNa"),
        number("reeks"),
        text(&done, "id"),
    );
    told(&done, &sentence, ground.form);
    say("Ga na wat na de kopie is besloten en nu niet meer geldt: schorsingen, ingetrokken \
         sleutels, geactiveerde sets. Zendingen die toen al bezorgd waren, gaan opnieuw, met \
         hetzelfde nummer.");
    Ok(Exit::Ok)
}

fn read_erasures(file: &Path) -> Result<Vec<Value>, Halt> {
    let bad =
        || Halt::new(Exit::Invalid, format!("{} is geen lijst van wissingen", file.display()));
    let bytes = read(file)?;
    let (erased, unreadable) = parse_erasures(std::str::from_utf8(&bytes).map_err(|_| bad())?);
    if erased.is_empty() && unreadable > 0 {
        return Err(bad());
    }
    if unreadable > 0 {
        let what = count(unreadable, "regel is", "regels zijn");
        say(&format!("{unreadable} {what} niet te lezen en overgeslagen."));
    }
    Ok(erased.iter().map(|erased| json!({ "casus": erased.holder, "op": erased.at })).collect())
}

fn read(file: &Path) -> Result<Vec<u8>, Halt> {
    read_within(file, FILE_BYTES_MAX, "is te groot")
}
