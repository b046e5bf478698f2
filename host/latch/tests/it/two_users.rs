//! Two users on one machine: one logs in, the other reads the list of processes.
//!
//! Needs root, to be both. `LATCHSTRING_ROUNDS=20` plays more delays, 20 times each.
#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stderr,
    reason = "what was skipped, and which round is played, is said there"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use latchstring_provider::visitor::{Browser, Visitor};
use latchstring_testing::{Home, PATIENCE, Pending, block_on, built, named, run, skip};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;

pub(super) const MALLORY: u32 = 65534;
const ROOT: u32 = 0;
/// A user whom no file of this machine belongs to.
const ADA: u32 = 23_456;

/// How long the victim's browser takes from its start to its first request.
#[derive(Debug, Clone, Copy)]
enum Delay {
    Milliseconds(u32),
    /// It comes when the attacker has done what they could.
    AfterTheAttack,
}

const DELAYS: [Delay; 2] = [Delay::Milliseconds(0), Delay::AfterTheAttack];

/// Played only if rounds are asked for: their outcome depends on the machine's speed.
const MORE_DELAYS: [Delay; 4] = [
    Delay::Milliseconds(20),
    Delay::Milliseconds(100),
    Delay::Milliseconds(300),
    Delay::Milliseconds(1000),
];

pub(super) fn can_be_two_users() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip("two users on one machine; only root can play both");
    }
    is_root
}

/// Who can run `latch` as the victim: root, and if the program may be reached by all,
/// another user too.
fn victims() -> Vec<u32> {
    let program = built("latch");
    let is_open =
        |path: &Path| fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o5 == 0o5);
    if program.ancestors().all(is_open) {
        return vec![ROOT, ADA];
    }
    skip(&format!("a victim other than root, who cannot reach {}", program.display()));
    vec![ROOT]
}

/// The rounds to play with each victim.
fn rounds() -> Vec<Delay> {
    match std::env::var("LATCHSTRING_ROUNDS") {
        Ok(count) => {
            let count = count.parse().expect("LATCHSTRING_ROUNDS is a number");
            [&DELAYS[..], &MORE_DELAYS].concat().repeat(count)
        }
        Err(_) => DELAYS.to_vec(),
    }
}

/// Runs `act` in a thread that belongs to this user alone: its sockets are theirs.
pub(super) fn as_user<T: Send + 'static>(
    uid: u32,
    act: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    thread::spawn(move || {
        let uid = Uid::from_raw(uid);
        set_thread_res_uid(uid, uid, uid).expect("another user");
        act()
    })
}

/// What the attacker was answered at an address.
#[derive(Debug)]
struct Attempt {
    status: u16,
    location: Option<String>,
}

/// Another user who looks through all command lines every millisecond, and is the
/// first at each of the victim's addresses that is listed there.
struct Attacker {
    stop: Sender<()>,
    attempts: Receiver<Attempt>,
    thread: JoinHandle<()>,
}

impl Attacker {
    fn start(victim: &Victim) -> Self {
        let note = victim.note.display().to_string();
        let (stop, stopped) = mpsc::channel();
        let (tell, attempts) = mpsc::channel();
        let thread = as_user(MALLORY, move || {
            let mut tried = BTreeSet::new();
            while stopped.recv_timeout(Duration::from_millis(1))
                == Err(mpsc::RecvTimeoutError::Timeout)
            {
                for address in addresses_on_command_lines(&note) {
                    if tried.insert(address.clone()) {
                        // The listener may have gone.
                        let _ = attack(&address).map(|attempt| tell.send(attempt));
                    }
                }
            }
        });
        Self { stop, attempts, thread }
    }

    /// Waits until they have tried once.
    fn wait(&self) -> Attempt {
        self.attempts.recv_timeout(PATIENCE).expect("an attempt")
    }

    /// Every attempt that was not waited for.
    fn stop(self) -> Vec<Attempt> {
        let _ = self.stop.send(());
        self.thread.join().expect("an attacker");
        self.attempts.iter().collect()
    }
}

/// Takes the answer at the address, and goes all the way to the end of a login.
fn attack(address: &str) -> Option<Attempt> {
    let first = block_on(Browser::default().get(address)).ok()?;
    let location = first.header("location").map(str::to_owned);
    let _ = block_on(named("Mallory").visit(address));
    Some(Attempt { status: first.status, location })
}

/// The addresses that the victim's browser was started on. Other tests have victims of
/// their own: this one's browser names `note`.
fn addresses_on_command_lines(note: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("a list of processes").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines.filter(|line| line.contains(note)).filter_map(|line| address_in(&line)).collect()
}

fn address_in(line: &str) -> Option<String> {
    let found = line.split('\0').find(|word| {
        word.starts_with("http://127.0.0.1:")
            && ["/latchstring/start?ticket=", "/end-session?ticket="]
                .iter()
                .any(|path| word.contains(path))
    });
    found.map(str::to_owned)
}

/// The victim's machine: `latch` and its browser run as `uid`.
struct Victim {
    home: Home,
    uid: u32,
    /// The browser waits for this file, and then writes its address to the other.
    go: std::path::PathBuf,
    note: std::path::PathBuf,
}

impl Victim {
    fn new(uid: u32) -> Self {
        let home = Home::new();
        let (go, note) = (home.path("go"), home.path("note"));
        let status = Command::new("mkfifo").arg(&go).arg(&note).status().expect("mkfifo");
        assert!(status.success());
        for path in [home.path(""), home.work_folder(), go.clone(), note.clone()] {
            chown(path, Some(uid), Some(uid)).expect("another owner");
        }
        Self { home, uid, go, note }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.command(words);
        // The home folder is this user's alone, also where root is one of them.
        command.uid(self.uid).gid(self.uid);
        command
    }

    /// A browser that takes so long, and then tells this test its address.
    fn browser(&self, delay: Delay) -> String {
        let wait = match delay {
            Delay::Milliseconds(0) => String::new(),
            Delay::Milliseconds(delay) => format!("sleep {}; ", f64::from(delay) / 1000.0),
            Delay::AfterTheAttack => format!("read word < {}; ", self.go.display()),
        };
        let script = format!("{wait}printf %s \"$1\" > {}", self.note.display());
        shlex::try_join(["sh", "-c", &script, "sh"]).expect("words")
    }

    /// What the browser was started on, as soon as it would ask for it.
    fn opened(&self) -> String {
        fs::read_to_string(&self.note).expect("an address")
    }

    fn login(&self, delay: Delay) -> Pending {
        let issuer = self.home.provider.issuer().to_owned();
        let browser = self.browser(delay);
        let end = format!("{issuer}/end");
        let words = ["login", "--issuer", &issuer, "--client-id", "demo", "--store", "file"];
        let more = ["--scope", "openid", "--scope", "profile", "--end-session-endpoint", &end];
        Pending::start(&mut self.command(&[&words[..], &more, &["--browser", &browser]].concat()))
    }

    fn logged_in_as(&self) -> String {
        let run = run(&mut self.command(&["whoami", "--json"])).succeeded();
        run.json()["name"].as_str().expect("a name").to_owned()
    }
}

/// Plays every round with each victim.
fn each_round(play: impl Fn(u32, Delay)) {
    if !can_be_two_users() {
        return;
    }
    for uid in victims() {
        for (round, delay) in rounds().into_iter().enumerate() {
            eprintln!("uid {uid}, round {}: {delay:?}", round + 1);
            play(uid, delay);
        }
    }
}

#[test]
fn a_login_is_never_finished_by_a_user_who_watches_the_list_of_processes() {
    each_round(|uid, delay| {
        let victim = Victim::new(uid);
        let attacker = Attacker::start(&victim);
        let login = victim.login(delay);
        let mut attempts = Vec::new();
        if let Delay::AfterTheAttack = delay {
            attempts.push(attacker.wait());
            fs::write(&victim.go, "\n").expect("a browser that waits");
        }
        let address = victim.opened();
        let ada = as_user(uid, move || block_on(Visitor::default().visit(&address)));
        let page = ada.join().expect("a visitor").expect("the last page");
        assert!(page.body.contains("You are logged in"), "{}", page.body);
        login.finish().succeeded();
        attempts.extend(attacker.stop());
        assert_eq!(victim.logged_in_as(), "Ada Lovelace");
        // An attacker who came too late got no answer.
        assert!(attempts.iter().all(|attempt| attempt.status == 403), "{attempts:?}");
        assert!(matches!(delay, Delay::Milliseconds(_)) || attempts.len() == 1);
    });
}

#[test]
fn the_end_of_a_session_shows_its_id_token_to_no_other_user() {
    each_round(|uid, delay| {
        let victim = Victim::new(uid);
        let login = victim.login(Delay::Milliseconds(0));
        let address = victim.opened();
        let ada = as_user(uid, move || block_on(Visitor::default().visit(&address)));
        ada.join().expect("a visitor").expect("the last page");
        login.finish().succeeded();

        let attacker = Attacker::start(&victim);
        let browser = victim.browser(delay);
        let words = ["logout", "--end-session", "--browser", &browser];
        let logout = Pending::start(&mut victim.command(&words));
        let mut attempts = Vec::new();
        if let Delay::AfterTheAttack = delay {
            attempts.push(attacker.wait());
            fs::write(&victim.go, "\n").expect("a browser that waits");
        }
        let address = victim.opened();
        let ada = as_user(uid, move || block_on(Browser::default().get(&address)));
        let page = ada.join().expect("a browser").expect("a way on");
        let way_on = page.header("location").expect("the provider");
        assert!(way_on.contains("/end?") && way_on.contains("id_token_hint="), "{way_on}");
        logout.finish().succeeded();
        attempts.extend(attacker.stop());
        for attempt in &attempts {
            assert_eq!((attempt.status, &attempt.location), (403, &None));
        }
    });
}

#[test]
fn the_printed_address_and_the_answer_are_refused_to_another_user_too() {
    if !can_be_two_users() {
        return;
    }
    let victim = Victim::new(ROOT);
    let login = victim.login(Delay::Milliseconds(0));
    let printed = login.url.to_string();
    let callback = login.url.join("/callback?code=c&state=s").expect("an address").to_string();
    for address in [printed.clone(), callback] {
        let mallory = as_user(MALLORY, move || block_on(Browser::default().get(&address)));
        let page = mallory.join().expect("a browser").expect("an answer");
        assert_eq!(page.status, 403);
        assert!(page.body.contains("This browser belongs to another user"), "{}", page.body);
    }
    assert_eq!(victim.opened().matches("ticket=").count(), 1);
    block_on(Visitor::default().visit(&printed)).expect("the last page");
    let run = login.finish().succeeded();
    assert_eq!(run.stderr.matches("another user of this machine").count(), 1, "{}", run.stderr);
}
