//! Stand-ins for five login systems, on loopback.
//!
//! Each keeps the rules of the system it stands in for: codes that work once,
//! redirect URIs compared as that system compares them, PKCE, rotation, its
//! status codes and its content types. What it lacks is a list of people:
//! whatever name is typed logs in. It runs on a thread of its own, keeps
//! everything in memory and stops when it is dropped.
//!
//! A test can see what was asked ([`Standin::log`]), turn the clock
//! ([`Options::now`]), make the stand-in go wrong ([`Standin::misbehave`]) and
//! have a session that nobody logged in for ([`Standin::forge_session`]).
//!
//! ```
//! use latchstring_standins::{Misbehaviour, Options, Standin, System};
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
//! A request goes from `route` to its system's module, and from there to what
//! systems share: `authorization`, `grants`, `tokens` and `bearer`. What is
//! remembered is in `state`.

mod authgate;
mod authorization;
mod bearer;
mod body;
mod control;
mod fief;
mod forge;
mod grants;
mod hexclave;
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
