//! The engine's settings, used in two places that must agree: a build script compiles the
//! component with them, and the program runs it with them.

use wasmtime::Config;

/// Returns settings in which everything that the component does not need is off, and the
/// rest starts fast.
///
/// An engine refuses machine code that was compiled with other settings, so a change here
/// needs no more care than a rebuild.
pub fn settings() -> Config {
    let mut config = Config::new();
    deadline(&mut config);
    language(&mut config);
    memory(&mut config);
    traps(&mut config);
    config
}

/// Limits run time by fuel, which counts the same on every machine; epochs would need a
/// thread and a clock.
fn deadline(config: &mut Config) {
    config.consume_fuel(true);
}

/// Allows only what the Rust compiler emits for the component.
fn language(config: &mut Config) {
    config
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false);
}

/// Reserves one small memory for one short run.
///
/// Reserving the whole 4 GiB would save some bounds checks and fail if the address space is
/// limited, as on many shared machines. Copying the data segments costs less than the file
/// that copy-on-write would need.
fn memory(config: &mut Config) {
    config
        .memory_reservation(16 << 20)
        .memory_reservation_for_growth(4 << 20)
        .memory_guard_size(64 << 10)
        .guard_before_linear_memory(false)
        .memory_init_cow(false);
}

/// Leaves out backtraces and address maps: error messages say what stopped the component,
/// and its code addresses would not help the reader.
fn traps(config: &mut Config) {
    config.generate_address_map(false).wasm_backtrace_max_frames(None);
}
