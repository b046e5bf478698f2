//! The state folder and the profiles copied to another user's home, for every store: what
//! that user can do with them. docs/threat-model.md has the table.
//!
//! Needs root, to be both users.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use latchstring::capability::store::KeyringStore;
use latchstring_provider::visitor::Visitor;
use latchstring_testing::desktop::Desktop;
use latchstring_testing::servers::{Server, visit};
use latchstring_testing::{Home, Pending, built, run, skip};

const MALLORY: u32 = 65_534;

/// What the thief gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Loot {
    /// `latch token` prints the access token.
    token: bool,
    /// `latch request` uses it at an API.
    use_at_api: bool,
    /// `latch token --force-refresh` prints a new one.
    refresh: bool,
}

const ALL: Loot = Loot { token: true, use_at_api: true, refresh: true };
const NOTHING: Loot = Loot { token: false, use_at_api: false, refresh: false };
const A_USELESS_TOKEN: Loot = Loot { token: true, ..NOTHING };

/// One way to keep a session.
struct Way {
    /// The row's beginning in the table.
    name: &'static str,
    /// What a login adds. `KEY` is a file elsewhere that only the victim can read.
    words: &'static [&'static str],
    loot: Loot,
}

const WAYS: [Way; 7] = [
    Way { name: "a file", words: &["--store", "file"], loot: ALL },
    Way {
        name: "a file, `--key-file` elsewhere",
        words: &["--store", "file", "--key-file", "KEY"],
        loot: NOTHING,
    },
    Way { name: "a file, `--encrypt`", words: &["--store", "file", "--encrypt"], loot: NOTHING },
    Way { name: "the keyring", words: &["--store", "keyring"], loot: NOTHING },
    Way { name: "the kernel's keyring", words: &["--store", "kernel"], loot: NOTHING },
    Way {
        name: "a file, `--dpop`, its key beside it",
        words: &["--store", "file", "--dpop"],
        loot: ALL,
    },
    Way {
        name: "a file, `--dpop-key-file` elsewhere",
        words: &["--store", "file", "--dpop-key-file", "KEY"],
        loot: A_USELESS_TOKEN,
    },
];

impl Way {
    fn is_bound(&self) -> bool {
        self.words.iter().any(|word| word.starts_with("--dpop"))
    }

    fn row(&self) -> String {
        let word = |is: bool| if is { "yes" } else { "no" };
        let Loot { token, use_at_api, refresh } = self.loot;
        format!("| {} | {} | {} | {} |", self.name, word(token), word(use_at_api), word(refresh))
    }
}

/// The user whose session it is: root.
struct Victim {
    home: Home,
    desktop: Desktop,
}

impl Victim {
    fn logged_in(server: &Server, way: &Way) -> Self {
        let victim = Self { home: Home::new(), desktop: Desktop::new() };
        let key = victim.home.path("elsewhere/key").display().to_string();
        let client = if way.is_bound() { "bound" } else { "public" };
        let mut words = vec!["login", "--issuer", server.issuer(), "--client-id", client];
        words.extend(["--scope", "openid", "--scope", "offline_access", "--no-browser"]);
        words
            .extend(way.words.iter().map(|word| if *word == "KEY" { key.as_str() } else { *word }));
        let login = Pending::start(&mut victim.command(&words));
        visit(&Visitor::default(), &login);
        login.finish().succeeded();
        victim
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.command(words);
        self.desktop.join(command.env("LATCH_PASSPHRASE", "open sesame"));
        command
    }
}

impl Drop for Victim {
    /// The kernel's keyring outlives the home.
    fn drop(&mut self) {
        let _ = self.command(&["logout"]).output();
    }
}

/// Runs a command of another user who has a copy of the victim's state folder and profiles,
/// and knows the address of their bus. Returns whether it succeeded.
///
/// The thief tries the profile as it is, and then without the lines that say where the
/// session and its keys are.
fn thief_can(victim: &Victim, words: &[&str]) -> bool {
    let config = victim.home.config();
    let is_elsewhere =
        |line: &&str| ["store", "key-file", "encrypt"].iter().any(|name| line.starts_with(name));
    let stripped: Vec<&str> = config.lines().filter(|line| !is_elsewhere(line)).collect();
    let stripped = stripped.join("\n").replace("dpop-key-file =", "dpop = true #");
    [config.clone(), stripped].iter().any(|config| {
        let thief = Home::new();
        copy(&victim.home.state_folder(), &thief.state_folder());
        thief.write_config(config);
        give(&thief.path(""), MALLORY);
        let mut command = thief.command(words);
        run(victim.desktop.join(&mut command).uid(MALLORY).gid(MALLORY)).code == 0
    })
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(copied.success());
}

/// Gives a folder and everything in it to another user.
fn give(path: &Path, uid: u32) {
    chown(path, Some(uid), Some(uid)).expect("another owner");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            give(&entry.expect("an entry").path(), uid);
        }
    }
}

fn can_be_two_users() -> bool {
    let is_open =
        |path: &Path| fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o5 == 0o5);
    let can = rustix::process::geteuid().is_root() && built("latch").ancestors().all(is_open);
    if !can {
        skip("a thief; needs root, and a program that all users can reach");
    }
    can
}

#[test]
fn a_copy_of_the_state_folder_gives_another_user_what_the_table_says() {
    if !can_be_two_users() {
        return;
    }
    let server = Server::oidc_provider_with_features(r#"{"dPoP":{"requiresNonce":false}}"#);
    let me = format!("{}/me", server.issuer());
    for way in &WAYS {
        if way.words.contains(&"kernel") && !KeyringStore::kernel_answers() {
            skip("a thief of a session in the kernel; keyctl is not permitted here");
            continue;
        }
        let victim = Victim::logged_in(&server, way);
        let loot = Loot {
            token: thief_can(&victim, &["token"]),
            use_at_api: thief_can(&victim, &["request", "GET", &me]),
            refresh: thief_can(&victim, &["token", "--force-refresh"]),
        };
        assert_eq!(loot, way.loot, "{}", way.name);
        // What a thief did not get is there for its owner.
        if loot != ALL {
            run(&mut victim.command(&["token", "--force-refresh"])).succeeded();
        }
    }
}

#[test]
fn the_table_is_in_the_threat_model() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/threat-model.md");
    let text = fs::read_to_string(path).expect("the threat model");
    for way in &WAYS {
        assert!(text.contains(&way.row()), "no row {}", way.row());
    }
}
