//! `schakel send`: a document to the hub as a partner would send it, over HTTP with its own key.

use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};

use super::access::{Ground, Halt, built, client_builder};
use super::check;
use super::file::read_within;
use super::output::{Exit, out, say};
use crate::catalogue::Catalogue;
use crate::lifecycle::Running;
use crate::message::PartnerId;
use crate::settings;

/// What the hub takes at most is less; this only keeps a slip of the hand out of memory.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_help = "Voorbeeld:\n  export SCHAKEL_TOKEN=$(schakel partner key \
    politie-oost-brabant)\n  schakel send --partner politie-oost-brabant --file melding.xml\n\n\
    Het antwoord van de hub komt op standaarduitvoer. Eindcode: 0 aangenomen, 3 geweigerd,\n\
    4 hub niet bereikbaar (later opnieuw), 5 sleutel niet goed.")]
pub struct Asked {
    /// Als welke ketenpartner; zijn koppeling bepaalt het mediatype
    #[arg(long, value_name = "KETENPARTNER")]
    partner: PartnerId,
    /// Het bestand met het bericht
    #[arg(long, value_name = "BESTAND")]
    file: PathBuf,
    /// Mediatype (standaard: dat van de koppeling)
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// Toegangssleutel van de ketenpartner; liever in de omgeving, daar leest niemand mee
    #[arg(long, env = "SCHAKEL_TOKEN", hide_env_values = true, value_name = "SLEUTEL")]
    token: Option<String>,
    /// Adres van de hub (standaard: de hub die over --data draait)
    #[arg(long)]
    url: Option<String>,
    /// Alleen certificaten van deze uitgever vertrouwen (PEM); standaard die van het systeem
    #[arg(long, value_name = "BESTAND")]
    ca: Option<PathBuf>,
    /// Eigen certificaat met sleutel erachter (PEM), waar de hub daarom vraagt
    #[arg(long, value_name = "BESTAND")]
    certificate: Option<PathBuf>,
}

pub async fn run(asked: &Asked, ground: Ground<'_>) -> Result<Exit, Halt> {
    let bytes = read(&asked.file)?;
    let token =
        asked.token.as_deref().filter(|token| !token.trim().is_empty()).ok_or_else(|| {
            let text = format!(
                "er is geen sleutel: zet SCHAKEL_TOKEN, of noem --token. Een sleutel maakt u met \
             schakel partner key {}",
                asked.partner
            );
            Halt::new(Exit::NotAllowed, text)
        })?;
    let media_type = media_type(asked, ground)?;
    let base = match &asked.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let running = Running::read(ground.data).ok_or_else(|| unreachable(ground.data))?;
            running.url()
        }
    };
    let client = client_for(asked)?;
    let request = client
        .post(format!("{base}/v1/berichten"))
        .header(AUTHORIZATION, format!("Bearer {}", token.trim()))
        .header(CONTENT_TYPE, media_type)
        .body(bytes)
        .build()
        .map_err(|_| {
            Halt::new(Exit::Usage, "het adres, de sleutel of het mediatype kan zo niet")
        })?;
    let response = client.execute(request).await.map_err(|error| lost(&base, &error))?;
    let status = response.status();
    let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
    let id = place.and_then(|place| place.rsplit('/').next()).map(str::to_owned);
    let body = response.text().await.map_err(|error| lost(&base, &error))?;
    out(body.trim_end());
    let (exit, meaning) = meaning(status.as_u16(), &body);
    let number = id.map_or_else(String::new, |id| format!("; bericht {id}"));
    say(&format!("{}: {meaning}{number}", status.as_u16()));
    Ok(exit)
}

/// A client with the partner's own certificate and the authority that it trusts.
fn client_for(asked: &Asked) -> Result<reqwest::Client, Halt> {
    let unusable = |file: &Path| {
        let text = format!("{} is geen bruikbaar PEM-bestand", file.display());
        Halt::new(Exit::Invalid, text)
    };
    let mut builder = client_builder();
    if let Some(file) = &asked.ca {
        let found = reqwest::Certificate::from_pem_bundle(&read(file)?);
        builder = builder.tls_certs_only(found.map_err(|_| unusable(file))?);
    }
    if let Some(file) = &asked.certificate {
        let found = reqwest::Identity::from_pem(&read(file)?);
        builder = builder.identity(found.map_err(|_| unusable(file))?);
    }
    built(builder)
}

fn read(file: &Path) -> Result<Vec<u8>, Halt> {
    read_within(file, FILE_BYTES_MAX, "is veel groter dan een bericht mag zijn")
}

/// The media type of the partner's connector, unless another was named.
fn media_type(asked: &Asked, ground: Ground<'_>) -> Result<String, Halt> {
    if let Some(named) = &asked.media_type {
        return Ok(named.clone());
    }
    let unreadable = |error| Halt::new(Exit::Unreachable, check::chain(&error));
    let files = settings::read_or_shipped(ground.config).map_err(unreadable)?;
    let catalogue = Catalogue::parse(&files).map_err(|problems| {
        check::show(&problems, ground.form);
        Halt::new(Exit::Invalid, "deze set is niet in orde; noem het mediatype met --media-type")
    })?;
    let partner = catalogue.partner(&asked.partner).ok_or_else(|| {
        let text = format!(
            "er is geen ketenpartner {} in deze set; zie partner list, of noem --media-type",
            asked.partner
        );
        Halt::new(Exit::NotFound, text)
    })?;
    let connector = catalogue.connector_of(partner);
    let first = connector.and_then(|connector| connector.media_types.first().cloned());
    Ok(first.unwrap_or_else(|| "application/octet-stream".to_owned()))
}

fn unreachable(data: &Path) -> Halt {
    let text = format!(
        "over {} draait geen hub; start die met schakel serve, of noem --url",
        data.display()
    );
    Halt::new(Exit::Unreachable, text)
}

fn lost(base: &str, error: &reqwest::Error) -> Halt {
    // The error's own text would repeat the address; the cause of all is what helps.
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    let cause = cause.map(ToString::to_string).unwrap_or_default();
    let text = format!(
        "de hub op {base} antwoordt niet ({cause}); er is niets bevestigd, stuur later \
        hetzelfde opnieuw"
    );
    Halt::new(Exit::Unreachable, text)
}

/// What a status means for who sent.
fn meaning(status: u16, body: &str) -> (Exit, &'static str) {
    match status {
        200..=299 => (Exit::Ok, "aangenomen, en op schijf"),
        401 => (Exit::NotAllowed, "de sleutel is niet geldig"),
        403 => (Exit::NotAllowed, "deze ketenpartner mag dit nu niet"),
        404 => (Exit::NotFound, "op dit adres is geen hub"),
        // StUF says Fo03 with 500: refused, and recorded.
        500 if !body.contains("Fo03") => (Exit::Failure, "er ging iets mis in de hub"),
        400..=428 | 500 => (Exit::Invalid, "geweigerd; de reden staat in het antwoord"),
        429 | 502..=504 => (Exit::Unreachable, "nu niet; stuur later hetzelfde opnieuw"),
        _ => (Exit::Failure, "een antwoord dat de hub niet hoort te geven"),
    }
}
