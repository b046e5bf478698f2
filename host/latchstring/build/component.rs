//! Turns a core module into a component, and checks it.

use wit_component::{ComponentEncoder, DecodedWasm, WitPrinter};

use crate::Result;

/// The only export of a login component. It has no imports.
pub(crate) const EXPORT: &str = "latchstring:login/flow@0.1.0";

/// Returns the component made of `module`, which contains its types.
pub(crate) fn wrap(module: &[u8]) -> Result<Vec<u8>> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode()
        .map_err(|error| format!("the login component cannot be put together: {error:#}").into())
}

/// Checks that the component is a login component, and returns its world as WIT.
///
/// The sandbox relies on a component without imports, so the build fails rather than embed
/// one with imports.
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
