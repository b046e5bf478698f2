//! The commands, one file each.

#[cfg(not(target_os = "wasi"))]
mod child;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod completions;
pub(crate) mod component;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod credential;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod doctor;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod exec;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod help;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod import;
pub(crate) mod introspect;
pub(crate) mod login;
pub(crate) mod logout;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod manual;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod mcp;
pub(crate) mod profile;
pub(crate) mod provider;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod relocate;
pub(crate) mod replay;
pub(crate) mod request;
pub(crate) mod status;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod store;
pub(crate) mod token;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod verify;
pub(crate) mod whoami;
