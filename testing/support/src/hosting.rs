//! The hosts of the component, each as the program that a user would run.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::session::Session;
use crate::{Home, Pending, Run, built, run};

/// The folder of the hosts.
const HOSTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../host");

const SCOPES: [&str; 2] = ["openid", "offline_access"];

/// A program that logs in.
pub struct Host {
    /// What tables call it.
    pub name: &'static str,
    program: Vec<OsString>,
    /// What names a client.
    words: fn(&Client) -> Vec<String>,
    /// How its cost is measured.
    pub measure: Measure,
    /// Whether it starts a browser; else the user opens what it prints.
    opens_browser: bool,
}

/// How it is found out what the component costs there.
pub enum Measure {
    /// By this very process.
    Here,
    /// By a program of the host's: it is given the issuer, the client's id and the
    /// file of a session, and prints nanoseconds.
    Program(Vec<OsString>),
    /// By how long processes take.
    Outside,
}

/// Who logs in, and where.
pub struct Client<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// The `client_id`.
    pub id: &'a str,
}

impl Host {
    /// All that there are.
    pub fn all() -> Vec<Self> {
        let hosts = Path::new(HOSTS);
        vec![
            Self {
                name: "native",
                program: vec![built("latch").into()],
                words: options,
                measure: Measure::Here,
                opens_browser: true,
            },
            Self {
                name: "node",
                program: vec!["node".into(), hosts.join("node/cli.mjs").into()],
                words: positions,
                measure: Measure::Program(vec!["node".into(), hosts.join("node/bench.mjs").into()]),
                opens_browser: true,
            },
            Self {
                name: "python",
                program: vec![made("LATCHSTRING_PYTHON"), "-m".into(), "latchstring".into()],
                words: options,
                measure: Measure::Program(vec![
                    made("LATCHSTRING_PYTHON"),
                    hosts.join("python/bench.py").into(),
                ]),
                opens_browser: true,
            },
            Self {
                name: "wasmtime",
                program: vec![made("LATCHSTRING_IN_WASMTIME")],
                words: options,
                measure: Measure::Outside,
                opens_browser: false,
            },
        ]
    }

    /// With the words that start it.
    pub fn program(&self) -> &[OsString] {
        &self.program
    }

    /// Ada Lovelace logs in.
    pub fn log_in(&self, home: &Home, client: &Client) {
        let words = (self.words)(client);
        if self.opens_browser {
            self.run(home, "login", &words);
            return;
        }
        let mut command = self.command(home, &self.program);
        command.env_remove("LATCH_BROWSER").args(["login", "--flow", "browser"]).args(words);
        let login = Pending::start(&mut command);
        login.visit();
        login.finish().succeeded();
    }

    /// The access token that it prints.
    pub fn token(&self, home: &Home, client: &Client) -> String {
        self.run(home, "token", &(self.words)(client)).stdout.trim_end().to_owned()
    }

    /// The SHA-256 of its component, as it tells it.
    pub fn component(&self, home: &Home) -> String {
        let said = self.run(home, "component", &[]).stdout;
        let is_hash =
            |word: &&str| word.len() == 64 && word.chars().all(|digit| digit.is_ascii_hexdigit());
        said.split_whitespace().find(is_hash).expect("a hash").to_owned()
    }

    fn run(&self, home: &Home, command: &str, words: &[String]) -> Run {
        let ended = run(self.command(home, &self.program).arg(command).args(words));
        assert_eq!(ended.code, 0, "{} {command}: {}", self.name, ended.stderr);
        ended
    }

    /// One of its programs, with a browser that logs Ada Lovelace in.
    pub fn command(&self, home: &Home, words: &[OsString]) -> Command {
        let (program, first) = words.split_first().expect("a program");
        let mut command = home.command_of(program, first);
        command
            .env("LATCH_BROWSER", PathBuf::from(made("LATCHSTRING_BIN")).join("visitor"))
            .env("PYTHONPATH", Path::new(HOSTS).join("python"));
        command
    }
}

fn options(client: &Client) -> Vec<String> {
    let mut words = vec!["--issuer", client.issuer, "--client-id", client.id];
    words.extend(SCOPES.iter().flat_map(|scope| ["--scope", scope]));
    words.into_iter().map(str::to_owned).collect()
}

fn positions(client: &Client) -> Vec<String> {
    [&[client.issuer, client.id], &SCOPES[..]].concat().into_iter().map(str::to_owned).collect()
}

/// What `./dev test hosts` names to this test.
fn made(variable: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run ./dev test hosts"))
}

/// The stored access token is one that ran out long ago.
pub fn expire(home: &Home) {
    let mut session = Session::read(&home.session_file());
    session.inner["expires_at_ms"] = 1.into();
    session.write();
}
