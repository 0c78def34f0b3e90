//! A hub under test: the real program over a folder of its own, and partners who talk to it.

use std::io::Read as _;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Longest wait for anything; only a broken hub takes this long.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Partners of the shipped set.
pub const POLITIE: &str = "politie-oost-brabant";
pub const OM: &str = "om-oost-brabant";
pub const BRANDWEER: &str = "brandweer-brabant-zuidoost";
pub const WONEN: &str = "wonen-zuid";
pub const SLEUTEL: &str = "de-sleutel";
pub const GGZ: &str = "ggz-de-kempen";
pub const GEMEENTE: &str = "gemeente-eindhoven";

pub const XML: &str = "application/xml";
pub const JSON: &str = "application/json";
pub const CSV: &str = "text/csv";

/// Waits until `found` gives something; the name says what a failed test waited for.
pub async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A Python that has a module: Debian's own, or another on the path.
pub fn python(module: &str, package: &str) -> &'static str {
    let import = format!("import {module}");
    let has_it = |python: &&str| {
        let tried = Command::new(python).args(["-c", &import]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let found = ["/usr/bin/python3", "python3"].into_iter().find(has_it);
    found.unwrap_or_else(|| panic!("these tests need {module}: install {package}"))
}

/// The native document of a shipped example, as text.
pub fn example(connector: &str, case: &str) -> String {
    let folder = checkout().join("connectors").join(connector).join("examples").join(case);
    let found = ["native.xml", "native.json", "native.csv"]
        .into_iter()
        .find_map(|name| std::fs::read_to_string(folder.join(name)).ok());
    found.unwrap_or_else(|| panic!("no native document in {}", folder.display()))
}

/// Replaces a text that must be there.
pub fn swap(document: &str, from: &str, to: &str) -> String {
    assert!(document.contains(from), "the document has no {from}");
    document.replace(from, to)
}

/// Where a hub keeps its data, and what it said so far.
pub struct Place {
    root: tempfile::TempDir,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Place {
    /// A new data folder with a key.
    pub fn new() -> Self {
        let place = Self { root: tempfile::tempdir().expect("a folder"), log: Arc::default() };
        let made = place.command().args(["keys", "init"]).output().expect("schakel runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        place
    }

    /// The place of another hub over the same journal: its own folder, the same key and set.
    pub fn beside(&self) -> Self {
        let place = Self { root: tempfile::tempdir().expect("a folder"), log: Arc::default() };
        copy(&self.data().join("hub.key"), &place.data().join("hub.key"));
        if self.set().is_dir() {
            copy(&self.set(), &place.set());
        }
        place
    }

    pub fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// The folder of this place's own set; without one the hub has the shipped set.
    pub fn set(&self) -> PathBuf {
        self.root.path().join("set")
    }

    /// Copies files and folders of the checkout into the set: `config`, `connectors/politie`.
    pub fn take(&self, paths: &[&str]) -> &Self {
        for path in paths {
            copy(&checkout().join(path), &self.set().join(path));
        }
        self
    }

    /// Changes a file of the set.
    pub fn edit(&self, file: &str, from: &str, to: &str) -> &Self {
        let path = self.set().join(file);
        let text = std::fs::read_to_string(&path).expect("a file of the set");
        std::fs::write(path, swap(&text, from, to)).expect("a writable set");
        self
    }

    pub fn write(&self, file: &str, text: &str) -> &Self {
        let path = self.set().join(file);
        std::fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
        std::fs::write(path, text).expect("a writable set");
        self
    }

    /// The program over this place, with an environment of its own.
    pub fn command(&self) -> Command {
        self.dressed(Command::new(env!("CARGO_BIN_EXE_schakel")))
    }

    fn dressed(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SCHAKEL")) {
            command.env_remove(name);
        }
        command.env_remove("FAILPOINTS").env("SCHAKEL_DATA", self.data());
        // Most stories are about the exchange alone; those of cases say so.
        command.env("SCHAKEL_REGIE__ENABLED", "false");
        // Where a story is about the console it says so, on a free port.
        command.env("SCHAKEL_CONSOLE__ENABLED", "false");
        if self.set().is_dir() {
            command.env("SCHAKEL_CONFIG", self.set());
        }
        command
    }

    /// All that the hub said on standard output and standard error.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().expect("no panic while logging")).into_owned()
    }

    pub async fn start(self) -> Hub {
        self.start_with(&[]).await
    }

    /// Starts the hub with these variables, and waits until it is ready.
    pub async fn start_with(self, env: &[(&str, &str)]) -> Hub {
        self.start_as(env, 200).await
    }

    /// Starts a hub that says it is not ready, and waits until it does.
    pub async fn start_closed(self, env: &[(&str, &str)]) -> Hub {
        self.start_as(env, 503).await
    }

    async fn start_as(self, env: &[(&str, &str)], ready: u16) -> Hub {
        let mut command = self.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]).envs(env.iter().copied());
        self.launch(command, ready).await
    }

    /// Starts the hub from a line of bash in which `$SCHAKEL` is the program.
    pub async fn start_by_shell(self, line: &str) -> Hub {
        let mut command = self.dressed(Command::new("bash"));
        command.args(["-c", line]).env("SCHAKEL", env!("CARGO_BIN_EXE_schakel"));
        self.launch(command, 200).await
    }

    async fn launch(self, mut command: Command, ready: u16) -> Hub {
        let _left_by_a_crash = std::fs::remove_file(self.data().join("draait.json"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("schakel runs");
        listen(child.stdout.take().expect("piped"), Arc::clone(&self.log));
        listen(child.stderr.take().expect("piped"), Arc::clone(&self.log));
        let client = client();
        let found = async {
            loop {
                if let Some(running) = running(&self.data())
                    && let Ok(told) = client.get(format!("{}/gereed", running.0)).send().await
                    && told.status().as_u16() == ready
                {
                    return running;
                }
                let ended = child.try_wait().expect("a child");
                assert!(ended.is_none(), "the hub ended: {ended:?}\n{}", self.log());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        let (http, office, office_token) =
            found.unwrap_or_else(|_| panic!("the hub did not get ready\n{}", self.log()));
        let child = Running(child);
        Hub { door: Door { http, client }, office, office_token, child, place: self }
    }
}

/// A child that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listen(mut pipe: impl std::io::Read + Send + 'static, log: Arc<Mutex<Vec<u8>>>) {
    std::thread::spawn(move || {
        let mut piece = [0; 8192];
        while let Ok(size @ 1..) = pipe.read(&mut piece) {
            let heard = piece.get(..size).unwrap_or_default();
            log.lock().expect("no panic while logging").extend_from_slice(heard);
        }
    });
}

fn running(data: &Path) -> Option<(String, String, String)> {
    let mut bytes = Vec::new();
    std::fs::File::open(data.join("draait.json")).ok()?.read_to_end(&mut bytes).ok()?;
    let told: Value = serde_json::from_slice(&bytes).ok()?;
    let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    let url = |name: &str| Some(format!("http://{}", text(name)?));
    Some((url("http")?, url("beheer")?, text("token")?))
}

fn client() -> reqwest::Client {
    // Fails only where it was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(Duration::from_secs(60))
        .build()
        .expect("a client")
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        std::fs::create_dir_all(to.parent().expect("in a folder")).expect("a folder");
        std::fs::copy(from, to).expect("a copy");
        return;
    }
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder of the checkout") {
        let entry = entry.expect("an entry");
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// What the hub answered.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON with {}: {}", self.status, self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The id by which its sender follows a message that was accepted.
    pub fn message(&self) -> String {
        let location = self.header("location");
        let id = location.strip_prefix("/v1/berichten/");
        id.unwrap_or_else(|| panic!("not accepted: {} {}", self.status, self.text())).to_owned()
    }

    pub fn is_accepted(&self) -> bool {
        matches!(self.status, 200 | 202) && self.headers.contains_key("location")
    }
}

/// The door for partners. Stays behind when the hub is gone, as an address does.
#[derive(Clone)]
pub struct Door {
    pub http: String,
    client: reqwest::Client,
}

impl Door {
    pub fn address(&self) -> SocketAddr {
        self.http.trim_start_matches("http://").parse().expect("an address")
    }

    /// One request; `None` where the connection broke.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        content: Option<(&str, Vec<u8>)>,
    ) -> Option<Reply> {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.http));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some((media_type, body)) = content {
            request = request.header("content-type", media_type).body(body);
        }
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Some(Reply { status, headers, body: response.bytes().await.ok()?.to_vec() })
    }

    pub async fn try_send(&self, token: &str, media_type: &str, document: &str) -> Option<Reply> {
        let content = Some((media_type, document.as_bytes().to_vec()));
        self.ask("POST", "/v1/berichten", token, content).await
    }

    pub async fn try_collect(&self, token: &str, wait_seconds: u8) -> Option<Vec<Parcel>> {
        let wish = json!({ "limiet": 50, "wachtSeconden": wait_seconds }).to_string();
        let content = Some((JSON, wish.into_bytes()));
        let reply = self.ask("POST", "/v1/postvak/ophalingen", token, content).await?;
        let told: Value = serde_json::from_slice(&reply.body).ok()?;
        let parcels = told.get("zendingen")?.as_array()?;
        Some(parcels.iter().map(Parcel::of).collect())
    }

    pub async fn try_confirm(&self, token: &str, parcel: &str, word: &str) -> Option<Reply> {
        let content = Some((JSON, json!({ "status": word }).to_string().into_bytes()));
        self.ask("POST", &format!("/v1/postvak/{parcel}/ontvangst"), token, content).await
    }
}

/// What a partner collected.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub id: String,
    pub text: String,
    pub whole: Value,
}

impl Parcel {
    fn of(told: &Value) -> Self {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let document = BASE64_STANDARD.decode(text("inhoud")).expect("base64");
        let document = String::from_utf8_lossy(&document).into_owned();
        Self { id: text("zending"), text: document, whole: told.clone() }
    }
}

/// A hub that runs.
pub struct Hub {
    pub door: Door,
    office: String,
    office_token: String,
    child: Running,
    pub place: Place,
}

impl Hub {
    /// An action of an operator; `None` where the hub died of it.
    pub async fn ask_office(&self, action: &str, body: &Value) -> Option<Reply> {
        let office = Door { http: self.office.clone(), client: self.door.client.clone() };
        let content = Some((JSON, body.to_string().into_bytes()));
        office.ask("POST", &format!("/beheer/{action}"), &self.office_token, content).await
    }

    pub async fn try_office(&self, action: &str, body: &Value) -> Reply {
        self.ask_office(action, body).await.expect("the office answers")
    }

    /// An action that must succeed.
    pub async fn office(&self, action: &str, body: Value) -> Value {
        let reply = self.try_office(action, &body).await;
        assert_eq!(reply.status, 200, "{action}: {}", reply.text());
        reply.json()
    }

    /// Erases what an id means, by the two people that it takes.
    pub async fn erase(&self, id: &str) -> Value {
        let wish = json!({ "id": id, "door": "anna", "reden": "verzoek" });
        let number = self.office("wissen-aanvragen", wish).await["verzoek"].clone();
        self.office("wissen-goedkeuren", json!({ "verzoek": number, "door": "bart" })).await
    }

    /// A new token for a partner.
    pub async fn token(&self, partner: &str) -> String {
        let made = self.office("sleutel-maken", json!({ "partner": partner })).await;
        made["sleutel"].as_str().expect("a token").to_owned()
    }

    pub async fn send(&self, token: &str, media_type: &str, document: &str) -> Reply {
        self.door.try_send(token, media_type, document).await.expect("an answer")
    }

    pub async fn get(&self, token: &str, path: &str) -> Reply {
        self.door.ask("GET", path, token, None).await.expect("an answer")
    }

    pub async fn collect(&self, token: &str) -> Vec<Parcel> {
        self.door.try_collect(token, 0).await.expect("a collection")
    }

    /// Everything in a mailbox, each parcel confirmed as received.
    pub async fn empty_mailbox(&self, token: &str) -> Vec<Parcel> {
        let mut all = Vec::new();
        loop {
            let parcels = self.collect(token).await;
            if parcels.is_empty() {
                return all;
            }
            for parcel in parcels {
                let said = self.door.try_confirm(token, &parcel.id, "ontvangen").await;
                assert_eq!(said.expect("an answer").status, 200);
                all.push(parcel);
            }
        }
    }

    /// The entries of quarantine with this reason.
    pub async fn quarantine(&self, reason: &str) -> Vec<Value> {
        let found = self.office("uitval", json!({ "reden": reason, "limiet": 500 })).await;
        found.as_array().expect("a list").clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Waits for the hub to end by itself; the place, and the signal that ended it.
    pub async fn ended(mut self) -> (Place, Option<i32>) {
        let status =
            until("the hub ends", async || self.child.0.try_wait().expect("a child")).await;
        (self.place, status.signal())
    }

    /// Ends it as a power cut would.
    pub async fn kill(mut self) -> Place {
        self.child.0.kill().expect("a child");
        self.ended().await.0
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(self) -> Place {
        let pid = self.pid().to_string();
        let asked = Command::new("bash").args(["-c", "kill -TERM \"$0\"", &pid]).status();
        assert!(asked.expect("bash").success());
        self.ended().await.0
    }
}

/// The evidence of a place where no hub runs, hashed again from the first leaf to the last.
pub async fn verify(place: &Place) {
    let text = std::fs::read_to_string(place.data().join("hub.key")).expect("the key");
    let keys = schakel::evidence::HubKeys::parse(&text).expect("a key");
    let store = schakel::journal::Store::in_folder(&place.data());
    let journal = schakel::journal::Journal::open_reader(&store, Arc::new(keys)).await;
    let report = journal.expect("a journal").verify(|_| {}).await.expect("a report");
    assert!(report.is_sound(), "the journal is not sound: {:?}", report.findings);
    assert!(report.leaves > 0, "nothing was verified");
}
