//! A desktop session without a screen: a bus of its own, and GNOME's keyring on it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Ends what hangs. Nothing here takes minutes, on the busiest machine.
pub const PATIENCE: Duration = Duration::from_secs(600);
const PASSWORD: &[u8] = b"open sesame";

/// A bus that starts no service by itself. Dropping it ends whatever runs on it.
pub struct Desktop {
    keyring: Option<Process>,
    _bus: Process,
    address: String,
    folder: TempDir,
}

/// Ended when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Also where it is stopped; it keeps nothing that an orderly end would save.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Desktop {
    /// A bus with nobody on it.
    pub fn without_keyring() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let configuration = folder.path().join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen>\
             <policy context='default'><allow send_destination='*' eavesdrop='true'/>\
             <allow eavesdrop='true'/><allow own='*'/></policy></busconfig>",
            folder.path().join("bus").display()
        );
        fs::write(&configuration, text).expect("a configuration file");
        let mut bus = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is missing: run ./dev test, which installs it");
        let said = BufReader::new(bus.stdout.take().expect("standard output"));
        let bus = Process(bus);
        let address = said.lines().next().expect("an address").expect("text");
        Self { keyring: None, _bus: bus, address, folder }
    }

    /// A user who has logged in, which unlocked their keyring.
    pub fn new() -> Self {
        let mut desktop = Self::without_keyring();
        desktop.start_keyring(true);
        desktop
    }

    /// The keyring is started anew, and nobody has given it its password.
    pub fn lock_keyring(&mut self) {
        self.start_keyring(false);
    }

    /// The keyring is there and does nothing at all any more.
    pub fn stop_keyring(&self) {
        let keyring = &self.keyring.as_ref().expect("a keyring").0;
        let status = Command::new("kill").args(["-STOP", &keyring.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    fn start_keyring(&mut self, unlock: bool) {
        // The old one first: a name on the bus has one owner.
        self.keyring = None;
        self.wait_for_keyring(false);
        let mut command = self.command("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets", "--control-directory"]);
        command.arg(self.folder.path().join("control"));
        if unlock {
            command.arg("--unlock");
        }
        let mut keyring = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring-daemon is missing: run ./dev test, which installs it");
        let mut input = keyring.stdin.take().expect("standard input");
        self.keyring = Some(Process(keyring));
        if unlock {
            input.write_all(PASSWORD).expect("a password");
        }
        drop(input);
        self.wait_for_keyring(true);
    }

    fn wait_for_keyring(&self, there: bool) {
        let deadline = Instant::now() + PATIENCE;
        let question = [
            "--session",
            "--print-reply=literal",
            "--dest=org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.NameHasOwner",
            "string:org.freedesktop.secrets",
        ];
        loop {
            let answer = self.command("dbus-send").args(question).output().expect("dbus-send runs");
            let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
            if answer.contains(if there { "true" } else { "false" }) {
                return;
            }
            assert!(Instant::now() < deadline, "the keyring is not as it should be: {answer}");
        }
    }

    /// What `secret-tool` finds of ours, one line for each thing it tells.
    pub fn secrets(&self) -> String {
        let found = self
            .command("secret-tool")
            .args(["search", "--all", "service", "latchstring"])
            .output()
            .expect("secret-tool is missing: run ./dev test, which installs it");
        // It tells the attributes on the one, and the rest on the other.
        [found.stdout, found.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat()
    }

    /// Keeps a secret as another program does, under its service and account.
    pub fn keep(&self, (service, account): (&str, &str), secret: &str) {
        let mut child = self
            .command("secret-tool")
            .args(["store", "--label=another program", "service", service, "username", account])
            .stdin(Stdio::piped())
            .spawn()
            .expect("secret-tool is missing: run ./dev test, which installs it");
        let mut input = child.stdin.take().expect("standard input");
        input.write_all(secret.as_bytes()).expect("a secret");
        drop(input);
        assert!(child.wait().expect("secret-tool runs").success());
    }

    /// What another program keeps so.
    pub fn kept(&self, (service, account): (&str, &str)) -> Option<String> {
        let words = ["lookup", "service", service, "username", account];
        let found = self.command("secret-tool").args(words).output().expect("secret-tool runs");
        found.status.success().then(|| String::from_utf8_lossy(&found.stdout).into_owned())
    }

    /// The same program in the surroundings of this desktop.
    pub fn join<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }

    /// A program on this desktop.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let home = self.folder.path();
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        command
    }

    /// A folder for sessions, in the home of this desktop.
    pub fn state_folder(&self) -> PathBuf {
        self.folder.path().join("state")
    }
}
