//! A small OpenID provider on loopback, and a visitor that plays the person.
//!
//! The provider keeps the rules as a real one does: PKCE, exact redirect URIs,
//! codes that work once, refresh tokens that rotate. What it lacks is a list of
//! people: whatever name is typed logs in. It runs on a thread of its own, keeps
//! everything in memory and stops when it is dropped.
//!
//! A test can see what was asked ([`Provider::log`]), turn the clock
//! ([`Options::now`]) and make the provider go wrong ([`Provider::misbehave`]).
//!
//! ```
//! use latchstring_provider::{Fault, Options, Provider};
//!
//! # fn main() -> std::io::Result<()> {
//! let provider = Provider::start(Options::default())?;
//! provider.misbehave(Fault::other_issuer().times(1));
//! assert!(provider.issuer().starts_with("http://127.0.0.1:"));
//! assert!(provider.log().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! What it is made of serves other stand-ins too: a [`Server`] with any endpoint,
//! and [`page`] for what a person sees.
//!
//! | path | what | rule |
//! | --- | --- | --- |
//! | `/.well-known/openid-configuration` | metadata | OpenID Connect Discovery §4 |
//! | `/.well-known/oauth-authorization-server` | metadata | RFC 8414 §3 |
//! | `/authorize` | login page, then the redirect | RFC 6749 §4.1, RFC 7636, RFC 9207 |
//! | `/token` | codes and refresh tokens for tokens | RFC 6749 §4.1.3, §6 |
//! | `/jwks` | the keys that sign ID tokens | RFC 7517 §5 |
//! | `/userinfo` | claims about the person | OpenID Connect Core §5.3 |
//! | `/revoke` | the end of a token | RFC 7009 |

mod answer;
mod asked;
mod authorization_request;
mod authorize;
mod client_authentication;
mod fault;
mod grants;
mod id_token;
mod keys;
mod metadata;
mod options;
mod page;
mod person;
mod provider;
mod route;
mod serve;
mod server;
mod token;
mod userinfo;
pub mod visitor;

pub use answer::{Answer, Body};
pub use asked::{Asked, Parameters, Seen};
pub use fault::Fault;
pub use id_token::at_hash;
pub use keys::random_text;
pub use options::{ClientAuthentication, Options};
pub use page::{escape, page};
pub use person::{subject, user_name};
pub use provider::Provider;
pub use server::Server;
