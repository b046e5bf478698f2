//! Sessions in a real keyring, and keyrings that are not there, locked or mute.
#![cfg(target_os = "linux")]

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use latchstring::capability::store::{Key, KeyringStore, Store};
use latchstring::code_name;
use latchstring_testing::alone::test_name;
use latchstring_testing::desktop::{Desktop, PATIENCE};

/// What one operation in a process of its own came to.
struct Outcome {
    /// `done`, or the stable code.
    code: String,
    words: String,
}

impl Outcome {
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, "done", "{}", self.words);
        self.words
    }

    #[track_caller]
    fn failed(self, code: &str, words: &str) -> Self {
        assert_eq!(self.code, code, "{}", self.words);
        assert!(self.words.contains(words), "no {words:?} in: {}", self.words);
        self
    }
}

/// Runs one operation of the store in a process with this environment.
fn ask(mut command: Command, folder: &Path, operation: &str) -> Outcome {
    let test = test_name(module_path!(), "carries_out_one_operation");
    let output = command
        .args(["--exact", &test, "--ignored", "--nocapture"])
        .env("STORE_FOLDER", folder)
        .env("STORE_OPERATION", operation)
        .output()
        .expect("this program runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.split_once("outcome: ")).map(|(_, line)| line);
    let (code, words) = line.and_then(|line| line.split_once(' ')).expect("an outcome");
    Outcome { code: code.to_owned(), words: words.to_owned() }
}

/// On a desktop whose keyring answers, however busy the machine is.
fn on(desktop: &Desktop, operation: &str) -> Outcome {
    let mut command = desktop.command(std::env::current_exe().expect("this program"));
    command.env("STORE_PATIENCE", "");
    ask(command, &desktop.state_folder(), operation)
}

/// On a desktop whose keyring does not answer.
fn on_mute(desktop: &Desktop, operation: &str) -> Outcome {
    let program = std::env::current_exe().expect("this program");
    ask(desktop.command(program), &desktop.state_folder(), operation)
}

/// With nothing but this address of a bus.
fn at(address: Option<String>, operation: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env_clear().env("HOME", folder.path()).env("XDG_RUNTIME_DIR", folder.path());
    if let Some(address) = address {
        command.env("DBUS_SESSION_BUS_ADDRESS", address);
    }
    ask(command, &folder.path().join("state"), operation)
}

#[tokio::test]
#[ignore = "its environment is its task; other tests start it"]
#[allow(clippy::print_stdout, reason = "how it tells the other tests")]
async fn carries_out_one_operation() {
    let text = |name: &str| std::env::var(name).expect("started by another test");
    let mut store = KeyringStore::new(text("STORE_FOLDER").into());
    if std::env::var_os("STORE_PATIENCE").is_some() {
        store = store.time_limit(PATIENCE);
    }
    let key = Key { profile: "work".to_owned(), account: "abc123".to_owned() };
    let operation = text("STORE_OPERATION");
    let held = store.lock(&key).await.expect("a lock");
    let outcome = match operation.split_once(' ').unwrap_or((&operation, "")) {
        ("write", value) => store.write(&held, value.as_bytes()).await.map(|()| String::new()),
        ("write-large", size) => {
            let value = vec![b'x'; size.parse().expect("a size")];
            store.write(&held, &value).await.map(|()| String::new())
        }
        ("read", _) => store.read(&key).await.map(|value| match value {
            Some(value) if value.len() > 100 => format!("{} bytes", value.len()),
            Some(value) => String::from_utf8(value).expect("text"),
            None => "nothing".to_owned(),
        }),
        ("delete", _) => store.delete(&held).await.map(|()| String::new()),
        ("probe", _) => store.probe(&key).await.map(|_| String::new()),
        ("set-aside", _) => store.set_aside(&held).await,
        ("list", _) => store.list().await.map(|keys| keys.len().to_string()),
        ("place", _) => Ok(store.place(&key)),
        _ => panic!("no such operation: {operation}"),
    };
    match outcome {
        Ok(words) => println!("outcome: done {words}"),
        Err(error) => println!(
            "outcome: {} {} [{}]",
            code_name(error.code()),
            error.message(),
            error.remedy()
        ),
    }
}

#[test]
fn a_session_is_kept_read_replaced_and_deleted() {
    let desktop = Desktop::new();
    on(&desktop, "probe").done();
    assert_eq!(on(&desktop, "read").done(), "nothing");
    assert!(!desktop.secrets().contains("latchstring"), "{}", desktop.secrets());

    on(&desktop, "write first").done();
    assert_eq!(on(&desktop, "read").done(), "first");
    on(&desktop, "write second").done();
    assert_eq!(on(&desktop, "read").done(), "second");
    assert_eq!(on(&desktop, "list").done(), "1");
    on(&desktop, "probe").done();

    let found = desktop.secrets();
    assert_eq!(found.matches("service = latchstring").count(), 1, "{found}");
    let folder = desktop.state_folder().canonicalize().expect("a folder");
    let name = format!("work.abc123 in {}", folder.display());
    assert!(found.contains(&format!("label = latchstring {name}")), "{found}");
    assert!(found.contains("secret = second"), "{found}");
    let place = on(&desktop, "place").done();
    assert!(place.contains("Secret Service") && place.contains(&name), "{place}");

    on(&desktop, "delete").done();
    on(&desktop, "delete").done();
    assert_eq!(on(&desktop, "read").done(), "nothing");
    assert_eq!(on(&desktop, "list").done(), "0");
    assert!(!desktop.secrets().contains("latchstring"), "{}", desktop.secrets());
}

#[test]
fn a_session_of_a_hundred_kilobytes_is_one_entry() {
    let desktop = Desktop::new();
    on(&desktop, "write-large 102400").done();
    assert_eq!(on(&desktop, "read").done(), "102400 bytes");
    assert_eq!(desktop.secrets().matches("service = latchstring").count(), 1);
}

#[test]
fn what_is_set_aside_stays_in_the_keyring_under_another_name() {
    let desktop = Desktop::new();
    on(&desktop, "write ruined").done();
    let place = on(&desktop, "set-aside").done();
    assert!(place.ends_with(", damaged\""), "{place}");
    assert_eq!(on(&desktop, "read").done(), "nothing");
    let found = desktop.secrets();
    assert!(found.contains("secret = ruined") && found.contains(", damaged"), "{found}");
}

#[test]
fn without_a_bus_there_is_no_keyring() {
    let gone = "unix:path=/nowhere/bus".to_owned();
    for address in [None, Some(gone), Some("nonsense".to_owned())] {
        let words = "there is no keyring on this machine: no D-Bus session bus";
        at(address.clone(), "probe")
            .failed("store-unusable", words)
            .failed("store-unusable", "--store file");
        at(address.clone(), "read").failed("store-unusable", words);
        at(address, "write x").failed("not-saved", words);
    }
}

#[test]
fn a_bus_without_a_keyring_is_told_from_none() {
    let desktop = Desktop::without_keyring();
    let words = "there is no keyring on this machine: nothing provides org.freedesktop.secrets";
    on(&desktop, "probe").failed("store-unusable", words);
    on(&desktop, "write x").failed("not-saved", words);
    assert_eq!(on(&desktop, "list").done(), "0");
}

#[test]
fn a_locked_keyring_is_told_at_once_and_nobody_is_asked_for_a_password() {
    let mut desktop = Desktop::new();
    on(&desktop, "write first").done();
    desktop.lock_keyring();
    for (operation, code) in [
        ("probe", "store-unusable"),
        ("read", "store-unusable"),
        ("write second", "not-saved"),
        ("delete", "store-unusable"),
    ] {
        let outcome = on(&desktop, operation).failed(code, "the keyring is locked");
        assert!(outcome.words.contains("[unlock it, or use --store file]"), "{}", outcome.words);
    }
    assert_eq!(on(&desktop, "list").done(), "1");
}

#[test]
fn a_keyring_that_does_not_answer_is_given_up_in_time() {
    let desktop = Desktop::new();
    on(&desktop, "write first").done();
    desktop.stop_keyring();
    let words = "the keyring does not answer (waited 3 s)";
    on_mute(&desktop, "probe").failed("store-unusable", words);
    on_mute(&desktop, "read").failed("store-unusable", words);
    on_mute(&desktop, "write second").failed("not-saved", "is unknown");
    assert_eq!(on(&desktop, "list").done(), "1");
}

#[test]
fn a_bus_that_does_not_answer_is_given_up_in_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bus");
    // The system takes the connection, and nobody reads what comes over it.
    let _mute = UnixListener::bind(&path).expect("a socket");
    let outcome = at(Some(format!("unix:path={}", path.display())), "probe");
    outcome.failed("store-unusable", "the keyring does not answer (waited 3 s)");
}
