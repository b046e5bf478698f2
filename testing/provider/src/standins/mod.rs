//! Stand-ins for five login systems, on loopback.
//!
//! Each follows the rules of the system that it replaces: codes that work once,
//! redirect URIs compared as that system compares them, PKCE, rotation, its
//! status codes and its content types. It has no list of users: every name can log
//! in. It runs on its own thread, keeps everything in memory and stops when it is
//! dropped.
//!
//! A test can read the requests ([`Standin::log`]), set the clock
//! ([`Options::now`]), inject faults ([`Standin::misbehave`]) and create a session
//! without a login ([`Standin::forge_session`]).
//!
//! ```
//! use latchstring_provider::standins::{Misbehaviour, Options, Standin, System};
//!
//! # fn main() -> std::io::Result<()> {
//! let standin = Standin::start(System::Hexclave, Options::default())?;
//! standin.misbehave(Misbehaviour::PollExpired)?;
//! assert!(standin.url().starts_with("http://127.0.0.1:"));
//! assert!(standin.misbehave(Misbehaviour::NoStateEcho).is_err());
//! assert!(standin.log().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! A request goes from `route` to its system's module, and from there to the shared
//! modules `authorization`, `grants`, `tokens` and `bearer`. The memory is in
//! `state`.

mod authgate;
mod authorization;
mod bearer;
mod body;
mod control;
mod fief;
mod forge;
mod grants;
mod hexclave;
mod issuing;
mod jwt;
mod misbehaviour;
mod mock;
mod options;
mod pages;
mod random;
mod redirects;
mod route;
mod seen;
mod shared;
mod standin;
mod state;
mod stytch;
mod system;
mod times;
mod tokens;

pub use forge::ForgedSession;
pub use misbehaviour::Misbehaviour;
pub use options::Options;
pub use seen::Seen;
pub use standin::Standin;
pub use system::System;
