//! Other people's servers: Node programs in `host/latch/tests/web`, and Fief.

#[cfg(unix)]
pub mod fief;

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use hyper::Request;
use latchstring_provider::visitor::{Browser, Page, Visitor};
use serde_json::Value;

use crate::{Home, PATIENCE, Pending, Run, block_on};

/// A server that is up. Dropping it ends its process.
pub struct Server {
    issuer: String,
    process: Child,
}

impl Server {
    /// The certified provider, with access tokens that live an hour.
    pub fn oidc_provider() -> Self {
        Self::start("oidc-provider.mjs", &[])
    }

    /// The same, with access tokens that live so many seconds.
    pub fn oidc_provider_with_lifetime(seconds: u32) -> Self {
        Self::start("oidc-provider.mjs", &[&seconds.to_string()])
    }

    /// The same, with device codes that live so many seconds.
    pub fn oidc_provider_with_code_lifetime(seconds: u32) -> Self {
        Self::start("oidc-provider.mjs", &["3600", &seconds.to_string()])
    }

    /// The same, with more of its features, as a JSON object.
    pub fn oidc_provider_with_features(features: &str) -> Self {
        Self::start("oidc-provider.mjs", &["3600", "600", features])
    }

    /// The server stands still, or goes on: its port stays open all the while.
    #[cfg(unix)]
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let process = nix::unistd::Pid::from_raw(self.process.id().cast_signed());
        nix::sys::signal::kill(process, signal).expect("the server is there");
    }

    /// The mock server, which asks nobody.
    pub fn oauth2_mock_server() -> Self {
        Self::start("mock-server.mjs", &[])
    }

    /// An API that takes only this provider's tokens, and only with the proof of the key that
    /// they are bound to (RFC 9449). Serves the git repositories in a folder. See the script
    /// for its paths.
    pub fn bound_api(provider: &Self, repositories: &Path) -> Self {
        let folder = repositories.display().to_string();
        Self::start("bound-api.mjs", &[provider.issuer(), &folder])
    }

    fn start(script: &str, arguments: &[&str]) -> Self {
        let mut process = node(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("node is missing: run ./dev test, which installs it");
        let said = lines(process.stdout.take().expect("standard output"));
        let complaints = lines(process.stderr.take().expect("standard error"));
        let Ok(line) = said.recv_timeout(PATIENCE) else {
            // Its complaints end with it.
            let _ = process.kill();
            panic!("{script} did not start:\n{}", complaints.iter().collect::<Vec<_>>().join("\n"));
        };
        let issuer = line.strip_prefix("issuer ").expect("its issuer").to_owned();
        Self { issuer, process }
    }

    /// The issuer, `http://127.0.0.1:PORT`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Every request so far, in order, without its secrets.
    pub fn log(&self) -> Vec<Value> {
        serde_json::from_str(&self.get("/__log", "").body).expect("a JSON array")
    }

    /// The requests so far that one endpoint answered.
    pub fn asked(&self, route: &str) -> Vec<Value> {
        self.log().into_iter().filter(|seen| seen["route"] == route).collect()
    }

    /// How many times it was shown a refresh token.
    pub fn refreshes(&self) -> usize {
        let refresh = |seen: &&Value| seen["grant_type"] == "refresh_token";
        self.asked("token").iter().filter(refresh).count()
    }

    /// A GET that presents an access token.
    pub fn get(&self, path: &str, access_token: &str) -> Page {
        let request = Request::get(format!("{}{path}", self.issuer))
            .header("authorization", format!("Bearer {access_token}"))
            .body(String::new())
            .expect("a request");
        within_patience(Browser::default().send(request)).expect("an answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It keeps nothing that an orderly end would save.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `latch` with these words, which log in, while `visitor` is the user: what
/// came of it, and the page that they are left with.
pub fn log_in(home: &Home, visitor: &Visitor, words: &[&str]) -> (Run, Page) {
    let login = Pending::start(&mut home.command(words));
    let page = visit(visitor, &login);
    (login.finish(), page)
}

/// The user goes where a login sends them.
pub fn visit(visitor: &Visitor, login: &Pending) -> Page {
    within_patience(visitor.visit(login.url.as_str())).expect("the last page")
}

/// `node SCRIPT`, beside the packages that `./dev test` installs.
pub fn node(script: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/latch/tests/web");
    let packages = folder.join("node_modules");
    let found = packages.join("oidc-provider").is_dir();
    assert!(found, "{} is missing: run ./dev test, which makes it", packages.display());
    let mut command = Command::new("node");
    command.arg(folder.join(script));
    command
}

fn within_patience<T>(future: impl Future<Output = T>) -> T {
    block_on(async { tokio::time::timeout(PATIENCE, future).await }).expect("an end in time")
}

/// Reads on a thread of its own, so that whoever writes never waits.
fn lines(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // Read on where nobody listens any more: a full pipe would stop it.
            let _ = sender.send(line);
        }
    });
    receiver
}
