//! The engine's settings, one text for the two engines that must agree on them:
//! `build.rs` compiles the component with them, the program runs it with them.

use wasmtime::Config;

/// Everything that the component does not need is off, and what is on starts fast.
///
/// An engine refuses machine code that was compiled with other settings, so a
/// change here needs no more care than a rebuild.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    deadline(&mut config);
    language(&mut config);
    memory(&mut config);
    traps(&mut config);
    config
}

/// Fuel, because it counts the same on every machine, while an epoch would need
/// a thread and a clock.
fn deadline(config: &mut Config) {
    config.consume_fuel(true);
}

/// Only what the Rust compiler emits for the component.
fn language(config: &mut Config) {
    config
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false);
}

/// One small memory, made for one short run.
///
/// Reserving the whole 4 GiB would spare some bounds checks and fail wherever a
/// limit on address space is set, as on many shared machines. Copying the data
/// segments costs less than the file that copy-on-write would need.
fn memory(config: &mut Config) {
    config
        .memory_reservation(16 << 20)
        .memory_reservation_for_growth(4 << 20)
        .memory_guard_size(64 << 10)
        .guard_before_linear_memory(false)
        .memory_init_cow(false);
}

/// A trap says what stopped the component. Where in its code is of no use to
/// anyone who reads the message, so neither is kept nor looked up.
fn traps(config: &mut Config) {
    config.generate_address_map(false).wasm_backtrace_max_frames(None);
}
