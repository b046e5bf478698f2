//! What keeps this process's memory, which holds tokens, to itself.

use std::io::Write as _;
use std::panic::{self, PanicHookInfo};

use latchstring::capability::terminal::StderrTerminal;

use super::exit;

/// Prevents core files, and other processes of the same user from reading this
/// one's memory; makes a panic end with one line that contains no values.
pub(crate) fn begin() {
    panic::set_hook(Box::new(|panic| {
        StderrTerminal::restore_modes();
        report(panic);
        std::process::exit(exit::FAILURE.into());
    }));
    memory::close();
}

/// Gives a program that replaces this one what this process had when it started.
pub(crate) fn end() {
    memory::reopen();
}

/// A panic's message may hold any value, so only its place is told.
fn report(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    // A closed standard error is nobody's failure.
    let _ = writeln!(
        std::io::stderr(),
        "latch: this program has met a fault of its own{} [host-fault]\n  report it with the \
         version of this program",
        place.unwrap_or_default()
    );
}

/// A process that is not dumpable leaves no core file and cannot be traced by
/// others of its user. Executing another program ends that.
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
        // Best effort, as below. The hard limit stays, so that it can be undone.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: before.maximum });
    }

    pub(super) fn reopen() {
        if let Some(before) = BEFORE.get() {
            let _ = setrlimit(Resource::Core, before.clone());
        }
    }
}

#[cfg(not(unix))]
mod memory {
    pub(super) fn close() {}
    pub(super) fn reopen() {}
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// Set in the process that panics.
    const PANICS: &str = "LATCHSTRING_TEST_PANICS";

    #[test]
    fn a_panic_ends_with_1_and_tells_no_value() {
        let name = "cli::hardening::tests::a_panic_ends_with_1_and_tells_no_value";
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
