//! A login that waits for the user.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use latchstring_provider::visitor::{Browser, Lost, Page, Visitor};
use url::Url;

use crate::{Run, block_on};

/// Killed when it is dropped before it ended.
pub struct Pending {
    child: Option<Child>,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    /// The authorization request that the user was shown.
    pub url: Url,
}

impl Pending {
    /// Returns as soon as the address was shown.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("latch starts");
        let mut stdout = child.stdout.take().expect("standard output");
        let stderr = BufReader::new(child.stderr.take().expect("standard error"));
        let (shown, url) = mpsc::channel();
        let stdout = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).map_or_else(|error| error.to_string(), |_| text)
        });
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("  http") {
                    // Nobody listens any more once the first one was seen.
                    let _ = shown.send(format!("http{url}"));
                }
                text.push_str(&line);
                text.push('\n');
            }
            text
        });
        let Ok(url) = url.recv() else {
            let said = stderr.join().unwrap_or_default();
            panic!("no address was shown, {:?}: {said}", child.wait());
        };
        Self {
            child: Some(child),
            stdout: Some(stdout),
            stderr: Some(stderr),
            url: Url::parse(&url).expect("an address"),
        }
    }

    /// Ada Lovelace logs in, and stays for the last page.
    pub fn visit(&self) -> Page {
        self.visit_as(&Visitor::default())
    }

    /// The same for another user than Ada.
    pub fn visit_as(&self, visitor: &Visitor) -> Page {
        self.try_visit_as(visitor).expect("the last page")
    }

    /// The same where the login may have ended meanwhile.
    pub fn try_visit_as(&self, visitor: &Visitor) -> Result<Page, Lost> {
        block_on(visitor.visit(self.url.as_str()))
    }

    /// The right answer: where the provider sends Ada's browser back to.
    pub fn answer(&self) -> Url {
        self.decide("login")
    }

    /// Where it sends whoever refuses.
    pub fn refusal(&self) -> Url {
        self.decide("refuse")
    }

    fn decide(&self, decision: &str) -> Url {
        let form = [("name", "Ada Lovelace"), ("decision", decision)];
        let page = block_on(Browser::default().post(self.url.as_str(), &form));
        let page = page.expect("the provider answers");
        Url::parse(page.header("location").expect("a redirect")).expect("an address")
    }

    /// A parameter of the authorization request.
    pub fn parameter(&self, name: &str) -> String {
        let pair = self.url.query_pairs().find(|(known, _)| known == name);
        pair.unwrap_or_else(|| panic!("no {name} in {}", self.url)).1.into_owned()
    }

    /// The `redirect_uri` of the authorization request.
    pub fn redirect_uri(&self) -> Url {
        Url::parse(&self.parameter("redirect_uri")).expect("an address")
    }

    /// The port of the `redirect_uri`.
    pub fn port(&self) -> u16 {
        self.redirect_uri().port().expect("a port")
    }

    /// The process, as the system numbers it.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("a running login").id()
    }

    /// Sends SIGINT, as Ctrl+C does.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        let child = self.child.as_ref().expect("a running login");
        let id = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("a signal");
    }

    /// Whether it still waits.
    pub fn is_waiting(&mut self) -> bool {
        let child = self.child.as_mut().expect("a started login");
        child.try_wait().expect("its state").is_none()
    }

    /// What came of it, once it ends.
    pub fn finish(mut self) -> Run {
        let status = self.child.take().map(|mut child| child.wait().expect("an exit status"));
        let read = |thread: Option<JoinHandle<String>>| {
            thread.map(|thread| thread.join().expect("its output")).unwrap_or_default()
        };
        Run {
            code: status.as_ref().and_then(ExitStatus::code).unwrap_or(-1),
            stdout: read(self.stdout.take()),
            stderr: read(self.stderr.take()),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A login that has ended by itself needs no end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
