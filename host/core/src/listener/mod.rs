//! Which requests to the loopback listener count.

mod peer;
mod redirect;
pub mod request;

pub use peer::Peer;
pub use redirect::{END_ADDRESS, END_PATH, OWN_PATHS, Redirect, RedirectHost, START_PATH};
