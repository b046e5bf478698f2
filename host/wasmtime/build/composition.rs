//! Puts the driver and the login component together.

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wit_component::DecodedWasm;

use crate::Result;
use crate::component::LOGIN;

/// What the whole offers: a command, as `wasmtime run` runs it.
const COMMAND: &str = "wasi:cli/run@0.2";

/// One component of both, each of them in it as it is.
///
/// What the driver imports and the login component does not export is imported by
/// the whole: standard WASI, or this fails.
pub(crate) fn compose(driver: &[u8], flow: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let flow = Package::from_bytes("latchstring:flow", None, flow, graph.types_mut())?;
    let flow = graph.register_package(flow)?;
    let driver = Package::from_bytes("latchstring:driver", None, driver, graph.types_mut())?;
    let driver = graph.register_package(driver)?;

    let flow = graph.instantiate(flow);
    let offered = graph.alias_instance_export(flow, LOGIN.export)?;
    let driver_instance = graph.instantiate(driver);
    graph.set_instantiation_argument(driver_instance, LOGIN.export, offered)?;
    let world = &graph.types()[graph[driver].ty()];
    let command = world.exports.keys().find(|name| name.starts_with(COMMAND));
    let command = command.ok_or("the driver is no command")?.clone();
    let run = graph.alias_instance_export(driver_instance, &command)?;
    graph.export(run, &command)?;

    let whole = graph.encode(EncodeOptions::default())?;
    check(&whole)?;
    Ok(whole)
}

/// Stops a build whose result would ask for more than WASI has.
fn check(whole: &[u8]) -> Result<()> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(whole)? else {
        return Err("latch.wasm is a WIT package without code".into());
    };
    let world = &resolve.worlds[world];
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key));
    match imports.into_iter().find(|name| !name.starts_with("wasi:")) {
        Some(other) => Err(format!("latch.wasm would import {other}, which is not WASI").into()),
        None => Ok(()),
    }
}
