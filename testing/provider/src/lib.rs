//! Providers on loopback, and a visitor that plays the user.
//!
//! A provider follows the rules of a real one: PKCE, registered redirect URIs, codes that
//! work once, refresh tokens that rotate. It has no list of users: every name can log in.
//! It runs on its own thread, keeps everything in memory and stops when it is dropped.
//!
//! [`Provider::start`] is like the specifications, [`Provider::like`] like one of the
//! systems in [`dialects`]: with its paths, its pages, its errors and its tokens.
//!
//! A test can read the requests ([`Provider::log`]), set the clock ([`Options::now`]),
//! inject faults ([`Provider::misbehave`], [`Provider::misbehave_as`]) and create a
//! session without a login ([`Provider::forge_session`]).
//!
//! ```
//! use latchstring_provider::dialects::HEXCLAVE;
//! use latchstring_provider::{Fault, Misbehaviour, Options, Provider};
//!
//! # fn main() -> std::io::Result<()> {
//! let provider = Provider::start(Options::default())?;
//! provider.misbehave(Fault::other_issuer().times(1));
//! assert!(provider.issuer().starts_with("http://127.0.0.1:"));
//! assert!(provider.log().is_empty());
//!
//! let hexclave = Provider::like(&HEXCLAVE, Options::default())?;
//! hexclave.misbehave_as(Misbehaviour::PollExpired)?;
//! assert!(hexclave.misbehave_as(Misbehaviour::NoStateEcho).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! A request goes through `route` to one of the `endpoints`, which reads the `Dialect`, or
//! to a route that only that dialect has. What it changes is in `state`. A new system is a
//! file in `dialects`, and a new specification one in `endpoints`.

mod answer;
mod asked;
mod bearer;
mod call;
mod claims;
mod context;
mod control;
mod dialect;
pub mod dialects;
mod endpoint;
mod endpoints;
mod fault;
mod forge;
mod issuer;
mod jwt;
mod keys;
mod misbehaviour;
mod options;
mod page;
mod pages;
pub mod port;
pub mod program;
mod provider;
mod random;
mod refusal;
mod route;
mod serve;
mod server;
mod state;
mod tokens;
pub mod visitor;

pub use answer::{Answer, Body};
pub use asked::Seen;
pub use dialect::Dialect;
pub use fault::Fault;
pub use forge::ForgedSession;
pub use misbehaviour::Misbehaviour;
pub use options::{ClientAuthentication, Options};
pub use provider::Provider;
