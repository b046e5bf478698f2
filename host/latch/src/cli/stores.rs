//! The stores for sessions, as the user chose them.

#[cfg(target_os = "wasi")]
mod sandboxed;
#[cfg(not(target_os = "wasi"))]
mod system;

#[cfg(target_os = "wasi")]
pub(crate) use sandboxed::*;
#[cfg(not(target_os = "wasi"))]
pub(crate) use system::*;

use super::choices::StoreChoice;

/// Returns the name of a store on the command line.
pub(crate) fn name(choice: StoreChoice) -> &'static str {
    match choice {
        StoreChoice::Auto => "auto",
        StoreChoice::Keyring => "keyring",
        #[cfg(target_os = "linux")]
        StoreChoice::Kernel => "kernel",
        StoreChoice::File => "file",
        StoreChoice::Memory => "memory",
    }
}

/// Returns where a session is, in a few words. `place` is where it is exactly.
pub(crate) fn in_short(choice: StoreChoice, place: &str) -> &str {
    match choice {
        StoreChoice::Keyring => "the keyring",
        #[cfg(target_os = "linux")]
        StoreChoice::Kernel => "the memory of the kernel",
        StoreChoice::File => "a private file",
        StoreChoice::Memory => "the memory of this process, which ends now",
        StoreChoice::Auto => place,
    }
}
