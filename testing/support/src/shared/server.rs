//! A PostgreSQL or Redis server, as Debian has it, in a folder of the test's own.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{PATIENCE, busy_port, skip};

/// The password of every server here. No program may show it.
pub const PASSWORD: &str = "s3cret-of-the-store";

/// Files of a server with TLS.
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";

/// A user without rights: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

/// The kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
}

impl StoreKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Postgres, Self::Redis];
}

/// A server that is up. Dropping it ends its processes.
pub struct StoreServer {
    kind: StoreKind,
    folder: TempDir,
    port: u16,
    is_tls: bool,
    process: Mutex<Child>,
}

impl StoreServer {
    /// Starts an empty server, or says that it is not installed.
    pub fn start(kind: StoreKind) -> Option<Self> {
        Self::with(kind, None)
    }

    /// Starts an empty server with this certificate and its key, as PEM files.
    pub fn start_with_tls(kind: StoreKind, certificate: &Path, key: &Path) -> Option<Self> {
        Self::with(kind, Some([certificate, key]))
    }

    fn with(kind: StoreKind, tls: Option<[&Path; 2]>) -> Option<Self> {
        let Some(program) = program(kind) else {
            skip(&format!("{kind:?} is missing: run ./dev test, which installs it"));
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = busy_port().1;
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("a folder of another user");
        }
        if kind == StoreKind::Postgres {
            let password = folder.path().join("password");
            fs::write(&password, PASSWORD).expect("a password file");
            if is_root() {
                chown(&password, Some(NOBODY), Some(NOBODY)).expect("a file of another user");
            }
            let made = as_nobody(&program.with_file_name("initdb"))
                .args(["--no-sync", "--auth=scram-sha-256", "--username=latch", "--pgdata"])
                .arg(folder.path().join("data"))
                .arg(format!("--pwfile={}", password.display()))
                .stdout(Stdio::null())
                .status();
            assert!(made.expect("initdb runs").success());
        }
        for (from, name) in tls.into_iter().flatten().zip([CERTIFICATE, KEY]) {
            let file = folder.path().join(name);
            fs::copy(from, &file).expect("a file");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a private file");
            if is_root() {
                chown(&file, Some(NOBODY), Some(NOBODY)).expect("a file of another user");
            }
        }
        let is_tls = tls.is_some();
        let process = Mutex::new(spawn(kind, &program, folder.path(), port, is_tls));
        let server = Self { kind, folder, port, is_tls, process };
        server.wait();
        Some(server)
    }

    /// The kind of server.
    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    /// The port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a server with TLS, which trusts the authority in this file.
    pub fn url_with_tls(&self, host: &str, authority: &Path) -> String {
        let (port, authority) = (self.port, authority.display());
        match self.kind {
            StoreKind::Postgres => format!(
                "postgres://latch:{PASSWORD}@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={authority}"
            ),
            StoreKind::Redis => {
                format!("rediss://:{PASSWORD}@{host}:{port}?sslrootcert={authority}")
            }
        }
    }

    /// The URL that leads to the server by way of this host and port, without TLS.
    pub fn url(&self, host: &str, port: u16) -> String {
        match self.kind {
            StoreKind::Postgres => {
                format!("postgres://latch:{PASSWORD}@{host}:{port}/postgres?sslmode=disable")
            }
            StoreKind::Redis => format!("redis://:{PASSWORD}@{host}:{port}"),
        }
    }

    /// Ends the server at once, without telling its clients.
    pub fn stop(&self) {
        let mut process = self.process.lock().expect("the process");
        // SIGQUIT is an immediate shutdown of PostgreSQL with all of its processes.
        let signal = match self.kind {
            StoreKind::Postgres => Signal::SIGQUIT,
            StoreKind::Redis => Signal::SIGKILL,
        };
        let _ = kill(Pid::from_raw(process.id().cast_signed()), signal);
        let _ = process.wait();
    }

    /// Starts the server again, on what it had stored.
    pub fn start_again(&self) {
        // OK because it was there when the server was started first.
        let program = program(self.kind).expect("the server's program");
        let process = spawn(self.kind, &program, self.folder.path(), self.port, self.is_tls);
        *self.process.lock().expect("the process") = process;
        self.wait();
    }

    /// Waits until the server takes connections.
    fn wait(&self) {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "the server does not start");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs statements in the database, or a command of Redis.
    pub fn tell(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let mut command = match self.kind {
            StoreKind::Postgres => {
                let mut command = Command::new("psql");
                command.env("PGPASSWORD", PASSWORD);
                command.args([
                    "-h",
                    "127.0.0.1",
                    "-U",
                    "latch",
                    "-d",
                    "postgres",
                    "-At",
                    "-p",
                    &port,
                    "-c",
                ]);
                command
            }
            StoreKind::Redis => {
                let mut command = Command::new("redis-cli");
                command.env("REDISCLI_AUTH", PASSWORD).args(["-p", &port]);
                command
            }
        };
        let output = command.args(words).output().expect("a client");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns where the server's program is, or `None` if it is not installed.
fn program(kind: StoreKind) -> Option<PathBuf> {
    match kind {
        StoreKind::Postgres => {
            let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
            let programs = versions.flatten().map(|entry| entry.path().join("bin/postgres"));
            programs.filter(|program| program.is_file()).max()
        }
        StoreKind::Redis => {
            let program = PathBuf::from("/usr/bin/redis-server");
            program.is_file().then_some(program)
        }
    }
}

fn spawn(kind: StoreKind, program: &Path, folder: &Path, port: u16, is_tls: bool) -> Child {
    let mut command = as_nobody(program);
    let port = port.to_string();
    let [certificate, key] = [CERTIFICATE, KEY].map(|name| folder.join(name).display().to_string());
    match kind {
        StoreKind::Postgres => {
            command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
            command.args(["-p", &port, "-c", "listen_addresses=127.0.0.1"]);
            if is_tls {
                command.args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={certificate}")]);
                command.args(["-c", &format!("ssl_key_file={key}")]);
            }
        }
        StoreKind::Redis => {
            match is_tls {
                true => command
                    .args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"])
                    .args(["--tls-cert-file", &certificate, "--tls-key-file", &key])
                    .args(["--tls-ca-cert-file", &certificate]),
                false => command.args(["--port", &port]),
            };
            command.args(["--bind", "127.0.0.1", "--save", ""]);
            command.args(["--requirepass", PASSWORD, "--appendonly", "yes"]);
            command.args(["--appendfsync", "always", "--dir"]).arg(folder);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.current_dir(folder).spawn().expect("the server starts")
}

fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    let nobody = NOBODY.to_string();
    command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]).arg(program);
    command
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
