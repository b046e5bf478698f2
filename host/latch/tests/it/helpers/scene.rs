//! A user who is logged in, and a server that takes the provider's tokens.

use std::collections::HashSet;
use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchstring_testing::api::{Api, Asked, answer};
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Run, built, http, run, skip};
use sha2::{Digest as _, Sha256};
use url::Url;

/// A home, and a server that another program fetches something from.
pub(super) struct Scene {
    pub(super) home: Home,
    pub(super) api: Api,
    refused: Arc<Mutex<HashSet<String>>>,
}

/// How a server asks for a token.
#[derive(Clone, Copy)]
pub(super) enum Wants {
    Basic,
    Bearer,
}

impl Scene {
    /// Starts a server that answers who has a token that the provider knows. Nobody is
    /// logged in.
    pub(super) fn with(
        wants: Wants,
        serve: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let home = Home::new();
        let issuer = home.provider.issuer().to_owned();
        let refused: Arc<Mutex<HashSet<String>>> = Arc::default();
        let known = Arc::clone(&refused);
        let api = Api::start(move |asked, stream| {
            let is_good = token(asked).is_some_and(|token| {
                !known.lock().expect("no panic").contains(&token) && is_known(&issuer, &token)
            });
            match is_good {
                true => serve(asked, stream),
                false => {
                    let scheme = match wants {
                        Wants::Basic => "Basic realm=\"tests\"",
                        Wants::Bearer => "Bearer realm=\"tests\"",
                    };
                    let status = format!("401 Unauthorized\r\nwww-authenticate: {scheme}");
                    answer(stream, &status, b"");
                }
            }
        });
        Self { home, api, refused }
    }

    /// Logs in a profile that names the server.
    pub(super) fn log_in(&self) {
        self.home.login_with(&["--api-origin", self.api.origin()]);
    }

    /// The stored access token expires.
    pub(super) fn expire(&self) {
        Session::read(&self.home.session_file()).later(7200).write();
    }

    /// The server takes the stored token no longer.
    pub(super) fn refuse(&self) {
        self.refused.lock().expect("no panic").insert(self.home.token(&[]));
    }

    /// How often the provider was asked for tokens with a refresh token.
    pub(super) fn renewals(&self) -> usize {
        let asked = self.home.asked("/token");
        asked.iter().filter(|one| one.parameter("grant_type") == Some("refresh_token")).count()
    }

    /// The tokens that the server was sent, in order; `None` for a request without one.
    pub(super) fn tokens(&self) -> Vec<Option<String>> {
        self.api.log().iter().map(token).collect()
    }

    /// Runs `latch credential` with this on standard input.
    pub(super) fn ask(&self, words: &[&str], input: &str) -> Run {
        let mut command = self.home.command(&[&["credential"], words].concat());
        told(&mut command, input)
    }

    /// Does the same from a separate process: `latch` recognises a process that asks again.
    pub(super) fn ask_as_another(&self, words: &[&str], input: &str) -> Run {
        if !cfg!(target_os = "linux") {
            return self.ask(words, input);
        }
        let lock = self.home.file("callers.lock", "");
        let words = [&["--shared", &lock, "latch", "credential"], words].concat();
        told(&mut self.program(Path::new("flock"), &words), input)
    }

    /// Another program in this home, which finds `latch` and its launchers.
    pub(super) fn program<S: AsRef<OsStr>>(&self, program: &Path, words: &[S]) -> Command {
        let mut command = self.home.command_of(program, words);
        let own = built("latch");
        let folders = [own.parent().expect("a folder").to_owned(), self.launchers()];
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = folders.into_iter().chain(env::split_paths(&path));
        command.env("PATH", env::join_paths(folders).expect("a path"));
        command
    }

    /// The folder of the launchers.
    pub(super) fn launchers(&self) -> PathBuf {
        self.home.path("launchers")
    }

    /// Makes a launcher of this name.
    #[cfg(unix)]
    pub(super) fn launch_as(&self, name: &str) {
        std::fs::create_dir_all(self.launchers()).expect("a folder");
        std::os::unix::fs::symlink(built("latch"), self.launchers().join(name)).expect("a link");
    }
}

/// Runs a command with this on its standard input.
pub(super) fn told(command: &mut Command, input: &str) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("an input");
    // A program that wants no input does not read it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Run::from(child.wait_with_output().expect("it ends"))
}

/// Runs another program to its end.
pub(super) fn finished(command: &mut Command) -> Run {
    run(command)
}

/// Where a program is, or `None` with a line that says what is not tested.
pub(super) fn found(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("{name} is not on this machine, so latch is not tried as its helper"));
    }
    found
}

pub(super) fn fingerprint(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The token in a request, as a bearer token or as a password.
fn token(asked: &Asked) -> Option<String> {
    let value = asked.header("authorization")?;
    match value.split_once(' ')? {
        ("Bearer", token) => Some(token.to_owned()),
        ("Basic", pair) => {
            let pair = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
            Some(pair.split_once(':')?.1.to_owned())
        }
        _ => None,
    }
}

/// Whether the provider knows the token.
fn is_known(issuer: &str, token: &str) -> bool {
    let userinfo = Url::parse(&format!("{issuer}/userinfo")).expect("an address");
    http::send(&userinfo, "GET", &[&format!("Authorization: Bearer {token}")]).status == 200
}
