//! A PostgreSQL server of the tests' own: on a socket in a folder of its own, never the machine's.
//!
//! Used by the unit tests of the journal and by the integration tests. It ends with the process
//! that started it, however that ends: a shell keeps it for as long as its standard input is
//! open, and takes its folder away afterwards.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How often and how long it is looked whether the server is there: a minute in all.
const LOOKS_MAX: u32 = 3000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Makes a cluster in a fresh folder, says where, and starts a server for every line it reads.
const KEEPER: &str = r#"
set -eu
PATH="$1:$PATH"
tmp=${TMPDIR:-/tmp}
# Flushing stays on, which the journal insists on; in memory it costs nothing.
[ "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')" -gt 4000000 ] && tmp=/dev/shm
dir=$(mktemp -d "$tmp/schakel-postgres-XXXXXXXX")
initdb -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1
echo "$dir"
server=
while read -r settings; do
    # shellcheck disable=SC2086
    postgres -D "$dir/data" -k "$dir" -c listen_addresses= -c max_connections=300 \
        $settings >>"$dir/server.log" 2>&1 </dev/null &
    server=$!
done
[ -z "$server" ] || kill -QUIT "$server" 2>/dev/null || true
wait || true
rm -rf "$dir"
"#;

/// A server that runs.
pub struct Server {
    place: Place,
    databases: AtomicU32,
}

enum Place {
    Own {
        dir: PathBuf,
        bin: PathBuf,
        stdin: ChildStdin,
        keeper: Child,
    },
    /// Named by `SCHAKEL_TEST_POSTGRES_URL`: a superuser's URL of a server that is there.
    Given {
        url: String,
        bin: PathBuf,
    },
}

/// The server that all tests of a process share, each with a database of its own.
pub fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("SCHAKEL_TEST_POSTGRES_URL") {
        Ok(url) => {
            Server { place: Place::Given { url, bin: programs() }, databases: AtomicU32::new(0) }
        }
        Err(_) => Server::start(""),
    })
}

impl Server {
    /// A server with settings such as `-c fsync=off`.
    pub fn start(settings: &str) -> Self {
        let bin = programs();
        let mut command = keeper();
        command.args(["sh", "-c", KEEPER, "keeper"]).arg(&bin).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = command.spawn().expect("a shell for PostgreSQL");
        let stdin = keeper.stdin.take().expect("piped");
        let mut line = String::new();
        let stdout = keeper.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("the folder of PostgreSQL");
        assert!(!line.is_empty(), "initdb failed in {}", std::env::temp_dir().display());
        let dir = PathBuf::from(line.trim());
        let place = Place::Own { dir, bin, stdin, keeper };
        let mut server = Self { place, databases: AtomicU32::new(0) };
        server.launch(settings);
        server
    }

    /// Starts the server again after [`Server::kill`].
    pub fn launch(&mut self, settings: &str) {
        let Place::Own { dir, bin, stdin, .. } = &mut self.place else { return };
        // The first words of a killed server may still be in the way of the next.
        for look in 0..LOOKS_MAX {
            if ready(bin, dir) {
                return;
            }
            if look % 25 == 0 && process(dir).is_none() {
                writeln!(stdin, "{settings}").expect("the keeper of PostgreSQL");
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        panic!("PostgreSQL does not start: {}", log(dir));
    }

    /// Pulls the plug: the server is killed as it is.
    pub fn kill(&mut self) {
        let Place::Own { dir, .. } = &self.place else { panic!("not a server of the tests") };
        let process = process(dir).expect("a server that runs");
        let killed = Command::new("kill").args(["-9", &process]).status().expect("kill");
        assert!(killed.success());
        // Its file stays behind, and would stand for a server that runs.
        std::fs::remove_file(dir.join("data/postmaster.pid")).expect("the file of the server");
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::SeqCst);
        let name = format!("proef_{}_{number}", std::process::id());
        self.run(&self.url("postgres"), &format!("create database {name}"));
        self.url(&name)
    }

    /// Takes a database away, whoever uses it.
    pub fn drop(&self, url: &str) {
        let name = database_of(url);
        if name.starts_with("proef_") {
            self.run(&self.url("postgres"), &format!("drop database {name} with (force)"));
        }
    }

    /// Runs SQL as the superuser, and gives what it prints.
    pub fn run(&self, url: &str, sql: &str) -> String {
        let bin = match &self.place {
            Place::Own { bin, .. } | Place::Given { bin, .. } => bin,
        };
        let mut command = Command::new(bin.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
        let done = command.output().expect("psql runs");
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// The URL of a database that is there.
    pub fn url(&self, database: &str) -> String {
        match &self.place {
            Place::Own { dir, .. } => {
                let host = dir.display().to_string().replace('/', "%2F");
                format!("postgres://postgres@{host}/{database}")
            }
            Place::Given { url, .. } => {
                let (start, rest) = url.rsplit_once('/').expect("a URL with a database");
                let query = rest.find('?').map_or("", |at| rest.get(at..).unwrap_or_default());
                format!("{start}/{database}{query}")
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Place::Own { dir, keeper, .. } = &mut self.place {
            // Its input closes with this process; one that was dropped before ends now.
            if let Some(process) = process(dir) {
                let _gone = Command::new("kill").args(["-QUIT", &process]).status();
            }
            let _ = keeper.kill();
            let _ = keeper.wait();
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

fn database_of(url: &str) -> &str {
    let last = url.rsplit('/').next().unwrap_or_default();
    last.split('?').next().unwrap_or_default()
}

/// PostgreSQL refuses to run as root, so there it runs as the user that its package made.
fn keeper() -> Command {
    let root = std::fs::metadata("/proc/self").is_ok_and(|about| {
        use std::os::unix::fs::MetadataExt as _;
        about.uid() == 0
    });
    if !root {
        return Command::new("env");
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    command
}

/// Where the server's programs are: Debian keeps them out of the way of the path.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = installed.map(|version| version.path()).collect();
    // 9 before 15 before 17.
    debian.sort_by_key(|path| path.file_name()?.to_str()?.parse::<f32>().ok().map(f32::to_bits));
    let debian = debian.into_iter().rev().map(|version| version.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = debian.chain(std::env::split_paths(&path)).find(|bin| bin.join("initdb").is_file());
    found.unwrap_or_else(|| {
        panic!(
            "there is no PostgreSQL on this machine, which the journal's tests need: tests/run \
             installs it (Debian package postgresql)"
        )
    })
}

/// The process of the server, by its own file.
fn process(dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(dir.join("data/postmaster.pid")).ok()?;
    text.lines().next().map(str::to_owned)
}

fn ready(bin: &Path, dir: &Path) -> bool {
    let mut command = Command::new(bin.join("pg_isready"));
    command.arg("-q").arg("-h").arg(dir).status().is_ok_and(|status| status.success())
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("server.log")).unwrap_or_default()
}
