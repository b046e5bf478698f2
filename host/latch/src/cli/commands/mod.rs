//! The commands, one file each.

pub(crate) mod component;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod credential;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod doctor;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod exec;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod import;
pub(crate) mod introspect;
pub(crate) mod login;
pub(crate) mod logout;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod mcp;
pub(crate) mod profile;
pub(crate) mod provider;
#[cfg(not(target_os = "wasi"))]
pub(crate) mod relocate;
pub(crate) mod replay;
pub(crate) mod request;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod whoami;
