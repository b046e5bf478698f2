//! Loads the component's machine code with as little work as the platform allows. Most of
//! the time for a cached token is spent here.

use wasmtime::Engine;
use wasmtime::component::Component;

use latchstring_core::error::{Code, Error};
use latchstring_engine::settings;

/// Loads the machine code that `build.rs` compiled for this program's target. Call it once
/// in a process: an engine requires each code at a different address.
pub(super) fn load() -> Result<(Engine, Component), Error> {
    embedded::load().map_err(|error| {
        Error::new(
            Code::SandboxFault,
            format!("the login component's machine code cannot be loaded: {error:#}"),
            embedded::REMEDY,
        )
    })
}

/// The machine code is part of this program's code and runs where the program's file is
/// mapped. Nothing is copied, only the pages that a session uses are read, and no memory
/// has to be made executable, which hardened services forbid.
#[cfg(latchstring_code_in_place)]
mod embedded {
    use std::arch::naked_asm;
    use std::ptr::{NonNull, slice_from_raw_parts};
    use std::sync::Arc;

    use wasmtime::component::Component;
    use wasmtime::{CustomCodeMemory, Engine};

    use latchstring_engine::settings;

    pub(super) const REMEDY: &str = "report this bug, with the version of this program";

    /// `include_bytes!` also makes cargo build this again when the code changes.
    const LENGTH: usize = include_bytes!(env!("LATCHSTRING_COMPONENT_COMPILED")).len();

    /// Never called: the bytes at its address are the machine code. It is a function
    /// because the linker makes functions executable. It is alone in its section, so that
    /// its alignment applies, which is a multiple of every page size of the system. macOS
    /// has pages of 4 and 16 KiB, and its linker knows no larger alignment.
    #[unsafe(naked)]
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.latchstring_component"))]
    #[cfg_attr(target_os = "macos", unsafe(link_section = "__TEXT,__latchstring"))]
    extern "C" fn code() {
        naked_asm!(
            ".balign {alignment}",
            concat!(".incbin \"", env!("LATCHSTRING_COMPONENT_COMPILED"), "\""),
            alignment = const if cfg!(target_os = "macos") { 16 << 10 } else { 64 << 10 },
        )
    }

    pub(super) fn load() -> wasmtime::Result<(Engine, Component)> {
        let mut config = settings();
        config.with_custom_code_memory(Some(Arc::new(Executable)));
        let engine = Engine::new(&config)?;
        let bytes = slice_from_raw_parts(code as *const u8, LENGTH).cast_mut();
        // OK because no function is at address 0.
        let bytes = NonNull::new(bytes).expect("an address");
        // SAFETY: these bytes come from `build.rs`, which compiled them with the same
        // settings. They are constant and live as long as the program.
        let component = unsafe { Component::deserialize_raw(&engine, bytes)? };
        Ok((engine, component))
    }

    /// Memory that the system made executable when it loaded the program.
    struct Executable;

    impl CustomCodeMemory for Executable {
        fn required_alignment(&self) -> usize {
            rustix::param::page_size()
        }

        fn publish_executable(&self, _ptr: *const u8, _len: usize) -> wasmtime::Result<()> {
            Ok(())
        }

        fn unpublish_executable(&self, _ptr: *const u8, _len: usize) -> wasmtime::Result<()> {
            Ok(())
        }
    }
}

/// The machine code is copied to new memory.
#[cfg(not(latchstring_code_in_place))]
mod embedded {
    use wasmtime::Engine;
    use wasmtime::component::Component;

    pub(super) const REMEDY: &str = "allow this program to make memory executable: \
         Arbitrary Code Guard of Windows must be off for it";

    static COMPILED: &[u8] = include_bytes!(env!("LATCHSTRING_COMPONENT_COMPILED"));

    pub(super) fn load() -> wasmtime::Result<(Engine, Component)> {
        // SAFETY: these bytes come from `build.rs`, which compiled them with the same
        // settings. Nothing outside this program can change them.
        unsafe { super::from_copy(COMPILED) }
    }
}

/// Loads machine code, the login component's or a test's, from a copy.
///
/// # Safety
///
/// `compiled` must come from `Engine::precompile_component`, unchanged.
pub(super) unsafe fn from_copy(compiled: &[u8]) -> wasmtime::Result<(Engine, Component)> {
    let engine = Engine::new(&settings())?;
    // SAFETY: as the caller promises.
    let component = unsafe { Component::deserialize(&engine, compiled)? };
    Ok((engine, component))
}
