//! Machines that share one session: each has a state folder of its own.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use latchstring::capability::store::{Encryption, SharedStore, Store as _};
use latchstring_provider::Options;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::namespaces::Namespaces;
use super::relay::Relay;
use super::server::StoreServer;
use crate::session::Session;
use crate::{Home, block_on};

/// Several machines with one session, at a provider with rotation and reuse detection.
pub struct Machines {
    /// The provider, and what the machines have in common.
    pub home: Home,
    /// The server of the session.
    pub server: StoreServer,
    /// The way of each machine to the server.
    pub relays: Vec<Relay>,
    /// The networks of the machines, if each has its own.
    pub namespaces: Option<Namespaces>,
    /// What makes the provider reachable in each of them.
    _loopbacks: Vec<Relay>,
}

impl Machines {
    /// Machines of which the first has logged in.
    pub fn new(server: StoreServer, count: usize) -> Self {
        Self::with(server, count, None)
    }

    /// Machines with a network each, of which the first has logged in.
    pub fn in_namespaces(server: StoreServer, namespaces: Namespaces, count: usize) -> Self {
        Self::with(server, count, Some(namespaces))
    }

    fn with(server: StoreServer, count: usize, namespaces: Option<Namespaces>) -> Self {
        let home = Home::with(Options { rotates_refresh_tokens: Some(true), ..Options::default() });
        let issuer: url::Url = home.provider.issuer().parse().expect("a URL");
        let port = issuer.port().expect("a port");
        let relays = (0..count).map(|number| {
            let address = namespaces.as_ref().map(|all| all.address(number));
            Relay::start(address.unwrap_or(std::net::Ipv4Addr::LOCALHOST), server.port())
        });
        let relays = relays.collect();
        let loopbacks = namespaces
            .iter()
            .flat_map(|all| (0..count).map(move |number| all.relay_loopback(number, port)))
            .collect();
        let machines = Self { home, server, relays, namespaces, _loopbacks: loopbacks };
        Encryption::create_key_file(&machines.key_file()).expect("a key file");
        // The user's browser is not in a namespace.
        machines.latch_here(&["store", "init"]).succeeded();
        let words = machines.home.login_arguments();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let pending = crate::Pending::start(&mut machines.command_here(&words));
        pending.visit();
        pending.finish().succeeded();
        machines
    }

    /// The number of machines.
    pub fn count(&self) -> usize {
        self.relays.len()
    }

    fn key_file(&self) -> PathBuf {
        self.home.path("key")
    }

    /// The URL of the store as one machine sees it.
    pub fn url(&self, machine: usize) -> String {
        let host = self.namespaces.as_ref().map(|all| all.address(machine).to_string());
        self.server.url(host.as_deref().unwrap_or("127.0.0.1"), self.relays[machine].port())
    }

    /// Where one machine keeps its locks.
    pub fn state_folder(&self, machine: usize) -> PathBuf {
        self.home.path(&format!("machine-{machine}"))
    }

    /// `latch` with these arguments, on one of the machines.
    pub fn command(&self, machine: usize, arguments: &[&str]) -> Command {
        let mut command = match &self.namespaces {
            Some(namespaces) => {
                let mut command = self.home.command_of("ip", &["netns", "exec"]);
                command.arg(namespaces.name(machine)).arg(self.home.program()).args(arguments);
                command
            }
            None => self.home.command(arguments),
        };
        command
            .env("LATCH_STATE_DIR", self.state_folder(machine))
            .env("LATCH_STORE", self.url(machine))
            .env("LATCH_KEY_FILE", self.key_file())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `latch` on one of the machines.
    pub fn latch(&self, machine: usize, arguments: &[&str]) -> crate::Run {
        crate::run(&mut self.command(machine, arguments))
    }

    /// Runs `latch` beside the server, where nothing is in the way.
    pub fn latch_here(&self, arguments: &[&str]) -> crate::Run {
        crate::run(&mut self.command_here(arguments))
    }

    /// `latch` with these arguments, beside the server.
    pub fn command_here(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command
            .env("LATCH_STATE_DIR", self.home.path("here"))
            .env("LATCH_STORE", self.server.url("127.0.0.1", self.server.port()))
            .env("LATCH_KEY_FILE", self.key_file());
        command
    }

    /// Makes the stored access token expire, under the session's lock.
    pub fn expire(&self) {
        let url = self.server.url("127.0.0.1", self.server.port());
        let address = url.parse().expect("an address");
        let encryption = Encryption::key_file(&self.key_file()).expect("a key");
        let store = SharedStore::new(&address, self.home.path("expiry"), encryption);
        let store = store.expect("a store").lock_patience(Duration::from_secs(60));
        block_on(async {
            let keys = store.list().await.expect("a list");
            let key = keys.iter().find(|key| key.is_session()).expect("a session");
            let held = store.lock(key).await.expect("the lock");
            let bytes = store.read(key).await.expect("a read").expect("a session");
            let path = self.home.path("expiring");
            std::fs::write(&path, bytes).expect("a file");
            let mut session = Session::read(&path);
            session.inner["expires_at_ms"] = 1.into();
            store.write(&held, &session.bytes()).await.expect("a save");
        });
    }

    /// The refresh tokens that the provider was shown.
    pub fn refreshes(&self) -> usize {
        self.home.asked("/token").len()
    }

    /// Whether the session is still there, after everything.
    pub fn survives(&self) -> bool {
        self.latch_here(&["token", "--force-refresh"]).code == 0
    }

    /// Kills every process of one machine.
    pub fn kill(&self, machine: usize) {
        for process in self.processes(machine) {
            let _ = kill(process, Signal::SIGKILL);
        }
    }

    /// Waits for the end of every process of every machine.
    pub fn wait_for_processes(&self) {
        for machine in 0..self.count() {
            for process in self.processes(machine) {
                let Some(process) = rustix::process::Pid::from_raw(process.as_raw()) else {
                    continue;
                };
                let flags = rustix::process::PidfdFlags::empty();
                let Ok(opened) = rustix::process::pidfd_open(process, flags) else { continue };
                let end = rustix::event::PollFd::new(&opened, rustix::event::PollFlags::IN);
                rustix::event::poll(&mut [end], None).expect("its end");
            }
        }
    }

    fn processes(&self, machine: usize) -> Vec<Pid> {
        let home = self.state_folder(machine).into_os_string().into_encoded_bytes();
        let is_of_machine = |process: &std::path::Path| {
            let environment = std::fs::read(process.join("environ")).unwrap_or_default();
            environment.windows(home.len()).any(|part| part == home)
        };
        let processes = std::fs::read_dir("/proc").expect("processes");
        processes
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path)))
            .filter(|(_, path)| is_of_machine(path))
            .map(|(number, _)| Pid::from_raw(number))
            .collect()
    }
}
