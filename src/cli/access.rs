//! How a command reaches the hub: the one that runs over the data folder, or, where none does,
//! the journal itself under its lock.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::output::{Exit, Form, say};
use crate::casework::evaluate::show::map::Map;
use crate::evidence::HubKeys;
use crate::hub::alarm::Alerts;
use crate::hub::{Hub, Office, StartError};
use crate::journal::{Journal, OpenError, Store, Writer};
use crate::lifecycle::Running;
use crate::settings::{self, AlertsError, ConsoleSettings, Settings};
use crate::transport::http::AdminDesk;

/// What a command says when it cannot go on: a sentence with the next step, and an exit code.
#[derive(Debug)]
pub struct Halt {
    pub exit: Exit,
    pub text: String,
}

impl Halt {
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }

    /// Says it, and gives the exit code.
    pub fn end(self) -> Exit {
        say(&format!("schakel: {}", self.text));
        self.exit
    }
}

/// The settings of this machine.
pub fn settings(config: Option<&Path>) -> Result<Settings, Halt> {
    let wrong = |error| Halt::new(Exit::Invalid, format!("de instellingen kloppen niet: {error}"));
    Settings::load(config).map_err(wrong)
}

/// The store that the settings name for a data folder.
pub fn store_of(settings: &Settings, data: &Path) -> Result<Store, Halt> {
    settings.journal.store(data).map_err(|error| {
        let text = format!("de instellingen kloppen niet: {}", super::check::chain(&error));
        Halt::new(Exit::Invalid, text)
    })
}

/// Who hears when something is wrong, where that is set.
pub fn alerts_of(settings: &Settings, data: &Path) -> Result<Option<Alerts>, Halt> {
    settings.open_alerts(data).map_err(|error| alerts_halt(&error))
}

/// What is wrong with the settings of alerts, with the next step.
pub fn alerts_halt(error: &AlertsError) -> Halt {
    let why = super::check::chain(error);
    let text = format!(
        "de waarschuwingen kloppen niet: {why}\nVerbeter [alerts] in schakel.toml, of \
         SCHAKEL_ALERTS__… in de omgeving, en probeer het met: schakel alert test"
    );
    Halt::new(Exit::Invalid, text)
}

/// The map of the settings, where one is set; says all that is wrong with it.
pub fn map_of(settings: &ConsoleSettings) -> Result<Option<Map>, Halt> {
    settings.open_map().map_err(|error| {
        let text = format!(
            "{}\nVerbeter het bestand, of laat console.map weg: dan heeft de evaluatie geen kaart",
            super::check::chain(&error)
        );
        Halt::new(Exit::Invalid, text)
    })
}

/// The file in which the hub's key lies.
pub fn key_file(data: &Path) -> PathBuf {
    std::env::var_os("SCHAKEL_KEY_FILE").map_or_else(|| data.join("hub.key"), PathBuf::from)
}

/// The hub's keys, from the environment or its file. Never makes new ones.
pub fn read_keys(data: &Path) -> Result<Arc<HubKeys>, Halt> {
    let path = key_file(data);
    let text = match std::env::var("SCHAKEL_KEY") {
        Ok(text) => text.replace("\\n", "\n"),
        Err(_) => std::fs::read_to_string(&path).map_err(|error| no_key(data, &path, &error))?,
    };
    HubKeys::parse(&text).map(Arc::new).map_err(|error| {
        Halt::new(
            Exit::Invalid,
            format!("de sleutel van de hub is onleesbaar ({error}); zet de goede kopie terug"),
        )
    })
}

fn no_key(data: &Path, path: &Path, error: &std::io::Error) -> Halt {
    let path = path.display();
    if Store::is_made_in(data) {
        return Halt::new(
            Exit::NotAllowed,
            format!(
                "het logboek in {} is verzegeld en de sleutel {path} is er niet ({error}); zet de \
                 sleutel terug. Een nieuwe sleutel opent het niet en wordt niet gemaakt.",
                data.display()
            ),
        );
    }
    Halt::new(
        Exit::NotFound,
        format!("er is nog geen sleutel ({path}); maak er een met: schakel keys init"),
    )
}

/// What every command gets from the flags before it.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub data: &'a Path,
    pub config: Option<&'a Path>,
    pub form: Form,
}

impl Ground<'_> {
    /// Where the journal is, by the settings.
    pub fn store(&self) -> Result<Store, Halt> {
        store_of(&settings(self.config)?, self.data)
    }

    /// Carries out one action and says what came of it.
    pub async fn ask(&self, action: &str, body: Value) -> Result<Value, Halt> {
        self.with(async |access| access.call(action, body).await).await
    }

    /// Does some work over one access, and ends the access whatever came of the work.
    pub async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&Access) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let access = Access::open(self.data, &self.store()?, self.config).await?;
        let done = work(&access).await;
        access.close().await;
        done
    }

    /// As [`Ground::with`], for what may be prepared before the hub was ever started.
    pub async fn prepare<T>(
        &self,
        work: impl AsyncFnOnce(&Access) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let store = self.store()?;
        if exists(&store).await? {
            return self.with(work).await;
        }
        let access = Access::local(self.data, &store, self.config).await?;
        let done = work(&access).await;
        access.close().await;
        done
    }

    /// The journal for reading only, next to whoever writes it.
    pub async fn reader(&self) -> Result<Journal, Halt> {
        let store = self.store()?;
        if !exists(&store).await? {
            return Err(no_journal(&store));
        }
        let keys = read_keys(self.data)?;
        Journal::open_reader(&store, keys)
            .await
            .map_err(|error| start_halt(&StartError::Journal(error)))
    }
}

/// A way to the actions of operators.
pub enum Access {
    Running { client: reqwest::Client, running: Running },
    Local { hub: Arc<Hub>, office: Office, writer: tokio::task::JoinHandle<()> },
}

/// Whether there is a journal already.
pub async fn exists(store: &Store) -> Result<bool, Halt> {
    store.exists().await.map_err(|error| start_halt(&StartError::Journal(error)))
}

fn no_journal(store: &Store) -> Halt {
    let text = format!("in {store} is geen logboek; start eerst schakel serve, of noem een --data");
    Halt::new(Exit::NotFound, text)
}

impl Access {
    /// Goes to the hub that runs over the folder, or opens its journal.
    pub async fn open(data: &Path, store: &Store, config: Option<&Path>) -> Result<Self, Halt> {
        if let Some(running) = Running::read(data) {
            let client = client()?;
            // A file left by a hub that was killed leads nowhere, or to somebody else.
            if answers(&client, &running).await {
                return Ok(Self::Running { client, running });
            }
        }
        if !exists(store).await? {
            return Err(no_journal(store));
        }
        Self::local(data, store, config).await
    }

    /// Opens the journal, in a folder under its lock, or makes it.
    async fn local(data: &Path, store: &Store, config: Option<&Path>) -> Result<Self, Halt> {
        let keys = read_keys(data)?;
        let files = settings::read_or_shipped(config)
            .map_err(|error| Halt::new(Exit::Unreachable, super::check::chain(&error)))?;
        let directs = settings(config)?.regie.enabled;
        let spawn = |writer: Writer| tokio::spawn(writer.run());
        let opened = Hub::open(data, store, keys, (&files, directs), spawn)
            .await
            .map_err(|error| start_halt(&error))?;
        let office = Office::new(Arc::clone(&opened.hub));
        Ok(Self::Local { hub: opened.hub, office, writer: opened.writer })
    }

    /// Carries out one action.
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, Halt> {
        match self {
            Self::Running { client, running } => {
                let url = format!("http://{}/beheer/{action}", running.beheer);
                let request = client.post(url).bearer_auth(&running.token).json(&body);
                let lost = |_| {
                    let text = "de hub antwoordt niet; draait schakel serve nog?";
                    Halt::new(Exit::Unreachable, text)
                };
                let response = request.send().await.map_err(lost)?;
                let status = response.status().as_u16();
                let value: Value = response.json().await.map_err(lost)?;
                if status == 200 { Ok(value) } else { Err(refusal(status, &value)) }
            }
            Self::Local { office, .. } => {
                office.call(action, body).await.map_err(|(status, value)| refusal(status, &value))
            }
        }
    }

    /// Ends: what was written is on disk, and the lock is free again.
    pub async fn close(self) {
        if let Self::Local { hub, office, writer } = self {
            // What was just done is proven at once, not when a hub starts again.
            hub.sequence_step().await;
            drop((office, hub));
            let _ended = tokio::time::timeout(Duration::from_secs(10), writer).await;
        }
    }
}

/// Whether the hub of `draait.json` still is there; one that cannot reach its journal is.
async fn answers(client: &reqwest::Client, running: &Running) -> bool {
    let url = format!("http://{}/beheer/stand", running.beheer);
    let answer = client.post(url).bearer_auth(&running.token).send().await;
    answer.is_ok_and(|answer| matches!(answer.status().as_u16(), 200 | 503))
}

/// A client that follows nothing and asks no proxy.
pub fn client() -> Result<reqwest::Client, Halt> {
    built(client_builder())
}

/// The same, for who has certificates to add.
pub fn client_builder() -> reqwest::ClientBuilder {
    // Fails only where it was installed before, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(60))
}

pub fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Halt> {
    builder.build().map_err(|_| Halt::new(Exit::Failure, "er kan geen HTTP-client worden gemaakt"))
}

fn refusal(status: u16, value: &Value) -> Halt {
    let title = value.get("title").and_then(Value::as_str).unwrap_or("de actie is geweigerd");
    let mut text = title.to_owned();
    for line in value.get("fouten").and_then(Value::as_array).into_iter().flatten() {
        let line = line.as_str().map_or_else(|| violation(line), str::to_owned);
        text.push_str(&format!("\n  {line}"));
    }
    let exit = match status {
        400 | 422 => Exit::Invalid,
        401 | 403 => Exit::NotAllowed,
        404 | 410 => Exit::NotFound,
        503 => Exit::Unreachable,
        _ => Exit::Failure,
    };
    Halt::new(exit, text)
}

/// A violation in one line: the place, the Dutch sentence and the code.
fn violation(line: &Value) -> String {
    let part = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{}: {} [{}]", part("plaats"), part("nl"), part("code"))
}

/// Why a hub does not open, with the next step.
pub fn start_halt(error: &StartError) -> Halt {
    let exit = match error {
        StartError::Journal(OpenError::Database(_)) => Exit::Unreachable,
        StartError::Journal(OpenError::OtherKey | OpenError::OtherWitness(_)) => Exit::NotAllowed,
        StartError::Journal(OpenError::Locked { .. }) => Exit::Unreachable,
        StartError::Set(_) => Exit::Invalid,
        _ => Exit::Failure,
    };
    let advice = match error {
        StartError::Journal(OpenError::OtherKey) => {
            "\nZet de sleutel terug waarmee dit logboek is gemaakt."
        }
        StartError::Journal(OpenError::Locked { .. }) => {
            "\nEr draait al een schakel over deze map; stop die eerst, of kies een andere --data."
        }
        StartError::Journal(OpenError::OtherWitness(_)) => {
            "\nDie map hoort bij een ander logboek: kies een andere --data of journal.witness."
        }
        StartError::Set(_) => "\nBekijk de fouten met: schakel check",
        _ => "",
    };
    Halt::new(exit, format!("{}{advice}", super::check::chain(error)))
}
