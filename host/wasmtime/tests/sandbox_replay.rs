//! The conformance kit, replayed in `latch.wasm`.
#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use latchstring_testing::{Home, Run};

/// A home for this host's program.
fn home() -> Home {
    Home::new().of(env!("CARGO_BIN_EXE_latch-wasi"))
}

/// `latch replay -` with this on standard input.
fn replay(home: &Home, transcript: &[u8]) -> Run {
    let mut command = home.command(&["replay", "-", "--json"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("latch starts");
    child.stdin.take().expect("its input").write_all(transcript).expect("a transcript");
    child.wait_with_output().expect("an end").into()
}

#[test]
fn the_conformance_kit_is_answered_as_it_was_recorded() {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/conformance");
    let home = home();
    let mut replayed = 0;
    for entry in fs::read_dir(kit).expect("the kit") {
        let file = entry.expect("an entry").path();
        if file.extension().is_some_and(|end| end == "json") {
            let run = replay(&home, &fs::read(&file).expect("a transcript"));
            assert_eq!(run.code, 0, "{}: {}{}", file.display(), run.stdout, run.stderr);
            assert_eq!(run.json()["as_recorded"], true);
            replayed += 1;
        }
    }
    assert!(replayed > 20, "{replayed}");
}

#[test]
fn another_answer_than_was_recorded_is_told_where_it_stands() {
    let kit =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/conformance/token-cached.json");
    let text = fs::read_to_string(kit).expect("a transcript");
    let home = home();
    let run = replay(&home, text.replace("\"cached\"", "\"renewed\"").as_bytes());
    assert_eq!(run.code, 6, "{}", run.stderr);
    let difference = run.json()["difference"].to_string();
    assert!(difference.contains("source") && difference.contains("cached"), "{difference}");
    replay(&home, b"{}").failed(2, "invalid-configuration");
}
