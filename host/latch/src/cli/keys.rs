//! The keys that a client signs with: to authenticate, and to prove that tokens are its own.

mod place;
#[cfg(target_os = "wasi")]
mod sandboxed;
#[cfg(not(target_os = "wasi"))]
mod system;

pub(crate) use place::KeyPlace;
#[cfg(target_os = "wasi")]
pub(crate) use sandboxed::{check, forget, may_ask, sign};
#[cfg(not(target_os = "wasi"))]
pub(crate) use system::{check, copy_own, delete, forget, may_ask, sign, signer};
