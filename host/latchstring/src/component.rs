//! The components that this crate contains, for inspection and for other runtimes.

#[cfg(not(target_os = "wasi"))]
pub use embedded::{LOGIN, LOGIN_WORLD, RULES, RULES_WORLD};

#[cfg(target_os = "wasi")]
pub use crate::sandbox::{BYTES, EXPORT, SHA256};

#[cfg(not(target_os = "wasi"))]
mod embedded {
    use latchstring_sandbox::{COMPONENT, WORLD, rules};

    /// The login component, which decides the protocol, as a WebAssembly binary.
    pub const LOGIN: &[u8] = COMPONENT;

    /// The world of the login component as WIT. It was checked when this program was built.
    pub const LOGIN_WORLD: &str = WORLD;

    /// The rules component as a WebAssembly binary: the decisions of a host, for hosts in
    /// other languages. This crate links the crate `latchstring-core`, which the component
    /// is made of, instead.
    pub const RULES: &[u8] = rules::COMPONENT;

    /// The world of the rules component as WIT. It was checked when this program was built.
    pub const RULES_WORLD: &str = rules::WORLD;
}
