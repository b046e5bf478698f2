//! The hostile component, in every part of `testing/hostile/denied.json`: `latch.wasm` with it
//! in the login component's place, run by the stock wasmtime, ends what it asks for as the
//! native host does.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use latchstring::component::LOGIN;
use latchstring_hostile::{ACTOR_COMPONENT, Occasion, StoppedBy, denied};
use latchstring_testing::{Home, Run, run, skip};
use latchstring_wasmtime::LATCH;
use serde_json::Value;
use tempfile::TempDir;

/// Parts that wait in real time, or use the network, before the host stops them. What counts
/// them is the code that stops the others that go on without end.
const LEFT_OUT: [&str; 2] = [
    // Four hours: nothing sets this program's clock.
    "polls without end",
    // A hundred look-ups of the provider's name.
    "requests without end",
];

/// The first wasmtime that is new enough: one that is named, or one on the PATH.
fn wasmtime() -> Option<PathBuf> {
    let named = env::var_os("LATCHSTRING_WASMTIME").map(PathBuf::from);
    [named, Some(PathBuf::from("wasmtime"))].into_iter().flatten().find(|program| {
        let Ok(said) = Command::new(program).arg("--version").output() else { return false };
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let major = said.split([' ', '.']).nth(1).and_then(|major| major.parse::<u32>().ok());
        major.is_some_and(|major| major >= 48)
    })
}

/// A component as it lies in one that it is nested in: a section's number, its size (LEB128),
/// and its bytes.
fn section(component: &[u8]) -> Vec<u8> {
    let (mut header, mut size) = (vec![4], component.len());
    while size >= 0x80 {
        header.push(size as u8 | 0x80);
        size >>= 7;
    }
    header.push(size as u8);
    [&header, component].concat()
}

/// `latch.wasm`, its program byte for byte, with the hostile component instead of the login
/// component.
fn composed() -> Vec<u8> {
    let login = section(LOGIN);
    let start = LATCH.windows(login.len()).position(|bytes| bytes == login);
    let start = start.expect("the login component in latch.wasm");
    [&LATCH[..start], &section(ACTOR_COMPONENT), &LATCH[start + login.len()..]].concat()
}

/// The script `latch` beside a `latch.wasm` with the hostile component in it.
struct Hostile {
    folder: TempDir,
    wasmtime: PathBuf,
}

impl Hostile {
    fn new(wasmtime: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("latch.wasm"), composed()).expect("a component");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("latch");
        fs::copy(script, folder.path().join("latch")).expect("a script");
        Self { folder, wasmtime }
    }

    fn program(&self) -> String {
        self.folder.path().join("latch").display().to_string()
    }

    /// Runs the command in which `part` misbehaves.
    fn plays(&self, part: &str, occasion: Occasion, home: &Home) -> Run {
        let mut words = match occasion {
            Occasion::Setup | Occasion::Token => vec!["token"],
            // Nobody comes to any of these logins, and none waits for somebody.
            Occasion::Login => vec!["login", "--flow", "browser", "--timeout", "0"],
            Occasion::Logout => vec!["logout"],
            Occasion::Status => vec!["status"],
        };
        if occasion != Occasion::Status {
            words.extend(["--issuer", "https://id.example", "--client-id", part]);
            words.extend(["--token-endpoint", "https://id.example/token"]);
        }
        words.push("--json");
        let mut command = home.command_of(self.program(), &words);
        // Every home finds what the first one had compiled.
        command.env("XDG_CACHE_HOME", self.folder.path());
        run(command.env("LATCHSTRING_WASMTIME", &self.wasmtime))
    }
}

/// The exit code for an error's code.
fn exit(code: &str) -> i32 {
    match code {
        "not-saved" => 8,
        "egress-denied" | "sandbox-fault" => 6,
        other => panic!("an exit code for {other}"),
    }
}

/// What is wrong with the end that a part came to, if anything.
fn wrong(part: &str, code: &str, words: &str, end: &Run) -> Option<String> {
    let (error, said) = match end.stderr.trim_end().rsplit_once('\n') {
        Some((said, error)) => (error, said),
        None => (end.stderr.as_str(), ""),
    };
    let error: Value = serde_json::from_str(error).unwrap_or_default();
    let message = error["error"]["message"].as_str().unwrap_or_default();
    let is_stopped =
        end.code == exit(code) && error["error"]["code"] == code && message.contains(words);
    // Nothing that is denied is shown to anybody before.
    let is_shown = code == "egress-denied" && (said.contains("evil") || said.contains("://"));
    let is_right = is_stopped && !is_shown && end.stdout.is_empty();
    (!is_right).then(|| format!("{part}: exit {}: {}{}", end.code, end.stdout, end.stderr))
}

#[test]
fn a_hostile_component_is_stopped() {
    let Some(wasmtime) = wasmtime() else {
        return skip("a hostile component in the stock wasmtime; ./dev test hosts installs it");
    };
    let hostile = Hostile::new(wasmtime);
    let (mut played, mut failures) = (0, Vec::new());
    for group in denied() {
        // What the sandbox stops is for whoever runs wasmtime to limit (-W), and a trap ends
        // the whole program: there is no code to tell.
        if group.stopped_by == StoppedBy::Sandbox {
            continue;
        }
        let parts = group.parts.iter().filter(|(part, _)| !LEFT_OUT.contains(&part.as_str()));
        for (part, words) in parts {
            let end = hostile.plays(part, group.occasion, &Home::new());
            failures.extend(wrong(part, &group.code, words, &end));
            played += 1;
        }
    }
    assert!(failures.is_empty(), "{} of {played}:\n{}", failures.len(), failures.join("\n"));
    assert!(played > 50, "{played}");
}
