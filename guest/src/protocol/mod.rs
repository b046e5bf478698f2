//! Rules of the RFCs, as pure functions: no state, no clock, no I/O.

pub(crate) mod access_token;
pub(crate) mod authorization;
pub(crate) mod challenge;
pub(crate) mod client_authentication;
pub(crate) mod description;
pub(crate) mod device;
pub(crate) mod dialect;
pub(crate) mod end_session;
pub(crate) mod endpoint;
pub(crate) mod entropy;
pub(crate) mod failure;
pub(crate) mod flow_choice;
pub(crate) mod hexclave;
pub(crate) mod id_token;
pub(crate) mod introspection;
pub(crate) mod jwk;
pub(crate) mod jws;
pub(crate) mod metadata;
pub(crate) mod protected_resource;
pub(crate) mod registration;
pub(crate) mod request;
pub(crate) mod revocation;
pub(crate) mod schedule;
pub(crate) mod stored;
pub(crate) mod token;
pub(crate) mod userinfo;
