//! Turns a core module into a component, and checks it.

use wit_component::{ComponentEncoder, DecodedWasm, WitPrinter};

use crate::Result;

/// A component of this project: it has one export and no imports.
pub struct Kind {
    /// Its name in errors.
    pub name: &'static str,
    /// Its package in this workspace.
    pub package: &'static str,
    /// Folders with its sources, from the root of a checkout.
    pub folders: &'static [&'static str],
    /// The interface that it exports.
    pub export: &'static str,
    /// More flags for the compiler.
    pub flags: &'static [&'static str],
}

/// The login component.
pub const LOGIN: Kind = Kind {
    name: "login component",
    package: "latchstring-guest",
    folders: &["guest"],
    export: "latchstring:login/flow",
    // Inlines a little more than `opt-level = "z"` does: every process reads the list of
    // the component's functions, and this makes it shorter for few more bytes.
    flags: &["-Cllvm-args=-inline-threshold=40"],
};

/// The rules component.
pub const RULES: Kind = Kind {
    name: "rules component",
    package: "latchstring-rules",
    folders: &["host/rules", "host/core"],
    export: "latchstring:rules/host",
    flags: &[],
};

/// Returns the component made of `module`, which contains its types. `name` is for errors.
pub(crate) fn wrap(module: &[u8], name: &str) -> Result<Vec<u8>> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().map_err(|error| format!("the {name} cannot be put together: {error:#}").into())
}

/// Checks that the component is of this kind, and returns its world as WIT.
///
/// Hosts rely on components without imports, so the build fails rather than embed one with
/// imports.
///
/// # Errors
///
/// Fails if it is another component, and says what it imports and exports.
pub fn check(component: &[u8], kind: &Kind) -> Result<String> {
    let Kind { name, export, .. } = kind;
    let decoded = wit_component::decode(component)
        .map_err(|error| format!("the {name} cannot be read: {error:#}"))?;
    let DecodedWasm::Component(resolve, world) = &decoded else {
        return Err(
            format!("the {name} is a WIT package without code; a component was expected").into()
        );
    };
    let world = &resolve.worlds[*world];
    let names = |items: Vec<_>| {
        items.into_iter().map(|key| resolve.name_world_key(key)).collect::<Vec<_>>()
    };
    let (imports, exports) =
        (names(world.imports.keys().collect()), names(world.exports.keys().collect()));
    // The version is in the types that the host was built with.
    let is_expected = match exports.as_slice() {
        [found] => found.split('@').next() == Some(*export),
        _ => false,
    };
    if !imports.is_empty() || !is_expected {
        return Err(format!(
            "the {name} must import nothing and export {export}; \
             it imports {imports:?} and exports {exports:?}"
        )
        .into());
    }

    let mut printer = WitPrinter::default();
    printer
        .print(resolve, decoded.package(), &[])
        .map_err(|error| format!("the world of the {name} cannot be printed: {error:#}"))?;
    Ok(printer.output.to_string())
}
