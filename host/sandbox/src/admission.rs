//! Checks a component before any of its code runs: it must import nothing and export what
//! the contract names.

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, StoreLimits};

use latchstring_core::contract::{INTERFACE, LoginPre};
use latchstring_core::error::{Code, Error};

/// Checks the component. Fails with `sandbox-fault`, naming all that is wrong.
pub(super) fn admit(
    engine: &Engine,
    component: &Component,
) -> Result<LoginPre<StoreLimits>, Error> {
    let world = component.component_type();
    let wanted: Vec<&str> = world.imports(engine).map(|(name, _)| name).collect();
    // An empty linker. On its own, it would still accept components that import only types.
    let admitted = Linker::new(engine).instantiate_pre(component).and_then(LoginPre::new);
    match admitted {
        Ok(login) if wanted.is_empty() => Ok(login),
        admitted => {
            let offered: Vec<&str> = world.exports(engine).map(|(name, _)| name).collect();
            Err(refused(&wanted, &offered, admitted.err()))
        }
    }
}

fn refused(wanted: &[&str], offered: &[&str], error: Option<wasmtime::Error>) -> Error {
    let mut reasons = Vec::new();
    if !wanted.is_empty() {
        let wanted = wanted.join(", ");
        reasons.push(format!("it imports what no host provides: {wanted}"));
    }
    if !offered.contains(&INTERFACE) {
        let instead = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
        reasons.push(format!("it exports {instead} instead of {INTERFACE}"));
    } else if let (true, Some(error)) = (reasons.is_empty(), error) {
        reasons.push(format!("what it exports as {INTERFACE} is something else ({error})"));
    }
    Error::new(
        Code::SandboxFault,
        format!("the login component was not started: {}", reasons.join("; ")),
        "use this program as it was released, or report this bug, with its version",
    )
}
