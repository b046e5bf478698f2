//! From a core module to a component, and what is asked of one.

use wit_component::{ComponentEncoder, DecodedWasm, WitPrinter};

use crate::Result;

/// The one thing that a login component offers. It asks for nothing.
pub(crate) const EXPORT: &str = "latchstring:login/flow@0.1.0";

/// The component around `module`, which carries its types in itself.
pub(crate) fn wrap(module: &[u8]) -> Result<Vec<u8>> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode()
        .map_err(|error| format!("the login component cannot be put together: {error:#}").into())
}

/// The component's world as WIT, once it is what a login component must be.
///
/// No import is what makes the sandbox's promise, so a build stops here rather
/// than embed a component that has one.
pub(crate) fn check(component: &[u8]) -> Result<String> {
    let decoded = wit_component::decode(component)
        .map_err(|error| format!("the login component cannot be read: {error:#}"))?;
    let DecodedWasm::Component(resolve, world) = &decoded else {
        return Err(
            "the login component is a WIT package without code; a component was expected".into()
        );
    };
    let world = &resolve.worlds[*world];
    let names = |items: Vec<_>| {
        items.into_iter().map(|key| resolve.name_world_key(key)).collect::<Vec<_>>()
    };
    let (imports, exports) =
        (names(world.imports.keys().collect()), names(world.exports.keys().collect()));
    if !imports.is_empty() || exports != [EXPORT] {
        return Err(format!(
            "the login component must import nothing and export {EXPORT}; \
             it imports {imports:?} and exports {exports:?}"
        )
        .into());
    }

    let mut printer = WitPrinter::default();
    printer
        .print(resolve, decoded.package(), &[])
        .map_err(|error| format!("the login component's world cannot be printed: {error:#}"))?;
    Ok(printer.output.to_string())
}
