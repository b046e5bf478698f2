//! Tests that are run again, each in a process of its own.

use std::env;
use std::process::Command;

use crate::run;

/// Set in a process that runs one test alone.
const ALONE: &str = "LATCHSTRING_TEST_ALONE";

/// Returns the name by which the test runner knows the test `name` of the module `module`,
/// which is what `module_path!()` says.
pub fn test_name(module: &str, name: &str) -> String {
    match module.split_once("::") {
        Some((_, path)) => format!("{path}::{name}"),
        None => name.to_owned(),
    }
}

/// Returns whether this process runs nothing but the test `name` of `module`. If it runs
/// others beside it, runs the test in another process first.
///
/// For tests that change or use up what belongs to a whole process.
///
/// # Panics
///
/// Panics if the test fails in the other process.
#[track_caller]
pub fn is_alone(module: &str, name: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["--exact", &test_name(module, name), "--nocapture"]).env(ALONE, "1");
    let test = run(&mut command);
    let has_passed = test.code == 0 && test.stdout.contains("test result: ok. 1 passed");
    assert!(has_passed, "exit {}: {}{}", test.code, test.stdout, test.stderr);
    false
}
