//! One of the systems that have a preset: its stand-in, and a home to log in from.

use std::process::Command;

use latchstring_provider::port::free_port;
use latchstring_provider::visitor::{Page, Visitor};
use latchstring_provider::{Dialect, ForgedSession, Misbehaviour, Options, Provider, Seen};

use crate::{Home, Pending, Run, run};

/// A stand-in, and a home of a user who logs in there.
pub struct Scene {
    /// The stand-in.
    pub standin: Provider,
    /// The home, whose own provider is not used.
    pub home: Home,
    dialect: &'static Dialect,
    tenant: String,
    /// Its own, where a preset has one for all: other tests run meanwhile.
    pub port: u16,
}

impl Scene {
    /// A stand-in with default options.
    pub fn new(dialect: &'static Dialect) -> Self {
        Self::with(dialect, Options::default())
    }

    /// A stand-in with these options; without redirect URIs in them, that of `port`.
    pub fn with(dialect: &'static Dialect, mut options: Options) -> Self {
        let port = free_port();
        let host = if dialect.name() == "fief" { "localhost" } else { "127.0.0.1" };
        if options.redirect_uris.is_empty() {
            options.redirect_uris.push(format!("http://{host}:{port}/callback"));
        }
        let tenant = options.tenant.clone();
        let standin = Provider::like(dialect, options).expect("a stand-in");
        Self { standin, home: Home::new(), dialect, tenant, port }
    }

    /// The preset, and what has to be set of it.
    pub fn provider(&self) -> Vec<String> {
        let url = self.standin.url();
        let settings = match self.dialect.name() {
            "hexclave" => vec![
                format!("base-url={url}"),
                format!("app-url={url}"),
                "project-id=demo-project".to_owned(),
            ],
            "authgate" => vec![format!("url={url}"), "client-id=cli-app".to_owned()],
            "stytch" => vec![
                format!("base-url={url}"),
                format!("authorize-url={url}/oauth/authorize"),
                "project-id=demo-project".to_owned(),
                "client-id=cli-app".to_owned(),
            ],
            "fief" => {
                vec![format!("base-url={url}{}", self.tenant), "client-id=cli-app".to_owned()]
            }
            "mock" => vec![format!("server={url}/default")],
            other => panic!("{other} has no preset"),
        };
        let mut words = vec!["--provider".to_owned(), self.dialect.name().to_owned()];
        for setting in settings {
            words.extend(["--set".to_owned(), setting]);
        }
        words
    }

    /// `latch` with these words, in this home.
    pub fn latch(&self, words: &[&str]) -> Run {
        self.home.latch(words)
    }

    /// One of its commands with the provider named, and `extra` behind.
    pub fn command(&self, name: &str, extra: &[&str]) -> Command {
        let mut command = self.home.command(&[name]);
        command.args(self.provider()).args(extra);
        command
    }

    /// `latch login` that shows the address and opens nothing.
    pub fn login_command(&self, extra: &[&str]) -> Command {
        let mut command = self.open_login_command(&["--no-browser"]);
        command.args(extra);
        command
    }

    /// The same with nothing said about the browser.
    pub fn open_login_command(&self, extra: &[&str]) -> Command {
        let mut command = self.command("login", &[]);
        if matches!(self.dialect.name(), "authgate" | "fief" | "mock") {
            command.args(["--port", &self.port.to_string()]);
        }
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

    /// The same with further words.
    #[track_caller]
    pub fn login_with(&self, extra: &[&str]) -> Run {
        let pending = self.start_login(extra);
        pending.visit();
        pending.finish().succeeded()
    }

    /// Starts a login with a short `--timeout`, and returns it with the page that the
    /// visitor was left with. On a machine where the visit takes longer than the
    /// time-out, starts another login with a longer one.
    #[track_caller]
    pub fn visit_in_time(&self, visitor: &Visitor) -> (Pending, Page) {
        for seconds in ["2", "20", "200"] {
            let pending = self.start_login(&["--timeout", seconds]);
            if let Ok(page) = pending.try_visit_as(visitor) {
                return (pending, page);
            }
        }
        panic!("no visit within 200 s");
    }

    /// `latch import` with the provider named.
    pub fn import(&self, extra: &[&str]) -> Run {
        run(&mut self.command("import", extra))
    }

    /// A session of Ada Lovelace's that another program was given.
    pub fn forge(&self, scope: &str) -> ForgedSession {
        self.standin.forge_session("Ada Lovelace", scope)
    }

    /// The access token that `latch token` prints.
    #[track_caller]
    pub fn token(&self, extra: &[&str]) -> String {
        self.home.token(extra)
    }

    /// Makes the stand-in go wrong in this way, until it is told to behave.
    pub fn misbehaves(&self, misbehaviour: Misbehaviour) {
        self.standin.misbehave_as(misbehaviour).expect("a way for it to go wrong");
    }

    /// How many requests the stand-in has seen.
    pub fn requests(&self) -> usize {
        self.standin.log().len()
    }

    /// What the stand-in was asked at one path, in order.
    pub fn asked(&self, path: &str) -> Vec<Seen> {
        self.standin.log().into_iter().filter(|seen| seen.path == path).collect()
    }

    /// The only request at one path.
    #[track_caller]
    pub fn asked_once(&self, path: &str) -> Seen {
        let mut seen = self.asked(path);
        assert_eq!(seen.len(), 1, "{:?}", self.standin.log());
        seen.remove(0)
    }
}
