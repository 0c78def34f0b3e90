//! A RabbitMQ node for the tests of this binary: started once, on free ports, gone with them.
//!
//! `SCHAKEL_TEST_AMQP_URL` (`amqp://administrator:password@host:port`) and
//! `SCHAKEL_TEST_AMQP_MANAGEMENT_URL` name a broker to be used instead, for the stories that do
//! not kill it. Each story has a vhost of its own there.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use tokio::sync::{OnceCell, RwLock};

use crate::hub::{checkout, until};

/// The broker that all stories share.
static SHARED: OnceCell<Node> = OnceCell::const_new();
/// One of our own, where the shared one is not.
static OWN: OnceCell<Node> = OnceCell::const_new();
/// Held for reading by stories, and for writing by those that do the broker harm.
pub static PEACE: RwLock<()> = RwLock::const_new(());

const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// The login of the administrator of a private node.
const ADMINISTRATOR: &str = "beheerder:beheerder";

pub struct Node {
    /// `host:port` of AMQP, AMQPS and the management API, with the administrator's login.
    pub amqp: String,
    pub amqps: String,
    pub management: String,
    login: String,
    private: Option<Private>,
    client: reqwest::Client,
    /// The folder with the passwords of the partners, which are made once for all vhosts.
    pub passwords: OnceCell<PathBuf>,
}

/// A node of our own, and how it is told what to do.
struct Private {
    folder: PathBuf,
    /// Where its cookie is: its own folder, or that of the first node of its cluster.
    home: PathBuf,
    epmd: u16,
    /// The last port to be closed when a node stops in good order.
    dist: u16,
    amqp: u16,
    keeper: Mutex<Child>,
}

impl Node {
    /// The broker of the stories.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(|| async {
                let given = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
                match given("SCHAKEL_TEST_AMQP_URL") {
                    None => Self::start().await,
                    Some(amqp) => {
                        let management = given("SCHAKEL_TEST_AMQP_MANAGEMENT_URL")
                            .expect("SCHAKEL_TEST_AMQP_MANAGEMENT_URL goes with the other");
                        Self::given(&amqp, &management)
                    }
                }
            })
            .await
    }

    /// A broker that may be harmed, and that has certificates of ours.
    pub async fn own() -> &'static Self {
        let shared = Self::shared().await;
        if shared.private.is_some() { shared } else { OWN.get_or_init(Self::start).await }
    }

    fn given(amqp: &str, management: &str) -> Self {
        let place = |url: &str| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let (login, place) = rest.rsplit_once('@').unwrap_or((ADMINISTRATOR, rest));
            (login.to_owned(), place.trim_end_matches('/').to_owned())
        };
        let (login, amqp) = place(amqp);
        let management = place(management).1;
        let client = client();
        Self {
            amqp,
            amqps: String::new(),
            management,
            login,
            private: None,
            client,
            passwords: OnceCell::new(),
        }
    }

    async fn start() -> Self {
        let node = Self::launch(free_ports(), None);
        node.is_up().await;
        node
    }

    /// Three nodes that are one broker, without TLS; the others lean on the first.
    pub async fn cluster() -> [Self; 3] {
        let [epmd, ports @ ..]: [u16; 10] = free_ports();
        let of = |place: usize| [ports[place], 0, ports[3 + place], ports[6 + place], epmd];
        let first = Self::launch(of(0), None);
        let peers = Some((first.folder(), [ports[0], ports[1], ports[2]]));
        let (second, third) = (Self::launch(of(1), peers.clone()), Self::launch(of(2), peers));
        let nodes = [first, second, third];
        for node in &nodes {
            node.is_up().await;
        }
        nodes
    }

    /// On ports for AMQP, AMQPS, management, distribution and epmd; beside the first node of a
    /// cluster, whose folder is given with the AMQP ports of all.
    fn launch(ports: [u16; 5], cluster: Option<(PathBuf, [u16; 3])>) -> Self {
        assert!(
            Path::new(SERVER).exists(),
            "these tests need a RabbitMQ of their own, and {SERVER} is not there: install the \
             Debian package rabbitmq-server, or name a broker in SCHAKEL_TEST_AMQP_URL and \
             SCHAKEL_TEST_AMQP_MANAGEMENT_URL"
        );
        // Not in the folder for tests: user rabbitmq must be able to walk to it.
        let folder = tempfile::Builder::new().prefix("schakel-rabbitmq-").tempdir();
        let folder = folder.expect("a folder").keep();
        open_to_all(&folder);
        let [amqp, amqps, management, dist, epmd] = ports;
        if amqps != 0 {
            super::tls::make(&folder.join("tls"));
        }
        let mut keeper = Command::new("bash");
        keeper.arg(checkout().join("tests/it/amqp/node.sh")).arg(&folder);
        keeper.args(ports.map(|port| port.to_string()));
        let home = match cluster {
            None => {
                write_cookie(&folder);
                folder.clone()
            }
            Some((home, peers)) => {
                keeper.arg(&home).args(peers.map(|port| port.to_string()));
                home
            }
        };
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let keeper = Mutex::new(keeper.expect("bash runs"));
        let at = |port: u16| format!("localhost:{port}");
        Self {
            amqp: at(amqp),
            amqps: at(amqps),
            management: at(management),
            login: ADMINISTRATOR.to_owned(),
            private: Some(Private { folder, home, epmd, dist, amqp, keeper }),
            client: client(),
            passwords: OnceCell::new(),
        }
    }

    /// Waits until the broker serves.
    pub async fn is_up(&self) {
        until("the broker serves", async || {
            let whole = self.get("health/checks/virtual-hosts").await?;
            (whole["status"] == "ok").then_some(())
        })
        .await;
    }

    /// Waits until a private node is gone, its connections with it.
    pub async fn is_down(&self) {
        let door = ("127.0.0.1", self.private.as_ref().expect("a node of our own").dist);
        until("the broker is gone", async || {
            tokio::net::TcpStream::connect(door).await.is_err().then_some(())
        })
        .await;
    }

    pub async fn get(&self, path: &str) -> Option<serde_json::Value> {
        let answer = self.client.get(format!("{}/api/{path}", self.management_url())).send().await;
        let answer = answer.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    /// A change through the management API, as an administrator who makes a mistake does it.
    pub async fn ask(&self, method: &str, path: &str, body: Option<serde_json::Value>) {
        let method = method.parse().expect("a method");
        let request = self.client.request(method, format!("{}/api/{path}", self.management_url()));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.expect("the management API answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    pub fn management_url(&self) -> String {
        format!("http://{}@{}", self.login, self.management)
    }

    /// The url of a user in a vhost.
    pub fn url(&self, user: &str, password: &str, vhost: &str) -> String {
        format!("amqp://{user}:{password}@{}/{vhost}", self.amqp)
    }

    /// A folder that is gone when the tests are, or the system's where the broker is not ours.
    pub fn folder(&self) -> PathBuf {
        match &self.private {
            Some(private) => private.folder.clone(),
            None => std::env::temp_dir().join(format!("schakel-proef-{}", std::process::id())),
        }
    }

    /// Where the certificates of a private node lie.
    pub fn tls(&self) -> PathBuf {
        self.private.as_ref().expect("a node of our own").folder.join("tls")
    }

    /// Tells the keeper of a private node: `kill`, `stop`, `start`, `pause`, `go`.
    pub fn tell(&self, word: &str) {
        let private = self.private.as_ref().expect("this story needs a node of our own");
        let mut keeper = private.keeper.lock().expect("no panic while telling");
        let pipe = keeper.stdin.as_mut().expect("piped");
        writeln!(pipe, "{word}").expect("the keeper listens");
    }

    /// The end of a private node before that of the tests.
    pub fn end(&self) {
        let private = self.private.as_ref().expect("this story needs a node of our own");
        let mut keeper = private.keeper.lock().expect("no panic while telling");
        drop(keeper.stdin.take());
    }

    /// Runs a command of `rabbitmqctl` on the private node.
    pub async fn control(&self, arguments: &[&str]) {
        let private = self.private.as_ref().expect("this story needs a node of our own");
        let mut command = tokio::process::Command::new("setpriv");
        if is_root() {
            command.args(["--reuid", "rabbitmq", "--regid", "rabbitmq", "--clear-groups"]);
        }
        command.arg("/usr/lib/rabbitmq/bin/rabbitmqctl").args(["-n"]);
        command.arg(format!("schakel{}@localhost", private.amqp)).args(arguments);
        command.env("HOME", &private.home).env("ERL_EPMD_PORT", private.epmd.to_string());
        command.env("RABBITMQ_CONF_ENV_FILE", private.folder.join("env.conf"));
        let done = command.output().await.expect("rabbitmqctl runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout.starts_with(b"0\n")
}

fn client() -> reqwest::Client {
    // Fails only where it was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    client.timeout(std::time::Duration::from_secs(20)).build().expect("a client")
}

/// Ports that nobody uses now; all are held until the last was found.
fn free_ports<const N: usize>() -> [u16; N] {
    let doors: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    doors.map(|door| door.local_addr().expect("an address").port())
}

/// Written beforehand: of nodes that start together, each would make one.
fn write_cookie(home: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let (file, name) = (home.join(".erlang.cookie"), home.file_name().expect("a name"));
    std::fs::write(&file, name.to_str().expect("text")).expect("a folder of our own");
    let rights = std::fs::Permissions::from_mode(0o400);
    std::fs::set_permissions(&file, rights).expect("a file of our own");
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let rights = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, rights).expect("a folder of our own");
}
