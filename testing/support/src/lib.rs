//! What the tests and benches of the hosts in Rust start from: a home of its own for
//! `latch`, a provider, and a user who logs in.
#![allow(clippy::new_without_default, reason = "these start servers and make folders")]

pub mod alone;
pub mod api;
#[cfg(unix)]
pub mod desktop;
pub mod embedded;
pub mod held;
pub mod hosting;
pub mod http;
mod pending;
pub mod servers;
pub mod session;
#[cfg(target_os = "linux")]
pub mod shared;
#[cfg(unix)]
pub mod storm;
pub mod system;
#[cfg(unix)]
pub mod tty;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::future::Future;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use latchstring_provider::visitor::Visitor;
use latchstring_provider::{Options, Provider, Seen};
use serde_json::Value;
use tempfile::TempDir;

pub use pending::Pending;

/// A program of this workspace, which is built beside the test that asks for it.
///
/// # Panics
///
/// Panics if it is not there.
pub fn built(name: &str) -> PathBuf {
    let test = env::current_exe().expect("this program");
    // Tests are one folder below: in target/debug/deps.
    let folder = test.ancestors().nth(2).expect("the folder of programs");
    let program = folder.join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(program.is_file(), "{} is missing: run ./dev test, which builds it", program.display());
    program
}

/// Ends what hangs. Nothing here takes minutes, on the busiest machine.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Says what is not tested, and why, past the test runner: it hides what a test that
/// passes prints.
pub fn skip(reason: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {reason}").expect("a standard error");
}

/// All that the provider knows.
pub const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// A folder with nothing in it but what `latch` keeps there, and a provider.
pub struct Home {
    /// The provider of this home.
    pub provider: Provider,
    folder: TempDir,
    /// `latch` if this is `None`.
    program: Option<PathBuf>,
}

impl Home {
    /// A home with a provider that was just started.
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// The same for a provider with these options.
    pub fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("work")).expect("a working folder");
        Self { provider: Provider::start(options).expect("a provider"), folder, program: None }
    }

    /// The same home for another host's program.
    pub fn of(self, program: impl Into<PathBuf>) -> Self {
        Self { program: Some(program.into()), ..self }
    }

    /// The program under test. `LATCHSTRING_PROGRAM` names another one for all tests.
    pub fn program(&self) -> PathBuf {
        let named = env::var_os("LATCHSTRING_PROGRAM").map(PathBuf::from);
        named.or_else(|| self.program.clone()).unwrap_or_else(|| built("latch"))
    }

    /// `latch` with these arguments, in an environment with nothing but a path,
    /// this home, and more time for a login than the busiest machine needs.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        self.command_of(self.program(), arguments)
    }

    /// The same surroundings for another program.
    pub fn command_of<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: &[S],
    ) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("LATCH_STATE_DIR", self.state_folder())
            .env("LATCH_CONFIG_DIR", self.config_folder())
            .env("LATCH_TIMEOUT", PATIENCE.as_secs().to_string())
            .env("LATCH_KEYRING_TIMEOUT", PATIENCE.as_secs().to_string())
            .current_dir(self.work_folder())
            .stdin(Stdio::null());
        if cfg!(windows) {
            // No program there does without these. There is always a keyring, too.
            let kept = ["LOCALAPPDATA", "SYSTEMROOT", "TEMP"];
            let kept = kept.iter().filter_map(|name| Some((name, env::var_os(name)?)));
            command
                .envs(kept)
                .env("USERPROFILE", self.folder.path())
                .env("APPDATA", self.folder.path().join("AppData").join("Roaming"))
                .env("LATCH_STORE", "file");
        }
        command
    }

    /// Runs `latch` to its end.
    pub fn latch(&self, arguments: &[&str]) -> Run {
        run(&mut self.command(arguments))
    }

    /// Issuer, client and every scope, as a first login names them.
    pub fn login_arguments(&self) -> Vec<String> {
        let issuer = self.provider.issuer();
        let mut words = vec!["login", "--issuer", issuer, "--client-id", "demo", "--no-browser"];
        words.extend(SCOPES.iter().flat_map(|scope| ["--scope", scope]));
        words.into_iter().map(str::to_owned).collect()
    }

    /// `latch login` with everything it needs and `extra` behind.
    pub fn login_command(&self, extra: &[&str]) -> Command {
        let mut command = self.command(&self.login_arguments());
        command.args(extra);
        command
    }

    /// A login that waits for the user.
    pub fn start_login(&self, extra: &[&str]) -> Pending {
        Pending::start(&mut self.login_command(extra))
    }

    /// A login that Ada Lovelace finishes.
    #[track_caller]
    pub fn login(&self) -> Run {
        self.login_with(&[])
    }

    /// The same with `extra` behind.
    #[track_caller]
    pub fn login_with(&self, extra: &[&str]) -> Run {
        let pending = self.start_login(extra);
        pending.visit();
        pending.finish().succeeded()
    }

    /// The access token that `latch token` prints.
    #[track_caller]
    pub fn token(&self, arguments: &[&str]) -> String {
        let mut words = vec!["token"];
        words.extend(arguments);
        self.latch(&words).succeeded().stdout.trim_end().to_owned()
    }

    /// What the provider was asked at one path, in order.
    pub fn asked(&self, path: &str) -> Vec<Seen> {
        self.provider.log().into_iter().filter(|seen| seen.path == path).collect()
    }

    /// Where sessions are stored.
    pub fn state_folder(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Where profiles are stored.
    pub fn config_folder(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// The file of the profiles.
    pub fn config_file(&self) -> PathBuf {
        self.config_folder().join("config.toml")
    }

    /// Where commands run, and so where a `.env` counts.
    pub fn work_folder(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// A path in this home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file in this home, as an argument.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    /// Replaces the file of the profiles.
    pub fn write_config(&self, text: &str) {
        fs::create_dir_all(self.config_folder()).expect("a configuration folder");
        fs::write(self.config_file(), text).expect("a configuration file");
    }

    /// The text of the file of the profiles.
    pub fn config(&self) -> String {
        fs::read_to_string(self.config_file()).expect("a configuration file")
    }

    /// Replaces the `.env` of the folder that commands run in.
    pub fn write_dotenv(&self, text: &str) {
        fs::write(self.work_folder().join(".env"), text).expect("a .env");
    }

    /// Every stored session, sorted by name.
    pub fn session_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.state_folder()) else { return Vec::new() };
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let is_session = |path: &PathBuf| path.extension().is_some_and(|end| end == "session");
        let mut files: Vec<PathBuf> = paths.filter(is_session).collect();
        files.sort();
        files
    }

    /// The only stored session.
    #[track_caller]
    pub fn session_file(&self) -> PathBuf {
        let mut files = self.session_files();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }
}

/// What came of one run of `latch`.
pub struct Run {
    /// The exit code, or -1 after a signal.
    pub code: i32,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
}

impl Run {
    /// Ended with the exit code 0.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// Ended with this exit code, and named this stable code in words or in JSON.
    #[track_caller]
    pub fn failed(self, code: i32, name: &str) -> Self {
        let named = self.stderr.contains(&format!("[{name}]"))
            || self.stderr.contains(&format!("\"code\":\"{name}\""));
        assert!(self.code == code && named, "exit {}: {}", self.code, self.stderr);
        self
    }

    /// Said all of this on standard error.
    #[track_caller]
    pub fn saying(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in: {}", self.stderr);
        }
        self
    }

    /// The JSON document on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("JSON on standard output")
    }

    /// The error as `--json` reports it: the last line of standard error.
    #[track_caller]
    pub fn json_error(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        let document: Value = serde_json::from_str(line).expect("JSON on standard error");
        document["error"].clone()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Run {
    command.output().expect("latch runs").into()
}

/// Runs a future to its end, on a runtime of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Somebody who says no.
pub fn refusing() -> Visitor {
    Visitor { refuses: true, ..Visitor::default() }
}

/// Somebody else than Ada Lovelace.
pub fn named(name: &str) -> Visitor {
    Visitor { name: name.to_owned(), ..Visitor::default() }
}

/// A port that is taken as long as the listener lives.
pub fn busy_port() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    (listener, port)
}
