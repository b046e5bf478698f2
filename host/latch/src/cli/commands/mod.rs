//! The commands, one file each.

pub(crate) mod component;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod import;
pub(crate) mod introspect;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod profile;
pub(crate) mod provider;
pub(crate) mod relocate;
pub(crate) mod replay;
pub(crate) mod request;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod whoami;
