//! The hosts of the component, each as the program that a person would run.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::servers::Server;
use crate::support::session::Session;
use crate::support::{Home, Run, run};

/// A public client of the certified provider.
pub(crate) const CLIENT: &str = "public";

const SCOPES: [&str; 2] = ["openid", "offline_access"];

/// A program that logs in.
pub(crate) struct Host {
    pub(crate) name: &'static str,
    program: Vec<OsString>,
    /// What names issuer, client and scopes.
    client: fn(&str) -> Vec<String>,
}

impl Host {
    /// All that there are.
    pub(crate) fn all() -> Vec<Self> {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let latch = PathBuf::from(env!("CARGO_BIN_EXE_latch"));
        vec![
            Self { name: "native", program: vec![latch.into()], client: options },
            Self {
                name: "node",
                program: vec!["node".into(), examples.join("node/cli.mjs").into()],
                client: words,
            },
            Self {
                name: "python",
                program: vec![made("LATCHSTRING_PYTHON"), "-m".into(), "latchstring".into()],
                client: options,
            },
        ]
    }

    /// Ada Lovelace logs in.
    pub(crate) fn log_in(&self, home: &Home, server: &Server) {
        self.run(home, "login", &(self.client)(server.issuer()));
    }

    /// The access token that it prints.
    pub(crate) fn token(&self, home: &Home, server: &Server) -> String {
        self.run(home, "token", &(self.client)(server.issuer())).stdout.trim_end().to_owned()
    }

    /// The SHA-256 of its component, as it tells it.
    pub(crate) fn component(&self, home: &Home) -> String {
        let said = self.run(home, "component", &[]).stdout;
        let is_hash =
            |word: &&str| word.len() == 64 && word.chars().all(|digit| digit.is_ascii_hexdigit());
        said.split_whitespace().find(is_hash).expect("a hash").to_owned()
    }

    fn run(&self, home: &Home, command: &str, words: &[String]) -> Run {
        let ended = run(self.command(home).arg(command).args(words));
        assert_eq!(ended.code, 0, "{} {command}: {}", self.name, ended.stderr);
        ended
    }

    /// It, with a browser that logs Ada Lovelace in.
    fn command(&self, home: &Home) -> Command {
        let (program, first) = self.program.split_first().expect("a program");
        let mut command = home.command_of(&program.to_string_lossy(), first);
        command
            .env("LATCH_BROWSER", Path::new(env!("CARGO_BIN_EXE_latch")).with_file_name("visitor"))
            .env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python"));
        command
    }
}

fn options(issuer: &str) -> Vec<String> {
    let mut words = vec!["--issuer", issuer, "--client-id", CLIENT];
    words.extend(SCOPES.iter().flat_map(|scope| ["--scope", scope]));
    words.into_iter().map(str::to_owned).collect()
}

fn words(issuer: &str) -> Vec<String> {
    [&[issuer, CLIENT], &SCOPES[..]].concat().into_iter().map(str::to_owned).collect()
}

/// What `./dev test hosts` names to this test.
fn made(variable: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run ./dev test hosts"))
}

/// The stored access token is one that ran out long ago.
pub(crate) fn expire(home: &Home) {
    let mut session = Session::read(&home.session_file());
    session.inner["expires_at_ms"] = 1.into();
    session.write();
}
