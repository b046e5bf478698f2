//! Many processes at once on one expired session, against a provider that ends
//! the session when a refresh token is used twice.

use std::collections::BTreeSet;
use std::fs::File;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use latchstring_provider::visitor::Visitor;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::servers::{Server, log_in};
use crate::session::Session;
use crate::{Home, Run};

/// Callers of `latch token` in one round.
pub const CALLERS: usize = 64;

/// How many of them are killed where some are.
pub const VICTIMS: usize = 8;

/// The part of a round that one caller lives for, about: the moment of its death
/// is somewhere in it.
const A_LIFE: u64 = 6;

/// A session at the provider, and the processes that want its token.
pub struct Storm {
    server: Server,
    home: Home,
    chance: Chance,
    /// How long a round took when nobody was killed.
    calm: Duration,
}

/// What came of one round.
pub struct Round {
    /// Refresh tokens that the provider was shown.
    pub refreshes: usize,
    /// Different tokens that callers got.
    pub tokens: usize,
    /// Callers that ended with a token.
    pub served: usize,
    /// Callers that were killed.
    pub killed: usize,
    /// What the others said.
    pub complaints: Vec<String>,
    /// From the first start to the last end.
    pub taken: Duration,
}

impl Round {
    /// Counts how the callers have ended.
    pub(crate) fn of(ends: Vec<Run>, taken: Duration) -> Self {
        let mut round =
            Self { refreshes: 0, tokens: 0, served: 0, killed: 0, complaints: Vec::new(), taken };
        let mut tokens = BTreeSet::new();
        for run in ends {
            match run.code {
                0 => {
                    round.served += 1;
                    tokens.insert(run.stdout);
                }
                // No exit code: a signal.
                -1 => round.killed += 1,
                code => round.complaints.push(format!("exit {code}: {}", run.stderr)),
            }
        }
        round.tokens = tokens.len();
        round
    }
}

/// Numbers that cannot be foreseen but can be repeated (xorshift).
pub(crate) struct Chance {
    /// Any number but zero.
    pub(crate) seed: u64,
}

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }
}

impl Storm {
    /// Somebody is logged in. `seed` decides who is killed, and when.
    pub fn brew(seed: u64) -> Self {
        let server = Server::oidc_provider();
        let home = Home::new();
        let words = ["login", "--issuer", server.issuer(), "--client-id", "public"];
        let scopes = ["--scope", "openid", "--scope", "offline_access", "--no-browser"];
        let words = [&words[..], &scopes, &["--store", "file"]].concat();
        log_in(&home, &Visitor::default(), &words).0.succeeded();
        Self { server, home, chance: Chance { seed }, calm: Duration::from_millis(500) }
    }

    /// The token expires, and everybody wants one.
    pub fn round(&mut self) -> Round {
        let round = self.rage(0);
        self.calm = round.taken;
        round
    }

    /// The same, and some callers are killed at random moments.
    pub fn round_with_victims(&mut self) -> Round {
        self.rage(VICTIMS)
    }

    /// Whether the session is still there, after everything.
    pub fn survives(&self) -> bool {
        self.home.latch(&["token", "--force-refresh"]).code == 0
    }

    fn rage(&mut self, victims: usize) -> Round {
        self.expire();
        let before = self.server.refreshes();
        let begun = Instant::now();
        let mut doomed = BTreeSet::new();
        while doomed.len() < victims {
            doomed.insert(self.chance.next() as usize % CALLERS);
        }
        let mut callers = Vec::new();
        let mut killers = Vec::new();
        for number in 0..CALLERS {
            let caller = self.call();
            if doomed.contains(&number) {
                let victim = Pid::from_raw(caller.id().cast_signed());
                let longest = self.calm.as_micros() as u64 / A_LIFE;
                let after = Duration::from_micros(self.chance.next() % longest.max(1));
                killers.push(thread::spawn(move || {
                    thread::sleep(after);
                    // Whoever has ended already was not reaped yet: the number is
                    // still its own.
                    let _ = kill(victim, Signal::SIGKILL);
                }));
            }
            callers.push(caller);
        }
        for killer in killers {
            killer.join().expect("a killer");
        }
        let ends: Vec<Run> = callers.into_iter().map(end).collect();
        let taken = begun.elapsed();
        // Those of killed callers may still be about to ask.
        self.wait_for_renewers();
        Round { refreshes: self.server.refreshes() - before, ..Round::of(ends, taken) }
    }

    /// Waits for the end of every process that keeps its sessions in this home.
    #[cfg(target_os = "linux")]
    fn wait_for_renewers(&self) {
        let home = self.home.state_folder().into_os_string().into_encoded_bytes();
        let is_at_home = |process: &std::path::Path| {
            let environment = std::fs::read(process.join("environ")).unwrap_or_default();
            environment.windows(home.len()).any(|part| part == home)
        };
        let processes = std::fs::read_dir("/proc").expect("processes");
        for process in processes.filter_map(Result::ok).map(|entry| entry.path()) {
            let number = process.file_name().and_then(|name| name.to_str()?.parse().ok());
            let Some(number) = number.and_then(rustix::process::Pid::from_raw) else { continue };
            // Opened first: it stands for this process even when the number is reused.
            let opened = rustix::process::pidfd_open(number, rustix::process::PidfdFlags::empty());
            if let (Ok(process_fd), true) = (opened, is_at_home(&process)) {
                let end = rustix::event::PollFd::new(&process_fd, rustix::event::PollFlags::IN);
                rustix::event::poll(&mut [end], None).expect("its end");
            }
        }
    }

    /// Elsewhere no process can be asked where its home is.
    #[cfg(not(target_os = "linux"))]
    fn wait_for_renewers(&self) {}

    fn call(&self) -> Child {
        let mut command = self.home.command(&["token"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("latch starts")
    }

    /// Time passes for the stored token. Under the session's lock: a renewal whose
    /// caller was killed may still be at work.
    fn expire(&self) {
        let path = self.home.session_file();
        let lock = File::open(path.with_extension("lock")).expect("a lock");
        lock.lock().expect("the lock");
        let mut session = Session::read(&path);
        session.inner["expires_at_ms"] = 1.into();
        session.write();
    }
}

pub(crate) fn end(caller: Child) -> Run {
    caller.wait_with_output().expect("an end").into()
}
