//! `schakel journal`: is the evidence whole, what proves an exchange, and a list of exchanges.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Ground, Halt};
use super::check::chain;
use super::file::read_within;
use super::output::{Exit, Form, Rows, out, say};
use super::words::{list, moment, text};
use crate::evidence::{Content, Proof, ProofError, parse_verifier_key};
use crate::hub::clock;
use crate::journal::{FindingCode, JournalError, VerifyReport};
use crate::lifecycle::write_private;

/// Leaves between two words about progress.
const PROGRESS_EVERY: u64 = 20_000;
/// Messages read at a time.
const PAGE: i64 = 500;
/// A file of proofs is small; something else was meant where it is not.
const PROOF_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Rekent het hele logboek na, of één bewijs zonder de hub
    #[command(after_help = "Voorbeelden:\n  schakel journal verify\n  schakel journal verify \
        --proof bewijs.json --document melding.xml \\\n    --key \"$(schakel keys public)\"")]
    Verify(Verified),
    /// Geeft de bewijzen van een bericht, een zending of een weigering
    #[command(after_help = "Voorbeeld:\n  schakel journal prove \
        0c6b5a0e-2f0e-4a52-9b0d-6f1d1f3a8e11 --out bewijs.json")]
    Prove {
        /// Nummer van een bericht, zending of stuk uitval
        id: Uuid,
        /// Schrijft ze in dit nieuwe bestand
        #[arg(long, value_name = "BESTAND")]
        out: Option<PathBuf>,
    },
    /// Geeft alle uitwisselingen, één JSON-object per regel, zonder inhoud
    #[command(
        after_help = "Voorbeeld:\n  schakel journal export --since 1200 > uitwisselingen.jsonl"
    )]
    Export {
        /// Alleen wat na dit nummer kwam
        #[arg(long, default_value_t = 0, value_name = "NR",
            value_parser = clap::value_parser!(i64).range(0..))]
        since: i64,
    },
}

#[derive(Debug, Args)]
pub struct Verified {
    /// Gaat alleen dit bewijs na, zonder hub en zonder logboek
    #[arg(long, value_name = "BESTAND")]
    proof: Option<PathBuf>,
    /// Openbare sleutel van de hub (naam+nummer+sleutel), langs een andere weg verkregen
    #[arg(long, requires = "proof", value_name = "SLEUTEL")]
    key: Option<String>,
    /// Het document zoals het is verstuurd of ontvangen: bewijst ook de inhoud
    #[arg(long, requires = "proof", value_name = "BESTAND")]
    document: Option<PathBuf>,
}

pub async fn run(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    match command {
        Command::Verify(Verified { proof: Some(file), key, document }) => {
            verify_proofs(file, key.as_deref(), document.as_deref(), ground.form)
        }
        Command::Verify(_) => verify(ground).await,
        Command::Prove { id, out: file } => prove(*id, file.as_deref(), ground).await,
        Command::Export { since } => export(*since, ground).await,
    }
}

fn unreadable(error: &JournalError) -> Halt {
    let exit = match error {
        JournalError::NotFound => Exit::NotFound,
        _ => Exit::Failure,
    };
    Halt::new(exit, format!("het logboek is niet te lezen: {}", chain(error)))
}

async fn verify(ground: Ground<'_>) -> Result<Exit, Halt> {
    let journal = ground.reader().await?;
    let total = journal.stats().await.map_err(|error| unreadable(&error))?.leaves;
    let live = std::io::stderr().is_terminal();
    let mut next = PROGRESS_EVERY;
    let progress = |done: u64| {
        if done >= next {
            let end = if live { "\r" } else { "\n" };
            super::output::say_part(&format!("{done} van {total} bladen nagerekend{end}"));
            next = done + PROGRESS_EVERY;
        }
    };
    let report = journal.verify(progress).await.map_err(|error| unreadable(&error))?;
    show_report(&report, ground.form);
    if report.is_sound() {
        say("Het logboek klopt: niets is veranderd, weggelaten of toegevoegd.");
        return Ok(Exit::Ok);
    }
    say(&format!(
        "Het logboek klopt NIET: {} bevindingen. Zet deze map apart, verander er niets aan en \
         vergelijk haar met de laatste reservekopie en met controlepunten bij ketenpartners.",
        report.wrong
    ));
    Ok(Exit::Failure)
}

fn show_report(report: &VerifyReport, form: Form) {
    let told = json!(report);
    if form != Form::Table {
        return out(&told.to_string());
    }
    out(&format!(
        "{} bladen, {} ondertekend onder {} controlepunten; {} documenten nagerekend, {} geopend, \
         {} gewist",
        report.leaves,
        report.signed,
        report.checkpoints,
        report.documents,
        report.opened,
        report.erased,
    ));
    if report.findings.is_empty() {
        return;
    }
    let mut rows = Rows::new(&["bevinding", "blad", "onderwerp", "uitleg"]);
    for finding in &report.findings {
        rows.add(vec![
            json!(finding.code),
            json!(finding.leaf),
            json!(finding.subject),
            json!(meaning(finding.code)),
        ]);
    }
    rows.print(Form::Table);
}

const fn meaning(code: FindingCode) -> &'static str {
    match code {
        FindingCode::BladOnleesbaar => "dit blad is niet te lezen",
        FindingCode::BladAnders => "het blad zegt iets anders dan de kolommen ernaast",
        FindingCode::Nummering => "de nummers van de bladen sluiten niet aan",
        FindingCode::Handtekening => "de handtekening onder dit controlepunt klopt niet",
        FindingCode::Reeks => "dit controlepunt hoort bij een andere reeks dan hier verklaard is",
        FindingCode::Wortel => "de boom heeft een andere wortel dan ondertekend is",
        FindingCode::Tegel => "een tussenstand van de boom is niet wat de bladen opleveren",
        FindingCode::Cijfertekst => "het bewaarde document is niet dat waar het blad van spreekt",
        FindingCode::Inhoud => "het document is een ander dan het blad vastlegt",
        FindingCode::GaatNietOpen => "het document gaat niet open, al is zijn sleutel er nog",
        FindingCode::SleutelOntbreekt => "de sleutel is weg zonder dat er gewist is",
        FindingCode::ZonderBlad => "deze rij heeft geen blad: toegevoegd buiten de hub om",
        FindingCode::ZonderRij => "dit blad heeft geen rij: weggelaten buiten de hub om",
        FindingCode::Aangekondigd => "wat hieruit volgde is niet wat het blad aankondigt",
    }
}

/// Checks a file of proofs with nothing but the hub's public key.
fn verify_proofs(
    file: &Path,
    key: Option<&str>,
    document: Option<&Path>,
    form: Form,
) -> Result<Exit, Halt> {
    let bad = |what: &str| Halt::new(Exit::Invalid, format!("{}: {what}", file.display()));
    let given: Value = serde_json::from_slice(&read(file)?).map_err(|_| bad("geen JSON"))?;
    let own_key = given.get("hub").and_then(Value::as_str);
    let key = match (key, own_key) {
        (Some(key), _) => key,
        (None, Some(own)) => {
            say("Let op: de sleutel komt uit het bestand zelf. Vergelijk hem met die van de hub:");
            say(&format!("  {own}"));
            own
        }
        (None, None) => return Err(Halt::new(Exit::Usage, "noem de openbare sleutel met --key")),
    };
    let (name, public_key) = parse_verifier_key(key.trim())
        .map_err(|_| Halt::new(Exit::Invalid, "dit is geen openbare sleutel van een hub"))?;
    // One proof alone, a list of them, or what `prove` writes.
    let proofs = given.get("bewijzen").unwrap_or(&given);
    let proofs: Vec<Proof> = match proofs {
        Value::Array(_) => serde_json::from_value(proofs.clone()),
        one => serde_json::from_value(one.clone()).map(|proof| vec![proof]),
    }
    .map_err(|_| bad("geen bewijs van een hub"))?;
    if proofs.is_empty() {
        return Err(bad("er staat geen bewijs in"));
    }
    let bytes = document.map(read).transpose()?;
    let mut rows =
        Rows::new(&["blad", "soort", "op", "onderwerp", "partner", "uitkomst", "bewijs"]);
    let (mut sound, mut content_shown) = (true, false);
    for proof in &proofs {
        // A leaf about a stage or an erasure holds no document, and is proven without one.
        let mut verdict = proof.verify(&name, &public_key, bytes.as_deref());
        if matches!(verdict, Err(ProofError::NoCommitment)) {
            verdict = proof.verify(&name, &public_key, None);
        }
        let shown = matches!(&verdict, Ok(report) if report.content == Content::Proven);
        content_shown |= shown;
        match verdict {
            Ok(report) => rows.add(vec![
                json!(report.index),
                json!(report.leaf.kind.as_str()),
                json!(moment(report.leaf.at)),
                json!(report.leaf.subject),
                json!(report.leaf.partner),
                json!(report.leaf.outcome),
                json!(if shown { "klopt, ook de inhoud" } else { "klopt" }),
            ]),
            Err(error) => {
                sound = false;
                let mut row = vec![json!(proof.volgnummer)];
                row.resize(6, Value::Null);
                row.push(json!(format!("KLOPT NIET: {}", chain(&error))));
                rows.add(row);
            }
        }
    }
    rows.print(form);
    if sound && bytes.is_some() && !content_shown {
        say("De bladen kloppen, maar geen ervan gaat over een document.");
        return Ok(Exit::Failure);
    }
    Ok(if sound { Exit::Ok } else { Exit::Failure })
}

fn read(file: &Path) -> Result<Vec<u8>, Halt> {
    read_within(file, PROOF_BYTES_MAX, "is te groot")
}

async fn prove(id: Uuid, file: Option<&Path>, ground: Ground<'_>) -> Result<Exit, Halt> {
    let told = ground
        .with(async |access| {
            let told = access.call("bewijzen", json!({ "id": id })).await?;
            if list(&told, "bewijzen").is_empty() {
                // Nothing is known, or it is known and not signed yet.
                access.call("wissen-voorbeeld", json!({ "id": id })).await?;
                let text = "dit staat in het logboek, maar nog niet onder een controlepunt; \
                    probeer het over een minuut opnieuw";
                return Err(Halt::new(Exit::Failure, text));
            }
            Ok(told)
        })
        .await?;
    let number = list(&told, "bewijzen").len();
    let pretty = serde_json::to_string_pretty(&told).unwrap_or_default();
    let Some(file) = file else {
        out(&if ground.form == Form::Table { pretty } else { told.to_string() });
        return Ok(Exit::Ok);
    };
    write_private(file, pretty.as_bytes()).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::AlreadyExists => Exit::NotAllowed,
            _ => Exit::Failure,
        };
        Halt::new(exit, format!("{} kan niet worden geschreven: {error}", file.display()))
    })?;
    say(&format!(
        "{number} bewijzen in {}, na te gaan met de openbare sleutel {}",
        file.display(),
        text(&told, "hub"),
    ));
    Ok(Exit::Ok)
}

async fn export(since: i64, ground: Ground<'_>) -> Result<Exit, Halt> {
    let journal = ground.reader().await?;
    let (mut after, mut number) = (since, 0_u64);
    loop {
        let lines = journal.tail(after, PAGE).await.map_err(|error| unreadable(&error))?;
        let Some(last) = lines.last() else { break };
        after = last.seq;
        for line in &lines {
            let id = line.message.public_id.into();
            let trace = journal.trace(id, clock::now()).await;
            let trace = trace.map_err(|error| unreadable(&error))?;
            let mut object = json!({ "nr": line.seq });
            if let (Some(object), Value::Object(trace)) = (object.as_object_mut(), json!(trace)) {
                object.extend(trace);
            }
            out(&object.to_string());
            number += 1;
        }
    }
    say(&format!("{number} berichten met hun zendingen, zonder inhoud."));
    Ok(Exit::Ok)
}
