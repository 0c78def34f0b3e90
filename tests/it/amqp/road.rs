//! A story's own part of the broker: a vhost, a set in which some partners go by RabbitMQ, a hub,
//! and partners who talk pika.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::node::Node;
use crate::hub::{self, Hub, Place, checkout, python};

/// The hub's own login; the same in every vhost, because users are of the whole broker.
pub const HUB: (&str, &str) = ("schakel-hub", "geheim-van-de-hub");
/// Who goes by RabbitMQ in some story.
pub const ALL: [&str; 4] = [hub::POLITIE, hub::WONEN, hub::GGZ, hub::GEMEENTE];

static NUMBER: AtomicU32 = AtomicU32::new(1);

pub struct Road {
    pub node: &'static Node,
    pub vhost: String,
    passwords: PathBuf,
}

impl Road {
    /// A vhost with everything in it, and a place whose set uses it.
    pub async fn new(partners: &[&str]) -> (Self, Place) {
        Self::open(Node::shared().await, partners, &["--niet-wachten"]).await
    }

    /// The same on a broker that is ours.
    pub async fn own(partners: &[&str]) -> (Self, Place) {
        Self::open(Node::own().await, partners, &["--niet-wachten"]).await
    }

    /// The same for a story in which the broker is killed: its queues are old enough.
    pub async fn ripened(partners: &[&str]) -> (Self, Place) {
        Self::open(Node::own().await, partners, &[]).await
    }

    /// The same on this node.
    pub async fn on(node: &'static Node, partners: &[&str]) -> (Self, Place) {
        Self::open(node, partners, &[]).await
    }

    async fn open(node: &'static Node, partners: &[&str], more: &[&str]) -> (Self, Place) {
        let passwords = node
            .passwords
            .get_or_init(|| async {
                let folder = node.folder().join("wachtwoorden");
                let basis = Self { node, vhost: "basis".to_owned(), passwords: folder.clone() };
                let place = basis.place(&ALL);
                let mut renew = vec!["--niet-wachten"];
                renew.extend(ALL.iter().flat_map(|name| ["--nieuw-wachtwoord", *name]));
                basis.provision(&place, &renew).await;
                folder
            })
            .await
            .clone();
        let process = std::process::id();
        let vhost = format!("verhaal-{process}-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let road = Self { node, vhost, passwords };
        let place = road.place(partners);
        road.provision(&place, more).await;
        (road, place)
    }

    fn place(&self, partners: &[&str]) -> Place {
        let place = Place::new();
        place.take(&["config"]);
        for partner in partners {
            let file = format!("config/partners/{partner}.toml");
            place.edit(&file, "wijze = \"postvak\"", "wijze = \"rabbitmq\"");
        }
        place
    }

    /// The settings of a hub on this road.
    pub fn settings(&self) -> Vec<(String, String)> {
        let setting = |name: &str, value: String| (format!("SCHAKEL_BROKER__{name}"), value);
        vec![
            setting("URL", self.node.url(HUB.0, HUB.1, &self.vhost)),
            setting("MANAGEMENT_URL", self.node.management_url()),
        ]
    }

    /// `schakel broker …`, and what it said on standard output.
    pub async fn broker(&self, place: &Place, arguments: &[&str]) -> (i32, Value) {
        let mut command = place.command();
        command.args(["-o", "json", "broker"]).args(arguments).envs(self.settings());
        let done = tokio::process::Command::from(command).output().await.expect("schakel runs");
        let code = done.status.code().expect("an exit code");
        let told = serde_json::from_slice(&done.stdout).unwrap_or(Value::Null);
        assert!(code != 1 && code != 2, "{}", String::from_utf8_lossy(&done.stderr));
        (code, told)
    }

    pub async fn provision(&self, place: &Place, more: &[&str]) -> Value {
        let folder = self.passwords.to_str().expect("text");
        let all = [&["provision", "--wachtwoorden", folder], more].concat();
        let (code, told) = self.broker(place, &all).await;
        assert_eq!(code, 0, "{told:#}");
        told
    }

    pub async fn start(&self, place: Place) -> Hub {
        self.start_with(place, &[]).await
    }

    /// The hub with these settings besides.
    pub async fn start_with(&self, place: Place, more: &[(&str, &str)]) -> Hub {
        let settings = self.settings();
        let pairs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        place.start_with(&pairs.chain(more.iter().copied()).collect::<Vec<_>>()).await
    }

    pub fn password(&self, partner: &str) -> String {
        let text = std::fs::read_to_string(self.passwords.join(partner)).expect("a password");
        text.trim().to_owned()
    }

    /// The url by which a partner enters.
    pub fn url(&self, partner: &str) -> String {
        self.node.url(partner, &self.password(partner), &self.vhost)
    }

    pub fn partner(&self, name: &str) -> Partner {
        Partner::new(name, &self.url(name))
    }

    /// A queue as the management API tells it; `None` where there is none.
    pub async fn queue(&self, name: &str) -> Option<Value> {
        self.node.get(&format!("queues/{}/{name}", self.vhost)).await
    }
}

/// A partner with a program of its own.
pub struct Partner {
    pub name: String,
    child: Child,
    say: ChildStdin,
    hear: BufReader<ChildStdout>,
}

/// What a partner took from a queue.
#[derive(Debug, Clone)]
pub struct Message(pub Value);

impl Message {
    pub fn text(&self) -> String {
        let bytes = BASE64_STANDARD.decode(self.is("body")).expect("base64");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text()).expect("JSON")
    }

    pub fn is(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.0["headers"][name].as_str().unwrap_or_default()
    }
}

impl Partner {
    pub fn new(name: &str, url: &str) -> Self {
        let script = checkout().join("tests/it/amqp/partner.py");
        let mut command = Command::new(python("pika", "python3-pika"));
        command.arg(script).arg(url).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python runs");
        let say = child.stdin.take().expect("piped");
        let hear = BufReader::new(child.stdout.take().expect("piped"));
        Self { name: name.to_owned(), child, say, hear }
    }

    /// Asks something of the broker; the answer, whatever it is.
    pub fn ask(&mut self, ask: &Value) -> Value {
        tokio::task::block_in_place(|| {
            writeln!(self.say, "{ask}").expect("the partner listens");
            let mut line = String::new();
            self.hear.read_line(&mut line).expect("the partner answers");
            serde_json::from_str(&line).expect("JSON of the partner")
        })
    }

    /// Publishes to its own exchange.
    pub fn publish(&mut self, media_type: &str, document: &str, message_id: Option<&str>) {
        let answer = self.ask(&json!({
            "do": "publish", "exchange": format!("in.{}", self.name),
            "content_type": media_type, "message_id": message_id,
            "body": BASE64_STANDARD.encode(document),
        }));
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// Takes this many messages from its mailbox.
    pub fn collect(&mut self, count: usize) -> Vec<Message> {
        let messages = self.collect_within(count, 60);
        assert_eq!(messages.len(), count, "{} got too few", self.name);
        messages
    }

    pub fn collect_within(&mut self, count: usize, seconds: u32) -> Vec<Message> {
        let queue = format!("uit.{}", self.name);
        self.collect_from(&queue, count, seconds)
    }

    pub fn collect_from(&mut self, queue: &str, count: usize, seconds: u32) -> Vec<Message> {
        let answer = self
            .ask(&json!({ "do": "collect", "queue": queue, "count": count, "seconds": seconds }));
        let messages = answer["messages"].as_array().unwrap_or_else(|| panic!("{answer}"));
        messages.iter().cloned().map(Message).collect()
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
