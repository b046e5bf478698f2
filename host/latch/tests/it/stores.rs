//! Where a session is kept: chosen, remembered, moved, encrypted.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;

use latchstring_testing::desktop::Desktop;
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Pending, Run, run};

/// `latch` on a desktop.
fn on(desktop: &Desktop, home: &Home, words: &[&str]) -> Command {
    let mut command = home.command(words);
    for (name, value) in desktop.command("latch").get_envs() {
        if let Some(value) = value.filter(|_| name == "DBUS_SESSION_BUS_ADDRESS") {
            command.env(name, value);
        }
    }
    command
}

#[track_caller]
fn log_in(desktop: &Desktop, home: &Home, extra: &[&str]) -> Run {
    let arguments = home.login_arguments();
    let words: Vec<&str> =
        arguments.iter().map(String::as_str).chain(extra.iter().copied()).collect();
    let pending = Pending::start(&mut on(desktop, home, &words));
    pending.visit();
    pending.finish().succeeded()
}

#[track_caller]
fn latch(desktop: &Desktop, home: &Home, words: &[&str]) -> Run {
    run(&mut on(desktop, home, words))
}

#[track_caller]
fn token(desktop: &Desktop, home: &Home, words: &[&str]) -> String {
    let words: Vec<&str> = ["token"].iter().chain(words).copied().collect();
    latch(desktop, home, &words).succeeded().stdout
}

// ---- The keyring -------------------------------------------------------------

#[test]
fn a_whole_session_in_the_keyring_leaves_nothing_behind() {
    let (desktop, home) = (Desktop::new(), Home::new());
    let login = log_in(&desktop, &home, &[]);
    assert!(!login.stderr.contains("instead of the keyring"), "{}", login.stderr);
    assert!(home.config().contains("store = \"keyring\""), "{}", home.config());
    assert!(home.session_files().is_empty());
    assert!(desktop.secrets().contains("service = latchstring"), "{}", desktop.secrets());

    let first = token(&desktop, &home, &[]);
    assert_eq!(token(&desktop, &home, &[]), first);
    let second = token(&desktop, &home, &["--force-refresh"]);
    assert_ne!(second, first);
    assert_eq!(token(&desktop, &home, &[]), second);
    let status = latch(&desktop, &home, &["status", "--json"]).succeeded().json();
    assert_eq!(status[0]["store"], "keyring");
    assert!(status[0]["place"].as_str().is_some_and(|place| place.contains("Secret Service")));

    latch(&desktop, &home, &["logout"]).succeeded();
    assert!(!desktop.secrets().contains("latchstring"), "{}", desktop.secrets());
    latch(&desktop, &home, &["token"]).failed(3, "login-required");
}

#[test]
fn without_a_keyring_a_file_takes_the_session_and_one_line_says_why() {
    let home = Home::new();
    let login = home.login();
    let lines: Vec<&str> =
        login.stderr.lines().filter(|line| line.contains("instead of the keyring")).collect();
    assert_eq!(lines.len(), 1, "{}", login.stderr);
    assert!(lines[0].contains("no D-Bus session bus"), "{}", lines[0]);
    assert!(home.config().contains("store = \"file\""), "{}", home.config());
    assert_eq!(home.latch(&["status", "--json"]).json()[0]["store"], "file");
    // Remembered: the next login says nothing and asks no keyring.
    assert!(!home.login().stderr.contains("keyring"));
}

#[test]
fn nobody_is_asked_to_log_in_where_the_keyring_was_demanded_and_is_missing() {
    let home = Home::new();
    let arguments = home.login_arguments();
    let mut command = home.command(&arguments);
    let run = run(command.args(["--store", "keyring"]));
    run.failed(8, "store-unusable")
        .saying(&["there is no keyring on this machine", "--store file"]);
    assert!(home.provider.log().is_empty());
}

#[test]
fn a_locked_keyring_costs_no_session() {
    let (mut desktop, home) = (Desktop::new(), Home::new());
    log_in(&desktop, &home, &[]);
    desktop.lock_keyring();
    let asked = home.provider.log().len();
    for words in [&["token"][..], &["token", "--force-refresh"], &["whoami"], &["logout"]] {
        latch(&desktop, &home, words).failed(8, "store-unusable").saying(&["keyring is locked"]);
    }
    assert_eq!(home.provider.log().len(), asked);
    let status = latch(&desktop, &home, &["status"]);
    status.failed(8, "store-unusable");
}

#[test]
fn a_keyring_that_never_answers_is_given_up_in_time() {
    let home = Home::new();
    let path = home.path("bus");
    // The system takes the connection, and nobody reads what comes over it.
    let _mute = UnixListener::bind(&path).expect("a socket");
    let address = format!("unix:path={}", path.display());
    let mut arguments = home.login_arguments();
    arguments.extend(["--keyring-timeout".to_owned(), "1".to_owned()]);
    let mut login = home.command(&arguments);
    let pending = Pending::start(login.env("DBUS_SESSION_BUS_ADDRESS", &address));
    pending.visit();
    pending
        .finish()
        .succeeded()
        .saying(&["instead of the keyring", "does not answer (waited 1 s)"]);
    home.token(&[]);
}

#[test]
fn a_damaged_entry_is_named_and_kept_and_a_login_goes_on() {
    let (desktop, home) = (Desktop::new(), Home::new());
    log_in(&desktop, &home, &[]);
    // Another program writes into the entry, as secret-tool lets anybody do.
    let found = desktop.secrets();
    let (_, user) = found.split_once("attribute.username = ").expect("a user name");
    let user = user.lines().next().expect("its line");
    let words = ["store", "--label", "x", "service", "latchstring", "username", user];
    let mut tool = desktop.command("sh");
    tool.args(["-c", "printf nonsense | secret-tool \"$@\"", "sh"]).args(words);
    assert!(tool.status().expect("secret-tool runs").success());
    for words in [&["token"][..], &["whoami"], &["logout"]] {
        latch(&desktop, &home, words).failed(8, "stored-damaged").saying(&[user, "log in again"]);
    }
    log_in(&desktop, &home, &[]).saying(&["it is kept as", ", damaged"]);
    token(&desktop, &home, &[]);
    assert!(desktop.secrets().contains("secret = nonsense"), "{}", desktop.secrets());
}

// ---- Moving ------------------------------------------------------------------

#[test]
fn a_session_moves_to_the_keyring_and_back_and_loses_nothing() {
    let (desktop, home) = (Desktop::new(), Home::new());
    log_in(&desktop, &home, &["--store", "file"]);
    let before = fs::read(home.session_file()).expect("a session");
    let first = token(&desktop, &home, &[]);
    latch(&desktop, &home, &["move", "keyring"]).succeeded().saying(&["Secret Service"]);
    assert!(home.session_files().is_empty());
    assert!(home.config().contains("store = \"keyring\""));
    assert_eq!(token(&desktop, &home, &[]), first);
    latch(&desktop, &home, &["move", "file"]).succeeded();
    assert!(!desktop.secrets().contains("latchstring"));
    assert_eq!(fs::read(home.session_file()).expect("the session"), before);
    token(&desktop, &home, &["--force-refresh"]);
}

#[test]
fn a_move_that_cannot_be_made_leaves_the_session_where_it_is() {
    let home = Home::new();
    home.login_with(&["--store", "file"]);
    let before = fs::read(home.session_file()).expect("a session");
    home.latch(&["move", "keyring"]).failed(8, "store-unusable");
    assert_eq!(fs::read(home.session_file()).expect("the session"), before);
    assert!(home.config().contains("store = \"file\""));
    home.token(&[]);
}

#[test]
fn a_login_into_another_store_leaves_no_old_session_behind() {
    let (desktop, home) = (Desktop::new(), Home::new());
    log_in(&desktop, &home, &["--store", "file"]);
    log_in(&desktop, &home, &["--store", "keyring"]);
    assert!(home.session_files().is_empty());
    let status = latch(&desktop, &home, &["status", "--json"]).succeeded().json();
    assert_eq!(status.as_array().map(Vec::len), Some(1), "{status}");
}

// ---- Encryption --------------------------------------------------------------

#[test]
fn a_key_file_is_made_at_the_login_and_encrypts_from_then_on() {
    let home = Home::new();
    let key = home.path("key").display().to_string();
    let login = home.login_with(&["--store", "file", "--key-file", &key]);
    login.saying(&["Created the key file"]);
    let mode = fs::metadata(&key).expect("a key file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let sealed = fs::read(home.session_file()).expect("a session");
    assert!(sealed.starts_with(b"age-encryption.org/v1\n"));
    // Remembered: no later command need name it.
    let first = home.token(&[]);
    assert_ne!(home.token(&["--force-refresh"]), first);
    home.latch(&["status"]).succeeded();
    fs::rename(&key, home.path("elsewhere")).expect("a move");
    home.latch(&["token"]).failed(8, "store-unusable").saying(&[&key]);
    assert!(home.session_file().exists());
}

#[test]
fn a_passphrase_comes_from_the_environment_where_nobody_can_be_asked() {
    let home = Home::new();
    let with = |passphrase: &str, words: &[&str]| {
        run(home.command(words).env("LATCH_PASSPHRASE", passphrase))
    };
    let mut login = home.login_command(&["--store", "file", "--encrypt"]);
    let pending = Pending::start(login.env("LATCH_PASSPHRASE", "open sesame"));
    pending.visit();
    pending.finish().succeeded();
    assert!(home.config().contains("encrypt = true"), "{}", home.config());
    let first = with("open sesame", &["token"]).succeeded().stdout;
    let second = with("open sesame", &["token", "--force-refresh"]).succeeded().stdout;
    assert_ne!(first, second);
    let before = fs::read(home.session_file()).expect("a session");
    with("open barley", &["token"]).failed(8, "store-unusable").saying(&["this passphrase"]);
    home.latch(&["token"]).failed(8, "store-unusable").saying(&["LATCH_PASSPHRASE"]);
    assert_eq!(fs::read(home.session_file()).expect("the session"), before);
}

#[test]
fn a_session_is_encrypted_later_by_moving_it_to_where_it_is() {
    let home = Home::new();
    home.login_with(&["--store", "file"]);
    let token = home.token(&[]);
    let key = home.path("key").display().to_string();
    home.latch(&["move", "file", "--key-file", &key]).succeeded();
    assert!(fs::read(home.session_file()).expect("a session").starts_with(b"age-encryption.org"));
    assert_eq!(home.token(&[]), token);
}

#[test]
fn an_encrypted_session_is_not_taken_for_a_damaged_one() {
    let home = Home::new();
    let key = home.path("key").display().to_string();
    home.login_with(&["--store", "file", "--key-file", &key]);
    let config = home.config();
    let without: String =
        config.lines().filter(|line| !line.starts_with("key-file")).collect::<Vec<_>>().join("\n");
    home.write_config(&without);
    home.latch(&["token"]).failed(8, "store-unusable").saying(&["is encrypted", "--key-file"]);
}

// ---- Telling -----------------------------------------------------------------

#[test]
fn the_doctor_tells_what_it_finds_and_what_it_makes_of_it() {
    let home = Home::new();
    let before = home.latch(&["doctor"]).succeeded().stdout;
    for words in ["no D-Bus session bus", "auto, the default", "is not logged in"] {
        assert!(before.contains(words), "no {words:?} in: {before}");
    }
    home.login();
    let after = home.latch(&["doctor"]).succeeded().stdout;
    let file = home.session_file().display().to_string();
    for words in ["file, as remembered in the profile", "files are not encrypted", &file] {
        assert!(after.contains(words), "no {words:?} in: {after}");
    }
    let desktop = Desktop::new();
    let findings = latch(&desktop, &home, &["doctor", "--json"]).succeeded().json();
    let keyring =
        findings.as_array().and_then(|all| all.iter().find(|one| one["subject"] == "keyring"));
    assert!(keyring.is_some_and(|keyring| keyring["error"].is_null()), "{findings}");
}

#[test]
fn status_lists_every_session_of_every_profile_and_store() {
    let (desktop, home) = (Desktop::new(), Home::new());
    log_in(&desktop, &home, &["--store", "file"]);
    log_in(&desktop, &home, &["--profile", "work", "--store", "keyring"]);
    let status = latch(&desktop, &home, &["status"]).succeeded().stdout;
    for words in ["default\n", "work\n", "file: /", "keyring: the keyring", "expires in 59 minutes"]
    {
        assert!(status.contains(words), "no {words:?} in: {status}");
    }
    let session = Session::read(&home.session_file());
    for secret in session.secrets() {
        assert!(!status.contains(&secret), "{status}");
    }
    latch(&desktop, &home, &["logout", "--all"]).succeeded();
    assert!(home.session_files().is_empty() && !desktop.secrets().contains("latchstring"));
}
