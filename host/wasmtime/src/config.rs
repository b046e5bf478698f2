//! The engine's settings, one text for the engine that compiles `latch.wasm` and the
//! one that runs it.

use wasmtime::Config;

pub(crate) fn config() -> Config {
    Config::new()
}
