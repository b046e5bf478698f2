//! Protects this process's memory, which holds tokens, from other processes.

use std::io::Write as _;
use std::panic::{self, PanicHookInfo};

use latchstring::capability::terminal::StderrTerminal;

use super::exit;

/// Prevents core files, and keeps other processes of the same user from reading this
/// one's memory. Makes a panic print one line that contains no values.
pub(crate) fn begin() {
    panic::set_hook(Box::new(|panic| {
        StderrTerminal::restore_modes();
        report(panic);
        std::process::exit(exit::FAILURE.into());
    }));
    memory::close();
}

/// Restores the limits that this process started with, for a program that replaces it.
#[cfg(not(target_os = "wasi"))]
pub(crate) fn end() {
    memory::reopen();
}

/// Reports only where the panic happened: its message may contain any value.
fn report(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    // A closed standard error is not a failure.
    let _ = writeln!(
        std::io::stderr(),
        "latch: internal error{} [host-fault]\n  report this bug, with the version of this program",
        place.unwrap_or_default()
    );
}

/// A process that is not dumpable leaves no core file, and other processes of the same
/// user cannot trace it. Executing another program ends this.
#[cfg(any(target_os = "android", target_os = "linux"))]
mod memory {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    pub(super) fn close() {
        // Best effort: a sandbox may forbid the call.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }

    pub(super) fn reopen() {}
}

#[cfg(all(unix, not(any(target_os = "android", target_os = "linux"))))]
mod memory {
    use std::sync::OnceLock;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    static BEFORE: OnceLock<Rlimit> = OnceLock::new();

    pub(super) fn close() {
        let before = BEFORE.get_or_init(|| getrlimit(Resource::Core));
        // Best effort. The hard limit stays, so that `reopen` can undo this.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: before.maximum });
    }

    pub(super) fn reopen() {
        if let Some(before) = BEFORE.get() {
            let _ = setrlimit(Resource::Core, *before);
        }
    }
}

#[cfg(not(unix))]
mod memory {
    pub(super) fn close() {}
    #[cfg(not(target_os = "wasi"))]
    pub(super) fn reopen() {}
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// Set in the process that panics.
    const PANICS: &str = "LATCHSTRING_TEST_PANICS";

    #[test]
    fn a_panic_exits_with_1_and_prints_no_value() {
        let name = "cli::hardening::tests::a_panic_exits_with_1_and_prints_no_value";
        if std::env::var_os(PANICS).is_some() {
            super::begin();
            panic!("the token is s3cret");
        }
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["--exact", name, "--nocapture"]).env(PANICS, "1");
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("hardening.rs:") && said.contains("[host-fault]"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}
