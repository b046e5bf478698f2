//! The component's machine code, loaded with as little work as the platform
//! allows: most of what a cached token costs is this.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::config::config;

/// Machine code at an address that every page size divides.
#[repr(C, align(65536))]
struct Aligned<Bytes: ?Sized>(Bytes);

/// Compiled by `build.rs` for this program's target.
static COMPILED: &Aligned<[u8]> = &Aligned(*include_bytes!(env!("LATCHSTRING_COMPONENT_COMPILED")));

/// Runs the code where this program's file is mapped: no copy, and only the
/// pages that a session touches are ever read. To be called once in a process:
/// an engine wants every code at an address of its own.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) fn load() -> wasmtime::Result<(Engine, Component)> {
    use std::ptr::NonNull;
    use std::sync::Arc;

    let mut config = config();
    config.with_custom_code_memory(Some(Arc::new(in_place::InPlace)));
    let engine = Engine::new(&config)?;
    // SAFETY: these bytes come from `build.rs`, which compiled them with the same
    // settings; they are constant, and live as long as the program.
    let component = unsafe { Component::deserialize_raw(&engine, NonNull::from(&COMPILED.0))? };
    Ok((engine, component))
}

/// Copies the code into memory of its own.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(super) fn load() -> wasmtime::Result<(Engine, Component)> {
    // SAFETY: these bytes come from `build.rs`, which compiled them with the same
    // settings; nothing outside this program can change them.
    unsafe { from_copy(&COMPILED.0) }
}

/// Loads other machine code than the login component's.
///
/// # Safety
///
/// `compiled` must come from `Engine::precompile_component`, unchanged.
#[cfg(any(test, not(all(target_os = "linux", target_arch = "x86_64"))))]
pub(super) unsafe fn from_copy(compiled: &[u8]) -> wasmtime::Result<(Engine, Component)> {
    let engine = Engine::new(&config())?;
    // SAFETY: as the caller promises.
    let component = unsafe { Component::deserialize(&engine, compiled)? };
    Ok((engine, component))
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod in_place {
    use rustix::mm::{MprotectFlags, mprotect};
    use wasmtime::CustomCodeMemory;

    /// Makes constant bytes of this program executable.
    pub(super) struct InPlace;

    impl CustomCodeMemory for InPlace {
        fn required_alignment(&self) -> usize {
            rustix::param::page_size()
        }

        fn publish_executable(&self, ptr: *const u8, len: usize) -> wasmtime::Result<()> {
            // SAFETY: the bytes are constant, so nothing writes to them; the
            // engine gives whole pages of one machine code.
            unsafe {
                mprotect(ptr.cast_mut().cast(), len, MprotectFlags::READ | MprotectFlags::EXEC)?
            };
            Ok(())
        }

        /// The code stays executable: another engine may run the same bytes.
        fn unpublish_executable(&self, _ptr: *const u8, _len: usize) -> wasmtime::Result<()> {
            Ok(())
        }
    }
}
