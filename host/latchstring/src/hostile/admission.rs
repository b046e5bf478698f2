//! Components that are refused before they run.

use latchstring_hostile::{EMPTY, GREEDY, STRANGER, TYPES};

use super::{assert_one_line, print_table};
use crate::error::{Code, Error};
use crate::sandbox::Sandbox;

const REFUSED: [(&str, &[u8], &[&str]); 4] = [
    (
        "wants a clock, a network and files; exports another version",
        GREEDY,
        &[
            "host:clock/now, wasi:sockets/tcp@0.2.0, wasi:filesystem/types@0.2.0",
            "exports latchstring:login/flow@0.1.0 instead of latchstring:login/flow@0.3.0",
        ],
    ),
    ("wants nothing but types", TYPES, &["what no host provides", "wasi:clocks/wall-clock@0.2.0"]),
    ("exports nothing", EMPTY, &["exports nothing instead of latchstring:login/flow@0.3.0"]),
    (
        "exports something else by the same name",
        STRANGER,
        &["what it exports as latchstring:login/flow@0.3.0 is something else"],
    ),
];

#[test]
fn an_invalid_component_is_refused_before_it_runs_with_everything_that_is_wrong() {
    let refusals: Vec<(&str, Error)> = REFUSED
        .into_iter()
        .map(|(what, machine_code, words)| {
            // SAFETY: a build script compiled it with the same settings.
            let refused = unsafe { Sandbox::from_machine_code(machine_code) };
            let error = refused.err().expect(what);
            assert_eq!(error.code(), Code::SandboxFault, "{what}");
            assert!(error.message().starts_with("the login component was not started: "));
            for words in words {
                assert!(error.message().contains(words), "{what}: {error}");
            }
            assert_one_line(error.message());
            (what, error)
        })
        .collect();
    print_table("a component that", refusals.iter().map(|(what, error)| (*what, error)));
}
