//! Tests that texts of a hostile component have no effect except being shown.

use latchstring_hostile::Occasion;

use super::{Denied, Surroundings, assert_one_line};
use crate::error::Code;

/// Runs a part to its end and returns what the user was shown.
fn said(part: &str, code: Code) -> Vec<String> {
    let surroundings = Surroundings::default();
    let (part, words) = (part.to_owned(), String::new());
    let denied = Denied { part, occasion: Occasion::Login, code, words };
    denied.check(&denied.run(&surroundings));
    surroundings.kept(|kept| std::mem::take(&mut kept.said))
}

#[test]
fn terminal_commands_are_escaped() {
    let parts = [
        ("a terminal's commands in a failure", Code::ProviderRefused),
        ("a terminal's commands in an offer", Code::SandboxFault),
        ("a terminal's commands in a notice", Code::SandboxFault),
    ];
    for (part, code) in parts {
        for text in said(part, code) {
            text.lines().for_each(assert_one_line);
            // At the start of a line, it could be mistaken for a message of the host.
            assert!(text.lines().all(|line| !line.starts_with("latch:")), "{part}: {text}");
        }
    }
}

#[test]
fn a_code_stays_on_its_line() {
    let said = said("a terminal's commands in a code", Code::SandboxFault).join("\n");
    let line = said.lines().find(|line| line.contains("AB0")).expect("the code");
    assert_one_line(line);
    assert!(line.ends_with("all is well\\u{202e}"), "{line}");
}
