//! A small OpenID provider on loopback, and a visitor that plays the user.
//!
//! The provider follows the rules of a real one: PKCE, exact redirect URIs, codes
//! that work once, refresh tokens that rotate. It has no list of users: every name
//! can log in. It runs on its own thread, keeps everything in memory and stops when
//! it is dropped.
//!
//! A test can read the requests ([`Provider::log`]), set the clock
//! ([`Options::now`]) and inject faults ([`Provider::misbehave`]).
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
//! Its parts serve other stand-ins too: a [`Server`] with any endpoint, and [`page`]
//! for pages.
//!
//! | Path | Content | Specification |
//! | --- | --- | --- |
//! | `/.well-known/openid-configuration` | metadata | OpenID Connect Discovery §4 |
//! | `/.well-known/oauth-authorization-server` | metadata | RFC 8414 §3 |
//! | `/authorize` | login page, then the redirect | RFC 6749 §4.1, RFC 7636, RFC 9207 |
//! | `/token` | tokens for codes and refresh tokens | RFC 6749 §4.1.3, §6 |
//! | `/jwks` | keys that sign ID tokens | RFC 7517 §5 |
//! | `/userinfo` | claims about the user | OpenID Connect Core §5.3 |
//! | `/revoke` | revocation of a token | RFC 7009 |

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
pub mod port;
mod provider;
mod route;
mod serve;
mod server;
mod shared;
pub mod standins;
mod token;
mod user;
mod userinfo;
pub mod visitor;

pub use answer::{Answer, Body};
pub use asked::{Asked, Parameters, Seen};
pub use fault::Fault;
pub use id_token::at_hash;
pub use keys::random_text;
pub use options::{ClientAuthentication, Options};
pub use page::{escape, page};
pub use provider::Provider;
pub use server::Server;
pub use user::{subject, user_name};
